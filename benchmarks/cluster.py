"""One run in many ways: on more threads, killed, in shards, on workers that are killed. Every file must be the same.

    python benchmarks/cluster.py                        # 50 real images; writes benchmarks/cluster.md
    python benchmarks/cluster.py --root toy --images 6  # of another dataset of the kind `folder`; printed only

The models are cheap ones, one of them a function and one that kills its process as often as it is told, and both
ceilings that leave observers out; with heatmaps and rows by observer. Each way is compared with the plain run on one
thread: tables, heatmaps and kept predictions byte by byte, rows entry by entry.
"""
import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from common import machine, table

from saliency_playground import files

HERE = Path(__file__).resolve().parent
OSIE50 = HERE.parents[1] / "shared" / "data" / "osie50"
CODE = '''
import hashlib, os, signal
from pathlib import Path
from saliency_playground import SaliencyModel, register

def bright(image):
    "Bright is salient."
    return image.mean(2)

@register("model", "mortal")
class Mortal(SaliencyModel):
    "Green is salient. Kills its process at images that it sees for the first time, as often as DEATHS says."
    cache_key = "mortal 1"
    def predict(self, image):
        seen = Path("seen", hashlib.sha256(image.tobytes()).hexdigest()[:16])
        if len(list(seen.parent.iterdir())) < int(os.environ.get("DEATHS", 0)) and not seen.exists():
            seen.touch()
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        return image[..., 1] * 1.0
'''
CONFIG = """
datasets: [{dataset}]
models: [center_bias, blur_baseline, {{name: callable, as: bright, function: "own:bright"}}, mortal, single_observer,
         gold_standard]
plugins: [own.py]
heatmaps_png: {{enabled: true}}
"""


class Bench:
    "The folder in which all ways run, and how the plain run came out."
    def __init__(self, folder: Path, config: str) -> None:
        self.folder, self.config, self.plain = folder, config, {}
        self.deaths = 0
        (folder / "own.py").write_text(CODE, encoding="utf-8")

    def command(self, name: str, *words: str, deaths: int = 0, killed: bool = False, place: str = "") -> str:
        """Run the command line for a way, again while it is killed if that may be; returns what it prints.

        place: the folder that it writes into; the way's own if not given.
        """
        place = place or name
        places = ["--set", f"output_dir={place}/out", "--set", f"prediction_cache_dir={place}/predictions"]
        settings = os.environ | {"DEATHS": str(deaths), "PYTHONPATH": str(HERE.parent), "OMP_WAIT_POLICY": "PASSIVE"}
        call = [sys.executable, "-m", "saliency_playground", *words, "--config", f"{name}.yaml", *places]
        while True:
            done = subprocess.run(call, cwd=self.folder, env=settings, capture_output=True, text=True, check=False)
            if not (killed and done.returncode in (-signal.SIGTERM, -getattr(signal, "SIGKILL", 15))):
                break
        if done.returncode:
            sys.exit(f"{name}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def measure(self, name: str, way: Callable[["Bench", str], str], more: str = "") -> list:
        "Run one way; returns its line of the table. more: lines of its config."
        (self.folder / f"{name}.yaml").write_text(self.config + more, encoding="utf-8")
        shutil.rmtree(self.folder / "seen", ignore_errors=True)
        (self.folder / "seen").mkdir()
        start = time.perf_counter()
        said = way(self, name)
        seconds, found = time.perf_counter() - start, kept(self.folder / name)
        self.plain = self.plain or found
        deaths = len(list((self.folder / "seen").iterdir()))
        left = re.search(r"computed (\d+) predictions? and (\d+) metric rows?", said)
        counts = [f"{len(self.plain[kind])}" for kind in self.plain]
        wrong = sorted(place for kind in self.plain for place in self.plain[kind].keys() | found[kind].keys()
                       if self.plain[kind].get(place) != found[kind].get(place))
        line = [name, f"{seconds:.0f}", str(deaths), f"{left[1]}, {left[2]}" if left else "", *counts,
                f"{len(wrong)}{': ' + wrong[0] if wrong else ''}"]
        print(" | ".join(line), flush=True)
        return line


def kept(folder: Path) -> dict[str, dict]:
    "What a run has kept, by kind and place: tables, heatmaps, predictions by their bytes, rows by what they say."
    found: dict[str, dict] = {"tables": {}, "rows": {}, "heatmaps": {}, "predictions": {}}
    kinds = {".csv": "tables", ".png": "heatmaps", ".npy": "predictions"}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder).as_posix()
        if path.name.endswith(".part"):
            found["tables"][place] = "left over"
        elif ".shards" not in path.parts and path.suffix in kinds:
            found[kinds[path.suffix]][place] = files.sha256(path)
    for path in (folder / "out" / ".rows").glob("*.jsonl"):
        journal = files.Journal(path)
        for image_id in journal.ids():
            entry = journal.get(image_id)
            entry["facts"].pop("second", None)             # of which image a model is asked twice is not the same
            found["rows"][f"{path.stem}: {image_id}"] = files.json_text(entry)
    return found


