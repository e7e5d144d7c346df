"""Op numbers: how a decoded instruction says which one it is.

First come instructions that have an arm of their own in `execute`, then the short forms of some of them. Values of
optional extensions have none, so that the others are as quick as without them: they are computed *apart*, by a function
that `execute` calls. They come last, and at the very end their short forms.
"""

from typing import NamedTuple

from trapline.isa import INSTRUCTIONS, Instruction, Kind
from trapline.isa.compression import COMPRESSED
from trapline.isa.extension import BASE
from trapline.isa.table import derived
from trapline.isa.word import HALFWORD, WORD
from trapline.vm.core.execute import FIRST_OP, SHORT_NOP
from trapline.vm.core.packed import OP


class Form(NamedTuple):
    """An instruction in so many bytes: two if a compressed one stands for it."""

    instruction: Instruction
    length: int

    @property
    def is_apart(self) -> bool:
        """Whether it has no arm of its own."""
        return self.instruction.kind is Kind.VALUE and self.instruction.extension not in BASE


@derived
def forms() -> tuple[Form, ...]:
    """All forms, in the order of their op numbers; `isa.table.MOST` keeps them within a byte."""
    bases = {c.base.name for c in COMPRESSED}
    long = [Form(i, WORD) for i in INSTRUCTIONS]
    short = [Form(i, HALFWORD) for i in INSTRUCTIONS if i.name in bases]
    return tuple(sorted([*long, *short], key=lambda form: form.is_apart))


@derived
def op_numbers() -> dict[str, int]:
    """Op number by instruction name."""
    return {f.instruction.name: FIRST_OP + n for n, f in enumerate(forms()) if f.length == WORD}


@derived
def short_forms() -> dict[str, int]:
    """Op number of the short form, by the name of each instruction that a compressed one stands for."""
    return {f.instruction.name: FIRST_OP + n for n, f in enumerate(forms()) if f.length == HALFWORD}


def first_apart(length: int) -> int:
    """The first op number of what is computed apart, or of its short forms."""
    return FIRST_OP + sum(not (f.is_apart and f.length <= length) for f in forms())


def length_of(decoded: int) -> int:
    """The length in bytes of the instruction that was decoded to this (`vm.core.packed`)."""
    op = decoded & OP
    if op < FIRST_OP:
        return HALFWORD if op == SHORT_NOP else WORD
    return forms()[op - FIRST_OP].length


def instruction_of(decoded: int) -> Instruction:
    """The instruction that was decoded to this, or that it stands for; none without effect, and no illegal one."""
    return forms()[(decoded & OP) - FIRST_OP].instruction
