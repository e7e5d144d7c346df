"""Disassembling any word gives text that assembles to the same word."""

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.asm.encodings import Find, gnu_words
from trapline.asm.disassembler.instruction import PSEUDO_INSTRUCTIONS, disassemble, jump_target
from trapline.isa import BY_NAME, INSTRUCTIONS, decode


def assorted_words() -> list[int]:
    """Random words, every kind of instruction, and legal words with one bit changed."""
    source = random.Random(99)
    words = [source.getrandbits(32) for _ in range(20_000)]
    for instruction in INSTRUCTIONS:
        words += (source.getrandbits(32) & ~instruction.mask | instruction.match for _ in range(200))
        for bit in range(32):
            words.append(source.getrandbits(32) & ~instruction.mask | instruction.match)
            words.append(words[-1] ^ 1 << bit)
    # All of fence's sets and modes, with and without the registers and bits that no spelling shows.
    fence = BY_NAME["fence"].match
    words += (fence | sets << 20 | mode << 28 for sets in range(256) for mode in (0, 8, source.randrange(1, 16)))
    words += (fence | sets << 20 | 1 << source.choice((7, 15)) for sets in range(256))
    words += (BY_NAME["fence.i"].match | 1 << bit for bit in (*range(7, 12), *range(15, 32)))
    for spelling in PSEUDO_INSTRUCTIONS:
        fixed = dict.fromkeys(spelling.instruction.operands, 0) | dict(spelling.fixed)
        words += (spelling.instruction.encode(**fixed) ^ 1 << bit for bit in range(32))
        words.append(spelling.instruction.encode(**fixed))
    return [*words, 0, 0xFFFFFFFF]


WORDS = assorted_words()


@pytest.mark.parametrize("pseudo", [True, False])
def test_text_assembles_back_with_gnu_as(tool: Find, tmp_path: Path, pseudo: bool) -> None:
    theirs = gnu_words(tool, tmp_path, (disassemble(word, pseudo=pseudo) for word in WORDS))
    assert len(theirs) == len(WORDS)
    wrong = [f"{a:08x} {disassemble(a)!r} {b:08x}" for a, b in zip(WORDS, theirs, strict=True) if a != b]
    assert wrong[:10] == []


@given(st.integers(0, 0xFFFFFFFF))
def test_any_word_has_a_text(word: int) -> None:
    for pseudo in (True, False):
        text = disassemble(word, pseudo=pseudo)
        assert text.isascii() and text == text.strip() and "\n" not in text
        if decode(word) is None:
            assert text == f".word 0x{word:08x}"


@pytest.mark.parametrize("instruction", INSTRUCTIONS, ids=lambda i: i.name)
def test_every_instruction_is_shown_by_its_own_name(instruction) -> None:
    """With the operands 5 and 6 there is no shorter spelling."""
    operands = dict.fromkeys(instruction.operands, 5) | {"aq": 0, "rl": 0, "fm": 0, "imm": 4096 + 4096 * 5}
    if instruction.pattern.imm_bits < 20:
        operands["imm"] = 6
    if instruction.name in ("fence", "fence.i"):
        operands.update(rd=0, rs1=0, imm=0)
    word = instruction.encode(**{name: operands[name] for name in instruction.operands})
    assert disassemble(word).split()[0] == instruction.name
    assert disassemble(word, pseudo=False).split()[0] == instruction.name


