"""What a report says of scanpaths: a run that asked for next fixations, read from its files, here and elsewhere."""
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from saliency_playground import Run, benchmark
from saliency_playground.bench.record import read_record, write_record
from saliency_playground.cli.main import main
from saliency_playground.report.generated import all_saccades
from saliency_playground.report.leaderboard import extras_of, select_boards
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
        benchmark(asked | {"models": ["uniform", "spectral_residual", "local_bias", "wta_ior"], "output_dir": "drew",
                           "metrics": ["NSS", "AUC"], "scanpaths": {"next": True, "generated": {
                               "n": 3, "metrics": ["multimatch", "dtw"]}}})
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
    assert page.count('alt="Scanpath on ') == 0 and page.count("how long saccades are") >= 1


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


def table_in(page, title):
    "A table of the page: its header, and its rows by their names, each cell without markup."
    found = re.search(rf"<h3>{title}.*?</h3>.*?<table.*?>(.*?)</table>", page, re.DOTALL)[1]
    lines = [[" ".join(re.sub("<.*?>", "", cell).split()).replace("\u00a0", " ") for cell in
              re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)] for row in re.findall(r"<tr.*?</tr>", found,
                                                                                             re.DOTALL)]
    return lines[0], {line[0]: line[1:] for line in lines[1:]}


def test_generated_paths_are_in_the_page(home, monkeypatch):
    "Each number of the page is that of the summary: mean, chance, people, the share between them, best, energy."
    monkeypatch.chdir(home)
    summary = pd.read_csv("drew/GENERATED_SUMMARY.csv").set_index(["model", "metric"])
    page, row = Run("drew").page(), summary.loc[("local_bias", "dtw")]
    header, rows = table_in(page, "Generated paths beside those of people")
    place = header.index("dtw ↓") - 1
    assert "mm_vector ↑" in header and list(rows)[0] == "wta_ior"
    share = round(100 * (row["mean"] - row.chance) / (row.human - row.chance))
    assert row.gap_high < 0, "people are better than chance on the toy images, so there is a share"
    half = (row.ci_high - row.ci_low) / 2
    assert rows["local_bias"][place].replace("−", "-") == f"{row['mean']:.0f} ±{half:.0f} {share} %"
    assert rows["chance: people on another image"][place] == f"{row.chance:.0f}"
    assert rows["people among themselves"][place] == f"{row.human:.0f}"
    _, best = table_in(page, f"Generated paths: the best of {row.best_of} people")
    assert best["local_bias"][place] == f"{row.best:.0f}"
    header, energy = table_in(page, "Generated paths: the energy score")
    assert "mm_vector ↓" in header and energy["local_bias"][place].startswith(f"{row.energy:.0f} ")
    assert "DTW[normalised=no,unit=px]: dtw" in page and "3 paths an image, as long as people" in page
    assert "Generated paths" not in Run("followed").page()


@pytest.mark.parametrize(("low", "high", "shown"), [(-90, -10, True), (-90, 10, False), (10, 90, False),
                                                    (np.nan, np.nan, False)])
def test_a_share_without_meaning_is_no_number(home, tmp_path, monkeypatch, low, high, shown):
    "DTW: lower is better, so people are better than chance where people minus chance is surely below 0."
    monkeypatch.chdir(tmp_path)
    shutil.copytree(home / "drew", "changed")
    changed = pd.read_csv("changed/GENERATED_SUMMARY.csv").assign(gap_low=low, gap_high=high, share=0.42)
    changed.to_csv("changed/GENERATED_SUMMARY.csv", index=False)
    record = read_record("changed")
    write_record("changed", record, record["tables"])
    run = Run("changed")
    header, rows = table_in(run.page(), "Generated paths beside those of people")
    cell = rows["local_bias"][header.index("dtw ↓") - 1]
    assert cell.endswith("42 %" if shown else "‡")
    text = CliRunner().invoke(main, ["report", "changed"]).output
    assert "‡ no share" in " ".join(text.split())             # of MultiMatch in any case: of it higher is better


