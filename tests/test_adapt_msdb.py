"""DeepGaze MSDB fitted to real fixations from the command line: the loss falls, and what was there stays to the bit."""
import json

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import command

torch = pytest.importorskip("torch", reason="DeepGaze needs torch")
from formula import fill_msdb  # noqa: E402

import saliency_playground as sp  # noqa: E402
from saliency_playground import weights  # noqa: E402
from saliency_playground.core import prepare_sample  # noqa: E402
from saliency_playground.deepgaze.msdb import DATASETS  # noqa: E402

MODEL = {"backbones": "tiny", "weights_path": "head.pth", "clip_path": "clip.pth", "dinov2_path": "dinov2.pth"}


def test_thirteen_numbers(scratch, osie50):
    net = fill_msdb("tiny")
    for part in ("head", "clip", "dinov2"):
        weights.write_state(f"{part}.pth", getattr(net, part).state_dict())
    data = {"name": "csv_indexed", "index_csv": str(osie50 / "fixations.csv"), "index_base": 1, "px_per_dva": 24}
    command("split", "--dataset", "csv_indexed", "--root", osie50 / "fixations.csv", "--set", "index_base=1",
            "--test_count", 38, "--folds", 2)
    (scratch / "mine.yaml").write_text(yaml.safe_dump({
        "data": data, "split_file": "splits/split.json", "model": {"name": "deepgaze_msdb", **MODEL}, "device": "cpu",
        "output_dir": "mine", "adaptation": {"epochs": 16, "lr": 0.03, "milestones": [8, 12]}}), encoding="utf-8")

    dataset = sp.create("dataset", **data)
    held_out = prepare_sample(dataset[dataset.ids.index(json.loads((scratch / "splits/split.json").read_text())
                                                        ["test"][0])])

    def predictions():
        return [sp.create("model", "deepgaze_msdb", **MODEL, dataset=name, center_bias="uniform", device="cpu")
                .predictions([held_out])[0].values for name in (None, *DATASETS)]
    before, files_before = predictions(), {name: (scratch / name).read_bytes() for name in list(MODEL.values())[1:]}
    assert "13 numbers" in command("finetune", "--config", "mine.yaml", "--dry-run").stdout
    said = command("finetune", "--config", "mine.yaml").stdout
    assert "calibrated" in said and "final" in said

    for fold in (1, 2):
        folder = scratch / f"mine/fold_{fold:02}"
        assert {"final.pth", "calibrated.pth", "center_bias.npy", "history.csv", "split.json", "run.json",
                "curves.png"} <= {path.name for path in folder.iterdir()}
        history = pd.read_csv(folder / "history.csv")
        assert history.loss.iloc[-1] < history.loss.iloc[1] - 0.01, history.loss.tolist()      # row 0 is the start
        record = json.loads((folder / "run.json").read_text())
        scores = record["validation"]
        assert record["finished"] and scores["final"]["IG"] >= scores["calibrated"]["IG"] - 0.05
        assert scores["final"]["IG"] > scores["start"]["IG"]
        assert sum(tensor.numel() for tensor in weights.read_state(folder / "final.pth").values()) == 13
    assert all(np.array_equal(one, other) for one, other in zip(before, predictions(), strict=True))
    assert all((scratch / name).read_bytes() == content for name, content in files_before.items())
    summaries = sum(path.stat().st_size for path in (scratch / "mine/summaries").iterdir())
    assert summaries < 12 * 3e6                                                # of 384 MB an image that features take

    command("finetune", "--config", "mine.yaml", code=2)                       # it is there
    assert command("finetune", "--config", "mine.yaml", "--resume").stdout == said
    adapted = sp.create("model", "deepgaze_msdb", **MODEL, dataset_path="mine/fold_01/final.pth", device="cpu")
    assert np.abs(adapted.predictions([held_out])[0].values - before[0]).max() > 0.1
    refused = command("run", "--set", "output_dir=leak", "--config", leak(scratch, data), code=2).stderr
    assert "seen" in refused or "trained" in refused


def leak(scratch, data):
    "A config that scores a fold on images it was fitted to."
    model = {"name": "deepgaze_msdb", **MODEL, "dataset_path": "mine/fold_01/final.pth", "device": "cpu"}
    (scratch / "leak.yaml").write_text(yaml.safe_dump({"datasets": [data], "models": [model]}), encoding="utf-8")
    return "leak.yaml"
