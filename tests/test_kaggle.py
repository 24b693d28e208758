"""Kaggle: the first cell of a notebook where our package is not installed, and the whole way from the split to the
summary on a played Kaggle.
"""
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile

import pandas as pd
import pytest
from conftest import OSIE50, ROOT, tiny_training
from kaggle_simulated import BUNDLE, TUNED, image

from saliency_playground import files
from saliency_playground.errors import refusal
from saliency_playground.finetune.config import load_finetune
from saliency_playground.finetune.run import finetune
from saliency_playground.finetune.splits import make_split, write_split
from saliency_playground.kaggle.bundle import write_bundle
from saliency_playground.kaggle.install import INSTALL_CELL, SUMS
from saliency_playground.kaggle.paths import prepare_session
from saliency_playground.registry import create

pytestmark = pytest.mark.skipif(sys.platform != "linux",
                                reason="allowed on this system: Kaggle is Linux, and is played on Linux only")


def first_cell(python, kaggle, **settings):
    "The first cell of a notebook in a process of its own, with this folder as /kaggle and no registry."
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run([python, "-c", INSTALL_CELL], cwd=kaggle, capture_output=True, text=True,
                          env=clean | {"SALIENCY_PLAYGROUND_KAGGLE": str(kaggle), "PIP_NO_INDEX": "1"} | settings)


def test_first_cell(tmp_path):
    """From a bundle, or nothing where the package is there, or one sentence where neither is.

    A wheel that is not what its checksum says is refused.
    """
    python, kaggle = image(tmp_path), tmp_path / "kaggle"
    (kaggle / "input").mkdir(parents=True)
    nothing = first_cell(python, kaggle)
    assert nothing.returncode and len(nothing.stderr.splitlines()) == 1, nothing.stderr
    assert "attach a bundle of it (Add Input" in nothing.stderr and not nothing.stdout

    attached = kaggle / "input/someone/saliency-playground"
    wheel = next(path for path in write_bundle(attached, "ada") if path.suffix == ".whl")
    whole = wheel.read_bytes()
    wheel.write_bytes(whole[:-1] + b"x")
    damaged = first_cell(python, kaggle)
    assert damaged.returncode and f"damaged in {attached}: {wheel.name}" in damaged.stderr, damaged.stderr
    assert subprocess.run([python, "-c", "import saliency_playground"], cwd=kaggle, env={},
                          capture_output=True).returncode
    wheel.write_bytes(whole)
    assert first_cell(python, kaggle).stdout == f"installed from {attached}: {wheel.name}\n"
    there = first_cell(python, kaggle)
    assert there.returncode == 0 and there.stdout == there.stderr == ""
    assert subprocess.run([python, "-m", "saliency_playground", "list"], cwd=kaggle, env={},
                          capture_output=True).returncode == 0
    bundle_of_the_installed(python, kaggle, whole)


