"""lldb itself at work: what version 14, which knows no RISC-V, finds by what the stub says of it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli.command import invoke
from support.gnu import ARCHITECTURE, PREFIX, Find, run_tool
from support.paths import ROOT

LLDB = shutil.which("lldb")

pytestmark = [
    pytest.mark.slow,
    # .ci/run does not install it: its package wants all that one needs to build LLVM, some 60 MB.
    pytest.mark.skipif(LLDB is None, reason="lldb is not installed, and is not asked for"),
]

SOURCE = "programs/boot/timer.s"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(ROOT)
    path = tmp_path / "timer"
    assert invoke("asm", "-g", SOURCE, "-o", path, "--text-base", "0x80000000").status == 0
    return path


def session(kernel: Path, *lines: str, target: bool = True) -> tuple[list[str], str]:
    """What lldb says to these lines, one text for each, and what the kernel prints."""
    assert LLDB is not None
    command = [sys.executable, "-m", "trapline", "boot", str(kernel), "--gdb", "0", "-S"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None and run.stdout is not None
        place = next((f[1] for line in run.stderr if (f := re.search(r"waiting for gdb at (\S+)", line))), None)
        assert place is not None
        said = [f"target create {kernel}"] * target + [f"gdb-remote {place}", *lines]
        done = subprocess.run(
            [LLDB, "--no-lldbinit", "-b", *(part for line in said for part in ("-o", line))],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if "process detach" not in lines:
            run.terminate()
        printed = run.stdout.read()
    answers = re.split(r"^\(lldb\) .*\n", done.stdout, flags=re.M)
    return answers[1 + len(said) - len(lines) :], printed


def test_registers_memory_breakpoints_steps_and_frames(kernel: Path) -> None:
    """And the kernel prints what it does alone."""
    registers, memory, _, stopped, frames, step, pc, csr, _, _ = answers_and_end(
        kernel, "register read pc a1", "memory read -c 4 0x80000000", "breakpoint set --name timer_interrupt",
        "continue", "bt", "thread step-inst", "register read pc", "register read mcause priv", "breakpoint delete -f",
        "process detach",
    )  # fmt: skip
    assert "pc = 0x80000000  timer`_start" in registers and "a1 = 0x8" in registers
    assert memory.startswith("0x80000000: 63 18 05 28")
    assert "stop reason = breakpoint 1.1" in stopped and f"at {Path(SOURCE).name}:64" in stopped
    assert "frame #0: 0x800000f8 timer`timer_interrupt at timer.s:64" in frames
    assert "stop reason = instruction step into" in step and "pc = 0x800000fc" in pc
    assert "mcause = 0x80000007" in csr and "priv = 0x00000003" in csr


def answers_and_end(kernel: Path, *lines: str) -> list[str]:
    answers, printed = session(kernel, *lines)
    assert printed == invoke("boot", SOURCE).stdout.decode()
    return answers


def test_a_watchpoint_is_stepped_over(kernel: Path) -> None:
    """lldb has been told that it stops before the access, and shows the instruction behind it."""
    created, _, stopped, pc, _ = session(
        kernel, "watchpoint set expression -w write -s 4 -- 0x80001a94", "breakpoint set --name timer_interrupt",
        "continue", "register read pc", "process kill",
    )[0]  # fmt: skip
    assert "Watchpoint created" in created
    assert "stop reason = watchpoint 1" in stopped and "pc = 0x800000c0" in pc


DEEP = """
int depth;
__attribute__((noinline)) int leaf(int a) { depth = a; return a + 1; }
__attribute__((noinline)) int middle(int a) { int r = leaf(a + 2); return r * 2; }
void main(void) { for (;;) depth = middle(depth); }
"""
START = ".globl _start\n_start: la sp, top\n call main\n .bss\n .space 4096\ntop:\n"


def test_frames_of_c(tool: Find, tmp_path: Path) -> None:
    """By the tables that gcc writes for debuggers."""
    source, start, elf = tmp_path / "deep.c", tmp_path / "start.s", tmp_path / "deep"
    source.write_text(DEEP)
    start.write_text(START)
    run_tool(
        tool(PREFIX + "gcc"), *ARCHITECTURE, "-g", "-O1", "-nostdlib", "-Ttext=0x80000000", str(start), str(source),
        "-o", str(elf),
    )  # fmt: skip
    _, stopped, frames, variable, out, _ = session(
        elf, "breakpoint set --name leaf", "continue", "bt", "frame variable", "thread step-out", "process kill"
    )[0]
    assert "stop reason = breakpoint 1.1" in stopped and "(int) a = 2" in variable
    assert re.findall(r"frame #(\d): .*`(\w+)", frames) == [("0", "leaf"), ("1", "middle"), ("2", "main")]
    assert "stop reason = step out" in out and "`middle" in out


def test_the_monitor(kernel: Path) -> None:
    text, _ = session(kernel, "process plugin packet monitor info registers", "process kill")[0]
    assert "pc             80000000" in text


def test_without_a_program_the_registers_are_known(kernel: Path) -> None:
    registers, written, _ = session(
        kernel, "register read pc satp", "memory write 0x80000400 1 2", "memory read -c 2 0x80000400", target=False
    )[0]
    assert "pc = 0x80000000" in registers and "satp = 0x00000000" in registers
    assert not written.strip() or "error" not in written
