"""Exports of eye trackers: each painted one ends in its truth; damaged and strange ones are refused in a sentence."""
import gzip
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from saliency_playground import files, images
from saliency_playground.datasets.csv_indexed import CsvIndexed
from saliency_playground.errors import PlaygroundError, refusal
from saliency_playground.trackers import convert, read_export, recognise
from saliency_playground.trackers.detect import idt, ivt
from saliency_playground.trackers.examples import EXAMPLES, SCREEN, Look, paint_looks

SIZES = {"woods.png": (320, 240), "sea.png": (300, 300), "night.png": (240, 320)}
LOOKS = paint_looks(SIZES)
TEXTS = [name for name in EXAMPLES if name not in ("iohub", "bids")]


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stimuli")
    for name, (width, height) in SIZES.items():
        files.write_bytes(folder / name, images.png_bytes(np.zeros((height, width, 3), np.uint8)))
    return folder


def painted(name: str, folder: Path, looks: list[Look] = LOOKS) -> list[Path]:
    return EXAMPLES[name].paint(folder, looks)


def rows_of(columns: dict) -> list[tuple]:
    return sorted(zip(*(columns[name] for name in ("observer", "image_id", "t", "x", "y", "duration")), strict=True))


def truth(name: str) -> list[tuple]:
    "What a reader must find; Core knows no moment at which a picture came on, its time starts with the first fixation."
    first = {(look.observer, look.image): look.t for look in reversed(LOOKS)} if name == "pupil_core" else {}
    return sorted((look.observer, Path(look.image).stem, look.t - first.get((look.observer, look.image), 0), look.x,
                   look.y, look.duration) for look in LOOKS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_export_ends_in_its_truth(name, tmp_path, stimuli):
    "To the rounding of the format, and of our table's thousandths."
    paths = painted(name, tmp_path)
    assert {recognise(path)[0] for path in paths} == {name}
    result = convert(paths, tmp_path / "lab", images=stimuli, **EXAMPLES[name].options)
    found, right = rows_of(result.columns()), truth(name)
    assert [row[:2] for row in found] == [row[:2] for row in right]
    numbers = np.array([row[2:] for row in found]) - np.array([row[2:] for row in right])
    assert np.abs(numbers[:, [0, 3]]).max() < 0.01                                            # t and duration, ms
    assert np.abs(numbers[:, 1:3]).max() <= EXAMPLES[name].digits + 0.0005 + 1e-9
    opened = CsvIndexed(tmp_path / "lab/fixations.csv", images_dir=stimuli)
    assert sum(len(sample.fixations or ()) for sample in opened) == len(LOOKS)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_each_text_in_another_encoding(name, encoding, tmp_path, stimuli):
    paths = painted(name, tmp_path)
    for path in paths:
        path.write_bytes(path.read_bytes().decode().replace("\n", "\r\n").encode(encoding))
    found = read_export(paths, images=stimuli, **EXAMPLES[name].options)
    assert len(found) == len(LOOKS)


def edited(paths: list[Path], change) -> list[Path]:
    for path in paths:
        data = path.read_bytes()
        packed = data[:2] == b"\x1f\x8b"
        text = change((gzip.decompress(data) if packed else data).decode())
        path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return paths


@pytest.mark.parametrize("name", [*TEXTS, "bids"])
def test_cut_in_the_middle_of_a_line(name, tmp_path, stimuli):
    "The last line that holds a fixation is cut in half: refused with its line, never read as another place."
    def cut(text: str) -> str:
        lines = text.splitlines(keepends=True)
        marks = {"eyelink_asc": "EFIX", "smi": "Fixation", "bids": "fixation"}
        last = max(i for i, line in enumerate(lines) if marks.get(name, "") in line)
        return "".join(lines[:last]) + lines[last][:len(lines[last]) // 2]
    paths = edited(painted(name, tmp_path), cut)
    message = refusal(read_export, paths, images=stimuli, **EXAMPLES[name].options)
    assert re.search(r"line \d+|values", message), message


@pytest.mark.parametrize("name", EXAMPLES)
def test_another_trackers_file(name, tmp_path, stimuli):
    "Given to the wrong reader by name, it is refused; nothing is made of columns that are not there."
    other = "tobii" if name != "tobii" else "gazepoint"
    paths = painted(other, tmp_path)
    refusal(read_export, paths, tracker=name, images=stimuli, screen=SCREEN, shown="centre")


@pytest.mark.parametrize("name", TEXTS)
def test_no_fixation(name, tmp_path, stimuli):
    "A whole file in which nobody looked at anything."
    def without(text: str) -> str:
        if name == "eyelink_asc":
            return "".join(line for line in text.splitlines(keepends=True) if not re.match(r"[ES]FIX|\d", line))
        if name == "smi":
            return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("Fixation"))
        return text.splitlines(keepends=True)[0]
    message = refusal(read_export, edited(painted(name, tmp_path), without), images=stimuli, **EXAMPLES[name].options)
    assert re.search("no fixation|no row|there is not", message), message


@pytest.mark.parametrize("name,left,right", [("eyelink_asc", "EFIX R", "EFIX L"), ("eyelink_report", "RIGHT", "LEFT"),
                                             ("smi", "Fixation R", "Fixation L"), ("begaze", "\tRight\t", "\tLeft\t")])
def test_two_eyes(name, left, right, tmp_path, stimuli):
    "Both eyes would count each look twice; one of them is the truth."
    def both(text: str) -> str:
        lines = text.splitlines(keepends=True)
        twins = [[line, line.replace(left, right) if left in line else line.replace(right, left)]
                 if left in line or right in line else [line] for line in lines]
        return "".join(line for twin in twins for line in twin)
    paths = edited(painted(name, tmp_path), both)
    given = {"images": stimuli, **EXAMPLES[name].options}
    assert "--eye left" in refusal(read_export, paths, **given)
    assert len(read_export(paths, eye="left", **given)) == len(read_export(paths, eye="right", **given)) == len(LOOKS)


def test_a_file_for_each_eye(tmp_path, stimuli):
    "BIDS keeps the eyes apart, in files of one subject."
    paths = painted("bids", tmp_path)
    for path in list(tmp_path.glob("*recording-eye1*")):
        twin = path.with_name(path.name.replace("eye1", "eye2"))
        twin.write_bytes(path.read_bytes().replace(b'"right"', b'"left"'))
    paths += [path.with_name(path.name.replace("eye1", "eye2")) for path in paths]
    for path in paths:                                     # not the same bytes: that would be another refusal
        text = gzip.decompress(path.read_bytes()).decode() + f"900000\tn/a\tn/a\t{path.name}\n"
        path.write_bytes(gzip.compress(text.encode()))
    given = {"images": stimuli, **EXAMPLES["bids"].options}
    assert "both eyes of ann" in refusal(read_export, paths, **given)
    assert len(read_export(paths, eye="left", **given)) == len(read_export(paths, eye="right", **given)) == len(LOOKS)
    assert "Mend `--eye`" in refusal(read_export, paths[:2], eye="left", **given)


@pytest.mark.parametrize("name,column", [("eyelink_report", "image"), ("tobii", "Presented Stimulus name"),
                                         ("gazepoint", "MEDIA_NAME"), ("begaze", "Stimulus")])
def test_no_column_of_pictures(name, column, tmp_path, stimuli):
    def renamed(text: str) -> str:
        first, rest = text.split("\n", 1)
        return first.replace(column, "zzz") + "\n" + rest
    paths = edited(painted(name, tmp_path), renamed)
    given = {"images": stimuli, **EXAMPLES[name].options}
    assert "--image NAME" in refusal(read_export, paths, **given)
    found = read_export(paths, columns={"image_id": "zzz"}, **given).columns()
    assert set(found["image_id"]) == {"woods", "sea", "night"}


@pytest.mark.parametrize("name", ["eyelink_asc", "smi", "bids"])
def test_no_message_names_a_picture(name, tmp_path, stimuli):
    paths = edited(painted(name, tmp_path), lambda text: text.replace(".png", ""))
    given = {"images": stimuli, **EXAMPLES[name].options}
    if name == "eyelink_asc":                              # IMGLOAD names it, with or without a suffix, and its place
        assert len(read_export(paths, **given)) == len(LOOKS)
        given["shown"] = "centre"
        paths = edited(paths, lambda text: text.replace("!V IMGLOAD", "!V SHOW"))
    assert "--image-message" in refusal(read_export, paths, **given)
    pattern = r"(woods|sea|night)\b"
    assert len(read_export(paths, image_message=pattern, **given)) == len(LOOKS)


@pytest.mark.parametrize("name", ["eyelink_asc", "eyelink_report", "tobii", "begaze", "gazepoint", "bids"])
def test_time_that_goes_back(name, tmp_path, stimuli):
    "Two neighbouring fixations of a trial change places."
    def swapped(text: str) -> str:
        lines = text.splitlines(keepends=True)
        inside = {"eyelink_asc": r"EFIX .*\t  812$", "tobii": r".*Fixation\t\d+\t[23]\t\d,\d{4}\t",
                  "bids": ".*fixation", "begaze": r".*\tFixation\t.*-$"}.get(name, r".*\d")
        rows = [i for i, line in enumerate(lines[1:], start=1) if re.match(inside, line.rstrip("\n"))]
        if name == "tobii":                                # all rows of two fixations
            rows = [i for i in rows if "\tann\t" in lines[i]]
            block = lines[rows[0]:rows[-1] + 1]
            second = next(i for i, line in enumerate(block) if "\t3\t" in line)
            return "".join([*lines[:rows[0]], *block[second:], *block[:second], *lines[rows[-1] + 1:]])
        lines[rows[1]], lines[rows[2]] = lines[rows[2]], lines[rows[1]]
        return "".join(lines)
    paths = edited(painted(name, tmp_path), swapped)
    assert "time goes back" in refusal(read_export, paths, images=stimuli, **EXAMPLES[name].options)


@pytest.mark.parametrize("name", TEXTS)
def test_unknown_encoding(name, tmp_path, stimuli):
    paths = painted(name, tmp_path)
    for path in paths:
        path.write_bytes(path.read_bytes()[:40] + b"\x81\x8d\x01\x02" + path.read_bytes()[40:])
    message = refusal(read_export, paths, images=stimuli, **EXAMPLES[name].options)
    assert re.search("encoding|UTF-8|text", message), message


def test_samples_alone_are_refused_and_found_by_velocity(tmp_path, stimuli):
    "A BIDS recording without its events: the samples say how many a second, and hold the same fixations."
    paths = painted("bids", tmp_path)
    for path in paths:
        path.unlink()
    samples = [path.with_name(path.name.replace("physioevents", "physio")) for path in paths]
    given = {"images": stimuli, "shown": "centre"}
    looks = [look for look in LOOKS if look.observer == "ann" and look.trial == 1]
    assert "about 500 a second" in refusal(read_export, samples[0], image=looks[0].image, **given)
    found = read_export(samples[0], image=looks[0].image, detect="idt", px_per_dva=30, dispersion=0.1, outside="keep",
                        **given)
    assert any("I-DT within 0.1 degrees" in note for note in found.recording.notes)
    clock = [10_000 * look.trial + look.t - 9_900 for look in LOOKS if look.observer == "ann"]   # from the first sample
    starts = np.array(found.columns()["t"])
    assert all(np.abs(starts - t).min() <= 2 for t in clock)


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    "The bytes of a file, hurt in one of six ways."
    a, b = sorted(int(k) for k in rng.integers(0, max(1, len(data)), 2))
    way = int(rng.integers(6))
    if way == 0:
        return data[:a]
    if way == 1:
        return data[:a] + bytes(rng.integers(0, 256, int(rng.integers(1, 20)), dtype=np.uint8)) + data[a:]
    if way == 2:
        return data[:a] + data[min(b, a + 400):]
    if way == 3:
        lines = data.split(b"\n")
        rng.shuffle(lines)
        return b"\n".join(lines)
    if way == 4:
        return data[:b] + data[a:]
    return data.replace(*[(b"1", b","), (b"\t", b" "), (b".", b""), (b"\n", b"\r"), (b"0", b"9e99"),
                          (b"1", b"nan")][int(rng.integers(6))])


@pytest.mark.parametrize("name", EXAMPLES)
def test_damage(name, tmp_path, stimuli):
    "Whatever happened to a file: fixations inside their pictures, or a sentence."
    rng = np.random.default_rng(len(name))
    looks = LOOKS[:6] + LOOKS[18:24]
    paths = painted(name, tmp_path, looks)
    good = paths[0].read_bytes()
    for _ in range(30):
        paths[0].write_bytes(damaged(good, rng))
        try:
            found = read_export(paths[0], images=stimuli, **EXAMPLES[name].options).columns()
        except PlaygroundError as error:
            assert len(str(error)) < 700 and "\n" not in str(error)
            continue
        sizes = {Path(image).stem: size for image, size in SIZES.items()}
        assert all(0 <= x < sizes[image][0] and 0 <= y < sizes[image][1] for image, x, y in zip(
            found["image_id"], found["x"], found["y"], strict=True))


def test_an_hdf5_file_of_something_else(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros(3)
    assert "no fixation" in refusal(read_export, tmp_path / "other.h5", screen=SCREEN)


def test_by_velocity_as_pymovements():
    "The same fixations as the other implementation of I-VT, which counts a fixation to its last sample's beginning."
    pymovements = pytest.importorskip("pymovements", reason="allowed on this system: it has no pymovements")
    rng, t = np.random.default_rng(1), np.arange(300) * 4
    for _ in range(50):
        x, y = (np.cumsum(rng.normal(0, 80, 300) * (rng.random(300) < 0.1)) + rng.normal(0, 2, 300) for _ in "xy")
        speed = np.hypot(np.diff(x), np.diff(y)) / 4 * 1000
        speed = np.concatenate([speed[:1], speed])
        theirs = pymovements.events.ivt(np.stack([speed, 0 * speed], axis=1), timesteps=t, minimum_duration=60,
                                        velocity_threshold=2500).frame
        ours = ivt(x, y, t, velocity=2500, min_duration=64)
        assert [(4 * a, 4 * (b - 1)) for a, b in ours] == list(zip(theirs["onset"], theirs["offset"], strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_by_dispersion_as_the_words_say(seed):
    "Salvucci and Goldberg's I-DT, written out slowly: every window is measured anew."
    rng, t = np.random.default_rng(seed), np.arange(200) * 4.0
    x, y = (np.cumsum(rng.normal(0, 80, 200) * (rng.random(200) < 0.1)) + rng.normal(0, 2, 200) for _ in "xy")
    def spread(a: int, b: int) -> float:
        return float(np.ptp(x[a:b]) + np.ptp(y[a:b]))
    right, first = [], 0
    while first + 15 <= 200:                               # fifteen samples of 4 ms are 60 ms
        if spread(first, first + 15) > 40:
            first += 1
            continue
        last = first + 15
        while last < 200 and spread(first, last + 1) <= 40:
            last += 1
        right.append((first, last))
        first = last
    assert idt(x, y, t, dispersion=40, min_duration=60) == right
