"""The line table of an ELF file: which source line each instruction comes from (DWARF 2 to 5, section 6.2).

The section is untrusted: a program that is cut short or damaged gives the rows before the damage, and no more rows
than it has bytes.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from trapline.asm.elf.dwarf_reader import LONGEST_NAME, Damaged, Reader, Strings, units

LNS_COPY, LNS_ADVANCE_PC, LNS_ADVANCE_LINE, LNS_SET_FILE = 1, 2, 3, 4
LNS_NEGATE_STMT = 6
LNS_CONST_ADD_PC, LNS_FIXED_ADVANCE_PC = 8, 9
LNE_END_SEQUENCE, LNE_SET_ADDRESS, LNE_SET_DISCRIMINATOR = 1, 2, 4
LNCT_PATH, LNCT_DIRECTORY = 1, 2
FORM_DATA2, FORM_DATA4, FORM_DATA8, FORM_STRING, FORM_BLOCK, FORM_DATA1 = 5, 6, 7, 8, 9, 11
FORM_STRP, FORM_UDATA, FORM_DATA16, FORM_LINE_STRP = 0x0E, 0x0F, 0x1E, 0x1F
FIXED_FORMS = {FORM_DATA1: 1, FORM_DATA2: 2, FORM_DATA4: 4, FORM_DATA8: 8, FORM_DATA16: 16}
ADDRESSES = 0xFFFFFFFF
FIRST_WITH_OPERATIONS, FIRST_WITH_FORMS = 4, 5
"""Versions that added the number of operations and the described tables."""


class Row(NamedTuple):
    """Instructions in [start, end) come from this line of this file; there may be none, at a line without code.

    expansion: of which macro, and where from. statement: a debugger may stop here for this line: DWARF's is_stmt, but
    for rows that only go on with it.
    folder: where a relative name of the file begins, empty where that is not known.
    invoked: file and line on which the outermost macro is invoked; tables in files have its instructions there.
    """

    start: int
    end: int
    file: str
    line: int
    expansion: str = ""
    statement: bool = True
    folder: str = ""
    invoked: tuple[str, int] | None = None

    @property
    def source(self) -> tuple[str, int]:
        """The file and line that a debugger shows: of a macro, where it is used."""
        return self.invoked or (self.file, self.line)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" + (f", {self.expansion}" if self.expansion else "")


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


def rows(section: bytes, strings: Strings, folders: Mapping[int, str] | None = None) -> Iterator[Row]:
    """The rows of .debug_line, unit by unit.

    folders: where the compiler ran, by the offset of the unit; up to version 4 only .debug_info says that.
    """
    for offset, reader in units(section):
        with suppress(Damaged):
            yield from _run(reader, strings, (folders or {}).get(offset, ""))


class _State(NamedTuple):
    """The registers of a line number program (6.2.2) when it adds a row. again: another part of a line, not its start.

    ended: a row behind the last instruction of a sequence.
    """

    address: int
    file: int
    line: int
    statement: bool
    again: bool
    ended: bool


def _run(reader: Reader, strings: Strings, folder: str) -> Iterator[Row]:
    """The rows of one unit.

    As in gdb, rows with discriminators are no places to stop at where they go on with a line; and of rows without
    code those are left out that another file follows at the same address.
    """
    unit = _header(reader, strings)
    before: _State | None = None
    waiting: list[Row] = []  # rows without code, at one address
    for state in _states(reader, unit):
        if before is not None:
            stop = before.statement and not before.again
            file = unit.files.get(before.file, "?")
            row = Row(before.address, state.address, file, before.line, "", stop, unit.folder or folder)
            if row.start < row.end:
                yield from (*waiting, row)
                waiting.clear()
            elif row.start == row.end:
                waiting.append(row)
                moved = before.file != state.file and (state.statement or not any(row.statement for row in waiting))
                if moved or state.ended:
                    waiting.clear()
            else:
                waiting.clear()
        before = None if state.ended else state


def _states(reader: Reader, unit: _Unit) -> Iterator[_State]:
    """Execute the program of a unit."""
    first_special = len(unit.operands) + 1
    address, file, line, statement = 0, 1, 1, unit.default_stmt
    last = (0, 0)
    divided = discriminated = False  # the line, the next row: by discriminators
    while reader.position < unit.end:
        opcode = reader.number(1)
        emitted = ended = False
        lines = 0
        if opcode >= first_special:
            advance, add = divmod(opcode - first_special, unit.line_range)
            address += unit.step * advance
            lines = unit.line_base + add
            emitted = True
        elif opcode == 0:
            length = reader.leb128()
            following = reader.position + length
            kind = reader.number(1)
            if kind == LNE_SET_ADDRESS:
                address = reader.number(length - 1)
            elif kind == LNE_SET_DISCRIMINATOR and reader.leb128():
                divided = discriminated = True
            emitted = ended = kind == LNE_END_SEQUENCE
            reader.position = following
        elif opcode == LNS_COPY:
            emitted = True
        elif opcode == LNS_ADVANCE_PC:
            address += unit.step * reader.leb128()
        elif opcode == LNS_ADVANCE_LINE:
            lines = reader.leb128(signed=True)
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
        line += lines
        if lines:
            divided = discriminated
        if emitted:
            yield _State(address, file, line, statement, divided and last == (file, line), ended)
            last, discriminated = (file, line), False
        if ended:
            address, file, line, statement = 0, 1, 1, unit.default_stmt
            last, divided = (0, 0), False


def _header(reader: Reader, strings: Strings) -> _Unit:
    end = len(reader.data)
    version = reader.number(2)
    if not 2 <= version <= FIRST_WITH_FORMS:
        raise Damaged
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
        raise Damaged
    unit = _Unit(end, step, line_base, line_range, operands, default_stmt)
    if version >= FIRST_WITH_FORMS:
        unit.folder, unit.files = _described_files(reader, strings)
    else:
        unit.files = _listed_files(reader)
    reader.position = program
    return unit


def _listed_files(reader: Reader) -> dict[int, str]:
    """Up to version 4: directories, then files, both numbered from 1; directory 0 is where the compiler ran."""
    directories = [""]
    while name := reader.string():
        directories.append(name)
    files: dict[int, str] = {}
    budget = _longest_names(reader)
    while name := reader.string():
        directory = reader.leb128()
        reader.leb128()  # time and length
        reader.leb128()
        files[len(files) + 1] = _joined(directories, directory, name)
        budget -= len(files[len(files)])
        if budget < 0:
            raise Damaged
    return files


def _described_files(reader: Reader, strings: Strings) -> tuple[str, dict[int, str]]:
    """Version 5: two tables that say themselves what they hold, numbered from 0; and directory 0."""
    directories = [path for path, _ in _described(reader, strings)]
    files: dict[int, str] = {}
    budget = _longest_names(reader)
    for number, (path, directory) in enumerate(_described(reader, strings)):
        files[number] = _joined(directories, directory, path)
        budget -= len(files[number])
        if budget < 0:
            raise Damaged
    return next(iter(directories), ""), files


def _described(reader: Reader, strings: Strings) -> list[tuple[str, int]]:
    formats = [(reader.leb128(), reader.leb128()) for _ in range(reader.number(1))]
    count = reader.leb128()
    if count > len(reader.data):
        raise Damaged
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


def _value(reader: Reader, form: int, strings: Strings) -> int | str:
    if form in FIXED_FORMS:
        return reader.number(FIXED_FORMS[form])
    if form == FORM_UDATA:
        return reader.leb128()
    if form == FORM_STRING:
        return reader.string()
    if form in (FORM_STRP, FORM_LINE_STRP):
        return (strings.debug_str if form == FORM_STRP else strings.line_str).at(reader.offset())
    if form == FORM_BLOCK:
        reader.position += reader.leb128()
        return 0
    raise Damaged


def _longest_names(reader: Reader) -> int:
    """How long all names of files of a unit may be together: they share folders, and a file could name huge ones."""
    return 64 * len(reader.data) + LONGEST_NAME


def _joined(directories: list[str], directory: int, name: str) -> str:
    """A file's name as the compiler was given it: directory 0 is where it ran."""
    if directory == 0 or directory >= len(directories) or name.startswith("/"):
        return name
    folder = directories[directory]
    return name if folder in ("", directories[0]) else f"{folder}/{name}"
