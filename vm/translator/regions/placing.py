"""A region's machine code, and how it is put where it is executed.

The first tier's block at each entry begins with a jump to the region then. What the block began with is copied to the
region's *heads*, from where it goes on behind the jump: so a region can leave a block to the first tier.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from trapline.vm.translator.layout import (
    BUDGET,
    FIRST_HOLE,
    HOLE_BYTE,
    HOLE_KIND_SHIFT,
    HOLE_OFFSET,
    HOLES,
    LENGTH,
    MISS,
    ROW,
)
from trapline.vm.translator.regions.region_text import HEAD_BYTES, HEADS
from trapline.vm.translator.stencils import JUMP_BYTES, JUMP_OPCODE

ABSOLUTE_BYTES = 8
RELATIVE_BYTES = 4


class Fixup(NamedTuple):
    """What is filled in at an offset in the code: the address of a symbol plus a number.

    width: ABSOLUTE_BYTES, or RELATIVE_BYTES of an address that is relative to its own place.
    """

    offset: int
    symbol: str
    addend: int
    width: int


class Code(NamedTuple):
    """A region's code, which may be put anywhere; entries: offsets by leaders."""

    code: bytes
    fixups: tuple[Fixup, ...]
    entries: Mapping[int, int]

    @property
    def heads(self) -> Mapping[int, int]:
        """The offsets of the entries' heads, behind the code."""
        return {leader: len(self.code) + HEAD_BYTES * number for number, leader in enumerate(self.entries)}

    @property
    def size(self) -> int:
        """Its bytes with the heads."""
        return len(self.code) + HEAD_BYTES * len(self.entries)


def place(code: Code, memory: memoryview, base: int, start: int, addresses: Mapping[str, int]) -> None:
    """Put a region's code into memory, from `start` on. base: the address of the memory as it is executed."""
    memory[start : start + len(code.code)] = code.code
    symbols = {**addresses, HEADS: base + start + len(code.code)}
    for fixup in code.fixups:
        at = start + fixup.offset
        value = symbols[fixup.symbol] + fixup.addend
        if fixup.width != ABSOLUTE_BYTES:
            value -= base + at
        memory[at : at + fixup.width] = value.to_bytes(fixup.width, "little", signed=True)


def jump(memory: memoryview, at: int, target: int) -> None:
    """Let a block of the first tier, which begins at `at`, be a jump to another place in memory."""
    end = at + JUMP_BYTES
    memory[at:end] = bytes((JUMP_OPCODE,)) + (target - end).to_bytes(RELATIVE_BYTES, "little", signed=True)


def lead(
    code: Code,
    memory: memoryview,
    base: int,
    start: int,
    entries: Mapping[int, int] | Sequence[int],
    began: dict[int, bytes],
    plan: Sequence[int],
) -> None:
    """Let the first tier's blocks lead to a region, which is in memory from `start` on, and write its heads.

    entries: the addresses of the blocks by their leaders. began: what blocks began with that lead to a region, by
    their places in memory; these are added. plan: the stencils'.
    """
    for leader, offset in code.entries.items():
        block = entries[leader] - base
        head = began.setdefault(block, bytes(memory[block : block + plan[ROW * BUDGET + LENGTH]]))
        _put_head(memory, start + code.heads[leader], head, block, plan)
        jump(memory, block, start + offset)


def _put_head(memory: memoryview, at: int, head: bytes, block: int, plan: Sequence[int]) -> None:
    """Write what a block at `block` began with to another place, from where it goes on in the block."""
    end = at + len(head)
    memory[at:end] = head
    first = plan[ROW * BUDGET + FIRST_HOLE]
    for hole in plan[first : first + plan[ROW * BUDGET + HOLES]]:
        if (hole >> HOLE_KIND_SHIFT) & HOLE_BYTE == MISS:
            where = slice(at + (hole & HOLE_OFFSET), at + (hole & HOLE_OFFSET) + RELATIVE_BYTES)
            distance = int.from_bytes(memory[where], "little", signed=True) + block - at
            memory[where] = distance.to_bytes(RELATIVE_BYTES, "little", signed=True)
    jump(memory, end, block + len(head))
