"""Every code block of the README does what it says."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, flags=re.M | re.S)
BIN = Path(sys.executable).parent


def shell(line: str, folder: Path) -> None:
    "Run one line of the README in a folder, as typed by somebody whose environment is active."
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONUTF8": "1"}
    done = subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, text=True,
                          encoding="utf-8", stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def test_blocks(tmp_path, monkeypatch):
    """The blocks in order, in one scratch folder.

    Configs are written, commands and Python are run, installs are tried without installing.
    """
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for language, code in BLOCKS:
        if language == "yaml":
            name = re.match(r"# (\S+\.yaml)\n", code)[1]
            (tmp_path / name).write_text(code, encoding="utf-8")
            shell(f"saliency-playground run --config {name} --quiet", tmp_path)
        elif language == "python":
            exec(compile(code, "README.md", "exec"), namespace)
        elif language in ("bash", "powershell"):
            for line in code.replace("\\\n", " ").splitlines():
                line = line.partition("#")[0].strip()
                if line.startswith("make ") or "venv" in line or not line:
                    continue  # the next test makes; environments are the reader's
                if "pip install" in line:
                    line = f"cd {ROOT} && {line} --dry-run --no-deps --quiet --disable-pip-version-check"
                shell(line, tmp_path)
        else:
            pytest.fail(f"a block of {language} that nobody runs")
    assert "redness" in namespace["sp"].names("model")
    assert namespace["run"].leaderboard().AUC.notna().all()
    configs = {re.match(r"# (\S+)\.yaml\n", code)[1] for language, code in BLOCKS if language == "yaml"}
    assert configs <= {path.name for path in (tmp_path / "outputs").iterdir()}                # each into its own folder


def test_first_example_of_own_data():
    "The commonest case comes first: one table of fixations."
    own = README.partition("\n## Your own data\n")[2].partition("\n## ")[0]
    assert re.search(r"^```yaml\n(.*?)^```", own, flags=re.M | re.S)[1].count("csv_indexed") == 1


def test_badges_and_citation():
    """A badge is of a workflow that is here, and leads to it, or to the site that it publishes.

    The citation names this version and this address.
    """
    settings = (ROOT / "settings.ini").read_text(encoding="utf-8")
    version = re.search(r"^version = (\S+)", settings, flags=re.M)[1]
    user, repo = (re.search(rf"^{key} = (\S+)", settings, flags=re.M)[1] for key in ("user", "repo"))
    workflows, site = f"https://github.com/{user}/{repo}/actions/workflows", f"https://{user}.github.io/{repo}/"
    badges = dict(re.findall(r"\[!\[[^\]]*\]\(([^)]*)\)\]\(([^)]*)\)", README))
    assert badges == {f"{workflows}/test.yaml/badge.svg": f"{workflows}/test.yaml",
                      f"{workflows}/docs.yaml/badge.svg": site}
    assert all((ROOT / ".github/workflows" / name).is_file() for name in ("test.yaml", "docs.yaml"))
    citation = README.partition("@software")[2]
    assert f"version = {{{version}}}" in citation and f"url     = {{https://github.com/{user}/{repo}}}" in citation


def test_contents():
    "Every part of the README is in its table of contents."
    parts = re.findall(r"^## (.+)$", README, flags=re.M)
    contents = README.partition("\n## Contents\n")[2].partition("\n## ")[0]
    links = re.findall(r"\]\(#([\w-]+)\)", contents)
    assert sorted(links) == sorted(part.lower().replace(" ", "-") for part in parts if part != "Contents")


@pytest.mark.skipif(shutil.which("make") is None, reason="allowed on this system: there is no make")
def test_make_demo(tmp_path):
    "`make demo` in a fresh copy and a fresh environment ends with a leaderboard; `make test` is a target."
    tracked = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
                             check=True).stdout.split("\n")
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    done = subprocess.run(["make", "demo", f"PYTHON={sys.executable}"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "center_bias" in done.stdout and "AUC[neg=all,ties=half]" in done.stdout
    assert ((tmp_path / "demo" / "contact_sheet.png").is_file()
            and (tmp_path / "demo" / "outputs" / "ALL_SUMMARY.csv").is_file())
    hint = re.search(r"The leaderboard: (.*)", done.stdout)[1]               # in a shell without an active environment
    shown = subprocess.run(hint, shell=True, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8")
    assert hint.startswith(".venv/bin/") and shown.returncode == 0 and "center_bias" in shown.stdout, shown.stderr
    subprocess.run(["make", "-n", "test"], cwd=tmp_path, capture_output=True, check=True)
