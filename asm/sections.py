"""Sections as lists of fragments: data, and things whose size is known only after layout."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.elf.format import (
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHF_GROUP,
    SHF_MERGE,
    SHF_STRINGS,
    SHF_TLS,
    SHF_WRITE,
    SHT_FINI_ARRAY,
    SHT_INIT_ARRAY,
    SHT_NOBITS,
    SHT_NOTE,
    SHT_PREINIT_ARRAY,
    SHT_PROGBITS,
    SHT_RELA,
    SHT_RISCV_ATTRIBUTES,
)

ALLOC, WRITE, EXEC, TLS = SHF_ALLOC, SHF_WRITE, SHF_EXECINSTR, SHF_TLS
MERGE, STRINGS, GROUP = SHF_MERGE, SHF_STRINGS, SHF_GROUP
PROGBITS, NOBITS, RELA, NOTE, ATTRIBUTES = SHT_PROGBITS, SHT_NOBITS, SHT_RELA, SHT_NOTE, SHT_RISCV_ATTRIBUTES
INIT_ARRAY, FINI_ARRAY, PREINIT_ARRAY = SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY

NOP = b"\x13\x00\x00\x00"
LIMIT = 256 << 20
"""Largest section, in bytes: more is a typing mistake."""


class Fixup(NamedTuple):
    """Bytes at `offset` of a fragment that depend on `expression`; `insn` is the instruction they encode, if any."""

    offset: int
    kind: str
    expression: Any
    location: Location
    insn: Any = None


class Fragment:
    """A piece of a section. index: position in its subsection; offset: bytes from the section's start, after layout."""

    __slots__ = ("index", "offset")

    def __init__(self, index: int) -> None:
        self.index = index
        self.offset = 0

    def fixed_size(self) -> int | None:
        """The size in bytes, None if layout can change it."""
        return None

    def measure(self, evaluate: Any) -> int:
        """The size at the present offset."""
        raise NotImplementedError

    def settled(self) -> int:
        """The size at the final offset."""
        raise NotImplementedError

    def content(self) -> bytes:
        """The bytes after layout."""
        raise NotImplementedError


class Data(Fragment):
    """Bytes, with fixups."""

    __slots__ = ("data", "fixups")

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.data = bytearray()
        self.fixups: list[Fixup] = []

    def fixed_size(self) -> int | None:
        return len(self.data)

    def measure(self, evaluate: Any) -> int:
        return len(self.data)

    def settled(self) -> int:
        return len(self.data)

    def content(self) -> bytes:
        return bytes(self.data)


def _unknown(_fragment: Fragment) -> None:
    """The distance of every branch before layout."""
    return None


