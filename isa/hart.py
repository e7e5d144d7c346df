"""The state of a hart: which fields the record has and what they hold after reset.

Every field is a 64-bit signed integer (or an array of them) that holds a word, a count or a flag, so
that a meaning function computes the same under numba as in plain Python.
"""

from collections.abc import Iterator
from typing import Protocol

from trapline.isa.mode import M


class Words(Protocol):
    """An array of a record."""

    def __getitem__(self, index: int, /) -> int: ...
    def __setitem__(self, index: int, value: int, /) -> None: ...
    def __iter__(self) -> Iterator[int]: ...
    def __len__(self) -> int: ...


class HartState(Protocol):
    """The fields of a hart's record that instructions and traps act on; an engine has more (`vm.core.records`)."""

    x: Words  # general registers; x[0] is always 0
    pc: int
    mode: int  # 0 U, 1 S, 3 M
    reservation: int  # physical address of the reserved word, -1 without a reservation
    stale: int  # 1: cached translations must be dropped before the next access
    lines: int  # mip bits that devices hold
    cycle: int  # instructions retired or trapped since reset
    instret: int  # instructions retired since reset
    mtime: int  # ticks of 100 ns
    mhartid: int
    misa: int
    extensions: int  # optional extensions that this hart has (`isa.extension`)
    mstatus: int
    medeleg: int
    mideleg: int
    mie: int
    mip: int  # software-writable bits only
    mtvec: int
    mcounteren: int
    menvcfg: int
    menvcfgh: int
    mcountinhibit: int
    mleak: int
    mscratch: int
    mepc: int
    mcause: int
    mtval: int
    mcycle: int  # what to add to `cycle`
    minstret: int  # what to add to `instret`
    uflags: int
    stvec: int
    scounteren: int
    senvcfg: int
    sscratch: int
    sepc: int
    scause: int
    stval: int
    satp: int
    stimecmp: int  # of Sstc: S mode's deadline, low and high half
    stimecmph: int
    tselect: int
    tdata1: Words  # of each trigger: the fields that can be written
    tdata2: Words
    triggers: int  # what enabled triggers are about (`isa.sdtrig`), 0 for none
    pmpcfg: Words
    pmpaddr: Words


def declared(record: type, **arrays: int) -> tuple[tuple[str, int], ...]:
    """The fields that a record's class declares, in order, with the words that each has. arrays: the length of each."""
    fields = record.__annotations__
    if {name for name, kind in fields.items() if kind is Words} != arrays.keys():
        raise TypeError(f"{record.__name__}: not every array has a length")
    return tuple((name, arrays.get(name, 1)) for name in fields)


FIELDS = declared(HartState, x=32, pmpcfg=16, pmpaddr=16, tdata1=4, tdata2=4)

RESET = {"mode": M, "reservation": -1, "stale": 1}
"""Fields that are not zero after reset; `misa`, `extensions` and `menvcfgh` follow from the ISA string."""

ABI_NAMES = (
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
    "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
)  # fmt: skip

A0, A1, A2, A6, A7 = (ABI_NAMES.index(name) for name in ("a0", "a1", "a2", "a6", "a7"))
"""Registers in which calls have their arguments and numbers."""

REGISTERS = {f"x{i}": i for i in range(32)} | {name: i for i, name in enumerate(ABI_NAMES)} | {"fp": 8}
"""Register number by every accepted name."""
