"""Damaged files: each reader is given thousands of them, and must read or refuse every one.

    python benchmarks/damaged.py                                # 1,100 of each kind; writes damaged.md
    python benchmarks/damaged.py --count 200 --only mat mask    # some kinds, printed only

A kind is a whole file, made here by formula, and the function that reads it; `INPUTS` lists them, so a reader is added
with one line. Its bytes are changed in one of eight ways, drawn from a seeded generator: a kind, a seed and a number
always give the same file. A process of its own reads them, so that one that dies is counted and the next goes on behind
it; a minute without an answer counts as dead. HDF5 is read in a process of the package's own, which is ended after two
seconds here (else after thirty): that is a refusal.

refused: a `PlaygroundError` that names the file. same: read, with the values of the whole file. unseen: read, with
other values, and nothing by which a reader could notice. silent: the same, though it could have been seen; a fault of
the reader, as are wrong: another error, and crashed: the process ended, or hung.

Whether it could have been seen is decided by a rule, not by what our readers look at. It could, if one of these holds:

1. The changed bytes are under a checksum: those of PNG, zip, zlib (packed MATLAB variables) and Parquet.
2. Bytes were lost or came twice in a format that says how long it is, or where what lies: MATLAB, HDF5, NumPy, BMP,
   TIFF, PNG, WebP, JPEG 2000, Parquet, zip.
3. A place, a time or a duration is there that the whole file does not have and nobody measures: infinite, 1e19 or more,
   or below 1e-30 and not 0; or a map's number of 1e19 or more.

It could not: raw values (pixels, numbers in MATLAB, NumPy, BMP, TIFF, unpacked HDF5) and packed ones without a checksum
(JPEG, GIF, WebP, JPEG 2000, LZW) of which bits became others, rows or digits of a text that went or came twice, and
the last variables of a MATLAB file that was cut between two.
"""
import argparse
import functools
import io
import json
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
    summed: bool = False                       # all that it holds is under checksums


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


def texture(kind: str, **options: Any) -> Callable[[], bytes]:
    "A coloured picture with detail everywhere."
    def make() -> bytes:
        from PIL import Image
        buffer, (y, x) = io.BytesIO(), np.mgrid[:48, :64]
        waves = [np.sin(x * a + y * b) for a, b in ((0.3, 0.1), (0.2, 0.5), (0.7, 0.4))]
        Image.fromarray((np.stack(waves, axis=2) * 100 + 127).astype(np.uint8)).save(buffer, kind, **options)
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


def parquet() -> bytes:
    import pyarrow
    import pyarrow.parquet
    rng, buffer = np.random.default_rng(6), io.BytesIO()
    rows = {"image_id": [f"im{i // 10}" for i in range(200)], "x": rng.random(200), "y": rng.random(200)}
    pyarrow.parquet.write_table(pyarrow.table(rows), buffer, write_page_checksum=True)
    return buffer.getvalue()


def pysaliency(fixations: bool) -> Callable[[], bytes]:
    "The HDF5 files of the package of that name: flat fixations, or stimuli."
    def make() -> bytes:
        import h5py
        rng, buffer = np.random.default_rng(4), io.BytesIO()
        with h5py.File(buffer, "w") as file:
            file.attrs["type"], file.attrs["version"] = ("Fixations", "1.2") if fixations else ("FileStimuli", "2.1")
            if fixations:
                for name in ("x", "y", "t"):
                    file[name] = rng.random(60) * 90
                file["n"], file["subject"], file["lengths"] = np.arange(60) // 20, np.arange(60) % 4, np.arange(60) % 5
            else:
                file["filenames"] = [f"stimuli/{i}.jpg" for i in range(20)]
                file.attrs["size"], file.attrs["__attributes__"] = 20, '["category"]'
                file["category"] = np.arange(20) % 3
        return buffer.getvalue()
    return make


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