def code_padding(count: int) -> bytes:
    """Padding in code where relaxation is off, as GNU as writes it."""
    return bytes(count % 2) + b"\x01\0" * (count // 2 % 2) + NOP * (count // 4)


class Align(Fragment):
    """Padding up to a multiple of `alignment`: `fill` repeated, or in code nops; at most `most` bytes.

    relaxed: in code, with relaxation on: GNU as emits the longest padding and ld deletes the excess.
    blank: in code, with relaxation off, in a source that ends with it on: GNU as leaves zeros.
    """

    __slots__ = ("alignment", "blank", "fill", "most", "padding", "relaxed")

    def __init__(self, index: int, alignment: int, fill: bytes | None, most: int | None, relaxed: bool = False) -> None:
        super().__init__(index)
        self.relaxed = relaxed and fill is None
        self.blank = False
        self.alignment = alignment
        self.fill = fill
        self.most = None if self.relaxed else most
        self.padding = 0

    def measure(self, evaluate: Any) -> int:
        if self.relaxed:
            self.padding = max(self.alignment - 4, 0)
            return self.padding
        padding = -self.offset % self.alignment
        self.padding = 0 if self.most is not None and padding > self.most else padding
        return self.padding

    def settled(self) -> int:
        if self.relaxed:
            self.padding = -self.offset % self.alignment
        return self.padding

    def content(self) -> bytes:
        if self.relaxed:
            return NOP * (self.padding // 4) + b"\x01\0\0"[: self.padding % 4]
        if self.fill is None:
            return bytes(self.padding) if self.blank else code_padding(self.padding)
        size = len(self.fill)
        return bytes(self.padding % size) + self.fill * (self.padding // size)


class Branch(Fragment):
    """A conditional branch: one instruction or, if the target is out of reach, the opposite branch around a jump."""

    __slots__ = ("fixup", "long", "word")

    def __init__(self, index: int, word: int, fixup: Fixup) -> None:
        super().__init__(index)
        self.word = word
        self.fixup = fixup
        self.long = False

    def measure(self, evaluate: Any) -> int:
        if not self.long:
            distance = evaluate(self)
            if distance is not None and not -4096 <= distance <= 4094:
                self.long = True
        return 8 if self.long else 4

    def settled(self) -> int:
        return 8 if self.long else 4


class Org(Fragment):
    """Padding up to a given offset."""

    __slots__ = ("expression", "fill", "location", "padding")

    def __init__(self, index: int, expression: Any, fill: int, location: Location) -> None:
        super().__init__(index)
        self.expression = expression
        self.fill = fill
        self.location = location
        self.padding = 0

    def measure(self, evaluate: Any) -> int:
        target = evaluate(self)
        if target < self.offset:
            message = f"'.org' goes backwards, from offset {self.offset:#x} to {target:#x}"
            raise SourceError(self.location, message)
        self.padding = target - self.offset
        if self.padding > LIMIT:
            raise SourceError(self.location, f"'.org' would skip {self.padding} bytes; the limit is {LIMIT}")
        return self.padding

    def settled(self) -> int:
        return self.padding

    def content(self) -> bytes:
        return bytes((self.fill,)) * self.padding


class Fill(Fragment):
    """`item` repeated; the count depends on layout."""

    __slots__ = ("count", "expression", "item", "location")

    def __init__(self, index: int, expression: Any, item: bytes, location: Location) -> None:
        super().__init__(index)
        self.expression = expression
        self.item = item
        self.location = location
        self.count = 0

    def measure(self, evaluate: Any) -> int:
        self.count = evaluate(self)
        if not 0 <= self.count * len(self.item) <= LIMIT:
            raise SourceError(self.location, f"count {self.count} is not in [0, {LIMIT // max(len(self.item), 1)}]")
        return self.count * len(self.item)

    def settled(self) -> int:
        return self.count * len(self.item)

    def content(self) -> bytes:
        return self.item * self.count


class Leb128(Fragment):
    """A LEB128 number whose value depends on layout."""

    __slots__ = ("data", "expression", "location", "signed")

    def __init__(self, index: int, expression: Any, signed: bool, location: Location) -> None:
        super().__init__(index)
        self.expression = expression
        self.signed = signed
        self.location = location
        self.data = b"\0"

    def measure(self, evaluate: Any) -> int:
        encoded = leb128(evaluate(self), self.signed)
        # Lengths never shrink, so that layout converges.
        if len(encoded) < len(self.data):
            padding = len(self.data) - len(encoded)
            last = 0x7F if self.signed and encoded[-1] & 0x40 else 0
            encoded = (
                encoded[:-1] + bytes((encoded[-1] | 0x80,)) + bytes((last | 0x80,)) * (padding - 1) + bytes((last,))
            )
        self.data = encoded
        return len(self.data)

    def settled(self) -> int:
        return len(self.data)

    def content(self) -> bytes:
        return self.data


def leb128(value: int, signed: bool) -> bytes:
    """The DWARF encoding of a number (DWARF 5, 7.6)."""
    result = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        done = (value == 0 and not byte & 0x40) or (value == -1 and byte & 0x40) if signed else value == 0
        result.append(byte | (0 if done else 0x80))
        if done:
            return bytes(result)


@dataclass(eq=False)
class Section:
    """One section of one source: its fragments by subsection, then in the order written."""

    name: str
    flags: int
    type: int
    entry_size: int = 0
    group: str | None = None
    alignment: int = 1
    subsections: dict[int, list[Fragment]] = field(default_factory=dict)
    current: int = 0
    fragments: list[Fragment] = field(default_factory=list)
    size: int = 0
    address: int = 0
    padding: int = 0
    blank_end: bool = True
    lines: list[tuple[Fragment, int, Location]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.subsections[0] = []

    @property
    def open(self) -> list[Fragment]:
        """The fragments of the current subsection."""
        return self.subsections.setdefault(self.current, [])

    def data(self) -> Data:
        """The data fragment at the end of the current subsection, added if necessary."""
        fragments = self.subsections.get(self.current) or self.open
        if fragments and type(last := fragments[-1]) is Data:
            return last
        fragments.append(data := Data(len(fragments)))
        return data

    def position(self) -> tuple[Fragment, int]:
        """The end of the current subsection: a fragment and an offset in it."""
        data = self.data()
        return data, len(data.data)

    def start(self) -> tuple[Fragment, int]:
        """The start of the section: a fragment and an offset in it."""
        fragments = next((self.subsections[n] for n in sorted(self.subsections) if self.subsections[n]), None)
        return (fragments[0], 0) if fragments else self.position()

    def add(self, fragment: Fragment) -> None:
        """Append a fragment made with index len(self.open)."""
        self.open.append(fragment)

    def fixed_distance(self, start: Fragment, end: Fragment) -> int | None:
        """Bytes from the start of one fragment to the start of another, None if layout can change that."""
        if start is end:
            return 0
        for fragments in self.subsections.values():
            if start.index < len(fragments) and fragments[start.index] is start:
                if end.index >= len(fragments) or fragments[end.index] is not end:
                    return None
                if start.index > end.index:
                    distance = self.fixed_distance(end, start)
                    return None if distance is None else -distance
                total = 0
                for fragment in fragments[start.index : end.index]:
                    size = fragment.fixed_size()
                    if size is None:
                        return None
                    total += size
                return total
        return None

    def finish(self, relax: bool = True) -> None:
        """Concatenate the subsections. relax: whether relaxation is on at the end of the source."""
        self.blank_end = relax
        self.fragments = [f for number in sorted(self.subsections) for f in self.subsections[number]]
        # Every branch starts short: one that grew because its target has no offset yet would stay long.
        offset = 0
        for fragment in self.fragments:
            fragment.offset = offset
            if type(fragment) is Align:
                fragment.blank = relax
            offset += fragment.measure(_unknown) if type(fragment) in (Data, Align, Branch) else 0

    def lay_out(self, evaluate: Any) -> bool:
        """Give each fragment its offset in GNU as's object file. True if something moved.

        Alignments that ld will shorten have their longest form here, and everything else is sized by that: an
        `.org` behind one ends up lower than it says once ld is done.
        """
        offset = 0
        moved = False
        for fragment in self.fragments:
            if fragment.offset != offset:
                fragment.offset = offset
                moved = True
            offset += fragment.measure(evaluate)
        if offset != self.size:
            self.size = offset
            moved = True
        return moved

    def settle(self) -> None:
        """Give each fragment its offset after ld."""
        offset = 0
        for fragment in self.fragments:
            fragment.offset = offset
            offset += fragment.settled()
        self.padding = self._end_padding(offset)
        self.size = offset + self.padding

    def _end_padding(self, size: int) -> int:
        """Padding bytes that GNU as and ld leave at the end.

        GNU as pads code to its alignment while every alignment in it still has its longest form, and ld shortens
        those later.
        """
        if not self.flags & EXEC:
            return 0
        deleted = 0
        for fragment in self.fragments:
            if type(fragment) is Align and fragment.relaxed:
                deleted += max(fragment.alignment - 4, 0) - fragment.padding
        return -(size + deleted) % self.alignment
