"""Holdout and folds: whatever the groups and categories, nothing leaks.

And a model with the weights of a fold is not scored on what it has seen.
"""
import json
import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import command

from saliency_playground.core import as_dataset
from saliency_playground.errors import DatasetError
from saliency_playground.finetune.splits import check_split, groups_of, make_split

hypothesis = pytest.importorskip("hypothesis", reason="the property tests need hypothesis, which is not installed")
from hypothesis import HealthCheck, assume, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

# an image: its category, its group, what it shows
PICTURES = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([None, None, "p", "q", "r"]),
                              st.integers(0, 200)), min_size=3, max_size=40)


# many draws cannot be split at all (a group too large for the holdout) and are refused, which is another test's subject
@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much])
@given(PICTURES, st.integers(1, 12), st.integers(2, 5), st.integers(0, 3), st.randoms(use_true_random=False))
def test_nothing_leaks(pictures, test_count, folds, seed, random):
    items = [{"image_id": f"{category}/{i}", "image": np.full((2, 2, 3), shows, np.uint8), "meta": {"group": group}}
             for i, (category, group, shows) in enumerate(pictures)]
    ids = [item["image_id"] for item in items]
    shuffled = random.sample(items, len(items))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            split = make_split(as_dataset(items), test_count, folds, seed)
        except DatasetError:
            assume(False)
            raise
        assert make_split(as_dataset(shuffled), test_count, folds, seed) == split
    check_split(split, "split", groups_of(as_dataset(items)))
    assert (0 < len(split["test"]) <= test_count and len(split["folds"]) == folds
            and all(fold["train"] and fold["val"] for fold in split["folds"]))
    assert sorted(split["test"] + [image_id for fold in split["folds"] for image_id in fold["val"]]) == sorted(ids)
    for fold in split["folds"]:
        part_of = {image_id: part for part, held in [("test", split["test"]), ("train", fold["train"]),
                                                     ("val", fold["val"])] for image_id in held}
        for mark in (1, 2):                                                        # the same group, the same picture
            parts = {}
            for image_id, picture in zip(ids, pictures, strict=True):
                if picture[mark] is not None:
                    assert parts.setdefault(picture[mark], part_of[image_id]) == part_of[image_id]
    if (len({group for _, group, _ in pictures} - {None}) == 0
        and len({shows for _, _, shows in pictures}) == len(pictures)):
        assert len(split["test"]) == test_count  # without groups every number can be met
        for category in "abc":
            sizes = [sum(image_id.startswith(category) for image_id in fold["val"]) for fold in split["folds"]]
            assert max(sizes) - min(sizes) <= 1


ADAPTER = '''
from dataclasses import dataclass
import torch
from saliency_playground.registry import register
from saliency_playground.models.torch_base import TorchModel

@register("model", "glow")
@dataclass(kw_only=True, eq=False, repr=False)
class Glow(TorchModel):
    "Where it is bright."
    def build(self): return torch.nn.Conv2d(3, 1, 1)
    def forward(self, net, batch): return net(batch).abs()
'''


def test_fold_is_not_scored_on_what_it_has_seen(scratch):
    torch = pytest.importorskip("torch")
    from saliency_playground import weights
    command("toy")
    command("split", "--root", "data/toy", "--test_count", 3, "--folds", 3)
    split = json.loads((scratch / "splits/split.json").read_text(encoding="utf-8"))
    (scratch / "models").mkdir()
    (scratch / "models/glow.py").write_text(ADAPTER, encoding="utf-8")
    weights.write_state(scratch / "fold_02/final.pth", torch.nn.Conv2d(3, 1, 1).state_dict())
    (scratch / "fold_02/split.json").write_text(json.dumps(split["folds"][1] | {"test": split["test"]}),
                                                encoding="utf-8")

    def config(**part):
        text = {"datasets": [{"name": "folder", "root": "data/toy", **part}],
                "models": ["uniform", {"name": "glow", "weights_path": "fold_02/final.pth"}],
                "metrics": ["NSS"]}
        (scratch / "mine.yaml").write_text(json.dumps(text), encoding="utf-8")
        return "run", "--config", "mine.yaml"

    refused = command(*config(), code=2).stderr
    assert ("trained on 6 of these 12 images" in refused and "split: test" in refused
            and split["folds"][1]["train"][0] in refused)
    assert not list((scratch / "outputs").rglob("*.csv"))
    command(*config(split_file="splits", split="train", fold=2), code=2)
    # another fold's training pictures are partly this one's
    command(*config(split_file="splits", split="train", fold=1), code=2)
    clean = command(*config(split_file="splits", split="test"))
    assert "chose the epoch" not in clean.stdout + clean.stderr
    assert sorted(pd.read_csv("outputs/mine/folder__glow.csv").image_id) == sorted(split["test"])
    chosen = command(*config(split_file="splits", split="val", fold=2))
    assert "3 of 3 images chose the epoch" in chosen.stdout
    (scratch / "fold_02/split.json").write_text("{", encoding="utf-8")
    assert "damaged" in command(*config(split_file="splits", split="test"), code=2).stderr
