"""One contract for every model in the registry.

Whatever picture goes in, a whole, normalised, repeatable prediction comes out.

Networks run at full size with weights given by a formula, so that nothing is downloaded and nothing is a stand-in.
"""
import warnings

import numpy as np
import pytest
from PIL import Image

import saliency_playground as sp
from saliency_playground import images, registry
from saliency_playground.core import Ceiling, as_dataset, prepare_sample
from saliency_playground.models.input_contract import import_object
from saliency_playground.models.scanpath_files import ScanpathFiles

# two of one size, so that a batch is one
SIZES = [(64, 64), (151, 203), (151, 203), (240, 320), (64, 640), (1500, 2000)]


def picture(height, width, seed):
    "Coloured blobs on a slope: smooth, never two alike."
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    image = np.stack([80 + 60 * x, 100 + 40 * y, 120 - 40 * x], axis=2)
    for _ in range(6):
        cy, cx = rng.random(2) * [height, width] / max(height, width)
        image += (np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / rng.uniform(0.03, 0.15) ** 2)[..., None]
                  * rng.integers(-90, 90, 3))
    return image.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def dataset():
    "Pictures of every size, each seen by three observers."
    samples, rng = [], np.random.default_rng(0)
    for i, (height, width) in enumerate(SIZES):
        # they agree
        x, y = (rng.random(2)[:, None] * 0.6 + 0.2 + rng.normal(0, 0.05, (2, 30))).clip(0, 0.99) * [[width], [height]]
        seen = sp.Fixations(x, y, observer=np.repeat(["ann", "bob", "cat"], 10), order=np.tile(np.arange(10), 3))
        samples.append({"image_id": f"picture {i}", "image": picture(height, width, i), "fixations": seen,
                        "px_per_dva": min(35, min(height, width) / 7)})
    return as_dataset(samples)


CONTRAST = """
import torch
class Contrast(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(1))
    def forward(self, batch):
        return self.gain * (batch - torch.nn.functional.avg_pool2d(batch, 9, 1, 4)).abs().mean(1)
def function(image):
    with torch.inference_mode():
        return Contrast()(torch.tensor(image.transpose(2, 0, 1)[None] / 255.0))[0].numpy()
"""


def written(folder):
    "A file of code, with a network in it and a function."
    (folder / "contrast.py").write_text(CONTRAST, encoding="utf-8")
    return f"{folder}/contrast.py"


def as_script(folder):
    torch = pytest.importorskip("torch")
    network = import_object(f"{written(folder)}:Contrast")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(network()).save(folder / "contrast.pt")
    return {"weights_path": folder / "contrast.pt", "device": "cpu"}


def as_state(folder):
    torch = pytest.importorskip("torch")
    torch.save({"model": {"module.gain": torch.ones(1)}}, folder / "contrast.pth")
    return {"network": f"{written(folder)}:Contrast", "weights_path": folder / "contrast.pth", "device": "cpu"}


def as_onnx(folder):
    onnx = pytest.importorskip("onnx")
    make = onnx.helper
    nodes = [make.make_node("AveragePool", ["image"], ["around"], kernel_shape=[9, 9], pads=[4, 4, 4, 4]),
             make.make_node("Sub", ["image", "around"], ["differs"]),
             make.make_node("Abs", ["differs"], ["distance"]),
             make.make_node("ReduceMean", ["distance"], ["saliency"], axes=[1], keepdims=1)]
    wants = make.make_tensor_value_info("image", onnx.TensorProto.FLOAT, ["n", 3, "h", "w"])
    gives = make.make_tensor_value_info("saliency", onnx.TensorProto.FLOAT, None)
    onnx.save(make.make_model(make.make_graph(nodes, "contrast", [wants], [gives]),
                              opset_imports=[make.make_opsetid("", 17)], ir_version=9), folder / "contrast.onnx")
    return {"weights_path": folder / "contrast.onnx", "device": "cpu"}


BROUGHT = {"callable": lambda folder: {"function": f"{written(folder)}:function"}, "torchscript": as_script,
           "onnx": as_onnx,
           "hf_torch": as_state}  # models that a user brings: one network, four ways


def msdb_files(folder):
    "DeepGaze MSDB in three files, narrow: at full size it takes a minute an image."
    torch = pytest.importorskip("torch")
    from formula import fill_msdb
    net, given = fill_msdb("tiny"), {"backbones": "tiny", "px_per_dva": 10, "center_bias": "uniform"}
    for part, option in [(net.head, "weights_path"), (net.clip, "clip_path"), (net.dinov2, "dinov2_path")]:
        given[option] = folder / f"{option}.pth"
        torch.save(part.state_dict(), given[option])
    return given


def options_for(name, folder, dataset):
    "What a model must be given to be made: weights by formula, files to read."
    if name == "precomputed":
        for i in range(len(dataset)):
            np.save(folder / f"{dataset.ids[i]}.npy", dataset[i].image.mean(axis=2))
        return {"path": folder}
    if name == "scanpath_files":
        rng, rows = np.random.default_rng(0), ["image_id,sample,x,y"]
        for i, image_id in enumerate(dataset.ids):
            rows += [f"{image_id},0,{x:.1f},{y:.1f}" for x, y in rng.uniform(0, dataset.size_of(i)[::-1], (6, 2))]
        (folder / "paths.csv").write_text("\n".join(rows), encoding="utf-8")
        return {"path": folder / "paths.csv"}
    if name in BROUGHT:
        return BROUGHT[name](folder)
    if name == "deepgaze_msdb":
        return msdb_files(folder)
    if name == "msi_net_tf":
        pytest.importorskip("tensorflow", reason="needs the tf extra")
        from msi_net_graph import save
        return {"local_dir": save(folder)}
    cls = registry.adapter_class("model", name)
    if getattr(cls, "published", None) is not None:
        from formula import fill

        from saliency_playground import weights
        net = fill(sp.create("model", name).build())
        given = {"center_bias": "uniform"} if "deepgaze" in name else {}  # the published one is a file, too
        return given | {"weights_path": weights.write_state(folder / f"{name}.pth", net.state_dict())}
    return {}


