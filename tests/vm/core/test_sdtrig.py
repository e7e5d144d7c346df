"""Triggers: breakpoint exceptions before an instruction or an access at an address, for what tdata1 says.

The cases are those of the public unit test of breakpoints, and the fields of mcontrol one by one.
"""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from support.machines import RAM, M, S, U, csr_word, encode, from_words, open_memory, put, state
from trapline import Machine
from trapline.vm.breakpoints import Access, Breakpoint, Watchpoint
from trapline.vm.exit import ExitReason
from trapline.vm.hypervisor import paravirt
from trapline.vm.hypervisor.technique import TECHNIQUES

ISA = "rv32ima_sdtrig"
LOAD, STORE, EXECUTE = 1, 2, 4
MODES = {U: 1 << 3, S: 1 << 4, M: 1 << 6}
FIXED = 2 << 28 | 31 << 21
"""Type and maskmax."""
BREAKPOINT = 3
DATA = RAM + 0x2000
HANDLER = RAM + 0x1000


def machine_with(*words: int, mode: int = M, **options: Any) -> Machine:
    machine = from_words(words, isa=ISA, **options)
    put(machine, HANDLER, [encode("jal")])
    machine.csr["mtvec"] = HANDLER
    open_memory(machine)
    machine.mode = mode
    return machine


def arm(machine: Machine, address: int, control: int, number: int = 0) -> None:
    for name, value in (("tselect", number), ("tdata1", 0), ("tdata2", address), ("tdata1", control)):
        machine.csr[name] = value


def test_without_the_extension_there_are_none() -> None:
    for name in ("tselect", "tdata1", "tdata2", "tinfo"):
        assert name in machine_with().csr
        assert name not in Machine(memory=0x1000).csr


def test_enumeration_as_the_specification_says() -> None:
    machine = machine_with()
    found = 0
    for number in range(16):
        machine.csr["tselect"] = number
        if machine.csr["tselect"] != number:
            break
        assert machine.csr["tinfo"] == 1 << 2 and machine.csr["tdata1"] == FIXED
        found += 1
    assert found == 4


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 3))
@examples(200)
def test_tdata1_holds_only_what_is_supported(value: int, number: int) -> None:
    machine = machine_with()
    machine.csr["tselect"] = number
    machine.csr["tdata1"] = value
    held = machine.csr["tdata1"]
    supported = value & 0x000DF800 & ~(1 << 20) == 0 and value >> 28 in (0, 2) and value >> 7 & 15 <= 3
    assert held & ~0x7DF == FIXED
    assert held & 0x58 == value & 0x58
    assert held & 7 == (value & 7 if supported else 0)
    machine.csr["tdata1"] = held
    assert machine.csr["tdata1"] == held
    machine.csr["tselect"] = (number + 1) % 4
    assert machine.csr["tdata1"] == FIXED, "no other trigger is changed"


ACCESSES = {
    "lw": LOAD, "lbu": LOAD, "sw": STORE, "sb": STORE, "lr.w": LOAD, "amoadd.w": LOAD | STORE,
}  # fmt: skip


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_each_access_in_each_mode(technique: str) -> None:
    for (name, does), armed, mode, field in product(ACCESSES.items(), (LOAD, STORE), (U, S, M), (U, S, M)):
        machine = machine_with(encode(name, rd=5, rs1=6, rs2=7), technique=technique, mode=mode)
        machine.x[6] = DATA
        arm(machine, DATA, armed | MODES[field], number=mode)
        machine.step()
        fires = does & armed and mode == field
        context = (name, armed, mode, field)
        assert machine.trap_counts == ({BREAKPOINT: 1} if fires else {}), context
        if fires:
            assert (machine.csr["mepc"], machine.csr["mtval"], machine.x[5]) == (RAM, DATA, 0), context


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("mode", [U, S, M])
def test_an_instruction_is_stopped_before(technique: str, mode: int) -> None:
    words = [encode("addi", rd=5, rs1=5, imm=1)] * 8
    for place, field in product(range(0, 8, 3), (U, S, M)):
        machine = machine_with(*words, technique=technique, mode=mode)
        arm(machine, RAM + 4 * place, EXECUTE | MODES[field])
        machine.run(max_instructions=8)
        assert machine.x[5] == (place if mode == field else 8)
        if mode == field:
            assert (machine.csr["mcause"], machine.csr["mepc"], machine.csr["mtval"]) == (3, *[RAM + 4 * place] * 2)


def matches(match: int, data: int, address: int) -> bool:
    """Field match, from its description."""
    if match == 1:
        size = 1
        while data >> (size - 1) & 1 and size < 33:
            size += 1
        return data >> size == address >> size
    return (address == data, False, address >= data, address < data)[match]


