"""What every measure of two paths must keep on any paths: hypothesis looks for those that break it."""
import copy
import warnings
from functools import partial

import numpy as np
import pytest

hypothesis = pytest.importorskip("hypothesis", reason="the property tests need hypothesis, which is not installed")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from saliency_playground import scanpaths  # noqa: E402
from saliency_playground.errors import PlaygroundError  # noqa: E402
from saliency_playground.scanpaths import alignments, strings  # noqa: E402

settings.register_profile("steady", max_examples=60, deadline=None, derandomize=True)
settings.load_profile("steady")

SIZE = (600, 800)
COLUMNS = {column.name: (metric, column) for metric in scanpaths.PATH_METRICS.values() for column in metric.columns}
ON_A_GRID = {"scanmatch", "scanmatch_time", "string_edit"}         # cells stay where they are when paths are moved
CLUSTERS = strings.Clusters(np.array([[200.0, 150], [600, 150], [400, 300], [200, 450], [600, 450]]), 100.0)
PERCENT = {"REC", "DET", "LAM"}


@st.composite
def paths(draw, least=1, most=8):
    "A path on a lattice, full of ties, repeats and straight lines, or anywhere on the image."
    n = draw(st.integers(least, most))
    step = draw(st.sampled_from([100, 50, 1]))
    places = [[draw(st.integers(0, 700 // step)) * step, draw(st.integers(0, 500 // step)) * step,
               draw(st.integers(0, 12)) * 50] for _ in range(n)]
    return np.array(places, float)


def compare(a, b, clusters=CLUSTERS, names=None):
    "Every column of one pair."
    found = scanpaths.compare_pairs([a], [b], SIZE, names, clusters)
    return {name: values[0, 0] for name, values in found.items()}


def same(one, other):
    return one == pytest.approx(other, rel=1e-9, abs=1e-9, nan_ok=True)


@given(paths())
def test_identity(path):
    "A path and itself score what the table says equal paths do, or nothing where nothing is defined."
    for name, value in compare(path, path.copy()).items():
        equal = COLUMNS[name][1].equal
        assert np.isnan(equal) or np.isnan(value) or same(value, equal), name
    assert compare(path, path)["dtw"] == 0 and compare(path, path)["scanmatch"] == 1


@given(paths(), paths())
def test_symmetry(a, b):
    "Where the table claims it, to the last digits and with ties; CORM changes its sign."
    there, back = compare(a, b), compare(b, a)
    for name, value in there.items():
        if COLUMNS[name][1].symmetric:
            assert same(value, back[name]), name
    assert same(there["CORM"], -back["CORM"])


def crowded(seed, n):
    "A path of n fixations near the middle, so that much recurs."
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.normal(400, 120, n), rng.normal(300, 90, n), rng.gamma(4, 60, n)])


def differing(there, back):
    return {name for name in there if not same(there[name], back[name])}


def test_what_is_not_symmetric_is_not():
    found = [differing(compare(crowded(k, 9), crowded(k + 50, 6)), compare(crowded(k + 50, 6), crowded(k, 9)))
             for k in range(8)]
    assert set.union(*found) == {name for name, (_, column) in COLUMNS.items() if not column.symmetric}


@given(paths(), paths(), st.tuples(st.integers(0, 100), st.integers(0, 100)))
def test_moving_both_paths(a, b, by):
    "Nothing changes unless the image is cut into cells; clusters move with the paths."
    shift = np.array([*by, 0.0])
    moved = compare(a + shift, b + shift, CLUSTERS._replace(centres=CLUSTERS.centres + by))
    for name, value in compare(a, b).items():
        assert name in ON_A_GRID or same(value, moved[name]), name


@given(paths(3), paths(3), st.tuples(st.integers(-100, 100), st.integers(-100, 100)))
def test_moving_one_path(a, b, by):
    "Nothing changes for what does not know places; a whole number of pixels keeps the arrows exact."
    moved = compare(a + [*by, 0], b)
    for name, value in compare(a, b).items():
        if not COLUMNS[name][1].knows_place:
            assert same(value, moved[name]), name
    assert {name for name, (_, column) in COLUMNS.items() if not column.knows_place} == {
        "mm_vector", "mm_direction", "mm_length", "mm_duration"}


@given(paths(), paths(), st.randoms(use_true_random=False))
def test_what_is_blind_to_order(a, b, random):
    "Any order of the fixations gives the same, where the table says that order is not known."
    order = list(range(len(a)))
    random.shuffle(order)
    shuffled = compare(a[order], b)
    for name, value in compare(a, b).items():
        assert COLUMNS[name][0].knows_order or same(value, shuffled[name]), name


