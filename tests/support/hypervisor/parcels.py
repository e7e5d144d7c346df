"""The same parcels bare and under a technique: code with compressed instructions, wherever it lies."""

import struct
from collections.abc import Iterable
from typing import Any

from support.machines import RAM, S, difference, enter, from_words, open_memory, put, state
from trapline import Machine

MIXED = "rv32imac_xleak"
NOP, RETURN, LOOP = 0x0001, 0x8082, 0xA001
"""c.nop; c.jr ra; c.j 0"""
TABLE, LEAVES = RAM + 0x8000, RAM + 0x9000
Pair = list[Machine]


def halves(*values: int) -> list[int]:
    """Words as parcels, the low one first."""
    return [part for value in values for part in (value & 0xFFFF, value >> 16)]


def write(machine: Machine, address: int, parcels: Iterable[int]) -> None:
    """Put parcels at a physical address."""
    parcels = list(parcels)
    machine.write(address, struct.pack(f"<{len(parcels)}H", *parcels))


def pair(parcels: list[int], technique: str, mode: int = S, at: int = RAM, **options: Any) -> Pair:
    """The guest bare and under the technique, not yet run, at the first of its parcels; s0 is RAM."""
    found = []
    for name in ("bare", technique):
        machine = from_words([], **({"technique": name, "isa": MIXED} | options))
        open_memory(machine)
        write(machine, at, parcels)
        machine.x["s0"] = RAM
        enter(machine, mode, at)
        found.append(machine)
    return found


def map_pages(machine: Machine, entries: dict[int, int]) -> None:
    """For S mode the first 64 KiB of RAM are where they are, but for pages with an entry of their own."""
    put(machine, TABLE + 4 * (RAM >> 22), [LEAVES >> 2 | 1])
    put(machine, LEAVES, [entries.get(page, (RAM + 0x1000 * page) >> 2 | 0xCF) for page in range(16)])
    machine.csr["satp"] = 1 << 31 | TABLE >> 12


def run(machines: Pair, steps: int) -> dict[str, object]:
    """What differs after `steps`."""
    for machine in machines:
        machine.run(max_instructions=steps)
    return difference(state(machines[0]), state(machines[1]))


def replaced(machines: Pair) -> list[int]:
    """Where parcels are replaced, from RAM on."""
    originals = machines[1].engine.originals
    assert originals is not None
    return [patch.paddr - RAM for patch in originals.listing()]
