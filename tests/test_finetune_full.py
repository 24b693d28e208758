"""The whole architecture, four backbones with thirty readouts each.

A head-only training on features that are kept, and its memory.
"""
import json
import resource

import pandas as pd
import pytest
import torch
import yaml
from conftest import command
from formula import fill

from saliency_playground import weights
from saliency_playground.deepgaze import network

def test_head_only(scratch):
    net = network.deepgaze_iie()
    fill(net)
    weights.write_state(scratch / "base.pth", net.state_dict())
    keys = {name: one.shape for name, one in net.state_dict().items()}
    del net
    command("toy", "--out", "toy", "--images", 6)
    command("split", "--root", "toy", "--test_count", 1, "--out_dir", "splits", "--folds", 2)
    config = {"data": {"name": "folder", "root": "toy"}, "split_file": "splits/split.json", "fold": 1,
              "base_weights_path": "base.pth", "device": "cpu",
              "training": {"loss": "nll_fixations", "stages": [{"name": "head", "epochs": 3, "lr": 1e-3}]},
              "output_dir": "tuned"}
    (scratch / "tune.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

    said = command("finetune", "--config", "tune.yaml", "--dry-run").stdout
    assert "trains 3,059,160 of 104,048,808 numbers" in said
    blocks = [line.split() for line in said.splitlines()
              if line.strip().startswith(("backbone", "saliency", "fixation_selection", "finalizer"))]
    trained, frozen = (sum(int(line[column]) for line in blocks) for column in (-2, -1))
    assert (trained, trained + frozen) == (3_059_160, 104_048_808)

    command("finetune", "--config", "tune.yaml", "--full")
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20  # GB on Linux, of the largest child
    assert used < 6, f"{used:.1f} GB"
    history = pd.read_csv("tuned/fold_01/history.csv")
    assert history.loss.dropna().is_monotonic_decreasing and len(history) == 4
    assert json.loads((scratch / "tuned/fold_01/run.json").read_text())["trained_numbers"] == 3_059_160
    full, part = weights.read_state("tuned/fold_01/full.pth"), weights.read_state("tuned/fold_01/final.pth")
    assert {name: one.shape for name, one in full.items()} == keys and len(part) < len(full) == 5_461
    base = weights.read_state("base.pth")
    assert all(torch.equal(full[name], part.get(name, base[name])) for name in full)
    assert (scratch / "tuned/fold_01/final.pth").stat().st_size == pytest.approx(12.2e6, rel=0.2)
