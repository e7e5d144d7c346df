"""The log of events of a kernel, one a line: traps, instructions, walks of page tables, writes of CSRs.

The engine notes the first, the third and the fourth in a ring (`vm.core.event_log`) while it runs at full speed;
instructions are logged by single steps. The last ones are kept as they are noted, and become text when it is wanted.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from trapline.isa.table import BY_NAME
from trapline.vm.core import event_log as layout
from trapline.vm.core.event_log import LOG_CSR, LOG_EVENTS, LOG_INT, LOG_MMU, LOG_WORDS

ITEMS = ("int", "exec", "mmu", "csr")
"""What can be logged."""
_NOTED = {"int": LOG_INT, "mmu": LOG_MMU, "csr": LOG_CSR}

OPCODE, SYSTEM_OPCODE = 0x7F, 0x73
FUNCT3, FUNCT3_ZERO, FUNCT3_HYPERVISOR = 0x7000, 0x0000, 0x4000

Write = Callable[[str], object]


class Form(Protocol):
    """How events become lines (`vm.observe.event_lines.EventLines`)."""

    def event(self, record: list[int]) -> str:
        """The line of a record of the ring."""

    def instruction(self, hart: int, cycle: int, mode: int, pc: int, word: int | None) -> str:
        """The line of an instruction that is executed."""


def _is(words: np.ndarray, name: str) -> np.ndarray:
    pattern = BY_NAME[name].pattern
    return words & pattern.mask == pattern.match


def chosen(records: np.ndarray, items: Iterable[str]) -> np.ndarray:
    """The records, int64[n, LOG_WORDS], that are about one of the items."""
    kind, words = records[:, layout.OF_KIND], records[:, layout.OF_CAUSE]
    retired = kind == layout.RETIRED
    funct3 = words & FUNCT3
    writes = retired & (words & OPCODE == SYSTEM_OPCODE) & (funct3 != FUNCT3_ZERO) & (funct3 != FUNCT3_HYPERVISOR)
    returns = retired & (_is(words, "mret") | _is(words, "sret"))
    about = {
        "int": (kind == layout.TRAP) | (kind == layout.SERVED) | returns,
        "mmu": (kind == layout.WALK) | (retired & _is(words, "sfence.vma")),
        "csr": writes,
    }
    wanted = np.zeros(len(records), bool)
    for item in items:
        if item in about:
            wanted |= about[item]
    return records[wanted]


class EventLog:
    """The log of one machine (`vm.machine.Machine`). It is attached by `Machine.log_to`.

    items: of ITEMS; form: makes lines of events. Without `last`, lines are written as the machine runs, at most
    `limit` of them. With it, nothing is written before `lines` is asked for the last ones.
    """

    def __init__(
        self, machine: Any, items: Iterable[str], form: Form, write: Write, limit: int, last: int | None = None,
        steps: bool = True,
    ) -> None:  # fmt: skip
        self._machine, self._form, self._write = machine, form, write
        self.items = frozenset(items)
        ring = machine.engine.code[-layout.TABLE_WORDS - layout.RING_WORDS : -layout.TABLE_WORDS]
        self._records = ring[: LOG_EVENTS * LOG_WORDS].reshape(LOG_EVENTS, LOG_WORDS)
        self._state = ring[LOG_EVENTS * LOG_WORDS :]
        self._state[:] = 0
        self._limit, self.last = limit, last
        self.count = 0
        self.cut = False
        self.noted = 0
        for item in self.items & _NOTED.keys():
            self.noted |= _NOTED[item]
        # Where instructions are kept as well, events keep their places among them as lines.
        self.steps = steps and "exec" in self.items
        self._lines: deque[str] = deque(maxlen=last)
        self._arrays: deque[np.ndarray] = deque()
        self._kept = 0
        self._pending: tuple[int, int] | None = None
        self._line = ""

    def drain(self) -> None:
        """Empty the ring."""
        count = int(self._state[layout.LOG_COUNT])
        if not count:
            return
        self._state[layout.LOG_COUNT] = 0
        records = chosen(self._records[:count], self.items)
        if self.last is not None and not self.steps:
            self.count += len(records)
            self._arrays.append(records.copy())
            self._kept += len(records)
            while self._kept - len(self._arrays[0]) >= self.last:
                self._kept -= len(self._arrays.popleft())
            return
        self._put([self._form.event(record) for record in records.tolist()])

    def _put(self, lines: list[str]) -> None:
        if self.last is not None:
            self.count += len(lines)
            self._lines.extend(lines)
            return
        room = self._limit - self.count
        if lines and room > 0:
            self._write("".join(f"{line}\n" for line in lines[:room]))
            self.count += min(room, len(lines))
        if len(lines) > room:
            self.cut = True
            self._machine.log_to(None)

    def finish(self) -> None:
        """The run is over: an instruction that the host has not let the guest trap at is logged, too."""
        h = self._machine.current.h
        if self.steps and self._pending == (h.mhartid, h.cycle):
            self._put([self._line])

    def lines(self) -> Iterator[str]:
        """The last events, where they are kept."""
        yield from self._lines
        skipped = max(0, self._kept - (self.last or 0))
        for records in self._arrays:
            for record in records[skipped:].tolist():
                yield self._form.event(record)
            skipped = max(0, skipped - len(records))

    # Single steps, as `vm.trace.Trace`

    def before(self) -> None:
        """Log the next instruction; a pending interrupt has been taken already."""
        self.drain()
        machine, h = self._machine, self._machine.current.h
        self._pending = (h.mhartid, h.cycle)
        self._line = self._form.instruction(h.mhartid, h.cycle, h.mode, h.pc, machine.instruction_word())

    def after(self) -> None:
        """It has been executed, or has trapped."""
        h = self._machine.current.h
        if self._pending != (h.mhartid, h.cycle):
            self._put([self._line])
        self.drain()
