"""Compares a guest bare and under each technique, and finds the first instruction that makes a difference.

Runs are deterministic, so both machines are run again and compared after the same number of instructions, closing in
on the first difference.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trapline import isa
from trapline.isa.hart import ABI_NAMES
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.hypervisor.host.counts import Counts
from trapline.vm.machine import Machine

Build = Callable[[str], Machine]
"""Makes a fresh `vm.machine.Machine` under the named technique, always from the same image and input."""

STOPS = 16
"""Points at which one pass of the search compares both machines."""

BLOCK = 1 << 24
"""Bytes of RAM compared at a time."""

_COUNTERS = ("waiting", "cycle", "unretired")
_NAMES = ("pc", "mode", *sorted({c.storage for c in isa.CSRS if c.storage}), "pmpcfg", "pmpaddr", *_COUNTERS)
_STOPPED_BY_US = (ExitReason.LIMIT, ExitReason.TIMEOUT, ExitReason.INTERRUPTED)


@dataclass(frozen=True)
class Difference:
    """A difference by name (`a0`, `mstatus`, `RAM at 0x80001000`, `console`, `end`), with both values as text."""

    name: str
    bare: str
    virtual: str


@dataclass(frozen=True)
class First:
    """Where two runs diverge: they agree after `instructions`, and the next one, `word` at `pc`, makes the difference.

    word: None if it cannot be fetched. mode: of hart `hart`. with_c: whether it has compressed instructions.
    """

    instructions: int
    hart: int
    pc: int
    mode: int
    word: int | None
    with_c: bool
    differences: list[Difference] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """One run compared with the bare one. seconds: wall clock. first: None if equivalent."""

    technique: str
    exit: Exit
    seconds: float
    counts: Counts
    output: bytes
    traps: dict[int, int]
    differences: list[Difference] = field(default_factory=list)
    first: First | None = None

    @property
    def equivalent(self) -> bool:
        """Whether it ended as the bare machine did."""
        return not self.differences


def differences(bare: Machine, virtual: Machine) -> list[Difference]:
    """The differences between two machines that a guest or its user could see: harts, counters, RAM, console."""
    found = []
    for number, (one, other) in enumerate(zip(bare.engine.harts, virtual.engine.harts, strict=True)):
        prefix = f"hart {number}: " if len(bare.engine.harts) > 1 else ""
        for register, (a, b) in enumerate(zip(one["x"], other["x"], strict=True)):
            if a != b:
                found.append(Difference(f"{prefix}{ABI_NAMES[register]}", _hex(a), _hex(b)))
        for name in _NAMES:
            if np.any(one[name] != other[name]):
                show = str if name == "mode" or name in _COUNTERS else _hex
                for a, b, suffix in _elements(one[name], other[name]):
                    found.append(Difference(f"{prefix}{name}{suffix}", show(a), show(b)))
    if (address := _first_byte(bare.ram, virtual.ram)) is not None:
        offset = address & ~3
        words = [_hex(int.from_bytes(m.ram[offset : offset + 4].tobytes(), "little")) for m in (bare, virtual)]
        found.append(Difference(f"RAM at {bare.ram_base + offset:#010x}", *words))
    return found + console_difference(bare.console.output, virtual.console.output)


def _elements(one: Any, other: Any) -> Iterator[tuple[int, int, str]]:
    if np.ndim(one) == 0:
        yield one, other, ""
        return
    for i, (a, b) in enumerate(zip(one, other, strict=True)):
        if a != b:
            yield a, b, str(i)


def _hex(value: int) -> str:
    return f"{int(value):#010x}"


def _first_byte(one: np.ndarray, other: np.ndarray) -> int | None:
    """Index of the first byte that differs; None if none does."""
    for start in range(0, len(one), BLOCK):
        a, b = one[start : start + BLOCK], other[start : start + BLOCK]
        if not np.array_equal(a, b):
            return start + int(np.flatnonzero(a != b)[0])
    return None


def console_difference(one: bytes, other: bytes) -> list[Difference]:
    """The first difference between two outputs, as a list of at most one."""
    if one == other:
        return []
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return [Difference(f"console, byte {start}", *(repr(o[start : start + 24])[1:] for o in (one, other)))]


def compare(
    build: Build, techniques: Iterable[str], max_instructions: int | None = None, timeout: float | None = None
) -> Iterator[Run]:
    """Run bare, then under each technique, with as many instructions as the bare run.

    timeout: seconds for each run. A run stopped by it is compared with the bare machine after as many instructions.
    """
    bare = build("bare")
    exit, seconds = _timed(bare, max_instructions, timeout)
    _close(bare)
    yield Run("bare", exit, seconds, Counts.of(bare), bare.console.output, bare.trap_counts)
    if exit.reason is ExitReason.INTERRUPTED:
        return
    for technique in techniques:
        virtual = build(technique)
        # One more, so that a run that should end by itself can.
        limit = bare.cycle + (exit.reason not in _STOPPED_BY_US)
        end, seconds = _timed(virtual, limit, timeout)
        reference, reason = bare, exit
        if end.reason is ExitReason.TIMEOUT:
            reference, reason = build("bare"), end
            reference.run(max_instructions=virtual.cycle)
            _close(reference)
        found = differences(reference, virtual) + _ends(reason, end)
        first = first_difference(build, technique, max(reference.cycle, virtual.cycle)) if found else None
        _close(virtual)
        yield Run(
            technique, end, seconds, Counts.of(virtual), virtual.console.output, virtual.trap_counts, found, first
        )
        if end.reason is ExitReason.INTERRUPTED:
            return


def _close(*machines: Machine) -> None:
    """Release host resources (drives)."""
    for machine in machines:
        if machine.board is not None:
            machine.board.close()


def _timed(machine: Machine, max_instructions: int | None, timeout: float | None) -> tuple[Exit, float]:
    started = time.perf_counter()
    exit = machine.run(max_instructions, timeout)
    return exit, time.perf_counter() - started


def _ends(bare: Exit, virtual: Exit) -> list[Difference]:
    one, other = (e.reason in _STOPPED_BY_US or (e.reason, e.code, e.reset) for e in (bare, virtual))
    return [] if one == other else [Difference("end", *(_end(e) for e in (bare, virtual)))]


def _end(exit: Exit) -> str:
    return f"{exit.reason.value}, status {exit.code}" if exit.reason is ExitReason.HALT else exit.reason.value


def first_difference(build: Build, technique: str, high: int) -> First:
    """Where a run under this technique diverges from the bare one; it has done so by `high` instructions."""
    low = 0
    while high - low > 1:
        bare, virtual = build("bare"), build(technique)
        start, length = low, high - low
        for i in range(1, STOPS + 1):
            stop = start + max(1, length * i // STOPS)
            if not (_reach(bare, stop) and _reach(virtual, stop)) or differences(bare, virtual):
                high = stop
                break
            low = stop
        else:
            low = high  # only the ends differ
        _close(bare, virtual)
    return _look(build, technique, low)


def _reach(machine: Machine, instructions: int) -> bool:
    """Whether the machine reaches this number of instructions without stopping. Raises KeyboardInterrupt."""
    if machine.cycle < instructions:
        if machine.run(max_instructions=instructions - machine.cycle).reason is ExitReason.INTERRUPTED:
            raise KeyboardInterrupt  # otherwise it would look like a difference
    return machine.cycle == instructions


def _look(build: Build, technique: str, instructions: int) -> First:
    bare, virtual = build("bare"), build(technique)
    for machine in (bare, virtual):
        _reach(machine, instructions)
    bare.engine.run(0)  # selects the hart to run
    hart = bare.current
    pc, mode, number, word = hart.pc, hart.mode, bare.harts.index(hart), bare.instruction_word()
    ends = [machine.run(max_instructions=1) for machine in (bare, virtual)]
    _close(bare, virtual)
    different = differences(bare, virtual) + _ends(*ends)
    return First(instructions, number, pc, mode, word, "c" in bare.isa, different)