def test_what_knows_the_order_does():
    "Some path backwards gives another value for each that claims to know it; REC only if the longer one is cut."
    found = [differing(compare(crowded(k, 9), crowded(k + 50, 7)), compare(crowded(k, 9)[::-1], crowded(k + 50, 7)))
             for k in range(8)]
    assert set.union(*found) == {name for name, (metric, _) in COLUMNS.items() if metric.knows_order}


@given(paths(2), paths(2))
def test_reading_both_backwards(a, b):
    "An alignment read from its end is one; CORM, of paths of one length, changes its sign."
    n = min(len(a), len(b))
    there, back = compare(a, b), compare(a[::-1], b[::-1])
    for name, value in there.items():
        if COLUMNS[name][0].name not in ("multimatch", "recurrence"):
            assert same(value, back[name]), name
    there, back = compare(a[:n], b[:n]), compare(a[:n][::-1], b[:n][::-1])
    assert same(there["CORM"], -back["CORM"])
    for name in PERCENT:
        assert same(there[name], back[name]), name


@given(paths(), paths())
def test_ranges_and_order_of_distances(a, b):
    found = compare(a, b)
    for name in ("scanmatch", "scanmatch_time", "sequence_score", "sequence_score_time", "scaled_time_delay", "mannan",
                 *(column for column in COLUMNS if column.startswith("mm_"))):
        assert np.isnan(found[name]) or -1e-9 <= found[name] <= 1 + 1e-9, name
    for name in PERCENT:
        assert np.isnan(found[name]) or 0 <= found[name] <= 100, name
    assert np.isnan(found["CORM"]) or abs(found["CORM"]) <= 100
    assert found["hausdorff"] <= found["frechet"] <= found["dtw"] + 1e-9
    assert abs(len(a) - len(b)) <= found["string_edit"] <= max(len(a), len(b))


@given(paths(), paths(), paths())
def test_triangles(a, b, c):
    "The distances that are said to keep the triangle inequality do."
    names = ["frechet", "hausdorff", "string_edit", "fixation_edit_distance"]
    ab, bc, ac = compare(a, b, names=names), compare(b, c, names=names), compare(a, c, names=names)
    for name in names:
        assert ac[name] <= ab[name] + bc[name] + 1e-9, name


@given(paths(), paths())
def test_without_numba_all_is_the_same(a, b):
    "Plain Python and compiled loops, to the last digits."
    compiled = compare(a, b)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignments, "_compiled", lambda function: function)
        plain = compare(a, b)
    for name, value in compiled.items():
        assert same(value, plain[name]), name


@given(paths(3), paths(3), st.tuples(st.floats(0, 180), st.floats(0, 500), st.floats(0, 500)))
def test_simplifying_loses_nothing(a, b, limits):
    "Lattices are full of what the public port fails on: straight lines, saccades of length 0, ties."
    short = scanpaths.Simplification(*limits)
    there = scanpaths.multimatch(a, b, SIZE, short)
    assert np.isfinite(there[:4]).all()
    assert there == pytest.approx(scanpaths.multimatch(b, a, SIZE, short), rel=1e-9, abs=1e-9, nan_ok=True)
    assert scanpaths.multimatch(a, a, SIZE, short)[:4] == (1, 1, 1, 1)


# ---- what is no path, or no constant ----

HUMAN = crowded(1, 9)
NO_PATHS = {"a place that is nowhere": [[1, 2, 3], [np.nan, 2, 3]], "an infinite one": [[1, 2, 3], [4, np.inf, 3]],
            "a negative duration": [[1, 2, -1]],
            "an infinite duration": [[1, 2, np.inf]], "turned": HUMAN.T, "numbers in a row": [1, 2, 3],
            "a column too many": np.ones((4, 4)), "a layer too many": np.ones((2, 3, 2)), "texts": [["a", "b"]],
            "a hole": [[1, 2], [3]], "complex": HUMAN + 1j, "a dict": {"x": 1}, "a number": 5.0,
            "a masked place": np.ma.masked_less(HUMAN, HUMAN[:, 0].min() + 1)}
NEEDED = {"size": SIZE, "clusters": CLUSTERS}
FUNCTIONS = {name: partial(metric.function, **{need: NEEDED[need] for need in metric.needs}, **metric.constants)
             for name, metric in scanpaths.PATH_METRICS.items()}
