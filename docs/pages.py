"""Notebooks and Markdown of the repository as pages of the site.

Links lead to pages where there is one, else to the file in the repository. A notebook loses what only nbdev reads.
"""
import ast
import json
import os
import re
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]
NBS = ROOT / "nbs"
WALKS = ROOT / "docs" / "walks"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]
import floors as floors  # noqa: E402

_settings = ConfigParser(delimiters=["="])
_settings.read(ROOT / "settings.ini", encoding="utf-8")
SETTINGS = _settings["DEFAULT"]
PROJECT = ["CHANGELOG.md", "CONTRIBUTING.md"]
PICTURES = (".png", ".jpg", ".svg", ".gif")

_FENCE = re.compile(r"^( *)(`{3,}|~{3,})[^\n]*\n.*?^\1\2[`~]* *$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_TARGET = re.compile(r"(\]\(\s*<?|<(?:a|img)\b[^>]*?\b(?:href|src)=[\"'])([^()\s\"'>]+)")
_DIRECTIVE = re.compile(r"#\s*\|\s*(.*)")
_WIDGET = "application/vnd.jupyter.widget-view+json"
_PICTURE = ("image/png", "image/jpeg", "image/svg+xml", "text/html", "text/markdown")


def notebooks() -> list[Path]:
    "All notebooks of nbs/, in the order of their numbers."
    return sorted(path for path in NBS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)


def benchmarks() -> list[Path]:
    return sorted((ROOT / "benchmarks").glob("*.md"))


def walks() -> list[Path]:
    "Each Markdown file of docs/walks: a way through the project, step by step, with what was mended."
    return sorted(WALKS.glob("*.md"))


def markdown_pages() -> list[Path]:
    "The Markdown files that are pages of the site."
    return [ROOT / "README.md", *(ROOT / name for name in PROJECT), NBS / "README.md",
            *sorted((NBS / "tutorials").glob("*.md")), *walks(), *benchmarks()]


def pictures() -> list[Path]:
    "The pictures of the repository that pages may show."
    folders = (ROOT / ".github", ROOT / "benchmarks", WALKS, NBS)
    return sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in PICTURES)


def page_name(path: Path) -> str:
    "Where the page of a file lies in the site: as in the repository, but the README is the front page."
    name = path.relative_to(ROOT).as_posix()
    return "index.md" if name == "README.md" else name


def slug(title: str) -> str:
    "The anchor of a heading, as GitHub writes it."
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def plain(title: str) -> str:
    "A heading without its marks."
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "").replace("*", "").strip()


def outside_code(text: str, change: Any) -> str:
    "Markdown with `change(text)` in place of everything that is neither a block of code nor between backticks."
    pieces, start = [], 0
    marks = [*_FENCE.finditer(text)]
    marks += [code for code in _CODE.finditer(text) if not any(a.start() <= code.start() < a.end() for a in marks)]
    for mark in sorted(marks, key=lambda mark: mark.start()):
        if mark.start() >= start:
            pieces += [change(text[start:mark.start()]), mark[0]]
            start = mark.end()
    return "".join([*pieces, change(text[start:])])


def leads_to(target: str, page: Path) -> str:
    "What a link on a page of the repository becomes in the site; one that leads nowhere stays, and the build fails."
    path, _, anchor = target.partition("#")
    if re.match(r"[a-z]+:|//|/", target):
        return target
    where = (page.parent / unquote(path)).resolve() if path else page
    if anchor:                                         # of a notebook as JupyterLab writes it: dashes for spaces
        anchor = "#" + slug(unquote(anchor).replace("-", " " if where.suffix == ".ipynb" else "-"))
    if not path:
        return anchor
    if not where.exists() or not where.is_relative_to(ROOT):
        return target
    if where.is_dir() and where.is_relative_to(NBS):
        inside = "README.md" if where == NBS else "index.md"
        return os.path.relpath(ROOT / page_name(where / inside), (ROOT / page_name(page)).parent) + anchor
    if where in markdown_pages() or where in notebooks():
        return os.path.relpath(ROOT / page_name(where), (ROOT / page_name(page)).parent).replace(os.sep, "/") + anchor
    if where.suffix in PICTURES:
        return target
    kind = "tree" if where.is_dir() else "blob"
    return f"{SETTINGS['git_url']}/{kind}/{SETTINGS['branch']}/{where.relative_to(ROOT).as_posix()}{anchor}"


