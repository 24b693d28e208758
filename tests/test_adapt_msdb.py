"""DeepGaze MSDB fitted to real fixations from the command line: the loss falls, and what was there stays to the bit."""
import json
import os
import subprocess
import sys
import time

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
from saliency_playground.toy import make_toy  # noqa: E402

MODEL = {"backbones": "tiny", "weights_path": "head.pth", "clip_path": "clip.pth", "dinov2_path": "dinov2.pth"}


def write_files():
    "The three files of the tiny network, in the working directory."
    net = fill_msdb("tiny")
    for part in ("head", "clip", "dinov2"):
        weights.write_state(f"{part}.pth", getattr(net, part).state_dict())


def test_thirteen_numbers(scratch, osie50):
    write_files()
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


@pytest.fixture
def of_toy(scratch):
    "A config of an adaptation to the toy dataset, and its split; returns the working directory."
    write_files()
    make_toy("toy")
    command("split", "--root", "toy", "--test_count", 2, "--folds", 2)
    (scratch / "toy.yaml").write_text(yaml.safe_dump({
        "data": {"name": "folder", "root": "toy", "px_per_dva": 24}, "split_file": "splits/split.json",
        "model": {"name": "deepgaze_msdb", **MODEL}, "device": "cpu", "adaptation": {"epochs": 3}}), encoding="utf-8")
    return scratch


@pytest.mark.skipif(os.name == "nt", reason="allowed on this system: Windows has no SIGKILL")
def test_killed_and_continued(of_toy):
    "Killed while images are seen, while numbers are fitted and in the next fold: the same numbers, to the bit."
    command("finetune", "--config", "toy.yaml", "--quiet", "--set", "output_dir=calm")
    killed = of_toy / "killed"
    moments = [lambda: len(list(killed.glob("summaries/*.npz"))) > 2, (killed / "fold_01/center_bias.npy").is_file,
               (killed / "fold_01/calibrated.pth").is_file, (killed / "fold_02/split.json").is_file]
    died = 0
    for reached in moments:
        process = subprocess.Popen([sys.executable, "-m", "saliency_playground", "finetune", "--config", "toy.yaml",
                                    "--quiet", "--resume", "--set", "output_dir=killed"])
        while process.poll() is None and not reached():
            time.sleep(0.005)
        process.kill()
        died += process.wait() != 0
    assert died >= 3, "the adaptation was over before it could be killed"
    command("finetune", "--config", "toy.yaml", "--quiet", "--resume", "--set", "output_dir=killed")
    for fold in ("fold_01", "fold_02"):
        calm, resumed = of_toy / "calm" / fold, killed / fold
        assert not list(resumed.glob("*.part"))
        assert {path.name for path in resumed.iterdir()} == {path.name for path in calm.iterdir()}
        assert not weights.changed_files(resumed)
        for name in ("final.pth", "calibrated.pth"):
            ours, theirs = weights.read_state(resumed / name), weights.read_state(calm / name)
            assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours), fold
        scores = [json.loads((folder / "run.json").read_text())["validation"] for folder in (calm, resumed)]
        assert scores[0] == scores[1]


def test_refused_before_anything_is_written(of_toy):
    "Pixels per degree that are missing or wrong, with the image and the sum; too few images; a place that is taken."
    def said(*words):
        return command("finetune", "--config", "toy.yaml", *words, code=2).stderr
    config = yaml.safe_load((of_toy / "toy.yaml").read_text())
    del config["data"]["px_per_dva"]
    (of_toy / "none.yaml").write_text(yaml.safe_dump(config))
    assert "how many pixels of the image one degree" in command("finetune", "--config", "none.yaml", code=2).stderr
    missing = said("--set", "data.px_per_dva=1.5")
    assert "image 0" in missing and "320 × 30 / 1.5 = 6400 pixels" in missing
    assert "nothing is left" in said("--set", "data.px_per_dva=300")
    assert "for the dataset that it is fitted to" in said("--set", "model.dataset=figrim")
    assert not list(of_toy.glob("outputs/**/*.pth"))

    make_toy("few", n_images=3)
    command("split", "--root", "few", "--test_count", 1, "--folds", 2, "--out_dir", "of_three")     # one to train on
    assert "at least two training images" in said("--set", "data.root=few", "--set", "split_file=of_three/split.json")
    one = [word for key in ("data.root=few", "split_file=of_three/split.json", "center_bias=uniform", "output_dir=one")
           for word in ("--set", key)]
    command("finetune", "--config", "toy.yaml", *one)                   # one image does, without a bias of its own
    assert "holds a training already" in said(*one)


def test_numbers_alone_are_no_dataset(of_toy):
    "Without the record of their training nothing says which head and center bias they belong to."
    command("finetune", "--config", "toy.yaml", "--quiet", "--set", "output_dir=mine", "--fold", 1)
    path = of_toy / "mine/fold_01/final.pth"
    def why(**options):
        model = sp.create("model", "deepgaze_msdb", **MODEL | options, dataset_path=path, device="cpu")
        return model.unavailable_reason()
    assert why() == ""
    assert "fitted to another head (head.pth" in why(weights_path=other_head(of_toy))
    path.with_name("run.json").unlink()
    assert "no run.json lies beside" in why() and why(center_bias="uniform") == ""


def other_head(folder):
    "The file of a head that differs in one number."
    state = weights.read_state(folder / "head.pth")
    state["finalizer.gauss.dataset_sigmas"] = state["finalizer.gauss.dataset_sigmas"] + 0.01
    return weights.write_state(folder / "other.pth", state)
