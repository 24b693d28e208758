"""Measure, compare, fine-tune and see models of where people look.

The names below are the package's face; each is imported when it is first used, so `import saliency_playground` stays
quick.
"""
import os
import sys
from importlib import import_module
from typing import Any

from .version import __version__ as __version__

# GNU's OpenMP reads this when torch loads it. Torch's threads turn in circles for milliseconds while they wait for each
# other, on processors that the scoring beside them needs: on two cores a DeepGaze run took half as long again. A tenth
# of a millisecond is as quick for torch alone. Whoever has chosen already is left alone.
if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
    os.environ["GOMP_SPINCOUNT"] = "10000"

_FACE = {"create": "registry", "names": "registry", "list_datasets": "registry", "list_models": "registry",
         "options": "registry", "register": "registry", "add_plugin": "registry",
         "Fixations": "core", "Sample": "core", "Prediction": "core", "SaliencyDataset": "core",
         "SaliencyModel": "core", "Ceiling": "core", "as_dataset": "core", "as_model": "core", "prepare_sample": "core",
         "score": "scores", "score_generated": "bench.generated_paths", "make_toy": "toy",
         "load_config": "bench.config", "Run": "report.run",
         "leaderboard": "report.reading", "explainable": "report.explainable", "compare": "report.comparison",
         "export": "report.export", "benchmark": "report.benchmark",
         "doctor": "checkup.doctor"}
_MODULES = ("bench", "ceilings", "checkup", "comparisons", "core", "datasets", "deepgaze", "errors", "files",
            "finetune", "heatmaps", "images", "maps", "metrics", "models", "predictions", "registry", "report",
            "scanpaths", "stats", "toy", "trackers", "viewer", "weights")
__all__ = ["view", "view_scanpaths", *_FACE]                 # noqa: PLE0604 - the face's names, written once


def view(run: Any, **start: Any) -> Any:
    """Look at a run in a notebook: its images, predictions and scores. Returns a `Viewer`, which shows itself.

    run: a `Run`, or the output_dir of one. start: where to begin, e.g. `models=["unisal"]`, `image_id="1001"`,
    `alpha=0.4`; see `viewer.app`.
    Raises FileNotFoundError if there is no such run, ValueError for a name it does not have, ImportError if ipywidgets
    or anywidget is missing.
    """
    return _viewer_module("app").Viewer(run, **start)


def view_scanpaths(run_or_dataset: Any, model: Any = None, image_id: str | None = None, observer: str | None = None,
                   **more: Any) -> Any:
    """Walk along a scanpath in a notebook, fixation by fixation. Returns a `ScanpathViewer`, which shows itself.

    run_or_dataset, model, image_id, observer: see `viewer.scanpaths.view_scanpaths`. more: `dataset`, its name in a
    run of several.
    Raises FileNotFoundError if there is no such run, ValueError for a name it does not have, ImportError if ipywidgets
    is missing.
    """
    return _viewer_module("scanpaths").view_scanpaths(run_or_dataset, model, image_id, observer, **more)


def _viewer_module(name: str) -> Any:
    "A module of the viewer. Raises ImportError, which says what to install, if its widgets are missing."
    from .errors import MissingPackageError, install_extra
    try:
        return import_module(f"{__name__}.viewer.{name}")
    except ModuleNotFoundError as error:
        if error.name not in ("ipywidgets", "anywidget", "traitlets"):
            raise
        raise MissingPackageError(f"the viewer needs {error.name}. {install_extra('notebooks')}.",
                                  name=error.name) from error


def _doctor(dataset: Any, **options: Any) -> Any:
    "What is wrong with this dataset, and what mends it: `ds.doctor()` is `doctor(ds)`, see `checkup.doctor`."
    from .checkup.doctor import doctor
    return doctor(dataset, **options)


def __getattr__(name: str) -> Any:
    if name in _FACE:
        value = getattr(import_module(f"{__name__}.{_FACE[name]}"), name)
        if core := sys.modules.get(f"{__name__}.core"):                # the type knows nothing of who examines it
            core.SaliencyDataset.doctor = _doctor
        return value
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_FACE, *_MODULES})
