"""Code that changes under the techniques that watch it: by itself, by the host, through another address."""

import pytest

from support.hypervisor.watched_code import pair, run
from support.machines import RAM, encode, put
from trapline import Machine
from trapline.vm.core.hart import STORED

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


def test_a_store_whose_walk_changes_code_too(technique: str) -> None:
    """One store changes two words of code, and the walk before it sets D in the page table, which is code as well.

    The entry is `jal zero, 0x1200` without D and `jal ra, 0x1200` with it.
    """
    root, leaves, page = RAM + 0x8000, RAM + 0x9000, RAM + 0x4000
    entry = page >> 2 | 0x6F
    assert encode("jal", rd=0, imm=0x1200) == entry and encode("jal", rd=1, imm=0x1200) == entry | 0x80
    call = [encode("jalr", rd=5, rs1=9), encode("jalr", rd=5, rs1=18)]
    words = [*call, encode("sw", rs1=8, rs2=12, imm=2), *call, encode("jal", rd=0)]
    hole, plain = encode("rdmode", rd=14), encode("addi", rd=15, rs1=14, imm=32)
    before = [encode("addi", rd=15, imm=1), encode("addi", rd=14, imm=64)]
    assert (before[0] ^ plain) & 0xFFFF == (before[1] ^ hole) >> 16 == 0
    machines = pair(words, technique)
    for machine in machines:
        put(machine, root + 4 * (RAM >> 22), [leaves >> 2 | 1])
        put(machine, leaves, [(RAM + 0x1000 * i) >> 2 | 0xCF for i in range(16)])
        # Page 2 is another address of the code page, by an entry without D.
        put(machine, leaves + 8, [entry])
        put(machine, leaves + 8 + 0x1200, [encode("jalr", rs1=5)])
        put(machine, page, [*before, encode("jalr", rs1=5)])
        machine.csr["satp"] = 1 << 31 | root >> 12
        machine.x["s0"], machine.x["s1"], machine.x["s2"] = RAM + 0x2000, page, leaves + 8
        machine.x["ra"] = 0
        # The upper half of the first word and the lower half of the second.
        machine.x["a2"] = (plain >> 16) | (hole & 0xFFFF) << 16
    assert run(machines, 20) == {}
    bare = machines[0]
    assert (bare.x["ra"], bare.x["a4"], bare.x["a5"], bare.pc) == (leaves + 12, 1, 64 + 32, RAM + 0x14)


def test_a_step_stores_to_no_more_words_than_are_noted(technique: str) -> None:
    """A store across two pages of code, both without D, from a page without A: all entries lie in pages of code."""
    root, leaves = RAM + 0x8000, RAM + 0x9000
    machines = pair([encode("addi")] * 8, technique)
    for machine in machines:
        put(machine, root + 4 * (RAM >> 22), [leaves >> 2 | 1])
        put(machine, leaves, [(RAM + 0x1000 * i) >> 2 | 0xCF for i in range(16)])
        put(machine, leaves + 8, [(RAM + 0x1000 * i) >> 2 | 0x4F for i in (4, 5)])
        put(machine, leaves + 24, [(RAM + 0x6000) >> 2 | 0x0F])
        put(machine, leaves + 0x100, [encode("jalr", rs1=5)])
        for page in (4, 5):
            put(machine, RAM + 0x1000 * page, [encode("jalr", rs1=5)])
            put(machine, RAM + 0x1000 * page + 0xFFC, [encode("jalr", rs1=5)])
        put(machine, RAM + 0x6000, [encode("sw", rs1=8, rs2=12, imm=-2), encode("jal", rd=0)])
        calls = [encode("jalr", rd=5, rs1=register) for register in (9, 18, 19)]
        put(machine, RAM, [*calls, encode("jalr", rs1=20)])
        machine.csr["satp"] = 1 << 31 | root >> 12
        places = {"s0": RAM + 0x3000, "s1": RAM + 0x4000, "s2": RAM + 0x5000, "s3": leaves + 0x100, "s4": RAM + 0x6000}
        for name, value in places.items():
            machine.x[name] = value
        machine.x["a2"] = 0x00670067
    assert run(machines, 9) == {}
    noted = most_noted(machines[1])
    assert machines[1].pc == RAM + 0x6004
    assert 4 <= noted <= STORED - 2, noted


def most_noted(machine: Machine) -> int:
    """Words that the last step has noted: their places stay."""
    return len({offset for offset in machine.engine.m.stored if offset})
