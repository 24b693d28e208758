"""Every public function says what it takes and gives, in hints that `typing.get_type_hints` can resolve."""
import importlib
import inspect
import typing

import pytest
from conftest import ROOT

PACKAGE = ROOT / "saliency_playground"
MODULES = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
                 for path in PACKAGE.rglob("*.py") if path.name not in ("_modidx.py", "__main__.py"))


def loaded(name: str):
    "A module of ours; the test is skipped where a package of another's that it needs is not installed."
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not error.name or error.name.partition(".")[0] == "saliency_playground":
            raise
        pytest.skip(f"{name} needs {error.name}, which is not installed")


def function_of(member):
    "The plain function below a method, a property, a wrapped function or a command; None for what is no function."
    if isinstance(member, property):
        return member.fget
    member = getattr(member, "__func__", member)
    for inner in ("func", "callback", "py_func"):                   # cached_property, click's command, Numba's loop
        member = getattr(member, inner, None) or member
    member = inspect.unwrap(member) if callable(member) else member
    return member if inspect.isfunction(member) else None


def public_functions(module) -> list[tuple[str, typing.Any, bool]]:
    "Name, function and whether it is bound to its first argument, of all that a module itself defines."
    found = []
    for name, value in vars(module).items():
        if name.startswith("_"):
            continue
        members = [(name, value, False)]
        if inspect.isclass(value):
            members = [(f"{name}.{inner}", member, not isinstance(member, staticmethod))
                       for inner, member in vars(value).items() if inner == "__init__" or not inner.startswith("_")]
        found += [(where, function, bound) for where, member, bound in members
                  if (function := function_of(member)) and function.__module__ == module.__name__
                  and function.__code__.co_filename == module.__file__]
    return found


def without_hint(function, bound: bool) -> list[str]:
    "The arguments of a function that have no hint, and `return`."
    arguments = list(inspect.signature(function).parameters.values())[bound:]
    names = [argument.name for argument in arguments if argument.annotation is inspect.Parameter.empty]
    if "return" not in function.__annotations__ and function.__name__ != "__init__":
        names.append("return")
    return names


def own_hints(cls: type) -> type:
    "A class with the hints that this one has itself; those of a foreign base, pandas' table, are not ours to mend."
    own = {"__annotations__": vars(cls).get("__annotations__", {}), "__module__": cls.__module__}
    return type(cls.__name__, (), own)


@pytest.mark.parametrize("name", MODULES)
def test_hints_resolve(name):
    module = loaded(name)
    classes = [(name, own_hints(value)) for name, value in vars(module).items()
               if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")]
    unresolved = {}
    for where, thing in classes + [(where, function) for where, function, _ in public_functions(module)]:
        try:
            typing.get_type_hints(thing)
        except (NameError, AttributeError) as error:
            unresolved[where] = str(error)
    assert not unresolved


@pytest.mark.parametrize("name", MODULES)
def test_hints_are_complete(name):
    lacking = {where: names for where, function, bound in public_functions(loaded(name))
               if (names := without_hint(function, bound))}
    assert not lacking


def test_what_the_others_look_at():
    "A method, a property, a class method and a function are among it, and what lacks a hint is named."
    core = loaded("saliency_playground.core")
    seen = {name for name, _, _ in public_functions(core)}
    assert {"Fixations.inside", "Sample.size", "Prediction.of", "as_sample"} <= seen

    def half(x: int, y):
        return x
    assert without_hint(half, False) == ["y", "return"]
