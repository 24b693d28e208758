"""Builds the site: `make docs`, or `python docs/build.py [FOLDER]`. Exits 1 on a warning or a dead link.

FOLDER/source is written from the repository (notebooks, Markdown, modules), FOLDER/html is the site. FOLDER is `_docs`.
Each docs/walks/NAME.md (`# Title`, then `> promise`) is a page, listed under Walks; its pictures lie beside it.
"""
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import house
import pages
from links import dead_links
from reference import Reference

DOCS = Path(__file__).resolve().parent


def toctree(entries: list[str], *options: str) -> str:
    return "\n".join(["```{toctree}", *options, "", *entries, "```", ""])


def write_walks(source: Path) -> None:
    "The page that lists the walks."
    lead = ("Ways through the project as somebody new would go them, written down step by step: what was typed, what "
            "was seen, what was mended.")
    (source / "walks.md").write_text(listing("Walks", lead, notebook_entries(pages.walks(), "")), encoding="utf-8")


def without_end(path: Path) -> str:
    "The name of a page as a table of contents has it."
    return pages.page_name(path).rpartition(".")[0]


def listing(title: str, lead: str, entries: list[tuple[str, str, str]]) -> str:
    "A page that lists others: a line each with its promise. entries: title, address, promise."
    lines = [f"- [{name}]({address})" + (f": {said}" if said else "") for name, address, said in entries]
    return "\n\n".join([f"# {title}", *filter(None, [lead]), "\n".join(lines),
                        toctree([address.rpartition(".")[0] for _, address, _ in entries], ":hidden:")])


def notebook_entries(paths: list[Path], up: str) -> list[tuple[str, str, str]]:
    "Title, address seen from a page below `up`, and promise of each notebook or Markdown page."
    told = [(path, *pages.promise(path)) for path in paths]
    return [(title, up + pages.page_name(path), pages.with_links(said, path)) for path, title, said in told]


def write_floors(source: Path) -> list[str]:
    "A page a floor and a page a folder of notebooks; returns the names of the floors' pages, from the ground up."
    names = []
    folders = sorted({path.parent for path in pages.notebooks()} - {pages.NBS, pages.NBS / "tutorials"})
    for folder in folders:
        inside = [path for path in pages.notebooks() if path.parent == folder]
        entries = [(title, Path(address).name, said) for title, address, said in notebook_entries(inside, "")]
        title = folder.name.split("_", 1)[-1] if folder.name[0].isdigit() else folder.name
        (source / "nbs" / folder.name / "index.md").write_text(listing(f"{title}/", "", entries), encoding="utf-8")
    for floor in reversed(pages.floors.drawn_floors()):
        here = [path for path in sorted([*folders, *pages.NBS.glob("*.ipynb")]) if path.name[0] == str(floor.number)]
        entries = []
        for path in here:
            if path.is_dir():
                entries.append((f"{path.name.split('_', 1)[1]}/", f"../nbs/{path.name}/index.md", ""))
            else:
                entries += notebook_entries([path], "../")
        if floor.number == 7:
            papermill = "what papermill runs: split, fold, evaluate, aggregate"
            entries.append(("workflows/", "../nbs/workflows/index.md", papermill))
        name = f"floors/{floor.number}_{floor.name}"
        about = "" if floor.number == 7 else floor.about
        (source / f"{name}.md").write_text(listing(f"{floor.number} {floor.name}", about and f"{about.capitalize()}.",
                                                   entries), encoding="utf-8")
        names.append(name)
    return names


def write_notebooks(source: Path, reference: Reference) -> None:
    by_notebook = {module.notebook: module for module in reference.modules if module.notebook}
    for path in pages.notebooks():
        module = by_notebook.get(path)
        notebook = pages.shown_notebook(path, f"{{.explained}}\nReference: {{py:mod}}`{module.full_name}`."
                                        if module else "")
        (source / pages.page_name(path)).write_text(json.dumps(notebook), encoding="utf-8")


