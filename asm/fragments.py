"""Pieces of a section: data, and things whose size depends on layout."""

from collections.abc import Callable
from typing import Any, NamedTuple

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.dwarf import leb128
from trapline.asm.nodes import Bound

NOP, COMPRESSED_NOP = b"\x13\0\0\0", b"\x01\0"
INSTRUCTION_BYTES, COMPRESSED_BYTES = 4, 2
BRANCH, JUMP, COMPRESSED_BRANCH, COMPRESSED_JUMP = "branch", "jal", "rvc_branch", "rvc_jump"
REACH = {BRANCH: 1 << 12, JUMP: 1 << 20, COMPRESSED_BRANCH: 1 << 8, COMPRESSED_JUMP: 1 << 11}
"""Kinds of fixups with a distance, and how far it may be, in bytes."""

LIMIT = 256 << 20
"""Largest section, in bytes: more is a typing mistake."""


def reaches(kind: str, distance: int) -> bool:
    """Whether an instruction with a fixup of this kind reaches so far."""
    return -REACH[kind] <= distance < REACH[kind]


Evaluate = Callable[["Fragment"], Any]
"""Gives a fragment the distance, offset, count or value that its size depends on."""


class Fixup(NamedTuple):
    """Bytes at `offset` of a fragment that depend on `expression`.

    kind: `wordN`, a number of N bits, or `word32:dtprel`; else what of the instruction `insn` is filled in: `imm`,
    `imm20`, `field:NAME` or one of `REACH` with the value or the distance; `hi20`, `lo12`, `pcrel_hi20`,
    `pcrel_lo12`, `call_hi20`, `tprel_hi20`, `tprel_lo12` or one of `got.KINDS` with a part of an address.
    """

    offset: int
    kind: str
    expression: Bound
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

    def estimate(self, evaluate: Evaluate) -> int:
        """The size that a pass of layout begins with, when the fragments before this one have their offsets."""
        return self.measure(evaluate)

    def measure(self, evaluate: Evaluate) -> int:
        """The size at the present offset."""
        raise NotImplementedError

    def settled(self) -> int:
        """The size at the final offset."""
        raise NotImplementedError

    def content(self) -> bytes:
        """The bytes after layout."""
        raise NotImplementedError


TEXT = 0
"""The width of what is written character by character."""


class Run(NamedTuple):
    """Bytes that a directive wrote.

    GNU as asks for memory for `width` of them at a time; or once, and begins a new piece behind them, if `ends`.
    """

    start: int
    end: int
    width: int
    ends: bool = False


class Data(Fragment):
    """Bytes, with fixups.

    runs: which of them directives wrote; the others are instructions. compressed: whether any of these may be.
    pieces: see `linker.pieces`.
    """

    __slots__ = ("compressed", "data", "fixups", "pieces", "runs")

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.data = bytearray()
        self.fixups: list[Fixup] = []
        self.runs: list[Run] = []
        self.compressed = False
        self.pieces: list[int] = []

    def append(self, content: bytes, width: int, ends: bool = False) -> None:
        """Append what a directive writes; width, ends: see `Run`."""
        start = len(self.data)
        self.data += content
        if self.runs and not ends:
            before = self.runs[-1]
            if before.end == start and before.width == width and not before.ends:
                start = self.runs.pop().start
        self.runs.append(Run(start, len(self.data), width, ends))

    def fixed_size(self) -> int | None:
        return len(self.data)

    def measure(self, evaluate: Evaluate) -> int:
        return len(self.data)

    def settled(self) -> int:
        return len(self.data)

    def content(self) -> bytes:
        return bytes(self.data)


UNPLACED = -1
"""The offset of a fragment that has none yet."""


