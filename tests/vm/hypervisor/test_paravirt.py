"""Hypercalls: a kernel that uses them behaves the same with fewer exits; each call, its errors, and its callers."""

import pytest

from support.hypervisor.random_guests import ended
from support.machines import RAM, S, U, difference, encode, enter, from_words, get, open_memory, put, state
from support.paths import PROGRAMS
from trapline import Machine
from trapline.vm.hypervisor import paravirt as calls
from trapline.vm.machine import ExitReason

GUESTS = PROGRAMS / "guests"
ECALL = encode("ecall")
ROOT, LEAVES, PAGE = RAM + 0x2000, RAM + 0x3000, RAM + 0x4000


def boot(name: str, technique: str) -> Machine:
    machine = Machine.from_file(GUESTS / f"{name}.s", technique=technique, memory=4 << 20)
    assert machine.run(max_instructions=100_000).reason is ExitReason.HALT
    return machine


def exits(machine: Machine) -> int:
    return sum(sum(real.exits) for real in machine.engine.real)


def test_one_symbol_makes_the_kernel_paravirtual() -> None:
    """What the user program has computed and printed is the same; the kernel needed fewer exits for it."""
    bare, trapped = boot("demand", "bare"), boot("demand", "trap")
    paravirtual = boot("demand-paravirt", "paravirt")
    assert difference(state(bare), state(trapped)) == {}
    assert paravirtual.console.output == bare.console.output == b"06114000\n00000003\n"
    size = 24 * 4096
    pages = [m.read(m.symbols["pool"], size) for m in (bare, paravirtual)]
    assert pages[0] == pages[1] != bytes(size)
    assert [get(m, m.symbols["ticks"]) for m in (bare, paravirtual)] == [3, 3]
    assert exits(paravirtual) < 0.7 * exits(trapped)
    hidden = [m.engine.real[0].hidden_faults for m in (trapped, paravirtual)]
    assert hidden[1] < 0.4 * hidden[0]


@pytest.mark.parametrize("seed", range(10))
def test_a_guest_without_hypercalls_sees_none(seed: int) -> None:
    bare, under = (ended(seed, 400, holes=False, technique=name) for name in ("bare", "paravirt"))
    assert difference(bare, under) == {}


def call(number: int, *arguments: int, mode: int = S, technique: str = "paravirt", **csrs: int) -> Machine:
    """A machine before its one instruction, a hypercall."""
    machine = from_words([ECALL], technique=technique)
    open_memory(machine)
    for name, value in csrs.items():
        machine.csr[name] = value
    machine.x["a7"], machine.x["a6"] = calls.EXTENSION, number
    for name, value in zip(("a0", "a1", "a2"), arguments, strict=False):
        machine.x[name] = value
    enter(machine, mode)
    return machine


def answered(machine: Machine) -> tuple[int, int]:
    """Error and value; the ecall has retired as one instruction."""
    machine.run(max_instructions=1)
    assert (machine.pc, machine.instret, machine.cycle) == (RAM + 4, 1, 1)
    return machine.x["a0"], machine.x["a1"]


def test_version_and_calls_that_do_not_exist() -> None:
    assert answered(call(calls.VERSION)) == (0, 1)
    assert answered(call(99, 5, 6)) == (calls.NOT_SUPPORTED, 0)


@pytest.mark.parametrize(("mode", "technique", "cause"), [(U, "paravirt", 8), (S, "trap", 9), (3, "paravirt", 11)])
def test_elsewhere_it_is_an_environment_call(mode: int, technique: str, cause: int) -> None:
    machine = call(calls.VERSION, mode=mode, technique=technique)
    machine.run(max_instructions=1)
    assert (machine.csr["mcause"], machine.csr["mepc"], machine.mode) == (cause, RAM, 3)


def test_set_page_table() -> None:
    machine = call(calls.SET_PAGE_TABLE, 0x80000000 | ROOT >> 12)
    assert answered(machine) == (0, 0) and machine.csr["satp"] == 0x80000000 | ROOT >> 12
    machine = call(calls.SET_PAGE_TABLE, 1, mstatus=1 << 20)
    assert answered(machine) == (calls.DENIED, 0) and machine.csr["satp"] == 0


