"""What is said of a finished run, from outside: pages, tables, comparisons, exports.

Of poor runs, of edited ones, from elsewhere.
"""
import json
import re
import shutil
import subprocess
import zipfile
from contextlib import nullcontext
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from conftest import command
from PIL import Image

from saliency_playground import Run, benchmark
from saliency_playground.bench.record import write_record
from saliency_playground.cli.main import main
from saliency_playground.core import Prediction, SaliencyModel
from saliency_playground.errors import RunError
from saliency_playground.registry import register
from saliency_playground.report.latex import PAPER_WIDTHS, LatexBlock, LatexCell, latex_label, latex_table
from saliency_playground.toy import make_toy

EVIL = "<script>alert(1)</script>"


def toy_run(models=("uniform", "spectral_residual"), images=3, **changes):
    "A small run in the working directory; its output_dir."
    make_toy("toy", n_images=images)
    asked = {"metrics": {"AUC": {}, "NSS": {}}} | changes
    return benchmark("baseline", datasets=[{"name": "folder", "root": "toy"}], models=list(models), **asked).output_dir


def cli(*words, code=0):
    "The command, in this process: what it printed, errors after the rest."
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == code, (done.exit_code, done.output, done.exception)
    return done.output


def test_every_form(scratch):
    "One command writes the page, Markdown, LaTeX, CSV and a figure, and prints the leaderboard."
    out = toy_run(["uniform", "center_bias", "spectral_residual"])
    before = {path: path.read_bytes() for path in out.glob("*.[cj]s*")}
    done = command("report", out, "--html", "r.html", "--markdown", "r.md", "--latex", "r.tex", "--csv", "r.csv",
                   "--picture", "r.png")
    assert "spectral_residual" in done.stdout and "AUC[neg=all,ties=half]" in done.stdout
    html = (scratch / "r.html").read_text(encoding="utf-8")
    # it needs nothing else
    assert not re.search(r"<link|https?:|url\(|@import| src=\"(?!\")", re.sub(r'"data:[^"]*"', '""', html))
    assert html.count("<script") == 1
    assert (html.count("data:image/png") == 2 * 3 and html.count("data:image/jpeg") >= 4
            and "prefers-color-scheme: dark" in html)
    assert (scratch / "r.md").read_text(encoding="utf-8").count("| spectral_residual |") >= 1
    assert r"spectral\_residual" in (scratch / "r.tex").read_text(encoding="utf-8")
    assert len(pd.read_csv("r.csv")) == 3
    Image.open("r.png").verify()
    assert before == {path: path.read_bytes() for path in out.glob("*.[cj]s*")}  # the run is as it was


def test_from_another_folder(scratch, monkeypatch):
    "A report finds pictures and predictions of a run that was started elsewhere."
    out = toy_run()
    elsewhere = scratch / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    cli("report", scratch / out, "--html", "r.html")
    assert "data:image/jpeg" in (elsewhere / "r.html").read_text(encoding="utf-8")
    cli("export", scratch / out, "--to", "npz", "--model", "uniform", "--out", "u.npz")
    assert len(np.load(elsewhere / "u.npz").files) == 3


POOR: dict[str, dict[str, Any]] = {
    "one image, one model": dict(models=["uniform"], limit_images=1),
    "no ground truth": dict(models=["uniform", "spectral_residual"]),
    "a map, and no metric for it": dict(models=["spectral_residual"], metrics={"LL": {}}),
    "only ceilings": dict(models=["center_bias_crossval"]),
    "every image broken": dict(models=["uniform", "center_bias"]),
    "own columns": dict(models=["uniform", "center_bias"],
                        metrics={"KL loose": {"metric": "KL", "eps": 0.001}, "NSS_per_fixation": {}}),
}


@pytest.mark.parametrize("case", POOR)
def test_poor_runs(scratch, case):
    "Runs that lack almost everything have a report that says so, not a traceback."
    make_toy("toy", n_images=3)
    if case == "no ground truth":
        for folder in ("fixations", "gt_maps", "participant_maps"):
            shutil.rmtree(scratch / "toy" / folder)
    if case == "every image broken":
        for picture in (scratch / "toy" / "images").iterdir():
            picture.write_bytes(b"")
    unscored = case in ("no ground truth", "a map, and no metric for it")      # the tables are written all the same
    with pytest.raises(RunError, match="nothing could be scored") if unscored else nullcontext():
        benchmark("baseline", datasets=[{"name": "folder", "root": "toy"}],
                  **({"metrics": {"AUC": {}, "KL": {}}} | POOR[case]))
    said = cli("report", "--html", "r.html", "--markdown", "r.md", "--latex", "r.tex")
    assert "mean over" in said and (scratch / "r.html").read_text(encoding="utf-8").rstrip().endswith("</html>")


