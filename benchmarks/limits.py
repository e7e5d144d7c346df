"""How late a time limit and Ctrl-C are, whatever the guest does and however slowly its output is read.

    python benchmarks/limits.py [PART...] [--repeats 2]

PART is a word of a row's name. Each guest makes the host do as much as it can in one go. It runs with `--timeout 1`,
and without a limit until it gets SIGINT; the figures are the seconds from the limit, or from the signal, to the end of
the process, the least of the repeats, and in parentheses its processor time of these, which counts on a machine that
is not idle. A row of more than PROMISED seconds ends with "late"; the exit status is then 1.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from command_line import positive

PROMISED = 0.2
LIMIT = 1.0
"""Seconds until the limit, and until the signal."""
STUCK = 20.0
"""Seconds after which a process is killed that does not end."""
USER_TIME, SYSTEM_TIME = 11, 12
"""Fields of /proc/PID/stat behind the name, in ticks of the system's clock."""

COMMAND = """
import os, time
from trapline.vm.cli.main import main
from trapline.vm.run_loop import RunLoop
run = RunLoop.run
def reporting(self, *arguments):
    os.write({0}, repr(time.monotonic()).encode())
    return run(self, *arguments)
RunLoop.run = reporting
main()
"""
"""The command, which reports when the run begins."""

MAP = """
        li      a0, 0
        li      a1, {size}
        li      a2, 3
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        li      a7, 222
        ecall
        mv      s0, a0
"""
"""Maps memory whose address s0 gets."""
TOUCH = """
        li      t0, {size}
        add     t0, t0, s0
        mv      t1, s0
        li      t2, 4096
8:      sw      t2, (t1)
        add     t1, t1, t2
        bltu    t1, t0, 8b
"""
CALL = "1: li a7, {number}\n li a0, {a0}\n {a1}\n li a2, {a2}\n ecall\n j 1b\n"
BIG, VECTOR = 768 << 20, 1 << 20
VECTORS = f"""
        la      t0, vectors
        li      t1, 1024
        li      t2, {VECTOR}
9:      sw      s0, (t0)
        sw      t2, 4(t0)
        addi    t0, t0, 8
        addi    t1, t1, -1
        bnez    t1, 9b
"""
VECTOR_SPACE = ".bss\n .balign 8\nvectors: .space 8192\n"
SEMIHOSTING = """
        .balign 16
        li      a0, {operation}
        la      a1, block
        slli    x0, x0, 0x1f
        ebreak
        srai    x0, x0, 7
1:      j       _start
        .data
        .balign 8
block:  .word   {block}
"""
HTIF = """
_start: la      s0, tohost
        la      t0, block
        sw      t0, (s0)
        sw      zero, 4(s0)
1:      lw      t0, (s0)
        bnez    t0, 1b
        j       _start
        .data
        .balign 64
        .globl  tohost, fromhost
tohost: .dword  0
        .balign 64
fromhost: .dword 0
block:  .dword  64, 1, 0x80000000, {size}
"""
FILL = """
_start: li      t0, {start}
        li      t1, 0x41414141
        li      t2, {end}
8:      sw      t1, (t0)
        addi    t0, t0, 4
        bltu    t0, t2, 8b
        sw      zero, -4(t0)
        j       go
        .globl  go
go:
"""
TRACED = """
_start: li      t0, -1
        csrw    pmpaddr15, t0
        li      t0, 0x1f000000
        csrw    pmpcfg3, t0
        li      t0, 0x80400000
        li      t1, 0x20100401
        li      t2, 1024
1:      sw      t1, 0(t0)
        addi    t0, t0, 4
        addi    t1, t1, 1024
        addi    t2, t2, -1
        bnez    t2, 1b
        li      t1, 0x80080400
        csrw    satp, t1
1:      .rept   200
        sfence.vma
        .endr
        j       1b
"""
SUPERVISOR = """
_start: li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        li      t0, 0x800
        csrw    mstatus, t0
        la      t0, 1f
        csrw    mepc, t0
        mret
"""
SBI = "1: li a7, {extension}\n li a6, {function}\n {arguments}\n ecall\n j 1b\n"


@dataclass(frozen=True)
class Case:
    """One row. command: and its options; output: `null`, or a pipe that is read `slowly` or `never`; input: a file."""

    name: str
    command: tuple[str, ...]
    text: str
    output: str = "null"
    input: str = "/dev/null"
    base: int | None = 0x80000000


RUN = ("run", "--memory", "1G")
BOOT = ("boot", "--memory", "1G")
DEBUG = SBI.format(extension=0x4442434E, function=0, arguments="li a0, 0x3f000000\n li a1, 0x80200000\n li a2, 0")


