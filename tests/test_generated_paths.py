"""The table of generated paths against known values: 50 real images, and paths whose truth is simulated.

The values of the fixture were made with the public code of the field; its tolerance is 1e-9, relative.
"""
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import OSIE50, ROOT, command
from PIL import Image

from saliency_playground.bench import drawn_paths, generated_paths
from saliency_playground.bench.results import ScanpathResult
from saliency_playground.core import Fixations, as_dataset
from saliency_playground.registry import create
from saliency_playground.toy import make_toy

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
    result = ScanpathResult("world", "mine", drawn_paths.table_name("world", "mine"),
                             drawn_paths.path_table(tmp_path, "world", "mine", found), 0, {}, [])
    drawn_paths.write_generated_summary(tmp_path, [result])
    rows = pd.read_csv(tmp_path / "world__mine_scanpaths.csv")
    summary = pd.read_csv(tmp_path / "GENERATED_SUMMARY.csv")
    assert len(rows) == 40 and list(rows.columns) == ["dataset", "model", "image_id", "sample", "n_fixations",
                                                      "n_people", "coarse", "dtw", "undefined"]
    assert rows.dtw.mean() == pytest.approx(summary.set_index("metric")["mean"]["dtw"])
    assert summary.definition[0] == ("ScanMatch[grid=8x6,T=3.5,gap=0,bin=no,better=higher,pairs=path x person,"
                                     "average=images,chance=other image,seed=3,best=9 people,expected,n=2,"
                                     "length=human,seed=0]")


# ---- in a run ----

CONFIG = """
experiment: paths
datasets: [{name: folder, as: toy, root: toy}]
models: [uniform, local_bias, wta_ior]
metrics: [NSS]
scanpaths: {generated: {n: 3, metrics: [dtw, scanmatch, multimatch]}}
output_dir: out
"""


@pytest.fixture
def ready(scratch):
    "A working directory with toy data of six images and a config that has paths drawn."
    make_toy("toy", n_images=6)
    (scratch / "c.yaml").write_text(CONFIG, encoding="utf-8")
    return scratch


def test_a_second_run_draws_nothing(ready):
    "The same tables to the byte, from the kept paths; another seed or number of paths is drawn anew."
    first = command("run", "--config", "c.yaml", env=os.environ | {"COLUMNS": "80"})
    assert "Paths drawn: those of 12 images, once a cell." in first.stdout
    assert "toy × wta_ior, generated paths: its paths on an image are all the same" in " ".join(first.stdout.split())
    table = first.stdout[first.stdout.index("toy × local_bias: 18 generated paths"):]
    assert all(len(line) <= 80 for line in table.splitlines()) and "best of 4" in table
    names = ["toy__local_bias_scanpaths.csv", "toy__wta_ior_scanpaths.csv", "GENERATED_SUMMARY.csv"]
    before = [(ready / "out" / name).read_bytes() for name in names]
    record = json.loads((ready / "out" / "run.json").read_text(encoding="utf-8"))
    assert set(names) <= record["tables"].keys() and "toy__uniform_scanpaths.csv" not in record["tables"]
    again = command("run", "--config", "c.yaml")
    assert "Paths drawn: those of 0 images" in again.stdout
    assert [(ready / "out" / name).read_bytes() for name in names] == before
    other = command("run", "--config", "c.yaml", "--set", "scanpaths.generated.seed=1")
    assert "Paths drawn: those of 12 images" in other.stdout
    summary = pd.read_csv(ready / "out" / "GENERATED_SUMMARY.csv")
    assert summary.definition.str.endswith(",expected,n=3,length=human,seed=1,start=drawn]").all()
    assert (summary.n_paths == 18).all() and (summary.n == 6).where(summary.metric != "mm_duration", True).all()
    repeated = command("run", "--from", "out/run.json", "--set", "output_dir=again")
    assert "byte for byte" in repeated.stdout


KILLED = """
import os
from saliency_playground.bench import drawn_paths
from saliency_playground.bench.run import run
draw, calls = drawn_paths._draw, []
def dying(*given):
    calls.append(given)
    if len(calls) == 4: os._exit(9)
    return draw(*given)
drawn_paths._draw = dying
run("c.yaml", quiet=True)
"""


