"""The report's page in a browser: nothing overlaps or is cut off, tables sort, images enlarge, scripts or not."""
import re
import shutil
from pathlib import Path

import pytest
from conftest import command

import saliency_playground as sp

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="allowed on this system: there is no Chromium (Debian: "
                                "apt-get install chromium)")
LONG = "an_uncommonly_long_name_of_a_model-fine_tuned_on_everything"

MEASURE = """() => {
  const faults = [], wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > wide) faults.push("the page is too wide");
  const name = node => (node.textContent || node.alt || node.tagName).trim().slice(0, 40);
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const parent = node.parentElement;
    if (!node.textContent.trim() || parent.closest("script, details:not([open]) > :not(summary)")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (box.width < 1 || box.height < 1) continue;
      boxes.push([box, name(node), node]);
      const scrolls = parent.closest(".wide");
      if (!scrolls && (box.left < -1 || box.right > wide + 1)) faults.push(`outside: ${name(node)}`);
      const cell = parent.closest("td, th");
      if (cell && !parent.closest(".stay")) {
        const room = cell.getBoundingClientRect();
        if (box.left < room.left - 1 || box.right > room.right + 1) faults.push(`out of its cell: ${name(node)}`);
      }
    }
  }
  for (const image of document.querySelectorAll("img")) {
    const box = image.getBoundingClientRect();
    if (box.width) boxes.push([box, image.alt, image]);
    const scrolls = image.closest(".chart");               // a chart of many metrics: its letters stay legible
    if (box.width && !scrolls && (box.left < -1 || box.right > wide + 1)) faults.push(`outside: ${image.alt}`);
  }
  boxes.sort((a, b) => a[0].top - b[0].top);
  for (let i = 0; i < boxes.length; i++) {
    for (let j = i + 1; j < boxes.length && boxes[j][0].top < boxes[i][0].bottom - 3; j++) {
      const [a, b] = [boxes[i][0], boxes[j][0]];
      if (boxes[i][2] === boxes[j][2]) continue;
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 && Math.min(a.bottom, b.bottom) - b.top > 3)
        faults.push(`on each other: ${boxes[i][1]} | ${boxes[j][1]}`);
    }
  }
  return faults;
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    "A page about models with short and long names, ceilings, and a broken image."
    root = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        sp.make_toy("toy", n_images=6)
        Path("toy/images/05_sky.png").write_bytes(b"cut off while copying")
        sp.benchmark(dict(datasets=[{"name": "folder", "as": "toy", "root": "toy"}],
                          models=["uniform", "center_bias", {"name": "spectral_residual", "as": LONG}, "blur_baseline",
                                  "center_bias_crossval", "single_observer", "gold_standard"]))
        command("report", "--html", "r.html", "--published", "--sensitivity")
    return root / "r.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser, report):
    "Opens the page; what goes wrong in it is in its `faults`."
    contexts = []

    def open_page(**options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda message: page.faults.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: page.faults.append(request.url[:80])
                if not request.url.startswith(("file:", "data:")) else None)
        page.goto(report.as_uri())
        return page
    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [360, 800, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scripts", [True, False])
def test_nothing_overlaps(opened, width, scheme, scripts):
    "At the width of a phone, a tablet and a desk, by day and by night, with scripts and without."
    page = opened(viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts)
    assert page.evaluate(MEASURE) == [] and page.faults == []


def test_an_overlap_is_seen(opened):
    page = opened(viewport={"width": 360, "height": 900})
    page.add_style_tag(content="tbody th { max-width: 3rem !important; min-width: 0 !important; "
                               "white-space: nowrap !important }")
    assert any("out of its cell" in fault for fault in page.evaluate(MEASURE))


def column(page, place: int, body: int = 0) -> list[str]:
    "The texts of a column of the first table: its names, or its means."
    return page.evaluate(f"""() => [...document.querySelector('table').tBodies[{body}].rows]
        .filter(row => !row.classList.contains('apart'))
        .map(row => (row.cells[{place}].querySelector('b') ?? row.cells[{place}]).textContent.trim())""")


def test_tables_sort(opened):
    "By click and by keyboard: best first, worst first, as it was; ceilings stay below, what is undefined comes last."
    page = opened(viewport={"width": 1440, "height": 900})
    heads = page.locator("table").first.locator("thead th")
    names = heads.all_inner_texts()
    kl, ig = (next(i for i, name in enumerate(names) if name.startswith(metric)) for metric in ("KL", "IG"))
    before, ceilings = column(page, 0), column(page, 0, body=1)

    def numbers(place):
        return [float(text.replace("−", "-")) for text in column(page, place) if text != "–"]
    heads.nth(kl).locator("button").click()
    assert numbers(kl) == sorted(numbers(kl)) and heads.nth(kl).get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")
    assert numbers(kl) == sorted(numbers(kl), reverse=True)
    heads.nth(ig).locator("button").focus()
    page.keyboard.press("Space")
    assert numbers(ig) == sorted(numbers(ig), reverse=True) and column(page, ig)[-1] == "–"
    assert heads.nth(kl).get_attribute("aria-sort") is None
    page.keyboard.press("Enter")
    assert numbers(ig) == sorted(numbers(ig)) and column(page, ig)[-1] == "–"
    page.keyboard.press("Enter")
    assert column(page, 0) == before and heads.nth(ig).get_attribute("aria-sort") is None
    heads.nth(0).locator("button").click()
    assert column(page, 0) == sorted(before) and sorted(column(page, 0, body=1)) == sorted(ceilings)
    assert page.evaluate("[...document.querySelector('table').tBodies[1].rows][0].className") == "apart"
    assert page.evaluate(MEASURE) == [] and page.faults == []


@pytest.mark.parametrize("scripts", [True, False])
def test_images_enlarge(opened, scripts):
    "A click makes an image as large as the window and small again, scripts or not; so do Space and Escape."
    page = opened(viewport={"width": 800, "height": 600}, java_script_enabled=scripts)
    for zoom in (page.locator(".strip .zoom").first, page.locator(".charts .zoom").first):
        image = zoom.locator("img").locator("visible=true").first
        small = image.bounding_box()
        image.click()
        large = image.bounding_box()
        assert (large["x"], large["y"], large["width"], large["height"]) == (0, 0, 800, 600)
        image.click()
        assert image.bounding_box()["width"] == small["width"] < 800
        if scripts:
            zoom.locator("input").focus()
            page.keyboard.press("Space")
            assert image.bounding_box()["width"] == 800
            page.keyboard.press("Escape")
            assert image.bounding_box()["width"] == small["width"]


def test_an_enlarged_image_says_what_it_is(opened):
    "Below it stand the image, the model and its score, all of them within the window and not on the picture."
    for width in (360, 1440):
        page = opened(viewport={"width": width, "height": 700})
        group = page.locator(".strip").first
        image_id = group.locator("xpath=preceding-sibling::p[1]/strong").inner_text()
        panel = group.locator("figure").nth(2)
        model, score = panel.locator("figcaption").inner_text().replace("\N{ZERO WIDTH SPACE}", "").rsplit(" ", 1)
        says = panel.locator(".says")
        assert not says.is_visible()
        panel.locator("img").click()
        assert says.inner_text() == f"{image_id}: {model}, AUC {score}"
        box, room = says.bounding_box(), panel.locator("img").evaluate(
            "image => innerHeight - parseFloat(getComputedStyle(image).paddingBottom)")
        assert box["y"] >= room - 1 and box["y"] + box["height"] <= 700 and box["x"] >= 0 and box["width"] <= width
        says.click()
        assert not says.is_visible()


@pytest.mark.parametrize("width", [360, 800])
def test_letters_can_be_read(opened, width):
    "Those of charts and tables are ten pixels high or more, however narrow the page; charts are drawn in 12 pixels."
    page = opened(viewport={"width": width, "height": 900})
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    charts = page.evaluate("""[...document.querySelectorAll(".chart img")].filter(one => one.offsetWidth)
        .map(one => 12 * one.getBoundingClientRect().width / one.getAttribute("width"))""")
    assert len(charts) > 3 and min(charts) >= 9.9
    letters = page.evaluate("""[...document.querySelectorAll("td, th, sup, figcaption, .half, .share, code")]
        .map(one => [parseFloat(getComputedStyle(one).fontSize), one.textContent])""")
    assert [small for small in letters if small[0] < 10] == []


@pytest.mark.parametrize("scripts", [True, False])
def test_an_arrow_stays_with_its_name(opened, scripts):
    "No line of a table begins with the arrow of the name before it."
    page = opened(viewport={"width": 360, "height": 900}, java_script_enabled=scripts)
    texts = page.evaluate("[...document.querySelectorAll('th, td')].map(one => one.textContent)")
    assert sum("↑" in text for text in texts) > 5 and not [text for text in texts if re.search(r" [↑↓]", text)]


def test_words(opened):
    "One minus sign, nothing that is ±0.000, and heads that say what is flat."
    page = opened(viewport={"width": 1440, "height": 900})
    words = page.evaluate("""() => { document.querySelectorAll('details').forEach(one => one.open = true);
        document.querySelectorAll('pre, code, dl').forEach(one => one.remove()); return document.body.innerText; }""")
    assert not re.findall(r"(?<![\w.])-[\d∞.][^\n]*", words)
    assert "±0.000" not in words and "−" in words and "†" in words
    assert page.evaluate("document.querySelectorAll('.by-night').length") > 0


def test_without_scripts_it_is_whole(opened):
    "Every number and image is there; the heads are plain words."
    page = opened(java_script_enabled=False)
    assert page.locator("button").count() == 0 and page.locator("thead th .key").first.inner_text() == "model"


def test_no_other_script_runs(browser, report, tmp_path):
    "The page names its script by digest: one that somebody adds does nothing."
    changed = tmp_path / "r.html"
    taken = "<script>document.title = 'taken'</script><h1>"
    changed.write_text(report.read_text(encoding="utf-8").replace("<h1>", taken), encoding="utf-8")
    page = browser.new_page()
    page.goto(changed.as_uri())
    assert page.title() != "taken" and page.locator("button").count() > 0
    page.close()


def test_on_paper(opened, tmp_path):
    "Printed, no column is cut off: every number of the leaderboard is within the sheet."
    page = opened(viewport={"width": 1440, "height": 900})
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 794 - 106, "height": 1123 - 106})          # A4 without its margins, 96 dpi
    right = page.evaluate("Math.max(...[...document.querySelector('table').rows].map(row => "
                          "row.lastElementChild.getBoundingClientRect().right))")
    assert right <= 794 - 106
    assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
