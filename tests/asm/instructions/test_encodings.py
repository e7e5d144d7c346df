"""Encodings and their text against capstone, GNU as and objdump: more than 100,000 random operand sets each."""

import random
import re
from pathlib import Path
from typing import NamedTuple

import capstone
import pytest

from support.asm.encodings import Find, Operands, gnu_texts, gnu_words, plain_text, random_operands, tokens
from support.gnu import PREFIX, run_tool
from trapline.asm import assemble_text
from trapline.asm.disassembler.instruction import disassemble, jump_target
from trapline.isa import CSR_BY_ADDRESS, INSTRUCTIONS, Instruction, decode
from trapline.isa.extension import BASE

SETS_PER_INSTRUCTION = 1000

FLOATING_POINT_CSRS = (1, 2, 3)
"""objdump and capstone have pseudo-instructions of their own for these (`frflags`, `fsrm`): extension F, not ours."""

CUSTOM_CSRS = (0x7C0, 0x800)

BITS = ("zba", "zbb", "zbs")
IN_BINUTILS = (*BASE, "zicbom", *BITS)
"""Extensions that objdump 2.40 knows; of Zicond the tests give GNU as macros."""


class Sample(NamedTuple):
    """One operand set of one instruction, and the word that the table makes of it."""

    instruction: Instruction
    operands: Operands
    word: int


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    source = random.Random(20241)
    found = []
    for instruction in INSTRUCTIONS:
        for _ in range(SETS_PER_INSTRUCTION):
            operands = random_operands(instruction, source)
            found.append(Sample(instruction, operands, instruction.encode(**operands)))
    assert len(found) >= 100_000
    return found


def standard(sample: Sample) -> bool:
    """Whether a disassembler without custom extensions knows the whole instruction."""
    csr = sample.operands.get("csr")
    return sample.instruction.extension in IN_BINUTILS and csr not in (*FLOATING_POINT_CSRS, *CUSTOM_CSRS)


def differences(rows: list[tuple[Sample, object, object]]) -> list[str]:
    return [f"{s.word:08x} {s.instruction.name}: ours {a}, theirs {b}" for s, a, b in rows if a != b][:10]


def foreign_csr(sample: Sample) -> bool:
    """Whether the word names a CSR that another disassembler may know by a name that we do not have."""
    return "csr" in sample.operands and sample.operands["csr"] not in CSR_BY_ADDRESS


def test_encode_and_extract_are_inverse(samples: list[Sample]) -> None:
    for sample in samples:
        assert decode(sample.word) is sample.instruction
        assert sample.instruction.pattern.extract(sample.word) == sample.operands


def test_words_equal_gnu_as(samples: list[Sample], tool: Find, tmp_path: Path) -> None:
    theirs = gnu_words(tool, tmp_path, (plain_text(s.instruction, s.operands) for s in samples))
    assert len(theirs) == len(samples)
    rows = [(s, f"{s.word:08x}", f"{word:08x}") for s, word in zip(samples, theirs, strict=True)]
    assert differences(rows) == []


def test_words_equal_clang(samples: list[Sample], tool: Find, tmp_path: Path) -> None:
    """Those of Zba, Zbb and Zbs: clang 14 knows neither Zicond nor Zicbom."""
    chosen = [s for s in samples if s.instruction.extension in BITS][::20]
    source, image = tmp_path / "clang.s", tmp_path / "clang.bin"
    source.write_text("\n".join(plain_text(s.instruction, s.operands) for s in chosen) + "\n")
    options = ["--target=riscv32", f"-march=rv32ima_{'_'.join(BITS)}", "-mno-relax", "-c"]
    run_tool(tool("clang"), *options, str(source), "-o", str(tmp_path / "clang.o"))
    run_tool(tool(PREFIX + "objcopy"), "-O", "binary", "-j", ".text", str(tmp_path / "clang.o"), str(image))
    assert image.read_bytes() == b"".join(s.word.to_bytes(4, "little") for s in chosen)
    assert {s.instruction.extension for s in chosen} == {*BITS}


