"""What the tests share.

A scratch working directory, the command as a user runs it, a tiny training, and the real data where it is at hand.
"""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is loaded: threads that wait leave others the cores
os.environ.pop("COLUMNS", None)                      # of the test runner's own window: what a test prints has none

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


def command(*words, code=0, program="saliency_playground", env=None, **options):
    "Run the command line in a process of its own, as a user does; returns the finished process."
    done = subprocess.run([sys.executable, "-m", program, *map(str, words)], capture_output=True, text=True,
                          encoding="utf-8",
                          env=(env or os.environ) | {"PYTHONUTF8": "1"}, **options)
    assert done.returncode == code, f"exit {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}"
    return done


def tiny_training(stages, **keys):
    """What a fine-tuning needs, in the working directory: toy data, a tiny base, and `tiny.yaml` with these stages.

    No split.

    stages: rows of the schedule. keys: others of the config. The same weights come out to the bit only on as many
    threads.
    """
    import torch

    from saliency_playground import weights
    from saliency_playground.deepgaze import network
    from saliency_playground.toy import make_toy
    make_toy("toy")
    torch.manual_seed(0)
    weights.write_state("base.pth", network.tiny_network("iie", components=2).state_dict())
    config = {"data": {"name": "folder", "root": "toy"}, "split_file": "splits/split.json",
              "network": {"backbones": ["tiny", "tiny"], "components": 2},
              "base_weights_path": "base.pth", "training": {"loss": "nll_fixations", "stages": stages}, "device": "cpu"}
    Path("tiny.yaml").write_text(json.dumps(config | keys), encoding="utf-8")                   # JSON is YAML
