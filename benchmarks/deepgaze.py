"""How fast is our DeepGaze, and does it say the same?

The official way, our plain forward and our fast one, one process, taking turns.

    python benchmarks/deepgaze.py                    # some ten minutes on two cores; writes benchmarks/deepgaze.md
    python benchmarks/deepgaze.py --official PATH    # PATH: a checkout of github.com/matthias-k/DeepGaze
    python benchmarks/deepgaze.py --quick            # three rounds, printed, nothing written

All networks have random weights, which cost the same as trained ones; nothing is downloaded. Without a checkout its
place is taken by `official_way`, our own words for what the official implementation computes and how often: layer norm,
padding and activation spelt out, every readout on its own at the full grid, the history encoded anew for each of them,
the finalizer at the size of the picture, the backbones to their very end.
"""
import argparse
import copy
import math
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import saliency_playground  # noqa: E402, F401 - before torch, as in a run: it says how torch's threads wait

# isort: split
import numpy as np  # noqa: E402
import torch  # noqa: E402
from common import machine, official_deepgaze, table, take_turns  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from saliency_playground.deepgaze import backbones as own  # noqa: E402
from saliency_playground.deepgaze import fast, network, readout  # noqa: E402

NAN = float("nan")


# ---- the other side ----

def spelt_norm(x, norm):
    "A layer norm over channels and places in elementary steps."
    mean, variance = x.mean((1, 2, 3), keepdim=True), x.var((1, 2, 3), unbiased=False, keepdim=True)
    return (x - mean) / torch.sqrt(variance + norm.eps) * norm.weight[:, None, None] + norm.bias[:, None, None]


def rounds(x, net, which):
    "Norm, convolution, bias and softplus of these rounds of a network."
    for i in which:
        x = getattr(net, f"conv{i}")(spelt_norm(x, getattr(net, f"layernorm{i}")))
        x = F.softplus(getattr(net, f"bias{i}")(x))
    return x


def official_way(net, image, center_bias, *history):
    "What the official implementation computes, as often as it does."
    models = fast.members(net)
    if len(models) > 1:
        return torch.stack([official_way(model, image, center_bias) - math.log(len(models))
                            for model in models]).logsumexp(0)
    model, found, size = models[0], {}, image.shape[2:]
    whole = model.features.features
    hooks = [whole[1].get_submodule(tap).register_forward_hook(
        lambda module, given, output, tap=tap: found.update({tap: output.clone()}))
             for tap in model.features.taps]
    whole(F.interpolate(image, scale_factor=0.5, recompute_scale_factor=False))
    for hook in hooks:
        hook.remove()
    seen = torch.cat([F.interpolate(found[tap], size=model.grid(size)) for tap in model.features.taps], 1)
    parts = []
    for k, choose in enumerate(model.fixation_selection_networks):
        given = [rounds(seen, model.saliency_networks[k], range(3))]
        if history:
            past, encoder = (F.interpolate(readout.scanpath_maps(*history, size), size=model.grid(size)),
                             model.scanpath_networks[k])
            given.append(rounds(F.softplus(encoder.encoding0(past)), encoder, [1]))
        given = [spelt_norm(part, norm) for part, norm in zip(given, choose.layernorm0.children(), strict=True)]
        x = rounds(F.softplus(choose.bias0(choose.conv0(given))), choose, [1])
        parts.append(model.finalizers[k](choose.conv2(x), center_bias) - math.log(len(model.finalizers)))
    return torch.stack(parts).logsumexp(0)


