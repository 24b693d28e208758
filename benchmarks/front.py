"""The README's first picture and its leaderboard.

    python benchmarks/front.py picture PHOTOGRAPH WEIGHTS     # writes .github/first.jpg
    python benchmarks/front.py board OSIE50 WEIGHTS           # prints the table; some minutes

PHOTOGRAPH: the picture is of Eileen Collins, by NASA, in the public domain (scikit-image has it as `astronaut`).
WEIGHTS: FastGaze's, as published. OSIE50: a folder with `fixations.csv` and `images`.

A reader of a leaderboard looks at its first row. So rows stand in the order of the first column in which the best model
is significantly better than every other one, and ceilings, which see other observers' fixations, stand in a table of
their own.
"""
import sys
from pathlib import Path

import saliency_playground as sp
from saliency_playground import heatmaps, images
from saliency_playground.report.leaderboard import as_markdown

ROOT = Path(__file__).resolve().parents[1]
CLASSICAL = ["bms", "aim", "image_signature", "gbvs", "itti_koch", "spectral_residual"]
CEILINGS = ["center_bias_crossval", "single_observer", "gold_standard"]
METRICS = ["NSS", "IG", "AUC", "sAUC"]


def networks(weights: str) -> list[dict]:
    return [{"name": "fastgaze", "as": f"fastgaze_{side}", "weights_path": weights, "input_long_side": side}
            for side in (800, 512)]


def picture(photograph: str, weights: str) -> None:
    "The photograph, and what a network and the classical models make of it, half transparent."
    image = images.read_image(photograph)
    models = {"fastgaze, a network": sp.create("model", "fastgaze", weights_path=weights, input_long_side=800)}
    models |= {name: sp.create("model", name) for name in ("bms", "gbvs", "spectral_residual", "center_bias")}
    figures = [image]
    for model in models.values():
        brightness = heatmaps.to_brightness(model(image).density())
        figures.append(heatmaps.overlay(image, heatmaps.colorize(brightness), 0.65))
    sheet = heatmaps.image_grid(figures, 6, captions=["a photograph", *models], width=1500)
    (ROOT / ".github/first.jpg").write_bytes(images.jpeg_bytes(sheet, 85))


def board(data: str, weights: str) -> None:
    "The run, and its leaderboard in Markdown."
    run = sp.benchmark({
        "experiment": "front", "metrics": METRICS, "models": [*networks(weights), *CLASSICAL, "center_bias", "uniform",
                                                              *CEILINGS],
        "datasets": [{"name": "csv_indexed", "as": "osie50", "index_csv": f"{data}/fixations.csv", "index_base": 1,
                      "sigma_px": 24}]})
    print(as_markdown(run))


if __name__ == "__main__":
    {"picture": picture, "board": board}[sys.argv[1]](*sys.argv[2:])
