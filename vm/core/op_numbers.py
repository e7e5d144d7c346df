"""Op numbers: how a decoded instruction says which one it is."""

from trapline.isa import INSTRUCTIONS, Instruction
from trapline.vm.core.execute import FIRST_OP
from trapline.vm.core.packed import OP


def op_numbers() -> dict[str, int]:
    """Op number by instruction name; `isa.table.MOST` keeps them within a byte."""
    return {instruction.name: FIRST_OP + i for i, instruction in enumerate(INSTRUCTIONS)}


def instruction_of(decoded: int) -> Instruction:
    """The instruction that was decoded to this (`vm.core.packed`); neither NOP nor UNKNOWN."""
    return INSTRUCTIONS[(decoded & OP) - FIRST_OP]