def test_a_killed_run_goes_on(ready):
    "What was drawn before the kill is kept; the run that goes on draws the rest, to the same tables."
    assert subprocess.run([sys.executable, "-c", KILLED], cwd=ready, check=False).returncode == 9
    lines = (ready / "predictions" / "toy" / "local_bias" / "scanpaths.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert "Paths drawn: those of 9 images" in command("run", "--config", "c.yaml").stdout
    whole = (ready / "out" / "toy__local_bias_scanpaths.csv").read_bytes()
    command("run", "--config", "c.yaml", "--set", "output_dir=new", "--set", "prediction_cache_dir=new_kept")
    assert (ready / "new" / "toy__local_bias_scanpaths.csv").read_bytes() == whole


def test_an_image_that_changed_is_drawn_anew(ready):
    "The key knows the image: another picture, other paths; the other images keep theirs."
    command("run", "--config", "c.yaml", "--set", "models=[wta_ior]")
    picture = next((ready / "toy" / "images").iterdir())
    with Image.open(picture) as image:
        flipped = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    flipped.save(picture)
    assert "Paths drawn: those of 1 image," in command("run", "--config", "c.yaml", "--set", "models=[wta_ior]").stdout


@pytest.mark.parametrize(("setting", "words"), [
    ("length=humans", "a length is a number of fixations from 1, or human"), ("length=0", "from 1, or human"),
    ("n=0", "1 or more"), ("metrics=[dwt]", 'Did you mean "dtw"?'), ("metrics=[]", "list of names"),
    ("metrics.dtw.grid=5", "dtw has no constant 'grid'"), ("lenght=3", 'Did you mean "length"?')])
def test_config_faults(ready, setting, words):
    (ready / "c.yaml").write_text(CONFIG.replace("metrics: [dtw, scanmatch, multimatch]", "seed: 0"), encoding="utf-8")
    fault = command("run", "--config", "c.yaml", "--set", f"scanpaths.generated.{setting}", code=2)
    assert words in " ".join(fault.stderr.split())


def test_a_dataset_without_paths_is_told(ready):
    "The maps are scored, why no path is stands in the run's words, and the run fails: nothing asked of paths was done."
    table, images = pd.read_csv(ready / "toy" / "fixations.csv"), ready / "toy" / "images"
    points = [{"image_id": str(row.image_id), "x": row.x, "y": row.y} for row in table.itertuples()]
    pd.DataFrame(points).to_csv(ready / "bare.csv", index=False)
    config = CONFIG.replace("{name: folder, as: toy, root: toy}",
                            f"{{name: csv_indexed, as: toy, index_csv: bare.csv, images_dir: {images.as_posix()}}}")
    (ready / "c.yaml").write_text(config.replace("local_bias, ", ""), encoding="utf-8")
    said = command("run", "--config", "c.yaml", code=1).stdout
    assert "toy × wta_ior, generated paths: the dataset has no scanpaths to compare with" in " ".join(said.split())


def test_paths_of_others(ready):
    "A file of generated paths is a model of a run: people's own paths as the file score as people do."
    table = pd.read_csv(ready / "toy" / "fixations.csv")
    table = table.rename(columns={"observer": "sample"}).drop(columns="t")
    table.to_csv(ready / "theirs.csv", index=False)
    config = CONFIG.replace("[uniform, local_bias, wta_ior]", "[{name: scanpath_files, as: theirs, path: theirs.csv}]")
    (ready / "c.yaml").write_text(config, encoding="utf-8")
    said = command("run", "--config", "c.yaml", "--set", "metrics=[NSS, CC]").stdout
    assert "toy × theirs: 30 generated paths" in said and "Paths drawn: those of 0 images" in said
    rows, summary = pd.read_csv("out/toy__theirs_scanpaths.csv"), pd.read_csv("out/GENERATED_SUMMARY.csv")
    dtw = summary.set_index("metric").loc["dtw"]
    assert len(rows) == 30 and dtw.n_paths == 30 and "paths=as given" in dtw.definition
    assert dtw["mean"] * 5 / 4 == pytest.approx(dtw.human)               # each is among the five it is held against
    assert rows.n_fixations.tolist() == table.groupby(["image_id", "sample"]).size().tolist()
    assert pd.read_csv("out/toy__theirs.csv").CC.min() > 0.9              # as a map, where people looked
    before = rows.dtw.copy()
    pd.concat([table, table.assign(sample=table["sample"] + "b", x=table.x / 2)]).to_csv("theirs.csv", index=False)
    command("run", "--config", "c.yaml", "--set", "metrics=[NSS, CC]")
    after = pd.read_csv("out/toy__theirs_scanpaths.csv")
    assert len(after) == 60 and set(before).issubset(set(after.dtw))


def test_a_forced_beginning_is_given_and_not_compared(ready):
    "Where the first fixation is not scored, the models begin where people were made to, and no path has it."
    told = {"datasets": "[{name: folder, as: toy, root: toy, first_fixation: drop}]", "scanpaths.generated.n": 5}
    command("run", "--config", "c.yaml", *(word for key, value in told.items() for word in ("--set", f"{key}={value}")))
    rows, summary = pd.read_csv("out/toy__local_bias_scanpaths.csv"), pd.read_csv("out/GENERATED_SUMMARY.csv")
    assert summary.definition.str.endswith(",start=forced]").all()
    people = pd.read_csv("toy/fixations.csv").groupby(["image_id", "observer"]).size().groupby("image_id")
    for image_id, lengths in people:                     # five paths, each as long as one of the five people's
        assert sorted(rows[rows.image_id == image_id].n_fixations) == sorted(lengths - 1)


def test_shards_leave_the_paths_to_the_merge(ready):
    "The tables of a merged run are those of a whole one."
    whole = ["--config", "c.yaml", "--set", "models=[wta_ior]"]
    for shard in ("1/2", "2/2"):
        assert "Paths drawn" not in command("run", *whole, "--shard", shard).stdout
    assert "Paths drawn: those of 6 images" in command("merge", *whole).stdout
    merged = (ready / "out" / "toy__wta_ior_scanpaths.csv").read_bytes()
    command("run", *whole, "--set", "output_dir=new", "--set", "prediction_cache_dir=new_kept")
    assert (ready / "new" / "toy__wta_ior_scanpaths.csv").read_bytes() == merged


def test_nobody_draws(ready):
    "A run without a model that draws paths says so, scores its maps, and fails."
    (ready / "red.py").write_text("def red(image): return image[..., 0]", encoding="utf-8")
    models = "models=[uniform, {name: callable, function: 'red.py:red'}]"            # a map, whatever came before
    said = command("run", "--config", "c.yaml", "--set", models, code=1).stdout
    assert "toy × all models, generated paths: none of them draws paths" in " ".join(said.split())
    assert "Traceback" not in said and (ready / "out" / "toy__uniform.csv").is_file()
