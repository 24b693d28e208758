"""The package as a whole: what importing it costs, which way imports go, what a wheel carries."""
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import floors
import pytest
from conftest import ROOT, command
from floors import MODULES, PACKAGE, circles, faults, imports

HEAVY = ["numba", "ot", "torch", "tensorflow", "matplotlib", "pandas", "cv2", "scipy", "h5py", "pydantic", "click"]


def loaded_after(code: str) -> set[str]:
    "The modules that are loaded after running this code in a fresh interpreter."
    done = subprocess.run([sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("code", ["import saliency_playground", "import saliency_playground as sp; sp.names('model'); sp.names('dataset')"])
def test_import_is_light(code):
    assert not loaded_after(code) & set(HEAVY)


def test_the_house_is_in_order():
    "Imports go down only, a number is a place in the import order, no circle, no adapter imports another; see `floors`."
    assert faults() == [] and circles() == []


def test_disorder_is_noticed(tmp_path, monkeypatch):
    "An import upwards, one of the face, one of an adapter and a circle, written into a copy of the package."
    copy = shutil.copytree(PACKAGE, tmp_path / "saliency_playground", ignore=shutil.ignore_patterns("__pycache__"))
    for module, line in {"files.py": "from .core import Sample", "maps.py": "from saliency_playground import benchmark",
                         "models/aim.py": "from .gbvs import Gbvs", "stats.py": "from . import bench"}.items():
        with open(copy / module, "a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
    monkeypatch.setattr(floors, "PACKAGE", copy)
    monkeypatch.setattr(floors, "MODULES", sorted(copy.rglob("*.py")))
    wrong = "\n".join(faults())
    assert "files imports core, which comes after it" in wrong and "maps imports the package's face" in wrong
    assert "models.aim imports models.gbvs, an adapter" in wrong and any({"core", "files"} <= set(group) for group in circles())


def test_what_is_imported_is_declared():
    settings = ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    declared = {need.split(">")[0].split("=")[0].split("<")[0] for key, value in settings["DEFAULT"].items() if key.endswith("requirements")
                and not key.startswith("dev") for need in value.split()}
    sold_as = {"ot": "POT", "cv2": "opencv-python-headless", "PIL": "pillow", "yaml": "pyyaml"}
    for path in MODULES:
        for module in imports(path):
            top = module.partition(".")[0]
            if top not in sys.stdlib_module_names and top not in ("saliency_playground", "deepgaze_pytorch"):       # the latter is on no registry
                assert sold_as.get(top, top) in declared, f"{path.name} imports {top}, which settings.ini does not declare"


def test_wheel_works_without_the_repository(tmp_path):
    "A wheel, unpacked in a folder of its own, carries configs and adapters and runs the demo."
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ROOT], check=True)
    wheel, = tmp_path.glob("*.whl")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", tmp_path / "site", wheel], check=True)
    here = tmp_path / "work"
    here.mkdir()
    start = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import saliency_playground; assert {str(tmp_path)!r} in saliency_playground.__file__; " \
            "from saliency_playground.cli.main import main; main()"
    for words in (["toy"], ["run", "--config", "demo"]):
        subprocess.run([sys.executable, "-c", start, *words], cwd=here, check=True, capture_output=True)
    assert (here / "demo" / "outputs" / "ALL_SUMMARY.csv").is_file()


def test_package_is_a_program_too(scratch):
    command("toy")
    as_module = command("run", "--config", "demo", "--limit_images", "2", program="saliency_playground")
    assert "8 images" in as_module.stdout
