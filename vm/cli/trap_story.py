"""How a kernel came to trap for ever: what only its first trap shows, which the later ones have overwritten.

The machine that was stopped knows its last trap alone. Runs repeat, so a second machine goes the same way, and each of
its exceptions is looked at. What it finds counts only if it ends where the first one did.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trapline.isa.cause import ALL_EXCEPTIONS, BREAKPOINT, ECALL_M, ECALL_S, ECALL_U, ILLEGAL, INTERRUPT, describe
from trapline.isa.mode import M
from trapline.isa.mstatus import MPP, SPP

if TYPE_CHECKING:
    from trapline.vm.cli.blueprint import Blueprint
    from trapline.vm.machine import Machine

LONGEST_HANDLER = 5_000
"""Steps between two traps of a loop, at most: a kernel that traps less often is not looked at."""
ENOUGH = 8
"""Traps in a row from one place that are a loop."""
MOST_STEPS = 5_000_000
MOST_SECONDS = 1.0
"""How far the second machine goes."""
MOST_TRAPS = 2_000
"""How many exceptions it takes at most after a time limit: some 0.05 s."""
_TO_SKIP = (ECALL_U, ECALL_S, ECALL_M, BREAKPOINT, ILLEGAL)
"""Causes after which a handler goes on behind the instruction."""


@dataclass(frozen=True)
class Place:
    """An exception. level: `m` or `s`, the mode that takes it."""

    cause: int
    pc: int
    tval: int
    level: str


@dataclass(frozen=True)
class Story:
    """A loop of traps. first: the trap before those that repeat; returns: whether a handler returns to the place."""

    loop: Place
    first: Place | None
    returns: bool


class _Closed(Exception):
    """The loop has been found, or is not to be looked for any longer."""


class _Witness:
    """Looks at each exception before it is taken, and at `left` of them."""

    def __init__(self, left: float) -> None:
        self.left = left
        self.last: Place | None = None
        self.first: Place | None = None
        self.returns = False
        self.count = 0

    def __call__(self, machine: "Machine", cause: int, tval: int) -> None:
        hart = machine.current
        delegated = hart.mode < M and (hart.csr["medeleg"] >> cause) & 1
        now = Place(cause, hart.pc, tval, "s" if delegated else "m")
        # xRET clears the previous mode, and a trap within the handler sets it.
        returned = hart.csr["mstatus"] & (SPP if delegated else MPP) == 0
        before = self.last
        same = before is not None and (now.pc, now.cause, now.level) == (before.pc, before.cause, before.level)
        # A handler that goes on elsewhere has changed xepc; one that mends a page makes the next address fault.
        if not same or hart.csr[f"{now.level}epc"] != now.pc or (returned and before != now):
            self.first, self.count = before, 0
        else:
            self.count = self.count + 1 if returned == self.returns or self.count == 0 else 0
        self.last, self.returns = now, returned
        self.left -= 1
        if self.count >= ENOUGH or self.left <= 0:
            raise _Closed


def story_of(machine: "Machine", blueprint: "Blueprint", soon: bool = False) -> Story | None:
    """How a stopped machine came into its loop of traps; None if there is none, or it cannot be repeated.

    soon: a time limit has passed, which is not to be late: so it looks less far.
    """
    described = blueprint.machine
    exceptions = sum(count for cause, count in machine.trap_counts.items() if not cause & INTERRUPT)
    if exceptions * LONGEST_HANDLER < machine.cycle or len(machine.harts) > 1:
        return None
    if machine.clock.wall or described.drives or described.devices:
        return None
    witness = _Witness(MOST_TRAPS if soon else math.inf)
    second = blueprint.build(stdin=b"")
    second.on_trap(witness, ALL_EXCEPTIONS)
    try:
        second.run(min(machine.cycle, MOST_STEPS), MOST_SECONDS)
    except _Closed:
        pass
    found = witness.last
    if found is None or witness.count < ENOUGH:
        return None
    level = found.level
    if (machine.csr[f"{level}cause"], machine.csr[f"{level}epc"]) != (found.cause, found.pc):
        return None
    return Story(found, witness.first, witness.returns)


def sentences(story: Story, machine: "Machine", blueprint: "Blueprint") -> list[str]:
    """The story in lines for the message."""
    loop, first, level = story.loop, story.first, story.loop.level
    lines = []
    if story.returns:
        handler = blueprint.place(machine.csr[f"{level}tvec"] & ~3)
        lines.append(f"the handler at {handler} returns to the instruction that trapped, again and again:")
        advice = f"add 4 to {level}epc to go on behind it" if loop.cause in _TO_SKIP else f"address {loop.tval:#010x}"
        lines.append(f"  {describe(loop.cause)} at {blueprint.place(loop.pc)}; {advice}")
    elif first is not None:
        if loop.pc != machine.csr[f"{level}tvec"] & ~3:
            lines.append(f"the handler itself traps: {describe(loop.cause)} at {blueprint.place(loop.pc)}")
        end = blueprint.passed_end(first.pc)
        passed = f": it ran past {end}" if end else ""
        lines.append(f"the first trap was: {describe(first.cause)} at {blueprint.place(first.pc)}{passed}")
        if first.cause == ECALL_M and machine.csr["mtvec"] == 0:
            lines.append("a program with system calls runs under `trapline run`")
    return lines
