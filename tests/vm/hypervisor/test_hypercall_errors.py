"""Every hypercall with every kind of bad argument: the documented error, and nothing else has changed.

Which addresses S mode may access is found by `vm.observe.walk_listing`, which walks apart from the engine.
"""

import random
from typing import Any

import pytest

from support.budget import PLAIN, seeds
from support.machines import RAM, S, difference, encode, enter, from_words, get, open_memory, put, state
from trapline import Machine
from trapline.vm.core.access_type import LOAD, STORE
from trapline.vm.core.mmu import refresh
from trapline.vm.hypervisor import paravirt as calls
from trapline.vm.observe.walk_listing import judge, walk

SIZE = 0x10000
ROOT, LEAVES, CODE = RAM + 0x2000, RAM + 0x3000, RAM + 0x1000
VIRTUAL = 0x40000000
TSR, TW, TVM = 1 << 22, 1 << 21, 1 << 20
FLAGS = (0x00, 0xC1, 0xC3, 0xC5, 0xC7, 0xC9, 0xCB, 0xCF, 0xD7, 0xDF, 0x07, 0x43, 0x47, 0x4F, 0x03)
"""Of the pages: invalid, none, read-only, reserved, writable, executable, user's, with A or D to be set."""
FRAMES = (RAM + 0x4000, RAM + 0x5000, RAM + 0x6000, RAM + SIZE, 0x2000000, 0x10000000, 0x100000)
"""Physical pages: RAM, behind it, and devices: the CLINT, the UART, the finisher."""
PAGES = 64


def pages(machine: Machine, rng: random.Random) -> None:
    """Map random pages with random permissions at VIRTUAL, and forbid a few bytes of RAM by PMP."""
    put(machine, ROOT + 4 * (RAM >> 22), [RAM >> 2 | 0xCF])
    put(machine, ROOT + 4 * (VIRTUAL >> 22), [LEAVES >> 2 | 1])
    put(machine, LEAVES, [rng.choice(FRAMES) >> 2 | rng.choice(FLAGS) for _ in range(PAGES)])
    machine.csr["pmpaddr0"] = RAM + 0x5000 + rng.choice((0, 0x40, 0xFC0)) >> 2 | 7
    machine.csr["pmpcfg0"] = 0x18 | rng.choice((0, 1, 4))


def prepared(rng: random.Random, number: int) -> Machine:
    """A machine before a hypercall with random arguments."""
    machine = from_words([], technique="paravirt", memory=SIZE)
    put(machine, CODE, [encode("ecall")])
    open_memory(machine)
    pages(machine, rng)
    machine.csr["satp"] = 1 << 31 | ROOT >> 12
    machine.csr["mstatus"] = rng.choice((0, 0, 0, TSR, TW, TVM)) | rng.choice((0, 0x20, 0x100, 0x40000, 0x80000))
    for register in range(1, 32):
        machine.x[register] = rng.getrandbits(32)
    page = VIRTUAL + 0x1000 * rng.randrange(PAGES)
    offset = rng.choice((0, 0, 4, 0x40, 0x80, 0xF80, 0xF84, 0xFFC, 1, 2, 3, 0xFFE))
    machine.x["a0"] = rng.choice(
        (page + offset, page + offset, RAM + 0x4000 + offset, offset, 0xFFFFFFF0 + offset & ~0)
    )
    machine.x["a7"], machine.x["a6"] = calls.EXTENSION, number
    enter(machine, S, CODE)
    refresh(machine.engine.h[0])
    return machine


def accessible(machine: Machine, vaddr: int, access: int) -> bool:
    """Whether S mode may load or store the aligned word there, and it is in RAM."""
    h, m, engine = machine.engine.h[0], machine.engine.m, machine.engine
    vaddr &= 0xFFFFFFFF
    if vaddr % 4:
        return False
    entries = walk(engine.words, m.ram_base, m.ram_size, h.satp, vaddr)
    for byte in range(4):
        verdict = judge(h, entries, vaddr + byte, access, S)
        if verdict.cause or verdict.paddr is None or not RAM <= verdict.paddr < RAM + SIZE:
            return False
    return True


