"""What .debug_info says of code (DWARF 2 to 5, chapter 3): where each unit was compiled, and the extent of its blocks.

The sections are untrusted: damage costs the rest of its unit, and no more is read than the sections' length allows.
"""

import bisect
import heapq
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from trapline.asm.elf.dwarf_reader import Damaged, Reader, StringTable, units

TAG_LEXICAL_BLOCK, TAG_INLINED, TAG_SUBPROGRAM = 0x0B, 0x1D, 0x2E
NAMES = {0x02, 0x04, 0x05, 0x0A, 0x13, 0x16, 0x17, 0x27, 0x34}
"""Tags of what has a name in a block: types, parameters, labels, constants and variables."""
AT_STMT_LIST, AT_LOW_PC, AT_HIGH_PC, AT_COMP_DIR, AT_RANGES = 0x10, 0x11, 0x12, 0x1B, 0x55
AT_STR_OFFSETS_BASE, AT_ADDR_BASE, AT_RNGLISTS_BASE = 0x72, 0x73, 0x74
WANTED = {
    AT_STMT_LIST, AT_LOW_PC, AT_HIGH_PC, AT_COMP_DIR, AT_RANGES, AT_STR_OFFSETS_BASE, AT_ADDR_BASE, AT_RNGLISTS_BASE,
}  # fmt: skip

FORM_ADDR, FORM_BLOCK2, FORM_BLOCK4, FORM_STRING, FORM_BLOCK, FORM_BLOCK1 = 0x01, 0x03, 0x04, 0x08, 0x09, 0x0A
FORM_SDATA, FORM_STRP, FORM_UDATA, FORM_REF_ADDR, FORM_REF_UDATA, FORM_INDIRECT = 0x0D, 0x0E, 0x0F, 0x10, 0x15, 0x16
FORM_SEC_OFFSET, FORM_EXPRLOC, FORM_FLAG_PRESENT, FORM_STRX, FORM_ADDRX = 0x17, 0x18, 0x19, 0x1A, 0x1B
FORM_STRP_SUP, FORM_LINE_STRP, FORM_IMPLICIT_CONST, FORM_LOCLISTX, FORM_RNGLISTX = 0x1D, 0x1F, 0x21, 0x22, 0x23
FIXED = {
    0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x11: 1, 0x12: 2, 0x13: 4, 0x14: 8, 0x1C: 4, 0x1E: 16, 0x20: 8,
    0x24: 8, 0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4, 0x29: 1, 0x2A: 2, 0x2B: 3, 0x2C: 4,
}  # fmt: skip
"""Bytes of the forms that always have the same number."""
STRX, ADDRX = {FORM_STRX, 0x25, 0x26, 0x27, 0x28}, {FORM_ADDRX, 0x29, 0x2A, 0x2B, 0x2C}
"""Forms that are the index of a string or of an address."""
BLOCKS = {FORM_BLOCK1: 1, FORM_BLOCK2: 2, FORM_BLOCK4: 4}
FIRST_WITH_TYPES = 5
"""The version whose headers say what kind of unit follows."""
UT_COMPILE, UT_PARTIAL, UT_SKELETON = 1, 3, 4
RLE_END, RLE_BASE_ADDRESSX, RLE_STARTX_ENDX, RLE_STARTX_LENGTH, RLE_OFFSET_PAIR = 0, 1, 2, 3, 4
RLE_BASE_ADDRESS, RLE_START_END, RLE_START_LENGTH = 5, 6, 7
ADDRESSES = 0xFFFFFFFF
DEEPEST = 1 << 10
"""Levels of entries within entries that are followed."""

Range = tuple[int, int]
Value = tuple[int, int | str]
"""The form of an attribute, and what it holds."""


class Block(NamedTuple):
    """Code with a scope of its own: a function, an inlined call, or a block with names. ranges: [start, end)."""

    depth: int
    ranges: list[Range]


