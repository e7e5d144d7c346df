"""Random general instructions on Unicorn and here: the same registers and memory after each program."""

import random
import struct

import pytest

from support import mixed_programs, random_programs
from support.budget import seeds
from support.random_programs import CODE, DATA, DATA_SIZE
from trapline.vm.machine import Machine

unicorn = pytest.importorskip("unicorn")
const = pytest.importorskip("unicorn.riscv_const")

PROGRAMS = 520
LENGTH = 5000
EBREAK = struct.pack("<I", 0x00100073)


def run_on_unicorn(code: bytes, x: list[int], data: bytes, times: int = 1) -> tuple[list[int], bytes]:
    uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
    uc.mem_map(CODE, 0x20000)
    uc.mem_write(CODE, code)
    uc.mem_write(DATA, data)
    for r in range(1, 32):
        uc.reg_write(const.UC_RISCV_REG_X0 + r, x[r])
    for _ in range(times):
        uc.emu_start(CODE, CODE + len(code))
    return (
        [uc.reg_read(const.UC_RISCV_REG_X0 + r) & 0xFFFFFFFF for r in range(32)],
        bytes(uc.mem_read(DATA, DATA_SIZE)),
    )


def run_here(machine: Machine, code: bytes, x: list[int], data: bytes, times: int = 1) -> tuple[list[int], bytes, int]:
    machine.write(CODE, code + EBREAK)
    machine.write(DATA, data)
    for r in range(32):
        machine.x[r] = x[r]
    machine.mode = 3
    machine.host_traps = 1 << 3
    before = machine.instret
    for _ in range(times):
        machine.pc = CODE
        exit = machine.run(max_instructions=10 * len(code))
        assert exit.cause == 3 and machine.pc == CODE + len(code), exit
    return list(machine.x), machine.read(DATA, DATA_SIZE), machine.instret - before


@pytest.mark.parametrize("seed", seeds(4))
def test_same_state_after_random_programs(seed: int) -> None:
    """Four times 130 programs of 5,000 instructions, most of which are reached: over a million executed in all."""
    rng = random.Random(seed)
    machine = Machine(memory=1 << 20)
    executed = 0
    for number in range(PROGRAMS // 4 if machine.engine.kind.name == "numba" else 3):
        code = struct.pack(f"<{LENGTH}I", *random_programs.program(rng, LENGTH))
        x = random_programs.registers(rng)
        data = rng.randbytes(DATA_SIZE)
        theirs, their_data = run_on_unicorn(code, x, data)
        ours, our_data, count = run_here(machine, code, x, data)
        executed += count
        assert ours == theirs, (seed, number)
        assert our_data == their_data, (seed, number)
    if machine.engine.kind.name == "numba":
        assert executed > 250_000


@pytest.mark.parametrize("seed", seeds(4))
def test_same_state_after_mixed_programs(seed: int) -> None:
    """Compressed instructions among others, at any halfword, and halfwords of code that change: run twice each."""
    rng = random.Random(seed)
    machine = Machine(memory=1 << 20, isa="rv32imac")
    executed = 0
    for number in range(8 if machine.engine.kind.name == "numba" else 2):
        code = mixed_programs.program(rng, LENGTH)
        x = random_programs.registers(rng)
        data = rng.randbytes(DATA_SIZE)
        theirs, their_data = run_on_unicorn(code, x, data, times=2)
        ours, our_data, count = run_here(machine, code, x, data, times=2)
        executed += count
        assert ours == theirs, (seed, number)
        assert our_data == their_data, (seed, number)
    if machine.engine.kind.name == "numba":
        assert executed > 50_000
