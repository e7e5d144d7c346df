"""Compressed instructions: what GNU as compresses and what not, how they are written, and mistakes."""

import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from support.gnu import PREFIX, RV32IMA, RV32IMAC, architecture, run_tool
from trapline.asm import AsmError, assemble, assemble_text
from trapline.asm.instructions.compression import MNEMONICS
from trapline.isa.table import COMPRESSED_BY_NAME, decode_parcel
from trapline.vm.cli.asm import list_program

Find = Callable[[str], str]

C = {name: known for name, known in COMPRESSED_BY_NAME.items() if known.extension == "c"}
"""Those that GNU as 2.40 knows: not Zcb."""

REGISTERS = ["x0", "ra", "sp", "t0", "s0", "s1", "a0", "a5", "a6", "x31"]
IMMEDIATES = [
    *(-2048, -513, -512, -496, -33, -32, -31, -16, -4, -1, 0, 1, 2, 3, 4, 8, 16, 28, 31, 32, 60, 64, 124),
    *(127, 128, 252, 256, 496, 508, 512, 1020, 1024, 2047),
]
UPPERS = [0, 1, 2, 30, 31, 32, 0xFFFDF, 0xFFFE0, 0xFFFFF]
CONSTANTS = [*IMMEDIATES, *(0x800, 0x1000, 0x1F000, 0x1F001, 0x1F800, 0x20000, -4096, -131072, -131073, 0xFFFFFFFF)]
STATEMENTS = """addi R, R, I
add R, R, R|add R, R, I|sub R, R, R|and R, R, R|and R, R, I|andi R, R, I|or R, R, R|or R, R, I
xor R, R, R|sll R, R, S|slli R, R, S|srl R, R, S|srli R, R, S|sra R, R, S|srai R, R, S|sll R, R, R|lw R, I(R)
sw R, I(R)|lb R, I(R)|lui R, U|li R, C|la R, C|mv R, R|move R, R|jr R|jalr R|jalr R, R|jr I(R)|jalr R, I(R)|not R, R
neg R, R|zext.b R, R|slt R, R, R|mul R, R, R|beqz R, .|bnez R, .|beq R, R, .
bne R, R, .|blt R, R, .|j .|jal .|jal R, .|nop|ret|ebreak|ecall|unimp""".replace("\n", "|").split("|")


def filled(source: random.Random, statement: str) -> str:
    """A statement with operands of their kinds, the same register often twice."""
    few = source.sample(REGISTERS, 2)
    kinds = {"R": few, "I": IMMEDIATES, "S": [0, 1, 2, 16, 31], "U": UPPERS, "C": CONSTANTS}
    return "".join(str(source.choice(kinds[c])) if c in kinds else c for c in statement)


def gnu_text(tool: Find, folder: Path, source: str) -> bytes:
    """What GNU as and ld make of a text for rv32imac."""
    (folder / "g.s").write_text(source)
    run_tool(tool(PREFIX + "as"), *architecture(RV32IMAC), str(folder / "g.s"), "-o", str(folder / "g.o"))
    run_tool(tool(PREFIX + "ld"), "-m", "elf32lriscv", "--no-relax", str(folder / "g.o"), "-o", str(folder / "g"))
    with (folder / "g").open("rb") as stream:
        return ELFFile(stream).get_section_by_name(".text").data()


def sizes(code: bytes) -> Iterator[bytes]:
    """The instructions of a code."""
    at = 0
    while at < len(code):
        size = 4 if code[at] & 3 == 3 else 2
        yield code[at : at + size]
        at += size


def test_random_statements_equal_gnu_as(tool, tmp_path):
    source = random.Random(7)
    lines = [filled(source, statement) for statement in STATEMENTS for _ in range(150 if "R" in statement else 1)]
    text = "\n".join([".globl _start", "_start:", *lines, ""])
    ours, theirs = assemble_text(text, isa=RV32IMAC).code, gnu_text(tool, tmp_path, text)
    assert [part.hex() for part in sizes(ours)] == [part.hex() for part in sizes(theirs)]
    found = {known.name for part in sizes(ours) if (known := decode_parcel(int.from_bytes(part[:2], "little")))}
    assert found == C.keys() - {"c.jal"}  # which GNU as never makes of `jal label`


def test_without_them_nothing_is_compressed():
    lines = [filled(random.Random(9), statement) for statement in STATEMENTS]
    assert all(len(part) == 4 for part in sizes(assemble_text("\n".join(lines)).code))