def process(name: str, text: str, output: str = "null", input: str = "/dev/null") -> Case:
    """A row of a user program with BIG bytes at s0."""
    return Case(name, RUN, f"_start: {MAP.format(size=BIG)}{text}", output, input, None)


WRITE = CALL.format(number=64, a0=1, a1="mv a1, s0", a2=BIG)
CASES = [
    Case("boot: a loop", BOOT, "_start: addi t0, t0, 1\n j _start"),
    process("run: a loop", "1: addi t0, t0, 1\n j 1b"),
    *(process(f"run: write, read {reader}", WRITE, reader) for reader in ("null", "slowly", "never")),
    process("run: writev", VECTORS + CALL.format(number=66, a0=1, a1="la a1, vectors", a2=1024) + VECTOR_SPACE),
    process("run: read", CALL.format(number=63, a0=0, a1="mv a1, s0", a2=BIG), input="/dev/zero"),
    process(
        "run: readv",
        VECTORS + CALL.format(number=65, a0=0, a1="la a1, vectors", a2=1024) + VECTOR_SPACE,
        input="/dev/zero",
    ),
    process("run: getrandom", CALL.format(number=278, a0="0\n mv a0, s0", a1=f"li a1, {BIG}", a2=0)),
    process("run: mprotect", CALL.format(number=226, a0="0\n mv a0, s0", a1=f"li a1, {BIG}", a2=1)),
    process(
        "run: mmap and munmap of what was written",
        f"1: {TOUCH.format(size=BIG)}"
        + f"mv a0, s0\n li a1, {BIG}\n li a7, 215\n ecall\n{MAP.format(size=BIG)} j 1b\n",
    ),
    Case(
        "run: brk up and down",
        RUN,
        "_start: li a0, 0\n li a7, 214\n ecall\n mv s0, a0\n"
        f"1: li a0, {BIG}\n add a0, a0, s0\n li a7, 214\n ecall\n{TOUCH.format(size=BIG)}"
        "mv a0, s0\n li a7, 214\n ecall\n j 1b\n",
        base=None,
    ),
    process(
        "run: semihosting write",
        "la t0, block\n sw s0, 4(t0)\n go:"
        + SEMIHOSTING.format(operation=5, block=f"2, 0, {BIG}").replace("_start", "go"),
    ),
    process(
        "run: semihosting write0",
        "1: li t1, 0x41414141\n"
        + TOUCH.format(size=BIG)
        .replace("t2, 4096", "t2, 4")
        .replace("sw      t2", "sw      t1")
        .replace("mv      t1, s0", "mv t3, s0")
        .replace("(t1)", "(t3)")
        .replace("add     t1, t1, t2", "add t3, t3, t2")
        .replace("bltu    t1", "bltu t3")
        + "go: .balign 16\n li a0, 4\n mv a1, s0\n slli x0, x0, 0x1f\n ebreak\n srai x0, x0, 7\n j go\n",
    ),
    *(
        Case(f"boot: HTIF write, read {reader}", BOOT, HTIF.format(size=0x3F000000), reader)
        for reader in ("null", "slowly", "never")
    ),
    *(
        Case(
            f"boot: semihosting write, read {reader}",
            BOOT,
            "_start:" + SEMIHOSTING.format(operation=5, block="2, 0x80000000, 0x3f000000"),
            reader,
        )
        for reader in ("null", "never")
    ),
    Case(
        "boot: semihosting write0",
        BOOT,
        FILL.format(start=0x80100000, end=0xB0000000)
        + "li a0, 4\n li a1, 0x80100000\n .balign 16\n slli x0, x0, 0x1f\n ebreak\n srai x0, x0, 7\n j go\n",
    ),
    Case(
        "boot: semihosting read",
        BOOT,
        "_start:" + SEMIHOSTING.format(operation=6, block="1, 0x80100000, 0x3e000000"),
        input="/dev/zero",
    ),
    *(
        Case(
            f"boot: UART, read {reader}", BOOT, "_start: li a0, 0x10000000\n li a1, '!'\n1: sb a1, (a0)\n j 1b", reader
        )
        for reader in ("null", "slowly", "never")
    ),
    *(
        Case(f"boot: debug console write, read {reader}", (*BOOT, "--sbi"), f"_start: {DEBUG}", reader, base=0x80200000)
        for reader in ("null", "slowly", "never")
    ),
    Case(
        "boot: debug console read",
        (*BOOT, "--sbi"),
        "_start: " + DEBUG.replace("a6, 0", "a6, 1").replace("0x80200000", "0x80400000").replace("0x3f", "0x3e"),
        input="/dev/zero",
        base=0x80200000,
    ),
    Case(
        "boot: remote fences",
        (*BOOT, "--sbi", "--harts", "8"),
        "_start: "
        + SBI.format(extension=0x52464E43, function=1, arguments="li a0, 0\n li a1, -1\n li a2, 0\n li a3, -1"),
        base=0x80200000,
    ),
    *(
        Case(
            f"virt: console write, read {reader}",
            ("virt", "--technique", "paravirt", "--memory", "1G"),
            SUPERVISOR + "1: li a7, 0x09545250\n li a6, 5\n li a0, 0x80000000\n li a1, 0x3f000000\n ecall\n j 1b\n",
            reader,
        )
        for reader in ("null", "never")
    ),
    Case("virt: fences, traced", ("virt", "--technique", "trap", "--shadow", "traced"), TRACED),
    Case("virt: fences, traced, translate", ("virt", "--technique", "translate", "--shadow", "traced"), TRACED),
    Case(
        "virt: UART, read never",
        ("virt", "--technique", "trap"),
        "_start: li a0, 0x10000000\n li a1, '!'\n1: sb a1, (a0)\n j 1b",
        "never",
    ),
]


