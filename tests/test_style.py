"""What a reader stumbles on and no rule of ruff's sees, in package, tests and benchmarks."""
import ast

import pytest
from conftest import ROOT

PLACES = ("saliency_playground", "tests", "benchmarks", "docs")
FILES = sorted(path for place in PLACES for path in (ROOT / place).rglob("*.py")
               if path.name != "_modidx.py")


def is_list(node: ast.AST) -> bool:
    return (isinstance(node, (ast.List, ast.ListComp, ast.Tuple))
            or (isinstance(node, ast.Constant) and isinstance(node.value, str)))


def is_truth(node: ast.AST) -> bool:
    return (isinstance(node, (ast.Compare, ast.BoolOp))
            or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not))
            or (isinstance(node, ast.Call)
                and getattr(node.func, "id", "") in ("bool", "isinstance", "any", "all", "hasattr")))


def stumble(node: ast.AST) -> str:
    "What is hard to read in a node itself, and what to write instead; empty if nothing is."
    if isinstance(node, ast.IfExp) and any(isinstance(part, ast.IfExp) for part in (node.test, node.body, node.orelse)):
        return "a conditional expression in another: if statements, or a dict"
    if (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)
            and any(is_list(a) and is_truth(b) for a, b in ((node.left, node.right), (node.right, node.left)))):
        return "a list or string times a truth value: an if"
    if (isinstance(node, (ast.List, ast.Tuple, ast.Dict, ast.Set))
            and any(isinstance(part, ast.NamedExpr) for part in ast.walk(node))):
        return "a := within a literal: an assignment before it"
    if isinstance(node, ast.Expr) and isinstance(node.value, (ast.Tuple, ast.List)):
        return "a tuple as a statement: a line for each of its calls"
    if (isinstance(node, ast.Compare) and isinstance(node.left, (ast.Name, ast.Attribute, ast.Subscript))
            and ast.dump(node.left) == ast.dump(node.comparators[0])):
        return "a value compared with itself: math.isnan"
    return ""


def stumbles(source: str) -> list[str]:
    nodes = ast.walk(ast.parse(source))
    return [f"line {getattr(node, 'lineno', 0)}: {words}" for node in nodes if (words := stumble(node))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_reader_does_not_stumble(path):
    assert not stumbles(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("source", ["x = a if b else c if d else e", "x = ['a'] * (n > 1)", "x = 'a' * bool(n)",
                                    "x = [(y := 1), y]",
                                    "f(), g()", "x = y == y"])
def test_each_is_seen(source):
    assert len(stumbles(source)) == 1


def test_what_reads_well_passes():
    assert not stumbles("x = a if b else c\nx = [0] * n\nif (y := f()) is not None:\n    g(y)\nx, y = f(), g()\nx "
                        "= y == z")
