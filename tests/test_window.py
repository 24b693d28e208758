"""Whatever the command prints fits the window, at 60, 80, 120 and 200 columns; a pipe gets one line a row.

Wider than the window is only what cannot be broken and must be copied whole: a path or an address, a checksum, an
argument in quotes.
"""
import inspect
import io
import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from saliency_playground.cli.base import HelpContext, Shown
from saliency_playground.cli.main import main
from saliency_playground.tables import columns_of

WIDTHS = [60, 80, 120, 200]
OLDER_CLICK: dict[str, Any] = {"mix_stderr": True} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
TERMINAL = CliRunner(**OLDER_CLICK)

TYPED = {                                              # a command of the parser: what works after it, what is refused
    "toy": (["--out new_toy --images 1"], ["--out run.yaml/toy"]),
    "list": (["", "datasets", "models", "metrics", "presets", "configs"], ["modles"]),
    "info": (["center_bias", "csv_indexed", "folder", "AUC", "IG", "gold_standard", "deepgaze_iie", "default",
              "baseline"], ["nope"]),
    "run": (["--config run.yaml", "--config run.yaml --shard 1/2 --set output_dir=parts",
             "--config run.yaml --shard 2/2 --set output_dir=parts"], ["--config run.yaml --shard 3/2", "--config nope",
                                                        "--config run.yaml --set models=[unifrom]", "",
                                    "--config baseline --limit-images 0"]),
    "report": (["out", "out --metrics NSS,*AUC* --sort NSS", "out --models *bias*,gold_* --published --sensitivity"],
               ["out --metrics nss", "out --models unifrom", "nowhere", "out --colour"]),
    "compare": (["spectral_residual center_bias out", "center_bias * out --sort dz", "uniform gold_standard out"],
                ["unifrom center_bias out", "center_bias uniform out --metrics nss"]),
    "merge": (["--config run.yaml --set output_dir=parts"],
              ["nowhere out --out merged", "--config run.yaml --set output_dir=parts --shards 30",
               "--config run.yaml --set output_dir=new"]),
    "export": (["out --to png --model uniform --out maps.zip"], ["out --to pdf --model uniform --out maps.pdf"]),
    "figure": (["out --count 1 --models uniform --out figure.png"], ["out --images nope", "out --scale nope"]),
    "viewer": (["out"], ["nowhere"]),
    "weights": ([""], ["lsit"]),
    "weights fetch": ([], ["uniform", "nope"]),
    "weights convert": ([], ["nowhere out.pt"]),
    "init": (["data/toy --out mine.yaml --limit-images 1"],
             ["", "data/nowhere", "run.yaml", "data/toy --out run.yaml"]),
    "completion": ([], ["csh"]),                       # what works is a script, see below
    "split": (["--root data/toy --test-count 1 --folds 2"],
              ["--root nowhere --test-count 1", "--root data/toy --test-count 1 --dataset fodler"]),
    "finetune": ([], ["--config nope", ""]),
    "folds": ([], ["rnu"]),
    "folds run": ([], ["--config nope", "--n 1"]),
    "folds aggregate": (["--outputs out --pretrained uniform --folds tuned_fold_*"], ["--outputs nowhere"]),
    "kaggle": ([], ["kernle"]),
    "kaggle bundle": ([], ["--out bundle --user ada --weights nowhere/deepgaze2e.pth", "--out bundle"]),
    "kaggle kernel": (["--notebook holdout_split --user ada --out kernel --dataset ada/saliency-playground"],
                      ["--notebook nope --user ada --out kernel"]),
    "doctor": (["data/toy data/other --limit-images 2"], ["data/nowhere", "data/toy --set colour=red"]),
    "data": ([], ["pakc"]),
    "data list": ([""], ["nope*"]),
    "data info": (["CAT2000", "salicon", "mit1003"], ["nope"]),
    "data fetch": ([], ["toronto --from nowhere.zip", "nope"]),
    "data pack": ([], ["data/nowhere --to packed"]),
    "convert": (["gaze.csv --to lab --columns x=gx,y=gy,image_id=scene --unit px --overwrite"],
                ["nowhere.asc --to lab", "gaze.csv --to other --tracker tobi"]),
}


SLOW = ["figure", "doctor", "export"]                     # looked at in narrow windows only, where lines break


def commands(command: click.Command = main, words: tuple[str, ...] = ()) -> dict[str, click.Command]:
    "Every command of the parser by what is typed for it, without `main` itself."
    found = {" ".join(words): command} if words else {}
    for name, below in getattr(command, "commands", {}).items():
        found |= commands(below, (*words, name))
    return found


def too_wide(line: str, width: int) -> bool:
    "Whether a line is wider than the window, and not for the sake of something that must stay whole."
    if columns_of(line) <= width:
        return False
    longest = max(line.split(), key=len)
    whole = "/" in longest or "\\" in longest or re.fullmatch(r"[0-9a-f]{64}", longest)
    alone = len(line) - len(longest) <= width // 2
    quoted = re.fullmatch(r"""\s*(?:#\s*)?("[^"]*"|'[^']*')( \\)?""", line)
    return not (whole and alone) and not quoted and not (os.name == "nt" and "saliency-playground " in line)