FUNCTIONS["subsmatch"] = partial(scanpaths.subsmatch, edges=[200, 400, 600])


@pytest.mark.parametrize("what", NO_PATHS)
def test_what_is_no_path_is_refused_by_all(what):
    for name, function in FUNCTIONS.items():
        for pair in ((NO_PATHS[what], HUMAN), (HUMAN, NO_PATHS[what])):
            with pytest.raises(PlaygroundError) as refused:
                function(*pair)
            assert "\n" not in str(refused.value), name
    with pytest.raises(PlaygroundError):
        scanpaths.self_recurrence(NO_PATHS[what], SIZE)
    with pytest.raises(PlaygroundError):
        scanpaths.fixation_clusters([HUMAN, NO_PATHS[what]])


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_short_for_a_measure(n):
    "Nothing but NaN, never a warning or a number made up; with one and two fixations what is defined is finite."
    undefined = {0: set(COLUMNS), 1: {*(name for name in COLUMNS if name.startswith("mm_")), "time_delay", "CORM"},
                 2: {*(name for name in COLUMNS if name.startswith("mm_")), "time_delay"}}[n]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compare(HUMAN[:n], HUMAN)
    lines = {"DET", "LAM", "CORM"} - undefined                                # of the dots, of which there may be none
    assert {name for name, value in found.items() if np.isnan(value)} - lines == undefined
    for empty in ([], np.empty((0, 2)), np.empty((0, 3)), np.empty((3, 0)), ()):
        assert np.isnan([np.ravel(function(empty, HUMAN))[0] for function in FUNCTIONS.values()]).all()


@pytest.mark.parametrize("of", [lambda path: path.astype(int), lambda path: path.astype(np.float32), np.asfortranarray,
                                lambda path: np.repeat(path, 2, axis=0)[::2], lambda path: path.tolist(),
                                lambda path: np.ascontiguousarray(path.T).T, lambda path: path.astype(object),
                                lambda path: np.ma.masked_array(path)])
def test_however_an_array_lies(of):
    "Whole numbers, float32, strides, lists: the same, and the caller's data stay as they were."
    path = np.round(HUMAN)
    given = of(path)
    before = copy.deepcopy(given)
    there, other = compare(path, crowded(2, 7)), compare(given, crowded(2, 7))
    assert not differing(there, other)
    assert np.array_equal(np.asarray(given), np.asarray(before))


@pytest.mark.parametrize("size", [(0, 800), (600, -800), (np.nan, 800), (np.inf, 800), (600,), (600, 800, 3), 600, None,
                                  "ab"])
def test_what_is_no_size_is_refused(size):
    for metric in scanpaths.PATH_METRICS.values():
        if "size" in metric.needs:
            with pytest.raises(PlaygroundError, match="height, width"):
                metric.function(HUMAN, HUMAN, size, **metric.constants)
    with pytest.raises(PlaygroundError, match="height, width"):
        scanpaths.self_recurrence(HUMAN, size)


# ---- the energy score ----

def looks(rng, places, n):
    "Paths of n people who go through some places in an order of their own."
    paths = []
    for _ in range(n):
        order = rng.permutation(len(places))[:rng.integers(2, len(places) + 1)]
        xy = np.repeat(places[order], rng.integers(1, 4, len(order)), axis=0)
        paths.append(np.column_stack([xy + rng.normal(0, 25, xy.shape), rng.gamma(4, 60, len(xy))]))
    return paths


@pytest.mark.parametrize("seed", range(4))
def test_energy_score_prefers_samples_of_the_truth_to_any_single_path(seed):
    "Also to the best of all paths, which wins the mean over pairs; for every measure of which a distance can be made."
    rng = np.random.default_rng(seed)
    places = rng.uniform([80, 80], [720, 520], (5, 2))
    samples, humans = looks(rng, places, 40), looks(rng, places, 40)
    names = ["dtw", "frechet", "string_edit", "scanmatch", "eyeanalysis"]
    across = scanpaths.compare_pairs(samples, humans, SIZE, names)
    within = scanpaths.compare_pairs(samples, samples, SIZE, names)
    for name in names:
        column = COLUMNS[name][1]
        between = scanpaths.as_distance(column, across[name])
        truth = scanpaths.energy_of(between, scanpaths.as_distance(column, within[name]))
        alone = [scanpaths.energy_of(np.tile(row, (len(samples), 1)), np.zeros(within[name].shape)) for row in between]
        assert truth < min(alone), name
        assert scanpaths.pair_mean(between) > min(alone), name            # the mean over pairs takes the one path
