"""What `report --html` and `doctor` cost, beside their bare work.

    python benchmarks/reading.py                    # writes benchmarks/reading.md
    python benchmarks/reading.py --images 20        # printed only

Pictures are painted, 1024 × 768, in JPEG files, each with 100 fixations of 15 people, in a table of all; two models are
run on them. Each side is a process of its own, from its start to its end, so what it imports counts, too. The bare work
of a report: read the tables of scores, draw as many charts with Matplotlib, as PNG for light and for dark paper, decode
the pictures that the page shows, lay the maps over them, and write them as JPEG. Of a checkup: read the table with
pandas, and decode each picture once. All take turns; CPU seconds.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from common import machine, painted_images, ratio, table, take_turns

CONFIG = """
datasets: [{{name: csv_indexed, as: painted, index_csv: "{folder}/fixations.csv", sigma_px: 24}}]
models: [center_bias, spectral_residual]
output_dir: "{folder}/outputs"
prediction_cache_dir: "{folder}/predictions"
"""

BARE_REPORT = """
import io, sys
from pathlib import Path
import numpy as np, pandas as pd
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
folder, charts, photos = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
tables = [pd.read_csv(path) for path in sorted((folder/"outputs").glob("painted__*.csv")) if "summary" not in path.name]
metrics = tables[0].select_dtypes("number").columns
for k in range(charts // 2):
    figure = Figure(figsize=(3.7, 1.3))
    axis = figure.add_subplot()
    for row, scores in enumerate(tables):
        axis.scatter(scores[metrics[k % len(metrics)]], np.full(len(scores), row), 7)
    figure.set_dpi(160)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).quantize(96, Image.Quantize.FASTOCTREE)
    for paper in ("light", "dark"): pixels.save(io.BytesIO(), format="PNG")
colors, maps = colormaps["jet"], sorted((folder/"predictions").rglob("*.npy"))
for k in range(photos):
    if k % 4 == 0: image = np.asarray(Image.open(sorted((folder/"images").iterdir())[k // 4]).convert("RGB"))
    values = np.load(maps[k])
    heat = colors(values / values.max(), bytes=True)[..., :3]
    panel = Image.fromarray((0.4 * image + 0.6 * heat).astype(np.uint8))
    panel = panel.resize((640, 640 * panel.height // panel.width), Image.Resampling.LANCZOS)
    panel.save(io.BytesIO(), format="JPEG", quality=80)
"""

BARE_CHECKUP = """
import sys
from pathlib import Path
import numpy as np, pandas as pd
from PIL import Image
folder = Path(sys.argv[1])
pd.read_csv(folder/"fixations.csv")
for path in sorted((folder/"images").iterdir()): np.asarray(Image.open(path).convert("RGB"))
"""


def prepare(folder: Path, n: int) -> None:
    "Pictures, a table of their fixations, and a finished run of two models."
    painted_images(folder, n, observers=15)
    lines = [f"{path.stem},{line}" for path in sorted((folder / "fixations").iterdir())
             for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    shutil.rmtree(folder / "fixations")
    (folder / "fixations.csv").write_text("\n".join(["image_id,x,y,observer", *lines]) + "\n", encoding="utf-8")
    (folder / "run.yaml").write_text(CONFIG.format(folder=folder.as_posix()), encoding="utf-8")


def child(*words: object, well: tuple[int, ...] = (0,)) -> None:
    "Run Python to its end. well: the exit codes that are no failure."
    ended = subprocess.run([sys.executable, *map(str, words)], stdout=subprocess.DEVNULL, check=False).returncode
    assert ended in well, (words, ended)


def children_seconds() -> float:
    "The processor's time of all processes that were started here and have ended."
    spent = os.times()
    return spent.children_user + spent.children_system


def measure(n: int, repeats: int) -> str:
    "The table."
    folder = Path(tempfile.mkdtemp())
    try:
        prepare(folder, n)
        command, page = ("-m", "saliency_playground"), folder / "report.html"
        child(*command, "run", "-c", folder / "run.yaml", "-q")
        child(*command, "report", folder / "outputs", "--html", page)
        pictures = re.findall("data:image/(png|jpeg)", page.read_text(encoding="utf-8"))
        charts, photos = pictures.count("png"), pictures.count("jpeg")
        took = take_turns({
            "bare report": lambda: child("-c", BARE_REPORT, folder, charts, photos),
            "report": lambda: child(*command, "report", folder / "outputs", "--html", page),
            "bare checkup": lambda: child("-c", BARE_CHECKUP, folder),
            "checkup": lambda: child(*command, "doctor", folder / "fixations.csv", "-q", well=(0, 1))},
            repeats, children_seconds)
    finally:
        shutil.rmtree(folder)
    sides = [("report --html", "report"), ("doctor", "checkup")]
    lines = [[f"`{name}`", median(took[f"bare {side}"]), median(took[side]),
              f"{ratio(took, side, f'bare {side}'):.1f} times"] for name, side in sides]
    return (table([f"{n} images, CPU s", "bare work", "command", "as much"], lines)
            + f"\nThe report's page has {charts} charts and {photos} pictures.\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    found = measure(given.images, given.repeats)
    used = machine(["numpy", "pandas", "matplotlib", "pillow"], "processor only", __file__)
    text = f"# A report and a checkup beside their bare work\n\n{used}\n{found}"
    print(text)
    if given == parser.parse_args([]):
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
