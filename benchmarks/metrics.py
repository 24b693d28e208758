"""How fast are the metrics, and do they agree?

Ours beside pysaliency 0.2.22, same inputs, one process, one thread, CPU time.

    python benchmarks/metrics.py                 # makes an environment, some ten minutes; writes benchmarks/metrics.md
    python benchmarks/metrics.py --quick         # the main table only, printed

pysaliency wants other versions of the numerical libraries than we do, so it gets an environment of its own (--env),
made once and kept.
Both sides run in that one. Times are medians over repeats in which all sides take turns.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from configparser import ConfigParser
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from common import machine, table, take_turns

ROOT = Path(__file__).resolve().parents[1]
THEIRS = ["numpy<2.4", "setuptools<81", "torch", "pandas", "scikit-learn", "h5py", "matplotlib", "pysaliency==0.2.22"]
PACKAGES = ["pysaliency", "numpy", "scipy", "numba", "opencv-python-headless", "torch"]
SIGMA = 24                    # pixels, the blur of the ground truth
BANDWIDTH = 0.03              # of the center bias: a share of the height and of the width
EPS = 2.0**-52


# ---- an environment for both sides ----

def interpreter(folder: Path) -> Path:
    "The Python of an environment that has pysaliency and what we need; made if it is not there."
    settings = ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    needs = [*THEIRS, *settings["DEFAULT"]["requirements"].split(), "numba>=0.61"]
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "needs.txt"
    if not stamp.exists() or stamp.read_text() != "\n".join(needs):
        print(f"making an environment with pysaliency in {folder} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *needs], check=True)
        stamp.write_text("\n".join(needs))
    return python


def restart(arguments) -> int:
    "Run this file again, in that environment and on one thread."
    one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")}
    command = [interpreter(Path(arguments.env)), __file__, "--inside", "--images", str(arguments.images), "--out",
               arguments.out]
    return subprocess.run(command + ["--quick"] * arguments.quick,
                          env=os.environ | one | {"PYTHONPATH": str(ROOT)}).returncode


# ---- pictures ----

class World:
    "Pictures with fixations, predictions (float64 densities), ground-truth maps and center biases, for both sides."

    def __init__(self, images: int, size=(768, 1024), fixations: int = 100, kind: str = "smooth"):
        self.size, self.kind = size, kind
        height, width = size
        rng = np.random.default_rng(images + fixations)
        spots = np.clip(rng.normal(0.5, 0.2, (images, 2, fixations)), 0, 0.9999) * [[[width], [height]]]
        self.x, self.y = spots.astype(int).transpose(1, 0, 2) + 0.5  # in the middle of their pixels
        self.gt = [maps.density(x, y, size, SIGMA) for x, y in zip(self.x, self.y, strict=True)]
        self.p = [self._prediction(rng, x, y) for x, y in zip(self.x, self.y, strict=True)]
        row, column = (np.exp(-0.5 * ((np.arange(n) / n - 0.5) / 0.22)**2) for n in (height, width))
        middle = np.outer(row, column)
        self.bias = [np.log(middle / middle.sum()) for _ in range(images)]
        everywhere = np.ones(images * fixations)
        self.pool = ceilings.FixationPool(x=self.x.ravel(), y=self.y.ravel(), width=width * everywhere,
                                          height=height * everywhere, image=np.repeat(np.arange(images), fixations))

    def _prediction(self, rng, x, y):
        "A density that knows half of the fixations, and something of its own."
        height, width = self.size
        some = rng.integers(0, len(x), 1 + len(x) // 2)[:60]
        own_x, own_y = rng.uniform(0, width, 30), rng.uniform(0, height, 30)
        p = maps.density(np.append(x[some], own_x), np.append(y[some], own_y), self.size, 0.04 * width)
        p = p / p.max() + 0.02
        changes = {"smooth": lambda: p, "8-bit": lambda: np.round(p * 250), "four levels": lambda: np.round(3 * p),
                   "heavy tails": lambda: np.exp(40 * p), "constant": lambda: np.ones(self.size)}
        p = changes[self.kind]()
        return p / p.sum()


# ---- our side ----

def ours(world: World, i: int, engine: str | None = None, gt=None, bias=None) -> dict[str, float]:
    "A full row for picture i."
    others = core.other_fixations(world.pool, i, world.size)
    return fast.score_fused(world.p[i], world.x[i], world.y[i], others.x, others.y, world.gt[i] if gt is None else gt,
                      baseline=world.bias[i] if bias is None else bias, wanted=NAMES, engine=engine)


def all_rows(world: World, engine: str | None = None) -> list[dict[str, float]]:
    "The rows of all images."
    return [ours(world, i, engine) for i in range(len(world.p))]


def all_aucs(world: World) -> list[dict[str, float]]:
    "AUC alone of all images."
    return [fast.score_fused(p, x, y, wanted=["AUC"]) for p, x, y in zip(world.p, world.x, world.y, strict=True)]


def blurred(world: World, i: int):
    "The ground-truth map of image i, made anew."
    return maps.density(world.x[i], world.y[i], world.size, SIGMA)


def plain(world: World, i: int) -> dict[str, float]:
    "The same from the plain functions, one by one."
    p, x, y, gt, others = (world.p[i], world.x[i], world.y[i], world.gt[i],
                           core.other_fixations(world.pool, i, world.size))
    with np.errstate(divide="ignore"):
        gain = tuebingen.log_likelihood(np.log(p), x, y) - tuebingen.log_likelihood(world.bias[i], x, y)
    return {"AUC": tuebingen.auc(p, x, y), "sAUC": tuebingen.sauc(p, x, y, others.x, others.y),
            "NSS": tuebingen.nss(p, x, y), "IG": gain,
            "CC": tuebingen.cc(p, gt), "KL": tuebingen.kl_div(p, gt), "SIM": tuebingen.sim(p, gt)}


class CenterBias:
    """The density of the fixations of all other pictures, blurred.

    What leaves the picture is reflected, as pysaliency does it.

    One blur of all fixations for the data set; for each picture only its own, which are taken off. Where next to
    nothing remains, the difference is rounding noise, so there the others are blurred anew. (`ceilings` has this for
    users; this twin keeps pysaliency's border.)
    """
    floor, strip = 1e-20, 32                         # a share of uniform density; rows that stay in the cache

    def __init__(self, x, y, size, bandwidth):
        self.size, self.bells = size, [maps._bell(bandwidth * length) for length in size]
        self.owner = np.repeat(np.arange(len(x)), [len(one) for one in x])
        self.places = np.stack([np.concatenate(y), np.concatenate(x)]).astype(int)
        self.all = self._blurred(self.places, np.empty(size))
        self.doubtful = 1e-6  # less than this share of all: rounding noise

    def _blurred(self, places, result, corner=(0, 0)):
        "Bells on places (2, n), rows and columns, in the part of the picture that starts at a corner."
        # what leaves the picture comes back
        for axis, (length, bell) in enumerate(zip(self.size, self.bells, strict=True)):
            at, radius = places[axis], bell.size // 2
            beyond = [places[:, at < radius].copy(), places[:, at >= length - radius].copy()]
            beyond[0][axis], beyond[1][axis] = -1 - beyond[0][axis], 2 * length - 1 - beyond[1][axis]
            places = np.concatenate([places, *beyond], axis=1)
        rows, columns = places[:, np.argsort(places[0])]
        result[:] = 0
        compiled.splat(rows - corner[0], columns - corner[1], np.ones(len(rows)), *self.bells, result)
        return result

    def density(self, i: int, logarithms: bool = False):
        "For picture i (height, width), sum 1; or its logarithms."
        own = self.owner == i
        result, share = self._blurred(self.places[:, own], np.empty(self.size)), np.count_nonzero(~own)
        for top in range(0, self.size[0], self.strip):
            rows = slice(top, top + self.strip)
            part = np.subtract(self.all[rows], result[rows], out=result[rows])
            bad = part < self.doubtful * self.all[rows]
            if bad.any():
                wide = np.flatnonzero(bad.any(axis=0))
                left, right = wide[0], wide[-1] + 1
                part[:, left:right] = self._blurred(self.places[:, ~own], np.empty((len(part), right - left)),
                                                    (top, left))
            part *= (1 - self.floor) / share
            part += self.floor / result.size / share
            if logarithms:
                cv2.log(part, part)
        return result


# ---- their side ----

class Theirs:
    "pysaliency's calls for the same numbers."

    def __init__(self, world: World):
        rng = np.random.default_rng(0)
        self.world = world
        pictures = [rng.integers(0, 256, (*world.size, 3), dtype=np.uint8) for _ in world.p]
        self.stimuli = pysaliency.Stimuli(pictures)
        [self.stimuli.stimulus_ids[i] for i in range(len(pictures))]                     # hashes them once
        which = np.repeat(np.arange(len(pictures)), world.x.shape[1])
        self.fixations = pysaliency.Fixations.create_without_history(world.x.ravel(), world.y.ravel(), which)
        self.model, self.truth = self._given(world.p), self._given(world.gt)
        self.baseline = self._given(world.bias, density=True)

    def _given(self, arrays, density=False):
        "A model that has its maps ready; found by the identity of the picture, which spares pysaliency its hash."
        ready = {id(picture): array for picture, array in zip(self.stimuli.stimuli, arrays, strict=True)}

        base: Any = pysaliency.Model if density else pysaliency.SaliencyMapModel

        class Given(base):
            def find(self, stimulus):
                return ready[id(getattr(stimulus, "stimulus_data", stimulus))]
            saliency_map = _saliency_map = log_density = _log_density = find
        return Given(caching=False)

    def metrics(self, truth=None, baseline=None):
        "Name -> a call that gives one value a picture."
        truth, baseline = truth or self.truth, baseline or self.baseline
        normalised = pysaliency.models.SaliencyMapNormalizingModel
        model, stimuli, fixations = self.model, self.stimuli, self.fixations

        def each(values):
            return values.reshape(len(stimuli), -1).mean(axis=1)
        return {"AUC": lambda: model.AUC_per_image(stimuli, fixations),
                "sAUC": lambda: model.AUC_per_image(stimuli, fixations, nonfixations="shuffled"),
                "NSS": lambda: each(model.NSSs(stimuli, fixations)),
                "IG": lambda: each(normalised(model).information_gains(stimuli, fixations, baseline)),
                "CC": lambda: model.CCs(stimuli, truth),
                "KL": lambda: model.KLDivs(stimuli, truth, minimum_value=0, log_regularization=EPS,
                                           quotient_regularization=EPS),
                "SIM": lambda: model.SIMs(stimuli, truth)}

    def rows(self, truth=None, baseline=None):
        "All of them: one dict a picture."
        columns = {name: call() for name, call in self.metrics(truth, baseline).items()}
        return [dict(zip(columns, map(float, values), strict=True)) for values in zip(*columns.values(), strict=True)]

    def rows_from_fixations(self):
        "The same with their own ground truth and center bias."
        truth = pysaliency.saliency_map_models.FixationMap(self.stimuli, self.fixations, kernel_size=SIGMA,
                                                           convolution_mode="constant")
        return self.rows(truth,
                         pysaliency.baseline_utils.CrossvalidatedBaselineModel(self.stimuli, self.fixations, BANDWIDTH))


# ---- measuring ----

def medians(sides: dict, repeats: int, images: int) -> dict[str, float]:
    "Milliseconds an image."
    return {name: 1000 * float(np.median(spent)) / images
            for name, spent in take_turns(sides, repeats, time.process_time).items()}


def each_in_turn(call, images: int) -> None:
    "One picture after the other, nothing kept, so that memory is used again."
    for i in range(images):
        call(i)


def apart(one: list[dict], other: list[dict]) -> float:
    "The largest difference of two lists of rows, relative where the value is above 1."
    pairs = [(row[name], value) for row, values in zip(one, other, strict=True) for name, value in values.items()]
    return max(0.0 if a == b else abs(a - b) / max(1, abs(b)) for a, b in pairs)


def times(one: float, other: float) -> str:
    "A ratio in print."
    return f"{one / other:.1f}×" if one < 10 * other else f"{one / other:.0f}×"


# ---- the tables ----

def whole_row(images: int) -> str:
    "The main table: a row with everything given, and a row from the fixations alone."
    world = World(images)
    theirs = Theirs(world)
    logs = [SimpleNamespace(values=np.log(p).astype(np.float32), kind="density") for p in world.p]

    def from_fixations(all_logs=False):
        bias, rows = CenterBias(world.x, world.y, world.size, BANDWIDTH), []
        for i, (x, y) in enumerate(zip(world.x, world.y, strict=True)):
            baseline = bias.density(i, all_logs)
            if not all_logs:
                baseline = np.log(baseline[y.astype(int), x.astype(int)])
            rows.append(ours(world, i, gt=maps.density(x, y, world.size, SIGMA), bias=baseline))
        return rows

    fitted = ceilings.LeaveOneOutCenterBias(world.pool, BANDWIDTH)
    baselines = [fitted(i, world.size) for i in range(images)]

    def row(i):
        sample = SimpleNamespace(fixations=core.Fixations(world.x[i], world.y[i]),
                                 nonfix=core.other_fixations(world.pool, i, world.size), gt_map=world.gt[i], meta={})
        return metrics.score_row(logs[i], sample, "tuebingen", baseline=baselines[i])
    sides = {"pysaliency": theirs.rows, "plain functions": lambda: [plain(world, i) for i in range(images)],
             "fused, NumPy": lambda: [ours(world, i, "numpy") for i in range(images)],
             "fused, Numba": lambda: [ours(world, i) for i in range(images)],
             "pysaliency, from fixations": theirs.rows_from_fixations, "fused, from fixations": from_fixations,
             "fused, from fixations, all logarithms": lambda: from_fixations(True),
             "metrics.row": lambda: each_in_turn(row, images)}
    values = {name: call() for name, call in sides.items()}
    spent = {name: 1000 * np.array(seconds) / images for name, seconds in take_turns(sides, 9).items()}
    once = medians({"all": lambda: CenterBias(world.x, world.y, world.size, BANDWIDTH)}, 5, 1)["all"]
    bias_ms = medians({"all": lambda: [fitted(i, world.size) for i in range(images)],
                       "at": lambda: [fitted.at_fixations(i, world.size) for i in range(images)]}, 5, images)
    lines = []
    for name, each in spent.items():
        reference = "pysaliency, from fixations" if "from" in name else "pysaliency"
        ratio = "" if name in (reference, "metrics.row") else f"**{np.median(spent[reference] / each):.1f}×**"
        lines.append([name, float(np.median(each)), float(np.min(each)), ratio,
                      f"{apart(values[name], values[reference]):.0e}" if ratio else ""])
    further = spent["fused, from fixations"] - once / images
    text = (f"AUC, sAUC, NSS, IG, CC, KL and SIM of {images} pictures, 1024 × 768, 100 fixations each, float64. "
            "Milliseconds a picture; a ratio is the median over the rounds, in which all take turns; the last column "
            "is the largest difference of any value from pysaliency's.\n\n"
            + table(["", "median", "least", "pysaliency / this", "differs by"], lines)
            + f"\n*From fixations*: the ground truth is blurred from the fixations (sigma {SIGMA}), and the baseline "
            "of IG is a center bias that leaves the picture out, at all pixels. pysaliency keeps its logarithms at all "
            "pixels; ours are taken at the fixations, where IG reads them, or, in the line below, everywhere. Our blur "
            f"of all fixations ({once:.0f} ms, once for a data set) is spread over only {images} pictures; without it "
            f"a picture takes {np.median(further):.1f} ms, which is "
            f"{np.median(spent['pysaliency, from fixations'] / further):.1f}×. *metrics.row* is what the runner calls: "
            "it starts from logarithms in float32 and gives LL too.\n\n"
            "The center bias of this table is written for it, to be the same density as pysaliency's. The runner's is "
            "`ceilings.CenterBias`, whose kernels keep their mass at the border and are cut off nowhere: "
            f"{bias_ms['all']:.1f} ms at all pixels, {bias_ms['at']:.2f} ms at the fixations, which is all that IG "
            "needs.\n\n" + blur_parts(world, theirs))
    print(text, flush=True)
    return text


def blur_parts(world: World, theirs: Theirs) -> str:
    "Ground truth and center bias alone, how far they are apart, and the trap."
    n, bias = len(world.p), CenterBias(world.x, world.y, world.size, BANDWIDTH)
    maps_theirs = pysaliency.saliency_map_models.FixationMap(theirs.stimuli, theirs.fixations, kernel_size=SIGMA,
                                                             convolution_mode="constant", caching=False)
    bias_theirs = pysaliency.baseline_utils.CrossvalidatedBaselineModel(theirs.stimuli, theirs.fixations, BANDWIDTH,
                                                                        caching=False)
    calls = {"truth theirs": lambda i: maps_theirs.saliency_map(theirs.stimuli[i]),
             "truth": lambda i: maps.density(world.x[i], world.y[i], world.size, SIGMA),
             "bias theirs": lambda i: bias_theirs.log_density(theirs.stimuli[i]), "bias": bias.density}
    spent = medians({name: lambda call=call: each_in_turn(call, n) for name, call in calls.items()}, 3, n)
    off_truth = max(np.abs(m / m.sum() - calls["truth"](i)).max() / calls["truth"](i).max()
                    for i, m in ((i, calls["truth theirs"](i)) for i in range(n)))
    off_bias = max(np.abs(calls["bias theirs"](i) - np.log(bias.density(i))).max() for i in range(n))
    return (table(["", "pysaliency", "ours", "ratio", "differs by"],
                  [["ground truth, sigma 24", spent["truth theirs"], spent["truth"],
                    times(spent["truth theirs"], spent["truth"]), f"{off_truth:.0e} of the maximum"],
                   ["center bias, leave one out", spent["bias theirs"], spent["bias"],
                    times(spent["bias theirs"], spent["bias"]), f"{off_bias:.0e} nats"]])
            + "\nThe trap: if a picture's own fixations are alone in a corner, all − own leaves rounding noise there. "
            f"Recomputed, our center bias is {trap():.0e} nats from pysaliency's at every pixel; by subtraction alone "
            f"it would be {trap(recompute=False):.0f} nats off.\n")


def trap(recompute: bool = True) -> float:
    "The largest difference from pysaliency where one picture's fixations are alone in a corner."
    world = World(3)
    world.x[0], world.y[0] = world.x[0] / 8, world.y[0] / 8
    world.x[1:], world.y[1:] = 600 + world.x[1:] / 4, 400 + world.y[1:] / 4
    world.x, world.y = np.floor(world.x) + 0.5, np.floor(world.y) + 0.5
    theirs, bias = Theirs(world), CenterBias(world.x, world.y, world.size, BANDWIDTH)
    if not recompute:
        bias.doubtful = -np.inf
    reference = pysaliency.baseline_utils.CrossvalidatedBaselineModel(theirs.stimuli, theirs.fixations, BANDWIDTH,
                                                                      caching=False)
    return float(np.abs(reference.log_density(theirs.stimuli[0]) - np.log(np.abs(bias.density(0)))).max())


def each_metric(images: int) -> str:
    "Milliseconds an image for each metric alone."
    world = World(images)
    theirs, lines = Theirs(world), []
    one: dict[str, Any] = {"AUC": tuebingen.auc, "NSS": tuebingen.nss, "CC": tuebingen.cc, "KL": tuebingen.kl_div,
                           "SIM": tuebingen.sim}

    def alone(name, engine):
        others = [core.other_fixations(world.pool, i, world.size) for i in range(images)]
        return lambda: [fast.score_fused(world.p[i], world.x[i], world.y[i], others[i].x, others[i].y, world.gt[i],
                                         baseline=world.bias[i],
                                   wanted=[name], engine=engine) for i in range(images)]

    def plainly(name):
        truth = [(gt,) for gt in world.gt] if name in ("CC", "KL", "SIM") else list(zip(world.x, world.y, strict=True))
        return [one[name](p, *needed) for p, needed in zip(world.p, truth, strict=True)]
    for name, call in theirs.metrics().items():
        sides = {"pysaliency": call, "NumPy": alone(name, "numpy"), "Numba": alone(name, None)}
        if name in one:
            sides["plain"] = partial(plainly, name)
        spent = medians(sides, 5, images)
        lines.append([name, spent["pysaliency"], spent.get("plain", "–"), spent["NumPy"], spent["Numba"],
                      times(spent["pysaliency"], spent["Numba"])])
    quicker = medians({"": lambda: theirs.model.AUCs(theirs.stimuli, theirs.fixations)}, 5, images)[""]
    text = ("Each metric alone, everything given, milliseconds a picture. Alone, sAUC and IG pay for a check of the "
            "whole map (is it finite, is it a density), and KL and SIM come together and need the sums first; in a "
            "row, all of these come from passes that are made anyway.\n\n"
            + table(["", "pysaliency", "plain", "NumPy", "Numba", "pysaliency / Numba"], lines)
            + "\npysaliency's AUC is that of `AUC`, which is also what its benchmark calls; its `AUCs`, per fixation, "
            f"takes {quicker:.1f} ms.\n")
    print(text, flush=True)
    return text


def kinds(images: int) -> str:
    "A row, and AUC alone, on maps that are hard to count."
    lines = []
    for kind in ("smooth", "four levels", "8-bit", "heavy tails", "constant"):
        world = World(images, kind=kind)
        theirs = Theirs(world)
        sides = {"theirs": theirs.rows, "numpy": partial(all_rows, world, "numpy"), "ours": partial(all_rows, world),
                 "AUC theirs": theirs.metrics()["AUC"], "AUC": partial(all_aucs, world)}
        spent = medians(sides, 3, images)
        lines.append([kind, spent["AUC theirs"], spent["AUC"], spent["theirs"], spent["numpy"], spent["ours"],
                      times(spent["theirs"], spent["ours"]),
                      f"{apart(sides['ours'](), sides['theirs']()):.0e}"])
    text = ("Maps of other kinds, milliseconds a picture.\n\n"
            + table(["", "AUC: pysaliency", "AUC: Numba", "row: pysaliency", "row: NumPy", "row: Numba", "ratio",
                     "differs by"], lines))
    print(text, flush=True)
    return text


def growth() -> str:
    "A row by the size of the picture and by the number of fixations."
    texts = []
    for title, settings in [("megapixels", [((384, 512), 100), ((768, 1024), 100), ((1080, 1920), 100),
                                            ((1536, 2048), 100), ((2160, 3840), 100)]),
                            ("fixations", [((768, 1024), n) for n in (10, 100, 1000, 10_000)])]:
        lines = []
        for size, n in settings:
            world = World(2, size, n)
            theirs = Theirs(world)
            bias = CenterBias(world.x, world.y, world.size, BANDWIDTH)
            sides = {"theirs": theirs.rows, "numpy": partial(all_rows, world, "numpy"),
                     "ours": partial(all_rows, world),
                     "blur": partial(each_in_turn, partial(blurred, world), 2),
                     "bias": partial(each_in_turn, bias.density, 2)}
            spent = medians(sides, 5 if size[0] < 1100 else 3, 2)
            lines.append([f"{size[0] * size[1] / 1e6:.1f} ({size[1]} × {size[0]})" if title == "megapixels"
                          else f"{n:,}", spent["theirs"], spent["numpy"], spent["ours"],
                          times(spent["theirs"], spent["ours"]), spent["blur"], spent["bias"]])
        texts.append(table([title, "row: pysaliency", "row: NumPy", "row: Numba", "ratio", "ground truth",
                            "center bias"], lines))
    text = ("How the cost grows with the picture (100 fixations) and with the fixations (1024 × 768), milliseconds a "
            "picture.\n\n" + "\n".join(texts))
    print(text, flush=True)
    return text


def measure(arguments) -> None:
    parts = ["# What the metrics cost\n\n" + machine(PACKAGES, "one core is used", __file__),
             "## A whole row\n\n" + whole_row(arguments.images)]
    if not arguments.quick:
        parts += ["## Metric by metric\n\n" + each_metric(arguments.images), "## Ties and tails\n\n" + kinds(3),
                  "## Growth\n\n" + growth()]
        Path(arguments.out).write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--env", default=str(Path(tempfile.gettempdir()) / "saliency_playground_benchmark"),
                        help="folder of the environment; made if it is not there")
    parser.add_argument("--images", type=int, default=12, help="pictures in the main table")
    parser.add_argument("--out", default=str(ROOT / "benchmarks" / "metrics.md"), help="where to write the tables")
    parser.add_argument("--quick", action="store_true", help="only the main table, printed, nothing written")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if not chosen.inside:
        sys.exit(restart(chosen))
    warnings.simplefilter("ignore")                  # pysaliency's own, and its logarithms of 0
    import cv2
    import numpy as np
    import pysaliency
    import pysaliency.baseline_utils

    from saliency_playground import ceilings, compiled, core, maps, metrics
    from saliency_playground.metrics import fast, tuebingen
    cv2.setNumThreads(1)
    NAMES = ["AUC", "sAUC", "NSS", "IG", "CC", "KL", "SIM"]
    measure(chosen)
