"""How much memory a run takes.

The peak of a process that scores few images, beside that of one that scores four times as many.

    python benchmarks/memory.py            # 40 and 160 images of 1024 × 768, 3 and 12 of 4000 × 3000; writes memory.md
    python benchmarks/memory.py --images 12 48 --size 480 640               # printed only

A run must let an image go once it is written down, so the two peaks should be the same. Each run has a process of its
own, and its peak is what the operating system says of it (`ru_maxrss`), with Python and all libraries.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import machine, table

SITUATIONS: dict[str, dict[str, Any]] = {
    "plain": {"models": ["center_bias", "spectral_residual"]},
    "with heatmaps": {"models": ["center_bias"], "heatmaps_png": {"enabled": True, "overlay": True}},
    "with ceilings": {"models": ["center_bias_crossval", "single_observer", "gold_standard"], "preset": "tuebingen"},
    "predictions not kept": {"models": ["center_bias", "spectral_residual"], "cache_predictions": False},
    "a model that wants eight images at once": {"models": ["eight_at_once"]},
}
EIGHT = '''
import numpy as np
from saliency_playground import SaliencyModel, register

@register("model", "eight_at_once")
class EightAtOnce(SaliencyModel):
    "Brightness, eight images at a time."
    batch_size = 8
    def predict(self, image): return image.mean(axis=2)
    def predict_batch(self, batch): return list(np.stack(batch).mean(axis=3))
'''
RUN = """
import json, resource, sys
import saliency_playground as sp
run = sp.benchmark(json.loads(sys.argv[1]))
assert not run.errors.size, run.errors
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 2 ** 20)
"""
PAINT = """
import sys
from pathlib import Path
from common import painted_images
folder, n, height, width = sys.argv[1:]
painted_images(Path(folder), int(n), (int(height), int(width)), observers=5)
"""


def peak(situation: str, folder: Path, limit: int) -> float:
    "MiB that a process took at its peak in which a run scored the first `limit` images of the folder."
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / "eight_at_once.py").write_text(EIGHT, encoding="utf-8")
    name = f"{situation} {limit}".replace(" ", "_")
    config = {"datasets": [{"name": "folder", "as": "painted", "root": "painted"}], "limit_images": limit, "workers": 2,
              "output_dir": f"outputs/{name}", "prediction_cache_dir": f"predictions/{name}"} | SITUATIONS[situation]
    done = subprocess.run([sys.executable, "-c", RUN, json.dumps(config)], cwd=folder, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(done.stdout.split()[-1])


def measure(few: int, many: int, size: tuple[int, int]) -> dict[str, tuple[float, float]]:
    "Situation -> MiB at the peak with few and with many images."
    with tempfile.TemporaryDirectory() as folder:
        # in a process of its own: a child's peak counts what its parent held when it was made
        subprocess.run([sys.executable, "-c", PAINT, str(Path(folder, "painted")), str(many), *map(str, size)],
                       cwd=Path(__file__).parent, check=True)
        return {situation: (peak(situation, Path(folder), few), peak(situation, Path(folder), many))
                for situation in SITUATIONS}


def peaks(few: int, many: int, size: tuple[int, int]) -> str:
    "The table of images of one size (height, width)."
    lines = [[name, f"{small:.0f}", f"{large:.0f}", f"{large - small:+.0f}"]
             for name, (small, large) in measure(few, many, size).items()]
    return table([f"{size[1]} × {size[0]}, MiB at the peak", f"{few} images", f"{many} images", "difference"], lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, nargs=2, default=[40, 160])
    parser.add_argument("--size", type=int, nargs=2, default=[768, 1024], help="height and width in pixels")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    asked = parser.parse_args()
    usual = asked.images == parser.get_default("images") and asked.size == parser.get_default("size")
    if asked.json:
        print(json.dumps(measure(*asked.images, tuple(asked.size))))
        sys.exit()
    sizes = [(*asked.images, asked.size), *([(3, 12, (3000, 4000))] if usual else [])]
    found = "\n".join(peaks(*each) for each in sizes)
    text = f"# Memory of a run\n\n{machine(['numpy', 'numba'], 'processor only', __file__)}\n{found}"
    print(text)
    if usual:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
