"""A Sphinx extension: links of the repository's Markdown that lead out of `docs/` work on the site as well.

A link to a document that the site shows (`shown_pages`) leads to that page; one to another file leads to a page of its
own with the source, and one to a folder to a list of what is in it.
"""

import os
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import download_reference, pending_xref
from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
SOURCES = "sources/"
LEXERS = {".py": "python", ".c": "c", ".h": "c", ".toml": "toml", ".sh": "bash", ".patch": "diff"}
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")


def show_document(app: Sphinx, docname: str, content: list[str]) -> None:
    """Put the document that a page of `shown_pages` stands for in the place of that page's text."""
    if docname not in app.config.shown_pages:
        return
    real = ROOT / app.config.shown_pages[docname]
    app.env.note_dependency(str(real))
    here = (DOCS / docname).parent

    def moved(link: re.Match[str]) -> str:
        return Path(os.path.relpath(real.parent / link[1], here)).as_posix()

    content[0] = LINK.sub(moved, real.read_text(encoding="utf-8"))


def page_of(app: Sphinx, path: Path) -> str | None:
    """The page of the site for a file or folder of the repository; None for what is not part of it."""
    if not path.exists() or not path.is_relative_to(ROOT):
        return None
    name = path.relative_to(ROOT).as_posix()
    for docname, shown in app.config.shown_pages.items():
        if name == shown:
            return docname
    if path.suffix == ".md" and path.is_relative_to(DOCS):
        return path.relative_to(DOCS).with_suffix("").as_posix()
    app.env.trapline_sources.add(name)  # type: ignore[attr-defined]
    return SOURCES + name


def link_to(app: Sphinx, docname: str, target: str) -> str | None:
    """The address, seen from a page, of what a relative link leads to."""
    file, _, anchor = target.partition("#")
    page = page_of(app, ((DOCS / docname).parent / file).resolve())
    if page is None:
        return None
    return app.builder.get_relative_uri(docname, page) + (f"#{anchor}" if anchor else "")


def replace_links(app: Sphinx, tree: nodes.document) -> None:
    """Resolve what MyST would offer as a download or not find: files and folders outside `docs/`."""
    docname = app.env.docname
    for node in [*tree.findall(download_reference), *tree.findall(pending_xref)]:
        target = node.get("reftarget", "")
        if isinstance(node, pending_xref):
            if node.get("reftype") != "myst":
                continue
            if node.get("refdomain") == "doc":
                if target in app.env.found_docs:
                    continue
                # MyST has made it a page's name, seen from `docs/`.
                target = os.path.relpath(DOCS / f"{target}.md", (DOCS / docname).parent)
                target += f"#{node['reftargetid']}" if node.get("reftargetid") else ""
        uri = link_to(app, docname, target)
        if uri is not None:
            node.replace_self(nodes.reference("", "", *node.children, refuri=uri, internal=True))


def source_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page for each file or folder that something links to."""
    for name in sorted(app.env.trapline_sources):  # type: ignore[attr-defined]
        path = ROOT / name
        page = SOURCES + name
        if path.is_dir():
            body = "\n".join(_entries(app, page, path))
        else:
            text = path.read_text(encoding="utf-8")
            lexer = LEXERS.get(path.suffix, "gas" if path.suffix in (".s", ".S", ".inc") else "text")
            body = app.builder.highlighter.highlight_block(text, lexer, linenos=False)  # type: ignore[attr-defined]
        yield page, {"title": name, "body": f"<h1>{escape(name)}</h1>\n{body}"}, "page.html"


def _entries(app: Sphinx, page: str, folder: Path) -> Iterator[str]:
    known = app.env.trapline_sources  # type: ignore[attr-defined]
    yield "<ul>"
    for path in sorted(p for p in folder.iterdir() if p.name != "__pycache__"):
        text = f"<code>{escape(path.name)}{'/' if path.is_dir() else ''}</code>"
        name = path.relative_to(ROOT).as_posix()
        if name in known:
            text = f'<a href="{app.builder.get_relative_uri(page, SOURCES + name)}">{text}</a>'
        yield f"<li>{text}</li>"
    yield "</ul>"


def prepare(app: Sphinx) -> None:
    if not hasattr(app.env, "trapline_sources"):
        app.env.trapline_sources = set()  # type: ignore[attr-defined]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_config_value("shown_pages", {}, "env")
    app.connect("builder-inited", prepare)
    app.connect("source-read", show_document)
    app.connect("doctree-read", replace_links, priority=400)  # before Sphinx copies downloads
    app.connect("html-collect-pages", source_pages)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
