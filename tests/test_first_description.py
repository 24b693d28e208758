"""The first config that was written down, in the layouts it was written down for."""
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import command

from saliency_playground import create, make_toy

FIRST = """
experiment: "baseline_benchmark"
output_dir: "outputs"
prediction_cache_dir: "predictions"
cache_predictions: true

limit_images: 20
predict_only: true

models:
  - "center_bias"
  - "blur_baseline"
  - "msi_net"
  - "deepgaze_v3"
  - "msi_net_tf"

active_models:
  - "deepgaze_v3"

model_kwargs:
  center_bias:
    requires_size: [224, 224]
    sigma_ratio: 0.3
  blur_baseline:
    ksize: 41
  msi_net:
    requires_size: [256, 256]
    weights_path: "weights/msinet/msinet.pt"
  deepgaze_v3:
    requires_size: [384, 384]
    weights_path: "weights/deepgaze_v3/dg3.pt"
  msi_net_tf:
    repo_id: "alexanderkroner/MSI-Net"

datasets:
  - name: "folder"
    root: "data/yourset"
    split: "test"
  - name: "CAT2000"
    root: "data/CAT2000"
    split: "test"
    sigma_px: 19
    provide_sauc_nonfix: true
  - name: "csv_indexed"
    index_csv: "data/MIT_like/index.csv"
    split: "val"
    sigma_px: 15

heatmaps_png:
  enabled: true
  overlay: true
  normalize: "max"
  colormap: "jet"
  alpha: 0.5
  out_dir: "outputs/heatmaps"
"""
LIGHT = ["--set", "active_models=[center_bias, blur_baseline]"]       # no weights are at hand


@pytest.fixture
def layouts(scratch):
    "The three datasets as they were described: images alone; images, fixations and maps; a table of paths."
    samples = create("dataset", "folder", root=make_toy("toy", n_images=6))
    shutil.copytree("toy/images", "data/yourset/images")
    shutil.copytree("toy/images", "data/CAT2000/images")
    shutil.copytree("toy/images", "data/MIT_like/images")
    rows = []
    for sample in samples:
        points = np.zeros(sample.image.shape[:2], np.uint8)
        points[sample.fixations.y.astype(int), sample.fixations.x.astype(int)] = 1
        for folder in ("data/CAT2000/fixations", "data/MIT_like/fixations"):
            Path(folder).mkdir(exist_ok=True)
            np.save(f"{folder}/{sample.image_id}.npy", points)
        image = next(Path("data/MIT_like/images").glob(f"{sample.image_id}.*"))
        rows.append({"image_id": sample.image_id, "image_path": f"images/{image.name}",
                     "fix_path": f"fixations/{sample.image_id}.npy", "map_path": ""})
    pd.DataFrame(rows).to_csv("data/MIT_like/index.csv", index=False)
    Path("first.yaml").write_text(FIRST, encoding="utf-8")
    return [sample.image_id for sample in samples]


def test_as_it_stands(layouts):
    "What is not there is named, all at once, each with its cure: the weights, and splits that no dataset has."
    told = command("run", "--config", "first.yaml", code=2).stderr
    assert 'there is no "weights/deepgaze_v3/dg3.pt"' in told
    told = command("run", "--config", "first.yaml", *LIGHT, code=2).stderr
    assert "data/yourset: there is no folder test/images or images/test" in told
    assert "leave `split: test` out to take them all" in told and "saliency-playground split --root" in told
    assert "no image has the split 'val'" in told and "leave `split` out, or give a split_file" in told


def test_cured(layouts):
    "With the splits left out, as the sentences say, it runs: predictions, heatmaps and overlays where they were said."
    text = FIRST.replace('    split: "test"\n', "").replace('    split: "val"\n', "")
    Path("first.yaml").write_text(text, encoding="utf-8")
    command("run", "--config", "first.yaml", *LIGHT)
    for dataset in ("folder", "CAT2000", "csv_indexed"):
        for model in ("center_bias", "blur_baseline"):
            for image_id in layouts:
                assert np.load(f"predictions/{dataset}/{model}/{image_id}.npy").dtype == np.float32
                for ending in ("", "_overlay"):
                    assert Path(f"outputs/heatmaps/{dataset}/{model}/{image_id}{ending}.png").is_file()
    assert not list(Path("outputs").glob("*summary.csv"))                                     # predict_only
    told = command("run", "--config", "first.yaml", *LIGHT, "--set", "predict_only=false", "--set", "metrics=[AUC, CC]",
                   code=1).stdout
    assert "folder: 6 of 6 images have nothing to score against" in told                      # images alone
    scored = pd.read_csv("outputs/ALL_SUMMARY.csv").set_index(["dataset", "model", "metric"])["n"]
    assert scored["CAT2000"].tolist() == scored["csv_indexed"].tolist() == [6, 6, 6, 6]


def test_divided(layouts):
    "Or it is divided first, and the file of the split is named: then `split: test` is what it was meant to be."
    command("split", "--root", "data/yourset", "--test_count", 2, "--out_dir", "splits", "--folds", 2)
    only = FIRST.split("datasets:")[0] + ('datasets: [{name: folder, root: data/yourset, split: test, '
                                          'split_file: splits/split.json}]\n')
    Path("first.yaml").write_text(only, encoding="utf-8")
    command("run", "--config", "first.yaml", *LIGHT)
    assert len(list(Path("predictions/folder/center_bias").glob("*.npy"))) == 2
