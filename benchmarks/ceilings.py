"""What do the ceilings cost an image, what where fixations are many, and are they right where sizes differ?

    python benchmarks/ceilings.py                # some minutes; writes benchmarks/ceilings.md
    python benchmarks/ceilings.py --images 2     # fewer of the images with 7,363 fixations each
    python benchmarks/ceilings.py --osie50 ../shared/data/osie50       # the first table of real eyes

The first table is of 50 images of 800 × 600 that 15 observers looked at, made up, or the 50 of OSIE. Fit and scoring
stand beside the plain way, which is written here: each predictor's kernels added up anew by NumPy's matrix product,
the search over tables of pairs, expectation–maximisation over the whole table. Both sides take turns, in a process
with Numba and in one without. The values of both are compared: bandwidths, weights, log densities, scores.

Then two more made-up datasets. One is like SALICON: images of 640 × 480 with 7,363 fixations of 60 observers each. The
other has
60 images of 20 sizes, 256 to 3264 pixels long, with 150 fixations of 15 observers each, who look at things of the same
share of the image. Every ceiling is fitted and scored in a process of its own, which tells its time and its peak of
memory. Beside it stands the same written apart: all pairs of fixations with SciPy's normal density, and SciPy's search.
"""
import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

if "without-numba" in sys.argv:
    sys.modules["numba"] = None                          # type: ignore[assignment]  # an import of it fails

import numpy as np
from common import machine, table, take_turns
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from saliency_playground import ceilings, maps, metrics
from saliency_playground.core import (
    Fixations,
    Prediction,
    SaliencyDataset,
    Sample,
    as_dataset,
    labelled_pool,
    prepare_sample,
)
from saliency_playground.registry import create

SIZES = [round(side) for side in np.geomspace(256, 3264, 20)]                  # of the longer side
CEILINGS = ("center bias", "single observer", "gold standard")


# ---- two datasets by formula ----

def looked_at(seed: int, size: tuple[int, int], observers: int, each: int) -> tuple[np.ndarray, np.ndarray]:
    "x, y of fixations: most on five things of some 3 % of the image, a few near the middle."
    rng = np.random.default_rng(seed)
    things = rng.uniform(0.12, 0.88, (5, 2))
    n = observers * each
    share = things[rng.integers(0, 5, n)] + rng.normal(0, 0.03, (n, 2)) * (min(size) / np.array(size))[::-1]
    astray = rng.random(n) < 0.15
    share[astray] = rng.normal(0.5, 0.18, (astray.sum(), 2))
    return tuple((share.clip(0, 0.9999) * size[::-1]).T)


def world(kind: str, images: int) -> tuple[ceilings.FixationPool, dict[int, np.ndarray]]:
    "The pool of a dataset, and who made each fixation of an image."
    if kind == "salicon":
        observers, each, sizes = 60, 123, [(480, 640)] * images
    else:
        observers, each, sizes = 15, 10, [(round(0.75 * side), side) for side in np.repeat(SIZES, 3)]
    columns, labels = [], {}
    for i, size in enumerate(sizes):
        x, y = looked_at(i, size, observers, each)
        keep = slice(0, 7363)
        labels[i] = np.random.default_rng(i).permutation(np.repeat(np.arange(observers), each))[keep]
        ones = np.ones(len(labels[i]))
        columns.append((x[keep], y[keep], size[1] * ones, size[0] * ones, np.full(len(ones), i)))
    return ceilings.FixationPool(*map(np.concatenate, zip(*columns, strict=True))), labels


# ---- ours ----

def fitted(pool: ceilings.FixationPool, labels: dict, which: str, images: int):
    "A ceiling with the numbers fitted for each image without its fold."
    if which == "center bias":
        bandwidths = ceilings.cross_fit(pool, images, lambda usable: ceilings.fit_bandwidth(pool[usable]))
        return ceilings.LeaveOneOutCenterBias(pool, bandwidths)
    return ceilings.ObserverMixture(pool, labels, images, alone=which == "single observer")


