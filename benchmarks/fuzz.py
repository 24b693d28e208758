"""What somebody typed, edited or sent, wrong in many ways: configs, records, tables, names, archives.

    python benchmarks/fuzz.py                                   # 200,000 in process, 1,000 commands; writes fuzz.md
    python benchmarks/fuzz.py --count 1000 --commands 0 --only journal ids    # a few of some kinds, printed only

A kind makes whole inputs, changes one or a few places of them (a value for an odd one, a key, a byte), drawn from a
seeded generator, and gives them to the function that reads them. A command is typed with changed words, in a child of
this process that is forked with everything imported, in a folder with a dataset and a finished run.

accepted: read; what came of it is checked, so that no changed value is served as if it were the old one. refused: a
`PlaygroundError` whose sentences fill no page. wrong: another error, a value that is not checked out, or a message as
long as a page. hung: no answer in 20 seconds. The files that `damaged.py` changes, images, maps, MATLAB and tables of
fixations, are left to it.
"""
import argparse
import copy
import io
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from common import machine, table

from saliency_playground import files
from saliency_playground.bench.config import Config, load_config
from saliency_playground.bench.plan import survey
from saliency_playground.core import as_dataset
from saliency_playground.errors import PlaygroundError
from saliency_playground.finetune.config import load_finetune
from saliency_playground.finetune.splits import read_split
from saliency_playground.models.precomputed import Precomputed
from saliency_playground.report.literature import read_published
from saliency_playground.report.page import models_table, provenance_lines
from saliency_playground.report.run import Run
from saliency_playground.settings import parse_settings, parse_yaml, read_value
from saliency_playground.tables import mark_text, read_scores, unmark_text, write_table
from saliency_playground.toy import make_toy

ODD: list[Any] = [None, True, False, 0, -1, 1, 2**63, 10**30, 0.5, -0.0, 1e308, float("nan"), float("inf"), "", " ",
          "~",
                  "null", "a", "-1", "1e9", "*", "&x", "'", '"', "{", "[", "../..", "/etc/passwd", "${HOME}",
                  "${NOWHERE}",
                  "{fold}", "\0", "\ud800", "ü" * 300, "x" * 5000, "=1+1", "<b>", "con", [], {}, [[]], [None],
                  {"a": 1},
                  {"": None}, {"name": "uniform"}, ["a", "a"], {"name": [1]}, list(range(60)), {"metric": "KL",
                  "eps": -1}]


def draw(rng: np.random.Generator, values: list) -> Any:
    return values[int(rng.integers(len(values)))]


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    "Every place in a nested value."
    yield path
    if isinstance(value, (dict, list)):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, step))


def changed(value: Any, rng: np.random.Generator) -> Any:
    "A copy of a nested value with one to three places changed: another value, none, a key renamed, a part elsewhere."
    value = copy.deepcopy(value)
    for _ in range(int(rng.integers(1, 4))):
        path = draw(rng, list(places(value)))
        if not path:
            if rng.random() < 0.02:
                value = draw(rng, ODD)
            continue
        holder = value
        for step in path[:-1]:
            holder = holder[step]
        way = rng.integers(5)
        if way == 0 and isinstance(holder, dict):
            holder[draw(rng, ["", "nam", "name ", "1", "ä", path[-1] + "x" if isinstance(path[-1], str) else "y"])] = \
                holder.pop(path[-1])
        elif way == 1:
            del holder[path[-1]]
        elif way == 2:
            holder[path[-1]] = copy.deepcopy(_at(value, draw(rng, list(places(value)))))
        else:
            holder[path[-1]] = copy.deepcopy(draw(rng, ODD))
        if not isinstance(value, (dict, list)):
            break
    return value


def _at(value: Any, path: tuple) -> Any:
    for step in path:
        value = value[step]
    return value


def spoiled(content: bytes, rng: np.random.Generator) -> bytes:
    "Bytes with some changed, cut off, doubled, or swapped for others."
    if not content:
        return b"x"
    data, way = bytearray(content), rng.integers(6)
    at = int(rng.integers(len(data) + 1))
    if way == 0:
        for place in rng.integers(len(data), size=int(rng.integers(1, 4))):
            data[int(place)] = int(rng.integers(256))
    elif way == 1:
        del data[at:]
    elif way == 2:
        del data[at:at + int(rng.integers(1, 40))]
    elif way == 3:
        data[at:at] = data[at:at + int(rng.integers(1, 200))]
    elif way == 4:
        data[at:at] = draw(rng, [b"[" * 3000, b"\0", b"\xff\xfe", b"\n", b"'", b'"', b"*a", b"&a ", b"!!x ", b": ",
        b"{",
                                 b"9" * 5000, b"1e999", b"NaN", b"=1", b",", b"\r\n", b"\xc3", b"<<: "])
    else:
        data[at:at + 8] = bytes(rng.integers(256, size=8, dtype=np.uint8))
    return bytes(data)


