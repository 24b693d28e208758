"""How long do 100,000 comparisons of two paths take?

Every measure of `scanpaths`, with Numba and without, and MultiMatch beside the package multimatch-gaze, in one run, in
seconds of the processor.

    python benchmarks/scanpaths.py               # some minutes; writes benchmarks/scanpaths.md
    python benchmarks/scanpaths.py --quick       # 2,000 pairs, printed

The package: `pip install --no-deps multimatch-gaze==0.1.3`; without it, its line is left out.
"""
import argparse
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
from common import machine, table

from saliency_playground import maps, scanpaths
from saliency_playground.scanpaths import alignments

SIZE, LENGTH = (600, 800), 9           # height and width of the image, pixels; fixations of a path
PLAIN = 2000                           # pairs that what is slow is timed on


def made_up_paths(n: int, seed: int) -> list[np.ndarray]:
    "Paths of nine fixations: places all over the image, durations as people have them."
    rng = np.random.default_rng(seed)
    return [np.column_stack([rng.uniform(0, SIZE[1], LENGTH), rng.uniform(0, SIZE[0], LENGTH),
                             rng.gamma(4, 60, LENGTH)]) for _ in range(n)]


def seconds(call: Callable) -> float:
    "Of the processor."
    start = time.process_time()
    call()
    return time.process_time() - start


def lines(pairs: int) -> list[list]:
    "A line a measure: seconds with Numba on all pairs, µs a pair, seconds without (extrapolated), and the ratio."
    a, b = made_up_paths(pairs // 400, 0), made_up_paths(400, 1)
    few_a, few_b = a[:PLAIN // 100], b[:100]
    clusters, rows = scanpaths.fixation_clusters(b[:15]), []
    for name in scanpaths.PATH_METRICS:
        fast = scanpaths.compare_pairs(few_a, few_b, SIZE, [name], clusters)                # compiles, and draws
        spent = seconds(lambda name=name: scanpaths.compare_pairs(a, b, SIZE, [name], clusters))
        with patch.object(maps, "compiled_loops", lambda: None):
            alignments._compiled.cache_clear()
            start = time.process_time()
            plain = scanpaths.compare_pairs(few_a, few_b, SIZE, [name], clusters)
            without = (time.process_time() - start) * len(a) * len(b) / (len(few_a) * len(few_b))
        alignments._compiled.cache_clear()
        assert all(np.allclose(plain[column], fast[column], rtol=1e-12, atol=1e-12, equal_nan=True) for column in fast)
        rows.append([name, spent, 1e6 * spent / (len(a) * len(b)), without, f"{without / spent:.1f}×"])
        print(*rows[-1], flush=True)
    return rows


def beside_multimatch_gaze(pairs: int) -> str:
    "MultiMatch by the package and by this, on the same pairs, and how far the values are apart."
    try:
        from multimatch_gaze import docomparison
    except ImportError:
        return "multimatch-gaze is not installed here, so its line is left out.\n"
    a, b = made_up_paths(PLAIN // 100, 0), made_up_paths(100, 1)
    kind = [("start_x", float), ("start_y", float), ("duration", float)]

    def theirs(paths):
        return [np.array([(x, y, ms / 1000) for x, y, ms in path], dtype=kind) for path in paths]
    their_a, their_b, values, screen = theirs(a), theirs(b), [], [SIZE[1], SIZE[0]]
    spent = seconds(lambda: values.extend(docomparison(one, other, screen) for one in their_a for other in their_b))
    found: dict[str, np.ndarray] = {}
    ours = seconds(lambda: found.update(scanpaths.compare_pairs(a, b, SIZE, ["multimatch"])))
    apart = np.abs(np.array(values).reshape(len(a), len(b), 5) - np.stack(list(found.values()), axis=-1)).max()
    each = pairs / (len(a) * len(b))
    rows = [["multimatch-gaze 0.1.3", each * spent, ""], ["multimatch", each * ours, f"{spent / ours:.1f}×"]]
    return (f"MultiMatch beside the package, both on {len(a) * len(b):,} pairs and extrapolated; the five values "
            f"differ by {apart:.0e} at most.\n\n" + table(["", "seconds", "faster"], rows))


def page(pairs: int) -> str:
    "The page, Markdown."
    return (f"# {pairs:,} comparisons of two paths\n\n"
            + machine(["numpy", "scipy", "numba"], "one thread", __file__)
            + f"\nMade-up paths of {LENGTH} fixations on an image of {SIZE[1]} × {SIZE[0]}. Seconds of the processor "
            f"for {pairs:,} pairs through `scanpaths.compare_pairs`, one measure at a time, compiled before. *Without "
            f"Numba* is measured on {PLAIN:,} of the pairs and extrapolated; the values are the same to 12 digits.\n\n"
            + table(["measure", "seconds", "µs a pair", "without Numba", "times"], lines(pairs)) + "\n"
            + beside_multimatch_gaze(pairs))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="2,000 pairs, printed")
    quick = parser.parse_args().quick
    text = page(2000 if quick else 100_000)
    print(text)
    if not quick:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