@pytest.mark.parametrize("name", C)
def test_written_as_compressed_ones_they_equal_gnu_as(tool, tmp_path, name):
    """All operands of a few values each, those that ours takes and GNU as does not left out: shifts by 0."""
    kinds = {"imm": IMMEDIATES, "uimm": IMMEDIATES, "imm20": UPPERS, "label": ["."], "sp": ["sp"]}
    lines = [name]
    for field in COMPRESSED_BY_NAME[name].syntax.split(", "):
        offset, _, base = field.rstrip(")").partition("(")
        texts = [str(value) for value in kinds.get(offset, REGISTERS)]
        if base:
            texts = [f"{text}({register})" for text in texts for register in kinds.get(base, REGISTERS)]
        lines = [f"{line}{',' * (line != name)} {text}" for line in lines for text in texts if field]
    taken = []
    for line in lines or [name]:
        try:
            code = assemble_text(line, isa=RV32IMAC).code
        except AsmError:
            continue
        assert decode_parcel(int.from_bytes(code, "little")).name in (name, "c.nop")
        taken.append(line)
    shifts = name in ("c.slli", "c.srli", "c.srai")
    taken = [line for line in taken if not (shifts and line.endswith(" 0")) and line != "c.nop 0"]
    refused = [line for line in lines or [name] if line not in taken]
    text = "\n".join(taken) + "\n"
    assert assemble_text(text, isa=RV32IMAC).code == gnu_text(tool, tmp_path, text)
    (tmp_path / "r.s").write_text("\n".join(refused) + "\n")
    command = [tool(PREFIX + "as"), *architecture(RV32IMAC), tmp_path / "r.s", "-o", tmp_path / "r.o"]
    errors = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stderr
    assert errors.count("Error: ") == len(refused)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("c.addi a0, 32", "1:12: error: c.addi: immediate 32 is not in [-32, 31]"),
        ("c.addi16sp sp, 8", "1:16: error: c.addi16sp: immediate 8 is not a multiple of 16 in [-512, 496]"),
        ("c.addi16sp sp, 0", "1:16: error: c.addi16sp: immediate 0 is reserved"),
        ("c.addi16sp a0, 16", "1:12: error: c.addi16sp: 'a0' is not sp"),
        ("c.addi4spn a0, sp, 1024", "1:20: error: c.addi4spn: immediate 1024 is not a multiple of 4 in [0, 1020]"),
        ("c.addi4spn t0, sp, 4", "1:12: error: c.addi4spn: 't0' is not one of x8 to x15 (s0, s1, a0 to a5)"),
        (
            "c.addi a0, a0, 1",
            "1:1: error: 'c.addi' takes 2 operands, not 3\n  c.addi a0, a0, 1\n  ^\n  write 'c.addi",
        ),
        ("c.lwsp zero, 0(sp)", "1:8: error: c.lwsp: rd must not be 'zero'"),
        ("c.lwsp a0, 2(sp)", "1:12: error: c.lwsp: immediate 2 is not a multiple of 4 in [0, 252]"),
        ("c.lw a0, 4", "1:10: error: c.lw: expected an address 'offset(register)'"),
        ("c.lw a0, 4(b0)", "1:12: error: 'b0' is not a register"),
        ("c.lui sp, 1", "1:7: error: c.lui: rd must not be 'sp'"),
        ("c.lui a0, 32", "1:11: error: c.lui: immediate 0x20 is not in [1, 0x1f] or [0xfffe0, 0xfffff]"),
        ("c.li a0, a1", "1:10: error: c.li: 'a1' is a register; expected a number"),
        ("c.li a0, later\nlater = 5", "1:10: error: c.li: expected a number that is known here"),
        ("c.li a0, %lo(x)\nx = 5", "1:10: error: c.li: expected a number that is known here"),
        ("c.beqz a0, a1", "1:12: error: c.beqz: 'a1' is a register; expected a label"),
        ("c.slli64", "1:1: error: 'c.slli64' takes a register"),
        ("c.unimp 1", "1:1: error: 'c.unimp' takes no operands, not 1"),
        ("c.ld a0, 0(a1)", "1:1: error: unknown instruction 'c.ld'"),
        (".insn cr 3, 8, a0, a1", "1:7: error: '.insn cr': the opcode is C0, C1 or C2"),
        (".insn ci C1, 2, a0, 32", "1:7: error: '.insn': field 32 is not in [-32, 31]"),
        (".insn ca C1, 0x23, 0, t0, a1", "1:7: error: '.insn': expected a register of x8 to x15"),
        (".insn cj C1, 5", "1:7: error: '.insn cj' needs more operands"),
        (".insn cj C1, 5, ., .", "1:7: error: '.insn cj' has too many operands"),
        (".insn 2, 0x13", "1:7: error: '.insn': 0x13 is not a 32-bit instruction (its low bits are 11), nor a compr"),
        (".reloc ., R_RISCV_RVC_JUMP, x\n.half 0xa001\n.skip 2048\nx:", "1:8: error: c.j: target is 2050 bytes away; "),
        (".reloc ., R_RISCV_RVC_BRANCH, x\n.half 0xc101\nx = . + 1", "1:8: error: c.beqz: the target 0x"),
    ],
)
def test_mistakes(line, message):
    with pytest.raises(AsmError) as caught:
        assemble_text(f"{line}\n", name="t", isa=RV32IMAC)
    assert str(caught.value).startswith(f"t:{message}")


