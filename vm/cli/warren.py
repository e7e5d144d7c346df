"""Warren, the hypervisor in `programs/hypervisors/warren`, for commands that build it and run guests in it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trapline.vm.cli import bundled, burrow

if TYPE_CHECKING:
    from trapline.vm.machine import Machine

NAME = "warren"
MIB = 1 << 20
TREE_ROOM = 2 * MIB
"""RAM behind the last guest, so that the machine's device tree lies in no guest's."""
WORD = 4
SLICE, SLOWER = 2_000, 10
"""Ticks of a time slice of Burrow at depth 1, and how many times as long it is with each level more."""
EMULATED = ("csr", "sret", "wfi", "fence")
"""Counters of instructions that Warren has emulated."""


@dataclass(frozen=True)
class Stack:
    """Warren with its guests, perhaps in Warren again.

    elf: the outermost one; memory: bytes of RAM that it needs; statistics: real addresses of the counters of each
    level, the outermost first.
    """

    elf: bytes
    memory: int
    statistics: tuple[int, ...]


def folder() -> Path:
    """Where its sources are."""
    return bundled.bundled_programs() / "hypervisors/warren"


@cache
def builder() -> Any:
    """Its build.py as a module."""
    return bundled.script(folder() / "build.py")


def guest(kernel: Path | bytes, name: str, memory: int, append: str | None = None) -> Any:
    """A `Guest` of build.py: a kernel for S mode, and bytes of RAM."""
    return builder().Guest(kernel, name, memory, append)


def burrow_at(depth: int, init: Sequence[str] = (burrow.SHELL,), **defines: object) -> bytes:
    """Burrow for S mode. Its time slices grow with the levels below, as what happens in one takes longer."""
    return burrow.build("supervisor", init, {"TIMER_PERIOD": SLICE * SLOWER ** (depth - 1), **defines})


def stack(guests: Sequence[Any], depth: int = 1, defines: Mapping[str, object] | None = None) -> Stack:
    """Warren in Warren, `depth` levels of it, with guests in the innermost one.

    defines: symbols of each level. Raises LoadError, ValueError, AsmError.
    """
    from trapline.vm.loader.files import load_elf

    build = builder()
    statistics: list[int] = []
    for _ in range(depth):
        elf, needed = build.build(guests, defines), build.memory_needed(guests)
        if statistics:  # what is inside lies in the only guest's RAM
            begin = needed - -(-guests[0].memory // build.MEGAPAGE) * build.MEGAPAGE
            statistics = [address + begin for address in statistics]
        statistics.insert(0, load_elf(elf).symbols["statistics"])
        guests = [guest(elf, NAME, needed + TREE_ROOM)]
    return Stack(elf, needed + TREE_ROOM, tuple(statistics))


@cache
def counter_names() -> tuple[str, ...]:
    """What is counted, by the names of warren.inc in small letters, in their order in memory."""
    text = (folder() / "warren.inc").read_text(encoding="utf-8")
    found = {int(at): name.lower() for name, at in re.findall(r"^ +\.equ +STAT_(\w+), (\d+)", text, re.M)}
    return tuple(found[at] for at in sorted(found) if found[at] != "end")


def counters(machine: "Machine", stack: Stack) -> list[dict[str, int]]:
    """What each level has counted, the outermost first: words, which wrap around."""
    levels = []
    for address in stack.statistics:
        data = machine.read(address, WORD * len(counter_names()))
        words = (int.from_bytes(data[at : at + WORD], "little") for at in range(0, len(data), WORD))
        levels.append(dict(zip(counter_names(), words, strict=True)))
    return levels


def emulated(level: Mapping[str, int]) -> int:
    """How many instructions a level has emulated."""
    return sum(level[name] for name in EMULATED)
