"""What do the ceilings cost where fixations are many, and are they right where sizes differ?

    python benchmarks/ceilings.py                # some minutes; writes benchmarks/ceilings.md
    python benchmarks/ceilings.py --images 2     # fewer of the images with 7,363 fixations each

Two made-up datasets. One is like SALICON: images of 640 × 480 with 7,363 fixations of 60 observers each. The other has
60 images of 20 sizes, 256 to 3264 pixels long, with 150 fixations of 15 observers each, who look at things of the same
share of the image. Every ceiling is fitted and scored in a process of its own, which tells its time and its peak of
memory. Beside it stands the same written apart: all pairs of fixations with SciPy's normal density, and SciPy's search.
"""
import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from common import machine, table
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from saliency_playground import ceilings

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
    for observers, log_density in model.leave_one_out(i, size)[:4]:
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
    command = [sys.executable, __file__, "--inside", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    "Measure, and write the page."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--out", default=str(Path(__file__).with_suffix(".md")))
    parser.add_argument("--inside", nargs="*")
    arguments = parser.parse_args()
    if arguments.inside:
        print(json.dumps(units() if arguments.inside[0] == "units"
                         else measure(arguments.inside[0], arguments.inside[1], int(arguments.inside[2]))))
        return
    page = [f"# Ceilings\n\n{machine(['numpy', 'scipy'], 'the clock on the wall and CPU seconds', __file__)}"]
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
