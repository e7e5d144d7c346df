"""Random sources with statements of every kind: where GNU as takes one, ours makes the same sections of it."""

import random
import subprocess
from pathlib import Path

import pytest

from support.gnu import RV32IMA, RV32IMAC, architecture, loaded
from trapline.asm import assemble

REGISTERS = ["a0", "a1", "t0", "t6", "s0", "s11", "zero", "ra", "sp", "x5", "x31", "fp", "tp"]
LABELS = ["l0", "l1", "l2", "l3", "1b", "1f", "ext", "weak"]
NUMBERS = ["0", "1", "5", "-1", "0x7f", "2047", "-2048", "4", "8", "'a'", "0b11", "017", "K", "J", "0x10"]
HEAD = """    K = 3
    .set J, 7
    .macro m reg, v=1
    addi \\reg, \\reg, \\v & 15
    .endm
    .macro bytes first:req rest:vararg
    .byte \\first & 255, \\rest
    .endm
    .globl _start, ext
    .weak weak
_start: nop
ext: nop
1:  nop
"""


def expression(source: random.Random, depth: int = 0) -> str:
    if depth > 2 or source.random() < 0.4:
        return source.choice(NUMBERS)
    if source.random() < 0.3:
        return source.choice(["-", "~", "!", ""]) + f"({expression(source, depth + 1)})"
    operator = source.choice(["+", "-", "*", "&", "|", "^", "==", "!=", "<", "&&", "||"])
    return f"{expression(source, depth + 1)} {operator} {expression(source, depth + 1)}"


FORMS = """addi R, R, (E) & 2047|lw R, (E) & 2047(R)|sw R, 4*N(R)|li R, E|la R, L|lui R, %hi(L+N)|addi R, R, %lo(L)
beq R, R, L|bgtz R, L|j L|jal L|call L|tail L|.byte (E) & 255, N|.half (E) & 255|.word E, L+4|.quad E
.skip N, N|.fill N, N, E|.balign 4|.p2align 3|.ascii "a\\n\\101x"|.asciz "q", "r"|.string16 "hi"|.zero N
.if E~nop~.else~ret~.endif|.rept N~.byte N~.endr|.irp x, a0, 1, (2)~.ascii "\\x"~.endr|.ifdef L~.byte 1~.endif
K = E|.set J, K+N|m R, E|bytes N, N|csrw mstatus, R|csrwi mie, N|csrr R, mhartid|csrr R, 0x300
.pushsection .foo, "aw"~.word E~.popsection|.bss~.skip N~.text|.section .text.hot, "ax"~nop~.text|1:
.comm common, N+1, 4|.uleb128 N*1000|.sleb128 -N*1000|amoadd.w R, R, (R)|lr.w.aq R, (R)|fence rw, o|jalr R
jalr R, N(R)|jr R|lw R, L|sb R, L, t1|mulh R, R, R|seqz R, R|slli R, R, N|.subsection 1~.word N~.subsection 0
.org .+N~.balign 4|.insn r 0x33, 1, 2, R, R, R|.float 1.5, nan|.dc.b N|.ds.l N|.hidden l1"""
STATEMENTS = FORMS.replace("\n", "|").split("|")


def statement(source: random.Random) -> str:
    text = source.choice(STATEMENTS)
    made = ""
    for index, character in enumerate(text):
        alone = not (text[max(index - 1, 0)].isalnum() and index) and not text[index + 1 : index + 2].isalnum()
        if alone and character in "RENL":
            values = {
                "R": REGISTERS, "L": LABELS, "N": [str(source.randrange(9))], "E": [f"({expression(source)})"],
            }  # fmt: skip
            made += source.choice(values[character])
        else:
            made += "\n    " if character == "~" else character
    return made


def program(source: random.Random) -> str:
    lines = [HEAD]
    for place in range(4):
        lines += ["    .balign 4", f"l{place}: nop"]
        lines += [f"    {statement(source)}\n    .balign 4" for _ in range(source.randrange(2, 8))]
    return "\n".join([*lines, "    .text", "    .balign 4", "1:  nop", "weak: nop", ""])


@pytest.mark.parametrize(("isa", "first"), [*((RV32IMA, n) for n in range(0, 40, 10)), (RV32IMAC, 0), (RV32IMAC, 20)])
def test_sections_equal_gnu_as(tool, tmp_path: Path, isa: str, first: int) -> None:
    compared = 0
    for seed in range(first, first + 10):
        (tmp_path / "a.s").write_text(program(random.Random(seed)))
        command = [tool("riscv64-unknown-elf-as"), *architecture(isa), "a.s", "-o", "a.o"]
        link = [tool("riscv64-unknown-elf-ld"), "-m", "elf32lriscv", "--no-relax", "a.o", "-o", "theirs"]
        if any(subprocess.run(c, cwd=tmp_path, capture_output=True, check=False).returncode for c in (command, link)):
            continue
        (tmp_path / "ours").write_bytes(assemble([tmp_path / "a.s"], isa=isa).elf)
        assert loaded(tmp_path / "ours") == loaded(tmp_path / "theirs"), f"seed {seed}"
        compared += 1
    assert compared > 3
