"""The same ELF file, arguments and input here and under qemu-riscv32: the same output and status."""

import random
from pathlib import Path

import pytest

from support.process import bit_programs
from support.process.processes import build, run, run_qemu

GUESTS = Path(__file__).parent / "guests"

LIBGCC = ("-nostdlib", "-static", "-ffreestanding", "-fno-builtin", "-w")


def compare(tool, tmp_path, source, arguments=("program",), stdin=b"", options=("-O1",), **machine):
    path = build(tool, tmp_path, source, *LIBGCC, f"-I{GUESTS}", *options, libraries=["-lgcc"])
    theirs = run_qemu(tool, path, arguments, stdin=stdin)
    ours = run(path, arguments, stdin=stdin, **machine)
    assert ours.stdout.decode(errors="replace").splitlines() == theirs.stdout.decode(errors="replace").splitlines()
    assert ours.stdout == theirs.stdout
    assert ours.status == theirs.status
    return ours


def test_errors(tool, tmp_path):
    outcome = compare(tool, tmp_path, (GUESTS / "errors.c").read_text(), ["a", "b", "c"], b"input")
    assert outcome.status == 3
    assert b"riscv32" in outcome.stdout


def test_memory(tool, tmp_path):
    assert b"zero again = 0" in compare(tool, tmp_path, (GUESTS / "memory.c").read_text()).stdout


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 70000])
def test_input_and_arguments(tool, tmp_path, size):
    stdin = bytes(random.Random(size).choices(b"the quick brown fox\n\t\0\xff", k=size))
    compare(tool, tmp_path, (GUESTS / "words.c").read_text(), ["wc", "-l", "", "a b"], stdin)


@pytest.mark.parametrize("level", ["-O0", "-O2", "-O3"])
def test_computation(tool, tmp_path, level):
    assert compare(tool, tmp_path, (GUESTS / "compute.c").read_text(), options=(level,)).status == 77


@pytest.mark.parametrize("level", ["-O2", "-O3 -funroll-loops"])
def test_computation_with_bit_manipulation(tool, tmp_path, level):
    isa = "rv32ima_zba_zbb_zbs"
    options = (*level.split(), f"-march={isa}")
    assert compare(tool, tmp_path, (GUESTS / "compute.c").read_text(), options=options, isa=isa).status == 77


@pytest.mark.parametrize("seed", [1, 2])
def test_bit_manipulation(tool, tmp_path, seed):
    """Every instruction of Zba, Zbb and Zbs, on 400 pairs of words."""
    path = build(tool, tmp_path, bit_programs.program(seed), "-nostdlib", "-march=rv32ima_zba_zbb_zbs", suffix=".s")
    ours = run(path, isa="rv32ima_zba_zbb_zbs")
    theirs = run_qemu(tool, path)
    assert len(ours.stdout) > 400 * 4 * 40
    assert (ours.stdout, ours.status) == (theirs.stdout, theirs.status)
    assert run(path, isa="rv32ima").status == 128 + 4, "its first instruction is illegal without them"


FAULTS = {
    "null load": "return *(volatile int *)0;",
    "null store": "*(volatile int *)0 = 1;",
    "null call": "((void (*volatile)(void))0)();",
    "store to code": "*(volatile int *)main = 1;",
    "run data": "static int data[4]; ((void (*)(void))data)();",
    "illegal": 'asm volatile(".word 0xffffffff");',
    "breakpoint": 'asm volatile("ebreak");',
    "privileged": 'asm volatile("csrw mscratch, x0");',
    "recursion": "volatile int x[1000]; x[0] = main(argc + 1, argv); return x[0] + 1;",
    "abort": "call(131, call(172, 0, 0, 0), call(178, 0, 0, 0), 6);",
    "terminate": "call(129, call(172, 0, 0, 0), 15, 0);",
    "after munmap": "char *p = map(); call(215, p, 4096, 0); return *(volatile char *)p;",
    "after mprotect": "char *p = map(); call(226, p, 4096, 1); *(volatile char *)p = 2;",
}
PAGE = "static char *map(void) { char *p = (char *)call6(222, 0, 4096, 3, 0x22, -1, 0); *p = 1; return p; }"


@pytest.mark.parametrize("name", FAULTS)
def test_faults(tool, tmp_path, name):
    main = f'int main(int argc, char **argv) {{ if (argc == 1) put("before\\n"); {FAULTS[name]} return 0; }}'
    body = f'#include "start.h"\n{PAGE}\n{main}\n'
    outcome = compare(tool, tmp_path, body, options=("-O1", "-march=rv32ima_zicsr"))
    assert outcome.stdout == b"before\n"
    assert 128 < outcome.status < 160
    assert outcome.stderr.count(b"\n") == 1
