"""A mistake in an assembly source: lines that are there once, and what replaces them."""

import re


def patched(text: str, old: str, new: str) -> str:
    """The source with `new` for `old`, both with semicolons between lines; blanks and comments do not matter in `old`.

    Raises AssertionError if it is not there exactly once.
    """
    lines = (r"\s+".join(map(re.escape, line.split())) for line in old.split("; "))
    found, count = re.compile(r"[ \t]*(?:#.*)?\n\s*".join(lines)).subn(new.replace("; ", "\n"), text)
    assert count == 1, f"{count} times {old!r}"
    return found
