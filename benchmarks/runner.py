"""What the runner costs.

A whole run from files to tables, beside the bare forward of the network on tensors that lie in memory.

    python benchmarks/runner.py                                  # writes benchmarks/runner.md
    python benchmarks/runner.py --models fastgaze --images 6     # printed only

Networks have the weights they are born with: times do not depend on them. Pictures are painted, 1024 × 768, in JPEG
files, each with 100 fixations. A run decodes, feeds, predicts, keeps the prediction, scores nine metrics and writes the
tables. Runs and bare forward take turns.
"""
import argparse
import tempfile
from pathlib import Path
from statistics import median

import saliency_playground as sp  # before torch, as in a run

# isort: split
import numpy as np
import torch
from common import machine, painted_images, table, take_turns

from saliency_playground import weights
from saliency_playground.models.torch_base import as_batch, exact_arithmetic, pick_device

MODELS = ["deepgaze_iie", "deepgaze_iii", "msi_net", "unisal", "fastgaze"]
FEW = 8                 # pictures of a short run


def sides(name: str, folder: Path, made: list[np.ndarray]) -> dict:
    "The two sides for one model: a run that computes everything, and its forward alone."
    path = weights.write_state(folder / f"{name}.pth", sp.create("model", name).build().state_dict())
    given = ({"weights_path": str(path)}
             | ({"center_bias": "uniform"} if "center_bias" in sp.options("model", name) else {}))
    model = sp.create("model", name, **given)
    where = pick_device(model.device)
    with exact_arithmetic():
        layout = torch.channels_last if model.channels_last else torch.contiguous_format
        ready = [as_batch([model.preprocess(image)], model.channels, model.mean,
                          model.std).to(where).contiguous(memory_format=layout) for image in made]
    config = {"datasets": [{"name": "folder", "as": "painted", "root": str(folder)}],
              "models": [{"name": name} | given],
              "output_dir": str(folder / "outputs" / name), "prediction_cache_dir": str(folder / "predictions"),
              "overwrite": "always"}

    def forward():
        with exact_arithmetic():
            for batch in ready:
                model.forward(model.net, batch).sum().item()         # `item` waits for a card to be done
    return {"forward": forward, "run": lambda: sp.benchmark(config),
            "short run": lambda: sp.benchmark(config | {"limit_images": FEW})}


def measure(names: list[str], n: int, repeats: int) -> str:
    "The table."
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        made = painted_images(Path(folder), n)
        for name in names:
            took = take_turns(sides(name, Path(folder), made), repeats)
            forward = 1000 * median(took["forward"]) / n
            run = 1000 * median((long - short) / (n - FEW)
                                for long, short in zip(took["run"], took["short run"], strict=True))
            once = median(took["run"]) - n * run / 1000
            lines.append([name, forward, run, run - forward, f"{100 * (run / forward - 1):.1f} %", f"{once:.1f} s"])
            print(*lines[-1], flush=True)
    return table(["1024 × 768, ms a picture", "forward", "run", "difference", "overhead", "once a run"], lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    found = measure(given.models, given.images, given.repeats)
    where = "CUDA " + torch.cuda.get_device_name() if torch.cuda.is_available() else "processor only"
    text = f"# What the runner costs\n\n{machine(['torch', 'numpy', 'numba'], where, __file__)}\n{found}\n"
    text += (f"A picture's share of a run is the difference of a run and one of {FEW} pictures, so what a run does "
             "once (reading the weights, fitting the center bias, writing tables) does not count in it and stands "
             "apart. Medians over rounds. A run reads and scores in threads beside the forward, so on few cores they "
             "share.\n")
    print(text)
    if given.models == MODELS:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
