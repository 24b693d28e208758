"""Files that are not what they seem: each read right, refused with its name and a cure, or spoken of.

One invented recording, its points and its blurred points, saved in every way that people save them: as fixations in
MATLAB files and pictures, as ground truth, as predictions. A right reading is known: the prediction is the truth.
"""
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io
import yaml
from click.testing import CliRunner
from PIL import Image
from scipy.ndimage import binary_dilation, gaussian_filter

from saliency_playground.cli.main import main

SIZE, RNG = (90, 120), np.random.default_rng(5)
HEIGHT, WIDTH = SIZE
IMAGES = {f"i{n}": RNG.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8) for n in range(1, 7)}
SPOTS = {name: RNG.uniform(0.15, 0.8, (2, 2)) * (WIDTH, HEIGHT * 0.7) for name in IMAGES}
POINTS = {name: np.unique(np.clip(spots[RNG.integers(0, 2, 24)] + RNG.normal(0, 5, (24, 2)), 3, (WIDTH - 4, HEIGHT - 4))
                          .astype(int), axis=0) for name, spots in SPOTS.items()}


def mask(name: str) -> np.ndarray:
    "One at each fixation, uint8."
    marked = np.zeros(SIZE, np.uint8)
    marked[POINTS[name][:, 1], POINTS[name][:, 0]] = 1
    return marked


def truth(name: str) -> np.ndarray:
    "The blurred fixations, 0…1."
    blurred = gaussian_filter(mask(name).astype(float), 6, mode="constant")
    return blurred / blurred.max()


def bytes_of(values: np.ndarray) -> np.ndarray:
    return np.round(255 * values).astype(np.uint8)


def framed(values: np.ndarray) -> np.ndarray:
    "A map, smaller, on white paper."
    page = np.full(SIZE, 255, np.uint8)
    page[9:-9, 12:-12] = np.asarray(Image.fromarray(bytes_of(values)).resize((WIDTH - 24, HEIGHT - 18)))
    return page


def padded(values: np.ndarray) -> np.ndarray:
    return np.pad(bytes_of(values), ((15, 15), (0, 0)))


def after(name: str) -> str:
    names = list(IMAGES)
    return names[(names.index(name) + 1) % len(names)]


def save_pages(path: Path, first: np.ndarray, *others: np.ndarray) -> None:
    Image.fromarray(first).save(path, save_all=True, append_images=[Image.fromarray(other) for other in others])


def save_flagged(path: Path, values: np.ndarray) -> None:
    flag = Image.Exif()
    flag[0x0112] = 3
    Image.fromarray(values).save(path, exif=flag, quality=95)


def typed(*words: str) -> tuple[int, str]:
    "Exit code of a command, and all it says."
    done = CliRunner().invoke(main, list(words))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def run_on(home: Path, kind: str, save) -> tuple[int, str, pd.Series]:
    """Save what `fixations`, `gt_maps` or `best` holds of each image with save(folder, name), and run.

    Exit code, what was said, and the means of the prediction `best`, by metric.
    """
    for folder in ("images", "fixations", "best", "gt_maps"):
        if folder != "gt_maps" or kind == folder:
            (home / folder).mkdir()
    for name, image in IMAGES.items():
        Image.fromarray(image).save(home / "images" / f"{name}.png")
        points = pd.DataFrame(POINTS[name] + 0.5, columns=["x", "y"])
        for folder in {"fixations", "best", kind}:
            if folder == kind:
                save(home / folder, name)
            elif folder == "fixations":
                points.to_csv(home / folder / f"{name}.csv", index=False)
            else:
                np.save(home / folder / f"{name}.npy", truth(name))
    (home / "run.yaml").write_text(yaml.safe_dump({
        "datasets": [{"name": "folder", "as": "lab", "root": ".", "sigma_px": 6,
                      "index_base": int(kind == "fixations")}],
        "models": [{"name": "precomputed", "as": "best", "path": "best"}], "metrics": ["NSS", "CC"],
        "output_dir": "out"}), encoding="utf-8")
    code, said = typed("run", "--config", "run.yaml")
    errors = home / "out" / "lab" / "errors.csv"
    said += errors.read_text(encoding="utf-8") if errors.is_file() else ""
    table = home / "out" / "ALL_SUMMARY.csv"
    rows = pd.read_csv(table) if table.is_file() else pd.DataFrame({"metric": [], "mean": []})
    return code, " ".join(said.split()), rows.set_index("metric")["mean"]


