"""Models of one run share its images, and nothing that one of them does may show in the rows of another."""
import csv
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from saliency_playground.bench import pipeline
from saliency_playground.bench.config import load_config
from saliency_playground.bench.run import run
from saliency_playground.core import Prediction, SaliencyModel
from saliency_playground.toy import make_toy

PLUGIN = """
from pathlib import Path
import numpy as np
from saliency_playground import SaliencyModel, register

SHARED = {"power": 1.0}

def ramp(image): return np.arange(image[..., 0].size, dtype=float).reshape(image.shape[:2])

@register("model", "sets_up")
class SetsUp(SaliencyModel):
    kind = "map"
    def predict(self, image):
        SHARED["power"] = 3.0
        return ramp(image) ** SHARED["power"]

@register("model", "uses")
class Uses(SaliencyModel):
    kind = "map"
    def predict(self, image): return ramp(image) ** SHARED["power"]

@register("model", "reads")
class Reads(SaliencyModel):
    "Opens a file of its own for each image."
    kind = "map"
    def predict(self, image):
        return ramp(image) + float(open(f"aside/{int(image.astype(int).sum()) % 50}.txt").read())
"""
RUN = """
import json, sys
import saliency_playground as sp
run = sp.benchmark(json.loads(sys.argv[1]))
print(sum(cell["predicted"] for cell in run.about["cells"]), len(run.errors))
"""


@pytest.fixture
def toys(scratch):
    "Four scenes, in a folder of their own that is the working one."
    make_toy("toy", n_images=4)
    Path("plugin.py").write_text(PLUGIN, encoding="utf-8")


def config(models: list, name: str, **changes) -> dict:
    return {"datasets": [{"name": "folder", "as": "toy", "root": "toy"}], "models": models, "metrics": ["AUC", "CC"],
            "output_dir": name, "prediction_cache_dir": f"{name} kept"} | changes


def rows(name: str, model: str) -> list[list[str]]:
    with open(f"{name}/toy__{model}.csv", encoding="utf-8", newline="") as table:
        return list(csv.reader(table))


def apart(given: dict) -> list[str]:
    "What a run in a process of its own predicted, and how many images failed."
    import json
    words = [sys.executable, "-c", RUN, json.dumps({"plugins": ["plugin.py"]} | given)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


class WritesInto(SaliencyModel):
    "Spoils what it is given."
    kind, cache_key = "map", "spoils"

    def predictions(self, samples):
        for sample in samples:
            sample.fixations.x[:], sample.gt_map[:], sample.image[:] = 0, 1 / sample.gt_map.size, 0
        return [Prediction.of(np.arange(sample.image[..., 0].size, dtype=float).reshape(sample.size), "map")
                for sample in samples]


@pytest.mark.parametrize("models", [[WritesInto(), "center_bias"], ["center_bias", WritesInto()]])
def test_a_model_that_writes_into_its_sample(toys, models):
    run(load_config(config(["center_bias"], "alone")), quiet=True)
    run(load_config(config(models, "beside")), quiet=True)
    assert rows("beside", "center_bias") == rows("alone", "center_bias")


def test_models_that_share_a_variable(toys):
    "What one model has set stands in the key of the next, so a later run of that one alone is not served with it."
    assert apart(config(["sets_up", "uses"], "both", limit_images=2)) == ["4", "0"]
    alone = config(["uses"], "alone", prediction_cache_dir="both kept")
    assert apart(alone) == ["4", "0"]
    powers = {round(float(np.log(values[0, 2] / values[0, 1]) / np.log(2))) for path in Path("both kept/toy/uses").glob(
        "*.npy") for values in [np.load(path)]}
    assert powers == {1}


def test_a_prediction_that_is_made_again_from_less(toys):
    "A kept prediction is lost; made again alone, it was read from fewer files: its row is written under that key."
    Path("aside").mkdir()
    for n in range(50):
        Path(f"aside/{n}.txt").write_text(str(n), encoding="utf-8")
    given = config(["reads"], "out")
    assert apart(given) == ["4", "0"]
    before = rows("out", "reads")
    sorted(Path("out kept").rglob("*.npy"))[2].unlink()
    assert apart(given) == ["1", "0"] and rows("out", "reads") == before
    assert apart(given) == ["0", "0"] and rows("out", "reads") == before


def test_names_that_end_like_a_journal_of_files(toys):
    Path("maps").mkdir()
    for path in Path("toy/images").glob("*.png"):
        np.save(f"maps/{path.stem}.npy", np.random.default_rng(0).random((240, 320)))
    models = [{"name": "precomputed", "as": "bias", "path": "maps"}, {"name": "center_bias", "as": "bias.files"}]
    for predicted in (8, 0):
        done = run(load_config(config(models, "out")), quiet=True)
        assert (done.n_predicted, done.n_errors) == (predicted, 0)


def test_an_interrupt_is_not_hidden(toys):
    Path("out kept/toy/blur_baseline/images.jsonl").mkdir(parents=True)         # which would raise when it is opened
    with patch.object(pipeline, "pending", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        run(load_config(config(["center_bias", "blur_baseline"], "out")), quiet=True)


class Draws(SaliencyModel):
    "Answers with random numbers."
    kind, cache_key = "map", "draws"

    def predict(self, image):
        return np.random.default_rng().random(image.shape[:2])


def test_a_kill_does_not_forget_that_two_answers_differed(scratch):
    make_toy("toy", n_images=6)
    record, recorded = pipeline._record, []

    def stops(result, visit, cell_result):
        if visit.scored:
            recorded.append(visit.item.image_id)
            if len(recorded) == 6:
                raise KeyboardInterrupt
        record(result, visit, cell_result)

    given = load_config(config([Draws(), "center_bias"], "out"))
    with patch.object(pipeline, "_record", stops), pytest.raises(KeyboardInterrupt):
        run(given, quiet=True)
    resumed = run(given, quiet=True)
    assert resumed.n_predicted < 6 and any("asked twice" in line for line in resumed.warnings())
