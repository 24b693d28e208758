"""Three folders as they are downloaded or exported, each walked to its leaderboard by what the commands print.

The folders are written here, from the toy's images and looks, without the package's readers; the scores are computed
here as well, from what was written. Looks are tables of image, observer, x, y: whole pixels, counted from 0.
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
from PIL import Image
from scipy.io import savemat
from scipy.ndimage import gaussian_filter

from saliency_playground.toy import make_toy

@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> tuple[dict[str, Image.Image], pd.DataFrame]:
    "The toy's pictures by name, and its looks at whole pixels, each place once."
    root = tmp_path_factory.mktemp("toy")
    make_toy(root, n_images=8)
    pictures = {path.stem: Image.open(path).convert("RGB") for path in sorted((root / "images").iterdir())}
    table = pd.read_csv(root / "fixations.csv", dtype={"image_id": str})
    looks = table.assign(image=table.image_id, x=table.x.astype(int), y=table.y.astype(int))
    return pictures, looks[["image", "observer", "x", "y"]].drop_duplicates(["image", "x", "y"])


def _blurred(looks: pd.DataFrame, size: tuple[int, int], sigma: float) -> np.ndarray:
    "A map of 8 bits of looks on an image of this (height, width)."
    counts = np.zeros(size)
    np.add.at(counts, (looks.y, looks.x), 1)
    blurred = gaussian_filter(counts, sigma)
    return np.round(blurred / blurred.max() * 255).astype(np.uint8)


def write_salicon(folder: Path, toy) -> pd.DataFrame:
    "SALICON as its three archives unpack: workers of a struct, places counted from 1; one worker saw nothing."
    pictures, looks = toy
    names = {name: f"COCO_{'train' if i < 5 else 'val'}2014_{i + 9:012d}" for i, name in enumerate(pictures)}
    for name, stem in names.items():
        split, mine = stem[5:].partition("2014")[0], looks[looks.image == name]
        workers = [of_one for _, of_one in mine.groupby("observer")]
        gaze = np.zeros((len(workers) + 1, 1), [("location", object), ("timestamp", object), ("fixations", object)])
        for k, of_one in enumerate([*workers, mine[:0]]):
            places = np.stack([of_one.x + 1, of_one.y + 1], axis=1)
            gaze[k, 0] = (np.repeat(places, 3, axis=0), np.arange(3.0 * len(places))[:, None],
                          places.astype(np.uint16) if len(places) else np.zeros((0, 0)))
        for kind in ("images", "fixations", "maps"):
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
        pictures[name].save(folder / "images" / split / f"{stem}.jpg")
        width, height = pictures[name].size
        savemat(folder / "fixations" / split / f"{stem}.mat",
                {"image": stem, "resolution": np.array([[height, width]]), "gaze": gaze})
        Image.fromarray(_blurred(mine, (height, width), 9)).save(folder / "maps" / split / f"{stem}.png")
    (folder / "images/test").mkdir()
    Image.radial_gradient("L").save(folder / "images/test/COCO_test2014_000000000001.jpg")
    return looks.assign(image=looks.image.map(names))


def write_tobii(folder: Path, toy) -> pd.DataFrame:
    "Tobii Pro Lab's export of samples: UTF-16, decimal commas, microseconds, a cross before each picture, events."
    pictures, looks = toy
    head = ["Recording timestamp", "Sensor", "Participant name", "Recording name", "Event", "Event value",
            "Gaze point X", "Gaze point Y", "Pupil diameter left", "Validity left", "Presented Stimulus name",
            "Presented Media name", "Presented Media width", "Presented Media height",
            "Presented Media position X (DACSpx)", "Presented Media position Y (DACSpx)", "Original Media width",
            "Original Media height", "Recording resolution height", "Recording resolution width", "Eye movement type",
            "Gaze event duration", "Eye movement type index", "Fixation point X", "Fixation point Y"]
    (folder / "images").mkdir(parents=True)
    for name, picture in pictures.items():
        picture.save(folder / "images" / f"{name}.png")
    with open(folder / "Free viewing.tsv", "w", encoding="utf-16", newline="") as file:
        out = csv.DictWriter(file, head, restval="", delimiter="\t", lineterminator="\r\n")
        out.writeheader()
        for n, (observer, of_one) in enumerate(looks.groupby("observer")):
            stamp, index = 5_000_000, 0
            who = {"Participant name": observer, "Recording name": f"Recording{n + 1}",
                   "Recording resolution height": 1080, "Recording resolution width": 1920}
            for name, of_image in of_one.groupby("image"):
                width, height = (2 * side for side in pictures[name].size)                # shown twice its size
                left, top = (1920 - width) // 2, (1080 - height) // 2
                shown = {"Presented Stimulus name": name, "Presented Media name": f"{name}.png",
                         "Presented Media width": width, "Presented Media height": height,
                         "Presented Media position X (DACSpx)": left, "Presented Media position Y (DACSpx)": top,
                         "Original Media width": width // 2, "Original Media height": height // 2}
                cross = {"Presented Stimulus name": "cross", "Presented Media name": "cross.png"}
                out.writerow({**who, "Recording timestamp": stamp, "Event": "ImageStimulusStart", "Event value": name})
                for x, y, place in [(960, 540, cross), *((left + 2 * x, top + 2 * y, shown) for x, y in zip(
                        of_image.x, of_image.y, strict=True))]:
                    index += 1
                    for kind, k in [("Fixation", k) for k in range(4)] + [("Saccade", 0)]:
                        row = {**who, **place, "Recording timestamp": stamp, "Sensor": "Eye Tracker",
                               "Gaze point X": x + k, "Gaze point Y": y - k, "Pupil diameter left": "3,21",
                               "Validity left": "Valid", "Eye movement type": kind, "Gaze event duration": 67,
                               "Eye movement type index": index}
                        if kind == "Fixation":
                            row |= {"Fixation point X": x, "Fixation point Y": y}
                        out.writerow(row)
                        stamp += 16_667
    return looks


def write_mit1003(folder: Path, toy) -> pd.DataFrame:
    "MIT1003 as its archives unpack: gaze of each subject, points and maps as JPEG, a stray file, a Mac's leftovers."
    pictures, looks = toy
    names = {name: f"i{i}_static_street_{'boston_' * 10 * (i == 1)}p{i}" for i, name in enumerate(pictures)}
    for kind in ("ALLSTIMULI", "ALLFIXATIONMAPS", "__MACOSX/ALLSTIMULI", "DatabaseCode"):
        (folder / kind).mkdir(parents=True)
    (folder / "DatabaseCode/checkFixations.m").write_text("% the authors' code\n")
    (folder / "ALLSTIMULI/.DS_Store").write_bytes(b"\0\0\0\1Bud1")
    for name, stem in names.items():
        mine, (width, height) = looks[looks.image == name], pictures[name].size
        pictures[name].save(folder / "ALLSTIMULI" / f"{stem}.jpeg", "JPEG")
        for place in ("ALLSTIMULI", "__MACOSX/ALLSTIMULI"):
            (folder / place / f"._{stem}.jpeg").write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X")
        points = np.zeros((height, width), np.uint8)
        points[mine.y, mine.x] = 255
        Image.fromarray(points).save(folder / "ALLFIXATIONMAPS" / f"{stem}_fixPts.jpg", quality=100)
        Image.fromarray(_blurred(mine, (height, width), 9)).save(folder / "ALLFIXATIONMAPS" / f"{stem}_fixMap.jpg")
        for observer, of_one in mine.groupby("observer"):
            gaze = np.zeros((1, 1), [("eyeData", object)])
            gaze[0, 0] = (np.repeat(np.stack([of_one.x + 1.0, of_one.y + 1.0], axis=1), 40, axis=0),)
            (folder / "DATA" / observer).mkdir(parents=True, exist_ok=True)
            savemat(folder / "DATA" / observer / f"{stem}.mat", {stem[:63]: {"DATA": gaze}}, long_field_names=True)
    Image.new("L", (320, 240)).save(folder / "ALLFIXATIONMAPS/i05june05_static_street_boston_p1010764fixPts.jpg")
    return looks.assign(image=looks.image.map(names))


def type_(line: str, folder: Path) -> tuple[int, str]:
    "Type a command in a folder, as in a window of 80 columns; its exit code and what it prints."
    done = subprocess.run([sys.executable, "-m", "saliency_playground", *shlex.split(line)[1:]], cwd=folder, text=True,
                          env={**os.environ, "COLUMNS": "80"}, capture_output=True, encoding="utf-8")
    return done.returncode, done.stdout + done.stderr


def said_commands(output: str) -> list[str]:
    "The commands that a text tells one to type, whole ones, a command broken by `\\` in one line."
    whole = re.sub(r"\s*\\\n\s+", " ", output)
    return re.findall(r"(?:^|: )\s*(saliency-playground .+)$", whole, re.MULTILINE)


def expected(looks: pd.DataFrame, sizes: dict[str, tuple[int, int]]) -> dict[str, list[float]]:
    "NSS and AUC of a centred Gaussian of 0.22 of width and height, for each image, by their definitions."
    scores = {}
    for image, mine in looks.groupby("image"):
        height, width = sizes[image]
        y, x = ((np.arange(n) - (n - 1) / 2) / (0.22 * n) for n in (height, width))
        log = np.round(-(y[:, None] ** 2 + x[None] ** 2) / 2, 9)                          # mirrored places are equal
        bump = np.exp(log)
        ranks, at = np.sort(log.ravel()), log[mine.y, mine.x]
        below = (np.searchsorted(ranks, at, "left") + np.searchsorted(ranks, at, "right")) / 2
        scores[image] = [np.mean((bump[mine.y, mine.x] - bump.mean()) / bump.std()), np.mean(below / log.size)]
    return scores


@pytest.mark.parametrize("name, write, opened", [("SALICON", write_salicon, "opened as salicon"),
                                                 ("study", write_tobii, "is an export of a tracker"),
                                                 ("MIT1003", write_mit1003, "opened as mit1003")])
def test_a_folder_to_its_leaderboard(name, write, opened, toy, tmp_path):
    "`init`, and from then on only what was said to type: the scores are those of what the folder was made of."
    looks = write(tmp_path / name, toy)
    looked_at, doctor = type_(f"saliency-playground doctor {name}", tmp_path)
    assert opened in " ".join(doctor.split()) and "Traceback" not in doctor, doctor
    typed = [f"saliency-playground init {name}"]
    while not typed[-1].startswith("saliency-playground report"):
        code, said = type_(typed[-1], tmp_path)
        assert "Traceback" not in said and all(len(line) <= 80 for line in said.splitlines() if "datasets=" not in line)
        following = [line for line in said_commands(said) if "--set" not in line]
        if " init " in typed[-1]:
            assert code == int(len(following) > 1), said                      # 1: something is to be done before a run
            waiting = following
        else:
            assert code == 0, said
            waiting = [*waiting[1:], *(following if " run " in typed[-1] else [])]
        typed.append(waiting[0])
        assert len(typed) < 6, typed
    code, board = type_(typed[-1], tmp_path)
    assert code == 0 and "center_bias" in board and f"mean over {looks.image.nunique()} " in board, board

    scores = pd.read_csv(tmp_path / "outputs" / name / f"{name}__center_bias.csv", dtype={"image_id": str})
    scores = scores.set_index("image_id").dropna(subset="NSS")
    pictures, originals = toy
    sizes = {image: pictures[own].size[::-1] for image, own in zip(looks.image, originals.image, strict=True)}
    right = expected(looks, sizes)
    assert set(scores.index) == set(right)
    for image, (nss, auc) in right.items():
        assert scores.NSS[image] == pytest.approx(nss, abs=1e-4) and scores.AUC[image] == pytest.approx(auc, abs=1e-3)
    said = type_(f"saliency-playground doctor {name}.yaml", tmp_path)[1]
    assert f"{len(looks):,} on {looks.image.nunique()} images" in " ".join(said.split()), said
    if name == "MIT1003":                           # pooled; the doctor says what finds each observer's fixations
        (command,) = re.findall("`(saliency-playground convert .*?)`", " ".join(doctor.split()))
        code, said = type_(command, tmp_path)
        assert code == 0, said
        found = pd.read_csv(tmp_path / "mit1003_fixations/fixations.csv")
        near = found.merge(looks, left_on=["image_id", "observer"], right_on=["image", "observer"])
        near["apart"] = np.hypot(near.x_x - near.x_y, near.y_x - near.y_y)
        assert near.groupby(["image_id", "observer", "t"]).apart.min().max() < 4 and len(found) > 0.9 * len(looks)
        said = type_("saliency-playground doctor mit1003_fixations", tmp_path)[1]
    assert re.search(rf"observers +{looks.observer.nunique()};", said), said
