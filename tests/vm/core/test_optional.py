"""An instruction of an optional extension of the specification retires on a machine that has it, else it is illegal."""

import pytest

from support.machines import RAM, M, encode, enter, from_words, put
from trapline import Machine, isa
from trapline.isa.extension import STANDARD

PLACE = RAM + 0x2000
INSTRUCTIONS = [i for i in isa.INSTRUCTIONS if i.extension in STANDARD]
NAMES = [name for name in STANDARD if len(name) > 1]


def cause(machine: Machine, word: int) -> int | None:
    """The cause of the trap that a word takes in M mode, None if it retires."""
    put(machine, RAM, [word])
    enter(machine, M)
    machine.csr["mcause"] = 0xBAD
    machine.step()
    return None if machine.pc == RAM + 4 else machine.csr["mcause"]


@pytest.mark.parametrize("instruction", INSTRUCTIONS, ids=lambda i: i.name)
def test_only_where_its_extension_is(instruction: isa.Instruction) -> None:
    """The other machine has every other one."""
    word = encode(instruction.name, rd=5, rs1=6, rs2=7, shamt=3)
    for present in (True, False):
        names = [name for name in NAMES if (name == instruction.extension) == present]
        machine = from_words([], isa="_".join(["rv32ima", *names]), engine="python")
        machine.csr["mtvec"] = RAM + 0x1000
        machine.x[5], machine.x[6], machine.x[7] = 0x5EED, PLACE, 12
        assert cause(machine, word) == (None if present else 2)
        if not present:
            assert (machine.csr["mtval"], machine.x[5]) == (word, 0x5EED)
