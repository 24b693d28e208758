"""What may change between two sessions of a fine-tuning, and what is named: from the command line."""
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from conftest import tiny_training

from saliency_playground import weights
from saliency_playground.cli.main import main
from saliency_playground.finetune.tracking import read_offline

TRAIN = ["finetune", "--config", "tiny.yaml", "--fold", "1", "--quiet"]


def said(*words: str, code: int = 0) -> str:
    "What the command says, in this process, which has torch loaded."
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == code, (done.exit_code, done.output, done.exception)
    return done.output


def change_fixations(folder: str, image_id: str) -> None:
    "Leave five fixations of an image."
    path = Path(folder, "fixations", f"{image_id}.csv")
    path.write_text("\n".join(path.read_text().splitlines()[:6]) + "\n")


@pytest.fixture
def stopped(scratch):
    "A training that ran out of time after two epochs of its first stage. Returns the split."
    tiny_training([{"name": "head", "epochs": 2, "lr": 0.01}, {"name": "deeper", "epochs": 1}], output_dir="tuned")
    said("split", "--root", "toy", "--test-count", "2", "--out-dir", "splits", "--folds", "2")
    said(*TRAIN, "--set", "training.stages=[{name: head, epochs: 2, lr: 0.01}]")
    return json.loads(Path("splits/split.json").read_text())


def test_a_changed_truth_is_named(stopped):
    "Fixations of a training and of a validation image, and a map; not those of the holdout, not another folder."
    shutil.copytree("toy", "copied")
    there = ["--resume", "--set", "data.root=copied"]
    change_fixations("copied", stopped["test"][0])
    said(*TRAIN, *there)
    assert len(pd.read_csv("tuned/fold_01/history.csv")) == 4                    # it went on, to its second stage
    kept = Path("tuned/fold_01/final.pth").read_bytes()
    learnt_from = [stopped["folds"][0][part][0] for part in ("train", "val")]
    for image_id in learnt_from:
        change_fixations("copied", image_id)
        message = said(*TRAIN, *there, code=2)
        assert f"image {image_id}'s fixations changed" in message and "--overwrite" in message
        shutil.copy(f"toy/fixations/{image_id}.csv", "copied/fixations")
    path = Path("copied/gt_maps", f"{learnt_from[1]}.npy")
    np.save(path, np.load(path)[:, ::-1])
    assert f"image {learnt_from[1]}'s maps changed" in said(*TRAIN, *there, code=2)
    assert Path("tuned/fold_01/final.pth").read_bytes() == kept


def test_what_differs_is_named_key_by_key(stopped):
    "With the new value and the old one; a stage that has not begun may change, and so may paths."
    message = said(*TRAIN, "--resume", "--set", "training.stages.head.lr=0.001", "--set", "training.loss=kl", code=2)
    assert 'training.loss: "kl", was "nll_fixations"' in message
    assert "training.stages[0].lr: 0.001, was 0.01" in message
    shutil.copy("base.pth", "renamed.pth")
    said(*TRAIN, "--resume", "--set", "training.stages.deeper.lr=0.0001", "--set", "base_weights_path=renamed.pth",
         "--set", "data.root=./toy")
    assert pd.read_csv("tuned/fold_01/history.csv").lr_head.tolist() == [0, 0.01, 0.01, 0.0001]


def test_ruined_weights_are_a_sentence(stopped):
    "In what a training starts from, and in what a benchmark scores."
    base = weights.read_state("base.pth")
    name = next(name for name in base if name.endswith("gauss.sigma"))
    weights.write_state("ruined.pth", base | {name: torch.full_like(base[name], float("nan"))})
    message = said(*TRAIN, "--set", "base_weights_path=ruined.pth", "--set", "output_dir=other", code=2)
    assert "ruined.pth" in message and name in message and "NaN" in message
    Path("bench.yaml").write_text(json.dumps({
        "datasets": [{"name": "folder", "root": "toy"}], "output_dir": "scored", "limit_images": 2,
        "models": [{"name": "deepgaze_iie", "weights_path": "ruined.pth", "backbones": ["tiny", "tiny"],
                    "components": 2, "center_bias": "uniform", "device": "cpu"}]}))
    assert "NaN" in said("run", "--config", "bench.yaml", code=1)


