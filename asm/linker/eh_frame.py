"""The unwind tables `.eh_frame` and `.debug_frame`, as GNU as and ld make them from `.cfi_` directives.

DWARF 5, 6.4.1; LSB, "Exception Frames". A common information entry (CIE) holds what several functions share; each
function has a frame description entry (FDE) of its own.
"""

from collections.abc import Iterable
from typing import Any

from trapline.asm.call_frames import ADVANCE, DATA_ALIGNMENT, ESCAPE, REMEMBER, Frame, Pointer, Rule
from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.dwarf import (
    CFA_ADVANCE_LOC,
    CFA_ADVANCE_LOC1,
    CFA_ADVANCE_LOC2,
    CFA_ADVANCE_LOC4,
    PACKED_LIMIT,
    PE_FORMAT,
    PE_OMIT,
    PE_PC_RELATIVE,
    PE_SIGNED,
    POINTER_SIZES,
    leb128,
)
from trapline.asm.fragments import Align, Fixup
from trapline.asm.nodes import Binary
from trapline.asm.sections import ALLOC, PROGBITS, Section
from trapline.asm.symbols import Symbol, definition
from trapline.asm.unit import Unit

VERSION = 3
CODE_POINTER = PE_PC_RELATIVE | PE_SIGNED | 3
"""How `.eh_frame` encodes addresses of functions: pc-relative, signed, 4 bytes."""

LONGEST_SHARED = 50
"""Longest initial instructions, in bytes, of a CIE that ld shares between sources."""


