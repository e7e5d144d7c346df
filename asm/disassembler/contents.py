"""What there is to disassemble: the sections, symbols and relocations of an ELF32 file, or a raw image.

The tables are read with `struct` and every offset and size is compared with the file before it is used, so that a
damaged file ends in a `DisassemblyError` and costs no more than its own length.
"""

import os
import struct
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from trapline.asm.diagnostics import printable

MAX_FILE = 1 << 28
"""Longest file that is read, in bytes."""

_HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<8I")
_SECTION_HEADER = struct.Struct("<10I")
_SYMBOL = struct.Struct("<IIIBBH")
_RELOCATION = struct.Struct("<IIi")

_ET_REL = 1
_SHT_SYMTAB, _SHT_RELA, _SHT_NOBITS = 2, 4, 8
_SHF_WRITE, _SHF_ALLOC, _SHF_EXECINSTR, _SHF_TLS = 1, 2, 4, 0x400
_STT_FUNC, _STT_SECTION, _STT_FILE = 2, 3, 4
_EM_RISCV = 243
_EF_RVC = 1
_NAME_LIMIT = 4096
_SECTION_KINDS = {7: "note", 8: "nobits", 14: "init_array", 15: "fini_array", 16: "preinit_array"}

_RELOCATION_NAMES = {
    1: "32", 16: "BRANCH", 17: "JAL", 18: "CALL", 19: "CALL_PLT", 20: "GOT_HI20", 23: "PCREL_HI20", 24: "PCREL_LO12_I",
    25: "PCREL_LO12_S", 26: "HI20", 27: "LO12_I", 28: "LO12_S", 29: "TPREL_HI20", 30: "TPREL_LO12_I",
    31: "TPREL_LO12_S", 32: "TPREL_ADD", 33: "ADD8", 34: "ADD16", 35: "ADD32", 36: "ADD64", 37: "SUB8", 38: "SUB16",
    39: "SUB32", 40: "SUB64", 43: "ALIGN", 51: "RELAX", 52: "SUB6", 53: "SET6", 54: "SET8", 55: "SET16", 56: "SET32",
}  # fmt: skip
_RELAX = 51


class DisassemblyError(Exception):
    """A file that cannot be disassembled; the text is the whole message without the file's name."""


@dataclass(frozen=True)
class Symbol:
    """A name for `address`; `rank` orders the names of one address, the best first."""

    address: int
    name: str
    is_global: bool = False
    is_function: bool = False

    @property
    def rank(self) -> tuple[bool, bool, bool, bool, str]:
        """Functions before other symbols, global before local, the linker's `__` names late, `.L` names last."""
        made = self.name.startswith("__")
        return self.name.startswith(".L"), not self.is_function, not self.is_global, made, self.name


