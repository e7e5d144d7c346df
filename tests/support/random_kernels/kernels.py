"""Random guest kernels: all modes, CSRs, traps, page tables, PMP, interrupts, code that changes itself."""

from hypothesis import strategies as st

from support.random_kernels.code import (
    DATA,
    HANDLERS,
    LEAF_0,
    LEAF_1,
    PROBED,
    ROOT_A,
    ROOT_B,
    S_HANDLER,
    SCRIPT,
    Choices,
    arena,
    csr,
    fixed_words,
    word,
)
from support.random_kernels.image import EXTENSIONS, MIXED, REFUSED, WORDS_ONLY, Kernel
from support.random_kernels.memory import leaf, root_leaf
from support.random_kernels.mixed_steps import MIXED_STEPS
from support.random_kernels.script import Script
from support.random_kernels.steps import EXTENDED_STEPS, STEPS

STCE, ADUE = 1 << 31, 1 << 29
"""Fields of menvcfgh."""
SPIN = 0x6F
"""jal zero, 0"""
ALL_STEPS = (*STEPS, *MIXED_STEPS, *MIXED_STEPS)
LENGTHS = 2500, 5000, 9000, 12000
"""Steps of a kernel, by harts."""


def boot(c: Choices, s: Script) -> None:
    """Vectors, delegation, PMP, translation and registers before the first block."""
    s.put(0, 0)
    s.begun = 0
    for name, value in (
        ("mtvec", s.base + HANDLERS + c.below(2)), ("stvec", s.base + S_HANDLER + c.below(2)),
        ("pmpaddr15", 0xFFFFFFFF), ("pmpcfg3", 0x1F << 24), ("medeleg", c.of((0, 0xB109, 0xB1FF & c.below(1 << 16)))),
        ("mideleg", c.of((0, 0x222, 0x222 & c.below(1 << 10)))), ("mcounteren", c.of((7, 0, c.below(8)))),
        ("scounteren", c.of((7, 0, c.below(8)))), ("mleak", 0xFF if s.holes == REFUSED else 0),
    ):  # fmt: skip
        s.constant(6, value)
        s.put(csr("csrrw", name, 0, 6))
    s.paged = c.maybe(70)
    if s.paged:
        s.constant(6, 1 << 31 | (s.base + ROOT_A) >> 12)
        s.put(csr("csrrw", "satp", 0, 6))
    for x in range(10, 16):
        s.constant(x, c.word())
    if s.extended:
        s.constant(6, c.of((STCE, ADUE, STCE | ADUE, 0)))
        s.put(csr("csrrw", "menvcfgh", 0, 6))


def script(
    hart: int, holes: int, first: bytes, steps: list[bytes], harts: int = 1, free: bool = False, extended: bool = False,
    mixed: bool = False,
) -> dict[int, list[int]]:  # fmt: skip
    """The words of one hart's arena."""
    base = arena(hart)
    s = Script(base, hart, holes, harts, free)
    s.extended, s.mixed = extended, mixed
    c = Choices(first)
    boot(c, s)
    tables = {}
    for table in (LEAF_0, LEAF_1):
        tables[base + table] = [leaf(c, s) for _ in range(16)]
    for root in (ROOT_A, ROOT_B):
        tables[base + root + 4 * (PROBED[2] >> 22)] = [root_leaf(c, s)]
    for data in steps:
        if s.full():
            break
        c = Choices(data)
        c.of(ALL_STEPS if mixed else EXTENDED_STEPS if extended else STEPS)(c, s)
    s.end_block()
    s.put(word("ecall"), csr("csrrw", "mie", 0, 0), word("wfi"), SPIN)
    tables |= {base + DATA + 0x1000 * p: [0x12345678 * (p + 1) & 0xFFFFFFFF, 0xFFFFFFFF] for p in range(6)}
    return {base + SCRIPT: s.code.closed(), **tables, **fixed_words(base, hart, mixed)}


@st.composite
def kernels(draw: st.DrawFn, harts: int = 1, free: bool = False, extended: bool = False, mixed: bool = False) -> Kernel:
    """A kernel for so many harts; a free one may change what it translates by and not fence.

    extended: for harts with Sstc, Svade, Svadu and Sdtrig; mixed: for those with compressed instructions.
    """
    holes = draw(st.sampled_from((0, REFUSED, 1, 2, 2, 2) if mixed else (0, 0, 0, REFUSED, 1, 2)))
    words: dict[int, list[int]] = {}
    for hart in range(harts):
        first = draw(st.binary(min_size=100, max_size=100))
        # Without a number of its own a list of up to 60 would have 6 on average.
        count = draw(st.sampled_from(range(1, 61)))
        steps = draw(st.lists(st.binary(min_size=16, max_size=16), min_size=count, max_size=count))
        words |= script(hart, holes, first, steps, harts, free, extended, mixed)
    cuts = draw(st.lists(st.sampled_from(range(1, 400)), min_size=1, max_size=6))
    slices = [*cuts, LENGTHS[harts - 1] - sum(cuts)]
    isa = (MIXED if mixed else WORDS_ONLY) + (EXTENSIONS if extended else "")
    return Kernel(words, [arena(h) + SCRIPT for h in range(harts)], holes, slices, isa)
