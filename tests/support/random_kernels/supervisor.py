"""Random kernels that run in S and U mode over an SBI, and end by themselves with a record of all that they have seen.

Their steps are those of `support.random_kernels.steps` that need no M mode. The trap handler, in S mode, writes down
scause, sepc, stval and sstatus of each trap and goes on; at the end the registers and CSRs are written down and the
machine is switched off. So two runs are alike if memory is. What a virtual machine may do differently does not show:
values of counters are overwritten, timers fire at once or where the kernel waits for them, sc.w is tried again.
"""

from random import Random

from hypothesis import strategies as st

from support.random_kernels.code import (
    DATA,
    HANDLERS,
    LEAF_0,
    LEAF_1,
    NEXT,
    PROBED,
    ROOT_A,
    ROOT_B,
    Choices,
    csr,
)
from support.random_kernels.image import RAM
from support.random_kernels.memory import leaf, root_leaf
from support.random_kernels.script import Script
from support.random_kernels.supervisor_image import (
    ENTRY,
    LOG,
    POINTER,
    SupervisorKernel,
    SupervisorScript,
    ending,
    fixed_words,
)
from support.random_kernels.supervisor_steps import STEPS
from trapline.vm.sbi.call import BASE


def boot(c: Choices, s: Script) -> None:
    """Vector, translation and registers before the first block."""
    s.put(0, 0)
    s.begun = 0
    s.constant(POINTER, LOG)
    for name, value in (
        ("stvec", RAM + HANDLERS + c.below(2)), ("scounteren", c.below(8)), ("sie", 0),
        ("satp", 1 << 31 | (RAM + ROOT_A) >> 12 if c.maybe(80) else 0),
    ):  # fmt: skip
        s.constant(6, value)
        s.put(csr("csrrw", name, 0, 6))
    for x in (*range(1, NEXT), 29, 30, 31):
        s.constant(x, {17: BASE, 16: 0}.get(x, c.word() if 10 <= x < 16 else 0x01010101 * x))


def script(first: bytes, steps: list[bytes]) -> dict[int, list[int]]:
    """The words of a kernel."""
    s, c = SupervisorScript(), Choices(first)
    boot(c, s)
    words: dict[int, list[int]] = {}
    for table in (LEAF_0, LEAF_1):
        words[RAM + table] = [leaf(c, s) for _ in range(16)]
    for root in (ROOT_A, ROOT_B):
        words[RAM + root + 4 * (PROBED[2] >> 22)] = [root_leaf(c, s)]
    for data in steps:
        if len(s.code.words) > 2700:
            break
        c = Choices(data)
        c.of(STEPS)(c, s)
    s.end_block()
    s.put(0, *ending())
    words |= {RAM + DATA + 0x1000 * p: [0x12345678 * (p + 1) & 0xFFFFFFFF, 0xFFFFFFFF] for p in range(6)}
    return {ENTRY: s.code.closed(), **words, **fixed_words()}


def seeded(number: int) -> SupervisorKernel:
    """The kernel of a number."""
    random = Random(number)
    steps = [random.randbytes(16) for _ in range(random.randint(1, 60))]
    return SupervisorKernel({a: tuple(words) for a, words in script(random.randbytes(100), steps).items()})


@st.composite
def supervisor_kernels(draw: st.DrawFn) -> SupervisorKernel:
    """A kernel in S and U mode."""
    first = draw(st.binary(min_size=100, max_size=100))
    count = draw(st.sampled_from(range(1, 61)))
    steps = draw(st.lists(st.binary(min_size=16, max_size=16), min_size=count, max_size=count))
    return SupervisorKernel({a: tuple(words) for a, words in script(first, steps).items()})
