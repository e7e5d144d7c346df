"""The sections that tell debuggers which line each instruction comes from.

`.debug_line` is made of the rows that a source asks for. If the source brings no `.debug_info` of its own, as
compilers do, it gets one with a unit for the source and an entry for each function of known size, and what belongs to
it, as from GNU as: without these gdb does not look into the line table.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.dwarf import leb128
from trapline.asm.elf.line_program import Line, Sequence, line_unit
from trapline.asm.fragments import Data
from trapline.asm.linker.addresses import Values
from trapline.asm.linker.placement import Layout
from trapline.asm.sections import EXEC, MERGE, PROGBITS, STRINGS, Section
from trapline.asm.symbols import Symbol
from trapline.asm.unit import Unit

PRODUCER = "Trapline"

TAG_COMPILE_UNIT, TAG_SUBPROGRAM = 0x11, 0x2E
AT_NAME, AT_STMT_LIST, AT_LOW_PC, AT_HIGH_PC, AT_LANGUAGE, AT_COMP_DIR = 0x03, 0x10, 0x11, 0x12, 0x13, 0x1B
AT_PRODUCER, AT_EXTERNAL, AT_RANGES = 0x25, 0x3F, 0x55
FORM_ADDR, FORM_DATA2, FORM_DATA4, FORM_FLAG, FORM_STRP = 0x01, 0x05, 0x06, 0x0C, 0x0E
LANG_ASSEMBLER = 0x8001
UNIT, FUNCTION = 1, 2
"""Abbreviations of the two kinds of entry."""

INFO_VERSION, ARANGES_VERSION = 2, 2
"""Those of GNU as 2.40; gdb and lldb read them."""
WORD, WORD_MASK = 4, 0xFFFFFFFF

_FLAGS = {".debug_str": MERGE | STRINGS}
_ALIGNMENTS = {".debug_aranges": 2 * WORD, ".debug_ranges": 2 * WORD}
_OTHERS = (".debug_info", ".debug_abbrev", ".debug_aranges", ".debug_str", ".debug_ranges")


def reserve(unit: Unit) -> None:
    """Make the sections that `fill` will need, before sections are laid out."""
    lines = unit.line_rows
    if not lines.files:
        return
    names = [".debug_line"]
    if lines.rows and not _brings_info(unit):
        names += _OTHERS
    for name in names:
        section = unit.open_section(name, _FLAGS.get(name, 0), PROGBITS, int(name in _FLAGS))
        section.alignment = max(section.alignment, _ALIGNMENTS.get(name, 1))


def fill(values: Values, units: list[Unit], layout: Layout) -> None:
    """Write the sections, once the code has its addresses, and place them."""
    outputs = (*layout.read_only, *layout.writable, *layout.zeroed)
    placed = {section for output in outputs for section in output.inputs}
    writers = [_Writer(values, unit, placed) for unit in units if unit.line_rows.files]
    for writer in writers:
        writer.write()
    for output in layout.loose:
        output.place(0)
    for writer in writers:
        writer.refer()


def _brings_info(unit: Unit) -> bool:
    section = unit.sections.get((".debug_info", None))
    return section is not None and any(type(f) is not Data or f.data for f in section.fragments)


@dataclass
class _Part:
    """What one source adds to a section. start: where, in that source's section."""

    section: Section
    start: int = field(init=False)
    data: Data = field(init=False)

    def __post_init__(self) -> None:
        self.start = self.section.size
        self.data = Data(len(self.section.fragments))
        self.data.offset = self.start
        self.section.fragments.append(self.data)

    def add(self, contents: bytes) -> int:
        """Append bytes; returns where in this part they begin."""
        offset = len(self.data.data)
        self.data.data += contents
        self.section.size += len(contents)
        return offset

    def number(self, value: int, size: int = WORD) -> int:
        """Append a number; returns where."""
        return self.add((value & WORD_MASK).to_bytes(size, "little"))

    def text(self, text: str) -> int:
        """Append a string; returns where."""
        return self.add(text.encode("utf-8", "surrogateescape") + b"\0")

    def finish(self, length: int) -> None:
        """Fill in a unit's length, which is the word at `length`."""
        size = len(self.data.data) - length - WORD
        self.data.data[length : length + WORD] = size.to_bytes(WORD, "little")


class _Function(NamedTuple):
    name: str
    start: int
    size: int
    external: bool


