"""Damaged files: each reader is given thousands of them, and must read or refuse every one.

    python benchmarks/damaged.py                                # 3,000 of each kind; writes damaged.md
    python benchmarks/damaged.py --count 200 --only mat mask    # some kinds, printed only

A kind is a whole file, made here by formula, and the function that reads it; `INPUTS` lists them, so a reader is added
with one line. Its bytes are changed in one of eight ways, drawn from a seeded generator: a kind, a seed and a number
always give the same file. A process of its own reads them, so that one that dies is counted and the next goes on behind
it; a minute without an answer counts as dead.

same: read, with the values of the whole file. otherwise: read, with other values, which no reader can notice where a
format keeps no checksum. refused: a `PlaygroundError` that names the file. wrong: another error, a fault of the reader.
crashed: the process ended, or hung.
"""
import argparse
import io
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import machine, table

SIZE = (90, 120)


@dataclass(frozen=True)
class Input:
    "A kind of file: its whole bytes, the suffix of its name, and what reads it."
    suffix: str
    make: Callable[[], bytes]
    read: Callable[[Path], Any]


def mask() -> np.ndarray:
    marked = np.zeros(SIZE, np.uint8)
    marked[np.random.default_rng(7).integers(0, SIZE[0], 30), np.random.default_rng(8).integers(0, SIZE[1], 30)] = 255
    return marked


def people() -> dict[str, Any]:
    "Variables as SALICON and OSIE keep them."
    rng = np.random.default_rng(1)
    gaze = np.empty((5, 1), [("name", object), ("fixations", object), ("timestamp", object)])
    cells = np.empty((1, 4), object)
    for at in range(5):
        gaze[at, 0] = (f"s{at}", rng.integers(1, 90, (6, 2)).astype(np.uint16), np.arange(6.0)[:, None])
    for at in range(4):
        cells[0, at] = rng.random((5, 2)) * 90
    return {"image": "p01", "resolution": np.array([[90.0, 120.0]]), "gaze": gaze, "cells": cells}


def mat(content: Callable[[], dict[str, Any]], **options: Any) -> Callable[[], bytes]:
    def make() -> bytes:
        from scipy.io import savemat
        buffer = io.BytesIO()
        savemat(buffer, content(), **options)
        return buffer.getvalue()
    return make


def numbers() -> dict[str, Any]:
    return {"fixations": np.random.default_rng(2).integers(1, 90, (40, 2)).astype(np.uint8), "other": np.eye(3),
            "flags": np.eye(4) > 0}


def mat73() -> bytes:
    "The same in HDF5: a struct of vectors, an array of structs, a text, a compressed mask."
    import h5py
    rng = np.random.default_rng(3)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=512) as file:
        gaze = file.create_group("gaze")
        hidden = file.create_group("#refs#")
        for name in ("x", "y"):
            gaze[name] = rng.integers(1, 90, (1, 30)).astype(float)
            gaze[name].attrs["MATLAB_class"] = np.bytes_("double")
        gaze.attrs["MATLAB_class"] = np.bytes_("struct")
        each = [hidden.create_dataset(f"p{at}", data=rng.random((2, 5))) for at in range(4)]
        people = file.create_group("people")
        people.create_dataset("fixations", data=np.array([[item.ref for item in each]], h5py.ref_dtype))
        file["image"] = np.array([[112], [48], [49]], np.uint16)
        file["image"].attrs["MATLAB_class"] = np.bytes_("char")
        file.create_dataset("mask", data=mask().T, compression="gzip", chunks=True)
    return b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + buffer.getvalue()[128:]


def picture(kind: str, **options: Any) -> Callable[[], bytes]:
    def make() -> bytes:
        from PIL import Image
        buffer = io.BytesIO()
        Image.fromarray(mask()).save(buffer, kind, **options)
        return buffer.getvalue()
    return make


def npy(values: Callable[[], np.ndarray]) -> Callable[[], bytes]:
    def make() -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, values())
        return buffer.getvalue()
    return make


def npz() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, saliency=smooth())
    return buffer.getvalue()


