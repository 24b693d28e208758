"""A fine-tuning that is killed at random moments and continued ends with the same weights, to the bit."""
import os
import random
import subprocess
import sys
import time

import pytest
import torch
from conftest import command, tiny_training

from saliency_playground import weights

TRAIN = ["finetune", "--config", "tiny.yaml", "--quiet", "--resume"]


@pytest.mark.skipif(os.name == "nt", reason="allowed on this system: Windows has no SIGKILL")
def test_same_weights(scratch):
    tiny_training([{"name": "head", "epochs": 6, "lr": 0.01, "schedule": "cosine", "accumulate": 2},
                   {"name": "deeper", "epochs": 4, "lr": 0.001, "freeze": {"backbone_last_n_modules": 2}}])
    command("split", "--root", "toy", "--test_count", 2, "--out_dir", "splits", "--folds", 2)
    command(*TRAIN, "--set", "output_dir=calm")

    def epochs():
        return sum(len(path.read_text().splitlines()) - 1 for path in (scratch / "killed").glob("fold_*/history.csv"))
    rng, died = random.Random(0), 0
    for _ in range(5):
        enough = epochs() + rng.randint(1, 3)
        process = subprocess.Popen([sys.executable, "-m", "saliency_playground", *TRAIN, "--set", "output_dir=killed"])
        while process.poll() is None and epochs() < enough:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.1))  # somewhere in the next epoch, its writing included
        process.kill()
        died += process.wait() != 0
    assert died >= 3, "the training was over before it could be killed"
    command(*TRAIN, "--set", "output_dir=killed")

    for fold in ("fold_01", "fold_02"):
        assert not list((scratch / "killed" / fold).glob("*.part"))
        for name in ("final.pth", "last.pth"):
            calm, killed = (weights.read_state(scratch / folder / fold / name) for folder in ("calm", "killed"))
            assert (calm.keys() == killed.keys()
                    and all(torch.equal(calm[one], killed[one]) for one in calm)), (fold, name)
        histories = [(scratch / folder / fold / "history.csv").read_text().splitlines()
                     for folder in ("calm", "killed")]
        without_seconds = [[line.rpartition(",")[0] for line in lines] for lines in histories]
        assert without_seconds[0] == without_seconds[1] and len(without_seconds[0]) == 1 + 1 + 10
