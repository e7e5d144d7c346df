"""Flags and type of a section: what its name implies, what a `.section` says, and where the two disagree.

The names that mean something, and what happens when a source says otherwise, are those of GNU as 2.40.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from trapline.asm.diagnostics import Diagnostics, Location, SourceError
from trapline.asm.fragments import LIMIT
from trapline.asm.sections import (
    ALLOC,
    ATTRIBUTES,
    EXCLUDE,
    EXEC,
    FINI_ARRAY,
    GROUP,
    INIT_ARRAY,
    LINK_ORDER,
    MERGE,
    NOBITS,
    NOTE,
    PREINIT_ARRAY,
    PROGBITS,
    RETAIN,
    STRINGS,
    TLS,
    WRITE,
    Section,
)

FLAGS = {
    "a": ALLOC, "w": WRITE, "x": EXEC, "M": MERGE, "S": STRINGS, "G": GROUP, "T": TLS, "o": LINK_ORDER, "R": RETAIN,
    "?": 0, "e": EXCLUDE,
}  # fmt: skip
TYPES = {
    "progbits": PROGBITS, "nobits": NOBITS, "note": NOTE, "init_array": INIT_ARRAY, "fini_array": FINI_ARRAY,
    "preinit_array": PREINIT_ARRAY,
}  # fmt: skip
ARRAYS = (INIT_ARRAY, FINI_ARRAY, PREINIT_ARRAY)
NUMBER = r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*"

CODE, DATA, ZEROS, CONSTANTS = (ALLOC | EXEC, PROGBITS), (ALLOC | WRITE, PROGBITS), (ALLOC | WRITE, NOBITS), (ALLOC, 1)

FAMILIES: dict[str, tuple[int, int]] = {
    ".text": CODE, ".data": DATA, ".bss": ZEROS, ".rodata": CONSTANTS, ".persistent": DATA, ".noinit": ZEROS,
    ".init_array": (ALLOC | WRITE, INIT_ARRAY), ".fini_array": (ALLOC | WRITE, FINI_ARRAY),
    ".preinit_array": (ALLOC | WRITE, PREINIT_ARRAY), ".tdata": (ALLOC | WRITE | TLS, PROGBITS),
    ".tbss": (ALLOC | WRITE | TLS, NOBITS), ".gnu.linkonce.b": ZEROS, ".gnu.linkonce.n": ZEROS,
    ".gnu.linkonce.p": DATA,
}  # fmt: skip
"""Flags and type of these names, and of all that begin with one of them and a dot."""

SINGLE: dict[str, tuple[int, int]] = {
    ".init": CODE, ".fini": CODE, ".plt": CODE, ".data1": DATA, ".got": DATA, ".rodata1": CONSTANTS,
    ".persistent.bss": ZEROS, ".riscv.attributes": (0, ATTRIBUTES),
}  # fmt: skip
"""Flags and type of these names only."""

NOT_LOADED = (".note", ".comment", ".debug", ".zdebug", ".stab", ".line", ".gnu.", ".riscv.attributes")
"""How the names of sections begin that nobody expects in memory."""

COMPARED = ALLOC | WRITE | EXEC | TLS | MERGE | STRINGS | EXCLUDE
"""The flags that a section keeps for good."""


class Attributes(NamedTuple):
    """What a `.section` says; None is for what it does not. flags: 0 counts as not said."""

    flags: int | None = None
    type: int | None = None
    entry_size: int = 0


def known_section(name: str) -> tuple[int, int] | None:
    """Flags and type that a name implies, None for a name without meaning."""
    if name in SINGLE:
        return SINGLE[name]
    if name.startswith(".note"):
        return None if name == ".note.GNU-stack" else (0, NOTE)
    return next((FAMILIES[f] for f in FAMILIES if name == f or name.startswith(f + ".")), None)


def parse_flags(text: str, location: Location) -> int:
    """Letters, and numbers with the bits of the ELF specification: "aw", "0x3". Raises SourceError."""
    flags = 0
    for item in re.findall(f"{NUMBER}|.", text, re.DOTALL):
        if item.isdigit() or item[1:]:
            flags |= int(item, 8 if re.fullmatch("0[0-7]+", item) else 0)
        elif item in FLAGS:
            flags |= FLAGS[item]
        else:
            raise SourceError(location, f"unknown section flag '{item}'", f"flags are {''.join(FLAGS)}")
    return flags & 0xFFFFFFFF


def parse_type(word: str, location: Location, diagnostics: Diagnostics) -> int:
    """`progbits` and the like, or the number of a type; an unknown one is `progbits`, with a warning."""
    if re.fullmatch(NUMBER, word):
        return int(word, 8 if re.fullmatch("0[0-7]+", word) else 0) & 0xFFFFFFFF
    if word not in TYPES:
        diagnostics.warning(location, f"unknown section type '{word}', taken as 'progbits'", ", ".join(TYPES))
    return TYPES.get(word, PROGBITS)


def checked_entry_size(flags: int, entry_size: int | None, location: Location, diagnostics: Diagnostics) -> int:
    """The flags, without SHF_MERGE if there is no entry size. Raises SourceError for a negative one."""
    if entry_size is not None and not 0 <= entry_size <= LIMIT:
        raise SourceError(location, f"entry size {entry_size} is not in [0, {LIMIT}]")
    if flags & MERGE and entry_size is None:
        diagnostics.warning(location, "flag 'M' without an entry size is ignored", "write '\"aM\", @progbits, 4'")
        flags &= ~MERGE
    return flags


def first_attributes(name: str, said: Attributes, location: Location, diagnostics: Diagnostics) -> tuple[int, int]:
    """Flags and type of a new section."""
    known = known_section(name)
    flags = (said.flags or 0) & ~GROUP
    if known is None:
        if said.flags is None and not name.startswith(NOT_LOADED):
            hint = f'write \'.section {name}, "aw"\' for data, "a" for constants, "ax" for code, or "" for none'
            diagnostics.warning(location, f"section '{name}' has no flags, so it is not loaded", hint)
        return flags, PROGBITS if said.type is None else said.type
    usual, kind = known
    if said.type is not None and said.type != kind:
        if kind in ARRAYS:
            diagnostics.warning(location, f"the type given for '{name}' is ignored: its name implies another")
        else:
            if kind != NOTE:
                diagnostics.warning(location, f"'{name}' has another type than its name implies")
            kind = said.type
    if flags & (WRITE | EXEC | TLS) & ~usual and kind != NOTE:
        diagnostics.warning(location, f"'{name}' has other flags than its name implies")
        return flags, kind
    return flags | usual, kind


def check_again(section: Section, said: Attributes, location: Location, diagnostics: Diagnostics) -> None:
    """Compare what a later `.section` says with what the section is.

    Raises SourceError for a difference; where the name implies the attributes, the difference is ignored with a
    warning.
    """
    for what in _changes(section, said):
        message = f"'{section.name}' began with {what}"
        if known_section(section.name) is None or "entry size" in what:
            raise SourceError(location, message, "give all its parts the same flags and type, or another name")
        diagnostics.warning(location, f"{message}, which it keeps")


def _changes(section: Section, said: Attributes) -> Iterator[str]:
    if said.type is not None and said.type != section.type:
        yield f"type {_type_name(section.type)}"
    if not said.flags:
        return
    if (said.flags ^ section.flags) & COMPARED:
        yield f'flags "{_letters(section.flags)}"'
    elif said.type is None and section.type == NOBITS and known_section(section.name) is None:
        yield "type nobits"
    elif said.flags & MERGE and said.entry_size != section.entry_size:
        yield f"entry size {section.entry_size}"


def _type_name(kind: int) -> str:
    return next((name for name, value in TYPES.items() if value == kind), hex(kind))


def _letters(flags: int) -> str:
    return "".join(letter for letter, bit in FLAGS.items() if bit and flags & bit)