class _Common:
    """A CIE of one source."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        stop = (i for i, rule in enumerate(frame.rules) if rule.kind in (ADVANCE, REMEMBER, ESCAPE))
        self.rules = frame.rules[: next(stop, len(frame.rules))]
        self.used = False

    def suits(self, frame: Frame, for_unwinding: bool) -> bool:
        """Whether an FDE can use this CIE; `.debug_frame` has no personalities."""
        mine = self.frame
        return (
            mine.return_column == frame.return_column
            and mine.signal == frame.signal
            and (mine.personality == frame.personality or not for_unwinding)
            and (mine.lsda.encoding == frame.lsda.encoding or not for_unwinding)
            and self.rules == frame.rules[: len(self.rules)]
        )


def tables(units: Iterable[Unit], live: set[Section]) -> list[Section]:
    """The unwind sections of `units`. live: the linked sections, after layout.

    ld drops the FDEs of code that is not linked, and shares equal CIEs, in `.eh_frame` only.
    Raises SourceError for a function whose directives are not in the order of their addresses.
    """
    sections = []
    for name, flags in ((".eh_frame", ALLOC), (".debug_frame", 0)):
        table = _Table(name, flags)
        for unit in units:
            if name in unit.frames.sections and unit.frames.finished:
                table.take(unit.frames.finished, live)
        if table.data.data:
            sections.append(table.finish())
    return sections


class _Table:
    """A section under construction."""

    def __init__(self, name: str, flags: int) -> None:
        self.section = Section(name, flags, PROGBITS, alignment=4)
        self.for_unwinding = name == ".eh_frame"
        self.data = self.section.data()
        self.known: dict[Any, int] = {}

    def finish(self) -> Section:
        """The finished section."""
        self.section.finish()
        self.section.size = len(self.data.data)
        return self.section

    def take(self, frames: list[Frame], live: set[Section]) -> None:
        """Add the entries of one source."""
        commons: list[_Common] = []
        chosen: list[_Common] = []
        for frame in frames:
            common = next((c for c in reversed(commons) if c.suits(frame, self.for_unwinding)), None)
            if common is None:
                common = _Common(frame)
                commons.append(common)
            common.used = common.used or frame.section in live or not self.for_unwinding
            chosen.append(common)
        offsets: dict[_Common, int] = {}
        for frame, common in zip(frames, chosen, strict=True):
            if common.used and common not in offsets:
                offsets[common] = self._common(common)
            if frame.section in live or not self.for_unwinding:
                self._function(frame, common, offsets[common])

    # Entries

    def _common(self, common: _Common) -> int:
        """Write a CIE unless an equal one can be shared; returns its offset."""
        frame = common.frame
        begin = len(self.data.data)
        code = b"".join(rule.code for rule in common.rules)
        target = frame.personality.target
        if isinstance(target, Symbol):
            target = definition(target)
        key = (code, frame.return_column, frame.signal, frame.personality.encoding, target, frame.lsda.encoding)
        if self.for_unwinding and len(code) <= LONGEST_SHARED and key in self.known:
            return self.known[key]
        self.known[key] = begin
        self._number(0, 4)
        if self.for_unwinding:
            self._number(0, 4)
            letters = (
                b"z" + b"P" * (frame.personality.encoding != PE_OMIT) + b"L" * (frame.lsda.encoding != PE_OMIT) + b"R"
            )
        else:
            self._number(0xFFFFFFFF, 4)
            letters = b""
        self.data.data += bytes((VERSION,)) + letters + b"S" * frame.signal + b"\0"
        self.data.data += leb128(1, False) + leb128(DATA_ALIGNMENT, True) + leb128(frame.return_column, False)
        if self.for_unwinding:
            personality, lsda = frame.personality, frame.lsda
            size = 1 if personality.encoding == PE_OMIT else 2 + POINTER_SIZES[personality.encoding & PE_FORMAT]
            self.data.data += leb128(size + (lsda.encoding != PE_OMIT), False)
            if personality.encoding != PE_OMIT:
                self._number(personality.encoding, 1)
                self._pointer(personality, frame.location)
            if lsda.encoding != PE_OMIT:
                self._number(lsda.encoding, 1)
            self._number(CODE_POINTER, 1)
        self.data.data += code
        self._close(begin)
        return begin

    def _function(self, frame: Frame, common: _Common, offset: int) -> None:
        begin = len(self.data.data)
        assert frame.end is not None
        self._number(0, 4)
        self._number(begin + 4 - offset if self.for_unwinding else offset, 4)
        self._pointer(Pointer(CODE_POINTER if self.for_unwinding else 0, frame.start), frame.location)
        self._number(_distance(frame.start, frame.end), 4)
        if self.for_unwinding:
            size = 0 if frame.lsda.encoding == PE_OMIT else POINTER_SIZES[frame.lsda.encoding & PE_FORMAT]
            self.data.data += leb128(size, False)
            if size:
                self._pointer(frame.lsda, frame.location)
        at = frame.start
        for rule in frame.rules[len(common.rules) :]:
            if rule.kind == ADVANCE:
                assert rule.place is not None
                self._advance(frame.section, at, rule)
                at = rule.place
            else:
                self.data.data += rule.code
        self._close(begin)

    def _advance(self, section: Section, start: Symbol, rule: Rule) -> None:
        assert rule.place is not None
        distance = _distance(start, rule.place)
        # GNU as chooses the form before ld shortens alignments.
        longest = distance + _shortened(section, start, rule.place)
        if longest == 0:
            return
        if longest < PACKED_LIMIT:
            self._number(CFA_ADVANCE_LOC | distance, 1)
            return
        for opcode, width in ((CFA_ADVANCE_LOC1, 1), (CFA_ADVANCE_LOC2, 2), (CFA_ADVANCE_LOC4, 4)):
            if longest < 1 << 8 * width:
                self._number(opcode, 1)
                self._number(distance, width)
                return

    # Bytes

    def _number(self, value: int, width: int) -> None:
        self.data.data += value.to_bytes(width, "little")

    def _pointer(self, pointer: Pointer, location: Location) -> None:
        expression = pointer.target
        assert expression is not None
        if pointer.encoding & PE_PC_RELATIVE:
            here = Symbol(".", temporary=True)
            here.place(self.section, location)
            expression = Binary("-", expression, here)
        width = POINTER_SIZES[pointer.encoding & PE_FORMAT]
        self.data.fixups.append(Fixup(len(self.data.data), f"word{8 * width}", expression, location))
        self.data.data += bytes(width)

    def _close(self, begin: int) -> None:
        """Pad an entry to its alignment, and fill in its length."""
        data = self.data.data
        data += bytes(-len(data) % 4)
        data[begin : begin + 4] = (len(data) - begin - 4).to_bytes(4, "little")


def _place(symbol: Symbol) -> int:
    assert symbol.fragment is not None
    return symbol.fragment.offset + symbol.offset


def _distance(start: Symbol, end: Symbol) -> int:
    distance = _place(end) - _place(start)
    if distance < 0:
        where = end.defined_at or Location("<unknown>", 1)
        raise SourceError(where, "'.cfi_' directives must be in the order of their addresses")
    return distance


def _shortened(section: Section, start: Symbol, end: Symbol) -> int:
    """By how many bytes ld shortens the alignments between two places."""
    total = 0
    first = _place(start)
    for fragment in section.fragments:
        if fragment is end.fragment:
            break
        if type(fragment) is Align and fragment.relaxed and fragment.offset >= first:
            total += fragment.deletable - fragment.padding
    return total
