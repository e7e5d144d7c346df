"""Binary translation: copies of the guest's code, made block by block; the guest's own memory is never changed."""

import pytest
from support.machines import RAM, S, U, difference, encode, enter, from_words, get, open_memory, put, state
from support.random_guests import ended

import isa
from asm.disasm import disassemble
from isa.extension import XLEAK
from vm import Machine
from vm.hypervisor.translation import Translated
from vm.hypervisor.translator import CALL, COPIES, UNTRANSLATED

LOOP = encode("jal", rd=0, imm=0)
NOP = encode("addi")
RDMODE = encode("rdmode", rd=10)


@pytest.mark.parametrize("seed", range(40))
def test_random_guests_end_as_on_the_bare_machine(seed: int) -> None:
    """Those that read and write their code too."""
    bare, translated = (ended(seed, 400, holes=True, technique=name) for name in ("bare", "translate"))
    assert difference(bare, translated) == {}


def machines(words: list[int], mode: int = S) -> list[Machine]:
    """The same guest bare and translated, not yet run."""
    found = []
    for technique in ("bare", "translate"):
        machine = from_words(words, technique=technique, isa="rv32ima_xleak")
        open_memory(machine)
        machine.x[8] = RAM
        enter(machine, mode)
        found.append(machine)
    return found


def run(pair: list[Machine], steps: int) -> dict[str, object]:
    """What differs after `steps`."""
    for machine in pair:
        machine.run(max_instructions=steps)
    return difference(state(pair[0]), state(pair[1]))


def listing(pair: list[Machine]) -> list[Translated]:
    assert pair[1].engine.translation is not None
    return list(pair[1].engine.translation.listing())


def test_only_what_is_reached_is_translated_and_holes_call_the_hypervisor() -> None:
    words = [
        encode("pushf", rd=9), encode("beq", rs1=0, rs2=0, imm=8), encode("pushf", rd=9), NOP, LOOP, RDMODE,
    ]  # fmt: skip
    pair = machines(words)
    assert run(pair, 10) == {}
    assert [(t.paddr - RAM, t.original, t.word) for t in listing(pair)] == [
        (0, words[0], CALL), (4, words[1], words[1]), (12, NOP, NOP), (16, LOOP, LOOP),
    ]  # fmt: skip
    real = pair[1].engine.real[0]
    assert (real.emulated, real.blocks) == (1, 3)


def test_blocks_are_translated_once_and_run_on_without_an_exit() -> None:
    pair = machines([encode("addi", rd=5, rs1=5, imm=1), encode("jal", rd=0, imm=-4)])
    assert run(pair, 1000) == {}
    before = list(pair[1].engine.real[0].exits)
    assert run(pair, 1000) == {}
    assert list(pair[1].engine.real[0].exits) == before


@pytest.mark.parametrize("mode", [U, S, 3])
@pytest.mark.parametrize("name", [i.name for i in isa.INSTRUCTIONS if i.extension in XLEAK])
def test_every_hole_in_every_mode(name: str, mode: int) -> None:
    """In U mode, what reads the mode alone runs as it is; above, rdmode is a constant; all else is called for."""
    operands = dict.fromkeys(isa.BY_NAME[name].operands, 8)
    word = isa.BY_NAME[name].encode(**operands)
    pair = machines([NOP, word, LOOP], mode)
    assert run(pair, 2) == {}
    made = next(t.word for t in listing(pair) if t.paddr == RAM + 4)
    if mode == U and name in ("popf", "rdmode", "jrst"):
        assert made == word
    elif name == "rdmode":
        assert made == encode("addi", rd=8, imm=mode)
    else:
        assert made == CALL
    assert pair[1].engine.real[0].emulated == (made == CALL)


def test_mleak_of_the_guest_holds_for_words_that_are_not_replaced() -> None:
    pair = machines([RDMODE, LOOP], U)
    for machine in pair:
        machine.csr["mleak"] = 0xFF
    assert run(pair, 1) == {}
    assert pair[1].csr["mcause"] == 2 and pair[1].csr["mtval"] == RDMODE


