"""Regions against the interpreter, and what LLVM makes of them."""

import random

import pytest

from support import mixed_programs, random_programs
from support.budget import seeds
from support.translator.region_mutants import accesses_of
from support.translator.translated import SECOND_TIER, Translated, alone, beside, packed, run, stencils, write_code
from trapline import Machine
from trapline.isa.sv32 import PAGE
from trapline.isa.word import HALFWORD, WORD
from trapline.vm.translator.layout import BUDGET, LENGTH, ROW
from trapline.vm.translator.regions.compilation import compile_region
from trapline.vm.translator.regions.formation import Region
from trapline.vm.translator.regions.region_text import HEAD_BYTES, LARGE
from trapline.vm.translator.stencils import JUMP_BYTES

pytestmark = pytest.mark.once

BASE = random_programs.CODE
SIZE = 32 * PAGE
MANY = 10_000


def machine(text: str) -> Machine:
    return Machine.from_source(text, isa="rv32imac", memory=SIZE, engine="python")


def same(one: Machine, other: Machine) -> bool:
    h, g = one.engine.h[0], other.engine.h[0]
    return (
        list(h.x) == list(g.x)
        and (h.pc, h.cycle) == (g.pc, g.cycle)
        and one.engine.ram.tobytes() == other.engine.ram.tobytes()
    )


STRUCTURE = """
_start: la s0, data
        li s1, 5
        j next
loop:   lw t0, 0(s0)
        lh t1, 8(s0)
        addi s0, s0, {step}
        lbu t2, {step}(s0)
        add t0, t0, t1
        sw t0, 4(s0)
        sb t2, 1(s0)
        add t3, t3, t2
        add t4, s0, t3
        lw t5, 0(t4)
        andi t3, t3, 0x7c
next:   bne s1, s0, loop
        .align 12
data:   .space {space}
"""


@pytest.mark.parametrize("step", [4, 12, 252, 1024])
def test_accesses_that_cross_pages(step: int) -> None:
    """Pages that the TLBs do not have yet, groups that lie in two pages, and addresses that are not aligned."""
    text = STRUCTURE.format(step=step, space=8 * PAGE)
    one, other = machine(text), machine(text)
    one.step(40)
    other.step(40)
    translated = beside(one)
    assert translated.translate(BASE, BASE)
    assert translated.make_region() is not None
    for budget in (1, 2, 3, 5, 8, 13, 21, 200, 4000):
        run(translated, one, budget)
        other.step(budget)
        assert same(one, other), budget
    if step == 4:
        assert translated.counts[0] > 2000


@pytest.mark.parametrize("seed", range(1, 3 + 1))
def test_random_programs(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regions of some of their blocks, which go on in the first tier's code and come back."""
    rng = random.Random(seed)
    changes = [make.__name__ for make, _ in mixed_programs.MAKERS].index("_change")
    weights = [0 if n == changes else weight for n, weight in enumerate(mixed_programs.WEIGHTS)]
    monkeypatch.setattr(mixed_programs, "WEIGHTS", weights)
    words = mixed_programs.program(rng, 300)
    made = []
    for _ in range(2):
        one = Machine(isa="rv32imac_zba_zbb_zbs_zicond", memory=SIZE, engine="python")
        one.write(BASE, words)
        one.pc = BASE
        for number in random_programs.BASE_REGISTERS:
            one.x[number] = random_programs.DATA + random_programs.DATA_SIZE // 2
        made.append(one)
    one, other = made
    translated = beside(one)
    arrived = {BASE}
    for _ in range(150):
        before = one.pc
        one.step(1)
        if one.pc - before not in (HALFWORD, 2 * HALFWORD):
            arrived.add(one.pc)
    other.step(150)
    assert translated.translate(BASE, *arrived)
    assert translated.make_region(most=rng.choice((20, 60))) is not None
    for h in (one, other):
        h.pc = BASE
    for _ in range(40):
        steps = rng.choice((1, 7, 30))
        run(translated, one, steps)
        other.step(steps)
        assert same(one, other)
    assert translated.counts[0] > 0


def of(hart: Translated, *instructions: int) -> Region:
    write_code(hart, [*instructions])
    assert hart.translate(0, 0)
    region = hart.make_region()
    assert region is not None
    return region


def test_what_llvm_would_load_from_tables_is_code() -> None:
    """Stores of constants next to each other, and many entries."""
    hart = alone(3)
    stores = [packed(name, **fields) for n in range(8) for name, fields in (
        ("lui", {"rd": 5, "imm": 0x12345000 * n & 0x7FFFF000}), ("sw", {"rs1": 2, "rs2": 5, "imm": 4 * n}),
        ("beq", {"rs1": 5, "rs2": 6, "imm": -8}),
    )]  # fmt: skip
    code = compile_region(of(hart, *stores))
    assert {fixup.symbol for fixup in code.fixups} <= {"MAP", "COUNTS", "EXIT", "HEADS"}
    assert len(code.entries) > 5


def test_steps_and_entries_are_counted() -> None:
    hart = alone(3)
    of(hart, packed("addi", rd=5, rs1=5, imm=1), packed("bne", rs1=5, rs2=6, imm=-4), packed("ecall"))
    hart.h.x[6] = 100
    assert hart.enter(MANY) == 200
    assert hart.counts.tolist() == [200, 1]


def test_what_a_block_begins_with_has_room_in_a_head() -> None:
    plan = stencils().plan
    assert plan[ROW * BUDGET + LENGTH] + JUMP_BYTES <= HEAD_BYTES


def random_accesses(rng: random.Random) -> list[int]:
    """Loads and stores of all widths off three registers, which move on, in a few blocks or as many as are large."""
    blocks = rng.choice((1, 2, 3, LARGE + 1))
    body = []
    for _ in range(blocks):
        for _ in range(rng.randrange(1, 16 // blocks + 3)):
            base, value = rng.randrange(1, 4), rng.randrange(3, 7)
            near = rng.choice((0, 0, 4, 8, 20, 2040, -8)) + rng.choice((0, 0, 0, 0, 1, 2))
            match rng.randrange(9):
                case 0 | 1 | 2 | 3:
                    body.append(packed(rng.choice(("sb", "sh", "sw")), rs1=base, rs2=value, imm=near))
                case 4 | 5 | 6:
                    body.append(packed(rng.choice(("lb", "lhu", "lw", "lw")), rd=value, rs1=base, imm=near))
                case _:
                    body.append(packed("addi", rd=base, rs1=base, imm=rng.choice((-4, 1, 4, 40, 1000))))
        body.append(packed("beq", rs1=7, imm=WORD))  # ends the block, and goes on in any case
    return body


@pytest.mark.parametrize("seed", seeds(200))
def test_random_accesses(seed: int) -> None:
    """What one block has learnt of a page is right for another, whatever the widths and distances there."""
    body = random_accesses(random.Random(seed))
    assert list(accesses_of(body, SECOND_TIER)) == list(accesses_of(body, None))
