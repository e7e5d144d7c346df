"""Code that changes under the techniques that watch it: by itself, by the host, through another address."""

import pytest

from support.hypervisor.watched_code import pair, run
from support.machines import RAM, encode, put

NOP = encode("addi")

pytestmark = pytest.mark.parametrize("technique", ["patch", "translate"])


def test_misaligned_stores_and_many_of_them(technique: str) -> None:
    """A store over two words, in a loop long enough for the page to be taken for data and to be made code again."""
    words = [
        encode("rdmode", rd=10), encode("sw", rs1=8, rs2=12, imm=0x22), encode("addi", rd=13, rs1=13, imm=1),
        encode("xor", rd=12, rs1=12, rs2=14), encode("jal", rd=0, imm=0x14 - 0x10 + 0x0C), NOP, NOP,
        NOP, NOP, encode("rdmode", rd=9), encode("jal", rd=0, imm=-0x28),
    ]  # fmt: skip
    machines = pair(words, technique)
    for machine in machines:
        machine.x["a2"] = encode("rdmode", rd=1) << 16 & 0xFFFFFFFF
        machine.x["a4"] = 0x80 << 16
    assert run(machines, 1500) == {}
    real = machines[1].engine.real[0]
    assert real.shadow_drops > 2 and real.direct_steps > 0


def test_the_host_may_change_code(technique: str) -> None:
    machines = pair([encode("rdmode", rd=10), encode("jal", rd=0, imm=-4)], technique)
    assert run(machines, 3) == {}
    for machine in machines:
        put(machine, RAM, [encode("sidt", rd=9), encode("sgdt", rd=7), encode("jal", rd=0, imm=-8)])
        machine.csr["stvec"] = RAM + 0x80
    assert run(machines, 3) == {}
    assert machines[1].x["s1"] == RAM + 0x80
    originals = machines[1].engine.originals
    assert originals is None or [p.paddr - RAM for p in originals.listing()] == [0, 4]


def test_two_mappings_of_a_page_are_one_page(technique: str) -> None:
    """Code that is stored to through another address than it runs at is looked at again."""
    root, leaves = RAM + 0x2000, RAM + 0x3000
    machines = pair([encode("sw", rs1=9, rs2=12, imm=8), NOP, NOP, encode("jal", rd=0, imm=-12)], technique)
    for machine in machines:
        put(machine, root + 0x800, [(leaves >> 2) | 1])
        put(machine, leaves, [(RAM >> 2) | 0xCF, (RAM >> 2) | 0xCF])
        machine.csr["satp"] = 0x80000000 | (root >> 12)
        machine.x["s1"] = RAM + 0x1000
        machine.x["a2"] = encode("rdmode", rd=7)
    assert run(machines, 8) == {}
    assert machines[1].x["t2"] == 1
