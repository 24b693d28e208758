"""Tables of one run: what a killed, a running or an edited run leaves is not mixed, nor taken for a finished one."""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import command

from saliency_playground import Run
from saliency_playground.cli.main import main
from saliency_playground.toy import make_toy

# The command line in a process that stops behind the tables of its n-th cell: it is killed there, or waits for a file.
STOPS = """
import os, signal, sys, time
from pathlib import Path
from saliency_playground.bench import run as bench
from saliency_playground.cli.main import main

write, cells, go_on = bench.cell_tables, [], Path(sys.argv[2])

def stopping(cell_result):
    rows = write(cell_result)
    cells.append(cell_result)
    if len(cells) == int(sys.argv[1]):
        if go_on.name == "killed":
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        Path("here").touch()
        while not go_on.exists():
            time.sleep(0.02)
    return rows

bench.cell_tables = stopping
main(sys.argv[3:])
"""

CONFIG = """
datasets: [{name: folder, as: toy, root: toy, gt: fixations, sigma_px: 6}]
models: [center_bias, spectral_residual, blur_baseline]
metrics: [CC, NSS]
output_dir: out
"""


def started(cell: int, until: str, *words: str) -> subprocess.Popen:
    "A command that stops behind the tables of its n-th cell."
    return subprocess.Popen([sys.executable, "-c", STOPS, str(cell), until, *words], stdout=subprocess.DEVNULL)


def killed(cell: int, *words: str) -> None:
    assert started(cell, "killed", *words).wait(timeout=300) != 0


def said(*words: object, code: int = 0) -> str:
    "What the command says, in this process; it never ends in a traceback."
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, (done.exit_code, done.output)
    return " ".join(done.output.split())


def tables(folder: str | Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path(folder).glob("*.csv"))}


@pytest.fixture
def first(scratch) -> Path:
    "A finished run in `out`, of six scenes."
    make_toy("toy", n_images=6)
    Path("mine.yaml").write_text(CONFIG, encoding="utf-8")
    said("run", "--config", "mine.yaml", "--quiet")
    return scratch / "out"


@pytest.mark.parametrize("change", [["--set", "datasets.0.sigma_px=30"], ["--limit-images", "3"],
                                    ["--set", "metrics=[NSS]"]])
def test_a_killed_run_is_not_mixed_with_the_one_before(first, change):
    "Every reader refuses what a kill has left, and says how to finish it; finished, it is as if nothing had been."
    said("run", "--config", "mine.yaml", *change, "--set", "output_dir=calm", "--quiet")
    before = tables("out")
    killed(1, "run", "--config", "mine.yaml", *change)
    assert before != tables("out") != tables("calm"), "the run was not killed between two tables"
    for words in (["report", "out"], ["report", "out", "calm"], ["compare", "center_bias", "blur_baseline", "out"],
                  ["export", "out", "--to", "npz", "--model", "center_bias", "--out", "x.npz"], ["viewer", "out"],
                  ["merge", "out", "calm", "--out", "both"], ["folds", "aggregate", "--outputs", "out"]):
        sentence = said(*words, code=2)
        assert "out holds a run that is not finished" in sentence and "run --from" in sentence
    assert not [name for name in ("x.npz", "both", "saliency_viewer.ipynb") if Path(name).exists()]
    said("run", "--from", "out/run.json")
    assert tables("out") == tables("calm")
    said("report", "out")


def test_a_run_that_is_being_written_is_not_read(first):
    "A report from another terminal, asked for while a second run writes, says so."
    process = started(2, "go", "run", "--config", "mine.yaml", "--set", "datasets.0.sigma_px=30")
    try:
        while not Path("here").exists():
            assert process.poll() is None
            time.sleep(0.05)
        assert "is being written now, or was stopped" in said("report", "out", code=2)
        assert "another run is writing to out" in said("run", "--config", "mine.yaml", code=2)
    finally:
        Path("go").touch()
    assert process.wait(timeout=300) == 0
    assert "CC[gt=sigma30]" in said("report", "out")


def test_a_report_that_is_overtaken_says_so(first):
    "A run that was opened before another one wrote over it gives no table of the other."
    run = Run("out")
    assert len(run.table("toy", "center_bias")) == 6
    said("run", "--config", "mine.yaml", "--limit-images", "3", "--quiet")
    assert len(run.table("toy", "center_bias")) == 6, "it was read before"
    with pytest.raises(ValueError, match="toy__blur_baseline.csv is not the table that its run wrote"):
        run.table("toy", "blur_baseline")


