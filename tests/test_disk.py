"""Full and read-only disks, met by every command that writes: a sentence, the path, exit code 2, nothing half written.

The disks are small file systems in memory, which only root may mount. Elsewhere the notebooks stand in for them: they
show the same sentences with an operating system that is told to refuse.
"""
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from conftest import command, tiny_training

from saliency_playground import files
from saliency_playground.cli.main import main
from saliency_playground.report.run import Run
from saliency_playground.report.samples import dataset_of
from saliency_playground.toy import make_toy

WRITES = {                                                 # every command that writes: what it is given, on the disk
    "toy": "toy --out disk/toy",
    "run, tables": "run --config baseline --set output_dir=disk/outputs --set prediction_cache_dir=elsewhere -q",
    "run, predictions": "run --config baseline --set prediction_cache_dir=disk/predictions "
                        "--set output_dir=elsewhere -q",
    "run, heatmaps": "run --config baseline --set heatmaps_png.enabled=true --set heatmaps_png.out_dir=disk/heatmaps "
                     "--set output_dir=elsewhere -q",
    "report --html": "report --html disk/page.html",
    "report --csv": "report --csv disk/board.csv",
    "report --picture": "report --picture disk/sheet.png",
    "compare": "compare uniform center_bias --csv disk/table.csv",
    "export, npz": "export --to npz --model spectral_residual --out disk/maps.npz",
    "export, pysaliency": "export --to pysaliency --model spectral_residual --out disk/maps.hdf5",
    "export, png": "export --to png --model spectral_residual --out disk/maps.zip",
    "viewer": "viewer --out disk/viewer.ipynb",
    "split": "split --root data/toy --test-count 1 --folds 2 --out-dir disk/splits",
    "kaggle kernel": "kaggle kernel --notebook finetune_fold --user ada --out disk/kernel",
    "init": "init data/toy --out disk/mine.yaml", "figure": "figure outputs -n 1 --out disk/figure.pdf",
    "doctor --json": "doctor data/toy --json disk/doctor.json -q",
    "doctor --html": "doctor data/toy --html disk/doctor.html -q",
    "convert": "convert gaze.csv --columns x=x,y=y,image_id=stimulus,observer=participant --to disk/converted",
    "data pack": "data pack data/toy --to disk/packed",
    "doctor --fix": "doctor doubled --fix disk/mended.yaml -q",
    "merge": "merge outputs scored --out disk/merged",
    "folds aggregate": "folds aggregate --outputs scored --pretrained start --folds 'fold_*' --out disk/summary.csv",
    "finetune": "finetune -c tiny.yaml --set output_dir=disk/tuned --set feature_cache.enabled=false -q",
    "finetune, maps": "finetune -c tiny.yaml --precompute-gt --set data.participant_maps=participant_maps "
                      "--set data.gt_cache_dir=disk/maps -q",
    "folds run": "folds run -c tiny.yaml --n 2 --set output_dir=disk/tuned --runs elsewhere/runs",
    "folds run, notebooks": "folds run -c tiny.yaml --n 2 --set output_dir=elsewhere/tuned --runs disk/runs",
}
NETWORKS = {"finetune", "finetune, maps", "folds run", "folds run, notebooks"}          # which need PyTorch


def mounted(folder: Path, options: str) -> bool:
    "Whether a file system in memory could be mounted here."
    return sys.platform == "linux" and os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    "A folder with a dataset, a finished run, an export of a tracker, and a folder `disk` to mount something on."
    folder = tmp_path_factory.mktemp("disks")
    home = os.getcwd()
    os.chdir(folder)
    make_toy("data/toy", n_images=4)
    Path("gaze.csv").write_text("participant,stimulus,x,y,start,duration\nann,a.png,10,20,0,200\n")
    for line in ("run --config baseline --set output_dir=outputs -q",
                 "run --config baseline --set output_dir=scored -q --set 'models=[{name: uniform, as: start}, "
                 "{name: center_bias, as: fold_1}, {name: blur_baseline, as: fold_2}]'"):
        assert CliRunner().invoke(main, shlex.split(line)).exit_code == 0
    shutil.copytree("data/toy", "doubled")                                              # its points, in another unit
    for path in Path("doubled/fixations").iterdir():
        table = pd.read_csv(path)
        table.assign(x=2 * table.x, y=2 * table.y).to_csv(path, index=False)
    if importlib.util.find_spec("torch"):
        tiny_training([{"name": "head", "epochs": 2, "lr": 0.01}], training={
            "loss": "nll_fixations", "stages": [{"name": "head", "epochs": 2, "lr": 0.01}]})
        line = "split --root toy --test-count 6 --folds 2 --out-dir splits"
        assert CliRunner().invoke(main, shlex.split(line)).exit_code == 0
    Path("disk").mkdir()
    yield folder
    os.chdir(home)


