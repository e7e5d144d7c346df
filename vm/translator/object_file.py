"""What an object file of ELF64 has in its section of code: functions, and what is to be filled in."""

import struct
from typing import NamedTuple

SYMBOL_TABLE = 2
RELOCATIONS = 4
"""Types of sections."""
CODE = b".text"

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QIIq")


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


class _Section(NamedTuple):
    name: bytes
    kind: int
    data: bytes
    link: int
    info: int


def _name(strings: bytes, at: int) -> bytes:
    return strings[at : strings.index(b"\0", at)]


def _sections(data: bytes) -> list[_Section]:
    *_, start, _, _, _, _, size, count, names = _HEADER.unpack_from(data)
    rows = [_SECTION.unpack_from(data, start + n * size) for n in range(count)]
    strings = data[rows[names][4] :]
    return [_Section(_name(strings, r[0]), r[1], data[r[4] : r[4] + r[5]], r[6], r[7]) for r in rows]


def functions(data: bytes) -> dict[str, Function]:
    """The labels of the section of code, and what follows each."""
    sections = _sections(data)
    code = next(n for n, section in enumerate(sections) if section.name == CODE)
    table = next(section for section in sections if section.kind == SYMBOL_TABLE)
    symbols = [
        (_name(sections[table.link].data, name).decode(), section, value)
        for name, _, _, section, value, _ in _SYMBOL.iter_unpack(table.data)
    ]
    relocations = [
        Relocation(offset, kind, symbols[symbol][0], addend)
        for section in sections
        if section.kind == RELOCATIONS and section.info == code
        for offset, kind, symbol, addend in _RELOCATION.iter_unpack(section.data)
    ]
    text = sections[code].data
    starts = sorted((value, name) for name, section, value in symbols if section == code and name)
    ends = [*(value for value, _ in starts[1:]), len(text)]
    return {
        name: Function(
            text[start:end],
            tuple(r._replace(offset=r.offset - start) for r in relocations if start <= r.offset < end),
        )
        for (start, name), end in zip(starts, ends, strict=True)
    }
