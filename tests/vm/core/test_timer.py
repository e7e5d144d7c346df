"""The timer: which instruction it interrupts, and that time depends on nothing but the instructions done.

mtime is one tick per 100 steps (docs/engine.md), so for a program without WFI the first step of tick T is number
100 T, counted from 0: everything below follows from that and from "a machine timer interrupt becomes pending
whenever mtime contains a value greater than or equal to mtimecmp" (volume II, 3.2.1).
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from support.machines import (
    MTIME,
    MTIMECMP,
    RAM,
    difference,
    encode,
    from_text,
    from_words,
    get,
    put,
    set_status,
    state,
)
from trapline import Machine
from trapline.vm.machine import ExitReason

MTI = 0x80000007
NOP = encode("addi")


def counting(**options: object) -> Machine:
    """A machine that increments x5 without end in straight lines, whose timer handler loops at RAM + 0x3000."""
    machine = from_words([encode("addi", rd=5, rs1=5, imm=1)] * 1023 + [encode("jal", imm=-4 * 1023)], **options)
    put(machine, RAM + 0x3000, [encode("jal")])
    machine.csr["mtvec"] = RAM + 0x3000
    machine.csr["mie"] = 0x80
    set_status(machine, MIE=1)
    return machine


def set_deadline(machine: Machine, ticks: int) -> None:
    """Let the guest store mtimecmp: five steps from RAM + 0x3800, then back to the start of RAM."""
    put(machine, RAM + 0x3800, [
        encode("sw", rs1=6, rs2=8, imm=4), encode("sw", rs1=6, rs2=7), encode("addi", rd=6), encode("addi", rd=7),
        encode("jalr", rs1=9),
    ])  # fmt: skip
    machine.x[6], machine.x[7], machine.x[8], machine.x[9] = MTIMECMP, ticks & 0xFFFFFFFF, ticks >> 32, RAM
    machine.pc = RAM + 0x3800
    machine.run(max_instructions=5)
    assert machine.pc == RAM


@given(st.integers(1, 40))
@examples(30)
def test_interrupt_is_taken_before_exactly_the_instruction_of_its_tick(deadline: int) -> None:
    machine = counting()
    set_deadline(machine, deadline)
    machine.run(max_instructions=5000)
    # Steps 0 to 4 stored mtimecmp; steps 5 to 100 * deadline - 1 come before the tick.
    steps = 100 * deadline - 5
    assert machine.csr["mcause"] == MTI
    assert machine.csr["mepc"] == RAM + 4 * (steps % 1024)
    assert machine.x[5] == steps - steps // 1024


@given(st.integers(1, 12), st.integers(1, 1500))
@examples(60)
def test_budget_that_ends_before_the_deadline_sees_no_interrupt(deadline: int, steps: int) -> None:
    machine = counting()
    set_deadline(machine, deadline)
    machine.run(max_instructions=steps)
    assert machine.cycle == 5 + steps
    due = machine.cycle >= 100 * deadline
    assert machine.csr["mip"] == (0x80 if due else 0)
    # The step after the tick began is the handler's first.
    assert machine.trap_counts == ({MTI: 1} if machine.cycle > 100 * deadline else {})
    machine.run(max_instructions=2000)
    assert machine.csr["mepc"] == RAM + 4 * ((100 * deadline - 5) % 1024)


TICKING = f"""
_start: la t0, handler
        csrw mtvec, t0
        li t0, {MTIMECMP}
        sw zero, 4(t0)
        li t1, 7
        sw t1, 0(t0)
        li t1, 1 << 7
        csrw mie, t1
        csrsi mstatus, 8
loop:   addi a0, a0, 1
        add a1, a1, a0
        sw a1, sum, t2
        bltu a0, a6, loop
        wfi
        j loop
        .balign 4
handler:
        csrw mscratch, t1
        csrr t1, time
        add a2, a2, t1
        addi t1, t1, 13
        li t3, {MTIMECMP}
        sw t1, 0(t3)
        csrr t1, mscratch
        mret
        .balign 4
