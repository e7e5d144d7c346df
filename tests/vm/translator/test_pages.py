"""What is translated changes nothing but the time: states equal the interpreter's however a run is cut."""

from functools import cache

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from support.budget import CHECKED, FIRST_SEED, PLAIN, examples
from support.hypervisor.bare_and_virtual import Reused, differences, states
from support.machines import RAM, csr_word, encode, from_text, from_words, put
from support.random_kernels.image import WORDS_ONLY, Kernel
from support.random_kernels.kernels import kernels
from trapline import Machine
from trapline.isa.sv32 import PAGE
from trapline.vm.engine import TRANSLATE
from trapline.vm.translator import context

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(PLAIN or CHECKED, reason="only the compiled engine translates"),
]


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at where a hart is after every second step, so that what is met more often is translated.

    With 1 each step would have a deadline, and no block of more than one instruction would be entered.
    """
    monkeypatch.setenv(TRANSLATE, "2")


@cache
def machine(engine: str, harts: int, isa: str) -> Reused:
    return Reused("bare", harts, isa=isa, engine=engine)


def counted(machine: Machine, word: int) -> int:
    translator = machine.engine.translator
    assert translator is not None, "nothing is translated"
    return int(translator.words[word])


@pytest.mark.parametrize("harts, count, mixed", [(1, 100, False), (2, 25, False), (1, 50, True), (3, 12, True)])
def test_random_kernels_do_the_same(harts: int, count: int, mixed: bool) -> None:
    """Those that map, protect and change their own code, on one hart and more, with instructions at any halfword."""
    steps = 0

    @seed(FIRST_SEED)
    @examples(count)
    @given(kernels(harts, mixed=mixed, free=True))
    def run(kernel: Kernel) -> None:
        nonlocal steps
        expected = states(machine("interpreter", harts, kernel.isa), kernel)
        translating = machine("numba", harts, kernel.isa)
        for number, (want, got) in enumerate(zip(expected, states(translating, kernel), strict=True)):
            assert want == got, f"after slice {number}: {differences(want, got)}"
        if translating.machine.engine.translator is not None:  # which is made after some steps
            steps += counted(translating.machine, context.STEPS)

    run()
    assert steps > 100 * count, "hardly anything was executed in machine code"


LOOP = [
    encode("addi", rd=5, rs1=5, imm=1), encode("xor", rd=6, rs1=6, rs2=5), encode("sw", rs1=2, rs2=6),
    encode("lw", rd=7, rs1=2), encode("add", rd=8, rs1=8, rs2=7), encode("jal", imm=-20 & 0xFFFFFFFF),
]  # fmt: skip


def both(words: list[int], isa: str = WORDS_ONLY) -> tuple[Machine, Machine]:
    made = tuple(from_words(words, isa=isa, engine=engine) for engine in ("interpreter", "numba"))
    for one in made:
        one.x[2] = RAM + 0x2000
    return made[0], made[1]


def seen(machine: Machine) -> tuple[object, ...]:
    hart = machine.harts[0]
    return machine.digest(), hart.pc, list(hart.h.x), hart.h.cycle, hart.h.instret, machine.trap_counts


@given(st.lists(st.integers(1, 40), min_size=10, max_size=60))
@examples(60)
def test_a_run_may_be_cut_anywhere(budgets: list[int]) -> None:
    first, second = both(LOOP)
    for one in (first, second):
        one.run(max_instructions=100)
    for budget in budgets:
        for one in (first, second):
            one.run(max_instructions=budget)
        assert seen(first) == seen(second)
    for one in (first, second):
        one.run(max_instructions=500)
    assert seen(first) == seen(second)
    assert counted(second, context.STEPS) > 0


def calling(functions: int, distance: int) -> list[int]:
    """A loop that calls so many functions, each of which calls the next one, in pages of their own; words of RAM.

    distance: in bytes, of their begins.
    """
    words = [encode("jal")] * (functions + 1) * (distance // 4)
    words[:3] = [
        encode("jal", rd=1, imm=distance),
        encode("addi", rd=5, rs1=5, imm=1),
        encode("jal", imm=-8 & 0xFFFFFFFF),
    ]
    for number in range(1, functions + 1):
        body = [encode("addi", rd=10 + number, rs1=1), encode("addi", rd=6, rs1=6, imm=number)]
        if number < functions:
            body.append(encode("jal", rd=1, imm=distance - 8))
        body += [encode("xor", rd=7, rs1=7, rs2=6), encode("jalr", rs1=10 + number)]
        at = number * distance // 4
        words[at : at + len(body)] = body
    return words


@given(st.lists(st.integers(1, 40), min_size=10, max_size=60))
@examples(60)
def test_calls_from_page_to_page(budgets: list[int]) -> None:
    """Once all pages are translated, the interpreter is left for as long as a run may last."""
    first, second = both(calling(4, PAGE))
    for one in (first, second):
        one.run(max_instructions=100)
        one.run(max_instructions=2_000)
    assert second.engine.translator is not None
    second.engine.translator.words[context.INTERVAL] = 1_000
    for budget in budgets:
        for one in (first, second):
            one.run(max_instructions=budget)
        assert seen(first) == seen(second)
    entered = counted(second, context.ENTERED)
    for one in (first, second):
        one.run(max_instructions=100_000)
    assert seen(first) == seen(second)
    assert counted(second, context.ENTERED) < entered + 10


@pytest.mark.parametrize("technique", ["bare", "trap"])
def test_stores_in_the_page_of_tohost(technique: str) -> None:
    """Bytes, halfwords and words from eight bytes before `tohost` to eight behind it, aligned or not, over and over."""
    text = """
