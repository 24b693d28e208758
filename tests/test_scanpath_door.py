"""Generated paths as people really have them: each file is read to the painted paths, refused with what is wrong, or
spoken of.

Four images of four sizes, four painted paths of eight fixations each; every case below is a distortion of their table,
made by formula.
"""
import csv
import io
import json
import unicodedata
from typing import Any

import numpy as np
import pytest

from saliency_playground.bench.config import load_config
from saliency_playground.bench.generated_paths import people_of, score_generated
from saliency_playground.bench.next_fixation import scored_paths
from saliency_playground.bench.run import run
from saliency_playground.core import Fixations, as_dataset
from saliency_playground.errors import ConfigError, refusal
from saliency_playground.models.scanpath_base import ScanpathModel, history_of
from saliency_playground.registry import create
from saliency_playground.toy import make_toy

SIZES = {"0001": (800, 600), "0002": (600, 800), "0003": (1024, 768), "set/0004": (640, 480)}       # width, height
HEAD = ["image_id", "sample", "x", "y", "duration"]


def painted(seed=5, n_paths=4, length=8):
    "Paths over four things on each image: x, y with one decimal, and milliseconds."
    rng, paths = np.random.default_rng(seed), {}
    for name, size in SIZES.items():
        things = rng.uniform((0.1, 0.1), (0.9, 0.9), (4, 2)) * size
        for _ in range(n_paths):
            places = things[rng.integers(4, size=length)] + rng.normal(0, 25, (length, 2))
            path = np.column_stack([np.clip(places, 3, np.subtract(size, 4)).round(1), rng.integers(120, 420, length)])
            paths.setdefault(name, []).append(path)
    return paths


PATHS = painted()
ROWS = [[name, str(k), float(x), float(y), int(ms)] for name, own in PATHS.items() for k, path in enumerate(own)
        for x, y, ms in path]
COUNTED = [[*row[:2], i % 8, *row[2:]] for i, row in enumerate(ROWS)]
SHUFFLED = [COUNTED[i] for i in np.random.default_rng(1).permutation(len(ROWS))]
WITH_ORDER = ["image_id", "sample", "order", "x", "y", "duration"]


def text(rows=None, head=HEAD, separator=",", ends="\n", **how):
    "The table as text."
    file = io.StringIO()
    csv.writer(file, delimiter=separator, lineterminator=ends, **how).writerows(
        [*([head] if head else []), *(ROWS if rows is None else rows)])
    return file.getvalue()


def each(change):
    "The rows, each changed by its number."
    return text([change(list(row), i) for i, row in enumerate(ROWS)])


def moved(change):
    "The rows with x, y = change(x, y, width, height)."
    return each(lambda row, i: [*row[:2], *change(row[2], row[3], *SIZES[row[0]]), *row[4:]])


def listed(change=lambda entry, name: entry):
    "The paths as a JSON list, each entry changed."
    entries = [change({"name": f"{name}.jpg", "subject": k, "X": path[:, 0].tolist(), "Y": path[:, 1].tolist(),
                       "T": path[:, 2].tolist(), "length": len(path)}, name)
               for name, own in PATHS.items() for k, path in enumerate(own)]
    return json.dumps(entries)


def extended(entry, x, y, ms, n=2):
    "An entry with n more fixations at its end."
    return entry | {"X": entry["X"] + [x] * n, "Y": entry["Y"] + [y] * n, "T": entry["T"] + [ms] * n,
                    "length": entry["length"] + n}


def looked_at(ids=None, **columns):
    "The images, looked at by five people; columns: of their fixations, None leaves one out."
    samples = []
    for name, paths in painted(seed=9, n_paths=5, length=6).items():
        x, y, ms = np.concatenate(paths).T
        known = {"observer": np.repeat(list("abcde"), 6), "order": np.tile(np.arange(6), 5), "duration": ms} | columns
        width, height = SIZES[name]
        samples.append({"image_id": (ids or {}).get(name, name), "image": np.full((height, width, 3), 90, np.uint8),
                        "fixations": Fixations(x, y, **known)})
    return as_dataset(samples)


