"""Sources with mistakes: each is named with file, line, column and a caret; several in one run; nothing runs away.

Where GNU as and ld refuse the same source, a test asks them too, so that we are not stricter than they are.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from support.cli.command import MIB, Outcome, execute, invoke, refused, write

pytestmark = pytest.mark.slow

SECONDS = 20
"""No source may take more processor time."""


def asm(folder: Path, source: str, *options: str | Path, name: str = "bad.s") -> Outcome:
    """Assemble a text as a file of this name, in a process of its own, in the folder of the file."""
    write(folder, name, source)
    outcome = execute("asm", name, "-o", os.devnull, *options, folder=folder)
    assert outcome.processor < SECONDS
    return outcome


def quick(folder: Path, source: str, *options: str | Path, name: str = "bad.s") -> Outcome:
    """The same within this process."""
    outcome = invoke("asm", write(folder, name, source), "-o", os.devnull, *options)
    message = outcome.message.replace(f"{folder}/", "")
    return Outcome(outcome.status, outcome.stdout, message.encode(), outcome.seconds)


# name: (source, the whole message or parts of it, does GNU refuse it too)
MISTAKES = {
    "undefined symbol": ("_start: call missing", ["bad.s:1:14: error: undefined symbol 'missing'"], True),
    "undefined symbol in data": ("_start: nop\n.word missing", ["bad.s:2:7: error: undefined symbol 'missing'"], True),
    "duplicate symbol": (
        "_start: nop\nend: nop\nend: nop",
        ["bad.s:3:1: error: symbol 'end' is defined twice", "first defined at bad.s:2"],
        True,
    ),
    "duplicate constant": (
        ".equiv one, 1\n.equiv one, 2\n_start: nop",
        ["bad.s:2", "symbol 'one' is defined twice"],
        True,
    ),
    "fixed constant that is set": (
        ".equiv one, 1\n_start: nop\n.set one, 2",
        ["bad.s:3", "symbol 'one' is defined twice"],
        True,
    ),
    "fixed constant that is assigned": ("one == 1\none = 1\n_start: nop", ["bad.s:2", "'one' is defined twice"], True),
    "float that is too large": ("_start: .float 1e39", ["bad.s:1", "'1e39' is not a number that '.float'"], True),
    "digits with underscores": ("_start: .float 1_000", ["bad.s:1", "'1_000' is not a number"], True),
    "jump out of range": (
        "_start: j far\n.skip 0x100000\nfar: nop",
        ["bad.s:1:11: error: jal: target is 1048580 bytes away; it reaches -1048576 to 1048574"],
        True,
    ),
    "local label that does not follow": ("_start: j 1f", ["bad.s:1", "no label '1:' follows"], True),
    "local label that does not precede": ("_start: j 1b", ["bad.s:1", "'1:'"], True),
    "unknown instruction": ("_start: adid a0, a0, 1", ["bad.s:1:9: error:", "did you mean 'addi'?"], True),
    "unknown directive": ("_start: nop\n.txet", ["bad.s:2:1: error:", "did you mean '.text'?"], True),
    "unknown register": ("_start: add a0, a9, a0", ["bad.s:1:17: error: 'a9' is not a register"], True),
    "immediate too large": (
        "_start: addi a0, a0, 2048",
        ["bad.s:1:22: error: addi: immediate 2048 is not in [-2048, 2047]"],
        True,
    ),
    "shift too far": ("_start: slli a0, a0, 32", ["bad.s:1", "[0, 31]"], True),
    "missing operand": ("_start: add a0, a0", ["bad.s:1"], True),
    "compressed instructions": (
        "_start: c.nop",
        ["bad.s:1:9: error: 'c.nop': compressed instructions are not allowed"],
        True,
    ),
    "floating point": ("_start: fadd.s fa0, fa0, fa0", ["bad.s:1:9: error: unknown instruction 'fadd.s'"], True),
    "string that is not closed": ('_start: nop\n.ascii "abc', ["bad.s:2:8: error: unterminated string"], False),
    "comment that is not closed": ("_start: nop\n/* why", ["bad.s:2:1: error: unterminated comment"], False),
    "macro that is not closed": (".macro m\nnop", ["bad.s:1:1: error: '.macro' is never closed"], True),
    "repetition that is not closed": (".rept 3\nnop", ["bad.s:1:1: error: '.rept' is never closed"], True),
    "condition that is not closed": (".if 1\nnop", ["bad.s:1:1: error: '.if' is never closed"], True),
    "condition that was not opened": ("_start: nop\n.endif", ["bad.s:2:1: error:"], True),
    "file that is not there": ('_start: nop\n.incbin "nothing"', ["bad.s:2:9: error: no such file: 'nothing'"], True),
    "folder as data": ('_start: nop\n.incbin "."', ["bad.s:2:9: error: '.' is not a regular file"], True),
    "device as data": ('_start: nop\n.incbin "/dev/zero"', ["'/dev/zero' is not a regular file"], False),
    "data behind the end": (
        '_start: nop\n.incbin "bad.s", 1000',
        ["bad.s:2:9: error: 'bad.s' has 33 bytes; cannot read 0 from offset 1000"],
        True,
    ),
    "data over the end": (
        '_start: nop\n.incbin "bad.s", 30, 30',
        ["bad.s:2:9: error: 'bad.s' has 35 bytes; cannot read 30 from offset 30"],
        True,
    ),
    "data before the start": ('_start: nop\n.incbin "bad.s", -1', ["bad.s:2:9: error:"], True),
    "source that is not there": ('.include "nothing.s"', ["bad.s:1", "nothing.s"], True),
    "author's own error": ('_start: nop\n.error "not for this board"', ["bad.s:2:8: error: not for this board"], True),
    "origin that goes back": ("_start: nop\nnop\n.org 4", ["bad.s:3", "backwards"], True),
    "division by zero": ("_start: nop\n.word 1 / 0", ["bad.s:2", "ivision by zero"], False),
    "enormous shift": ("_start: li a0, 1 << 1000000000000", ["bad.s:1", "cannot shift by 1000000000000"], False),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_place(tmp_path, monkeypatch, name):
    source, parts, _ = MISTAKES[name]
    monkeypatch.chdir(tmp_path)
    refused(quick(tmp_path, source), *parts, lines=None)


@pytest.mark.parametrize("name", [name for name, (_, _, both) in MISTAKES.items() if both])
def test_gnu_refuses_it_too(tool, tmp_path, name):
    path = write(tmp_path, "bad.s", MISTAKES[name][0])
    assembler = [tool("riscv64-unknown-elf-as"), "-march=rv32ima_zicsr_zifencei", "-mabi=ilp32", "-o", "o", path]
    linker = [tool("riscv64-unknown-elf-ld"), "-melf32lriscv", "--no-relax", "-o", "out", "o"]
    for words in (assembler, linker):
        if subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=60, check=False).returncode:
            return
    pytest.fail("GNU as and ld accept it")


@pytest.mark.parametrize("command", ["run", "boot", "asm"])
def test_every_command_that_assembles_says_the_same(tmp_path, command):
    path = write(tmp_path, "bad.s", "_start: adid a0, a0, 1\n")
    shown = ("unknown instruction 'adid'", "  _start: adid a0, a0, 1", "          ^", "  did you mean 'addi'?")
    expected = f"{path}:1:9: error: " + "\n".join(shown) + "\n"
    outcome = invoke(command, path, *(["-o", os.devnull] if command == "asm" else []))
    refused(outcome, lines=4)
    assert outcome.message == expected


def test_a_conditional_branch_out_of_range_becomes_two_instructions(tmp_path):
    """As in GNU as, which relaxes `beq` to `bne` over `jal`: only where that does not reach is it a mistake."""
    assert quick(tmp_path, "_start: beq a0, a1, far\n.skip 8192\nfar: nop").status == 0
    source = "_start: beq a0, a1, far\n.skip 0x200000\nfar: nop"
    refused(quick(tmp_path, source), "bad.s:1:21: error: jal: target is", "it reaches -1048576 to 1048574", lines=3)


def test_several_mistakes_in_one_run(tmp_path):
    source = """_start: addi a0, a0, 5000
    adid a0, a0, 1
    dup: nop
    dup: nop
    lw a0, 4(q5)
    .txet
    j 1f
    """
    outcome = quick(tmp_path, source)
    lines = [int(number) for number in re.findall(r"^bad\.s:(\d+):\d+: error: ", outcome.message, re.MULTILINE)]
    assert (outcome.status, sorted(lines)) == (2, [1, 2, 4, 5, 6, 7])


def test_several_mistakes_that_linking_finds(tmp_path):
    source = """_start: call missing
    la a0, nowhere
    j far
    .word gone
    .skip 0x200000
    far: nop
    """
    outcome = quick(tmp_path, source)
    lines = [int(number) for number in re.findall(r"^bad\.s:(\d+):\d+: error: ", outcome.message, re.MULTILINE)]
    assert (outcome.status, sorted(lines)) == (2, [1, 2, 3, 4])


def test_mistakes_in_several_files(tmp_path):
    first, second = write(tmp_path, "one.s", "_start: adid a0"), write(tmp_path, "two.s", "nop\nsubb a0")
    outcome = invoke("asm", first, second, "-o", os.devnull)
    refused(outcome, "one.s:1:9: error: unknown instruction 'adid'", "two.s:2:1: error:", lines=None)


def test_a_symbol_that_two_files_define(tmp_path):
    first = write(tmp_path, "one.s", ".globl f\n.globl _start\n_start: nop\nf: nop")
    second = write(tmp_path, "two.s", ".globl f\nf: nop")
    refused(invoke("asm", first, second, "-o", os.devnull), "two.s:2:1: error:", "'f'", "one.s:4", lines=None)


def test_thousands_of_mistakes(tmp_path):
    outcome = asm(tmp_path, "adid a0\n" * 200_000)
    refused(outcome, "980 more errors not shown; assembly stopped", lines=None)
    assert outcome.message.count("error:") == 20 and outcome.peak < 300 * MIB


def test_no_file_is_left_behind(tmp_path):
    """Nor is the one from the last time lost."""
    output = write(tmp_path, "out", "kept")
    refused(invoke("asm", write(tmp_path, "bad.s", "adid"), "-o", output), "adid", lines=None)
    assert output.read_text() == "kept"


NESTED = """.macro a
.rept 100
b
.endr
.endm
.macro b
.rept 100
.rept 1000
nop
.endr
.endr
.endm
_start: a
"""
RUNAWAYS = {
    "recursive macro": (".macro m\nm\n.endm\n_start: m", "in expansion of macro 'm', bad.s:4"),
    "macros that call each other": (".macro a\nb\n.endm\n.macro b\na\n.endm\n_start: a", "in expansion of macro 'a'"),
    "argument that doubles": (".macro m x\nm \\x\\x\n.endm\n_start: m abcdefgh", "in expansion of macro 'm'"),
    "billion repetitions": ("_start:\n.rept 1000000000\nnop\n.endr", "would produce 1000000000 statements"),
    "billion empty repetitions": (".rept 1000000000\n.endr\n_start: nop", "would produce 1000000000 statements"),
    "repetitions in repetitions": (".rept 1000000\n.rept 1000000\nnop\n.endr\n.endr", "the limit is 2097152"),
    "billion bytes": ("_start: .zero 1000000000", "more than 268435456 bytes"),
    "billion items": ("_start: .fill 1000000000, 8", "would produce 8000000000 bytes"),
    "file that includes itself": ('.include "bad.s"', "included from bad.s:1"),
    "symbols that are each other": (".set a, b\n.set b, a\n_start: li a0, a", "bad.s:3:9: error:"),
    "digits": (f"_start: li a0, {'9' * 100_000}", "a number of 100000 digits"),
    "hexadecimal digits": (f"_start: li a0, 0x{'9' * 100_000}", "a number of 100002 digits"),
    "one word of 20 million letters": ("a" * 20_000_000, "bad.s:1:1: error: unknown instruction 'aaa"),
    "one line of 50,000 operands": ("_start: .byte 1" + ",1" * 50_000 + ",", "bad.s:1"),
}


@pytest.mark.parametrize("name", RUNAWAYS)
def test_a_source_that_would_not_end(tmp_path, name):
    source, part = RUNAWAYS[name]
    outcome = asm(tmp_path, source)
    refused(outcome, part, lines=None)
    assert len(outcome.stderr) < 10_000, "a message that can be read"
    assert outcome.peak < 600 * MIB


def test_repetitions_in_macros_in_repetitions(tmp_path, monkeypatch):
    """Each is within the limit and together they are not. The limit is lowered, because reaching it takes seconds."""
    monkeypatch.setattr("trapline.asm.preprocess.expander.MAX_EXPANDED", 20_000)
    refused(quick(tmp_path, NESTED), "macros and repetitions produce more than 20000 statements", lines=None)


def test_a_header_that_includes_itself(tmp_path):
    outcome = asm(tmp_path, '#include "bad.S"\n_start: nop', name="bad.S")
    refused(outcome, "bad.S:1:1: error: #include nested too deeply", lines=None)


@pytest.mark.parametrize("depth", [10_000])
@pytest.mark.parametrize("left, right", [("(", ")"), ("-", ""), ("~(", ")")])
def test_deeply_nested_expressions(tmp_path, left, right, depth):
    """Python's own recursion limit is no reason to fail: it is assembled, or refused with a message."""
    outcome = asm(tmp_path, f"_start: li a0, {left * depth}1{right * depth}")
    assert outcome.status == 0 or (outcome.status == 2 and "bad.s:1" in outcome.message)


@pytest.mark.parametrize("source", ["", "\n\n", "# nothing\n", ".data\n.word 1\n"])
def test_a_source_without_any_code(tmp_path, source):
    """An empty file is refused; one without instructions is a program that has nothing to execute."""
    path = write(tmp_path, "bad.s", source)
    outcome = invoke("run", path, "--max-instructions", "10")
    assert outcome.status in (2, 132, 139) and outcome.message.count("\n") == 1
