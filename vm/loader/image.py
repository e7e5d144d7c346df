"""A program before it is in memory: segments, entry point and symbols."""

import bisect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from trapline.asm.elf.call_frames import CallFrames
from trapline.asm.elf.debug_info import Blocks
from trapline.asm.elf.format import SHN_UNDEF, STB_LOCAL, STT_FILE, STT_SECTION, STT_TLS
from trapline.asm.elf.line_table import Row
from trapline.asm.elf.reader import SymbolEntry, symbol_entries
from trapline.vm.loader.functions import Function, Functions
from trapline.vm.loader.places import CodeSection, Lines, passed_section

READ, WRITE, EXECUTE = 4, 2, 1
"""Segment permissions, as p_flags has them."""


class LoadError(Exception):
    """A file that cannot be loaded; the text is the whole message, with the file's name in front."""


@dataclass(frozen=True)
class Segment:
    """A loadable part of a program: `data` at the start, zeros up to `memsz` bytes.

    vaddr, paddr: first virtual and physical address; flags: READ, WRITE, EXECUTE.
    """

    vaddr: int
    paddr: int
    data: bytes
    memsz: int
    flags: int

    @property
    def end(self) -> int:
        """The virtual address after the last byte."""
        return self.vaddr + self.memsz


@dataclass
class Image:
    """A program ready to be placed in memory.

    segments: sorted by virtual address, without overlap.
    phdr: virtual address of the program headers in memory, 0 when no segment holds them.
    symbol_table, strings: the ELF file's, as bytes; they are decoded when a symbol is first asked for.
    warnings: messages for the user about the file, with its name in front.
    code: the sections of instructions, where the file says which; find_lines, find_blocks: make the rows of the line
    table, and the blocks that .debug_info describes; find_call_frames: reads the tables for the way to callers.
    texts: sources that are in no file, by name.
    rvc: whether the file says that it may have compressed instructions.
    """

    entry: int
    segments: list[Segment]
    name: str = "program"
    phdr: int = 0
    phnum: int = 0
    symbol_table: bytes = field(default=b"", repr=False)
    strings: bytes = field(default=b"", repr=False)
    warnings: list[str] = field(default_factory=list)
    code: list[CodeSection] = field(default_factory=list, repr=False)
    find_lines: Callable[[], Iterable[Row]] = field(default=tuple, repr=False)
    find_blocks: Callable[[], Blocks] = field(default=lambda: Blocks(()), repr=False)
    find_call_frames: Callable[[], CallFrames] = field(default=CallFrames, repr=False)
    texts: dict[str, str] = field(default_factory=dict, repr=False)
    rvc: bool = False

    @property
    def physical_entry(self) -> int:
        """The entry point before translation is on: a kernel may be linked for virtual addresses that it maps later."""
        segment = self.segment_at(self.entry)
        return self.entry if segment is None else self.entry - segment.vaddr + segment.paddr

    @cached_property
    def _symbols(self) -> list[SymbolEntry]:
        """The symbols that name a place in the program; mapping symbols such as `$x` are left out."""
        return [
            symbol
            for symbol in symbol_entries(self.symbol_table, self.strings)
            if symbol.section != SHN_UNDEF
            and symbol.type not in (STT_SECTION, STT_FILE, STT_TLS)
            and symbol.name
            and not symbol.name.startswith("$")
        ]

    @cached_property
    def symbols(self) -> dict[str, int]:
        """Address by symbol name; a global symbol wins over local ones of the same name."""
        locals_first = sorted(self._symbols, key=lambda symbol: symbol.binding != STB_LOCAL)
        return {symbol.name: symbol.value for symbol in locals_first}

    @cached_property
    def _places(self) -> list[tuple[int, str]]:
        """Sorted (address, name) of the symbols inside segments; of several at one address, a global one."""
        best: dict[int, tuple[bool, bool, str]] = {}
        for symbol in self._symbols:
            value = symbol.value
            rank = (symbol.binding == STB_LOCAL, symbol.size == 0, symbol.name)
            if self.segment_at(value) is not None and (value not in best or rank < best[value]):
                best[value] = rank
        return [(value, rank[2]) for value, rank in sorted(best.items())]

    def addresses_of(self, name: str) -> list[int]:
        """The addresses of all symbols of a name, ascending: every file may have a local one."""
        return self._addresses.get(name, [])

    @cached_property
    def _addresses(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for value, name in sorted({(symbol.value, symbol.name) for symbol in self._symbols}):
            found.setdefault(name, []).append(value)
        return found

    @cached_property
    def functions(self) -> Functions:
        """The functions whose extent the symbol table gives."""
        return Functions(self._symbols)

    @cached_property
    def blocks(self) -> Blocks:
        """The blocks of the code, where the file describes them."""
        return self.find_blocks()

    @cached_property
    def call_frames(self) -> CallFrames:
        """The tables for the way to callers."""
        return self.find_call_frames()

    def function_at(self, vaddr: int) -> Function | None:
        """The function that holds an address; where no extent is given, from the symbol before to the next one."""
        found, segment, symbol = self.functions.find(vaddr), self.segment_at(vaddr), self.symbol_before(vaddr)
        if found is not None or segment is None or symbol is None:
            return found
        following = bisect.bisect_right(self._places, (vaddr, "\U0010ffff"))
        ends = [section.end for section in self.code if section.start <= vaddr < section.end]
        ends += [address for address, _ in self._places[following : following + 1]]
        return Function(symbol[0], vaddr - symbol[1], min([segment.end, *ends]))

    @cached_property
    def _starts(self) -> list[int]:
        return [segment.vaddr for segment in self.segments]

    def segment_at(self, vaddr: int) -> Segment | None:
        """The segment that holds this virtual address."""
        index = bisect.bisect_right(self._starts, vaddr) - 1
        return self.segments[index] if index >= 0 and vaddr < self.segments[index].end else None

    def symbol_before(self, vaddr: int) -> tuple[str, int] | None:
        """The symbol at or next below `vaddr` in the same segment, and how many bytes it is away."""
        segment = self.segment_at(vaddr)
        index = bisect.bisect_right(self._places, (vaddr, "\U0010ffff")) - 1
        if segment is None or index < 0 or self._places[index][0] < segment.vaddr:
            return None
        start, name = self._places[index]
        return name, vaddr - start

    def symbol_at(self, vaddr: int) -> str | None:
        """`name` or `name+offset` of the symbol at or next below `vaddr` in the same segment."""
        found = self.symbol_before(vaddr)
        return None if found is None else found[0] + (f"+{found[1]}" if found[1] else "")

    @cached_property
    def lines(self) -> Lines:
        """The source lines of the instructions; empty where the program does not come with them."""
        return Lines(self.find_lines())

    def linked_address(self, address: int) -> int | None:
        """The virtual address of a place in memory, given by that or by its physical one; None outside the program."""
        if self.segment_at(address) is not None:
            return address
        for segment in self.segments:
            if segment.paddr <= address < segment.paddr + segment.memsz:
                return address - segment.paddr + segment.vaddr
        return None

    def named(self, address: int) -> str:
        """An address with the symbol before it: `0x00010078 <main+4>`."""
        linked = self.linked_address(address)
        symbol = None if linked is None else self.symbol_at(linked)
        return f"{address:#010x}" + (f" <{symbol}>" if symbol else "")

    def place(self, address: int) -> str:
        """An address as messages name it: `0x00010078 <main+4> (main.s:3)`, without what is not known."""
        linked = self.linked_address(address)
        line = None if linked is None else self.lines.find(linked)
        return self.named(address) + (f" ({line})" if line else "")

    def passed_end(self, address: int) -> str | None:
        """`the end of .text, after main.s:7` for an address behind the last instruction of a section of code."""
        linked = self.linked_address(address)
        if linked is None:
            linked = address
        segment = self.segment_at(linked)
        section = passed_section(self.code, linked, None if segment is None else segment.vaddr)
        if section is None:
            return None
        line = self.lines.last_before(section.end)
        return f"the end of {section.name}" + (f", after {line}" if line else "")
