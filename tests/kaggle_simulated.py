"""Kaggle, played: a clean environment without the repository, no network, a read-only input, nothing but the bundle.

    python tests/kaggle_simulated.py FOLDER [DATA]

FOLDER is new. DATA is a folder with `images` and `fixations.csv` (image_id,observer,x,y counted from 1), such as 50
images of OSIE; toy scenes if not given. Eight sessions: a split, four folds (one of them stopped by its clock and
continued), an evaluation, an aggregation. A session is one notebook of the bundle through papermill, in an environment
in which our package is not installed, with what Kaggle would attach under /kaggle/input and an empty /kaggle/working,
which is kept as FOLDER/sessions/NAME. Linux only: the sessions run in namespaces of their own (`unshare`), in which
/kaggle exists, the checkout is empty and no packet leaves. Exit code 77 says that this machine makes no such
namespaces.
"""
import fcntl
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UNSHARE = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--propagation", "private"]
IMAGE_HAS_NOT = re.compile(r"saliency_playground|__editable__|(ot|pot)[-.]|ot$", re.IGNORECASE)
BUNDLE, TUNED = "saliency-playground", "outputs/finetune/deepgaze_iie"


# --- before: what a user prepares at home, with the repository --------------------------------------------------------

def image(folder: Path) -> Path:
    """A Python environment that plays Kaggle's image: this one's packages, but not ours. Returns its python.

    The packages are linked, not copied, each on its own, so that neither our package nor its metadata can be seen.
    """
    import numpy
    venv.create(folder / "image")
    links = folder / "packages"
    links.mkdir()
    for package in Path(numpy.__file__).parent.parent.iterdir():
        if not IMAGE_HAS_NOT.match(package.name):
            (links / package.name).symlink_to(package)
    site = next((folder / "image/lib").glob("python*/site-packages"))
    (site / "image.pth").write_text(f"{links}\n")
    return folder / "image/bin/python"


def data_set(folder: Path, data: Path | None) -> dict:
    "Put a dataset into a folder as Kaggle would show it; returns how a config says it."
    if data is None:
        from saliency_playground.toy import make_toy
        make_toy(folder)
        return {"name": "folder", "root": "/kaggle/input/img_bin"}
    shutil.copytree(data / "images", folder / "images")
    shutil.copy(data / "fixations.csv", folder)
    return {"name": "csv_indexed", "index_csv": "/kaggle/input/img_bin/fixations.csv", "index_base": 1, "sigma_px": 24}


def base_weights(path: Path) -> dict:
    """Write what the training starts from, FastGaze's convolutions if they are at hand, else a toy's.

    Returns the config of the network.
    """
    import torch

    from saliency_playground import weights
    from saliency_playground.deepgaze import backbones, network
    arrays = ROOT.parent / "shared/weights/fastgaze/weights.npz"
    if not arrays.is_file():
        weights.write_state(path, network.tiny_network("iie").state_dict())
        return {"backbones": ["tiny", "tiny"], "components": 2}
    from saliency_playground.models.fastgaze import to_backbone_state
    torch.manual_seed(0)
    weights.write_state(path, network.deepgaze_iie([backbones.find_backbone("fastgaze")], 2).state_dict()
                        | to_backbone_state(weights.read_state(arrays)))
    return {"backbones": ["fastgaze"], "components": 2}


def config(path: Path, data: dict, network: dict) -> Path:
    """Write a config as a user would at home, who knows that a dataset img_bin and a bundle will be attached, but not
    under which slugs.
    """
    import yaml
    stages = [{"name": "head", "epochs": 4, "lr": 3e-3, "schedule": "cosine"}]
    plan = {"experiment": "deepgaze_iie", "data": data | {"as": "img_bin"},
            "split_file": "/kaggle/working/splits/split.json", "network": network,
            "base_weights_path": "/kaggle/input/saliency_playground/base.pth",
            "training": {"loss": "nll_fixations", "stages": stages},
            "output_dir": "/kaggle/working/outputs/finetune/deepgaze_iie",
            "feature_cache": {"dir": "/kaggle/temp/features"}}
    path.write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")
    return path


