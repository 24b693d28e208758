"""Run the benchmarks one after the other, and say what has changed since the last time.

    python benchmarks/run.py                     # all of them, some hours
    python benchmarks/run.py pipeline memory     # these
    python benchmarks/run.py --readme            # run nothing: write README's short table anew from the tables here

Each benchmark writes a page of tables beside it; the last time is what that page said before. A number that is more
than a fifth larger or smaller is named, with both. When a benchmark fails, the others run
all the same. Close everything else first: they time the processor or the clock, and other work makes both longer.
"""
import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
ORDER = ("pipeline", "runner", "memory", "soak", "large", "ceilings", "metrics", "scanpaths", "next_fixation",
         "deepgaze", "deepgaze_msdb", "msi_net", "finetune", "tables", "reading", "viewer", "cluster",
         "false_alarms", "damaged", "fuzz", "reliability")
BESIDE_OFFICIAL = ("deepgaze", "finetune")             # their pages are of the official code, too
CHANGED = 0.2                          # the share by which a number must differ to be named
BEGIN, END = "<!-- figures: `python benchmarks/run.py --readme` -->", "<!-- end of figures -->"


class Figure(NamedTuple):
    "A number of a benchmark's page that README's short table shows."
    what: str
    says: str                          # the number takes the place of {}
    page: str
    row: str                           # of the page's table: what its line begins with
    column: str
    beside: str                        # what it is measured beside, or its bar


FIGURES = (
    Figure("Seven metrics of an image, 1024 × 768, Numba", "{} faster", "metrics", "fused, Numba", "pysaliency / this",
           "pysaliency, the same values"),
    Figure("A run that has its predictions", "{} bare stages", "pipeline", "processor", "share",
           "reading, decoding, blurring, scoring alone"),
    Figure("A run that owes nothing", "{} ms an image and model", "pipeline", "processor", "run that owes nothing",
           "the bar: 1 ms"),
    Figure("160 images instead of 40, all ceilings", "{} MiB", "memory", "with ceilings", "difference", "flat: 0"),
    Figure("Single observer, all rows of an image", "{} times faster", "ceilings", "single_observer", "times",
           "the plain way, values equal"),
    Figure("Gold standard, all rows of an image", "{} times faster", "ceilings", "gold_standard", "times",
           "the plain way, values equal"),
    Figure("DeepGaze IIE, an image", "{} faster", "deepgaze", "fast", "ratio, clock", "the official code"),
    Figure("A training step of DeepGaze IIE's head", "{} faster", "finetune",
           "a step on kept features, of eight in a row", "ratio", "the official code"),
    Figure("A table of a million fixations", "{} times as long", "tables", "read_table, plain", "times pandas'",
           "`pandas.read_csv`"),
    Figure("The viewer's next image, of 10,000", "{} ms", "viewer", "next image", "10,000 images", "the bar: 100 ms"),
)


def tables(page: str) -> Iterator[tuple[list[str], list[list[str]]]]:
    "The tables of a page of Markdown: the cells of the head, and those of each line."
    for found in re.finditer(r"(?:^\|.*\n)+", page + "\n", re.MULTILINE):
        head, _, *lines = [[cell.strip().strip("*").strip() for cell in line.strip().strip("|").split("|")]
                           for line in found[0].splitlines()]
        yield head, lines


def numbers(page: str) -> dict[tuple[str, ...], str]:
    "What stands in the cells of a page's tables, by the table's place, the line's beginning, and the column's head."
    return {(str(place), line[0], name): cell for place, (head, lines) in enumerate(tables(page)) for line in lines
            for name, cell in zip(head[1:], line[1:], strict=False) if _number(cell) is not None}


def _number(cell: str) -> float | None:
    "The number that a cell begins with, None if it begins with none."
    found = re.match(r"[+-]?[\d,]+(?:\.\d+)?(?:e[+-]?\d+)?", cell)
    return float(found[0].replace(",", "")) if found else None


def changes(before: str, after: str) -> list[list[str]]:
    "The numbers of a page that differ by more than a fifth: line, column, before, after."
    last, now = numbers(before), numbers(after)
    found = []
    for key in last.keys() & now.keys():
        old, new = _number(last[key]), _number(now[key])
        assert old is not None and new is not None, "only cells with numbers are kept"
        if abs(new - old) > CHANGED * abs(old):
            found.append([*key[1:], last[key], now[key]])
    return sorted(found)


def figures() -> str:
    "README's short table, from the pages that are there."
    lines = ["| what | measured | beside | when |", "|---|---:|---|---|"]
    for figure in FIGURES:
        page = (HERE / f"{figure.page}.md").read_text(encoding="utf-8")
        cell = next((line[head.index(figure.column)] for head, rows in tables(page) if figure.column in head
                     for line in rows if line[0] == figure.row), None)
        if cell is None:
            raise SystemExit(f"benchmarks/{figure.page}.md has no line {figure.row!r} with a column {figure.column!r}.")
        day = re.search(r"\d{4}-\d\d-\d\d", page)
        lines.append(f"| {figure.what} | {figure.says.format(cell)} | {figure.beside} | "
                     f"[{day[0] if day else 'undated'}](benchmarks/{figure.page}.md) |")
    return "\n".join(lines)


def with_figures(text: str) -> str:
    "README with its short table as the pages have it now."
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{figures()}\n\n{END}{after}"


def run(name: str, official: str | None) -> bool:
    "Run one benchmark, and print what has changed. Returns whether it ended well. official: a checkout of DeepGaze."
    page = HERE / f"{name}.md"
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    print(f"\n## {name}\n", flush=True)
    if name in BESIDE_OFFICIAL and not official:
        print(f"left out: {page.name} is measured beside the official code, see --official.")
        return True
    options = ["--official", official] if name in BESIDE_OFFICIAL and official else []
    ended = subprocess.run([sys.executable, HERE / f"{name}.py", *options], check=False).returncode
    after = page.read_text(encoding="utf-8") if page.exists() else ""
    if ended:
        print(f"{name} failed" + ("." if after != before else f", and {page.name} is as it was."))
        return False
    found = changes(before, after)
    print("\n".join(f"{line} · {column}: {old} → {new}" for line, column, old, new in found)
          or ("nothing has changed by more than a fifth." if before else "there is no page of an earlier time."))
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ORDER)}; none: all")
    parser.add_argument("--official", help="a checkout of the official DeepGaze, for deepgaze and finetune")
    parser.add_argument("--readme", action="store_true", help="only write README's short table anew")
    given = parser.parse_args()
    if unknown := set(given.names) - set(ORDER):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}. There are: {', '.join(ORDER)}.")
    ended = {name: run(name, given.official) for name in ([] if given.readme else given.names or ORDER)}
    README.write_text(with_figures(README.read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(f"failed: {', '.join(name for name, well in ended.items() if not well)}" if not all(ended.values()) else 0)