def right() -> float:
    "The NSS of the truth at its own points, by its definition."
    scores = []
    for name in IMAGES:
        values = truth(name)
        scores.append(((values - values.mean()) / values.std())[POINTS[name][:, 1], POINTS[name][:, 0]].mean())
    return float(np.mean(scores))


def mat(**of_image):
    "save(folder, name) of a MATLAB file; of_image: by variable, of an image's points counted from 1."
    def save(folder: Path, name: str) -> None:
        scipy.io.savemat(folder / f"{name}.mat",
                         {variable: of(POINTS[name] + 1.0) for variable, of in of_image.items()})
    return save


def structs(points: np.ndarray) -> np.ndarray:
    "An array of structs, a fixation each."
    array = np.zeros((1, len(points)), dtype=[("x", "O"), ("y", "O")])
    for at, point in enumerate(points):
        array[0, at] = tuple(point)
    return array


def picture(change, suffix: str = "png", **options):
    "save(folder, name) of change(name) as a picture."
    return lambda folder, name: Image.fromarray(change(name)).save(folder / f"{name}.{suffix}", **options)


def array(change):
    return lambda folder, name: np.save(folder / f"{name}.npy", change(name))


def of_many(folder: Path, name: str) -> None:
    save_pages(folder / f"{name}.tif", 255 * mask(name), 255 * mask(after(name)))


READ = {
    "mat, a struct a fixation": ("fixations", mat(fix=structs)),
    "mat, int16": ("fixations", mat(points=lambda points: points.astype(np.int16))),
    "mat, beside a photograph called I": ("fixations", mat(I=lambda points: IMAGES["i1"], pts=lambda points: points)),
    "png named jpg": ("fixations", lambda folder, name: Image.fromarray(mask(name)).save(
        folder / f"{name}.jpg", "PNG")),
    "jpeg named png": ("fixations", lambda folder, name: Image.fromarray(255 * mask(name)).save(
        folder / f"{name}.png", "JPEG", quality=90)),
    "webp, lossless": ("fixations", lambda folder, name: Image.fromarray(mask(name)).convert("RGB").save(
        folder / f"{name}.webp", lossless=True)),
    "webp, lossy": ("fixations", lambda folder, name: Image.fromarray(255 * mask(name)).convert("RGB").save(
        folder / f"{name}.webp", quality=90)),
    "a layer of its own": ("fixations", array(lambda name: mask(name)[:, :, None])),
    "map, three equal channels": ("best", array(lambda name: np.dstack([truth(name)] * 3))),
    "map, lossy webp": ("best", lambda folder, name: Image.fromarray(bytes_of(truth(name))).convert("RGB").save(
        folder / f"{name}.webp", quality=90)),
    "map named .jpg.png": ("best", lambda folder, name: Image.fromarray(bytes_of(truth(name))).save(
        folder / f"{name}.jpg.png")),
    "gt, lossy webp": ("gt_maps", lambda folder, name: Image.fromarray(bytes_of(truth(name))).convert("RGB").save(
        folder / f"{name}.webp", quality=90)),
}


@pytest.mark.parametrize("case", READ)
def test_is_read(case, scratch):
    code, said, means = run_on(scratch, *READ[case])
    assert code == 0, said
    assert abs(means["NSS"] - right()) < 0.02 * right() and means["CC"] > 0.99