class Blocks:
    """The innermost block of an address."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        spans = sorted(
            (start, end, -block.depth, number)
            for number, block in enumerate(blocks)
            for start, end in block.ranges
            if start < end
        )
        self._starts: list[int] = []
        self._owners: list[int | None] = []
        edges = sorted({edge for start, end, _, _ in spans for edge in (start, end)})
        open_: list[tuple[int, int, int]] = []
        position = 0
        for edge in edges:
            while position < len(spans) and spans[position][0] <= edge:
                _, end, depth, number = spans[position]
                heapq.heappush(open_, (depth, number, end))
                position += 1
            while open_ and open_[0][2] <= edge:
                heapq.heappop(open_)
            self._starts.append(edge)
            self._owners.append(open_[0][1] if open_ else None)

    def find(self, address: int) -> int | None:
        """A number for the block that holds an address; None where no block does."""
        index = bisect.bisect_right(self._starts, address) - 1
        return self._owners[index] if index >= 0 else None


@dataclass
class Sections:
    """The contents of the sections that entries refer to, by name; those that are missing are empty."""

    contents: Mapping[str, bytes]
    _strings: dict[str, StringTable] = field(default_factory=dict)
    _tables: dict[int, dict[int, "_Abbreviation"]] = field(default_factory=dict)
    _read: int = 0

    def __getitem__(self, name: str) -> bytes:
        return self.contents.get(name, b"")

    def string(self, name: str, offset: int) -> str:
        """A string of a section. Raises Damaged."""
        return self._strings.setdefault(name, StringTable(self[name])).at(offset)

    def abbreviations(self, offset: int) -> dict[int, "_Abbreviation"]:
        """The table of abbreviations at an offset; tables may not overlap much. Raises Damaged."""
        if offset not in self._tables:
            reader = Reader(self[".debug_abbrev"], offset)
            if self._read > 4 * len(reader.data):
                raise Damaged
            try:
                self._tables[offset] = _abbreviations(reader)
            finally:
                self._read += max(reader.position - offset, 0)
        return self._tables[offset]


def folders(sections: Sections) -> dict[int, str]:
    """Where the compiler ran, by the offset of the unit's line table."""
    found = {}
    for _, reader in units(sections[".debug_info"]):
        with suppress(Damaged):
            unit = _Unit(sections, reader)
            root = unit.entry()
            if root is not None and AT_STMT_LIST in root.attributes and AT_COMP_DIR in root.attributes:
                table, folder = root.attributes[AT_STMT_LIST][1], unit.text(root.attributes[AT_COMP_DIR])
                if isinstance(table, int):
                    found[table] = folder
    return found


def blocks(sections: Sections) -> list[Block]:
    """The blocks of all units. As in gdb, one without names of its own counts as part of the one around it."""
    found: list[Block] = []
    budget = sum(map(len, sections.contents.values()))
    for _, reader in units(sections[".debug_info"]):
        with suppress(Damaged):
            for block in _Unit(sections, reader).blocks():
                budget -= 1 + len(block.ranges)
                if budget < 0:  # entries that share one long list of ranges
                    return found
                found.append(block)
    return found


class _Abbreviation(NamedTuple):
    tag: int
    children: bool
    attributes: list[tuple[int, int, int]]
    """(attribute, form, value of an implicit constant)"""


class _Entry(NamedTuple):
    tag: int
    children: bool
    attributes: dict[int, Value]