def test_models_and_metrics_choose_in_every_table(home, monkeypatch):
    monkeypatch.chdir(home)
    def shown(*arguments):
        result = CliRunner().invoke(main, ["report", "drew", "--html", "page.html", "--markdown", "board.md", "--latex",
                                           "board.tex", *arguments])
        assert result.exit_code == 0, result.output
        return result.output, (home / "page.html").read_text(encoding="utf-8")
    text, page = shown("--models", "uniform,local_bias")
    assert set(table_in(page, "Where the eye goes next")[1]) & {*MODELS, "wta_ior"} == {"uniform", "local_bias"}
    assert list(table_in(page, "Generated paths beside")[1])[1:] == [
        "local_bias", "chance: people on another image", "people among themselves"]
    assert page.count("<h3>Where the eye goes next") == 1                # not once chosen and once whole
    text, page = shown("--models", "uniform")
    assert "Generated paths" not in text + page.split("</style>")[1].split('id="models"')[0]
    for name in ("board.md", "board.tex"):
        assert "chance: people" not in (home / name).read_text(encoding="utf-8")
    text, page = shown("--metrics", "AUC,dtw")
    assert table_in(page, "Where the eye goes next")[0] == ["model", "AUC ↑"]
    assert table_in(page, "Generated paths beside")[0] == ["model", "dtw ↓"] and "MultiMatch[" not in page
    assert "mm_vector" not in text and "IG[next" not in text
    text, page = shown("--metrics", "NSS")
    assert "no table of generated paths: none of its measures was asked for (mm_vector" in " ".join(text.split())
    board, = select_boards(Run("drew"), metrics=["NSS", "dtw"], models=["wta_ior"])
    assert [extra.header for extra in extras_of(Run("drew"), board, Run("drew").extra_tables())] == [
        ["model", "NSS ↑"], *[["model", "dtw ↓"]] * 3]
    refused = CliRunner().invoke(main, ["report", "drew", "--metrics", "dtw"])
    assert refused.exit_code == 2
    assert "Name a metric of the leaderboard, too: NSS, AUC" in " ".join(refused.output.split())


def test_models_move_beside_people(home, monkeypatch):
    "The amplitudes drawn are those of the paths in the table, from the second fixation on, as people's are."
    monkeypatch.chdir(home)
    table, moves = pd.read_csv("drew/toy__wta_ior_paths.csv"), all_saccades(Run("drew"), "toy")
    by_hand = [np.hypot(*(path[["x", "y"]].to_numpy()[k + 1] - path[["x", "y"]].to_numpy()[k]))
               for _, path in table.groupby(["image_id", "sample"], sort=False) for k in range(1, len(path) - 1)]
    assert np.allclose(np.hypot(moves["wta_ior"].dx, moves["wta_ior"].dy), by_hand)
    assert list(moves) == ["", "local_bias", "wta_ior"]
    page = Run("drew").page()
    assert "those of the paths that models drew" in page and "those of the paths that models drew" not in Run(
        "followed").page()


def test_nothing_is_lost_when_runs_are_joined(home, monkeypatch):
    "A run that drew and one that did not: the tables of the first, and a sentence about the second; merged again, too."
    monkeypatch.chdir(home)
    asked = {"datasets": [{"name": "folder", "as": "toy", "root": "toy"}], "metrics": ["NSS", "AUC"]}
    benchmark(asked | {"models": ["center_bias"], "output_dir": "more"})
    said = CliRunner().invoke(main, ["merge", "more", "drew", "--out", "all"])
    assert said.exit_code == 0 and "next fixations were not scored of center_bias" in said.output
    assert "no paths were asked of center_bias" in said.output
    joined, alone = Run("all"), Run("drew")
    for title in ("Where the eye goes next", "Generated paths beside", "Generated paths: the energy score"):
        assert table_in(joined.page(), title) == table_in(alone.page(), title)
    assert "next fixations were not scored of center_bias" in joined.page()
    for table in [name for name in alone.about["tables"] if name not in ("ALL_SUMMARY.csv", "errors.csv")]:
        assert (home / "all" / table).read_bytes() == (home / "drew" / table).read_bytes(), table
    for of in ("next", "paths"):
        assert joined.compare("local_bias", "wta_ior", of=of).table.equals(
            alone.compare("local_bias", "wta_ior", of=of).table)


def test_a_run_of_baselines_shows_the_paths_of_the_best(home, monkeypatch):
    monkeypatch.chdir(home)
    benchmark({"datasets": [{"name": "folder", "as": "toy", "root": "toy"}], "metrics": ["NSS"],
               "models": ["local_bias"], "scanpaths": {"next": True}, "output_dir": "habits"})
    page = Run("habits").page()
    assert "Of local_bias, the best baseline, since no model of the run says where the eye goes next" in page
    assert page.count('alt="Scanpath on ') == 3 and "but no ceiling either" in page