class SpeltConv(own.PaddedConv):
    "EfficientNet's convolution, its border copied around the map first."
    def forward(self, x):
        (size, _), (stride, _) = self.kernel_size, self.stride
        extra = size - stride
        x = F.pad(x, (extra // 2, extra - extra // 2) * 2) if extra > 0 else x
        return F.conv2d(x, self.weight, self.bias, self.stride, groups=self.groups)


def swish(x):
    return x * torch.sigmoid(x)


class SpeltBlock(own.MBConv):
    "EfficientNet's block with its activation in two steps."
    def forward(self, x):
        y = swish(self._bn0(self._expand_conv(x))) if self.widens else x
        y = swish(self._bn1(self._depthwise_conv(y)))
        y = torch.sigmoid(self._se_expand(swish(self._se_reduce(F.adaptive_avg_pool2d(y, 1))))) * y
        y = self._bn2(self._project_conv(y))
        return y + x if self.adds else y


def usual(net):
    "A copy whose backbones compute as torchvision's and the official EfficientNet do."
    from torchvision.models import densenet, resnet
    net, back = (copy.deepcopy(net),
                 {own.InPlaceNorm: nn.BatchNorm2d, own.PaddedConv: SpeltConv, own.MBConv: SpeltBlock,
                  own.DenseBlock: densenet._DenseBlock, own.DenseLayer: densenet._DenseLayer,
                  own.Transition: nn.Sequential, own.Bottleneck: resnet.Bottleneck, own.ConvNorm: nn.Sequential})
    for module in net.modules():
        module.__class__ = back.get(type(module), type(module))
    return net


def official_net(path, kind, net):
    """The official class with our random weights.

    Its newest version imports packages that these models do not need; they get empty ones.
    """
    class Empty(types.ModuleType):
        def __getattr__(self, name):
            return Empty(name) if name[:2] != "__" else None
        def __call__(self, *args, **options):
            return self
    for name in ("clip", "einops"):
        try:
            __import__(name)
        except ImportError:
            sys.modules[name] = Empty(name)
    sys.path.insert(0, str(path))
    from saliency_playground.models import deepgaze_base
    theirs = deepgaze_base.official_network(f"DeepGaze{kind.upper()}")
    theirs.load_state_dict(net.state_dict(), strict=True)
    return theirs


# ---- measuring ----

class World:
    "One network, a picture of noise, a center bias, and a history where the network wants one."

    def __init__(self, kind, height, width, official=None):
        torch.manual_seed(0)
        with torch.inference_mode(False):
            self.net = own.prepack(getattr(network, f"deepgaze_{kind}")())
        self.other = official_net(official, kind, self.net) if official else usual(self.net)
        for model in fast.members(self.net):
            model.features.to(memory_format=torch.channels_last)                         # as the adapters have it
        self.image = torch.rand(1, 3, height, width) * 255
        down, across = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
        self.bias = -2 * (down**2 + across**2)[None]
        self.past = ((torch.tensor([[0.5, 0.1, 0.8, NAN]]) * width, torch.tensor([[0.4, 0.2, 0.7, NAN]]) * height)
                     if kind == "iii" else ())
        self.seen = fast.extract_features(self.net, self.image)
        self.official = official

    def theirs(self):
        if self.official:
            return self.other(self.image, self.bias, *self.past).reshape(self.bias.shape)
        return official_way(self.other, self.image, self.bias, *self.past)

    def whole_backbones(self):
        half = F.interpolate(self.image, scale_factor=0.5, recompute_scale_factor=False)
        for model in getattr(self.other, "models", [self.other]):
            model.features.features(half)

    def plain(self):
        return self.net(self.image, self.bias, *self.past)
    def fast(self):
        return fast.predict(self.net, self.image, self.bias, *self.past)
    def look(self):
        return fast.extract_features(self.net, self.image)
    def again(self):
        return fast.log_density(self.net, self.seen, self.bias, *self.past)


def clock():
    "CPU seconds a thread, and seconds on the clock."
    return np.array([time.process_time() / torch.get_num_threads(), time.perf_counter()])


def times(kind, arguments):
    "The table of one model."
    world = World(kind, *arguments.size, arguments.official)
    reference = "official" if arguments.official else "the official way"
    sides = {reference: world.theirs, "plain forward": world.plain, "**fast**": world.fast,
             "of which backbones": world.look,
             "of which readouts (a further history)" if world.past else "of which readouts": world.again,
             "backbones alone, to their end": world.whole_backbones}
    values = world.theirs()
    apart = {name: f"{float((call() - values).abs().max()):.0e}" for name, call in sides.items()
             if name in ("plain forward", "**fast**")}
    # (rounds, 2)
    spent = {name: np.array(each) for name, each in take_turns(sides, arguments.rounds, clock, twice=True).items()}
    lines = []
    for name, each in spent.items():
        ratios = np.median(spent[reference] / each, axis=0)
        lines.append([name, *(f"{1000 * seconds:,.0f}" for seconds in (*np.median(each, axis=0), each[:, 1].min())),
                      *("" if name == reference else f"{ratio:.1f}×" for ratio in ratios), apart.get(name, "")])
    text = (f"## DeepGaze {kind.upper()}\n\n"
            + table(["", "CPU ms / thread", "ms", "least ms", "ratio, CPU", "ratio, clock", "differs by"], lines))
    print(text, flush=True)
    return text


def memory(kind, arguments):
    "The rise of memory in a forward, each in a process of its own."
    if not Path("/proc/self/clear_refs").exists():
        return ""
    lines = []
    for side in ("theirs", "plain", "fast"):
        command = [sys.executable, __file__, "--memory", kind, side, "--size", *map(str, arguments.size), "--threads",
                   str(arguments.threads)]
        done = subprocess.run(command + (["--official", arguments.official] if arguments.official else []),
                              capture_output=True, text=True, check=True)
        lines.append([{"theirs": "official" if arguments.official else "the official way", "plain": "plain forward",
                       "fast": "**fast**"}[side], done.stdout.split()[-1]])
    text = table(["", "rise of memory in a forward, MB"], lines)
    print(text, flush=True)
    return "\n" + text


def rise(kind, side, arguments):
    "MB that a first forward needs at most beyond what was there before."
    world: Any = World(kind, *arguments.size, arguments.official)
    world.seen = None
    def status(name):
        return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith(name))) / 1024
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    getattr(world, side)()
    print(f"{status('VmHWM') - before:.0f}")


