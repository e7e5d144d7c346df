"""Random programs of compressed and other instructions, here and under qemu-riscv32: the same registers and memory."""

import random
import struct
from pathlib import Path

import pytest

from support import mixed_programs, random_programs
from support.budget import seeds
from support.gnu import Find
from support.process.processes import run, run_qemu
from support.random_programs import BASE_REGISTERS, DATA_SIZE
from trapline.asm import assemble_text

LENGTH = 8000
TIMES = 2
OTHERS = [r for r in range(1, 32) if r not in BASE_REGISTERS]
STATE = DATA_SIZE + 4 * 32
"""Bytes of the data and the registers behind it."""

PROGRAM = f"""
    .globl  _start
    .section .run, "awx"
_start:
    la      x31, registers
    {"; ".join(f"lw x{r}, {4 * r}(x31)" for r in OTHERS)}
again:
    {"; ".join(f"la x{r}, data + {DATA_SIZE // 2}" for r in BASE_REGISTERS)}
    .incbin "code"
    la      s1, times
    lw      s0, (s1)
    addi    s0, s0, -1
    sw      s0, (s1)
    beqz    s0, 1f
    j       again
1:  la      s0, registers
    {"; ".join(f"sw x{r}, {4 * r}(s0)" for r in OTHERS)}
    li      a0, 1
    la      a1, data
    li      a2, {STATE}
    li      a7, 64
    ecall
    li      a0, 0
    li      a7, 93
    ecall
    .balign 4
times:
    .word   {TIMES}
data:
    .incbin "data"
registers:
    .incbin "registers"
"""
"""Goes through the code so many times, then prints memory and registers."""


def program(rng: random.Random, folder: Path) -> Path:
    """A random program, in a folder of its own."""
    (folder / "code").write_bytes(mixed_programs.program(rng, LENGTH))
    (folder / "data").write_bytes(rng.randbytes(DATA_SIZE))
    (folder / "registers").write_bytes(struct.pack("<32I", *random_programs.registers(rng)))
    path = folder / "program"
    path.write_bytes(assemble_text(PROGRAM, name="<mixed>", include_dirs=[folder]).elf)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("seed", seeds(4))
def test_same_state_after_mixed_programs(tool: Find, tmp_path: Path, seed: int) -> None:
    """Halfwords of the code change, too; hints are among the instructions."""
    rng = random.Random(seed)
    for number in range(2):
        path = program(rng, tmp_path)
        theirs, ours = run_qemu(tool, path), run(path, isa="rv32imac")
        assert (theirs.status, len(theirs.stdout)) == (0, STATE), number
        assert (ours.status, ours.stdout) == (theirs.status, theirs.stdout), number
