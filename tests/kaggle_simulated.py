"""Kaggle, played: its client, and its machine without network, on which nothing but what was attached is to be had.

    python tests/kaggle_simulated.py FOLDER [DATA]

plays the page `nbs/tutorials/08_on_kaggle.md` in FOLDER, which is new: its configs are written, its commands are typed
in FOLDER/home, block by block. DATA is a folder with `images` and `fixations.csv` (image_id,observer,x,y counted from
1), such as 50 images of OSIE; toy scenes if not given. What differs from the page stands in `small`: a network and a
training that two cores are done with. `kaggle` is this file, too: `datasets create` keeps a folder as
FOLDER/inputs/SLUG, `kernels push` runs a session at once and keeps its working folder as FOLDER/sessions/SLUG.

A session is one notebook through papermill, in an environment in which our package is not installed, with what was
attached under /kaggle/input, read-only, and an empty /kaggle/working. Linux only: the sessions run in namespaces of
their own (`unshare`), in which /kaggle exists, the checkout is empty and no packet leaves. Exit code 77 says that this
machine makes no such namespaces.
"""
import fcntl
import json
import os
import re
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "nbs/tutorials/08_on_kaggle.md"
UNSHARE = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--propagation", "private"]
IMAGE_HAS_NOT = re.compile(r"saliency_playground|__editable__|(ot|pot)[-.]|ot$", re.IGNORECASE)
BUNDLE, TUNED, STOPPED, IMAGES = "saliency-playground", "outputs/finetune/deepgaze_iie", "fold-2", 18


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


def data_set(folder: Path, data: Path | None) -> None:
    "Put images and their table of fixations, counted from 1, into a folder, as the page has them."
    import pandas as pd

    from saliency_playground.toy import make_toy
    source = data or make_toy(folder.with_name("toy"), n_images=IMAGES)
    images = sorted((source / "images").iterdir())[:IMAGES]
    table = pd.read_csv(source / "fixations.csv", dtype={"image_id": str})
    table = table[table.image_id.isin([path.stem for path in images])]
    (folder / "images").mkdir(parents=True)
    for path in images:
        shutil.copy(path, folder / "images")
    first = 0 if data else 1
    table.assign(x=table.x + first, y=table.y + first).to_csv(folder / "fixations.csv", index=False)


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


def small(network: dict) -> dict[str, str]:
    "What the page says of the network and its training -> what is played in its place."
    of = f"{{center_bias: fold, backbones: [{', '.join(network['backbones'])}], components: {network['components']}}}"
    return {"network: {center_bias: fold}": f"network: {of}",
            "base_weights_path: null": "base_weights_path: /kaggle/input/saliency_playground/base.pth",
            "{name: feature_extraction, epochs: 10, lr: 1e-3, early_stopping: 4}":
                "{name: head, epochs: 3, lr: 5e-3, schedule: cosine}",
            "--weights deepgaze_iie": "--weights base.pth", "--set test_count=30": f"--set test_count={IMAGES // 3}"}


def prepare(folder: Path, data: Path | None) -> str:
    "Data, weights, commands at a user's home, before the page is opened. Returns the page as it is played."
    home, programs = folder / "home", folder / "programs"
    for made in (home, programs, folder / "inputs", folder / "sessions"):
        made.mkdir(parents=True)
    image(folder)
    data_set(home / "img-bin", data)
    for name, words in [("kaggle", [str(Path(__file__).resolve()), "client", str(folder)]),
                        ("saliency-playground", ["-m", "saliency_playground"])]:
        (programs / name).write_text(f"#!/bin/sh\nexec {shlex.join([sys.executable, *words])} \"$@\"\n")
        (programs / name).chmod(0o755)
    page = PAGE.read_text(encoding="utf-8")
    for printed, played in small(base_weights(home / "base.pth")).items():
        if printed not in page:
            raise SystemExit(f"the page has no longer: {printed}")
        page = page.replace(printed, played)
    return page


def play(page: str, folder: Path) -> None:
    "Do what the page says, block by block, in the home."
    home = folder / "home"
    env = os.environ | {"PATH": f"{folder / 'programs'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```", page, flags=re.M | re.S):
        if language == "yaml":
            (home / re.match(r"# (\S+)\n", block)[1]).write_text(block, encoding="utf-8")
        elif language == "json":
            (home / "img-bin/dataset-metadata.json").write_text(block, encoding="utf-8")
        elif language == "bash":
            lines = "".join(line for line in block.splitlines(True) if "pip install" not in line)
            print(f"$ {lines}", end="", flush=True)
            if subprocess.run(["bash", "-e", "-c", lines], cwd=home, env=env).returncode:
                raise SystemExit(f"the page does not work as printed:\n{lines}")
        else:
            raise SystemExit(f"a block of {language} that nobody plays")


