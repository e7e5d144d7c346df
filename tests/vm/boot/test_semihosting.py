"""Semihosting in `boot` and `virt`: the requests of a kernel, from M mode and through page tables, as on QEMU."""

import subprocess
from pathlib import Path

import pytest

from support.cli.command import invoke, write
from support.gnu import Find
from trapline.vm.hypervisor.technique import TECHNIQUES

BIN = ("--engine", "python", "--max-instructions", "5k")
MACRO = """
        .macro  semihost
        .balign 16                      # in one page
        slli    x0, x0, 0x1f
        ebreak
        srai    x0, x0, 7
        .endm
        .globl  _start
"""
DATA = """
        .data
text:   .asciz  "hello\\n"
key:    .byte   0
        .balign 4
block:  .word   0x20026, 7
line:   .word   buffer, 64
buffer: .space  64
"""
GREET = f"""{MACRO}
_start: li      a0, 4                   # write0
        la      a1, text
        semihost
        li      a0, 7                   # readc
        semihost
        la      a1, key
        sb      a0, (a1)
        li      a0, 3                   # writec
        semihost
        li      a0, 0x20                # exit_extended
        la      a1, block
        semihost
1:      j       1b
{DATA}"""
MAPPED = f"""{MACRO}
_start: li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        li      t0, (0x80000000 >> 2) | 0xcf
        la      t1, root
        addi    t2, t1, 0x400
        sw      t0, 0x400(t2)           # 0x80000000 at its own place
        sw      t0, 0x100(t1)           # and at 0x10000000
        srli    t1, t1, 12
        li      t0, 1 << 31
        or      t0, t0, t1
        csrw    satp, t0
        li      t0, 0x800
        csrw    mstatus, t0
        la      t0, 1f
        csrw    mepc, t0
        mret
1:      li      a0, 4
        la      a1, text
        li      t0, 0x70000000
        sub     a1, a1, t0
        semihost
        li      a0, 4
        li      a1, 0x30000000          # not mapped
        semihost
        mv      s0, a0
        li      a0, 0x18                # exit
        li      a1, 0x20026
        beqz    s0, 2f
        semihost
2:      j       2b
{DATA}
        .balign 4096
root:   .space  4096
"""


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("text, output, status", [(GREET, b"hello\nK", 7), (MAPPED, b"hello\n", 0)], ids=["M", "Sv32"])
def test_requests(tmp_path: Path, technique: str, text: str, output: bytes, status: int) -> None:
    kernel, keys = write(tmp_path, "k.s", text), write(tmp_path, "keys", b"K")
    under = ("boot",) if technique == "bare" else ("virt", "--technique", technique)
    outcome = invoke(*under, kernel, "--input", keys, *BIN)
    assert (outcome.stdout, outcome.status) == (output, status), outcome


def test_as_on_qemu(tmp_path: Path, tool: Find) -> None:
    source, elf = write(tmp_path, "k.s", GREET.replace("li      a0, 7  ", "li      a0, 0x13")), tmp_path / "k.elf"
    assert invoke("asm", source, "-o", elf, "--text-base", "0x80000000").status == 0
    command = [tool("qemu-system-riscv32"), "-machine", "virt", "-bios", "none", "-display", "none", "-semihosting"]
    done = subprocess.run([*command, "-kernel", elf], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    outcome = invoke("boot", elf, *BIN)
    assert done.returncode == outcome.status == 7
    assert (done.stdout + done.stderr).startswith(b"hello\n") and outcome.stdout.startswith(b"hello\n")


def test_the_command_line(tmp_path: Path) -> None:
    text = f"{MACRO}\n_start: li a0, 0x15\n la a1, line\n semihost\n li a0, 4\n la a1, buffer\n semihost\n"
    end = "li a0, 0x20\n la a1, block\n semihost\n1: j 1b\n"
    kernel = write(tmp_path, "k.s", text + end + DATA)
    outcome = invoke("boot", kernel, "--append", "one two", *BIN)
    assert outcome.status == 7
    assert outcome.stdout == (f"{kernel} one two".encode() if len(str(kernel)) < 56 else b"")


@pytest.mark.parametrize("options, probed, served", [
    ((), False, True),
    (("--no-semihosting",), False, False),
    ((), True, False),
    (("--semihosting",), True, True),
    (("--sbi",), False, False),
    (("--sbi", "--semihosting"), False, True),
])  # fmt: skip
def test_who_is_served(tmp_path: Path, options: tuple[str, ...], probed: bool, served: bool) -> None:
    """Firmware that looks whether semihosting is there, as OpenSBI does, finds it only when it is asked for."""
    text = GREET.replace("_start:", "sbi_init:\n_start:", 1) if probed else GREET
    outcome = invoke("boot", write(tmp_path, "k.s", text), *options, *BIN)
    assert (outcome.status, outcome.stdout.startswith(b"hello\n")) == ((7, True) if served else (124, False))


def test_an_ordinary_breakpoint_is_the_kernels_own(tmp_path: Path) -> None:
    text = """
_start: la      t0, 1f
        csrw    mtvec, t0
        ebreak
        .balign 4
1:      csrr    t1, mcause
        slli    t1, t1, 16
        li      t2, 0x3333
        or      t2, t2, t1
        li      t0, 0x100000
        sw      t2, (t0)
"""
    assert invoke("boot", write(tmp_path, "k.s", text), *BIN).status == 3
