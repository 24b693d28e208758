"""The package as a whole: what importing it costs, which way imports go, what a wheel carries."""
import email
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from pathlib import Path

import floors
import pytest
import yaml
from conftest import ROOT, command
from floors import MODULES, PACKAGE, circles, faults, imports

from saliency_playground.version import __version__

HEAVY = ["numba", "ot", "torch", "tensorflow", "matplotlib", "pandas", "cv2", "scipy", "h5py", "pydantic", "click"]


def loaded_after(code: str) -> set[str]:
    "The modules that are loaded after running this code in a fresh interpreter."
    done = subprocess.run([sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True,
                          text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code", ["import saliency_playground", "import saliency_playground as sp; sp.names('model'); sp.names('dataset')"])
def test_import_is_light(code):
    assert not loaded_after(code) & set(HEAVY)


def test_the_house_is_in_order():
    """Imports go down only, a number is a place in the import order, no circle, no adapter imports another.

    See `floors`.
    """
    assert faults() == [] and circles() == []


def test_disorder_is_noticed(tmp_path, monkeypatch):
    "An import upwards, one of the face, one of an adapter and a circle, written into a copy of the package."
    copy = shutil.copytree(PACKAGE, tmp_path / "saliency_playground", ignore=shutil.ignore_patterns("__pycache__"))
    for module, line in {"files.py": "from .core import Sample", "maps.py": "from saliency_playground import benchmark",
                         "models/bms.py": "from .gbvs import Gbvs", "stats.py": "from . import bench"}.items():
        with open(copy / module, "a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
    monkeypatch.setattr(floors, "PACKAGE", copy)
    monkeypatch.setattr(floors, "MODULES", sorted(copy.rglob("*.py")))
    wrong = "\n".join(faults())
    assert "files imports core, which comes after it" in wrong and "maps imports the package's face" in wrong
    assert ("models.bms imports models.gbvs, another adapter" in wrong
            and any({"core", "files"} <= set(group) for group in circles()))


def test_what_is_imported_is_declared():
    settings = ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    declared = {need.split(">")[0].split("=")[0].split("<")[0] for key, value in settings["DEFAULT"].items()
                if key.endswith("requirements")
                and not key.startswith("dev") for need in value.split()}
    sold_as = {"ot": "POT", "cv2": "opencv-python-headless", "PIL": "pillow", "yaml": "pyyaml",
               "pydantic_core": "pydantic"}
    for path in MODULES:
        for module in imports(path):
            top = module.partition(".")[0]
            # the latter is on no registry
            if top not in sys.stdlib_module_names and top not in ("saliency_playground", "deepgaze_pytorch"):
                assert sold_as.get(top, top) in declared, (f"{path.name} imports {top}, which settings.ini does not "
                                                           "declare")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    "The wheel, built from the sdist, which is built from the repository: a stale `build` folder has no say in it."
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Deprecat" not in done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def test_wheel_holds_the_package_and_nothing_else(wheel):
    "Every file of the package but nbdev's index, which the repository alone needs; sdist and wheel agree."
    listing = ["git", "ls-files", "-co", "--exclude-standard", "--", str(PACKAGE)]
    tracked = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    package = {name for name in tracked if name and (ROOT / name).is_file()} - {"saliency_playground/_modidx.py"}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == package and "saliency_playground/py.typed" in held
    with tarfile.open(next(wheel.parent.glob("*.tar.gz"))) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert package <= packed and {"README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"} <= packed
    assert not {name.partition("/")[0] for name in packed} & {"nbs", "tests", "benchmarks", ".github"}


def test_metadata(wheel):
    """What the package index shows.

    Links that lead somewhere from there, the license, no OpenCV that would overwrite another.
    """
    with zipfile.ZipFile(wheel) as archive:
        name, = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    links = re.findall(r"\]\(([^)\s]+)\)", bytes(metadata.get_payload(decode=True)).decode())
    assert len(links) > 20 and all(link.startswith(("https://", "#")) for link in links)
    tag = f"/v{metadata['Version']}/"
    ours = [link.partition(tag)[2] for link in links if tag in link]
    assert len(ours) > 10 and [name for name in ours if not (ROOT / name).exists()] == []
    assert metadata["License-Expression"] == "Apache-2.0" and metadata["License-File"] == "LICENSE"
    needed = [need for need in metadata.get_all("Requires-Dist") if "extra ==" not in need]
    assert needed and not [need for need in needed if "opencv" in need]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["version"], citation["license"]) == (metadata["Version"], metadata["License-Expression"])
    assert f"Homepage, {citation['repository-code']}" in (metadata.get_all("Project-URL") or [])


def test_wheel_works_without_the_repository(wheel, tmp_path):
    "A wheel, unpacked in a folder of its own, carries configs and adapters and runs the demo."
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")                   # what pip does with a wheel of pure Python
    here = tmp_path / "work"
    here.mkdir()
    start = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import saliency_playground; " \
            f"assert {str(tmp_path)!r} in saliency_playground.__file__; " \
            "from saliency_playground.cli.main import main; main()"
    for words in (["toy", "--images", "4"], ["run", "--config", "demo"], ["report", "demo/outputs"]):
        subprocess.run([sys.executable, "-c", start, *words], cwd=here, check=True, capture_output=True)
    assert (here / "demo" / "outputs" / "ALL_SUMMARY.csv").is_file()


def test_without_opencv(scratch):
    "Where there is no `cv2`, a run is refused with what to install, before it leaves anything behind."
    command("toy")
    Path("cv2.py").write_text("raise ModuleNotFoundError('No module named cv2', name='cv2')", encoding="utf-8")
    refused = command("run", "--config", "demo", code=2)  # `python -m` looks in the working directory first
    assert "pip install opencv-python-headless" in refused.stderr and "Traceback" not in refused.stderr
    assert not Path("demo").exists()


def test_the_version_is_said_once_more():
    settings = ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    assert __version__ == settings["DEFAULT"]["version"]


def test_package_is_a_program_too(scratch):
    command("toy")
    as_module = command("run", "--config", "demo", "--limit_images", "2", program="saliency_playground")
    assert "8 images" in as_module.stdout
