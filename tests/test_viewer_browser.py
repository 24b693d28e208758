"""The viewer in a real JupyterLab in a real browser.

Every control is used, and after every action it is asked whether anything went wrong.
"""
import os
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
                 models=["center_bias", "blur_baseline", "spectral_residual", "center_bias_crossval", "gold_standard"]))
        subprocess.run([sys.executable, "-m", "saliency_playground", "viewer", "outputs"], check=True,
                       capture_output=True)
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
    def __init__(self, page, shots: Path):
        self.page, self.shots, self.faults = page, shots, []
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
        page.locator(".sp-stage img").first.wait_for(timeout=90_000)
        self.look()

    @property
    def stage(self):
        return self.page.locator(".sp-stage").first

    def drawn(self) -> int:
        return int(self.stage.get_attribute("data-drawn"))

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
            self.page.wait_for_function("before => Number(document.querySelector('.sp-stage').dataset.drawn) > before",
                                        arg=before, timeout=60_000)
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
        "A digest of what panel i shows, pixel by pixel."
        return self.page.evaluate("""async i => {
            const image = document.querySelectorAll('.sp-stage img')[i]; await image.decode();
            const canvas = document.createElement('canvas');
            canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
            const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);
            const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
            const digest = new Uint8Array(await crypto.subtle.digest('SHA-1', pixels));
            return Array.from(digest, b => b.toString(16)).join('') }""", i)

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

    def tick(self, label: str) -> int:
        return self.does(lambda: self.page.locator(".sp-viewer .widget-checkbox",
                                                   has=self.page.get_by_text(label, exact=True)).locator(
                                                       "input").click())

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


