"""Random general instructions on Unicorn and here: the same registers and memory after each program."""

import random
import struct

import pytest

from support import random_programs
from support.budget import seeds
from support.random_programs import CODE, DATA, DATA_SIZE
from trapline.vm.machine import Machine

unicorn = pytest.importorskip("unicorn")
const = pytest.importorskip("unicorn.riscv_const")

PROGRAMS = 520
LENGTH = 5000


def run_on_unicorn(words: list[int], x: list[int], data: bytes) -> tuple[list[int], bytes]:
    uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
    uc.mem_map(CODE, 0x20000)
    uc.mem_write(CODE, struct.pack(f"<{len(words)}I", *words))
    uc.mem_write(DATA, data)
    for r in range(1, 32):
        uc.reg_write(const.UC_RISCV_REG_X0 + r, x[r])
    uc.emu_start(CODE, CODE + 4 * len(words))
    return (
        [uc.reg_read(const.UC_RISCV_REG_X0 + r) & 0xFFFFFFFF for r in range(32)],
        bytes(uc.mem_read(DATA, DATA_SIZE)),
    )


def run_here(machine: Machine, words: list[int], x: list[int], data: bytes) -> tuple[list[int], bytes, int]:
    machine.write(CODE, struct.pack(f"<{len(words)}I", *words) + struct.pack("<I", 0x00100073))
    machine.write(DATA, data)
    for r in range(32):
        machine.x[r] = x[r]
    machine.pc = CODE
    machine.mode = 3
    machine.host_traps = 1 << 3
    before = machine.instret
    exit = machine.run(max_instructions=10 * len(words))
    assert exit.cause == 3 and machine.pc == CODE + 4 * len(words), exit
    return list(machine.x), machine.read(DATA, DATA_SIZE), machine.instret - before


@pytest.mark.parametrize("seed", seeds(4))
def test_same_state_after_random_programs(seed: int) -> None:
    """Four times 130 programs of 5,000 instructions, most of which are reached: over a million executed in all."""
    rng = random.Random(seed)
    machine = Machine(memory=1 << 20)
    executed = 0
    for number in range(PROGRAMS // 4 if machine.engine.kind.name == "numba" else 3):
        words = random_programs.program(rng, LENGTH)
        x = random_programs.registers(rng)
        data = rng.randbytes(DATA_SIZE)
        theirs, their_data = run_on_unicorn(words, x, data)
        ours, our_data, count = run_here(machine, words, x, data)
        executed += count
        assert ours == theirs, (seed, number)
        assert our_data == their_data, (seed, number)
    if machine.engine.kind.name == "numba":
        assert executed > 250_000