REFUSED = {
    "a size beside a table": ("fixations", mat(masse=lambda points: [[90, 120]], daten=lambda points: np.column_stack(
        [points, points])), r"i1\.mat.*masse is one point, or a size.*columns: \{variable"),
    "all samples beside fixations": ("fixations", mat(gaze=lambda points: np.repeat(points, 9, axis=0),
                                                      fix=lambda points: points), r"i1\.mat.*gaze \(double .*fix \("),
    "a mask an observer": ("fixations", array(lambda name: np.dstack([mask(name)] * 4)), r"i1\.npy.*stack"),
    "pages": ("fixations", of_many, r"i1\.tif.*2 pages"),
    "a frame": ("fixations", picture(lambda name: 255 * np.maximum(mask(name), np.pad(
        np.zeros((HEIGHT - 2, WIDTH - 2), np.uint8), 1, constant_values=1))), r"i1\.png.*a frame"),
    "crosses": ("fixations", picture(lambda name: 255 * binary_dilation(
        mask(name), np.eye(7, dtype=bool) | np.eye(7, dtype=bool)[::-1]).astype(np.uint8)), r"i1\.png.*(crosses|dots)"),
    "numbers of observers": ("fixations", picture(lambda name: mask(name) * np.tile(
        np.arange(1, 6, dtype=np.uint8), HEIGHT * WIDTH // 5).reshape(SIZE)), r"i1\.png.*numbers of observers"),
    "a mask among the maps": ("gt_maps", picture(lambda name: 255 * mask(name)),
                              r"i1\.png.*mask of fixations, not a map"),
    "maps in pages": ("gt_maps", lambda folder, name: save_pages(
        folder / f"{name}.tif", bytes_of(truth(name)), bytes_of(truth(after(name)))), r"i1\.tif.*2 pages"),
    "a map with a camera's flag": ("best", lambda folder, name: save_flagged(
        folder / f"{name}.jpg", bytes_of(truth(name))), r"i1\.jpg.*EXIF orientation 3"),
    "wrapped at 127": ("best", array(lambda name: bytes_of(truth(name)).astype(np.int8)), r"i1\.npy.*int8.*uint8"),
    "the logarithms of a density": ("best", array(lambda name: np.log((truth(name) + 1e-6)
                                                                      / (truth(name) + 1e-6).sum())),
                                    r"i1\.npy.*kind: log_density"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_is_refused_by_name(case, scratch):
    kind, save, words = REFUSED[case]
    code, said, means = run_on(scratch, kind, save)
    assert code == 1 and re.search(words, said), said
    assert means.dropna().empty


SAID = {
    "inverted": ("best", picture(lambda name: 255 - bytes_of(truth(name))), "better if inverted"),
    "mirrored": ("best", array(lambda name: truth(name)[:, ::-1]), "better if mirrored"),
    "upside down": ("best", array(lambda name: truth(name)[::-1]), "better if turned upside down"),
    "under the neighbour's name": ("best", array(lambda name: truth(after(name))), "taken for the next image's"),
    "a figure": ("best", picture(lambda name: framed(truth(name))), "white margin"),
    "two values": ("best", array(lambda name: truth(name) > 0.3), "different values"),
    "padded, dark all around": ("best", picture(lambda name: padded(truth(name))), "padded squares"),
    "gt inverted": ("gt_maps", picture(lambda name: 255 - bytes_of(truth(name))), "ground-truth maps fit .*inverted"),
    "gt mirrored": ("gt_maps", array(lambda name: truth(name)[:, ::-1]), "ground-truth maps fit .*mirrored"),
    "gt under the neighbour's name": ("gt_maps", array(lambda name: truth(after(name))), "maps fit .*the next image's"),
    "gt, one for all": ("gt_maps", array(lambda name: truth("i1")), "6 of 6 ground-truth maps are the same map"),
    "gt, figures": ("gt_maps", picture(lambda name: framed(truth(name))), "white margin"),
    "gt as text": ("gt_maps", lambda folder, name: np.savetxt(folder / f"{name}.txt", truth(name)), r"\.txt \(6\)"),
}


@pytest.mark.parametrize("case", SAID)
def test_is_spoken_of(case, scratch):
    kind, save, words = SAID[case]
    _, said, _ = run_on(scratch, kind, save)
    assert re.search(words, said), said


@pytest.mark.parametrize("save", [picture(lambda name: bytes_of(truth(name))), array(truth)])
@pytest.mark.parametrize("kind", ["gt_maps", "best"])
def test_what_is_right_is_not_spoken_of(kind, save, scratch):
    code, said, means = run_on(scratch, kind, save)
    assert code == 0 and means["CC"] > 0.99
    assert not re.search(r"better if|margin|values|padded|same map|do not look|refused", said), said


def test_the_doctor_sees_one_map_for_all(scratch):
    run_on(scratch, *SAID["gt, one for all"][:2])
    assert "6 of 6 ground-truth maps are the same map" in " ".join(typed("doctor", ".")[1].split())
