"""Instructions of either length, as the debugger finds them in memory."""

import pytest

from trapline import Machine
from trapline.vm.debug import memory

pytestmark = pytest.mark.once
BASE = 0x80000000
CODE = bytes.fromhex("4111 13051500 8280 0000")
"""addi sp, sp, -16 (16 bits); addi a0, a0, 1; ret (16 bits); an illegal one."""


def machine(isa: str) -> Machine:
    made = Machine(isa=isa, memory=1 << 16, engine="python")
    made.write(BASE, CODE)
    made.write(BASE + 0xFFE, CODE[2:6])  # across two pages
    return made


def test_instructions_of_either_length() -> None:
    m = machine("rv32imac")
    hart = m.current
    assert [memory.instruction(m, hart, BASE + at) for at in (0, 2, 6, 8)] == [0x1141, 0x00150513, 0x8082, 0]
    assert memory.instruction(m, hart, BASE + 0xFFE) == 0x00150513
    assert [memory.behind(m, hart, BASE + at) - BASE for at in (0, 2, 6, 8)] == [2, 6, 8, 10]
    found = memory.decoded(m, hart, BASE)
    assert found is not None
    assert (found.instruction.name, found.word, found.behind) == ("addi", 0xFF010113, BASE + 2)
    assert memory.decoded(m, hart, BASE + 8) is None
    assert memory.instruction(m, hart, BASE + 1) is None
    last = BASE + (1 << 16) - 2
    m.write(last, CODE[2:4])
    assert memory.instruction(m, hart, last) is None  # its second half is not in RAM
    m.write(last, CODE[:2])
    assert memory.instruction(m, hart, last) == 0x1141


def test_words_where_there_are_no_compressed_ones() -> None:
    m = machine("rv32ima")
    assert memory.instruction(m, m.current, BASE) == 0x05131141
    assert memory.decoded(m, m.current, BASE) is None
    assert memory.instruction(m, m.current, BASE + 2) is None
    assert memory.behind(m, m.current, BASE) == BASE + 4
