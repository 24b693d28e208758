"""What a report says of scanpaths: a run that asked for next fixations, read from its files, here and elsewhere."""
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from saliency_playground import Run, benchmark
from saliency_playground.cli.main import main
from saliency_playground.toy import make_toy

MODELS = ["uniform", "center_bias", "spectral_residual", "local_bias", "center_bias_crossval", "gold_standard"]
OF_PATHS = ["Where the eye goes next", "Fixation by fixation", "How the eye moves", "foreseen least"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    "A folder with a toy dataset, a run that followed the paths on it, and one that did not."
    folder = tmp_path_factory.mktemp("paths")
    with pytest.MonkeyPatch.context() as patch, pytest.warns(UserWarning, match="no ceiling here"):
        patch.chdir(folder)
        make_toy("toy", n_images=4)
        asked = {"datasets": [{"name": "folder", "as": "toy", "root": "toy"}], "metrics": ["NSS"]}
        benchmark(asked | {"models": MODELS, "scanpaths": {"next": True}, "output_dir": "followed"})
        benchmark(asked | {"models": ["uniform"], "output_dir": "silent"})
    return folder


@pytest.fixture
def followed(home, monkeypatch):
    "The run that followed the paths, read where it was made."
    monkeypatch.chdir(home)
    return Run("followed")


def test_the_page_has_its_part(followed):
    page = followed.page()
    assert all(words in page for words in OF_PATHS)
    row = re.search(r"Where the eye goes next.*?<th scope=\"row\">gold_<wbr>standard</th><td>(.*?)</td>", page,
                    re.DOTALL)
    table = pd.read_csv(followed.output_dir / "toy__gold_standard_fixations.csv")
    mean = np.mean([np.mean(table.LL[table.image_id == image]) for image in table.image_id.unique()])
    assert row and row[1].startswith(f"{mean:.3f}".replace("-", "−"))
    assert "it is no ceiling here" in page and "IG[next,over=center_bias_crossval" in page
    assert page.count('alt="Scanpath on ') == 3
    assert all(image.count('alt="') == 1 for image in re.findall("<img[^>]*>", page))


def test_nothing_of_it_without_paths(home, monkeypatch):
    monkeypatch.chdir(home)
    page = Run("silent").page()
    assert not [words for words in OF_PATHS if words in page]
    with pytest.raises(ValueError, match="did not score next fixations"):
        Run("silent").by_step()


def test_elsewhere_the_images_alone_are_missing(home, tmp_path, monkeypatch):
    "A run that was sent: no dataset, so no images and lengths in pixels; all else is there."
    shutil.copytree(home / "followed", tmp_path / "sent")
    record = tmp_path / "sent" / "run.json"
    record.write_text(record.read_text(encoding="utf-8").replace(home.as_posix(), "/gone"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    page = Run("sent").page()
    assert all(words in page for words in OF_PATHS[:3]) and "No images: " in page
    assert page.count('alt="Scanpath on ') == 0 and page.count("how long people") >= 1


def test_an_edited_table_is_refused(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(home / "followed", "edited")
    table = tmp_path / "edited" / "toy__uniform_fixations.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("p1", "p2"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"toy__uniform_fixations\.csv is not the table that its run wrote"):
        Run("edited").by_step()


def test_steps_count_from_one(followed):
    "Every place by a loop over the file."
    steps = followed.by_step("NSS").set_index(["model", "fixation"])
    table = pd.read_csv(followed.output_dir / "toy__spectral_residual_fixations.csv")
    for order in table.order.unique():
        here = table[table.order == order]
        by_hand = np.mean([np.mean(here.NSS[here.image_id == image]) for image in here.image_id.unique()])
        row = steps.loc["spectral_residual", int(order) + 1]
        assert np.isclose(row["mean"], by_hand) and row.n_paths == len(here)


def test_in_a_terminal(home, monkeypatch):
    monkeypatch.chdir(home)
    shown = {name: CliRunner().invoke(main, ["report", name]).output for name in ("followed", "silent")}
    assert "Where the eye goes next" in shown["followed"] and "no ceiling here" in " ".join(shown["followed"].split())
    assert "Where the eye goes next" not in shown["silent"]
