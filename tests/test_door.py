"""A newcomer with a folder, who knows only the messages, comes to a correct leaderboard.

Three folders as people have them, painted here: a download of SALICON, one of MIT1003, and what a tracker exported
beside its pictures. Whatever is typed below stands in the message before it.
"""
import csv
import os
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

from saliency_playground import files, maps

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
    "As the archives unpack; x and y are counted from 1, one worker saw nothing. The ids of the scenes."
    ids = {}
    for i, name in enumerate(SPOTS):
        part = "train" if i < 4 else "val"
        ids[name] = f"COCO_{part}2014_{i + 9:012d}"
        save_image(folder / f"images/{part}/{ids[name]}.jpg", name)
        gaze = np.zeros((len(PEOPLE) + 1, 1), [("location", object), ("timestamp", object), ("fixations", object)])
        gaze[-1, 0] = (np.zeros((0, 0)),) * 3
        for k, who in enumerate(PEOPLE):
            points = (TRUTH[name, who] + 1).astype(np.uint16)
            gaze[k, 0] = (np.repeat(points, 3, axis=0), np.arange(3.0 * len(points))[:, None], points)
        (folder / f"fixations/{part}").mkdir(parents=True, exist_ok=True)
        scipy.io.savemat(folder / f"fixations/{part}/{ids[name]}.mat", {
            "image": ids[name], "resolution": np.array([[HEIGHT, WIDTH]], np.uint16), "gaze": gaze})
        save_map(folder / f"maps/{part}/{ids[name]}.png", name, 19)
    files.write_bytes(folder / "images/test/COCO_test2014_000000000001.jpg", b"")
    Image.radial_gradient("L").save(folder / "images/test/COCO_test2014_000000000001.jpg")
    return ids


def save_map(path: Path, name: str, sigma: float) -> None:
    "The fixations, blurred, in 8 bits."
    path.parent.mkdir(parents=True, exist_ok=True)
    blurred = maps.density(*points_of(name).T, (HEIGHT, WIDTH), sigma)
    Image.fromarray(np.uint8(255 * blurred / blurred.max())).save(path)


def mit1003(folder: Path) -> dict[str, str]:
    "As its archives unpack on a Mac: pictures, maps and points as JPEG, a stray file, and gaze at 240 Hz by observer."
    ids = {name: f"i{i}_{'street_' * 10 * (i == 2)}{name}" for i, name in enumerate(SPOTS, start=1)}
    for name, image_id in ids.items():
        save_image(folder / f"ALLSTIMULI/{image_id}.jpeg", name)
        for place in ("ALLSTIMULI", "__MACOSX/ALLSTIMULI"):
            files.write_bytes(folder / place / f"._{image_id}.jpeg", b"\0\5\26\7\0\2\0\0Mac OS X")
        save_map(folder / f"ALLFIXATIONMAPS/{image_id}_fixMap.jpg", name, 24)
        marks = np.zeros((HEIGHT, WIDTH), np.uint8)
        x, y = points_of(name).astype(int).T
        marks[y, x] = 255
        Image.fromarray(marks).save(folder / f"ALLFIXATIONMAPS/{image_id}_fixPts.jpg", quality=95)
        for who in PEOPLE:
            (folder / f"DATA/{who.lower()}").mkdir(parents=True, exist_ok=True)
            gaze = {image_id[:63]: {"DATA": {"eyeData": np.repeat(TRUTH[name, who] + 1, 60, axis=0)}}}
            scipy.io.savemat(folder / f"DATA/{who.lower()}/{image_id}.mat", gaze, long_field_names=True)
    for place in (".DS_Store", "ALLSTIMULI/.DS_Store", "DatabaseCode/checkFixations.m"):
        files.write_bytes(folder / place, b"\0\0\0\1Bud1")
    Image.new("L", (WIDTH, HEIGHT)).save(folder / "ALLFIXATIONMAPS/i05june05_static_street_boston_p1010764fixPts.jpg")
    return ids


