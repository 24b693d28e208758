"""A kept prediction is served only while all that it depends on is the same.

Models of somebody's own, run twice, with one thing changed in between: in a notebook, where cells are run again, and
as files, where each run is a process. What is scored must be what a run in an empty folder scores.
"""
import csv
import json
import os
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, command
from PIL import Image

from saliency_playground import images
from saliency_playground.bench import pipeline
from saliency_playground.bench.config import load_config
from saliency_playground.bench.run import run
from saliency_playground.core import SaliencyDataset

DATA = """
import sys, types
import numpy as np

def world(n=3):
    "Images with a bright spot each, at which people looked."
    images = []
    for i in range(n):
        image = np.full((48, 64, 3), 40 + 7 * i, np.uint8)
        image[10 + i:20 + i, 12:22, 0], image[28:38, 40 + i:50 + i, 1] = 220, 200
        images.append({"image_id": f"i{i}", "image": image, "fixations": [[14, 13 + i], [18, 16 + i], [20, 11 + i]]})
    return images
"""

PROLOGUE = DATA + """
import warnings, importlib, os
from scipy.ndimage import gaussian_filter
import saliency_playground as sp
from saliency_playground.core import SaliencyModel, as_dataset
from saliency_playground.registry import register
scenes = as_dataset(world())

def bench(model, **changes):
    "How many predictions were computed, the mean NSS, and what was said of the model."
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        run = sp.benchmark(datasets=[{"name": scenes, "as": "scenes"}], models=[model], metrics=["NSS"],
                           output_dir="outputs", **changes)
    told = [str(w.message) for w in said if "anew" in str(w.message)]
    return run.about["cells"][0]["predicted"], float(run.leaderboard().NSS.iloc[0]), told
"""