def text_table(rows: int = 40, mark: str = ",", quote: str = "", encoding: str = "utf-8") -> Callable[[], bytes]:
    "A long table as people save it: of so many rows, with this separator, marks round words, encoding."
    def make() -> bytes:
        rng = np.random.default_rng(9)
        word = f"{quote}{{}}{quote}"
        lines = [[word.format(name) for name in ("image_id", "observer", "x", "y", "t")]]
        lines += [[word.format(f"im{i // 10}"), word.format(f"Zoë {i % 3}"), f"{x:.1f}", f"{y:.1f}", str(i % 10 * 250)]
                  for i, (x, y) in enumerate(rng.random((rows, 2)) * 90)]
        return "".join(mark.join(line) + "\n" for line in lines).encode(encoding)
    return make


def scanpaths(coco: bool) -> Callable[[], bytes]:
    "Scanpaths as JSON: a list of them, or SALICON's edition."
    def make() -> bytes:
        rng = np.random.default_rng(11)
        points = [rng.integers(1, 90, (6, 2)).tolist() for _ in range(8)]
        entries: Any = [{"name": f"im{i // 2}.jpg", "subject": i % 2, "X": [x for x, _ in these],
                         "Y": [y for _, y in these], "T": [200] * 6, "length": 6} for i, these in enumerate(points)]
        if coco:
            entries = {"images": [{"id": i, "file_name": f"im{i}.jpg"} for i in range(4)],
                       "annotations": [{"image_id": i // 2, "worker_id": i % 2, "fixations": these}
                                       for i, these in enumerate(points)]}
        return json.dumps(entries).encode()
    return make


def tracker(name: str) -> Callable[[], bytes]:
    "The first file of an invented export of a tracker."
    def make() -> bytes:
        from saliency_playground.trackers import examples
        with tempfile.TemporaryDirectory() as folder:
            looks = examples.paint_looks({"a.png": SIZE[::-1], "b.png": SIZE[::-1]}, n=4)
            return getattr(examples, f"paint_{name}")(Path(folder), looks)[0].read_bytes()
    return make


def read_tracker(path: Path) -> Any:
    from saliency_playground.trackers.convert import read_export
    pictures = path.parent / "pictures"
    if not pictures.is_dir():
        from PIL import Image
        pictures.mkdir()
        for name in ("a.png", "b.png"):
            Image.new("L", SIZE[::-1]).save(pictures / name)
    says_where = path.suffix in (".asc", ".tsv")                       # the others leave out where the picture was
    found = read_export(path, images=pictures, **({} if says_where else {"screen": "800x600", "shown": "centre"}))
    return found.columns()


def read_long_table(path: Path) -> Any:
    from saliency_playground.datasets.csv_tables import POINT_NUMBERS, points_from_columns, read_table
    read = read_table(path, ["image_id", "x", "y"], numbers=POINT_NUMBERS)
    points = points_from_columns(read.columns, read.lines, source=path)
    return read.columns["image_id"], points.x.tolist(), points.y.tolist(), np.asarray(points.observer).tolist()


def read_json_scanpaths(path: Path) -> Any:
    from saliency_playground.datasets.scanpath_json import read_scanpaths
    return [vars(scanpath) for scanpath in read_scanpaths(path)]


def read_salicon_json(path: Path) -> Any:
    from saliency_playground.datasets.salicon import json_scanpaths
    return json_scanpaths(path)


def read_pysaliency(path: Path, fixations: bool) -> Any:
    from saliency_playground.datasets.pysaliency_files import read_fixation_columns, read_stimuli
    return vars(read_fixation_columns(path) if fixations else read_stimuli(path))


def read_parquet(path: Path) -> Any:
    from saliency_playground.datasets.parquet import ParquetTable
    table = ParquetTable(path)
    return table.cells(0, table.n_rows, ["image_id", "x", "y"])


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
    "mat v5 numbers, compressed": Input(".mat", mat(numbers, do_compression=True), read_points, summed=True),
    "mat v5 structs and cells": Input(".mat", mat(people), read_all),
    "mat v5 structs and cells, compressed": Input(".mat", mat(people, do_compression=True), read_all, summed=True),
    "mat v5 as fixations": Input(".mat", mat(people), read_points),
    "mat v7.3": Input(".mat", mat73, read_all),
    "mat v7.3 as fixations": Input(".mat", mat73, read_points),
    "mask png": Input(".png", picture("PNG"), read_points, summed=True),
    "mask jpeg": Input(".jpg", picture("JPEG", quality=95), read_points),
    "mask tiff": Input(".tif", picture("TIFF"), read_points),
    "mask tiff, lzw": Input(".tif", picture("TIFF", compression="tiff_lzw"), read_points),
    "mask webp": Input(".webp", picture("WEBP", lossless=True), read_points),
    "mask bmp": Input(".bmp", picture("BMP"), read_points),
    "mask npy": Input(".npy", npy(lambda: mask() > 0), read_points),
    "mask gif": Input(".gif", picture("GIF"), read_points),
    "table csv": Input(".csv", table_of_fixations, read_points),
    "table csv, marks round words": Input(".csv", text_table(quote='"'), read_long_table),
    "table csv, windows-1252": Input(".csv", text_table(mark=";", encoding="windows-1252"), read_long_table),
    "table tsv, utf-16": Input(".tsv", text_table(mark="\t", encoding="utf-16"), read_long_table),
    "table csv, 3,000 rows": Input(".csv", text_table(3000), read_long_table),
    "table csv, 3,000 rows, marks": Input(".csv", text_table(3000, quote='"'), read_long_table),
    "table parquet": Input(".parquet", parquet, read_parquet, summed=True),
    "json of scanpaths": Input(".json", scanpaths(coco=False), read_json_scanpaths),
    "json of SALICON": Input(".json", scanpaths(coco=True), read_salicon_json),
    "pysaliency, fixations": Input(".hdf5", pysaliency(True), functools.partial(read_pysaliency, fixations=True)),
    "pysaliency, stimuli": Input(".hdf5", pysaliency(False), functools.partial(read_pysaliency, fixations=False)),
    "tracker: EyeLink ASC": Input(".asc", tracker("eyelink_asc"), read_tracker),
    "tracker: EyeLink report": Input(".txt", tracker("eyelink_report"), read_tracker),
    "tracker: Tobii": Input(".tsv", tracker("tobii"), read_tracker),
    "tracker: Gazepoint": Input(".csv", tracker("gazepoint"), read_tracker),
    "tracker: SMI": Input(".txt", tracker("smi"), read_tracker),
    "tracker: BeGaze": Input(".txt", tracker("begaze"), read_tracker),
    "tracker: ioHub": Input(".hdf5", tracker("iohub"), read_tracker),
    "map npy": Input(".npy", npy(smooth), read_map),
    "map npz": Input(".npz", npz, read_map, summed=True),
    "map mat": Input(".mat", mat(lambda: {"saliency": smooth()}, do_compression=True), read_map, summed=True),
    "map hdf5": Input(".h5", hdf5, read_map),
    "map png": Input(".png", picture("PNG"), read_map, summed=True),
    "image jpeg": Input(".jpg", texture("JPEG", quality=90), read_image),
    "image jpeg, progressive": Input(".jpg", texture("JPEG", quality=90, progressive=True), read_image),
    "image png": Input(".png", texture("PNG"), read_image, summed=True),
    "image webp": Input(".webp", texture("WEBP"), read_image),
    "image gif": Input(".gif", texture("GIF"), read_image),
    "image bmp": Input(".bmp", texture("BMP"), read_image),
    "image tiff": Input(".tif", texture("TIFF"), read_image),
    "image jpeg 2000": Input(".jp2", texture("JPEG2000"), read_image),
}


