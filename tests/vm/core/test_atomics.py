"""LR, SC and AMO against volume I, chapter 13: reservations, alignment, order of operands, what they may reach."""

import random
from collections.abc import Callable

import pytest

from support.machines import (
    CLINT,
    FINISHER,
    RAM,
    UART,
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
)
from trapline import Machine

DATA = RAM + 0x4000
ADDRESS, VALUE, RESULT = 10, 11, 12
"""Registers."""
LR = encode("lr.w", rd=RESULT, rs1=ADDRESS)
SC = encode("sc.w", rd=RESULT, rs1=ADDRESS, rs2=VALUE)
HANDLER = RAM + 0x1000


def machine_at(*words: int, address: int = DATA, value: int = 0x1234, old: int = 0xABCD) -> Machine:
    """A machine about to execute `words`, its address register at `address`, DATA holding `old`."""
    machine = from_words(words)
    put(machine, DATA, [old, old + 1])
    put(machine, HANDLER, [encode("jal")])
    machine.csr["mtvec"] = HANDLER
    open_memory(machine)
    machine.x[ADDRESS], machine.x[VALUE], machine.x[RESULT] = address, value, 0x5EED
    return machine


def signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


AMOS: dict[str, Callable[[int, int], int]] = {
    "amoswap.w": lambda old, new: new,
    "amoadd.w": lambda old, new: (old + new) % (1 << 32),
    "amoxor.w": lambda old, new: old ^ new,
    "amoand.w": lambda old, new: old & new,
    "amoor.w": lambda old, new: old | new,
    "amomin.w": lambda old, new: min(old, new, key=signed),
    "amomax.w": lambda old, new: max(old, new, key=signed),
    "amominu.w": min,
    "amomaxu.w": max,
}
EDGES = [0, 1, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF, 0xFFFFFFFE, 2]


@pytest.mark.parametrize("name", AMOS)
def test_amo_results(name: str) -> None:
    """Every pair of edge values, every aq and rl, and the destination being one of the sources or x0."""
    rng = random.Random(name)
    pairs = [(a, b) for a in EDGES for b in EDGES] + [(rng.getrandbits(32), rng.getrandbits(32)) for _ in range(20)]
    machine = machine_at()
    for old, new in pairs:
        for rd in (RESULT, VALUE, ADDRESS, 0):
            word = encode(name, rd=rd, rs1=ADDRESS, rs2=VALUE, aq=rng.randrange(2), rl=rng.randrange(2))
            put(machine, RAM, [word])
            put(machine, DATA, [old, 0x77777777])
            machine.x[ADDRESS], machine.x[VALUE] = DATA, new
            enter(machine, M)
            machine.step()
            assert get(machine, DATA) == AMOS[name](old, new), (hex(old), hex(new))
            assert get(machine, DATA + 4) == 0x77777777
            assert machine.x[rd] == (old if rd else 0)


def test_sc_stores_once_after_lr() -> None:
    machine = machine_at(LR, SC, SC)
    machine.step()
    assert (machine.x[RESULT], get(machine, DATA)) == (0xABCD, 0xABCD)
    machine.step()
    assert (machine.x[RESULT], get(machine, DATA)) == (0, 0x1234)
    machine.x[VALUE] = 0x9999
    machine.step()
    # "Regardless of success or failure, executing an SC.W instruction invalidates any reservation".
    assert machine.x[RESULT] != 0
    assert get(machine, DATA) == 0x1234


def test_sc_without_lr_fails() -> None:
    machine = machine_at(SC)
    machine.step()
    assert machine.x[RESULT] != 0
    assert get(machine, DATA) == 0xABCD


def test_sc_elsewhere_fails_and_ends_the_reservation() -> None:
    """ "the SC must fail if the address is not within the reservation set" (here: the word)."""
    machine = machine_at(LR, SC, SC)
    machine.step()
    machine.x[ADDRESS] = DATA + 4096
    machine.step()
    assert machine.x[RESULT] != 0
    machine.x[ADDRESS] = DATA
    machine.step()
    assert machine.x[RESULT] != 0
    assert (get(machine, DATA), get(machine, DATA + 4096)) == (0xABCD, 0)