class _Writer:
    """Writes the sections of one source. placed: the sections that are linked."""

    def __init__(self, values: Values, unit: Unit, placed: set[Section]) -> None:
        self.values = values
        self.unit = unit
        self.placed = placed
        self.references: list[tuple[_Part, int, _Part, int]] = []
        found: dict[Section, list[tuple[int, Line]]] = {}
        for section, fragment, offset, line in unit.line_rows.rows:
            if section in placed and section.flags & EXEC:
                found.setdefault(section, []).append((section.address + fragment.offset + offset, line))
        self.sequences = {
            section: Sequence(sorted(rows, key=lambda row: row[0]), section.address + section.size - section.padding)
            for section, rows in found.items()
        }
        self.files = unit.line_rows.table()
        if not unit.line_rows.explicit:
            self._renumber()

    def _renumber(self) -> None:
        """Number the files in the order in which the table has them, as GNU as does: the first names the unit."""
        used = dict.fromkeys(line.file for sequence in self.sequences.values() for _, line in sequence.rows)
        numbers = {old: new for new, old in enumerate(used, 1)}
        self.files = {numbers[old]: self.files[old] for old in used}
        for section, (rows, end) in self.sequences.items():
            rows = [(address, line._replace(file=numbers[line.file])) for address, line in rows]
            self.sequences[section] = Sequence(rows, end)

    def write(self) -> None:
        """Append to the sections; offsets in other sections are still missing."""
        alone = not _brings_info(self.unit)
        lines = self.unit.line_rows
        table = self._part(".debug_line")
        table.add(line_unit(lines.version, self.files, self.sequences.values()))
        if self.sequences and alone:
            info, strings = self._part(".debug_info"), self._part(".debug_str")
            self._write_info(info, table, strings)
            self._write_ranges(info)

    def refer(self) -> None:
        """Fill in the offsets in other sections, once those are placed."""
        for part, at, target, offset in self.references:
            value = target.section.address + target.start + offset
            part.data.data[at : at + WORD] = value.to_bytes(WORD, "little")

    def _part(self, name: str) -> _Part:
        return _Part(self.unit.sections[name, None])

    def _refer(self, part: _Part, target: _Part, offset: int = 0) -> None:
        """Append an offset in another section."""
        self.references.append((part, part.number(0), target, offset))

    def _spans(self) -> list[tuple[int, int]]:
        """Start and end of each section that has rows."""
        return [(section.address, sequence.end) for section, sequence in self.sequences.items()]

    def _write_info(self, info: _Part, table: _Part, strings: _Part) -> None:
        """`.debug_info` and `.debug_abbrev`: a unit, and its functions."""
        lines, spans, functions = self.unit.line_rows, self._spans(), list(self._functions())
        extent = [(AT_LOW_PC, FORM_ADDR), (AT_HIGH_PC, FORM_ADDR)] if len(spans) == 1 else [(AT_RANGES, FORM_DATA4)]
        abbreviations = self._part(".debug_abbrev")
        abbreviations.add(_abbreviation(UNIT, TAG_COMPILE_UNIT, bool(functions), [
            (AT_STMT_LIST, FORM_DATA4), *extent, (AT_NAME, FORM_STRP), (AT_COMP_DIR, FORM_STRP),
            (AT_PRODUCER, FORM_STRP), (AT_LANGUAGE, FORM_DATA2),
        ]))  # fmt: skip
        abbreviations.add(_abbreviation(FUNCTION, TAG_SUBPROGRAM, False, [
            (AT_NAME, FORM_STRP), (AT_EXTERNAL, FORM_FLAG), (AT_LOW_PC, FORM_ADDR), (AT_HIGH_PC, FORM_ADDR),
        ]) + b"\0")  # fmt: skip
        length = info.number(0)
        info.number(INFO_VERSION, 2)
        self._refer(info, abbreviations)
        info.number(WORD, 1)
        info.number(UNIT, 1)
        self._refer(info, table)
        if len(spans) == 1:
            info.number(spans[0][0])
            info.number(spans[0][1])
        else:
            ranges = self._part(".debug_ranges")
            self._refer(info, ranges)
            self._write_pairs(ranges, [(WORD_MASK, 0), *spans])  # first, that what follows is not relative to the unit
        for text in (self.files[min(self.files)].path, lines.folder, PRODUCER):
            self._refer(info, strings, strings.text(text))
        info.number(LANG_ASSEMBLER, 2)
        for function in functions:
            info.number(FUNCTION, 1)
            self._refer(info, strings, strings.text(function.name))
            info.number(function.external, 1)
            info.number(function.start)
            info.number(function.start + function.size)
        if functions:
            info.number(0, 1)
        info.finish(length)

    def _write_pairs(self, part: _Part, pairs: list[tuple[int, int]]) -> None:
        """Append pairs of words, and a pair of zeros."""
        part.add(b"".join(struct.pack("<II", *pair) for pair in pairs) + bytes(2 * WORD))

    def _write_ranges(self, info: _Part) -> None:
        """`.debug_aranges`: which addresses the unit has."""
        part = self._part(".debug_aranges")
        length = part.number(0)
        part.number(ARANGES_VERSION, 2)
        self._refer(part, info)
        part.add(bytes((WORD, 0)))  # sizes of addresses and of segment selectors
        part.add(bytes(-len(part.data.data) % (2 * WORD)))
        self._write_pairs(part, [(start, end - start) for start, end in self._spans()])
        part.finish(length)

    def _functions(self) -> Iterator[_Function]:
        """The functions of the source whose size is known."""
        for symbol in self.unit.symbols.values():
            place = symbol
            while isinstance(place.value, Symbol):  # an alias has type and size of its label, as in GNU as
                place = place.value
            size = place.size if symbol.size is None else symbol.size
            kind = place.type if symbol.type == "notype" else symbol.type
            hidden = symbol.temporary or symbol.name.startswith(".L") or symbol.target is not None
            if hidden or kind != "func" or size is None or place.section not in self.placed:
                continue
            where = symbol.defined_at or Location(self.unit.name, 1)
            with suppress(SourceError):  # which the symbol table reports
                start, extent = self.values.address(symbol, where), self.values.value(size, where)
                if extent > 0:
                    yield _Function(symbol.name, start, extent, symbol.binding == "global")


def _abbreviation(number: int, tag: int, children: bool, attributes: list[tuple[int, int]]) -> bytes:
    numbers = [number, tag, int(children), *(n for pair in attributes for n in pair), 0, 0]
    return b"".join(leb128(n, signed=False) for n in numbers)