def test_set_interrupts_returns_what_was() -> None:
    machine = call(calls.SET_INTERRUPTS, 1)
    assert answered(machine) == (0, 0) and machine.csr["sstatus"] == 2
    machine = call(calls.SET_INTERRUPTS, 0, mstatus=2)
    assert answered(machine) == (0, 1) and machine.csr["sstatus"] == 0


@pytest.mark.parametrize("page", [PAGE, calls.EVERYTHING])
def test_set_entry_flushes_the_page(page: int) -> None:
    """The load before the call has made a shadow entry and filled TLBs; the one after it finds the new page."""
    machine = call(calls.SET_ENTRY, LEAVES + 16, (RAM + 0x5000 >> 2) | 0xCF, page)
    load = encode("lw", rd=5, rs1=8)
    put(machine, RAM, [load, ECALL, load])
    put(machine, ROOT + 0x800, [(LEAVES >> 2) | 1])
    put(machine, LEAVES, [(RAM + 4096 * i >> 2) | 0xCF for i in range(16)])
    put(machine, PAGE, [111])
    put(machine, RAM + 0x5000, [222])
    machine.csr["satp"] = 0x80000000 | ROOT >> 12
    machine.x[8] = PAGE
    machine.run(max_instructions=1)
    assert machine.x[5] == 111
    machine.run(max_instructions=2)
    assert (machine.x["a0"], machine.x[5]) == (0, 222)
    assert get(machine, LEAVES + 16) == (RAM + 0x5000 >> 2) | 0xCF


def test_yield_is_refused_where_wfi_is() -> None:
    machine = call(calls.YIELD, mstatus=1 << 21)
    assert answered(machine) == (calls.DENIED, 0) and machine.engine.h[0].waiting == 0


def test_set_entry_at_tohost_is_heard() -> None:
    """A store to `tohost` ends the run, as one of S mode would."""
    text = "_start: ecall\n j .\n .balign 64\n .globl tohost\ntohost: .dword 0"
    machine = Machine.from_source(text, technique="paravirt", memory=0x10000)
    open_memory(machine)
    for name, value in {"a7": calls.EXTENSION, "a6": calls.SET_ENTRY, "a0": machine.symbols["tohost"], "a1": 7}.items():
        machine.x[name] = value
    enter(machine, S)
    exit = machine.run(max_instructions=1000)
    assert (exit.reason, exit.code, machine.x["a0"]) == (ExitReason.HALT, 3, 0)


SECOND = """
_start: csrr    t0, mhartid
        bnez    t0, second
        la      t0, supervisor
        csrw    mepc, t0
        li      t0, 0x800
        csrw    mstatus, t0
        li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        mret
supervisor:
        li      t0, 2000                # until the second hart's timer is due
1:      addi    t0, t0, -1
        bnez    t0, 1b
        li      a7, 0x09545250
        li      a6, 6
        li      a0, -1
        li      a1, -1
        ecall
        csrr    s0, sip
        j       .
second: li      t0, 5000
1:      addi    t0, t0, -1
        bnez    t0, 1b
        csrr    s1, mip                 # due since reset
        li      t0, 0x2004008
        li      t1, -1
        sw      t1, 4(t0)
        csrr    s2, mip                 # never due
        sw      zero, 4(t0)
        sw      zero, (t0)
        csrr    s3, mip                 # due again
        j       .
"""


def test_a_timer_is_that_of_its_hart() -> None:
    """What one hart asks for its own timer changes nothing for another one, whose interrupt comes and goes."""
    machine = Machine.from_source(SECOND, technique="paravirt", harts=2, memory=0x10000)
    machine.run(max_instructions=40_000)
    first, second = machine.harts
    assert (first.x["a0"], first.x["s0"]) == (0, 0)
    assert [second.x[name] for name in ("s1", "s2", "s3")] == [0x80, 0, 0x80]


