"""The sessions in docs/debugging.md."""

import re

from support.paths import DOCS


def blocks(language: str) -> list[str]:
    """The blocks of the document in one language, in its order."""
    text = (DOCS / "debugging.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)
