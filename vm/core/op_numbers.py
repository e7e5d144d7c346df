"""Op numbers: how a decoded instruction says which one it is."""

from trapline.isa import INSTRUCTIONS, Instruction, Kind
from trapline.isa.compression import COMPRESSED
from trapline.isa.word import HALFWORD, WORD
from trapline.vm.core.execute import FIRST_OP, SHORT_NOP
from trapline.vm.core.packed import OP


def op_numbers() -> dict[str, int]:
    """Op number by instruction name; `isa.table.MOST` keeps them within a byte."""
    return {instruction.name: FIRST_OP + i for i, instruction in enumerate(INSTRUCTIONS)}


def short_forms() -> dict[str, int]:
    """Op number of the short form, by the name of each instruction that a compressed one stands for."""
    bases = dict.fromkeys(c.base.name for c in COMPRESSED if c.base.kind is not Kind.FENCE)
    return {name: FIRST_OP + len(INSTRUCTIONS) + i for i, name in enumerate(bases)}


def _is_short(op: int) -> bool:
    return op == SHORT_NOP or op >= FIRST_OP + len(INSTRUCTIONS)


def length_of(decoded: int) -> int:
    """The length in bytes of the instruction that was decoded to this (`vm.core.packed`)."""
    return HALFWORD if _is_short(decoded & OP) else WORD


def instruction_of(decoded: int) -> Instruction:
    """The instruction that was decoded to this, or that it stands for; none without effect, and no illegal one."""
    op = decoded & OP
    if not _is_short(op):
        return INSTRUCTIONS[op - FIRST_OP]
    name = next(name for name, number in short_forms().items() if number == op)
    return next(i for i in INSTRUCTIONS if i.name == name)
