"""What an object file of ELF64 for x86-64 has: its sections, symbols, functions, and what is to be filled in."""

import struct
from typing import NamedTuple

CONTENT = 1
SYMBOL_TABLE = 2
RELOCATIONS = 4
"""Types of sections."""
WRITABLE = 1
ALLOCATED = 2
"""Flags of a section; what is allocated is in memory."""
UNDEFINED = 0
"""Section of a symbol that is of another file."""
CODE = b".text"

_BEGIN = b"\x7fELF\2\1\1"
"""64 bits, little-endian, version 1."""
_RELOCATABLE = 1
_X86_64 = 62

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
RELOCATION = struct.Struct("<QIIq")
"""Where, ELF's type of it, number of the symbol, and what is added."""


class Relocation(NamedTuple):
    """What is to be filled in: where in the function, ELF's type of it, which symbol, and what is added."""

    offset: int
    kind: int
    symbol: str
    addend: int


class Function(NamedTuple):
    """A function's machine code, up to the next one's."""

    code: bytes
    relocations: tuple[Relocation, ...]


class Section(NamedTuple):
    """A section. info: of relocations, the number of the section that they are in."""

    name: bytes
    kind: int
    flags: int
    data: bytes
    link: int
    info: int
    alignment: int


class Symbol(NamedTuple):
    """A symbol: the number of its section, and where it is there."""

    name: str
    section: int
    value: int


def is_relocatable(data: bytes) -> bool:
    """Whether it is an object file of ELF64 for x86-64."""
    if len(data) < _HEADER.size:
        return False
    begin, kind, machine, *_ = _HEADER.unpack_from(data)
    return begin.startswith(_BEGIN) and (kind, machine) == (_RELOCATABLE, _X86_64)


def _name(strings: bytes, at: int) -> bytes:
    return strings[at : strings.index(b"\0", at)]


def sections(data: bytes) -> list[Section]:
    """The sections by their numbers."""
    *_, start, _, _, _, _, size, count, names = _HEADER.unpack_from(data)
    rows = [_SECTION.unpack_from(data, start + n * size) for n in range(count)]
    strings = data[rows[names][4] :]
    return [
        Section(_name(strings, name), kind, flags, data[at : at + size], link, info, alignment)
        for name, kind, flags, _, at, size, link, info, alignment, _ in rows
    ]


def symbols(of: list[Section]) -> list[Symbol]:
    """The symbols by their numbers."""
    table = next(section for section in of if section.kind == SYMBOL_TABLE)
    strings = of[table.link].data
    return [
        Symbol(_name(strings, name).decode(), section, value)
        for name, _, _, section, value, _ in _SYMBOL.iter_unpack(table.data)
    ]


def functions(data: bytes) -> dict[str, Function]:
    """The labels of the section of code, and what follows each."""
    found = sections(data)
    code = next(n for n, section in enumerate(found) if section.name == CODE)
    known = symbols(found)
    relocations = [
        Relocation(offset, kind, known[symbol].name, addend)
        for section in found
        if section.kind == RELOCATIONS and section.info == code
        for offset, kind, symbol, addend in RELOCATION.iter_unpack(section.data)
    ]
    text = found[code].data
    starts = sorted((value, name) for name, section, value in known if section == code and name)
    ends = [*(value for value, _ in starts[1:]), len(text)]
    return {
        name: Function(
            text[start:end],
            tuple(r._replace(offset=r.offset - start) for r in relocations if start <= r.offset < end),
        )
        for (start, name), end in zip(starts, ends, strict=True)
    }