# --- the client -------------------------------------------------------------------------------------------------------

def client(folder: Path, words: list[str]) -> None:
    "What `kaggle` does with these words. Ends with a sentence where Kaggle would refuse."
    options = {name: words[i + 1] for i, name in enumerate(words[:-1]) if name.startswith("-")}
    match words[:2]:
        case ["config", "view"]:
            print("- username: ada")
        case ["datasets", "create" | "version"]:
            upload(folder, Path(options["-p"]), options.get("--dir-mode", "skip"), words[1] == "version")
        case ["datasets", "status"]:
            print("ready" if (folder / "inputs" / slug_of(words[2])).is_dir() else sys.exit(f"404: {words[2]}"))
        case ["kernels", "push"]:
            push(folder, Path(options["-p"]))
        case ["kernels", "status"]:
            state = (folder / "sessions" / f"{slug_of(words[2])}.status").read_text()
            print(f'{words[2]} has status "{state}"')
            sys.exit(state != "complete")
        case ["kernels", "output"]:
            shutil.copytree(folder / "sessions" / slug_of(words[2]), options["-p"], dirs_exist_ok=True)
        case _:
            sys.exit(f"kaggle has no command {shlex.join(words)}")


def slug_of(reference: str) -> str:
    "The slug of user/slug."
    user, _, slug = reference.partition("/")
    if user != "ada" or not re.fullmatch(r"[a-z0-9-]{3,50}", slug):
        sys.exit(f"403: {reference}")
    return slug


def upload(folder: Path, source: Path, dir_mode: str, again: bool) -> None:
    "Keep a folder as a dataset: without the folders in it, unless they are sent as archives, which Kaggle unpacks."
    about = json.loads((source / "dataset-metadata.json").read_text(encoding="utf-8"))
    slug, kept = slug_of(about["id"]), folder / "inputs" / slug_of(about["id"])
    if not 6 <= len(about["title"]) <= 50 or len(about["licenses"]) != 1 or kept.exists() != again:
        sys.exit(f"Kaggle refuses the dataset {about}")
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    for path in source.iterdir():
        if path.is_dir() and dir_mode == "zip":
            shutil.copytree(path, kept / path.name)
        elif path.is_file() and path.name != "dataset-metadata.json":
            shutil.copy(path, kept)
    print(f"Your private Dataset is being created: {slug}")


def push(folder: Path, source: Path) -> None:
    """Run a session of a notebook, as it was pushed, and note how it ended.

    Where it is `STOPPED`, the clock ends it first, and a second session goes on with the first one's output. The other
    folds were trained in the session of all folds, from the same split: to save time, what it left of them is taken.
    """
    about = json.loads((source / "kernel-metadata.json").read_text(encoding="utf-8"))
    slug, notebook = slug_of(about["id"]), source / about["code_file"]
    if about["enable_internet"] or not about["is_private"]:
        sys.exit("this was to be private and without internet")
    attached = [folder / "inputs" / slug_of(one) for one in about["dataset_sources"]]
    attached += [folder / "sessions" / slug_of(one) for one in about["kernel_sources"]]
    if missing := [path.name for path in attached if not path.is_dir()]:
        sys.exit(f"404: {', '.join(missing)}")
    state = folder / "sessions" / f"{slug}.status"
    if slug == STOPPED:
        cells = json.loads(notebook.read_text(encoding="utf-8"))
        own = next(cell for cell in cells["cells"] if "injected-parameters" in cell["metadata"].get("tags", []))
        own["source"] += "\nmax_hours = 1e-9"
        early = folder / "stopped.ipynb"
        early.write_text(json.dumps(cells), encoding="utf-8")
        run_session(folder, f"{slug}-stopped", early, attached)
        record = json.loads((folder / f"sessions/{slug}-stopped/{TUNED}/fold_02/run.json").read_text())
        if record.get("finished") or not record.get("stopped"):
            sys.exit(f"it was not stopped by its clock: {record}")
        attached = [path for path in attached if path.parent.name == "inputs"] + [folder / f"sessions/{slug}-stopped"]
    if slug.startswith("fold-") and slug != STOPPED:
        take_fold(folder, slug)
        state.write_text("complete")
    else:
        state.write_text("complete" if run_session(folder, slug, notebook, attached) else "error")
    print(f"Kernel version 1 successfully pushed: {slug}")