TOBII = """Recording timestamp|Sensor|Participant name|Recording name|Event|Event value|Gaze point X|Gaze point Y
Pupil diameter left|Validity left|Presented Stimulus name|Presented Media name|Presented Media width
Presented Media height|Presented Media position X (DACSpx)|Presented Media position Y (DACSpx)|Original Media width
Original Media height|Recording resolution height|Recording resolution width|Eye movement type|Gaze event duration
Eye movement type index|Fixation point X|Fixation point Y""".replace("\n", "|").split("|")


def tobii(folder: Path) -> dict[str, str]:
    "Samples from Pro Lab beside the pictures, which were shown twice their size: UTF-16, decimal commas, microseconds."
    for name in SPOTS:
        save_image(folder / f"Stimuli/{name}.jpg", name)
    width, height, left, top = 2 * WIDTH, 2 * HEIGHT, (1920 - 2 * WIDTH) // 2, (1080 - 2 * HEIGHT) // 2
    with open(folder / "Lab study Data Export.tsv", "w", encoding="utf-16", newline="") as file:
        out = csv.DictWriter(file, TOBII, restval="", delimiter="\t", lineterminator="\r\n")
        out.writeheader()
        for n, who in enumerate(PEOPLE, start=1):
            stamp, index = 5_000_000, 0
            mine = {"Participant name": who, "Recording name": f"Recording{n}", "Recording resolution height": 1080,
                    "Recording resolution width": 1920}
            for name in SPOTS:
                media = (name, f"{name}.jpg", width, height, left, top, WIDTH, HEIGHT)
                shown = {**mine, **dict(zip(TOBII[10:18], media, strict=True))}
                cross = {**mine, "Presented Stimulus name": "cross", "Presented Media name": "cross.png"}
                out.writerow({**mine, "Recording timestamp": stamp, "Event": "ImageStimulusStart", "Event value": name})
                for x, y, row in [(960, 540, cross), *((left + 2 * int(x) + 1, top + 2 * int(y) + 1, shown)
                                                       for x, y in TRUTH[name, who])]:
                    index += 1
                    fixation = {"Fixation point X": x, "Fixation point Y": y, "Eye movement type": "Fixation"}
                    for k, kind in enumerate([fixation] * 4 + [{"Eye movement type": "Saccade"}]):
                        out.writerow({**row, **kind, "Recording timestamp": stamp, "Sensor": "Eye Tracker",
                                      "Gaze point X": x + k, "Gaze point Y": y - k, "Pupil diameter left": "3,21",
                                      "Validity left": "Valid", "Gaze event duration": 67,
                                      "Eye movement type index": index})
                        stamp += 16_667
    return {name: name for name in SPOTS}


def typed(command: str, home: Path) -> tuple[int, str]:
    "Type a command in a folder: its exit code, and what it says, lines joined."
    code, said = printed(command, home)
    return code, " ".join(re.sub(r"\\\n", "", said).split())