def with_links(text: str, page: Path) -> str:
    "Markdown of a page of the repository with the links of the site."
    return outside_code(text, lambda part: _TARGET.sub(lambda link: link[1] + leads_to(link[2], page), part))


def directives(source: str) -> list[str]:
    "What a cell tells nbdev in its first lines: `export`, `hide`, `default_exp core`, …"
    found = []
    for line in source.split("\n"):
        if not (directive := _DIRECTIVE.match(line)):
            break
        found.append(directive[1].strip())
    return found


def shown_output(output: dict[str, Any], page: Path) -> dict[str, Any]:
    "An output without the widget that no page can show: its picture, or the picture of the viewer."
    if _WIDGET not in output.get("data", {}):
        return output
    data = {kind: value for kind, value in output["data"].items() if kind != _WIDGET}
    if not any(kind in data for kind in _PICTURE):
        picture = os.path.relpath(ROOT / ".github" / "viewer.jpg", page.parent).replace(os.sep, "/")
        data = {"text/markdown": f"![The viewer as JupyterLab shows it]({picture})\n\n*In JupyterLab this is alive. "
                                 "Here it is a picture.*"}
    return output | {"data": data}


def shown_cell(cell: dict[str, Any], page: Path) -> dict[str, Any] | None:
    "A notebook's cell as the site shows it; None for one that is of no interest to a reader."
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return cell | {"source": with_links(source, page)}
    told = directives(source)
    rest = source.split("\n", len(told))[len(told):]
    code = rest[0].strip("\n") if rest else ""
    if cell["cell_type"] != "code" or "hide" in told or not code.strip():
        return None
    tags = ["exported"] if "export" in told else []
    made = cell.get("outputs", [])
    if any("sp-still" in "".join(output.get("data", {}).get("text/html", "")) for output in made):
        made = [output for output in made if _WIDGET not in output.get("data", {})]    # the viewer left its own picture
    outputs = [shown_output(output, page) for output in made]
    return cell | {"source": code, "outputs": outputs, "metadata": cell["metadata"] | {"tags": tags}}


def shown_notebook(path: Path, under_title: str = "") -> dict[str, Any]:
    "A notebook of the repository as a page. under_title: a line of Markdown that follows its title and promise."
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [shown for cell in notebook["cells"] if (shown := shown_cell(cell, path))]
    if under_title:
        cells[0] = cells[0] | {"source": cells[0]["source"].rstrip() + f"\n\n{under_title}"}
    names = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
             "language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    return notebook | {"cells": cells, "metadata": names}


def promise(path: Path) -> tuple[str, str]:
    "Title and promise of a notebook or a Markdown page: its first heading, and the quotation below it."
    text = path.read_text(encoding="utf-8")
    first = text if path.suffix == ".md" else "".join(json.loads(text)["cells"][0]["source"])
    title = re.search(r"^# (.+)$", first, re.MULTILINE)
    said = re.search(r"^> (.+(?:\n> .+)*)", first, re.MULTILINE)
    return title[1] if title else path.stem, said[1].replace("\n> ", " ") if said else ""


def headings_of_definitions(path: Path) -> dict[str, tuple[str, str]]:
    "Heading and anchor above the exported cell of each name that a notebook defines at the left margin."
    found, heading, seen = {}, ("", ""), {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            for title in re.findall(r"^#{1,6} +(.+?) *#*$", _FENCE.sub("", source), re.MULTILINE):
                anchor = slug(plain(title))
                seen[anchor] = seen.get(anchor, -1) + 1
                heading = plain(title), f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor
        elif cell["cell_type"] == "code" and "export" in directives(source):
            for node in ast.parse(source).body:
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
                names = [getattr(one, "name", None) or getattr(one, "id", None) for target in targets
                         for one in getattr(target, "elts", [target])]
                found |= {name: heading for name in names if name}
    return found