def typed(line: str, width: int | None = None, codes: tuple[int, ...] = (0,)) -> str:
    "What a command prints on both streams, in a window of this width; codes: those that it may end with."
    shown = TERMINAL.invoke(main, shlex.split(line), prog_name="saliency-playground",
                            env={"COLUMNS": str(width) if width else None})
    assert shown.exit_code in codes, (line, shown.output, shown.exception)
    return shown.output


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    "A working directory with what the commands need: a run of nine metrics, models with long names, and ceilings."
    before, folder = os.getcwd(), tmp_path_factory.mktemp("window")
    os.chdir(folder)
    typed("toy --images 3")
    typed("toy --images 2 --seed 1 --out data/other")
    models = ["uniform", "center_bias", "spectral_residual", {"name": "blur_baseline", "as": "tuned_fold_1"},
              {"name": "blur_baseline", "as": "tuned_fold_2"}, "center_bias_crossval", "gold_standard",
              {"name": "blur_baseline", "as": "a_model_whose_name_is_as_long_as_names_in_papers_are"}]
    (folder / "run.yaml").write_text(yaml.safe_dump(
        {"datasets": [{"name": "folder", "root": "data/toy"}], "preset": "default", "models": models,
         "output_dir": "out"}), encoding="utf-8")
    (folder / "gaze.csv").write_text("scene,gx,gy\n" + "".join(f"a,{n},{n}\n" for n in range(20)), encoding="utf-8")
    typed("run --config run.yaml --quiet", codes=(0, 1))
    yield folder
    os.chdir(before)


def test_every_command_of_the_parser_is_looked_at():
    "A command that is new has to be added to the list above, and has to lay its help out for the window."
    assert set(TYPED) == set(commands())
    assert {name for name, command in commands().items() if command.context_class is not HelpContext} == set()
    for name, command in commands().items():
        options = [option.opts[0] for option in command.params if isinstance(option, click.Option) and not option.help]
        assert not options, f"{name}: nothing is said of {', '.join(options)}"
        assert "saliency-playground " in (command.help or ""), f"{name}: its help has no example"


@pytest.mark.parametrize("width", WIDTHS)
def test_help_fits(width):
    for name in ["", *commands()]:
        shown = typed(f"{name} --help", width)
        assert "Options:" in shown and not [line for line in shown.splitlines() if too_wide(line, width)], name


@pytest.mark.parametrize("width", WIDTHS)
def test_what_is_printed_fits(place, width):
    for name, (works, refused) in TYPED.items():
        Path("mine.yaml").unlink(missing_ok=True)
        for words, codes in [*((words, (0, 1) if name in ("doctor", "init") else (0,)) for words in works
                               if width <= 80 or name not in SLOW),
                             *((words, (1, 2)) for words in refused)]:
            shown = typed(f"{name} {words}", width, codes)
            wide = [line for line in shown.splitlines() if too_wide(line, width)]
            assert shown and not wide, f"{name} {words}\n" + "\n".join(wide)


def test_every_example_of_help_is_a_command():
    "Options and commands in the examples are there; what is copied from a narrow window is the same command."
    for name in commands():
        for width in (60, 200):
            text = typed(f"{name} --help", width).partition("\nOptions:")[0].replace("\\\n", " ")
            for line in re.findall(r"^ +saliency-playground (.*)", text, re.MULTILINE):
                words = shlex.split(re.split(r" {2,}(?=[a-z])| [|>] ", line)[0])
                at = main
                while isinstance(at, click.Group) and words and words[0] in at.commands:
                    at = at.commands[words.pop(0)]
                known = {spelling for option in at.params for spelling in option.opts} | {"--help"}
                given = {word.replace("_", "-") for word in words if word.startswith("-")}
                assert given <= known and at is not main, f"{name}: {line}"


def numbers_of(text: str) -> list[str]:
    return re.findall(r"\d\.\d{3}°?(?: ±0\.\d{3})?", text)


def test_a_narrow_table_says_what_a_wide_one_says(place):
    "Cut into parts, the leaderboard has the same numbers; each part has the models' names and its own heads."
    wide, narrow = typed("report out"), typed("report out", 60)
    assert sorted(numbers_of(wide)) == sorted(numbers_of(narrow)) and len(numbers_of(wide)) > 60
    for metric in ("AUC", "sAUC", "NSS", "KL", "CC", "SIM"):
        assert len(re.findall(rf"\b{metric} [↑↓]", narrow)) == 1
    parts = narrow.count("─\n")
    assert parts >= 3 and len(re.findall(r"^spectral_residual", narrow, re.MULTILINE)) >= parts
    assert typed("report out --wide", 60).splitlines()[:12] == wide.splitlines()[:12]


