"""Kernels in S mode on QEMU, over the firmware in programs/firmware: Debian's QEMU has no SBI for RV32."""

import subprocess
from functools import cache
from pathlib import Path

from support.gnu import Find, Outcome
from support.paths import PROGRAMS
from trapline.asm import assemble

SOURCES = ("start.s", "calls.s")
RAM = 0x80000000
CPU = "rv32,f=false,d=false,c=false,h=false"


@cache
def firmware() -> bytes:
    """The ELF of programs/firmware."""
    elf: bytes = assemble([PROGRAMS / "firmware" / name for name in SOURCES], text_base=RAM).elf
    return elf


def qemu_over_sbi(tool: Find, kernel: Path, *options: str, stdin: bytes = b"", cpu: str = CPU) -> Outcome:
    """Run a kernel in S mode on qemu-system-riscv32's virt machine; the firmware is written beside it."""
    below = kernel.with_suffix(".firmware")
    below.write_bytes(firmware())
    command = [tool("qemu-system-riscv32"), "-machine", "virt", "-cpu", cpu, "-nographic", *options]
    command += ["-bios", str(below), "-kernel", str(kernel)]
    result = subprocess.run(command, input=stdin, capture_output=True, timeout=120, check=False)
    return Outcome(result.stdout, result.returncode)