class _Unit:
    """One unit, whose entries are read in order. Everything raises Damaged."""

    def __init__(self, sections: Sections, reader: Reader) -> None:
        self.sections = sections
        self.reader = reader
        self.version = reader.number(2)
        if not 2 <= self.version <= FIRST_WITH_TYPES:
            raise Damaged
        if self.version >= FIRST_WITH_TYPES:
            kind, self.size, table = reader.number(1), reader.number(1), reader.offset()
            if kind == UT_SKELETON:
                reader.skip(8)
            elif kind not in (UT_COMPILE, UT_PARTIAL):
                raise Damaged
        else:
            table, self.size = reader.offset(), reader.number(1)
        self.abbreviations = sections.abbreviations(table)
        self.root: dict[int, Value] = {}
        self.budget = 16 * len(reader.data)

    def _spend(self, steps: int) -> None:
        """Count what may take no bytes of this unit: attributes, and ranges that entries share."""
        self.budget -= steps
        if self.budget < 0:
            raise Damaged

    def entry(self) -> _Entry | None:
        """The next entry, None for the end of a list of them."""
        number = self.reader.leb128()
        if number == 0:
            return None
        abbreviation = self.abbreviations.get(number)
        if abbreviation is None:
            raise Damaged
        self._spend(len(abbreviation.attributes))
        attributes = {}
        for attribute, form, constant in abbreviation.attributes:
            value = self._value(form, constant)
            if attribute in WANTED:
                attributes[attribute] = value
        self.root = self.root or attributes
        return _Entry(abbreviation.tag, abbreviation.children, attributes)

    def blocks(self) -> Iterator[Block]:
        """The blocks of the unit."""
        around: list[_Entry] = []
        named: list[bool] = []  # whether each of those has a name in it
        while self.reader.position < len(self.reader.data):
            entry = self.entry()
            if entry is not None:
                if named and entry.tag in NAMES:
                    named[-1] = True
                if entry.children:
                    around.append(entry)
                    named.append(False)
                    if len(around) > DEEPEST:
                        raise Damaged
                    continue
                closed, has_names = entry, False
            elif around:
                closed, has_names = around.pop(), named.pop()
            else:
                return
            if closed.tag in (TAG_SUBPROGRAM, TAG_INLINED) or (closed.tag == TAG_LEXICAL_BLOCK and has_names):
                if ranges := self._extent(closed.attributes):
                    yield Block(len(around), ranges)
            if not around:
                return

    def text(self, value: Value) -> str:
        """The string that an attribute has or refers to."""
        form, held = value
        if isinstance(held, str):
            return held
        if form == FORM_STRP:
            return self.sections.string(".debug_str", held)
        if form == FORM_LINE_STRP:
            return self.sections.string(".debug_line_str", held)
        if form in STRX:
            size = 8 if self.reader.wide else 4
            at = self._base(AT_STR_OFFSETS_BASE) + held * size
            return self.sections.string(".debug_str", Reader(self.sections[".debug_str_offsets"], at).number(size))
        raise Damaged

    def _base(self, attribute: int) -> int:
        held = self.root.get(attribute, (0, 0))[1]
        return held if isinstance(held, int) else 0

    def _address(self, value: Value) -> int:
        form, held = value
        assert isinstance(held, int)
        return self._indexed(held) if form in ADDRX else held

    def _indexed(self, index: int) -> int:
        return Reader(self.sections[".debug_addr"], self._base(AT_ADDR_BASE) + index * self.size).number(self.size)

    def _extent(self, attributes: dict[int, Value]) -> list[Range]:
        if AT_RANGES in attributes:
            form, held = attributes[AT_RANGES]
            assert isinstance(held, int)
            if self.version < FIRST_WITH_TYPES:
                return list(self._old_ranges(held))
            if form == FORM_RNGLISTX:
                size = 8 if self.reader.wide else 4
                base = self._base(AT_RNGLISTS_BASE)
                held = base + Reader(self.sections[".debug_rnglists"], base + held * size).number(size)
            return list(self._ranges(held))
        if AT_LOW_PC not in attributes or AT_HIGH_PC not in attributes:
            return []
        low, (form, high) = self._address(attributes[AT_LOW_PC]), attributes[AT_HIGH_PC]
        assert isinstance(high, int)
        absolute = form == FORM_ADDR or form in ADDRX
        return [(low, (self._address((form, high)) if absolute else low + high) & ADDRESSES)]

    def _first_base(self) -> int:
        return self._address(self.root[AT_LOW_PC]) if AT_LOW_PC in self.root else 0

    def _old_ranges(self, offset: int) -> Iterator[Range]:
        """Up to version 4: pairs of addresses, relative to a base."""
        reader, base = Reader(self.sections[".debug_ranges"], offset), self._first_base()
        highest = (1 << 8 * self.size) - 1
        while True:
            self._spend(1)
            start, end = reader.number(self.size), reader.number(self.size)
            if start == end == 0:
                return
            if start == highest:
                base = end
            else:
                yield (base + start) & ADDRESSES, (base + end) & ADDRESSES

    def _ranges(self, offset: int) -> Iterator[Range]:
        """Version 5: entries that say themselves what they are."""
        reader, base = Reader(self.sections[".debug_rnglists"], offset), self._first_base()
        while kind := reader.number(1):
            self._spend(1)
            if kind == RLE_BASE_ADDRESSX:
                base = self._indexed(reader.leb128())
            elif kind == RLE_BASE_ADDRESS:
                base = reader.number(self.size)
            elif kind == RLE_OFFSET_PAIR:
                start, end = reader.leb128(), reader.leb128()
                yield (base + start) & ADDRESSES, (base + end) & ADDRESSES
            elif kind == RLE_STARTX_ENDX:
                yield self._indexed(reader.leb128()), self._indexed(reader.leb128())
            elif kind == RLE_START_END:
                yield reader.number(self.size), reader.number(self.size)
            elif kind in (RLE_STARTX_LENGTH, RLE_START_LENGTH):
                indexed = kind == RLE_STARTX_LENGTH
                start = self._indexed(reader.leb128()) if indexed else reader.number(self.size)
                yield start, (start + reader.leb128()) & ADDRESSES
            else:
                raise Damaged

    def _value(self, form: int, constant: int) -> Value:
        """The value of an attribute; 0 for one that is of no interest here."""
        reader = self.reader
        if form == FORM_INDIRECT:
            form = reader.leb128()
            if form == FORM_INDIRECT:
                raise Damaged
        held: int | str = 0
        if form in FIXED:
            held = reader.number(FIXED[form])
        elif form == FORM_ADDR or (form == FORM_REF_ADDR and self.version == 2):
            held = reader.number(self.size)
        elif form in (FORM_SEC_OFFSET, FORM_STRP, FORM_LINE_STRP, FORM_REF_ADDR, FORM_STRP_SUP):
            held = reader.offset()
        elif form in (FORM_UDATA, FORM_REF_UDATA, FORM_STRX, FORM_ADDRX, FORM_LOCLISTX, FORM_RNGLISTX):
            held = reader.leb128()
        elif form == FORM_SDATA:
            held = reader.leb128(signed=True)
        elif form == FORM_STRING:
            held = reader.string()
        elif form in BLOCKS:
            reader.skip(reader.number(BLOCKS[form]))
        elif form in (FORM_BLOCK, FORM_EXPRLOC):
            reader.skip(reader.leb128())
        elif form == FORM_IMPLICIT_CONST:
            held = constant
        elif form != FORM_FLAG_PRESENT:
            raise Damaged
        return form, held


def _abbreviations(reader: Reader) -> dict[int, _Abbreviation]:
    """The table of abbreviations that begins here."""
    found: dict[int, _Abbreviation] = {}
    while number := reader.leb128():
        tag, children = reader.leb128(), bool(reader.number(1))
        attributes = []
        while True:
            attribute, form = reader.leb128(), reader.leb128()
            constant = reader.leb128(signed=True) if form == FORM_IMPLICIT_CONST else 0
            if attribute == form == 0:
                break
            attributes.append((attribute, form, constant))
        found[number] = _Abbreviation(tag, children, attributes)
    return found
