"""Where a program begins, and what is said when nothing tells."""

import subprocess

import pytest

from trapline.asm import assemble, assemble_text
from trapline.asm.program import Text


@pytest.mark.parametrize("text, hint", [
    ("nop", "define _start, or use --entry"),
    ("main: nop", "define _start, or begin at 'main' with --entry main"),
    ("nop\nstart: nop", "define _start, or begin at 'start' with --entry start"),
    ("_Start: nop", "define _start, or begin at '_Start' with --entry _Start"),
    ("__start: nop", "define _start, or begin at '__start' with --entry __start"),
])  # fmt: skip
def test_a_missing_start_is_warned_of_as_ld_does(text, hint):
    program = assemble_text(text, name="prog.s")
    where = "the program begins at 0x00010074, the start of .text"
    assert program.warnings == f"prog.s: warning: no symbol '_start': {where}\n  {hint}"
    assert program.entry == 0x10074


@pytest.mark.parametrize("text, entry", [
    ("_start: nop", None), (".globl _start\n_start: nop", None), ("nop\nmain: nop", "main"), (".data\n.word 1", None),
])  # fmt: skip
def test_no_warning(text, entry):
    assert assemble_text(text, entry=entry).warnings == ""


def test_the_address_is_the_one_that_is_used():
    program = assemble([Text("a.s", "f: ret"), Text("b.s", "main: nop")], text_base=0x80000000)
    assert program.warnings.startswith("a.s: warning: no symbol '_start': the program begins at 0x80000000")
    assert program.entry == 0x80000000


def test_ld_says_the_same(tmp_path, tool):
    assembler, linker = tool("riscv64-unknown-elf-as"), tool("riscv64-unknown-elf-ld")
    (tmp_path / "a.s").write_text("main: nop\n")
    subprocess.run([assembler, "-march=rv32ima", "-o", "a.o", "a.s"], cwd=tmp_path, check=True)
    done = subprocess.run([linker, "-m", "elf32lriscv", "a.o"], cwd=tmp_path, check=True, capture_output=True)
    said = done.stderr.decode()
    address = int(said.rpartition(" ")[2], 16)
    assert "cannot find entry symbol _start" in said and address == assemble_text("main: nop").entry
