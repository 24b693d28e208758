"""Next fixations through a whole run: the values of others, killed and resumed, on real data, from the command line."""
import json
import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, command

import saliency_playground as sp
from saliency_playground.bench.config import load_config
from saliency_playground.bench.run import run
from saliency_playground.core import Fixations, SaliencyModel, as_dataset
from saliency_playground.models.local_bias import bell
from saliency_playground.models.scanpath_base import NO_HISTORY, ScanpathModel

FIXTURE = ROOT.parent / "shared" / "reference" / "scanpath_fixture.json"
SIZE = 600, 800


@pytest.fixture(scope="module")
def known():
    "What another implementation says of five images; it is not part of the project."
    if not FIXTURE.exists():
        pytest.skip(f"needs {FIXTURE}, which does not ship with the project")
    return json.loads(FIXTURE.read_text(encoding="utf-8"))["next_fixation"]


def gaussian(x, y, sigma_x, sigma_y):
    return np.outer(bell(SIZE[0], y, sigma_y), bell(SIZE[1], x, sigma_x))


class ClosedForm(ScanpathModel):
    "The model of the fixture."
    name, kind, cache_key, coarse = "closed_form", "density", 1, False

    def look(self, image):
        return gaussian((SIZE[1] - 1) / 2, (SIZE[0] - 1) / 2, 0.22 * SIZE[1], 0.22 * SIZE[0]), 1 / SIZE[0] / SIZE[1]

    def predict_next(self, state, history):
        centre, uniform = state
        density = 0.9 * centre + 0.1 * uniform
        if len(history):
            density = 0.6 * gaussian(history.x[-1], history.y[-1], 80, 80) + 0.3 * centre + 0.1 * uniform
        return np.floor(20 * density / density.max()) if self.coarse else np.log(density)


class Levels(ClosedForm):
    "The same in 21 levels."
    name, kind, coarse = "levels", "map", True


class Base(SaliencyModel):
    "The closed form before the first fixation."
    name, kind, cache_key = "base", "density", 1

    def predict(self, image):
        model = ClosedForm()
        return model.predict_next(model.look(image), NO_HISTORY)


@pytest.fixture(scope="module")
def five(osie50_module, known):
    "The five images of the fixture, with the image itself left out: no model here looks at it."
    whole = sp.create("dataset", "csv_indexed", index_csv=osie50_module / "fixations.csv", index_base=1)
    return [replace(whole[str(image)], image=np.full((*SIZE, 3), i, np.uint8))
            for i, image in enumerate(known["images"])]


@pytest.fixture(scope="module")
def osie50_module():
    from conftest import OSIE50
    if not OSIE50.is_dir():
        pytest.skip(f"needs the 50 OSIE images in {OSIE50}, which do not ship with the project")
    return OSIE50


def run_on(folder, samples, models, **scanpaths):
    "A run of next fixations on samples, with the closed form's base as the baseline."
    return run({"datasets": [{"name": as_dataset(samples), "as": "d"}], "models": models, "metrics": ["NSS"],
                "baseline": {"name": Base(), "as": "base"}, "scanpaths": {"next": True, **scanpaths}, "workers": 1,
                "output_dir": str(folder / "out"), "prediction_cache_dir": str(folder / "kept")})


def rows_of(folder, model):
    return pd.read_csv(folder / "out" / f"d__{model}_fixations.csv", dtype={"image_id": str, "observer": str})


def mean_of(result, model, metric):
    (found,) = [row[3] for each in result.next_fixations if each.model_as == model
                for row in each.summary if row[2] == metric]
    return found


def nats(bits):
    return bits * np.log(2) - np.log(SIZE[0] * SIZE[1])


def test_every_value_of_the_fixture_through_a_run(tmp_path, five, known):
    run_on(tmp_path, five, [ClosedForm(), Levels()], first_fixation="score")
    of_density, of_map = rows_of(tmp_path, "closed_form"), rows_of(tmp_path, "levels")
    assert len(of_density) == len(of_map) == 676
    expected = {(image, observer, order): values for image, observers in known["per_fixation"].items()
                for observer, path in observers.items() for order, values in enumerate(path)}
    reference = np.array([expected[key] for key in zip(of_density.image_id, of_density.observer, of_density.order,
                                                       strict=True)])
    np.testing.assert_allclose(nats(of_density.LL), reference[:, 0], rtol=1e-9)
    np.testing.assert_allclose(of_density.IG, reference[:, 1], atol=1e-5)       # a baseline is kept as float32
    np.testing.assert_allclose(of_density.NSS, reference[:, 2], atol=1e-9)
    np.testing.assert_allclose(of_density.AUC, reference[:, 3], atol=5 / 480_000)       # a logarithm rounds: more ties
    np.testing.assert_allclose(of_map.NSS, reference[:, 4], atol=5e-5)          # a pixel may fall to the next level
    np.testing.assert_allclose(of_map.AUC, reference[:, 5], atol=5 / 480_000)   # ties count half
    assert np.median(np.abs(of_map.NSS - reference[:, 4])) < 1e-9 > np.median(np.abs(of_map.AUC - reference[:, 5]))
    assert of_map.LL.isna().all() and of_map.IG.isna().all()                    # a map is no density