def expected(machine: Machine, number: int) -> int:
    """The error by docs/hypercalls.md."""
    status, address = machine.csr["mstatus"], machine.x["a0"]
    if status & {calls.SET_PAGE_TABLE: TVM, calls.YIELD: TW}.get(number, 0):
        return calls.DENIED
    if number == calls.SET_ENTRY and not accessible(machine, address, STORE):
        return calls.INVALID_ADDRESS
    if number == calls.RETURN_TO_USER:
        if not all(accessible(machine, address + 4 * i, LOAD) for i in range(32)):
            return calls.INVALID_ADDRESS
        if status & TSR:
            return calls.DENIED
    return calls.NOT_SUPPORTED if number >= calls.CALLS else calls.SUCCESS


def observable(machine: Machine) -> dict[str, Any]:
    h = machine.engine.h[0]
    kept = {"sepc": h.sepc, "sscratch": h.sscratch, "stale": h.stale, "timer_line": h.timer_line}
    board = {name: list(getattr(machine.engine.m, name)) for name in ("msip", "mtimecmp_low", "mtimecmp_high")}
    return state(machine) | kept | board | {"ram": machine.ram.tobytes()}


CALLS = (*(n for n in range(calls.CALLS) if n != calls.CONSOLE_WRITE), calls.CALLS, 0x7FFFFFFF, 0xFFFFFFFF)


@pytest.mark.parametrize("number", CALLS)
def test_errors_are_as_documented_and_change_nothing(number: int) -> None:
    errors = set()
    for seed in seeds(40):
        machine = prepared(random.Random(f"{number} {seed}"), number)
        before, error = observable(machine), expected(machine, number)
        address, value = machine.x["a0"], machine.x["a1"]
        machine.run(max_instructions=1)
        errors.add(error)
        if error == calls.SUCCESS:
            assert machine.x["a0"] == calls.SUCCESS or number == calls.RETURN_TO_USER, seed
            if number == calls.SET_ENTRY and address >= RAM:
                assert get(machine, address) == value, seed
            continue
        assert (machine.x["a0"], machine.x["a1"]) == (error, 0), seed
        changed = difference(before, observable(machine))
        x = list(before["x"])
        x[10:12] = [error, 0]
        assert changed.pop("x", (0, x))[1] == x, seed
        counters = (f"csr.{name}" for name in ("cycle", "instret", "mcycle", "minstret"))
        assert changed.keys() <= {"pc", "cycle", "retired", "digest", *counters}, (seed, changed)
    if number in (calls.SET_ENTRY, calls.RETURN_TO_USER) and not PLAIN:
        assert errors >= {calls.INVALID_ADDRESS, calls.SUCCESS}


@pytest.mark.parametrize("address", [0x2004000, 0x10000000, 0x100000, RAM + SIZE, RAM + 0x4002, 0xFFFFFFFE, 0])
def test_set_entry_reaches_aligned_words_of_ram_only(address: int) -> None:
    """Neither a device nor the CLINT sees a store that is answered with an error."""
    machine = from_words([encode("ecall")], technique="paravirt", memory=SIZE)
    open_memory(machine)
    for name, value in {"a7": calls.EXTENSION, "a6": calls.SET_ENTRY, "a0": address, "a1": 0x5555}.items():
        machine.x[name] = value
    enter(machine, S)
    before = observable(machine)
    machine.run(max_instructions=1)
    assert machine.x["a0"] == calls.INVALID_ADDRESS
    assert difference(before, observable(machine)).keys().isdisjoint({"ram", "msip", "mtimecmp_low", "output"})


def test_a_frame_in_the_clint_is_no_frame() -> None:
    machine = from_words([encode("ecall")], technique="paravirt", memory=SIZE)
    open_memory(machine)
    for name, value in {"a7": calls.EXTENSION, "a6": calls.RETURN_TO_USER, "a0": 0x2004000}.items():
        machine.x[name] = value
    enter(machine, S)
    machine.run(max_instructions=1)
    assert (machine.x["a0"], machine.mode, machine.pc) == (calls.INVALID_ADDRESS, S, RAM + 4)
