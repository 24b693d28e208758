"""Measure, compare, fine-tune and see models of where people look.

The names below are the package's face; each is imported when it is first used, so `import saliency_playground` stays
quick.
"""
from .version import __version__ as __version__

_FACE = {"create": "registry", "names": "registry", "options": "registry", "register": "registry",
         "add_plugin": "registry", "prepare_sample": "core",
         "Fixations": "core", "Sample": "core", "Prediction": "core", "SaliencyDataset": "core",
         "SaliencyModel": "core", "Ceiling": "core",
         "make_toy": "toy", "load_config": "bench.config", "Run": "report.run", "leaderboard": "report.reading",
         "explainable": "report.explainable", "compare": "report.comparison", "export": "report.export"}
__all__ = ["benchmark", "view", *_FACE]


def benchmark(config="baseline", **changes):
    """Run a benchmark and return its `Run`, from which `leaderboard()` and the rest are read.

    config: a packaged config's name, a path to a YAML file, or a dict. changes: top-level keys of the config that
    replace its own, e.g. `models=["center_bias"]`, `datasets=[{"name": "folder", "root": "data/toy"}]`.
    Raises ConfigError with every fault of the config; a bad image costs that image only, see `Run.errors`. Warns of
    fixations outside their pictures, and of models scored on pictures that steered their training.
    """
    import warnings

    from .bench.config import load_config, read_config
    from .bench.run import run
    from .report.run import Run
    if changes:
        config = dict(read_config(config.as_dict() if hasattr(config, "as_dict") else config).data) | changes
    result = run(load_config(config))
    for remark in result.warnings():
        warnings.warn(remark, stacklevel=2)
    return Run(result.output_dir)


def view(run, **start):
    """Look at a run in a notebook: its images, predictions and scores. Returns a `Viewer`, which shows itself.

    run: a `Run`, or the output_dir of one. start: where to begin, e.g. `models=["unisal"]`, `image_id="1001"`,
    `alpha=0.4`; see `viewer.app`.
    Raises FileNotFoundError if there is no such run, ValueError for a name it does not have, ImportError if ipywidgets
    or anywidget is missing.
    """
    try:
        from .viewer.app import Viewer
    except ModuleNotFoundError as error:
        if error.name not in ("ipywidgets", "anywidget", "traitlets"):
            raise
        raise ImportError(f'the viewer needs {error.name}. pip install "saliency_playground[notebooks]"',
                          name=error.name) from error
    return Viewer(run, **start)


def __getattr__(name):
    if name in _FACE:
        from importlib import import_module
        return getattr(import_module(f"{__name__}.{_FACE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_FACE])
