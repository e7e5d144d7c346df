"""From source files to single statements: what an assembler does before it parses anything."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from asm.errors import Diagnostics, Location


@dataclass(slots=True)
class Statement:
    """One statement without comments, macros expanded; `location` points at its first character."""

    text: str
    location: Location


class Text(NamedTuple):
    """A source given as a string, with the name that messages show for it."""

    name: str
    text: str


class Scope(Protocol):
    """What conditionals and repetition counts ask of the symbol table."""

    def evaluate(self, expression: str, location: Location) -> int:
        """The expression's absolute value now. Raises SourceError when it has none."""
        ...

    def defined(self, name: str) -> bool:
        """Whether the symbol has been defined so far."""
        ...


def statements(
    source: Path | Text,
    scope: Scope,
    diagnostics: Diagnostics,
    include_dirs: Sequence[Path] = (),
    preprocess: str | None = None,
    defines: Sequence[str] = (),
) -> Iterator[Statement]:
    """The statements of `source` in order, lazily, so that a `.set` takes effect before a later `.if`.

    `preprocess` is None (`.S` files go through pcpp), "pcpp" (always), "system" (the C preprocessor on PATH)
    or "none".
    """
    raise NotImplementedError
    yield
