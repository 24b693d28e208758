"""DeepGaze I, IIE and III against outputs of the official implementation, for weights given by a formula.

Plain and fast.
"""
import ast

import numpy as np
import pytest
from conftest import ROOT
from formula import fill

torch = pytest.importorskip("torch", reason="DeepGaze needs torch")
pytest.importorskip("torchvision", reason="three of the backbones are torchvision's")
from torch.nn import functional as F  # noqa: E402

from saliency_playground import weights  # noqa: E402
from saliency_playground.core import Fixations  # noqa: E402
from saliency_playground.deepgaze import backbones, fast, network, readout  # noqa: E402
from saliency_playground.models.deepgaze_iii import DeepGazeIII  # noqa: E402
from saliency_playground.models.scanpath_base import history_of  # noqa: E402
from saliency_playground.models.torch_base import exact_arithmetic  # noqa: E402

REFERENCE = ROOT.parent / "shared" / "reference"
# largest and mean difference, parity/README.md
TOLERANCE = {"i": (5e-5, 1e-5), "iie": (1e-4, 5e-6), "iii": (5e-5, 5e-6)}
KINDS = ("i", "iii", "iie")
pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(),
                                reason=f"needs the official outputs in {REFERENCE}, which do not ship with the project")


class Official:
    "One model with the formula's weights, its stored inputs and outputs."
    def __init__(self, kind):
        with torch.inference_mode(False):                # as the adapters load it, so that it can be prepacked
            self.kind, self.net = kind, backbones.prepack(fill(getattr(network, f"deepgaze_{kind}")()))
        with np.load(REFERENCE / "parity" / f"deepgaze_{kind}.npz") as arrays:
            self.arrays = dict(arrays)

    def image(self, i):
        return torch.from_numpy(self.arrays[f"image_{i}"]).permute(2, 0, 1)[None].float()

    def center_bias(self, i, which):
        gauss = torch.from_numpy(self.arrays[f"centerbias_gauss_{i}"])[None]
        return torch.zeros_like(gauss) if which == "zeros" else gauss

    def history(self, i, which):
        return ([torch.from_numpy(self.arrays[f"{axis}_hist_{i}_{which}"]) for axis in "xy"]
                if self.kind == "iii" else [])

    def same(self, ours, name, what=TOLERANCE):
        off = np.abs(np.asarray(ours, np.float64) - self.arrays[name])
        largest, mean = what[self.kind]
        assert (ours.shape == self.arrays[name].shape and off.max() < largest
                and off.mean() < mean), (name, off.max(), off.mean())


@pytest.fixture(scope="module", params=KINDS)
def official(request):
    with torch.inference_mode():
        yield Official(request.param)


def test_log_densities(official):
    "Every stored final log density: two photographs, two center biases, histories with and without gaps."
    for i in (0, 1):
        seen = fast.extract_features(official.net, official.image(i))
        for bias in ("zeros", "gauss"):
            for past in ("full", "nan") if official.kind == "iii" else ("",):
                name = f"log_density_{i}_{bias}" + (past and f"_{past}")
                given = official.center_bias(i, bias), *official.history(i, past)
                official.same(official.net(official.image(i), *given)[0], name)
                official.same(fast.log_density(official.net, seen, *given)[0], name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="allowed on this system: it has no CUDA card")
@pytest.mark.parametrize("kind", KINDS)
def test_on_a_card(kind):
    "The same outputs from a CUDA card, float32 without TensorFloat-32, within twice the tolerances of a processor."
    official = Official(kind)
    official.net.cuda()
    past = [values.cuda() for values in official.history(0, "full")]
    with exact_arithmetic():
        ours = fast.predict(official.net, official.image(0).cuda(), official.center_bias(0, "gauss").cuda(),
                            *past)[0].cpu()
    official.same(ours, "log_density_0_gauss_full" if kind == "iii" else "log_density_0_gauss",
                  {kind: tuple(2 * most for most in TOLERANCE[kind])})