def bits_of(model, pool: ceilings.FixationPool, labels: dict, i: int, drawn: bool) -> float:
    "Its likelihood over uniform on image i, bit per fixation; read from its drawn densities, or only at the fixations."
    own = pool[pool.image == i]
    size = int(own.height[0]), int(own.width[0])
    if isinstance(model, ceilings.LeaveOneOutCenterBias):
        return float(np.mean(model.at_fixations(i, size) + np.log(np.prod(size))) / np.log(2))
    rows, columns = own.y.astype(int), own.x.astype(int)
    if drawn:
        scored = [(log_density, np.isin(labels[i], observers))
                  for observers, log_density in model.leave_one_out(i, size)]
        logs = np.concatenate([log_density[rows[chosen], columns[chosen]] for log_density, chosen in scored])
        return float((logs.mean() + np.log(np.prod(size))) / np.log(2))
    fit, panel = model.fits[i], ceilings.predictor_masks(labels[i], model.alone)
    width = fit.bandwidth_on(size, None if model.px_per_dva is None else model.px_per_dva[i])
    center = np.broadcast_to(ceilings.center_bias_at(pool, fit.center_bandwidth, images=[i])[pool.image == i][:, None],
                             panel.shape)[~panel]
    kernels = ceilings.predictors_at(own.x, own.y, size, width, panel)[~panel]
    return float(np.log2(np.stack([kernels, center, np.ones(len(center))], axis=1) @ fit.weights).mean())


# ---- the same, written apart ----

def gaussians(length: int, at: np.ndarray, around: np.ndarray, width: float) -> np.ndarray:
    "SciPy's normal density around pixels of an axis at others, of sum 1 over the axis."
    places, of = np.unique(around, return_inverse=True)
    mass = np.array([norm.pdf(np.arange(length), place, width).sum() for place in places])
    return norm.pdf(at[:, None], around, width) / mass[of]


def pairs(at, around, size, widths) -> np.ndarray:
    "What the kernels around pixels add up to at others: every pair, a block at a time."
    return np.concatenate([
        (gaussians(size[0], at[0][k:k + 256], around[0], widths[0])
         * gaussians(size[1], at[1][k:k + 256], around[1], widths[1])).sum(axis=1)
        for k in range(0, len(at[0]), 256)])


def center_at(pool, i: int, bandwidth: float, size, some: np.ndarray, uniform: float = 0.01) -> np.ndarray:
    "Times uniform, of the center bias of the other images, at some of an image's fixations."
    own, others = pool[pool.image == i][some], pool[pool.image != i]

    def pixels(fixations):
        return [(share * length).astype(int) for share, length in ((fixations.y / fixations.height, size[0]),
                                                                   (fixations.x / fixations.width, size[1]))]
    total = pairs(pixels(own), pixels(others), size, (bandwidth * size[0], bandwidth * size[1]))
    return (1 - uniform) * total * size[0] * size[1] / len(others) + uniform


def apart(model, pool, labels, which: str, i: int, some: np.ndarray) -> tuple[float, float]:
    "Bit per fixation of some fixations of image i at the fitted numbers: ours, and by pairs."
    own = pool[pool.image == i]
    size = int(own.height[0]), int(own.width[0])
    rows, columns = own.y.astype(int), own.x.astype(int)
    if which == "center bias":
        ours = np.exp(model.at_fixations(i, size)[some]) * np.prod(size)
        theirs = center_at(pool, i, model.bandwidth_of(i), size, some)
        return np.log2(ours).mean(), np.log2(theirs).mean()
    fit = model.fits[i]
    center, ours, theirs = center_at(pool, i, fit.center_bandwidth, size, some), [], []
    for observers, log_density in islice(model.leave_one_out(i, size), 4):
        scored = np.isin(labels[i][some], observers)
        made_of = ~np.isin(labels[i], observers)
        kernels = pairs((rows[some][scored], columns[some][scored]), (rows[made_of], columns[made_of]), size,
                        2 * [fit.bandwidth_on(size)]) * np.prod(size) / made_of.sum()
        theirs.append(np.column_stack([kernels, center[scored], np.ones(len(kernels))]) @ fit.weights)
        ours.append(np.exp(log_density[rows[some][scored], columns[some][scored]]) * np.prod(size))
    return np.log2(np.concatenate(ours)).mean(), np.log2(np.concatenate(theirs)).mean()


