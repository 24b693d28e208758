"""Units, origins and screens: forth and back for any numbers, planted faults found, clean datasets left alone."""
import csv

import numpy as np
import pytest
from conftest import OSIE50

from saliency_playground.core import Fixations, SaliencyDataset
from saliency_playground.datasets.checks import fixation_findings
from saliency_playground.datasets.coordinates import ORIGINS, UNITS, Coordinates, from_pixels, to_pixels
from saliency_playground.toy import scanpath, scene

hypothesis = pytest.importorskip("hypothesis", reason="the property tests need hypothesis, which is not installed")
from hypothesis import assume, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

LENGTHS = st.floats(1, 4000)
PLACES = st.one_of(st.none(), st.sampled_from(["centre", "fit"]), st.tuples(st.floats(-500, 500), st.floats(-500, 500),
                                                                            LENGTHS, LENGTHS))


def allowed(**options):
    "The options if they go together, else None."
    try:
        return Coordinates(**options)
    except ValueError:
        return None


@given(st.sampled_from([None, *UNITS]), st.sampled_from([None, *ORIGINS]), st.tuples(st.booleans(), st.booleans()),
       st.one_of(st.none(), st.tuples(LENGTHS, LENGTHS)), PLACES, st.tuples(LENGTHS, LENGTHS),
       st.lists(st.tuples(st.floats(-5000, 5000), st.floats(-5000, 5000)), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_forth_and_back(unit, origin, from_1_and_swapped, screen, shown, size, points):
    (from_1, swap), (x, y) = from_1_and_swapped, np.array(points).T
    assume(unit not in (None, "px") or origin != "bottom-left")              # whole rows: on a grid, in the notebook
    how = allowed(unit=unit, origin=origin, index_base=int(from_1), swap_xy=swap, screen=screen, shown=shown)
    assume(how is not None)
    back = to_pixels(*from_pixels(x, y, size, how), size, how)
    assert np.allclose(back, (x, y), rtol=1e-6, atol=1e-4)


class Rows(SaliencyDataset):
    "A dataset of image, observer, x, y; `change(x, y, width, height)` plants a fault in the rows of some observers."
    def __init__(self, rows, sizes, change=None, only=None):
        by_image = {}
        for image, *row in rows:
            by_image.setdefault(image, []).append(row)
        self.sizes, self.ids_, self.points = sizes, list(by_image), []
        for image, image_rows in by_image.items():
            who, x, y = map(np.array, zip(*image_rows, strict=True))
            if change:
                new_x, new_y = change(x, y, *sizes[image][::-1])
                differs = np.isin(who, list(only or who))
                x, y = np.where(differs, new_x, x), np.where(differs, new_y, y)
            self.points.append(Fixations(x, y, who))

    @property
    def ids(self):
        return self.ids_

    def __len__(self):
        return len(self.ids_)

    def size_of(self, i):
        return self.sizes[self.ids_[i]]

    def fixations_of(self, i):
        return self.points[i]


def blobs(rng):
    "Rows of a painted set: one to five things an image, spread or near the middle, of one size or of several."
    kinds = [[(120, 160)], [(120, 160), (144, 108), (240, 320)], [(256, 256)], [(600, 800)], [(1080, 1920)]]
    sizes, pull = kinds[rng.integers(5)], rng.choice([0.08, 0.25, 1])
    people, looks, things = rng.integers(1, 12), rng.integers(2, 9), rng.integers(1, 6)
    rows, by_image = [], {}
    for image in range(rng.integers(3, 25)):
        height, width = by_image[f"i{image}"] = sizes[rng.integers(len(sizes))]
        at = 0.5 + pull * rng.uniform(-0.4, 0.4, (things, 2))
        for who in range(people):
            spread = at[rng.integers(0, things, looks)] + rng.normal(0, 0.03, (looks, 2))
            rows += [(f"i{image}", f"s{who}", x, y) for x, y in np.clip(spread, 0.01, 0.98) * (width, height)]
    return rows, by_image


def toy_rows(rng):
    "Rows of toy scenes that the toy data do not show."
    rows, sizes, seed = [], {}, int(rng.integers(1, 1000))
    for image in range(rng.integers(2, 13)):
        _, picture, things = scene(image, seed)
        sizes[f"t{image}"] = picture.shape[:2]
        for who in range(5):
            rows += [(f"t{image}", f"p{who}", point.x, point.y) for point in scanpath(things, picture.shape[:2], rng)]
    return rows, sizes


def osie_rows():
    "OSIE's fifty images."
    with open(OSIE50 / "fixations.csv", encoding="utf-8") as file:
        rows = [(row["image_id"], row["observer"], float(row["x"]) - 1, float(row["y"]) - 1)
                for row in csv.DictReader(file)]
    return rows, {row[0]: (600, 800) for row in rows}


def part(rows, sizes, rng, images, people):
    "Some images and observers."
    ids = set(rng.choice(sorted(sizes), min(images, len(sizes)), replace=False))
    who = sorted({row[1] for row in rows})
    who = set(rng.choice(who, min(people, len(who)), replace=False))
    return [row for row in rows if row[0] in ids and row[1] in who], sizes


def test_clean_datasets_are_left_alone():
    "At most one in a hundred clean sets, of many sizes, raises a remark."
    rng, osie = np.random.default_rng(0), osie_rows() if OSIE50.is_dir() else None
    remarks = []
    for turn in range(100):
        sets = [blobs(rng)] + ([toy_rows(rng)] if turn % 5 == 0 else [])
        if osie:
            sets.append(part(*osie, rng, int(rng.integers(1, 51)), int(rng.integers(1, 16))))
        remarks += [[str(finding) for finding in fixation_findings(Rows(*one))] for one in sets]
    alarms = [remark for remark in remarks if remark]
    assert len(alarms) <= len(remarks) / 100, alarms


FAULTS = {"unit: share": lambda x, y, w, h: (x / w, y / h),
          "unit: percent": lambda x, y, w, h: (100 * x / w, 100 * y / h),
          "unit: norm": lambda x, y, w, h: (2 * x / w - 1, 1 - 2 * y / h),
          "origin: centre": lambda x, y, w, h: (x - w / 2, h / 2 - y), "scale: 2": lambda x, y, w, h: (x / 2, y / 2),
          "scale: 0.5": lambda x, y, w, h: (2 * x, 2 * y), "swap_xy: true": lambda x, y, w, h: (y, x),
          "screen: [1920, 1080]": lambda x, y, w, h: (x + (1920 - w) / 2, y + (1080 - h) / 2)}


@pytest.mark.parametrize("option", FAULTS)
@pytest.mark.skipif(not OSIE50.is_dir(), reason="osie50 is not here")
def test_a_planted_fault_is_named(option):
    for images, people in ((10, 3), (10, 15), (50, 2)):
        rng = np.random.default_rng(images)
        found = fixation_findings(Rows(*part(*osie_rows(), rng, images, people), FAULTS[option]))
        assert any(f"`{option}`" in str(finding) for finding in found), (images, people, [str(one) for one in found])


@pytest.mark.parametrize("name", ["unit: share", "unit: percent", "origin: centre", "scale: 2", "swap_xy: true", "up"])
@pytest.mark.skipif(not OSIE50.is_dir(), reason="osie50 is not here")
def test_one_observer_is_named(name):
    faults = FAULTS | {"up": lambda x, y, w, h: (x, h - 1 - y)}
    for images, people in ((5, 4), (10, 15), (30, 8)):
        rows, sizes = part(*osie_rows(), np.random.default_rng(images), images, people)
        one = rows[0][1]
        found = fixation_findings(Rows(rows, sizes, faults[name], [one]))
        assert [finding.where for finding in found if finding.kind == "observer"] == [(one,)], list(map(str, found))
