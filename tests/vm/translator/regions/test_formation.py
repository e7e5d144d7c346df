"""Which blocks become a region, and where it is entered."""

import random

from support.translator.translated import mark_leaders, packed, stencils
from trapline.isa.sv32 import PAGE_PARCELS
from trapline.isa.word import HALFWORD
from trapline.vm.core.packed import OP
from trapline.vm.translator.flow import NOWHERE, block_length
from trapline.vm.translator.regions.formation import Block, blocks_of, form, joined, leaders_with

CALL = 40
"""Where the function begins in PROGRAM."""
PROGRAM = {
    0: packed("addi", rd=5, imm=100),
    2: packed("addi", rd=5, rs1=5, imm=-1),  # a loop: 2 to 12
    4: packed("beq", rs1=5, imm=HALFWORD * (20 - 4)),
    6: packed("auipc", rd=1, imm=0),
    8: packed("jalr", rd=1, rs1=1, imm=HALFWORD * (CALL - 6)),
    10: packed("addi", rd=6, rs1=6, imm=1),
    12: packed("jal", imm=HALFWORD * (2 - 12)),
    20: packed("addi", rd=7, imm=7),  # what follows it
    22: packed("jal", imm=1 << 13),
    CALL: packed("add", rd=6, rs1=6, rs2=5),
    CALL + 2: packed("jalr", rs1=1),
}
LEADERS = (0, 2, 6, 10, 20, CALL)


def page(program: dict[int, int] = PROGRAM) -> list[int]:
    decoded = [0] * PAGE_PARCELS
    for parcel, d in program.items():
        decoded[parcel] = d
    return decoded


def blocks() -> dict[int, Block]:
    return blocks_of(page(), LEADERS, stencils().plan)


def test_blocks_end_before_the_next_and_behind_a_jump() -> None:
    made = blocks()
    assert {leader: [s.parcel for s in block.steps] for leader, block in made.items()} == {
        0: [0], 2: [2, 4], 6: [6, 8], 10: [10, 12], 20: [20, 22], CALL: [CALL, CALL + 2],
    }  # fmt: skip
    assert (made[6].target, made[6].calls, made[6].returns) == (CALL, True, False)
    assert (made[CALL].target, made[CALL].calls, made[CALL].returns) == (NOWHERE, False, True)
    assert (made[2].target, made[10].target, made[20].after) == (20, 2, 24)


def test_blocks_are_those_of_the_first_tier() -> None:
    """An instruction is in a block of so many instructions, whatever a page holds."""
    rng = random.Random(1)
    plan = stencils().plan
    for _ in range(20):
        program = {}
        for parcel in range(0, 200, rng.choice((1, 2))):
            name = rng.choice(("addi", "lw", "beq", "jal", "csrrw", "jalr"))
            program[parcel] = packed(name, rd=rng.randrange(3), rs1=1, imm=HALFWORD * rng.randrange(-50, 50))
        decoded = page(program)
        leaders = bytearray(PAGE_PARCELS + 1)
        for parcel in rng.sample(range(200), 5):
            leaders[parcel] = 1
        mark_leaders(decoded, 0, leaders)
        found = [parcel for parcel in range(PAGE_PARCELS) if leaders[parcel]]
        made = blocks_of(decoded, found, plan)
        lengths = {leader: block_length(decoded, 0, leaders, leader, plan) for leader in found}
        assert {leader: len(block.steps) for leader, block in made.items()} == {n: c for n, c in lengths.items() if c}
        around = rng.sample(range(200), 10)
        some = blocks_of(decoded, found, plan, around)
        last = {max((leader for leader in found if leader <= parcel), default=NOWHERE) for parcel in around}
        assert some == {leader: block for leader, block in made.items() if leader in last}


def test_the_block_of_an_instruction() -> None:
    made = blocks()
    assert leaders_with((0, 4, 12, 14, 20, 23, CALL + 2, 100), made) == [
        0, 2, 10, None, 20, 20, CALL, None,
    ]  # fmt: skip


def test_a_region_is_a_loop_with_the_functions_that_it_calls() -> None:
    """Found in one place of it; what comes before it and after it stays outside."""
    for parcel in (2, 8, 10, CALL):
        region = form(blocks(), {parcel: 5, 20: 0})
        assert region is not None
        assert sorted(region.blocks) == [2, 6, 10, CALL]
        assert region.entries == (2, CALL)
        assert region.return_points == (10,)
        assert region.size == 8


def test_a_region_is_entered_where_a_function_outside_comes_back_to() -> None:
    region = form(blocks(), {2: 4, 6: 3, 10: 2, CALL: 1}, most=6)
    assert region is not None
    assert sorted(region.blocks) == [2, 6, 10]
    assert region.entries == (2, 10)


def test_a_jump_by_a_table_may_lead_to_what_nothing_else_leads_to() -> None:
    program = {
        **PROGRAM,
        12: packed("jalr", rs1=9),
        30: packed("addi", rd=8, rs1=8, imm=1),
        32: packed("jal", imm=HALFWORD * (10 - 32)),
    }
    made = blocks_of(page(program), (*LEADERS, 30), stencils().plan)
    region = form(made, dict.fromkeys(made, 1))
    assert region is not None
    assert region.jump_points == (0, 30)
    assert (region.points(made[10]), region.points(made[CALL]), region.points(made[6])) == ((0, 30), (10,), ())


def test_a_block_that_only_a_sample_has_begun_is_no_block() -> None:
    """In the middle of others, and behind one that falls through; not one that is jumped to, called or come back to."""
    decoded, plan = page(), stencils().plan
    made = joined(blocks_of(decoded, (0, 2, 4, 6, 8, 10, 12, 20, CALL, CALL + 2), plan))
    assert made == blocks()
    assert sorted(joined(blocks_of(decoded, (2, 4), plan))) == [2]
    decoded[22] = packed("jalr", rs1=9)  # to anywhere in the page
    assert sorted(joined(blocks_of(decoded, (2, 4, 20), plan))) == [2, 4, 20]


def test_what_is_found_rarely_is_not_hot() -> None:
    region = form(blocks(), {20: 2, 2: 98})
    assert region is not None and 20 not in region.blocks
    region = form(blocks(), {20: 5, 2: 95})
    assert region is not None and 20 in region.blocks


def test_a_region_has_a_limit() -> None:
    region = form(blocks(), {2: 3, 10: 2, CALL: 1}, most=5)
    assert region is not None
    assert sorted(region.blocks) == [2, 10]
    assert form(blocks(), {2: 1}, most=1) is None
    assert form(blocks(), {100: 7}) is None


def test_an_instruction_without_a_stencil_is_in_no_block() -> None:
    decoded = page({0: packed("addi", rd=1, imm=1), 2: packed("csrrw", rd=1), 4: packed("addi", rd=1, imm=1)})
    assert decoded[2] & OP
    made = blocks_of(decoded, (0, 2, 4), stencils().plan)
    assert sorted(made) == [0, 4] and made[0].after == 2
