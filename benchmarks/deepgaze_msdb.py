"""What does a forward of DeepGaze MSDB cost, in time and in memory, and does it say the same as the official code?

    python benchmarks/deepgaze_msdb.py                  # some minutes on two cores, 3 GB; writes deepgaze_msdb.md
    python benchmarks/deepgaze_msdb.py --official PATH  # PATH: a checkout of the official code; wants einops
    python benchmarks/deepgaze_msdb.py --quick          # the tiny network, printed, nothing written

All weights are random, which cost the same as trained ones; nothing is downloaded. The packages from which the official
code takes its two backbones are on no registry, so both sides have ours: the official one has them whole, to their last
layer, and its batch norms do not write over what they are given. Without a checkout its place is taken by `plain_way`,
our own words for what it computes and keeps.
"""
import argparse
import subprocess
import sys
import time
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from common import machine, table  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from saliency_playground.deepgaze import msdb, msdb_slot  # noqa: E402
from saliency_playground.deepgaze.backbones import InPlaceNorm  # noqa: E402
from saliency_playground.deepgaze.msdb_backbones import (  # noqa: E402
    ClipBlock,
    ClipTrunk,
    DinoBlock,
    DinoTrunk,
    positions_for,
)

# ---- the other side ----

class WholeClip(ClipTrunk):
    "CLIP's image network to its last block, for images that are normalised already."
    def __init__(self, width, blocks, last):
        super().__init__(width, blocks)
        planes = 8 * width
        self.layer4 = nn.Sequential(*(ClipBlock(4 * planes if i else 2 * planes, planes, 1 if i else 2)
                                      for i in range(last)))
        for module in self.modules():
            if type(module) is InPlaceNorm:
                module.__class__ = nn.BatchNorm2d

    def forward(self, x):
        for conv, norm in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            x = F.relu(norm(conv(x)))
        return self.layer4(self.layer3(self.layer2(self.layer1(F.avg_pool2d(x, 2)))))


class WholeDino(DinoTrunk):
    "DINOv2 with all twelve blocks, for images that are normalised, of sides that are multiples of 14."
    def __init__(self, width, heads, side):
        super().__init__(width, heads, side)
        self.blocks.append(DinoBlock(width, heads))
        self.patch_embed.patch_size = self.patch

    def forward(self, x):
        grid = x.shape[2] // self.patch, x.shape[3] // self.patch
        x = self.patch_embed["proj"](x).flatten(2).mT
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + positions_for(self.pos_embed, grid)
        for block in self.blocks:
            x = block(x)
        return x


def whole_backbones(kind, net):
    "Both backbones whole; as far as the network has them, they share its tensors."
    clip = WholeClip(128, (3, 15, 36), 10) if kind == "full" else WholeClip(8, (1, 2, 2), 3)
    dino = WholeDino(768, 12, 37) if kind == "full" else WholeDino(48, 3, 5)
    clip.load_state_dict(net.clip.state_dict(), strict=False, assign=True)
    dino.load_state_dict(net.dinov2.state_dict(), strict=False, assign=True)
    return clip.eval().requires_grad_(False), dino.eval().requires_grad_(False)


def official_net(path, kind, net):
    "The official class with our backbones, whole, and our weights."
    clip, dino = whole_backbones(kind, net)
    module = types.ModuleType("clip")
    module.load = lambda name: (types.SimpleNamespace(visual=clip), None)            # type: ignore[attr-defined]
    sys.modules["clip"] = module
    sys.path.insert(0, path)
    original, torch.hub.load = torch.hub.load, lambda *arguments, **options: dino
    try:
        from deepgaze_pytorch import deepgazemsdb
        theirs = deepgazemsdb.DeepGazeMSDB(pretrained=False)
    except ImportError as error:
        sys.exit(f"the official code needs a package more: {error}")
    finally:
        torch.hub.load = original
    theirs.load_state_dict(net.head.state_dict(), strict=False)
    return theirs.requires_grad_(False)


def plain_way(clip, dino, net, image, bias, degrees):
    "In our words: backbones to their end, the maps of all ten sizes kept, then weighted."
    taps = {}
    hooks = [module.register_forward_hook(lambda module, inputs, output, name=name: taps.update({name: output.clone()}))
             for name, module in (("clip", clip.layer4[2].conv2), (10, dino.blocks[10]), (6, dino.blocks[6]))]
    size, kept = tuple(image.shape[2:]), []
    for scaled in msdb.scaled_sizes(size, degrees, net.sides):
        small = F.interpolate(image, size=scaled, mode="bicubic")
        normal = [(small / 255 - torch.tensor(part.mean).view(1, 3, 1, 1)) / torch.tensor(part.std).view(1, 3, 1, 1)
                  for part in (net.clip, net.dinov2)]
        clip(normal[0])
        grid = -(-scaled[0] // 14), -(-scaled[1] // 14)
        dino(F.interpolate(normal[1], size=(14 * grid[0], 14 * grid[1])))
        maps = [taps["clip"], *(taps[i][:, 1:].mT.unflatten(2, grid) for i in (10, 6))]
        kept.append(msdb.on_grid(maps, msdb.scaled_size(size, 1 / 8)))
    for hook in hooks:
        hook.remove()
    settings = net.head.settings(None)
    fused = sum(weight * features for weight, features in zip(settings.scale_weights, kept, strict=True))
    return msdb.finalize(net.head.priority_map(fused, size), bias, settings, degrees)


# ---- measure ----

def measured(call):
    "What a call gives, its CPU seconds, seconds on the clock, and the MB that it needs beyond what was there before."
    def status(name):
        return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith(name))) / 1024
    linux = Path("/proc/self/clear_refs").exists()
    if linux:
        Path("/proc/self/clear_refs").write_text("5")
    before, cpu, start = status("VmRSS") if linux else 0, time.process_time(), time.perf_counter()
    values = call()
    cpu, clock = time.process_time() - cpu, time.perf_counter() - start
    return values, cpu, clock, status("VmHWM") - before if linux else float("nan")