def notebook(folder, *cells):
    "What the cells of a notebook print, run one after the other in the namespace of a process of its own."
    script = textwrap.dedent("""
        import json, sys
        import __main__
        for n, cell in enumerate(json.loads(sys.stdin.read())):
            exec(compile(cell, f"<ipython-input-{n}>", "exec"), __main__.__dict__)
    """)
    done = subprocess.run([sys.executable, "-c", script], input=json.dumps([PROLOGUE, *map(textwrap.dedent, cells)]),
                          capture_output=True, text=True, cwd=folder, encoding="utf-8", timeout=560,
                          env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"})
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


BENCH = "print(json.dumps(bench('g')))"
MODEL = """
    @register("model", "g")
    class G(SaliencyModel):
        def predict(self, image): return {}
"""
KINDS = {
    "a number": ("SIGMA = 2.0", MODEL.format("gaussian_filter(image[..., 0].astype(float), SIGMA)"), "SIGMA = 9.0"),
    "a number in a dict": ("C = {'a': [1, 2.0]}",
                           MODEL.format("gaussian_filter(image[..., 0].astype(float), C['a'][1])"),
                           "C['a'][1] = 9.0"),
    "an array": ("W = np.array([1.0, 0, 0])", MODEL.format("image @ W"), "W[:] = [0, 1.0, 0]"),
    "a function": ("def f(v): return v[..., 0]", MODEL.format("f(image)"), "def f(v): return v[..., 1]"),
    "a function of a function": ("def e(v): return v[..., 0]\ndef f(v): return e(v)", MODEL.format("f(image)"),
                                 "def e(v): return v[..., 1]"),
    "a default": ("def f(v, c=0): return v[..., c]", MODEL.format("f(image)"), "def f(v, c=1): return v[..., c]"),
    "a closure": ("def make(c): return lambda v: v[..., c]\nf = make(0)", MODEL.format("f(image)"), "f = make(1)"),
    "a partial": ("from functools import partial\ndef h(v, c): return v[..., c]\nf = partial(h, c=0)",
                  MODEL.format("f(image)"), "f = partial(h, c=1)"),
    "a decorated function": ("from functools import lru_cache\n@lru_cache\ndef c(): return 0",
                             MODEL.format("image[..., c()]"), "@lru_cache\ndef c(): return 1"),
    "a file that a cache remembers": ("from functools import lru_cache\nopen('c', 'w').write('0')\n@lru_cache\n"
                                      "def c(): return int(open('c').read())", MODEL.format("image[..., c()]"),
                                      "open('c', 'w').write('1'); c.cache_clear()"),
    "an object": ("class K: pass\nk = K(); k.c = 0", MODEL.format("image[..., k.c]"), "k.c = 1"),
    "an object's method": ("class K:\n    def c(self): return 0\nk = K()", MODEL.format("image[..., k.c()]"),
                           "class K:\n    def c(self): return 1\nk = K()"),
    "a base class": ("class B(SaliencyModel):\n    def predict(self, image): return image[..., self.c()]\n"
                     "    def c(self): return 0",
                     '@register("model", "g")\nclass G(B): pass',
                     "B.c = lambda self: 1"),
    "a class attribute": ("", '@register("model", "g")\nclass G(SaliencyModel):\n    c = 0\n'
                          "    def predict(self, image): return image[..., self.c]", "G.c = 1"),
    "what __init__ read": ("C = 0", '@register("model", "g")\nclass G(SaliencyModel):\n'
                           "    def __init__(self): self.c = C\n"
                           "    def predict(self, image): return image[..., self.c]", "C = 1"),
    "what __init__ read from a file": ("open('c.txt', 'w').write('0')",
                                       '@register("model", "g")\nclass G(SaliencyModel):\n'
                                       "    def __init__(self): self.c = int(open('c.txt').read())\n"
                                       "    def predict(self, image): return image[..., self.c]",
                                       "open('c.txt', 'w').write('1')"),
    "a module reloaded": ("open('h.py', 'w').write('def f(v): return v[..., 0]')\nsys.path.insert(0, '.')\nimport h",
                          MODEL.format("h.f(image)"),
                          "open('h.py', 'w').write('def f(v): return v[..., 1]  #')\nimportlib.reload(h)"),
    "a module's number": ("open('h.py', 'w').write('c = 0')\nsys.path.insert(0, '.')\nimport h",
                          MODEL.format("image[..., h.c]"), "h.c = 1"),
    "a module found by its name": ("open('h.py', 'w').write('c = 0')\nsys.path.insert(0, '.')\nimport h",
                                   MODEL.format("image[..., getattr(h, 'c')]"), "h.c = 1"),
    "a JSON file": ("open('c.json', 'w').write('0')\nNAME = 'c.json'",
                    MODEL.format("image[..., json.load(open(NAME))]"), "open('c.json', 'w').write('1')"),
    "a file whose name is made": ("open('c.json', 'w').write('0')",
                                  MODEL.format("image[..., json.load(open('.'.join(['c', 'json'])))]"),
                                  "open('c.json', 'w').write('1')"),
    "a file that was not there": ("", MODEL.format("image[..., int(is_there('c') and open('c').read() or 0)]"),
                                  "open('c', 'w').write('1')"),
    "an environment variable": ("os.environ['CHANNEL'] = '0'", MODEL.format("image[..., int(os.environ['CHANNEL'])]"),
                                "os.environ['CHANNEL'] = '1'"),
    "an environment variable with a default": ("os.environ.pop('CHANNEL', None)",
                                               MODEL.format("image[..., int(os.getenv('CHAN' + 'NEL', 0))]"),
                                               "os.environ['CHANNEL'] = '1'"),
    "a folder": ("os.makedirs('d')", MODEL.format("image[..., len(os.listdir('d'))]"), "open('d/one', 'w').write('')"),
    "another process": ("open('c', 'w').write('0')", MODEL.format("image[..., int(ask())]"),
                        "open('c', 'w').write('1')"),
    "a text that is run": ("c = 0", MODEL.format("image[..., eval('c')]"), "c = 1"),
    "a method that is partly given": ("from functools import partial\nclass K:\n    c = 0\n"
                                      "    def f(self, v): return v[..., self.c]\nk = K(); f = partial(k.f)",
                                      MODEL.format("f(image)"), "k.c = 1"),
    "a variable of a closure": ("def make():\n    c = 0\n    def f(v): return v[..., c]\n    def to(x):\n"
                                "        nonlocal c\n        c = x\n    return f, to\nf, to = make()",
                                MODEL.format("f(image)"), "to(1)"),
    "a class of a class": ("class M(type): c = 0\nclass K(metaclass=M): pass", MODEL.format("image[..., K.c]"),
                           "M.c = 1"),
    "a descriptor": ("class D:\n    def __init__(self, c): self.c = c\n    def __get__(self, *who): return self.c\n"
                     "d = D(0)\nclass K: c = d", MODEL.format("image[..., K.c]"), "d.c = 1"),
    "a name with underscores": ("class K: __c__ = 0", MODEL.format("image[..., K.__c__]"), "K.__c__ = 1"),
    "a version of a module": ("open('h.py', 'w').write('__version__ = 0')\nsys.path.insert(0, '.')\nimport h",
                              MODEL.format("image[..., getattr(h, '__version__')]"), "h.__version__ = 1"),
    "a module that answers itself": (
        "open('h.py', 'w').write('V = {\"c\": 0}\\ndef __getattr__(n):\\n    if n in V: return V[n]\\n'\n"
        "                        '    raise AttributeError(n)')\nsys.path.insert(0, '.')\nimport h",
        MODEL.format("image[..., h.c]"), "h.V['c'] = 1"),
    "a default of a dataclass": ("from dataclasses import dataclass\n@dataclass\nclass K: c: int = 0",
                                 MODEL.format("image[..., K().c]"), "@dataclass\nclass K: c: int = 1"),
    "a function for a type": ("from functools import singledispatch\n@singledispatch\ndef f(v): return v[..., 0]",
                              MODEL.format("f(image)"), "f.register(np.ndarray, lambda v: v[..., 1])"),
    "a mask of an array": ("w = np.ma.array([1.0, 2.0, 0.0], mask=[0, 0, 0])", MODEL.format("image @ w.filled(0)"),
                           "w.mask = [0, 1, 0]"),
    "a library that was patched": ("", MODEL.format("image[..., 1] * 0.1 + np.abs(image[..., 0].astype(float))"),
                                   "kept = np.abs; np.abs = np.negative"),
    "a part of a library that was patched": (
        "np.abs = globals().get('kept', np.abs)\nimport scipy.ndimage._filters as inside\n"
        "one = inside.gaussian_filter1d",
        MODEL.format("gaussian_filter(image[..., 0].astype(float), 2)"),
        "inside.gaussian_filter1d = lambda v, *a, **k: -np.asarray(v)"),
    "how NumPy takes errors": ("inside.gaussian_filter1d = one",
                               MODEL.format("image[..., int(np.geterr()['divide'] == 'ignore')]"),
                               "np.seterr(divide='ignore')"),
    "which module a name means": (
        "for n, d in enumerate(['one', 'two']): os.makedirs(d); open(d + '/h.py', 'w').write(f'c = {n}')\n"
        "sys.path[:0] = [os.path.abspath(d) for d in ('one', 'two')]\ndef c():\n    import h\n    return h.c",
        MODEL.format("image[..., c()]"), "del sys.path[0], sys.modules['h']; importlib.invalidate_caches()"),
    "what a cache had before": ("from functools import lru_cache\nD = {'c': 1}\n@lru_cache\ndef c(): return D['c']\n"
                                "c(); D['c'] = 0", MODEL.format("image[..., c()]"), "D['c'] = 1"),
    "what a link leads to": ("for n in '01': open('d' + n, 'w').write(n)\nos.symlink('d0', 'd')",
                             MODEL.format("image[..., int(open('d').read())]"),
                             "os.unlink('d'); os.symlink('d1', 'd')"),
    "the globals of a function": ("c = 0\ndef f(): pass", MODEL.format("image[..., f.__globals__['c']]"), "c = 1"),
    "the globals of a frame": ("c = 0", MODEL.format("image[..., sys._getframe().f_globals['c']]"), "c = 1"),
    "a docstring": ("def f(): '0'", MODEL.format("image[..., int(f.__doc__)]"), "def f(): '1'"),
    "when a file was written": ("open('f', 'w').close(); os.utime('f', (0, 0))",
                                MODEL.format("image[..., int(os.path.getmtime('f'))]"), "os.utime('f', (1, 1))"),
    "a file by its number": ("open('f', 'w').write('0'); fd = os.open('f', os.O_RDONLY)",
                             MODEL.format("image[..., int(os.pread(fd, 1, 0))]"), "open('f', 'w').write('1')"),
    "a function inside an array's": ("c = 0\nf = np.frompyfunc(lambda x: x * (1 - 2 * c), 1, 1)",
                                     MODEL.format("f(image[..., 0].astype(float)).astype(float)"), "c = 1"),
    "memory that is shared": ("from multiprocessing.shared_memory import SharedMemory\n"
                              "m = SharedMemory(create=True, size=1); m.buf[0] = 0",
                              MODEL.format("image[..., m.buf[0]]"), "m.buf[0] = 1"),
}
UNTOLD = {"another process", "a text that is run", "the globals of a function", "the globals of a frame", "a docstring",
          "when a file was written", "a file by its number", "a function inside an array's", "memory that is shared"}
HELP = """
    import subprocess
    def is_there(name):
        try: open(name); return True
        except OSError: return False
    def ask(): return subprocess.run([sys.executable, "-c", "print(open('c').read())"], capture_output=True).stdout
"""




@pytest.fixture(scope="module")
def served(tmp_path_factory):
    "For every kind the runs before the change, again, after it, again, and one that serves nothing."
    cells = [HELP]
    for n, (before, model, change) in enumerate(KINDS.values()):
        right = BENCH.replace("'g'", "'g', overwrite='always'")
        cells += [f"os.makedirs('k{n}'); os.chdir('k{n}'); sys.modules.pop('h', None); importlib.invalidate_caches()",
                  before, model, BENCH, BENCH, change, BENCH, BENCH, right, "os.chdir('..')"]
    runs = notebook(tmp_path_factory.mktemp("kinds"), *cells)
    return {kind: runs[5 * n:5 * n + 5] for n, kind in enumerate(KINDS)}


@pytest.mark.parametrize("kind", KINDS)
def test_in_a_notebook_what_is_read_and_changed_is_computed_again(kind, served):
    first, second, changed, again, right = served[kind]
    told = kind not in UNTOLD
    assert first[0] == 3 and second[0] == (0 if told else 3) and second[1] == first[1]
    assert changed[0] == 3 and again[0] == (0 if told else 3)
    assert again[1] == changed[1] == right[1] != first[1]
    assert any("cache_key" in said for said in changed[2]) == (not told)


RANDOM = {
    "NumPy's": ("", "np.random.rand(48, 64)", "np.random.seed(0)"),
    "Python's": ("import random", "image[..., 0] * random.random()", "random.seed(0)"),
    "PyTorch's": ("import torch", "torch.rand(48, 64).numpy()", "torch.manual_seed(0)"),
    "one of its own": ("rng = np.random.default_rng(0)", "rng.random((48, 64))", None),
    "a new one": ("", "np.random.default_rng().random((48, 64))", None),
    "the system's": ("import secrets", "image[..., 0] * (1.0 + secrets.randbelow(100))", None),
    "the clock": ("from time import time", "image[..., 0] * (time() % 10)", None)}


@pytest.mark.parametrize("kind", RANDOM)
def test_random_numbers_and_clocks_are_not_served_unless_the_code_seeds_them(kind, tmp_path):
    before, answer, seed = RANDOM[kind]
    if "torch" in before:
        pytest.importorskip("torch")
    first, second = notebook(tmp_path, before, MODEL.format(answer), BENCH, BENCH)
    assert first[0] == second[0] == 3 and "cache_key" in second[2][0]
    if seed:
        seeded = MODEL.format(f"({seed}, {answer})[1]")
        draw = "print('[0]')" if "image" in answer else f"print(json.dumps([float({answer}.sum())]))"
        first, _drawn_between, second = notebook(tmp_path, before, seeded, BENCH, draw, BENCH)
        assert (first[0], second[0]) == (3, 0) and first[1] == second[1] and not second[2]


def test_an_edited_file_that_was_not_loaded_again_is_not_taken_for_new_code(tmp_path):
    before = "open('h.py', 'w').write('def f(v): return v[..., 0]')\nsys.path.insert(0, '.')\nimport h"
    edit = "open('h.py', 'w').write('def f(v): return v[..., 1]  #')"
    model = MODEL.format("h.f(image)")
    first, edited, loaded = notebook(tmp_path, before, model, BENCH, edit, BENCH, "importlib.reload(h)", BENCH)
    assert edited[1] == first[1] != loaded[1]
    (new,) = notebook(tmp_path, "sys.path.insert(0, '.')\nimport h", model, BENCH)
    assert new[:2] == [0, loaded[1]]                                     # what is kept is of the new code


def test_what_is_not_read_does_not_matter(tmp_path):
    before = "SIGMA, other = 2.0, 1\ndef f(v):\n    'One.'\n    return gaussian_filter(v[..., 0].astype(float), SIGMA)"
    model = MODEL.format("f(image)")
    runs = notebook(tmp_path, before, model, BENCH, model, BENCH, "other = 2\nunread = object()", BENCH,
                    "# a remark\n\n" + before.replace("'One.'", "'Another docstring.'\n    # a remark\n"), BENCH,
                    model.replace("        def", "        # a remark\n\n        def"), BENCH)
    assert [run[0] for run in runs] == [3, 0, 0, 0, 0] and len({run[1] for run in runs}) == 1


def test_a_network_in_a_global_counts_by_its_weights(tmp_path):
    pytest.importorskip("torch")
    before = """
        import torch
        torch.manual_seed(0)
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.mix = torch.nn.Conv2d(3, 1, 3, padding=1)
            def forward(self, batch): return self.mix(batch)
        net = Net()
        """
    model = """
        @register("model", "g")
        class G(SaliencyModel):
            @torch.no_grad()
            def predict(self, image):
                return net(torch.tensor(image.transpose(2, 0, 1)[None] / 255).float())[0, 0].numpy()
        """
    first, again, turned, back = notebook(
        tmp_path, before, model, BENCH, BENCH, "net.mix.weight.data *= -1", BENCH, "net.mix.weight.data *= -1", BENCH)
    assert (first[0], again[0], turned[0], back[0]) == (3, 0, 3, 3) and first[1] == back[1] != turned[1]
    ((n, score, _),) = notebook(tmp_path, before, model, BENCH)           # another process, the same network
    assert (n, score) == (0, first[1])
    held = """
        @register("model", "g")
        class G(SaliencyModel):
            net = None
            def predict(self, image):
                if self.net is None: self.net = net
                with torch.no_grad():
                    return self.net(torch.tensor(image.transpose(2, 0, 1)[None] / 255).float())[0, 0].numpy()
        m = sp.create("model", "g")
        """
    bench = "print(json.dumps(bench(m)))"
    first, again, turned = notebook(tmp_path, before, held, bench, bench, "m.net.mix.weight.data *= -1", bench)
    assert (first[0], again[0], turned[0]) == (3, 0, 3) and turned[1] != first[1] == again[1]


def test_functions_and_callable_are_served_like_models(tmp_path):
    before = "GAIN = 0\ndef f(image): return image[..., GAIN]"
    for model in ("f", "{'name': 'callable', 'function': '__main__:f'}"):
        bench = f"print(json.dumps(bench({model}, prediction_cache_dir='p{len(model)}')))"
        runs = notebook(tmp_path, before, bench, bench, "GAIN = 1", bench, bench,
                        "def f(image): return image[..., 2]", bench)
        assert [run[0] for run in runs] == [3, 0, 3, 0, 3] and runs[0][1] != runs[2][1] == runs[3][1] != runs[4][1]
        assert not any(run[2] for run in runs)


def test_an_author_may_say_what_stands_for_all_of_it(tmp_path):
    before = "dealt = (0 for n in iter(int, 1))"
    untold = MODEL.format("image[..., next(dealt)]")
    told = untold.replace("        def", "        def cache_key(self): return VERSION\n        def")
    first, second, kept, served, newer = notebook(tmp_path, before, untold, BENCH, BENCH, "VERSION = 1", told, BENCH,
                                                  BENCH, "VERSION = 2", BENCH)
    assert [run[0] for run in (first, second, kept, served, newer)] == [3, 3, 3, 0, 3]
    assert "dealt" in second[2][0] and "cache_key" in second[2][0] and not served[2]


# as files: every run is a process

RUN = """
import json, sys, warnings
{data}
import saliency_playground as sp
from saliency_playground.core import as_dataset
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    run = sp.benchmark(datasets=[{{"name": as_dataset(world()), "as": "scenes"}}], metrics=["NSS"], {arguments})
print(json.dumps([[cell["predicted"] for cell in run.about["cells"]],
                  [float(run.leaderboard().NSS[("scenes", cell["model"])]) for cell in run.about["cells"]]]))
"""
MINE = """
{head}
from saliency_playground import SaliencyModel, register
{top}

@register("model", "mine{n}")
class Mine(SaliencyModel):
    "A channel, as a helper says."
    def predict(self, image):
        {inside}
        return change(image)
"""
WAYS = {"inserted": ("import sys; sys.path.insert(0, 'lib{n}')", "from inner{n} import change", "pass"),
        "appended": ("import os, sys; sys.path.append(os.path.abspath('lib{n}'))", "from inner{n} import change",
                     "pass"),
        "on PYTHONPATH": ("", "from inner{n} import change", "pass"),
        "on PYTHONPATH, by attribute": ("", "import inner{n}", "change = inner{n}.change"),
        "imported inside": ("import sys; sys.path.insert(0, 'lib{n}')", "", "from inner{n} import change"),
        "imported inside, path too": ("", "", "import sys; sys.path.insert(0, 'lib{n}'); from inner{n} import change"),
        "import_module inside": ("import importlib, sys; sys.path.insert(0, 'lib{n}')", "",
                                 "change = importlib.import_module('in' + 'ner{n}').change"),
        "through another": ("import sys; sys.path.insert(0, 'lib{n}')", "from outer{n} import change", "pass"),
        "a file that is executed": ("", "", "s = {{}}; exec(open('lib{n}/inner{n}.py').read(), s); "
                                    "change = s['change']"),
        "a table of NumPy": ("import numpy as np", "",
                             "w = np.load('lib{n}/w.npy'); change = lambda v: v @ w")}


def one_run(folder, arguments, environment=None):
    "A run in a process of its own: for each model how many predictions were computed, and the mean NSS."
    paths = os.pathsep.join([str(ROOT), *(f"lib{n}" for n, way in enumerate(WAYS) if "PYTHONPATH" in way)])
    done = subprocess.run([sys.executable, "-c", RUN.format(data=DATA, arguments=arguments)], capture_output=True,
                          text=True, encoding="utf-8", cwd=folder, timeout=560,
                          env=os.environ | {"PYTHONPATH": paths} | (environment or {}))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def write_helpers(folder, channel):
    "For every way of importing one a helper that picks a channel."
    for n in range(len(WAYS)):
        lib = folder / f"lib{n}"
        lib.mkdir(exist_ok=True)
        (lib / f"inner{n}.py").write_text(f"def change(image): return image[..., {channel}]\n")
        (lib / f"outer{n}.py").write_text(f"from inner{n} import change\n")
        np.save(lib / "w.npy", np.eye(3)[channel])


@pytest.fixture(scope="module")
def edited(tmp_path_factory):
    "For every way the runs before the helper is edited, again, after it, and in an empty folder."
    folder = tmp_path_factory.mktemp("ways")
    (folder / "models").mkdir()
    for n, (head, top, inside) in enumerate(WAYS.values()):
        text = MINE.format(head=head, top=top, inside=inside, n="{n}").replace("{{", "{").replace("}}", "}")
        (folder / "models" / f"mine{n}.py").write_text(text.replace("{n}", str(n)))
    write_helpers(folder, 0)
    models = f"models={[f'mine{n}' for n in range(len(WAYS))]}"
    runs = [one_run(folder, models), one_run(folder, models)]
    write_helpers(folder, 1)
    runs += [one_run(folder, models), one_run(folder, models + ", output_dir='o', prediction_cache_dir='p'")]
    return {way: [(counts[n], scores[n]) for counts, scores in runs] for n, way in enumerate(WAYS)}


@pytest.mark.parametrize("way", WAYS)
def test_a_helper_wherever_it_is_imported_from(way, edited):
    first, second, changed, right = edited[way]
    assert first[0] == changed[0] == 3 and second[1] == first[1] != changed[1] == right[1]
    found_only_while_it_predicts = "executed" in way or "path too" in way            # so nobody can look beforehand
    assert second[0] == (3 if found_only_while_it_predicts else 0)


def test_a_callable_in_a_file_that_reads_the_environment_and_a_file(tmp_path):
    (tmp_path / "f.py").write_text("import os\ndef f(image): return image[..., int(os.getenv('CHANNEL', '0'))]\n"
                                   "def g(image): return image[..., int(open('c.txt').read())]\n")
    (tmp_path / "c.txt").write_text("0")
    models = "models=[{'name': 'callable', 'as': name, 'function': f'f.py:{name}'} for name in 'fg']"
    first, second, third = (one_run(tmp_path, models, environment)
                            for environment in (None, None, {"CHANNEL": "1"}))
    assert (first[0], second[0], third[0]) == ([3, 3], [0, 0], [3, 0])
    assert first[1] == second[1] and third[1][0] != first[1][0] == first[1][1] == third[1][1]
    (tmp_path / "c.txt").write_text("1")
    fourth = one_run(tmp_path, models)
    assert fourth[0] == [3, 3] and fourth[1] == [first[1][0], third[1][0]]


def test_rows_are_computed_again_without_kept_predictions_too(tmp_path):
    (tmp_path / "c.txt").write_text("0")
    (tmp_path / "f.py").write_text("def f(image): return image[..., int(open('c.txt').read())]\n")
    arguments = "models=[{'name': 'callable', 'function': 'f.py:f'}], cache_predictions=False"
    first, second = one_run(tmp_path, arguments), one_run(tmp_path, arguments)
    (tmp_path / "c.txt").write_text("1")
    changed = one_run(tmp_path, arguments)
    assert (first[0], second[0], changed[0]) == ([3], [0], [3]) and first[1] == second[1] != changed[1]
    assert not (tmp_path / "predictions").exists()


# bytes, not moments: a file that is replaced between the moment it is digested and the moment it is read

def paint(path, side):
    "An image with a bright spot on one side."
    image = np.full((48, 64, 3), 40, np.uint8)
    image[10:30, 8:24] = 230 if side == "left" else 40
    image[10:30, 40:56] = 230 if side == "right" else 40
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(image).save(path)


@pytest.fixture
def lab(scratch):
    "Three images, looked at on the left; the folder's config."
    for name in "abc":
        paint(scratch / "lab/images" / f"{name}.png", "left")
        points = "x,y\n" + "".join(f"{10 + n},{12 + 2 * n}\n" for n in range(8))
        (scratch / "lab/fixations").mkdir(exist_ok=True)
        (scratch / "lab/fixations" / f"{name}.csv").write_text(points)
    return {"datasets": [{"name": "folder", "as": "lab", "root": "lab"}], "metrics": ["NSS"], "workers": 1,
            "output_dir": "outputs"}


def nss(folder="outputs"):
    "NSS of every image by its id, as the table says."
    (table,) = Path(folder).glob("lab__*[!y].csv")
    with open(table, encoding="utf-8", newline="") as file:
        return {row["image_id"]: row["NSS"] for row in csv.DictReader(file)}


def replacing(monkeypatch, owner, name, when, replace):
    "Let a function do `replace()` before its first call (`before`) or behind it (`after`)."
    original, done = getattr(owner, name), []

    def wrapped(*arguments, **options):
        if not done and when == "before":
            done.append(replace())
        answer = original(*arguments, **options)
        if not done:
            done.append(replace())
        return answer
    monkeypatch.setattr(owner, name, wrapped)


def fresh(config):
    "What a run in an empty folder scores."
    run(load_config(config | {"output_dir": "fresh", "prediction_cache_dir": "fresh_predictions"}))
    return nss("fresh")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("cached", [True, False])
def test_an_image_replaced_between_survey_and_decoding(when, cached, lab, monkeypatch):
    config = lab | {"models": ["spectral_residual"], "cache_predictions": cached}
    with monkeypatch.context() as patch:
        replacing(patch, images, "decode_image", when, lambda: paint(Path("lab/images/a.png"), "right"))
        first = run(load_config(config))
    assert list(first.cells[0].errors) == ["a"] and "changed while the run was under way" in first.summary()
    second = run(load_config(config))
    assert second.n_predicted == 1 and nss() == fresh(config) and float(nss()["a"]) < float(nss()["b"])
    paint(Path("lab/images/a.png"), "left")
    run(load_config(config))
    assert nss()["a"] == nss()["b"]                                      # which is the same image


def test_fixations_replaced_between_survey_and_decoding(lab, monkeypatch):
    class Moving(SaliencyDataset):
        "Images of a list, whose fixations somebody mends."
        def __len__(self): return 3
        def __getitem__(self, i): return WORLD[i]
    where = {}
    exec(DATA, where)
    WORLD = where["world"]()
    moved = dict(WORLD[0], fixations=[[45, 30]])
    config = {"datasets": [{"name": Moving(), "as": "lab"}], "models": ["spectral_residual"], "metrics": ["NSS"],
              "output_dir": "outputs"}
    with monkeypatch.context() as patch:
        replacing(patch, pipeline, "load_sample", "before", lambda: WORLD.__setitem__(0, moved))
        first = run(load_config(config))
    assert list(first.cells[0].errors) == ["i0"]
    config["datasets"] = [{"name": Moving(), "as": "lab"}]
    run(load_config(config))
    assert nss() == fresh(config)


@pytest.mark.parametrize("form", ["folder", "zip", "npz"])
def test_a_stored_map_replaced_between_survey_and_decoding(form, lab, monkeypatch):
    def write(side):
        "The maps of all images, as somebody copies them over the old ones."
        values = np.zeros((48, 64))
        values[10:30, 8:24 if side == "left" else 12] = 1.0 if side == "left" else 0.5
        values[10:30, 40:56] = side == "right"
        Path("maps").mkdir(exist_ok=True)
        for name in "abc":
            np.save(f"maps/{name}.npy", values)
        np.savez("maps.npz", a=values, b=values, c=values)
        with zipfile.ZipFile("maps.zip", "w") as archive:
            for name in "abc":
                archive.write(f"maps/{name}.npy", f"{name}.npy")
    write("left")
    path = {"folder": "maps", "zip": "maps.zip", "npz": "maps.npz"}[form]
    config = lab | {"models": [{"name": "precomputed", "path": path}]}
    with monkeypatch.context() as patch:
        replacing(patch, pipeline, "load_sample", "before", lambda: write("right"))
        first = run(load_config(config))
    assert sorted(first.cells[0].errors) == ["a", "b", "c"]
    second = run(load_config(config))
    assert second.n_predicted == 3 and nss() == fresh(config) and float(nss()["a"]) < 0.5
    write("left")
    assert run(load_config(config)).n_predicted == 3 and float(nss()["a"]) > 1


def test_weights_replaced_between_digest_and_loading(lab, monkeypatch):
    torch = pytest.importorskip("torch")
    from saliency_playground import weights

    def write(sign):
        "Weights that like what is bright, or what is dark."
        weights.write_state("net.pth", {"weight": sign * torch.ones(1, 3, 1, 1) / 3, "bias": torch.zeros(1)})
    Path("net.py").write_text("import torch\ndef net(): return torch.nn.Conv2d(3, 1, 1)\n")
    write(1)
    config = lab | {"models": [{"name": "hf_torch", "weights_path": "net.pth", "network": "net.py:net"}]}
    with monkeypatch.context() as patch:
        replacing(patch, pipeline, "load_sample", "before", lambda: write(-1))
        first = run(load_config(config))
    assert sorted(first.cells[0].errors) == ["a", "b", "c"]
    second = run(load_config(config))
    assert second.n_predicted == 3 and nss() == fresh(config) and float(nss()["a"]) < 0
    with monkeypatch.context() as patch:
        replacing(patch, weights, "read_state", "after", lambda: write(1))
        shutil.rmtree("predictions")
        shutil.rmtree("outputs")
        third = run(load_config(config))
    assert sorted(third.cells[0].errors) == ["a", "b", "c"]
    run(load_config(config))
    assert float(nss()["a"]) > 0


def test_a_file_of_ones_own_model_replaced_while_it_predicts(lab, monkeypatch):
    Path("models").mkdir()
    Path("models/mine.py").write_text(textwrap.dedent("""
        import numpy as np
        from saliency_playground import SaliencyModel, register

        @register("model", "mine")
        class Mine(SaliencyModel):
            "Bright, times a prior."
            def __init__(self, prior): self.prior = prior
            def predict(self, image): return image.mean(axis=2) @ np.load(self.prior)
        """))
    np.save("prior.npy", np.eye(64))
    config = lab | {"models": [{"name": "mine", "prior": "prior.npy"}]}
    with monkeypatch.context() as patch:
        replacing(patch, pipeline, "load_sample", "before", lambda: np.save("prior.npy", np.eye(64)[::-1]))
        first = run(load_config(config))
    assert sorted(first.cells[0].errors) == ["a", "b", "c"]
    second = run(load_config(config))
    assert second.n_predicted == 3 and nss() == fresh(config) and run(load_config(config)).n_predicted == 0
    np.save("prior.npy", np.eye(64))
    assert run(load_config(config)).n_predicted == 3


def test_a_model_of_the_package_that_was_changed_by_hand(lab):
    from saliency_playground.registry import create
    model: Any = create("model", "center_bias")
    config = lab | {"models": [{"name": model, "as": "bias"}]}
    assert run(load_config(config)).n_predicted == 3 and run(load_config(config)).n_predicted == 0
    before, model.sigma_ratio = nss(), 0.9
    assert run(load_config(config)).n_predicted == 3 and nss() != before
    model.sigma_ratio = vars(create("model", "center_bias"))["sigma_ratio"]
    assert run(load_config(config)).n_predicted == 3 and nss() == before
    torch = pytest.importorskip("torch")
    from saliency_playground import weights
    Path("net.py").write_text("import torch\ndef net(): return torch.nn.Conv2d(3, 1, 1)\n")
    weights.write_state("net.pth", {"weight": torch.ones(1, 3, 1, 1) / 3, "bias": torch.zeros(1)})
    net: Any = create("model", "hf_torch", weights_path="net.pth", network="net.py:net")
    config = lab | {"models": [{"name": net, "as": "net"}], "output_dir": "nets"}
    assert run(load_config(config)).n_predicted == 3 and run(load_config(config)).n_predicted == 0
    before = nss("nets")
    net.net.weight.data *= -1
    assert run(load_config(config)).n_predicted == 3 and float(nss("nets")["a"]) < 0 < float(before["a"])


def test_what_is_read_past_python_is_told_by_its_name_or_not_served(tmp_path):
    pytest.importorskip("cv2")
    before = """
        import cv2
        def write(value): cv2.imwrite("prior.png", np.full((48, 64), value, np.uint8) * np.eye(48, 64, dtype=np.uint8))
        write(100)
        """
    literal = MODEL.format("image[..., 0] * 0.1 + cv2.imread('prior.png', 0)")
    hidden = MODEL.format("image[..., 0] * 0.1 + cv2.imread('prior' + str(image.shape[2])[:0] + '.png', 0)")
    first, again, changed, *others = notebook(tmp_path, before, literal, BENCH, BENCH, "write(200)", BENCH, hidden,
                                              BENCH, BENCH, "write(9)", BENCH)
    assert (first[0], again[0], changed[0]) == (3, 0, 3) and first[1] != changed[1] and not changed[2]
    assert [run[0] for run in others] == [3, 3, 3] and "cv2.imread" in others[1][2][0]
    assert changed[1] == others[0][1] == others[1][1] != others[2][1]


def test_threads_of_ones_own_are_not_served(tmp_path):
    before = """
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(2)
        open("c", "w").write("0")
        def ask(): return int(open("c").read())
        """
    model = """
        @register("model", "g")
        class G(SaliencyModel):
            def cache_key(self): return None
            def predict(self, image): return image[..., sys.modules["__main__"].pool.submit(ask).result()]
        """
    runs = notebook(tmp_path, before, model, BENCH, BENCH, "open('c', 'w').write('1')", BENCH, BENCH)
    # a pool of threads cannot be told, so nothing is served: every run predicts, from the file as it is
    assert [run[0] for run in runs] == [3, 3, 3, 3] and runs[0][1] == runs[1][1] != runs[2][1] == runs[3][1]


@pytest.mark.parametrize("config", ["baseline", "ceilings"])
def test_a_second_process_computes_nothing(scratch, config):
    "Not one row either: what a fit or a first image leaves on a model changes no key."
    command("toy")
    command("run", "--config", config, "--quiet")
    again = command("run", "--config", config)
    assert "computed 0 predictions and 0 metric rows" in again.stdout, again.stdout