@contextlib.contextmanager
def sink(output: str) -> Iterator[int]:
    """A descriptor to write to."""
    if output == "null":
        with open("/dev/null", "wb") as null:
            yield null.fileno()
        return
    ours, theirs = os.pipe()
    done = threading.Event()

    def read() -> None:
        while not done.wait(0.05):
            if output == "slowly":
                os.set_blocking(ours, False)
                with contextlib.suppress(BlockingIOError):
                    os.read(ours, 4096)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield theirs
    finally:
        done.set()
        reader.join()
        os.close(ours)
        os.close(theirs)


@dataclass(frozen=True)
class Lateness:
    """Seconds from the limit, or the signal, to the end of the process: of the wall clock, and of the processor."""

    wall: float
    processor: float
    status: int


def lateness(case: Case, program: Path, interrupt: bool) -> Lateness:
    """Run a guest once."""
    begun, beginning = os.pipe()
    limit = () if interrupt else ("--timeout", str(LIMIT))
    command = [sys.executable, "-c", COMMAND.format(beginning), *case.command, *limit, str(program)]
    with sink(case.output) as descriptor, open(case.input, "rb") as source, open(begun, "rb", 0) as reports:
        child = subprocess.Popen(
            command, stdin=source, stdout=descriptor, stderr=subprocess.DEVNULL, pass_fds=(beginning,)
        )
        os.close(beginning)
        killer = threading.Timer(STUCK, child.kill)
        killer.start()
        due = float(reports.read(64) or "nan") + LIMIT
        time.sleep(max(0.0, due - time.monotonic()))
        spent = processor_seconds(child.pid)
        if interrupt:
            due = time.monotonic()
            child.send_signal(signal.SIGINT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        killer.cancel()
        return Lateness(time.monotonic() - due, usage.ru_utime + usage.ru_stime - spent, child.returncode)


def processor_seconds(process: int) -> float:
    """What a process has used; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[USER_TIME]) + int(fields[SYSTEM_TIME])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def assembled(case: Case) -> Iterator[Path]:
    """The program as a file."""
    from trapline import assemble

    with tempfile.TemporaryDirectory(prefix="trapline-") as scratch:
        path = Path(scratch) / "program.elf"
        path.write_bytes(assemble(case.text, text_base=case.base).elf)
        yield path


def main() -> int:
    """Measure, print, and answer 1 if a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--repeats", type=positive, default=2)
    arguments = parser.parse_args()
    late = False
    for case in CASES:
        if arguments.parts and not any(part in case.name for part in arguments.parts):
            continue
        with assembled(case) as program:
            found = [[lateness(case, program, signal) for _ in range(arguments.repeats)] for signal in (False, True)]
        limit, signalled = (min(runs, key=lambda run: run.wall) for runs in found)
        wrong = {run.status for run in found[0]} - {124} | {run.status for run in found[1]} - {130}
        missed = bool(wrong) or max(limit.wall, signalled.wall) > PROMISED
        late = late or missed
        print(
            f"{case.name:42} limit {limit.wall:6.2f} s ({limit.processor:5.2f})"
            f"   Ctrl-C {signalled.wall:6.2f} s ({signalled.processor:5.2f})"
            + (f"  status {sorted(wrong)}" if wrong else "")
            + ("  late" if missed else ""),
            flush=True,
        )
    return int(late)


if __name__ == "__main__":
    sys.exit(main())