@pytest.mark.parametrize("word", [UNTRANSLATED, CALL, 0, 0xFFFFFFFF])
def test_the_guests_own_illegal_words_are_illegal(word: int) -> None:
    pair = machines([NOP, word, LOOP])
    assert run(pair, 2) == {}
    assert pair[1].csr["mcause"] == 2 and pair[1].csr["mtval"] == word


def test_code_reads_and_copies_itself_unchanged() -> None:
    words = [RDMODE, encode("lw", rd=11, rs1=8), encode("sw", rs1=8, rs2=11, imm=20), encode("fence.i"), NOP, LOOP]
    pair = machines(words, 3)
    assert run(pair, 8) == {}
    assert pair[1].x[11] == RDMODE and get(pair[1], RAM + 20) == RDMODE


def test_self_modifying_code_is_translated_again() -> None:
    """Each round changes the instruction ahead, through a misaligned store too, until the page counts as data."""
    words = [
        encode("rdmode", rd=10), encode("sw", rs1=8, rs2=12, imm=0x22), encode("addi", rd=13, rs1=13, imm=1),
        encode("xor", rd=12, rs1=12, rs2=14), encode("jal", rd=0, imm=0x14 - 0x10 + 0x0C), NOP, NOP,
        NOP, NOP, encode("rdmode", rd=9), encode("jal", rd=0, imm=-0x28),
    ]  # fmt: skip
    pair = machines(words)
    for machine in pair:
        machine.x[12] = encode("rdmode", rd=1) << 16 & 0xFFFFFFFF
        machine.x[14] = 0x80 << 16
    assert run(pair, 1500) == {}
    assert pair[1].engine.real[0].shadow_drops > 2


def test_the_host_may_change_code() -> None:
    pair = machines([RDMODE, encode("jal", rd=0, imm=-4)])
    assert run(pair, 3) == {}
    for machine in pair:
        put(machine, RAM, [encode("sidt", rd=9), encode("sgdt", rd=7), encode("jal", rd=0, imm=-8)])
        machine.csr["stvec"] = RAM + 0x80
    assert run(pair, 3) == {}
    assert pair[1].x[9] == RAM + 0x80


def test_a_full_cache_is_emptied() -> None:
    words = [encode("lui", rd=5, imm=0x1000), encode("add", rd=5, rs1=5, rs2=8), encode("jalr", rs1=5, imm=0)]
    pair = machines(words)
    for machine in pair:
        put(machine, RAM + 0x1000, [encode("rdmode", rd=6), encode("jalr", rs1=8, imm=0)])
    pair[1].engine.m.copies = COPIES - 1
    assert run(pair, 50) == {}
    assert pair[1].engine.m.cache_flushes == 1 and pair[1].engine.m.copies == 2


def test_a_page_that_two_addresses_name() -> None:
    """Code that is stored to through another address than it runs at is translated again."""
    root, leaves = RAM + 0x2000, RAM + 0x3000
    words = [encode("sw", rs1=9, rs2=12, imm=8), NOP, NOP, encode("jal", rd=0, imm=-12)]
    pair = machines(words)
    for machine in pair:
        put(machine, root + 0x800, [(leaves >> 2) | 1])
        put(machine, leaves, [(RAM >> 2) | 0xCF, (RAM >> 2) | 0xCF])
        machine.csr["satp"] = 0x80000000 | (root >> 12)
        machine.x[9] = RAM + 0x1000
        machine.x[12] = encode("rdmode", rd=7)
    assert run(pair, 8) == {}
    assert pair[1].x[7] == 1


def test_side_by_side() -> None:
    pair = machines([RDMODE, encode("pushf", rd=9), LOOP])
    run(pair, 5)
    assert pair[1].engine.translation is not None
    lines = list(pair[1].engine.translation.side_by_side(disassemble))
    assert [" ".join(line.split()) for line in lines] == [
        "virtual S mode",
        f"80000000: {RDMODE:08x} rdmode a0 li a0, 1",
        f"80000004: {encode('pushf', rd=9):08x} pushf s1 call",
        f"80000008: {LOOP:08x} j .+0",
    ]