def commands_page() -> str:
    "The help of every command, as a terminal of 80 columns prints it."
    import click

    from saliency_playground.cli.main import main as program
    parts, todo = ["# Commands"], [("saliency-playground", program)]
    while todo:
        name, command = todo.pop(0)
        context = click.Context(command, info_name=name, max_content_width=80, terminal_width=80)
        title = name.removeprefix("saliency-playground ")
        parts.append(f"## {title}\n\n```text\n{command.get_help(context).strip()}\n```")
        todo = [(f"{name} {word}", below) for word, below in getattr(command, "commands", {}).items()] + todo
    return "\n\n".join(parts) + "\n"


def write_source(source: Path) -> None:
    "Everything that Sphinx reads, made from the repository."
    pictures = pages.pictures()
    folders = {"floors", "reference"}
    folders |= {path.parent.relative_to(pages.ROOT).as_posix()
                for path in [*pages.notebooks(), *pages.markdown_pages(), *pictures]}
    for folder in folders:
        (source / folder).mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        shutil.copy(picture, source / picture.relative_to(pages.ROOT))
    for name in ("conf.py", "gallery.md", "_static"):
        copy = shutil.copytree if (DOCS / name).is_dir() else shutil.copy
        copy(DOCS / name, source / name)
    reference = Reference()
    reference.write(source / "reference")
    write_notebooks(source, reference)
    write_walks(source)
    for path in pages.markdown_pages():
        text = pages.with_links(path.read_text(encoding="utf-8"), path)
        (source / pages.page_name(path)).write_text(text, encoding="utf-8")
    (source / "house.md").write_text(house.page(), encoding="utf-8")
    (source / "commands.md").write_text(commands_page(), encoding="utf-8")
    tutorials = [without_end(path) for path in sorted([*pages.notebooks(), *pages.markdown_pages()])
                 if path.parent.name == "tutorials"]
    rest = [without_end(path) for path in pages.markdown_pages()[1:] if path.parent.name != "benchmarks"
            and pages.NBS not in path.parents and path.parent != pages.WALKS]
    measured = [without_end(path) for path in pages.benchmarks() if path.name != "README.md"]
    contents = [toctree(tutorials, ":hidden:", ":caption: Learn"),
                toctree(["gallery", "commands", "reference/index"], ":hidden:", ":caption: Look up"),
                toctree(["house", "nbs/README", *write_floors(source)], ":hidden:", ":caption: The notebooks"),
                toctree([*rest, "walks", "benchmarks/README"], ":hidden:", ":caption: The project")]
    with open(source / "index.md", "a", encoding="utf-8") as front:
        front.write("\n" + "\n".join(contents))
    with open(source / "benchmarks" / "README.md", "a", encoding="utf-8") as index:
        index.write("\n## What came out\n\n" + toctree([Path(name).name for name in measured]))


def run_sphinx(source: Path, site: Path, *options: str) -> int:
    "Build the site of a source; returns the exit code, which says with `-W` whether there were warnings."
    paths = {"PYTHONPATH": os.pathsep.join([str(DOCS), str(pages.ROOT), os.environ.get("PYTHONPATH", "")])}
    words = ["-b", "html", "-n", "-q", "-d", str(site.parent / "doctrees"), *options, str(source), str(site)]
    return subprocess.run([sys.executable, "-m", "sphinx", *words], env=os.environ | paths).returncode


def main(folder: Path) -> int:
    start, folder = time.monotonic(), folder.resolve()
    source, site = folder / "source", folder / "html"
    for old in (source, site, folder / "doctrees"):
        shutil.rmtree(old, ignore_errors=True)
    write_source(source)
    warned = run_sphinx(source, site, "-W", "--keep-going", "-j", "auto")
    dead = list(dead_links(site))
    print(*dead, sep="\n", file=sys.stderr)
    count = sum(1 for _ in site.rglob("*.html"))
    print(f"{count} pages in {time.monotonic() - start:.0f} s, {len(dead)} dead links: {site / 'index.html'}")
    return int(warned != 0 or bool(dead))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else pages.ROOT / "_docs"))