def test_alpha_by_keyboard_and_by_mouse(eyes):
    handle, first = eyes.page.locator(".sp-viewer .noUi-handle").first, eyes.figure(2)
    handle.focus()
    took = [eyes.press("ArrowRight") for _ in range(6)]
    print("alpha, key to picture in the page:", sorted(took)[len(took) // 2], "ms")
    second = eyes.figure(2)
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag():
        eyes.page.mouse.move(x, y)
        eyes.page.mouse.down()
        eyes.page.mouse.move(x - 70, y, steps=8)
        eyes.page.mouse.up()
    eyes.does(drag)
    assert soon(lambda: len({first, second, eyes.figure(2)}) == 3)


def test_models_images_and_keys(eyes):
    eyes.tick("blur_baseline")
    assert soon(lambda: [caption.split()[0] for caption in eyes.captions()[2:]]
                == ["spectral_residual", "center_bias", "blur_baseline"])
    eyes.page.locator(".sp-viewer .widget-dropdown",
                      has=eyes.page.get_by_text("in a row", exact=True)).locator("select").select_option(label="3")
    assert soon(lambda: eyes.stage.evaluate("stage => getComputedStyle(stage).gridTemplateColumns.split(' ').length")
                == 3)
    eyes.does(lambda: eyes.page.locator(".sp-tall .sp-thumb").nth(3).click())
    assert eyes.shows("04_room")
    eyes.stage.locator("img").first.click()
    for key, image in [("ArrowRight", "05_sky"), ("ArrowRight", "06_people"), ("ArrowLeft", "05_sky"),
                       ("End", "12_people"), ("Home", "01_meadow")]:
        eyes.press(key)
        assert eyes.shows(image)
    eyes.press("End")
    assert soon(lambda: eyes.page.locator(".sp-tall .sp-thumb[aria-pressed=true]").get_attribute("data-image")
                == "12_people")


def test_a_broken_picture_is_shown_as_such(eyes):
    eyes.does(lambda: eyes.page.locator(".sp-tall [data-image='05_sky']").click())
    assert soon(lambda: "not a picture" in eyes.stage.locator("img").first.get_attribute("alt")
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
    box = eyes.stage.locator("img").nth(2).bounding_box()

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
    for way in ("sum", "none", "rank", "log density", "max"):
        eyes.menu("normalise", way)
        figures.add(eyes.figure(3))
    assert len(figures) == 5
    before = eyes.figure(1)
    eyes.menu("colours", "viridis")
    assert eyes.figure(1) != before
    eyes.menu("contours", "50 %, 90 %")
    eyes.tick("one scale")
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
    assert soon(lambda: "no probabilities" in eyes.stage.locator("img").last.get_attribute("alt"))
    eyes.menu("explain", "nothing")
    assert soon(lambda: len(eyes.captions()) == 6)
    whole = eyes.figure(0)
    eyes.menu("of", "everybody, in colours")
    eyes.shot("5_observers")
    colors = eyes.figure(0)
    eyes.menu("of", "p1")
    assert len({whole, colors, eyes.figure(0)}) == 3
    eyes.tick("fixations")


def test_order_search_and_filter(eyes, work):
    scores = sp.Run(work / "outputs").table("toy", "spectral_residual").set_index("image_id").AUC
    eyes.menu("order", "score")
    assert soon(lambda: eyes.listed()[0] == scores.idxmin() and eyes.listed()[-1] == "05_sky")
    eyes.tick("the other way round")
    assert soon(lambda: eyes.listed()[0] == scores.idxmax())
    eyes.tick("the other way round")
    eyes.shot("6_by_score")
    for by in ("A − B", "disagreement", "distance to the ceiling"):
        eyes.menu("order", by)
    search = eyes.page.locator(".sp-viewer input[placeholder='search names, categories']")
    eyes.does(lambda: search.fill("meadow"))
    assert soon(lambda: sorted(eyes.listed()) == ["01_meadow", "07_meadow"])
    eyes.does(lambda: search.fill(""))
    eyes.tick("only failures")
    assert eyes.shows("05_sky")
    eyes.tick("only failures")


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
    eyes.button("▶", draws=True)
    eyes.stage.focus()
    eyes.press("p", draws=False)
    eyes.page.locator(".sp-said", has_text="2 picked").wait_for()
    eyes.button("sheet of picked")
    eyes.page.locator(".sp-said", has_text="sheet_of_2").wait_for()
    assert read_image(work / eyes.said().removeprefix("saved: ")).shape[1] == 1800


def test_what_is_refused_is_undone(eyes):
    boxes = eyes.page.locator(".sp-viewer .widget-checkbox",
                              has=eyes.page.get_by_text("spectral_residual", exact=True)).locator("input")
    for name in ("center_bias", "blur_baseline"):
        eyes.tick(name)
    boxes.click()
    eyes.page.locator(".sp-said.sp-wrong", has_text="one to 6 models").wait_for()
    assert (eyes.page.locator(".sp-said.sp-wrong").evaluate("said => getComputedStyle(said).color")
            != eyes.page.locator(".sp-note").first.evaluate("note => getComputedStyle(note).color"))
    assert soon(boxes.is_checked)
    eyes.tick("center_bias")


def test_another_dataset(eyes):
    first = eyes.page.locator(".sp-tall [data-image='01_meadow'] img")
    first.scroll_into_view_if_needed()
    before = first.get_attribute("src")
    eyes.menu("dataset", "more")
    assert soon(lambda: len(eyes.listed()) == 3 and len(eyes.captions()) == 4)
    assert soon(lambda: first.get_attribute("src") not in (None, before))  # of the same name, and another picture
    thumbnails = eyes.page.locator(".sp-tall .sp-thumb")
    assert soon(lambda: {tuple(label.split()[1:]) for label in thumbnails.all_inner_texts()}
                == {("001", "Action"), ("001", "Art"), ("01_meadow",)})
    search = eyes.page.locator(".sp-viewer input[placeholder='search names, categories']")
    eyes.does(lambda: search.fill("art"))
    assert soon(lambda: eyes.listed() == ["Art/001"])
    eyes.does(lambda: search.fill(""))
    eyes.shot("9_other_dataset")


def test_a_broken_callback_is_seen(lab, browser, work, eyes):
    "The watcher above must see a callback that fails, or all the tests before say nothing."
    import nbformat
    notebook = nbformat.read(work / "saliency_viewer.ipynb", 4)
    notebook.cells.append(
        nbformat.v4.new_code_cell("import saliency_playground.viewer.state as state\ndef broken(*_, **__): raise "
                                  "RuntimeError('sabotage')\nstate.panels = broken"))
    nbformat.write(notebook, work / "sabotaged.ipynb")
    other = Eyes(browser.new_page(), eyes.shots)
    other.open(f"{lab}/lab/workspaces/other/tree/sabotaged.ipynb?reset")
    other.page.wait_for_timeout(1500)
    handle = other.page.locator(".sp-viewer .noUi-handle").first
    handle.focus()
    with pytest.raises(AssertionError, match="sabotage"):
        other.does(lambda: other.page.keyboard.press("ArrowRight"), draws=False)
        other.page.wait_for_timeout(1500)
        other.look()


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