def test_folds_of_other_weights_are_not_aggregated(scratch):
    "An evaluation that is killed, or that scores one of two retrained folds, leaves tables that nobody averages."
    make_toy("toy", n_images=6)
    (scratch / "models").mkdir()
    (scratch / "models" / "wide.py").write_text("""
from pathlib import Path
import numpy as np
from saliency_playground import SaliencyModel, register

@register("model", "wide")
class Wide(SaliencyModel):
    "A blob as wide as its weights say."
    def __init__(self, weights_path: str): self.width = float(Path(weights_path).read_text())
    def predict(self, image):
        y, x = np.indices(image.shape[:2])
        return np.exp(-((x - x.mean()) ** 2 + (y - y.mean()) ** 2) / self.width ** 2)
""", encoding="utf-8")
    names = ["before", "fold_01", "fold_02", "fold_03"]
    for i, name in enumerate(names):
        Path(f"{name}.txt").write_text(str(60 + 10 * i))
    models = ", ".join(f"{{name: wide, as: {name}, weights_path: {name}.txt}}" for name in names)
    Path("eval.yaml").write_text(f"datasets: [{{name: folder, as: toy, root: toy}}]\nmodels: [{models}]\n"
                                 "metrics: [NSS]\noutput_dir: eval\n", encoding="utf-8")
    aggregate = ["folds", "aggregate", "--outputs", "eval", "--pretrained", "before", "--folds", "fold_*"]
    command("run", "--config", "eval.yaml", "--quiet")
    command(*aggregate)

    for name in ("fold_01", "fold_02"):                                # both are trained again
        Path(f"{name}.txt").write_text("150")
    assert "fold_01.txt has changed since fold_01 was scored" in command(*aggregate, code=2).stderr
    killed(3, "run", "--config", "eval.yaml")                          # folds 1 and 2 are new, fold 3 is not
    assert "eval holds a run that is not finished (eval)" in command(*aggregate, code=2).stderr
    command("run", "--config", "eval.yaml", "--set", "active_models=[before, fold_02]", "--quiet")
    refused = command(*aggregate, code=2).stderr
    assert "scores of fold_01, fold_03 that are not of its last run, which scored before, fold_02" in refused
    command("run", "--config", "eval.yaml", "--quiet")
    assert "3" in command(*aggregate).stdout and Path("eval/deepgaze_iie_finetuned_cv_summary.csv").is_file()


def test_a_second_config_hides_nothing(first):
    "A config that names no folder has one of its own; two in one folder are told apart by whoever reads it."
    models = "[center_bias, spectral_residual, blur_baseline]"
    for name, model in (("mine", "uniform"), ("theirs", "center_bias")):
        Path(f"{name}.yaml").write_text(CONFIG.replace("output_dir: out\n", "").replace(models, f"[{model}]"),
                                        encoding="utf-8")
        said("run", "--config", f"{name}.yaml", "--quiet")
    assert "uniform" in said("report", "outputs/mine")
    assert "outputs holds 2 runs: mine, theirs" in said("report", code=2)
    both = said("report", "outputs/mine", "outputs/theirs")
    assert "uniform" in both and "center_bias" in both

    told = said("run", "--config", "mine.yaml", "--set", "output_dir=out")
    beside = "toy × blur_baseline, toy × center_bias, toy × spectral_residual"
    assert beside in told and beside in said("report", "out")


@pytest.mark.parametrize("place", ["../out", "absolute"])
def test_data_are_found_from_elsewhere(scratch, monkeypatch, place):
    "Wherever the results were written to, images and predictions are found from another folder."
    home = scratch / "thesis"
    (scratch / "elsewhere").mkdir()
    make_toy(home / "toy", n_images=3)
    monkeypatch.chdir(home)
    out = scratch / "out" if place == "absolute" else place
    Path("mine.yaml").write_text(CONFIG, encoding="utf-8")
    said("run", "--config", "mine.yaml", "--set", f"output_dir={out}", "--quiet")
    monkeypatch.chdir(scratch / "elsewhere")
    said("report", scratch / "out", "--picture", "sheet.png", "--html", "r.html")
    assert "data:image/jpeg" in Path("r.html").read_text(encoding="utf-8")
    said("export", scratch / "out", "--to", "npz", "--model", "center_bias", "--out", "c.npz")


def damaged(content: bytes, rng: random.Random) -> bytes:
    "A file that was cut, or in which some bytes were changed, removed or put in."
    place = rng.randrange(max(1, len(content)))
    return rng.choice([content[:place], content[:place] + rng.randbytes(8) + content[place + 8:],
                       content[:place] + content[place + 20:], content[:place] + b"9" + content[place:], b""])


