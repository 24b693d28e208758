"""The runner of the notebooks fails when one of them does, and says why; it runs what nbdev runs."""
import json
import subprocess
import sys

from conftest import ROOT

def write(path, *cells):
    "A notebook of these code cells."
    empty = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    notebook = {"cells": [empty | {"source": source} for source in cells], "metadata": {}}
    path.write_text(json.dumps(notebook | {"nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")


def run(*words, folder, code):
    "What the runner prints, started in a folder that is not the checkout."
    done = subprocess.run([sys.executable, ROOT / "tests/run_notebooks.py", *words], capture_output=True, text=True,
                          encoding="utf-8", cwd=folder)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


FAILING = {"a cell that fails": ("one = 1", "assert one == 2, 'one is not two'"),
           "a process that ends well, too early": ("import os; os._exit(0)", "assert False"),
           "a process that dies": ("import os; os.abort()",)}


def test_failures(tmp_path):
    "A notebook fails the run by a cell or by the end of its process; the others run nevertheless."
    for name, cells in FAILING.items():
        write(tmp_path / f"{name}.ipynb", *cells)
    write(tmp_path / "a sound one.ipynb", "assert True")
    said = run(".", folder=tmp_path, code=1)
    assert "AssertionError: one is not two" in said and "1 of 4 notebooks passed" in said
    failed = {line.removeprefix("failed: ") for line in said.splitlines() if line.startswith("failed: ")}
    assert failed == {str((tmp_path / f"{name}.ipynb").resolve()) for name in FAILING}


def test_what_is_run(tmp_path):
    "Cells are skipped by nbdev's flags; a notebook's folder is its working directory; its temporary files go."
    (tmp_path / "sub").mkdir()
    write(tmp_path / "flags.ipynb", "#| eval: false\nassert False", "#| slow\nassert False, 'slowly'")
    write(tmp_path / "sub/place.ipynb", "import tempfile",
          "with open('made', 'w') as out: out.write(tempfile.mkdtemp())")
    write(tmp_path / "_left_out.ipynb", "assert False")
    assert "2 of 2 notebooks passed" in run(tmp_path, folder=tmp_path, code=0)
    made = (tmp_path / "sub/made").read_text(encoding="utf-8")
    assert made and not (tmp_path / made).exists()
    assert "slowly" in run("flags.ipynb", "--flags", "slow", folder=tmp_path, code=1)


def test_nothing_to_run(tmp_path):
    "A path without a notebook is a fault, not a success."
    assert f"there is no notebook to test at {tmp_path}" in run(tmp_path, folder=tmp_path, code=2)