class World:
    "A folder with a dataset, a finished run, a split, predictions; what the kinds begin from."
    def __init__(self, home: Path) -> None:
        self.home = home
        os.chdir(home)
        make_toy("data/toy", n_images=4)
        self.typed(["run", "--config", "baseline", "-q", "--set", "output_dir=outputs", "--set",
                    "models=[uniform, center_bias, blur_baseline]"])
        self.typed(["split", "--root", "data/toy", "--test-count", "1", "--folds", "2"])
        shutil.copytree("outputs", "sent")
        self.run = json.loads(Path("outputs/run.json").read_text())
        self.split = json.loads(Path("splits/split.json").read_text())
        self.config = parse_yaml(Path(config_file("baseline")).read_text()).data
        self.finetune = parse_yaml(Path(config_file("finetune_deepgaze_iie")).read_text()).data
        self.journal = Path("outputs/.rows/folder__uniform.jsonl").read_bytes()
        self.scores = Path("outputs/folder__uniform.csv").read_bytes()
        self.board = Run("outputs").leaderboard()
        np.save("one.npy", np.random.default_rng(0).random((12, 16)))
        np.savez_compressed("two.npz", a=np.eye(9), b=np.arange(5.0))
        with zipfile.ZipFile("three.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name in "abc":
                archive.writestr(f"maps/{name}.npy", Path("one.npy").read_bytes())

    def typed(self, words: list[str]) -> int:
        from saliency_playground.cli.main import main
        try:
            main(words)
        except SystemExit as left:
            return int(left.code or 0)
        return 0


def config_file(name: str) -> Path:
    from importlib.resources import files as resources
    return Path(str(resources("saliency_playground")/"configs"/f"{name}.yaml"))


def as_text(value: Any) -> str:
    "A value as YAML, or where that cannot say it as JSON."
    try:
        return yaml.safe_dump(value, allow_unicode=True)
    except (yaml.YAMLError, UnicodeEncodeError):
        return json.dumps(value)


def feed_yaml(world: World, rng: np.random.Generator) -> None:
    content = spoiled(config_file("baseline").read_bytes(), rng)
    if rng.random() < 0.3:
        signs = ["[", "]", "{", "}", ": ", "- ", "\n", "&a", "*a", "<<", "!!int ", "'", '"', "|", ">", "?", "#", "%",
        "1", "x",
                 " ", "~", "=", "@", "\t", "--- ", "..."]
        content = "".join(draw(rng, signs) for _ in range(int(rng.integers(1, 60)))).encode()
    read, _ = parse_settings(content.decode("utf-8", "replace"))
    json.dumps(read, allow_nan=True)                                       # plain values only


def feed_config(world: World, rng: np.random.Generator) -> None:
    config = load_config(changed(world.config, rng))
    assert load_config(config.as_dict()).as_dict() == config.as_dict() or has_nan(config)


def has_nan(config: Config) -> bool:
    return "NaN" in json.dumps(config.as_dict())


def feed_set(world: World, rng: np.random.Generator) -> None:
    keys = [".".join(map(str, path)) for path in places(world.config) if path] + [
        "metrics.KL.eps", "metrics.NSS.ddof", "baseline.folds", "models.0.as", "datasets.0.sigma_px",
        "heatmaps_png.alpha",
        "", ".", "models.", "a.b.c", "datasets.9.root", "plugins", "fold", "seed"]
    text = draw(rng, [as_text, repr, str])(draw(rng, ODD)).strip()
    load_config("baseline", [f"{draw(rng, keys)}{draw(rng, ['=', '=', '=', '', '=='])}{text}"])


def feed_value(world: World, rng: np.random.Generator) -> None:
    json.dumps(read_value("key", spoiled(as_text(draw(rng, ODD[6:])).encode("utf-8", "replace"), rng).decode("utf-8",
    "replace")))


def feed_finetune(world: World, rng: np.random.Generator) -> None:
    load_finetune(changed(world.finetune, rng))


def feed_run(world: World, rng: np.random.Generator) -> None:
    "A changed run.json is read as what it says, or refused; the tables beside it are whole, so no score may change."
    text = json.dumps(changed(world.run,
    rng)).encode() if rng.random() < 0.7 else spoiled(json.dumps(world.run).encode(), rng)
    Path("sent/run.json").write_bytes(text)
    run = Run("sent")
    board = run.leaderboard()
    for place in board.index:
        for metric in board.columns.intersection(world.board.columns):
            if place in world.board.index:
                ours, theirs = world.board.loc[place, metric], board.loc[place, metric]
                assert ours == theirs or (np.isnan(ours) and np.isnan(theirs)), (place, metric)
    for say in (repr, Run.where, models_table, provenance_lines):
        say(run)


def feed_split(world: World, rng: np.random.Generator) -> None:
    text = json.dumps(changed(world.split, rng)) if rng.random() < 0.7 else None
    Path("split.json").write_bytes(text.encode() if text else spoiled(json.dumps(world.split).encode(), rng))
    split = read_split("split.json")
    held = set(split["test"])
    for fold in split["folds"]:
        assert not held & set(fold["train"]) and not set(fold["train"]) & set(fold["val"]), "a leak"


def feed_journal(world: World, rng: np.random.Generator) -> None:
    "Lines behind the first torn one do not count; those before are what was written, or whole lines of JSON."
    content = spoiled(world.journal, rng)
    Path("rows.jsonl").write_bytes(content)
    journal = files.Journal("rows.jsonl")
    whole = [line for line in content.splitlines(keepends=True)]
    assert len(journal.ids()) <= len(whole)
    journal.put("new", key="k")
    journal.close()
    again = files.Journal("rows.jsonl")
    assert again.ids() == journal.ids()
    assert all(repr(again.get(id)) == repr(journal.get(id)) for id in again.ids())         # NaN is not equal to itself


def feed_table(world: World, rng: np.random.Generator) -> None:
    content = spoiled(world.scores, rng)
    Path("scores.csv").write_bytes(content)
    read = read_scores("scores.csv")
    assert all(str(kind) == "object" or kind.kind in "fiOUST" for kind in read.dtypes)


def odd_name(rng: np.random.Generator) -> str:
    signs = ["a", "B", "ß", "é", "e\u0301", "/", "\\", ".", "..", " ", "\t", "\n", "\0", ":", "=", "-", "+", "@",
    "'", '"', ",",
             "<", "|", "*", "?", "\ud800", "con", "nul", ".npy", ".png", ".part", ".lock", "1", "~", "$", "%", "#",
             "\u202e", "x" * 90]
    return "".join(draw(rng, signs) for _ in range(int(rng.integers(0, 7))))


def feed_ids(world: World, rng: np.random.Generator) -> None:
    "A name stays below its folder; marked for a spreadsheet it begins with no sign of a formula, and comes back."
    name = odd_name(rng)
    marked = mark_text(name)
    assert unmark_text(marked) == name and not marked.startswith(("=", "+", "-", "@", "\t", "\r"))
    path = files.path_inside("kept", name, ".npy")
    assert Path(os.path.normpath(path)).is_relative_to("kept") and Path(os.path.normpath(path)) != Path("kept")


def feed_names(world: World, rng: np.random.Generator) -> None:
    "Two images of odd names: both kept apart in a table and on the disk, or refused."
    names = [odd_name(rng) or "a", odd_name(rng) + draw(rng, ["", "/b", ".npy/b"])]
    images = as_dataset([{"image_id": name, "image": np.zeros((4, 4, 3), np.uint8)} for name in names])
    items = survey(images)
    good = [item.image_id for item in items if not item.error]
    for name in good:
        path = files.path_inside("ids", name, ".npy")
        files.write_bytes(path, name.encode("utf-8", "surrogatepass"), durable=False)
    for name in good:
        assert files.read_bytes(files.path_inside("ids", name, ".npy")) == name.encode("utf-8", "surrogatepass")
    shutil.rmtree("ids", ignore_errors=True)
    read = read_scores(write_table(Path("names.csv"), ["image_id", "NSS"], [[name, 1.5] for name in good]))
    assert read.image_id.tolist() == good


def feed_array(world: World, rng: np.random.Generator) -> None:
    whole = Path(draw(rng, ["one.npy", "two.npz"])).read_bytes()
    read = files.read_array(io.BytesIO(spoiled(whole, rng)))
    for array in read.values() if isinstance(read, dict) else [read]:
        assert array.nbytes <= 10 * len(whole) and array.dtype.kind != "O"


def feed_predictions(world: World, rng: np.random.Generator) -> None:
    "A zip of predictions: a changed member never comes as another one's numbers, for its checksum tells."
    Path("fuzzed.zip").write_bytes(spoiled(Path("three.zip").read_bytes(), rng))
    model = Precomputed("fuzzed.zip")
    model.fingerprint("a")
    assert np.array_equal(model._values("a"), np.load("one.npy"))


def feed_published(world: World, rng: np.random.Generator) -> None:
    source = files.read_text(config_file("baseline").parents[1]/"data"/"published.yaml")
    text = as_text(changed(parse_settings(source)[0], rng)) if rng.random() < 0.5 else spoiled(source.encode(),
    rng).decode("utf-8", "replace")
    Path("published.yaml").write_text(text, encoding="utf-8", errors="replace")
    read_published("published.yaml")


KINDS: dict[str, tuple[Callable[[World, np.random.Generator], None], float]] = {   # and their share of all, in percent
    "ids": (feed_ids, 40), "array": (feed_array, 20), "journal": (feed_journal, 12), "table": (feed_table, 8),
    "yaml": (feed_yaml, 6), "value": (feed_value, 6), "split": (feed_split, 4), "predictions": (feed_predictions, 1.5),
    "names": (feed_names, 1), "config": (feed_config, 0.5), "set": (feed_set, 0.5), "finetune": (feed_finetune, 0.5),
    "published": (feed_published, 0.3), "run": (feed_run, 0.2)}


class Hung(BaseException):
    "No answer in time."


@contextmanager
def patience(seconds: int) -> Iterator[None]:
    "Raise Hung in this thread if the block takes longer."
    def ring(*_: Any) -> None:
        raise Hung
    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def judge(feed: Callable, world: World, seed: list[int]) -> tuple[str, str]:
    "What became of one input, and of a fault where it arose."
    try:
        with patience(20), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            feed(world, np.random.default_rng(seed))
        return "accepted", ""
    except PlaygroundError as error:
        said = str(error)
        if len(said) > 9000 or max(map(len, said.splitlines()), default=0) > 2000 or not said.strip():
            return "wrong", f"{seed}: {len(said)} characters: {said[:200]!r}"
        return "refused", ""
    except Hung:
        return "hung", f"{seed}"
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {str(error)[:160]!r}"
        return "wrong", f"{seed}: {said}, {Path(where.filename).name}:{where.lineno}"


COMMANDS = [
    "run --config baseline --set output_dir=new -q", "run --config mine.yaml -q", "report", "report sent",
    "report --csv board.csv",
    "report --published", "report sent --markdown board.md", "compare uniform center_bias",
    "compare uniform center_bias sent --csv c.csv",
    "export --to npz --model uniform --out maps.npz", "export sent --to png --model center_bias --out maps.zip",
    "viewer --out v.ipynb", "viewer sent --out v.ipynb", "list models", "info center_bias",
    "toy --out new_toy --images 1",
    "split --root data/toy --test-count 1 --folds 2 --out-dir new_split",
    "finetune --config finetune_deepgaze_iie --dry-run",
    "kaggle kernel --notebook finetune_fold --user ada --out kernel", "doctor data/toy -q", "doctor mine.yaml -q",
    "weights convert one.npy w.pt", "data list", "convert data/toy/fixations.csv --to converted",
    "folds aggregate sent"]
WORDS = ["", "-", "--", "--set", "--set=a", "models=[", "models=[uniform]", "metrics={KL: {eps: -1}}",
         "datasets.0.root=nowhere",
         "--limit-images", "0", "-1", "1e9", "ü", "x" * 300, "../..", "/dev/null", "/dev/zero", "pipe", "circle",
         "/", ".", "*",
         "=1+1", "\\", "'", "--help", "-q", "--out", "--to", "--config", "mine.yaml", "sent", "data/toy", "one.npy",
         "uniform",
         "fold=1", "seed=[[[[[[", "a.b.c=1", "output_dir=/proc/x", "output_dir=pipe", "prediction_cache_dir=circle",
         "NaN", "--fold",
         "--trust", "datasets.0.split_file=pipe", "weights_path=/dev/zero", "$HOME", "${NOWHERE}", "\u202e"]


def command_line(rng: np.random.Generator) -> list[str]:
    "A command with one to three words changed, added, doubled or left out."
    words = shlex.split(draw(rng, COMMANDS))
    for _ in range(int(rng.integers(1, 4))):
        at, way = int(rng.integers(1, len(words) + 1)), rng.integers(4)
        if way == 0 and at < len(words):
            words[at] = draw(rng, WORDS)
        elif way == 1:
            words.insert(at, draw(rng, WORDS))
        elif way == 2 and at < len(words):
            del words[at]
        elif at < len(words):
            words[at] = spoiled(words[at].encode(), rng).decode("utf-8", "replace").replace("\0", "")[:400]
    return words


def type_command(world: World, seed: list[int]) -> tuple[str, str]:
    "What became of a command that is typed in a forked child, in a copy of the world with one file in it changed."
    rng = np.random.default_rng(seed)
    words = command_line(rng)
    place = Path(tempfile.mkdtemp(dir=world.home.parent))
    answer = place/"answer"
    child = os.fork()
    if child == 0:
        _in_child(world, rng, words, place, answer)
    start, code = time.monotonic(), None
    while code is None and time.monotonic() - start < 60:
        done, status = os.waitpid(child, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if done else None
        if code is None:
            time.sleep(0.002)
    if code is None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    said = answer.read_text(errors="replace") if answer.exists() else ""
    shutil.rmtree(place, ignore_errors=True)
    what = f"{seed}: {shlex.join(words)[:200]}"
    if code is None:
        return "hung", what
    if code not in (0, 1, 2, 3) or "Traceback" in said:
        return "wrong", f"{what}: exit code {code}: {said.strip().splitlines()[-1:]}"
    return ("accepted" if code == 0 else "refused"), ""


def _in_child(world: World, rng: np.random.Generator, words: list[str], place: Path, answer: Path) -> None:
    "The child's part of `type_command`; it does not return."
    code = 120
    try:
        for name in ("data", "sent", "one.npy", "outputs", "predictions"):
            copy_of = shutil.copytree if (world.home/name).is_dir() else shutil.copy
            copy_of(world.home/name, place/name)
        os.chdir(place)
        os.mkfifo("pipe")
        Path("circle").symlink_to("circle")
        Path("mine.yaml").write_text(as_text(changed(world.config, rng)), errors="replace")
        if rng.random() < 0.5:
            victim = draw(rng, sorted(path for path in Path("sent").rglob("*") if path.is_file()))
            victim.write_bytes(spoiled(victim.read_bytes(), rng))
        with open(answer, "w", errors="replace") as file, redirect_stdout(file), redirect_stderr(file):
            try:
                code = world.typed(words)
            except BaseException:
                traceback.print_exc()
                code = 1
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200_000, help="inputs in process, of all kinds together")
    parser.add_argument("--commands", type=int, default=1000, help="commands")
    parser.add_argument("--only", nargs="*", choices=list(KINDS), help="only these kinds")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    out, home = Path(__file__).resolve().with_suffix(".md"), Path(tempfile.mkdtemp())/"world"
    home.mkdir()
    world, lines, faults, total = World(home), [], [], Counter()
    kinds = {name: KINDS[name] for name in options.only or KINDS}
    shares = sum(share for _, share in kinds.values())
    tasks: list[tuple[str, int, Callable[[list[int]], tuple[str, str]]]] = [
        (name, round(options.count * share / shares), partial(judge, feed, world)) for name, (feed,
        share) in kinds.items()]
    tasks.append(("command line", options.commands, partial(type_command, world)))
    for number, (name, count, ask) in enumerate(tasks):
        start, came = time.perf_counter(), Counter()
        for i in range(count):
            what, fault = ask([options.seed, number, i])
            came[what] += 1
            if fault:
                faults.append(f"{name} {fault}")
                print(faults[-1], flush=True)
        seconds = time.perf_counter() - start
        total += came
        print(f"{name}: {dict(came)} in {seconds:.0f} s", flush=True)
        lines.append([name, f"{count:,}", *(f"{came[word]:,}" for word in ("accepted", "refused", "wrong", "hung")),
                      f"{1000 * seconds / max(1, count):.2f}"])
    lines.append(["together", f"{total.total():,}", *(f"{total[word]:,}" for word in ("accepted", "refused", "wrong",
    "hung")), ""])
    shutil.rmtree(home.parent, ignore_errors=True)
    if not options.only and options.count >= 100_000:
        out.write_text("# Fuzzed inputs\n\n" + machine(["numpy", "pandas", "pyyaml", "pydantic"], "one",
        __file__) + "\n"
                       + table(["kind", "inputs", "accepted", "refused", "wrong", "hung", "ms each"], lines)
                       + "\n" + "\n".join(f"- {fault}" for fault in faults[:50]) + "\n", encoding="utf-8")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
