"""The debugger over code of both lengths, as GNU as compresses it: steps, calls, callers, and places between words."""

from pathlib import Path

import pytest

from support.debugger import Session, image_kernel
from support.gnu import PREFIX, Find, run_tool
from trapline.vm.loader.files import load_elf

pytestmark = pytest.mark.once

BASE = 0x80000000
CODE = """
        .globl  _start
_start: la      sp, stack
        li      s1, 0
        jal     one             # 32 bits, as GNU as does not compress it
        c.jal   one
        la      t0, one
        c.jalr  t0
        lui     s2, 0x12345
        addi    s1, s1, 1
        call    across
        la      t0, word
        sw      s1, (t0)
end:    j       end
        .type   one, @function
one:    addi    sp, sp, -16
        sw      ra, 12(sp)
        sw      s0, 8(sp)
        call    two
        lw      ra, 12(sp)
        addi    sp, sp, 16
        ret
        .size   one, . - one
        .type   two, @function
two:    addi    sp, sp, -32
        sw      ra, 28(sp)
        c.jal   leaf
        lw      ra, 28(sp)
        addi    sp, sp, 32
        ret
        .size   two, . - two
        .type   leaf, @function
leaf:   addi    s1, s1, 1
        ret
        .size   leaf, . - leaf
        .balign 4096
        .fill   2047, 2, 1      # c.nop
        .type   across, @function
across: lui     a0, 0x11111     # lies in two pages
        c.addi  a0, 1
        ret
        .data
word:   .word   0
        .space  512
stack:
"""


@pytest.fixture(scope="module")
def program(tool: Find, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CODE, assembled for a machine with compressed instructions."""
    folder = tmp_path_factory.mktemp("compressed")
    source, object_file, elf = folder / "c.s", folder / "c.o", folder / "c.elf"
    source.write_text(CODE)
    run_tool(
        tool(PREFIX + "as"), "-g", "-march=rv32imac", "-mabi=ilp32", "-mno-relax", str(source), "-o", str(object_file)
    )
    link = ("-m", "elf32lriscv", "--no-relax", "--no-warn-rwx-segments", "-N", f"-Ttext={BASE:#x}")
    run_tool(tool(PREFIX + "ld"), *link, str(object_file), "-o", str(elf))
    return elf


def session(program: Path, technique: str = "bare") -> Session:
    return image_kernel(load_elf(program), isa="rv32imac", technique=technique)


def places(text: str) -> list[str]:
    """The instructions that a session shows, by symbol."""
    return [line.split("<")[1].split(">")[0] for line in text.splitlines() if line.startswith("0x8")]


TOP = [f"_start+{offset}" for offset in (8, 10, 14, 16, 20, 24, 26, 30, 32, 36, 40, 44, 48)] + ["end"]


def test_next_and_back_over_calls_of_either_length(program: Path) -> None:
    say = session(program)
    say("nexti", "nexti")
    assert places(say(*["nexti"] * 13)) == TOP[1:]
    assert places(say(*["reverse-nexti"] * 13)) == TOP[-2::-1]


@pytest.mark.parametrize("technique", ["bare", "trap"])
def test_steps_and_the_way_back_see_the_same(program: Path, technique: str) -> None:
    """Into calls, to places at odd halfwords, over an instruction in two pages, and out of it again."""
    say = session(program, technique)
    there = places(say(*["stepi"] * 82))
    assert {"one+2", "two+6", "leaf+2", "across", "across+4", "across+6", "end"} <= set(there)
    assert places(say(*["reverse-stepi"] * 81)) == there[-2::-1]


@pytest.mark.parametrize("technique", ["bare", "trap"])
def test_breakpoints_between_words_and_in_two_pages(program: Path, technique: str) -> None:
    say = session(program, technique)
    assert "breakpoint 1 at 0x80001ffe <across>" in say("break across")
    leaf = int(say("print leaf").split()[0], 16)
    assert leaf % 4 == 2
    say("break leaf if s1 == 2")
    assert places(say("continue", "continue", "stepi")) == ["leaf", "across", "across+4"]
    assert "a0 0x11111000" in say("print a0") or "0x11111000" in say("print a0")
    assert places(say("reverse-continue", "reverse-continue")) == ["across", "leaf"]
    shown = say("x/2i across").splitlines()
    assert shown[0].endswith("<across>  lui a0, 0x11111") and shown[1].endswith("<across+4>  addi a0, a0, 1")


def test_callers_behind_calls_of_either_length(program: Path) -> None:
    """The line of a caller is that of its call, not of what lies behind it."""
    say = session(program)
    say("break leaf")
    stacks = []
    for _ in range(3):
        say("continue")
        stacks.append([line.split("<")[1].split(">")[0] for line in say("where").splitlines()])
    assert stacks == [["leaf", "two+6", "one+14", f"_start+{at}"] for at in (14, 16, 26)]
    say("finish")
    assert say("where").count("#") == 3
    assert "c.s:5)" in session_at_first_leaf(program)("where")


def session_at_first_leaf(program: Path) -> Session:
    say = session(program)
    say("tbreak leaf", "continue")
    return say


def test_finish_and_back(program: Path) -> None:
    say = session_at_first_leaf(program)
    assert places(say("finish")) == ["two+6"]
    assert places(say("reverse-stepi", "reverse-finish")) == ["leaf+2", "two+4"]
    say("stepi")
    assert places(say("finish", "finish", "finish")) == ["two+6", "one+14", "_start+14"]


def test_a_store_of_16_bits_is_watched(program: Path) -> None:
    say = session(program)
    assert "0x0 -> 0x4" in say("watch word", "continue")
