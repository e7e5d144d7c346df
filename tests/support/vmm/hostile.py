"""A hostile guest of Warren beside a neighbour: what must never change, and what the attacker must never see."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from support.kernels.supervisor import over_sbi
from support.random_kernels.code import USER as PTE_USER
from support.random_kernels.code import R, V, W, X
from support.vmm.attacks import ATTACKS, END, PRELUDE, SIZE
from support.vmm.attacks_calls import CALL_ATTACKS
from support.vmm.attacks_state import STATE_ATTACKS
from support.vmm.constants import constants
from support.warren import script
from trapline import Machine
from trapline.asm import assemble_text
from trapline.vm.loader.files import load_elf
from trapline.vm.snapshot.snapshot import Snapshot

ALL = ATTACKS | STATE_ATTACKS | CALL_ATTACKS
BASE = 0x80400000
RAM, PAGE, MEGAPAGE = 0x80000000, 4096, 1 << 22
SECRET = 0x5EC2E75E
"""A word that fills the neighbour's RAM, the gaps between guests, and what the SBI would have."""
NEIGHBOUR_SIZE = 4 << 20
ENDED = 2
ALONE = 60
"""Slices that an attacker gets when its neighbour has ended."""
NEIGHBOUR = f"""
        .globl  _start
_start: li      t0, 0x80100000          # a kernel with secrets, which works for some time slices
        li      t1, 0x80140000
        li      t2, {SECRET}
1:      sw      t2, (t0)
        addi    t0, t0, 4
        bne     t0, t1, 1b
        li      s0, 600
2:      csrw    sscratch, s0
        li      t0, 0x80100000
        li      t1, 0x80100400
3:      lw      t3, (t0)
        bne     t3, t2, 4f              # somebody was here
        addi    t0, t0, 4
        bne     t0, t1, 3b
        csrr    t0, sscratch
        bne     t0, s0, 4f
        addi    s0, s0, -1
        bnez    s0, 2b
        li      a1, 0
        j       5f
4:      li      a1, 1
5:      li      a0, 0
        li      a6, 0
        li      a7, 0x53525354
        ecall
"""
REBOOTS = [name for name in ALL if name.startswith("boots again")]
"""Attacks whose kernel must be loaded by Warren."""
DEFINES = {"SLICE": 3000, "POOL_PAGES": 24}


@cache
def _neighbour() -> bytes:
    return assemble_text(NEIGHBOUR, text_base=RAM).elf


@cache
def _stage() -> tuple["Fight", Snapshot]:
    """A fight in which the attacker is at its first instruction, which is to be written."""
    stub = assemble_text("        .globl _start\n_start: j .", text_base=BASE).elf
    fight = Fight.begun(script(), stub)
    for _ in range(5_000):
        fight.machine.run(max_instructions=500)
        if fight.machine.pc == BASE and fight.machine.mode == 0:
            break
    assert fight.machine.pc == BASE
    return fight, fight.machine.snapshot()


@cache
def _attacker(name: str) -> bytes:
    return assemble_text(PRELUDE + ALL[name] + END, name=name, text_base=BASE).elf