sum:    .word 0
"""


def ticking() -> Machine:
    machine = from_text(TICKING)
    machine.x["a6"] = 2500
    return machine


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=8))
@examples(25)
def test_time_does_not_depend_on_how_a_run_is_cut(budgets: list[int]) -> None:
    """A program with timer interrupts and WFI: one run and several that add up give the same state, digest included."""
    whole, cut = ticking(), ticking()
    assert whole.run(max_instructions=sum(budgets)).reason is ExitReason.LIMIT
    for n in budgets:
        assert cut.run(max_instructions=n).reason is ExitReason.LIMIT
    assert difference(state(whole), state(cut)) == {}


def test_two_runs_are_equal_and_did_take_interrupts_and_wait() -> None:
    first, second = ticking(), ticking()
    for machine in (first, second):
        machine.run(max_instructions=30_000)
    assert difference(state(first), state(second)) == {}
    assert first.trap_counts[MTI] > 15
    assert first.csr["time"] > first.cycle // 100, "WFI has skipped time"
    assert get(first, first.symbols["sum"]) == first.x["a1"]


def test_single_steps_see_the_interrupt_where_a_long_run_does() -> None:
    long, stepped = counting(), counting()
    for machine in (long, stepped):
        set_deadline(machine, 3)
    long.run(max_instructions=400)
    for _ in range(400):
        stepped.step()
    assert difference(state(long), state(stepped)) == {}
    assert long.csr["mepc"] == RAM + 4 * 295


@pytest.mark.parametrize("never", [0xFFFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFF00000000])
@pytest.mark.parametrize("before", [1, 50, 1000])
def test_wfi_with_a_timer_that_was_put_off_for_ever_does_not_skip_to_it(never: int, before: int) -> None:
    """Software writes all ones for "never": then no time passes and no interrupt comes, however late it is."""
    machine = counting()
    set_deadline(machine, never)
    machine.run(max_instructions=before)
    put(machine, machine.pc, [encode("wfi"), NOP])
    time = machine.csr["time"]
    exit = machine.run(max_instructions=10)
    assert exit.reason is ExitReason.IDLE
    assert (machine.csr["mip"], machine.trap_counts) == (0, {})
    assert machine.csr["timeh"] == 0
    assert machine.csr["time"] - time <= 1


def test_moving_the_deadline_clears_the_request() -> None:
    """ "The interrupt remains posted until mtimecmp becomes greater than mtime" """
    machine = counting()
    set_status(machine, MIE=0)
    set_deadline(machine, 2)
    machine.run(max_instructions=300)
    assert machine.csr["mip"] == 0x80
    set_deadline(machine, 100)
    assert machine.csr["mip"] == 0
    machine.run(max_instructions=10_000)
    assert machine.csr["mip"] == 0x80


def test_a_deadline_in_the_past_interrupts_at_once() -> None:
    machine = counting()
    machine.run(max_instructions=1000)
    set_status(machine, MIE=0)
    set_deadline(machine, 3)
    set_status(machine, MIE=1)
    machine.run(max_instructions=1)
    assert (machine.csr["mcause"], machine.csr["mepc"]) == (MTI, RAM)


def test_setting_mtime_reaches_the_deadline() -> None:
    machine = counting()
    set_deadline(machine, 1_000_000)
    put(machine, RAM, [encode("sw", rs1=6, rs2=7), NOP, NOP])
    machine.x[6], machine.x[7] = MTIME, 999_999
    machine.run(max_instructions=94)
    assert machine.trap_counts == {}
    machine.run(max_instructions=2)
    # The tick in which mtime was written goes on; the next began with step 100.
    assert machine.trap_counts == {MTI: 1}
    assert machine.csr["mepc"] == RAM + 4 * 95


@pytest.mark.parametrize("now", [0x3FFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF])
def test_mtime_near_its_end_keeps_the_machine_going(now: int) -> None:
    """Nobody waits for 2^62 ticks, but a guest may write them."""
    machine = from_text(f"""
        _start: li t0, {MTIME}
                li t1, {now}
                li t2, -1
                sw t2, 0(t0)
                sw t1, 4(t0)
                sw t2, 0(t0)
                li a0, 1000
        loop:   addi a0, a0, -1
                bnez a0, loop
                wfi
                li t0, {MTIMECMP}
                sw t2, 0(t0)
                sw t1, 4(t0)
                li t1, 1 << 7
                csrw mie, t1
                wfi
        done:   j done
    """)
    for _ in range(4):
        machine.run(max_instructions=5000)
        machine.current.waiting = False
    assert machine.pc == machine.symbols["done"]


def test_host_lets_time_pass() -> None:
    machine = counting()
    set_deadline(machine, 500)
    machine.advance_time(499)
    assert machine.csr["mip"] == 0
    machine.advance_time(1)
    assert machine.csr["mip"] == 0x80
    machine.step()
    assert (machine.csr["mcause"], machine.csr["mepc"]) == (MTI, RAM)
