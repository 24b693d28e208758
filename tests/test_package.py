"""The package as a whole: what importing it costs, which way imports go, what a wheel carries."""
import email
import os
import re
import shutil
import subprocess
import sys
import sysconfig
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


@pytest.mark.parametrize("chosen", [{}, {"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "7"}], ids=str)
def test_threads_of_torch_wait_quietly(chosen):
    "Torch's threads do not turn in circles beside the scoring, unless somebody has said how they shall wait."
    names = ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"]
    env = {name: value for name, value in os.environ.items() if name not in names} | chosen
    code = f"import os, saliency_playground; print([os.environ.get(name) for name in {names}])"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    expected = chosen or {"GOMP_SPINCOUNT": "10000"}
    assert done.stdout.strip() == str([expected.get(name) for name in names])


def test_the_house_is_in_order():
    """Imports go down only, a number is a place in the import order, no circle, no adapter imports another.

    See `floors`.
    """
    assert faults() == [] and circles() == []


def test_disorder_is_noticed(tmp_path, monkeypatch):
    "An import upwards, one of the face or an adapter, a circle, one name for two things, in a copy of the package."
    copy = shutil.copytree(PACKAGE, tmp_path / "saliency_playground", ignore=shutil.ignore_patterns("__pycache__"))
    for module, line in {"files.py": "from .core import Sample", "maps.py": "from saliency_playground import benchmark",
                         "models/bms.py": "from .gbvs import Gbvs", "stats.py": "from . import bench",
                         "errors.py": "LIMIT = 1\nLIMIT = 2\nLIMIT = LIMIT + 1"}.items():
        with open(copy / module, "a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
    monkeypatch.setattr(floors, "PACKAGE", copy)
    monkeypatch.setattr(floors, "MODULES", sorted(copy.rglob("*.py")))
    wrong = "\n".join(faults())
    assert "files imports core, which comes after it" in wrong and "maps imports the package's face" in wrong
    assert "errors gives the name LIMIT twice" in wrong
    assert ("models.bms imports models.gbvs, another adapter" in wrong
            and any({"core", "files"} <= set(group) for group in circles()))


def test_what_is_imported_is_declared():
    settings = ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    declared = {need.split(">")[0].split("=")[0].split("<")[0] for key, value in settings["DEFAULT"].items()
                if key.endswith("requirements")
                and not key.startswith("dev") for need in value.split()}
    sold_as = {"ot": "POT", "cv2": "opencv-python-headless", "PIL": "pillow", "yaml": "pyyaml", "IPython": "ipython",
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


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    "The folder of commands of an environment in which the wheel is installed, beside the libraries of this one."
    home = tmp_path_factory.mktemp("an environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    (site / "others.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    python = next(scripts.glob("python*"))
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--force-reinstall", "--prefix",
               home, wheel]
    subprocess.run(install, check=True, capture_output=True)
    return scripts


def typed_without(folder, line, **options):
    "Type a line in a shell that does not look into a folder for commands."
    shell_looks = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep)
                                  if Path(part) not in (folder, Path(sys.executable).parent))
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(line, shell=True, capture_output=True, text=True, encoding="utf-8",
                          env=environment | {"PATH": shell_looks, "PYTHONUTF8": "1"}, **options)


def test_hints_work_as_typed_where_no_environment_is_active(installed, scratch):
    "What a command prints to be typed next works in that shell: this environment's command by its path."
    made = typed_without(installed, f'"{installed / "saliency-playground"}" toy --images 3')
    assert made.returncode == 0, made.stderr
    ran = typed_without(installed, f'"{installed / "saliency-playground"}" run --config baseline --limit-images 3')
    hint = re.search(r"The leaderboard: (.*)", ran.stdout)[1]
    assert str(installed) in hint
    shown = typed_without(installed, hint)
    assert shown.returncode == 0 and "center_bias" in shown.stdout, shown.stderr
    as_module = typed_without(installed, f'"{next(installed.glob("python*"))}" -m saliency_playground info nobody')
    listed = typed_without(installed, re.search(r"`(.* list)`", as_module.stderr)[1])
    assert listed.returncode == 0 and "center_bias" in listed.stdout, as_module.stderr + listed.stderr


def test_advice_to_install_works_as_typed(installed, wheel, scratch):
    "An extra is asked of the wheel that this came from; where it is gone, its libraries are named. pip takes the line."
    ask = "from saliency_playground.errors import install_extra; print(install_extra('torch'))"
    from_wheel = typed_without(installed, f'"{next(installed.glob("python*"))}" -c "{ask}"').stdout.strip()
    assert f"{wheel.name}[torch]" in from_wheel and str(installed) in from_wheel
    checked = typed_without(installed, f"{from_wheel} --dry-run --no-deps --no-index --quiet")
    assert checked.returncode == 0, checked.stderr
    kept = wheel.read_bytes()
    wheel.unlink()
    by_name = typed_without(installed, f'"{next(installed.glob("python*"))}" -c "{ask}"').stdout.strip()
    wheel.write_bytes(kept)
    assert '"torch>=2.2"' in by_name and "saliency_playground[" not in by_name
    here = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True,
                          env=os.environ | {"PYTHONPATH": str(ROOT)}).stdout.strip()
    assert here.endswith('-m pip install -e ".[torch]"')