def test_later_lr_replaces_the_reservation() -> None:
    machine = machine_at(LR, LR, SC, LR, LR, SC)
    machine.step()
    machine.x[ADDRESS] = DATA + 0x100
    machine.step()
    machine.x[ADDRESS] = DATA
    machine.step()
    assert machine.x[RESULT] != 0
    machine.x[ADDRESS] = DATA + 0x100
    machine.step()
    machine.x[ADDRESS] = DATA
    machine.run(max_instructions=2)
    assert machine.x[RESULT] == 0
    assert get(machine, DATA) == 0x1234


def test_loads_stores_and_jumps_between_do_not_make_a_loop_fail_for_ever() -> None:
    """A constrained LR/SC loop makes progress (13.3), whatever was reserved before; so does one with more in it."""
    machine = from_text("""
        _start: la a0, counter
                la a3, other
                li a4, 500
        again:  lr.w.aq t0, (a0)
                addi t0, t0, 3
                bltz t0, again
                sc.w.rl t1, t0, (a0)
                bnez t1, again
        longer: lr.w t0, (a0)
                lw t2, (a3)
                sw t0, (a3)
                addi t0, t0, 1
                sc.w t1, t0, (a0)
                bnez t1, longer
                addi a4, a4, -1
                bnez a4, again
        done:   j done
                .data
        counter: .word 0
        other:  .word 0
    """)
    machine.run(max_instructions=20_000)
    assert machine.pc == machine.symbols["done"]
    assert get(machine, machine.symbols["counter"]) == 2000


@pytest.mark.parametrize("between", ["ecall", "mret"])
def test_a_trap_or_return_ends_the_reservation(between: str) -> None:
    """Allowed by the specification, and what a context switch relies on: the handler's return reserves nothing."""
    machine = machine_at(LR, encode(between))
    machine.csr["mepc"] = RAM + 0x100
    put(machine, RAM + 0x100, [SC])
    machine.run(max_instructions=2)
    enter(machine, M, RAM + 0x100)
    machine.step()
    assert machine.x[RESULT] != 0
    assert get(machine, DATA) == 0xABCD


def test_reservation_is_of_the_physical_word() -> None:
    """LR through one virtual address, SC through another of the same page."""
    machine = machine_at(LR, SC)
    root = RAM + 0x8000
    leaf = RAM >> 2 | 0xCF
    put(machine, root + 4 * (RAM >> 22), [leaf])
    put(machine, root + 4 * (0x40000000 >> 22), [leaf])
    machine.csr["satp"] = 1 << 31 | root >> 12
    enter(machine, S)
    machine.x[ADDRESS] = 0x40004000
    machine.step()
    assert machine.x[RESULT] == 0xABCD
    machine.x[ADDRESS] = DATA
    machine.step()
    assert machine.x[RESULT] == 0
    assert get(machine, DATA) == 0x1234


@pytest.mark.parametrize("mode", [U, S, M])
@pytest.mark.parametrize("offset", [1, 2, 3])
@pytest.mark.parametrize("name", ["lr.w", "sc.w", *AMOS])
def test_misaligned_address_traps(name: str, offset: int, mode: int) -> None:
    """ "If the address is not naturally aligned, an address-misaligned exception or an access-fault exception will
    be generated": a load's for LR, a store's for the others, also when SC could not have stored anyway."""
    word = encode(name, rd=RESULT, rs1=ADDRESS, rs2=VALUE)
    for reserve in (False, True):
        machine = machine_at(LR, word)
        enter(machine, mode)
        machine.step()
        if not reserve:
            put(machine, RAM, [SC])
            enter(machine, mode)
            machine.step()
        put(machine, DATA, [0xABCD])
        machine.x[ADDRESS], machine.x[RESULT] = DATA + offset, 0x5EED
        machine.step()
        assert machine.csr["mcause"] in ((4, 5) if name == "lr.w" else (6, 7))
        assert (machine.csr["mtval"], machine.csr["mepc"]) == (DATA + offset, RAM + 4)
        assert machine.x[RESULT] == 0x5EED
        assert get(machine, DATA) == 0xABCD