@pytest.mark.parametrize(("first", "which"), [("score", "all"), ("history", "without_first")])
def test_three_averages_of_the_fixture(tmp_path, five, known, first, which):
    for average, name in [("fixations", "over_fixations"), ("images", "over_images"), ("paths", "over_scanpaths")]:
        result = run_on(tmp_path, five, [ClosedForm()], first_fixation=first, average=average)
        assert result.next_fixations[0].n_scored == (5 if average == "fixations" else 0)     # only the mean is another
        for metric, column in [("LL", "LL_nats"), ("IG", "IG_over_base_bits"), ("NSS", "NSS"), ("AUC", "AUC")]:
            found = mean_of(result, "closed_form", metric)
            found = nats(found) if metric == "LL" else found
            assert found == pytest.approx(known["aggregates"][column][which][name], abs=1e-5), (metric, average)
        summary = pd.read_csv(tmp_path / "out" / "NEXT_FIXATION_SUMMARY.csv")
        assert summary.definition.str.contains(f"avg={average},first={first}]", regex=False).all()
        assert (summary.n == 5).all() and (summary.ci_low < summary["mean"]).all()


def test_the_first_fixation_is_not_scored_and_stays_in_the_history(tmp_path, five, known):
    result = run_on(tmp_path / "kept", five, [ClosedForm()], average="fixations")
    assert nats(mean_of(result, "closed_form", "LL")) == pytest.approx(-12.16297628795)
    marked = [replace(sample, fixations=replace(sample.fixations, scored=sample.fixations.order > 0))
              for sample in five]                                        # the dataset itself does not score it
    result = run_on(tmp_path / "marked", marked, [ClosedForm()], average="fixations", first_fixation="score")
    assert nats(mean_of(result, "closed_form", "LL")) == pytest.approx(-12.16297628795)
    gone = [replace(sample, fixations=sample.fixations[sample.fixations.order > 0]) for sample in five]
    result = run_on(tmp_path / "gone", gone, [ClosedForm()], average="fixations", first_fixation="score")
    trap = known["aggregates"]["trap_first_fixation_removed_from_history_too_LL"]
    assert nats(mean_of(result, "closed_form", "LL")) == pytest.approx(trap) != pytest.approx(-12.163, abs=1e-3)


class Recorder(ScanpathModel):
    "Writes down every history it is asked about, and dies where it is told to."
    name, kind, cache_key = "recorder", "density", 1
    asked: list = []
    dies_at: int | None = None

    def predict_next(self, state, history):
        if self.dies_at is not None and len(self.asked) >= self.dies_at:
            raise KeyboardInterrupt
        self.asked.append(list(zip(history.x.tolist(), history.y.tolist(), strict=True)))
        mass = np.random.default_rng(len(history)).random(state.shape[:2])
        return np.log(mass / mass.sum())


class Own(Recorder):
    asked: list = []


def small(n=3):
    "Three images with two paths each; one point lies beside the image."
    people = Fixations(np.array([5, 6, 70, 8, 9, 1, 2, 3]), np.array([5, 6, 7, 8, 9, 1, 2, 3]),
                       observer=np.array(list("aaaaabbb")), order=np.array([0, 1, 2, 3, 4, 2, 1, 0]))
    return [{"image_id": f"i{k}", "image": np.full((20, 40, 3), k, np.uint8), "fixations": people} for k in range(n)]


def small_run(folder, model, samples=None, **scanpaths):
    return run({"datasets": [{"name": as_dataset(samples or small()), "as": "d"}],
                "models": [{"name": model, "as": "m"}], "metrics": ["NSS"], "workers": 1,
                "scanpaths": {"next": True, **scanpaths}, "output_dir": str(folder / "out"),
                "prediction_cache_dir": str(folder / "kept")})


def test_a_history_is_what_came_before_and_all_of_it(tmp_path):
    Own.asked = []
    small_run(tmp_path, Own(), small(1))
    asked = [history for history in Own.asked if history]               # the map is asked with an empty one
    assert asked == [[(5, 5)], [(5, 5), (6, 6), (70, 7)], [(5, 5), (6, 6), (70, 7), (8, 8)],         # a; 70 is beside
                     [(3, 3)], [(3, 3), (2, 2)]]                                                     # b, in its order
    rows = rows_of(tmp_path, "m")
    assert list(zip(rows.observer, rows.order, rows.x, strict=True)) == [
        ("a", 1, 6), ("a", 3, 8), ("a", 4, 9), ("b", 1, 2), ("b", 2, 1)]


