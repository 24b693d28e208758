"""A real network, FastGaze, saved as a stranger would send it.

By TorchScript and by ONNX it must say what it says itself.
"""
import warnings

import numpy as np
import pytest
from conftest import ROOT

from saliency_playground import create, images

torch = pytest.importorskip("torch")
ARRAYS = ROOT.parent / "shared" / "weights" / "fastgaze" / "weights.npz"


@pytest.fixture(scope="module")
def fastgaze():
    if not ARRAYS.is_file():
        pytest.skip(f"needs the arrays of FastGaze in {ARRAYS}, which do not ship with the project")
    return create("model", "fastgaze", weights_path=ARRAYS, device="cpu", input_long_side=256)


@pytest.fixture(scope="module")
def contract(fastgaze):
    "What a config would say of it."
    return {"channels": fastgaze.channels, "input_range": 255, "mean": fastgaze.mean, "std": fastgaze.std,
            "kind": "logits", "input_long_side": 256, "device": "cpu"}


class Sent(torch.nn.Module):  # type: ignore[name-defined]  # torch is not followed
    "The network with what its adapter does around it."
    def __init__(self, model):
        super().__init__()
        self.net, self.run = model.net, model.forward

    def forward(self, batch):
        return self.run(self.net, batch)


def same(theirs, fastgaze, picture, atol):
    for size in [picture.shape[:2], (201, 357)]:
        image = images.resize_image(picture, size)
        np.testing.assert_allclose(theirs(image).values, fastgaze(image).values, rtol=0, atol=atol)


@pytest.fixture
def picture(osie50):
    return images.read_image(sorted((osie50 / "images").iterdir())[0])


def test_by_torchscript(fastgaze, contract, picture, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                                    # torch.jit is deprecated
        torch.jit.trace(Sent(fastgaze), torch.rand(1, 3, 192, 256), check_trace=False).save(tmp_path / "sent.pt")
    same(create("model", "torchscript", weights_path=tmp_path / "sent.pt", **contract), fastgaze, picture, atol=1e-6)


def test_by_onnx(fastgaze, contract, picture, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(Sent(fastgaze), (torch.rand(1, 3, 192, 256),), tmp_path / "sent.onnx", dynamo=True,
                          verbose=False, dynamic_shapes=({2: "height", 3: "width"},))
    theirs = create("model", "onnx", weights_path=tmp_path / "sent.onnx", **contract)
    same(theirs, fastgaze, picture, atol=2e-5)
    # the exporter's way for weights
    assert [path.name for path in theirs.depends_on] == ["sent.onnx", "sent.onnx.data"]