def test_return_to_user() -> None:
    machine = call(calls.RETURN_TO_USER, RAM + 0x1000, mstatus=0x20)
    put(machine, RAM + 0x1000, [RAM + 0x42, *range(101, 132)])
    machine.run(max_instructions=1)
    assert list(machine.x) == [0, *range(101, 132)]
    assert (machine.mode, machine.pc, machine.csr["sepc"]) == (U, RAM + 0x40, RAM + 0x40)
    assert (machine.csr["sscratch"], machine.csr["sstatus"], machine.instret) == (RAM + 0x1000, 0x22, 1)


@pytest.mark.parametrize("mapped", [True, False])
def test_return_to_user_across_two_pages(mapped: bool) -> None:
    """The second half of the words is on a page of its own, somewhere else or not there at all."""
    frame = PAGE + 0x1000 - 64
    machine = call(calls.RETURN_TO_USER, frame)
    words = [RAM + 0x40, *range(101, 132)]
    put(machine, ROOT + 0x800, [(LEAVES >> 2) | 1])
    put(machine, LEAVES, [(RAM + 4096 * i >> 2) | 0xCF for i in range(16)])
    put(machine, LEAVES + 20, [(RAM + 0x9000 >> 2) | (0xCF if mapped else 0xCE)])
    put(machine, frame, words[:16])
    put(machine, RAM + 0x9000, words[16:])
    machine.csr["satp"] = 0x80000000 | ROOT >> 12
    if mapped:
        machine.run(max_instructions=1)
        assert list(machine.x) == [0, *range(101, 132)] and (machine.mode, machine.pc) == (U, RAM + 0x40)
    else:
        assert answered(machine) == (calls.INVALID_ADDRESS, 0) and machine.mode == S


@pytest.mark.parametrize(
    ("frame", "mstatus", "error"),
    [
        (RAM + 2, 0, calls.INVALID_ADDRESS),
        (RAM + 0xFFF0, 0, calls.INVALID_ADDRESS),
        (0x10000000, 0, calls.INVALID_ADDRESS),
        (RAM + 0x1000, 1 << 22, calls.DENIED),
    ],
    ids=["misaligned", "past RAM", "device", "TSR"],
)
def test_return_to_user_changes_nothing_when_it_fails(frame: int, mstatus: int, error: int) -> None:
    machine = call(calls.RETURN_TO_USER, frame, mstatus=mstatus, sepc=0x44)
    machine.x[9] = 9
    assert answered(machine) == (error, 0)
    assert (machine.mode, machine.x[9], machine.csr["sepc"]) == (S, 9, 0x44)


def test_console_write() -> None:
    machine = call(calls.CONSOLE_WRITE, RAM + 0x100, 5)
    machine.write(RAM + 0x100, b"hello, world")
    assert answered(machine) == (0, 5) and machine.console.output == b"hello"
    machine = call(calls.CONSOLE_WRITE, RAM + 0x1000, 0xFFFFFFFF)
    assert answered(machine) == (0, 4096)
    machine = call(calls.CONSOLE_WRITE, RAM + 0xFFFE, 4)
    machine.write(RAM + 0xFFFE, b"ab")
    assert answered(machine) == (calls.INVALID_ADDRESS, 2) and machine.console.output == b"ab"


def test_set_timer_and_yield() -> None:
    """The interrupt is the supervisor's; waiting for it skips the time until then."""
    machine = call(calls.SET_TIMER, 500, 0, mideleg=0x20, mie=0x20, mstatus=2, stvec=RAM + 0x40)
    put(machine, RAM + 4, [encode("addi", rd=16, imm=calls.YIELD), ECALL, encode("jal", rd=0, imm=0)])
    put(machine, RAM + 0x40, [encode("jal", rd=0, imm=0)])
    assert answered(machine) == (0, 0)
    machine.run(max_instructions=10)
    assert (machine.csr["scause"], machine.csr["sepc"]) == (0x80000005, RAM + 12)
    assert machine.csr["time"] >= 500 and machine.cycle < 20