@pytest.mark.parametrize("address", [CLINT, CLINT + 0x4000, UART, FINISHER, 0xC000000, 0x40000000, 0])
@pytest.mark.parametrize("board", [True, False])
@pytest.mark.parametrize("name", ["lr.w", "sc.w", *AMOS])
def test_devices_refuse_atomics(name: str, board: bool, address: int) -> None:
    """Device memory here supports no atomics (physical memory attributes AMONone and RsrvNone): access fault."""
    if name == "sc.w":
        # Without a reservation it may fail instead; with one of another address it may do either. It must not store.
        words = [LR, SC]
    else:
        words = [encode("addi"), encode(name, rd=RESULT, rs1=ADDRESS, rs2=VALUE)]
    machine = from_words(words, board=board)
    machine.csr["mtvec"] = HANDLER
    machine.x[ADDRESS], machine.x[VALUE] = DATA, 0x5555
    machine.step()
    machine.x[ADDRESS], machine.x[RESULT] = address, 0x5EED
    machine.step()
    if name == "sc.w" and not machine.trap_counts:
        assert machine.x[RESULT] != 0
    else:
        assert machine.csr["mcause"] == (5 if name == "lr.w" else 7)
        assert machine.csr["mtval"] == address
        assert machine.x[RESULT] == 0x5EED
    assert machine.csr["mip"] == 0
    assert machine.console.output == b""


def test_amo_needs_a_writable_page_and_lr_a_readable_one() -> None:
    """Load permission for LR, store permission for SC and AMO; faults are a load's and a store's."""
    root = RAM + 0x8000
    read_only = RAM >> 2 | 0b1100_1011
    for name, cause in {"lr.w": None, "amoadd.w": 15, "sc.w": 15}.items():
        machine = machine_at(LR, encode(name, rd=RESULT, rs1=ADDRESS, rs2=VALUE))
        put(machine, root + 4 * (RAM >> 22), [read_only])
        machine.csr["satp"] = 1 << 31 | root >> 12
        enter(machine, S)
        machine.run(max_instructions=2)
        assert machine.csr["mcause"] == (cause or 0), name
        assert get(machine, DATA) == 0xABCD
        if cause:
            assert machine.csr["mtval"] == DATA


def test_amo_marks_its_page_dirty_and_lr_accessed_only() -> None:
    root = RAM + 0x8000
    entry = root + 4 * (0x40000000 >> 22)
    for name, marks in {"lr.w": 0x40, "amoadd.w": 0xC0}.items():
        machine = machine_at(encode(name, rd=RESULT, rs1=ADDRESS, rs2=VALUE), address=0x40004000)
        put(machine, root + 4 * (RAM >> 22), [RAM >> 2 | 0xCF])
        put(machine, entry, [RAM >> 2 | 0x0F])
        machine.csr["satp"] = 1 << 31 | root >> 12
        enter(machine, S)
        machine.step()
        assert get(machine, entry) == RAM >> 2 | 0x0F | marks


def test_interrupt_between_lr_and_sc_makes_the_sc_fail() -> None:
    machine = machine_at(LR, SC)
    put(machine, HANDLER, [csr_word("csrrw", "mie"), encode("mret")])
    machine.step()
    machine.csr["mie"] = machine.csr["mip"] = 2
    machine.csr["mstatus"] = 8
    machine.run(max_instructions=3)
    assert machine.trap_counts == {0x80000001: 1}
    assert machine.pc == RAM + 8
    assert machine.x[RESULT] != 0
    assert get(machine, DATA) == 0xABCD
