"""The documents that come with the package: pages of Markdown by topic, such as `observing` or `tutorials/kernel`.

The specification lies above their folder, in a checkout and in a wheel.
"""

import re
from dataclasses import dataclass
from pathlib import Path

OF_THE_SITE = ("index", "project/", "decisions/README")
"""Pages that only the documentation site needs."""
SPECIFICATION = "specification"
FOLDERS = {"": "Documents", "tutorials": "Tutorials", "reference": "Reference", "decisions": "Decisions"}
"""Titles of the folders, in the order in which they are listed."""


@dataclass(frozen=True)
class Document:
    """A page. topic: its path below the folder of documents, without the ending; title: its first heading."""

    topic: str
    title: str
    path: Path

    @property
    def folder(self) -> str:
        """The topic's part before the last slash."""
        return self.topic.rpartition("/")[0]


def folder() -> Path:
    """Where the documents lie, in a checkout and in an installed package."""
    return Path(__file__).parents[2] / "docs"


def documents() -> dict[str, Document]:
    """All pages by topic, in the order in which they are listed."""
    found = []
    specification = folder().parent / "SPECIFICATION.md"
    if specification.is_file():
        found.append(Document(SPECIFICATION, _title(specification), specification))
    for path in sorted(folder().rglob("*.md")):
        topic = path.relative_to(folder()).with_suffix("").as_posix()
        if not topic.startswith(OF_THE_SITE):
            found.append(Document(topic, _title(path), path))
    order = list(FOLDERS)
    found.sort(key=lambda page: (order.index(page.folder) if page.folder in order else len(order), page.topic))
    return {page.topic: page for page in found}


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as lines:
        return next((line.lstrip("# ").rstrip() for line in lines if line.startswith("# ")), path.stem)


def find(name: str) -> Document | None:
    """The page of a topic, whose folder may be left out where that is clear; `docs/NAME.md` is understood, too."""
    pages = documents()
    topic = name.removeprefix("docs/").removesuffix(".md").lower()
    if topic in pages:
        return pages[topic]
    ends = [page for page in pages.values() if page.topic.rpartition("/")[2] == topic]
    return ends[0] if len(ends) == 1 else None


def with_commands(page: Document) -> str:
    """The page's text, where a link to another page is the command that shows it, and one to a file is its text."""
    topics = {page.path.resolve(): page.topic for page in documents().values()}
    parts = re.split(r"(```.*?```)", page.path.read_text(encoding="utf-8"), flags=re.S)

    def replaced(link: re.Match[str]) -> str:
        text, target = link[1], link[2]
        if "://" in target:
            return link[0]
        topic = topics.get((page.path.parent / target.partition("#")[0]).resolve())
        if topic is None or topic == page.topic:
            return text
        command = f"`trapline docs {topic}`"
        return command if text.endswith(".md") else f"{text} ({command})"

    parts[::2] = [re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", replaced, part) for part in parts[::2]]
    return "".join(parts)
