"""A newcomer with a folder, who knows only the messages, comes to a correct leaderboard.

Three folders as people have them, painted here: a download of SALICON, one of MIT1003, and what a tracker exported
beside its pictures. Whatever is typed below stands in the message before it.
"""
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io
import yaml
from PIL import Image

from saliency_playground import files, maps, metrics
from saliency_playground.trackers.examples import Look, paint_tobii

PROGRAM = r"(?:[^\s`\"]*saliency-playground|[^\s`\"]+ -m saliency_playground)"   # as messages have it
WIDTH, HEIGHT, PEOPLE = 640, 480, ["P1", "P2", "P3", "P4"]
RNG = np.random.default_rng(7)
SPOTS = {f"scene{i}": RNG.uniform(0.15, 0.85, (2, 2)) * (WIDTH, HEIGHT) for i in range(1, 7)}
TRUTH = {(name, who): 0.5 + (spots[RNG.integers(0, 2, 7)] + RNG.normal(0, 14, (7, 2))).clip(
    3, [WIDTH - 4, HEIGHT - 4]).round() for name, spots in SPOTS.items() for who in PEOPLE}   # middles of pixels


def points_of(name: str) -> np.ndarray:
    "All fixations on an image, n × 2."
    return np.concatenate([TRUTH[name, who] for who in PEOPLE])


def save_image(path: Path, name: str) -> None:
    "Two bright spots on gray noise."
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    image = 110 + np.random.default_rng(len(name) + int(name[-1])).normal(0, 4, (HEIGHT, WIDTH))
    for x, y in SPOTS[name]:
        image += 120 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 800)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image.clip(0, 255).astype(np.uint8)).convert("RGB").save(path, quality=95)


def salicon(folder: Path) -> dict[str, str]:
    "As the archives of 2015 unpack; x and y are counted from 1. The ids of the scenes."
    ids = {}
    for i, name in enumerate(SPOTS):
        part = "train" if i < 4 else "val"
        ids[name] = f"COCO_{part}2014_{i + 9:012d}"
        save_image(folder / f"images/{part}/{ids[name]}.jpg", name)
        gaze = np.zeros((len(PEOPLE), 1), [("location", object), ("timestamp", object), ("fixations", object)])
        for k, who in enumerate(PEOPLE):
            points = (TRUTH[name, who] + 1).astype(np.uint16)
            gaze[k, 0] = (np.repeat(points, 3, axis=0), np.arange(3.0 * len(points))[:, None], points)
        (folder / f"fixations/{part}").mkdir(parents=True, exist_ok=True)
        scipy.io.savemat(folder / f"fixations/{part}/{ids[name]}.mat", {
            "image": ids[name], "resolution": np.array([[HEIGHT, WIDTH]], np.uint16), "gaze": gaze})
        save_map(folder / f"maps/{part}/{ids[name]}.png", name, 19)
    return ids


def save_map(path: Path, name: str, sigma: float) -> None:
    "The fixations, blurred, in 8 bits."
    path.parent.mkdir(parents=True, exist_ok=True)
    blurred = maps.density(*points_of(name).T, (HEIGHT, WIDTH), sigma)
    Image.fromarray(np.uint8(255 * blurred / blurred.max())).save(path)


def mit1003(folder: Path) -> dict[str, str]:
    "As its archives unpack: pictures, maps and points as JPEG, and gaze at 240 Hz by observer."
    ids = {name: f"i{i}_{name}" for i, name in enumerate(SPOTS, start=1)}
    for name, image_id in ids.items():
        save_image(folder / f"ALLSTIMULI/{image_id}.jpeg", name)
        save_map(folder / f"ALLFIXATIONMAPS/{image_id}_fixMap.jpg", name, 24)
        marks = np.zeros((HEIGHT, WIDTH), np.uint8)
        x, y = points_of(name).astype(int).T
        marks[y, x] = 255
        Image.fromarray(marks).save(folder / f"ALLFIXATIONMAPS/{image_id}_fixPts.jpg", quality=95)
        for who in PEOPLE:
            (folder / f"DATA/{who.lower()}").mkdir(parents=True, exist_ok=True)
            scipy.io.savemat(folder / f"DATA/{who.lower()}/{image_id}.mat", {
                image_id: {"DATA": {"eyeData": np.repeat(TRUTH[name, who] + 1, 60, axis=0)}}})
    return ids


def tobii(folder: Path) -> dict[str, str]:
    "A table of samples from Pro Lab, and the pictures beside it; the pictures filled a part of the screen."
    for name in SPOTS:
        save_image(folder / f"Stimuli/{name}.jpg", name)
    looks = [Look(f"{name}.jpg", (WIDTH, HEIGHT), who, k, *TRUTH[name, who][i], 400 * i, 300)
             for who in PEOPLE for k, name in enumerate(SPOTS, start=1) for i in range(7)]
    paint_tobii(folder, looks)[0].rename(folder / "Lab study Data Export.tsv")
    return {name: name for name in SPOTS}


