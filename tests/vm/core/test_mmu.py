"""Sv32 against the specification (volume II, 10.3, 10.2.1 and 3.1.6.3), whose algorithm is `support.paging.translate`.

Loads and stores are tried from M mode under MPRV or from code that runs translated; fetches by going to the address.
"""

import random
from itertools import product

import pytest

from support.machines import RAM, M, S, U, encode, enter, get, put, set_status
from support.paging import (
    ACCESS_FAULT,
    AT,
    FETCH,
    FRAME,
    FROM,
    FULL,
    GLOBAL,
    LOAD,
    LW,
    OTHER,
    PAGE_FAULT,
    ROOT,
    SIZE,
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
    attempt,
    machine_with,
    translate,
    translated,
)
from trapline import Machine

NOP = encode("addi")


@pytest.mark.parametrize("access", [FETCH, LOAD, STORE])
@pytest.mark.parametrize("large", [False, True], ids=["4KiB", "4MiB"])
def test_every_leaf_entry(large: bool, access: str) -> None:
    """All low bits of an entry, both modes, SUM and MXR: the outcome, and that A and D are set exactly on success."""
    machine = machine_with()
    space = Space(machine)
    va = WINDOW + (FRAME - RAM) + 0x40 if large else WINDOW + 0x40
    for bits, mode, sum_, mxr in product(range(256), (U, S), (0, 1), (0, 1)):
        if bits & (V | R | W | X) == V and large:
            continue  # not a leaf: see below
        entry = space.map_large(va, RAM, bits) if large else space.map(va, FRAME, bits)
        put(machine, FRAME + 0x40, [FRAME + 0x40])
        before = get(machine, entry)
        set_status(machine, SUM=sum_, MXR=mxr)
        machine.csr["satp"] = space.satp
        cause, pa, after = translate(machine, space.satp, va, access, mode, machine.csr["mstatus"])
        context = (bin(bits), mode, sum_, mxr)
        if access == FETCH and not cause:
            put(machine, FRAME + 0x40, [NOP])
        assert attempt(machine, access, va, mode) == cause, context
        if cause:
            assert machine.csr["mtval"] == va
            assert get(machine, entry) == before, context
            assert get(machine, FRAME + 0x40) == FRAME + 0x40
            assert machine.x[TO] == 0x5EED
            continue
        assert pa == FRAME + 0x40
        assert get(machine, entry) == after, context
        if access == LOAD:
            assert machine.x[TO] == FRAME + 0x40
        elif access == STORE:
            assert get(machine, FRAME + 0x40) == 0x1234
        else:
            assert (machine.pc, machine.mode) == (va + 4, mode)


@pytest.mark.parametrize("access", [FETCH, LOAD, STORE])
def test_pointer_entries(access: str) -> None:
    """Reserved bits of an entry that points to a table fault; G is allowed; a table below the last level faults."""
    machine = machine_with()
    space = Space(machine)
    va = WINDOW + 0x80
    space.map(va, FRAME, FULL)
    put(machine, FRAME + 0x80, [NOP])
    slot = ROOT + 4 * (va >> 22)
    pointer = get(machine, slot)
    for bits in (0, GLOBAL, A, D, USER, A | D, 1 << 8, 1 << 9):
        put(machine, slot, [pointer | bits])
        machine.csr["satp"] = space.satp
        expected = PAGE_FAULT[access] if bits & (A | D | USER) else 0
        assert attempt(machine, access, va, S) == expected, bits
    put(machine, slot, [pointer])
    space.map(va, ROOT, V)
    machine.csr["satp"] = space.satp
    assert attempt(machine, access, va, S) == PAGE_FAULT[access]


@pytest.mark.parametrize("bit", range(10))
def test_misaligned_superpage(bit: int) -> None:
    machine = machine_with()
    space = Space(machine)
    entry = space.map_large(WINDOW, RAM | 1 << (12 + bit), FULL & ~(A | D))
    machine.csr["satp"] = space.satp
    for access in (FETCH, LOAD, STORE):
        assert attempt(machine, access, WINDOW, S) == PAGE_FAULT[access]
    assert get(machine, entry) & (A | D) == 0