def take_fold(folder: Path, slug: str) -> None:
    "What a session of this fold would leave: the fold as the session of all folds trained it, and the split."
    every, one = folder / "sessions/all-folds", folder / "sessions" / slug
    fold = f"{TUNED}/fold_{int(slug.removeprefix('fold-')):02}"
    for name in ("splits", fold):
        shutil.copytree(every / name, one / name)
    shutil.copy(every / "saliency_playground_session.json", one)


def run_session(folder: Path, slug: str, notebook: Path, attached: list[Path]) -> bool:
    "One session in namespaces of its own. Returns whether it ended well."
    words = [folder, slug, notebook.resolve(), *attached]
    return subprocess.run([*UNSHARE, sys.executable, Path(__file__).resolve(), "session", *map(str, words)]
                          ).returncode == 0


# --- within: the machine of Kaggle ------------------------------------------------------------------------------------

def mount(*words: object) -> None:
    subprocess.run(["mount", *map(str, words)], check=True)


def become_kaggle(folder: Path) -> None:
    """A root of our own: what this machine has, and /kaggle.

    The checkout is emptied, and the loopback switched on for a notebook and its kernel to talk.
    """
    root = folder / "root"
    root.mkdir(exist_ok=True)
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


def nothing_but_kaggle(python: Path, env: dict[str, str]) -> None:
    "Prove that no packet leaves, that the input cannot be written to, and that our package can be had nowhere."
    for what, attempt in [("the network", lambda: socket.create_connection(("1.1.1.1", 443), timeout=3)),
                          ("a name", lambda: socket.getaddrinfo("pypi.org", 443)),
                          ("the input", lambda: Path("/kaggle/input", BUNDLE, "mark").write_text("x"))]:
        try:
            attempt()
        except OSError as error:
            print(f"{what}: {error}", flush=True)
        else:
            raise SystemExit(f"{what} can be had: this is no test")
    gone = subprocess.run([python, "-c", "import saliency_playground"], capture_output=True, text=True,
                          cwd="/kaggle/working", env=env)
    if "No module named 'saliency_playground'" not in gone.stderr or any((ROOT / "nbs").iterdir()):
        raise SystemExit("our package is here without the bundle: this is no test")


def session(folder: Path, name: str, notebook: Path, attached: list[Path]) -> int:
    "A session from within. Returns the exit code of its notebook."
    become_kaggle(folder)
    python, here = folder / "image/bin/python", folder / "sessions" / name
    first = not any((folder / "sessions").glob("*/"))
    attach(attached, here)
    env = environment(folder)
    if first:
        nothing_but_kaggle(python, env)
    before = {part: set(part.iterdir())
              for part in (python.parent, *(folder / "image/lib").glob("python*/site-packages"))}
    started = time.monotonic()
    run = subprocess.run([python, "-m", "papermill", "--no-progress-bar", notebook,
                          "/kaggle/working/__notebook__.ipynb"],
                         cwd="/kaggle/working", env=env, capture_output=True, text=True)
    print(f"{name}: {notebook.name}, exit {run.returncode} after {time.monotonic() - started:.0f} s", flush=True)
    executed = here / "__notebook__.ipynb"
    cells = json.loads(executed.read_text(encoding="utf-8"))["cells"] if executed.is_file() else []
    outputs = [out for cell in cells for out in cell.get("outputs", [])]
    for error in (out for out in outputs if out["output_type"] == "error"):
        print(*error["traceback"], sep="\n")
    said = "".join(text for out in outputs for text in out.get("text", []))
    if run.returncode == 0 and f"installed from /kaggle/input/{BUNDLE}" not in said:
        raise SystemExit(f"our package is not the bundle's: {said[:300]}")
    for folder_, kept in before.items():  # the next session begins with the image as it was
        for new in set(folder_.iterdir()) - kept:
            new.unlink() if new.is_file() else shutil.rmtree(new)
    return run.returncode


def main(words: list[str]) -> int:
    if words[0] == "client":
        client(Path(words[1]), words[2:])
        return 0
    if words[0] == "session":
        return session(Path(words[1]), words[2], Path(words[3]), [Path(word) for word in words[4:]])
    if (shutil.which("unshare") is None
        or (tried := subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True,
                                    text=True)).returncode):
        print(f"no namespaces here: {tried.stderr.strip() if shutil.which('unshare') else 'there is no unshare'}")
        return 77
    folder, data = Path(words[0]).resolve(), [Path(word).resolve() for word in words[1:]]
    play(prepare(folder, data[0] if data else None), folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