def about(arguments):
    "Machine and method, for the head of the page."
    other = (f"*Official* is {official_deepgaze(arguments.official)}" if arguments.official else
             "*The official way* is not the official code, which cannot be installed from a registry, but our own "
             "words for what it computes and how often")
    return (f"{machine(['torch', 'torchvision', 'numpy'], f'{arguments.threads} threads', __file__)}\n"
            f"{other}. One picture of {arguments.size[1]} × {arguments.size[0]}, random weights, float32, medians over "
            f"{arguments.rounds} rounds in which all take turns; a ratio is the median of the ratios within the "
            "rounds. Other work on the machine disturbs the clock and, less, the CPU time per thread, which counts "
            "waiting for the other thread too. The last column is the largest difference of any log density, in "
            "nats.\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--official", help="a checkout of the official package")
    parser.add_argument("--size", type=int, nargs=2, default=(768, 1024), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models", nargs="+", default=["iie", "iii"], choices=["iie", "iii"])
    parser.add_argument("--out", default=str(ROOT / "benchmarks" / "deepgaze.md"), help="where to write the tables")
    parser.add_argument("--quick", action="store_true", help="three rounds, printed, nothing written")
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    with torch.inference_mode():
        if chosen.memory:
            rise(*chosen.memory, chosen)
            sys.exit()
        chosen.rounds = 3 if chosen.quick else chosen.rounds
        head = "# What DeepGaze costs\n\n" + about(chosen)
        print(head, flush=True)
        parts = [head] + [times(kind, chosen) + memory(kind, chosen) for kind in chosen.models]
    if not chosen.quick:
        Path(chosen.out).write_text("\n".join(parts), encoding="utf-8")
