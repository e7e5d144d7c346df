"""The CLINT: msip, mtimecmp and mtime, in halves, at every width; registers and faults as on QEMU."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.board.accesses import CLINT, Ask, ask_here, assert_same
from support.gnu import Find
from trapline import ExitReason, Machine
from trapline.vm.hypervisor.technique import TECHNIQUES

MSIP, MTIMECMP, MTIME = CLINT, CLINT + 0x4000, CLINT + 0xBFF8
WIDTHS = {"lb": 1, "lbu": 1, "lh": 2, "lhu": 2, "lw": 4, "sb": 1, "sh": 2, "sw": 4}
MTI, MSI = 1 << 7, 1 << 3
WORD = st.integers(0, 0xFFFFFFFF)
TIME = st.integers(0, (1 << 64) - 1) | st.sampled_from([1 << 63, (1 << 63) - 1, (1 << 64) - 1])


def machine(text: str = "_start: j _start") -> Machine:
    return Machine.from_source(text, memory=1 << 16)


FIRST_ALARM = f"""
_start: la      t0, taken
        csrw    mtvec, t0
        li      t0, {1 << 7}
        csrw    mie, t0
        csrsi   mstatus, 8
1:      wfi
        li      t0, 3
        bne     s0, t0, 1b
        li      t0, 0x100000
        li      t1, 0x5555
        sw      t1, (t0)
        .balign 4
taken:  addi    s0, s0, 1
        li      t0, {MTIMECMP}
        li      t1, {MTIME}
        lw      t2, (t1)
        addi    t2, t2, 100
        sw      t2, (t0)
        mret
"""


def store(m: Machine, address: int, value: int) -> None:
    """Make one store from the guest."""
    m.write(m.ram_base + 0x100, (0x0062A023).to_bytes(4, "little"))  # sw t1, (t0)
    pc, m.pc = m.pc, m.ram_base + 0x100
    m.x["t0"], m.x["t1"] = address, value
    m.step()
    m.pc = pc


def load(m: Machine, address: int) -> int:
    m.write(m.ram_base + 0x100, (0x0002A303).to_bytes(4, "little"))  # lw t1, (t0)
    pc, m.pc = m.pc, m.ram_base + 0x100
    m.x["t0"] = address
    m.step()
    m.pc = pc
    return m.x["t1"]


def test_registers_and_faults_as_on_qemu(tool: Find, tmp_path: Path) -> None:
    asks = [Ask("sw", MTIMECMP, 0xFFFFFFFF), Ask("sw", MTIMECMP + 4, 0xFFFFFFFF)]
    places = (*range(12), *range(0x3FF0, 0x4018), *range(0xBFF0, 0xBFF8), 0xC000, 0xC004, 0xFFFC, 0x10000, -4)
    for offset in places:
        for kind, width in WIDTHS.items():
            if offset % width == 0:
                asks.append(Ask(kind, CLINT + offset, 0xFFFFFFFF))
                asks += [Ask("lw", CLINT + (offset & ~3)), Ask("mip")]
    for offset in (0xBFF8, 0xBFF9, 0xBFFA, 0xBFFC, 0xBFFE):  # mtime itself runs: only that parts of it are refused
        asks += [Ask(kind, CLINT + offset) for kind, width in WIDTHS.items() if width < 4 and offset % width == 0]
    notes = assert_same(tool, tmp_path, asks)
    assert {note.cause for note in notes} == {0, 5, 7}


def test_msip_raises_mip() -> None:
    asks = [Ask("mip"), Ask("sw", MSIP, 1), Ask("mip"), Ask("lw", MSIP), Ask("sw", MSIP, 0xFFFFFFFE), Ask("mip")]
    _, notes = ask_here([*asks, Ask("lw", MSIP)])
    assert [n.value for n in notes] == [0, 0, MSI, 1, 0, 0, 0]


def test_msip_of_an_absent_hart_reads_zero(tool: Find, tmp_path: Path) -> None:
    assert_same(tool, tmp_path, [Ask("sw", MSIP + 4, 1), Ask("lw", MSIP + 4), Ask("mip"), Ask("lw", MSIP)])


def test_a_timer_interrupt_is_pending_after_reset() -> None:
    """mtimecmp is 0, as on QEMU: kernels that enable the interrupt first take one, and set mtimecmp in its handler."""
    m = machine(FIRST_ALARM)
    assert m.csr["mip"] == MTI
    exit = m.run(max_instructions=100_000)
    assert (exit.reason, exit.code, m.trap_counts) == (ExitReason.HALT, 0, {0x80000007: 3})
    m = machine()
    assert (load(m, MTIMECMP), load(m, MTIMECMP + 4)) == (0, 0)


@given(low=WORD, high=WORD)
def test_halves_of_mtimecmp_are_kept(low: int, high: int) -> None:
    m = machine()
    store(m, MTIMECMP, low)
    store(m, MTIMECMP + 4, high)
    assert (load(m, MTIMECMP), load(m, MTIMECMP + 4)) == (low, high)


@given(now=TIME, later=st.integers(-1000, 1000) | st.integers(-(1 << 64), 1 << 64))
@example(now=0x80000001_00000000, later=-0xFFFFFFFF)
def test_mtip_is_mtime_at_least_mtimecmp(now: int, later: int) -> None:
    """ "A machine timer interrupt becomes pending whenever mtime contains a value greater than or equal to mtimecmp,
    treating the values as unsigned integers"."""
    m = machine()
    store(m, MTIME, now & 0xFFFFFFFF)
    store(m, MTIME + 4, now >> 32)
    compare = min(max(0, now + later), (1 << 64) - 1)
    store(m, MTIMECMP, compare & 0xFFFFFFFF)
    store(m, MTIMECMP + 4, compare >> 32)
    assert (m.csr["timeh"] << 32 | m.csr["time"]) == now, "six instructions are not a tick of a hundred"
    assert bool(m.csr["mip"] & MTI) is (now >= compare)