@pytest.mark.parametrize("access", [FETCH, LOAD, STORE])
def test_physical_addresses_have_34_bits(access: str) -> None:
    """A page above 4 GiB, and tables there or where there is no RAM, are access faults: nothing wraps."""
    machine = machine_with()
    space = Space(machine)
    space.map(WINDOW, RAM, FULL)
    put(machine, space.entry(WINDOW), [(RAM >> 12 | 1 << 20) << 10 | FULL])
    machine.csr["satp"] = space.satp
    assert attempt(machine, access, WINDOW, S) == ACCESS_FAULT[access]
    assert machine.csr["mtval"] == WINDOW
    put(machine, ROOT + 4 * (WINDOW >> 22), [(ROOT >> 12 | 1 << 20) << 10 | V])
    machine.csr["satp"] = space.satp
    assert attempt(machine, access, WINDOW, S) == ACCESS_FAULT[access]
    for ppn in (0, ROOT >> 12 | 1 << 20, RAM + SIZE >> 12, (RAM >> 12) - 1):
        machine.csr["satp"] = 1 << 31 | ppn
        assert attempt(machine, access, WINDOW, S) == ACCESS_FAULT[access]
        assert machine.csr["mtval"] == WINDOW


def test_random_tables() -> None:
    """Whole random trees, random accesses; the machine keeps its translations while nothing changes but A and D."""
    rng = random.Random(5)
    for _ in range(30):
        machine = machine_with()
        space = Space(machine)
        pages = [rng.getrandbits(32) & 0xFFFFF000 for _ in range(6)]
        for page in pages:
            flags = rng.choice([0xFF, 0xFF, FULL, rng.getrandbits(10)]) | V
            if get(machine, space.root + 4 * (page >> 22)) & (R | W | X | V) not in (0, V):
                continue
            if rng.random() < 0.3:
                space.map_large(page, RAM | rng.choice([0, 0, 0x1000]), flags)
            else:
                space.map(page, rng.choice([FRAME, OTHER]), flags)
        machine.csr["satp"] = space.satp
        for _ in range(60):
            va = rng.choice([*pages, rng.getrandbits(32) & 0xFFFFF000]) + 4 * rng.randrange(1024)
            mode, access = rng.choice([U, S]), rng.choice([LOAD, STORE])
            set_status(machine, SUM=rng.randrange(2), MXR=rng.randrange(2))
            cause, pa, _ = translate(machine, space.satp, va, access, mode, machine.csr["mstatus"])
            if not cause and not (FRAME <= pa < FRAME + 0x1000 or OTHER <= pa < OTHER + 0x1000):
                if not RAM <= pa < RAM + SIZE:
                    cause = ACCESS_FAULT[access]
                elif access == STORE:
                    continue  # the tables or the program
            content = get(machine, pa) if not cause and pa != RAM else None
            assert attempt(machine, access, va, mode) == cause
            if cause == 0 and access == LOAD and content is not None:
                assert machine.x[TO] in (content, content | A, content | A | D)  # it may read its own entry
            elif cause == 0 and access == STORE:
                assert get(machine, pa) == 0x1234


def test_machine_mode_and_bare_mode_are_not_translated() -> None:
    machine, space = translated(LW)
    machine.x[AT] = FRAME
    enter(machine, M)
    machine.step()
    assert (machine.x[TO], machine.pc) == (FRAME, RAM + 4)
    for mode in (U, S):
        machine.csr["satp"] = space.satp & 0x7FFFFFFF
        machine.x[TO] = 0
        enter(machine, mode)
        machine.step()
        assert (machine.x[TO], machine.pc) == (FRAME, RAM + 4)


def test_mprv_changes_loads_and_stores_but_not_fetches() -> None:
    machine, space = translated(LW, LW, LW)
    put(machine, space.root + 4 * (RAM >> 22), [0])  # code is not mapped, and need not be
    for mpp, expected in ((S, FRAME), (M, None), (U, None)):
        set_status(machine, MPRV=1, MPP=mpp)
        machine.x[TO], machine.x[AT] = 0x5EED, WINDOW
        machine.csr["mcause"] = 0
        enter(machine, M)
        machine.step()
        if expected is not None:
            assert (machine.x[TO], machine.pc) == (expected, RAM + 4)
        else:
            # M: WINDOW is no physical memory; U: it is not a user page.
            assert machine.csr["mcause"] == (5 if mpp == M else 13)
            assert machine.x[TO] == 0x5EED


def deny(machine: Machine, address: int, permissions: int) -> None:
    """Give the page at `address` these PMP permissions (R 1, W 2, X 4), by entry 0."""
    machine.csr["pmpaddr0"] = address >> 2 | 0x1FF
    machine.csr["pmpcfg0"] = 0x18 | permissions


