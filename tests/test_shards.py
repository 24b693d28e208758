"""A run in shards, on one machine or a cluster, is the run in one piece: killed, repeated, in any order."""
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import command
from test_killed_run import DYING, tables, whole_files

from saliency_playground import files
from saliency_playground.toy import make_toy

CONFIG = """
datasets: [{name: folder, as: toy, root: toy}]
models: [mortal, center_bias, gold_standard]
plugins: [mortal.py]
metrics: [AUC, sAUC, IG, KL]
workers: 1
output_dir: out
"""

# Kills its process when it sees an image for the first time, so often as the environment says, all processes together.
MORTAL = """
import hashlib, os, signal
from pathlib import Path
from saliency_playground import SaliencyModel, register

@register("model", "mortal")
class Mortal(SaliencyModel):
    "Bright is salient, and deadly."
    cache_key = "mortal 1"
    def predict(self, image):
        deaths = int(os.environ.get("DEATHS", 0))
        seen = Path("seen", hashlib.sha256(image.tobytes()).hexdigest()[:16])
        if deaths and not seen.exists() and len(list(seen.parent.iterdir())) < deaths:
            seen.touch()
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        return image[..., 0] * 1.0
"""
KILLED = {-signal.SIGTERM, -getattr(signal, "SIGKILL", signal.SIGTERM), 15}


@pytest.fixture
def calm(scratch):
    "The working directory of a run in one piece, and its tables."
    make_toy("toy", n_images=12)
    Path("run.yaml").write_text(CONFIG, encoding="utf-8")
    Path("mortal.py").write_text(MORTAL, encoding="utf-8")
    Path("seen").mkdir()
    command("run", "-c", "run.yaml", "-q", "--set", "output_dir=calm", "--set", "prediction_cache_dir=calm_predictions")
    return tables(Path("calm"))


def nothing_left(deaths):
    "Every kept file is whole, no write has left its crumbs, nobody holds a folder, and so many processes were killed."
    assert whole_files(Path("out"), Path("predictions")) == 2 * whole_files(Path("calm"), Path("calm_predictions"))
    for lock in [*Path("out").rglob(".lock"), *Path("predictions").rglob(".lock")]:
        with files.lock(lock.parent, wait=0):
            pass
    assert len(list(Path("seen").iterdir())) == deaths


def test_shards_in_any_order_twice_and_killed(calm):
    order = ["1/3", "2/3", "3/3", "1/3", "3/3"]
    random.Random(3).shuffle(order)
    deaths = 0
    for shard in order:
        words = [sys.executable, "-m", "saliency_playground", "run", "-c", "run.yaml", "-q", "--shard", shard]
        while code := subprocess.run(words, env=os.environ | {"DEATHS": "2"}, timeout=600).returncode:
            assert code in KILLED
            deaths += 1
    assert deaths == 2
    for write in (3, 20):                                # the merge dies in the midst of a write
        dying = [sys.executable, "-c", DYING, str(write), "merge", "-c", "run.yaml", "-q"]
        assert subprocess.run(dying, timeout=600).returncode in KILLED
    command("merge", "-c", "run.yaml", "-q")
    assert tables(Path("out")) == calm
    nothing_left(2)