@pytest.mark.parametrize("line", [*MNEMONICS, ".insn cr C2, 8, a0, a1"])
def test_where_they_are_not_allowed_the_way_is_shown(line):
    for text, isa in ((line, RV32IMA), (f".option norvc\n{line}", RV32IMAC)):
        with pytest.raises(AsmError) as caught:
            assemble_text(text, isa=isa)
        assert "compressed instructions are not allowed here" in str(caught.value)
        assert "write '.option rvc', or assemble for a machine that has them: --isa rv32imac" in str(caught.value)


@pytest.mark.parametrize("line", ["nop", "c.nop", "j .", ".insn 1", ".insn cj C1, 5, .", ".nop"])
def test_one_for_a_machine_without_them_gives_one_warning(line):
    program = assemble_text(f".option rvc\n{line}\n.option norvc\nnop\n.option rvc\n{line}\n")
    assert program.warnings.count("warning: this machine has no compressed instructions (rv32ima), and this") == 1
    assert "--isa rv32imac" in program.warnings
    assert "compressed" not in assemble_text(".option rvc\n.align 3\n.option norvc\nnop\n").warnings
    assert "compressed" not in assemble_text(f"{line}\n", isa=RV32IMAC).warnings


def test_what_the_compiler_assumed_gives_the_machine_nothing():
    """As GNU as has it, `.attribute arch` would switch them on; ours makes a program that the machine can run."""
    source = '.attribute arch, "rv32i2p1_m2p0_a2p1_c2p0"\naddi a0, a0, 1\n'
    assert len(assemble_text(source).code) == 4
    assert len(assemble_text(source, isa=RV32IMAC).code) == 2


@pytest.mark.parametrize(
    ("source", "isa", "flag", "named"),
    [
        ("nop", RV32IMA, False, False),
        ("nop", RV32IMAC, True, True),
        (".option norvc\nnop", RV32IMAC, True, False),
        (".option rvc\nnop", RV32IMA, True, True),
        (".option rvc\n.align 3\n.option norvc\nnop", RV32IMA, True, False),
    ],
)
def test_the_file_says_so_as_that_of_gnu_as(tool, tmp_path, source, isa, flag, named):
    (tmp_path / "s.s").write_text(f"_start: {source}\n")
    run_tool(tool(PREFIX + "as"), *architecture(isa), str(tmp_path / "s.s"), "-o", str(tmp_path / "o"))
    (tmp_path / "p").write_bytes(assemble([tmp_path / "s.s"], isa=isa).elf)
    for elf in (tmp_path / "o", tmp_path / "p"):
        shown = run_tool(tool(PREFIX + "readelf"), "-hA", str(elf)).decode()
        assert ("RVC" in shown, "_c2p0" in shown) == (flag, named)


def test_a_program_may_begin_at_a_halfword():
    source = "nop\n_start: nop\n"
    assert assemble_text(source, isa=RV32IMAC).entry % 4 == 2
    with pytest.raises(AsmError, match="is not a multiple of 4"):
        assemble_text(f".half 1\n{source}")


def test_an_isa_string_that_is_none():
    with pytest.raises(ValueError, match="ISA string 'rv64i'"):
        assemble_text("nop", isa="rv64i")


def test_a_listing_has_instructions_of_both_lengths():
    source = "_start: li a0, 1\nla a1, _start\nret\n.option norvc\nret\n.word 5\n"
    shown = [line.split("  ", 1)[0] for line in list_program(assemble_text(source, isa=RV32IMAC)).splitlines()]
    base = 0x10074
    expected = [(0, "4505"), (2, "00000597"), (6, "ffe58593"), (10, "8082"), (12, "00008067")]
    assert shown[1:6] == [f"{base + at:08x}: {code}" for at, code in expected]
