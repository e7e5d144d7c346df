"""Patching: holes in the guest's code become trapping words; what a guest that reads its own code sees."""

import pytest

from support.hypervisor.random_guests import ended
from support.hypervisor.watched_code import Pair, pair, run
from support.machines import RAM, S, U, difference, encode, enter, from_words, get, open_memory, put, state
from trapline import isa
from trapline.isa.extension import XLEAK
from trapline.isa.table import decode_parcel
from trapline.vm.codegen.sensitive_instructions import sensitive_unprivileged
from trapline.vm.core.overlays import OVERLAYS

LOOP = encode("jal", rd=0, imm=0)
NOP = encode("addi")
RDMODE = encode("rdmode", rd=10)


def machines(words: list[int], mode: int = S) -> Pair:
    return pair(words, "patch", mode)


@pytest.mark.parametrize("seed", range(40))
def test_random_guests_that_do_not_read_their_code_end_as_on_the_bare_machine(seed: int) -> None:
    bare, patched = (
        ended(seed, 400, holes=True, reads_code=False, technique=technique) for technique in ("bare", "patch")
    )
    assert difference(bare, patched) == {}


def test_the_holes_follow_from_the_declarations() -> None:
    assert {i.extension for i in sensitive_unprivileged()} == set(XLEAK)


@pytest.mark.parametrize("mode", [U, S, 3])
@pytest.mark.parametrize("name", [i.name for i in isa.INSTRUCTIONS if i.extension in XLEAK])
def test_every_hole_is_replaced_and_emulated(name: str, mode: int) -> None:
    operands = dict.fromkeys(isa.BY_NAME[name].operands, 8)
    word = isa.BY_NAME[name].encode(**operands)
    both = machines([NOP, word, LOOP], mode)
    assert run(both, 2) == {}
    originals = both[1].engine.originals
    assert originals is not None
    assert [(p.paddr, p.original) for p in originals.listing()] == [(RAM + 4, word & 0xFFFF)]
    assert get(both[1], RAM + 4) == word  # the host sees the guest's own memory
    mark = originals.listing()[0].parcel
    assert isa.decode(mark | word & 0xFFFF0000) is None and decode_parcel(mark) is None


def test_a_guest_that_reads_its_code_sees_the_patch() -> None:
    """The price of patching: `lw` of a hole gives another word than on the bare machine, and nothing else differs."""
    both = machines([RDMODE, encode("lw", rd=11, rs1=8), LOOP])
    found = run(both, 2)
    assert set(found) == {"x", "digest"}
    assert both[0].x[11] == RDMODE
    assert isa.decode(both[1].x[11]) is None
    both[1].x[11] = RDMODE
    assert difference(state(both[0]), state(both[1])) == {}


def test_code_that_is_copied_takes_the_patches_along_and_breaks() -> None:
    """The copy of a patch is not a patch: it is a word of the guest's, and illegal."""
    words = [
        RDMODE, encode("lw", rd=11, rs1=8), encode("sw", rs1=8, rs2=11, imm=20), encode("fence.i"), NOP, LOOP,
    ]  # fmt: skip
    both = machines(words, 3)
    assert run(both, 6) != {}
    assert both[0].trap_counts == {}
    assert both[1].trap_counts[2] == 1


def test_a_store_over_a_patch_and_a_store_of_a_hole() -> None:
    """The page is looked at again: what is overwritten is no patch any more, and a new hole becomes one."""
    words = [
        RDMODE,
        encode("sw", rs1=8, rs2=12, imm=0),  # the rdmode becomes sidt
        encode("sw", rs1=8, rs2=13, imm=16),  # the nop becomes pushf
        encode("sb", rs1=8, rs2=14, imm=21),  # one byte: rdmode with another rd
        NOP, encode("rdmode", rd=16), LOOP,
    ]  # fmt: skip
    both = machines(words)
    for machine in both:
        machine.csr["stvec"] = RAM + 0x40
        machine.x[12] = encode("sidt", rd=15)
        machine.x[13] = encode("pushf", rd=17)
        machine.x[14] = (encode("rdmode", rd=18) >> 8) & 0xFF
    assert run(both, 6) == {}
    assert both[1].x[18] == 1
    for machine in both:
        machine.pc = RAM
    assert run(both, 1) == {}
    assert both[1].x[15] == RAM + 0x40
    assert both[1].engine.originals is not None
    assert [p.paddr - RAM for p in both[1].engine.originals.listing()] == [0, 16, 20]


