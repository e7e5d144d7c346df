"""Seconds from the command to power-off of Linux, here and on QEMU, in turn.

    python benchmarks/linux.py [--image FILE] [--repeats 5]

The image is linux/Image in the folder that TRAPLINE_GUESTS names, unless --image names another.
Both boot the same image twice: with the console over the SBI and on the UART. QEMU, which brings no RV32 OpenSBI on
Debian, runs it over tests/vm/boot/kernels/firmware.s; the last row has this firmware below the kernel here, too.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from command_line import installed, positive

ROOT = Path(__file__).resolve().parent.parent
FIRMWARE = ROOT / "tests" / "vm" / "boot" / "kernels" / "firmware.s"
MARK = b"init: LINUX-USERLAND-OK"
TRAPLINE = [sys.executable, "-m", "trapline"]
QEMU = ["-machine", "virt", "-cpu", "rv32,f=false,d=false,c=false,h=false,sstc=false", "-nographic"]
TARGET = 1.0
CONSOLES = ("console=hvc0 earlycon=sbi", "console=ttyS0")


def once(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds of wall clock and of processor for one boot, which must reach user space."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=True
    )
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert MARK in done.stdout, done.stdout.decode(errors="replace")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def best(commands: list[list[str]], repeats: int, environment: dict[str, str]) -> list[tuple[float, float]]:
    """The least wall clock and processor time of each command, all taken in turn so that they share what disturbs."""
    rounds = [[once(command, environment) for command in commands] for _ in range(repeats)]
    return [(min(s for s, _ in column), min(p for _, p in column)) for column in zip(*rounds, strict=True)]


def main() -> None:
    """Measure and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    guests = os.environ.get("TRAPLINE_GUESTS")
    default = Path(guests, "linux/Image") if guests else None
    parser.add_argument("--image", type=Path, default=default, required=default is None)
    parser.add_argument("--repeats", type=positive, default=5, help="best of this many (default 5)")
    options = parser.parse_args()
    image, qemu = str(options.image.resolve()), shutil.which("qemu-system-riscv32")
    with tempfile.TemporaryDirectory(prefix="trapline-") as scratch:
        firmware = str(Path(scratch) / "firmware.elf")
        subprocess.run([*TRAPLINE, "asm", FIRMWARE, "--text-base", "0x80000000", "-o", firmware], cwd=ROOT, check=True)
        environment = installed(Path(scratch, "bytecode"))
        once([*TRAPLINE, "boot", image, "--append", CONSOLES[0]], environment)  # compiles the engine if need be
        for console in CONSOLES:
            rows = {
                "trapline": [*TRAPLINE, "boot", image, "--append", console],
                "trapline, the same firmware": [*TRAPLINE, "boot", "--bios", firmware, image, "--append", console],
            }
            if qemu:
                rows["qemu"] = [qemu, *QEMU, "-bios", firmware, "-kernel", image, "-append", console]
            figures = dict(zip(rows, best(list(rows.values()), options.repeats, environment), strict=True))
            for name, (seconds, processor) in figures.items():
                text = f"{console:28} {name:28} {seconds:6.2f} s, {processor:5.2f} s of processor"
                if qemu and name != "qemu":
                    wall, busy = (mine / theirs for mine, theirs in zip(figures[name], figures["qemu"], strict=True))
                    text += f"   {wall:.2f} times qemu ({busy:.2f} of processor); at most {TARGET:g}"
                print(text, flush=True)


if __name__ == "__main__":
    main()
