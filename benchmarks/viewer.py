"""How long the viewer takes from a key or a click until the pictures stand in the browser.

1024 × 768, two models, a list of 24 images and one of 10,000.

    python benchmarks/viewer.py        writes viewer.md; needs Chromium
"""
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
from common import machine, table

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from test_viewer_browser import Eyes, chromium, served

import saliency_playground as sp
from saliency_playground import images
from saliency_playground.viewer.notebook import write_viewer

def make_run(small: int, output_dir: str) -> None:
    "A run on 24 large pictures, after them so many small ones."
    root, rng = Path(output_dir) / "data", np.random.default_rng(0)
    scenes = sp.create("dataset", "folder", root="toy")
    for i in range(24 + small):
        size = (768, 1024) if i < 24 else (48, 64)
        images_dir, fixations = root / "images" / f"{i:04}.png", root / "fixations" / f"{i:04}.csv"
        for path in (images_dir, fixations):
            path.parent.mkdir(parents=True, exist_ok=True)
        images_dir.write_bytes(images.png_bytes(images.resize_image(scenes[i % 12].image, size)))
        np.savetxt(fixations, rng.random((120, 2)) * size[::-1], delimiter=",", header="x,y", comments="", fmt="%.1f")
    sp.benchmark(dict(datasets=[{"name": "folder", "as": "large", "root": str(root)}], metrics=["NSS", "CC"],
                      models=["center_bias", "spectral_residual"],
                      output_dir=output_dir, prediction_cache_dir=f"{output_dir}/predictions"))
    write_viewer(output_dir, f"{output_dir}.ipynb")


def blended(eyes: Eyes) -> int:
    "Milliseconds from a key on the slider until the maps have the new opacity on the screen."
    handle = eyes.page.locator(".sp-viewer .noUi-handle").first
    handle.focus()
    took = eyes.page.evaluate("""handle => new Promise(done => {
        const cover = document.querySelector('.sp-stage .sp-cover[src]'), before = cover.style.opacity;
        const start = performance.now();
        const look = () => cover.style.opacity === before ? requestAnimationFrame(look)
                           : requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
        handle.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
        look();
    })""", handle.element_handle())
    eyes.rest()
    return round(took)


def times(eyes: Eyes, rounds: int = 7) -> dict[str, list[int]]:
    "Milliseconds of each action, again and again; each image is opened once."
    page, took = eyes.page, {}

    def keep(name, ms):
        took.setdefault(name, []).append(ms)
    for i in range(rounds):
        eyes.stage.focus()
        keep("next image", eyes.does(lambda: page.keyboard.press("ArrowRight")))
        thumbnail = page.locator(f".sp-tall [data-image='{3 * i + 3:04}']")
        keep("another image, by a click", eyes.does(thumbnail.click))
        keep("alpha", blended(eyes))
        keep("by rank, first time", eyes.menu("brightness", "by rank"))
        keep("by largest value", eyes.menu("brightness", "by largest value"))
        eyes.stage.focus()
        keep("zoom", eyes.does(lambda: page.keyboard.press("+")))
        eyes.does(lambda: page.keyboard.press("0"))
        keep("a model less", eyes.tick("center_bias"))
        keep("a model more", eyes.tick("center_bias"))
        keep("order by score", eyes.menu("order", "score"))
        eyes.menu("order", "as they come")
    return took


def main() -> None:
    here, folder = Path(__file__).resolve(), Path(tempfile.mkdtemp())
    os.chdir(folder)
    sp.make_toy("toy")
    found = {}
    for name, small in (("few", 0), ("many", 9976)):
        make_run(small, name)
    with served(folder, Path(tempfile.mkdtemp())) as address, chromium(Path(tempfile.mkdtemp())) as browser:
        for name in ("few", "many"):
            eyes = Eyes(browser.new_page(), folder)
            eyes.open(f"{address}/lab/workspaces/{name}/tree/{name}.ipynb?reset")
            eyes.page.wait_for_timeout(3000)
            found[name] = times(eyes)
            eyes.page.close()
    lines = [[action,
              *(part for name in found for part in (f"{median(found[name][action]):.0f}",
                                                    f"{max(found[name][action])}"))] for action in found["few"]]
    here.with_suffix(".md").write_text(f"""# How long the viewer takes

{machine(["ipywidgets", "anywidget", "jupyterlab", "numpy"], "processor only", __file__)}
{table(["1024 × 768, two models, ms", "24 images", "slowest", "10,000 images", "slowest"], lines)}
From the key or click until the browser has decoded the new pictures, JupyterLab and browser on the same cores as the
kernel. Medians of seven. The next image was drawn while the one before it was looked at; "another image" is read from
disk after the click, with two predictions. Alpha is blended by the browser, measured from the key until the frame
after the change. "By rank" ranks every pixel of three maps. The bars are 60 ms for alpha and 100 for the next image, on
a quiet machine. A load well above 2 means that other work ran on the same cores at the time, and that every number
is too high.
""", encoding="utf-8")


if __name__ == "__main__":
    main()
