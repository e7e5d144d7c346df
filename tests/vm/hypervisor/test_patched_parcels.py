"""Patching where instructions may begin at any halfword: what is replaced, and what a guest can do to it."""

import pytest

from support.hypervisor.parcels import (
    LEAVES,
    LOOP,
    MIXED,
    NOP,
    RETURN,
    Pair,
    halves,
    map_pages,
    pair,
    replaced,
    run,
    write,
)
from support.machines import RAM, S, encode, from_words, get, open_memory, put
from trapline.vm.core.overlays import OVERLAYS, mark
from trapline.vm.hypervisor.patch import STORES

RDMODE = encode("rdmode", rd=10)
HOLE = halves(RDMODE)
LUI = encode("lui", rd=11) & 0xFFFF
END = RAM + 0xFFE
"""The last parcel of the first page."""


def machines(parcels: list[int], mode: int = S, at: int = RAM) -> Pair:
    return pair(parcels, "patch", mode, at)


@pytest.mark.parametrize("before", range(5))
def test_whatever_may_begin_with_a_hole_in_it_is_replaced(before: int) -> None:
    """From each parcel of the chain on another instruction begins; all of them are the guest's own."""
    code = [NOP, *[LUI] * before, *HOLE, LOOP]
    for start in range(1, before + 2):
        both = machines(code)
        for machine in both:
            machine.pc = RAM + 2 * start
        assert run(both, 4) == {}
        assert replaced(both) == [2 * i for i in range(1, before + 2)]


def test_what_ends_the_chain_is_the_guests_own() -> None:
    both = machines([LUI, NOP, LUI, *HOLE, LOOP])
    assert run(both, 3) == {}
    assert replaced(both) == [4, 6]


def test_what_straddles_is_replaced_where_it_could_be_a_hole() -> None:
    """Which page follows is not known; a plain instruction across two pages runs directly."""
    plain = machines([NOP, *halves(encode("addi", rd=11, rs1=11, imm=1)), LOOP], at=END - 2)
    assert run(plain, 4) == {} and replaced(plain) == []
    assert (plain[1].x["a1"], plain[1].engine.real[0].emulated) == (1, 0)
    hole = machines([LUI, *HOLE, LOOP], at=END - 2)
    for machine in hole:
        machine.pc = END
    assert run(hole, 3) == {} and replaced(hole) == [0xFFC, 0xFFE]
    assert (hole[1].x["a0"], hole[1].engine.real[0].emulated) == (S, 1)


@pytest.mark.parametrize("chain", range(3))
def test_a_page_that_begins_with_what_must_be_replaced_is_interpreted(chain: int) -> None:
    """Its first parcel stays, because it may be the second half of what straddles in front of it."""
    both = machines([LUI, *[LUI] * chain, *HOLE, LOOP], at=END)
    for machine in both:
        machine.pc = END + 2
    assert run(both, 4) == {}
    assert replaced(both) == [] and both[1].engine.real[0].direct_steps == 0
    for machine in both:
        machine.pc = END
    assert run(both, 1) == {}
    assert both[1].x["a1"] == ([LUI] * chain + HOLE)[0] << 16
    assert both[1].engine.real[0].direct_steps == 0


def test_a_store_that_makes_a_page_begin_with_a_hole() -> None:
    """And one that unmakes it: the page is code, is not, and is again."""
    both = machines([NOP, NOP, NOP, RETURN], at=RAM + 0x1000)
    code = [
        encode("jalr", rd=1, rs1=9), encode("sw", rs1=9, rs2=12), encode("jalr", rd=1, rs1=9),
        encode("sw", rs1=9, rs2=13), encode("jalr", rd=1, rs1=9), encode("jal", rd=0),
    ]  # fmt: skip
    for machine in both:
        put(machine, RAM, code)
        machine.pc, machine.x["s1"] = RAM, RAM + 0x1000
        machine.x["a2"], machine.x["a3"] = RDMODE, NOP << 16 | NOP
    direct = both[1].engine.real[0]
    assert run(both, 9) == {}
    assert replaced(both) == []
    before = direct.emulated
    assert run(both, 1) == {} and direct.emulated == before + 1
    assert run(both, 8) == {}
    assert both[1].x["a0"] == S


def test_a_walk_for_the_second_half_changes_the_word_of_the_first() -> None:
    """The entry of the second page has no A, and is the word in which the first half lies."""
    second = RAM + 0xC0000
    entry = second >> 2 | 0x0F
    load = encode("lw", rs1=8)
    assert entry >> 16 == load & 0xFFFF
    both = pair([], "patch", memory=1 << 20)
    for machine in both:
        map_pages(machine, {})
        # The page of the leaves lies in front of the one that its last entry maps.
        put(machine, LEAVES + 4 * 1022, [LEAVES >> 2 | 0xCF, entry])
        write(machine, second, [load >> 16, LOOP])
        write(machine, LEAVES + 0x800, [NOP, LOOP])
        machine.pc = RAM + 1022 * 0x1000 + 0x800
    assert run(both, 2) == {}
    for machine in both:
        machine.pc = RAM + 1022 * 0x1000 + 0xFFE
    assert run(both, 3) == {}
    assert get(both[1], LEAVES + 0xFFC) == entry | 0x40