def fit_apart(pool, labels, images: list[int], center_bandwidth: float, unit) -> float:
    "A gold standard's bandwidth by SciPy's search over all pairs, in a unit: pixels of one on an image of a size."
    parts = []
    for i in images:
        own = pool[pool.image == i]
        size = int(own.height[0]), int(own.width[0])
        pixels = own.y.astype(int), own.x.astype(int)
        center = center_at(pool, i, center_bandwidth, (ceilings.GRID, ceilings.GRID), np.arange(len(own)))
        parts.append((pixels, size, labels[i][:, None] != labels[i], center))

    def bits(log_width: float) -> float:
        rows = []
        for (down, across), size, others, center in parts:
            width = np.exp(log_width) * unit(size)
            table = gaussians(size[0], down, down, width) * gaussians(size[1], across, across, width)
            kernels = (table * others).sum(axis=1) / others.sum(axis=1) * np.prod(size)
            rows.append(np.column_stack([kernels, center, np.ones(len(center))]))
        rows = np.concatenate(rows)
        return -np.log2(rows @ ceilings.fit_mixture_weights(rows)).mean()
    sides = [max(size) / unit(size) for _, size, *_ in parts]
    found = minimize_scalar(bits, method="bounded", bounds=np.log([0.004 * min(sides), 0.25 * max(sides)]),
                            options={"xatol": 0.01})
    return float(np.exp(found.x))


# ---- the plain way: what an image and a fit cost without the shortcuts ----

OSIE_SIZE, OBSERVERS = (600, 800), 15
COLUMNS = metrics.columns(["AUC", "sAUC", "NSS", "LL", "CC", "KL", "SIM"])         # looked up once, as a run does


def people(images: int, osie50: str = "") -> SaliencyDataset:
    "50 images of OSIE, or as many as are wanted of the same kind, made up: 15 observers with 9 fixations each."
    if osie50:
        return create("dataset", "csv_indexed", index_csv=str(Path(osie50, "fixations.csv")), index_base=1, sigma_px=24)
    return as_dataset([Sample(f"{i:04}", np.broadcast_to(np.uint8(127), (*OSIE_SIZE, 3)),
                              Fixations(*looked_at(i, OSIE_SIZE, OBSERVERS, 9),
                                        observer=np.repeat(np.arange(OBSERVERS), 9)), sigma_px=24)
                       for i in range(images)])


def kernels_plainly(at: ceilings.Pixels, size: tuple[int, int], width: float) -> np.ndarray:
    "The mean of the kernels around pixels, by NumPy's matrix product."
    down, across = (ceilings.axis_kernels(length, place, width) for length, place in zip(size, at, strict=True))
    return down @ across.T / len(at[0])


def densities_plainly(model: Any, sample: Sample) -> Iterator[tuple[list, Prediction]]:
    "What `leave_one_out` gives: every predictor's kernels are added up anew."
    mixture, i = model.mixture, model.index_of(sample.image_id)
    own, fit = mixture.pool[mixture.pool.image == i], mixture.fits[i]
    rows, columns = ceilings.pool_pixels(own, sample.size)
    bias = ceilings.LeaveOneOutCenterBias(mixture.pool, fit.center_bandwidth)
    center = np.exp(bias(i, sample.size))
    who = np.asarray(mixture.observers[i])
    for part in ceilings.predictor_masks(who, mixture.alone).T:
        kernels = kernels_plainly((rows[part], columns[part]), sample.size, fit.bandwidth_on(sample.size))
        yield (np.unique(who[~part]).tolist(),
               Prediction.of(ceilings.mix_observers(kernels, center, fit.weights), "density"))