def test_killed_and_resumed_is_the_run_in_one_piece(tmp_path):
    Own.asked = []
    whole = small_run(tmp_path / "whole", Own())
    assert whole.next_fixations[0].n_scored == 3
    n, Own.asked, dying = len(Own.asked), [], Own()
    dying.dies_at = n - 2                                               # on the last image
    with pytest.raises(KeyboardInterrupt):
        small_run(tmp_path / "killed", dying)
    Own.asked = []
    resumed = small_run(tmp_path / "killed", Own())
    assert resumed.next_fixations[0].n_scored == 1 and len(Own.asked) == 5         # of one image, and no map
    for name in ("d__m_fixations.csv", "NEXT_FIXATION_SUMMARY.csv", "ALL_SUMMARY.csv"):
        assert (tmp_path / "killed/out" / name).read_bytes() == (tmp_path / "whole/out" / name).read_bytes()
    Own.asked = []
    again = small_run(tmp_path / "killed", Own())
    assert again.next_fixations[0].n_scored == 0 and Own.asked == []               # a second run computes nothing


def test_what_the_scores_depend_on_is_computed_again(tmp_path):
    def scored(samples=None, model=None, **scanpaths):
        return small_run(tmp_path, model or Own(), samples, **scanpaths).next_fixations[0].n_scored
    assert (scored(), scored()) == (3, 0)
    turned = small()
    people = turned[1]["fixations"]
    turned[1]["fixations"] = replace(people, order=np.array([0, 2, 1, 3, 4, 2, 1, 0]))        # the same points
    assert scored(turned) == 1
    slower = small()
    slower[2]["fixations"] = replace(people, duration=np.full(8, 250.0))
    assert scored(slower) == 2                                          # durations are history; and the order is back
    assert scored(slower, first_fixation="score") == 3
    other = Own()
    other.cache_key = 2
    assert scored(slower, other, first_fixation="score") == 3


def test_no_order_is_said_and_costs_no_map_score(tmp_path):
    samples = small()
    for sample in samples:
        sample["fixations"] = replace(sample["fixations"], order=None)
    result = small_run(tmp_path, Own(), samples)
    assert result.n_scored == 3 and result.exit_code == 1
    assert "no order" in pd.read_csv(tmp_path / "out" / "errors.csv").error[0]
    assert len(rows_of(tmp_path, "m")) == 0


def test_a_table_of_real_data(osie50_module, tmp_path):
    "Four images: what has a closed form, and figures of a sketch of all 50 with numbers that were set, not fitted."
    config = {"datasets": [{"name": "csv_indexed", "as": "d", "index_csv": str(osie50_module / "fixations.csv"),
                            "index_base": 1}], "limit_images": 4, "metrics": ["NSS"], "scanpaths": {"next": True},
              "models": ["uniform", "center_bias_crossval", "local_bias", "gold_standard", "wta_ior"],
              "output_dir": str(tmp_path / "out"), "prediction_cache_dir": str(tmp_path / "kept")}
    result = run(load_config(config))
    for model, expected in {"uniform": (0, -.403, 0, .5), "center_bias_crossval": (.403, 0, .703, .708),
                            "local_bias": (1.447, 1.044, 2.445, .831), "gold_standard": (2.483, 2.081, 3.398, .929),
                            }.items():
        found = [mean_of(result, model, metric) for metric in ("LL", "IG", "NSS", "AUC")]
        assert np.allclose(found, expected, atol=[.45, .45, .7, .04]), (model, found)
    assert abs(mean_of(result, "center_bias_crossval", "IG")) < 1e-6 and mean_of(result, "uniform", "AUC") == .5
    summary = pd.read_csv(tmp_path / "out" / "NEXT_FIXATION_SUMMARY.csv").set_index(["model", "metric"])
    assert "no ceiling here" in summary.note["gold_standard", "IG"]
    assert summary.n["wta_ior", "LL"] == 0 and "no density" in summary.note["wta_ior", "LL"]
    rows = rows_of(tmp_path, "gold_standard")
    assert set(rows.order) >= {1, 2, 3} and 0 not in set(rows.order)


def test_the_command_prints_the_table_in_80_columns(scratch):
    sp.make_toy("data/toy", n_images=5)
    words = ("run", "--config", "baseline", "--set", "scanpaths.next=true",
             "--set", "models=[uniform, local_bias, gold_standard]")
    said = command(*words, env=os.environ | {"COLUMNS": "80"}).stdout
    assert "where the eye goes next (avg=images, first=history)" in said and "no ceiling here" in " ".join(said.split())
    table = said[said.index("next fixation"):]
    assert all(name in table for name in ("uniform", "local_bias", "gold_standard"))
    assert max(map(len, said.splitlines())) <= 80
    again = command(*words).stdout
    assert "Next fixations scored: those of 0 images" in again