def test_a_store_over_itself_that_spells_its_own_mark() -> None:
    """What the guest writes over the instruction that is executed is the guest's, even the mark that stood there."""
    store = halves(encode("sw", rs1=15, rs2=12))
    assert store[1] & 3 == 3
    both = machines([NOP, NOP, *store, *HOLE, LOOP])
    for machine in both:
        machine.x["a5"] = RAM + 3
        machine.x["a2"] = 0x55000001 | mark(2) << 8
    assert run(both, 2) == {}
    assert both[1].engine.originals is not None
    assert (mark(2), 4) in [(p.parcel, p.paddr - RAM) for p in both[1].engine.originals.listing()]
    assert run(both, 1) == {}
    assert replaced(both) == [8]
    assert get(both[1], RAM + 4) & 0xFFFF == mark(2)


@pytest.mark.parametrize("value", [NOP, LUI, HOLE[0], HOLE[1], 0, mark(0), mark(3)])
@pytest.mark.parametrize("place", range(-2, 8, 2))
def test_a_halfword_is_stored_onto_a_chain_from_within(value: int, place: int) -> None:
    """The store is of the chain itself, is executed from the guest's own parcels, and changes one of them."""
    store = halves(encode("sh", rs1=15, rs2=12))
    both = machines([NOP, NOP, *store, *HOLE, LOOP, LOOP])
    for machine in both:
        machine.x["a5"], machine.x["a2"] = RAM + 4 + place, value
        write(machine, RAM + 0x4000, [LOOP])
        machine.csr["stvec"], machine.csr["medeleg"] = RAM + 0x4000, 0xFFFF
    assert run(both, 3) == {}
    for machine in both:
        machine.pc = RAM + 4 + place
    assert run(both, 4) == {}


def test_a_page_that_is_stored_to_often_is_data_again() -> None:
    code = [*halves(encode("sh", rs1=8, rs2=12, imm=0x100)), 0x0605, *halves(encode("jal", rd=0, imm=-6)), *HOLE]
    both = machines(code)
    for machine in both:
        machine.x["a2"] = 0x0002
    assert run(both, 3 * STORES - 3) == {}
    assert replaced(both) == [6, 8, 10]
    drops = both[1].engine.real[0].shadow_drops
    assert run(both, 6) == {}
    assert both[1].engine.real[0].shadow_drops > drops


def test_a_full_table_leaves_no_half_of_a_chain() -> None:
    both = machines([NOP, LUI, LUI, *HOLE, LOOP])
    m = both[1].engine.m
    m.overlays = m.free_overlay = OVERLAYS - 2
    both[1].engine._all_ram[m.overlay_table : m.overlay_table + 8 * (OVERLAYS - 2)] = 0xFF
    assert run(both, 20) == {}
    assert replaced(both) == [] and both[1].engine.real[0].direct_steps == 0


def test_the_host_writes_to_a_chain() -> None:
    both = machines([NOP, LUI, LUI, *HOLE, LOOP])
    assert run(both, 2) == {}
    for machine in both:
        write(machine, RAM + 4, [NOP])
        machine.pc = RAM
    assert run(both, 4) == {}
    assert replaced(both) == [6]


def test_a_snapshot_brings_the_table_back() -> None:
    both = machines([NOP, LUI, LUI, *HOLE, *halves(encode("sh", rs1=8, rs2=12, imm=4)), LOOP])
    assert run(both, 3) == {}
    before = both[1].snapshot()
    chain = replaced(both)
    assert run(both, 1) == {} and replaced(both) != chain
    fork = None
    both[1].restore(before)
    fork = both[1].fork()
    assert replaced(both) == chain
    both[0].pc, both[1].pc = RAM, RAM
    fork.pc = RAM
    assert fork.digest() == both[1].digest()
    for machine in (fork, both[1]):
        machine.run(max_instructions=6)
    assert fork.digest() == both[1].digest()


def test_words_of_a_hart_without_compressed_instructions_are_looked_at_one_by_one() -> None:
    """There the same halfwords are no chain."""
    machine = from_words([LUI | LUI << 16, RDMODE, encode("jal")], technique="patch", isa=MIXED.replace("c", ""))
    open_memory(machine)
    machine.mode, machine.pc = S, RAM + 4
    machine.run(max_instructions=2)
    assert machine.engine.originals is not None
    assert [p.paddr - RAM for p in machine.engine.originals.listing()] == [4]
