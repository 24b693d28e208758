"""The viewer in a real JupyterLab in a real browser.

Every control is used, and after every action it is asked whether anything went wrong.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

import saliency_playground as sp

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="allowed on this system: there is no Chromium (Debian: "
                                "apt-get install chromium)")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def chromium(profile: Path):
    "A browser without a window."
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(str(profile), executable_path=CHROMIUM, args=FLAGS,
                                                                headless=True, viewport={"width": 1500, "height": 1250})
        yield context
        context.close()


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    "A folder with a run on two datasets, one image of which is broken, and the notebook that opens it."
    root, before = tmp_path_factory.mktemp("lab"), Path.cwd()
    os.chdir(root)
    try:
        sp.make_toy("toy", n_images=12)
        sp.make_toy("more", n_images=3, seed=7)
        Path("toy/images/05_sky.png").write_bytes(b"cut off while copying")
        named = {"Action/001": "03_night", "Art/001": "02_sea", "01_meadow": "01_meadow"}
        Path("more/named.csv").write_text(
            "\n".join(["image_id,image_path,fix_path",
                       *(f"{name},images/{toy}.png,fixations/{toy}.csv" for name, toy in named.items())]))
        sp.benchmark(
            dict(datasets=[{"name": "folder", "as": "toy", "root": "toy"},
                           {"name": "csv_indexed", "as": "more", "index_csv": "more/named.csv"}],
                 metrics=["AUC", "NSS", "IG", "CC", "KL"],
                 models=["center_bias", "blur_baseline", "spectral_residual", "uniform", "center_bias_crossval",
                         "gold_standard"]))
        subprocess.run([sys.executable, "-m", "saliency_playground", "viewer", "outputs"], check=True,
                       capture_output=True)
        sp.make_toy("walk", n_images=4)
        sp.benchmark(dict(datasets=[{"name": "folder", "as": "walk", "root": "walk"}], metrics=["NSS"],
                          models=["center_bias", "local_bias", "wta_ior"], output_dir="walked",
                          scanpaths={"next": True, "generated": {"n": 4}}))
    finally:
        os.chdir(before)
    return root


@contextmanager
def served(work: Path, home: Path):
    "The address of a JupyterLab on a folder, with a home of its own and without anybody's settings."
    quiet = home / "config/lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    environment = os.environ | {"HOME": str(home), "JUPYTER_CONFIG_DIR": str(home / "config"),
                                "JUPYTER_DATA_DIR": str(home / "data"),
                                "JUPYTER_RUNTIME_DIR": str(home / "run"),
                                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    port = free_port()
    with open(home / "lab.log", "w") as log:
        server = subprocess.Popen([sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root",
                                   "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0",
                                   f"--ServerApp.root_dir={work}", "--IdentityProvider.token=", "--ServerApp.password=",
                                   "--ServerApp.disable_check_xsrf=True",
                                   "--LabApp.news_url=", "--LabApp.expose_app_in_browser=True"], env=environment,
                                  stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            assert server.poll() is None, (home / "lab.log").read_text()
            try:
                urllib.request.urlopen(f"{address}/api", timeout=1)
                break
            except OSError:
                time.sleep(0.25)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


def soon(question, seconds: float = 10):
    "The answer to a question, asked until it is yes: what the page shows follows what was done a moment later."
    end = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < end:
        time.sleep(0.05)
    return answer


class Eyes:
    "Somebody in front of the viewer, who looks for trouble after everything they do."
    def __init__(self, page, shots: Path, root: str = ".sp-stage"):
        self.page, self.shots, self.root, self.faults = page, shots, root, []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda message: self.faults.append(message.text) if message.type == "error"
                and "sp-" in message.text else None)

    def open(self, url: str) -> None:
        "Open a notebook and run all of it."
        page = self.page
        page.goto(url, wait_until="domcontentloaded")
        page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for(timeout=90_000)
        page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=90_000)
        page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
        page.locator(f"{self.root}[data-drawn]").first.wait_for(timeout=90_000)
        self.look()

    @property
    def stage(self):
        return self.page.locator(self.root).first

    def drawn(self) -> int:
        return int(self.stage.get_attribute("data-drawn") or 0)

    def trouble(self) -> list[str]:
        "Whatever is wrong on the page: errors in the outputs, the viewer's own red line, errors of the script."
        outputs = ('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"], '
                   '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"], .sp-said.sp-wrong')
        return [*self.faults, *self.page.locator(outputs).all_inner_texts()]

    def look(self) -> None:
        assert not self.trouble()

    def does(self, action, draws: bool = True) -> int:
        "Do something, wait until it is drawn, look for trouble. Returns the milliseconds it took."
        before, start = self.drawn(), time.perf_counter()
        action()
        if draws:
            self.page.wait_for_function("([root, drawn]) => Number(document.querySelector(root).dataset.drawn) > drawn",
                                        arg=[self.root, before], timeout=60_000)
        took = round(1000 * (time.perf_counter() - start))
        self.rest()
        self.look()
        return took

    def rest(self) -> None:
        "Wait until the kernel has answered everything and nothing more is drawn."
        before = None
        for _ in range(100):
            now = (self.drawn(),
                   self.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel.status"))
            if now == before and now[1] == "idle":
                return
            before = now
            self.page.wait_for_timeout(150)
        raise AssertionError(f"the viewer does not come to rest: {before}")

    def shot(self, name: str) -> None:
        self.page.locator(".sp-viewer").first.scroll_into_view_if_needed()
        self.page.screenshot(path=self.shots / f"{name}.png")

    def listed(self) -> list[str]:
        "The images of the list, in its order."
        return self.page.locator(".sp-tall .sp-thumb").evaluate_all("thumbs => thumbs.map(thumb => "
                                                                    "thumb.dataset.image)")

    def captions(self) -> list[str]:
        return self.stage.locator("figcaption").all_inner_texts()

    def figure(self, i: int) -> str:
        "A digest of what panel i shows: its layers, pixel by pixel, and their opacity."
        return self.page.evaluate("""async i => {
            const layers = [...document.querySelectorAll('.sp-stage figure')[i].querySelectorAll('img[src]')];
            return (await Promise.all(layers.map(async image => {
                await image.decode();
                const canvas = document.createElement('canvas');
                canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
                const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);
                const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
                const digest = new Uint8Array(await crypto.subtle.digest('SHA-1', pixels));
                return Array.from(digest, b => b.toString(16)).join('') + image.style.opacity;
            }))).join(' ') }""", i)

    def opacity(self) -> float:
        "How much of the maps covers the image."
        return float(self.stage.locator(".sp-cover[src]").first.evaluate("cover => cover.style.opacity"))

    def press(self, key: str, draws: bool = True) -> int:
        return self.does(lambda: self.page.keyboard.press(key), draws)

    def shows(self, image: str) -> bool:
        "Whether this image is open, or soon is."
        return soon(lambda: self.captions()[0] == image)

    def menu(self, label: str, value: str) -> int:
        "Choose in the dropdown of this label."
        return self.does(
            lambda: self.page.locator(".widget-dropdown", has=self.page.get_by_text(label, exact=True)).locator(
                "select").select_option(label=value))

    def chosen(self, label: str) -> str:
        "What the dropdown of this label shows."
        return self.page.locator(".widget-dropdown", has=self.page.get_by_text(label, exact=True)).locator(
            "select").evaluate("menu => menu.selectedOptions[0].label")

    def tick(self, label: str) -> int:
        return self.does(lambda: self.page.locator(".sp-viewer .widget-checkbox",
                                                   has=self.page.get_by_text(label, exact=True)).locator(
                                                       "input").click())

    def field(self, label: str):
        "The line to type in of this label."
        return self.page.locator(".sp-viewer .widget-inline-hbox",
                                 has=self.page.get_by_text(label, exact=True)).locator("input")

    def button(self, label: str, draws: bool = False) -> int:
        return self.does(lambda: self.page.locator(".sp-viewer").get_by_role("button", name=label, exact=True).click(),
                         draws)

    def said(self) -> str:
        return self.page.locator(".sp-said").inner_text()


@pytest.fixture(scope="module")
def lab(work, tmp_path_factory):
    with served(work, tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as context:
        yield context


@pytest.fixture(scope="module")
def eyes(lab, browser, tmp_path_factory):
    shots = Path(os.environ.get("SHOTS") or tmp_path_factory.mktemp("shots"))
    shots.mkdir(exist_ok=True)
    watcher = Eyes(browser.new_page(), shots)
    watcher.open(f"{lab}/lab/tree/saliency_viewer.ipynb?reset")
    return watcher


def test_it_opens_on_something_worth_seeing(eyes):
    assert soon(lambda: eyes.captions()[:2] == ["01_meadow", "ground truth"]
                and eyes.captions()[2].startswith("spectral_residual   "))
    eyes.page.locator(".sp-thumb img[src^=blob]").nth(5).wait_for(timeout=60_000)
    assert soon(lambda: eyes.page.locator(".sp-thumb").count() == 12 + 6 + 5 and "1 of 12" in eyes.said())
    eyes.shot("1_opened")


LAYOUT = """() => {
    const viewer = document.querySelector('.sp-viewer'), all = name => [...viewer.querySelectorAll(name)];
    const box = one => one.getBoundingClientRect(), whole = box(viewer), faults = [];
    const near = name => { const { left, top, right, bottom } = box(viewer.querySelector(name));
                           return { left, top, right, bottom }; };
    const inside = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1;
    const overlap = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1
                              && b.top < a.bottom - 1;
    const blocks = ['.sp-bar-of-buttons', '.sp-stage', '.sp-legend', '.sp-below', '.sp-tall',
                    '.sp-left > .sp-group', '.sp-right', '.widget-tab'].map(name => [name, near(name)]);
    blocks.forEach(([name, a], i) => {
        if (!inside(a, whole)) faults.push(`${name} leaves the viewer`);
        for (const [other, b] of blocks.slice(i + 1)) if (overlap(a, b)) faults.push(`${name} over ${other}`);
    });
    const figures = all('.sp-stage figure').map(box), stage = near('.sp-stage');
    const controls = all('.sp-group .widget-inline-hbox, .sp-group button, .sp-bar-of-buttons button').map(box)
                     .filter(one => one.width);
    for (const boxes of [figures, controls]) boxes.forEach((a, i) => {
        if (boxes.slice(i + 1).some(b => overlap(a, b))) faults.push(`${i} of ${boxes.length} overlaps another`);
    });
    for (const one of figures) if (!inside(one, stage)) faults.push('a panel leaves the stage');
    for (const one of all('.sp-below, .sp-models, .sp-stage')) {
        const hidden = one.scrollHeight - one.clientHeight;      // what can be scrolled is worth it
        if (getComputedStyle(one).overflowY === 'auto' && hidden > 0 && hidden < 20)
            faults.push(`${one.className} scrolls by ${hidden}`);
    }
    for (const one of all('button, .widget-label, .widget-checkbox label, figcaption, .sp-legend, .sp-said, .sp-note'))
        if (one.clientWidth && one.scrollWidth > one.clientWidth + 1) faults.push(`clipped: ${one.textContent}`);
    const rows = {};
    for (const one of figures) rows[Math.round(one.top)] = (rows[Math.round(one.top)] ?? 0) + 1;
    const labels = all('.sp-group select, .sp-group input[type=text]').filter(one => one.offsetParent)
                   .map(one => Math.round(box(one).left - box(one.closest('.widget-inline-hbox')).left));
    return { faults, labels, stage, widths: figures.map(one => Math.round(one.width)), window: innerHeight,
             rows: Object.entries(rows).sort((a, b) => a[0] - b[0]).map(row => row[1]),
             panels: Math.max(...figures.map(one => one.bottom)), group: near('.sp-group'),
             scores: near('.sp-below'), legend: near('.sp-legend'), right: near('.sp-right'),
             unused: near('.sp-below').bottom - near('.sp-table').bottom,
             left_of_stage: near('.sp-tall').right <= stage.left };
}"""


@pytest.mark.parametrize("width, height", [(1440, 900), (1024, 768), (800, 600), (390, 844)])
def test_nothing_overlaps_and_no_panel_is_left_over(eyes, width, height):
    "One to six models, measured from the boxes of the page."
    eyes.page.evaluate("jupyterapp.shell.collapseLeft()")
    eyes.page.set_viewport_size({"width": width, "height": height})
    names = ["blur_baseline", "center_bias_crossval", "gold_standard", "uniform"]
    for n in range(2, 7):
        if n > 2:
            eyes.tick(names[n - 3])
        check_layout(eyes, n + 2, width, height)
    for name in names:
        eyes.tick(name)
    eyes.tick("center_bias")
    check_layout(eyes, 3, width, height)
    eyes.tick("center_bias")
    eyes.page.set_viewport_size({"width": 1500, "height": 1250})
    eyes.rest()


def check_layout(eyes: Eyes, panels: int, width: int, height: int) -> None:
    "Whether so many panels stand in a balanced grid, nothing overlaps, and the pictures come first."
    assert soon(lambda: eyes.stage.locator("figure").count() == panels)
    eyes.page.locator(".sp-viewer").evaluate("viewer => viewer.scrollIntoView({ block: 'start' })")
    found = eyes.page.evaluate(LAYOUT)
    if panels == 4:
        eyes.page.screenshot(path=eyes.shots / f"layout_{width}.png")
    first, *rest = found["rows"]
    assert not found["faults"], (width, panels, found)
    spans = first == 1 and found["widths"][0] > 1.5 * found["widths"][-1]     # the image as wide as the two below it
    rows = rest if spans else found["rows"]
    assert sum(found["rows"]) == panels and len(set(rows[:-1])) <= 1
    assert rows[-1] >= rows[0] - 1 and rows[0] * len(rows) - sum(rows) <= 1, (width, panels, found["rows"])
    assert len(set(found["widths"][spans:])) == 1 and min(found["widths"]) >= 128 and len(set(found["labels"])) == 1
    if found["left_of_stage"]:                            # the scores follow the pictures: no room is lost between
        assert found["scores"]["top"] - found["legend"]["bottom"] < 20, (width, panels, found)
    if width >= 640 and not found["left_of_stage"]:       # and what follows them does so at once, but for a scroll bar
        assert found["scores"]["top"] - found["legend"]["bottom"] < 20, (width, panels, found)
        assert found["unused"] < 20 or found["right"]["bottom"] - found["right"]["top"] < 560, (width, panels, found)
    if width >= 1024:                                     # all pictures are in view beside the controls
        assert found["panels"] <= found["window"] and found["right"]["left"] >= found["stage"]["right"]
        assert found["scores"]["top"] < found["window"]
    if width < 500:                                       # pictures, then scores, then controls
        assert found["panels"] <= found["scores"]["top"] + 1 <= found["group"]["top"] < found["right"]["top"]


def test_alpha_by_keyboard_and_by_mouse(eyes):
    "The browser blends: the picture follows the hand, and the kernel draws nothing."
    handle, drawn = eyes.page.locator(".sp-viewer .noUi-handle").first, eyes.drawn()
    handle.focus()
    before, first = eyes.opacity(), eyes.figure(2)
    eyes.press("ArrowRight", draws=False)
    assert soon(lambda: abs(eyes.opacity() - before - 0.01) < 1e-6) and eyes.figure(2) != first
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag():
        eyes.page.mouse.move(x, y)
        eyes.page.mouse.down()
        eyes.page.mouse.move(x - 30, y, steps=8)
        eyes.page.mouse.up()
    eyes.does(drag, draws=False)
    assert soon(lambda: eyes.opacity() < before - 0.1) and eyes.drawn() == drawn
    dragged = eyes.opacity()
    eyes.button("undo", draws=True)                       # one movement of the hand is one step
    assert soon(lambda: eyes.opacity() == before and dragged != before)


def test_models_images_and_keys(eyes):
    eyes.tick("blur_baseline")
    assert soon(lambda: [caption.split()[0] for caption in eyes.captions()[2:]]
                == ["spectral_residual", "center_bias", "blur_baseline"])
    eyes.page.locator(".sp-viewer .widget-dropdown",
                      has=eyes.page.get_by_text("columns", exact=True)).locator("select").select_option(label="3")
    boxes = "stage => [...stage.children].map(figure => figure.getBoundingClientRect())"
    def gaps():
        "How much room is left at the left and at the right of the last row."
        first, _, third, fourth, fifth = eyes.stage.evaluate(boxes)
        return round(fourth["left"] - first["left"]), round(third["right"] - fifth["right"])
    assert soon(lambda: [box["y"] for box in eyes.stage.evaluate(boxes)].count(eyes.stage.evaluate(boxes)[0]["y"]) == 3)
    assert soon(lambda: gaps()[0] == gaps()[1] > 0)       # two of three: in the middle
    eyes.does(lambda: eyes.page.locator(".sp-tall .sp-thumb").nth(3).click())
    assert eyes.shows("04_room")
    eyes.stage.locator("figure").first.click()
    for key, image in [("ArrowRight", "05_sky"), ("ArrowRight", "06_people"), ("ArrowLeft", "05_sky"),
                       ("End", "12_people"), ("Home", "01_meadow")]:
        eyes.press(key)
        assert eyes.shows(image)
    eyes.press("End")
    assert soon(lambda: eyes.page.locator(".sp-tall .sp-thumb[aria-pressed=true]").get_attribute("data-image")
                == "12_people")


def test_a_broken_picture_is_shown_as_such(eyes):
    eyes.does(lambda: eyes.page.locator(".sp-tall [data-image='05_sky']").click())
    assert soon(lambda: "not a picture" in eyes.stage.locator(".sp-paper").first.get_attribute("alt")
                and eyes.page.locator(".sp-tall .sp-thumb.sp-failed").count() == 1)
    assert "not a picture" in eyes.page.locator(".sp-viewer div.sp-failed").first.inner_text()
    eyes.shot("2_broken_picture")
    eyes.does(lambda: eyes.page.locator(".sp-tall [data-image='03_night']").click())


def test_keys_stay_in_the_viewer(eyes):
    "An x would cut the cell, 0 0 restart the kernel, if JupyterLab heard them."
    cells = eyes.page.locator(".jp-NotebookPanel .jp-Cell").count()
    eyes.does(lambda: eyes.page.locator(".sp-tall .sp-thumb").nth(3).click())
    eyes.press("ArrowRight")
    assert eyes.shows("05_sky")
    for key in "xdd":
        eyes.press(key, draws=False)
    eyes.button("▶", draws=True)
    for key in "00":
        eyes.press(key, draws=False)
    assert (eyes.page.locator(".jp-NotebookPanel .jp-Cell").count() == cells
            and eyes.page.locator(".jp-Dialog").count() == 0)
    eyes.does(lambda: eyes.page.locator(".sp-tall [data-image='03_night']").click())


def test_zoom_is_linked(eyes):
    before = [eyes.figure(i) for i in range(5)]
    box = eyes.stage.locator(".sp-paper").nth(2).bounding_box()

    def wheel():
        eyes.page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.3)
        eyes.page.mouse.wheel(0, -240)
    eyes.stage.focus()
    eyes.does(wheel)
    eyes.press("+")
    assert soon(lambda: all(a != b for a, b in zip(before, [eyes.figure(i) for i in range(5)], strict=True)))
    eyes.shot("3_zoomed")
    said, part = eyes.said(), eyes.figure(0)
    assert "times as large" in said
    for key in ("ArrowRight", "ArrowLeft"):  # the next image and back: the same part of both
        eyes.press(key)
        assert soon(lambda: said.partition(" times")[0].split()[-1] in eyes.said())
    assert soon(lambda: eyes.figure(0) == part)
    eyes.does(lambda: eyes.page.mouse.dblclick(box["x"] + 40, box["y"] + 40))
    assert soon(lambda: [eyes.figure(i) for i in range(5)] == before)


def test_every_way_to_look(eyes):
    figures = {eyes.figure(3)}
    for way in ("by sum", "as it is", "by rank", "log density", "by largest value"):
        eyes.menu("brightness", way)
        figures.add(eyes.figure(3))
    assert len(figures) == 5
    before = eyes.figure(1)
    eyes.menu("colours", "viridis")
    assert eyes.figure(1) != before
    eyes.menu("contours", "50 %, 90 %")
    assert soon(lambda: "outlines" in eyes.page.locator(".sp-legend").inner_text())
    eyes.tick("one scale for all models")
    eyes.tick("difference A − B")
    assert soon(lambda: eyes.captions()[-1] == "spectral_residual − center_bias"
                and "more of the first" in eyes.stage.locator(".sp-key").last.inner_text())
    eyes.menu("explain", "NSS")
    assert soon(lambda: [caption.split()[-1] for caption in eyes.captions()[-3:]]
                == ["spectral_residual", "center_bias", "blur_baseline"])
    assert soon(lambda: "sd" in eyes.stage.locator(".sp-key").last.inner_text())  # what the colours mean, as text
    assert eyes.stage.locator(".sp-key").last.evaluate("key => parseFloat(getComputedStyle(key).fontSize)") >= 12
    eyes.shot("4_difference_and_why")
    eyes.menu("explain", "IG")
    # spectral_residual is a map
    assert soon(lambda: "no probabilities" in eyes.stage.locator(".sp-paper").last.get_attribute("alt"))
    eyes.menu("explain", "nothing")
    assert soon(lambda: len(eyes.captions()) == 6)
    whole = eyes.figure(0)
    eyes.tick("in order")                                 # everybody's would be a tangle: one person's
    assert eyes.chosen("whose") == "p1" and eyes.figure(0) != whole
    eyes.menu("whose", "everybody")
    assert soon(lambda: eyes.figure(0) == whole)
    assert "under “whose”" in eyes.page.locator(".sp-legend").inner_text()
    eyes.tick("in order")
    eyes.tick("jet")
    jet = eyes.figure(1)
    eyes.tick("jet")                                      # and back to the colours that a density can be read from
    assert soon(lambda: eyes.figure(1) != jet) and "inferno" == eyes.page.locator(
        ".sp-colours select").evaluate("menu => menu.selectedOptions[0].label")
    eyes.menu("whose", "everybody, in colours")
    eyes.shot("5_observers")
    colors = eyes.figure(0)
    eyes.menu("whose", "p1")
    one = eyes.figure(0)
    eyes.tick("in order")
    ordered = eyes.figure(0)
    eyes.tick("durations")
    assert len({whole, colors, one, ordered, eyes.figure(0)}) == 5
    legend = eyes.page.locator(".sp-legend").inner_text()
    assert all(words in legend for words in ("p1", "saccades", "how long"))
    eyes.shot("5_in_order")
    eyes.tick("in order")
    eyes.tick("durations")
    eyes.tick("fixations")


def test_order_search_and_filter(eyes, work):
    scores = sp.Run(work / "outputs").table("toy", "spectral_residual").set_index("image_id").AUC
    eyes.menu("order", "score")
    assert soon(lambda: eyes.listed()[0] == scores.idxmin() and eyes.listed()[-1] == "05_sky")
    eyes.tick("reverse")
    assert soon(lambda: eyes.listed()[0] == scores.idxmax())
    eyes.tick("reverse")
    heads = eyes.page.locator(".sp-scores [data-metric=KL]")
    kl = sp.Run(work / "outputs").table("toy", "spectral_residual").set_index("image_id").KL
    eyes.does(heads.click)                                # a click on the head of a metric: by it, the worst first
    assert soon(lambda: eyes.listed()[0] == kl.idxmax()) and soon(lambda: "KL" in eyes.captions()[2])
    eyes.does(heads.click)
    assert soon(lambda: eyes.listed()[0] == kl.idxmin())
    eyes.menu("metric", "AUC")
    eyes.button("undo", draws=True)
    assert soon(lambda: eyes.listed()[0] == kl.idxmin())
    eyes.menu("metric", "AUC")
    eyes.tick("reverse")
    eyes.shot("6_by_score")
    for by in ("A − B", "disagreement", "distance to the ceiling"):
        eyes.menu("order", by)
    search = eyes.field("search")
    eyes.does(lambda: search.fill("meadow"))
    assert soon(lambda: sorted(eyes.listed()) == ["01_meadow", "07_meadow"])
    eyes.does(lambda: search.fill("zebra"))               # the last image must not look like a hit
    assert soon(lambda: not eyes.listed() and "no image matches search 'zebra'" in eyes.said())
    assert "No image matches" in eyes.page.locator(".sp-aside").inner_text()
    pale = "figure => Number(getComputedStyle(figure).opacity)"
    assert soon(lambda: eyes.stage.locator("figure").first.evaluate(pale) < 0.3)
    assert not eyes.page.locator(".sp-scores").is_visible()
    eyes.shot("6_no_match")
    eyes.page.locator(".sp-viewer").get_by_role("button", name="pick", exact=True).click()
    eyes.page.locator(".sp-said.sp-wrong", has_text="none to pick").wait_for()
    eyes.does(lambda: search.fill(""))
    assert soon(lambda: len(eyes.listed()) == 12) and not eyes.page.locator(".sp-aside").is_visible()
    assert eyes.stage.locator("figure").first.evaluate(pale) == 1
    eyes.tick("only failed")
    assert eyes.shows("05_sky")
    eyes.tick("only failed")


def test_best_worst_and_scatter(eyes):
    best = eyes.page.locator(".sp-viewer .widget-tab .sp-thumb")
    best.first.scroll_into_view_if_needed()
    eyes.page.locator(".widget-tab .sp-thumb img[src^=blob]").nth(3).wait_for(timeout=60_000)
    eyes.page.screenshot(path=eyes.shots / "7_best_and_worst.png")

    def thumbnails() -> set[str | None]:
        return {best.nth(i).locator("img").get_attribute("src") for i in range(3)}

    def new_thumbnails(before: set[str | None]) -> bool:
        return soon(lambda: not thumbnails() & {*before, None})
    before = thumbnails()
    for colors in ("magma", "viridis"):
        eyes.menu("colours", colors)
        assert new_thumbnails(before)                       # the thumbnails follow, each of them
        before = thumbnails()
    image = best.nth(1).get_attribute("data-image")
    eyes.does(lambda: best.nth(1).click())
    assert eyes.shows(image)
    eyes.page.get_by_role("tab", name="A against B").click()
    dots = eyes.page.locator(".sp-dot")
    dots.first.wait_for()
    assert dots.count() == 11
    dots.nth(4).scroll_into_view_if_needed()
    eyes.page.screenshot(path=eyes.shots / "8_scatter.png")
    image = dots.nth(4).get_attribute("data-image")
    eyes.does(lambda: dots.nth(4).click(force=True))
    assert eyes.shows(image)


def test_every_control_says_what_it_does(eyes):
    untold = eyes.page.locator(".sp-viewer").first.evaluate(
        """viewer => [...viewer.querySelectorAll('select, input, button, .noUi-handle')].filter(control => {
        control.dispatchEvent(new PointerEvent('pointerover', { bubbles: true }));
        const tip = control.closest('[title]:not([title=""])')?.title ?? '';
        return !/[.]$/.test(tip) && !control.matches('.sp-thumb[title]');
    }).map(control => control.outerHTML.slice(0, 80))""")
    assert untold == []


def test_saving(eyes, work):
    from saliency_playground.images import read_image
    eyes.button("save PNG")
    eyes.page.locator(".sp-said", has_text="saved: ").wait_for()
    path = work / eyes.said().removeprefix("saved: ")
    assert read_image(path).shape[1] == 1800
    eyes.button("pick")
    note = eyes.field("note")
    eyes.does(lambda: (note.fill("look again"), note.press("Enter")), draws=False)
    first = eyes.captions()[0]
    eyes.button("▶", draws=True)
    eyes.stage.focus()
    eyes.press("p", draws=False)
    eyes.page.locator(".sp-said", has_text="2 picked").wait_for()
    kept = (work / "saliency_views/toy/lists/picks.txt").read_text(encoding="utf-8").splitlines()
    assert kept[1:] == [f"{first}  # look again", eyes.captions()[0]]
    eyes.tick("only picked")
    assert soon(lambda: sorted(eyes.listed()) == sorted([first, eyes.captions()[0]]))
    eyes.tick("only picked")
    second, framed = eyes.captions()[0], eyes.page.locator(".sp-tall .sp-picked")
    eyes.button("pick")                                   # it is said of which image
    assert soon(lambda: eyes.said().startswith(f"{second} no longer picked"))
    eyes.button("undo")
    assert soon(lambda: eyes.said().startswith(f"undone: {second} picked"))
    assert soon(lambda: framed.count() == 2)              # and its thumbnail bears the frame again
    eyes.does(lambda: (note.fill("too dark"), note.press("Enter")), draws=False)
    eyes.page.locator(".sp-said", has_text=f"note on {second} kept").wait_for()
    eyes.button("undo")
    assert soon(lambda: eyes.said().startswith(f"undone: note on {second} removed"))
    eyes.button("table")
    eyes.page.locator(".sp-said", has_text="picks.csv").wait_for()
    eyes.button("contact sheet")
    eyes.page.locator(".sp-said", has_text="sheet_of_2").wait_for()
    assert read_image(work / eyes.said().removeprefix("saved: ")).shape[1] == 1800


def test_what_is_refused_is_undone(eyes):
    boxes = eyes.page.locator(".sp-viewer .widget-checkbox",
                              has=eyes.page.get_by_text("spectral_residual", exact=True)).locator("input")
    for name in ("center_bias", "blur_baseline"):
        eyes.tick(name)
    boxes.click()
    eyes.page.locator(".sp-said.sp-wrong", has_text="1 to 6 models").wait_for()
    assert (eyes.page.locator(".sp-said.sp-wrong").evaluate("said => getComputedStyle(said).color")
            != eyes.page.locator(".sp-note").first.evaluate("note => getComputedStyle(note).color"))
    assert soon(boxes.is_checked)
    eyes.tick("center_bias")


def test_another_dataset(eyes, work):
    kept = (work / "saliency_views/toy/lists/picks.txt").read_text(encoding="utf-8")
    first = eyes.page.locator(".sp-tall [data-image='01_meadow'] img")
    first.scroll_into_view_if_needed()
    before = first.get_attribute("src")
    eyes.menu("dataset", "more")
    eyes.button("undo", draws=True)                       # the picked images are those of each dataset
    assert soon(lambda: eyes.chosen("dataset") == "toy" and eyes.page.locator(".sp-tall .sp-picked").count() == 2)
    assert (work / "saliency_views/toy/lists/picks.txt").read_text(encoding="utf-8") == kept
    eyes.menu("dataset", "more")
    assert soon(lambda: len(eyes.listed()) == 3 and len(eyes.captions()) == 4)
    assert soon(lambda: first.get_attribute("src") not in (None, before))  # of the same name, and another picture
    thumbnails = eyes.page.locator(".sp-tall .sp-thumb")
    assert soon(lambda: {tuple(label.split()[1:]) for label in thumbnails.all_inner_texts()}
                == {("001", "Action"), ("001", "Art"), ("01_meadow",)})
    search = eyes.field("search")
    eyes.does(lambda: search.fill("art"))
    assert soon(lambda: eyes.listed() == ["Art/001"])
    eyes.does(lambda: search.fill(""))
    eyes.shot("9_other_dataset")


def test_the_whole_screen_and_back(eyes):
    eyes.stage.focus()
    eyes.page.keyboard.press("f")
    assert soon(lambda: eyes.page.evaluate("document.fullscreenElement?.matches('.sp-viewer') ?? false"))
    eyes.page.keyboard.press("f")
    assert soon(lambda: eyes.page.evaluate("document.fullscreenElement === null"))
    eyes.rest()


def pictures_of(page, among: str):
    "The pictures of a page in sight that are at least so wide that something can be seen on them."
    return [one for one in page.locator(f"{among} img").all()
            if one.is_visible() and one.evaluate("image => image.naturalWidth") > 500]


def test_opened_again_beside_its_kernel_it_lives(lab, browser, work, eyes):
    "The picture gives way although the page draws it after the viewer."
    eyes.page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    assert soon(lambda: b"sp-still" in (work / "saliency_viewer.ipynb").read_bytes())
    page = browser.new_page()
    page.goto(f"{lab}/lab/workspaces/again/tree/saliency_viewer.ipynb?reset", wait_until="domcontentloaded")
    page.locator(".sp-stage[data-drawn]").first.wait_for(timeout=90_000)
    page.locator(".sp-still").wait_for(state="attached")
    assert soon(lambda: not page.locator(".sp-still").is_visible() and not pictures_of(page, ".jp-RenderedImage"))
    assert page.locator(".jp-RenderedImage img").count() == 1
    page.close()


@pytest.mark.parametrize("trusted", [True, False])
def test_a_notebook_without_its_kernel_shows_a_picture(lab, browser, work, eyes, trusted):
    "Its own or one from somebody else, of which JupyterLab cleans the HTML and shows no widget."
    import nbformat
    eyes.page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    assert soon(lambda: b"sp-still" in (work / "saliency_viewer.ipynb").read_bytes())
    name = f"reopened_{trusted}".lower()                                      # its kernel does not know this name
    shutil.copy(work / "saliency_viewer.ipynb", work / f"{name}.ipynb")
    if not trusted:
        notebook = nbformat.read(work / f"{name}.ipynb", 4)
        notebook.cells.append(nbformat.v4.new_markdown_cell("Changed where nobody signed it."))
        nbformat.write(notebook, work / f"{name}.ipynb")
    still = eyes.page.locator(".sp-still")
    assert still.count() == 1 and not still.is_visible()                      # the viewer lives there
    assert not pictures_of(eyes.page, ".jp-RenderedImage")
    page = browser.new_page()
    page.goto(f"{lab}/lab/workspaces/{name}/tree/{name}.ipynb?reset", wait_until="domcontentloaded")
    page.get_by_text("A still picture of the viewer").wait_for(timeout=90_000)
    page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=90_000)
    assert soon(lambda: len(pictures_of(page, ".jp-RenderedImage")) == 1)
    for _ in range(10):                                                       # the line comes when the widgets gave up
        page.wait_for_timeout(100)
        assert not [one for one in page.get_by_text("model not found").all() if one.is_visible()]
    page.screenshot(path=eyes.shots / f"10_{name}.png")
    page.close()


@pytest.mark.parametrize("cleaned", [False, True])
def test_a_page_made_of_the_notebook_shows_a_picture(browser, eyes, work, tmp_path, cleaned):
    """Without a kernel and without the widgets' state, as a converter makes it, and with its HTML cleaned.

    A host that shows notebooks of strangers takes scripts, styles, unknown marks and pictures inside of HTML out of it
    (each table of pandas has a style, of which nothing is seen there); an output that is a picture stays one.
    """
    import nbformat
    from nbconvert import HTMLExporter
    from nbconvert.preprocessors.sanitize import SanitizeHTML
    notebook = nbformat.read(work / "saliency_viewer.ipynb", 4)
    notebook.metadata.pop("widgets", None)
    if cleaned:
        for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
            if "text/html" in output.get("data", {}):
                output.data["text/html"] = re.sub("<style.*?</style>", "", output.data["text/html"], flags=re.DOTALL)
        notebook, _ = SanitizeHTML(tags=["p", "img", "b"], strip=True).preprocess(notebook, {})
    body, _ = HTMLExporter(template_name="basic" if cleaned else "lab").from_notebook_node(notebook)
    (tmp_path / "page.html").write_text(body, encoding="utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri(), wait_until="domcontentloaded")
    assert soon(lambda: len(pictures_of(page, "body")) == 1)
    words = page.locator("body").inner_text()
    assert "A still picture of the viewer" in words and "not found" not in words and "Error" not in words
    page.screenshot(path=eyes.shots / f"11_page_{'cleaned' if cleaned else 'converted'}.png")
    page.close()


MANY = '''import ipywidgets as widgets
from saliency_playground.viewer.canvas import ThumbnailCanvas
names = [f"{i:05}" for i in range(10_000)]
def items(names): return [{"id": name, "label": name, "category": "", "failed": ""} for name in names]
def opened(name):
    many.show(many._items[::-1], name)
many = ThumbnailCanvas(opened, lambda name: None)
many.show(items(names), "00000")
many.look = "many"
box = widgets.VBox([many], layout=widgets.Layout(height="500px"))
many.add_class("sp-tall"); box.add_class("sp-viewer"); box.add_class("sp-many")
box'''


def test_a_broken_callback_is_seen_and_ten_thousand_images_are_quick(lab, browser, work, eyes):
    "The watcher above must see a callback that fails, or all the tests before say nothing."
    import nbformat
    notebook = nbformat.read(work / "saliency_viewer.ipynb", 4)
    for source in ("import saliency_playground.viewer.state as state\ndef broken(*_, **__): raise RuntimeError("
                   "'sabotage')\nstate.panels = broken", MANY):
        notebook.cells.append(nbformat.v4.new_code_cell(source))
    nbformat.write(notebook, work / "sabotaged.ipynb")
    other, came = Eyes(browser.new_page(), eyes.shots), []
    other.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: came.append(len(frame))))
    other.open(f"{lab}/lab/workspaces/other/tree/sabotaged.ipynb?reset")
    many = other.page.locator(".sp-many .sp-strip")
    many.scroll_into_view_if_needed()                                         # names are asked for by those who look
    many.locator(".sp-thumb").first.wait_for()
    many.evaluate("strip => { strip.scrollTop = strip.scrollHeight / 3 }")
    assert soon(lambda: many.locator(".sp-thumb").first.get_attribute("data-image") > "03000")
    assert many.locator(".sp-thumb").count() < 200                            # of ten thousand
    chosen = many.locator(".sp-thumb").nth(20).get_attribute("data-image")
    other.rest()
    came.clear()
    many.locator(".sp-thumb").nth(20).evaluate("thumb => thumb.click()")      # it is opened, and the list turned round
    ours = many.locator(f"[data-image='{chosen}'][aria-pressed=true]")
    ours.wait_for()
    assert soon(lambda: int(many.locator(".sp-thumb").first.get_attribute("data-image")) > int(chosen))
    other.rest()
    assert 0 < sum(came) < 200_000                                            # the names alone of all would be more
    outer, inner = many.bounding_box(), ours.bounding_box()
    assert outer["y"] <= inner["y"] and inner["y"] + inner["height"] <= outer["y"] + outer["height"]
    with pytest.raises(AssertionError, match="sabotage"):
        other.stage.focus()
        for _ in range(3):                                                    # the next image was drawn before
            other.page.keyboard.press("ArrowRight")
            other.rest()
        other.look()
    other.page.close()


SLOW = '''import saliency_playground as sp, time
@sp.register("model", "slow")
class Slow(sp.SaliencyModel):
    "Takes its time."
    def predict(self, image):
        time.sleep(1.5)
        return image[..., 0]
run = sp.benchmark(dict(datasets=[{"name": "folder", "as": "more", "root": "more"}], metrics=["AUC", "NSS"],
                        models=["slow", "uniform"], output_dir="watched", cache_predictions=False))
run.leaderboard()'''


def test_a_run_in_a_notebook_shows_how_far_it_is_and_leaves_nothing(lab, browser, eyes, work):
    import nbformat
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SLOW)],
                                        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3",
                                                                 "language": "python"}})
    nbformat.write(notebook, work / "slow.ipynb")
    page = browser.new_page()
    page.goto(f"{lab}/lab/workspaces/slow/tree/slow.ipynb?reset", wait_until="domcontentloaded")
    page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for(timeout=90_000)
    page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=90_000)
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells') }")           # not waited for
    page.locator(".jp-OutputArea-output pre", has_text="more × slow:").wait_for(timeout=60_000)
    page.screenshot(path=eyes.shots / "10_during.png")
    page.locator(".jp-OutputArea table").wait_for(timeout=60_000)
    page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    assert soon(lambda: nbformat.read(work / "slow.ipynb", 4).cells[0].outputs)
    page.screenshot(path=eyes.shots / "11_after.png")
    streams = [output for output in nbformat.read(work / "slow.ipynb", 4).cells[0].outputs
               if output.output_type != "execute_result"]
    assert all(output.name == "stdout" and not output.text.strip() for output in streams)


WALK = """import saliency_playground as sp
sp.view_scanpaths("walked", "local_bias", "03_night")"""


def write_notebook(path: Path, *sources: str) -> None:
    import nbformat
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, sources)), metadata=kernel), path)


BROKEN_WALK = """import saliency_playground as sp
from saliency_playground.models.scanpath_base import ScanpathModel
class Broken(ScanpathModel):
    name, kind = "broken", "map"
    def predict_next(self, state, history):
        if len(history) == 2:
            raise RuntimeError("no memory left")
        return state[..., 0]
