"""Nobody is led astray.

Links and pictures of notebooks and pages are there, and the tutorials are whole, small and know each other.
"""
import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from conftest import ROOT

TUTORIALS = sorted((ROOT / "nbs" / "tutorials").glob("[0-9]*.ipynb"))
NOTEBOOKS = sorted(path for path in (ROOT / "nbs").rglob("*.ipynb")
                   if not any(part.startswith(".") for part in path.relative_to(ROOT).parts))
PAGES = [*NOTEBOOKS, *ROOT.glob("*.md"), *(ROOT / "benchmarks").glob("*.md"), *(ROOT / "nbs").rglob("*.md"),
         *(ROOT / "docs" / "walks").glob("*.md")]
LINK = re.compile(
    r"(!?)\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^()\s>]*(?:\([^()\s]*\)[^()\s>]*)*)>?(?:\s+\"[^\"]*\")?\s*\)")
TAG = re.compile(r"<(?:a|img|source)\b[^>]*?\b(?:href|src)=[\"']([^\"']*)[\"']", re.I)
BARE = re.compile(r"(?<![\w(\"'`<])(https?://[^\s<>\"'`)\]]+)")
PLACEHOLDERS = ("example.com", "example.org", "localhost", "127.0.0.1", "0.0.0.0", "todo", "your-name",
                "username", "foo.bar")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def cells_of(notebook: Path) -> list[dict]:
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


def source_of(cell: dict) -> str:
    return "".join(cell["source"])


@cache
def prose_of(page: Path) -> str:
    "What is read as Markdown on a page: without code blocks and code between backticks."
    whole = (page.read_text(encoding="utf-8") if page.suffix == ".md" else
             "\n\n".join(source_of(cell) for cell in cells_of(page) if cell["cell_type"] == "markdown"))
    return re.sub(r"^(`{3,}|~{3,}).*?^\1`*\s*$", "", whole, flags=re.M | re.S)


def links_of(text: str) -> list[str]:
    "Everything that a piece of Markdown points to."
    plain = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "code", text)
    return ([target for _, target in LINK.findall(plain)] + TAG.findall(plain)
            + [url.rstrip(".,;:") for url in BARE.findall(plain)])


