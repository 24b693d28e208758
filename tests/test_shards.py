"""A run in shards, on one machine or a cluster, is the run in one piece: killed, repeated, in any order."""
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import ROOT, command
from test_killed_run import DYING, tables, whole_files

from saliency_playground import files
from saliency_playground.toy import make_toy

CONFIG = """
datasets: [{name: folder, as: toy, root: toy}]
models: [mortal, center_bias, gold_standard]
plugins: [mortal.py]
metrics: [AUC, sAUC, IG, KL]
workers: 1
output_dir: out
"""

# Kills its process when it sees an image for the first time, so often as the environment says, all processes together.
MORTAL = """
import hashlib, os, signal
from pathlib import Path
from saliency_playground import SaliencyModel, register

@register("model", "mortal")
class Mortal(SaliencyModel):
    "Bright is salient, and deadly."
    cache_key = "mortal 1"
    def predict(self, image):
        deaths = int(os.environ.get("DEATHS", 0))
        seen = Path("seen", hashlib.sha256(image.tobytes()).hexdigest()[:16])
        if deaths and not seen.exists() and len(list(seen.parent.iterdir())) < deaths:
            seen.touch()
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        return image[..., 0] * 1.0
"""
KILLED = {-signal.SIGTERM, -getattr(signal, "SIGKILL", signal.SIGTERM), 15}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    "A folder with a config, a model that dies, and the run in one piece."
    folder = tmp_path_factory.mktemp("whole")
    make_toy(folder / "toy", n_images=12)
    (folder / "run.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "mortal.py").write_text(MORTAL, encoding="utf-8")
    (folder / "seen").mkdir()
    command("run", "-c", "run.yaml", "-q", "--set", "output_dir=calm", "--set", "prediction_cache_dir=calm_predictions",
            cwd=folder)
    return folder


@pytest.fixture
def calm(whole, scratch):
    "A working directory like that of the run in one piece, with its tables; returns them."
    shutil.copytree(whole, scratch, dirs_exist_ok=True)
    return tables(Path("calm"))


def nothing_left(deaths):
    "Every kept file is whole, no write has left its crumbs, nobody holds a folder, and so many processes were killed."
    assert whole_files(Path("out"), Path("predictions")) == 2 * whole_files(Path("calm"), Path("calm_predictions"))
    for lock in [*Path("out").rglob(".lock"), *Path("predictions").rglob(".lock")]:
        with files.lock(lock.parent, wait=0):
            pass
    assert len(list(Path("seen").iterdir())) == deaths


def test_shards_in_any_order_twice_and_killed(calm):
    order = ["1/3", "2/3", "3/3", "1/3", "3/3"]
    random.Random(3).shuffle(order)
    deaths = 0
    for shard in order:
        words = [sys.executable, "-m", "saliency_playground", "run", "-c", "run.yaml", "-q", "--shard", shard]
        while code := subprocess.run(words, env=os.environ | {"DEATHS": "2"}, timeout=600).returncode:
            assert code in KILLED
            deaths += 1
    assert deaths == 2
    for write in (3, 20):                                # the merge dies in the midst of a write
        dying = [sys.executable, "-c", DYING, str(write), "merge", "-c", "run.yaml", "-q"]
        assert subprocess.run(dying, timeout=600).returncode in KILLED
    command("merge", "-c", "run.yaml", "-q")
    assert tables(Path("out")) == calm
    nothing_left(2)


@pytest.mark.parametrize(("kind", "deaths"), [("processes", 2), ("dask", 10), ("slurm", 2)])
def test_workers_that_are_killed_cost_a_retry_and_no_row(calm, kind, deaths):
    "SLURM's jobs are those of submitit, here run by its executor for one machine."
    library = {"processes": "json", "dask": "distributed", "slurm": "submitit"}[kind]
    pytest.importorskip(library, reason=f'allowed on this system: `pip install -e ".[cluster]"` brings {library}')
    options = "{cluster: local, timeout_min: 30}" if kind == "slurm" else "{}"
    shards = "" if kind == "slurm" else ", shards: 4"
    block = f"{{kind: {kind}, workers: 2, retries: 12, options: {options}{shards}}}"
    Path("run.yaml").write_text(f"{CONFIG}scheduler: {block}\n", encoding="utf-8")
    done = command("run", "-c", "run.yaml", env=os.environ | {"DEATHS": str(deaths)}, timeout=900)
    assert "computed 0 predictions and 0 metric rows" in done.stdout              # by the merge: all is the workers'
    assert tables(Path("out")) == calm
    nothing_left(deaths)


@contextmanager
def dask_cluster(deaths):
    "A Dask scheduler, and a worker of two threads beside it, that is killed so often; gives the address."
    def start(program, *words):
        return subprocess.Popen([sys.executable, "-m", f"distributed.cli.{program}", "--no-dashboard", *words],
                                env=os.environ | {"DEATHS": str(deaths)}, stderr=subprocess.DEVNULL)
    about = Path("scheduler.json")
    processes = [start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(about))]
    try:
        while not about.exists() and processes[0].poll() is None:
            time.sleep(0.1)
        processes.append(start("dask_worker", "--scheduler-file", str(about), "--nthreads", "2", "--memory-limit", "0"))
        yield files.read_json(about)["address"]
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(60)