@pytest.mark.parametrize("table", ["root", "second"])
@pytest.mark.parametrize("access", [FETCH, LOAD, STORE])
def test_table_that_pmp_denies_is_an_access_fault(access: str, table: str) -> None:
    """ "If accessing pte violates a PMA or PMP check, raise an access-fault exception corresponding to the original
    access type"; a table that cannot be written is enough as long as A and D need no setting."""
    for permissions, flags in ((0, FULL), (1, FULL), (1, FULL & ~A), (1, FULL & ~D), (3, FULL & ~(A | D))):
        machine = machine_with()
        put(machine, FRAME, [NOP])
        space = Space(machine)
        entry = space.map(WINDOW, FRAME, flags)
        machine.csr["satp"] = space.satp
        deny(machine, ROOT if table == "root" else entry & ~0xFFF, permissions)
        must_write = table == "second" and (not flags & A or (access == STORE and not flags & D))
        denied = permissions == 0 or (must_write and permissions == 1)
        assert attempt(machine, access, WINDOW, S) == (ACCESS_FAULT[access] if denied else 0), (permissions, bin(flags))
        if denied:
            assert machine.csr["mtval"] == WINDOW
            assert get(machine, entry) & 0xFF == flags


@pytest.mark.parametrize("name", ["lw", "lh", "lhu", "sw", "sh"])
@pytest.mark.parametrize("first", [True, False], ids=["mapped", "unmapped first"])
def test_misaligned_access_whose_second_page_faults(name: str, first: bool) -> None:
    """mtval is "the virtual address of the portion of the access that caused the fault"; nothing is done in part."""
    load = name.startswith("l")
    width = 2 if "h" in name else 4
    operands = {"rd": TO} if load else {"rs2": FROM}
    for into in range(1, width):
        for fault in ("page", "pmp", "outside"):
            machine, space = translated(encode(name, rs1=AT, **operands))
            va = WINDOW + 0x1000 - into
            if not first:
                space.map(WINDOW, FRAME, 0)
            if fault == "pmp":
                space.map(WINDOW + 0x1000, OTHER, FULL)
                deny(machine, OTHER, 0)
            elif fault == "outside":
                space.map(WINDOW + 0x1000, 0x70000000, FULL)
            before = machine.read(FRAME, 0x4000)
            machine.x[AT] = va
            machine.step()
            causes = PAGE_FAULT if fault == "page" or not first else ACCESS_FAULT
            assert machine.csr["mcause"] == causes[LOAD if load else STORE], (into, fault)
            assert machine.csr["mtval"] == (WINDOW + 0x1000 if first else va), (into, fault)
            assert machine.csr["mepc"] == RAM
            assert machine.x[TO] == 0x5EED
            assert machine.read(FRAME, 0x4000) == before


def test_misaligned_access_joins_pages_that_lie_apart() -> None:
    """Each part goes where its own page is; the address space wraps around at its end."""
    for low, high in ((WINDOW, WINDOW + 0x1000), (0xFFFFF000, 0)):
        for name, width in (("lw", 4), ("lhu", 2), ("sw", 4), ("sh", 2)):
            for into in range(1, width):
                operands = {"rd": TO} if name.startswith("l") else {"rs2": FROM}
                machine, space = translated(encode(name, rs1=AT, **operands))
                space.map(low, OTHER, FULL)
                space.map(high, FRAME, FULL)
                machine.x[AT], machine.x[FROM] = (low + 0x1000 - into), 0x44332211
                before = machine.read(OTHER + 0xFFC - into, 4) + machine.read(FRAME + width - into, 4)
                joined = machine.read(OTHER + 0x1000 - into, into) + machine.read(FRAME, width - into)
                machine.step()
                assert machine.trap_counts == {}
                if name.startswith("l"):
                    assert machine.x[TO] == int.from_bytes(joined, "little")
                else:
                    parts = machine.read(OTHER + 0x1000 - into, into) + machine.read(FRAME, width - into)
                    assert parts == bytes((0x11, 0x22, 0x33, 0x44))[:width]
                    around = machine.read(OTHER + 0xFFC - into, 4) + machine.read(FRAME + width - into, 4)
                    assert around == before


def test_execution_runs_on_into_the_next_page_wherever_it_is() -> None:
    """Straight-line code over a page boundary, the second frame before the first; then the second page is not there."""
    machine, space = translated()
    space.map(WINDOW, OTHER, FULL)
    space.map(WINDOW + 0x1000, FRAME, FULL)
    put(machine, OTHER + 0xFF8, [encode("addi", rd=5, imm=1), encode("addi", rd=5, rs1=5, imm=2)])
    put(machine, FRAME, [encode("addi", rd=5, rs1=5, imm=4), encode("jal", imm=-4)])
    enter(machine, S, WINDOW + 0xFF8)
    machine.run(max_instructions=3)
    assert (machine.x[5], machine.pc) == (7, WINDOW + 0x1004)
    space.map(WINDOW + 0x1000, FRAME, 0)
    machine.csr["satp"] = space.satp
    enter(machine, S, WINDOW + 0xFF8)
    machine.run(max_instructions=3)
    assert machine.csr["mcause"] == 12
    assert machine.csr["mepc"] == machine.csr["mtval"] == WINDOW + 0x1000
    assert machine.x[5] == 3
