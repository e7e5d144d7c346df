"""The state of a hart: which fields the record has and what they hold after reset.

Every field is a 64-bit signed integer (or an array of them) that holds a word, a count or a flag, so
that a meaning function computes the same under numba as in plain Python.
"""

from trapline.isa.mode import M

FIELDS: tuple[tuple[str, int], ...] = (
    ("x", 32),  # general registers; x[0] is always 0
    ("pc", 1),
    ("mode", 1),  # 0 U, 1 S, 3 M
    ("reservation", 1),  # physical address of the reserved word, -1 without a reservation
    ("stale", 1),  # 1: cached translations must be dropped before the next access
    ("lines", 1),  # mip bits that devices hold
    ("cycle", 1),  # instructions retired or trapped since reset
    ("instret", 1),  # instructions retired since reset
    ("mtime", 1),  # ticks of 100 ns
    ("mhartid", 1),
    ("misa", 1),
    ("extensions", 1),  # optional extensions that this hart has (`isa.extension`)
    ("mstatus", 1),
    ("medeleg", 1),
    ("mideleg", 1),
    ("mie", 1),
    ("mip", 1),  # software-writable bits only
    ("mtvec", 1),
    ("mcounteren", 1),
    ("menvcfg", 1),
    ("mcountinhibit", 1),
    ("mleak", 1),
    ("mscratch", 1),
    ("mepc", 1),
    ("mcause", 1),
    ("mtval", 1),
    ("mcycle", 1),  # what to add to `cycle`
    ("minstret", 1),  # what to add to `instret`
    ("uflags", 1),
    ("stvec", 1),
    ("scounteren", 1),
    ("senvcfg", 1),
    ("sscratch", 1),
    ("sepc", 1),
    ("scause", 1),
    ("stval", 1),
    ("satp", 1),
    ("pmpcfg", 16),
    ("pmpaddr", 16),
)

RESET = {"mode": M, "reservation": -1, "stale": 1}
"""Fields that are not zero after reset; `misa` and `extensions` follow from the ISA string."""

ABI_NAMES = (
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
    "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
)  # fmt: skip

A0, A1, A2, A6, A7 = (ABI_NAMES.index(name) for name in ("a0", "a1", "a2", "a6", "a7"))
"""Registers in which calls have their arguments and numbers."""

REGISTERS = {f"x{i}": i for i in range(32)} | {name: i for i, name in enumerate(ABI_NAMES)} | {"fp": 8}
"""Register number by every accepted name."""
