"""Every command with wrong input: one sentence, its exit code, no traceback, and nothing left behind."""
import inspect
import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from saliency_playground.cli.main import main

OLDER_CLICK: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
TERMINAL = CliRunner(**OLDER_CLICK)                        # before click 8.2 the two streams were one

WRONG = {                                                  # what is typed: what the sentence has to name
    "toy --out file.txt": "file.txt",
    "toy --out file.txt/toy": "file.txt",
    "toy --images 0": "--images",
    "list model": "model",
    "info nothing_here": "nothing_here",
    "run --config missing.yaml": "missing.yaml",
    "run --config empty": "empty",
    "run --config bad.yaml": "bad.yaml:2",
    "run --config binary.yaml": "binary.yaml",
    "run --config baseline --set foo": "foo",
    "run --config baseline --set models=[a": "models=[a",
    "run --config baseline --set models=[nope] --set output_dir=new": "nope",
    "run --config baseline --set datasets.0.root=nowhere --set output_dir=new": "nowhere",
    "run --config baseline --set datasets.0.root=empty --set output_dir=new": "empty",
    "run --config baseline --set output_dir=file.txt": "file.txt",
    "run --config baseline --limit-images 0": "--limit-images",
    "folds run --n 2 --set data.root=nowhere": "nowhere",
    "report nowhere": "run.json",
    "report empty": "run.json",
    "report file.txt": "run.json",
    "report --html file.txt/page.html": "file.txt",
    "report --html empty": "empty",
    "report --published-file bad.yaml": "bad.yaml",
    "report --published-file binary.yaml": "binary.yaml",
    "report --published-file mapping.yaml": "mapping.yaml",
    "report --published-file missing.yaml": "missing.yaml",
    "report cut": "folder__uniform.csv",
    "report no_text": "ALL_SUMMARY.csv",
    "report torn": "run.json",
    "report other": "run.json",
    "report away --picture sheet.png": "nowhere_now",
    "report away --sensitivity": "nowhere_now",
    "compare uniform nope": "nope",
    "compare uniform center_bias nowhere": "run.json",
    "compare uniform center_bias --by nope": "nope",
    "compare uniform center_bias --dataset nope": "nope",
    "compare uniform center_bias --csv file.txt/table.csv": "file.txt",
    "compare uniform center_bias cut": "folder__uniform.csv",
    "export nowhere --to npz --model uniform --out new.npz": "run.json",
    "export --to npz --model nope --out new.npz": "nope",
    "export --to mat --model uniform --out new.mat": "mat",
    "export --to npz --model uniform --out file.txt/new.npz": "file.txt",
    "export away --to npz --model uniform --out new.npz": "uniform",
    "viewer nowhere": "run.json",
    "viewer --out file.txt": "file.txt",
    "viewer --out file.txt/new.ipynb": "file.txt",
    "weights fetch nope": "nope",
    "weights fetch uniform": "uniform",
    "weights fetch deepgaze_iie": "deepgaze2e.pth",        # without internet
    "weights convert missing new.pt": "missing",
    "weights convert empty new.pt": "saved_model.pb",
    "weights convert file.txt new.pt": "file.txt",
    "weights convert file.txt new.safetensors": "file.txt",
    "split --root nowhere --test-count 1": "nowhere",
    "split --root empty --test-count 1": "empty",
    "split --root data/toy --test-count 1 --folds 9": "9 folds",
    "split --root data/toy --test-count 1 --dataset nope": "nope",
    "split --root data/toy --test-count 1 --folds 2 --out-dir file.txt": "file.txt",
    "split --root data/toy --test-count 1 --set foo": "foo",
    "split --root data/toy --test-count 1 --set split=[a": "split=[a",
    "split --root data/toy --test-count 1 --set splt=train": "splt",
    "split --root data/toy --test-count 1 --group missing.csv": "missing.csv",
    "split --root data/toy --test-count 1 --group binary.yaml": "binary.yaml",
    "finetune --config missing.yaml": "missing.yaml",
    "finetune --config bad.yaml": "bad.yaml:2",
    "finetune --config binary.yaml": "binary.yaml",
    "finetune --config finetune_deepgaze_iie": "split.json",
    "finetune --config finetune_deepgaze_iie --dry-run": "deepgaze2e.pth",
    "finetune --config adapt_deepgaze_msdb": "split.json",
    "finetune --config adapt_deepgaze_msdb --dry-run --set model.dataset=figrim": "model.dataset",
    "folds run --config adapt_deepgaze_msdb --n 2": "model: is of an adaptation",
    "folds run --config missing.yaml --n 2": "missing.yaml",
    "folds run --config bad.yaml --n 2": "bad.yaml:2",
    "folds run --n 2 -p fold [a": "fold=[a",
    "folds aggregate --outputs nowhere": "nowhere",
    "folds aggregate --outputs empty": "empty",
    "folds aggregate": "deepgaze_iie_pretrained",
    "kaggle bundle --out file.txt --user ada": "file.txt",
    "kaggle bundle --out new --user ada --config missing.yaml": "missing.yaml",
    "kaggle bundle --out new --user ada --weights missing.pth": "missing.pth",
    "kaggle bundle --out new --user 'a b/c'": "a b/c",
    "kaggle kernel --notebook missing.ipynb --user ada --out new": "missing.ipynb",
    "kaggle kernel --notebook finetune_fold --user ada --out new --set fold": "fold",
    "kaggle kernel --notebook finetune_fold --user ada --out new --set fodl=2": "fodl",
    "kaggle kernel --notebook finetune_fold --user ada --out file.txt": "file.txt",
    "rnu": "rnu",
}


