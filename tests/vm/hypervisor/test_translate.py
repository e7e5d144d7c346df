"""Binary translation: copies of the guest's code, made block by block; the guest's own memory is never changed."""

import pytest

from support.hypervisor.random_guests import ended
from support.hypervisor.watched_code import Pair, pair, run
from support.machines import RAM, S, U, difference, encode, get, put
from trapline import isa
from trapline.asm.disassembler.instruction import disassemble
from trapline.isa.extension import XLEAK
from trapline.vm.hypervisor.host.translated_blocks import Translated
from trapline.vm.hypervisor.translate import CALL, COPIES, UNTRANSLATED

LOOP = encode("jal", rd=0, imm=0)
NOP = encode("addi")
RDMODE = encode("rdmode", rd=10)


def machines(words: list[int], mode: int = S) -> Pair:
    return pair(words, "translate", mode)


@pytest.mark.parametrize("seed", range(40))
def test_random_guests_end_as_on_the_bare_machine(seed: int) -> None:
    """Those that read and write their code too."""
    bare, translated = (ended(seed, 400, holes=True, technique=name) for name in ("bare", "translate"))
    assert difference(bare, translated) == {}


def listing(both: Pair) -> list[Translated]:
    assert both[1].engine.translation is not None
    return list(both[1].engine.translation.listing())


def test_only_what_is_reached_is_translated_and_holes_call_the_hypervisor() -> None:
    words = [
        encode("pushf", rd=9), encode("beq", rs1=0, rs2=0, imm=8), encode("pushf", rd=9), NOP, LOOP, RDMODE,
    ]  # fmt: skip
    both = machines(words)
    assert run(both, 10) == {}
    assert [(t.paddr - RAM, t.original, t.word) for t in listing(both)] == [
        (0, words[0], CALL), (4, words[1], words[1]), (12, NOP, NOP), (16, LOOP, LOOP),
    ]  # fmt: skip
    real = both[1].engine.real[0]
    assert (real.emulated, real.blocks) == (1, 3)


def test_blocks_are_translated_once_and_run_on_without_an_exit() -> None:
    both = machines([encode("addi", rd=5, rs1=5, imm=1), encode("jal", rd=0, imm=-4)])
    assert run(both, 1000) == {}
    before = list(both[1].engine.real[0].exits)
    assert run(both, 1000) == {}
    assert list(both[1].engine.real[0].exits) == before


@pytest.mark.parametrize("mode", [U, S, 3])
@pytest.mark.parametrize("name", [i.name for i in isa.INSTRUCTIONS if i.extension in XLEAK])
def test_every_hole_in_every_mode(name: str, mode: int) -> None:
    """In U mode, what reads the mode alone runs as it is; above, rdmode is a constant; all else is called for."""
    operands = dict.fromkeys(isa.BY_NAME[name].operands, 8)
    word = isa.BY_NAME[name].encode(**operands)
    both = machines([NOP, word, LOOP], mode)
    assert run(both, 2) == {}
    made = next(t.word for t in listing(both) if t.paddr == RAM + 4)
    if mode == U and name in ("popf", "rdmode", "jrst"):
        assert made == word
    elif name == "rdmode":
        assert made == encode("addi", rd=8, imm=mode)
    else:
        assert made == CALL
    assert both[1].engine.real[0].emulated == (made == CALL)


def test_mleak_of_the_guest_holds_for_words_that_are_not_replaced() -> None:
    both = machines([RDMODE, LOOP], U)
    for machine in both:
        machine.csr["mleak"] = 0xFF
    assert run(both, 1) == {}
    assert both[1].csr["mcause"] == 2 and both[1].csr["mtval"] == RDMODE


@pytest.mark.parametrize("word", [UNTRANSLATED, CALL, 0, 0xFFFFFFFF])
def test_the_guests_own_illegal_words_are_illegal(word: int) -> None:
    both = machines([NOP, word, LOOP])
    assert run(both, 2) == {}
    assert both[1].csr["mcause"] == 2 and both[1].csr["mtval"] == word


def test_code_reads_and_copies_itself_unchanged() -> None:
    words = [RDMODE, encode("lw", rd=11, rs1=8), encode("sw", rs1=8, rs2=11, imm=20), encode("fence.i"), NOP, LOOP]
    both = machines(words, 3)
    assert run(both, 8) == {}
    assert both[1].x[11] == RDMODE and get(both[1], RAM + 20) == RDMODE


def test_a_full_cache_is_emptied() -> None:
    words = [encode("lui", rd=5, imm=0x1000), encode("add", rd=5, rs1=5, rs2=8), encode("jalr", rs1=5, imm=0)]
    both = machines(words)
    for machine in both:
        put(machine, RAM + 0x1000, [encode("rdmode", rd=6), encode("jalr", rs1=8, imm=0)])
    both[1].engine.m.copies = COPIES - 1
    assert run(both, 50) == {}
    assert both[1].engine.m.cache_flushes == 1 and both[1].engine.m.copies == 2


def test_side_by_side() -> None:
    both = machines([RDMODE, encode("pushf", rd=9), LOOP])
    run(both, 5)
    assert both[1].engine.translation is not None
    lines = list(both[1].engine.translation.side_by_side(disassemble))
    assert [" ".join(line.split()) for line in lines] == [
        "virtual S mode",
        f"80000000: {RDMODE:08x} rdmode a0 li a0, 1",
        f"80000004: {encode('pushf', rd=9):08x} pushf s1 call",
        f"80000008: {LOOP:08x} j .+0",
    ]