def bundle_of_the_installed(python, kaggle, wheel):
    "Where the package was installed from a wheel, and pip is not there, a bundle has the same wheel, byte for byte."
    no_pip = kaggle / "hidden"
    no_pip.mkdir()
    (no_pip / "pip.py").write_text("raise ModuleNotFoundError('No module named pip')")
    made = subprocess.run([python, "-m", "saliency_playground", "kaggle", "bundle", "--user", "ada", "--out", "again"],
                          cwd=kaggle, env={"PYTHONPATH": str(no_pip)}, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    again = next((kaggle / "again").glob("*.whl"))
    with zipfile.ZipFile(again) as new, zipfile.ZipFile(io.BytesIO(wheel)) as old:
        assert {name: new.read(name) for name in new.namelist()} == {name: old.read(name) for name in old.namelist()}
    wanted = subprocess.run([python, "-m", "saliency_playground", "kaggle", "bundle", "--user", "ada", "--out", "more",
                             "--with", "POT"], cwd=kaggle, env={"PYTHONPATH": str(no_pip)}, capture_output=True,
                            text=True)
    assert wanted.returncode == 2 and "No module named pip. `python -m ensurepip` installs it." in wanted.stderr


def test_what_the_image_lacks(tmp_path, monkeypatch):
    "A package that is named is packed as a wheel; one that cannot be had is a sentence, and leaves nothing."
    (tmp_path / "registry").mkdir()
    wheel = tmp_path / "registry/eyes-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("eyes.py", "")
        made.writestr("eyes-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: eyes\nVersion: 1.0\n")
        made.writestr("eyes-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr("eyes-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    write_bundle(tmp_path / "bundle", "ada", packages=["eyes==1.0"])
    assert (tmp_path / "bundle" / wheel.name).read_bytes() == wheel.read_bytes()
    assert f"{files.sha256(wheel)}  {wheel.name}" in (tmp_path / "bundle" / SUMS).read_text().splitlines()
    with pytest.raises(RuntimeError, match="ears could not be downloaded: .*No matching distribution found for ears"):
        write_bundle(tmp_path / "other", "ada", packages=["ears"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "registry"]


@pytest.mark.parametrize("path", sorted((ROOT / "nbs/workflows").glob("*.ipynb")), ids=lambda path: path.stem)
def test_first_cells_of_the_notebooks(path):
    "Install, parameters, prepare_session: in this order, the first as the package has it."
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert "".join(cells[0]["source"]) == INSTALL_CELL.rstrip("\n") and cells[1]["metadata"]["tags"] == ["parameters"]
    assert "config, sets = prepare_session(config, sets" in "".join(cells[2]["source"])


def one_session(kaggle, attached, name, epochs):
    """A session in which the first fold is trained for so many epochs, with these folders under /kaggle/input.

    attached: place below the input -> folder. Its outputs are kept as kaggle/name. Returns the trained fold's scores.
    """
    for folder in ("input", "working"):
        shutil.rmtree(kaggle / folder, ignore_errors=True)
        (kaggle / folder).mkdir(parents=True)
    for place, folder in attached.items():
        shutil.copytree(folder, kaggle / "input" / place)
    os.chdir(kaggle / "working")
    try:
        config, sets = prepare_session("tiny.yaml", [f"training.stages.head.epochs={epochs}"])
        training = load_finetune(config, sets)
        if not training.split_file.exists():
            write_split(make_split(create("dataset", "folder", **training.data.options), 2, folds=2), "splits")
        return finetune(training, resume=True, quiet=True)
    finally:
        os.chdir(kaggle)
        shutil.copytree(kaggle / "working", kaggle / name)


def test_two_sessions_under_different_mounts(scratch, monkeypatch, capsys):
    """A training of one session goes on in the next, wherever the same data are attached; with others it does not.

    What authors of an attached dataset left in folders of their own is never taken for this training's.
    """
    tiny_training([{"name": "head", "epochs": 1, "lr": 0.01}], fold=1, output_dir="outputs/tuned", experiment="mine",
                  data={"name": "folder", "root": "/kaggle/input/img_bin"},
                  base_weights_path="/kaggle/input/saliency_playground/base.pth")
    bundle, eyes = scratch / "bundle", scratch / "toy"
    bundle.mkdir()
    for name in ("tiny.yaml", "base.pth"):
        shutil.move(name, bundle)
    files.write_text(eyes / "splits/split.json", "the split of the dataset's authors")
    files.write_text(eyes / "runs/detect/yolo.pt", "another network")
    kaggle = scratch / "kaggle"
    monkeypatch.setenv("SALIENCY_PLAYGROUND_KAGGLE", str(kaggle))

    one_session(kaggle, {"saliency-playground": bundle, "img-bin": eyes}, "first", 1)
    split = json.loads((kaggle / "first/splits/split.json").read_text())
    assert not (kaggle / "first/runs").exists() and len(split["test"]) == 2
    assert "left alone" in capsys.readouterr().out

    # the same data, unpacked a folder deeper, below their owner; the outputs below theirs
    elsewhere = {"datasets/ada/saliency-playground": bundle, "datasets/ada/img-bin/img_bin": eyes,
                 "notebooks/ada/fold-1": kaggle / "first"}
    one_session(kaggle, elsewhere, "second", 3)
    history = pd.read_csv(kaggle / "second/outputs/tuned/fold_01/history.csv")
    assert history.epoch.tolist() == [0, 1, 2, 3]
    assert json.loads((kaggle / "second/splits/split.json").read_text()) == split

    # the fixations of an image were mended in between
    image_id = split["folds"][0]["train"][0]
    table = eyes / f"fixations/{image_id}.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:6]) + "\n")
    message = refusal(one_session, kaggle, elsewhere, "third", 3)
    assert f"image {image_id}'s fixations changed" in message, message
    assert len(pd.read_csv(kaggle / "third/outputs/tuned/fold_01/history.csv")) == 2    # as the first session left it


def test_start_to_end(tmp_path):
    """The page for Kaggle on a played Kaggle, from its first line to the tables, see kaggle_simulated.py."""
    place = tmp_path / "kaggle"
    done = subprocess.run([sys.executable, ROOT / "tests/kaggle_simulated.py", place,
                           *([OSIE50] if OSIE50.is_dir() else [])], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip(f"allowed on this system: {done.stdout.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)

    # stopped after the first epoch, continued elsewhere
    assert pd.read_csv(place / "sessions/fold-2" / TUNED / "fold_02/history.csv").epoch.tolist() == [0, 1, 2, 3]
    tables = [aggregated(place / folder) for folder in ("home/from-kaggle", "home/folds")]
    pd.testing.assert_frame_equal(*tables, rtol=1e-3)              # in one session or in several, stopped or not
    if OSIE50.is_dir():
        assert tables[0].difference_low["NSS"] > 0 and tables[0].difference_low["AUC"] > 0   # a training that was one

    sums = dict(line.split("  ", 1)[::-1] for line in (place / "inputs" / BUNDLE / SUMS).read_text().splitlines())
    assert all(files.sha256(place / "inputs" / BUNDLE / name) == digest for name, digest in sums.items())


def aggregated(working):
    "The table of all folds that a session left, held against the scores that it was made of."
    assert ([path.parent.name for path in sorted(working.glob(f"{TUNED}/fold_*/final.pth"))]
            == [f"fold_{fold:02}" for fold in range(1, 5)])
    folds = [f"deepgaze_iie_finetuned_fold_{fold:02}" for fold in range(1, 5)]
    scored = pd.read_csv(working / "outputs/eval/ALL_SUMMARY.csv").pivot(index="model", columns="metric", values="mean")
    assert (sorted(scored.index) == [*folds, "deepgaze_iie_pretrained"]
            and scored[["AUC", "NSS", "LL"]].notna().all(axis=None))
    summary = pd.read_csv(working / "outputs/eval/deepgaze_iie_finetuned_cv_summary.csv").set_index("metric")
    for metric in ("AUC", "NSS", "LL"):
        assert (summary["mean"][metric] == pytest.approx(scored.loc[folds, metric].mean())
                and summary.pretrained[metric] == pytest.approx(scored[metric]["deepgaze_iie_pretrained"]))
    return summary
