"""The benchmarks' pages, and what is drawn from them; the benchmarks themselves are measured, not tested."""
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import run  # noqa: E402 - lies in the folder of the benchmarks

PAGE = """# A page

2026-01-02, a machine

| what | ms | times |
| --- | ---: | ---: |
| plain | 1,200 |  |
| **fast** | 300 | 4.0× |

| other | MB |
| --- | ---: |
| plain | 7 |
"""


def test_numbers_of_a_page() -> None:
    "Each cell with a number is known by its table, line and column, without the stars of bold print."
    assert run.numbers(PAGE) == {("0", "plain", "ms"): "1,200", ("0", "fast", "ms"): "300",
                                 ("0", "fast", "times"): "4.0×", ("1", "plain", "MB"): "7"}


@pytest.mark.parametrize(("old", "new", "said"), [
    ("| 300 |", "| 350 |", []),                                                       # less than a fifth
    ("| 300 |", "| 380 |", [["fast", "ms", "300", "380"]]),
    ("1,200", "900", [["plain", "ms", "1,200", "900"]]),
    ("4.0×", "", []),                                                                 # nothing to compare with
    ("| plain | 7 |", "| plain | 700 |\n| new | 3 |", [["plain", "MB", "7", "700"]])])
def test_changes(old: str, new: str, said: list) -> None:
    "What differs by more than a fifth is named, with both numbers."
    assert run.changes(PAGE, PAGE.replace(old, new)) == said


def test_every_benchmark_is_run_and_listed() -> None:
    "What lies in the folder is run by run.py and named in README, and nothing else is."
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("*.py")} - {"common", "front", "run"}
    assert sorted(run.ORDER) == sorted(scripts)
    listed = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert not [name for name in scripts if f"benchmarks/{name}.py" not in listed]


def test_short_table_is_of_the_pages() -> None:
    "README's short table says what the pages say now: `python benchmarks/run.py --readme` writes it."
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert run.with_figures(readme) == readme
    assert len(run.FIGURES) == readme.partition(run.BEGIN)[2].partition(run.END)[0].count("](benchmarks/")
