"""What is left when a command is killed, when the disk is full or read-only, and when three work on one folder.

Kills come at the n-th change of the file system, drawn at random, half of them in the middle of a write (the kernel
ends a process whose file passes 100 bytes). Full disks are real ones, of memory, of sizes drawn at random; read-only
folders are real mounts. Both need root on Linux and are left out elsewhere. It is no test: it takes some ten minutes.

    python benchmarks/reliability.py [--kills 100] [--disks 20] [--seed 0]
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import common

# The command line, dying at the n-th change of the file system in the working directory.
DYING = """
import os, resource, signal, sys
nth, halves = int(sys.argv[1]), sys.argv[2] == "halves"
home, seen = os.path.abspath(".") + os.sep, 0
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"}

def changes(event, args):
    if event == "open" and isinstance(args[0], (str, bytes, os.PathLike)) and isinstance(args[2], int):
        writes = args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    elif event in CHANGES:
        writes = isinstance(args[0], (str, bytes, os.PathLike))
    else:
        return False
    return writes and os.path.abspath(os.fsdecode(args[0])).startswith(home)

def hook(event, args):
    global seen
    if not changes(event, args):
        return
    seen += 1
    if seen == nth and halves and event == "open":
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))    # the write that follows ends the process
    elif seen >= nth > 0:
        os.kill(os.getpid(), signal.SIGKILL)

from saliency_playground.cli.main import main
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
sys.addaudithook(hook)
try:
    main(sys.argv[3:])
finally:
    print(seen, file=open(os.devnull if nth else os.environ["COUNT"], "w"))
