"""Whether a long run stays as small as it began: memory and open files of a run of many small images and many models.

    python benchmarks/soak.py                                    # 20,000 images × 10 models; writes soak.md; an hour
    python benchmarks/soak.py --images 500 --models 3            # printed only

Images are 64 × 48, painted by formula, with ten fixations each. The run is a process of its own; this one looks at it
every second, and prints what it saw at each tenth of the way.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from common import machine, table

MODELS = [{"name": "center_bias", "as": f"bias {share}", "sigma_ratio": share / 100} for share in range(10, 35, 5)] + [
    {"name": "blur_baseline", "as": f"blur {size}", "ksize": size} for size in (3, 5, 7, 9, 11)]
RUN = """
import json, sys
import saliency_playground as sp
run = sp.benchmark(json.loads(sys.argv[1]))
assert run.errors.empty, run.errors
"""


def paint(folder: Path, n: int) -> None:
    "Write n images and one table of their fixations."
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    with open(folder / "fixations.csv", "w", encoding="utf-8") as lines:
        lines.write("image_id,x,y\n")
        for i in range(n):
            cv2.imwrite(str(folder / "images" / f"{i:05}.png"), rng.integers(0, 255, (48, 64, 3), np.uint8))
            lines.writelines(f"{i:05},{x:.1f},{y:.1f}\n" for x, y in rng.random((10, 2)) * [63, 47])


def watch(process: subprocess.Popen, rows: list[Path], total: int) -> list[list]:
    "What was seen of a process at each tenth of its rows: seconds, MiB that it holds, files that it has open."
    start, seen = time.perf_counter(), []
    while process.poll() is None:
        time.sleep(1)
        try:
            done = sum(path.read_bytes().count(b"\n") for path in rows if path.exists())
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines()
            held = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
            files = len(os.listdir(f"/proc/{process.pid}/fd"))
        except (OSError, StopIteration):                                       # it has just ended
            continue
        if done and done / total >= (len(seen) + 1) / 10:
            seen.append([f"{100 * done / total:.0f} %", time.perf_counter() - start, held, str(files)])
            print(*seen[-1], flush=True)
    if process.returncode:
        raise RuntimeError("the run failed")
    return seen


def measure(n: int, models: int) -> str:
    "The table."
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        paint(folder / "data", n)
        config = {"datasets": [{"name": "csv_indexed", "as": "small", "index_csv": str(folder / "data/fixations.csv")}],
                  "models": MODELS[:models], "output_dir": str(folder / "outputs"), "metrics": ["AUC", "NSS", "CC"],
                  "prediction_cache_dir": str(folder / "predictions")}
        rows = [folder / "outputs" / ".rows" / f"small__{model['as']}.jsonl" for model in MODELS[:models]]
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-c", RUN, json.dumps(config)])
        seen = watch(process, rows, n * models)
        seen.append(["all", time.perf_counter() - start, "", ""])
    return table([f"{n:,} images × {models} models: rows done", "seconds", "MiB held", "open files"], seen)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--models", type=int, default=10)
    given = parser.parse_args()
    text = (f"# A long run\n\n{machine(['numpy', 'numba'], 'processor only', __file__)}\n"
            f"{measure(given.images, given.models)}\nRows are written once all predictions are there.\n")
    print(text)
    if given == parser.parse_args([]):
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
