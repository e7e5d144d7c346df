"""Interrupts and WFI against the privileged specification (volume II, 3.1.6, 3.1.8, 3.1.9, 3.3.3), written out again.

All six are raised by their devices at once, and every combination of enables and delegation is tried.
"""

from itertools import product

import pytest

from support.machines import (
    MTIMECMP,
    RAM,
    M,
    S,
    U,
    csr_word,
    encode,
    enter,
    from_text,
    from_words,
    get,
    open_memory,
    put,
    set_status,
    status,
)
from trapline import Machine
from trapline.vm.machine import ExitReason

CODE = RAM + 0x100
M_HANDLER = RAM + 0x1000
S_HANDLER = RAM + 0x2000
NOP = encode("addi")

ALL_PENDING = f"""
_start: li t0, 0x2000000
        li t1, 1
        sw t1, 0(t0)                    # msip
        li t0, {MTIMECMP}
        sw zero, 0(t0)
        sw zero, 4(t0)                  # mtimecmp: past
        li t0, 0xc000000
        sw t1, 40(t0)                   # the priority of the UART's source, 10
        li t2, 1 << 10
        li t0, 0xc002000
        sw t2, 0(t0)                    # enabled for M
        sw t2, 0x80(t0)                 # and for S mode
        li t0, 0x10000000
        li t1, 2
        sb t1, 1(t0)                    # UART: interrupt when it can transmit, which is now
        li t0, 0x222
        csrw mip, t0
done:   j done
"""


def all_pending() -> Machine:
    """A machine on which all six interrupts are pending, each raised by its device where it has one."""
    machine = from_text(ALL_PENDING)
    machine.run(max_instructions=60)
    assert machine.pc == machine.symbols["done"]
    assert machine.csr["mip"] == 0xAAA
    put(machine, CODE, [NOP] * 0x1000)
    machine.csr["mtvec"] = M_HANDLER
    machine.csr["stvec"] = S_HANDLER
    open_memory(machine)
    return machine


@pytest.mark.parametrize("cause", [1, 3, 5, 7, 9, 11])
def test_vectors(cause: int) -> None:
    """ "all synchronous exceptions ... BASE ... interrupts ... BASE plus four times the interrupt cause number"."""
    machine = all_pending()
    for to_s, vectored in product((False, True), (0, 1)):
        if to_s and cause not in (1, 5, 9):
            continue
        machine.csr["mtvec"] = M_HANDLER | vectored
        machine.csr["stvec"] = S_HANDLER | vectored
        machine.csr["mideleg"] = 1 << cause if to_s else 0
        machine.csr["mie"] = 1 << cause
        enter(machine, U, CODE)
        machine.step()
        # The step was the handler's first instruction.
        assert machine.pc == (S_HANDLER if to_s else M_HANDLER) + 4 * cause * vectored + 4
        machine.csr["mie"] = 0
        machine.csr["medeleg"] = 1 << 8 if to_s else 0
        put(machine, CODE, [encode("ecall")])
        enter(machine, U, CODE)
        machine.step()
        assert machine.pc == (S_HANDLER if to_s else M_HANDLER)


@pytest.mark.parametrize("to_s", [False, True])
def test_a_vector_beyond_the_end_of_the_address_space_begins_again_at_0(to_s: bool) -> None:
    machine = all_pending()
    machine.csr["mtvec"] = machine.csr["stvec"] = 0xFFFFFFFD
    machine.csr["mideleg"] = 0x222 if to_s else 0
    machine.csr["medeleg"] = 2 if to_s else 0
    machine.csr["mie"] = 1 << 5
    enter(machine, U, CODE)
    machine.step()
    # Vector 5 is at 16. Nothing can be fetched there, which goes to the base.
    assert (machine.csr["sepc" if to_s else "mepc"], machine.pc) == (16, 0xFFFFFFFC)


PRIORITY = (11, 3, 7, 9, 1, 5)
""" "MEI, MSI, MTI, SEI, SSI, STI" """


def expected_interrupt(mie: int, mideleg: int, mode: int, m_on: int, s_on: int) -> tuple[int, int] | None:
    """The mode that takes an interrupt, and its number, when all six are pending."""
    if mode < M or m_on:
        for code in PRIORITY:
            if mie >> code & 1 and not mideleg >> code & 1:
                return M, code
    if mode < S or (mode == S and s_on):
        for code in PRIORITY:
            if mie >> code & 1 and mideleg >> code & 1:
                return S, code
    return None


def subsets(mask: int) -> list[int]:
    return [m for m in range(mask + 1) if m & ~mask == 0]


@pytest.mark.parametrize("mode", [U, S, M])
def test_interrupt_enables_delegation_and_priority(mode: int) -> None:
    """Every combination of mie, mideleg and the global enables, all six interrupts pending."""
    machine = all_pending()
    for mideleg, m_on, s_on in product(subsets(0x222), (0, 1), (0, 1)):
        machine.csr["mideleg"] = mideleg
        for mie in subsets(0xAAA):
            machine.csr["mie"] = mie
            set_status(machine, MIE=m_on, SIE=s_on, MPIE=0, SPIE=0, MPP=S, SPP=1)
            before = machine.csr["mstatus"]
            enter(machine, mode, CODE)
            machine.step()
            expected = expected_interrupt(mie, mideleg, mode, m_on, s_on)
            context = (hex(mie), hex(mideleg), m_on, s_on)
            if expected is None:
                assert (machine.mode, machine.pc, machine.csr["mstatus"]) == (mode, CODE + 4, before), context
                continue
            target, code = expected
            letter = "M" if target == M else "S"
            assert (machine.mode, machine.pc) == (target, (M_HANDLER if target == M else S_HANDLER) + 4), context
            assert machine.csr[f"{letter}cause".lower()] == 0x80000000 | code, context
            assert machine.csr[f"{letter}epc".lower()] == CODE
            assert machine.csr[f"{letter}tval".lower()] == 0
            assert status(machine, f"{letter}PP") == mode
            assert status(machine, f"{letter}PIE") == (m_on if target == M else s_on)
            assert status(machine, f"{letter}IE") == 0


