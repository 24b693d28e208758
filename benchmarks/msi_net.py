"""MSI-Net in PyTorch beside the published graph in TensorFlow: the same weights, one process, taking turns.

    python benchmarks/msi_net.py                         # some minutes; writes benchmarks/msi_net.md
    python benchmarks/msi_net.py --saved-model FOLDER    # with the published weights; else by a formula, as fast
"""
import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from common import machine, ratio, table, take_turns  # noqa: E402
from msi_net_graph import save  # noqa: E402

from saliency_playground import core, images, maps, toy  # noqa: E402
from saliency_playground.models import msi_net, msi_net_base  # noqa: E402
from saliency_playground.models.msi_net_tf import MSINetTF, load_saved_model, run_signature, tensorflow  # noqa: E402
from saliency_playground.models.torch_base import as_batch, exact_arithmetic  # noqa: E402

TF, OURS, LAST = "TensorFlow", "msi_net", "msi_net, channels_last"


def networks(folder: Path) -> dict:
    "Name -> function from a picture (height, width, 3) to its map, 0 to 1."
    state = {name: torch.tensor(values) for name, values in msi_net_base.read_msi_net(folder).items()}
    nets = {}
    for name, layout in ((OURS, torch.contiguous_format), (LAST, torch.channels_last)):
        net = msi_net.MSINet()
        net.load_state_dict(state)
        nets[name] = net.eval().requires_grad_(False).to(memory_format=layout), layout
    model = load_saved_model(folder)

    def ours(name, picture):
        net, layout = nets[name]
        with exact_arithmetic():
            return net(as_batch([picture]).contiguous(memory_format=layout))[0].numpy()

    return {TF: lambda picture: run_signature(model[1], picture[None].astype(np.float32))[0], OURS: partial(ours, OURS),
            LAST: partial(ours, LAST)}


def forward(folder: Path, repeats: int, clock) -> str:
    "The bare networks at two of the published sizes."
    lines = []
    for size in ((240, 320), (320, 320)):
        picture = images.resize_image(toy.scene(1)[1], size)
        sides = {name: partial(call, picture) for name, call in networks(folder).items()}
        expected = sides[TF]()
        took = take_turns(sides, repeats, clock)
        for name, call in sides.items():
            off = np.abs(call() - expected).max()
            lines.append([f"{size[0]} × {size[1]}, {name}", 1000 * median(took[name]), 1000 * min(took[name]),
                          "" if name == TF else f"{ratio(took, TF, name):.2f}×",
                          "" if name == TF else f"{off:.0e}"])
            print(*lines[-1], flush=True)
    return table(["ms a picture", "median", "least", "TensorFlow / this", "differs by"], lines)


def adapters(folder: Path, repeats: int, clock) -> str:
    "Whole predictions of a photograph's size, with the frame, the way back and the normalisation."
    picture = images.resize_image(toy.scene(1)[1], (768, 1024))
    models = {"msi_net_tf": MSINetTF(local_dir=folder), "msi_net": msi_net.MSINetModel(weights_path=folder)}
    sides: dict[str, Callable] = {name: partial(model, picture) for name, model in models.items()}
    answer = np.random.default_rng(0).random((240, 320))
    sides["around the network"] = lambda: (msi_net_base.pad_to_frame(picture, msi_net_base.frame_of((768, 1024))),
                                           core.Prediction.of(maps.resize(answer, (768, 1024)), "map"))
    took = take_turns(sides, repeats, clock)
    return table(["1024 × 768, ms a picture", "median", "least"],
                 [[name, 1000 * median(spent), 1000 * min(spent)] for name, spent in took.items()])


def measure(folder: Path, threads: int, repeats: int) -> str:
    "All tables for one number of threads; the processor's time for one, the wall's for more."
    clock = time.process_time if threads == 1 else time.perf_counter
    return forward(folder, repeats, clock) + "\n" + adapters(folder, repeats, clock)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--saved-model", type=Path, help="the published SavedModel's folder")
    parser.add_argument("--threads", type=int, default=1, help="1: the processor's time is measured; more: the wall's")
    parser.add_argument("--repeats", type=int, default=15)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    tensorflow().config.threading.set_intra_op_parallelism_threads(given.threads)
    tensorflow().config.threading.set_inter_op_parallelism_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(given.saved_model or save(Path(scratch)), given.threads, given.repeats)
    used = "one thread, the processor's time" if given.threads == 1 else f"{given.threads} threads, the wall's time"
    text = f"""# What MSI-Net costs

{machine(['torch', 'tensorflow', 'numpy'], used, __file__)}
{found}
The networks take turns within a round; a ratio is the median over rounds. *Differs by*: the largest difference from
TensorFlow's map, which goes from 0 to 1. More than nine tenths of the time are in 23 convolutions, 46 billion
multiplications at 240 × 320, which run near the processor's peak. Tried and left out: ReLU in place and inference mode
(within the noise), weights laid out in advance with fused ReLUs (1.02× channels_last), Winograd's convolutions as
matrix products (1.3× to 1.7× for the layers of 512 channels, slower for the rest: 9 % of the whole).
"""
    print(text)
    if given.threads == 1:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
