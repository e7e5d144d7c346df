"""A random kernel in S mode bare and as a guest of Warren: what each has seen and done, to compare."""

import struct
from functools import cache
from typing import Any, NamedTuple

from support.kernels.supervisor import over_sbi
from support.random_kernels.code import R, U, V, X
from support.random_kernels.image import RAM
from support.random_kernels.supervisor_image import ENTRY, MEMORY, SupervisorKernel
from support.warren import script
from trapline import ExitReason, Machine
from trapline.asm import assemble_text
from trapline.vm.board.board import Board
from trapline.vm.board.devices import FINISHER_BASE, Bus, Finisher
from trapline.vm.board.plic import PLIC_BASE, PLIC_SIZE
from trapline.vm.board.uart import REGISTERS, UART_BASE
from trapline.vm.snapshot.snapshot import Snapshot

LIMIT, SLOWER = 100_000, 400
"""Instructions that a kernel may take bare, and how many times as many in Warren."""
NEIGHBOUR_MEMORY, SLACK = 8 << 20, 4 << 20
STUB = assemble_text(".globl _start\n_start: j .", text_base=ENTRY).elf
"""Where a kernel's first instruction will be."""
NEIGHBOUR = assemble_text(
    """
_start: li      s0, 0x80400000          # a kernel that takes its turns for a while, and notices if its registers change
        mv      s1, s0
        csrw    sscratch, s0
        li      s2, 2000
1:      rdtime  t0
        csrr    t1, sscratch
        bne     t1, s0, 2f
        bne     s1, s0, 2f
        addi    s2, s2, -1
        bnez    s2, 1b
        li      a1, 0
        j       3f
2:      li      a1, 1
3:      li      a0, 0
        li      a6, 0
        li      a7, 0x53525354
        ecall
        .globl _start
""",
    text_base=0x80400000,
).elf


class Outcome(NamedTuple):
    """How a kernel has ended. status: None if it has not; ram: all of it; console: what it has printed."""

    status: int | None
    ram: bytes
    console: bytes


class Stage:
    """A machine that stands before the first instruction of a kernel, which is put into it again and again.

    base: real address of the kernel's RAM; alone: whether nobody else prints.
    """

    def __init__(self, machine: Machine, base: int, limit: int, alone: bool = True) -> None:
        self.machine, self.base, self.limit, self.alone = machine, base, limit, alone
        self.start: Snapshot = machine.snapshot()

    def run(self, kernel: SupervisorKernel) -> Outcome:
        """The kernel from its first instruction to its end, or to the limit."""
        machine = self.machine
        machine.restore(self.start)
        machine.write(self.base, kernel.ram.ljust(MEMORY, b"\0"))
        exit = machine.run(max_instructions=self.limit)
        status = exit.code if exit.reason is ExitReason.HALT else None
        return Outcome(status, machine.read(self.base, MEMORY), machine.console.output)


@cache
def bare() -> Stage:
    """The real machine, without what Warren does not give its guests: virtio slots."""
    machine = over_sbi(STUB, memory=MEMORY)
    board = machine.board
    assert isinstance(board, Board)
    machine.bus = board.bus = Bus()
    machine.bus.add(FINISHER_BASE, 0x1000, Finisher())
    machine.bus.add(UART_BASE, REGISTERS, board.uart)
    machine.bus.add(PLIC_BASE, PLIC_SIZE, board.plic)
    return Stage(machine, RAM, LIMIT)


@cache
def guest(neighbours: int = 0, depth: int = 1, **defines: int) -> Stage:
    """Warren at the first instruction of its guest; see `begun`."""
    return begun(script(), neighbours, depth, **defines)


def begun(module: Any, neighbours: int = 0, depth: int = 1, **defines: int) -> Stage:
    """A Warren at the first instruction of its guest.

    module: its build.py; neighbours: beside the guest; depth: of Warren in Warren; defines: symbols of the innermost.
    """
    guests = [module.Guest(STUB, "random", MEMORY)]
    guests += [module.Guest(NEIGHBOUR, f"other{i}", NEIGHBOUR_MEMORY) for i in range(neighbours)]
    for _ in range(depth - 1):
        elf, memory = module.build(guests, defines), module.memory_needed(guests) + SLACK
        guests, defines = [module.Guest(elf, "warren", memory)], {}
    elf, memory = module.build(guests, defines), module.memory_needed(guests) + SLACK
    machine = over_sbi(elf, memory=memory)
    for _ in range(20_000 * depth):
        machine.run(max_instructions=1_000)
        if machine.pc == ENTRY:
            break
    assert machine.pc == ENTRY and machine.mode == U, (hex(machine.pc), machine.console.output)
    return Stage(machine, paddr(machine, ENTRY) - (ENTRY - RAM), LIMIT * SLOWER**depth, not neighbours)


def paddr(machine: Machine, vaddr: int) -> int:
    """Where a virtual address really is, by the tables in force."""
    table = (machine.csr["satp"] & 0x3FFFFF) << 12
    for shift in (22, 12):
        entry = int.from_bytes(machine.read(table + 4 * (vaddr >> shift & 1023), 4), "little")
        assert entry & V, hex(entry)
        if entry & (R | X):
            return (entry >> 10 << 12) + vaddr % (1 << shift)
        table = entry >> 10 << 12
    raise AssertionError("a table where an entry of a page should be")


def difference(kernel: SupervisorKernel, stage: Stage, expected: Outcome) -> str:
    """What a guest has done otherwise than the bare machine; empty if nothing."""
    found = stage.run(kernel)
    if found.status != expected.status:
        return f"it ends with {found.status}, bare with {expected.status}"
    if stage.alone and expected.console != found.console:
        return f"it prints {found.console!r}, bare {expected.console!r}"
    words = zip(*(struct.iter_unpack("<I", outcome.ram) for outcome in (expected, found)), strict=True)
    if found.ram != expected.ram:
        different = [f"{RAM + 4 * i:#x}: {b:#x}, bare {a:#x}" for i, ((a,), (b,)) in enumerate(words) if a != b]
        return "; ".join(different[:8])
    return ""
