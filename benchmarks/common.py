"""What the benchmarks share: the machine in a sentence, a table, turns."""
import os
import platform
import subprocess
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np

def machine(packages: list[str], used: str, script: str) -> str:
    "What this was measured on: date, processor, how busy, versions of the packages, and by which script."
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        cpu = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                    if line.startswith("model name")), cpu)
    busy = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (f"{date.today()}, {cpu}, {os.cpu_count()} cores ({used}){busy}, {platform.system()}, Python "
            f"{platform.python_version()}; {versions}. Written by `python benchmarks/{Path(script).name}`.\n")


def table(head: list[str], lines: list[list]) -> str:
    "Markdown."
    def cell(value):
        if isinstance(value, str):
            return value
        return f"{value:.2f}" if value < 20 else f"{value:,.0f}"
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in (head, rule, *lines)) + "\n"


def official_deepgaze(checkout: str) -> str:
    "Which official DeepGaze is meant, by the commit that is checked out."
    found = subprocess.run(["git", "-C", checkout, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return f"github.com/matthias-k/DeepGaze at {found.stdout.strip() or 'an unknown commit'}"


def take_turns(sides: dict, repeats: int, clock=time.perf_counter, twice: bool = False) -> dict[str, list]:
    """Seconds of every side in every round; within a round all take turns, the first round warms up and does not count.

    sides: name -> function without arguments. clock: of the wall, or `time.process_time` for the processor, or several
    in an array.
    twice: call each twice in its turn and count the second, since the first finds memory as the side before left it.
    """
    seconds = {name: [] for name in sides}
    for _ in range(repeats + 1):
        for name, call in sides.items():
            if twice:
                call()
            start = clock()
            call()
            seconds[name].append(clock() - start)
    return {name: spent[1:] for name, spent in seconds.items()}


def ratio(took: dict[str, list[float]], slow: str, fast: str) -> float:
    "How many times faster one side is than another: the median of the ratios within rounds."
    return median(a / b for a, b in zip(took[slow], took[fast], strict=True))


def painted_images(folder: Path, n: int, size: tuple[int, int] = (768, 1024), observers: int = 1) -> list[np.ndarray]:
    """Images (uint8) painted by formula, also written as a folder dataset.

    JPEG files, each with 100 fixations of so many observers.
    """
    import cv2

    from saliency_playground import files
    height, width = size
    y, x = np.mgrid[:height, :width]
    painted = []
    for i in range(n):
        rng = np.random.default_rng(i)
        waves = [np.sin(x * rng.normal() / 40 + y * rng.normal() / 40 + rng.random() * 6) for _ in range(6)]
        image = sum(wave[..., None] * rng.uniform(-30, 30, 3) for wave in waves) + 127
        painted.append((image + rng.normal(0, 8, image.shape)).clip(0, 255).astype(np.uint8))
        jpeg = cv2.imencode(".jpg", painted[-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        files.write_bytes(folder / "images" / f"{i:03}.jpg", jpeg)
        points = rng.normal(0.5, 0.15, (100, 2)).clip(0, 0.999) * [width, height]
        rows = (f"{px:.1f},{py:.1f},{k % observers}\n" for k, (px, py) in enumerate(points))
        files.write_text(folder / "fixations" / f"{i:03}.csv", "x,y,observer\n" + "".join(rows))
    return painted
