"""A run that is killed again and again ends with the same tables, and leaves no half files."""
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import command

from saliency_playground.images import read_image

# Runs the command line with a file system that dies: the n-th write gets half its bytes to the disk, then SIGKILL.
DYING = """
import builtins, os, signal, sys
from saliency_playground import files
from saliency_playground.cli.main import main

class Dying:
    writes = 0
    def __init__(self, file): self.file = file
    def __enter__(self): return self
    def __exit__(self, *_): self.file.close()
    def __getattr__(self, name): return getattr(self.file, name)
    def write(self, data):
        Dying.writes += 1
        if Dying.writes == int(sys.argv[1]):
            self.file.write(bytes(data)[:len(data) // 2])
            self.file.flush()
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        return self.file.write(data)

def dying_open(path, mode="r", **options):
    file = builtins.open(path, mode, **options)
    return Dying(file) if set(mode) & set("wa") else file

files.open = dying_open
main(sys.argv[2:])
"""

RUN = ["run", "--config", "run.yaml", "--quiet"]
KILLED = getattr(signal, "SIGKILL", signal.SIGTERM)


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}


def whole_files(*folders: Path) -> int:
    "Open every prediction and picture; fails on a half one. Returns how many there are."
    n = 0
    for folder in folders:
        assert not list(folder.rglob("*.part")), "a killed write left its crumbs"
        for path in folder.rglob("*.npy"):
            assert np.isfinite(np.load(path, allow_pickle=False)).all()
            n += 1
        for path in folder.rglob("*.png"):
            assert read_image(path).ndim == 3
            n += 1
    return n


def killed_ten_times(config: str, scratch: Path) -> None:
    (scratch / "run.yaml").write_text(config, encoding="utf-8")
    command(*RUN, "--set", "output_dir=calm", "--set", "prediction_cache_dir=calm_predictions")
    expected = tables(scratch / "calm")
    n_files = whole_files(scratch / "calm", scratch / "calm_predictions")

    rng = random.Random(0)
    for _ in range(10):                          # ten times less than a twelfth: none of them comes to the run's end
        process = subprocess.Popen([sys.executable, "-c", DYING, str(rng.randint(1, max(2, n_files // 12))), *RUN])
        assert process.wait(timeout=600) == -KILLED, "it did not die of the write"

    command(*RUN)
    assert tables(scratch / "outputs" / "run") == expected
    assert whole_files(scratch / "outputs" / "run", scratch / "predictions") == n_files
    assert "computed 0 predictions and 0 metric rows" in command(*RUN[:-1]).stdout


@pytest.mark.skipif(os.name == "nt", reason="allowed on this system: Windows has no SIGKILL")
def test_toy(scratch):
    command("toy", "--out", "toy")
    killed_ten_times("""
datasets: [{name: folder, as: toy, root: toy}]
models: [uniform, center_bias, blur_baseline, spectral_residual]
heatmaps_png: {enabled: true}
""", scratch)


@pytest.mark.skipif(os.name == "nt", reason="allowed on this system: Windows has no SIGKILL")
def test_osie50(scratch, osie50):
    killed_ten_times(f"""
datasets:
- {{name: csv_indexed, as: osie50, index_csv: "{osie50.as_posix()}/fixations.csv", index_base: 1, sigma_px: 24}}
models: [uniform, center_bias, blur_baseline, spectral_residual]
heatmaps_png: {{enabled: true, overlay: true}}
""", scratch)


# Runs the command line with a fit that dies at its n-th fold, and says how many folds it fitted.
DYING_FIT = """
import os, signal, sys
from saliency_playground import ceilings
from saliency_playground.cli.main import main

fitted, fit = [], ceilings.fit_observer_mixture
def dying_fit(*arguments, **options):
    if len(fitted) + 1 == int(sys.argv[1]):
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    found = fit(*arguments, **options)
    fitted.append(found)
    return found

ceilings.fit_observer_mixture = dying_fit
try:
    main(sys.argv[2:])
finally:
    print("folds fitted:", len(fitted))
"""


@pytest.mark.skipif(os.name == "nt", reason="allowed on this system: Windows has no SIGKILL")
def test_a_fit_goes_on_where_it_was_killed(scratch):
    "Each fold of a fit is kept once it is done; nothing is fitted twice, and the tables are those of a calm run."
    command("toy", "--out", "toy")
    (scratch / "run.yaml").write_text("""
datasets: [{name: folder, as: toy, root: toy}]
models: [single_observer, gold_standard]
preset: tuebingen
""", encoding="utf-8")
    command(*RUN, "--set", "output_dir=calm", "--set", "prediction_cache_dir=calm_predictions")
    for at_fold in (3, 1, 6):                        # in the first model's fit, at once again, in the second model's
        died = subprocess.run([sys.executable, "-c", DYING_FIT, str(at_fold), *RUN], capture_output=True, text=True)
        assert died.returncode == -KILLED, died.stderr
    done = subprocess.run([sys.executable, "-c", DYING_FIT, "0", *RUN], capture_output=True, text=True, check=False)
    assert "folds fitted: 3" in done.stdout, done.stdout + done.stderr      # 2, 0, then 3 and 2: of ten three are left
    assert tables(scratch / "outputs" / "run") == tables(scratch / "calm")


@pytest.mark.skipif(os.name == "nt", reason="allowed on this system: Windows has no SIGKILL")
def test_ceilings(scratch):
    command("toy", "--out", "toy")
    killed_ten_times("""
datasets: [{name: folder, as: toy, root: toy}]
models: [center_bias_crossval, single_observer, gold_standard]
preset: tuebingen
""", scratch)