def test_names_are_not_trusted(scratch):
    "A run that somebody edited cannot put markup into a page."
    out = toy_run()
    about = json.loads((out / "run.json").read_text())
    about["experiment"] = about["git_commit"] = EVIL
    about["cells"][0]["card"] = {"citation": EVIL, EVIL: EVIL}
    about["config"]["prediction_cache_dir"] = EVIL
    (out / "run.json").write_text(json.dumps(about))
    for path in out.glob("*.csv"):
        text = path.read_text(encoding="utf-8").replace("01_meadow", EVIL).replace("NSS[ddof=0]", f"NSS[{EVIL}]")
        path.write_text(text, encoding="utf-8")
    (out / "errors.csv").write_text(f"dataset,model,image_id,error\nfolder,uniform,{EVIL},{EVIL}\n")
    write_record(out, about, about["tables"])                          # who edits a run may sign it, too
    cli("report", out, "--html", "r.html", "--markdown", "r.md")
    html = (scratch / "r.html").read_text(encoding="utf-8")
    assert html.count("<script") == 1 and EVIL not in html and html.count("&lt;script&gt;") >= 5
    outside_code = re.sub(r"`[^`]*`", "", (scratch / "r.md").read_text(encoding="utf-8"))
    assert not re.search(r"(?<!\\)<script", outside_code)


@register("model", "handed_in")
class HandedIn(SaliencyModel):
    "The ground truth, as a prediction."
    kind = "density"

    def predictions(self, samples):
        return [Prediction.of(np.log(sample.gt_map + 1e-9), "density") for sample in samples]


def test_leak_is_flagged(scratch):
    """A model that returns the ground truth stands above the gold standard, and every form says so.

    An honest one is not accused.
    """
    out = toy_run(["handed_in", "spectral_residual", "center_bias_crossval", "gold_standard"], images=9,
                  metrics={"AUC": {}, "NSS": {}, "IG": {}})
    printed = cli("report", out, "--html", "r.html", "--latex", "r.tex", "--markdown", "r.md")
    files = [(scratch / name).read_text(encoding="utf-8").replace("\\_", "_") for name in ("r.html", "r.tex", "r.md")]
    said = [" ".join(text.split()) for text in [printed, *files]]
    assert all("handed_in is above the gold standard on folder" in text for text in said)
    assert not any("spectral_residual is above" in text for text in said)
    found = Run(out).explainable_rows().set_index(["model", "metric"])
    assert found.above_gold.groupby("model").sum()["handed_in"] >= 2 and not found.above_gold["spectral_residual"].any()
    assert 0 < found.percent["spectral_residual", "NSS"] < 100


def test_compare_and_its_refusals(scratch):
    "Exit codes and messages of `compare`."
    out = toy_run()
    assert ("NSS" in cli("compare", "uniform", "spectral_residual", out, "--csv", "c.csv")
            and len(pd.read_csv("c.csv")) == 2)
    for metric in Run(out).columns:
        said = cli("compare", "uniform", "spectral_residual", out, "--metrics", metric)
        assert f"is ahead in {metric} most on" in said
    for words in (["uniform", "spectral"], ["uniform", "uniform"], ["uniform", "spectral_residual", "nowhere"],
                  ["uniform", "spectral_residual", "--by", "EMDD"]):
        assert len(cli("compare", *words, code=2).splitlines()) == 1


def test_exports(scratch):
    "The three forms of `export`, whole or not there."
    out = toy_run()
    kept = np.load("predictions/folder/uniform/01_meadow.npy")
    for to, name in [("pysaliency", "u.hdf5"), ("npz", "u.npz"), ("png", "u.zip")]:
        cli("export", out, "--to", to, "--model", "uniform", "--out", name)
    with h5py.File("u.hdf5") as file:
        assert np.array_equal(file["01_meadow.png"][:], kept) and len(file) == 3
    assert np.array_equal(np.load("u.npz")["01_meadow"], kept)
    assert sorted(zipfile.ZipFile("u.zip").namelist()) == ["01_meadow.png", "02_sea.png", "03_night.png", "README.txt"]
    (scratch / "predictions/folder/uniform/02_sea.npy").unlink()
    cli("export", out, "--to", "npz", "--model", "uniform", "--out", "again.npz", code=2)
    assert not list(scratch.glob("*again*")) and not list(scratch.glob(".*.part"))


NAMES = ["a_b%&#{}^~\\", "[1] first", "*starred", "中文", "a--b `quoted' <|>", "x" * 60,
         "an_uncommonly_long_name_of_a_model-fine_tuned_on_everything"]
TEX = shutil.which("pdflatex") or shutil.which("tectonic") or ""


@pytest.mark.skipif(not TEX, reason="allowed on this system: there is no LaTeX (Debian: apt-get install "
                                        "texlive-latex-base texlive-latex-recommended)")