def prepare(folder: Path, data: Path | None) -> None:
    """Everything a user makes at home.

    Data, weights, a config, the bundle of them, and a notebook whose parameters are set.
    """
    from saliency_playground.kaggle.bundle import write_bundle
    from saliency_playground.kaggle.kernel import write_kernel
    home = folder / "home"
    home.mkdir(parents=True)
    image(folder)
    said = data_set(folder / "inputs/img-bin", data)
    network = base_weights(home / "base.pth")
    write_bundle(folder / "inputs" / BUNDLE, "ada", weights=[home / "base.pth"],
                 configs=[config(home / "mine.yaml", said, network)])
    write_kernel("finetune_fold", home / "fold-3", "ada", title="fold 3", parameters={"config": "mine.yaml", "fold": 3},
                 datasets=[f"ada/{BUNDLE}", "ada/img-bin"])


# --- within: the machine of Kaggle ------------------------------------------------------------------------------------

def mount(*words: object) -> None:
    subprocess.run(["mount", *map(str, words)], check=True)


def become_kaggle(folder: Path) -> None:
    """A root of our own: what this machine has, and /kaggle.

    The checkout is emptied, and the loopback switched on for a notebook and its kernel to talk.
    """
    root = folder / "root"
    root.mkdir()
    mount("-t", "tmpfs", "none", root)
    for one in Path("/").iterdir():
        if one.is_symlink():
            (root / one.name).symlink_to(os.readlink(one))
        elif one.is_dir() and one.name != "kaggle":
            (root / one.name).mkdir()
            mount("--rbind", one, root / one.name)
    (root / "kaggle").mkdir()
    for hidden in ("nbs", "saliency_playground", "tests"):
        mount("-t", "tmpfs", "none", root / ROOT.relative_to("/") / hidden)
    os.chroot(root)
    os.chdir("/")
    with socket.socket() as any_socket:
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, 0x8913, struct.pack("16sh", b"lo", 0)))[1]
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", flags | 1))


def attach(inputs: list[Path], working: Path) -> None:
    "Show these folders under /kaggle/input, not to be written to, and this one as /kaggle/working."
    if os.path.ismount("/kaggle"):
        subprocess.run(["umount", "--recursive", "/kaggle"], check=True)
    mount("-t", "tmpfs", "none", "/kaggle")
    os.makedirs("/kaggle/input")
    mount("-t", "tmpfs", "none", "/kaggle/input")
    for source in inputs:
        place = Path("/kaggle/input", source.name)
        place.mkdir()
        mount("--bind", source, place)
        mount("-o", "remount,bind,ro", place)
    mount("-o", "remount,ro", "/kaggle/input")
    working.mkdir(parents=True)
    os.makedirs("/kaggle/working")
    mount("--bind", working, "/kaggle/working")


def environment(folder: Path) -> dict[str, str]:
    "What a process in a session finds in its environment: nothing of this checkout's, no settings of ours."
    kept = {key: value for key, value in os.environ.items()
            if not key.startswith(("PYTHON", "VIRTUAL_ENV", "JUPYTER", "SALIENCY"))}
    return kept | {"HOME": str(folder / "home"), "KAGGLE_KERNEL_RUN_TYPE": "Batch",
                   "PATH": f"{folder / 'image/bin'}:{os.environ['PATH']}"}


def nothing_but_kaggle(python: Path, env: dict[str, str], tell: bool) -> None:
    "Prove that no packet leaves, that the input cannot be written to, and that our package can be had nowhere."
    for what, attempt in [("the network", lambda: socket.create_connection(("1.1.1.1", 443), timeout=3)),
                          ("a name", lambda: socket.getaddrinfo("pypi.org", 443)),
                          ("the input", lambda: Path("/kaggle/input", BUNDLE, "mark").write_text("x"))]:
        try:
            attempt()
        except OSError as error:
            print(f"{what}: {error}\n" if tell else "", end="", flush=True)
        else:
            raise SystemExit(f"{what} can be had: this is no test")
    gone = subprocess.run([python, "-c", "import saliency_playground"], capture_output=True, text=True,
                          cwd="/kaggle/working", env=env)
    if "No module named 'saliency_playground'" not in gone.stderr or any((ROOT / "nbs").iterdir()):
        raise SystemExit("our package is here without the bundle: this is no test")