@pytest.fixture
def disk(workplace, monkeypatch, request):
    "The folder `disk`, a file system of its own with these options, in the working directory of a test."
    monkeypatch.chdir(workplace)
    shutil.rmtree("elsewhere", ignore_errors=True)
    if not mounted(workplace/"disk", request.param):
        pytest.skip("allowed on this system: only root may mount a file system on Linux")
    yield Path("disk")
    subprocess.run(["umount", "-l", str(workplace/"disk")], check=True)


def typed(line: str):
    "What came of a command."
    return CliRunner().invoke(main, shlex.split(line))


def need(name: str) -> None:
    "Skip a test of a command that needs PyTorch where there is none."
    if name in NETWORKS:
        pytest.importorskip("torch", reason="allowed on this system: PyTorch is not installed")


def refused(line: str, words: str) -> None:
    "A command ends with a sentence that names the disk's path and has these words."
    result = typed(line)
    assert isinstance(result.exception, SystemExit), result.exception
    said = result.output.strip().splitlines()[-1] if result.output.strip() else ""
    assert result.exit_code == 2 and "disk/" in said and words in said, result.output


def whole(folder: Path) -> bool:
    "Whether each file in a folder is read as what it is, and none is a crumb."
    for path in (path for path in folder.rglob("*") if path.is_file()):
        if path.name.endswith(".part"):
            return False
        if path.suffix == ".npy":
            np.load(path)
        elif path.suffix == ".json":
            json.loads(path.read_text())
    return True


@pytest.mark.parametrize("disk", ["ro,size=64k"], indirect=True)
@pytest.mark.parametrize("name", WRITES)
def test_a_read_only_disk(disk, name):
    need(name)
    refused(WRITES[name], "read-only")


@pytest.mark.parametrize("disk", ["size=4k"], indirect=True)
@pytest.mark.parametrize("name", [*WRITES, "kaggle bundle"])
def test_a_full_disk(disk, name):
    "Of one page, which is taken."
    need(name)
    (disk/"taken").write_bytes(bytes(4096))
    refused((WRITES | {"kaggle bundle": "kaggle bundle --out disk/bundle --user ada"})[name], "full")
    assert whole(disk)


TRAIN = "finetune -c tiny.yaml --fold 1 -q"
WRITTEN = ["features", "state.pth", "final.pth", "history.csv", "curves.png"]


@pytest.mark.parametrize("disk", ["size=64m"], indirect=True)
def test_a_disk_that_fills_while_a_training_writes(disk, monkeypatch):
    "Before each kind of file; with room again it goes on, to the weights of a training that was not stopped."
    need("finetune")
    from saliency_playground import weights
    assert typed(f"{TRAIN} --set output_dir=elsewhere/calm").exit_code == 0
    there = f"{TRAIN} --set output_dir=disk/tuned --set feature_cache.dir=disk/features --resume"
    unmet, writing = list(WRITTEN), files.atomic_path

    @contextmanager
    def filling(path, durable=True):
        "What `atomic_path` does, on a disk that is full from the first file of the next kind on."
        if unmet and unmet[0] in str(path):
            unmet.pop(0)
            with open("disk/filler", "wb", buffering=0) as filler, pytest.raises(OSError, match="No space"):
                while filler.write(bytes(1 << 16)):
                    pass
        with writing(path, durable) as beside:
            yield beside
    monkeypatch.setattr(files, "atomic_path", filling)
    for kind in WRITTEN:
        result = typed(there)
        assert result.exit_code == 2 and "full" in result.output and kind in result.output, (kind, result.output)
        assert len(result.output.strip().splitlines()) == 1 and whole(disk), result.output
        Path("disk/filler").unlink()
    assert not unmet and typed(there).exit_code == 0
    for name in ("final.pth", "last.pth"):
        calm, full = (weights.read_state(Path(folder, "fold_01", name)) for folder in ("elsewhere/calm", "disk/tuned"))
        assert calm.keys() == full.keys() and all(calm[key].equal(full[key]) for key in calm), name