def typed(line):
    return TERMINAL.invoke(main, shlex.split(line), prog_name="saliency-playground")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    "A folder with toy data, a finished run, damaged copies of it, and files that are not what they should be."
    folder, before = tmp_path_factory.mktemp("refusals"), os.getcwd()
    os.chdir(folder)
    assert typed("toy --images 3").exit_code == 0
    assert typed("run --config baseline --set models=[uniform,center_bias] --set metrics=[AUC,NSS] "
                 "--set output_dir=outputs/eval -q").exit_code == 0
    shutil.copytree("outputs/eval", "outputs", dirs_exist_ok=True)
    for name in ("cut", "no_text", "torn", "other", "away"):
        shutil.copytree("outputs/eval", name)
    Path("cut/folder__uniform.csv").write_text("image_id,NSS\n01_meadow,0.5\n", encoding="utf-8")
    Path("no_text/ALL_SUMMARY.csv").write_bytes(b"\xff\xfe")
    Path("torn/run.json").write_text("{", encoding="utf-8")
    Path("other/run.json").write_text("{}", encoding="utf-8")
    away = Path("away/run.json")
    away.write_text(away.read_text(encoding="utf-8").replace("data/toy", "nowhere_now")
                    .replace('"prediction_cache_dir": "', '"prediction_cache_dir": "nowhere_now/'), encoding="utf-8")
    Path("empty").mkdir()
    Path("file.txt").write_text("hello\n", encoding="utf-8")
    Path("bad.yaml").write_text("{{{\n", encoding="utf-8")
    Path("binary.yaml").write_bytes(b"\xff\xfe\x00bad")
    Path("mapping.yaml").write_text("dataset: toy\n", encoding="utf-8")
    os.chdir(before)
    return folder


def tree():
    "Every file and folder here, with its content."
    return {path: path.read_bytes() if path.is_file() else None for path in Path().rglob("*")}


@pytest.mark.parametrize(("line", "named"), WRONG.items(), ids=WRONG)
def test_wrong_input_is_refused(line, named, workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("SALIENCY_PLAYGROUND_WEIGHTS", "weights")
    monkeypatch.setenv("SALIENCY_PLAYGROUND_OFFLINE", "1")
    before = tree()
    result = typed(line)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2 and named in result.stderr and "Traceback" not in result.stderr
    assert tree() == before


@pytest.mark.parametrize("line", ["toy --out closed/toy", "report --html closed/page.html",
                                  "viewer --out closed/viewer.ipynb",
                                  "export --to npz --model uniform --out closed/maps.npz",
                                  "compare uniform center_bias --csv closed/table.csv",
                                  "split --root data/toy --test-count 1 --folds 2 --out-dir closed/splits",
                                  "kaggle kernel --notebook finetune_fold --user ada --out closed/kernel",
                                  "run --config baseline --set output_dir=closed/outputs"])
def test_a_folder_that_may_not_be_written_to(line, workplace, monkeypatch):
    "What the operating system refuses is a sentence; it refuses root nothing, so the test stands in for it."
    monkeypatch.chdir(workplace)

    def refused(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))
    for name in ("mkdir", "makedirs", "replace", "rename"):
        monkeypatch.setattr(os, name, refused)
    monkeypatch.setattr(Path, "mkdir", refused)
    before = tree()
    result = typed(line)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2 and "there is no permission" in result.stderr
    assert tree() == before


def test_the_words_of_a_refusal_are_few():
    "A refusal is one or two sentences, not a page."
    assert len(typed("info nothing_here").stderr.splitlines()) == 1
