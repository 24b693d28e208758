"""Kaggle: the first cell of a notebook where our package is not installed, and the whole way from the split to the summary on a played Kaggle."""
import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from conftest import OSIE50, ROOT, command
from kaggle_simulated import image

from saliency_playground.kaggle.bundle import bundle
from saliency_playground.kaggle.place import INSTALL_CELL

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="allowed on this system: Kaggle is Linux, and is played on Linux only")


def first_cell(python, kaggle, **settings):
    "The first cell of a notebook in a process of its own, with this folder as /kaggle and no registry."
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run([python, "-c", INSTALL_CELL], cwd=kaggle, capture_output=True, text=True,
                          env=clean | {"SALIENCY_PLAYGROUND_KAGGLE": str(kaggle), "PIP_NO_INDEX": "1"} | settings)


def test_first_cell(tmp_path):
    "From a bundle, from the registry, or nothing, whichever applies; it says which, and refuses a wheel that is not what its checksum says."
    python, kaggle = image(tmp_path), tmp_path / "kaggle"
    (kaggle / "input").mkdir(parents=True)
    nothing = first_cell(python, kaggle)
    assert nothing.returncode and "Attach a bundle of it (Add Input), or switch the internet on" in nothing.stderr, nothing.stderr

    attached = kaggle / "input/someone/saliency-playground"
    wheel = next(path for path in bundle(attached, "ada", packages=()) if path.suffix == ".whl")
    whole = wheel.read_bytes()
    wheel.write_bytes(whole[:-1] + b"x")
    damaged = first_cell(python, kaggle)
    assert damaged.returncode and f"damaged in {attached}: {wheel.name}" in damaged.stderr, damaged.stderr
    assert subprocess.run([python, "-c", "import saliency_playground"], cwd=kaggle, env={}, capture_output=True).returncode
    wheel.write_bytes(whole)
    assert first_cell(python, kaggle).stdout == f"installed from {attached}: {wheel.name}\n"
    assert first_cell(python, kaggle).stdout == "saliency_playground is installed already\n"

    subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", "saliency_playground"], check=True)
    registry = tmp_path / "registry"                                      # a folder plays it, so that pip resolves what is required as it would there
    shutil.move(attached, registry)
    found = first_cell(python, kaggle, PIP_FIND_LINKS=str(registry))
    assert found.stdout == "installed from the registry\n", found.stderr
    assert subprocess.run([python, "-m", "saliency_playground", "list"], cwd=kaggle, env={}, capture_output=True).returncode == 0
