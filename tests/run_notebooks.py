"""Runs the notebooks' tests, each in a process of its own, a few at a time. Exits 1 if one fails, and shows why.

    python tests/run_notebooks.py                        all of nbs/
    python tests/run_notebooks.py nbs/tutorials nbs/03_ceilings.ipynb --workers 1

It runs what `nbdev_test` runs: the same cells, by the same function, in the notebook's folder. But `nbdev_test` keeps
one process for all of them, which holds what every notebook imported and made. Here the memory goes when a notebook
ends, and so do its temporary files. Run by `make test`.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 1800                                             # seconds for one notebook: one that hangs is a failure


def notebooks(paths: Iterable[Path]) -> list[Path]:
    "The notebooks that nbdev tests, in folders or named one by one. Raises FileNotFoundError for a path that has none."
    from nbdev.doclinks import nbglob
    listed = []
    for path in paths:
        below = [one.resolve() for one in nbglob(path, as_path=True) if not (one.parent / ".notest").exists()]
        if not below:
            raise FileNotFoundError(f"there is no notebook to test at {path}.")
        listed += sorted(below)
    return list(dict.fromkeys(listed))


def peak() -> float:
    "The most memory that this process has held, in MB."
    try:
        import resource
    except ImportError:                                    # Windows
        import psutil
        return psutil.Process().memory_info().peak_wset / 1e6
    unit = 1 if sys.platform == "darwin" else 1024         # bytes there, kB here
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def run_here(path: Path, flags: list[str]) -> int:
    "Run one notebook in this process; prints its seconds and memory after what it has to say. Returns the exit code."
    from nbdev.config import get_config
    from nbdev.test import test_nb
    config = get_config()
    skipped = config.tst_flags.split()
    passed, seconds = test_nb(path, skip_flags=skipped, force_flags=flags, basepath=config.config_path)
    print(f"{seconds:6.1f} s {peak():6.0f} MB", flush=True)
    return not passed


def environment(scratch: str) -> dict[str, str]:
    """What a notebook's process finds in its environment: this one's, and a temporary folder of its own.

    Threads that wait for others sleep (OMP_WAIT_POLICY). By default they spin, and several processes on few cores then
    take the cores from each other: a notebook with small tensors took ten times as long.
    """
    own = {"TMPDIR": scratch, "TEMP": scratch, "TMP": scratch, "PYTHONUTF8": "1"}
    return {"OMP_WAIT_POLICY": "PASSIVE"} | os.environ | own


def run_apart(path: Path, flags: list[str]) -> tuple[bool, str]:
    "Run one notebook in a process of its own. Returns whether it passed, and what to print of it."
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    # -P: nothing is imported from tests/
    command = [sys.executable, "-P", __file__, "--here", str(path), "--flags", *flags]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        output = Path(scratch, "output.txt")               # no pipe, which would stay open with a process left behind
        with output.open("w") as file:
            process = subprocess.Popen(command, cwd=ROOT, env=environment(scratch), stdin=subprocess.DEVNULL,
                                       stdout=file, stderr=subprocess.STDOUT)
            try:
                end = f"exit code {process.wait(LONGEST)}"
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                end = f"stopped after {LONGEST} s"
        said = output.read_text(encoding="utf-8", errors="replace").rstrip()
    if process.returncode == 0 and said.endswith(" MB"):   # a notebook may end its process early, with code 0
        return True, f"{said.splitlines()[-1]} {name}"
    line = "=" * 100
    return False, f"{line}\n{name} failed, {end}\n{said}\n{line}"


def run_all(paths: list[Path], flags: list[str], workers: int) -> list[Path]:
    "Run notebooks, several at a time, and print how each went as it ends. Returns those that failed."
    def passes(path: Path) -> bool:
        passed, said = run_apart(path, flags)
        print(said, flush=True)
        return passed

    with ThreadPoolExecutor(workers) as pool:
        return [path for path, passed in zip(paths, pool.map(passes, paths), strict=True) if not passed]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, default=[ROOT / "nbs"], help="notebooks, and folders of them")
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1), help="how many at a time")
    parser.add_argument("--flags", nargs="*", default=[], help="run the cells of these flags too, such as slow")
    parser.add_argument("--here", type=Path, metavar="NOTEBOOK", help="run only this one, in this very process")
    asked = parser.parse_args()
    if asked.here:
        return run_here(asked.here, asked.flags)
    start = time.perf_counter()
    try:
        paths = notebooks(asked.paths)
    except FileNotFoundError as error:
        parser.error(str(error))
    failed = run_all(paths, asked.flags, asked.workers)
    print(f"{len(paths) - len(failed)} of {len(paths)} notebooks passed in {time.perf_counter() - start:.0f} s")
    for path in failed:
        print(f"failed: {path}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