def compare(arguments):
    "The page's tables: one image, each side once after a warm up on a small one."
    kind = "tiny" if arguments.quick else "full"
    torch.manual_seed(0)
    net = msdb.deepgaze_msdb(kind).requires_grad_(False)
    for parameter in (*net.head.features.parameters(), *net.head.finalizer.parameters()):
        parameter.add_(0.1 * torch.randn_like(parameter))
    height, width = arguments.size
    image = torch.randint(256, (1, 3, height // 8, width // 8)).float()
    image = F.interpolate(image, size=(height, width), mode="bicubic").clamp(0, 255)
    down, across = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    bias, degrees = -2 * (down**2 + across**2)[None], 24.0
    if arguments.official:
        other = official_net(arguments.official, kind, net)
        sides = {"official": lambda: other(image, bias, degrees)}
    else:
        clip, dino = whole_backbones(kind, net)
        sides = {"plain way": lambda: plain_way(clip, dino, net, image, bias, degrees)}
    sides["**ours**"] = lambda: net(image, bias, degrees)
    lines, values = [], {}
    for name, call in sides.items():
        values[name], cpu, clock, rise = measured(call)
        lines.append([name, f"{cpu:.1f}", f"{clock:.1f}", f"{rise:,.0f}"])
    first, last = values.values()
    lines[-1].append(f"{float((first - last).abs().max()):.0e}")
    lines[0].append("")
    text = table(["", "CPU s", "s", "memory beyond the weights, MB", "differs by"], lines)
    return (text + "\nNearly all of it is the arithmetic of the backbones, which both sides do. What can be spared is "
            "the second time: of an image that was seen, a summary is kept where the model's `summaries` says, and "
            "what other datasets would say of it is made of that.\n\n" + summary_table(net, image, bias, degrees))


def summary_table(net, image, bias, degrees):
    "What a summary costs that stands for the image, and a prediction for another dataset from it."
    size = tuple(image.shape[2:])
    maps = list(net.scale_taps(image, degrees))
    summary, cpu, clock, rise = measured(lambda: msdb_slot.summarize(net.head, maps, size))
    lines = [["the summary, from the features", f"{cpu:.2f}", f"{clock:.2f}", f"{rise:,.0f}"]]
    net_bytes = 4 * (summary.layer0.numel() + 2 * summary.means.numel() + 2 * summary.products.numel())
    _, cpu, clock, rise = measured(
        lambda: msdb_slot.density_of(net.head, summary, bias, net.head.settings(1), degrees))
    lines.append(["a prediction for another dataset, from the summary", f"{cpu:.2f}", f"{clock:.2f}", f"{rise:,.0f}"])
    return (table(["", "CPU s", "s", "memory, MB"], lines)
            + f"\nA summary takes {net_bytes / 1e6:.1f} MB.\n")


def about(arguments):
    "Machine and method, for the head of the page."
    commit = subprocess.run(["git", "-C", arguments.official or ROOT, "rev-parse", "--short", "HEAD"],
                            capture_output=True, text=True).stdout.strip()
    other = (f"*Official* is github.com/matthias-k/DeepGaze at {commit or 'an unknown commit'}, with our backbones in "
             "place of the two packages that are on no registry: whole, and without what ours spare"
             if arguments.official else
             "*The plain way* is not the official code, but our own words for what it computes and keeps: the "
             "backbones whole, the maps of all ten sizes")
    height, width = arguments.size
    return (f"{machine(['torch', 'numpy'], f'{arguments.threads} threads', __file__)}\n"
            f"{other}. One image of {width} × {height} with 24 pixels per degree, random weights, float32, one forward "
            "a side. Other work on the machine disturbs the clock, and less the CPU time. Both sides have torch's "
            "attention; the textbook's, which DINOv2 falls back to without xFormers, adds its matrix of all squares by "
            "all squares. The last column is the largest difference of any log density, in nats.\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--official", help="a checkout of the official package")
    parser.add_argument("--size", type=int, nargs=2, default=(360, 480), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", default=str(ROOT / "benchmarks" / "deepgaze_msdb.md"), help="where to write the page")
    parser.add_argument("--quick", action="store_true", help="the tiny network, printed, nothing written")
    chosen = parser.parse_args()
    if chosen.quick and chosen.official:
        parser.error("the official code has the published sizes only: leave --quick out")
    torch.set_num_threads(chosen.threads)
    with torch.inference_mode():
        page = "# What DeepGaze MSDB costs\n\n" + about(chosen) + "\n" + compare(chosen)
    print(page)
    if not chosen.quick:
        Path(chosen.out).write_text(page, encoding="utf-8")
