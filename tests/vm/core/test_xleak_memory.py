"""probe and lra against real loads and stores, and against the Sv32 algorithm of `support`.

Random page tables, PMP, modes, SUM, MXR and MPRV; addresses outside RAM belong to a device, so that a load faults for
translation and protection only.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.budget import examples
from support.machines import RAM, STATUS, M, S, U, encode, enter, get, put, set_status
from support.paging import AT, FRAME, FULL, HANDLER, LOAD, OTHER, ROOT, SIZE, USER, WINDOW, A, R, Space, V, translate
from trapline import Machine

TO = 12
PROBE, LRA = encode("probe", rd=TO, rs1=AT), encode("lra", rd=TO, rs1=AT)
LBU, LW, SW = encode("lbu", rd=TO, rs1=AT), encode("lw", rd=TO, rs1=AT), encode("sw", rs1=AT, rs2=13)
TABLE = ROOT + 0x1000
"""The second-level table; a second one may follow it."""
CODE = RAM
NOWHERE = -1 & 0xFFFFFFFF
engines = pytest.mark.parametrize("engine", ["numba", "python"])


class Somewhere:
    """A device that records the physical addresses of accesses."""

    def __init__(self, base: int, seen: list[int]) -> None:
        self.base, self.seen = base, seen

    def load(self, offset: int, width: int) -> int:
        self.seen.append(self.base + offset)
        return 0x5A

    def store(self, offset: int, width: int, value: int) -> None:
        self.seen.append(self.base + offset)


def bare(engine: str = "python") -> tuple[Machine, list[int]]:
    """A machine whose frames hold their own addresses in every word, with no PMP entry yet.

    Everything below and above RAM is a device; the second result is where it was accessed.
    """
    machine = Machine(isa="rv32ima_xleak", engine=engine, memory=SIZE, board=False)
    put(machine, HANDLER, [encode("jal")])
    for frame in (FRAME, FRAME + 0x1000, OTHER, OTHER + 0x1000):
        put(machine, frame, range(frame, frame + 0x1000, 4))
    machine.csr["mtvec"] = HANDLER
    seen: list[int] = []
    for base, end in ((0, RAM), (RAM + SIZE, 1 << 32)):
        machine.on_mmio(base, end - base, Somewhere(base, seen))
    return machine, seen


@dataclass(frozen=True)
class Setting:
    """A translation and protection, and the mode of the code and of its loads.

    leaf: the entry of WINDOW's page; large: the root's entry of the 4 MiB at twice WINDOW.
    denied: permissions (R 1, W 2, X 4) that PMP leaves to pages; open: whether the other pages have all.
    code_mode: where the instructions run; in M mode with MPRV their loads are those of `mode`.
    """

    leaf: int
    large: int
    pointer: int
    denied: dict[int, int]
    open: bool
    sum: int
    mxr: int
    mode: int
    code_mode: int
    bare: bool


def apply(machine: Machine, setting: Setting) -> None:
    space = Space(machine)
    space.map_large(RAM, RAM, FULL | (USER if setting.code_mode == U else 0))
    put(machine, space.entry(WINDOW), [setting.leaf])
    put(machine, ROOT + 4 * (WINDOW >> 22), [get(machine, ROOT + 4 * (WINDOW >> 22)) | setting.pointer])
    put(machine, ROOT + 4 * (2 * WINDOW >> 22) + 4, [setting.large])
    pages = [(CODE, 7), *setting.denied.items()]
    for i, (page, permissions) in enumerate(pages):
        machine.csr[f"pmpaddr{i}"] = page >> 2 | 0x1FF
        old = machine.csr[f"pmpcfg{i // 4}"]
        machine.csr[f"pmpcfg{i // 4}"] = old | (0x18 | permissions) << 8 * (i % 4)
    if setting.open:
        machine.csr["pmpaddr15"] = 0xFFFFFFFF
        machine.csr["pmpcfg3"] = 0x1F << 24
    machine.csr["satp"] = 0 if setting.bare else space.satp
    set_status(machine, SUM=setting.sum, MXR=setting.mxr)
    if setting.code_mode == M:
        set_status(machine, MPRV=1, MPP=setting.mode)


def step(machine: Machine, word: int, mode: int) -> int | None:
    """Execute one word; its cause if it faulted, None if it did not. Raises LookupError if it cannot be fetched."""
    put(machine, CODE, [word])
    enter(machine, mode, CODE)
    before = machine.csr["mstatus"]
    machine.csr["mcause"] = 0xBAD
    machine.step()
    cause = machine.csr["mcause"]
    machine.csr["mstatus"] = before
    if cause in (1, 12):
        raise LookupError(cause)
    return None if cause == 0xBAD else cause


def hidden(machine: Machine) -> list[Any]:
    """All of the hart but what counts instructions: its cached translations and PMP state, too."""
    h = machine.engine.h[0]
    names = ("load_tlb", "store_tlb", "generation", "data_context", "reservation", "mstatus", "satp", "pmp_entries")
    return [list(v) if hasattr(v := getattr(h, name), "__len__") else v for name in names]


pages = st.sampled_from([ROOT, TABLE, FRAME, OTHER])
frames = st.sampled_from(
    [FRAME, FRAME, OTHER, RAM, TABLE, 0x10000000, RAM - 0x1000, RAM + SIZE, 1 << 32, 1 << 32 | FRAME, 3 << 32 | OTHER]
)
flags = st.integers(0, 255) | st.sampled_from([FULL, FULL | USER, FULL & ~A | USER, V | R])
leaves = st.builds(lambda frame, flag: frame >> 12 << 10 | flag, frames, flags)
large_frames = st.sampled_from([RAM, RAM, RAM | FRAME, 0x10000000, 1 << 32, 0x401000])
settings_of_memory = st.builds(
    Setting,
    leaf=leaves,
    large=st.builds(lambda frame, flag: frame >> 12 << 10 | flag, large_frames, flags),
    pointer=st.sampled_from([0] * 6 + [USER, A, 0x20, 0x300]),
    denied=st.dictionaries(pages, st.sampled_from([0, 1, 3, 4, 5, 7]), max_size=3),
    open=st.sampled_from([True, True, True, False]),
    sum=st.integers(0, 1),
    mxr=st.integers(0, 1),
    mode=st.sampled_from([U, S, M]),
    code_mode=st.sampled_from([M, S, U]),
    bare=st.sampled_from([False, False, False, True]),
)
LARGE_FRAME = 2 * WINDOW + 0x400000 + FRAME - RAM
addresses = st.builds(
    lambda base, offset: (base + offset) & 0xFFFFFFFF,
    st.sampled_from([WINDOW, WINDOW, WINDOW + 0x1000, LARGE_FRAME, RAM + 0x4000, 0, 0x10000000]),
    st.sampled_from([0, 0x40, 0xFFC]),
)


def physical(machine: Machine, setting: Setting, va: int, mode: int) -> int:
    """What lra must answer: by the algorithm, with a mode and bits of mstatus that any valid leaf permits."""
    if mode == M or setting.bare:
        return va
    root, entry = ROOT, machine.csr["satp"]
    tables = [root]
    pointer = get(machine, ROOT + 4 * (va >> 22))
    if pointer & 0xF == V:
        tables.append((pointer >> 10) << 12)
    for table in tables:
        if not setting.denied.get(table, 7 if setting.open else 0) & 1:
            return NOWHERE
    for leaf_mode in (U, S):
        cause, paddr, _ = translate(machine, entry, va, LOAD, leaf_mode, STATUS["SUM"] | STATUS["MXR"])
        if not cause:
            return paddr if paddr < 1 << 32 else NOWHERE
    return NOWHERE


def check(engine: str, setting: Setting, va: int) -> None:
    machine, seen = bare(engine)
    apply(machine, setting)
    code, mode = setting.code_mode, setting.mode if setting.code_mode == M else setting.code_mode
    machine.x[AT], machine.x[13] = va, 0x1234
    try:
        # Fetching may set A in the table; that has happened before what is compared.
        step(machine, encode("addi"), code)
    except LookupError:
        return
    expected = physical(machine, setting, va, mode)
    put(machine, CODE, [0])
    before, memory = hidden(machine), machine.read(RAM + 4, SIZE - 4)
    assert step(machine, PROBE, code) is None
    readable = machine.x[TO]
    assert step(machine, LRA, code) is None
    paddr = machine.x[TO]
    assert hidden(machine) == before
    assert machine.read(RAM + 4, SIZE - 4) == memory
    assert seen == []
    assert paddr == expected

    faults = step(machine, LBU, code) is not None
    assert readable == (0 if faults else 1)
    for word in (LW, SW):
        seen.clear()
        contents = get(machine, paddr) if RAM <= paddr < RAM + SIZE else None
        if step(machine, word, code) is not None:
            continue
        assert paddr != NOWHERE
        if contents is None:
            assert seen == [paddr]
        elif word == SW:
            assert get(machine, paddr) == 0x1234
        elif FRAME <= paddr < OTHER + 0x2000:
            assert machine.x[TO] == contents == paddr


MISALIGNED = Setting(0, (RAM | 0x4000) >> 12 << 10 | FULL, 0, {}, True, 0, 0, S, S, False)
NO_WRITE = Setting(FRAME >> 2 | FULL & ~A | USER, 0, 0, {TABLE: 1}, True, 0, 0, U, U, False)
NO_TABLE = Setting(FRAME >> 2 | FULL, 0, 0, {TABLE: 0}, True, 0, 0, S, M, False)
HIGH = Setting((1 << 32 | FRAME) >> 12 << 10 | FULL, 0, 0, {}, True, 0, 0, S, S, False)


@examples(800)
@given(setting=settings_of_memory, va=addresses)
@example(setting=MISALIGNED, va=2 * WINDOW + 0x400000)
@example(setting=NO_WRITE, va=WINDOW)
@example(setting=NO_TABLE, va=WINDOW)
@example(setting=HIGH, va=WINDOW)
def test_probe_and_lra_say_what_loads_and_stores_do(setting: Setting, va: int) -> None:
    check("python", setting, va)


@examples(500)
@given(setting=settings_of_memory, va=addresses)
def test_the_same_compiled(setting: Setting, va: int) -> None:
    check("numba", setting, va)


def answers(setting: Setting, va: int, engine: str) -> tuple[int, int]:
    """What probe and lra answer."""
    machine, _ = bare(engine)
    apply(machine, setting)
    machine.x[AT] = va
    found = []
    for word in (PROBE, LRA):
        assert step(machine, word, setting.code_mode) is None
        found.append(machine.x[TO])
    return found[0], found[1]


@engines
def test_cases_that_the_document_names(engine: str) -> None:
    """In the order of docs/xleak.md, 7 and 8."""
    assert answers(MISALIGNED, 2 * WINDOW + 0x400000, engine) == (0, NOWHERE)
    assert answers(HIGH, WINDOW, engine) == (0, NOWHERE)
    assert answers(NO_WRITE, WINDOW + 5, engine) == (0, FRAME + 5)
    assert answers(NO_TABLE, WINDOW, engine) == (0, NOWHERE)
    supervisor = FRAME >> 2 | FULL
    assert answers(Setting(supervisor, 0, 0, {}, True, 0, 0, U, U, False), WINDOW, engine) == (0, FRAME)
    assert answers(Setting(supervisor, 0, 0, {}, True, 0, 0, S, S, False), WINDOW, engine) == (1, FRAME)
    assert answers(Setting(supervisor, 0, 0, {FRAME: 0}, True, 0, 0, S, S, False), WINDOW, engine) == (0, FRAME)
    # M mode: as itself, nothing is translated; under MPRV as MPP.
    assert answers(Setting(supervisor, 0, 0, {}, True, 0, 0, M, M, False), WINDOW, engine) == (1, WINDOW)
    assert answers(Setting(supervisor, 0, 0, {}, True, 0, 0, U, M, False), WINDOW, engine) == (0, FRAME)
    assert answers(Setting(supervisor, 0, 0, {}, True, 0, 0, S, M, False), WINDOW, engine) == (1, FRAME)
    # Whether something is there is no question of translation and protection.
    assert answers(Setting(0, 0, 0, {}, True, 0, 0, M, M, True), 0x50000000, engine) == (1, 0x50000000)


@engines
def test_tables_are_read_anew(engine: str) -> None:
    """A cached translation serves loads until sfence.vma; probe and lra see the table as it is."""
    machine, _ = bare(engine)
    apply(machine, Setting(FRAME >> 2 | FULL, 0, 0, {}, True, 0, 0, S, S, False))
    machine.x[AT] = WINDOW
    assert step(machine, LW, S) is None and machine.x[TO] == FRAME
    Space(machine).next = TABLE
    put(machine, TABLE, [OTHER >> 2 | FULL])
    assert step(machine, LRA, S) is None and machine.x[TO] == OTHER
    put(machine, TABLE, [0])
    assert step(machine, PROBE, S) is None and machine.x[TO] == 0
    assert step(machine, LW, S) is None and machine.x[TO] == FRAME
    assert step(machine, encode("sfence.vma"), S) is None
    assert step(machine, LW, S) == 13
