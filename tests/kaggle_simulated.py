"""Kaggle, played: a clean environment, no network, a read-only input, nothing but the bundle. Run by test_kaggle.py; stands alone too:

    python tests/kaggle_simulated.py FOLDER        FOLDER/kaggle/input holds the bundle and the data; what is written is in FOLDER/kaggle/working

The process goes into namespaces of its own (user, network, mounts), in which the input cannot be written to and no packet leaves. There it runs
the four notebooks of the bundle through papermill, as a Kaggle session would, one after another.
"""
import fcntl
import os
import socket
import struct
import subprocess
import sys
import venv
from pathlib import Path

IMAGE_HAS_NOT = ("saliency_playground", "__editable__", "anywidget", "psygnal", "pip", "setuptools", "_distutils_hack", "distutils-precedence")


def image(folder: Path) -> Path:
    """A Python environment that plays Kaggle's image: this one's packages, but not ours. Returns its python.

    The packages are linked, not copied, each on its own, so that neither our package nor its metadata can be seen.
    """
    venv.create(folder / "image", with_pip=True)
    python = folder / "image/bin/python"
    links = folder / "packages"
    links.mkdir()
    import numpy
    for package in Path(numpy.__file__).parent.parent.iterdir():
        if not package.name.startswith(IMAGE_HAS_NOT):
            (links / package.name).symlink_to(package)
    site = next((folder / "image/lib").glob("python*/site-packages"))
    (site / "image.pth").write_text(f"{links}\n")
    gone = subprocess.run([python, "-c", "import saliency_playground"], capture_output=True, text=True, cwd=folder)
    assert "No module named 'saliency_playground'" in gone.stderr, gone.stderr
    return python


def loopback_up() -> None:
    "Switch on the network device on which a notebook and its kernel talk; a new network namespace has it, switched off."
    with socket.socket() as any_socket:
        name = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, 0x8913, name))[1]
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", flags | 1))


def no_way_out(kaggle: Path) -> None:
    "Prove that no packet leaves, and that the input cannot be written to."
    try:
        socket.create_connection(("1.1.1.1", 53), timeout=3)
    except OSError as error:
        print("network:", error)
    else:
        raise SystemExit("there is a network")
    try:
        (kaggle / "input/mark").write_text("x")
    except OSError as error:
        print("input:", error)
    else:
        raise SystemExit("the input can be written to")


def session(python: Path, kaggle: Path, notebook: str, out: str, **parameters) -> None:
    "One Kaggle session: a notebook of the bundle through papermill, in the working folder."
    bundle = next(kaggle.glob("input/**/saliency_playground_bundle.sha256")).parent
    words = [word for name, value in parameters.items() for word in ("-p", name, str(value))]
    run = subprocess.run([python, "-m", "papermill", "--no-progress-bar", bundle / f"{notebook}.ipynb", kaggle / "working" / out, *words], cwd=kaggle / "working",
                         capture_output=True, text=True)
    print(f"{notebook} → {out}: exit {run.returncode}", flush=True)
    if run.returncode:
        raise SystemExit(run.stderr[-3000:])