@pytest.mark.parametrize("columns", [1, 9, 14])
@pytest.mark.parametrize("width", PAPER_WIDTHS)
def test_latex_fits(scratch, width, columns):
    "Tables of few and many metrics and of the worst names compile, and nothing in them is too wide."
    cells = [LatexCell("−10.739", "±0.028", look) for look in (["textbf", "emph", ""] * 5)[:columns]]
    blocks = [LatexBlock("", [(name, cells) for name in NAMES]),
              LatexBlock("50 % of_it", [("gold", [LatexCell("0.653†")] * columns)])]
    header = ["model", *(f"{name} ↑" for name in [*["AUC_Judd", "sAUC", "KL"] * 4, NAMES[0], NAMES[-1]][:columns])]
    table = latex_table(("50 % of a_b", latex_label("a_b & c")), header, blocks, "p < 0.05, ° and † & #", width)
    (scratch / "t.tex").write_text(
        "\\documentclass[10pt]{article}\n\\usepackage{booktabs}\n"
        f"\\usepackage[textwidth={PAPER_WIDTHS[width]}in,textheight=9in]{{geometry}}\n"
        f"\\begin{{document}}\nSee \\ref{{tab:a-b-c}}.\n{table}\n\\end{{document}}\n", encoding="utf-8")
    options = ["--keep-logs"] if "tectonic" in TEX else ["-interaction=nonstopmode", "-halt-on-error"]
    done = subprocess.run([TEX, *options, "t.tex"], cwd=scratch, capture_output=True, text=True, errors="replace")
    log = (scratch / "t.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, log[-1500:]
    assert "Overfull" not in log and "Missing character" not in log and "too large for page" not in log


@pytest.mark.skipif(not TEX, reason="allowed on this system: there is no LaTeX (Debian: apt-get install "
                                        "texlive-latex-base texlive-latex-recommended)")
@pytest.mark.parametrize("width", PAPER_WIDTHS)
def test_latex_of_many_models_fits_pages(scratch, width):
    "A board higher than a page goes over several, in papers of one column and of two: no row is lost, none sticks out."
    names = [f"net{n}" for n in range(110)]
    cells = [LatexCell("0.739", "±0.028")] * 5
    blocks = [LatexBlock("", [(name, cells) for name in names[:100]]),
              LatexBlock("made of fixations", [(name, cells) for name in names[100:]])]
    table = latex_table(("Many models.", "tab:many"), ["model", *"ABCDE"], blocks, "The note.", width)
    two = width != "text"
    (scratch / "t.tex").write_text(
        f"\\documentclass[10pt{',twocolumn' if two else ''}]{{article}}\n\\usepackage{{booktabs,longtable}}\n"
        f"\\usepackage[textwidth={6.75 if two else PAPER_WIDTHS[width]}in,textheight=9in,columnsep=0.25in]"
        "{geometry}\n"
        f"\\begin{{document}}\nSee Table~\\ref{{tab:many}}.\n{table}\n\\end{{document}}\n", encoding="utf-8")
    options = ["--keep-logs"] if "tectonic" in TEX else ["-interaction=nonstopmode", "-halt-on-error"]
    runs = [subprocess.run([TEX, *options, "t.tex"], cwd=scratch, capture_output=True, text=True, errors="replace")
            for _ in range(3 if "pdflatex" in TEX else 1)]              # a longtable asks for its widths to settle
    log = (scratch / "t.log").read_text(encoding="utf-8", errors="replace")
    assert all(done.returncode == 0 for done in runs), log[-1500:]
    assert "Overfull" not in log and "too large for page" not in log and "undefined" not in log
    if shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", "-layout", "t.pdf", "-"], cwd=scratch, capture_output=True, text=True,
                              check=True).stdout
        assert [name for name in names if len(re.findall(rf"\b{name}\b", text)) != 1] == []
        assert text.count("model ") >= 3 and text.count("The note.") == 1                # its head on every page


def test_latex_comments_stay_comments(scratch):
    "What a run says of itself cannot leave a comment of the LaTeX file."
    out = toy_run()
    about = json.loads((out / "run.json").read_text())
    about["remarks"] = ["one\n\\input{/etc/passwd}\r\\end{document}\u2028x"]
    write_record(out, about, about["tables"])
    cli("report", out, "--latex", "r.tex")
    lines = (scratch / "r.tex").read_text(encoding="utf-8").splitlines()
    assert all(line.startswith("%") for line in lines if "passwd" in line)


def test_figure_command(scratch):
    "The figure of a paper, asked for in one line: text is text in fonts that lie in the file."
    out = toy_run(["uniform", "center_bias", "spectral_residual"], metrics=["NSS", "CC"])
    said = command("figure", out, "--worst", "NSS", "--count", "2", "--scores", "NSS,CC", "--width", "column",
                   "--out", "f.pdf", "--out", "f.png").stdout
    worst = Run(out).table("folder", "spectral_residual").sort_values("NSS").image_id[:2]
    assert ", ".join(worst) in said and "own maximum" in said
    drawn = (scratch / "f.pdf").read_bytes()
    assert drawn.startswith(b"%PDF") and b"/FontFile2" in drawn and b"/Type3" not in drawn
    with Image.open(scratch / "f.png") as picture:
        assert picture.width == round(3.25 * 300)
    if shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", "-layout", "f.pdf", "-"], capture_output=True, text=True, check=True).stdout
        assert "ground" in text and "NSS" in text and "flat" in text
    assert "no model 'unifrom'" in command("figure", out, "--models", "unifrom", code=2).stderr