sp.view_scanpaths(sp.create("dataset", "folder", root="walk"), Broken)"""


class Walker(Eyes):
    "Somebody who walks along a scanpath."
    def place(self) -> int:
        return int(self.page.locator(".sp-walk .widget-readout").inner_text())

    def goes(self, action, place: int) -> int:
        took = self.does(action)
        assert soon(lambda: self.place() == place), self.place()
        return took

    def words(self) -> str:
        return self.page.locator(".sp-walk .sp-words").inner_text()

    def picture(self) -> str:
        "A digest of the picture."
        return self.page.evaluate("""async () => {
            const bytes = await (await fetch(document.querySelector('.sp-path-picture').src)).arrayBuffer();
            return Array.from(new Uint8Array(await crypto.subtle.digest('SHA-1', bytes))).join(' ') }""")

    def settle(self) -> None:
        "The mouse where nothing is, so that no tip covers the picture."
        self.page.mouse.move(2, 2)


@pytest.fixture(scope="module")
def walk(lab, browser, work, eyes):
    write_notebook(work / "walk.ipynb", WALK)
    walker = Walker(browser.new_page(), eyes.shots, ".sp-path")
    walker.open(f"{lab}/lab/workspaces/walk/tree/walk.ipynb?reset")
    yield walker
    walker.page.close()


def test_a_path_is_walked_by_keys_by_mouse_and_on_its_strip(walk, work):
    last = int(re.search(r"of (\d+)", walk.words())[1])
    assert walk.place() == 2 and "IG" in walk.words()
    walk.shot("20_path")
    seen = {walk.picture()}
    walk.stage.focus()
    for key, place in [("ArrowRight", 3), ("ArrowRight", 4), ("ArrowLeft", 3), ("End", last), ("Home", 1)]:
        walk.goes(lambda key=key: walk.page.keyboard.press(key), place)
        seen.add(walk.picture())
    assert len(seen) == 5                                 # number 3 twice; of each another picture
    assert "the first is history" in walk.words()
    walk.press("ArrowLeft")                               # there is nothing before the first: the key is answered
    handle = walk.page.locator(".sp-walk .noUi-handle")
    handle.focus()
    walk.goes(lambda: walk.page.keyboard.press("ArrowRight"), 2)
    box, track = handle.bounding_box(), walk.page.locator(".sp-walk .noUi-target").bounding_box()

    def drag():
        walk.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        walk.page.mouse.down()
        walk.page.mouse.move(track["x"] + track["width"], box["y"] + box["height"] / 2, steps=12)
        walk.page.mouse.up()
    walk.goes(drag, last)
    strip = walk.page.locator(".sp-path-strip")
    wide, high = (strip.bounding_box()[name] for name in ("width", "height"))
    walk.goes(lambda: strip.click(position={"x": 0.32 * wide, "y": high / 2}), 2)
    walk.shot("21_strip")


def test_keys_stay_in_the_scanpath_viewer(walk):
    cells = walk.page.locator(".jp-NotebookPanel .jp-Cell").count()
    for focus in (walk.stage, walk.page.locator(".sp-walk .noUi-handle")):
        focus.focus()
        for key in "xdd00":
            walk.press(key, draws=False)
    assert (walk.page.locator(".jp-NotebookPanel .jp-Cell").count() == cells
            and walk.page.locator(".jp-Dialog").count() == 0)


def test_every_menu_of_the_scanpath_viewer(walk):
    walk.stage.focus()
    walk.press("End")
    whole = walk.picture()
    walk.menu("beside", "all sampled paths")
    assert soon(lambda: walk.picture() != whole) and "4 paths that local_bias draws" in walk.page.locator(
        ".sp-walk .sp-legend").inner_text()
    walk.settle()
    walk.shot("22_sampled")
    links = set()
    for beside in ("the best sampled path", "the best other person"):
        walk.menu("beside", beside)
        for measure in ("dtw", "scanmatch", "mm_vector", "eyeanalysis"):
            walk.menu("measure", measure)
            assert soon(lambda measure=measure: f"most like it: {measure} " in walk.words()), walk.words()
            links.add(walk.picture())
            walk.settle()
            walk.shot(f"23_{beside.split()[2]}_{measure}")
    assert len(links) > 6
    walk.stage.focus()
    before = walk.picture()
    walk.press("ArrowLeft")                               # the links of another fixation are thick
    assert walk.picture() != before
    walk.menu("beside", "nothing")
    walk.menu("score", "AUC")
    assert soon(lambda: "AUC" in walk.words())
    walk.menu("observer", "p3")
    walk.menu("image", "02_sea")
    assert walk.chosen("observer") == "p3" and soon(lambda: walk.place() == 2)
    walk.menu("model", "center_bias")
    assert soon(lambda: "its map stays" in walk.words())
    walk.menu("model", "wta_ior")
    assert soon(lambda: "has no map" in walk.words()) and not walk.page.locator(".sp-path-strip").is_visible()
    walk.settle()
    walk.shot("24_only_draws")
    walk.menu("model", "no model: the path alone")
    walk.menu("model", "local_bias")
    walk.menu("image", "03_night")
    assert walk.page.locator(".sp-path-strip").is_visible()


@pytest.mark.parametrize("width, height", [(1200, 900), (390, 844)])
def test_nothing_of_the_scanpath_viewer_is_cut_off(walk, width, height):
    walk.page.evaluate("jupyterapp.shell.collapseLeft()")
    walk.page.set_viewport_size({"width": width, "height": height})
    walk.menu("beside", "all sampled paths")
    walk.page.locator(".sp-walk").evaluate("viewer => viewer.scrollIntoView({ block: 'start' })")
    walk.settle()
    walk.page.screenshot(path=walk.shots / f"25_path_{width}.png")
    walk.page.locator(".sp-walk .sp-words").scroll_into_view_if_needed()
    walk.page.screenshot(path=walk.shots / f"26_path_{width}_below.png")
    found = walk.page.evaluate("""() => {
        const viewer = document.querySelector('.sp-walk'), whole = viewer.getBoundingClientRect(), faults = [];
        const parts = [...viewer.querySelectorAll('.widget-inline-hbox, .sp-path img, .sp-legend, .sp-words')]
                      .filter(one => one.offsetParent);
        const boxes = parts.map(one => one.getBoundingClientRect());
        boxes.forEach((a, i) => {
            if (a.left < whole.left - 1 || a.right > whole.right + 1) faults.push(`leaves it: ${parts[i].className}`);
            if (boxes.some((b, j) => j > i && !parts[i].contains(parts[j]) && a.left < b.right - 1
                                     && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1))
                faults.push(`overlaps: ${parts[i].className}`);
        });
        for (const one of viewer.querySelectorAll('.widget-label, .sp-legend span, .sp-words, .sp-path'))
            if (one.clientWidth && one.scrollWidth > one.clientWidth + 1) faults.push(`clipped: ${one.textContent}`);
        const picture = viewer.querySelector('.sp-path-picture'), box = picture.getBoundingClientRect();
        return { faults, ratio: box.width / box.height * picture.naturalHeight / picture.naturalWidth,
                 wide: box.width, whole: whole.width };
    }""")
    assert not found["faults"], found
    assert abs(found["ratio"] - 1) < 0.02 and found["wide"] > min(700, 0.9 * found["whole"])
    walk.menu("beside", "nothing")
    walk.page.set_viewport_size({"width": 1500, "height": 1250})
    walk.rest()


def test_what_fails_in_the_scanpath_viewer_is_seen(lab, browser, work, walk):
    "A model that fails is said in red, and so is a fault of our own; without a kernel there is a picture."
    write_notebook(work / "broken_walk.ipynb", BROKEN_WALK)
    other = Walker(browser.new_page(), walk.shots, ".sp-path")
    other.open(f"{lab}/lab/workspaces/broken_walk/tree/broken_walk.ipynb?reset")
    other.stage.focus()
    with pytest.raises(AssertionError, match="no memory left"):
        other.press("ArrowRight")
    other.shot("27_broken")
    other.press("ArrowRight")                             # and it goes on
    other.page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    assert soon(lambda: b"sp-still" in (work / "broken_walk.ipynb").read_bytes())
    assert other.page.locator(".sp-still").count() == 1 and not other.page.locator(".sp-still").is_visible()
    shutil.copy(work / "broken_walk.ipynb", work / "walk_again.ipynb")
    page = browser.new_page()
    page.goto(f"{lab}/lab/workspaces/again2/tree/walk_again.ipynb?reset", wait_until="domcontentloaded")
    page.get_by_text("A still picture of the viewer").wait_for(timeout=90_000)
    page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=90_000)
    assert soon(lambda: len(pictures_of(page, ".jp-RenderedImage")) == 1)
    page.screenshot(path=walk.shots / "28_walk_without_kernel.png")
    page.close()
    other.page.close()
