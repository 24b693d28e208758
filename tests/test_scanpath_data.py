"""Scanpaths as datasets give them: on real fixations, with the history that is not scored."""
import numpy as np
import pandas as pd
import pytest

import saliency_playground as sp
from saliency_playground import files, images
from saliency_playground.core import Fixations, as_dataset, prepare_sample
from saliency_playground.datafiles.pack import pack
from saliency_playground.datasets.generated import read_scanpaths
from saliency_playground.datasets.pysaliency_export import write_hdf5
from saliency_playground.trackers import convert
from saliency_playground.trackers.examples import EXAMPLES, paint_looks

@pytest.fixture
def table(osie50):
    return sp.create("dataset", "csv_indexed", index_csv=osie50 / "fixations.csv", index_base=1)


def all_paths(dataset):
    return {(i, label): path for i in range(len(dataset)) for label, path in dataset.paths_of(i).scanpaths().items()}


def test_osie50_has_the_paths_that_were_published(table, osie50):
    paths = all_paths(table)
    lengths = np.array([len(path) for path in paths.values()])
    durations = np.concatenate([path.duration for path in paths.values()])
    assert len(paths) == 750 and (lengths.min(), lengths.max(), round(lengths.mean(), 2)) == (3, 16, 9.17)
    assert (durations.min(), durations.max()) == (20, 1615)
    assert np.mean([path.duration.sum() for path in paths.values()]) == pytest.approx(1980, abs=5)
    steps = np.concatenate([np.hypot(np.diff(path.x), np.diff(path.y)) for path in paths.values()])
    assert round(steps.mean()) == 146 and round(np.median(steps)) == 106 and round(steps.min(), 2) == 0.22
    assert all(table.paths_of(i).scored is None for i in range(50))                 # none lies outside
    rows = pd.read_csv(osie50 / "fixations.csv", dtype={"image_id": str})
    for (image_id, observer), own in rows.groupby(["image_id", "observer"]):        # row order = order
        path = paths[table.ids.index(image_id), observer]
        assert np.array_equal(path.order, np.arange(len(own))) and np.array_equal(path.x, own.x - 1)
        assert np.array_equal(path.y, own.y - 1) and np.array_equal(path.duration, own.duration)


def test_what_is_dropped_stays_in_the_history(osie50, table):
    dropped = sp.create("dataset", "csv_indexed", index_csv=osie50 / "fixations.csv", index_base=1,
                        first_fixation="drop")
    for i in range(0, 50, 7):
        whole, paths = dropped.paths_of(i), dropped.paths_of(i).scanpaths()
        assert len(whole) == len(table.fixations_of(i)) == len(dropped.fixations_of(i)) + 15
        assert all(path.scored.tolist() == [False] + [True] * (len(path) - 1) for path in paths.values())
        assert prepare_sample(dropped[i]).fixations.order.min() == 1                # never given anew
    assert [len(path) for path in dropped[10:20].paths_of(3).scanpaths().values()] == [
        len(path) for path in table.paths_of(13).scanpaths().values()]


SIZES = {"woods.png": (320, 240), "sea.png": (300, 300)}


@pytest.mark.parametrize("name", ["eyelink_asc", "eyelink_report", "tobii"])
def test_an_export_of_a_tracker_carries_the_paths(name, tmp_path):
    "Two showings of each picture, of each path a look beside the picture: kept if asked, and never scored."
    looks = paint_looks(SIZES, n=5) + [look._replace(trial=look.trial + 2) for look in paint_looks(SIZES, n=4, seed=1)]
    looks = [look._replace(x=-12.0) if k % 9 == 1 else look for k, look in enumerate(looks)]
    for image, (width, height) in SIZES.items():
        files.write_bytes(tmp_path / "stimuli" / image, images.png_bytes(np.zeros((height, width, 3), np.uint8)))
    exports = EXAMPLES[name].paint(tmp_path, looks)
    convert(exports, tmp_path / "lab", images=tmp_path / "stimuli", outside="keep", **EXAMPLES[name].options)
    dataset = sp.create("dataset", "csv_indexed", index_csv=tmp_path / "lab/fixations.csv",
                        images_dir=tmp_path / "stimuli")
    found = {(dataset.ids[i], *label): path for (i, label), path in all_paths(dataset).items()}
    right = {}
    for look in looks:
        right.setdefault((look.image.removesuffix(".png"), look.observer, look.trial), []).append(look)
    assert len(found) == len(right) == 8
    for (image, observer), trials in pd.DataFrame(right.keys()).groupby([0, 1])[2]:
        mine = [path for key, path in found.items() if key[:2] == (image, observer)]
        for path, trial in zip(mine, sorted(trials), strict=True):
            own = right[image, observer, trial]
            assert path.order.tolist() == [*range(len(own))]
            assert path.duration.tolist() == [look.duration for look in own]
            assert np.abs(path.x - [look.x for look in own]).max() < 0.06
            assert (np.ones(len(own), bool) if path.scored is None else path.scored).tolist() == [
                look.x >= 0 for look in own]