NAMES = list(sp.names("model"))
ANY_PICTURE = [name for name in NAMES if name not in ("precomputed", "scanpath_files")
               and not issubclass(registry.adapter_class("model", name), Ceiling)]
any_picture = pytest.mark.parametrize("model", ANY_PICTURE, indirect=True)  # the others know only what they were given


@pytest.fixture(scope="module", params=NAMES)
def model(request, tmp_path_factory, dataset):
    made = sp.create("model", request.param,
                     **options_for(request.param, tmp_path_factory.mktemp(request.param), dataset))
    if isinstance(made, (Ceiling, ScanpathFiles)):
        made.bind(dataset)
    if isinstance(made, Ceiling):
        made.fit(dataset)
    return made


REFUSED = {("deepgaze_msdb", (64, 640)): "64 × 48 / 640 = 4.8 pixels nothing is left"}       # it says why


@pytest.fixture(scope="module")
def answers(model, dataset):
    "The prediction for every picture alone; None for one that the model says it cannot look at."
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for i, size in enumerate(SIZES):
            if (model.name, size) in REFUSED:
                with pytest.raises(ValueError, match=REFUSED[model.name, size]):
                    model.predictions([prepare_sample(dataset[i])])
                found.append(None)
            else:
                found.append(model.predictions([prepare_sample(dataset[i])])[0])
    return found


def test_whole_finite_normalised(model, answers):
    for answer, size in zip(answers, SIZES, strict=True):
        if answer is None:
            continue
        assert answer.values.shape == size and answer.values.dtype == np.float32
        assert answer.kind == model.kind
        assert np.isfinite(answer.values).all()
        mass = answer.values.astype(float)
        mass = np.exp(mass) if answer.kind == "density" else mass
        # float32 values, up to three million of them
        assert mass.min() >= 0 and mass.sum() == pytest.approx(1, abs=1e-4)


def test_the_same_twice(model, answers, dataset):
    for i in (1, 3):
        assert np.array_equal(model.predictions([prepare_sample(dataset[i])])[0].values, answers[i].values)


def test_a_batch_is_one_by_one(model, answers, dataset):
    together = model.predictions([prepare_sample(dataset[i]) for i in (1, 2)])
    for one, i in zip(together, (1, 2), strict=True):
        np.testing.assert_allclose(one.values, answers[i].values, atol=2e-4 if model.kind == "density"
                                   else 2e-4 / 151 / 203)


def test_pictures_differ(model, answers):
    "A model that looks at its picture does not give two pictures one map; the baselines that do not look say so here."
    blind = model.name in ("uniform", "center_bias", "center_bias_crossval", "local_bias", "saccade_histogram")
    assert blind or np.abs(answers[1].values - answers[2].values).max() > 0.05 * np.ptp(answers[1].values)


def test_the_picture_stays_as_it_was(model, dataset):
    sample = prepare_sample(dataset[1])
    before = sample.image.copy()
    model.predictions([sample])
    assert np.array_equal(sample.image, before)


@any_picture
def test_gray_and_transparent_files(model, dataset, tmp_path):
    "A gray file is its gray as three channels; one with an opaque alpha is the picture without it."
    image = dataset[1].image
    Image.fromarray(image[..., 0]).save(tmp_path / "gray.png")
    Image.fromarray(image).convert("RGBA").save(tmp_path / "opaque.png")
    for name, same in [("gray", np.repeat(image[..., :1], 3, axis=2)), ("opaque", image)]:
        assert np.array_equal(model(images.read_image(tmp_path / f"{name}.png")).values, model(same).values)
    assert np.array_equal(model(image[..., 0]).values, model(np.repeat(image[..., :1], 3, axis=2)).values)


@any_picture
def test_one_colour_is_no_crash(model):
    assert not np.isnan(model(np.full((80, 100, 3), 127, np.uint8)).values).any()


def test_card(model):
    assert {"citation", "licence", "input"} <= model.card.keys() and all(map(str.strip, map(str, model.card.values())))
    assert (type(model).__doc__ or "").strip()


@pytest.mark.parametrize("offline", ["", "1"])
def test_a_center_bias_that_cannot_be_had_stops_a_run_before_its_first_image(offline, dataset, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from dataclasses import replace

    from saliency_playground import weights
    from saliency_playground.deepgaze import center_bias, network
    from saliency_playground.errors import RunError
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SALIENCY_PLAYGROUND_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("SALIENCY_PLAYGROUND_OFFLINE", offline)
    # nobody answers
    monkeypatch.setattr(center_bias, "MIT1003",
                        replace(center_bias.MIT1003, url="http://127.0.0.1:9/centerbias_mit1003.npy"))
    weights.write_state("tiny.pth", network.tiny_network("iie").state_dict())
    sp.make_toy("toy")
    with pytest.raises(RunError, match="(?s)model deepgaze_iie: .*centerbias_mit1003.npy.* or name it with "
                       "center_bias") as refused:
        sp.benchmark(datasets=[{"name": "folder", "root": "toy"}],
                     models=["uniform", {"name": "deepgaze_iie", "weights_path": "tiny.pth",
                                         "backbones": ["tiny", "tiny"], "components": 2}])
    assert (str(refused.value).count("centerbias_mit1003.npy could not")
            + str(refused.value).count("weights centerbias_mit1003.npy") == 1)
    assert not list(tmp_path.glob("outputs/**/*.csv"))                     # not for uniform either
