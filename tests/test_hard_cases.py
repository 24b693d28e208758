"""What people's folders really hold: odd pictures, broken files, adapters and predictions of their own."""
import numpy as np
import pandas as pd
import pytest
from conftest import command
from PIL import Image

RNG = np.random.default_rng(0)


def scene(height=60, width=80, channels=3, dtype=np.uint8):
    top = np.iinfo(dtype).max
    return RNG.integers(0, top, (height, width, channels), dtype=dtype, endpoint=True).squeeze()


@pytest.fixture
def odd_folder(scratch):
    "A folder of pictures as they come, each with two fixations."
    images = scratch / "odd" / "images"
    images.mkdir(parents=True)
    rgb = Image.fromarray(scene())
    rgb.save(images / "plain.png")
    rgb.convert("L").save(images / "gray.png")
    rgb.convert("CMYK").save(images / "press.jpg")
    rgb.save(images / "Übermaß, ein Bild mit Lücken.jpg")
    Image.fromarray(scene(channels=4), "RGBA").save(images / "alpha.png")
    Image.fromarray(scene(channels=1, dtype=np.uint16)).save(images / "deep.png")
    Image.fromarray(scene(1, 1)).save(images / "dot.png")
    Image.fromarray(scene(300, 400)).save(images / "truncated.jpg", quality=95)
    whole = (images / "truncated.jpg").read_bytes()
    (images / "truncated.jpg").write_bytes(whole[:len(whole) // 2])
    (images / "page.jpg").write_text("<html>not found</html>")
    (scratch / "odd" / "fixations").mkdir()
    for path in images.iterdir():
        points = "x,y\n" + ("0,0\n" if path.stem == "dot" else "3,2\n40.5,30.5\n")
        (scratch / "odd" / "fixations" / f"{path.stem}.csv").write_text(points, encoding="utf-8")
    return scratch / "odd"


def test_odd_pictures(odd_folder):
    (odd_folder.parent / "odd.yaml").write_text("datasets: [{name: folder, as: odd, root: odd}]\n"
                                               "models: [uniform, center_bias, blur_baseline, spectral_residual]\n"
                                               "heatmaps_png: {enabled: true}\n", encoding="utf-8")
    done = command("run", "--config", "odd.yaml", code=1)
    assert "8 images failed" in done.stdout                                       # two pictures × four models
    errors = pd.read_csv("outputs/odd/errors.csv")
    assert set(errors.image_id) == {"truncated", "page"} and len(errors) == 8
    assert errors.error.str.contains("not a whole picture|not a picture").all()
    for model in ["uniform", "center_bias", "blur_baseline", "spectral_residual"]:
        table = pd.read_csv(f"outputs/odd/odd__{model}.csv").set_index("image_id")
        assert len(table) == 9
        good = table.drop(index=["truncated", "page"])
        assert good.error.isna().all() and good.AUC.notna().all(), model
        assert table.loc[["truncated", "page"], "AUC"].isna().all()
    strict = command("run", "--config", "odd.yaml", "--strict", "--overwrite", "always", code=1)
    assert "not a" in strict.stderr and "Traceback" not in strict.stderr


def test_three_mistakes_are_three_lines(scratch):
    (scratch / "bad.yaml").write_text("models: [unifrom]\ndatasets: [{name: folder, root: data}]\nlimit_images: "
                                      "many\nheatmap_png: {enabled: true}\n")
    done = command("run", "--config", "bad.yaml", code=2)
    lines = [line for line in done.stderr.splitlines() if line.startswith("bad.yaml:")]
    assert len(lines) == 3
    for line, words in zip(sorted(lines), [("bad.yaml:1:", "uniform"), ("bad.yaml:3:", "limit_images"),
                                           ("bad.yaml:4:", "heatmaps_png")], strict=True):
        assert all(word in line for word in words)


DATASET = '''
import numpy as np
from saliency_playground import Sample, SaliencyDataset, Fixations, register

@register("dataset", "three_dots")
class ThreeDots(SaliencyDataset):
    "Three gray pictures with one bright dot each."
    def __len__(self): return 3
    def __getitem__(self, i):
        image = np.full((40, 60, 3), 90, np.uint8)
        image[20, 15 * (i + 1)] = 255
        return Sample(f"dot{i}", image, Fixations(x=[15.5 + 15 * i], y=[20.5]))
'''
MODEL = '''
from saliency_playground import SaliencyModel, register

@register("model", "brightness")
class Brightness(SaliencyModel):
    "How bright a pixel is, to a power."
    def __init__(self, power=2): self.power = power
    def predict(self, image):
        return (image.mean(axis=2) / 255) ** self.power
'''


def test_own_adapters_of_ten_lines(scratch):
    (scratch / "datasets").mkdir()
    (scratch / "models").mkdir()
    (scratch / "datasets" / "dots.py").write_text(DATASET)
    (scratch / "models" / "bright.py").write_text(MODEL)
    listed = command("list").stdout
    assert "three_dots" in listed and "brightness" in listed and "How bright a pixel is, to a power." in listed
    (scratch / "mine.yaml").write_text("datasets: [three_dots]\nmodels: [uniform, brightness, {name: brightness, as: "
                                       "soft, power: 0.5}]\n")
    command("run", "--config", "mine.yaml")
    assert pd.read_csv("outputs/mine/three_dots__brightness.csv").AUC.between(0.99, 1).all()

    # an edited model predicts anew
    (scratch / "models" / "bright.py").write_text(MODEL.replace("** self.power", "** -self.power"))
    assert "computed 6 predictions and 6 metric rows" in command("run", "--config", "mine.yaml").stdout
    assert pd.read_csv("outputs/mine/three_dots__brightness.csv").AUC.lt(0.01).all()


def test_two_precomputed_models_in_one_run(scratch):
    command("toy")
    stems = [path.stem for path in (scratch / "data" / "toy" / "images").iterdir()]
    for name, power in [("sharp", 3), ("flat", 1)]:
        (scratch / name).mkdir()
        for stem in stems:
            gt = np.load(scratch / "data" / "toy" / "gt_maps" / f"{stem}.npy")
            np.save(scratch / name / f"{stem}.npy", gt.astype(float) ** power)
    (scratch / "theirs.yaml").write_text("datasets: [{name: folder, as: toy, root: data/toy}]\nmodels:\n"
                                        "  - {name: precomputed, as: sharp, path: sharp, kind: map}\n"
                                        "  - {name: precomputed, as: flat, path: flat, kind: map}\n")
    command("run", "--config", "theirs.yaml")
    sharp, flat = (pd.read_csv(f"outputs/theirs/toy__{name}.csv") for name in ("sharp", "flat"))
    assert np.allclose(sharp.AUC, flat.AUC, atol=1e-3)                            # a power moves no pixel's rank
    assert np.allclose(flat.CC, 1, atol=1e-6) and (sharp.CC < 0.99).all()          # and changes what is not about ranks