@pytest.mark.parametrize("disk", ["size=4k"], indirect=True)
def test_a_full_disk_of_tracking(disk):
    "One sentence that names the folder, and nothing of the tracebacks that W&B's own log would print."
    need("finetune")
    pytest.importorskip("wandb", reason="allowed on this system: wandb is not installed")
    (disk/"taken").write_bytes(bytes(4096))
    done = command(*shlex.split(TRAIN), "--set", "output_dir=elsewhere/tuned", "--set", "wandb.enabled=true", "--set",
                   "wandb.mode=offline", "--set", "wandb.dir=disk/tracked", code=2)
    assert "disk/tracked: the disk is full" in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr


@pytest.mark.skipif(os.name == "nt", reason="allowed on this system: Windows has no SIGKILL")
def test_a_killed_pack_leaves_nothing(workplace, monkeypatch, tmp_path):
    "Its unfinished folder goes with the next pack that is written beside it, and the pack is whole."
    pytest.importorskip("pyarrow", reason="allowed on this system: pyarrow is not installed")
    monkeypatch.chdir(workplace)
    dying = ("import os, signal; from saliency_playground.datafiles import pack; write = pack.packed_name\n"
             "def die(*words): return os.kill(os.getpid(), signal.SIGKILL) if words[2] == 2 else write(*words)\n"
             "pack.packed_name = die; from saliency_playground.cli.main import main; main()")
    line = ["data", "pack", "data/toy", "--to", str(tmp_path/"packed"), "-q"]
    killed = subprocess.run([sys.executable, "-c", dying, *line], capture_output=True)
    assert killed.returncode == -9 and [path.suffix for path in tmp_path.iterdir()] == [".part"], killed.stderr
    assert typed(shlex.join(line)).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["packed"]
    assert typed(f"doctor {tmp_path/'packed'} --dataset packed -q").exit_code != 2


