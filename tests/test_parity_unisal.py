"""UNISAL against the official implementation's outputs for weights by formula, and against the list of its tensors."""
import numpy as np
import pytest
from conftest import ROOT
from formula import fill, formula_array

torch = pytest.importorskip("torch")

from saliency_playground import create, weights  # noqa: E402
from saliency_playground.models.torch_base import devices, exact_arithmetic  # noqa: E402
from saliency_playground.models.unisal import UnisalNet  # noqa: E402

REFERENCE = ROOT.parent / "shared" / "reference"


def needed(path):
    if not path.is_file():
        pytest.skip(f"needs {path}, which does not ship with the project")
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    "A file of weights by formula in the official layout."
    return weights.write_state(tmp_path_factory.mktemp("unisal") / "weights_best.pth", fill(UnisalNet()).state_dict())


def test_the_formula_here_is_the_formula_there():
    array = formula_array("smoothing_salicon.weight", (1, 1, 41, 41))
    assert (np.allclose(array.ravel()[:2], [-0.032466855, -0.0066089262], rtol=1e-6)
            and np.isclose(array.sum(dtype=float), 0.391374, rtol=1e-5))
    state = fill(UnisalNet()).state_dict()
    assert np.isclose(sum(tensor.abs().sum(dtype=torch.float64) for tensor in state.values()), 3.721769e5, rtol=1e-6)


def test_names_shapes_types():
    "The official state dict, in its order."
    lines = needed(REFERENCE / "keys" / "UNISAL_state_dict_keys.txt").read_text().splitlines()[1:]
    ours = [f"{name}\t{tuple(tensor.shape)}\t{tensor.dtype}" for name, tensor in UnisalNet().state_dict().items()]
    assert ours == lines and len(lines) == 835


@pytest.mark.parametrize("device",
                         ["cpu", pytest.param("cuda",
                                              marks=pytest.mark.skipif("cuda:0" not in devices(), reason="allowed on "
                                                                       "this system: it has no CUDA card"))])
@pytest.mark.parametrize("source", ["SALICON", "DHF1K"])
def test_parity(written, source, device):
    model = create("model", "unisal", weights_path=written, source=source, device=device)
    with np.load(needed(REFERENCE / "parity" / "unisal.npz"), allow_pickle=False) as stored:
        reference = dict(stored)
    picture = reference["image_0"]
    assert model.preprocess(picture) is picture  # 288 × 384 is the official size for 3 : 4
    difference = np.abs(model.predict(picture) - reference[f"log_density_0_{source}"])
    assert (difference.max() < (1e-4 if device == "cpu" else 1e-3)
            and difference.mean() < (2e-5 if device == "cpu" else 1e-4))
    batch = ((picture / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype(np.float32).transpose(
        2, 0, 1)[None]
    with exact_arithmetic():
        taps = model.net.cnn(torch.from_numpy(batch).to(device))
    for name, tap in zip(("1x", "2x", "4x"), taps, strict=True):
        assert list(tap.shape[1:]) == reference[f"cnn_feat_{name}_shape_0"].tolist()
        assert np.allclose(tap.mean((0, 2, 3)).cpu(), reference[f"cnn_feat_{name}_channel_mean_0"],
                           atol=2e-5 if device == "cpu" else 2e-4)


def test_float64_agrees_too(written):
    """The rest of the difference is rounding.

    In float64 the same network is as near to the stored float32 result as the official one is.
    """
    with np.load(needed(REFERENCE / "parity" / "unisal.npz"), allow_pickle=False) as reference:
        picture, expected = reference["image_0"], reference["log_density_0_SALICON"]
    net = UnisalNet().eval().double()
    weights.load_state(net, weights.read_state(written), written)
    batch = ((picture / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).transpose(2, 0, 1)[None]
    with torch.inference_mode():
        assert np.abs(net(torch.from_numpy(batch))[0].numpy() - expected).max() < 3e-5  # the official one: 1.9e-5


def test_round_trip(written, tmp_path):
    "The official layout in, the official layout out, byte for byte; whatever wrapper it came in."
    read = weights.read_state(written)
    model = create("model", "unisal", weights_path=written, device="cpu")
    again = weights.read_state(weights.write_state(tmp_path / "again.pth", model.net.state_dict()))
    assert list(again) == list(read)
    assert all(again[name].dtype == tensor.dtype and again[name].numpy().tobytes() == tensor.numpy().tobytes()
               for name, tensor in read.items())
    torch.save({"model_state_dict": {f"module.{name}": tensor for name, tensor in read.items()}, "epoch": 3},
               tmp_path / "checkpoint.pth")
    wrapped = create("model", "unisal", weights_path=tmp_path / "checkpoint.pth", device="cpu")
    assert all(torch.equal(tensor, read[name]) for name, tensor in wrapped.net.state_dict().items())
    del read["rnn.cell_list.0.a_r_x"]  # not used for pictures, and still missed
    weights.write_state(tmp_path / "lacking.pth", read)
    with pytest.raises(ValueError, match="1 missing: rnn.cell_list.0.a_r_x"):
        assert create("model", "unisal", weights_path=tmp_path / "lacking.pth", device="cpu").net is None