def blur_plainly(x: np.ndarray, y: np.ndarray, size: tuple[int, int], sigma: float) -> np.ndarray:
    "The ground truth without Numba: strips of NumPy's matrix product."
    rows, columns = maps.pixels(x, y, size)
    order, bell, blurred = np.argsort(rows), maps._bell(sigma), np.empty(size)
    left, right = (maps._bells(bell, place[order], length) for place, length in zip((rows, columns), size, strict=True))
    for top, end, first, last in maps._strips(size[0], bell.size // 2):
        near = slice(*np.searchsorted(rows[order], [first, last]))
        np.matmul(left[near, top:end].T, right[near], out=blurred[top:end])
    return blurred / blurred.sum()


def scores_of(model: Any, sample: Sample, nonfix: Fixations | None, plainly: bool) -> list[dict[str, float]]:
    "The rows of an image, one an observer."
    found = []
    assert sample.fixations is not None and sample.fixations.observer is not None, "observers are told apart"
    everyone, observer = sample.fixations, sample.fixations.observer
    without = maps.density_without(everyone.x, everyone.y, sample.size, 24) if model.alone and not plainly else None
    blur = blur_plainly if plainly and maps.compiled_loops() is None else maps.density
    for who, prediction in densities_plainly(model, sample) if plainly else model.leave_one_out(sample):
        kept = np.isin(observer, who)
        looks = everyone[kept]
        truth = without(~kept) if without else blur(looks.x, looks.y, sample.size, 24)
        target = Sample(sample.image_id, sample.image, looks, truth, meta=sample.meta)
        found.append(metrics.score_row(prediction, target, COLUMNS, nonfix))
    return found


def weights_plainly(components: np.ndarray) -> np.ndarray:
    "`ceilings.fit_mixture_weights`, with a table for every step."
    weights = np.full(3, 1 / 3)
    for _ in range(2000):
        gain = (1 / (components @ weights)) @ components / len(components)
        if gain.max() - 1 < 1e-5:
            break
        weights = weights * gain
    return weights / weights.sum()


def fit_plainly(pool: ceilings.FixationPool, labels: dict, alone: bool) -> tuple:
    "Bandwidth, weights and center bandwidth of `ceilings.fit_observer_mixture`, with a table of all pairs every time."
    images = np.unique(pool.image).tolist()
    size, grid = OSIE_SIZE, (ceilings.GRID, ceilings.GRID)

    def at(i: int, of: tuple[int, int]) -> ceilings.Pixels:
        return ceilings.pool_pixels(pool[pool.image == i], of)

    def center_at(width: float) -> np.ndarray:
        total, parts = ceilings.sum_kernels(pool, grid, width), []
        for i in images:
            here = at(i, grid)
            others = total[here] - ceilings._pairs(here, here, grid, width * ceilings.GRID).sum(axis=1)
            parts.append(0.99 * others * ceilings.GRID**2 / (len(pool) - len(here[0])) + 0.01)
        return np.concatenate(parts)

    width = ceilings._maximize(lambda width: np.log2(center_at(width)).mean(), 0.005, 0.5)
    center = np.split(center_at(width), np.cumsum([len(at(i, grid)[0]) for i in images])[:-1])
    panels = [ceilings.predictor_masks(labels[i], alone) for i in images]

    def components(bandwidth: float) -> np.ndarray:
        rows = []
        for i, panel, beside in zip(images, panels, center, strict=True):
            pairs = ceilings._pairs(at(i, size), at(i, size), size, bandwidth * max(size))
            likelier = pairs @ (panel / panel.sum(axis=0)) * np.prod(size)
            beside = np.broadcast_to(beside[:, None], panel.shape)[~panel]
            rows.append(np.column_stack([likelier[~panel], beside, np.ones(len(beside))]))
        return np.concatenate(rows)

    def bits(bandwidth: float) -> float:
        densities = components(bandwidth)
        return np.log2(densities @ weights_plainly(densities)).mean()
    bandwidth = ceilings._maximize(lambda side: bits(side / max(size)), 0.004 * max(size), 0.25 * max(size)) / max(size)
    return bandwidth, *weights_plainly(components(bandwidth)), width


def image_and_fit(name: str, images: int, repeats: int, osie50: str) -> dict:
    "CPU seconds of both sides for an image's rows and for a fit, and how far the values are apart."
    dataset = people(images, osie50)
    model: Any = create("model", name)
    model.fit(dataset)
    pool, labels = labelled_pool(dataset)
    inputs = [(prepare_sample(dataset[i]), dataset.nonfix(i)) for i in range(3)]
    rows = {plainly: [scores_of(model, *one, plainly) for one in inputs] for plainly in (False, True)}
    off = max(abs(row[key] - other[key]) for one, another in zip(*rows.values(), strict=True)
              for row, other in zip(one, another, strict=True) for key in row)
    densities = max(np.abs(ours.values - theirs.values).max() for sample, _ in inputs for (_, ours), (_, theirs)
                    in zip(model.leave_one_out(sample), densities_plainly(model, sample), strict=True))
    took = take_turns({str(plainly): lambda plainly=plainly: [scores_of(model, *one, plainly) for one in inputs]
                       for plainly in (False, True)},
                      repeats, time.process_time, twice=True)       # BLAS threads of the side before are still waking
    kept = pool.image % 5 != 0
    without = pool[kept]
    fits: dict[str, Any] = {}
    fitted_in = take_turns({
        "False": lambda: fits.update(ours=ceilings.fit_observer_mixture(without, labels, model.alone)),
        "True": lambda: fits.update(plain=fit_plainly(without, labels, model.alone))}, 2, time.process_time)
    ours = [fits["ours"].bandwidth, *fits["ours"].weights, fits["ours"].center_bandwidth]
    return {"image": [median(took[side]) / len(inputs) for side in ("True", "False")],
            "times": median(a / b for a, b in zip(took["True"], took["False"], strict=True)),
            "fit": [median(fitted_in[side]) for side in ("True", "False")],
            "scores": off, "densities": float(densities), "fits": float(np.abs(np.subtract(ours, fits["plain"])).max())}


def thousand(name: str, images: int = 1003) -> dict:
    "CPU seconds of a fit of five folds to so many images of 15 observers, and what an image takes then."
    dataset = people(images)
    model: Any = create("model", name)
    start = time.process_time()
    model.fit(dataset)
    return {"fit": time.process_time() - start}


# ---- what is measured ----

def measure(kind: str, which: str, images: int) -> dict:
    "One ceiling of one dataset: seconds of the fit and an image, peak memory, bit per fixation, and the values apart."
    import resource
    pool, labels = world(kind, images)
    images = len(labels)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    model = fitted(pool, labels, which, images)
    fit, fit_cpu = time.perf_counter() - start, time.process_time() - cpu
    cpu = time.process_time()
    bits = [bits_of(model, pool, labels, i, kind == "salicon") for i in range(images)]
    scored = (time.process_time() - cpu) / images
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    some = np.random.default_rng(0).permutation(np.count_nonzero(pool.image == 1))[:400]
    ours, theirs = apart(model, pool, labels, which, 1, some)
    return {"bits": bits, "fit": fit, "fit_cpu": fit_cpu, "image": scored, "peak": peak / 1024,
            "rise": (peak - before) / 1024, "difference": abs(ours - theirs)}


def units(images: int = 60) -> dict:
    "Gold standards of 20 sizes with bandwidths in two units, each beside the fit written apart."
    pool, labels = world("sizes", images)
    center, found = ceilings.fit_bandwidth(pool), {}
    some = pool.image % 3 == 0
    kept = sorted(set(pool.image[some].tolist()))
    fit = ceilings.fit_observer_mixture(pool[some], labels, center_bandwidth=center)
    found["a share of the longer side"] = fit.bandwidth, fit_apart(pool[some], labels, kept, center, max)
    pixels = ceilings.fit_observer_mixture(pool[some], labels, center_bandwidth=center, px_per_dva=[1.0] * len(labels))
    found["pixels"] = pixels.bandwidth, fit_apart(pool[some], labels, kept, center, lambda size: 1)
    bits = {}
    for name, px_per_dva in {"a share of the longer side": None, "pixels": [1.0] * len(labels)}.items():
        model = ceilings.ObserverMixture(pool, labels, len(labels), px_per_dva=px_per_dva)
        bits[name] = [bits_of(model, pool, labels, i, False) for i in range(len(labels))]
    bias = fitted(pool, labels, "center bias", len(labels))
    middle = [bits_of(bias, pool, labels, i, False) for i in range(len(labels))]
    return {"found": found, "bits": bits, "middle": middle}


def in_a_process(*arguments: str) -> dict:
    "What this script measures with these arguments, in a process of its own."
    command = [sys.executable, __file__, "--inside", *arguments]                 # options come last
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def side_by_side(osie50: str, repeats: int) -> str:
    "The first table and what it says of a thousand images."
    rows, hours = [], []
    given = ["--osie50", osie50] if osie50 else []
    for name in ("single_observer", "gold_standard"):
        for said, without in {"": [], ", without Numba": ["without-numba"]}.items():
            found = in_a_process("image", name, *without, "--repeats", str(repeats), *given)
            plain, ours = found["image"]
            rows.append([name + said, f"{plain:.3f}", f"{ours:.3f}", f"{found['times']:.1f}",
                         *(f"{one:.2f}" for one in found["fit"]),
                         *(f"{found[value]:.0e}" for value in ("fits", "densities", "scores"))])
            print(rows[-1], flush=True)
            fit = in_a_process("thousand", name, *without)["fit"]
            hours.append([rows[-1][0], f"{1003 * plain / 60:.0f}", f"{(1003 * ours + fit) / 60:.1f}", f"{fit:.0f}"])
    of = "the 50 of OSIE" if osie50 else "50 made up like OSIE's"
    return (f"## An image of 800 × 600, 15 observers ({of})\n\n" + table(
        ["", "rows of an image, plainly, CPU s", "now", "times", "a fold's fit, plainly, CPU s", "now",
         "bandwidths, weights differ", "log densities (float32)", "scores"], rows)
        + "\nThe rows of an image are fifteen, one an observer, with the densities that score them.\n\n"
        "## 1,003 images, as MIT1003 has\n\n" + table(
            ["", "all rows, plainly, CPU min", "fit of 5 folds and all rows now", "of it the fit, s"], hours)
        + "\nThe rows of an image times 1,003, and a fit to as many made-up images of that size.\n")


def main() -> None:
    "Measure, and write the page."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--out", default=str(Path(__file__).with_suffix(".md")))
    parser.add_argument("--osie50", default="", help="the folder of the 50 images of OSIE")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--inside", nargs="*")
    arguments = parser.parse_args()
    if arguments.inside:
        what, *rest = arguments.inside
        parts = {"units": units, "thousand": lambda: thousand(rest[0]),
                 "image": lambda: image_and_fit(rest[0], 50, arguments.repeats, arguments.osie50)}
        print(json.dumps(parts[what]() if what in parts else measure(what, rest[0], int(rest[1]))))
        return
    used = ["numpy", "scipy", "numba", "opencv-python-headless"]
    page = [f"# Ceilings\n\n{machine(used, 'the clock on the wall and CPU seconds', __file__)}",
            side_by_side(arguments.osie50, arguments.repeats)]
    print(page[-1], flush=True)
    for kind, title in [("salicon", f"{arguments.images} images of 640 × 480, 7,363 fixations each, 60 observers"),
                        ("sizes", "60 images of 20 sizes, 256 to 3264 pixels long, 150 fixations each, 15 observers")]:
        rows = []
        middle = None
        for which in CEILINGS:
            found = in_a_process(kind, which, str(arguments.images))
            bits = np.array(found["bits"])
            middle = bits if middle is None else middle
            rows.append([which, f"{found['fit']:.1f} ({found['fit_cpu']:.1f})", f"{found['image']:.2f}",
                         f"{found['peak']:.0f}", f"{bits.mean():.3f}", f"{(bits - middle).mean():.3f}",
                         f"{found['difference']:.0e}"])
            print(rows[-1], flush=True)
        page.append(f"## {title}\n\n" + table(
            ["", "fit of 5 folds, s (CPU s)", "then CPU s an image", "peak, MB", "LL, bit", "IG over center bias, bit",
             "difference to pairs, bit"], rows))
        Path(arguments.out).write_text("\n".join(page), encoding="utf-8")       # what is measured is kept
    found = in_a_process("units")
    middle = np.array(found["middle"])
    rows = [[name, f"{found['found'][name][0]:.6g}", f"{found['found'][name][1]:.6g}",
             f"{np.mean(bits) - middle.mean():.3f}", f"{np.count_nonzero(np.array(bits) < middle)} of {len(bits)}"]
            for name, bits in found["bits"].items()]
    page.append("## In which unit\n\nThe gold standard of the 20 sizes with kernels of one width in pixels, and of one "
                "share of the longer side. The bandwidth is fitted to a third of the images, so that the fit written "
                "apart, over all pairs, takes seconds.\n\n" + table(
                    ["kernels in", "bandwidth", "written apart", "IG, bit", "center bias beats gold on"], rows))
    Path(arguments.out).write_text("\n".join(page), encoding="utf-8")
    print(page[-1])


if __name__ == "__main__":
    main()