def test_taps(official):
    "Shapes of the taps; mean and deviation of every channel that the readouts are given."
    for b, model in enumerate(fast.members(official.net)):
        prefix = f"backbone{b}_" if official.kind == "iie" else ""
        for i in (0, 1):
            if (name := f"{prefix}tap_shape{'' if official.kind == 'i' else 's'}_{i}") in official.arrays:
                assert [list(tap.shape[1:]) for tap in model.taps(official.image(i))] == official.arrays[name].tolist()
        if official.kind == "i":
            seen, name = model.taps(official.image(0))[0][0], "tap_channel"
        else:
            seen, name = model.stacked_taps(official.image(0))[0], f"{prefix}readout_channel"
        for ours, which in [(seen.mean((1, 2)), "mean"), (seen.std((1, 2), unbiased=False), "std")]:
            theirs = official.arrays[f"{name}_{which}_0"]
            assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-4 * np.abs(theirs).max()), (prefix, which)


@pytest.mark.parametrize("official", ["iii", "iie"], indirect=True)
def test_components(official):
    "Component 0 alone, and each backbone's mixture; plain and fast."
    image, zeros = official.image(0), official.center_bias(0, "zeros")
    past = official.history(0, "full")
    seen = fast.extract_features(official.net, image)
    for b, model in enumerate(fast.members(official.net)):
        prefix, end = (f"backbone{b}_", "zeros") if official.kind == "iie" else ("", "zeros_full")
        maps = (F.interpolate(readout.scanpath_maps(*past, image.shape[2:]), size=model.grid(image.shape[2:]))
                if past else None)
        official.same(model.component(0, model.stacked_taps(image), zeros, maps)[0],
                      f"{prefix}component0_log_density_0_{end}")
        if official.kind == "iie":
            official.same(model(image, zeros)[0], f"{prefix}log_density_0_zeros")
            official.same(fast.log_density(model, fast.BackboneFeatures(seen.size, [seen.taps[b]]), zeros)[0],
                          f"{prefix}log_density_0_zeros")


def test_scanpaths():
    "The scanpath network's features, and two histories in one batch."
    with torch.inference_mode():
        official = Official("iii")
        image, size = official.image(0), official.image(0).shape[2:]
        grid = official.net.grid(size)
        for past in ("full", "nan"):
            given = official.history(0, past)
            plain = official.net.scanpath_networks[0](F.interpolate(readout.scanpath_maps(*given, size), size=grid))[0]
            for ours in (plain, fast.run_scanpath_networks(official.net, *given, size, grid)[0, 0].unflatten(1, grid)):
                official.same(ours, f"component0_scanpath_features_0_{past}", {"iii": (1e-4, 1e-5)})
        both = [torch.cat(pair) for pair in zip(official.history(0, "full"), official.history(0, "nan"), strict=True)]
        for forward in (official.net, lambda *given: fast.predict(official.net, *given)):
            batch = forward(image.expand(2, -1, -1, -1), official.center_bias(0, "gauss"), *both)
            for ours, past in zip(batch, ("full", "nan"), strict=True):
                official.same(ours, f"log_density_0_gauss_{past}")


@pytest.mark.parametrize("kind, count", [("i", 19), ("iie", 5461), ("iii", 1587)])
def test_layout(kind, count, tmp_path):
    """Keys in their order, shapes and types as published.

    A checkpoint of that layout loads strictly and is saved as it came.
    """
    lines = (REFERENCE / "keys" / f"DeepGaze{kind.upper()}_state_dict_keys.txt").read_text().splitlines()
    published = [line.split("\t") for line in lines if not line.startswith("#")]
    net = getattr(network, f"deepgaze_{kind}")()
    ours = [[key, str(tuple(value.shape)), str(value.dtype).removeprefix("torch.")]
            for key, value in net.state_dict().items()]
    assert len(ours) == count and sorted(ours) == sorted(published)
    state = {key: torch.randn(shape) if kind_of == "float32" else torch.randint(9, shape)
             for key, shape, kind_of in ((key, ast.literal_eval(shape), dtype) for key, shape, dtype in published)}
    net.load_state_dict(state, strict=True)
    again = weights.read_state(weights.write_state(tmp_path / "saved.pth", net.state_dict()))
    assert (list(again) == list(net.state_dict())
            and all(again[key].numpy().tobytes() == value.numpy().tobytes() for key, value in state.items()))


