"""Fine-tuning the four real backbones.

A step changes the listed modules and nothing else, with the gradients of the networks as torchvision has them.
"""
import copy

import pytest

torch = pytest.importorskip("torch", reason="DeepGaze needs torch")
pytest.importorskip("torchvision", reason="three of the backbones are torchvision's")

from torchvision import models  # noqa: E402

from saliency_playground.deepgaze import fast  # noqa: E402
from saliency_playground.deepgaze.backbones import BACKBONES, FeatureExtractor, WrappedNetwork  # noqa: E402
from saliency_playground.deepgaze.network import IIE, deepgaze_iie, tiny_network  # noqa: E402
from saliency_playground.finetune.blocks import block_of, freeze, last_modules, names_without_gradient  # noqa: E402

PLAIN = {"shape_resnet50": lambda: WrappedNetwork(models.resnet50(weights=None)),
         "densenet201": lambda: models.densenet201(weights=None),
         "resnext50": lambda: models.resnext50_32x4d(weights=None)}
SIDE = 128  # pixels: half of that reaches the backbone, 2 × 2 cells its end; of one cell alone all gradients would be 0


@pytest.fixture(scope="module", params=IIE)
def net(request):
    "One backbone with one readout, random, its batch norms with statistics of their own."
    torch.manual_seed(0)
    net = deepgaze_iie([BACKBONES[request.param]], components=1)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return net


@pytest.fixture(scope="module")
def picture():
    random = torch.Generator().manual_seed(1)
    return torch.rand(1, 3, SIDE, SIDE, generator=random) * 255, torch.randn(1, SIDE, SIDE, generator=random)


def gradients(net, picture):
    "Gradients by name of the log density of a corner."
    net.zero_grad(set_to_none=True)
    (-net(*picture)[0, :30, :40].mean()).backward()
    return {name: tensor.grad.clone() for name, tensor in net.named_parameters() if tensor.grad is not None}


def step(net, picture):
    "The names of what one step changes; undone afterwards."
    before = copy.deepcopy(net.state_dict())
    scale = 1 / min(float(gradient.abs().max()) for gradient in gradients(net, picture).values())
    torch.optim.SGD([tensor for tensor in net.parameters() if tensor.requires_grad], lr=scale).step()
    changed = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    net.load_state_dict(before)
    return changed


@pytest.mark.parametrize("n", range(1, 6))
def test_last_modules(net, picture, n):
    """The tensors of the last n modules change, and no other, no running statistic among them, though the network is
    told to train.
    """
    net.train()
    trained = freeze(net, "freeze_blocks", ["all"], n)
    (names,) = last_modules(net, n)
    assert len(names) == n and {name.rpartition(".")[0] for name in trained} == set(names)
    assert step(net, picture) == set(trained) and not names_without_gradient(net)


@pytest.mark.parametrize("blocks", [["backbone"], ["head"], ["all"]], ids=" ".join)
def test_blocks(net, picture, blocks):
    """Every tensor that a block says is trained has a gradient, none of a backbone is left out that could have one, and
    nothing else changes.
    """
    trained = freeze(net, "train_blocks", blocks)
    assert step(net, picture) == set(trained) and not names_without_gradient(net)
    net.requires_grad_(True)
    assert {name for name in gradients(net, picture) if blocks == ["all"]
            or (block_of(name) == "backbone") == (blocks == ["backbone"])} == set(trained)


@pytest.mark.parametrize("what", ["last five", "one bias", "all"])
# EfficientNet's blocks are held to their formulas in their notebook
@pytest.mark.parametrize("net", PLAIN, indirect=True)
def test_as_torchvision(net, picture, what):
    """The gradients are those of the network as torchvision builds it, whichever of its tensors are trained.

    In double precision: the order of two steps shows in the third digit of single precision behind 200 layers.
    """
    net, picture = copy.deepcopy(net).double(), [tensor.double() for tensor in picture]
    name = next(name for name in PLAIN if net.models[0].features.taps == BACKBONES[name].taps)
    plain = copy.copy(net.models[0])
    plain._modules = dict(plain._modules, features=FeatureExtractor(PLAIN[name](), BACKBONES[name].taps).double())
    plain.features.load_state_dict(net.models[0].features.state_dict())
    freeze(net, "train_blocks",
           *{"last five": (["finalizer"], 5), "one bias": (["finalizer"], 0), "all": (["all"], 0)}[what])
    if what == "one bias":
        next(tensor for name, tensor in reversed(list(net.named_parameters())) if "layer3.0.bn1.bias" in name
             or "denselayer20.norm1.bias" in name).requires_grad_(True)
    for ours, theirs in zip(net.models[0].features.parameters(), plain.features.parameters(), strict=True):
        theirs.requires_grad_(ours.requires_grad)
    ours, theirs = gradients(net.models[0], picture), gradients(plain, picture)
    assert ours.keys() == theirs.keys() and any("features" in name for name in ours)
    for name, gradient in ours.items():
        assert torch.allclose(gradient, theirs[name], rtol=1e-7, atol=1e-9 * float(gradient.abs().max())), name


def test_fast_as_plain(picture):
    """Whichever single tensor is trained, the fast way gives the gradient of the plain one.

    Nothing that it needs was written over.
    """
    torch.manual_seed(0)
    net = tiny_network("iie").requires_grad_(False)
    for model in net.models:
        for finalizer in model.finalizers:
            finalizer.gauss.sigma.fill_(3)
    names = freeze(net, "train_blocks", ["all"])
    for name in names:
        net.requires_grad_(False)
        tensor = net.get_parameter(name).requires_grad_(True)
        plain, quick = (torch.autograd.grad(run(*picture)[0, :30, :40].mean(), tensor)[0]
                        for run in (net, lambda *given: fast.predict(net, *given)))
        assert torch.allclose(plain, quick, rtol=1e-2, atol=1e-3 * float(plain.abs().max()) + 1e-8), name
