"""Hardware assist: virtual S mode has the real one and its CSRs, and still nothing differs from the bare machine."""

from typing import Any

import pytest

from support.hypervisor.random_guests import ended
from support.machines import (
    OPTIONAL_CSRS,
    RAM,
    S,
    U,
    csr_word,
    difference,
    encode,
    enter,
    from_words,
    open_memory,
    state,
)
from trapline import Machine, isa
from trapline.vm.codegen.csr_file import supervisor_fields
from trapline.vm.hypervisor.assist import INTERCEPTED


@pytest.mark.parametrize("seed", range(40))
def test_random_guests_end_as_on_the_bare_machine(seed: int) -> None:
    assert difference(ended(seed, 400, holes=True), ended(seed, 400, holes=True, technique="assist")) == {}


def both(words: list[int], steps: int, mode: int = S, **csrs: int) -> Machine:
    """The virtual machine after `steps` of these words, which has ended as the bare one has."""
    ends = []
    for technique in ("bare", "assist"):
        machine = from_words(words, technique=technique, isa="rv32ima_xleak")
        open_memory(machine)
        for name, value in csrs.items():
            machine.csr[name] = value
        enter(machine, mode)
        machine.run(max_instructions=steps)
        ends.append(machine)
    assert difference(state(ends[0]), state(ends[1])) == {}
    return ends[1]


def exits(machine: Machine, cause: int) -> int:
    real: Any = machine.engine.real[0]
    return real.exits[cause]


@pytest.mark.parametrize(
    "name", [c.name for c in isa.CSRS if c.privilege == 1 and c.name not in ("satp", *OPTIONAL_CSRS)]
)
def test_supervisor_csrs_are_read_and_written_without_an_exit(name: str) -> None:
    words = [
        encode("addi", rd=5, rs1=0, imm=-1), csr_word("csrrw", name, rd=6, rs1=5), csr_word("csrrc", name, rd=7, rs1=8),
        csr_word("csrrwi", name, rd=9, rs1=2), csr_word("csrrs", name, rd=10),
    ]  # fmt: skip
    machine = both(words, 5, mideleg=0x202, mip=0x20, mie=0x8, mstatus=0x40000, sepc=0x44)
    assert exits(machine, 2) == 0
    assert machine.csr[name] == machine.x[10] or name == "sip"


def test_the_world_switch_copies_what_supervisor_mode_owns() -> None:
    assert set(supervisor_fields()) == {
        "scounteren", "senvcfg", "sscratch", "sepc", "scause", "stval", "stvec",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("word", "count"),
    [
        (csr_word("csrrs", "satp", rd=5), 1),
        (encode("sfence.vma"), 1),
        (encode("wfi"), 1),
        (encode("sret"), 0),
        (csr_word("csrrs", "time", rd=5), 1),
    ],
    ids=["satp", "sfence.vma", "wfi", "sret", "time"],
)
def test_what_exits_from_supervisor_mode(word: int, count: int) -> None:
    machine = both([word, *[encode("addi", rd=6, rs1=6, imm=1)] * 4], 3, mcounteren=7, sepc=RAM + 8, mstatus=0x100)
    assert exits(machine, 2) == count


def test_delegated_exceptions_reach_the_guests_handler_without_an_exit() -> None:
    """100 system calls from virtual U mode: ecall, then sret behind it; the first fetches fill the shadow tables."""
    handler = [
        csr_word("csrrs", "sepc", rd=5), encode("addi", rd=5, rs1=5, imm=4), csr_word("csrrw", "sepc", rs1=5),
        encode("sret"),
    ]  # fmt: skip
    root, leaves = RAM + 0x2000, RAM + 0x3000
    counts = {}
    for technique in ("bare", "trap", "assist"):
        machine = from_words([encode("ecall")] * 100, technique=technique)
        open_memory(machine)
        machine.write(RAM + 0x1000, b"".join(word.to_bytes(4, "little") for word in handler))
        for address, entry in (
            (root + 0x800, (leaves >> 2) | 1), (leaves, (RAM >> 2) | 0xDF), (leaves + 4, (RAM + 0x1000 >> 2) | 0xCF),
        ):  # fmt: skip
            machine.write(address, entry.to_bytes(4, "little"))
        csr = machine.csr
        csr["stvec"], csr["medeleg"], csr["satp"] = RAM + 0x1000, 0x100, 0x80000000 | (root >> 12)
        enter(machine, U)
        machine.run(max_instructions=500)
        assert machine.trap_counts == {8: 100}
        counts[technique] = [sum(real.exits) for real in machine.engine.real], machine.digest()
    assert counts["bare"][1] == counts["trap"][1] == counts["assist"][1]
    assert counts["assist"][0] == [2]
    assert counts["trap"][0][0] > 400


def test_pending_interrupts_are_taken_when_the_guest_enables_them_itself() -> None:
    words = [csr_word("csrrsi", "sstatus", rs1=2), encode("addi", rd=5, rs1=0, imm=1), encode("addi", rd=6, imm=1)]
    machine = both(words, 2, mip=0x2, mie=0x2, mideleg=0x2, stvec=RAM + 8)
    assert machine.csr["scause"] == 0x80000001 and machine.csr["sepc"] == RAM + 4
    assert (machine.x[5], machine.x[6]) == (0, 1) and exits(machine, 2) == 0


def test_the_intercepted_holes_follow_from_what_they_are_declared_to_read() -> None:
    """Real satp, page tables and PMP are the hypervisor's; mode, stvec, SIE, SPIE and SPP are the guest's own."""
    assert INTERCEPTED == 0b11010000
    words = [isa.BY_NAME[name].encode(**dict.fromkeys(isa.BY_NAME[name].operands, 5))
             for name in ("rdmode", "pushf", "popf", "sidt", "sgdt", "probe", "lra")]  # fmt: skip
    machine = both(words, 7, mstatus=0x2, stvec=RAM + 0x40, satp=0x1234)
    assert exits(machine, 2) == 3
    assert exits(both(words, 7, mode=3), 2) == 7
    assert exits(both(words[:3], 3, mode=U), 2) == 0


def test_execute_only_by_pmp_stays_unreadable_under_mxr() -> None:
    """Real PMP lets everything through, so such a page gets no X in the shadow table that real MXR could turn to R."""
    root = RAM + 0x2000
    words = [encode("lw", rd=6, rs1=5)]
    for mstatus in (0, 0x80000):
        ends = []
        for technique in ("bare", "assist"):
            machine = from_words(words, technique=technique)
            machine.write(root + 0x800, ((RAM >> 2) | 0xCF).to_bytes(4, "little"))
            csr = machine.csr
            csr["pmpaddr0"], csr["pmpaddr1"] = (RAM + 0x1000) >> 2 | 0x1FF, 0xFFFFFFFF
            csr["pmpcfg0"], csr["satp"], csr["mstatus"] = 0x1F1C, 0x80000000 | (root >> 12), mstatus
            machine.x[5] = RAM + 0x1000
            enter(machine, S)
            machine.run(max_instructions=1)
            ends.append(machine)
        assert difference(state(ends[0]), state(ends[1])) == {}
        assert ends[1].csr["mcause"] == 5
