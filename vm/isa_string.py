"""ISA strings such as `rv32ima_zicsr`."""

import difflib
import re

KNOWN = ("i", "m", "a", "zicsr", "zifencei")
REQUIRED = ("i", "m", "a", "zicsr", "zifencei")
"""This machine always has all of them; `rv32ima` implies the last two."""


def parse_isa(text: str) -> tuple[str, ...]:
    """The extensions of an ISA string, in canonical order.

    Raises ValueError with a suggestion for an unknown extension or another base.
    """
    match = re.fullmatch(r"rv32([a-z]*)((?:_[a-z0-9]+)*)", text.lower())
    if match is None:
        raise ValueError(f"ISA string '{text}' does not have the form rv32ima or rv32ima_zicsr")
    asked = [*match[1], *match[2].split("_")[1:]]
    for name in asked:
        if name not in KNOWN:
            close = difflib.get_close_matches(name, KNOWN, 1)
            hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(KNOWN)}"
            raise ValueError(f"ISA string '{text}': unknown extension '{name}'; {hint}")
        if asked.count(name) > 1:
            raise ValueError(f"ISA string '{text}' names '{name}' twice")
    if missing := [n for n in ("i", "m", "a") if n not in asked]:
        raise ValueError(f"ISA string '{text}' lacks '{missing[0]}': this machine is rv32ima")
    return KNOWN


def misa_value(extensions: tuple[str, ...]) -> int:
    """The misa register: MXL = 1 and a bit per letter, with S and U (Priv 3.1.1)."""
    letters = [e for e in extensions if len(e) == 1] + ["s", "u"]
    return (1 << 30) | sum(1 << (ord(letter) - ord("a")) for letter in letters)