def test_interrupt_comes_with_the_instruction_that_unmasks_it() -> None:
    """csrs mstatus, mie and mip, mret and sret each let a pending interrupt in before the next instruction."""
    for name, unmask in {
        "mstatus": {"mie": 2, "mip": 2},
        "mie": {"mstatus": 8, "mip": 2},
        "mip": {"mstatus": 8, "mie": 2},
    }.items():
        machine = from_words([csr_word("csrrs", name, rs1=5)] + [NOP] * 0x800)
        machine.csr["mtvec"] = M_HANDLER
        for other, value in unmask.items():
            machine.csr[other] = value
        machine.x[5] = {"mstatus": 8, "mie": 2, "mip": 2}[name]
        machine.run(max_instructions=10)
        assert machine.csr["mcause"] == 0x80000001, name
        assert machine.csr["mepc"] == RAM + 4, name
    for name in ("mret", "sret"):
        machine = from_words([encode(name)] + [NOP] * 0x800)
        machine.csr["mtvec"] = M_HANDLER
        machine.csr["mie"] = machine.csr["mip"] = 2
        machine.csr["mepc"] = machine.csr["sepc"] = RAM + 0x40
        set_status(machine, MPIE=1, MPP=M)
        open_memory(machine)
        machine.run(max_instructions=10)
        assert machine.csr["mcause"] == 0x80000001, name
        assert machine.csr["mepc"] == RAM + 0x40, name


@pytest.mark.parametrize("mode", [S, M])
def test_wfi_goes_on_when_an_enabled_interrupt_is_pending(mode: int) -> None:
    """ "Execution ... resumes ... even if ... interrupts have been globally disabled", delegated or not."""
    for code, delegated in product((1, 5, 9), (0, 1)):
        machine = from_words([encode("wfi"), encode("addi", rd=5, imm=7), NOP, encode("jal")])
        open_memory(machine)
        machine.csr["mie"] = machine.csr["mip"] = 1 << code
        machine.csr["mideleg"] = delegated << code
        machine.csr["mtvec"] = RAM + 12
        enter(machine, mode)
        exit = machine.run(max_instructions=2)
        assert exit.reason is ExitReason.LIMIT
        if mode == M or delegated:
            assert (machine.x[5], machine.pc, machine.trap_counts) == (7, RAM + 8, {})
        else:
            # It was taken before the WFI: M mode's interrupts are always on below M.
            assert machine.csr["mepc"] == RAM


def test_wfi_idles_when_nothing_enabled_is_pending() -> None:
    machine = from_words([encode("wfi"), NOP, NOP])
    machine.csr["mip"] = 0x222
    machine.csr["mie"] = 0x888
    exit = machine.run(max_instructions=2)
    assert exit.reason is ExitReason.IDLE
    assert (machine.pc, machine.instret) == (RAM + 4, 1)


@pytest.mark.parametrize("enabled", [0, 1])
def test_wfi_sleeps_until_the_timer(enabled: int) -> None:
    """The trap, when there is one, returns behind the WFI: "mepc = pc + 4"."""
    machine = from_text(f"""
        _start: la t0, handler
                csrw mtvec, t0
                li t0, {MTIMECMP}
                li t1, 5000
                sw zero, 4(t0)
                sw t1, 0(t0)
                li t1, 1 << 7
                csrw mie, t1
                csrsi mstatus, {8 * enabled}
        sleep:  wfi
        after:  csrr a0, time
        done:   j done
                .balign 4
        handler:
                csrr a1, mepc
                csrr a2, mcause
                csrr a3, time
        stop:   j stop
    """)
    machine.run(max_instructions=60)
    if enabled:
        assert machine.pc == machine.symbols["stop"]
        assert (machine.x["a1"], machine.x["a2"]) == (machine.symbols["after"], 0x80000007)
        assert machine.x["a3"] == 5000
    else:
        assert machine.pc == machine.symbols["done"]
        assert machine.x["a0"] == 5000
        assert machine.csr["mip"] == 0x80


def test_interrupt_between_two_instructions_changes_neither() -> None:
    """A handler that restores what it uses can come anywhere: the sum is the same with it and without."""
    text = f"""
        _start: la t0, handler
                csrw mtvec, t0
                li t0, {MTIMECMP}
                sw zero, 4(t0)
                sw zero, 0(t0)
                li t1, 1 << 7
                csrw mie, t1
                csrsi mstatus, 8
                li a0, 0
                li a1, 4000
        loop:   add a0, a0, a1
                addi a1, a1, -1
                bnez a1, loop
                csrw mie, zero
        done:   j done
                .balign 4
        handler:                        # again in three ticks
                csrw mscratch, t0
                lw t0, ticks
                addi t0, t0, 3
                sw t0, ticks, a5
                li a5, {MTIMECMP}
                sw t0, 0(a5)
                lw t0, count
                addi t0, t0, 1
                sw t0, count, a5
                csrr t0, mscratch
                mret
        ticks:  .word 0
        count:  .word 0
    """
    machine = from_text(text)
    machine.run(max_instructions=20_000)
    assert machine.pc == machine.symbols["done"]
    assert machine.x["a0"] == sum(range(4001))
    count = get(machine, machine.symbols["count"])
    assert count == machine.trap_counts[0x80000007]
    assert 40 <= count <= 60
