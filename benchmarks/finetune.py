"""How fast is a head trained on features that are kept?

The official way, which runs the whole network each time, beside ours, taking turns.

    python benchmarks/finetune.py --official PATH    # PATH: a checkout of github.com/matthias-k/DeepGaze
    python benchmarks/finetune.py --quick            # a round each, the official way in our words, printed

DeepGaze IIE whole, random weights, its head trainable; pictures of 1024 × 768 with 100 fixations each; a step is
forward, backward and Adam on one picture. Ours goes through the product: `finetune.train.train_epoch`, with all that is
kept in memory thrown away before each epoch, so that pictures, targets, center bias and features are read again from
disk as in a training on more pictures than fit.
"""
import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import saliency_playground  # noqa: E402, F401 - before torch, as in a run: it says how torch's threads wait

# isort: split
import torch  # noqa: E402
from common import machine, official_deepgaze, painted_images, ratio, table, take_turns  # noqa: E402
from deepgaze import official_net, official_way, usual  # noqa: E402
from threadpoolctl import threadpool_limits  # noqa: E402

from saliency_playground import weights  # noqa: E402
from saliency_playground.deepgaze import loss, network  # noqa: E402
from saliency_playground.finetune import blocks  # noqa: E402
from saliency_playground.finetune.config import load_finetune  # noqa: E402
from saliency_playground.finetune.fold import Fold, build_network  # noqa: E402
from saliency_playground.finetune.splits import make_split, write_split  # noqa: E402
from saliency_playground.finetune.train import train_epoch  # noqa: E402

IN_A_ROW = 8


def a_fold(folder: Path, n: int) -> Fold:
    "A fold with n training pictures, its features kept already."
    from saliency_playground.registry import create
    painted_images(folder, n + 2)
    write_split(make_split(create("dataset", "folder", root=str(folder)), 1, folds=n + 1), folder / "splits")
    torch.manual_seed(0)
    weights.write_state(folder / "base.pth", network.deepgaze_iie().state_dict())
    config = load_finetune({"data": {"name": "folder", "root": str(folder)},
                            "split_file": str(folder / "splits/split.json"), "fold": 1,
                            "base_weights_path": str(folder / "base.pth"), "output_dir": str(folder / "out"),
                            "training": {"loss": "nll_fixations",
                                         "stages": [{"name": "head", "epochs": 1, "lr": 1e-5}]}})
    fold = Fold(config, 1, build_network(config))
    blocks.freeze(fold.net, "train_blocks", ["head"])
    for image_id in fold.parts["train"]:
        fold.features(image_id, False)
    return fold


def adam(net) -> torch.optim.Optimizer:
    return torch.optim.Adam([one for one in net.parameters() if one.requires_grad], lr=1e-5)


def our_epoch(fold: Fold):
    "An epoch as the product runs it, nothing left in memory by the one before."
    optimizer = torch.optim.Adam(blocks.parameter_groups(fold.net, fold.config.training.stages[0].rates(0)), fused=True)

    def epoch():
        for kept in (fold.sample, fold.bias, fold.target):
            kept.cache_clear()
        with threadpool_limits(1, "blas"):                               # as `finetune.run.train_fold` has it
            train_epoch(fold, fold.config.training.stages[0], optimizer, (0,), 0)
    return epoch


def our_step(fold: Fold):
    "Eight steps in a row: features, target and center bias in memory."
    image_id, optimizer = (fold.parts["train"][0],
                           torch.optim.Adam(blocks.parameter_groups(fold.net, fold.config.training.stages[0].rates(0)),
                                            fused=True))
    seen, bias, (aim, _) = fold.features(image_id, False), fold.bias(image_id), fold.target(image_id, -1)

    def step():
        for _ in range(IN_A_ROW):
            loss.cross_entropy(fold.net, seen, bias, aim).sum().backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    return step


