"""How Sphinx turns the source that `build.py` writes into the site; `build.py` lets it find `pages`."""
import os
from pathlib import Path
from typing import Any

import pages
from docutils.nodes import SkipNode
from latex2mathml.converter import convert

EXTRA = Path(__file__).resolve().parent / "extra"  # what the gallery writes: pages that stand beside those of the site
(EXTRA / "pages").mkdir(parents=True, exist_ok=True)
os.environ["GALLERY_PAGES"] = str(EXTRA / "pages")

project = pages.SETTINGS["lib_name"]
author = pages.SETTINGS["author"]
copyright = f"2026 onwards, {author}"
version = release = pages.SETTINGS["version"]

extensions = ["myst_nb"]
root_doc = "index"
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["jupyter_execute", "extra"]
nitpicky = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"
show_warning_types = True
suppress_warnings = ["myst.header", "misc.highlighting_failure"]     # from # to ###; an … in JSON

myst_enable_extensions = ["colon_fence", "attrs_block", "dollarmath", "html_image"]
myst_heading_anchors = 6
myst_heading_slug_func = "pages.slug"
nb_execution_mode = "force"                       # of pages that are not notebooks: those have their outputs
nb_execution_excludepatterns = ["nbs/**", "nbs/**/*"]
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_execution_show_tb = True
nb_merge_streams = True
nb_number_source_lines = False

html_math_renderer = "mathml"
html_theme = "furo"
html_title = project
html_favicon = "_static/icon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_extra_path = ["extra"]
html_theme_options = {
    "source_repository": pages.SETTINGS["git_url"], "source_branch": pages.SETTINGS["branch"],
    "top_of_page_buttons": [],
    "footer_icons": [{"name": "The source on GitHub", "url": pages.SETTINGS["git_url"], "html": "GitHub", "class": ""}],
}


def of_others(app: Any, env: Any, node: Any, shown: Any) -> Any:
    "A type of Python's or another library's is text, no link; a name of ours that is not there stays a dead link."
    target = str(node.get("reftarget", ""))
    return shown if node.get("refdomain") == "py" and not target.startswith(project) else None


def only_this_branch(app: Any, name: str, template: str, context: dict[str, Any], tree: Any) -> None:
    "The contents beside a page are open where it stands: all of them on every page were half the time of a build."
    if whole := context.get("toctree"):
        context["toctree"] = lambda **options: whole(**options | {"collapse": True})


def formula(display: str) -> tuple[Any, None]:
    "What writes formulas that a browser sets by itself, without a script from another site. display: inline or block."
    wide = '<div class="scrolls">{}</div>' if display == "block" else "{}"

    def write(page: Any, node: Any) -> None:
        page.body.append(wide.format(convert(node.astext().strip(), display=display)))
        raise SkipNode
    return write, None


def setup(app: Any) -> None:
    app.add_html_math_renderer("mathml", formula("inline"), formula("block"))
    app.connect("html-page-context", only_this_branch, priority=400)                 # before the theme asks for them
    app.connect("missing-reference", of_others)
