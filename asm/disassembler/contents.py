"""What the disassembler sees of a file: sections, symbols and relocations of an ELF32 file, or a raw image."""

import os
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from trapline.asm.diagnostics import printable
from trapline.asm.elf.format import (
    EF_RVC,
    ET_REL,
    PF_EXEC,
    PF_WRITE,
    PT_LOAD,
    RELOCATION,
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHF_TLS,
    SHF_WRITE,
    SHT_FINI_ARRAY,
    SHT_INIT_ARRAY,
    SHT_NOBITS,
    SHT_NOTE,
    SHT_NULL,
    SHT_PREINIT_ARRAY,
    SHT_RELA,
    SHT_SYMTAB,
    STB_LOCAL,
    STT_FILE,
    STT_FUNC,
    STT_SECTION,
    SYMBOL,
    SectionHeader,
)
from trapline.asm.elf.reader import LONGEST_NAME, ElfError, ElfFile, entries, string, symbol_entries

MAX_FILE = 1 << 28
"""Longest file that is read, in bytes."""

_SECTION_KINDS = {
    SHT_NOTE: "note", SHT_NOBITS: "nobits", SHT_INIT_ARRAY: "init_array", SHT_FINI_ARRAY: "fini_array",
    SHT_PREINIT_ARRAY: "preinit_array",
}  # fmt: skip

_RELOCATION_NAMES = {
    1: "32", 16: "BRANCH", 17: "JAL", 18: "CALL", 19: "CALL_PLT", 20: "GOT_HI20", 23: "PCREL_HI20", 24: "PCREL_LO12_I",
    25: "PCREL_LO12_S", 26: "HI20", 27: "LO12_I", 28: "LO12_S", 29: "TPREL_HI20", 30: "TPREL_LO12_I",
    31: "TPREL_LO12_S", 32: "TPREL_ADD", 33: "ADD8", 34: "ADD16", 35: "ADD32", 36: "ADD64", 37: "SUB8", 38: "SUB16",
    39: "SUB32", 40: "SUB64", 43: "ALIGN", 44: "RVC_BRANCH", 45: "RVC_JUMP", 46: "RVC_LUI",
    51: "RELAX", 52: "SUB6", 53: "SET6", 54: "SET8", 55: "SET16", 56: "SET32",
}  # fmt: skip
_RELAX = 51


class DisassemblyError(Exception):
    """A file that cannot be disassembled; the text is the whole message without the file's name."""


@dataclass(frozen=True)
class Symbol:
    """A name for `address`."""

    address: int
    name: str
    is_global: bool = False
    is_function: bool = False

    @property
    def rank(self) -> tuple[bool, bool, bool, bool, str]:
        """Sort key for names of one address: functions first, global before local, `__` names late, `.L` names last."""
        made = self.name.startswith("__")
        return self.name.startswith(".L"), not self.is_function, not self.is_global, made, self.name