def damaged(whole: bytes, rng: np.random.Generator) -> tuple[bytes, bool]:
    "A file that something happened to, and whether bytes were lost or came twice, or else became others."
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
    return bytes(data), how in (2, 6, 7)


LENGTHS = {".mat", ".hdf5", ".h5", ".npy", ".npz", ".bmp", ".tif", ".png", ".webp", ".jp2", ".parquet"}


def has_odd(value: Any) -> bool:
    "Whether a reader's answer holds a number that nobody measures; see the rule above."
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        value = value.ravel().tolist()
    if isinstance(value, (list, tuple, dict)):
        return any(map(has_odd, value.values() if isinstance(value, dict) else value))
    if not isinstance(value, float) and not (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
        return False
    size = np.abs(np.asarray(value, float))
    return bool(((size >= 1e19) | (size < 1e-30) & (size > 0)).any())


def has_odd_map(pixels: bytes) -> bool:
    "The same of a map: its tails may be as small as they like, and infinite ones are refused where it is scored."
    size = np.abs(np.frombuffer(pixels, float))
    return bool((np.isfinite(size) & (size >= 1e19)).any())


def could_be_seen(kind: Input, moved: bool, right: Any, found: Any) -> bool:
    "Whether a file could have told that its values are others than those of the whole one; see the rule above."
    if kind.read is read_all and moved and found[0].items() <= right[0].items():           # cut between variables
        return False
    if kind.summed or moved and kind.suffix in LENGTHS:
        return True
    odd = has_odd_map if kind.read is read_map else has_odd
    return kind.read is not read_all and odd(found) and not odd(right)           # those of read_all may mean anything


def work(name: str, seed: int, start: int, count: int) -> None:
    "Read the variants of a kind from number `start` on; say each number, then what came of it and in how many seconds."
    from saliency_playground.errors import PlaygroundError
    from saliency_playground.matfiles import process
    process.SECONDS = 2.0                   # for HDF5 that leads round in a circle; nobody waits 30 s for each here
    kind = INPUTS[name]
    whole = kind.make()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{kind.suffix}"
        path.write_bytes(whole)
        right = kind.read(path)
        for number in range(start, count):
            content, moved = damaged(whole, np.random.default_rng([seed, number]))
            path.write_bytes(content)
            print(number, flush=True)
            begun = time.perf_counter()
            try:
                found = kind.read(path)
                if repr(found) == repr(right):
                    outcome = "same"
                else:
                    outcome = "silent" if could_be_seen(kind, moved, right, found) else "unseen"
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
                faults += [f"{name}, number {number}: {words[2].strip()}"] if words[0] in ("wrong", "silent") else []
        clock.stop()
        child.wait()
        if not finished and start < count:
            outcomes["crashed"] += 1
            faults.append(f"{name}, number {number}: the process ended with {child.returncode}")
            start = number + 1
    return outcomes, slowest, peak, faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1100, help="variants of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="words of the kinds to try; nothing is written then")
    parser.add_argument("--keep", type=Path, help="a JSON file in which kinds that are done are kept, to go on with")
    parser.add_argument("--start", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.seed, options.start, options.count)
        return 0
    names = [name for name in INPUTS if not options.only or any(word in name for word in options.only)]
    columns, lines, faults, total = ("refused", "same", "unseen", "silent", "wrong", "crashed"), [], [], Counter()
    kept = json.loads(options.keep.read_text()) if options.keep and options.keep.exists() else {}
    for name in names:
        if name not in kept:
            kept[name] = judge(name, options.seed, options.count)
        outcomes, slowest, peak, new = kept[name]
        outcomes = Counter(outcomes)
        if options.keep:
            options.keep.write_text(json.dumps(kept))
        lines.append([name, *(str(outcomes[column]) for column in columns), f"{slowest:.2f}", f"{peak:.0f}"])
        faults += new
        total += outcomes
        print(*lines[-1], *new[:5], sep="  ", flush=True)
    lines.append(["together", *(f"{total[column]:,}" for column in columns), "", ""])
    text = table(["damaged", *columns, "slowest, s", "peak, MiB"], lines)
    print(text)
    if not options.only:
        used = f"{options.count} variants of each kind, seed {options.seed}"
        about = machine(["numpy", "scipy", "pandas", "h5py", "pillow"], used, __file__)
        meaning = (__doc__ or "").partition("\n\nrefused: ")[2]
        Path(__file__).with_suffix(".md").write_text(f"# Damaged files\n\n{about}\n{text}\nrefused: {meaning}",
                                                     encoding="utf-8")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
