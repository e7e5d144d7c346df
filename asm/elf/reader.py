"""Reading ELF32 RISC-V files.

Tables are read with `struct`, and every count, offset and size is compared with the file before it is used: a damaged
file ends in an `ElfError`, and costs no more time and memory than its own length.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from trapline.asm.elf.format import (
    BIG_ENDIAN,
    CLASS_32,
    CLASS_64,
    EM_RISCV,
    HEADER,
    LITTLE_ENDIAN,
    MAGIC,
    PROGRAM_HEADER,
    SECTION_HEADER,
    SYMBOL,
    Header,
    ProgramHeader,
    SectionHeader,
)

LONGEST_NAME = 4096
"""Bytes of a name that are read; the rest is cut off."""

_MACHINES = {
    2: "SPARC", 3: "x86", 4: "68000", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "S/390", 40: "ARM", 42: "SuperH",
    62: "x86-64", 94: "Xtensa", 183: "AArch64", 247: "BPF", 258: "LoongArch",
}  # fmt: skip


class ElfError(Exception):
    """Why a file cannot be read as ELF32 RISC-V; the text continues the file's name: `is truncated: ...`.

    machine: of a file for another machine, which one: "64-bit", "big-endian" (RISC-V both), "x86-64", "ARM" ...
    """

    def __init__(self, message: str, machine: str = "") -> None:
        super().__init__(message)
        self.machine = machine


class SymbolEntry(NamedTuple):
    """One entry of a symbol table. binding: STB_*; type: STT_*; section: index of a section, or SHN_*."""

    name: str
    value: int
    size: int
    binding: int
    type: int
    section: int


class ElfFile:
    """The tables of one file. Its methods and its constructor raise ElfError."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.header = _header(data)

    def program_headers(self) -> list[ProgramHeader]:
        """The program headers; empty in an object file."""
        h = self.header
        entries = self._table("program header", h.phoff, h.phnum, h.phentsize, PROGRAM_HEADER)
        return [ProgramHeader(*fields) for fields in entries]

    def section_headers(self) -> list[SectionHeader]:
        """The section headers; empty in a file that is stripped of them."""
        h = self.header
        count = h.shnum if h.shoff else 0
        entries = self._table("section header", h.shoff, count, h.shentsize, SECTION_HEADER)
        return [SectionHeader(*fields) for fields in entries]

    def part(self, what: str, offset: int, size: int) -> bytes:
        """Bytes of the file. what: its name in the message when they lie outside."""
        if offset + size > len(self.data):
            raise ElfError(f"is truncated: {what} ends at byte {offset + size} and the file at {len(self.data)}")
        return self.data[offset : offset + size]

    def _table(self, what: str, offset: int, count: int, size: int, entry: struct.Struct) -> list[tuple[int, ...]]:
        if count == 0:
            return []
        if size != entry.size:
            raise ElfError(f"has {what}s of {size} bytes; an ELF32 file has {entry.size}")
        return list(entry.iter_unpack(self.part(f"the {what} table", offset, count * size)))


def symbol_entries(table: bytes, strings: bytes) -> Iterator[SymbolEntry]:
    """The entries of a symbol table, whose names are in `strings`.

    Names may overlap there; a table whose names are together far longer than `strings` is cut short.
    """
    budget = 16 * len(strings) + LONGEST_NAME
    for offset, value, size, info, _other, section in entries(SYMBOL, table):
        name = string(strings, offset)
        budget -= len(name) + 1
        if budget < 0:
            return
        yield SymbolEntry(name, value, size, info >> 4, info & 15, section)


def entries(form: struct.Struct, table: bytes) -> Iterator[tuple[int, ...]]:
    """The whole entries of a table; a last one that is cut is left out."""
    return form.iter_unpack(table[: len(table) // form.size * form.size])


def string(table: bytes, offset: int) -> str:
    """The string at an offset of a string table, at most `LONGEST_NAME` bytes of it."""
    end = table.find(b"\0", offset, offset + LONGEST_NAME)
    return table[offset : end if end >= 0 else offset + LONGEST_NAME].decode(errors="backslashreplace")


def _header(data: bytes) -> Header:
    if not data:
        raise ElfError("is empty")
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise ElfError("is not an ELF file")
    truncated = ElfError(f"is truncated: the ELF header has {HEADER.size} bytes and the file {len(data)}")
    if len(data) < 20:
        raise truncated
    bits, order = data[4], data[5]
    if bits not in (CLASS_32, CLASS_64) or order not in (LITTLE_ENDIAN, BIG_ENDIAN):
        raise ElfError("has a damaged ELF header (unknown class or byte order)")
    machine = int.from_bytes(data[18:20], "little" if order == LITTLE_ENDIAN else "big")
    if machine != EM_RISCV:
        name = _MACHINES.get(machine, f"machine {machine}")
        raise ElfError(f"is a program for {name}, not for RISC-V", name)
    for wrong, name in ((bits == CLASS_64, "64-bit"), (order == BIG_ENDIAN, "big-endian")):
        if wrong:
            raise ElfError(f"is a {name} RISC-V program", name)
    if len(data) < HEADER.size:
        raise truncated
    return Header(*HEADER.unpack_from(data))