"""
ENVIRONMENT = os.environ | {"PYTHONUTF8": "1", "OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}


def command(*words, dies_at: int = 0, halves: bool = False, **options) -> subprocess.CompletedProcess:
    "The command as a user types it, or a dying one."
    start = ([sys.executable, "-c", DYING, str(dies_at), "halves" if halves else "whole"] if dies_at
             else [sys.executable, "-m", "saliency_playground"])
    return subprocess.run([*start, *map(str, words)], capture_output=True, text=True, env=ENVIRONMENT,
                          timeout=600, **options)


def count_changes(folder: Path, words: list) -> int:
    "How often a command, left alone, changes the file system."
    kept = folder.parent/"count"
    done = subprocess.run([sys.executable, "-c", DYING, "0", "whole", *map(str, words)], cwd=folder, text=True,
                          capture_output=True, env=ENVIRONMENT | {"COUNT": str(kept)}, timeout=600)
    assert not done.returncode, done.stderr
    return int(kept.read_text())


def prepare(folder: Path) -> list[list]:
    "Toy data, a config and a tiny training; returns the commands whose leavings are compared."
    from saliency_playground import weights
    from saliency_playground.deepgaze import network
    from saliency_playground.toy import make_toy
    make_toy(folder/"toy")
    weights.write_state(folder/"base.pth", network.tiny_network("iie", components=2).state_dict())
    (folder/"run.yaml").write_text(json.dumps({
        "experiment": "kept", "datasets": [{"name": "folder", "root": "toy"}],
        "models": ["center_bias", "spectral_residual", "single_observer"], "output_dir": "outputs",
        "metrics": ["AUC", "NSS", "CC", "IG"], "heatmaps_png": {"enabled": True}}), encoding="utf-8")
    (folder/"tiny.yaml").write_text(json.dumps({
        "data": {"name": "folder", "root": "toy"}, "split_file": "splits/split.json", "base_weights_path": "base.pth",
        "network": {"backbones": ["tiny", "tiny"], "components": 2}, "output_dir": "folds", "device": "cpu",
        "feature_cache": {"dir": "features"},
        "training": {"loss": "nll_fixations", "stages": [
            {"name": "head", "epochs": 3, "lr": 0.01},
            {"name": "deeper", "epochs": 2, "lr": 0.001, "freeze": {"backbone_last_n_modules": 1}}]}}),
        encoding="utf-8")
    return [["run", "--config", "run.yaml", "--quiet"],
            ["report", "outputs", "--html", "report.html", "--csv", "board.csv", "--markdown", "board.md"],
            ["export", "outputs", "--to", "npz", "--model", "center_bias", "--out", "maps.npz"],
            ["split", "--root", "toy", "--test-count", "2", "--out-dir", "splits", "--folds", "2"],
            ["finetune", "--config", "tiny.yaml", "--quiet", "--resume"]]


def leavings(folder: Path) -> dict[str, bytes]:
    "What must be the same to the byte: tables, weights, kept predictions, pages. Seconds and dates are left out."
    kept = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name.startswith("toy/"):
            continue
        if path.name == "history.csv":
            kept[name] = b"\n".join(line.rpartition(b",")[0] for line in path.read_bytes().splitlines())
        elif path.suffix in {".csv", ".npy", ".npz", ".png", ".txt", ".md"} or path.name in {"final.pth", "last.pth"}:
            kept[name] = path.read_bytes()
    return kept


def differences(folder: Path, left: dict[str, bytes]) -> list[str]:
    "Names of files that differ from what an undisturbed command leaves, or that should not be there."
    now = leavings(folder)
    crumbs = [path.name for path in folder.rglob("*.part")]
    return sorted(name for name in left.keys() | now.keys() if left.get(name) != now.get(name)) + crumbs


def is_sentence(text: str) -> bool:
    return bool(text.strip()) and "Traceback" not in text and len(text.strip().splitlines()) <= 4


class Step(NamedTuple):
    "One of the commands: what it began with, how often it changes the file system, what an undisturbed one leaves."
    words: list
    before: Path
    changes: int
    left: dict[str, bytes]


def undisturbed(scratch: Path) -> list[Step]:
    "Each command left alone, the folder kept as it was before."
    folder, steps = scratch/"calm", []
    for k, words in enumerate(prepare(folder)):
        before = scratch/f"before_{k}"
        shutil.copytree(folder, before)
        changes = count_changes(folder, words)
        steps.append(Step(words, before, changes, leavings(folder)))
    return steps


def killed(steps: list[Step], kills: int, rng: random.Random, folder: Path) -> list[list]:
    "Kill each command in its turn; five kills, then the same command to its end."
    rows = []
    share = [max(5, kills * part // 100) for part in (40, 15, 5, 5, 35)]
    for (words, before, changes, left), wanted in zip(steps, share, strict=True):
        died = compared = 0
        faults = []
        while died < wanted:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(before, folder)
            for _ in range(5):
                nth = rng.randint(1, max(1, changes // 3))
                done = command(*words, cwd=folder, dies_at=nth, halves=rng.random() < 0.5)
                died += done.returncode < 0
                if done.returncode > 0:
                    faults.append(f"stopped with {done.returncode}: {done.stderr.strip()[-300:]}")
                if done.returncode == 0 or died >= wanted:
                    break
            done = command(*words, cwd=folder)
            if done.returncode:
                faults.append(f"the last start ended with {done.returncode}: {done.stderr.strip()[-300:]}")
            compared += len(left)
            faults += differences(folder, left)
        print(words[0], died, compared, faults, flush=True)
        rows.append([f"killed: {words[0]}", str(died), str(compared), str(len(faults)), "; ".join(faults)[:300]])
    return rows


@contextmanager
def mounted(place: Path, *options: str):
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *options, str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def size_of(folder: Path) -> int:
    "What a folder takes in pages of 4 KiB, in KiB."
    return sum(4 * -(-path.stat().st_size // 4096) + 4 for path in folder.rglob("*"))


def full_disks(steps: list[Step], disks: int, rng: random.Random, place: Path) -> list[list]:
    "Each command on disks with too little room; then room is made and it goes on."
    faults, refused, compared = [], 0, 0
    for n in range(disks):
        words, before, _, left = steps[(0, 4, 1, 0, 4, 2, 0, 4, 1, 3)[n % 10]]
        room = sum(map(len, left.values())) // 1024
        with mounted(place, "-t", "tmpfs", "-o", f"size={size_of(before) + rng.randint(0, room)}k", "tmpfs"):
            shutil.copytree(before, place, dirs_exist_ok=True)
            done = command(*words, cwd=place)
            refused += done.returncode != 0
            if done.returncode and (done.returncode != 2 or not is_sentence(done.stderr)):
                faults.append(f"{words[0]} ended with {done.returncode}: {done.stderr.strip()[-400:]}")
            subprocess.run(["mount", "-o", "remount,size=200m", str(place)], check=True)
            done = command(*words, cwd=place)
            if done.returncode:
                faults.append(f"with room again, {words[0]} ended with {done.returncode}: {done.stderr[-300:]}")
            compared += len(left)
            faults += differences(place, left)
        print("full disk", words[0], faults, flush=True)
    return [[f"full disks ({disks})", str(refused), str(compared), str(len(faults)), "; ".join(faults)[:600]]]


def read_only(finished: Path, scratch: Path) -> list[list]:
    "Every command where nothing may be written."
    place = scratch/"readonly"
    shutil.copytree(finished, place)
    commands = {
        "run, all there": ["run", "--config", "run.yaml"], "run, new": ["run", "--config", "run.yaml", "--set",
                                                                        "output_dir=other"],
        "run, tables elsewhere": ["run", "--config", "run.yaml", "--set", f"output_dir={scratch}/elsewhere"],
        "report": ["report", "outputs"], "report --html": ["report", "outputs", "--html", "page.html"],
        "compare": ["compare", "center_bias", "spectral_residual", "outputs"],
        "export": ["export", "outputs", "--to", "npz", "--model", "center_bias", "--out", "new.npz"],
        "viewer": ["viewer", "outputs", "--out", "new.ipynb"], "toy": ["toy", "--out", "new"],
        "split": ["split", "--root", "toy", "--test-count", "2", "--out-dir", "new"],
        "finetune, finished": ["finetune", "--config", "tiny.yaml", "--resume"],
        "finetune, new": ["finetune", "--config", "tiny.yaml", "--set", "output_dir=new"],
        "doctor": ["doctor", "toy"], "doctor --html": ["doctor", "toy", "--html", "new.html"],
        "doctor --fix": ["doctor", "toy", "--fix", "new.yaml"], "list": ["list"], "info": ["info", "center_bias"],
        "data list": ["data", "list"], "data pack": ["data", "pack", "toy", "--to", "new"],
        "convert": ["convert", "toy/fixations/01_meadow.csv", "--to", "new", "--columns", "x=x,y=y,observer=observer",
                    "--image", "01_meadow", "--images", "toy/images"],
        "kaggle bundle": ["kaggle", "bundle", "--out", "new", "--user", "ada"],
        "kaggle kernel": ["kaggle", "kernel", "--notebook", "evaluate", "--user", "ada", "--out", "new"],
        "merge": ["merge", "outputs", "other", "--out", "new"], "weights": ["weights"]}
    rows = []
    with mounted(place, "--bind", str(place)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(place)], check=True)
        for name, words in commands.items():
            done = command(*words, cwd=place)
            good = "Traceback" not in done.stderr and (done.returncode in (0, 1) or is_sentence(done.stderr))
            said = "" if done.returncode in (0, 1) else done.stderr.strip().splitlines()[-1].replace(str(scratch), "…")
            print("read-only", name, done.returncode, said, flush=True)
            rows.append([f"read-only: {name}", str(done.returncode), "", "0" if good else "1", said[:200]])
    return rows


def three_at_once(steps: list[Step], folder: Path) -> list[list]:
    "Three processes of one command, started together on one folder."
    faults, compared = [], 0
    for words, before, _, left in steps:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(before, folder)
        started = [subprocess.Popen([sys.executable, "-m", "saliency_playground", *words], cwd=folder, env=ENVIRONMENT,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(3)]
        ends = [(process.communicate(timeout=600)[1], process.returncode) for process in started]
        faults += [f"{words[0]} ended with {code}: {text[-300:]}" for text, code in ends
                   if code and not (code == 2 and is_sentence(text))]
        if not any(code == 0 for _, code in ends):
            faults.append(f"{words[0]}: none of the three came to its end")
        compared += len(left)
        faults += differences(folder, left)
    print("three at once", faults, flush=True)
    return [["three processes on one folder", "", str(compared), str(len(faults)), "; ".join(faults)[:300]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--disks", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="reliability_") as temporary:
        scratch = Path(temporary)
        steps = undisturbed(scratch)
        print("changes of the file system:", [step.changes for step in steps], flush=True)
        rows = three_at_once(steps, scratch/"three")
        if sys.platform == "linux" and os.geteuid() == 0:
            rows += read_only(scratch/"calm", scratch)
            rows += full_disks(steps, options.disks, rng, scratch/"disk")
        rows = killed(steps, options.kills, rng, scratch/"killed") + rows
    page = f"# Killed, full, read-only\n\n{common.machine(['numpy', 'torch'], f'seed {options.seed}', __file__)}\n"
    page += ("What was killed or refused how often (for read-only folders: the exit code), how many files were then "
             "compared byte by byte with an undisturbed run's, and how many faults there were.\n\n")
    page += common.table(["what", "killed, refused, exit code", "files compared", "faults", "said"], rows)
    Path(__file__).with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