@pytest.mark.parametrize("disk", ["size=1500k"], indirect=True)
def test_a_disk_that_fills_while_a_run_writes(disk, tmp_path):
    "What is there is whole; when there is room, the same command goes on, to the tables of a run that was not stopped."
    line = "run --config baseline --set output_dir=disk/outputs --set prediction_cache_dir=disk/predictions -q"
    refused(line, "full")
    assert whole(disk) and any(disk.rglob("*.npy"))
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    assert typed(line).exit_code == 0
    for path in Path("outputs").glob("*.csv"):
        assert (disk/"outputs"/path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("disk", ["size=64m"], indirect=True)
def test_a_complete_cache_on_a_read_only_disk_serves(disk):
    "The same tables, nothing predicted, nothing written; what is missing there ends the run with its path."
    shutil.copytree("predictions", disk/"predictions")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    line = "run --config baseline --set prediction_cache_dir=disk/predictions --set output_dir=elsewhere"
    result = typed(line)
    assert result.exit_code == 0 and "computed 0 predictions" in result.output, result.output
    for path in Path("outputs").glob("*.csv"):
        assert (Path("elsewhere")/path.name).read_bytes() == path.read_bytes(), path.name
    refused(f"{line} --set models.blur_baseline.ksize=21", "read-only")


@pytest.mark.parametrize("disk", ["size=4k"], indirect=True)
def test_a_full_disk_of_features_is_named(disk):
    "Not the folder of the weights, which has room."
    pytest.importorskip("torch", reason="allowed on this system: PyTorch is not installed")
    import torch

    from saliency_playground.deepgaze.fast import BackboneFeatures
    from saliency_playground.errors import RunError
    from saliency_playground.finetune.features import _write_features
    features = BackboneFeatures((8, 8), [[torch.zeros(1, 64, 32, 32)]])
    with pytest.raises(OSError, match="disk/cache/a.*the disk is full") as caught:
        _write_features(disk/"cache"/"a.npy", features, np.dtype("float32"))
    assert not isinstance(caught.value, RunError) and whole(disk)


def test_names_that_are_too_long(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    long = "x" * 300
    for line in (f"toy --out {long}", f"report --html {long}", f"report {long}", f"run --config {long}",
                 f"run --config baseline --set output_dir={long}", "viewer --out " + "/".join(["y" * 200] * 30)):
        result = typed(line)
        assert isinstance(result.exception, SystemExit) and result.exit_code == 2, (line[:30], result.exception)
        assert "longer than this disk allows" in result.output, result.output


def bomb() -> bytes:
    "A PNG of a few bytes that claims ten thousand million pixels."
    def part(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
    size = (100_000).to_bytes(4, "big") * 2
    return (b"\x89PNG\r\n\x1a\n" + part(b"IHDR", size + bytes([8, 0, 0, 0, 0])) + part(b"IDAT", zlib.compress(bytes(9)))
            + part(b"IEND", b""))


def test_what_is_no_file_costs_its_image(workplace, monkeypatch, tmp_path):
    "Of somebody's predictions a pipe, a device, a circle of links and a bomb: three images fail, and one is scored."
    monkeypatch.chdir(workplace)
    ids = sorted(path.stem for path in Path("data/toy/images").iterdir())
    theirs = tmp_path/"theirs"
    theirs.mkdir()
    os.mkfifo(theirs/f"{ids[0]}.npy")
    (theirs/f"{ids[1]}.png").symlink_to("/dev/zero")
    (theirs/f"{ids[2]}.png").write_bytes(bomb())
    np.save(theirs/f"{ids[3]}.npy", np.ones((60, 60)))
    shutil.rmtree("elsewhere", ignore_errors=True)
    result = typed(f"run --config baseline --set 'models=[{{name: precomputed, path: \"{theirs}\"}}]' "
                   "--set output_dir=elsewhere --set 'prediction_cache_dir=elsewhere/kept'")
    assert result.exit_code == 1, result.output
    errors = Path("elsewhere/errors.csv").read_text()
    assert len(errors.splitlines()) == 4 and "is a pipe" in errors and "is a device" in errors, errors


@pytest.mark.skipif(os.name == "nt", reason="allowed on this system: Windows has no such pipes")
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path),
                                  lambda path: os.symlink(path.name, path)], ids=["pipe", "device", "circle"])
@pytest.mark.parametrize("file", ["images/03_night.png", "fixations/03_night.csv"])
def test_an_image_that_is_no_file_costs_itself(workplace, monkeypatch, tmp_path, file, make):
    shutil.copytree(workplace/"data", tmp_path/"data")
    monkeypatch.chdir(tmp_path)
    broken = tmp_path/"data/toy"/file
    broken.unlink()
    make(broken)
    result = typed("run --config baseline --set models=[center_bias] --set metrics=[NSS] -q")
    assert result.exit_code == 1 and f"data/toy/{file}" in result.output, result.output
    table = pd.read_csv("outputs/baseline/folder__center_bias.csv", index_col="image_id")
    assert table.index[table.NSS.isna()].tolist() == table.index[table.error.notna()].tolist() == ["03_night"]
    assert len(table) == len(list((tmp_path/"data/toy/images").iterdir()))


PIPES = ["run --config pipe", "run --config baseline --set data.split_file=pipe --set datasets.0.split_file=pipe",
         "run --config baseline --set 'datasets=[{name: csv_indexed, index_csv: pipe}]'",
         "run --config baseline --set 'models=[{name: precomputed, path: pipe}]'",
         "run --config baseline --set 'models=[{name: precomputed, path: pipe.npz}]'",
         "run --config baseline --set 'models=[{name: torchscript, weights_path: pipe}]'",
         "run --config baseline --set 'models=[{name: onnx, weights_path: pipe}]'",
         "report --published-file pipe", "doctor pipe", "convert pipe --to new", "weights convert pipe new.pt",
         "split --root data/toy --test-count 1 --group pipe --out-dir new", "viewer --out pipe", "report piped",
         "finetune --config pipe", "data pack pipe --to new"]


