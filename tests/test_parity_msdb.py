"""DeepGaze MSDB against outputs of the official implementation, for weights given by a formula.

The tiny one at every run; the one of full size, which takes 3 GB and some minutes, with `pytest -m slow`.
"""
import ast
import hashlib

import numpy as np
import pytest
from conftest import OSIE50, ROOT
from formula import fill_msdb, msdb_array, official_key
from PIL import Image

torch = pytest.importorskip("torch", reason="DeepGaze needs torch")
from torch.nn import functional as F  # noqa: E402

from saliency_playground.deepgaze import msdb  # noqa: E402

REFERENCE = ROOT.parent / "shared" / "reference"
pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(),
                                reason=f"needs the official outputs in {REFERENCE}, which do not ship with the project")


def arrays_of(name):
    with np.load(REFERENCE / "parity" / f"{name}.npz") as arrays:
        return dict(arrays)


def same(ours, theirs, most, mean=np.inf):
    off = np.abs(np.asarray(ours, np.float64) - theirs)
    assert ours.shape == theirs.shape and off.max() < most and off.mean() < mean, (off.max(), off.mean())


def as_tensor(image):
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None]


@pytest.fixture(scope="module")
def tiny():
    with torch.inference_mode():
        yield fill_msdb("tiny"), arrays_of("deepgaze_msdb_tiny")


def test_the_formula():
    "The weights are those of the reference: first values and sums of its table."
    sigmas = msdb_array("finalizer.gauss.dataset_sigmas", (5,))
    assert sigmas[:2] == pytest.approx([0.78026372, 0.99887693]) and sigmas.sum() == pytest.approx(3.91168, abs=1e-5)
    assert msdb_array("features.pixel_per_dva_weights", (5, 5)).sum() == pytest.approx(-1.05466, abs=1e-5)


@pytest.mark.parametrize("kind", ["tiny", "full"])
def test_names_and_shapes(kind):
    "Every tensor has the official name and shape; what is left out lies behind the last layer that is read."
    lines = (REFERENCE / "keys" / {"tiny": "DeepGazeMSDB_tiny_state_dict_keys.txt",
                                   "full": "DeepGazeMSDB_state_dict_keys.txt"}[kind]).read_text().splitlines()
    official = {key: ast.literal_eval(shape) for key, shape, _ in
                (line.split("\t") for line in lines if not line.startswith("#"))}
    with torch.device("meta"):
        state = msdb.deepgaze_msdb(kind).state_dict()
    ours = {official_key(name): tuple(tensor.shape) for name, tensor in state.items()}
    assert ours == {key: official[key] for key in ours}
    left_out = [key.removeprefix("features.backbone.feature_extractors.") for key in official.keys() - ours.keys()]
    behind = ("CLIP.features.1.layer4.2.bn2.", "CLIP.features.1.layer4.2.conv3.", "CLIP.features.1.layer4.2.bn3.",
              *(f"CLIP.features.1.layer4.{i}." for i in range(3, 10)), "CLIP.features.1.attnpool.",
              "DINOv2.features.1.blocks.11.", "DINOv2.features.1.norm.", "DINOv2.features.1.mask_token",
              "DINOv2.output_dimension_providing_layer.")
    assert [key for key in left_out if not key.startswith(behind)] == []


def test_tiny_log_densities(tiny):
    "A batch of two images, two numbers of pixels per degree, two datasets; and those for no dataset."
    net, arrays = tiny
    images = torch.from_numpy(arrays["images"]).permute(0, 3, 1, 2)
    center, degrees = torch.from_numpy(arrays["centerbias"])[None], arrays["pixel_per_dva"].tolist()
    for name, ours in [("mixed", net(images, center, degrees, arrays["dataset_mixed"].tolist())),
                       ("none", net(images, center, degrees)),
                       ("none_zeros", net(images, torch.zeros_like(center), degrees)),
                       ("2", net(images[:1], center, 18.5, 2))]:
        same(ours, arrays[f"log_density_{name}"], 1e-5, 1.5e-6)


