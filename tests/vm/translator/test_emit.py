"""Translated pages against the interpreter, instruction by instruction."""

import random

import pytest

from support import mixed_programs, random_programs
from support.translator.translated import CODE, Translated, alone, beside, packed, run, write_code
from trapline import Machine
from trapline.isa.sv32 import PAGE, PAGE_PARCELS, PAGE_SHIFT
from trapline.isa.word import HALFWORD, WORD
from trapline.vm.core.code_pages import CODE_ENTRIES
from trapline.vm.core.packed import STRICT
from trapline.vm.core.tlb import PLACE_MODE_SHIFT, TLB_MASK
from trapline.vm.translator.emit import BEFORE_LINE, LINE

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("tier")]

BASE = random_programs.CODE
MANY = 10_000
"""More than any test executes, and few enough that wrong code which runs in circles comes back."""
SIZE = 32 * PAGE
CHANGES = [make.__name__ for make, _ in mixed_programs.MAKERS].index("_change")


def from_source(text: str) -> Machine:
    """A machine with a program, and no engine to compile."""
    return Machine.from_source(text, isa="rv32imac_zba_zbb_zbs_zicond", memory=SIZE, engine="python")


def of_words(words: bytes) -> Machine:
    """A machine that begins with these instructions, and with the registers of random programs."""
    machine = Machine(isa="rv32imac_zba_zbb_zbs_zicond", memory=SIZE, engine="python")
    machine.write(BASE, words)
    start(machine)
    return machine


def start(machine: Machine) -> None:
    """Begin at the begin, with the registers of random programs and no data."""
    machine.pc = BASE
    for number in range(1, 32):
        machine.engine.h[0].x[number] = 0
    for number in random_programs.BASE_REGISTERS:
        machine.x[number] = random_programs.DATA + random_programs.DATA_SIZE // 2
    machine.engine.ram[random_programs.DATA - BASE :] = 0


def same(one: Machine, other: Machine) -> bool:
    """Whether registers, pc, time, and RAM are equal."""
    h, g = one.engine.h[0], other.engine.h[0]
    return (
        list(h.x) == list(g.x)
        and (h.pc, h.cycle) == (g.pc, g.cycle)
        and one.engine.ram.tobytes() == other.engine.ram.tobytes()
    )


LOOP = """
_start: la s0, data
        li s1, 5
loop:   lw t0, 0(s0)
        addi t0, t0, 3
        sw t0, 4(s0)
        lbu t1, 4(s0)
        mul t2, t1, t0
        jal ra, double
        bne t2, s1, loop
        j loop
double: add t2, t2, t2
        csrr t3, cycle
        beq t2, x0, loop
        ret
        .align 12
data:   .word 7, 0
"""


def test_a_loop_at_every_budget() -> None:
    """Wherever a run is cut, it has done so many instructions and no more."""
    machine, plain = from_source(LOOP), from_source(LOOP)
    machine.step(40)
    plain.step(40)
    translated = beside(machine)
    assert translated.translate(BASE, BASE)
    for budget in (*range(1, 30), 200):
        run(translated, machine, budget)
        plain.step(budget)
        assert same(machine, plain), budget
    assert translated.steps > 400


