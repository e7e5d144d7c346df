"""gdb on a program that gcc has made for rv32imac: both ways over instructions of 16 and 32 bits, and between words."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from support.gdb.scripted import BOOT, UNDER_TRAP, converse, script
from support.gnu import PREFIX, Find, run_tool

pytestmark = [pytest.mark.slow, pytest.mark.once]

PROGRAM = """
volatile int total, seen[4];

__attribute__((noinline)) int leaf(int n) {
    total += n;
    return n * 3 + total;
}

__attribute__((noinline)) int middle(int n) {
    int sum = 0;
    for (int i = 0; i < n; i++)
        sum += leaf(i);
    return sum;
}

int main(void) {
    int got = middle(3);
    seen[1] = got;
    return got;
}

__asm__(".globl _start, across\\n"
        "_start: la sp, stack_top\\n call main\\n call across\\n"
        " li t0, 0x100000\\n li t1, 0x5555\\n sw t1, (t0)\\n1: j 1b\\n"
        ".balign 4096\\n.fill 2047, 2, 1\\n"
        "across: lui a0, 0x11111\\n c.addi a0, 1\\n ret\\n"
        ".bss\\n.space 4096\\nstack_top:\\n.text");
"""
STEPS = 12
SAY_PC = 'printf "at %x\\n", $pc\n'
SESSION = script(
    """
    # main
    break main
    continue
    next
    # leaf
    break leaf
    continue
    backtrace
    # finish
    finish
    backtrace
    # watch
    delete 2
    watch total
    continue
    print total
    delete
    # there
    """,
    SAY_PC + f"stepi\n{SAY_PC}" * STEPS,
    "# back",
    SAY_PC + f"reverse-stepi\n{SAY_PC}" * STEPS,
    """
    # across
    break *across
    continue
    x/2i $pc
    delete
    stepi
    print/x $pc
    print/x $a0
    reverse-stepi
    # go
    continue
    """,
)


@pytest.mark.parametrize("way", [BOOT, UNDER_TRAP], ids=["bare", "trap"])
def test_a_session(tool: Find, tmp_path: Path, way: Sequence[str]) -> None:
    source, elf = tmp_path / "k.c", tmp_path / "k.elf"
    source.write_text(PROGRAM)
    options = ("-g", "-O1", "-march=rv32imac_zicsr", "-mabi=ilp32", "-nostdlib", "-static")
    link = "-Wl,--no-relax,--no-warn-rwx-segments,-Ttext=0x80000000"
    run_tool(tool(PREFIX + "gcc"), *options, link, str(source), "-o", str(elf))
    machine = ("--isa", "rv32imac", "--engine", "python", "--memory", "1M")
    told = converse(tool, tmp_path, way, elf, machine, elf, SESSION)
    assert told.status == 0
    assert "Breakpoint 1, main () at" in told.after("main")
    leaf = told.after("leaf")
    assert re.findall(r"^#\d.*? (\w+) \(", leaf, re.M) == ["leaf", "middle", "main"]
    finish = told.after("finish")
    assert "Value returned is $1 = 0" in finish and re.findall(r"^#\d.*? (\w+) \(", finish, re.M) == ["middle", "main"]
    watch = told.after("watch")
    assert "Old value = 0" in watch and "New value = 1" in watch and "$2 = 1" in watch
    there, back = ([int(pc, 16) for pc in re.findall("^at (.*)", told.after(way), re.M)] for way in ("there", "back"))
    assert len(there) == STEPS + 1 and there == back[::-1]
    assert {2, 4} <= {b - a for a, b in pairwise(there)}
    across = told.after("across")
    assert "Breakpoint 4, 0x80001ffe in across ()" in across
    assert re.search(r"=> 0x80001ffe <across>:\tlui\ta0,0x11111\n   0x80002002 <across\+4>:\taddi?\ta0,", across)
    assert re.search(r"= 0x80002002\n.* = 0x11111000\n0x80001ffe in across", across)
