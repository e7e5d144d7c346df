"""Where GNU as begins a new piece of a section: until pieces have addresses, a label counts from the start of its own.

GNU as decides from that which branches are long at first, and a branch and its neighbours may fit together in two ways.
A piece ends behind whatever can change its size, and where the memory for it is full.
"""

from bisect import bisect_right
from collections.abc import Iterator

from trapline.asm.fragments import (
    BRANCH,
    COMPRESSED_BYTES,
    INSTRUCTION_BYTES,
    JUMP,
    TEXT,
    Align,
    Branch,
    Data,
    Fill,
    Fragment,
    Leb128,
    Org,
)
from trapline.isa.compression import is_long

PIECE_HEADER = 120
"""Bytes of memory before the contents of each piece."""
BLOCK, BLOCK_HEADER = 4064, 16
"""Bytes of memory that are requested at a time, and how many of them are not for pieces."""
MEMORY_ALIGNMENT = 8
GENEROUS = 0x10000
"""What does not fit a block gets one of twice its size, but at most so many bytes more."""

JUMP_MEMORY = 8
"""Bytes of memory for a branch or a jump: those of its longest form."""
LEB128_MEMORY = 10
CODE_ALIGNMENT_MEMORY = 7

CALL_BYTES = 8
ENDING = ("hi20", "pcrel_hi20", "tprel_hi20", JUMP, BRANCH, "call_hi20")
"""Fixups of instructions that end their piece."""
UPPER = bytes(byte & 0x7F in (0x37, 0x17) for byte in range(256))
"""For each first byte of an instruction, whether it is `lui` or `auipc`, which end their piece too."""


def mark_pieces(fragments: list[Fragment]) -> None:
    """Find where pieces begin within each data fragment of a section; all other fragments end their piece."""
    memory = _Memory()
    for fragment in fragments:
        if fragment.index == 0:  # of a subsection, which has its own memory
            memory = _Memory()
        memory.starts, memory.offset = [], 0
        match fragment:
            case Data():
                _data(memory, fragment)
                fragment.pieces = memory.starts
                continue
            case Branch():
                memory.take(0, JUMP_MEMORY)
            case Align(relaxed=True):
                memory.take(0, fragment.deletable)
            case Align():
                memory.take(0, CODE_ALIGNMENT_MEMORY if fragment.fill is None else len(fragment.fill))
            case Leb128():
                memory.take(0, LEB128_MEMORY)
            case Fill():
                memory.take(0, len(fragment.item))
            case Org():
                memory.take(0, 1)
        memory.begin()


def offset_in_piece(data: Data, offset: int) -> int:
    """How far a label at this offset of a data fragment is from the start of its piece."""
    before = bisect_right(data.pieces, 2 * offset)
    return offset - (data.pieces[before - 1] >> 1 if before else 0)


class _Memory:
    """The memory for the pieces of one subsection.

    starts: where pieces begin in the present fragment, as twice the offset; plus 1 if that was decided only when
    something was written there, so that a label at this place belongs to the piece before.
    """

    def __init__(self) -> None:
        self.size = self.used = 0
        self.starts: list[int] = []
        self.offset = 0
        self.begin()

    @property
    def room(self) -> int:
        return self.size - self.used

    def begin(self, least: int = BLOCK) -> None:
        """Begin a piece. least: the size of a new block, if necessary."""
        self.used = min(-(-self.used // MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT, self.size)
        if self.room < PIECE_HEADER:
            self.size, self.used = least, BLOCK_HEADER
        self.used += PIECE_HEADER

    def end(self) -> None:
        """End the piece here."""
        self.begin()
        self.starts.append(2 * self.offset)

    def find(self, count: int) -> None:
        """Begin pieces until there is room for `count` bytes."""
        if self.room < count:
            self.starts.append(2 * self.offset + 1)
            least = max(BLOCK, PIECE_HEADER + count + min(count, GENEROUS))
            while self.room < count:
                self.begin(least)

    def take(self, size: int, memory: int) -> None:
        """Write `size` bytes that need so much memory at once."""
        self.find(memory)
        self.used += memory
        self.offset += size

    def write(self, size: int, width: int) -> None:
        """Write `size` bytes, `width` at a time."""
        needed, width = (width, width) if width != TEXT else (2, 1)  # behind text, one more character has room
        while size:
            self.find(needed)
            fitting = min(size, (self.room - needed) // width * width + width)
            self.used += fitting
            self.offset += fitting
            size -= fitting


def _data(memory: _Memory, data: Data) -> None:
    kinds = {fixup.offset: fixup.kind for fixup in data.fixups}
    for run in data.runs:
        _instructions(memory, data, run.start, kinds)
        if run.ends:
            memory.take(run.end - run.start, run.width)
            memory.end()
        else:
            memory.write(run.end - run.start, run.width)
    _instructions(memory, data, len(data.data), kinds)


def _instructions(memory: _Memory, data: Data, end: int, kinds: dict[int, str]) -> None:
    """Write the instructions up to `end`."""
    start = memory.offset
    if data.compressed:
        starts = _starts(data.data, start, end)
        ending = {place for place in starts if UPPER[data.data[place]]}
    else:
        uppers = data.data[start:end:INSTRUCTION_BYTES].translate(UPPER)
        ending = {start + INSTRUCTION_BYTES * place for place, upper in enumerate(uppers) if upper}
    ending = {place for place in ending if place not in kinds}
    ending.update(place for place, kind in kinds.items() if kind in ENDING and start <= place < end)
    for place in sorted(ending):
        _plain(memory, data, place)
        kind = kinds.get(place)
        size = CALL_BYTES if kind == "call_hi20" else INSTRUCTION_BYTES
        memory.take(size, JUMP_MEMORY if kind in (JUMP, BRANCH) else size)
        memory.end()
    _plain(memory, data, end)


def _plain(memory: _Memory, data: Data, end: int) -> None:
    """Write the instructions up to `end`, none of which ends its piece."""
    size = end - memory.offset
    if not data.compressed:
        memory.write(size, INSTRUCTION_BYTES)
    elif size <= memory.room:
        memory.take(size, size)
    else:
        for place in _starts(data.data, memory.offset, end):
            length = _length(data.data, place)
            memory.take(length, length)


def _starts(code: bytearray, start: int, end: int) -> Iterator[int]:
    """Where instructions begin, from `start` up to `end`."""
    while start < end:
        yield start
        start += _length(code, start)


def _length(code: bytearray, place: int) -> int:
    return INSTRUCTION_BYTES if is_long(code[place]) else COMPRESSED_BYTES
