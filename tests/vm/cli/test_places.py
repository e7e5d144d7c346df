"""Messages of a run name the place: address, symbol, file and line, and what was passed on the way."""

import subprocess
from pathlib import Path

import pytest

from support.cli.command import invoke, write

FEW = ("--max-instructions", "2000")


def message(folder: Path, command: str, text: str, *options: str) -> str:
    """What the command says of a source, which is called guest.s wherever it lies."""
    outcome = invoke(command, write(folder, "guest.s", text), *options)
    return outcome.message.replace(f"{folder}/", "")


PROCESS = {
    "an instruction": ("_start: nop\n lw a0, (zero)", "at pc 0x00010078 <_start+4> (guest.s:2), address"),
    "the second of two": ("_start: nop\n call 4", "fault at pc 0x00000004"),
    "data in code": ("_start: nop\n.word 0xffffffff", "0xffffffff at pc 0x00010078 <_start+4> (guest.s:2)"),
    "data after a long statement": ("_start: li a0, 0x12345678\n .byte 0, 0, 0, 0", "<_start+8> (guest.s:2)"),
    "a macro": (".macro m x\n lw a0, \\x(zero)\n.endm\n_start: nop\n m 8",
                "<_start+4> (guest.s:2, in expansion of macro 'm', guest.s:5)"),
    "a repeated block": (".rept 3\n nop\n.endr\n.globl _start\n_start: ebreak", "<_start> (guest.s:5)"),
    "no symbol": (".text\n nop\n ebreak", "breakpoint at pc 0x00010078 (guest.s:3)"),
    "a call of nothing": ("_start: nop\n li t0, 8\n jalr t0",
                          "at pc 0x00000008, address 0x00000008; ra is from 0x0001007c <_start+8> (guest.s:3)"),
    "a signal": ("_start: li a7, 172\n ecall\n li a1, 6\n li a7, 129\n ecall", "<_start+16> (guest.s:5)"),
}  # fmt: skip


@pytest.mark.parametrize("name", PROCESS)
def test_a_fault_of_a_process(tmp_path, name):
    text, place = PROCESS[name]
    assert place in message(tmp_path, "run", text)


@pytest.mark.parametrize("text, section", [
    ("_start: li a0, 1\n nop", ".text, after guest.s:2;"),
    ("_start: li a0, 1\n.data\n.word 5", ".text, after guest.s:1;"),
    ("_start: nop\n.rodata\n.asciz \"text\"", ".text, after guest.s:1;"),
    ("_start: .rept 1000\n nop\n.endr\n.section .rodata\n.word 0x00000013, 0", ".text, after guest.s:2;"),
    ("_start: ret", None),
    ("_start: .word 0", None), ("_start: j _start - 64", None),
])  # fmt: skip
def test_a_process_that_runs_past_its_end(tmp_path, text, section):
    said = message(tmp_path, "run", text, *FEW)
    assert ("it ran past the end of" in said) == (section is not None), said
    assert f"the end of {section or ''}" in said or section is None
    assert ("a program ends with `li a7, 93` and `ecall`" in said) == ("ran past" in said)


@pytest.mark.parametrize("options", [("--max-instructions", "1000"), ("--timeout", "0.2")])
@pytest.mark.parametrize("command, address", [("run", "0x00010078"), ("boot", "0x80000004"), ("virt", "0x80000004")])
def test_a_limit_says_where(tmp_path, command, address, options):
    said = message(tmp_path, command, "_start: nop\nloop: j loop", *options)
    assert f"at pc {address} <loop> (guest.s:2)" in said


def test_each_of_several_guests_and_harts(tmp_path):
    first, second = write(tmp_path, "one.s", "_start: j _start"), write(tmp_path, "two.s", "_start: nop\ne: j e")
    said = invoke("virt", first, second, *FEW).message
    assert "one: stopped: " in said and f" at pc 0x80000000 <_start> ({first}:1)" in said
    assert "two: stopped: " in said and f" at pc 0x80000004 <e> ({second}:2)" in said
    said = message(tmp_path, "boot", "_start: csrr t0, mhartid\n1: j 1b", "--harts", "2", *FEW)
    assert "<_start+4> (guest.s:2) of hart " in said


def test_a_program_with_a_line_table(tmp_path, tool):
    compiler = tool("riscv64-unknown-elf-gcc")
    source = write(tmp_path, "crash.c", "int *p;\nvoid _start(void) {\n    *p = 1;\n    for (;;) ;\n}\n")
    options = ["-march=rv32ima", "-mabi=ilp32", "-nostdlib", "-g"]
    subprocess.run([compiler, *options, "-o", tmp_path / "crash", source], check=True)
    said = invoke("run", tmp_path / "crash").message
    assert "<_start+" in said and f"({source}:3)" in said
    options.append("-O1")  # without a frame on a stack that is not there
    source = write(tmp_path, "kernel.c", "void _start(void) {\n    for (;;) ;\n}\n")
    subprocess.run([compiler, *options, "-Wl,-Ttext=0x80000000", "-o", tmp_path / "kernel", source], check=True)
    assert f"({source}:" in invoke("boot", tmp_path / "kernel", *FEW).message


def test_a_kernel_is_found_at_its_physical_addresses_too(tmp_path, tool):
    """Linked high, entered low: before translation is on, the pc is physical."""
    compiler = tool("riscv64-unknown-elf-gcc")
    write(tmp_path, "high.s", ".globl _start\n_start: nop\nhere: j here\n")
    write(tmp_path, "high.ld", "SECTIONS { . = 0xc0000000; .text : AT(0x80000000) { *(.text) } }")
    options = ["-march=rv32ima", "-mabi=ilp32", "-nostdlib", "-T", "high.ld", "-o", "high", "high.s"]
    subprocess.run([compiler, *options], cwd=tmp_path, check=True)
    assert "at pc 0x80000004 <here>" in invoke("boot", tmp_path / "high", *FEW).message