PEOPLE = looked_at()


def opened(folder, content, dataset=PEOPLE, file="", **options):
    "The paths in a file, by image, and what is said of them."
    file = folder / (file or ("drawn.json" if isinstance(content, str) and content.startswith("[") else "drawn.csv"))
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    model: Any = create("model", "scanpath_files", path=str(file), **options)
    model.bind(dataset)
    return model.paths, list(map(str, model.findings()))


def check_paths(found, ids=None, timed=True, tolerance=1e-6):
    "Each image has exactly the painted paths, in any order."
    assert sorted(found) == sorted((ids or {}).get(name, name) for name in PATHS)
    for name, own in PATHS.items():
        seen = sorted(([one.x, one.y, *([one.duration] if timed else [])]
                       for one in found[(ids or {}).get(name, name)]), key=lambda one: one[0][0])
        wanted = sorted(own, key=lambda path: path[0, 0])
        assert len(seen) == len(wanted)
        assert all(np.allclose(np.column_stack(a), b[:, :3 if timed else 2], atol=tolerance, rtol=0)
                   for a, b in zip(seen, wanted, strict=True)), name


def comma(row):
    "A row with decimal commas."
    return [*row[:2], str(row[2]).replace(".", ","), str(row[3]).replace(".", ","), row[4]]


READ = {
    "a table": text(), "a list": listed(), "a mark of UTF-8": b"\xef\xbb\xbf" + text().encode(),
    "a list with a mark": b"\xef\xbb\xbf" + listed().encode(), "UTF-16": text().encode("utf-16"),
    "line ends of Windows": text(ends="\r\n"),
    "semicolons and decimal commas": text([comma(row) for row in ROWS], separator=";"),
    "decimal commas in quotes": text([comma(row) for row in ROWS], quoting=csv.QUOTE_ALL),
    "tabs": text(separator="\t"),
    "endings": each(lambda row, i: [f"{row[0]}.JPEG", *row[1:]]),
    "paths of another machine": listed(lambda e, name: e | {"name": "C:\\stim\\" + e["name"].replace("/", "\\")}),
    "names up and out": listed(lambda e, name: e | {"name": f"../../{e['name']}"}),
    "subjects of two types": listed(lambda e, name: e | {"subject": e["subject"] if e["subject"] % 2 else "ann"}),
    "an order": text(COUNTED, WITH_ORDER), "rows in disorder, and an order": text(SHUFFLED, WITH_ORDER),
    "an order from 1": text([[*row[:2], row[2] + 1, *row[3:]] for row in COUNTED], WITH_ORDER),
    "rows by step, and an order": text(sorted(COUNTED, key=lambda row: row[2]), WITH_ORDER),
    "rows by step, and a counter": text(sorted(COUNTED, key=lambda row: row[2]),
                                        ["image_id", "sample", "step", "x", "y", "duration"]),
    "a counter that agrees": text(COUNTED, ["image_id", "sample", "CURRENT_FIX_INDEX", "x", "y", "duration"]),
}


@pytest.mark.parametrize("case", READ)
def test_read_without_a_word(case, tmp_path):
    content = READ[case]
    paths, said = opened(tmp_path, content, file="drawn.json" if case == "a list with a mark" else "")
    check_paths(paths)
    assert said == []


TOLD: dict[str, tuple[str, dict[str, Any]]] = {
    "shares": (moved(lambda x, y, w, h: (x / w, y / h)), {"unit": "share"}),
    "another size": (moved(lambda x, y, w, h: (x * 512 / w, y * 384 / h)), {"shown": [0, 0, 512, 384]}),
    "half": (moved(lambda x, y, w, h: (x / 2, y / 2)), {"scale": 2}),
    "from 1": (moved(lambda x, y, w, h: (x + 1, y + 1)), {"index_base": 1}),
    "exchanged": (moved(lambda x, y, w, h: (y, x)), {"swap_xy": True}),
    "a screen": (moved(lambda x, y, w, h: (x + (1920 - w) / 2, y + (1080 - h) / 2)),
                 {"screen": [1920, 1080], "shown": "centre"}),
    "padding": (listed(lambda e, name: extended(e, 0, 0, 0)), {"lost": "zero"}),
    "another name": (text(SHUFFLED, ["image_id", "sample", "step", "x", "y", "duration"]),
                     {"columns": {"order": "step"}}),
}


