"""FastGaze with its real weights.

The reference outputs, the published file byte for byte, and a run on 50 photographs of OSIE.
"""
import hashlib
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, command

torch = pytest.importorskip("torch")

from saliency_playground import create  # noqa: E402
from saliency_playground.models.fastgaze import FastGaze, FastGazeNet, read_vxm  # noqa: E402
from saliency_playground.models.torch_base import devices  # noqa: E402

SHARED = ROOT.parent / "shared"
ARRAYS = SHARED / "weights" / "fastgaze" / "weights.npz"
PARITY = SHARED / "reference" / "parity" / "fastgaze.npz"


@pytest.fixture(scope="module")
def arrays():
    if not ARRAYS.is_file():
        pytest.skip(f"needs the arrays of FastGaze in {ARRAYS}, which do not ship with the project")
    with np.load(ARRAYS, allow_pickle=False) as stored:
        return dict(stored)


def published(arrays) -> bytes:
    "The arrays as the published file has them: every number a second time, element by element, keys in order."
    def number(value):
        return struct.pack("<I", value)

    entries = {"layerCount": number(19), "modelType": number(2), "18Type": number(3), "18KernelSize": number(19),
               "18Std": number(3)}
    for i in (2, 5, 8, 11):
        entries |= {f"{i}Type": number(2), f"{i}Pool": number(2)}
    for name, array in arrays.items():
        layer, what = int(name[5:7]), name.split(".")[1]
        key = f"{layer}{ {'weight': 'w', 'bias': 'b', 'alpha': 'alpha'}[what] }"
        entries |= {f"{layer}Type": number(0), f"{layer}Act": number(4 if f"layer{layer:02d}.alpha" in arrays else 1)}
        entries |= {key: array.astype("<f4").tobytes(), f"{key}.dtype": b"float32", f"{key}.ndims": number(array.ndim),
                    f"{key}.shape": np.array(array.shape, "<u4").tobytes()}
        if what == "weight":
            entries |= ({f"{key}.shape.listlength": number(4)}
                        | {f"{key}.shape[{j}]": number(side) for j, side in enumerate(array.shape)})
    pieces = [piece for key in sorted(entries) for piece in (key.encode() + b"\0", entries[key])]
    return b"\x01tPM" + number(len(entries)) + b"".join(number(len(piece)) + piece for piece in pieces)


def test_the_published_file(arrays, tmp_path):
    """Written from the arrays by the facts of the format, it has the published size and SHA-256, and our reader gives
    the arrays back to the bit.
    """
    whole = published(arrays)
    assert len(whole) == FastGaze.published.size and hashlib.sha256(whole).hexdigest() == FastGaze.published.sha256
    (tmp_path / "fastgaze.vxm").write_bytes(whole)
    read = read_vxm(tmp_path / "fastgaze.vxm")
    assert read.keys() == arrays.keys()
    assert all(read[name].numpy().tobytes() == array.tobytes() and read[name].dtype == torch.float32
               for name, array in arrays.items())
    random = np.random.default_rng(0)
    for _ in range(60):  # damaged anywhere: refused in words, or other numbers in the same arrays
        damaged = bytearray(whole)
        damaged[random.integers(len(whole))] ^= 1 << random.integers(8)
        (tmp_path / "damaged.vxm").write_bytes(damaged)
        try:
            assert read_vxm(tmp_path / "damaged.vxm").keys() == arrays.keys()
        except ValueError as error:
            assert "damaged.vxm is not a whole fastgaze.vxm" in str(error)
    for end in random.integers(0, len(whole), 20):
        (tmp_path / "cut.vxm").write_bytes(whole[:end])
        with pytest.raises(ValueError, match="cut.vxm is not a whole"):
            read_vxm(tmp_path / "cut.vxm")


def test_parity(arrays):
    if not PARITY.is_file():
        pytest.skip(f"needs the reference outputs in {PARITY}, which do not ship with the project")
    model = create("model", "fastgaze", weights_path=ARRAYS, device="cpu")
    with np.load(PARITY, allow_pickle=False) as reference:
        pictures = [reference[f"image_{i}"] for i in range(3)]
        expected = [reference[f"log_saliency_{i}"] for i in range(3)]
    for picture, values in zip(pictures, expected, strict=True):
        assert model.preprocess(picture) is picture                             # 384 × 512 is fed as it is
        difference = np.abs(model.predict(picture) - values)
        assert difference.max() < 1e-5 and difference.mean() < 2e-6
    assert np.allclose(model.predict_batch(pictures), expected, atol=1e-5)
    if "cuda:0" in devices():
        on_card = create("model", "fastgaze", weights_path=ARRAYS, device="cuda")
        assert np.allclose(on_card.predict_batch(pictures), expected, atol=1e-4)


def test_state_round_trip(arrays, tmp_path):
    from saliency_playground import weights
    model = create("model", "fastgaze", weights_path=ARRAYS, device="cpu")
    path = weights.write_state(tmp_path / "again.pth", model.net.state_dict())
    assert ({name: tensor.numpy().tobytes() for name, tensor in weights.read_state(path).items()}
            == {name: array.tobytes() for name, array in arrays.items()})
    assert sum(p.numel() for p in FastGazeNet().parameters()) == FastGaze.n_parameters == 121_060 + 4


CONFIG = """
experiment: fastgaze
datasets:
  - {{name: csv_indexed, as: osie50, index_csv: "{root}/fixations.csv", index_base: 1, sigma_px: 24}}
models:
  - center_bias_crossval
  - spectral_residual
  - {{name: fastgaze, as: fastgaze_512, weights_path: "{weights}"}}
  - {{name: fastgaze, as: fastgaze_800, weights_path: "{weights}", input_long_side: 800}}
metrics: [AUC, sAUC, NSS, LL]
"""


def test_a_run_on_osie(scratch, osie50, arrays):
    "Above the baselines, with the scores that were known before; two variants of one model in one run."
    Path("fastgaze.yaml").write_text(CONFIG.format(root=osie50.as_posix(), weights=ARRAYS.as_posix()), encoding="utf-8")
    assert "computed 200 predictions and 200 metric rows" in command("run", "--config", "fastgaze.yaml").stdout
    tables = {model: pd.read_csv(f"outputs/fastgaze/osie50__{model}.csv")
              for model in ("center_bias_crossval", "spectral_residual", "fastgaze_512", "fastgaze_800")}
    assert all(len(table) == 50 and table.error.isna().all() for table in tables.values())
    means = pd.DataFrame({model: table[["AUC", "sAUC", "NSS", "LL"]].mean() for model, table in tables.items()}).T
    small, large, bias = means.loc["fastgaze_512"], means.loc["fastgaze_800"], means.loc["center_bias_crossval"]
    # known from 60 images
    assert abs(small.NSS - 1.50) < 0.1 and abs(small.AUC - 0.827) < 0.01 and abs(small.sAUC - 0.753) < 0.03
    assert large.NSS > small.NSS + 0.1 and large.AUC > small.AUC and large.sAUC > small.sAUC
    assert ((small[["AUC", "sAUC", "NSS", "LL"]] > bias).all()
            and (small[["AUC", "sAUC", "NSS"]] > means.loc["spectral_residual", ["AUC", "sAUC", "NSS"]]).all())
    assert (tables["fastgaze_512"].AUC > tables["center_bias_crossval"].AUC).mean() > 0.7  # image by image, too
    assert "computed 0 predictions and 0 metric rows" in command("run", "--config", "fastgaze.yaml").stdout
