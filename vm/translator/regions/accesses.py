"""Accesses of a block that are checked together when it begins: those to near addresses off one register."""

from collections.abc import Sequence
from typing import NamedTuple

from trapline.isa import Kind
from trapline.isa.sv32 import PAGE
from trapline.vm.core.execute import FIRST_OP
from trapline.vm.core.op_numbers import instruction_of
from trapline.vm.core.packed import OP, PACKED_IMM, PACKED_RS1, PACKED_RS2, REGISTER
from trapline.vm.translator.flow import rd_of
from trapline.vm.translator.regions.formation import Step

ACCESSES = (Kind.LOAD, Kind.STORE)


class Group(NamedTuple):
    """Accesses of one kind to addresses that are a register, as the block begins, plus a constant.

    members: the constants by the places of the accesses in the block; lowest: the least of them, or a little
    less: it has to be aligned for `width`, the bytes of the widest. span: bytes from there to the end of the last one.
    """

    kind: Kind
    register: int
    members: dict[int, int]
    lowest: int
    span: int
    width: int


def groups(steps: Sequence[Step]) -> list[Group]:
    """The groups of a block of these instructions; no access is in two, and there is one of a kind and register."""
    found: dict[tuple[Kind, int], dict[int, tuple[int, int]]] = {}
    origins: dict[int, tuple[int, int] | None] = {}
    for place, step in enumerate(steps):
        if step.decoded & OP < FIRST_OP:
            continue
        instruction = instruction_of(step.decoded)
        rs1, imm = (step.decoded >> PACKED_RS1) & REGISTER, step.decoded >> PACKED_IMM
        origin = origins.get(rs1, (rs1, 0))
        if instruction.kind in ACCESSES and origin is not None:
            register, offset = origin
            found.setdefault((instruction.kind, register), {})[place] = offset + imm, instruction.width
        if instruction.kind not in (Kind.BRANCH, Kind.STORE) and rd_of(step.decoded):
            after = None
            if instruction.name == "addi" and origin is not None:
                after = origin[0], origin[1] + imm
            elif instruction.name == "add" and rs1 == 0:
                rs2 = (step.decoded >> PACKED_RS2) & REGISTER
                after = origins.get(rs2, (rs2, 0))
            origins[rd_of(step.decoded)] = after
    return [_near(kind, register, members) for (kind, register), members in found.items()]


def loaded(steps: Sequence[Step]) -> set[int]:
    """The registers that a block of these instructions loads."""
    named = [step for step in steps if step.decoded & OP >= FIRST_OP]
    return {rd_of(step.decoded) for step in named if instruction_of(step.decoded).kind is Kind.LOAD}


def _near(kind: Kind, register: int, members: dict[int, tuple[int, int]]) -> Group:
    """The group of those accesses that can be in one page and aligned at once, beginning with the first."""
    (first, width), *_ = members.values()
    chosen: dict[int, int] = {}
    low, high = first, first + width
    for place, (offset, own) in members.items():
        new_low, new_high = min(low, offset), max(high, offset + own)
        if own <= width and (offset - first) % own == 0 and new_high - new_low <= PAGE // 2:
            chosen[place] = offset
            low, high = new_low, new_high
    low -= (low - first) % width
    return Group(kind, register, chosen, low, high - low, width)