def anchors_of(page: Path) -> set[str]:
    """What `#…` may follow a link to a page.

    A notebook's headings with dashes for spaces, a Markdown page's as GitHub writes them.
    """
    titles = re.findall(r"^#{1,6} +(.+?) *#*$", prose_of(page), flags=re.M)
    titles = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "").replace("*", "") for title in titles]
    own = set(re.findall(r"<a\b[^>]*\b(?:id|name)=[\"']([^\"']+)[\"']", prose_of(page)))
    if page.suffix == ".md":
        return own | {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return own | {title.replace(" ", "-") for title in titles}


def fault_of(target: str, page: Path) -> str:
    "What is wrong with a link on a page; empty if nothing."
    parts = urlsplit(target)
    if parts.scheme or target.startswith("//"):
        if parts.scheme == "data":
            return ""
        own = re.search(r"saliency-playground/saliency_playground/blob/main/([^?#]+)", target)
        if own and not (ROOT / own[1]).is_file():
            return f"there is no file {own[1]} of ours"
        odd = [word for word in PLACEHOLDERS if word in target.lower()]
        good = (parts.scheme == "https" and re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", parts.hostname or "", flags=re.I)
                and not re.search(r"[\s\\{}<>…]", target))
        if not good:
            return "not a whole https address"
        return f"a placeholder ({odd[0]})" if odd else ""
    if not target or target.startswith("/"):
        return "points nowhere" if not target else "starts at the root of the machine"
    where = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not where.exists():
        return "there is no such file"
    if not where.is_relative_to(ROOT):
        return "leaves the repository"
    if parts.fragment and where.suffix in (".ipynb", ".md") and unquote(parts.fragment) not in anchors_of(where):
        return "there is no such heading"
    return ""


def test_the_checker_sees():
    "Each kind of wrong link is found, and good ones are not."
    page = TUTORIALS[0] if TUTORIALS else NOTEBOOKS[0]
    wrong = ["http://arxiv.org", "https://localhost/x", "https://example.com/paper", "https://{host}/x",
             "https://arxiv", "gone.ipynb",
             "https://github.com/saliency-playground/saliency_playground/blob/main/nbs/gone.ipynb",
             "#No-heading", "", "/etc/hosts",
             "../../README.md#no-such-part", "../../.."]
    assert not [target for target in wrong if not fault_of(target, page)]
    good = ["https://saliency.tuebingen.ai", "../21_core.ipynb#Prediction", "../../README.md#install", f"{page.name}"]
    assert not [(target, fault_of(target, page)) for target in good if fault_of(target, page)]
    text = "[a](b.ipynb) ![c](d.png \"e\") `[f](g)` <img src='h.png'> [i [j]](k(l).md) see https://m.org/n."
    assert links_of(text) == ["b.ipynb", "d.png", "k(l).md", "h.png", "https://m.org/n"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links(page):
    "Links and pictures of a page lead somewhere; those that leave the repository have the form of an address."
    faults = [f"{target}: {fault}" for target in links_of(prose_of(page)) if (fault := fault_of(target, page))]
    assert not faults, "\n".join(faults)


def test_notebooks_named_in_the_readme():
    "What the README calls a notebook is there."
    for notebook in re.findall(r"`(nbs/[^`*]+)`", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert (ROOT / notebook).exists(), notebook


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name_of)
def test_size(notebook):
    "A notebook with its outputs stays under 300 kB."
    assert notebook.stat().st_size < 300_000


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=name_of)
def test_tutorial(tutorial):
    """A tutorial says first what it gives and how long it takes, was run from top to bottom without an error, and names
    no folder of the machine it ran on.
    """
    cells = cells_of(tutorial)
    opening = source_of(cells[0])
    assert opening.startswith("# ") and "\n> " in opening and "**At the end**" in opening and "**It takes**" in opening
    outputs = [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]
    assert len(outputs) >= 8 and not [output for output in outputs if output["output_type"] == "error"]
    silent = [source_of(cell) for cell in cells if cell["cell_type"] == "code" and not cell["outputs"]
              and re.search(r"^(print|display|show)\(", source_of(cell), re.M)]
    assert not silent, f"cells that were not run: {silent}"
    text = "".join("".join(output.get("text", [])) + "".join(output.get("data", {}).get("text/plain", []))
                   for output in outputs)
    assert not (paths := re.findall(r"/(?:tmp|home|work|root|Users|var)/\S*", text)), ("folders of some machine: "
                                                                                       f"{paths}")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name_of)
def test_no_picture_of_other_peoples_photographs(notebook):
    "A cell that reads the real data, which are not ours to show, has no picture in its output."
    shown = [source_of(cell) for cell in cells_of(notebook) if cell["cell_type"] == "code"
             and re.search("osie", source_of(cell), re.I)
             and any(kind.startswith("image/") for output in cell["outputs"] for kind in output.get("data", {}))]
    assert not shown, shown


def test_no_tutorial_is_alone():
    "The README leads to every tutorial, and from every tutorial all others can be reached."
    names = {path.name for path in TUTORIALS}
    listed = {Path(target).name for target in links_of(prose_of(ROOT / "README.md"))
              if target.startswith("nbs/tutorials/")}
    assert names <= listed, f"the README does not lead to {', '.join(sorted(names - listed))}"
    leads = {path.name: {target.partition("#")[0] for target in links_of(prose_of(path))} & names for path in TUTORIALS}
    for name in names:
        reached, edge = {name}, {name}
        while edge := {target for one in edge for target in leads[one]} - reached:
            reached |= edge
        assert reached == names, f"{name} does not lead to {', '.join(sorted(names - reached))}"
