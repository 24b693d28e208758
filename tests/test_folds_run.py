"""`folds run` from outside: a fold that is killed, one that fails, and what the same command does then.

And plain papermill for one fold.
"""
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from conftest import command, tiny_training

from saliency_playground import weights
from saliency_playground.cli.main import main
from saliency_playground.notebooks.execute import ended_well, error_in, packaged_notebooks

RUN = ["folds", "run", "--config", "tiny.yaml", "--n", "4", "--test-count", "4"]


@pytest.fixture
def tiny(scratch, monkeypatch):
    "A folder with a training that can begin, on one thread."
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    tiny_training([{"name": "head", "epochs": 6, "lr": 0.01, "schedule": "cosine"}], experiment="tiny",
                  output_dir="tuned")
    return scratch


def lead(number: int) -> int | None:
    "The process that executes a fold's notebook, by what it was called with."
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if (b"saliency_playground.notebooks.execute" in words and f"fold_{number:02}.ipynb" in words[-2].decode()
            and os.readlink(folder / "cwd") == os.getcwd()):
            return int(folder.name)
    return None


def wait_for(something, seconds=120):
    "What a function gives, as soon as it gives anything."
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := something():
            return found
        time.sleep(0.02)
    raise AssertionError("it never came")


def epochs(number: int) -> int:
    path = Path(f"tuned/fold_{number:02}/history.csv")
    return len(path.read_text().splitlines()) - 2 if path.is_file() else 0


def changed() -> dict[str, int]:
    "When the executed notebooks of the folds were written."
    return {path.name: path.stat().st_mtime_ns for path in Path("runs/tiny").glob("fold_*.ipynb")}


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(),
                    reason="allowed on this system: it has no /proc to find the process in")
def test_killed_and_failing(tiny):
    """One fold's process group is killed in the middle, one cannot go on.

    The others finish, and the same command does only those two.
    """
    more = ["--set", "training.stages.head.epochs=12"]
    Path("tuned/fold_03").mkdir(parents=True)
    Path("tuned/fold_03/state.pth").write_bytes(b"what a full disk left")
    first = subprocess.Popen([sys.executable, "-m", "saliency_playground", *RUN, "--workers", "2", *more],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, encoding="utf-8", env=os.environ | {"PYTHONUTF8": "1"})
    process = wait_for(lambda: lead(2))
    assert os.getpgid(process) == process
    wait_for(lambda: epochs(2) >= 2)
    os.killpg(process, signal.SIGKILL)
    out, said = first.communicate()
    assert first.returncode == 1, (out, said)
    assert len(said.strip().splitlines()) == 3, said
    killed, failed, rest = said.strip().splitlines()
    assert killed.startswith("fold 2 failed: its process was killed") and "SIGKILL" in killed
    assert (failed.startswith("fold 3 failed: ") and "state.pth is damaged" in failed
            and rest.startswith("2 of 4 folds are finished"))
    assert (ended_well("runs/tiny/fold_01.ipynb") and ended_well("runs/tiny/fold_04.ipynb")
            and not ended_well("runs/tiny/fold_02.ipynb"))
    assert "damaged" in error_in("runs/tiny/fold_03.ipynb") and not Path("runs/tiny/evaluate.ipynb").exists()
    kept, at_kill = changed(), epochs(2)

    Path("tuned/fold_03/state.pth").unlink()
    second = command(*RUN, *more)
    begun = [line for line in second.stdout.splitlines() if line.endswith(".ipynb") and line.startswith("fold")]
    assert [line.split(":")[0] for line in begun] == ["fold 2", "fold 3"], second.stdout
    now = changed()
    assert (now.keys() == {f"fold_{number:02}.ipynb" for number in (1, 2, 3, 4)}
            and all(now[f"fold_{one:02}.ipynb"] == kept[f"fold_{one:02}.ipynb"] for one in (1, 4)))
    assert 2 <= at_kill <= 12 and all(epochs(number) == 12 for number in (1, 2, 3, 4))
    assert all(ended_well(path) for path in Path("runs/tiny").glob("*.ipynb"))
    summary = pd.read_csv("tuned/eval/deepgaze_iie_finetuned_cv_summary.csv")
    assert (summary.n_folds == 4).all() and (summary.n_images == 4).all()

    third = command(*RUN, *more)
    assert third.stdout.count("finished before") == 4 and changed() == now

    command("finetune", "--config", "tiny.yaml", "--fold", "2", "--quiet", *more, "--set", "output_dir=calm")
    calm, gone_on = (weights.read_state(tiny / folder / "fold_02" / "last.pth") for folder in ("calm", "tuned"))
    assert all(torch.equal(calm[name], gone_on[name]) for name in calm)


