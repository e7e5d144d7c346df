"""What leaves the fast path, against QEMU on the same program in the same run.

    python benchmarks/slow_paths.py [--repeats 3]

Board: a load of the UART's line status, misaligned loads and stores, an access that hits no device, a byte printed on
the UART. Process: `mmap` and `munmap` of 4 KiB to 16 MiB, and a byte printed by `write`. Processor time of each,
without that of starting: of QEMU the difference between a long run and a short one. A row that is worse than promised
ends with "late"; the exit status is then 1.
"""

import argparse
import math
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from command_line import positive

TIMES = 16
"""Operations in the body of a loop."""
LONGER = 8
"""How much longer the second run on QEMU is."""

HALT = "li t0, 0x100000\n li t1, 0x5555\n sw t1, (t0)\n1: j 1b\n"
EXIT = "li a0, 0\n li a7, 93\n ecall\n"


@dataclass(frozen=True)
class Case:
    """One row. body: the operation; setup: before the loop; after: code and data behind the program's end.

    rounds: of the loop; times: copies of the body in it. seconds: promised for one operation; ratio: to QEMU.
    """

    name: str
    body: str
    setup: str = ""
    after: str = ""
    rounds: int = 20_000
    times: int = TIMES
    seconds: float = math.inf
    ratio: float = math.inf
    process: bool = False
    technique: str = "bare"


UART = "li s1, 0x10000000\n"
PLACE = "li s1, 0x80010000\n"
SKIP = "la t0, skip\n csrw mtvec, t0\n li s1, 0x40000000\n"
HANDLER = ".balign 4\nskip: csrr t0, mepc\n addi t0, t0, 4\n csrw mepc, t0\n mret\n"
PAIR = """
li a0, 0; li a1, SIZE; li a2, 3; li a3, 0x22; li a4, -1; li a5, 0; li a7, 222; ecall
li a1, SIZE; li a7, 215; ecall
"""
BYTE = "li a0, 1\n la a1, byte\n li a2, 1\n li a7, 64\n ecall"
PUTCHAR = "li a0, 'x'\n li a7, 1\n ecall"

CASES = [
    Case("load of the UART's line status", "lbu t2, 5(s1)", UART, seconds=1e-6),
    Case("load of the UART's interrupt enable", "lbu t2, 1(s1)", UART, seconds=1e-6),
    Case("misaligned load within a page", "lw t2, 2(s1)", PLACE, seconds=0.05e-6),
    Case("misaligned store within a page", "sw t2, 2(s1)", PLACE, seconds=0.05e-6),
    Case("misaligned load across pages", "lw t2, -2(s1)", PLACE, seconds=0.1e-6),
    Case("misaligned load within a page, under trap", "lw t2, 2(s1)", PLACE, seconds=0.05e-6, technique="trap"),
    Case("load where nothing is, with its trap", "lw t2, (s1)", SKIP, HANDLER, seconds=0.5e-6),
    Case("store where nothing is, with its trap", "sw t2, (s1)", SKIP, HANDLER, seconds=0.5e-6),
    Case("byte printed on the UART", "sb s2, (s1)", UART + "li s2, 'x'\n", rounds=5_000, ratio=2),
    *(
        Case(
            f"mmap and munmap of {size >> 10} KiB",
            PAIR.replace("SIZE", str(size)),
            rounds=1000,
            times=1,
            ratio=3,
            process=True,
        )
        for size in (4 << 10, 64 << 10, 1 << 20, 16 << 20)
    ),
    Case("byte printed by write", BYTE, after=".data\nbyte: .byte 'x'\n", rounds=20_000, times=1, process=True),
]


def text_of(case: Case, rounds: int) -> str:
    """The whole program."""
    body = "\n".join([case.body] * case.times)
    end = EXIT if case.process else HALT
    return (
        f"_start: {case.setup}\n li s0, {rounds}\nloop: {body}\n addi s0, s0, -1\n bnez s0, loop\n {end}\n{case.after}"
    )


def ours(case: Case) -> float:
    """Seconds of processor time for one operation here."""
    from trapline import Machine, Process

    text = text_of(case, case.rounds)
    if case.process:
        with open("/dev/null", "wb") as sink:
            process = Process.from_source(text, stdout=sink)
            begin = time.process_time()
            assert process.run().exit_code == 0
            return (time.process_time() - begin) / (case.rounds * case.times)
    with open("/dev/null", "wb") as sink:
        machine = Machine.from_source(text, stdout=sink, technique=case.technique)
        begin = time.process_time()
        assert machine.run().code == 0
        return (time.process_time() - begin) / (case.rounds * case.times)


def theirs(case: Case, folder: Path) -> float:
    """The same on QEMU."""
    from trapline import assemble

    spent = []
    for rounds in (case.rounds, LONGER * case.rounds):
        path = folder / "program.elf"
        base = None if case.process else 0x80000000
        path.write_bytes(assemble(text_of(case, rounds), text_base=base).elf)
        path.chmod(0o755)
        board = ("qemu-system-riscv32", "-M", "virt", "-nographic", "-bios", "none", "-kernel")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [*(("qemu-riscv32",) if case.process else board), str(path)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return (spent[1] - spent[0]) / ((LONGER - 1) * case.rounds * case.times)


def main() -> int:
    """Measure, print, and answer 1 if a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=positive, default=3)
    repeats = parser.parse_args().repeats
    late = False
    with tempfile.TemporaryDirectory(prefix="trapline-") as scratch:
        for case in CASES:
            mine = min(ours(case) for _ in range(repeats))
            other = max(min(theirs(case, Path(scratch)) for _ in range(repeats)), 1e-10)
            missed = mine > case.seconds or mine > case.ratio * other
            late = late or missed
            print(
                f"{case.name:44}{mine * 1e6:9.3f} us {other * 1e6:9.3f} us on QEMU {mine / other:7.2f} times"
                + ("  late" if missed else ""),
                flush=True,
            )
    return int(late)


if __name__ == "__main__":
    sys.exit(main())