def code_padding(count: int) -> bytes:
    """Padding in code where relaxation is off, as GNU as writes it."""
    return bytes(count % 2) + COMPRESSED_NOP * (count // 2 % 2) + NOP * (count // 4)


class Align(Fragment):
    """Padding up to a multiple of `alignment`: `fill` repeated, or in code nops; at most `most` bytes.

    deletable: in code, with relaxation on, the longest padding that GNU as emits, of which ld deletes the excess.
    blank: in code, with relaxation off, in a source that ends with it on: GNU as leaves zeros.
    """

    __slots__ = ("alignment", "blank", "deletable", "fill", "most", "padding", "relaxed")

    def __init__(self, index: int, alignment: int, fill: bytes | None, most: int | None, parcel: int = 0) -> None:
        """parcel: bytes of the shortest instruction if relaxation is on, else 0."""
        super().__init__(index)
        self.relaxed = parcel > 0 and fill is None
        self.deletable = max(alignment - parcel, 0) if self.relaxed else 0
        self.blank = False
        self.alignment = alignment
        self.fill = fill
        self.most = None if self.relaxed else most
        self.padding = 0

    def measure(self, evaluate: Evaluate) -> int:
        if self.relaxed:
            self.padding = self.deletable
            return self.padding
        padding = -self.offset % self.alignment
        self.padding = 0 if self.most is not None and padding > self.most else padding
        return self.padding

    def settled(self) -> int:
        if self.relaxed:
            self.padding = -self.offset % self.alignment
        return self.padding

    def content(self) -> bytes:
        if self.relaxed and self.padding < self.deletable:  # ld writes the rest anew
            return NOP * (self.padding // 4) + (COMPRESSED_NOP + b"\0")[: self.padding % 4]
        if self.fill is None:
            return bytes(self.padding) if self.blank and not self.relaxed else code_padding(self.padding)
        size = len(self.fill)
        return bytes(self.padding % size) + self.fill * (self.padding // size)


class Branch(Fragment):
    """A conditional branch: one instruction or, if the target is out of reach, the opposite branch around a jump.

    With `parcel`, the compressed form, it is that where it reaches; so may be a jump, which needs nothing else then.
    size: bytes, at present. stuck: does not shrink, so that a layout that swings to and fro comes to rest.
    """

    __slots__ = ("fixup", "parcel", "size", "stuck", "word")

    def __init__(self, index: int, word: int, fixup: Fixup, parcel: int | None = None) -> None:
        super().__init__(index)
        self.word = word
        self.fixup = fixup
        self.parcel = parcel
        self.size = INSTRUCTION_BYTES
        self.stuck = False

    def measure(self, evaluate: Evaluate) -> int:
        size = self._needed(evaluate(self))
        self.size = max(size, self.size) if self.stuck else size
        return self.size

    def _needed(self, distance: int | None) -> int:
        """The bytes that it takes. distance: in bytes, None if the target is in another section."""
        jumps = self.fixup.kind == JUMP
        if distance is not None:
            if self.parcel is not None and reaches(COMPRESSED_JUMP if jumps else COMPRESSED_BRANCH, distance):
                return COMPRESSED_BYTES
            if jumps or reaches(BRANCH, distance):
                return INSTRUCTION_BYTES
            if self.parcel is not None:
                return COMPRESSED_BYTES + INSTRUCTION_BYTES
        return INSTRUCTION_BYTES if jumps else 2 * INSTRUCTION_BYTES

    def settled(self) -> int:
        return self.size


class Org(Fragment):
    """Padding up to a given offset."""

    __slots__ = ("expression", "fill", "location", "padding")

    def __init__(self, index: int, expression: Bound, fill: int, location: Location) -> None:
        super().__init__(index)
        self.expression = expression
        self.fill = fill
        self.location = location
        self.padding = 0

    def estimate(self, evaluate: Evaluate) -> int:
        return 0

    def measure(self, evaluate: Evaluate) -> int:
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

    def __init__(self, index: int, expression: Bound, item: bytes, location: Location) -> None:
        super().__init__(index)
        self.expression = expression
        self.item = item
        self.location = location
        self.count = 0

    def estimate(self, evaluate: Evaluate) -> int:
        return 0

    def measure(self, evaluate: Evaluate) -> int:
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

    def __init__(self, index: int, expression: Bound, signed: bool, location: Location) -> None:
        super().__init__(index)
        self.expression = expression
        self.signed = signed
        self.location = location
        self.data = b"\0"

    def estimate(self, evaluate: Evaluate) -> int:
        return len(self.data)

    def measure(self, evaluate: Evaluate) -> int:
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
