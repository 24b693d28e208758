"""The site of `make docs`: everything is in it, and what only tools read is not.

What Sphinx reads is written without Sphinx, so all but the last test need nothing that the other tests do not.
"""
import ast
import json
import re
import shutil
import sys
import xml.etree.ElementTree as ElementTree
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "docs"))
import build
import house
import links
import pages
from reference import Module, Reference

@pytest.fixture(scope="module")
def source(tmp_path_factory):
    "What Sphinx reads."
    folder = tmp_path_factory.mktemp("site") / "source"
    build.write_source(folder)
    return folder


def contents(source: Path) -> set[str]:
    "Every page that the table of contents leads to, from the front page on."
    found, todo = set(), ["index"]
    while todo:
        name = todo.pop()
        found.add(name)
        page = source / f"{name}.md"
        text = page.read_text(encoding="utf-8") if page.exists() else ""
        for tree in re.findall(r"^```\{toctree\}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            entries = [line for line in tree.split("\n") if line and not line.startswith(":")]
            below = {(page.parent / entry).resolve().relative_to(source.resolve()).as_posix() for entry in entries}
            todo += sorted(below - found)
    return found


def test_every_page_is_in_the_contents(source):
    "Every notebook, every Markdown page and all that is made of them; and nothing that is not there."
    listed = contents(source)
    there = {path.relative_to(source).with_suffix("").as_posix() for path in source.rglob("*")
             if path.suffix in (".md", ".ipynb")}
    assert there == listed
    assert {path.relative_to(ROOT).with_suffix("").as_posix() for path in pages.notebooks()} <= listed
    assert len(pages.notebooks()) > 150
    assert {"house", "gallery", "commands", "walks", "docs/walks/kaggle", "CHANGELOG", "CONTRIBUTING"} <= listed


def test_a_walk_is_listed_with_its_promise(tmp_path, monkeypatch):
    "Whatever lies in docs/walks, by itself."
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(pages, "WALKS", tmp_path / "docs" / "walks")
    pages.WALKS.mkdir(parents=True)
    (pages.WALKS / "terminal.md").write_text("# A terminal\n\n> From a clone\n> to a table.\n\n![b](b.png)\n",
                                             encoding="utf-8")
    (pages.WALKS / "b.png").touch()
    build.write_walks(tmp_path)
    page = (tmp_path / "walks.md").read_text(encoding="utf-8")
    assert "- [A terminal](docs/walks/terminal.md): From a clone to a table.\n" in page
    assert "\ndocs/walks/terminal\n" in page and pages.WALKS / "b.png" in pages.pictures()


def test_tutorials_come_first(source):
    front = (source / "index.md").read_text(encoding="utf-8")
    first = re.search(r"```\{toctree\}\n(.*?)```", front, re.DOTALL)[1]
    assert re.findall(r"tutorials/(\d\d)_", first) == [f"{n:02d}" for n in range(1, len(list(
        (pages.NBS / "tutorials").glob("[0-9]*.*"))) + 1)]


def test_every_public_name_is_in_the_reference(source):
    "As nbdev wrote it into `__all__`, by whatever way it is defined there."
    said = "\n".join(path.read_text(encoding="utf-8") for path in (source / "reference").glob("*.md"))
    modules = [Module(path) for path in pages.floors.MODULES]
    assert not [module.full_name for module in modules
                if module.notebook and f"{{py:module}} {module.full_name}\n" not in said]
    for module in modules:
        listed = getattr(module.definitions.get("__all__"), "value", None) if module.notebook else None
        names = ast.literal_eval(listed) if listed else []
        page = (source / "reference" / f"{module.room}.md").read_text(encoding="utf-8") if names else ""
        section = page.partition(f"{{py:module}} {module.full_name}\n")[2].partition("{py:module}")[0]
        here = set(re.findall(r"^:+\{py:\w+\} (\w+)", section, re.MULTILINE))
        lacking = set(names) - here - {"cv2"}              # which `opencv` hands on
        assert not lacking, f"{module.name}: {', '.join(sorted(lacking))}"


def test_an_entry_says_what_the_source_says(tmp_path):
    "Signature, hints that are links, what is said of each argument, errors, and the place where it is explained."
    entry = Reference().room_page("core")
    assert ("{py:function} as_fixations(points: Any, size: tuple[int, int]) -> saliency_playground.core.Fixations"
            in entry)
    told = entry.partition("{py:function} as_fixations(")[2].partition("\n:::\n")[0]
    assert "- **size**: (height, width) of the image" in told and "\n\nRaises ValueError" in told
    assert "(../nbs/21_core.ipynb#" in told
    assert "{py:class} Fixations(x: np.ndarray, y: np.ndarray, observer: np.ndarray | None = None" in entry


def test_cells_are_shown_as_a_reader_wants_them(tmp_path):
    "No directive, no hidden cell, exported cells marked, a widget as its picture or the viewer's."
    def code(*lines, outputs=()):
        return {"cell_type": "code", "metadata": {}, "source": "\n".join(lines), "outputs": list(outputs)}

    view = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "Viewer of …"}
    drawn = {"output_type": "display_data", "data": view | {"image/png": "x"}, "metadata": {}}
    bare = {"output_type": "display_data", "data": view, "metadata": {}}
    still = {"output_type": "display_data", "data": {"text/html": ["<div class='sp-still'>"]}, "metadata": {}}
    page = pages.NBS / "60_viewer" / "one.ipynb"
    cells = [{"cell_type": "markdown", "metadata": {}, "source": "# One\n\n> A promise."},
             code("#| default_exp one"), code("#| hide", "import nbdev"),
             code("#|export", "#| slow", "", "x = 1  #| y"),
             code("view", outputs=[drawn, bare]), code("view", outputs=[still, bare])]
    shown = [pages.shown_cell(cell, page) for cell in cells]
    assert shown[1] is None and shown[2] is None
    assert shown[3]["source"] == "x = 1  #| y" and shown[3]["metadata"]["tags"] == ["exported"]
    kinds = [set(output["data"]) for output in shown[4]["outputs"]]
    assert kinds == [{"image/png", "text/plain"}, {"text/markdown"}]
    assert "../../.github/viewer.jpg" in shown[4]["outputs"][1]["data"]["text/markdown"]
    assert shown[5]["outputs"] == [still]