def test_a_store_of_what_was_read_back_is_the_guests_own_word() -> None:
    """Reading a patch and storing it where it was makes it an illegal word: the table knows it as no patch any more."""
    words = [RDMODE, encode("lw", rd=11, rs1=8), encode("sw", rs1=8, rs2=11), encode("jal", rd=0, imm=-12)]
    both = machines(words)
    run(both, 5)
    assert (both[0].trap_counts, both[1].trap_counts) == ({}, {2: 1})


def test_without_room_for_originals_code_is_interpreted() -> None:
    both = machines([RDMODE, encode("pushf", rd=9), encode("jal", rd=0, imm=-8)])
    m = both[1].engine.m
    m.overlays = m.free_overlay = OVERLAYS - 1  # as if that many were in use
    both[1].engine._all_ram[m.overlay_table : m.overlay_table + 8 * (OVERLAYS - 1)] = 0xFF
    assert run(both, 50) == {}
    assert both[1].engine.real[0].direct_steps == 0
    assert both[1].engine.originals is not None
    assert both[1].engine.originals.listing() == []


def test_the_place_of_an_original_is_used_again() -> None:
    """A hole that is stored and overwritten in turn needs one, however often."""
    words = [
        encode("sw", rs1=8, rs2=12, imm=16), encode("sw", rs1=8, rs2=13, imm=16), encode("jal", rd=0, imm=-8), NOP, NOP,
    ]  # fmt: skip
    both = machines(words)
    for machine in both:
        machine.x[12], machine.x[13] = RDMODE, NOP
    assert run(both, 60) == {}
    assert both[1].engine.m.overlays == 1


@pytest.mark.parametrize("mapped, word", [(0x10000000, encode("rdmode")), (0x100000, encode("popf", rs1=8))])
@pytest.mark.parametrize("access", ["lw", "lbu"])
def test_a_page_table_entry_that_is_a_hole(mapped: int, word: int, access: str) -> None:
    """The walk reads the guest's own word, sets A in it, and then it is no hole any more; bare and patched alike.

    With RAM where it is, such an entry maps a device: the UART, the test finisher.
    """
    root, leaves = RAM + 0x2000, RAM + 0x3000
    # The hole is never executed, but it is on a page that is: the table of the leaves.
    code = [encode(access, rd=11, rs1=9, imm=5 if access == "lbu" else 0), encode(access, rd=12, rs1=9), LOOP]
    ends = []
    for technique in ("bare", "patch"):
        machine = from_words([], technique=technique, isa="rv32ima_xleak")
        open_memory(machine)
        put(machine, root + 0x800, [(leaves >> 2) | 1])
        put(machine, leaves, [(RAM >> 2) | 0xCF, word])
        put(machine, leaves + 12, [(leaves >> 2) | 0xCF])
        put(machine, leaves + 0x20, code)
        machine.csr["satp"], machine.csr["stvec"] = 0x80000000 | (root >> 12), RAM + 0x40
        machine.csr["medeleg"] = 0xFFFF
        machine.x[9] = RAM + 0x1000
        enter(machine, S, RAM + 0x3020)
        machine.run(max_instructions=3)
        ends.append(machine)
    assert difference(state(ends[0]), state(ends[1])) == {}
    entry = get(ends[1], leaves + 4)
    assert entry == word | 0x40 and ends[1].trap_counts.get(13, 0) == 0
