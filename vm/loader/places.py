"""Addresses of a program as a person knows them: section, source file and line."""

import bisect
from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from trapline.asm.elf.call_frames import CallFrames
from trapline.asm.elf.debug_info import Blocks, Sections, blocks, folders
from trapline.asm.elf.dwarf_reader import Strings
from trapline.asm.elf.format import SHF_ALLOC, SHF_EXECINSTR, SHT_NOBITS, SectionHeader
from trapline.asm.elf.line_table import Row, rows
from trapline.asm.elf.reader import ElfError, ElfFile, string

SHF_COMPRESSED = 0x800


class CodeSection(NamedTuple):
    """A section of instructions, in [start, end)."""

    name: str
    start: int
    end: int


class Lines:
    """Source lines by address. rows: sorted by address; of several that begin at one, the longest counts."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = sorted(rows, key=lambda row: (row.start, row.end))
        self._starts = [row.start for row in self.rows]

    def index(self, address: int) -> int | None:
        """Which of `rows` holds an address."""
        index = bisect.bisect_right(self._starts, address) - 1
        return index if index >= 0 and address < self.rows[index].end else None

    def find(self, address: int) -> str | None:
        """`file:line` of the instruction at an address."""
        index = self.index(address)
        return None if index is None else str(self.rows[index])

    def last_before(self, address: int) -> str | None:
        """`file:line` of the last instruction that begins below an address."""
        index = bisect.bisect_left(self._starts, address) - 1
        return str(self.rows[index]) if index >= 0 else None


class DebugLines:
    """What an ELF file has for debuggers, read when it is first asked for.

    bias: what to add to its addresses, in a position-independent program.
    """

    def __init__(self, file: ElfFile, sections: list[SectionHeader], bias: int = 0) -> None:
        self._file, self._headers, self._bias = file, sections, bias

    def __call__(self) -> Iterable[Row]:
        """The rows of the line table."""
        sections = self._sections
        strings = Strings(sections[".debug_str"], sections[".debug_line_str"])
        found = rows(sections[".debug_line"], strings, folders(sections))
        return (r._replace(start=r.start + self._bias, end=r.end + self._bias) for r in found) if self._bias else found

    def blocks(self) -> Blocks:
        """The functions, inlined calls and blocks of its code."""
        return Blocks(
            block._replace(ranges=[(start + self._bias, end + self._bias) for start, end in block.ranges])
            for block in blocks(self._sections)
        )

    def call_frames(self) -> CallFrames:
        """The tables for the way to callers."""
        eh_frame = self._named.get(".eh_frame")
        contents = b"" if eh_frame is None else self._contents(eh_frame)
        return CallFrames(self._sections[".debug_frame"], contents, eh_frame.addr if eh_frame else 0, self._bias)

    @cached_property
    def _named(self) -> dict[str, SectionHeader]:
        return dict(zip(section_names(self._file, self._headers), self._headers, strict=True))

    @cached_property
    def _sections(self) -> Sections:
        return Sections({n: self._contents(section) for n, section in self._named.items() if n.startswith(".debug_")})

    def _contents(self, section: SectionHeader) -> bytes:
        if section.flags & SHF_COMPRESSED or section.type == SHT_NOBITS:
            return b""
        try:
            return self._file.part("a section", section.offset, section.size)
        except ElfError:
            return b""


def section_names(file: ElfFile, sections: list[SectionHeader]) -> list[str]:
    """The name of each section, empty where the file does not have it."""
    index = file.header.shstrndx
    try:
        names = file.part("names", sections[index].offset, sections[index].size) if index < len(sections) else b""
    except ElfError:
        names = b""
    return [string(names, section.name) for section in sections]


def code_sections(file: ElfFile, sections: list[SectionHeader]) -> list[CodeSection]:
    """The sections that hold instructions, by address; empty for a file without section headers."""
    named = zip(section_names(file, sections), sections, strict=True)
    wanted = SHF_ALLOC | SHF_EXECINSTR
    found = [CodeSection(n, s.addr, s.addr + s.size) for n, s in named if s.flags & wanted == wanted and s.size]
    return sorted(found, key=lambda section: section.start)


def passed_section(sections: list[CodeSection], address: int, segment: int | None) -> CodeSection | None:
    """The section of code behind which an address lies: at its end, or further on in the segment that begins there.

    segment: where the address's own begins, None if it has none. None for an address in a section of code.
    """
    index = bisect.bisect_right(sections, address, key=lambda section: section.start) - 1
    if index < 0 or address < sections[index].end:
        return None
    section = sections[index]
    return section if address == section.end or (segment is not None and segment <= section.start) else None