def test_nothing_of_nbdev_and_no_escape_is_left(source):
    "No directive in any cell, no widget and no colours of a terminal in any output."
    for path in source.rglob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            outputs = cell.get("outputs", [])
            assert not re.match(r"#\s*\|", "".join(cell["source"])), path.name
            assert not [kind for output in outputs for kind in output.get("data", {}) if "widget" in kind], path.name
            assert "\\u001b" not in json.dumps(outputs), path.name


@pytest.mark.parametrize("target, becomes", [
    ("../21_core.ipynb#Who-looked?", "../21_core.ipynb#who-looked"), ("#Who-looked", "#who-looked"),
    ("../../README.md#install", "../../index.md#install"), ("../11_metrics/", "../11_metrics/index.md"),
    ("../../.github/first.jpg", "../../.github/first.jpg"),
    ("https://a.org/B#C", "https://a.org/B#C"), ("../gone.ipynb", "../gone.ipynb"),
    ("../../LICENSE", f"{pages.SETTINGS['git_url']}/blob/main/LICENSE"),
    ("../../benchmarks/viewer.py", f"{pages.SETTINGS['git_url']}/blob/main/benchmarks/viewer.py"),
    ("../../tests/", f"{pages.SETTINGS['git_url']}/tree/main/tests")])
def test_links_of_a_tutorial(target, becomes):
    page = pages.NBS / "tutorials" / "01_first_benchmark.ipynb"
    assert pages.with_links(f"[a]({target}) `[b]({target})`\n\n```\n[c]({target})\n```\n", page) == (
        f"[a]({becomes}) `[b]({target})`\n\n```\n[c]({target})\n```\n")


def test_dead_links_are_found(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.html").write_text("<p id='here'><img src='../gone.png'><a href='../c.html#there'>c</a>",
                                           encoding="utf-8")
    (tmp_path / "c.html").write_text("<a href='a/b.html#here'></a><a href='a/b.html#not'></a><a href='d.html'></a>"
                                     "<a href='https://a.org/x'></a><a href='#'></a>", encoding="utf-8")
    assert list(links.dead_links(tmp_path)) == [
        "a/b.html: ../gone.png is not there", "a/b.html: ../c.html#there has no such anchor",
        "c.html: a/b.html#not has no such anchor", "c.html: d.html is not there"]


def test_the_house_is_drawn_from_the_imports():
    "A box for each room, a line for each import between two of them, all within the picture and none over another."
    picture = ElementTree.fromstring(house.svg())
    space = "{http://www.w3.org/2000/svg}" if picture.tag.startswith("{") else ""
    lines = {tuple(line.get("class").split()) for line in picture.iter(f"{space}path")}
    assert lines == {(f"from-{a}", f"to-{b}") for a, b in house.room_imports()}
    assert ("from-report", "to-stats") in lines and ("from-stats", "to-report") not in lines
    rooms = list(house.rooms().values())
    assert {room.name for room in rooms} == set(pages.floors.floors())
    for floor in range(8):
        boxes = sorted((room.x, room.x + room.width) for room in rooms if room.floor == floor)
        assert boxes[0][0] >= house.LEFT and boxes[-1][1] <= house.WIDTH
        assert all(left[1] < right[0] for left, right in zip(boxes, boxes[1:], strict=False))


def test_what_the_site_needs_is_an_extra_of_its_own():
    extras = {key: value.split() for key, value in pages.SETTINGS.items() if key.endswith("_requirements")}
    needed = {need.split(">")[0] for need in extras["docs_requirements"]}
    assert {"sphinx", "myst-nb", "furo"} <= needed
    assert not {need.split(">")[0] for need in extras["dev_requirements"]} & {"sphinx", "myst-nb", "furo"}
    assert "_docs/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split("\n")


def test_sphinx_takes_it(source, tmp_path):
    "The front page, a notebook and a page of the reference, built by Sphinx; `make docs` builds all."
    if not all(find_spec(name) for name in ("sphinx", "myst_nb", "furo")):
        pytest.skip('allowed on this system: Sphinx is not installed, `pip install -e ".[docs]"` brings it')
    some = tmp_path / "some"
    for name in ("conf.py", "index.md", "nbs/12_ceilings.ipynb", "nbs/13_stats.ipynb", "reference/stats.md"):
        (some / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, some / name)
    shutil.copytree(source / "_static", some / "_static")
    assert build.run_sphinx(some, tmp_path / "html", "-D", "nb_execution_mode=off") == 0
    assert "bootstrap_interval" in (tmp_path / "html" / "reference" / "stats.html").read_text(encoding="utf-8")
    notebook = (tmp_path / "html" / "nbs" / "13_stats.html").read_text(encoding="utf-8")
    assert "tag_exported" in notebook and "#| export" not in notebook
    formulas = (tmp_path / "html" / "nbs" / "12_ceilings.html").read_text(encoding="utf-8")
    assert "<mfrac>" in formulas and "$$" not in formulas            # and nothing is fetched to set them
    assert not re.findall(r"<script[^>]*src=.https?:", formulas)
