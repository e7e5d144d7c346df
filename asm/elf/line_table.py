"""The line table of an ELF file: which source line each instruction comes from (DWARF 2 to 5, section 6.2).

The section is untrusted: a program that is cut short or damaged gives the rows before the damage, and no more rows
than it has bytes.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

LNS_COPY, LNS_ADVANCE_PC, LNS_ADVANCE_LINE, LNS_SET_FILE = 1, 2, 3, 4
LNS_NEGATE_STMT = 6
LNS_CONST_ADD_PC, LNS_FIXED_ADVANCE_PC = 8, 9
LNE_END_SEQUENCE, LNE_SET_ADDRESS = 1, 2
LNCT_PATH, LNCT_DIRECTORY = 1, 2
FORM_DATA2, FORM_DATA4, FORM_DATA8, FORM_STRING, FORM_BLOCK, FORM_DATA1 = 5, 6, 7, 8, 9, 11
FORM_STRP, FORM_UDATA, FORM_DATA16, FORM_LINE_STRP = 0x0E, 0x0F, 0x1E, 0x1F
FIXED_FORMS = {FORM_DATA1: 1, FORM_DATA2: 2, FORM_DATA4: 4, FORM_DATA8: 8, FORM_DATA16: 16}
WIDE = 0xFFFFFFFF
"""A length that announces the 64-bit format, in which offsets have 8 bytes."""
ADDRESSES = 0xFFFFFFFF
FIRST_WITH_OPERATIONS, FIRST_WITH_FORMS = 4, 5
"""Versions that added the number of operations and the described tables."""


class Row(NamedTuple):
    """Instructions in [start, end) come from this line of this file; there may be none, at a line without code.

    expansion: of which macro, and where from. statement: a debugger may stop here for this line (DWARF's is_stmt).
    folder: where a relative name of the file begins, empty where that is not known.
    """

    start: int
    end: int
    file: str
    line: int
    expansion: str = ""
    statement: bool = True
    folder: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" + (f", {self.expansion}" if self.expansion else "")


@dataclass
class Strings:
    """The sections that names may lie in: .debug_str and .debug_line_str."""

    debug_str: bytes = b""
    line_str: bytes = b""


class _Damaged(Exception):
    """The section ends too early, or holds what no version has."""


@dataclass
class _Reader:
    data: bytes
    position: int = 0
    wide: bool = False

    def number(self, size: int) -> int:
        end = self.position + size
        if end > len(self.data):
            raise _Damaged
        value = int.from_bytes(self.data[self.position : end], "little")
        self.position = end
        return value

    def offset(self) -> int:
        return self.number(8 if self.wide else 4)

    def leb128(self, signed: bool = False) -> int:
        value = shift = 0
        while True:
            byte = self.number(1)
            if shift < 64:
                value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value - (1 << shift) if signed and byte & 0x40 and shift < 64 else value

    def string(self) -> str:
        end = self.data.find(b"\0", self.position)
        if end < 0:
            raise _Damaged
        text = self.data[self.position : end].decode(errors="backslashreplace")
        self.position = end + 1
        return text


@dataclass
class _Unit:
    """The header of one unit's program. files: names by number; folder: where the compiler ran."""

    end: int
    step: int
    line_base: int
    line_range: int
    operands: list[int]
    default_stmt: bool
    files: dict[int, str] = field(default_factory=dict)
    folder: str = ""


def rows(section: bytes, strings: Strings) -> Iterator[Row]:
    """The rows of .debug_line, unit by unit."""
    position = 0
    while position < len(section):
        reader = _Reader(section, position)
        try:
            length = reader.number(4)
            reader.wide = length == WIDE
            if reader.wide:
                length = reader.number(8)
        except _Damaged:
            return
        position = min(reader.position + length, len(section))
        with suppress(_Damaged):
            yield from _run(_Reader(section[:position], reader.position, reader.wide), strings)


def _run(reader: _Reader, strings: Strings) -> Iterator[Row]:
    """The rows of one unit, whose program is executed.

    Of rows without code those are left out that gdb leaves out: another file follows at the same address.
    """
    unit = _header(reader, strings)
    first_special = len(unit.operands) + 1
    address, file, line, statement = 0, 1, 1, unit.default_stmt
    before: tuple[int, int, int, bool] | None = None
    waiting: list[Row] = []  # rows without code, at one address
    while reader.position < unit.end:
        opcode = reader.number(1)
        emitted = ended = False
        if opcode >= first_special:
            advance, add = divmod(opcode - first_special, unit.line_range)
            address += unit.step * advance
            line += unit.line_base + add
            emitted = True
        elif opcode == 0:
            length = reader.leb128()
            following = reader.position + length
            kind = reader.number(1)
            if kind == LNE_SET_ADDRESS:
                address = reader.number(length - 1)
            emitted = ended = kind == LNE_END_SEQUENCE
            reader.position = following
        elif opcode == LNS_COPY:
            emitted = True
        elif opcode == LNS_ADVANCE_PC:
            address += unit.step * reader.leb128()
        elif opcode == LNS_ADVANCE_LINE:
            line += reader.leb128(signed=True)
        elif opcode == LNS_SET_FILE:
            file = reader.leb128()
        elif opcode == LNS_NEGATE_STMT:
            statement = not statement
        elif opcode == LNS_CONST_ADD_PC:
            address += unit.step * ((255 - first_special) // unit.line_range)
        elif opcode == LNS_FIXED_ADVANCE_PC:
            address += reader.number(2)
        else:
            for _ in range(unit.operands[opcode - 1]):
                reader.leb128()
        address &= ADDRESSES
        if emitted:
            if before is not None:
                start, number, at, stop = before
                row = Row(start, address, unit.files.get(number, "?"), at, "", stop, unit.folder)
                if start < address:
                    yield from (*waiting, row)
                    waiting.clear()
                elif start == address:
                    waiting.append(row)
                    if ended or (number != file and (statement or not any(row.statement for row in waiting))):
                        waiting.clear()
                else:
                    waiting.clear()
            before = None if ended else (address, file, line, statement)
        if ended:
            address, file, line, statement = 0, 1, 1, unit.default_stmt


def _header(reader: _Reader, strings: Strings) -> _Unit:
    end = len(reader.data)
    version = reader.number(2)
    if not 2 <= version <= FIRST_WITH_FORMS:
        raise _Damaged
    if version >= FIRST_WITH_FORMS:
        reader.number(2)  # sizes of addresses and of segment selectors
    length = reader.offset()
    program = reader.position + length
    step = reader.number(1)
    if version >= FIRST_WITH_OPERATIONS:
        reader.number(1)
    default_stmt = bool(reader.number(1))
    line_base = (reader.number(1) ^ 0x80) - 0x80
    line_range = reader.number(1)
    operands = [reader.number(1) for _ in range(reader.number(1) - 1)]
    if line_range == 0:
        raise _Damaged
    unit = _Unit(end, step, line_base, line_range, operands, default_stmt)
    if version >= FIRST_WITH_FORMS:
        unit.folder, unit.files = _described_files(reader, strings)
    else:
        unit.files = _listed_files(reader)
    reader.position = program
    return unit


def _listed_files(reader: _Reader) -> dict[int, str]:
    """Up to version 4: directories, then files, both numbered from 1; directory 0 is where the compiler ran."""
    directories = [""]
    while name := reader.string():
        directories.append(name)
    files: dict[int, str] = {}
    while name := reader.string():
        directory = reader.leb128()
        reader.leb128()  # time and length
        reader.leb128()
        files[len(files) + 1] = _joined(directories, directory, name)
    return files


def _described_files(reader: _Reader, strings: Strings) -> tuple[str, dict[int, str]]:
    """Version 5: two tables that say themselves what they hold, numbered from 0; and directory 0."""
    directories = [path for path, _ in _described(reader, strings)]
    files = {
        number: _joined(directories, directory, path)
        for number, (path, directory) in enumerate(_described(reader, strings))
    }
    return next(iter(directories), ""), files


def _described(reader: _Reader, strings: Strings) -> list[tuple[str, int]]:
    formats = [(reader.leb128(), reader.leb128()) for _ in range(reader.number(1))]
    count = reader.leb128()
    if count > len(reader.data):
        raise _Damaged
    found = []
    for _ in range(count):
        path, directory = "", 0
        for content, form in formats:
            value = _value(reader, form, strings)
            if content == LNCT_PATH and isinstance(value, str):
                path = value
            elif content == LNCT_DIRECTORY and isinstance(value, int):
                directory = value
        found.append((path, directory))
    return found


def _value(reader: _Reader, form: int, strings: Strings) -> int | str:
    if form in FIXED_FORMS:
        return reader.number(FIXED_FORMS[form])
    if form == FORM_UDATA:
        return reader.leb128()
    if form == FORM_STRING:
        return reader.string()
    if form in (FORM_STRP, FORM_LINE_STRP):
        section = strings.debug_str if form == FORM_STRP else strings.line_str
        return _Reader(section, reader.offset()).string()
    if form == FORM_BLOCK:
        reader.position += reader.leb128()
        return 0
    raise _Damaged


def _joined(directories: list[str], directory: int, name: str) -> str:
    """A file's name as the compiler was given it: directory 0 is where it ran."""
    if directory == 0 or directory >= len(directories) or name.startswith("/"):
        return name
    folder = directories[directory]
    return name if folder in ("", directories[0]) else f"{folder}/{name}"
