"""A run of 1,003 images, as many as MIT1003 has, with ten models and all ceilings: time, memory, each stage's share.

    python benchmarks/large.py --osie50 ../shared/data/osie50            # writes large.md; half an hour
    python benchmarks/large.py --osie50 ../shared/data/osie50 --images 60    # printed only

The images are the 50 of OSIE (800 × 600, 15 observers), each again and again, moved on by another stretch to the right
and down; what leaves at one side comes in at the other, and the fixations move along. The run is a process of its own.
"""
import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from common import machine, table

import saliency_playground as sp
from saliency_playground.bench import pipeline, run

MODELS = ["spectral_residual", "image_signature", "itti_koch", "blur_baseline", "center_bias", "uniform",
          "center_bias_crossval", "single_observer", "gold_standard", "gold_standard_upper"]
STAGES = {"digests of images and fixations": (run, "survey"), "what is missing": (pipeline, "pending"),
          "fits of ceilings and baseline": (pipeline, "_fit"),
          "images decoded, ground truth": (pipeline, "load_sample"), "models predict": (pipeline, "_answers"),
          "predictions kept": (pipeline, "_keep"), "rows scored": (pipeline, "score_visit"),
          "rows kept": (pipeline, "_record"), "tables": (run, "cell_tables")}


def write_images(osie50: Path, folder: Path, n: int) -> None:
    "Images and one table of their fixations."
    fixations = pd.read_csv(osie50 / "fixations.csv", dtype={"image_id": str})
    known, parts = list(fixations.groupby("image_id")), []
    (folder / "images").mkdir(parents=True)
    for i in range(n):
        name, seen = known[i % len(known)]
        image = cv2.imread(str(osie50 / "images" / f"{name}.jpg"))
        height, width = image.shape[:2]
        right, down = 37 * (i // len(known)), 23 * (i // len(known))
        cv2.imwrite(str(folder / "images" / f"{i:04}.jpg"), np.roll(image, (down, right), (0, 1)))
        inside = seen[seen.x.between(1, width) & seen.y.between(1, height)]
        parts.append(inside.assign(image_id=f"{i:04}", x=(inside.x - 1 + right) % width,
                                   y=(inside.y - 1 + down) % height))
    pd.concat(parts).to_csv(folder / "fixations.csv", index=False)


def timed(function: Callable, name: str, spent: dict[str, float]) -> Callable:
    "A function that adds the processor's time of its thread to `spent[name]`."
    @wraps(function)
    def call(*given: object, **named: object) -> object:
        start = time.thread_time()
        try:
            return function(*given, **named)
        finally:
            spent[name] += time.thread_time() - start
    return call


def inside(folder: Path) -> dict:
    "Run it here: seconds of the clock and the processor, the peak of memory in MiB, seconds of each stage."
    spent: dict[str, float] = defaultdict(float)
    for name, (module, function) in STAGES.items():
        setattr(module, function, timed(getattr(module, function), name, spent))
    config = {"datasets": [{"name": "csv_indexed", "as": "osie", "index_csv": str(folder / "fixations.csv"),
                            "sigma_px": 24}],
              "models": MODELS, "output_dir": str(folder / "outputs"), "preset": "tuebingen",
              "prediction_cache_dir": str(folder / "predictions")}
    clock, processor = time.perf_counter(), time.process_time()
    made = sp.benchmark(config)
    assert made.errors.empty, made.errors
    again = time.perf_counter()
    sp.benchmark(config)
    return {"clock": again - clock, "again": time.perf_counter() - again, "processor": time.process_time() - processor,
            "stages": spent, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def measure(osie50: Path, n: int) -> str:
    "The tables."
    with tempfile.TemporaryDirectory() as scratch:
        write_images(osie50, Path(scratch), n)
        child = subprocess.run([sys.executable, __file__, "--inside", scratch], check=True, stdout=subprocess.PIPE)
    found = json.loads(child.stdout.splitlines()[-1])
    others = found["processor"] - sum(found["stages"].values())
    whole = table([f"{n:,} images × {len(MODELS)} models", "minutes", "CPU minutes", "once more, s", "peak, MiB"],
                  [["all rows, all tables", found["clock"] / 60, found["processor"] / 60, found["again"],
                    found["peak"]]])
    stages = table(["stage", "CPU s", "share"],
                   [[name, seconds, f"{100 * seconds / found['processor']:.1f} %"]
                    for name, seconds in [*found["stages"].items(), ("all else, and libraries' own threads", others)]])
    return f"{whole}\n{stages}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--osie50", type=Path, default=Path("../shared/data/osie50"),
                        help="the folder of OSIE's 50 images")
    parser.add_argument("--images", type=int, default=1003)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        print(json.dumps(inside(given.inside)))
        sys.exit()
    text = (f"# A large run\n\n{machine(['numpy', 'numba'], 'processor only', __file__)}\n"
            f"{measure(given.osie50, given.images)}\nThe models: {', '.join(MODELS)}. The peak is of both runs.\n")
    print(text)
    if given.images == parser.get_default("images"):
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
