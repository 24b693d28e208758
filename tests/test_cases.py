"""Data as people really have it: every case of the shared collection is read right, refused by name, or spoken of.

The cases are small inputs made by formula, each after a public bug report, with a run.yaml and with what must hold:
see `../shared/cases/README.md`. Each is run by the command, in a folder of its own. They are skipped where the
collection is not there.
"""
import sys
from importlib import import_module
from pathlib import Path

import pytest

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"


def cases():
    "All of the collection: what comes in, what is served, what a training goes on with."
    if not (CASES / "make_cases.py").is_file():
        return []
    sys.path.insert(0, str(CASES))
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        make_cases = import_module("make_cases")
    finally:
        sys.path.remove(str(CASES))
        sys.dont_write_bytecode = written
    return make_cases.CASES


@pytest.mark.parametrize("case", cases() or [pytest.param(None, marks=pytest.mark.skip(
    reason="the shared collection of cases is not here"))], ids=lambda case: case.name if case else "none")
def test_case(case, tmp_path):
    judge = import_module("judge")
    case.build(tmp_path)
    seen = (judge.run(tmp_path, sys.executable, *case.runs[0]) if case.runs else judge.Seen(tmp_path, sys.executable))
    holds, what = case.check(seen)
    assert holds, f"{case.had}, given as {case.given}. It must hold: {case.must}. Seen: {what}"