def their_step(fold: Fold, official: str | None):
    "The same on the whole network: image in, loss, backward, Adam; what is frozen is frozen there too."
    net = official_net(official, "iie", fold.net) if official else usual(fold.net)
    for name, one in net.named_parameters():
        one.requires_grad_(".features." not in name)
    image_id, optimizer = fold.parts["train"][0], adam(net)
    sample, bias = fold.sample(image_id), fold.bias(image_id)
    image = torch.from_numpy(sample.image.copy()).permute(2, 0, 1)[None].float()
    y, x = torch.from_numpy(sample.fixations.y.astype(int)), torch.from_numpy(sample.fixations.x.astype(int))

    def step():
        log_p = (net(image, bias) if official else official_way(net, image, bias)).reshape(bias.shape)
        (-log_p[0, y, x].mean()).backward()
        optimizer.step()
        optimizer.zero_grad()
    return step


def measure(arguments) -> str:
    "Both tables."
    with tempfile.TemporaryDirectory() as folder:
        fold = a_fold(Path(folder), arguments.images)
        n = len(fold.parts["train"])
        with loss.gather_parameters(fold.net):  # as `finetune.train.train_stages` has it
            sides = {"theirs": their_step(fold, arguments.official), "step": our_step(fold), "epoch": our_epoch(fold)}
            took = take_turns(sides, 1 if arguments.quick else arguments.rounds)
    each = {"theirs": 1, "step": IN_A_ROW, "epoch": n}
    took = {name: [one / each[name] for one in seconds] for name, seconds in took.items()}
    ratios = {name: ratio(took, "theirs", name) for name in ("step", "epoch")}
    theirs = "official" if arguments.official else "the official way"
    lines = [[f"a step, {theirs}", 1000 * median(took["theirs"]), ""],
             ["a step on kept features, of eight in a row", 1000 * median(took["step"]), f"{ratios['step']:.0f}×"],
             [f"a picture of an epoch over {n}, all read from disk", 1000 * median(took["epoch"]),
              f"{ratios['epoch']:.0f}×"]]
    text = table(["DeepGaze IIE, head only", "ms", "ratio"], lines)
    print(text, flush=True)
    peaks = [[name, float(_peak(side, arguments))] for name, side in ((theirs, "theirs"), ("on kept features", "step"))]
    return text + "\n" + table(["resident memory while training, GB", "at most"], peaks)


def _peak(side: str, arguments) -> str:
    command = ([sys.executable, __file__, "--memory", side, "--images", "2"]
               + (["--official", arguments.official] if arguments.official else []))
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]


def memory(side: str, arguments) -> None:
    "GB that a process at most needed for two steps of one side."
    import resource
    with tempfile.TemporaryDirectory() as folder:
        fold: Any = a_fold(Path(folder), 2)
        if Path("/proc/self/clear_refs").exists():
            Path("/proc/self/clear_refs").write_text("5")
        with loss.gather_parameters(fold.net):
            step = their_step(fold, arguments.official) if side == "theirs" else our_step(fold)
            if side == "theirs":
                fold.net = None
            step()
            step()
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    peak = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")),
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    print(f"{peak / 2**20:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--official", help="a checkout of the official package")
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--memory", choices=["theirs", "step"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.memory:
        memory(given.memory, given)
        sys.exit()
    head = "# What a head-only training costs\n\n" + machine(["torch", "torchvision", "numpy"],
                                                             f"{torch.get_num_threads()} threads", __file__)
    whose = (f"*Official* is {official_deepgaze(given.official)}" if given.official
             else "*The official way* is our own words for what the official code computes")
    text = (f"{head}\n{whose}; the whole DeepGaze IIE with random weights, frozen backbones, one picture of 1024 × 768 "
            f"with 100 fixations a step. Medians over {given.rounds} rounds in which all take turns; a ratio is the "
            f"median of the ratios within the rounds.\n\n{measure(given)}")
    print(text)
    if given.official and not given.quick:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
