"""What a run costs that has its predictions, beside its bare stages.

    python benchmarks/pipeline.py                                # writes benchmarks/pipeline.md
    python benchmarks/pipeline.py --images 40 --models 2         # printed only

Pictures are painted, 1024 × 768, in JPEG files, each with 100 fixations. Some models are folders of maps, one is the
center bias; their predictions are kept. A run then scores eight metrics anew and writes the tables. The bare stages, in
as many threads: decode a picture and blur its fixations once, and for each model load its map and compute the row. What
remains is all that a run does more: digests, checks, fixations of other images, journals, tables. Both take turns.
"""
import argparse
import itertools
import os
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from common import machine, painted_images, ratio, table, take_turns

import saliency_playground as sp
from saliency_playground import core, maps, metrics

FEW, METRICS, SIGMA = 8, ["AUC", "sAUC", "NSS", "CC", "KL", "SIM", "LL", "AUC_Judd"], 24


def clocks() -> np.ndarray:
    "The clock on the wall, and the processor's time of this process, in seconds."
    return np.array([time.perf_counter(), time.process_time()])


def prepare(folder: Path, n: int, models: int) -> dict:
    "The config of runs of n pictures, with maps for each of the models that are folders."
    painted_images(folder, n, observers=15)
    rng = np.random.default_rng(0)
    for model, i in itertools.product(range(models - 1), range(n)):
        (folder / f"maps {model}").mkdir(exist_ok=True)
        smooth = cv2.resize(rng.random((12, 16), np.float32), (1024, 768), interpolation=cv2.INTER_CUBIC)
        np.save(folder / f"maps {model}" / f"{i:03}.npy", smooth - smooth.min() + 1e-3)
    stored = [{"name": "precomputed", "as": f"m{model}", "path": str(folder / f"maps {model}")}
              for model in range(models - 1)]
    return {"datasets": [{"name": "folder", "as": "painted", "root": str(folder), "sigma_px": SIGMA}],
            "models": [*stored, "center_bias"], "metrics": METRICS, "workers": os.cpu_count(),
            "output_dir": str(folder / "outputs"), "prediction_cache_dir": str(folder / "predictions")}


def sides(folder: Path, n: int, models: int) -> dict:
    "The runs and the bare stages."
    config = prepare(folder, n, models)
    dataset = sp.create("dataset", "folder", root=str(folder), sigma_px=SIGMA)
    columns, names = metrics.columns(METRICS), [f"m{model}" for model in range(models - 1)] + ["center_bias"]

    def run(limit: int, anew: bool):
        rows = folder / "outputs" / ".rows"
        if anew and rows.exists():
            for journal in set(rows.glob("*.jsonl")) - set(rows.glob("*.files.jsonl")):
                journal.unlink()
        made = sp.benchmark(config | {"limit_images": limit})
        assert made.errors.empty, made.errors

    run(n, anew=False)                                                               # predictions are kept from here on
    fixations, others = dataset.fixations_of, [dataset.nonfix(i) for i in range(n)]

    def stages(i: int) -> None:
        image = cv2.imread(str(folder / "images" / f"{i:03}.jpg"))
        points, size = fixations(i), image.shape[:2]
        truth = maps.density(points.x, points.y, size, SIGMA)
        sample = core.Sample(f"{i:03}", image, fixations=points, gt_map=truth, meta={"gt_map": "fixations"})
        for name in names:
            values = np.load(folder / "predictions" / "painted" / name / f"{i:03}.npy")
            metrics.score_row(core.Prediction(values, "density" if name == "center_bias" else "map"), sample, columns,
                              others[i], None)

    def bare() -> None:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(stages, range(n)))

    return {"bare": bare, "short run": lambda: run(FEW, True), "run": lambda: run(n, True),
            "nothing": lambda: run(n, False), "short nothing": lambda: run(FEW, False)}


def measure(n: int, models: int, repeats: int) -> str:
    "The table, and what it says."
    folder = Path(tempfile.mkdtemp())
    try:
        took = take_turns(sides(folder, n, models), repeats, clocks)
    finally:
        shutil.rmtree(folder)
    lines = []
    for i, clock in enumerate(("clock", "processor")):
        spent = {side: [seconds[i] for seconds in rounds] for side, rounds in took.items()}

        def share(long: str, short: str, spent: dict = spent) -> float:
            return median((a - b) / (n - FEW) for a, b in zip(spent[long], spent[short], strict=True))
        bare, run, nothing = median(spent["bare"]) / n, share("run", "short run"), share("nothing", "short nothing")
        spent["steady run"] = [n * (a - b) / (n - FEW) for a, b in zip(spent["run"], spent["short run"], strict=True)]
        reached = f"{100 * ratio(spent, 'bare', 'steady run'):.0f} %"
        lines.append([clock, 1000 * bare / models, 1000 * run / models, reached, 1000 * nothing / models,
                      f"{median(spent['run']) - n * run:.1f} s"])
    return table([f"{n} pictures × {models} models, ms a picture and model", "bare stages", "run", "share",
                  "run that owes nothing", "once a run"], lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=160)
    parser.add_argument("--models", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    found = measure(given.images, given.models, given.repeats)
    text = (f"# A run beside its bare stages\n\n{machine(['numpy', 'numba'], 'processor only', __file__)}\n{found}\n"
            f"A picture's share of a run is the difference of a run and one of {FEW} pictures. Medians over rounds.\n")
    print(text)
    if given == parser.parse_args([]):
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