@dataclass
class Fight:
    """Warren about to run an attacker and a neighbour.

    ranges: real addresses of the two, then of all that is nobody's; fixed: what Warren never writes, by address.
    """

    machine: Machine
    ranges: list[tuple[int, int]]
    gaps: list[tuple[int, int]]
    fixed: dict[int, bytes] = field(repr=False)

    @classmethod
    def between(cls, attacker: str, build: Any = None) -> "Fight":
        """Prepared. build: `build.py` of another Warren than ours, a mutant's."""
        if build is not None or attacker in REBOOTS:
            return cls.begun(build or script(), _attacker(attacker))
        fight, start = _stage()
        fight.machine.restore(start)
        for vaddr, data, _, _ in _segments(_attacker(attacker)):
            fight.machine.write(fight.ranges[0][0] + vaddr - RAM, data)
        return fight

    @classmethod
    def begun(cls, module: Any, attacker: bytes) -> "Fight":
        """With the ELF of an attacker."""
        guests = [module.Guest(attacker, "attacker", SIZE), module.Guest(_neighbour(), "neighbour", NEIGHBOUR_SIZE)]
        elf = module.build(guests, DEFINES)
        end = RAM + module.memory_needed(guests)
        machine = over_sbi(elf, memory=end - RAM + MEGAPAGE, stdin=b"typed\n" * 20)
        first = end - NEIGHBOUR_SIZE - 2 * MEGAPAGE
        ranges = [(first, first + SIZE), (end - NEIGHBOUR_SIZE, end)]
        gaps = [(RAM, BASE), (first + SIZE, end - NEIGHBOUR_SIZE)]
        for start, stop in gaps:
            machine.write(start, struct.pack("<I", SECRET) * ((stop - start) // 4))
        fixed = {vaddr: data for vaddr, data, _, flags in _segments(elf) if not flags & 2 and vaddr < BASE + MEGAPAGE}
        return cls(machine, ranges, gaps, fixed)

    def state(self, guest: int) -> int:
        """GUEST_STATE of a guest's record."""
        return self._word(self._record(guest) + self._field("GUEST_STATE"))

    def status(self, guest: int) -> int:
        """What it has ended with."""
        return self._word(self._record(guest) + self._field("GUEST_STATUS"))

    def fight(self, slices: int, steps: int) -> None:
        """Run until the neighbour has ended, and look after each slice. Raises AssertionError."""
        for _ in range(slices):
            self.machine.run(max_instructions=steps)
            assert (found := list(self.reachable())) == [], found
            if self.state(1) == ENDED:
                break
        printed = self.machine.console.output[-300:]
        assert self.state(1) == ENDED, f"the neighbour has not come to its end: {printed!r}"
        assert self.status(1) == 0, f"the neighbour has found its memory or registers changed: {printed!r}"
        for _ in range(ALONE):
            if self.state(0) == ENDED:
                break
            self.machine.run(max_instructions=steps)
            assert (found := list(self.reachable())) == [], found
        self.check()

    def check(self) -> None:
        """Nothing that was not the attacker's is changed, or known to it. Raises AssertionError."""
        for address, data in self.fixed.items():
            assert self.machine.read(address, len(data)) == data, f"Warren's code or constants at {address:#x}"
        for start, stop in self.gaps:
            assert (self._words(start, stop) == SECRET).all(), f"something was written at {start:#x} to {stop:#x}"
        start, stop = self.ranges[0]
        assert SECRET not in self._words(start, stop), "the attacker has a secret in its memory"
        assert SECRET not in self._words(self._record(0), self._record(0) + 128), "the attacker has it in a register"
        start = self.ranges[1][0]
        assert (self._words(start + 0x100000, start + 0x140000) == SECRET).all(), "the neighbour's memory"

    def reachable(self) -> Iterator[str]:
        """Entries of a guest's shadow tables by which it reaches what is not its own."""
        pool = range(BASE, BASE + MEGAPAGE)
        for number, (start, stop) in enumerate(self.ranges):
            for satp in self._roots(number):
                root = (satp & 0x3FFFFF) << 12
                if root not in pool:
                    yield f"guest {number}: a root at {root:#x}"
                    continue
                for slot, entry in self._valid(root):
                    yield from self._wrong(number, f"slot {slot:#x}", entry, start, stop, MEGAPAGE)

    def _wrong(self, number: int, where: str, entry: int, start: int, stop: int, size: int) -> Iterator[str]:
        target = entry >> 10 << 12
        if entry & (R | W | X):
            if size == MEGAPAGE and target == BASE and not entry & PTE_USER:
                return  # the window
            if not (start <= target and target + size <= stop and entry & PTE_USER):
                yield f"guest {number}: {where} maps {target:#x} by {entry:#x}"
        elif size == PAGE or not BASE <= target < BASE + MEGAPAGE:
            yield f"guest {number}: {where} leads to a table at {target:#x}"
        else:
            for i, lower in self._valid(target):
                yield from self._wrong(number, f"{where}, page {i:#x}", lower, start, stop, PAGE)

    def _valid(self, table: int) -> list[tuple[int, int]]:
        """(index, entry) of the valid entries of a table."""
        entries = self._words(table, table + PAGE)
        return [(int(i), int(entries[i])) for i in np.flatnonzero(entries & V)]

    def _roots(self, number: int) -> list[int]:
        contexts = self._record(number) + self._field("CONTEXTS")
        size, most = self._field("CONTEXT_SIZE"), self._field("MOST_CONTEXTS")
        roots = self._field("CONTEXT_ROOTS")
        return [
            satp
            for i in range(most)
            if self._word(contexts + i * size + self._field("CONTEXT_IN_USE"))
            for at in (0, 4, 8)
            if (satp := self._word(contexts + i * size + roots + at))
        ]

    def _record(self, guest: int) -> int:
        return self.machine.symbols["guest_records"] + guest * constants()["GUEST_SIZE"]

    def _field(self, name: str) -> int:
        return constants()[name]

    def _word(self, address: int) -> int:
        return int.from_bytes(self.machine.read(address, 4), "little")

    def _words(self, start: int, stop: int) -> np.ndarray:
        return np.frombuffer(self.machine.read(start, stop - start), np.uint32)


def _segments(elf: bytes) -> list[tuple[int, bytes, int, int]]:
    return [(s.vaddr, s.data, s.memsz, s.flags) for s in load_elf(elf).segments]
