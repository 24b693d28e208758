"""Fine-tuning on real fixations.

50 images of OSIE, FastGaze's real convolutions as the backbone, four folds, ten images held out.
"""
import json

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from conftest import ROOT, command

from saliency_playground import weights
from saliency_playground.deepgaze import backbones, network
from saliency_playground.finetune.tracking import read_offline
from saliency_playground.models.fastgaze import to_backbone_state

ARRAYS = ROOT.parent / "shared" / "weights" / "fastgaze"

DATA = {"name": "csv_indexed", "index_base": 1, "sigma_px": 24}
STAGES = [{"name": "head", "epochs": 10, "lr": 3e-3, "schedule": "cosine", "early_stopping": 5},
          {"name": "deeper", "epochs": 3, "lr": 3e-4, "early_stopping": 2,
           "freeze": {"blocks": ["head"], "backbone_last_n_modules": 2}}]


def base(path):
    "A DeepGaze whose only backbone is FastGaze, with two fresh readouts."
    torch.manual_seed(0)
    net = network.deepgaze_iie([backbones.find_backbone("fastgaze")], 2)
    weights.write_state(path, net.state_dict() | to_backbone_state(weights.read_state(ARRAYS / "weights.npz")))


@pytest.mark.skipif(not ARRAYS.is_dir(), reason=f"needs FastGaze's arrays in {ARRAYS}, which do not ship with the "
                    "project")
def test_four_folds(scratch, osie50):
    base(scratch / "base.pth")
    data = DATA | {"index_csv": str(osie50 / "fixations.csv")}
    command("split", "--dataset", "csv_indexed", "--root", osie50 / "fixations.csv", "--set", "index_base=1",
            "--test_count", 10)
    config = {"experiment": "osie50", "data": data, "split_file": "splits/split.json", "base_weights_path": "base.pth",
              "device": "cpu",
              "network": {"backbones": ["fastgaze"], "components": 2}, "output_dir": "tuned",
              "training": {"loss": "nll_fixations", "stages": STAGES}, "wandb": {"enabled": True, "mode": "offline"}}
    (scratch / "tune.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    print(command("finetune", "--config", "tune.yaml", "--calibrate").stdout)

    split = json.loads((scratch / "splits/split.json").read_text())
    assert len(split["test"]) == 10 and [one["fold"] for one in split["folds"]] == [1, 2, 3, 4]
    for fold in range(1, 5):
        folder = scratch / f"tuned/fold_{fold:02}"
        assert {"final.pth", "last.pth", "calibrated.pth", "center_bias.npy", "history.csv", "split.json", "run.json",
                "curves.png",
                "before_after.png"} <= {path.name for path in folder.iterdir()}
        history = pd.read_csv(folder / "history.csv")
        assert history.IG.max() > history.IG[0] and {"head", "deeper"} <= set(history.stage)
        about = json.loads((folder / "run.json").read_text())
        assert about["finished"] and about["validation"]["final"]["IG"] == pytest.approx(history.IG.max())
        (run,) = read_offline(folder)
        assert (run["group"] == "osie50"
                and [row["IG"] for row in run["history"] if "IG" in row] == pytest.approx(history.IG.tolist()))

    evaluate(scratch, data)
    found = pd.read_csv("eval/ALL_SUMMARY.csv").pivot(index="model", columns="metric", values="mean")
    print(found.round(3).to_string())
    tuned, calibrated = (found[found.index.str.startswith(name)] for name in ("fold", "calibrated"))
    for metric in ("LL", "IG", "NSS", "AUC"):
        assert (tuned[metric] > found.loc["start", metric]).all(), metric
    assert tuned.IG.mean() > calibrated.IG.mean() > found.loc["start", "IG"] and tuned.LL.mean() > calibrated.LL.mean()

    command("folds", "aggregate", "--outputs", "eval", "--pretrained", "start", "--folds", "fold_*", "--out",
            "summary.csv")
    summary = pd.read_csv("summary.csv")
    assert np.isfinite(summary.select_dtypes("number").to_numpy()).any() and "IG" in set(summary.metric)

    leak = command("run", "--config", "leak.yaml", code=2)
    assert "seen" in leak.stderr or "trained" in leak.stderr


def evaluate(scratch, data):
    "The holdout, scored as start, calibrated, and by each fold."
    network_ = {"name": "deepgaze_iie", "backbones": ["fastgaze"], "components": 2, "base_weights_path": "base.pth",
                "device": "cpu"}
    models = [{**network_, "as": "start", "base_weights_path": None, "weights_path": "base.pth",
               "center_bias": "tuned/fold_01/center_bias.npy"}]
    for fold in range(1, 5):
        folder = f"tuned/fold_{fold:02}"
        models += [{**network_, "as": f"{name}_{fold:02}", "weights_path": f"{folder}/{file}.pth",
                    "center_bias": f"{folder}/center_bias.npy"}
                   for name, file in [("fold", "final"), ("calibrated", "calibrated")]]
    config = {"datasets": [data | {"as": "osie50", "split_file": "splits/split.json", "split": "test"}],
              "models": models, "output_dir": "eval"}
    (scratch / "eval.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command("run", "--config", "eval.yaml")
    leaky = config | {"datasets": [data | {"as": "osie50"}], "output_dir": "leak"}
    (scratch / "leak.yaml").write_text(yaml.safe_dump(leaky), encoding="utf-8")
