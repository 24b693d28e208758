"""Dead links in the built site: pages, pictures and anchors that are not there. Links to other sites are not asked."""
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

class Page(HTMLParser):
    "What a page points to, and what can be pointed to on it."

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value or "")
            elif name in ("href", "src", "poster") and value is not None:
                self.targets.append(value)


def dead_links(site: Path) -> Iterator[str]:
    "A line for each link of the site to a file or an anchor of its own that is not there."
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        for target in dict.fromkeys(page.targets):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            where = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if where.is_dir():
                where = where / "index.html"
            if not where.is_file():
                yield f"{path.relative_to(site.resolve())}: {target} is not there"
            elif where in pages and unquote(parts.fragment) not in pages[where].anchors:
                yield f"{path.relative_to(site.resolve())}: {target} has no such anchor"
