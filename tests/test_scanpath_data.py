"""Scanpaths as datasets give them: on real fixations, with the history that is not scored."""
import numpy as np
import pandas as pd
import pytest

import saliency_playground as sp
from saliency_playground.core import prepare_sample

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
