"""How often the doctor cries wolf.

Random parts of sound datasets are looked at, and every finding that is more than a note is a false alarm.

    python benchmarks/false_alarms.py                     # 200 parts; writes false_alarms.md
    python benchmarks/false_alarms.py --draws 20          # printed only

The sound datasets are: fifty photographs of OSIE with the fixations of fifteen people (`../shared/data/osie50`), whole,
as portraits and as squares cut out of them; the toy data of any seed; and scenes painted here, of mixed sizes, with a
strong center bias or none. A part has 5 images or more and 1 observer or more.
"""
import argparse
import collections
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from common import machine, table
from PIL import Image

import saliency_playground as sp
from saliency_playground.checkup.doctor import doctor

OSIE = Path(__file__).resolve().parents[2] / "shared" / "data" / "osie50"
Source = tuple[Path, pd.DataFrame]


def osie(folder: Path, box: tuple[int, int, int, int]) -> Source:
    "OSIE's images cut to a box (left, top, right, bottom), at half size, and the fixations in it."
    left, top, right, bottom = box
    rows = pd.read_csv(OSIE / "fixations.csv", dtype={"image_id": str})
    rows = rows[(rows.x >= left) & (rows.x < right) & (rows.y >= top) & (rows.y < bottom)]
    rows = rows.assign(image_id=rows.image_id.str.removesuffix(".jpg"), x=(rows.x - left) / 2, y=(rows.y - top) / 2)
    (folder / "images").mkdir(parents=True)
    for path in sorted((OSIE / "images").iterdir()):
        cut = Image.open(path).crop(box)
        cut.resize((cut.width // 2, cut.height // 2)).save(folder / "images" / f"{path.stem}.png")
    return folder / "images", rows


def painted(folder: Path, seed: int, center: bool) -> Source:
    "Forty scenes with three bright or dark spots each that eight people look at, of four sizes."
    rng, rows = np.random.default_rng(seed), []
    (folder / "images").mkdir(parents=True)
    for i in range(40):
        height, width = [(120, 160), (144, 108), (200, 200), (112, 192)][i % 4]
        yy, xx = np.mgrid[:height, :width]
        image = np.full((height, width, 3), 110.0) + rng.normal(0, 3, (height, width, 1))
        spots = rng.uniform(0.35, 0.65, (3, 2)) if center else rng.uniform(0.1, 0.9, (3, 2))
        for x, y in spots * (width, height):
            bump = np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * rng.uniform(5, 9) ** 2))[..., None]
            image = image * (1 - bump) + bump * rng.choice([30, 245], 3)
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / "images" / f"s{i:02}.png")
        for observer in range(8):
            n = int(rng.integers(4, 9))
            points = (spots[rng.integers(0, 3, n)] * (width, height) + rng.normal(0, 5, (n, 2))).clip(1, None)
            times = np.cumsum(rng.integers(150, 450, n))
            rows += [(f"s{i:02}", f"p{observer}", min(x, width - 2), min(y, height - 2), t, d) for (x, y), t, d in zip(
                points.round(1), times, rng.integers(120, 400, n), strict=True)]
    return folder / "images", pd.DataFrame(rows, columns=["image_id", "observer", "x", "y", "t", "duration"])


def toy(folder: Path, seed: int) -> Source:
    "The toy data of a seed."
    sp.make_toy(folder, n_images=24, seed=seed)
    return folder / "images", pd.read_csv(folder / "fixations.csv")


def sources(home: Path) -> dict[str, Callable[[int], Source]]:
    "The sound datasets: name -> how the one of a seed is made."
    made = {"painted scenes, no center bias": lambda seed: painted(home / f"painted{seed}", seed, False),
            "painted scenes, strong center bias": lambda seed: painted(home / f"centred{seed}", seed, True),
            "toy data": lambda seed: toy(home / f"toy{seed}", seed)}
    if OSIE.is_dir():
        boxes = {"OSIE": (0, 0, 800, 600), "OSIE, portraits": (200, 0, 620, 600), "OSIE, squares": (100, 0, 700, 600)}
        for name, box in boxes.items():
            cut = osie(home / name.replace(", ", "_"), box)
            made[name] = lambda seed, cut=cut: cut
    return made


def draws(home: Path, n: int) -> Iterator[tuple[str, str]]:
    "Look at n random parts, the datasets taking turns: (dataset, the finding), or (dataset, '') for a silent part."
    made, rng = sources(home), np.random.default_rng(0)
    for draw in range(n):
        name = list(made)[draw % len(made)]
        images, rows = made[name](draw)
        ids, people = (rng.choice(rows[column].unique(), int(rng.integers(least, rows[column].nunique() + 1)), False)
                       for column, least in (("image_id", 5), ("observer", 1)))
        part = home / "part.csv"
        rows[rows.image_id.isin(ids) & rows.observer.isin(people)].to_csv(part, index=False)
        found = doctor(sp.create("dataset", "csv_indexed", index_csv=part, images_dir=images), quiet=True).findings
        alarms = [str(finding) for finding in found if finding.severity != "note"]
        yield from ((name, alarm) for alarm in alarms or [""])
        if not name.startswith("OSIE"):
            shutil.rmtree(images.parent)


def main() -> None:
    "Draw, print, and write the table."
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--draws", type=int, help="how many parts; printed only")
    asked = options.parse_args()
    parts: collections.Counter[str] = collections.Counter()
    alarms = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as home:
        for name, alarm in draws(Path(home), asked.draws or 200):
            parts[name] += 1
            if alarm:
                alarms[name].append(alarm)
                print(f"{name}: {alarm}")
    rows = [[name, str(n), str(len(alarms[name]))] for name, n in parts.items()]
    text = table(["dataset", "parts", "false alarms"],
                 [*rows, ["all", str(parts.total()), str(sum(map(len, alarms.values())))]])
    print(text)
    about = machine(["numpy", "pillow"], "processor only", __file__)
    if asked.draws is None:
        Path(__file__).with_suffix(".md").write_text(f"# False alarms of the doctor\n\n{about}\n{text}\n",
                                                     encoding="utf-8")


if __name__ == "__main__":
    main()