@pytest.mark.parametrize("case", TOLD)
def test_read_as_it_is_told(case, tmp_path):
    content, options = TOLD[case]
    paths, said = opened(tmp_path, content, **options)
    check_paths(paths)
    lost = ["drawn.json: 32 points that are `lost` were left out of their paths."]
    assert said == (lost if case == "padding" else [])


def cumulated(entry, name):
    return entry | {"T": [0, *np.cumsum(entry["T"]).tolist()[:-1]]}


REFUSED = {
    "shares": (moved(lambda x, y, w, h: (x / w, y / h)), "unit: share"),
    "percent": (moved(lambda x, y, w, h: (100 * x / w, 100 * y / h)), "unit: percent"),
    "degrees": (moved(lambda x, y, w, h: ((x - w / 2) / 35, (y - h / 2) / 35)), "degrees"),
    "from the middle": (moved(lambda x, y, w, h: (x - w / 2, h / 2 - y)), "origin: centre"),
    "exchanged": (moved(lambda x, y, w, h: (y, x)), "swap_xy: true"),
    "half": (moved(lambda x, y, w, h: (x / 2, y / 2)), "scale: 2"),
    "double": (moved(lambda x, y, w, h: (2 * x, 2 * y)), "scale: 0.5"),
    "512 wide": (moved(lambda x, y, w, h: (x * 512 / w, y * 384 / h)), r"shown: [0, 0, 512, 384]"),
    "224 wide": (moved(lambda x, y, w, h: (x * 224 / w, y * 224 / h)), r"shown: [0, 0, 224, 224]"),
    "elsewhere": (moved(lambda x, y, w, h: (x + 5000, y)), "128 of 128 fixations lie outside"),
    "padding of 0": (listed(lambda e, name: extended(e, 0, 0, 0)), "lost: zero"),
    "padding of -1": (listed(lambda e, name: extended(e, -1, -1, 0)), "lost: minus_one"),
    "padding of 1": (listed(lambda e, name: extended(e, 1, 1, 1)), "lost: [1, 1]"),
    "seconds": (each(lambda row, i: [*row[:4], row[4] / 1000]), "seconds?"),
    "microseconds": (each(lambda row, i: [*row[:4], row[4] * 1000]), "microseconds?"),
    "times": (listed(cumulated), "times at which fixations began"),
    "below no time": (each(lambda row, i: [*row[:4], -row[4] if i == 3 else row[4]]), "less than no time"),
    "disorder, another name": (text(SHUFFLED, ["image_id", "sample", "fix_nr", "x", "y", "duration"]),
                               "order: 'fix_nr'"),
    "disorder, and times": (text(SHUFFLED, ["image_id", "sample", "onset", "x", "y", "duration"]), "order: 'onset'"),
    "disorder": (text([[*row[:2], *row[3:]] for row in SHUFFLED]), "line 4: rows of the path that began in line 2"),
    "an order taken twice": (text([[*row[:2], min(row[2], 6), *row[3:]] for row in COUNTED], WITH_ORDER),
                             "lines 8 and 9: both are fixation 6"),
    "an empty order": (text([[*row[:2], "" if i == 4 else row[2], *row[3:]] for i, row in enumerate(COUNTED)],
                            WITH_ORDER), "line 6: order is empty"),
    "two paths of one label": (text([[row[0], int(row[1]) // 2, *row[2:]] for row in COUNTED], WITH_ORDER),
                               "both are fixation 0"),
    "two files in one": (text() + text(head=None), "line 130: rows of the path that began in line 2"),
    "two files in one, rows numbered": (text([[row[0], row[1], i, *row[2:]] for i, row in enumerate(ROWS + ROWS)],
                                             ["image_id", "sample", "id", "x", "y", "duration"]), "line 130: rows"),
    "two models": (text([[who, *row] for who in "AB" for row in ROWS], ["model", *HEAD]), "the column model"),
    "samples of each person": (text([[who, *row] for row in ROWS for who in "uv"], ["Subject", *HEAD]),
                               "the column Subject"),
    "no sample": (text(head=["image_id", "trial", "x", "y", "duration"]), "columns: {sample: 'trial'}"),
    "no row": (text([]), "no row"),
    "two names of an image": (each(lambda row, i: [row[0] + ".png" * (int(row[1]) % 2), *row[1:]]), "both mean"),
    "two tasks on an image": (json.dumps([entry | {"task": task} for task in ("cup", "car")
                                          for entry in json.loads(listed())]), "task cup"),
    "a folder that ends alike": (listed(lambda e, name: e | {"name": e["name"].replace("set/", "offset/")}),
                                 "offset/0004.jpg"),
    "numbers that lost their zeros": (each(lambda row, i: [int(row[0][-4:]), *row[1:]]), "look like '0001'"),
    "a key twice": (listed().replace('"X":', '"X": [1, 2], "X":', 1), "the key 'X' twice"),
    "a list cut short": (listed()[:-30], "not whole"),
    "other lengths": (listed(lambda e, name: e | {"T": e["T"][1:]}), "T has 7"),
    "a length of text": (listed(lambda e, name: e | {"length": "5"}), "length has 5"),
    "one level deeper": (f"[{listed()}]", "not an object"),
    "a gap": (each(lambda row, i: [*row[:2], "" if i == 9 else row[2], *row[3:]]),
              "path 2 of 4 has no place for fixation 2"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_what_to_do(case, tmp_path):
    content, words = REFUSED[case]
    refusal(opened, tmp_path, content, saying=words)


SAID = {
    "durations of another name": (text(head=[*HEAD[:4], "FPOGD"]), "FPOGD is not used"),
    "durations of another key": (listed().replace('"T":', '"t":'), "nothing reads 't'"),
    "no durations in some": (listed(lambda e, name: e | ({"T": None} if e["subject"] else {})), "12 of 16 paths have"),
    "durations of 0": (each(lambda row, i: [*row[:4], 0]), "all durations are 0"),
    "rows left out": (text([row for row in COUNTED if row[2] != 3], WITH_ORDER), "leaves out numbers"),
    "rows twice": (text([row for row in ROWS for _ in "ab"]), "128 of 256 fixations are exactly where"),
    "paths twice": (text(ROWS + [[row[0], f"again {row[1]}", *row[2:]] for row in ROWS]),
                    "16 of 32 paths are an exact copy"),
    "fixations for paths": (each(lambda row, i: [row[0], i, *row[2:]]), "each of the 128 paths has one fixation"),
    "one for all": (listed(lambda e, name: e | {"X": PATHS["set/0004"][e["subject"]][:, 0].tolist(),
                                                "Y": PATHS["set/0004"][e["subject"]][:, 1].tolist()}),
                    "4 of 4 images have exactly the paths"),
    "beyond the edge": (text(ROWS + [[name, "9", width, height - k, 200] for name, (width, height) in SIZES.items()
                                     for k in range(3)]), "index_base: 1"),
    "far out": (each(lambda row, i: [*row[:2], 1e5 if i == 4 else row[2], *row[3:]]),
                "1 of 128 fixations lies outside"),
    "other columns": (text([[*row, "face"] for row in ROWS], [*HEAD, "aoi"]), "nothing reads the columns aoi"),
    "fewer on some": (text([row for row in ROWS if row[0] != "0002" or row[1] == "0"]), "images have 1 to 4 paths"),
}


@pytest.mark.parametrize("case", SAID)
def test_read_and_spoken_of(case, tmp_path):
    content, words = SAID[case]
    _, said = opened(tmp_path, content)
    assert any(words in line for line in said), said
    assert not any("left out" in line for line in said)                      # nothing is


def test_a_dropped_image_is_named(tmp_path):
    paths, said = opened(tmp_path, text([*ROWS, ["9999", "0", 1, 2, 100]]), extra="drop")
    check_paths(paths)
    assert said == ["drawn.csv: 1 of 5 images is none of the dataset's, and left out: 9999."]


def test_names_in_both_forms_of_unicode(tmp_path):
    plain = {"0001": "B\u00e4r", "0002": "b", "0003": "B2", "set/0004": "c"}
    apart = {name: unicodedata.normalize("NFD", image_id) for name, image_id in plain.items()}
    for ours, theirs in ((plain, apart), (apart, plain), (apart, apart)):
        content = each(lambda row, i, names=theirs: [names[row[0]], *row[1:]])
        check_paths(opened(tmp_path, content, looked_at(ours))[0], ours)


def test_a_task_that_the_dataset_has_not(tmp_path):
    ids = {name: f"cup/{name[-4:]}" for name in SIZES}
    content = json.dumps([entry | {"task": task, "name": entry["name"][-8:]} for task in ("cup", "car")
                          for entry in json.loads(listed())])
    refusal(opened, tmp_path, content, looked_at(ids), saying="(task car)")
    check_paths(opened(tmp_path, content, looked_at(ids), extra="drop")[0], ids)


def test_pixels_as_they_stand_are_not_asked_again(tmp_path):
    paths, said = opened(tmp_path, moved(lambda x, y, w, h: (x / 2, y / 2)), unit="px")
    assert np.allclose(paths["0001"][0].x, PATHS["0001"][0][:, 0] / 2) and len(said) == 1


def test_a_file_twice_in_a_folder(tmp_path):
    for name in ("drawn.csv", "drawn (1).csv"):
        (tmp_path / name).write_text(text())
    model = create("model", "scanpath_files", path=str(tmp_path))
    model.bind(PEOPLE)
    assert "16 of 32 paths are an exact copy" in str(model.findings()[0])


# ---- from Python ----

@pytest.mark.parametrize("change,words", [
    (lambda path, size: path / [*size, 1], "within the first pixel"), (lambda path, size: path[:, [1, 0, 2]], "y, x"),
    (lambda path, size: path * [0.5, 0.5, 1], "half the size"), (lambda path, size: path * [1, 1, 0.001], "seconds?"),
    (lambda path, size: path + [9000, 0, 0], "outside their images")])
def test_arrays_that_are_no_pixels(change, words):
    samples = {name: [change(path, SIZES[name]) for path in own] for name, own in PATHS.items()}
    refusal(score_generated, samples, PEOPLE, ["dtw"], saying=words)


def test_nothing_to_score_is_an_error():
    for samples in ({}, {name: [] for name in SIZES}, [PATHS["0001"]]):
        refusal(score_generated, samples, PEOPLE, saying="{image id: [path, …]}")
    refusal(score_generated, PATHS, looked_at(order=None), saying="no order")
    refusal(score_generated, PATHS, PEOPLE, seed="a", saying="a seed")
    refusal(score_generated, PATHS, PEOPLE, count=0, saying="from 1")


def test_time_is_never_left_out_silently():
    "Without durations of people, or of paths, what compares time has no value, and says why."
    untimed = {name: [path[:, :2] for path in own] for name, own in PATHS.items()}
    unknown = {name: [path * [1, 1, np.nan] for path in own] for name, own in PATHS.items()}
    for samples, dataset in ((PATHS, looked_at(duration=None)), (untimed, PEOPLE), (unknown, PEOPLE)):
        found = score_generated(samples, dataset, ["multimatch", "scanmatch_time", "scanmatch"])
        means = {row["metric"]: row["mean"] for row in found.summary()}
        assert np.isnan([means["mm_duration"], means["scanmatch_time"]]).all()
        assert np.isfinite([means["mm_vector"], means["scanmatch"]]).all()
        assert found.samples[0]["undefined"].startswith("mm_duration, scanmatch_time: ")


def test_a_history_may_be_written_into():
    [path] = looked_at()[0].fixations.of("a").scanpaths().values()
    before = path.x.copy()
    for steps in (None, 2):
        history_of(path, 4, steps).x[:] = -1
    assert np.array_equal(path.x, before)


def test_the_first_fixation_is_number_0_whatever_the_dataset_counts_from():
    counted = looked_at(order=np.tile(np.arange(1, 7), 5))
    for ours, theirs in zip(scored_paths(PEOPLE, 0, (600, 800)), scored_paths(counted, 0, (600, 800)), strict=True):
        assert ours.order.tolist() == theirs.order.tolist() == list(range(6))
        assert theirs.scored.tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("columns,words", [
    ({"order": ["a", "b"]}, "no numbers"), ({"order": [0, None]}, "empty"), ({"x": ["left", "right"]}, "numbers"),
    ({"duration": ["200ms", 3]}, "duration"), ({"scored": ["False", "True"]}, "True or False"),
    ({"scored": [np.nan, 1]}, "True or False"), ({"x": 3}, "each x")])
def test_fixations_of_words(columns, words):
    given = {"x": [1, 2], "y": [3, 4], "observer": ["a", "a"], "order": [0, 1]} | columns
    refusal(lambda: Fixations(**given).scanpaths(), saying=words)


# ---- runs ----

@pytest.mark.parametrize("settings,words", [
    ({"n": 0}, "n"), ({"n": 10**9}, "10000"), ({"seed": -1}, "seed"), ({"seed": "a"}, "seed"),
    ({"length": 10**9}, "10000"),
    ({"metrics": ["multimach"]}, "multimatch"), ({"metrics": {"dtw": 3}}, "constants"), ({"nn": 3}, "nn"),
    ({"metrics": {"scanmatch": {"grid": 5}}}, "grid"), ({"metrics": {"string_edit": {"n": "five"}}}, "grid"),
    ({"metrics": {"sample": {"metric": "dtw"}}}, "column"), ({"metrics": {"multimatch": {"simplify": True}}}, "limits"),
    ({"metrics": {"mm_vector": {"metric": "dtw"}, "multimatch": None}}, "mm_vector")])
def test_settings_are_refused_before_a_run(settings, words, tmp_path):
    config = {"datasets": [{"name": "folder", "root": str(tmp_path)}], "models": ["uniform"],
              "scanpaths": {"generated": settings}}
    with pytest.raises(ConfigError, match=words):
        load_config(config)


def finished(folder, models, scanpaths, durations=True):
    "A run on two toy images, whose fixations have no durations if so wished."
    toy = make_toy(folder / "toy", n_images=2)
    for table in (toy / "fixations").glob("*.csv") if not durations else ():
        rows = list(csv.DictReader(table.open()))
        table.write_text(text([[row["observer"], row["x"], row["y"]] for row in rows], ["observer", "x", "y"]))
    return run(load_config({"datasets": [{"name": "folder", "root": str(toy)}], "models": models, "metrics": ["NSS"],
                            "scanpaths": scanpaths, "output_dir": str(folder / "out"),
                            "prediction_cache_dir": str(folder / "kept")}), quiet=True)


def test_a_run_says_what_is_odd_and_fails_where_nothing_was_scored(tmp_path):
    table = tmp_path / "drawn.csv"
    toy = create("dataset", "folder", root=str(make_toy(tmp_path / "first", n_images=2)))
    table.write_text(text([[name, k, 20 + 30 * i + 9 * k, 30 + 20 * ((i + k) % 5), 200] for name in toy.ids
                           for k in (0, 1) for i in range(5)], [*HEAD[:4], "dur"]))
    files = {"name": "scanpath_files", "as": "theirs", "path": str(table)}
    result = finished(tmp_path, [files], {"generated": {"metrics": ["dtw"]}})
    assert result.exit_code == 0 and any("the column dur is not used" in line for line in result.warnings())
    assert "the column dur is not used" in (tmp_path / "out" / "run.json").read_text(encoding="utf-8")
    timed = finished(tmp_path / "timed", [files], {"generated": {"metrics": ["scanmatch_time"]}})
    assert timed.exit_code == 1 and any("scanmatch_time: no durations" in line for line in timed.warnings())
    nobody = finished(tmp_path / "nobody", ["uniform"], {"generated": {}})
    assert nobody.exit_code == 1 and any("none of them draws" in line for line in nobody.warnings())


class Shares(ScanpathModel):
    "A model of somebody's own, whose paths are shares of width and height, and seconds."
    kind, name = "map", "shares"

    def predict_next(self, state, history):
        return np.arange(state.shape[0] * state.shape[1], dtype=float).reshape(state.shape[:2])

    def sample(self, image, n=10, length=10, seed=0, start=None):
        rng = np.random.default_rng(seed)
        return [Fixations(*rng.random((2, length)), order=np.arange(length), duration=rng.uniform(0.1, 0.4, length))
                for _ in range(n)]


def test_a_model_of_ones_own_that_draws_shares(tmp_path):
    said = finished(tmp_path, [Shares()], {"generated": {"n": 3, "metrics": ["dtw"]}}).warnings()
    assert any("within the first pixel" in line for line in said) and any("seconds?" in line for line in said), said


def test_paths_that_hold_the_fixation_people_were_made_to_begin_with(tmp_path):
    "People's first fixation is dropped, a file's is not: the run says so."
    toy = make_toy(tmp_path / "toy", n_images=2)
    people = create("dataset", "folder", root=str(toy), first_fixation="drop")
    rng = np.random.default_rng(0)
    rows = []
    for i, name in enumerate(people.ids):
        start = people_of(people)[name].start
        for k in range(2):
            others = rng.uniform(20, np.subtract(people.size_of(i)[::-1], 20), (4, 2))
            rows += [[name, k, x, y] for x, y in [start, *others]]
    (tmp_path / "drawn.csv").write_text(text(rows, HEAD[:4]))
    config = {"datasets": [{"name": "folder", "root": str(toy), "first_fixation": "drop"}], "metrics": ["NSS"],
              "models": [{"name": "scanpath_files", "path": str(tmp_path / "drawn.csv")}],
              "scanpaths": {"generated": {"metrics": ["dtw"]}}, "output_dir": str(tmp_path / "out"),
              "prediction_cache_dir": str(tmp_path / "kept")}
    said = run(load_config(config), quiet=True).warnings()
    assert any("begin where people were made to begin" in line for line in said), said


def test_a_model_that_writes_into_its_history(tmp_path, monkeypatch):
    "What it does to its own copy is not seen by the next fixation."
    code = ("import numpy as np\ndef {}(image, history):\n    size = image.shape[:2]\n    {}\n"
            "    return np.arange(size[0] * size[1], dtype=float).reshape(size)\n")
    writes = code.format("writes", "history.x[:] = 0; image[:] = 0")
    (tmp_path / "mine.py").write_text(writes + code.format("reads", "pass"))
    monkeypatch.chdir(tmp_path)
    tables = []
    for name in ("writes", "reads"):
        model = {"name": "callable", "as": "mine", "function": f"mine.py:{name}", "takes_history": True}
        assert finished(tmp_path / name, [model], {"next": True}).exit_code == 0
        tables.append((tmp_path / name / "out" / "folder__mine_fixations.csv").read_text(encoding="utf-8"))
    assert tables[0] == tables[1]


@pytest.mark.parametrize("option,value", [("unit", "degrees"), ("shown", "512x384"), ("index_base", "1"),
                                          ("lost", "no"), ("scale", 0), ("origin", "left"), ("screen", 1920)])
def test_a_wrong_option_is_said_with_its_name(option, value):
    refusal(create, "model", "scanpath_files", path=".", **{option: value}, saying=f"{option} is")
