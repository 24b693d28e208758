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
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from common import machine, table

NAMES = ("image_id", "observer", "x", "y", "t", "duration", "image_path")
READINGS = {
    "read_table": "read_table(path)",
    "read_table and its fixations": "table = read_table(path, numbers=POINT_NUMBERS); "
    "points_from_columns(table.columns, table.lines)",
    "csv_indexed, opened": "CsvIndexed(path)",
}
MEASURE = """
import resource, sys, time
from pathlib import Path
import pandas
from saliency_playground.datasets.csv_indexed import CsvIndexed
from saliency_playground.datasets.csv_tables import POINT_NUMBERS, points_from_columns, read_table
path = sys.argv[1]
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 2**20
before, start = peak(), time.process_time()
exec(sys.argv[2])
print(time.process_time() - start, peak() - before)
"""


@dataclass(frozen=True)
class Kind:
    "A way in which people save a long table, and what pandas must be told of it."
    quote: str = ""
    separator: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    shuffled: bool = False
    numbered: bool = False                             # a nameless first column, as pandas writes its index
    more: int = 0                                      # further columns that nothing reads
    tell: str = ""


KINDS = {
    "plain": Kind(),
    "words in quotation marks": Kind(quote='"'),
    "rows in any order": Kind(shuffled=True),
    "rows numbered": Kind(numbered=True),
    "semicolons and decimal commas": Kind(separator=";", decimal=",", tell=", sep=';', decimal=','"),
    "tabs, UTF-16": Kind(separator="\t", encoding="utf-16", tell=", sep='\\t', encoding='utf-16'"),
    "Windows-1252": Kind(encoding="windows-1252", tell=", encoding='windows-1252'"),
    "20 more columns": Kind(more=20),
}


def write_rows(path: Path, rows: int, kind: Kind) -> None:
    "A long table of so many fixations, ten observers on each image, by formula."
    rng, mark = np.random.default_rng(0), kind.quote
    at = np.arange(rows) if not kind.shuffled else rng.permutation(rows)
    x, y = rng.uniform(0, 1024, rows).round(1), rng.uniform(0, 768, rows).round(1)
    t, duration = at % 10 * 300 + rng.integers(0, 90, rows), rng.integers(100, 500, rows)
    names = ["" for _ in range(kind.numbered)] + [*NAMES, *(f"more{i}" for i in range(kind.more))]
    who = ["Zoë" if kind.encoding == "windows-1252" and i == 3 else f"s{i}" for i in range(10)]
    with open(path, "w", encoding=kind.encoding, newline="") as file:
        file.write(kind.separator.join(f"{mark}{name}{mark}" for name in names) + "\n")
        for i, k, *numbers in zip(range(rows), at, x, y, t, duration, strict=True):
            image = f"im{k // 100:05}"
            words = [f"{mark}{word}{mark}" for word in (image, who[k // 10 % 10], f"{image}.png")]
            cells = [*words[:2], *(str(number).replace(".", kind.decimal) for number in numbers), words[2]]
            cells += [str(i)] * kind.more
            file.write(kind.separator.join([str(i)] * kind.numbered + cells) + "\n")


def measure(path: Path, kind: Kind, rounds: int) -> dict[str, list[tuple[float, float]]]:
    "Reading -> (seconds of the processor, MiB that the peak grew) in each round; the first round does not count."
    readings = {"pandas.read_csv": f"pandas.read_csv(path{kind.tell})"} | READINGS
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in readings}
    for _ in range(rounds + 1):
        for name, statement in readings.items():
            done = subprocess.run([sys.executable, "-c", MEASURE, str(path), statement], capture_output=True, text=True,
                                  check=True)
            seconds, mebibytes = map(float, done.stdout.split())
            found[name].append((seconds, mebibytes))
    return {name: spent[1:] for name, spent in found.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], help="words of the kinds to measure; nothing is written then")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    asked = parser.parse_args()
    lines: list[list] = []
    everything = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, how in KINDS.items():
            if asked.only and not any(word in kind for word in asked.only):
                continue
            path = Path(folder, "fixations.csv")
            write_rows(path, asked.rows, how)
            everything[kind] = spent = measure(path, how, asked.rounds)
            own = spent["pandas.read_csv"]
            for name, took in spent.items():
                ratios = [median(one[k] / theirs[k] for one, theirs in zip(took, own, strict=True)) for k in range(2)]
                lines.append([f"{name}, {kind}", median(one[0] for one in took), f"{ratios[0]:.2f}",
                              f"{median(one[1] for one in took):.0f}", f"{ratios[1]:.2f}"])
                print(*lines[-1], sep="  ", file=sys.stderr, flush=True)
    if asked.json:
        print(json.dumps(everything))
        sys.exit()
    found = table([f"{asked.rows:,} rows, 7 columns", "seconds of the processor", "times pandas'",
                   "MiB more at the peak",
                   "times pandas'"], lines)
    text = f"# Reading tables\n\n{machine(['numpy', 'pandas'], 'processor only', __file__)}\n{found}"
    print(text)
    if asked.rows == 1_000_000 and not asked.only:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
