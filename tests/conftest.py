"""What the tests share: a scratch working directory, the command as a user runs it, and the real data where it is at hand."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OSIE50 = ROOT.parent / "shared" / "data" / "osie50"


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    "An empty working directory."
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def osie50():
    "The folder of 50 real images with fixations; it is not part of the project."
    if not OSIE50.is_dir():
        pytest.skip(f"needs the 50 OSIE images in {OSIE50}, which do not ship with the project")
    return OSIE50


def command(*words, code=0, program="saliency_playground", **options):
    "Run the command line in a process of its own, as a user does; returns the finished process."
    done = subprocess.run([sys.executable, "-m", program, *map(str, words)], capture_output=True, text=True, encoding="utf-8",
                          env=os.environ | {"PYTHONUTF8": "1"}, **options)
    assert done.returncode == code, f"exit {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}"
    return done