@pytest.mark.parametrize("seed", range(4))
def test_random_programs(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one length and of both, with accesses that miss, cut at random."""
    rng = random.Random(seed)
    # Nothing here drops the code of a page that changes.
    weights = [0 if n == CHANGES else weight for n, weight in enumerate(mixed_programs.WEIGHTS)]
    monkeypatch.setattr(mixed_programs, "WEIGHTS", weights)
    if seed % 2:
        words = b"".join(word.to_bytes(4, "little") for word in random_programs.program(rng, 400))
    else:
        words = mixed_programs.program(rng, 300)
    machine, plain = of_words(words), of_words(words)
    arrived = {BASE}
    for _ in range(180):
        before = machine.pc
        machine.step(1)
        if machine.pc - before not in (HALFWORD, WORD):
            arrived.add(machine.pc)
    plain.step(180)
    start(machine)
    start(plain)
    translated = beside(machine)
    assert translated.translate(BASE, *arrived)
    left = 180
    while left:
        steps = min(rng.choice((1, 7, 30, 180)), left)
        run(translated, machine, steps)
        plain.step(steps)
        assert same(machine, plain)
        left -= steps
    assert translated.steps > 50


def test_a_link_is_what_follows() -> None:
    """For both lengths, by a jump that is known and one that is computed; x0 receives nothing."""
    hart = alone(2)
    for length in (WORD, HALFWORD):
        for rd in (0, 1):
            write_code(hart, [packed("jalr", rd=rd, rs1=7, imm=4, length=length), packed("addi", rd=9, imm=1)])
            target = length
            hart.h.x[7], hart.h.x[1], hart.h.pc = target - 4, 5, 0
            assert hart.translate(0, 0)
            assert hart.enter(MANY) == 2
            assert (hart.h.x[1], hart.h.x[0], hart.h.x[9]) == (length if rd else 5, 0, 1)
            hart.code[:8] = 0


def test_after_a_computed_jump_to_no_entry_the_interpreter_goes_on() -> None:
    """And where no instruction can begin, it does the jump."""
    hart = alone(2)
    for strict in (0, STRICT):
        write_code(hart, [packed("addi", rd=2, imm=1), packed("jalr", rd=1, rs1=7) | strict])
        assert hart.translate(0, 0)
        hart.maps[1:] = hart.entries[0]
        for target in (PAGE, 0xFFFFFFFC, PAGE - 2, PAGE + 2, 4, 100):
            hart.h.x[7], hart.h.x[1], hart.h.pc = target, 77, 0
            if strict and target & 2:
                assert (hart.enter(MANY), hart.h.pc, hart.h.x[1]) == (1, 4, 77)
            else:
                assert (hart.enter(MANY), hart.h.pc, hart.h.x[1]) == (2, target, 8)


def test_a_jump_to_where_no_instruction_can_begin_has_no_code() -> None:
    hart = alone(2)
    write_code(hart, [packed("addi", rd=2, imm=1), packed("jal", rd=1, imm=6) | STRICT, packed("addi", rd=2)])
    hart.translate(0, 0)
    assert (hart.enter(MANY), hart.h.pc, hart.h.x[1]) == (1, 4, 0)
    write_code(hart, [packed("addi", rd=2, imm=1), packed("beq", imm=6) | STRICT])
    hart.translate(0, 0)
    hart.h.pc = 0
    assert (hart.enter(MANY), hart.h.pc) == (1, 4)


@pytest.mark.parametrize("offset", [-8, PAGE, 0x7F0])
def test_jumps_out_of_the_page(offset: int) -> None:
    """The interpreter goes on at the target, and a branch that is not taken goes on."""
    hart = alone(2)
    instructions = [
        packed("addi", rd=2, rs1=2, imm=1),
        packed("beq", rs1=2, rs2=3, imm=offset),
        packed("addi", rd=4, imm=9),
    ]
    write_code(hart, [*instructions, packed("jal", rd=1, imm=PAGE)])
    hart.translate(0, 0)
    hart.h.x[3] = 1
    assert (hart.enter(MANY), hart.h.pc) == (2, (4 + offset) & 0xFFFFFFFF)
    hart.h.pc = 0
    assert (hart.enter(MANY), hart.h.pc, hart.h.x[1], hart.h.x[4]) == (4, 12 + PAGE, 16, 9)


HERE, THERE, ALIAS = 0x40000000, 0x7FFFF000, 0x12345000
"""Where two pages of RAM are, neither of them beside the other, and where the second one is as well."""
FAR = {
    "jal": lambda target: packed("jal", rd=1, imm=target - 4),
    "jalr": lambda target: packed("jalr", rd=1, rs1=8 if target > 0 else 9),
    "branch": lambda target: packed("beq", imm=target - 4),
}


def there_and_back(way: str) -> Translated:
    """A hart with two pages, translated, that count and jump to each other."""
    hart = alone(4)
    hart.h.fetch_context = 5 << 36 | 3 << 32
    hart.map(HERE, 2)
    hart.map(THERE, 3)
    used = CODE
    for number, target in ((2, THERE - HERE), (3, HERE - THERE)):
        instructions = [packed("addi", rd=number, rs1=number, imm=1), FAR[way](target)]
        for n, d in enumerate(instructions):
            hart.code[number * CODE_ENTRIES + 2 * n] = d
        used += hart.translate(number * PAGE, number * PAGE, start=used)
        hart.install()
    hart.h.x[8], hart.h.x[9] = THERE, HERE
    begin(hart, HERE, 2)
    return hart


def begin(hart: Translated, address: int, number: int) -> None:
    """At the begin of a page of RAM, which is at this address; nothing is counted yet."""
    hart.page = hart.h.pc = address
    hart.entries = hart.maps[hart.tables[number * PAGE]]
    hart.h.x[1] = hart.h.x[2] = hart.h.x[3] = 0


@pytest.mark.parametrize("way", FAR)
def test_control_goes_on_in_the_code_of_another_page(way: str) -> None:
    """As many instructions as it may, and a link is that of the page's address."""
    hart = there_and_back(way)
    for budget in (*range(1, 12), 1_000):
        begin(hart, HERE, 2)
        assert hart.enter(budget) == budget - budget % 2
        there = budget // 2 % 2
        assert hart.h.pc == (THERE if there else HERE)
        assert (hart.h.x[2], hart.h.x[3]) == (budget // 2 - budget // 4, budget // 4)
        if way != "branch" and budget > 1:
            assert hart.h.x[1] == (HERE if there else THERE) + 8


@pytest.mark.parametrize("way", FAR)
def test_only_where_the_fetch_tlb_leads_to_an_entry(way: str) -> None:
    hart = there_and_back(way)
    entry = 2 * ((THERE >> PAGE_SHIFT ^ hart.h.fetch_context >> PLACE_MODE_SHIFT) & TLB_MASK)
    for another_mode_or_generation in (5 << 36, 6 << 36 | 3 << 32):
        hart.h.fetch_tlb[entry] = THERE | another_mode_or_generation
        begin(hart, HERE, 2)
        assert (hart.enter(MANY), hart.h.pc) == (2, THERE)
    hart.map(THERE, 3)
    end = 3 * CODE_ENTRIES + PAGE_PARCELS
    translated, hart.code[end] = int(hart.code[end]), 0
    begin(hart, HERE, 2)
    assert (hart.enter(MANY), hart.h.pc) == (2, THERE)
    hart.code[end], hart.maps[hart.tables[3 * PAGE]][0] = translated, 0
    begin(hart, HERE, 2)
    assert (hart.enter(MANY), hart.h.pc) == (2, THERE)


def test_another_page_is_left_at_the_address_by_which_it_was_entered() -> None:
    hart = there_and_back("jalr")
    hart.map(ALIAS, 3)
    hart.h.x[8] = ALIAS
    begin(hart, HERE, 2)
    assert (hart.enter(3), hart.h.pc, hart.h.x[1]) == (2, ALIAS, HERE + 8)
    begin(hart, HERE, 2)
    assert (hart.enter(4), hart.h.pc, hart.h.x[1]) == (4, HERE, ALIAS + 8)


def test_behind_the_end_of_a_page_the_next_one_goes_on() -> None:
    hart = there_and_back("jal")
    hart.code[2 * CODE_ENTRIES + PAGE_PARCELS - 2] = packed("addi", rd=2, rs1=2, imm=5)
    hart.translate(2 * PAGE, 2 * PAGE, 3 * PAGE - 4, start=1 << 16)
    hart.map(HERE + PAGE, 3)
    begin(hart, HERE, 2)
    hart.h.pc = HERE + PAGE - 4
    assert (hart.enter(2), hart.h.pc, hart.h.x[2]) == (1, HERE + PAGE, 5)
    hart.h.pc = HERE + PAGE - 4
    assert (hart.enter(3), hart.h.x[2], hart.h.x[3]) == (3, 10, 1)


def test_the_end_of_the_page() -> None:
    """Control goes on behind it, also around the end of the address space."""
    hart = alone(2)
    hart.code[PAGE_PARCELS - 2] = packed("addi", rd=2, imm=1)
    hart.translate(0, PAGE - 4)
    for page, after in ((0, PAGE), (0xFFFFF000, 0)):
        hart.page, hart.h.pc = page, page + PAGE - 4
        assert (hart.enter(MANY), hart.h.pc) == (1, after)


def test_one_translation_serves_all_addresses_of_a_page() -> None:
    hart = alone(2)
    write_code(
        hart, [packed("auipc", rd=2, imm=0x5000), packed("jal", rd=1, imm=4), packed("jalr", rd=3, rs1=1, imm=8)]
    )
    write_code(hart, [packed("auipc", rd=2, imm=0x5000), packed("jal", rd=1, imm=4)])
    hart.translate(0, 0)
    for page in (0x12345000, 0xFFFFE000):
        hart.page = hart.h.pc = page
        hart.enter(2)
        assert (hart.h.x[2], hart.h.x[1]) == ((page + 0x5000) & 0xFFFFFFFF, page + 8)


def overlapping(hart: Translated, count: int) -> None:
    """Instructions at every halfword, each of which goes on in the middle of another."""
    for parcel in range(count):
        hart.code[parcel] = packed("addi", rd=2, rs1=2, imm=1)


def test_instructions_that_overlap_are_in_one_block_each() -> None:
    """So that the code of a page is bounded, whatever the guest puts there."""
    hart = alone(2)
    overlapping(hart, PAGE_PARCELS - 1)
    used = hart.translate(0, *range(0, PAGE - 2, 2))
    assert used < 120 * PAGE_PARCELS
    for start in (0, 2):
        hart.h.pc, hart.h.x[2] = start, 0
        done = hart.enter(MANY)
        assert done == hart.h.x[2] == (PAGE - start) // 4
        assert hart.h.pc == PAGE - (start % 4)


def test_where_two_ways_meet_a_block_begins() -> None:
    """The second instruction lies in the middle of the first one."""
    hart = alone(2)
    hart.code[0] = hart.code[2] = packed("addi", rd=2, rs1=2, imm=1)
    hart.code[1] = packed("addi", rd=3, rs1=3, imm=1, length=HALFWORD)
    assert hart.translate(0, 0, 2)
    assert hart.leaders.nonzero()[0].tolist() == [0, 1, 2] == hart.entries.nonzero()[0].tolist()
    for start in (0, 2):
        hart.h.pc = start
        assert (hart.enter(MANY), hart.h.pc) == (2, 8)
    assert (hart.h.x[2], hart.h.x[3]) == (3, 1)


def test_loops_begin_right_before_the_end_of_a_line() -> None:
    """Of the processor's cache; what comes before goes on there, over a gap or through it."""
    hart = alone(2)
    for before in range(1, 24):
        count = [packed("addi", rd=2, rs1=2, imm=1)] * before
        write_code(hart, [*count, packed("addi", rd=3, rs1=3, imm=-1), packed("bne", rs1=3, imm=-4)])
        assert hart.translate(0, 0)
        assert hart.entries[2 * before] % LINE == LINE - BEFORE_LINE
        hart.h.x[2], hart.h.x[3], hart.h.pc = 0, 10, 0
        assert (hart.enter(MANY), hart.h.x[2], hart.h.x[3]) == (before + 20, before, 0)


def test_a_full_arena() -> None:
    """Nothing is written behind its end, and nothing is translated."""
    hart = alone(2)
    write_code(hart, [packed("lw", rd=2, rs1=3), packed("beq", rs1=2, rs2=3, imm=-4), packed("jal", rd=1, imm=-8)])
    used = hart.translate(0, 0)
    start = CODE
    hart.arena[start + used :] = 0xCC
    for end in range(start, start + used):
        hart.arena[end:] = 0xCC
        assert hart.translate(0, 0, end=end) == 0
        assert not hart.entries.any() and (hart.arena[end : end + 64] == 0xCC).all()
    assert hart.translate(0, 0, end=start + used) == used


def test_a_page_without_code() -> None:
    hart = alone(2)
    assert hart.translate(0, 0) == 0 and not hart.entries.any()