def test_a_constant_in_place_of_a_register(tool: Find, tmp_path: Path) -> None:
    names = ("add", "and", "or", "xor", "sll", "srl", "sra", "slt", "sltu", "ror", "bclr", "bext", "binv", "bset")
    lines = [f"{name} a0, a1, 5" for name in names]
    code = assemble_text("\n".join(lines)).code
    ours = [int.from_bytes(code[i : i + 4], "little") for i in range(0, len(code), 4)]
    assert ours == gnu_words(tool, tmp_path, lines)


@pytest.mark.parametrize("pseudo", [True, False])
def test_disassembly_assembles_back_with_gnu_as(
    samples: list[Sample], tool: Find, tmp_path: Path, pseudo: bool
) -> None:
    theirs = gnu_words(tool, tmp_path, (disassemble(s.word, pseudo=pseudo) for s in samples))
    rows = [(s, f"{s.word:08x}", f"{word:08x}") for s, word in zip(samples, theirs, strict=True)]
    assert differences(rows) == []


@pytest.mark.parametrize("pseudo", [True, False])
def test_disassembly_equals_objdump(samples: list[Sample], tool: Find, tmp_path: Path, pseudo: bool) -> None:
    chosen = [s for s in samples if standard(s)]
    texts = gnu_texts(tool, tmp_path, [s.word for s in chosen], aliases=pseudo)
    # objdump prefers the general name of an instruction with an immediate: `add a0,a1,1`, `csrs mstatus,8`.
    shortened = {"addi", "andi", "ori", "xori", "slli", "srli", "srai", "csrrwi", "csrrsi", "csrrci"}
    shortened |= {"csrwi", "csrsi", "csrci", "rori", "bclri", "bexti", "binvi", "bseti"}
    rows = []
    for i, (sample, text) in enumerate(zip(chosen, texts, strict=True)):
        ours = tokens(disassemble(sample.word, 4 * i, pseudo=pseudo), 4 * i)
        theirs = tokens(text, places=jump_target(sample.word) is not None)
        if pseudo and ours[0] in shortened:
            ours[0] = str(ours[0])[:-1]
        if pseudo and theirs[0] in shortened:
            theirs[0] = str(theirs[0])[:-1]
        if foreign_csr(sample):
            for side in (ours, theirs):
                del side[_csr_position(side)]
        rows.append((sample, ours, theirs))
    assert differences(rows) == []


def _csr_position(found: list[str | int]) -> int:
    """The position of the CSR: after rd if rd is written, else right after the mnemonic."""
    return 1 if found[0] in ("csrw", "csrs", "csrc", "csrwi", "csrsi", "csrci") else 2


def test_disassembly_equals_capstone(samples: list[Sample]) -> None:
    engine = capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV32)
    rows = []
    for sample in samples:
        if not standard(sample) or sample.instruction.extension not in BASE:
            continue
        found = next(engine.disasm_lite(sample.word.to_bytes(4, "little"), 0), None)
        assert found is not None, f"{sample.word:08x} {sample.instruction.name}"
        # capstone 5 has the names of pmpaddr13 and pmpaddr14 the wrong way round.
        operands = re.sub("pmpaddr1[34]", lambda m: "pmpaddr13" if m[0][-1] == "4" else "pmpaddr14", found[3])
        theirs = tokens(f"{found[2]} {operands}")
        theirs = [t & 0xFFFFFFFF if isinstance(t, int) and jump_target(sample.word) is not None else t for t in theirs]
        if theirs[0] == "mv" and theirs[-1] == "zero":
            theirs = ["li", theirs[1], 0]
        spellings = [tokens(disassemble(sample.word, pseudo=pseudo)) for pseudo in (True, False)]
        for ours in spellings:
            if ours[0] in ("jalr", "jr") and isinstance(ours[-2], int):
                ours[-2:] = [ours[-1], ours[-2]]  # capstone writes `jalr ra, a0, 4`
        if foreign_csr(sample):
            for side in (*spellings, theirs):
                del side[_csr_position(side)]
        rows.append((sample, theirs if theirs in spellings else spellings, theirs))
    assert differences(rows) == []
