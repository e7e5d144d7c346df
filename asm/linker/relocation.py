"""Computes what a fixup puts into an instruction, once addresses are known."""

from trapline.asm.arithmetic import high20, low12, signed32
from trapline.asm.diagnostics import SourceError
from trapline.asm.fragments import BRANCH_REACH, Fixup
from trapline.asm.linker.addresses import Values
from trapline.asm.linker.got import KINDS
from trapline.isa import Instruction


def immediate(values: Values, fixup: Fixup, pc: int) -> int:
    """The immediate operand of the instruction at `pc` that `fixup` belongs to. Raises SourceError."""
    kind = fixup.kind
    if kind in ("pcrel_hi20", "call_hi20", *KINDS):
        return high20(values.high_parts.get(pc, 0))
    value = values.value(fixup.expression, fixup.location)
    if kind == "pcrel_lo12":
        if value not in values.high_parts:
            message = "%pcrel_lo needs the label of an instruction with %pcrel_hi"
            raise SourceError(fixup.location, message)
        return low12(values.high_parts[value])
    if kind == "hi20":
        return high20(value)
    if kind == "lo12":
        return low12(value)
    if kind in ("tprel_hi20", "tprel_lo12"):
        if not values.thread_local:
            raise SourceError(fixup.location, "no section of this program is thread-local (.tdata, .tbss)")
        value -= values.thread_local[0].address  # the thread pointer points to the first of them
        return high20(value) if kind == "tprel_hi20" else low12(value)
    if kind == "imm20":
        if not 0 <= value <= 0xFFFFF:
            raise SourceError(fixup.location, f"immediate {value} is not in [0, 1048575]")
        return value << 12
    if kind in ("branch", "jal"):
        distance = signed32(value - pc)
        reach = BRANCH_REACH if kind == "branch" else 1 << 20
        if not -reach <= distance <= reach - 2:
            raise SourceError(
                fixup.location,
                f"{fixup.insn.name}: target is {distance} bytes away; it reaches {-reach} to {reach - 2}",
            )
        if distance & 1:
            raise SourceError(fixup.location, f"{fixup.insn.name}: the target {value:#x} is odd")
        return distance
    if (1 << 32) - 2048 <= value < 1 << 32:
        value -= 1 << 32
    return value


def operand_mask(insn: Instruction) -> int:
    """Mask of an instruction word's operand bits."""
    mask = 0
    for s in insn.pattern.slices:
        mask |= ((1 << s.width) - 1) << s.low
    return mask