@pytest.mark.skipif(os.name == "nt", reason="allowed on this system: Windows has no such pipes")
@pytest.mark.parametrize("line", PIPES)
def test_a_pipe_is_not_waited_for(workplace, monkeypatch, line):
    "Wherever a path may be named; a command that waits is ended, and fails the test."
    monkeypatch.chdir(workplace)
    Path("piped").mkdir(exist_ok=True)
    for name in ("pipe", "pipe.npz", "piped/run.json"):
        if not Path(name).exists():
            os.mkfifo(name)
    asked = [sys.executable, "-c", "from saliency_playground.cli.main import main; main()", *shlex.split(line)]
    result = subprocess.run(asked, capture_output=True, text=True, timeout=100)
    assert result.returncode == 2 and "Traceback" not in result.stderr, result.stderr[-500:]


def test_a_link_in_the_output_folder_is_not_written_through(workplace, monkeypatch, tmp_path):
    "A lock or a journal that somebody planted as a link to a file of the user's."
    monkeypatch.chdir(workplace)
    for place in ("elsewhere/.lock", "elsewhere/.rows/folder__uniform.jsonl",
                  "elsewhere/kept/folder/uniform/images.jsonl"):
        shutil.rmtree("elsewhere", ignore_errors=True)
        treasure = tmp_path/"treasure"
        treasure.write_text("mine\n")
        Path(place).parent.mkdir(parents=True)
        Path(place).symlink_to(treasure)
        result = typed("run --config baseline --set models=[uniform] --set output_dir=elsewhere "
                       "--set prediction_cache_dir=elsewhere/kept -q")
        assert result.exit_code == 2 and "link" in result.output and place in result.output, result.output
        assert treasure.read_text() == "mine\n"


def test_a_record_has_no_secrets(workplace, monkeypatch, tmp_path):
    "What a variable of the environment held stands in no file of a run, and the run is read all the same."
    monkeypatch.chdir(workplace)
    shutil.copytree("data", tmp_path/"data")
    (tmp_path/"theirs").mkdir()
    monkeypatch.setenv("PLACE", str(tmp_path/"data"))
    monkeypatch.setenv("THEIRS", str(tmp_path/"theirs"))
    shutil.rmtree("elsewhere", ignore_errors=True)
    result = typed("run --config baseline --set 'datasets.0.root=${PLACE}/toy' --set output_dir=elsewhere -q --set "
                   "'models=[uniform, {name: precomputed, path: \"${THEIRS}\"}]' "
                   "--set prediction_cache_dir=elsewhere/kept")
    assert result.exit_code == 1, result.output                            # the predictions are missing, and named
    written = [path for path in Path("elsewhere").rglob("*") if path.suffix in (".json", ".csv", ".jsonl")]
    assert {"run.json", "errors.csv", "cell.json"} <= {path.name for path in written}
    for path in written:
        assert str(tmp_path) not in path.read_text(), path
    assert "${PLACE}/toy" in Path("elsewhere/run.json").read_text()
    assert len(dataset_of(Run("elsewhere"), "folder")) == 4


LOOPS = {                                                  # what a link leads to in a circle, and what then reads it
    "gaze": ("loop.csv", "convert loop.csv --to elsewhere"),
    "table": ("elsewhere/fixations.csv", "convert gaze.csv --columns x=x,y=y,image_id=stimulus --to elsewhere"),
    "notebook": ("loop.ipynb", "viewer --out loop.ipynb"),
    "model": ("models/loop.py", "list models"),
    "output": ("elsewhere", "run --config baseline --set output_dir=elsewhere -q"),
}


@pytest.fixture
def planted(workplace, monkeypatch):
    "Plants a link in the working directory of a test, and removes it."
    monkeypatch.chdir(workplace)
    shutil.rmtree("elsewhere", ignore_errors=True)
    links = []

    def plant(place: str, target: str) -> None:
        links.append(Path(place))
        links[0].parent.mkdir(exist_ok=True)
        links[0].unlink(missing_ok=True)
        links[0].symlink_to(target)
    yield plant
    links[0].unlink()