@pytest.mark.parametrize("kind", ["iie", "iii"])
def test_epsilon(kind):
    "1e-12 in every norm of the readouts; the stored outputs hardly tell it from 1e-5."
    norms = [module for module in network.tiny_network(kind).modules() if isinstance(module, torch.nn.GroupNorm)]
    assert len(norms) >= 10 and all(norm.eps == 1e-12 and norm.num_groups == 1 for norm in norms)
    scale = 1e-5                                                                        # where the epsilon decides
    x = scale * torch.randn(1, 6, 5, 4, generator=torch.Generator().manual_seed(0))
    assert abs(float(fast.standardize_taps([x], (10, 8))[0].std(unbiased=False))
               - 1 / np.sqrt(1 + 1e-12 / float(x.var(unbiased=False)))) < 1e-4
    assert abs(float(readout.LayerNorm(6)(x).std(unbiased=False)) - 0.995) < 0.01


# ---- DeepGaze III as a run asks it: look once, then one density for each history ----

class Asked:
    "The model, its weights and center bias in files, and what it sees in one image."
    def __init__(self, official, folder, i, bias):
        weights_path, bias_path = folder / "formula.pth", folder / f"bias_{i}_{bias}.npy"
        if not weights_path.exists():
            weights.write_state(weights_path, official.net.state_dict())
        if bias == "gauss":
            np.save(bias_path, official.arrays[f"centerbias_gauss_{i}"])
        self.model = DeepGazeIII(weights_path=weights_path, device="cpu",
                                 center_bias="uniform" if bias == "zeros" else str(bias_path))
        self.state = self.model.look(official.arrays[f"image_{i}"])

    def next(self, histories):
        "The densities after histories, each [x, y] oldest first, asked for at once."
        paths = [Fixations(*np.transpose(history), order=np.arange(len(history))) for history in histories]
        return list(self.model.predict_next_batch(self.state, paths))


@pytest.fixture(scope="module")
def third(tmp_path_factory):
    with torch.inference_mode():
        return Official("iii"), tmp_path_factory.mktemp("iii")


def stored_history(official, i, which):
    "A stored history, oldest first, without what is missing."
    both = np.stack([official.arrays[f"{axis}_hist_{i}_{which}"][0] for axis in "xy"], axis=1)[::-1]
    return both[np.isfinite(both).all(axis=1)]


@pytest.mark.parametrize("bias", ["gauss", "zeros"])
@pytest.mark.parametrize("i", [0, 1])
def test_histories_through_the_model(third, i, bias):
    """Every stored density whose history has no gap: four fixations and two, asked for together and after others.

    A center bias that is flat anywhere gives the same density, so `uniform` stands for the stored zeros.
    """
    official, folder = third
    asked = Asked(official, folder, i, bias)
    whole = stored_history(official, i, "full")
    names, histories = [f"log_density_{i}_{bias}_full"], [whole]
    if i == 0:                                           # the other has a gap, and no path of a person has one
        names, histories = [*names, f"log_density_0_{bias}_nan"], [*histories, stored_history(official, 0, "nan")]
    others = [whole[:1], [[-5, 3], *whole]]              # a further history, and a fifth fixation, which is forgotten
    found = asked.next([*others[:1], *histories, *others[1:]])
    for name, ours in zip(names, found[1:], strict=False):
        official.same(ours, name)
    assert np.array_equal(found[-1], found[1])
    assert np.abs(found[0] - found[1]).max() > 0.01