def plainly(workers: int, deaths: int = 0) -> Callable[[Bench, str], str]:
    "A way: in one piece, on so many threads, killed so often."
    return lambda bench, name: bench.command(name, "run", "--workers", str(workers), deaths=deaths, killed=deaths > 0)


def in_shards(bench: Bench, name: str) -> str:
    "A way: four shards in a random order, two of them twice, killed twice, then merged."
    order = ["1/4", "2/4", "3/4", "4/4", "2/4", "4/4"]
    random.Random(5).shuffle(order)
    for shard in order:
        bench.command(name, "run", "--shard", shard, deaths=2, killed=True)
    return bench.command(name, "merge")


def through_a_store(bench: Bench, name: str) -> str:
    "A way: four shards on four machines, played by folders, that have nothing in common but a store."
    for k in random.Random(6).sample(range(1, 5), 4):
        bench.command(name, "run", "--shard", f"{k}/4", place=f"machines/{k}")
    return bench.command(name, "merge")


def scheduled(deaths: int) -> Callable[[Bench, str], str]:
    "A way: as its config says, on workers that are killed."
    return lambda bench, name: bench.command(name, "run", deaths=deaths)


@contextmanager
def dask_cluster(folder: Path):
    "A Dask scheduler and two workers in processes of their own; gives its address."
    def start(*words: str) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-m", "distributed.cli." + words[0], *words[1:]], cwd=folder,
                                env=os.environ | {"PYTHONPATH": str(HERE.parent), "DEATHS": "2"},
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    about = folder / "scheduler.json"
    processes = [start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file",
                       str(about))]
    try:
        while not about.exists() and processes[0].poll() is None:
            time.sleep(0.1)
        processes += [start("dask_worker", "--scheduler-file", str(about), "--nthreads", "1", "--no-dashboard",
                            "--memory-limit", "0") for _ in range(2)]
        yield files.read_json(about)["address"]
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


def write_page(lines: list[list]) -> None:
    "Write cluster.md, and print its table. lines: as `Bench.measure` gives them."
    head = ["way", "s", "kills", "predictions, rows computed at last", "tables", "rows", "heatmaps", "predictions",
            "differ"]
    about = machine(["numpy", "numba", "distributed", "submitit", "fsspec"], "two at a time", __file__)
    text = table(head, lines)
    files.write_text(HERE / "cluster.md", f"# One run in many ways\n\n{about}\n{text}\n{NOTE}")
    print(text)


def main() -> None:
    "Run all ways."
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, help="a dataset of the kind `folder`; the 50 images of OSIE if not given")
    parser.add_argument("--images", type=int, help="only so many of its images")
    parser.add_argument("--kills", type=int, default=10, help="how many workers of Dask are killed")
    arguments = parser.parse_args()
    dataset = (f'{{name: folder, as: images, root: "{arguments.root.resolve().as_posix()}"}}' if arguments.root else
               f'{{name: csv_indexed, as: osie50, index_csv: "{OSIE50.as_posix()}/fixations.csv", index_base: 1, '
               "sigma_px: 24}")
    config = CONFIG.format(dataset=dataset)
    config += f"limit_images: {arguments.images}\n" if arguments.images else ""
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch), config)
        block = "scheduler: {{kind: {}, workers: 2, shards: {}, retries: 20, {}}}".format
        lines = [
            bench.measure("1 thread", plainly(1)),
            bench.measure("4 threads", plainly(4)),
            bench.measure("killed 5 times", plainly(2, 5)),
            bench.measure("shards", in_shards),
            bench.measure("store", through_a_store, f'store: "{(Path(scratch) / "bucket").as_uri()}"\n'),
            bench.measure("processes", scheduled(2), block("processes", 4, "address: null")),
            bench.measure("Dask", scheduled(arguments.kills), block("dask", 8, "address: null")),
            bench.measure("jobs", scheduled(2), block("slurm", 4, "options: {cluster: local, timeout_min: 60}"))]
        with dask_cluster(Path(scratch)) as address:
            lines.append(bench.measure("Dask by address", scheduled(0), block("dask", 4, f'address: "{address}"')))
    if not (arguments.root or arguments.images):
        write_page(lines)
    sys.exit(any(line[-1] != "0" for line in lines))


NOTE = """The 50 images of OSIE, six models, two of them ceilings. *1 thread* is the plain run; all others are held
against it, every file by its bytes and every row by what it says. *Killed*: SIGKILL at an image that is seen for the
first time, and the same command again. *Shards*: four in a random order, two of them twice, killed twice, then
`merge`. *Store*: four in folders of four machines that have nothing in common but a URL, `file://` here. *Processes,
Dask, jobs* (submitit's executor for one machine), *Dask by address*: the workers that compute an image are killed, and
nobody repeats a command. The fourth column is what the last command still had to compute: for shards that of the
merge, which finds all there. The seconds hold the starts of all processes.
"""


if __name__ == "__main__":
    main()