def test_a_dask_cluster_that_runs_already(calm):
    "By its address. Two shards in the threads of one worker do not mix up what their models read."
    pytest.importorskip("distributed", reason='allowed on this system: `pip install -e ".[cluster]"` brings it')
    with dask_cluster(deaths=2) as address:
        Path("run.yaml").write_text(f"{CONFIG}scheduler: {{kind: dask, shards: 4, address: '{address}'}}\n",
                                    encoding="utf-8")
        done = command("run", "-c", "run.yaml", timeout=900)
    assert "computed 0 predictions and 0 metric rows" in done.stdout
    assert tables(Path("out")) == calm
    nothing_left(2)


# Runs the command line with a store that takes half of the n-th file, upon which the process is killed.
DYING_PUSH = """
import os, signal, sys
from pathlib import Path
from fsspec.implementations.local import LocalFileSystem
from saliency_playground.cli.main import main

puts, put_file = [], LocalFileSystem.put_file

def dying(self, source, target, **options):
    puts.append(target)
    if len(puts) == int(sys.argv[1]):
        Path(target).write_bytes(Path(source).read_bytes()[:50])
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    return put_file(self, source, target, **options)

LocalFileSystem.put_file = dying
main(sys.argv[2:])
"""


def test_a_store_that_is_pushed_to_by_processes_that_are_killed(calm):
    "Three machines without a common folder, each killed in a push; one is lost with its disk. A fourth merges."
    pytest.importorskip("fsspec", reason='allowed on this system: `pip install -e ".[cluster]"` brings it')
    Path("run.yaml").write_text(f"{CONFIG}store: '{Path('bucket').resolve().as_uri()}'\n", encoding="utf-8")
    def on(machine):
        return ["-c", "run.yaml", "-q", "--set", f"output_dir={machine}/out", "--set",
                f"prediction_cache_dir={machine}/predictions"]
    for k, push in ((1, 1), (2, 4), (3, 9)):
        dying = [sys.executable, "-c", DYING_PUSH, str(push), "run", *on(k), "--shard", f"{k}/3"]
        assert subprocess.run(dying, timeout=600).returncode in KILLED
    refused = command("merge", *on("fourth"), "--shards", "3", code=2)
    assert [f"{k}/3 has not been run" in refused.stderr for k in (1, 2, 3)] == [True] * 3
    shutil.rmtree("2")                                  # its disk; another machine computes the shard anew
    for machine, k in ((1, 1), ("fifth", 2), (3, 3)):
        command("run", *on(machine), "--shard", f"{k}/3")
    again = command("run", *(word for word in on("sixth") if word != "-q"), "--shard", "1/3")
    merged = command("merge", *(word for word in on("fourth") if word != "-q"))
    assert all("computed 0 predictions and 0 metric rows" in done.stdout for done in (again, merged))
    assert tables(Path("fourth/out")) == calm
    whole_files(Path("fourth"), Path("sixth"))


def scripts():
    "The blocks of the page about clusters, by the name before them; one without is `submit` or `by hand`."
    page = (ROOT / "nbs" / "tutorials" / "09_cluster.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^(?:`(\w+\.sbatch)`:\n\n)?```bash\n(.*?)^```$", page, flags=re.M | re.S)
    return {name or ("submit" if "sbatch" in block else "by hand"): block for name, block in blocks}


# What SLURM does with a script: each task of its array in a process of its own; here in turn, the last first.
SBATCH = """#!/bin/bash
for script; do :; done
count=$(sed -n 's/^#SBATCH --array=1-//p' "$script")
for task in $(seq "${count:-1}" -1 1); do
    SLURM_ARRAY_TASK_ID=$task SLURM_ARRAY_TASK_COUNT=$count SLURM_CPUS_PER_TASK=1 bash "$script" >&2
done
echo 4711
"""


@pytest.mark.skipif(os.name == "nt", reason="allowed on this system: SLURM and its scripts are not for Windows")
def test_the_scripts_of_the_page_do_what_it_says(calm):
    "Every script passes a syntax check; submitted to a SLURM that is played, they come to the tables of one run."
    written = scripts()
    assert set(written) == {"by hand", "shards.sbatch", "merge.sbatch", "folds.sbatch", "submit"}
    for name, script in written.items():
        assert script.startswith("#!/bin/bash\n") == name.endswith(".sbatch")
        Path(name).write_text(script.replace("--array=1-16", "--array=1-3"), encoding="utf-8")
        subprocess.run(["bash", "-n", name], check=True, timeout=60)
    Path("bin").mkdir()
    Path("bin/sbatch").write_text(SBATCH, encoding="utf-8")
    Path("bin/saliency-playground").write_text(f'#!/bin/bash\nexec "{sys.executable}" -m saliency_playground "$@"\n',
                                               encoding="utf-8")
    for tool in Path("bin").iterdir():
        tool.chmod(0o755)
    Path("run.yaml").rename("mine.yaml")
    paths = {"PATH": f"{Path('bin').resolve()}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["bash", "-e", "submit"], check=True, timeout=900, env=os.environ | paths)
    assert tables(Path("out")) == calm and len(list(Path("out/.shards").iterdir())) == 3
