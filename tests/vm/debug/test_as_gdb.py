"""The same words to gdb and to our prompt, about a program from gcc: callers, lines, and what functions return."""

import re
import subprocess
from pathlib import Path

import pytest

from support.cli.command import invoke
from support.gdb.scripted import converse
from support.gnu import Find
from support.process.processes import GCC, MARCH

pytestmark = [pytest.mark.slow, pytest.mark.once]

C = """#define PART static __attribute__((noipa))
static int data[8];

PART int fill(int n) {
    int i;
    for (i = 0; i < n; i++)
        data[i] = n - i;
    return i;
}

PART int sum(int *p, int n) {
    if (n == 0)
        return 0;
    return *p + sum(p + 1, n - 1);
}

PART int grow(int n) {
    int *p = __builtin_alloca(4 * n);
    for (int i = 0; i < n; i++)
        p[i] = sum(data, i);
    return sum(p, n);
}

void _start(void) {
    int a = fill(5);
    int b = sum(data, a);
    int c = grow(a);
    register int status __asm__("a0") = a + b + c;
    register int number __asm__("a7") = 93;
    __asm__ volatile("ecall" : : "r"(status), "r"(number));
    for (;;)
        ;
}
"""


@pytest.fixture(scope="module", params=["-O0", "-O2"])
def program(request: pytest.FixtureRequest, tool: Find, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program")
    (folder / "p.c").write_text(C)
    options = [*MARCH, "-g", "-nostdlib", "-ffreestanding", request.param, "p.c", "-o", "p"]
    subprocess.run([tool(GCC), *options], cwd=folder, check=True)
    return folder / "p"


def gdb(tool: Find, program: Path, lines: list[str]) -> str:
    return converse(tool, program.parent, ("run",), program, (), program, lines).text


def ours(program: Path, lines: list[str]) -> str:
    """What our prompt prints for the same words, on plain Python."""
    words = [word for line in lines for word in ("-e", line)]
    return invoke("debug", program, "--run", "--engine", "python", "--batch", *words).stdout.decode()


def addresses(text: str) -> list[int]:
    """What `pc` has printed."""
    return [int(digits, 16) for digits in re.findall(r"^0x(\w+)(?: <[^>]*>)?$", text, re.M)]


def followed(tool: Find, program: Path, start: str, steps: list[str]) -> tuple[list[int], list[int]]:
    """Where each of the steps leads, for gdb and for us."""
    theirs = [f"tbreak *{start}", "continue", *(word for step in steps for word in (step, 'printf "0x%x\\n", $pc'))]
    words = [f"tbreak {start}", "continue", *(word for step in steps for word in (step, "pc"))]
    return addresses(gdb(tool, program, theirs)), addresses(ours(program, words))


def test_lines(tool: Find, program: Path) -> None:
    """What `next` leads to, in loops, over calls and out of functions."""
    for start, count in (("grow", 9), ("sum", 4)):
        theirs, own = followed(tool, program, start, ["next"] * count)
        assert own == theirs and len(own) == count


def test_lines_backward(tool: Find, program: Path) -> None:
    """Where a line is in one piece, as without optimization; else gdb stops in the middle of some."""
    if program.parent.name.endswith("0"):
        theirs, own = followed(tool, program, "sum", ["next"] * 5 + ["reverse-next"] * 3)
        assert own == theirs and len(own) == 8


def test_out_of_loops(tool: Find, program: Path) -> None:
    """`until` at the end of one goes on behind it."""
    theirs, own = followed(tool, program, "fill", [*["next"] * 2, *["until"] * 3])
    assert own == theirs and len(own) == 5


def test_instructions_and_functions(tool: Find, program: Path) -> None:
    steps = ["stepi"] * 6 + ["nexti"] * 9 + ["finish", "reverse-stepi", "reverse-stepi"]
    theirs, own = followed(tool, program, "grow", steps)
    assert own == theirs and len(own) == len(steps)


def test_callers_and_values(tool: Find, program: Path) -> None:
    """Frames with tables for unwinding, one of them with a stack pointer that moves, and what `finish` shows."""
    words = ["backtrace", "finish", "backtrace"]
    theirs = gdb(tool, program, ["tbreak *grow", "continue", "tbreak *sum if $a1 == 0", "continue", *words])
    own = ours(program, ["tbreak grow", "continue", "tbreak sum if a1 == 0", "continue", *words])
    names = re.findall(r"^#\d+ +(?:0x\w+ in )?(\w+) \(.* at p\.c:(\d+)$", theirs, re.M)
    found = re.findall(r"^#\d+ +0x\w+ <(\w+)[^>]*> \(p\.c:(\d+)\)", own, re.M)
    assert found[1:] == names[1:] and found[0][0] == names[0][0] == "sum" and len(names) == 5
    (value,) = re.findall(r"^Value returned is \$1 = (\d+)$", theirs, re.M)
    assert f"value returned: a0 = {value}" in own