@pytest.mark.parametrize(
    ("word", "text", "plain"),
    [
        (0x00000013, "nop", "addi zero, zero, 0"),
        (0xFFF00513, "li a0, -1", "addi a0, zero, -1"),
        (0x00058513, "mv a0, a1", "addi a0, a1, 0"),
        (0x00150513, "addi a0, a0, 1", "addi a0, a0, 1"),
        (0xFFF54513, "not a0, a0", "xori a0, a0, -1"),
        (0x0FF57513, "zext.b a0, a0", "andi a0, a0, 255"),
        (0x00008067, "ret", "jalr zero, 0(ra)"),
        (0x00050067, "jr a0", "jalr zero, 0(a0)"),
        (0x004500E7, "jalr 4(a0)", "jalr ra, 4(a0)"),
        (0x0000006F, "j .+0", "jal zero, .+0"),
        (0xFF9FF0EF, "jal .-8", "jal ra, .-8"),
        (0xFE050EE3, "beqz a0, .-4", "beq a0, zero, .-4"),
        (0x30200073, "mret", "mret"),
        (0xC0001073, "unimp", "csrrw zero, cycle, zero"),
        (0xC0102573, "rdtime a0", "csrrs a0, time, zero"),
        (0x30002573, "csrr a0, mstatus", "csrrs a0, mstatus, zero"),
        (0x30046073, "csrsi mstatus, 8", "csrrsi zero, mstatus, 8"),
        (0x7FF51073, "csrw 0x7ff, a0", "csrrw zero, 0x7ff, a0"),
        (0x0FF0000F, "fence", "fence iorw, iorw"),
        (0x0120000F, "fence w, r", "fence w, r"),
        (0x8330000F, "fence.tso", "fence.tso"),
        (0x0100000F, "pause", "pause"),
        (0x12050073, "sfence.vma a0", "sfence.vma a0, zero"),
        (0x1605A52F, "lr.w.aqrl a0, (a1)", "lr.w.aqrl a0, (a1)"),
        (0x0AC5A52F, "amoswap.w.rl a0, a2, (a1)", "amoswap.w.rl a0, a2, (a1)"),
        (0x80000537, "lui a0, 0x80000", "lui a0, 0x80000"),
        (0x00000000, ".word 0x00000000", ".word 0x00000000"),
        (0x0FF0008F, ".word 0x0ff0008f", ".word 0x0ff0008f"),
        (0x0000108F, ".word 0x0000108f", ".word 0x0000108f"),
        (0x0000000F, ".word 0x0000000f", ".word 0x0000000f"),
    ],
)
def test_spellings(word: int, text: str, plain: str) -> None:
    assert disassemble(word) == text
    assert disassemble(word, pseudo=False) == plain


def test_targets_are_named_where_they_are() -> None:
    symbols = {0x80000010: "loop", 0: "start"}
    branch = BY_NAME["bne"].encode(rs1=10, rs2=11, imm=16)
    assert disassemble(branch, 0x80000000, symbols=symbols) == "bne a0, a1, loop"
    assert disassemble(branch, 0x80000004, symbols=symbols) == "bne a0, a1, .+16"
    around = BY_NAME["jal"].encode(rd=0, imm=8)
    assert disassemble(around, 0xFFFFFFF8, symbols=symbols) == "j start"
    assert jump_target(around, 0xFFFFFFF8) == 0
    assert jump_target(branch, 0x80000000) == 0x80000010


def test_only_jal_and_branches_have_a_target() -> None:
    for instruction in INSTRUCTIONS:
        expected = instruction.kind.value == "branch" or instruction.name == "jal"
        assert (jump_target(instruction.match) is not None) == expected


@pytest.mark.parametrize("spelling", PSEUDO_INSTRUCTIONS, ids=lambda s: f"{s.name} {s.syntax}")
def test_every_pseudo_instruction_is_reached(spelling) -> None:
    """No spelling hides behind an earlier one."""
    operands = dict.fromkeys(spelling.instruction.operands, 0) | dict(spelling.fixed)
    for token in re.findall("[a-z][a-z0-9]*", spelling.syntax):
        name = {"imm12": "imm", "offset": "imm", "label": "imm"}.get(token, token)
        operands[name] = {"rd": 5, "rs1": 6, "rs2": 7, "imm": 8, "csr": 0x340, "uimm": 9}[name]
    text = disassemble(spelling.instruction.encode(**operands))
    assert text.split()[0] == spelling.name
    assert text.count(",") == spelling.syntax.count(",") and ("(" in text) == ("(" in spelling.syntax)