@given(low=WORD, high=WORD)
def test_mtime_is_written_in_halves(low: int, high: int) -> None:
    m = machine()
    m.step(150)
    store(m, MTIME, low)
    store(m, MTIME + 4, high)
    assert (load(m, MTIME), load(m, MTIME + 4)) == (low, high) == (m.csr["time"], m.csr["timeh"])


@pytest.mark.parametrize("deadline", [1, 2, 7])
@pytest.mark.parametrize("start", [0, 1, 50, 99])
def test_the_interrupt_comes_with_the_first_step_of_its_tick(deadline: int, start: int) -> None:
    """A tick is a hundred steps, however the run is divided."""
    m = machine("_start: j _start\n .balign 64\n handler: j handler")
    m.csr["mtvec"] = m.symbols["handler"]
    m.step(start)
    store(m, MTIMECMP, deadline)
    store(m, MTIMECMP + 4, 0)
    m.csr["mie"] = MTI
    m.csr["mstatus"] = 8
    m.breakpoints = {m.symbols["handler"]}
    exit = m.run(max_instructions=2000)
    assert exit.reason is ExitReason.BREAKPOINT
    assert m.cycle == max(100 * deadline, start + 2)
    assert m.csr["mcause"] == 0x80000007 and m.csr["mepc"] == m.symbols["_start"]


def test_waiting_skips_to_the_deadline() -> None:
    m = machine("_start: wfi\n done: j done")
    store(m, MTIMECMP, 0)
    store(m, MTIMECMP + 4, 1)
    m.csr["mie"] = MTI
    assert m.run(max_instructions=3).reason is ExitReason.LIMIT
    assert m.csr["timeh"] == 1 and m.csr["mip"] == MTI and m.pc == m.symbols["done"]


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_the_upper_half_of_time_is_time_too(technique: str) -> None:
    """mtime from 2^63 on: compared, skipped to and read as an unsigned number."""
    m = Machine.from_source(f"""
_start: li      t0, {MTIME}
        li      t1, {MTIMECMP}
        li      t2, 0x80000001
        sw      t2, 4(t1)
        sw      zero, (t1)
        sw      zero, (t0)
        sw      t2, 4(t0)
        csrr    a0, mip
        sw      t2, (t1)
        csrr    a1, mip
        li      t3, {MTI}
        csrw    mie, t3
        wfi
        csrr    a2, mip
        csrr    a3, timeh
        csrr    a4, time
        sw      zero, 4(t1)
        csrr    a5, mip
done:   j       done
""", memory=1 << 16, technique=technique)  # fmt: skip
    m.run(max_instructions=60)
    assert [m.x[f"a{i}"] for i in range(6)] == [MTI, 0, MTI, 0x80000001, 0x80000001, MTI]


def test_the_interrupt_ends_where_mtime_wraps() -> None:
    m = machine("_start: j _start")
    m.step(50)
    for register, low in ((MTIMECMP, 5), (MTIME, 0xFFFFFFFE)):
        store(m, register, low)
        store(m, register + 4, 0 if low == 5 else 0xFFFFFFFF)
    assert m.csr["mip"] == MTI
    for steps, timeh, pending in ((145, 0xFFFFFFFF, MTI), (100, 0, 0), (400, 0, 0), (1, 0, MTI)):
        m.run(max_instructions=steps)
        assert (m.csr["timeh"], m.csr["mip"]) == (timeh, pending)


def test_without_board_there_is_no_timer() -> None:
    m = Machine.from_source("_start: li t0, 0x2004000\n lw a0, (t0)", memory=1 << 16, board=False)
    m.host_traps = 1 << 5
    assert m.run(max_instructions=10).tval == MTIMECMP
