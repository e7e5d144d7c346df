"""Sstc: stimecmp raises STIP at exactly its tick, for S mode alone to set, on real and on virtual harts.

mtime is one tick per 100 steps (docs/engine.md), so the first step of tick T is number 100 T, counted from 0.
"""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from support.machines import (
    MTIMECMP,
    RAM,
    TO_SUPERVISOR,
    M,
    S,
    U,
    csr_word,
    difference,
    encode,
    from_text,
    from_words,
    open_memory,
    put,
    set_status,
    state,
)
from trapline import Machine
from trapline.vm.exit import ExitReason
from trapline.vm.hypervisor.technique import TECHNIQUES

ISA = "rv32ima_sstc"
STCE = 1 << 31
STIP, MTIP = 1 << 5, 1 << 7
STI, MTI = 0x80000005, 0x80000007
TM = 2
FAR = 0xFFFFFFFF
HANDLER = RAM + 0x3000


def counting(**options: Any) -> Machine:
    """A machine that increments x5 in straight lines in S mode; its own timer interrupts loop at HANDLER."""
    words = [encode("addi", rd=5, rs1=5, imm=1)] * 1023 + [encode("jal", imm=-4 * 1023)]
    machine = from_words(words, isa=ISA, **options)
    put(machine, HANDLER, [encode("jal")])
    open_memory(machine)
    for name, value in (
        ("menvcfgh", STCE), ("mcounteren", TM), ("mideleg", STIP), ("mie", STIP), ("stvec", HANDLER),
    ):  # fmt: skip
        machine.csr[name] = value
    machine.mode = S
    set_status(machine, SIE=1)
    return machine


def set_deadline(machine: Machine, ticks: int) -> None:
    """Let the guest write stimecmp: five steps from RAM + 0x3800, then back to the start of RAM."""
    put(machine, RAM + 0x3800, [
        csr_word("csrrw", "stimecmph", rs1=8), csr_word("csrrw", "stimecmp", rs1=7), encode("addi"), encode("addi"),
        encode("jalr", rs1=9),
    ])  # fmt: skip
    machine.x[7], machine.x[8], machine.x[9] = ticks & FAR, ticks >> 32, RAM
    machine.csr["stimecmp"] = machine.csr["stimecmph"] = FAR
    machine.pc = RAM + 0x3800
    machine.run(max_instructions=5)
    assert machine.pc == RAM


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_interrupt_is_taken_before_exactly_the_instruction_of_its_tick(technique: str) -> None:
    @given(st.integers(1, 40))
    @examples(15, few=4)
    def check(deadline: int) -> None:
        machine = counting(technique=technique)
        set_deadline(machine, deadline)
        machine.run(max_instructions=5000)
        # Steps 0 to 4 wrote stimecmp; steps 5 to 100 * deadline - 1 come before the tick.
        steps = 100 * deadline - 5
        assert machine.csr["scause"] == STI
        assert machine.csr["sepc"] == RAM + 4 * (steps % 1024)
        assert machine.x[5] == steps - steps // 1024

    check()


@given(st.integers(1, 12), st.lists(st.integers(1, 700), min_size=1, max_size=4))
@examples(40)
def test_how_a_run_is_cut_changes_nothing(deadline: int, cuts: list[int]) -> None:
    ends = []
    for pieces in ([sum(cuts)], cuts):
        machine = counting()
        set_deadline(machine, deadline)
        for steps in pieces:
            machine.run(max_instructions=steps)
        due = machine.cycle >= 100 * deadline
        assert machine.csr["mip"] & STIP == (STIP if due else 0)
        assert machine.trap_counts == ({STI: 1} if machine.cycle > 100 * deadline else {})
        ends.append(state(machine))
    assert difference(*ends) == {}


@given(st.integers(0, FAR), st.integers(0, FAR), st.integers(0, (1 << 64) - 1))
@examples(60)
def test_stip_is_time_at_least_stimecmp_as_unsigned_numbers(low: int, high: int, now: int) -> None:
    machine = counting()
    machine.csr["stimecmp"], machine.csr["stimecmph"] = low, high
    machine._m.time_base = now - (1 << 64) if now >> 63 else now
    machine.mode = M
    assert machine.csr["time"] | machine.csr["timeh"] << 32 == now
    assert machine.csr["mip"] & STIP == (STIP if now >= high << 32 | low else 0)
    assert machine.csr["sip"] == machine.csr["mip"] & STIP


def test_who_may_access_it() -> None:
    """M mode always; S mode with STCE and mcounteren.TM; U mode never; nobody without the extension."""
    for isa, mode, stce, counters, name in product(
        (ISA, "rv32ima"), (U, S, M), (0, STCE), (0, TM, 7, 7 - TM), ("stimecmp", "stimecmph")
    ):
        for source in (0, 1):
            machine = from_words([csr_word("csrrs", name, rd=5, rs1=source)], isa=isa)
            open_memory(machine)
            machine.csr["menvcfgh"], machine.csr["mcounteren"], machine.csr["scounteren"] = stce, counters, counters
            machine.mode = mode
            machine.step()
            allowed = isa == ISA and (mode == M or (mode == S and stce and counters & TM))
            assert machine.trap_counts == ({} if allowed else {2: 1}), (isa, mode, stce, counters, name)