@dataclass
class Section:
    """A run of bytes with an address: an ELF section, a segment of a file without sections, or a raw image.

    data: the bytes, empty for a section without contents in the file; size: its length in memory.
    symbols: sorted by address, then rank.
    data_from: offsets at which data (True) or code (False) begins, from the file's mapping symbols.
    compressed: whether it has compressed instructions, where it is code.
    kind: the section type's name in assembly source.
    relocations: descriptions by address.
    """

    name: str
    address: int
    data: bytes
    size: int
    executable: bool = True
    writable: bool = False
    allocated: bool = True
    thread_local: bool = False
    alignment: int = 4
    compressed: bool = False
    kind: str = "progbits"
    symbols: list[Symbol] = field(default_factory=list)
    data_from: list[tuple[int, bool]] = field(default_factory=list)
    relocations: dict[int, list[str]] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The address after the last byte."""
        return self.address + self.size

    @property
    def occupies_file(self) -> bool:
        """Whether the file holds its bytes."""
        return self.kind != "nobits"

    @cached_property
    def _addresses(self) -> list[int]:
        return [s.address for s in self.symbols]

    def symbol_before(self, address: int) -> Symbol | None:
        """The best symbol at or nearest below `address`; None without one, or outside the section."""
        if not self.address <= address <= self.end:
            return None
        position = bisect_right(self._addresses, address) - 1
        if position < 0:
            return None
        nearest = self._addresses[position]
        while position > 0 and self._addresses[position - 1] == nearest:
            position -= 1
        return self.symbols[position]


@dataclass
class Contents:
    """The contents of a file. entry: None for an object file or a raw image."""

    sections: list[Section]
    entry: int | None = None
    relocatable: bool = False


def read_file(path: Path) -> bytes:
    """All bytes of a file. Raises DisassemblyError when it cannot be read, is empty or is unreasonably long."""
    try:
        # Opening must not block: a FIFO without a writer would wait forever.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as stream:
            if hasattr(os, "O_NONBLOCK"):  # not on Windows
                os.set_blocking(stream.fileno(), True)
            data = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise DisassemblyError(f"cannot be read: {error.strerror or error}") from None
    if not data:
        raise DisassemblyError("the file is empty")
    if len(data) > MAX_FILE:
        raise DisassemblyError(f"the file is longer than {MAX_FILE >> 20} MiB")
    return data


def raw_contents(data: bytes, base: int, compressed: bool = False) -> Contents:
    """A raw image at `base`. Raises DisassemblyError when it does not fit below 2^32.

    compressed: whether it has compressed instructions.
    """
    if base % 2 or not 0 <= base <= (1 << 32) - len(data):
        raise DisassemblyError(
            f"an image of {len(data)} bytes does not fit at {base:#x}: the base must be even, and the end at most 4 GiB"
        )
    return Contents([Section(".text", base, data, len(data), compressed=compressed)])


def elf_contents(data: bytes, compressed: bool | None = None) -> Contents:
    """The sections of an ELF32 RISC-V file; without section headers, its loadable segments.

    compressed: whether it has compressed instructions; None: as its header says.
    Raises DisassemblyError for any other file and for a truncated or damaged one.
    """
    try:
        file = ElfFile(data)
        headers = file.section_headers()
        if compressed is None:
            compressed = bool(file.header.flags & EF_RVC)
        sections = _sections(file, headers, compressed) if headers else _segments(file, compressed)
    except ElfError as error:
        hint = ""
        if not data.startswith(b"\x7f"):
            hint = " (it looks like text: assemble it first)" if _is_text(data) else " (for a raw image give --raw)"
        elif error.machine:
            hint = "; need 32-bit little-endian RISC-V"
        raise DisassemblyError(f"{error}{hint}") from None
    relocatable = file.header.type == ET_REL
    return Contents(sections, None if relocatable else file.header.entry, relocatable)


def _is_text(data: bytes) -> bool:
    return all(byte in b"\t\n\r\f" or 32 <= byte < 127 for byte in data[:256])


def _segments(file: ElfFile, compressed: bool) -> list[Section]:
    found = []
    for i, program in enumerate(file.program_headers()):
        if program.type == PT_LOAD and program.filesz:
            part = file.part(f"segment {i}", program.offset, program.filesz)
            executable, writable = bool(program.flags & PF_EXEC), bool(program.flags & PF_WRITE)
            found.append(Section(f"segment{i}", program.vaddr, part, program.filesz, executable, writable))
            found[-1].compressed = compressed
    return found


def _sections(file: ElfFile, headers: list[SectionHeader], compressed: bool) -> list[Section]:
    names = b""
    if file.header.shstrndx < len(headers):
        header = headers[file.header.shstrndx]
        names = file.part("the section name table", header.offset, header.size)
    if sum(header.size for header in headers if header.type not in (SHT_NULL, SHT_NOBITS)) > len(file.data):
        raise ElfError("is truncated or damaged: the sections are together longer than the file")
    sections: dict[int, Section] = {}
    for i, header in enumerate(headers):
        if header.type == SHT_NULL:
            continue
        label = printable(string(names, header.name)) or f"section{i}"
        absent = header.type == SHT_NOBITS
        flags = header.flags
        sections[i] = Section(
            name=label,
            address=header.addr,
            data=b"" if absent else file.part(f"section {label}", header.offset, header.size),
            size=header.size,
            executable=bool(flags & SHF_EXECINSTR),
            writable=bool(flags & SHF_WRITE),
            allocated=bool(flags & SHF_ALLOC),
            thread_local=bool(flags & SHF_TLS),
            alignment=max(header.addralign, 1),
            compressed=compressed,
            kind=_SECTION_KINDS.get(header.type, "progbits"),
        )
    for i, header in enumerate(headers):
        if header.type == SHT_SYMTAB and i in sections and header.link in sections:
            relocatable = file.header.type == ET_REL
            _add_symbols(sections, sections[i].data, sections[header.link].data, relocatable)
    for i, header in enumerate(headers):
        if header.type == SHT_RELA and i in sections and header.info in sections:
            _add_relocations(sections, headers, i)
    for section in sections.values():
        section.symbols.sort(key=lambda s: (s.address, s.rank))
        section.data_from.sort()
    return list(sections.values())


def _is_temporary(name: str) -> bool:
    """Whether GNU as generated the name for `.` in an expression: `.L0` and a character that no source can contain."""
    return name.startswith(".L0") and name[3:] in ("?", " ")


def _add_symbols(sections: dict[int, Section], table: bytes, strings: bytes, relocatable: bool) -> None:
    for entry in symbol_entries(table, strings):
        section = sections.get(entry.section)
        if section is None or entry.type in (STT_SECTION, STT_FILE):
            continue
        address = entry.value + section.address if relocatable else entry.value
        name = printable(entry.name)
        if name[:2] in ("$x", "$d"):
            section.data_from.append((address - section.address, name[1] == "d"))
        elif name and not _is_temporary(name) and section.address <= address <= section.end:
            section.symbols.append(Symbol(address, name, entry.binding != STB_LOCAL, entry.type == STT_FUNC))


def _add_relocations(sections: dict[int, Section], headers: list[SectionHeader], index: int) -> None:
    link, target = headers[index].link, headers[index].info
    symbols = sections[link].data if link in sections else b""
    strings_index = headers[link].link if link < len(headers) else 0
    strings = sections[strings_index].data if strings_index in sections else b""
    found = sections[target].relocations
    for offset, info, addend in entries(RELOCATION, sections[index].data):
        number, kind = info >> 8, info & 0xFF
        if kind == _RELAX:
            continue
        name = ""
        if (number + 1) * SYMBOL.size <= len(symbols):
            name_offset, value, *_, symbol_section = SYMBOL.unpack_from(symbols, number * SYMBOL.size)
            name = printable(string(strings, name_offset))[: LONGEST_NAME >> 4]
            if (not name or _is_temporary(name)) and symbol_section in sections:
                name, addend = sections[symbol_section].name, addend + value
        where = f" {name}{f'{addend:+#x}' if addend else ''}" if name else f" {addend:#x}" if addend else ""
        text = f"R_RISCV_{_RELOCATION_NAMES.get(kind, str(kind))}{where}"
        found.setdefault(sections[target].address + offset, []).append(text)