@given(st.integers(0, 3), st.integers(0, 0x3FFF), st.sampled_from([0, 1, 4, 0x7F, 0xFFF, 0x1000]), st.booleans())
@examples(120)
def test_addresses_that_match(match: int, offset: int, beside: int, below: bool) -> None:
    address = DATA + (offset & 0xFFC)
    data = RAM + offset if below else (address | beside) & 0xFFFFFFFF
    machine = machine_with(encode("lw", rd=5, rs1=6), encode("lw", rd=5, rs1=6))
    machine.x[6] = address
    machine.step()  # the TLB knows the page
    arm(machine, data, LOAD | MODES[M] | match << 7)
    machine.step()
    assert machine.trap_counts == ({BREAKPOINT: 1} if matches(match, data, address) else {})


def test_a_breakpoint_comes_before_other_exceptions_of_an_access() -> None:
    machine = machine_with(encode("lw", rd=5, rs1=6))
    for address in (0x40, DATA + 1):
        machine.x[6], machine.pc = address, RAM
        arm(machine, address, LOAD | MODES[M])
        machine.step()
        assert (machine.csr["mcause"], machine.csr["mtval"]) == (BREAKPOINT, address)


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_guest_sets_its_own(technique: str) -> None:
    """Written by the guest, with code and data that it has used before; the end is the bare machine's."""
    words = [
        encode("lw", rd=5, rs1=6), csr_word("csrrw", "tdata2", rs1=6), csr_word("csrrw", "tdata1", rs1=7),
        encode("addi", rd=8, rs1=8, imm=1), encode("lw", rd=5, rs1=6), encode("addi", rd=8, rs1=8, imm=1),
    ]  # fmt: skip
    ends = []
    for name in ("bare", technique):
        machine = machine_with(*words, technique=name)
        machine.x[6], machine.x[7] = DATA, LOAD | MODES[M]
        machine.run(max_instructions=40)
        ends.append(state(machine))
        assert machine.x[8] == 1 and machine.csr["mtval"] == DATA
    assert ends[0] == ends[1]


def test_the_largest_range_is_what_maskmax_says() -> None:
    machine = machine_with()
    for name, value, held in (
        ("tdata2", 0x7FFFFFFF, 0x7FFFFFFF), ("tdata1", 1 << 7, None), ("tdata2", 0xFFFFFFFF, 0xBFFFFFFF),
        ("tdata2", 0x3FFFFFFF, 0x3FFFFFFF), ("tdata1", 0, None), ("tdata2", 0xFFFFFFFF, 0xFFFFFFFF),
        ("tdata1", 1 << 7, None),
    ):  # fmt: skip
        machine.csr[name] = value
        assert held is None or machine.csr["tdata2"] == held
    assert machine.csr["tdata2"] == 0xBFFFFFFF


def loads(technique: str = "bare") -> Machine:
    """A machine that has a load trigger at DATA, and knows the page: it has loaded from the word behind."""
    words = [encode("lw", rd=5, rs1=6, imm=4), encode("lw", rd=5, rs1=6)]
    machine = machine_with(*words, technique=technique)
    machine.x[6] = DATA
    arm(machine, DATA, LOAD | MODES[M])
    machine.step()
    assert machine.pc == RAM + 4
    return machine


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_what_a_debugger_watches_disarms_nothing(technique: str) -> None:
    """Its marks in the TLBs come and go beside those of triggers; a trigger comes first."""
    machine = loads(technique)
    watchpoint = machine.stops.add(Watchpoint(DATA, 4, Access.READ))
    machine.stops.remove(watchpoint)
    machine.step()
    assert machine.trap_counts == {BREAKPOINT: 1}
    machine = loads(technique)
    machine.stops.add(Watchpoint(DATA, 4, Access.READ))
    machine.stops.add(Breakpoint(HANDLER))
    assert machine.run(max_instructions=10).reason is ExitReason.BREAKPOINT
    assert (machine.pc, machine.trap_counts) == (HANDLER, {BREAKPOINT: 1})


def test_a_snapshot_keeps_them() -> None:
    machine = loads()
    kept = machine.snapshot()
    arm(machine, 0, 0)
    machine.step()
    assert machine.trap_counts == {}
    machine.restore(kept)
    machine.step()
    assert machine.trap_counts == {BREAKPOINT: 1}


def test_hypercalls_are_made_while_a_trigger_can_fire() -> None:
    """Of supervisor mode, which is interpreted then; on the ecall itself the trigger comes first."""
    for address, expected in ((RAM + 4, (0, RAM + 4)), (RAM, (paravirt.EXTENSION, HANDLER))):
        machine = machine_with(encode("ecall"), encode("jal"), technique="paravirt", mode=S)
        machine.x["a7"], machine.x["a0"] = paravirt.EXTENSION, paravirt.EXTENSION
        arm(machine, address, EXECUTE | MODES[S])
        machine.step()
        assert (machine.x["a0"], machine.pc) == expected
        machine.step()
        assert (machine.csr["mcause"], machine.csr["mepc"]) == (BREAKPOINT, address)