def test_an_empty_map_is_an_error(stopped):
    "In training and in a benchmark, though people looked at the image; the image is named, and the map."
    image_id = stopped["folds"][0]["train"][0]
    path = Path("toy/gt_maps", f"{image_id}.npy")
    np.save(path, 0 * np.load(path))
    message = said(*TRAIN, "--set", "output_dir=other", "--set", "training.loss=kl", code=2)
    assert path.name in message and "0 everywhere" in message
    Path("bench.yaml").write_text(json.dumps({"datasets": [{"name": "folder", "as": "toy", "root": "toy"}],
                                              "models": ["center_bias"], "output_dir": "scored"}))
    said("run", "--config", "bench.yaml", code=1)
    errors = pd.read_csv("scored/errors.csv")
    assert errors.image_id.unique().tolist() == [image_id] and errors.error.str.contains("0 everywhere").all()


def test_no_nan_in_json(scratch):
    "Maps only: IG is undefined, and null in run.json, which other readers of JSON understand."
    tiny_training([{"name": "head", "epochs": 1, "lr": 0.01}], output_dir="tuned", training={
        "loss": "kl", "stages": [{"name": "head", "epochs": 1, "lr": 0.01}]})
    shutil.rmtree("toy/fixations")
    said("split", "--root", "toy", "--test-count", "2", "--out-dir", "splits", "--folds", "2")
    said(*TRAIN, "--calibrate")
    for _ in range(2):

        def refuse(word: str) -> None:
            raise AssertionError(word)
        record = json.loads(Path("tuned/fold_01/run.json").read_text(), parse_constant=refuse)
        assert [record["validation"][name]["IG"] for name in ("start", "calibrated", "final")] == [None] * 3
        assert all(row["KL"] > 0 for row in record["validation"].values())
        said(*TRAIN, "--resume")


def test_one_tracked_run(scratch):
    "Three sessions of a fold are one run, with every epoch at its step; a mode that cannot be is a sentence."
    tiny_training([{"name": "head", "epochs": 1, "lr": 0.01}], output_dir="tuned",
                  wandb={"enabled": True, "mode": "offline"})
    said("split", "--root", "toy", "--test-count", "2", "--out-dir", "splits", "--folds", "2")
    said(*TRAIN)
    said(*TRAIN, "--resume", "--set", "training.stages.head.epochs=3")
    said(*TRAIN, "--resume", "--set", "training.stages.head.epochs=3")
    (run,) = read_offline("tuned/fold_01")
    assert [(row["epoch"], row["_step"]) for row in run["history"]] == [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert run["history"][3]["finished"] == 1
    record = json.loads(Path("tuned/fold_01/run.json").read_text())
    assert run["id"] == record["tracked_as"]


def test_tracking_that_cannot_be(scratch, monkeypatch):
    "Refused before anything is trained."
    monkeypatch.setenv("NETRC", str(scratch / "none"))
    monkeypatch.setenv("HOME", str(scratch))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    tiny_training([{"name": "head", "epochs": 1}], output_dir="tuned", wandb={"enabled": True})
    said("split", "--root", "toy", "--test-count", "2", "--out-dir", "splits", "--folds", "2")
    assert "wandb login" in said(*TRAIN, "--set", "wandb.mode=online", code=2)
    monkeypatch.setenv("WANDB_MODE", "ofline")
    assert 'WANDB_MODE is online, offline or disabled, not \'ofline\'. Did you mean "offline"?' in said(*TRAIN, code=2)
    assert not Path("tuned").exists()