def plain_density(state, taps, center_bias, history):
    """What DeepGaze III says, in float64 and NumPy alone, from the facts of the published one.

    state: its parameters. taps: of the backbone, (C, h, w) each. history: [x, y] in pixels, most recent first.
    """
    from scipy.ndimage import gaussian_filter1d
    height, width = center_bias.shape
    grid = -(-height // 8), -(-width // 8)

    def nearest(values, size):
        rows, columns = (np.arange(n) * m // n for n, m in zip(size, values.shape[-2:], strict=True))
        return values[..., rows[:, None], columns]

    def norm(x, name):
        x = (x - x.mean()) / np.sqrt(x.var() + 1e-12)
        return x * state[f"{name}.weight"][:, None, None] + state[f"{name}.bias"][:, None, None]

    def conv(x, name):
        return np.tensordot(state[f"{name}.weight"][:, :, 0, 0], x, 1)

    def bias(x, name):
        return np.logaddexp(0, x + state[f"{name}.bias"].reshape(-1, 1, 1))

    seen = np.concatenate([nearest(tap, grid) for tap in taps])
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    past = [np.stack([nearest(part, grid) for part in (columns - x, rows - y, np.hypot(columns - x, rows - y))])
            for x, y in history]
    coarse = center_bias[::4, ::4][:height // 4, :width // 4]
    densities = []
    for k in range(10):
        net = f"saliency_networks.{k}"
        x = seen
        for layer in range(3):
            x = bias(conv(norm(x, f"{net}.layernorm{layer}"), f"{net}.conv{layer}"), f"{net}.bias{layer}")
        net = f"scanpath_networks.{k}"
        path = sum(conv(part, f"{net}.encoding0.convolutions.{j}")
                   + state[f"{net}.encoding0.convolutions.{j}.bias"][:, None, None] for j, part in enumerate(past))
        path = bias(conv(norm(np.logaddexp(0, path), f"{net}.layernorm1"), f"{net}.conv1"), f"{net}.bias1")
        net = f"fixation_selection_networks.{k}"
        x = bias(sum(conv(norm(part, f"{net}.layernorm0.layernorm_part{j}"), f"{net}.conv0.conv_part{j}")
                     for j, part in enumerate((x, path))), f"{net}.bias0")
        x = conv(bias(conv(norm(x, f"{net}.layernorm1"), f"{net}.conv1"), f"{net}.bias1"), f"{net}.conv2")[0]
        sigma = float(state[f"finalizers.{k}.gauss.sigma"])
        blurred = nearest(x, coarse.shape)
        for axis in (0, 1):
            blurred = gaussian_filter1d(blurred, sigma, axis, mode="nearest", radius=int(np.ceil(3 * sigma)))
        values = nearest(blurred + state[f"finalizers.{k}.center_bias_weight"] * coarse, (height, width))
        densities.append(np.exp(values - np.log(np.exp(values).sum())))
    return np.log(np.mean(densities, axis=0))


@pytest.mark.parametrize("i", [0, 1])
def test_many_histories_against_a_plain_forward(third, i):
    "Thirteen histories of one path, and four odd ones: one fixation, repeated ones, on the border, beside the image."
    official, folder = third
    asked = Asked(official, folder, i, "gauss")
    height, width = official.arrays[f"image_{i}"].shape[:2]
    state = {name: value.double().numpy() for name, value in official.net.state_dict().items()}
    with torch.inference_mode():
        taps = [tap[0].double().numpy() for tap in official.net.taps(official.image(i))]
    points = np.random.default_rng(i).uniform([-20, -10], [width + 20, height + 10], (14, 2))
    path = Fixations(*points.T, order=np.arange(14))
    histories = [np.stack([past.x, past.y], axis=1) for past in (history_of(path, k, 4) for k in range(1, 14))]
    odd = [[[7.5, 9]] * 3, [[0, 0], [width - 1e-6, height - 1e-6]], [[-300, 40]], [[3, 4], [3, 4], [50, 60]]]
    histories += [np.array(history, float) for history in odd]
    assert sorted({len(history) for history in histories}) == [1, 2, 3, 4]
    bias = official.arrays[f"centerbias_gauss_{i}"].astype(float)
    found = asked.next(histories)
    for history, ours in zip(histories, found, strict=True):
        expected = plain_density(state, taps, bias, history[::-1])
        off = np.abs(ours - expected)
        assert off.max() < TOLERANCE["iii"][0] and off.mean() < TOLERANCE["iii"][1], (history, off.max())
    apart = [np.abs(one - other).max() for one, other in zip(found, found[1:], strict=False)]
    assert min(apart) > 0.01                             # the histories do vary, and so does what is said
    stored = plain_density(state, taps, bias, stored_history(official, i, "full")[::-1])
    official.same(stored, f"log_density_{i}_gauss_full")             # the plain forward is right itself