@dataclass
class Section:
    """A run of bytes with an address: an ELF section, a segment of a file without sections, or a raw image.

    data: the bytes, empty for a section that occupies no space in the file, whose length is `size`.
    symbols: sorted by address, then rank.
    data_from: offsets at which data (True) or code (False) begins, as the file's mapping symbols say.
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
        """The best symbol at or nearest below `address`, None when there is none or it is outside the section."""
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
    """Everything that a file holds. entry: None for an object file or a raw image."""

    sections: list[Section]
    entry: int | None = None
    relocatable: bool = False


def read_file(path: Path) -> bytes:
    """All bytes of a file. Raises DisassemblyError when it cannot be read, is empty or is unreasonably long."""
    try:
        # Opened without blocking: a FIFO that nobody writes to would wait for ever.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as stream:
            os.set_blocking(stream.fileno(), True)
            data = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise DisassemblyError(f"cannot read it: {error.strerror or error}") from None
    if not data:
        raise DisassemblyError("the file is empty")
    if len(data) > MAX_FILE:
        raise DisassemblyError(f"the file is longer than {MAX_FILE >> 20} MiB")
    return data


def raw_contents(data: bytes, base: int) -> Contents:
    """A raw image at `base`. Raises DisassemblyError when it does not fit below 2^32."""
    if base % 2 or not 0 <= base <= (1 << 32) - len(data):
        raise DisassemblyError(f"an image of {len(data)} bytes cannot lie at {base:#x}: even, and at most 4 GiB - size")
    return Contents([Section(".text", base, data, len(data))])


def elf_contents(data: bytes) -> Contents:
    """The sections of an ELF32 RISC-V file; without section headers, its loadable segments.

    Raises DisassemblyError for any other file and for a truncated or damaged one.
    """
    if data[:4] != b"\x7fELF":
        hint = "it looks like text: assemble it first" if _is_text(data) else "for a raw image give --raw"
        raise DisassemblyError(f"not an ELF file ({hint})")
    if len(data) < _HEADER.size:
        raise DisassemblyError(f"truncated: an ELF header has {_HEADER.size} bytes, the file {len(data)}")
    ident, kind, machine, _version, entry, phoff, shoff, flags, _, phentsize, phnum, shentsize, shnum, shstrndx = (
        _HEADER.unpack_from(data)
    )
    if ident[4] != 1 or ident[5] != 1 or machine != _EM_RISCV:
        bits = {1: "32-bit", 2: "64-bit"}.get(ident[4], "ill-formed")
        order = {1: "little-endian", 2: "big-endian"}.get(ident[5], "unordered")
        what = "RISC-V" if machine == _EM_RISCV else f"machine {machine}"
        raise DisassemblyError(f"a {bits} {order} ELF file for {what}; need 32-bit little-endian RISC-V")
    compressed = bool(flags & _EF_RVC)
    if shoff == 0 or shnum == 0:
        sections = _segments(data, phoff, phentsize, phnum, compressed)
    else:
        sections = _sections(data, shoff, shentsize, shnum, shstrndx, compressed)
    return Contents(sections, None if kind == _ET_REL else entry, kind == _ET_REL)


def _is_text(data: bytes) -> bool:
    return all(byte in b"\t\n\r\f" or 32 <= byte < 127 for byte in data[:256])


def _part(data: bytes, offset: int, size: int, what: str) -> bytes:
    if offset + size > len(data):
        raise DisassemblyError(
            f"truncated or damaged: {what} is at bytes {offset} to {offset + size}, the file has {len(data)}"
        )
    return data[offset : offset + size]


def _string(table: bytes, offset: int) -> str:
    end = table.find(b"\0", offset, offset + _NAME_LIMIT)
    return printable(table[offset : end if end >= 0 else offset + _NAME_LIMIT].decode(errors="backslashreplace"))


def _segments(data: bytes, offset: int, entry_size: int, count: int, compressed: bool) -> list[Section]:
    if count and entry_size != _PROGRAM_HEADER.size:
        raise DisassemblyError(f"damaged: a program header has {_PROGRAM_HEADER.size} bytes, not {entry_size}")
    table = _part(data, offset, count * _PROGRAM_HEADER.size, "the program header table")
    found = []
    for i, (kind, start, vaddr, _, filesz, _, flags, _) in enumerate(_PROGRAM_HEADER.iter_unpack(table)):
        if kind == 1 and filesz:
            part = _part(data, start, filesz, f"segment {i}")
            found.append(Section(f"segment{i}", vaddr, part, filesz, bool(flags & 1), bool(flags & 2)))
            found[-1].compressed = compressed
    return found


def _sections(
    data: bytes, offset: int, entry_size: int, count: int, names_index: int, compressed: bool
) -> list[Section]:
    if entry_size != _SECTION_HEADER.size:
        raise DisassemblyError(f"damaged: a section header has {_SECTION_HEADER.size} bytes, not {entry_size}")
    table = _part(data, offset, count * _SECTION_HEADER.size, "the section header table")
    headers = list(_SECTION_HEADER.iter_unpack(table))
    names = b""
    if names_index < count:
        names = _part(data, headers[names_index][4], headers[names_index][5], "the section name table")
    if sum(header[5] for header in headers if header[1] not in (0, _SHT_NOBITS)) > len(data):
        raise DisassemblyError("truncated or damaged: the sections are together longer than the file")
    sections: dict[int, Section] = {}
    for i, (name, kind, flags, address, start, size, _, _, alignment, _) in enumerate(headers):
        if kind == 0:
            continue
        label = _string(names, name) or f"section{i}"
        part = b"" if kind == _SHT_NOBITS else _part(data, start, size, f"section {label}")
        sections[i] = Section(
            label, address, part, size, bool(flags & _SHF_EXECINSTR), bool(flags & _SHF_WRITE),
            bool(flags & _SHF_ALLOC), bool(flags & _SHF_TLS), max(alignment, 1), compressed,
            _SECTION_KINDS.get(kind, "progbits"),
        )  # fmt: skip
    for i, header in enumerate(headers):
        if header[1] == _SHT_SYMTAB and i in sections and header[6] in sections:
            relocatable = data[16] == _ET_REL
            _add_symbols(sections, sections[i].data, sections[header[6]].data, relocatable)
    for i, header in enumerate(headers):
        if header[1] == _SHT_RELA and i in sections and header[7] in sections:
            _add_relocations(sections, headers, i)
    for section in sections.values():
        section.symbols.sort(key=lambda s: (s.address, s.rank))
        section.data_from.sort()
    return list(sections.values())


def _is_temporary(name: str) -> bool:
    """Whether GNU as made the name up for `.` in an expression: `.L0` and a character that no source can hold."""
    return name.startswith(".L0") and name[3:] in ("?", " ")


def _entries(form: struct.Struct, table: bytes) -> Iterable[tuple[int, ...]]:
    return form.iter_unpack(table[: len(table) // form.size * form.size])


def _add_symbols(sections: dict[int, Section], table: bytes, strings: bytes, relocatable: bool) -> None:
    room = 16 * len(strings) + _NAME_LIMIT  # names may overlap in the string table, but not without end
    for name_offset, value, _, info, _, index in _entries(_SYMBOL, table):
        section = sections.get(index)
        if section is None or info & 15 in (_STT_SECTION, _STT_FILE):
            continue
        address = value + section.address if relocatable else value
        name = _string(strings, name_offset)
        room -= len(name) + 1
        if room < 0:
            break
        if name[:2] in ("$x", "$d"):
            section.data_from.append((address - section.address, name[1] == "d"))
        elif name and not _is_temporary(name) and section.address <= address <= section.end:
            section.symbols.append(Symbol(address, name, info >> 4 != 0, info & 15 == _STT_FUNC))


def _add_relocations(sections: dict[int, Section], headers: list[tuple[int, ...]], index: int) -> None:
    link, target = headers[index][6:8]
    symbols = sections[link].data if link in sections else b""
    strings_index = headers[link][6] if link < len(headers) else 0
    strings = sections[strings_index].data if strings_index in sections else b""
    found = sections[target].relocations
    for offset, info, addend in _entries(_RELOCATION, sections[index].data):
        if info & 0xFF == _RELAX:
            continue
        name = ""
        if (info >> 8 << 4) + _SYMBOL.size <= len(symbols):
            name_offset, value, *_, symbol_section = _SYMBOL.unpack_from(symbols, info >> 8 << 4)
            name = _string(strings, name_offset)[: _NAME_LIMIT >> 4]
            if (not name or _is_temporary(name)) and symbol_section in sections:
                name, addend = sections[symbol_section].name, addend + value
        where = f" {name}{f'{addend:+#x}' if addend else ''}" if name else f" {addend:#x}" if addend else ""
        kind = _RELOCATION_NAMES.get(info & 0xFF, str(info & 0xFF))
        found.setdefault(sections[target].address + offset, []).append(f"R_RISCV_{kind}{where}")