def hdf5() -> bytes:
    import h5py
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_dataset("saliency", data=smooth(), compression="gzip")
    return buffer.getvalue()


def smooth() -> np.ndarray:
    y, x = np.mgrid[:SIZE[0], :SIZE[1]]
    return np.exp(-((x - 50) ** 2 + (y - 40) ** 2) / 800).astype(np.float32)


def table_of_fixations() -> bytes:
    rows = np.random.default_rng(5).integers(0, 90, (40, 4))
    return ("x,y,observer,t\n" + "".join(f"{x},{y}.5,s{who % 5},{t}\n" for x, y, who, t in rows)).encode()


def read_all(path: Path) -> Any:
    from saliency_playground.matfiles import mat_contents, read_mat
    return mat_contents(path), read_mat(path)


def read_map(path: Path) -> Any:
    from saliency_playground.images import read_map
    return read_map(path).tobytes()


def read_image(path: Path) -> Any:
    from saliency_playground.images import read_image
    return read_image(path).tobytes()


def read_points(path: Path) -> Any:
    from saliency_playground.datasets.points import read_fixations
    read = read_fixations(path, SIZE, 1)
    return read.x.tolist(), read.y.tolist(), None if read.observer is None else read.observer.tolist()


INPUTS = {
    "mat v4": Input(".mat", mat(numbers, format="4"), read_all),
    "mat v5 numbers": Input(".mat", mat(numbers), read_points),
    "mat v5 numbers, compressed": Input(".mat", mat(numbers, do_compression=True), read_points),
    "mat v5 structs and cells": Input(".mat", mat(people), read_all),
    "mat v5 structs and cells, compressed": Input(".mat", mat(people, do_compression=True), read_all),
    "mat v5 as fixations": Input(".mat", mat(people), read_points),
    "mat v7.3": Input(".mat", mat73, read_all),
    "mat v7.3 as fixations": Input(".mat", mat73, read_points),
    "mask png": Input(".png", picture("PNG"), read_points),
    "mask jpeg": Input(".jpg", picture("JPEG", quality=95), read_points),
    "mask tiff": Input(".tif", picture("TIFF"), read_points),
    "mask tiff, lzw": Input(".tif", picture("TIFF", compression="tiff_lzw"), read_points),
    "mask webp": Input(".webp", picture("WEBP", lossless=True), read_points),
    "mask bmp": Input(".bmp", picture("BMP"), read_points),
    "mask npy": Input(".npy", npy(lambda: mask() > 0), read_points),
    "table csv": Input(".csv", table_of_fixations, read_points),
    "map npy": Input(".npy", npy(smooth), read_map),
    "map npz": Input(".npz", npz, read_map),
    "map mat": Input(".mat", mat(lambda: {"saliency": smooth()}, do_compression=True), read_map),
    "map hdf5": Input(".h5", hdf5, read_map),
    "map png": Input(".png", picture("PNG"), read_map),
    "image jpeg": Input(".jpg", picture("JPEG", quality=90), read_image),
    "image tiff": Input(".tif", picture("TIFF"), read_image),
}


def damaged(whole: bytes, rng: np.random.Generator) -> bytes:
    "A file that something happened to."
    data, at = bytearray(whole), int(rng.integers(len(whole)))
    run = slice(at, at + int(rng.integers(1, 65)))
    word = slice(at & ~3, (at & ~3) + 4)
    odd = [0, 1, 2, 255, 2 ** 16, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, int(rng.integers(2 ** 12))]
    how = int(rng.integers(8))
    if how == 0:
        data[at] ^= 1 << int(rng.integers(8))
    elif how == 1:
        for place in rng.integers(len(data), size=8):
            data[place] ^= 1 << int(rng.integers(8))
    elif how == 2:
        del data[at:]
    elif how == 3:
        data[run] = bytes(len(data[run]))
    elif how == 4:
        data[run] = rng.bytes(len(data[run]))
    elif how == 5:
        data[word] = struct.pack(rng.choice(["<I", ">I"]), int(rng.choice(odd)))[:len(data[word])]
    elif how == 6:
        del data[run]
    else:
        data[at:at] = data[run]
    return bytes(data)


