"""Writes line tables: the way back of `line_table.py` (DWARF 3 and 5, section 6.2)."""

import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from trapline.asm.dwarf import leb128
from trapline.asm.elf.line_table import (
    FORM_STRING,
    FORM_UDATA,
    LNCT_DIRECTORY,
    LNCT_PATH,
    LNE_END_SEQUENCE,
    LNE_SET_ADDRESS,
    LNE_SET_DISCRIMINATOR,
    LNS_ADVANCE_LINE,
    LNS_ADVANCE_PC,
    LNS_COPY,
    LNS_NEGATE_STMT,
    LNS_SET_FILE,
)

LNS_SET_COLUMN, LNS_SET_BASIC_BLOCK, LNS_SET_PROLOGUE_END, LNS_SET_EPILOGUE_BEGIN, LNS_SET_ISA = 5, 7, 10, 11, 12
OPERANDS = bytes((0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1))
"""Of each standard opcode from 1 on, how many operands it has."""
FIRST_SPECIAL = len(OPERANDS) + 1
LINE_BASE, LINE_RANGE = -5, 14
ADDRESS_SIZE = 4


class FileName(NamedTuple):
    """A file of the table. folder: its directory, empty for the one that the assembler ran in."""

    folder: str
    name: str

    @classmethod
    def of(cls, path: str) -> "FileName":
        """A path in two parts."""
        folder, _, name = path.rpartition("/")
        return cls(folder, name) if folder else cls("", path)

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.name}" if self.folder else self.name


class Line(NamedTuple):
    """What a row of the table says of its instruction (DWARF 6.2.2). file: a number of the table of files."""

    file: int
    line: int
    column: int = 0
    statement: bool = True
    basic_block: bool = False
    prologue_end: bool = False
    epilogue_begin: bool = False
    isa: int = 0
    discriminator: int = 0


class Sequence(NamedTuple):
    """Rows of ascending addresses, and the address behind their last instruction."""

    rows: list[tuple[int, Line]]
    end: int


def line_unit(version: int, files: Mapping[int, FileName], sequences: Iterable[Sequence]) -> bytes:
    """The contribution of one source to .debug_line. version: 3, or 5.

    files: without gaps in their numbers, which begin at 1 or, in version 5, at 0; file 0's folder is the one that
    relative names of others begin at.
    """
    tables = _described_tables(files) if version > 3 else _listed_tables(files)
    operations = bytes((1,)) if version > 3 else b""  # at most so many in an instruction
    head = bytes((1,)) + operations + struct.pack("<BbBB", 1, LINE_BASE, LINE_RANGE, FIRST_SPECIAL) + OPERANDS + tables
    sizes = bytes((ADDRESS_SIZE, 0)) if version > 3 else b""
    body = struct.pack("<H", version) + sizes + struct.pack("<I", len(head)) + head
    body += b"".join(map(_program, sequences))
    return struct.pack("<I", len(body)) + body


def _folders(files: Mapping[int, FileName]) -> list[str]:
    return list(dict.fromkeys(file.folder for _, file in sorted(files.items()) if file.folder))


def _listed_tables(files: Mapping[int, FileName]) -> bytes:
    folders = _folders(files)
    numbers = {folder: number for number, folder in enumerate(["", *folders])}
    table = b"".join(map(_text, folders)) + b"\0"
    for _, file in sorted(files.items()):
        table += _text(file.name) + leb128(numbers[file.folder], signed=False) + b"\0\0"
    return table + b"\0"


def _described_tables(files: Mapping[int, FileName]) -> bytes:
    folders = list(dict.fromkeys([files[0].folder, *_folders(files)]))
    numbers = {"": 0} | {name: number for number, name in enumerate(folders)}
    table = bytes((1, LNCT_PATH, FORM_STRING)) + leb128(len(folders), signed=False) + b"".join(map(_text, folders))
    table += bytes((2, LNCT_PATH, FORM_STRING, LNCT_DIRECTORY, FORM_UDATA)) + leb128(len(files), signed=False)
    for _, file in sorted(files.items()):
        table += _text(file.name) + leb128(numbers[file.folder], signed=False)
    return table


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape") + b"\0"


def _program(sequence: Sequence) -> bytes:
    """The opcodes of one sequence."""
    code = bytearray()
    start = sequence.rows[0][0]
    code += _extended(LNE_SET_ADDRESS, struct.pack("<I", start & 0xFFFFFFFF))
    address, before = start, Line(1, 1)
    for at, row in sequence.rows:
        for opcode, value, old in (
            (LNS_SET_FILE, row.file, before.file), (LNS_SET_COLUMN, row.column, before.column),
            (LNS_SET_ISA, row.isa, before.isa),
        ):  # fmt: skip
            if value != old:
                code += bytes((opcode,)) + leb128(value, signed=False)
        if row.discriminator:
            code += _extended(LNE_SET_DISCRIMINATOR, leb128(row.discriminator, signed=False))
        if row.statement != before.statement:
            code.append(LNS_NEGATE_STMT)
        for opcode, wanted in (
            (LNS_SET_BASIC_BLOCK, row.basic_block), (LNS_SET_PROLOGUE_END, row.prologue_end),
            (LNS_SET_EPILOGUE_BEGIN, row.epilogue_begin),
        ):  # fmt: skip
            if wanted:
                code.append(opcode)
        code += _advance(at - address, row.line - before.line)
        address, before = at, row
    code += bytes((LNS_ADVANCE_PC,)) + leb128(sequence.end - address, signed=False)
    return bytes(code + _extended(LNE_END_SEQUENCE, b""))


def _advance(distance: int, lines: int) -> bytes:
    """Go on by so many bytes and lines, and add a row."""
    code = b""
    if not LINE_BASE <= lines < LINE_BASE + LINE_RANGE:
        code, lines = bytes((LNS_ADVANCE_LINE,)) + leb128(lines, signed=True), 0
    special = FIRST_SPECIAL + lines - LINE_BASE + LINE_RANGE * distance
    if special <= 255:
        return code + bytes((special,))
    code += bytes((LNS_ADVANCE_PC,)) + leb128(distance, signed=False)
    return code + bytes((FIRST_SPECIAL + lines - LINE_BASE if lines else LNS_COPY,))


def _extended(opcode: int, operand: bytes) -> bytes:
    return b"\0" + leb128(1 + len(operand), signed=False) + bytes((opcode,)) + operand