def parent(process: int) -> int:
    "Which process has started one."
    return int(Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(),
                    reason="allowed on this system: it has no /proc to find the process in")
@pytest.mark.parametrize("kind", ["processes", "dask", "slurm"])
def test_by_a_scheduler(tiny, kind):
    "Folds as tasks of workers, one of which is killed: the weights are those of folds one after the other."
    library = {"processes": "json", "dask": "distributed", "slurm": "submitit"}[kind]
    pytest.importorskip(library, reason=f'allowed on this system: `pip install -e ".[cluster]"` brings {library}')
    options = "{cluster: local, timeout_min: 30}" if kind == "slurm" else "{}"
    short = ["--set", "training.stages.head.epochs=3"]
    words = ["--config", "tiny.yaml", "--n", "2", "--test-count", "4", *short]
    block = f"scheduler={{kind: {kind}, workers: 2, options: {options}}}"
    run = subprocess.Popen([sys.executable, "-m", "saliency_playground", "folds", "run", *words, "--set", block],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
                           env=os.environ | {"PYTHONUTF8": "1"})
    process = wait_for(lambda: lead(1), 300)
    wait_for(lambda: epochs(1) >= 1, 300)
    worker = parent(process)
    assert worker not in (run.pid, os.getpid(), 1)
    os.kill(worker, signal.SIGKILL)
    out, said = run.communicate(timeout=600)
    assert run.returncode == 0, (out, said)
    assert "fold 1: finished" in out and "fold 2: finished" in out and ended_well("runs/tiny/aggregate_folds.ipynb")
    again = command("folds", "run", *words, "--set", "scheduler=processes")
    assert again.stdout.count("finished before") == 2
    for fold in ("fold_01", "fold_02"):
        command("finetune", "--config", "tiny.yaml", "--fold", fold[-1], "--quiet", *short, "--set",
                "output_dir=calm")
        calm, scheduled = (weights.read_state(tiny / folder / fold / "last.pth") for folder in ("calm", "tuned"))
        assert all(torch.equal(calm[name], scheduled[name]) for name in calm)


def test_misspelt(tiny):
    "Names and types are checked before anything runs."
    for words, expected in [(["-p", "calibrat", "true"], 'Did you mean "calibrate"?'),
                            (["-p", "calibrate", "perhaps"], "calibrate is bool"),
                            (["--set", "trainin.loss=kl"], "unknown key"), (["-p", "fold", "2"], "'fold'")]:
        refused = CliRunner().invoke(main, [*RUN, *words])  # in this process, which has torch loaded
        assert refused.exit_code == 2 and expected in refused.output, (refused.exit_code, refused.output)
    assert not Path("runs").exists() and not Path("splits").exists() and not Path("tuned").exists()


def test_plain_papermill(tiny):
    "What `folds run` does for a fold, papermill alone does too; and `folds run` then has nothing left to do for it."
    def papermill(notebook, out, *words):
        subprocess.run([sys.executable, "-m", "papermill", packaged_notebooks()[notebook], out, "-p", "config",
                        "tiny.yaml", *words], check=True, capture_output=True)
    Path("runs/tiny").mkdir(parents=True)
    papermill("holdout_split", "split.ipynb", "-p", "test_count", "4", "-p", "n_folds", "2")
    for number in (1, 2):
        papermill("finetune_fold", f"runs/tiny/fold_{number:02}.ipynb", "-p", "fold", str(number))
    about = json.loads(Path("tuned/fold_02/run.json").read_text(encoding="utf-8"))
    assert about["finished"] and about["fold"] == 2
    done = command("folds", "run", "--config", "tiny.yaml")
    assert (done.stdout.count("finished before") == 2
            and Path("tuned/eval/deepgaze_iie_finetuned_cv_summary.csv").is_file())


def test_orphans(tiny):
    "If the command itself is killed, its folds end too, and their kernels."
    process = subprocess.Popen([sys.executable, "-m", "saliency_playground", *RUN, "--set",
                                "training.stages.head.epochs=2000"], stdout=subprocess.DEVNULL)
    fold = wait_for(lambda: lead(1))
    wait_for(lambda: epochs(1) >= 1)
    process.kill()
    process.wait()
    wait_for(lambda: not Path(f"/proc/{fold}").exists(), 30)
    time.sleep(2)
    before = epochs(1)
    time.sleep(2)
    assert epochs(1) == before