_start: la s0, tohost
again:  li t0, -8
1:      add t1, s0, t0
        sb t0, 0(t1)
        sh t0, 0(t1)
        sw t0, 0(t1)
        li t5, 8
2:      sw t2, 64(t1)
        sb t2, 69(t1)
        lw t3, 0(t1)
        add t2, t2, t3
        addi t5, t5, -1
        bnez t5, 2b
        addi t0, t0, 1
        li t4, 16
        blt t0, t4, 1b
        sw x0, 0(s0)
        sw x0, 4(s0)
        j again
        .data
        .align 12
        .space 128
        .globl tohost
tohost: .space 256
"""
    first, second = (from_text(text, engine=engine, technique=technique) for engine in ("interpreter", "numba"))
    for budget in (100, 3_000, *range(1, 41), 9_000):
        for one in (first, second):
            one.run(max_instructions=budget)
        assert seen(first) == seen(second)
        assert first.htif is not None and second.htif is not None
        assert first.htif.save() == second.htif.save()
    assert counted(second, context.STEPS) > 500


@pytest.mark.parametrize("distance", range(1, 9))
def test_a_loop_that_changes_its_own_instructions(distance: int) -> None:
    """Each time around it replaces the instruction so many places behind its store, which counts by another number."""
    count = encode("addi", rd=5, rs1=5, imm=1)
    words = [encode("lw", rd=7, rs1=2), encode("addi", rd=9, rs1=9, imm=1), encode("slli", rd=10, rs1=9, shamt=20)]
    words += [encode("add", rd=7, rs1=7, rs2=10), encode("sw", rs1=3, rs2=7)]
    words += [count] * distance
    words.append(encode("jal", imm=-4 * len(words) & 0xFFFFFFFF))
    made = both(words)
    for one in made:
        one.x[3] = RAM + 4 * (4 + distance)
        put(one, RAM + 0x2000, [count])
        one.run(max_instructions=100)
        one.run(max_instructions=30_000)
    assert seen(made[0]) == seen(made[1])
    assert counted(made[1], context.EMITTED) > 1


def test_what_does_little_is_given_up() -> None:
    """A loop of traps is not entered for two instructions at a time for ever."""
    handler = RAM + 0x100
    words = [encode("ecall"), encode("addi", rd=5, rs1=5, imm=1), encode("jal", imm=-8 & 0xFFFFFFFF)]
    made = from_words(words, engine="numba")
    back = [csr_word("csrrs", "mepc", rd=6), encode("addi", rd=6, rs1=6, imm=4), csr_word("csrrw", "mepc", rs1=6)]
    put(made, handler, [*back, encode("mret")])
    made.csr["mtvec"] = handler
    made.run(max_instructions=100)
    made.run(max_instructions=200_000)
    before = counted(made, context.ENTERED)
    made.run(max_instructions=200_000)
    assert 0 < before < 2_000
    assert counted(made, context.ENTERED) == before