@pytest.mark.skipif(os.name == "nt", reason="allowed on this system: links need a right on Windows")
@pytest.mark.parametrize(("place", "line"), LOOPS.values(), ids=LOOPS)
def test_links_in_a_circle(planted, place, line):
    "A sentence that names the link; Python's own word for it is no OSError before 3.13."
    planted(place, Path(place).name)
    result = typed(line)
    assert isinstance(result.exception, SystemExit) and result.exit_code == 2, result.exception
    assert Path(place).name in result.output, result.output


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="allowed on this system: there is no device /dev/zero")
@pytest.mark.parametrize("place", ["images/01_meadow.png", "gt_maps/01_meadow.npy"])
def test_a_device_among_the_files_of_a_dataset_is_not_copied(planted, workplace, place):
    "It has no end: a copy of it would fill the disk."
    shutil.copytree("data/toy", "data/device", dirs_exist_ok=True)
    planted(f"data/device/{place}", "/dev/zero")
    result = typed("data pack data/device --to elsewhere/packed -q")
    assert result.exit_code == 2 and "is a device" in result.output, result.output
    assert not list(Path("elsewhere").rglob("*.png"))


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="allowed on this system: it has no /dev/fd")
@pytest.mark.parametrize("line", ["run --config", "finetune --config", "doctor"])
def test_a_pipe_of_a_shell_is_called_one(workplace, monkeypatch, line):
    "`--config <(…)`, which was said to be no file at all."
    monkeypatch.chdir(workplace)
    reading, writing = os.pipe()
    os.write(writing, b"models: [uniform]")
    os.close(writing)
    result = typed(f"{line} /dev/fd/{reading}")
    os.close(reading)
    assert result.exit_code == 2 and "is a pipe" in result.output, result.output


@pytest.mark.parametrize("model", ["torchscript", "onnx", "unisal", "msi_net", "deepgaze_i", "deepgaze_iie",
                                   "deepgaze_iii", "fastgaze", "hf_torch"])
def test_weights_that_are_a_folder(workplace, monkeypatch, model):
    "One sentence before the first image, not one for each."
    pytest.importorskip("torch", reason="allowed on this system: PyTorch is not installed")
    monkeypatch.chdir(workplace)
    result = typed(f"run --config baseline --set 'models=[{{name: {model}, weights_path: data}}]' -q "
                   "--set output_dir=elsewhere")
    assert result.exit_code == 2 and "weights_path: data is a folder" in result.output, result.output


@pytest.mark.parametrize("line", [
    "run --config baseline --set output_dir=data/toy/images/out",
    "run --config baseline --set output_dir=elsewhere --set prediction_cache_dir=data/toy/images",
    "run --config baseline --set output_dir=elsewhere --set heatmaps_png.enabled=true "
    "--set heatmaps_png.out_dir=data/toy/fixations/../images/out",
    "data pack data/toy --to data/toy/images/packed", "finetune -c tiny.yaml --set output_dir=toy/images/out"])
def test_results_never_become_images(workplace, monkeypatch, line):
    "A heatmap among the images would be a stimulus of the next run."
    monkeypatch.chdir(workplace)
    need(line.partition(" ")[0])
    before = sorted(Path().glob("*/**/images/**"))
    result = typed(f"{line} -q")
    assert result.exit_code == 2 and "among the dataset's images" in result.output, result.output
    assert sorted(Path().glob("*/**/images/**")) == before


@pytest.mark.skipif(sys.platform != "linux", reason="allowed on this system: limits are Linux's")
@pytest.mark.parametrize("number", [5, 8])
def test_a_machine_that_opens_few_files(workplace, monkeypatch, number):
    "A sentence, or failed images that do not blame the image."
    monkeypatch.chdir(workplace)
    run = (f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({number}, {number})); "
           "from saliency_playground.cli.main import main; main()")
    line = shlex.split("run --config baseline --workers 8 -q --set output_dir=elsewhere --set overwrite=always")
    done = subprocess.run([sys.executable, "-c", run, *line], capture_output=True, text=True, timeout=100)
    assert "Traceback" not in done.stderr and "Copy or download" not in done.stderr, done.stderr[-800:]
    assert done.returncode in (0, 1, 2), done.stderr[-800:]
