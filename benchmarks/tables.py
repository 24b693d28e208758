"""How long a table of a million rows takes, and how much memory, beside pandas' own `read_csv`.

    python benchmarks/tables.py                    # a million rows; writes tables.md
    python benchmarks/tables.py --rows 100000      # printed only

Every reading has a process of its own, which says what it took of the processor and by how much its peak grew. Within a
round all readings take turns; a ratio is the median of the ratios within rounds.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
from common import machine, table

NAMES = ("image_id", "observer", "x", "y", "t", "duration", "image_path")
READINGS = {
    "pandas.read_csv": "pandas.read_csv(path)",
    "read_table": "read_table(path)",
    "read_table and its fixations": "table = read_table(path, numbers=POINT_NUMBERS); "
    "points_from_columns(table.columns, table.lines)",
    "csv_indexed, opened": "long_records(Path(path), *read_table(path, numbers=POINT_NUMBERS)[:2])",
}
MEASURE = """
import resource, sys, time
from pathlib import Path
import pandas
from saliency_playground.datasets.csv_indexed import long_records
from saliency_playground.datasets.csv_tables import POINT_NUMBERS, points_from_columns, read_table
path = sys.argv[1]
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 2**20
before, start = peak(), time.process_time()
exec(sys.argv[2])
print(time.process_time() - start, peak() - before)
"""


def write_rows(path: Path, rows: int, quoted: bool) -> None:
    "A long table of so many fixations, ten observers on each image, by formula; quoted: as R writes it."
    rng, quote = np.random.default_rng(0), '"' if quoted else ""
    images, observers = np.arange(rows) // 100, np.arange(rows) // 10 % 10
    x, y = rng.uniform(0, 1024, rows).round(1), rng.uniform(0, 768, rows).round(1)
    t, duration = np.arange(rows) % 10 * 300 + rng.integers(0, 90, rows), rng.integers(100, 500, rows)
    names = ",".join(f"{quote}{name}{quote}" for name in NAMES)
    with open(path, "w", encoding="utf-8") as file:
        file.write(names + "\n")
        for image, who, *numbers in zip(images, observers, x, y, t, duration, strict=True):
            cells = ",".join(map(str, numbers))
            file.write(f"{quote}im{image:05}{quote},{quote}s{who}{quote},{cells},{quote}im{image:05}.png{quote}\n")


def measure(path: Path, rounds: int) -> dict[str, list[tuple[float, float]]]:
    "Reading -> (seconds of the processor, MiB that the peak grew) in each round; the first round does not count."
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in READINGS}
    for _ in range(rounds + 1):
        for name, statement in READINGS.items():
            done = subprocess.run([sys.executable, "-c", MEASURE, str(path), statement], capture_output=True, text=True,
                                  check=True)
            seconds, mebibytes = map(float, done.stdout.split())
            found[name].append((seconds, mebibytes))
    return {name: spent[1:] for name, spent in found.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    asked = parser.parse_args()
    lines: list[list] = []
    everything = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, quoted in (("plain", False), ("words in quotation marks", True)):
            path = Path(folder, "fixations.csv")
            write_rows(path, asked.rows, quoted)
            everything[kind] = spent = measure(path, asked.rounds)
            own = spent["pandas.read_csv"]
            for name, took in spent.items():
                ratios = [median(one[k] / theirs[k] for one, theirs in zip(took, own, strict=True)) for k in range(2)]
                lines.append([f"{name}, {kind}", median(one[0] for one in took), f"{ratios[0]:.2f}",
                              f"{median(one[1] for one in took):.0f}", f"{ratios[1]:.2f}"])
    if asked.json:
        print(json.dumps(everything))
        sys.exit()
    found = table([f"{asked.rows:,} rows, 7 columns", "seconds of the processor", "times pandas'",
                   "MiB more at the peak",
                   "times pandas'"], lines)
    text = f"# Reading tables\n\n{machine(['numpy', 'pandas'], 'processor only', __file__)}\n{found}"
    print(text)
    if asked.rows == 1_000_000:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