def session(folder: Path, name: str, notebook: str, attached: Sequence[str] = (), **parameters) -> Path:
    """One session of Kaggle, attached to it the bundle, the data and what earlier sessions left.

    Returns its folder, which is kept.

    notebook: one of the bundle's, or a path to one that was pushed.
    """
    python, here = folder / "image/bin/python", folder / "sessions" / name
    attach([folder / "inputs" / BUNDLE, folder / "inputs/img-bin", *(folder / "sessions" / one for one in attached)],
           here)
    env = environment(folder)
    nothing_but_kaggle(python, env, tell=not attached)
    before = {part: set(part.iterdir())
              for part in (python.parent, *(folder / "image/lib").glob("python*/site-packages"))}
    words = [word for key, value in parameters.items() for word in ("-p", key, str(value))]
    started, source = (time.monotonic(), notebook if notebook.endswith(".ipynb")
                       else f"/kaggle/input/{BUNDLE}/{notebook}.ipynb")
    run = subprocess.run([python, "-m", "papermill", "--no-progress-bar", source,
                          "/kaggle/working/__notebook__.ipynb", *words],
                         cwd="/kaggle/working", env=env, capture_output=True, text=True)
    print(f"{name}: {Path(notebook).name} {parameters or ''} exit {run.returncode} after "
          f"{time.monotonic() - started:.0f} s", flush=True)
    if run.returncode:
        raise SystemExit(run.stderr[-4000:])
    cells = json.loads((here / "__notebook__.ipynb").read_text(encoding="utf-8"))["cells"]
    said = "".join(text for cell in cells for out in cell.get("outputs", []) for text in out.get("text", []))
    where = subprocess.run([python, "-c", "import saliency_playground; print(saliency_playground.__file__)"],
                           cwd="/kaggle/working", env=env, capture_output=True,
                           text=True, check=True).stdout
    if f"installed from /kaggle/input/{BUNDLE}" not in said or not where.startswith(str(python.parent.parent)):
        raise SystemExit(f"our package is not the bundle's: {where}{said[:300]}")
    for folder_, kept in before.items():  # the next session begins with the image as it was
        for new in set(folder_.iterdir()) - kept:
            new.unlink() if new.is_file() else shutil.rmtree(new)
    return here


def sessions(folder: Path) -> None:
    """The description's section 10.

    What is checked here is what only the sessions between can show; what is left at the end is test_kaggle.py's to look
    at.
    """
    mine, folds = {"config": "mine.yaml"}, ["fold-1", "fold-2-continued", "fold-3", "fold-4"]
    pictures = sum(1 for _ in (folder / "inputs/img-bin/images").iterdir())
    session(folder, "split", "holdout_split", **mine, test_count=pictures // 5, n_folds=4)
    session(folder, "fold-1", "finetune_fold", ["split"], **mine, fold=1)
    stopped = session(folder, "fold-2", "finetune_fold", ["split"], **mine, fold=2, max_hours=1e-9)
    about = json.loads((stopped / TUNED / "fold_02/run.json").read_text())
    if about.get("finished") or not about.get("stopped"):
        raise SystemExit(f"fold 2 was not stopped by its clock: {about}")
    session(folder, "fold-2-continued", "finetune_fold", ["fold-2"], **mine, fold=2)
    session(folder, "fold-3", f"{folder}/home/fold-3/fold-3.ipynb", ["split"])  # as it was pushed, nothing given
    session(folder, "fold-4", "finetune_fold", ["split"], **mine, fold=4)
    session(folder, "evaluate", "evaluate", folds, **mine, eval_dir="/kaggle/working/outputs/eval")
    session(folder, "aggregate", "aggregate_folds", ["evaluate"], **mine, eval_dir="/kaggle/working/outputs/eval")


def main(folder: Path, data: Path | None = None) -> int:
    if os.environ.get("PLAYED_BY") == str(folder):
        become_kaggle(folder)
        sessions(folder)
        return 0
    if (shutil.which("unshare") is None
        or (tried := subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True,
                                    text=True)).returncode):
        print(f"no namespaces here: {tried.stderr.strip() if shutil.which('unshare') else 'there is no unshare'}")
        return 77
    prepare(folder, data)
    return subprocess.run([*UNSHARE, sys.executable, Path(__file__).resolve(), folder],
                          env=os.environ | {"PLAYED_BY": str(folder)}).returncode


if __name__ == "__main__":
    sys.exit(main(*(Path(word).resolve() for word in sys.argv[1:])))
