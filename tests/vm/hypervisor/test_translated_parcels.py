"""Binary translation where instructions may begin at any halfword."""

import pytest

from support.hypervisor.parcels import LOOP, NOP, RETURN, Pair, halves, map_pages, pair, run, write
from support.machines import RAM, S, encode
from trapline.asm.disassembler.instruction import disassemble
from trapline.vm.hypervisor.translate import CALL, UNTRANSLATED

RDMODE = encode("rdmode", rd=10)
HOLE = halves(RDMODE)
LUI = encode("lui", rd=11) & 0xFFFF
END = RAM + 0xFFE
"""The last parcel of the first page."""


def machines(parcels: list[int], mode: int = S, at: int = RAM) -> Pair:
    return pair(parcels, "translate", mode, at)


def translated(both: Pair) -> list[tuple[int, int, int]]:
    """Place from RAM on, the guest's own and what is executed, of each instruction."""
    translation = both[1].engine.translation
    assert translation is not None
    return [(t.paddr - RAM, t.original, t.word) for t in translation.listing()]


def parcels_of_copy(both: Pair, count: int) -> list[int]:
    """The first parcels of the first copy."""
    m = both[1].engine.m
    data = both[1].engine._all_ram[m.first_copy * 4096 :][: 2 * count]
    return [int(low) | int(high) << 8 for low, high in data.reshape(-1, 2)]


def test_a_chain_is_translated_whole_and_calls() -> None:
    """What is behind its first parcel may begin an instruction too, and is the guest's own or a call as well."""
    both = machines([LUI, LUI, *HOLE, LOOP, NOP])
    assert run(both, 1) == {}
    assert HOLE[1] & 3 != 3
    assert parcels_of_copy(both, 6) == [CALL, CALL, CALL, HOLE[1], UNTRANSLATED, UNTRANSLATED]


def test_an_instruction_of_32_bits_has_its_second_half_beside_it() -> None:
    add = encode("addi", rd=15, rs1=15, imm=0x7F)
    both = machines([*halves(add), *halves(encode("andi", rd=15, rs1=15, imm=0x3C)), LOOP])
    assert run(both, 3) == {}
    assert translated(both)[0] == (0, add, add)
    assert both[1].engine.real[0].emulated == 0


@pytest.mark.parametrize("inner", [NOP, HOLE[0], LUI, UNTRANSLATED, CALL, 0])
def test_code_is_entered_in_the_midst_of_a_word(inner: int) -> None:
    """Before and after the word itself has been executed."""
    for order in ((0, 2), (2, 0)):
        both = machines([LUI, inner, HOLE[1], LOOP])
        for machine in both:
            write(machine, RAM + 0x800, [LOOP])
            machine.csr["stvec"], machine.csr["medeleg"] = RAM + 0x800, 0xFFFF
        for start in order:
            for machine in both:
                machine.pc = RAM + start
            assert run(both, 4) == {}


@pytest.mark.parametrize("value", [NOP, LUI, HOLE[0], HOLE[1], UNTRANSLATED, CALL, 0])
@pytest.mark.parametrize("place", range(-2, 12, 2))
def test_a_halfword_of_executed_code_is_stored_to(value: int, place: int) -> None:
    both = machines([NOP, LUI, LUI, *HOLE, LUI, NOP, LOOP, LOOP])
    store = encode("sh", rs1=9, rs2=12)
    for machine in both:
        write(machine, RAM + 0x1000, [*halves(store), RETURN])
        write(machine, RAM + 0x2000, [LOOP])
        machine.csr["stvec"], machine.csr["medeleg"] = RAM + 0x2000, 0xFFFF
        machine.x["s1"], machine.x["a2"] = RAM + 4 + place, value
    for start in range(0, 16, 2):
        for machine in both:
            machine.pc = RAM + start
        assert run(both, 6) == {}
    for machine in both:
        machine.pc, machine.x["ra"] = RAM + 0x1000, RAM + max(place + 2, 0)
    assert run(both, 8) == {}
    for start in range(0, 16, 2):
        for machine in both:
            machine.pc = RAM + start
        assert run(both, 6) == {}


def test_what_straddles_calls() -> None:
    """The copy of the next page may lie anywhere, and may be empty there."""
    both = machines([*halves(encode("addi", rd=15, rs1=15, imm=1)), LOOP], at=END)
    assert run(both, 3) == {}
    assert both[1].x["a5"] == 1 and both[1].engine.real[0].emulated == 1


def test_the_second_page_may_lack_a_permission() -> None:
    both = machines([])
    for machine in both:
        map_pages(machine, {1: (RAM + 0x5000) >> 2 | 0xC7})
        write(machine, END, halves(encode("addi", rd=15, rs1=15, imm=1)))
        write(machine, RAM + 0x2000, [LOOP])
        machine.csr["stvec"], machine.csr["medeleg"] = RAM + 0x2000, 0xFFFF
        machine.pc = END
    assert run(both, 2) == {}
    assert [both[1].csr[name] for name in ("scause", "sepc", "stval")] == [12, END, END + 2]


def test_instructions_are_counted() -> None:
    """Of either length, not the parcels that are translated because they might begin one."""
    both = machines([NOP, *halves(encode("addi", rd=15, rs1=15, imm=0x7F)), NOP, LOOP, NOP])
    assert run(both, 6) == {}
    real = both[1].engine.real[0]
    assert (real.blocks, real.translated) == (1, 4)


def test_side_by_side() -> None:
    both = machines([NOP, *HOLE, LOOP, NOP, LUI], at=END - 10)
    run(both, 5)
    both[1].pc = END - 2
    both[1].run(max_instructions=2)
    assert both[1].engine.translation is not None
    lines = list(both[1].engine.translation.side_by_side(disassemble))
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "80000ff4: 0001 nop", f"80000ff6: {RDMODE:08x} rdmode a0 call", "80000ffa: a001 j .+0", "80000ffc: 0001 nop",
        f"80000ffe: {LUI:04x} first half call",
    ]  # fmt: skip