def typed(command: str, home: Path) -> tuple[int, str]:
    "Type a command in a folder: its exit code, and what it says, lines joined."
    words = shlex.split(re.sub(rf"^{PROGRAM}", "saliency-playground", command))
    assert words[0] == "saliency-playground"
    done = subprocess.run([sys.executable, "-m", "saliency_playground", *words[1:]], cwd=home, capture_output=True,
                          text=True, encoding="utf-8", timeout=300, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def check_scores(home: Path, table: str, ids: dict[str, str], pooled: bool) -> None:
    "Each NSS of the center bias is that of the painted points, computed here. pooled: a pixel counts once."
    found = pd.read_csv(home / "outputs" / f"{table}__center_bias.csv").set_index("image_id").NSS
    assert sorted(found.index) == sorted(ids.values())
    for name, image_id in ids.items():
        points = np.unique(points_of(name), axis=0) if pooled else points_of(name)
        prediction = np.load(home / "predictions" / table / "center_bias" / f"{image_id}.npy")
        assert abs(metrics.nss(np.exp(prediction.astype(np.float64)), *points.T) - found[image_id]) < 1e-5, image_id


def run_on(home: Path, dataset: str) -> int:
    "Run a benchmark on a dataset as it stands in a message."
    files.write_text(home / "mine.yaml", f"datasets: [{dataset}]\nmodels: [center_bias]\nmetrics: [AUC, NSS, CC]\n"
                                         "output_dir: outputs\n")
    return typed("saliency-playground run --config mine.yaml", home)[0]


@pytest.mark.parametrize(("paint", "name"), [(salicon, "salicon"), (mit1003, "mit1003")])
def test_a_download_is_known_by_its_files(paint, name, tmp_path):
    ids = paint(tmp_path / "download")
    code, said = typed("saliency-playground doctor download", tmp_path)
    assert code == 0 and f"opened as {name}" in said and "--dataset" in said
    assert run_on(tmp_path, re.search(r"`(\{name: [^`]*\})`", said)[1]) == 0
    check_scores(tmp_path, name, ids, pooled=name == "mit1003")


@pytest.mark.parametrize(("paint", "name"), [(salicon, "salicon"), (mit1003, "mit1003")])
def test_who_guesses_plain_folders_is_told(paint, name, tmp_path):
    ids = paint(tmp_path / "download")
    files.write_text(tmp_path / "guess.yaml", "datasets: [{name: folder, root: download}]\nmodels: [center_bias]\n"
                                              "output_dir: guessed\n")
    said = typed("saliency-playground run --config guess.yaml", tmp_path)[1]
    assert run_on(tmp_path, re.search(r"`(\{name: (?!folder)[^`]*\})`", said)[1]) == 0
    check_scores(tmp_path, name, ids, pooled=name == "mit1003")
    files.write_text(tmp_path / "guess.yaml", "datasets: [download]\nmodels: [center_bias]\n")
    assert f"{{name: {name}, root: download}}" in typed("saliency-playground run --config guess.yaml", tmp_path)[1]


@pytest.mark.parametrize("first", ["doctor study", "run --config guess.yaml",
                                   'doctor "study/Lab study Data Export.tsv"'])
def test_an_export_becomes_a_table(first, tmp_path):
    ids = tobii(tmp_path / "study")
    files.write_text(tmp_path / "guess.yaml", "datasets: [{name: folder, root: study}]\nmodels: [center_bias]\n"
                                              "output_dir: guessed\n")
    code, said = typed(f"saliency-playground {first}", tmp_path)
    assert code
    command = re.search(rf"`({PROGRAM} convert [^`]*)`", said)[1].replace("FOLDER", "study/Stimuli")
    code, said = typed(command, tmp_path)
    assert code == 0
    dataset = re.search(r"datasets=\[(\{.*?\})\]", said)[1]
    assert run_on(tmp_path, dataset) == 0
    check_scores(tmp_path, "csv_indexed", ids, pooled=False)


def test_a_folder_of_exports_names_them(tmp_path):
    tobii(tmp_path / "study")
    code, said = typed("saliency-playground convert study --to lab", tmp_path)
    assert code == 2 and '"study/Lab study Data Export.tsv"' in said


@pytest.mark.parametrize(("paint", "name"), [(salicon, "salicon"), (mit1003, "mit1003")])
def test_init_writes_a_config_that_runs(paint, name, tmp_path):
    "A download of the field: the config names its adapter, and a run of it gives the painted points' scores."
    ids = paint(tmp_path / "download")
    code, said = typed("saliency-playground init download", tmp_path)
    assert code == 0, said
    entry = yaml.safe_load((tmp_path / "download.yaml").read_text(encoding="utf-8"))["datasets"]
    assert entry == [{"name": name, "as": "download", "root": "download"}]
    assert typed(f"{re.search(r'next: (.*)', said)[1]} --set output_dir=outputs --set models=[center_bias]",
                 tmp_path)[0] == 0
    check_scores(tmp_path, "download", ids, pooled=name == "mit1003")
    written = (tmp_path / "download.yaml").read_bytes()
    code, said = typed("saliency-playground init download", tmp_path)
    assert code == 2 and "download.yaml is there already" in said
    assert (tmp_path / "download.yaml").read_bytes() == written


def test_init_gives_the_command_where_an_export_lies(tmp_path):
    "A tracker's export is no table: the config and its run say what makes one of it."
    tobii(tmp_path / "study")
    code, said = typed("saliency-playground init study", tmp_path)
    config = " ".join((tmp_path / "study.yaml").read_text(encoding="utf-8").replace("#", " ").split())
    told = typed("saliency-playground run --config study.yaml", tmp_path)[1]
    command = re.search(rf"{PROGRAM} convert [^`]*", told)[0]
    assert command in config and "Lab study Data Export.tsv" in command