def work(name: str, seed: int, start: int, count: int) -> None:
    "Read the variants of a kind from number `start` on; say each number, then what came of it and in how many seconds."
    from saliency_playground.errors import PlaygroundError
    kind = INPUTS[name]
    whole = kind.make()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{kind.suffix}"
        path.write_bytes(whole)
        right = repr(kind.read(path))
        for number in range(start, count):
            path.write_bytes(damaged(whole, np.random.default_rng([seed, number])))
            print(number, flush=True)
            begun = time.perf_counter()
            try:
                outcome = "same" if repr(kind.read(path)) == right else "otherwise"
            except PlaygroundError as error:
                outcome = "refused" if str(path.name) in str(error) else "wrong PlaygroundError without the file's name"
            except Exception as error:
                outcome = f"wrong {type(error).__name__}: {' '.join(str(error).split())}"
            print(f"{outcome.split()[0]} {time.perf_counter() - begun:.4f} {outcome}", flush=True)
    print(f"peak {_peak()}", flush=True)


def _peak() -> float:
    "MiB that this process and its own held at most; 0 where the system does not tell."
    try:
        import resource
    except ImportError:
        return 0.0
    each = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return max(each) * (1 if sys.platform == "darwin" else 1024) / 2 ** 20


class Clock:
    "Ends a process that is silent for too long."

    def __init__(self, child: subprocess.Popen, patience: float) -> None:
        self.child, self.patience, self.timer = child, patience, threading.Timer(patience, child.kill)
        self.timer.start()

    def begin(self) -> None:
        self.stop()
        self.timer = threading.Timer(self.patience, self.child.kill)
        self.timer.start()

    def stop(self) -> None:
        self.timer.cancel()


def judge(name: str, seed: int, count: int, patience: float = 60.0) -> tuple[Counter, float, float, list[str]]:
    "The outcomes of a kind, the slowest read in seconds, the peak in MiB, and what was wrong, a line each."
    outcomes, slowest, peak, faults, start = Counter(), 0.0, 0.0, [], 0
    while start < count:
        command = [sys.executable, __file__, "--work", name, "--seed", str(seed), "--start", str(start)]
        child = subprocess.Popen([*command, "--count", str(count)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                 text=True)
        number, finished = start, False
        clock = Clock(child, patience)
        for line in child.stdout:
            clock.begin()
            words = line.split(maxsplit=2)
            if words[0] == "peak":
                peak, finished = max(peak, float(words[1])), True
            elif len(words) == 1:
                number = int(words[0])
            else:
                outcomes[words[0]] += 1
                slowest, start = max(slowest, float(words[1])), number + 1
                faults += [f"{name}, number {number}: {words[2].strip()}"] if words[0] == "wrong" else []
        clock.stop()
        child.wait()
        if not finished and start < count:
            outcomes["crashed"] += 1
            faults.append(f"{name}, number {number}: the process ended with {child.returncode}")
            start = number + 1
    return outcomes, slowest, peak, faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=3000, help="variants of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="words of the kinds to try; nothing is written then")
    parser.add_argument("--start", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.seed, options.start, options.count)
        return 0
    names = [name for name in INPUTS if not options.only or any(word in name for word in options.only)]
    columns, lines, faults = ("same", "otherwise", "refused", "wrong", "crashed"), [], []
    for name in names:
        outcomes, slowest, peak, new = judge(name, options.seed, options.count)
        lines.append([name, *(str(outcomes[column]) for column in columns), f"{slowest:.2f}", f"{peak:.0f}"])
        faults += new
        print(*lines[-1], *new[:5], sep="  ", flush=True)
    text = table(["damaged", *columns, "slowest, s", "peak, MiB"], lines)
    print(text)
    if not options.only:
        used = f"{options.count} variants of each kind, seed {options.seed}"
        about = machine(["numpy", "scipy", "h5py", "pillow"], used, __file__)
        Path(__file__).with_suffix(".md").write_text(f"# Damaged files\n\n{about}\n{text}", encoding="utf-8")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