def test_tiny_taps(tiny):
    "Sizes of the rescaled images, and every map of them; the readout and what it is given."
    net, arrays = tiny
    images = torch.from_numpy(arrays["images"]).permute(0, 3, 1, 2)
    taps = [list(net.scale_taps(images[i:i + 1], float(arrays["pixel_per_dva"][i]))) for i in (0, 1)]
    # theirs: for each number of pixels per degree image 0, image 1; then both together for each side
    calls = [(i, k) for k in range(5) for i in (0, 1)] + [(0, k) for k in range(5, 10)]
    for row, (i, k) in enumerate(calls):
        size = msdb.scaled_sizes((121, 163), float(arrays["pixel_per_dva"][i]), msdb.TINY_SIDES)[k]
        assert size == tuple(arrays["input_shapes"][row][2:])
        for column, tap in enumerate(taps[i][k]):
            assert tap.shape[1:] == tuple(arrays["tap_shapes"][row][column][1:])
            assert float(tap.mean()) == pytest.approx(arrays["tap_mean"][row][column], abs=2e-4)
            assert float(tap.std(unbiased=False)) == pytest.approx(arrays["tap_std"][row][column], abs=2e-4)
    for row, k in ((0, 0), (8, 4), (14, 9)):
        for column in range(3):
            for i, theirs in enumerate(arrays[f"taps_{row}_{column}"]):
                same(taps[i][k][column][0], theirs, 2e-4)
    for i, dataset in enumerate(arrays["dataset_mixed"].tolist()):
        fused = msdb.fuse(taps[i], net.head.settings(dataset).scale_weights, (16, 21))
        same(fused.mean((0, 2, 3)), arrays["mixed_readout_mean"][i], 1e-4)
        same(fused.std((0, 2, 3), unbiased=False), arrays["mixed_readout_std"][i], 1e-4)
        same(net.head.saliency_network(fused)[0, 0], arrays["mixed_saliency"][i], 1e-4, 5e-6)


@pytest.mark.slow
@pytest.mark.parametrize("i", [1, 0])
def test_full_size(i, osie50):
    "The published network on two photographs: sizes, maps, readout, and log densities for None, CAT2000 and DAEMONS."
    arrays = arrays_of("deepgaze_msdb")
    image = arrays["image_1"] if i else np.asarray(Image.open(OSIE50 / "images" / "1030.jpg").convert("RGB"))
    if not i and hashlib.sha256(image.tobytes()).hexdigest() != (
            "29e287468912921b8b1cafd060afa54a99fed87d10ae5bcaebbf2ff556c00090"):
        pytest.fail("the JPEG is decoded otherwise here than where the reference was made")
    size, degrees = image.shape[:2], float(arrays[f"pixel_per_dva_{i}"])
    y, x = ((np.arange(n) - (n - 1) / 2) / (n / 4) for n in size)
    gauss = torch.from_numpy(-0.5 * (y[:, None]**2 + x**2)).float()[None]
    with torch.inference_mode():
        net = fill_msdb("full")
        taps = list(net.scale_taps(as_tensor(image), degrees))
        assert [list(shape[2:]) for shape in arrays[f"input_shapes_{i}"]] == [
            list(scaled) for scaled in msdb.scaled_sizes(size, degrees)]
        for k, maps in enumerate(taps):
            assert [list(tap.shape[1:]) for tap in maps] == arrays[f"tap_shapes_{i}"][k].tolist()
            same(torch.cat([tap[0, :, tap.shape[2] // 2, tap.shape[3] // 2] for tap in maps]),
                 arrays[f"tap_centre_{i}"][k], 1e-3)
        off = {}
        for which in (None, 1, 3):
            settings, name = net.head.settings(which), "none" if which is None else str(which)
            fused = msdb.fuse(taps, settings.scale_weights, msdb.scaled_size(size, 1 / 8))
            if which is None:
                same(fused.mean((0, 2, 3)), arrays[f"readout_channel_mean_{i}_none"], 1e-3)
                same(fused.std((0, 2, 3), unbiased=False), arrays[f"readout_channel_std_{i}_none"], 1e-3)
            readout = net.head.saliency_network(fused)
            same(readout[0, 0], arrays[f"saliency_{i}_{name}"], 1e-4, 5e-6)
            for bias in ("gauss", "zeros") if which is None else ("gauss",):
                ours = msdb.finalize(msdb.enlarge(readout, size), gauss if bias == "gauss" else 0 * gauss, settings,
                                     degrees)[0]
                ours = ours if i else ours[::5, ::5]
                theirs = arrays[f"log_density_{i}_{name}_{bias}"]
                off[name, bias] = float(np.abs(ours.numpy() - theirs).max())
                same(ours, theirs, 5e-5, 5e-6)
    print({name: f"{value:.1e}" for name, value in off.items()})


def test_what_the_reference_says_it_catches(tiny):
    "A change that is easily made is not within the tolerance, so the tests above could have failed."
    net, arrays = tiny
    image, center = torch.from_numpy(arrays["images"][:1]).permute(0, 3, 1, 2), torch.from_numpy(arrays["centerbias"])
    taps, settings = list(net.scale_taps(image, 18.5)), net.head.settings(2)
    fused = sum(weight * torch.cat([F.interpolate(tap, size=(16, 21)) for tap in maps], 1)             # nearest
                for maps, weight in zip(taps, settings.scale_weights, strict=True))
    ours = msdb.finalize(net.head.priority_map(fused, (121, 163)), center[None], settings, 18.5)
    assert np.abs(ours.numpy() - arrays["log_density_2"]).max() > 0.1