def printed(command: str, home: Path) -> tuple[int, str]:
    "Type a command in a folder: its exit code, and what it prints."
    words = shlex.split(re.sub(rf"^{PROGRAM}", "saliency-playground", command))
    assert words[0] == "saliency-playground"
    active = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    window = os.environ | {"PATH": active, "COLUMNS": "80"}                  # messages have the short name, and wrap
    done = subprocess.run([sys.executable, "-m", "saliency_playground", *words[1:]], cwd=home, capture_output=True,
                          env=window, text=True, encoding="utf-8", timeout=300, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def check_scores(home: Path, table: str, ids: dict[str, str], pooled: bool) -> None:
    """NSS and AUC of the center bias are those of the painted points, by their definitions, for each image.

    pooled: a pixel counts once.
    """
    found = pd.read_csv(home / "outputs" / f"{table}__center_bias.csv").set_index("image_id").dropna(subset="NSS")
    assert sorted(found.index) == sorted(ids.values())
    rows, columns = ((np.arange(n) - (n - 1) / 2) / (0.22 * n) for n in (HEIGHT, WIDTH))
    log = np.round(-(rows[:, None] ** 2 + columns**2) / 2, 9)                           # mirrored places are equal
    bump, ranks = np.exp(log), np.sort(log, axis=None)
    for name, image_id in ids.items():
        x, y = (np.unique(points_of(name), axis=0) if pooled else points_of(name)).astype(int).T
        nss = np.mean((bump[y, x] - bump.mean()) / bump.std())
        auc = np.mean([np.searchsorted(ranks, log[y, x], side) for side in ("left", "right")]) / log.size
        assert found.NSS[image_id] == pytest.approx(nss, abs=1e-4), image_id
        assert found.AUC[image_id] == pytest.approx(auc, abs=1e-3), image_id


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
    command = re.search(rf"{PROGRAM} convert .* --images \S+", said)[0].replace("FOLDER", "study/Stimuli")
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


def told(said: str) -> list[str]:
    "The commands that a text has on lines of their own, or after `next: ` and the like, a broken one whole."
    whole = re.sub(r"\s*\\\n\s+", " ", said)
    commands = re.findall(rf"(?:^ *|: )({PROGRAM} .+)$", whole, re.MULTILINE)
    return [command for command in commands if "--set" not in command]


@pytest.mark.parametrize(("paint", "steps"), [(salicon, "init run report"), (mit1003, "init run report"),
                                              (tobii, "init convert run report")])
def test_from_init_on_the_next_command_stands_there(paint, steps, tmp_path):
    "A folder, `init`, and then only what was said to be next: a leaderboard with the painted points' scores."
    ids = paint(tmp_path / "mine")
    said, steps_typed, ahead = "", list[str](), ["saliency-playground init mine"]
    while ahead:
        command, *ahead = ahead
        code, said = printed(command, tmp_path)
        steps_typed.append(re.sub(rf"^{PROGRAM}", "", command).split()[0])
        assert all(len(line) <= 80 for line in said.splitlines() if "datasets=" not in line), said
        assert code == int(steps_typed == ["init"] and "convert" in steps), said     # 1: a table is to be made first
        if steps_typed[-1] in ("init", "run"):
            ahead += told(said)
    assert " ".join(steps_typed) == steps and re.search(rf"mean over {len(ids)} (of 7 )?images of mine", said), said
    for file in (tmp_path / "outputs/mine").glob("*.csv"):
        file.rename(tmp_path / "outputs" / file.name)
    check_scores(tmp_path, "mine", ids, pooled=paint is mit1003)
    if paint is tobii:                                          # the table is there now, and so nothing is asked anew
        for target in ("mine", "mine_fixations"):
            assert typed(f"saliency-playground init {target} --out again_{target}.yaml", tmp_path)[0] == 0


def test_gaze_of_mit1003_has_its_observers(tmp_path):
    "The gaze of DATA becomes a table by the command that the doctor gives; each painted point is in it."
    ids = mit1003(tmp_path / "MIT1003")
    (command,) = told(printed("saliency-playground doctor MIT1003", tmp_path)[1])
    assert typed(command, tmp_path)[0] == 0
    found = pd.read_csv(tmp_path / "mit1003_fixations/fixations.csv")
    for (name, who), points in TRUTH.items():
        mine = found[(found.image_id == ids[name]) & (found.observer == who.lower())]
        apart = np.hypot(*(mine[["x", "y"]].to_numpy()[:, None] - points).transpose(2, 0, 1))
        assert len(mine) and apart.min(axis=0).max() < 4, (name, who)        # points nearer than that are one fixation
    said = typed("saliency-playground doctor mit1003_fixations", tmp_path)[1]
    assert "observers 4; 4 on each image" in said, said