@given(st.lists(st.tuples(st.sampled_from(("menvcfgh", "mip", "stimecmp")), st.integers(0, FAR)), max_size=8))
@examples(80)
def test_stip_is_read_only_while_stce_is_set(writes: list[tuple[str, int]]) -> None:
    """Software's STIP and the timer's are two bits: switching STCE leaves neither behind."""
    machine = from_words([csr_word("csrrw", name, rs1=6) for name, _ in writes] + [0x6F], isa=ISA)
    machine.csr["stimecmph"] = 1
    own = enabled = 0
    low, high = 0, 1
    for name, value in writes:
        machine.x[6] = value
        machine.step()
        if name == "menvcfgh":
            own = own if bool(value & STCE) == bool(enabled) else 0
            enabled = value & STCE
        elif name == "mip":
            own = 0 if enabled else value & STIP
        else:
            low = value
        due = STIP if machine.csr["time"] >= high << 32 | low else 0
        assert machine.csr["mip"] & STIP == (due if enabled else own)
        assert machine.csr["menvcfgh"] == enabled
        machine.csr["stimecmph"] = high = 0 if value & 1 else 1


TWO_TIMERS = f"""
_start: li      t0, {STCE}
        csrw    menvcfgh, t0
        la      t0, handler
        csrw    mtvec, t0
        li      t0, {MTIMECMP}
        li      t1, {{machine}}
        sw      t1, (t0)
        sw      zero, 4(t0)
        li      t1, {{supervisor}}
        csrw    stimecmp, t1
        csrw    stimecmph, zero
        li      t1, {{enabled}}
        csrw    mie, t1
        csrsi   mstatus, 8
1:      wfi
        j       1b
        .balign 4
handler:
        csrr    t2, mcause
        csrr    t3, time
        slli    s0, s0, 8
        or      s0, s0, t2
        slli    s1, s1, 16
        or      s1, s1, t3
        li      t1, 0x80
        andi    t2, t2, 2               # MTI is 7, STI is 5
        bnez    t2, 1f
        li      t1, 0x20
1:      csrc    mie, t1
        mret
"""


@pytest.mark.parametrize("technique", ["bare", "trap", "assist"])
def test_idle_time_is_skipped_to_the_next_enabled_timer(technique: str) -> None:
    """Deadlines of both timers, either or none enabled: the hart wakes at each tick, and only for what is enabled."""

    @given(st.sampled_from([(50, 80), (80, 50), (60, 60), (0, 70), (70, 0), (5000, 40)]), st.sampled_from([0, 1, 2, 3]))
    @examples(24, few=8)
    def check(deadlines: tuple[int, int], mask: int) -> None:
        machine_deadline, supervisor = deadlines
        enabled = (mask & 1) * MTIP | (mask >> 1) * STIP
        text = TWO_TIMERS.format(machine=machine_deadline, supervisor=supervisor, enabled=enabled)
        machine = from_text(text, isa=ISA, technique=technique)
        exit = machine.run(max_instructions=100_000)
        assert exit.reason is ExitReason.IDLE
        wanted = sorted(
            (max(when, 0), order, cause)
            for when, order, cause, bit in ((machine_deadline, 0, 7, 1), (supervisor, 1, 5, 2)) if mask & bit
        )  # fmt: skip
        causes = ticks = 0
        for when, _, cause in wanted:
            causes, ticks = causes << 8 | cause, ticks << 16 | when
        assert machine.x["s0"] & 0x7F7F == causes
        assert machine.x["s1"] == ticks

    check()


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_every_hart_has_its_own(technique: str) -> None:
    text = f"""
_start: csrr    s2, mhartid
        li      t0, {STCE}
        csrw    menvcfgh, t0
        li      t0, 2
        csrw    mcounteren, t0
        li      t0, {STIP}
        csrw    mideleg, t0
        csrw    mie, t0
        {TO_SUPERVISOR}
supervisor:
        la      t0, taken
        csrw    stvec, t0
        slli    t0, s2, 4
        addi    t0, t0, 30
        csrw    stimecmp, t0
        csrw    stimecmph, zero
        csrsi   sstatus, 2
1:      wfi
        j       1b
        .balign 4
taken:  csrr    s0, time
        csrr    s1, scause
        li      t0, -1
        csrw    stimecmph, t0
        csrr    s3, sip
done:   j       done
handler: j      handler
"""
    machine = from_text(text, isa=ISA, harts=3, technique=technique)
    machine.run(max_instructions=20_000)
    for number, hart in enumerate(machine.harts):
        assert hart.pc == machine.symbols["done"]
        assert (hart.x["s1"], hart.x["s3"]) == (STI, 0)
        # Clocks of harts differ by less than a turn.
        assert 0 <= hart.x["s0"] - (30 + 16 * number) <= 10
