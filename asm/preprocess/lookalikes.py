"""Characters that look like others, or like nothing: editors, web pages and PDFs put them into sources."""

import re
import unicodedata

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.preprocess.source_text import CHARACTER, STRING

_MEANT = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4\u02bc\uff07", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d", "-"),
    **dict.fromkeys("\u066a\u2052", "%"), **dict.fromkeys("\u060c\u3001\u201a", ","), "\u037e": ";", "\u2026": "...",
    "\u00d7": "*", "\u00f7": "/", "\u2044": "/", "\u2215": "/", "\u02d0": ":", "\ua789": ":", "\u2236": ":",
}  # fmt: skip
"""What was meant, by character; full-width forms and Unicode's other blanks are known by their names."""

_INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff\ufffc"

_FULL_WIDTH = range(0xFF01, 0xFF5F)
_FULL_WIDTH_SHIFT = 0xFEE0

_token = re.compile(rf"{STRING}|{CHARACTER}|.", re.DOTALL).finditer


def suspicious(text: str) -> tuple[int, str, str] | None:
    """The first such character outside strings: its column, counted from 0, its name, and what to write instead."""
    if text.isascii():
        return None
    for token in _token(text):
        character = token[0]
        if character.isascii() or len(character) > 1:
            continue
        meant = _meaning(character)
        if meant is not None:
            name = unicodedata.name(character, "a control character").lower()
            return token.start(), f"U+{ord(character):04X} ({name})", meant
    return None


def strange(text: str, location: Location) -> SourceError | None:
    """The error that names the first such character of a statement at `location`, if it has one."""
    if found := suspicious(text):
        column, name, meant = found
        return SourceError(location.at(column), f"unexpected character {name}", meant)
    return None


def _meaning(character: str) -> str | None:
    if character in _MEANT:
        return f"write '{_MEANT[character]}'"
    if ord(character) in _FULL_WIDTH:
        return f"write '{chr(ord(character) - _FULL_WIDTH_SHIFT)}'"
    if character in _INVISIBLE:
        return "delete it; it cannot be seen"
    if character.isspace() or unicodedata.category(character) in ("Zs", "Zl", "Zp"):
        return "write a plain blank"
    return None


def foreign_letter(word: str) -> str | None:
    """A hint for a word with letters of another alphabet among Latin ones, such as a Cyrillic `a`."""
    if word.isascii() or not any(c.isascii() and c.isalpha() for c in word):
        return None
    letter = next(c for c in word if not c.isascii())
    return f"'{letter}' is U+{ord(letter):04X} ({unicodedata.name(letter, 'unknown').lower()})"