def test_the_published_file_gives_the_paths_of_the_table(osie50, table):
    published = sp.create("dataset", "osie", root=osie50)
    assert sorted(published.ids) == sorted(table.ids)
    for i, image_id in enumerate(published.ids):
        ours, theirs = (dataset.paths_of(k).scanpaths() for dataset, k in (
            (published, i), (table, table.ids.index(image_id))))
        assert list(ours) == list(theirs) == list(range(15))
        for mine, other in zip(ours.values(), theirs.values(), strict=True):
            for name in ("x", "y", "order", "duration"):
                assert np.allclose(getattr(mine, name), getattr(other, name))
            assert mine.scored is None


def test_people_read_as_if_they_were_generated(osie50, table, scratch):
    "Our own long table with `sample`, and the JSON list, give back the paths that they were written from."
    own = pd.read_csv(osie50 / "fixations.csv", dtype={"image_id": str}).rename(columns={"observer": "sample"})
    own.drop(columns="t").to_csv("drawn.csv", index=False)
    files.write_json("drawn.json", [{"name": f"{image_id}.jpg", "X": path.x.tolist(), "Y": path.y.tolist(),
                                     "T": path.duration.tolist()} for image_id in ("1555", table.ids[0])
                                    for path in table.paths_of(table.ids.index(image_id)).scanpaths().values()])
    drawn, listed = read_scanpaths("drawn.csv", table, index_base=1), read_scanpaths("drawn.json", table)
    assert list(drawn) == table.ids and list(listed) == [table.ids[0], "1555"]
    for found in (drawn, listed):
        for image_id, paths in found.items():
            people = table.paths_of(table.ids.index(image_id)).scanpaths().values()
            for mine, other in zip(paths, people, strict=True):
                assert all(np.allclose(getattr(mine, name), getattr(other, name)) for name in (
                    "x", "y", "order", "duration"))


def there_and_back(how, dataset, folder):
    "A dataset written in one of our forms and read again."
    if how == "pysaliency":
        write_hdf5(dataset, folder)
        return sp.create("dataset", "pysaliency", root=folder)
    pytest.importorskip("pyarrow", reason="allowed on this system: packs need pyarrow")
    pack(dataset, folder)
    return sp.create("dataset", "packed", root=folder)


@pytest.mark.parametrize("how", ["packed", "pysaliency"])
def test_what_is_not_scored_is_carried_along(how, tmp_path):
    "Two viewings of a person, a forced first fixation, one beside the image, a repeated place; order and durations."
    columns = {"x": [5, 6, 80, 6, 6, 9, 1, 2], "y": [5, 6, 7, 8, 8, 9, 1, 2], "observer": [3, 3, 3, 3, 7, 7, 3, 3],
               "order": [0, 1, 2, 3, 0, 1, 1, 0], "duration": [100, 210, 320, 430, 50, 60, 70, 80],
               "trial": [1, 1, 1, 1, 1, 1, 2, 2], "scored": [0, 1, 1, 1, 0, 1, 1, 0]}
    looks = Fixations(**{name: np.array(values) for name, values in columns.items()})
    dataset = as_dataset([{"image_id": "one", "image": np.zeros((20, 40, 3), np.uint8), "fixations": looks},
                          {"image_id": "none", "image": np.ones((20, 40, 3), np.uint8)}])
    again = there_and_back(how, dataset, tmp_path / "there")
    ours, theirs = ([*each.paths_of(0).scanpaths().values()] for each in (dataset, again))
    assert len(ours) == len(theirs) == 3
    for one, other in zip(ours, theirs, strict=True):
        for name in ("x", "y", "order", "scored"):
            assert getattr(one, name).tolist() == getattr(other, name).tolist(), name
        assert np.allclose(one.duration, other.duration)
    assert sorted(again.fixations_of(0).x) == sorted(dataset.fixations_of(0).x)
    scored = [prepare_sample(each[0]).fixations for each in (again, dataset)]
    assert [None if fixations is None else len(fixations) for fixations in scored] == [4, 4]


def test_a_first_fixation_that_is_dropped_stays_in_pack_and_export(table, tmp_path):
    dropped = sp.create("dataset", "csv_indexed", index_csv=table.options["index_csv"], index_base=1,
                        first_fixation="drop")[:3]
    for how in ("packed", "pysaliency"):
        again = there_and_back(how, dropped, tmp_path / how)
        for i in range(3):
            paths = [*again.paths_of(i).scanpaths().values()]
            assert sum(map(len, paths)) == len(table.fixations_of(i)) and len(paths) == 15
            assert all(path.scored.tolist() == [False] + [True] * (len(path) - 1) for path in paths)
            assert len(again.fixations_of(i)) == len(dropped.fixations_of(i))
