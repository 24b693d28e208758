"""The package as a whole: what importing it costs, which way imports go, what a wheel carries."""
import ast
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from conftest import ROOT, command

PACKAGE = ROOT / "saliency_playground"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "_modidx.py")
HEAVY = ["numba", "ot", "torch", "tensorflow", "matplotlib", "pandas", "cv2", "scipy", "h5py", "pydantic", "click"]
FLOORS = [["compiled"], ["files", "progress"], ["maps", "images", "heatmaps"], ["metrics.tuebingen"], ["metrics.mit"],
          ["metrics.fast", "metrics.density_maps", "metrics.explain", "metrics.batch"], ["metrics.table"],
          ["metrics", "ceilings", "stats"], ["core", "comparisons"],
          ["datasets.points"], ["datasets.participants"], ["datasets.base"], ["weights"], ["deepgaze"], ["models.torch_base", "models.deepgaze_base", "models.classical_base", "models.msi_net_base", "models.contract_base"], ["datasets", "models", "toy"],
          ["bench.config", "bench.cache"], ["bench.runner"],
          *([f"finetune.{room}"] for room in ("config", "tracking", "splits", "blocks", "data", "features", "fold", "train", "calibrate", "run", "folds")), ["report"], *([f"viewer.{room}"] for room in ("source", "browse", "frames", "panels", "canvas", "controls", "looking", "app", "notebook")), *([f"notebooks.{room}"] for room in ("execute", "about", "steps", "folds")), ["kaggle.place", "kaggle.bundle"], ["kaggle.kernel"], ["cli_base"], ["cli_finetune", "cli_kaggle"], ["cli", "__main__", ""]]


def loaded_after(code: str) -> set[str]:
    "The modules that are loaded after running this code in a fresh interpreter."
    done = subprocess.run([sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("code", ["import saliency_playground", "import saliency_playground as sp; sp.names('model'); sp.names('dataset')"])
def test_import_is_light(code):
    assert not loaded_after(code) & set(HEAVY)


def imports(path: Path) -> list[tuple[str, ast.AST]]:
    "Every module that a file imports, anywhere in it."
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            here = ["saliency_playground", *path.relative_to(PACKAGE).with_suffix("").parts[:-1]]
            base = ".".join([*here[:len(here) - node.level + 1], *filter(None, [node.module])]) if node.level else node.module
            found += [base] + [f"{base}.{alias.name}" for alias in node.names]
    return found


def floor(module: str) -> int:
    "The floor of one of our modules: the first list in FLOORS that names it or its folder."
    name = module.removeprefix("saliency_playground").lstrip(".")
    return next(i for i, rooms in enumerate(FLOORS) if any(name == room or (room and name.startswith(room + ".")) for room in rooms))


def name_of(path: Path) -> str:
    return ".".join(["saliency_playground", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")


OURS = {name_of(path) for path in MODULES if path.name != "__init__.py"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_down(path):
    for module in imports(path):
        if module not in OURS or module == name_of(path):
            continue
        if (name_of(path), module) == ("saliency_playground.bench.runner", "saliency_playground.cli"):
            continue                                                       # only when run as a program, see its notebook
        sideways = floor(module) == floor(name_of(path)) and floor(module) == floor("datasets.folder")
        assert floor(module) <= floor(name_of(path)) and not sideways, f"{name_of(path)} imports {module}"


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
            "from saliency_playground.cli import main; main()"
    for words in (["toy"], ["run", "--config", "demo"]):
        subprocess.run([sys.executable, "-c", start, *words], cwd=here, check=True, capture_output=True)
    assert (here / "demo" / "outputs" / "ALL_SUMMARY.csv").is_file()


def test_runner_is_a_program_too(scratch):
    command("toy")
    as_module = command("--config", "demo", "--limit_images", "2", program="saliency_playground.bench.runner")
    assert "8 images" in as_module.stdout
