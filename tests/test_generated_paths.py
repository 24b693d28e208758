"""The table of generated paths against known values: 50 real images, and paths whose truth is simulated.

The values of the fixture were made with the public code of the field; its tolerance is 1e-9, relative.
"""
import json

import numpy as np
import pandas as pd
import pytest
from conftest import OSIE50, ROOT

from saliency_playground.bench import drawn_paths, generated_paths
from saliency_playground.core import Fixations, as_dataset
from saliency_playground.registry import create

FIXTURE = ROOT.parent / "shared" / "reference" / "scanpath_fixture.json"
NAMES = {"scanmatch_16x12": "scanmatch", "scanmatch_16x12_50ms": "scanmatch_time", "sed_n5": "string_edit",
         "dtw_px": "dtw", "eyeanalysis_px": "eyeanalysis", "mannan_d": "mannan",
         "stde_fixatons": "scaled_time_delay", "stde_l2": "scaled_time_delay"}        # ours, where they differ
RELATIVE = 1e-9


@pytest.fixture(scope="module")
def known():
    if not FIXTURE.exists():
        pytest.skip(f"needs {FIXTURE}, which does not ship with the project")
    return json.loads(FIXTURE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def osie():
    "The dataset of 50 images, as a config names it."
    if not OSIE50.is_dir():
        pytest.skip(f"needs the 50 OSIE images in {OSIE50}, which do not ship with the project")
    return create("dataset", "csv_indexed", index_csv=OSIE50 / "fixations.csv", index_base=1)


@pytest.fixture(scope="module")
def scored(osie):
    "Another image's people given as the model's paths, the next image's; the circle of chance is the same by a patch."
    following = next_images(osie)
    people = generated_paths.people_of(osie)
    patch = pytest.MonkeyPatch()
    patch.setattr(generated_paths, "other_images", lambda ids, seed: following)
    try:
        return generated_paths.score_generated({image: people[other].paths for image, other in following.items()}, osie)
    finally:
        patch.undo()


def next_images(dataset):
    "The pairing of the fixture: an image and the one with the next id, the last and the first."
    ids = sorted(dataset.ids)
    return dict(zip(ids, ids[1:] + ids[:1], strict=True))


def test_osie50_rows(known, scored):
    "The rows `mean`, `best` and `chance` of scanpaths.md, and a model that draws other images' people scores chance."
    summary = {row["metric"]: row for row in scored.summary()}
    table = known["osie50_all"]
    rows = {row: [summary[NAMES.get(name, name)][column] for name in table["columns"]]
            for row, column in {"mean": "human", "best": "best_human", "chance": "chance"}.items()}
    for row in ("mean", "best"):
        assert np.allclose(rows[row], table[row], rtol=RELATIVE, atol=0), row
    assert np.allclose(rows["chance"], table["chance"], rtol=0.01)      # of a third of the pairs there, of all here
    for row in summary.values():
        assert row["mean"] == pytest.approx(row["chance"], rel=1e-12) and row["share"] == pytest.approx(0, abs=1e-9)
        assert row["best"] == pytest.approx(row["best_chance"], rel=1e-12) and row["best_of"] == 14
        assert (row["n"], row["n_undefined"], row["pairs_undefined"], row["n_paths"]) == (50, 0, 0, 750)
    assert summary["dtw"]["energy_human"] == pytest.approx(766, abs=0.5)                # scanpaths.md, to the pixel
    assert summary["dtw"]["energy_chance"] == pytest.approx(1492, abs=8)                # a third of the pairs there


@pytest.mark.parametrize("image", ["1030", "1037", "1054"])
def test_ceilings(known, osie, image):
    "People among themselves, best of the other 14, and chance with the fixture's image, one image at a time."
    ceilings = known["ceilings"][image]
    people, following = generated_paths.people_of(osie), {image: str(ceilings["chance_image"])}
    patch = pytest.MonkeyPatch()
    patch.setattr(generated_paths, "other_images", lambda ids, seed: following)
    try:
        fourteen, fifteen = (generated_paths.score_generated({image: people[following[image]].paths}, osie, count=count)
                             for count in (None, 15))
    finally:
        patch.undo()
    for k, name in enumerate(ceilings["columns"]):
        score, of_all = (found.images[image][NAMES.get(name, name)] for found in (fourteen, fifteen))
        for ours, row in [(score.human, "mean_of_ordered_pairs"), (score.chance, "chance_mean_of_pairs"),
                          (score.best_human, "best_human_per_prediction_then_mean"),
                          (of_all.best_chance, "chance_best_human_then_mean"), (score.mean, "chance_mean_of_pairs"),
                          (of_all.best, "chance_best_human_then_mean")]:
            assert ours == pytest.approx(ceilings[row][k], rel=RELATIVE), (name, row)
        assert np.isnan(of_all.best_human), name                         # nobody has fifteen others


def test_one_good_path_wins_the_mean_and_loses_the_energy_score(known, osie):
    "The row `medoid`: on 50 of 50 images better than people by the mean, on none by the energy score (DTW)."
    people = generated_paths.people_of(osie)
    medoids = {}
    for image, one in people.items():
        square = generated_paths.compare.compare_pairs(one.paths, one.paths, one.size, ["dtw"])["dtw"]
        medoids[image] = one.paths[int((square.sum(axis=1)).argmin())]
    found = generated_paths.score_generated({image: [path] * 2 for image, path in medoids.items()}, osie, ["dtw"])
    n = 15
    scores = [score["dtw"] for score in found.images.values()]
    means = [score.mean * n / (n - 1) for score in scores]               # without the person whose path it is
    medoid = known["osie50_all"]["medoid"][known["osie50_all"]["columns"].index("dtw_px")]
    assert np.mean(means) == pytest.approx(medoid, rel=RELATIVE)
    assert all(mean < score.human for mean, score in zip(means, scores, strict=True))
    energies = [score.energy * n / (n - 1) for score in scores]
    assert not any(energy < score.energy_human for energy, score in zip(energies, scores, strict=True))


# ---- with a truth that is known ----

SIZE = (300, 400)


def draw(things, n, rng):
    "Paths from the truth: a walk over the things of an image in an order of one's own."
    return [np.column_stack([np.asarray(things)[rng.permutation(len(things))] + rng.normal(0, 10, (len(things), 2)),
                             rng.gamma(4, 60, len(things))]) for _ in range(n)]


def world(people, size=SIZE):
    "A dataset of paths by image id."
    samples = []
    for image_id, paths in people.items():
        rows = [(*point, who, k) for who, path in enumerate(paths) for k, point in enumerate(path)]
        x, y, duration, observer, order = map(np.array, zip(*rows, strict=True))
        samples.append({"image_id": image_id, "image": np.zeros((*size, 3), np.uint8),
                        "fixations": Fixations(x, y, observer, order, duration)})
    return as_dataset(samples)


@pytest.fixture(scope="module")
def simulated():
    rng = np.random.default_rng(11)
    things = {f"{k:02}": rng.uniform(20, [380, 280], (6, 2)) for k in range(20)}
    return things, world({image: draw(places, 10, rng) for image, places in things.items()})


def test_the_truth_beats_one_path_by_the_energy_score_only(simulated):
    "A sampler of the truth against its best single path, over 20 images, in the measures that know the order."
    things, dataset = simulated
    rng, people = np.random.default_rng(12), generated_paths.people_of(dataset)
    truth = {image: draw(places, 10, rng) for image, places in things.items()}
    medoid = {}
    for image, candidates in ((image, draw(places, 40, rng)) for image, places in things.items()):
        apart = generated_paths.compare.compare_pairs(candidates, people[image].paths, SIZE, ["dtw"])["dtw"]
        medoid[image] = [candidates[int(apart.mean(axis=1).argmin())]] * 10
    names = ["dtw", "scanmatch", "string_edit"]
    found = [generated_paths.score_generated(paths, dataset, names).summary() for paths in (truth, medoid)]
    sampler, repeated = ({row["metric"]: row for row in rows} for rows in found)
    for name in names:
        up = name == "scanmatch"
        assert (repeated[name]["mean"] > sampler[name]["mean"]) == up, name
        assert repeated[name]["share"] > 1.05 > sampler[name]["share"] > 0.85, name
        assert repeated[name]["energy"] > sampler[name]["energy"], name
        assert sampler[name]["share_low"] < 1 < sampler[name]["share_high"], name       # the truth is people
        assert 0.85 < sampler[name]["energy_share"] < 1.15 and repeated[name]["energy_share"] < 0.8, name


def test_chance_is_never_the_image_itself(simulated):
    "Every image has one other, the same whatever is scored, of one seed; another seed, another chance."
    _, dataset = simulated
    people = generated_paths.people_of(dataset)
    whole = generated_paths.score_generated({image: one.paths[:2] for image, one in people.items()}, dataset, ["dtw"])
    part = generated_paths.score_generated({"03": people["03"].paths[:2]}, dataset, ["dtw"])
    other = generated_paths.score_generated({"03": people["03"].paths[:2]}, dataset, ["dtw"], seed=1)
    assert part.images["03"] == whole.images["03"] and other.images["03"].keys() == part.images["03"].keys()
    assert other.images["03"]["dtw"].chance != part.images["03"]["dtw"].chance
    for seed in range(200):
        for n in (2, 3, 5):
            pairs = generated_paths.other_images(map(str, range(n)), seed)
            assert sorted(pairs.values()) == sorted(pairs) and not any(one == two for one, two in pairs.items())


def test_other_sizes_are_rescaled():
    "The people of a larger image are brought to this one's size before they are its chance."
    rng = np.random.default_rng(0)
    things = rng.uniform(20, [380, 280], (5, 2))
    here, there = draw(things, 4, rng), draw(things, 4, rng)
    large = [path * [2, 2, 1] for path in there]
    both = as_dataset([world({"a": here})[0], world({"b": large}, (600, 800))[0]])
    same = as_dataset([world({"a": here})[0], world({"b": there})[0]])
    found, known = (generated_paths.score_generated({"a": here[:2]}, dataset, ["dtw"]).images["a"]["dtw"]
                    for dataset in (both, same))
    assert found.chance == pytest.approx(known.chance, rel=1e-12)
    assert found.energy_chance == pytest.approx(known.energy_chance, rel=1e-12)


def test_two_viewings_of_one_person_are_not_two_people():
    "A person is never compared with a path of their own, of another viewing either."
    a = np.array([[10.0, 10, 100], [50, 50, 100], [90, 90, 100]])
    b = a + [0, 10, 0]
    far = np.array([[300.0, 200, 100], [200, 100, 100], [350, 20, 100]])
    rows = [(*point, who, trial, k) for who, trial, path in [("ann", 1, a), ("ann", 2, b), ("bo", 1, far)]
            for k, point in enumerate(path)]
    x, y, duration, observer, trial, order = map(np.array, zip(*rows, strict=True))
    dataset = as_dataset([{"image_id": "a", "image": np.zeros((*SIZE, 3), np.uint8),
                           "fixations": Fixations(x, y, observer, order, duration, trial)}])
    score = generated_paths.score_generated({"a": [a]}, dataset, ["dtw"]).images["a"]["dtw"]
    apart = [np.hypot(*(one - far)[:, :2].T).sum() for one in (a, b)]
    assert score.human == pytest.approx(np.mean(apart), rel=0.2) and score.human > 500    # not the 25 px of ann's two
    assert np.isnan(score.chance) and np.isnan(score.energy)


@pytest.mark.parametrize("path", [[[200.0, 150, 250]], [[200.0, 150, 250], [100, 80, 200]]], ids=["one", "two"])
def test_too_short_for_a_measure(simulated, path):
    "Undefined with its reason and counted, never padded with (1, 1), never 0."
    _, dataset = simulated
    found = generated_paths.score_generated({"00": [path, path]}, dataset)
    summary = {row["metric"]: row for row in found.summary()}
    for part in ("vector", "direction", "length", "position", "duration"):
        row = summary[f"mm_{part}"]
        assert np.isnan([row["mean"], row["share"], row["best"], row["energy"]]).all()
        assert (row["n"], row["n_undefined"], row["pairs_undefined"]) == (0, 1, 20) and not np.isnan(row["human"])
    assert np.isfinite(summary["dtw"]["mean"]) and summary["dtw"]["pairs_undefined"] == 0
    why = f"{'1 fixation' if len(path) == 1 else '2 fixations'}, needs 3"
    assert all(row["undefined"] == f"mm_vector, mm_direction, mm_length, mm_position, mm_duration: {why}"
               for row in found.samples)


def test_a_short_path_among_long_ones_is_left_out_and_counted(simulated):
    "The mean is over the pairs that are defined, and the table says how many are not."
    _, dataset = simulated
    people = generated_paths.people_of(dataset)["00"]
    long = generated_paths.score_generated({"00": people.paths[:3]}, dataset, ["multimatch"])
    mixed = generated_paths.score_generated({"00": [*people.paths[:3], people.paths[3][:2]]}, dataset, ["multimatch"])
    assert mixed.images["00"]["mm_position"].mean == long.images["00"]["mm_position"].mean
    assert (mixed.images["00"]["mm_position"].n_undefined, mixed.images["00"]["mm_position"].n_pairs) == (10, 40)


def test_tables(simulated, tmp_path):
    "A row a path, and a summary that names every parameter."
    _, dataset = simulated
    people = generated_paths.people_of(dataset)
    found = generated_paths.score_generated({image: one.paths[:2] for image, one in people.items()}, dataset,
                                            {"coarse": {"metric": "scanmatch", "grid": (8, 6)}, "dtw": None}, seed=3,
                                            drawn="n=2,length=human,seed=0")
    names = drawn_paths.write_tables(tmp_path, {("world", "mine"): found})
    assert names == ["world__mine_scanpaths.csv", "GENERATED_SUMMARY.csv"]
    rows, summary = pd.read_csv(tmp_path / names[0]), pd.read_csv(tmp_path / names[1])
    assert len(rows) == 40 and list(rows.columns) == ["dataset", "model", "image_id", "sample", "n_fixations",
                                                      "n_people", "coarse", "dtw", "undefined"]
    assert rows.dtw.mean() == pytest.approx(summary.set_index("metric")["mean"]["dtw"])
    assert summary.definition[0] == ("ScanMatch[grid=8x6,T=3.5,gap=0,bin=no,better=higher,pairs=path x person,"
                                     "average=images,chance=other image,seed=3,best=9 people,expected,n=2,"
                                     "length=human,seed=0]")