def test_whatever_is_damaged_is_refused_or_made_anew(first):
    "Tables, records, journals, predictions and heatmaps: a run makes them anew, a report never shows what they hold."
    said("run", "--config", "mine.yaml", "--set", "heatmaps_png.enabled=true", "--quiet")
    expected, heatmaps = tables("out"), {path: path.read_bytes() for path in Path("out/heatmaps").rglob("*.png")}
    board = said("report", "out")
    targets = [path for folder in ("out", "predictions") for path in sorted(Path(folder).rglob("*"))
               if path.is_file() and path.name not in (".lock", "cell.json")]
    assert {".csv", ".json", ".jsonl", ".npy", ".png"} <= {path.suffix for path in targets}
    rng = random.Random(0)
    for target in rng.sample(targets, 40):
        target.write_bytes(damaged(target.read_bytes(), rng))
        os.utime(target, (1, 1))                                       # at another time than it was written
        done = CliRunner().invoke(main, ["report", "out"])
        assert done.exception is None or isinstance(done.exception, SystemExit), (target, done.exception)
        assert done.exit_code == 2 or " ".join(done.output.split()) == board, target
        said("run", "--config", "mine.yaml", "--set", "heatmaps_png.enabled=true", "--quiet")
        assert tables("out") == expected, target
        assert {path: path.read_bytes() for path in Path("out/heatmaps").rglob("*.png")} == heatmaps, target


def test_an_improved_row_is_not_served(first):
    "An AUC of 99 in the journal of rows, in a table, or in the summary."
    expected = tables("out")
    rows = first / ".rows" / "toy__center_bias.jsonl"
    lines = [json.loads(line) for line in rows.read_text().splitlines()]
    lines[2]["scores"]["NSS"] = 99.0
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "1 metric row in" in said("run", "--config", "mine.yaml") and tables("out") == expected
    for name in ("ALL_SUMMARY.csv", "toy__center_bias.csv"):
        (first / name).write_text((first / name).read_text().replace(",0.", ",99.", 1))
        assert f"{name} is not the table that its run wrote" in said("compare", "center_bias", "blur_baseline", "out",
                                                                     code=2)
        said("run", "--config", "mine.yaml", "--quiet")
        assert tables("out") == expected


def test_repeated_from_its_record(first):
    "The same tables byte for byte; or the image, the file of a model, the version that is not what it was."
    again = ["--set", "output_dir=again", "--set", "prediction_cache_dir=again/predictions"]
    assert "The same 8 tables as before, byte for byte" in said("run", "--from", "out/run.json", *again)
    assert tables("again") == tables("out")
    image = next(Path("toy/images").iterdir())
    shutil.copy(sorted(Path("toy/images").iterdir())[-1], image)
    told = said("run", "--from", "out/run.json", *again, code=1)
    assert "tables are not as they were" in told and "dataset toy: its images, fixations or maps" in told
    record = json.loads((first / "run.json").read_text())
    record["versions"]["saliency_playground"], record["cells"][0]["made_of"]["package"] = "0.0.9", "0.0.9"
    (first / "run.json").write_text(json.dumps(record))
    told = said("run", "--from", "out/run.json", *again, code=1)
    assert "version of saliency_playground: 0.0.9, now" in told and "model center_bias: package: 0.0.9" in told
    assert "Say what to run" in said("run", code=2)


def test_a_repeated_run_names_the_code_that_it_runs(scratch):
    "Who repeats a stranger's run is told what it imports; who reports it imports nothing."
    make_toy("toy", n_images=3)
    (scratch / "theirs").mkdir()
    (scratch / "theirs" / "glow.py").write_text("""
from pathlib import Path
from saliency_playground import SaliencyModel, register
Path("imported").touch()

@register("model", "glow")
class Glow(SaliencyModel):
    "Bright is salient."
    def predict(self, image): return image.mean(axis=2)
""", encoding="utf-8")
    Path("mine.yaml").write_text(CONFIG.replace("models:", "plugins: [theirs/glow.py]\nmodels:").replace(
        "blur_baseline", "glow"), encoding="utf-8")
    command("run", "--config", "mine.yaml", "--quiet")
    Path("imported").unlink()
    command("report", "out")
    assert not Path("imported").exists()
    told = command("run", "--from", "out/run.json")
    assert "out/run.json names code, which is run now: theirs/glow.py" in told.stderr and Path("imported").exists()


@pytest.mark.skipif(os.name == "nt", reason="allowed on this system: Windows has no SIGKILL")
def test_a_merge_that_is_killed_is_not_read(first):
    "A merged run is a run: killed, it is refused, and the same command finishes it."
    said("run", "--config", "mine.yaml", "--set", "models=[uniform]", "--set", "output_dir=more", "--quiet")
    dies = ("import os, signal, sys\nfrom saliency_playground.report import join\n"
            "from saliency_playground.cli.main import main\n"
            "join.write_record = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\nmain(sys.argv[1:])\n")
    merge = ["merge", "out", "more", "--out", "both"]
    assert subprocess.run([sys.executable, "-c", dies, *merge], timeout=300).returncode == -signal.SIGKILL
    assert "both holds a run that is not finished" in said("report", "both", code=2)
    assert "4 models on toy" in said(*merge)
    assert said("report", "both").partition("tables ")[0] == said("report", "out", "more").partition("tables ")[0]