def test_a_pipe_gets_one_line_a_row(place):
    "Without a window a row is one line, however wide, in a process of its own as in this one."
    environment = {name: text for name, text in os.environ.items() if name != "COLUMNS"} | {"PYTHONUTF8": "1"}
    words = [sys.executable, "-m", "saliency_playground", "report", "out", "--models", "uniform,a_model*"]
    piped = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", env=environment, check=True).stdout
    heads = piped.splitlines()[0]
    assert all(f"{metric} " in heads for metric in ("AUC", "sAUC", "NSS", "CC", "KL", "SIM")) and len(heads) > 120
    assert len(re.findall(r"^a_model_whose_name\S+  [\d–]", piped, re.MULTILINE)) == 1


@pytest.mark.skipif(os.name == "nt", reason="allowed on this system: Windows has no pseudo-terminal in Python")
@pytest.mark.parametrize("width", [60, 80])
def test_a_real_terminal(place, width):
    "The width is the terminal's own where COLUMNS says nothing, for what is printed and for what is refused."
    import fcntl
    import pty
    import struct
    import termios
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    environment = {name: text for name, text in os.environ.items() if name != "COLUMNS"} | {"PYTHONUTF8": "1"}
    script = ("import sys; from saliency_playground.cli.main import main\n"
              "for words in (['report', 'out'], ['report', 'nowhere'], ['run', '--help'], ['compare', '--metrics']):\n"
              "    try: main(words, prog_name='saliency-playground')\n    except SystemExit: pass\n")
    running = subprocess.Popen([sys.executable, "-c", script], stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:                                # Linux says so where the other end was closed
            break
        if not part:
            break
        shown += part
    running.wait()
    os.close(leader)
    lines = shown.decode().replace("\r\n", "\n").splitlines()
    assert len(lines) > 80 and not [line for line in lines if too_wide(line, width)]
    assert max(map(columns_of, lines)) > width - 20    # and it uses the room


def test_a_config_that_is_printed_stays_a_config():
    "Comments go on behind their mark, so `info baseline > mine.yaml` holds the same config at any width."
    from saliency_playground.bench.config import packaged_configs
    for name, path in packaged_configs().items():
        for width in WIDTHS:
            shown = typed(f"info {name}", width)
            assert yaml.safe_load(shown) == yaml.safe_load(path.read_text(encoding="utf-8")), (name, width)
            assert not [line for line in shown.splitlines() if too_wide(line, width)], (name, width)


def test_a_script_for_a_shell_is_left_alone():
    "Neither the script that `completion` prints nor what it asks for later is broken into lines."
    for shell in ("bash", "zsh", "fish"):
        assert typed(f"completion {shell}", 60) == typed(f"completion {shell}")
    told = {}
    for width in ("40", "400"):
        asked = {"COLUMNS": width, "_SALIENCY_PLAYGROUND_COMPLETE": "zsh_complete",
                 "COMP_WORDS": "saliency-playground ", "COMP_CWORD": "1"}
        told[width] = TERMINAL.invoke(main, [], prog_name="saliency-playground", env=asked).output
    assert told["40"] == told["400"] and "leaderboard" in told["40"]


def test_json_of_a_part(place):
    "What is chosen is what the file holds; it is strict JSON, in the order asked for."
    shown = typed("report out --metrics KL,NSS --models uniform,gold_standard,spectral* --sort model --json board.json",
                  80)
    assert "written: board.json" in shown

    def no_constant(name):
        raise AssertionError(name)
    (board,) = json.loads((place / "board.json").read_text(encoding="utf-8"), parse_constant=no_constant)["datasets"]
    assert [metric["name"] for metric in board["metrics"]] == ["KL", "NSS"]
    assert [row["model"] for row in board["models"]] == ["spectral_residual", "uniform"]
    assert [row["model"] for row in board["ceilings"]] == ["gold_standard"]
    assert board["metrics"][0]["better"] == "lower" and board["models"][1]["scores"]["NSS"]["mean"] == 0


def test_every_format_shows_the_same_part(place):
    typed("report out --metrics KL,NSS --models uniform,spectral* --html part.html --markdown part.md --latex part.tex")
    for name in ("part.html", "part.md", "part.tex"):
        text = (place / name).read_text(encoding="utf-8")
        board = {"part.html": r"<table.*?</table>", "part.md": r"(?m)^\|.*(?:\n\|.*)*",
                 "part.tex": r"(?s)\\toprule.*?\\bottomrule"}[name]
        first = re.search(board, text, re.DOTALL if name == "part.html" else 0)[0]
        first = first.replace("\\_", "_").replace("<wbr>", "")
        assert "spectral_residual" in first and "uniform" in first and "NSS" in first and "KL" in first, name
        assert "center_bias" not in first and "SIM" not in first and first.index("KL") < first.index("NSS"), name


def test_a_stream_of_words_is_not_lost():
    "Whatever is written, in whatever pieces, every word arrives, in order."
    for width in (20, 33, 60):
        written = io.StringIO()
        with redirect_stdout(Shown(written)), pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLUMNS", str(width))
            for n in range(40):
                print("word", *range(n), sep=" ")
        assert written.getvalue().split() == [word for n in range(40) for word in ["word", *map(str, range(n))]]
        assert max(map(len, written.getvalue().splitlines())) <= width
