"""How long do 10,000 maps of the next fixation take, each made from a history and scored at one pixel?

The closed form of `local_bias` at 800 × 600, asked and scored as a run does it, beside pysaliency asked for the same
densities and for its LL, NSS and AUC, in one run, in seconds of the processor.

    python benchmarks/next_fixation.py               # some minutes; writes benchmarks/next_fixation.md
    python benchmarks/next_fixation.py --quick       # 300 maps, printed

The package: `pip install pysaliency==0.2.22`; without it, its lines are left out.
"""
import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import machine, table

from saliency_playground.bench.next_fixation import ScoredPath, conditional_scores
from saliency_playground.core import Fixations, Sample, as_sample
from saliency_playground.models.local_bias import LocalBias, bell

SIZE, LENGTH = (600, 800), 10          # height and width of the image, pixels; fixations of a path
BESIDE = 300                           # maps that pysaliency is timed on
SIGMA, WEIGHT = 40.0, 0.45             # of the closed form, pixels


class Formula(LocalBias):
    "`local_bias` with a center bias that is given: nothing is fitted here."
    def look_at_sample(self, sample: Sample) -> tuple:
        "A broad Gaussian, sigma in pixels, the weight."
        center = np.outer(bell(SIZE[0], SIZE[0] / 2, 130), bell(SIZE[1], SIZE[1] / 2, 180))
        return 0.99 * center + 0.01 / center.size, SIGMA, WEIGHT


def made_up_paths(maps: int) -> list[ScoredPath]:
    "Paths of ten fixations all over the image, of which the first is not scored."
    rng, n = np.random.default_rng(0), -(-maps // (LENGTH - 1))
    paths = [Fixations(rng.uniform(0, SIZE[1], LENGTH), rng.uniform(0, SIZE[0], LENGTH), order=np.arange(LENGTH))
             for _ in range(n)]
    return [ScoredPath(k, path, np.arange(1, LENGTH)) for k, path in enumerate(paths)]


def seconds(call: Callable) -> tuple[float, np.ndarray]:
    "Of the processor, and what came out."
    start = time.process_time()
    found = call()
    return time.process_time() - start, found


def by_pysaliency(paths: list[ScoredPath], sample: Sample) -> np.ndarray | None:
    "LL over uniform, NSS and AUC of every scored fixation by pysaliency, (n, 3); None if it is not there."
    try:
        import pysaliency
    except ImportError:
        return None
    ours = Formula()
    state = ours.look_at_sample(sample)

    class Closed(pysaliency.ScanpathModel):
        "The same densities."
        def conditional_log_density(self, stimulus, x_hist, y_hist, t_hist, attributes=None, out=None):
            return ours.predict_next(state, Fixations(np.asarray(x_hist), np.asarray(y_hist)))

    class Maps(pysaliency.ScanpathSaliencyMapModel):
        "The same as maps."
        def conditional_saliency_map(self, stimulus, x_hist, y_hist, t_hist, attributes=None, out=None):
            return np.exp(ours.predict_next(state, Fixations(np.asarray(x_hist), np.asarray(y_hist))))

    fixations = pysaliency.FixationTrains.from_fixation_trains(
        [one.path.x for one in paths], [one.path.y for one in paths], [np.arange(LENGTH) for _ in paths],
        [0] * len(paths), [one.observer for one in paths])
    fixations = fixations[fixations.lengths > 0]
    stimuli = pysaliency.Stimuli([sample.image])
    ll = Closed().log_likelihoods(stimuli, fixations)
    return np.stack([(ll + np.log(SIZE[0] * SIZE[1])) / np.log(2), Maps().NSSs(stimuli, fixations),
                     Maps().AUCs(stimuli, fixations)], axis=1)


def page(maps: int) -> str:
    "The page, Markdown."
    sample = as_sample({"image_id": "made up", "image": np.zeros((*SIZE, 3), np.uint8)})
    paths, model = made_up_paths(maps), Formula()
    histories = [one.path[:int(i)] for one in paths for i in one.scored]
    conditional_scores(model, sample, paths[:2])                                      # compiles, and warms up
    state = model.look_at_sample(sample)
    asked, _ = seconds(lambda: [model.predict_next(state, history) is None for history in histories])
    whole, _ = seconds(lambda: conditional_scores(model, sample, paths))
    n = len(histories)
    rows: list[list] = [["asking only", n, asked, 1e3 * asked / n, ""],
                        ["asked and scored (LL, NSS, AUC)", n, whole, 1e3 * whole / n, ""]]
    few = made_up_paths(min(BESIDE, maps))
    spent, theirs = seconds(lambda: by_pysaliency(few, sample))
    words = "pysaliency is not installed here, so it has no line."
    if theirs is not None:
        apart = np.abs(conditional_scores(model, sample, few) - theirs).max(axis=0)
        per_map = spent / len(theirs)
        rows.append([f"pysaliency 0.2.22, measured on {len(theirs)}", n, per_map * n, 1e3 * per_map,
                     f"{per_map / (whole / n):.1f}×"])
        words = (f"pysaliency is given the same densities, and asks for them once a score. The largest differences: LL "
                 f"{apart[0]:.0e} bit, NSS {apart[1]:.0e}, AUC {apart[2]:.0e} (a logarithm rounds: a few more ties).")
    return (f"# {n:,} maps of the next fixation\n\n" + machine(["numpy", "scipy", "numba"], "one thread", __file__)
            + f"\nThe closed form of `local_bias` on {SIZE[1]} × {SIZE[0]} pixels, a map for every history of made-up "
            "paths of ten fixations, of which the first is not scored. Seconds of the processor.\n\n"
            + table(["", "maps", "seconds", "ms a map", "slower"], rows) + f"\n{words}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="300 maps, printed")
    quick = parser.parse_args().quick
    text = page(300 if quick else 10_000)
    print(text)
    if not quick:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
