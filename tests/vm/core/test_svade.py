"""A and D of page-table entries: set by the walk, or page faults, as Svade, Svadu and menvcfg.ADUE say (Priv 3.1.18).

The algorithm of the specification is `support.paging.translate`.
"""

from itertools import product

import pytest

from support.machines import RAM, S, U, encode, get, put, state
from support.paging import (
    AT,
    FETCH,
    FRAME,
    FULL,
    LOAD,
    PAGE_FAULT,
    STORE,
    TO,
    USER,
    WINDOW,
    A,
    D,
    R,
    Space,
    V,
    W,
    X,
    as_mode,
    attempt,
    machine_with,
    translate,
)
from trapline import Machine
from trapline.vm.core.mmu import refresh
from trapline.vm.core.page_walk import load_allowed
from trapline.vm.hypervisor.technique import TECHNIQUES

ADUE = 1 << 29
SCHEMES = {
    "rv32ima": (0, False), "rv32ima_svade": (0, True), "rv32ima_svadu": (ADUE, False),
    "rv32ima_svade_svadu": (0, True),
}  # fmt: skip
"""By ISA string: menvcfgh after reset, and whether a clear bit is a fault then."""


@pytest.mark.parametrize("isa", SCHEMES)
def test_after_reset_the_scheme_is_the_one_that_the_device_tree_promises(isa: str) -> None:
    machine = machine_with(isa=isa)
    assert machine.csr["menvcfgh"] == SCHEMES[isa][0]
    machine.csr["menvcfgh"] = 0xFFFFFFFF
    assert machine.csr["menvcfgh"] == (ADUE if "svadu" in isa else 0)
    machine.csr["menvcfgh"] = 0
    assert machine.csr["menvcfgh"] == 0


def cases(isa: str) -> list[tuple[int, bool]]:
    """(menvcfgh, whether a clear bit is a fault)"""
    return [(0, True), (ADUE, False)] if "svadu" in isa else [SCHEMES[isa]]


@pytest.mark.parametrize("isa", list(SCHEMES)[1:])
@pytest.mark.parametrize("access", [FETCH, LOAD, STORE])
def test_every_leaf_entry_under_every_scheme(access: str, isa: str) -> None:
    machine = machine_with(isa=isa)
    space = Space(machine)
    va = WINDOW + 0x40
    for (menvcfgh, svade), bits, mode in product(cases(isa), (X, R | W, R | W | X, R), (U, S)):
        machine.csr["menvcfgh"] = menvcfgh
        for dirty in (0, A, D, A | D):
            flags = V | bits | dirty | (USER if mode == U else 0)
            entry = space.map(va, FRAME, flags)
            put(machine, FRAME + 0x40, [0x13])
            before = get(machine, entry)
            machine.csr["satp"] = space.satp
            cause, _, after = translate(machine, space.satp, va, access, mode, machine.csr["mstatus"], svade)
            context = (hex(flags), mode, svade)
            assert attempt(machine, access, va, mode) == cause, context
            assert get(machine, entry) == (before if cause else after), context
            if cause:
                assert machine.csr["mtval"] == va


def test_atomics_are_stores() -> None:
    machine = machine_with(isa="rv32ima_svade")
    space = Space(machine)
    machine.csr["satp"] = space.satp
    for name, flags, cause in (
        ("lr.w", A, 0), ("lr.w", 0, 13), ("amoadd.w", A, 15), ("amoadd.w", A | D, 0), ("amoadd.w", D, 15),
    ):  # fmt: skip
        space.map(WINDOW, FRAME, V | R | W | flags)
        machine.csr["satp"] = space.satp
        assert attempt(machine, LOAD, WINDOW, S) == (0 if flags & A else 13)
        put(machine, RAM, [encode(name, rd=TO, rs1=AT)])
        as_mode(machine, S)
        machine.csr["mcause"], machine.pc = 0, RAM
        machine.step()
        assert machine.csr["mcause"] == cause, (name, flags)


def test_what_may_be_loaded_depends_on_a() -> None:
    """The answer of probe, and of all that asks before it acts."""
    for isa, allowed in (("rv32ima_xprobe_svade", 0), ("rv32ima_xprobe", 1)):
        machine = machine_with(isa=isa)
        space = Space(machine)
        space.map(WINDOW, FRAME, V | R)
        machine.csr["satp"] = space.satp
        machine.mode = S
        h, engine = machine.engine.h[0], machine.engine
        refresh(h)
        assert load_allowed(h, engine.m, engine.words, WINDOW) == allowed


KERNEL = """
        .equ    FLAGS, 0xf
_start: la      t0, trap
        csrw    mtvec, t0
        la      t0, fault
        csrw    stvec, t0
        li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        li      t0, 0xb000
        csrw    medeleg, t0
        li      s0, 0x80008000          # the root: one megapage for the code, one table for data
        li      t0, 0x200000cf
        li      t1, 0x80008800
        sw      t0, (t1)
        li      t0, 0x20002401
        li      t1, 0x80008400
        sw      t0, (t1)
        li      s1, 0x80009000          # its entries: data without A and D
        li      t0, 0x2000100f
        sw      t0, (s1)
        li      t0, 0x2000140b
        sw      t0, 4(s1)
        li      t0, 1 << 31 | 0x80008
        csrw    satp, t0
        li      t0, 0x800
        csrs    mstatus, t0
        la      t0, kernel
        csrw    mepc, t0
        mret
kernel: li      a0, 0x40000000
        li      a1, 0
        lw      t0, (a0)
        sw      t0, 4(a0)
        amoadd.w t0, t0, (a0)
        li      a0, 0x40001000
        jalr    a0
        li      t2, 1 << 31             # once more with the entries as they are
        lw      t0, (a0)
done:   j       done
fault:  csrr    t3, scause              # sets A, or D as well for a store, and counts
        addi    a1, a1, 1
        csrr    t4, stval
        srli    t4, t4, 10
        andi    t4, t4, 4
        li      t5, 0x80009000
        add     t4, t4, t5
        li      t5, 0x40
        addi    t3, t3, -15
        bnez    t3, 1f
        li      t5, 0xc0
1:      lw      t3, (t4)
        or      t3, t3, t5
        li      t5, 0x80009000
        sw      t3, (t4)
        sfence.vma
        sret
trap:   j       trap
        .org    0x5000
        ret
"""
"""S mode that sets A and D itself; its tables are at 0x80008000, and are mapped where they are."""


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("isa", SCHEMES)
def test_a_kernel_ends_alike_under_every_technique(isa: str, technique: str) -> None:
    ends = []
    for name in ("bare", technique):
        machine = Machine.from_source(KERNEL, isa=isa, technique=name, memory=0x10000)
        machine.run(max_instructions=400)
        assert machine.pc == machine.symbols["done"]
        ends.append(state(machine))
    assert ends[0] == ends[1]
    # The first load and store of the page, and the fetch and load of the other.
    faults = 3 if SCHEMES[isa][1] else 0
    assert machine.x["a1"] == faults
    assert get(machine, 0x80009000) & (A | D) == A | D and get(machine, 0x80009004) & (A | D) == A
    assert machine.trap_counts == ({PAGE_FAULT[a]: 1 for a in (LOAD, STORE, FETCH)} if faults else {})


def test_full_entries_never_fault() -> None:
    machine = machine_with(isa="rv32ima_svade")
    space = Space(machine)
    space.map(WINDOW, FRAME, FULL)
    put(machine, FRAME, [0x13])
    machine.csr["satp"] = space.satp
    assert [attempt(machine, access, WINDOW, S) for access in (LOAD, STORE)] == [0, 0]
