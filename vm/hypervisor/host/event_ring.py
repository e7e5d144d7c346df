"""The host's side of the ring of events: emptied when it is full and when a run ends, without the guest's noticing.

What comes out are batches; `Event` is one event of a batch, decoded.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import FunctionType, SimpleNamespace
from typing import Any

import numpy as np

from trapline.isa.machine_csrs import read_mcycle, read_mcycleh, read_minstret, read_minstreth
from trapline.isa.pmp import PMP_ENTRIES
from trapline.isa.word import s32
from trapline.vm.codegen.csr_file import emit_save_csrs
from trapline.vm.core.records import HartRecord
from trapline.vm.core.status import DEVICE, EVENTS_WAIT, FOR_THE_HOST, HYPERCALL, LIMIT, RESLICE
from trapline.vm.host.signals import held
from trapline.vm.hypervisor import events as layout
from trapline.vm.hypervisor.events import CSR_WORDS, EVENTS, HEADER, LOGGED_CSRS, WORDS
from trapline.vm.hypervisor.faults import FAULT_NAMES, MMIO, OUTSIDE

_COUNTERS = CSR_WORDS - 4
CHANGED = (
    *LOGGED_CSRS, *(f"pmp{i}cfg" for i in range(PMP_ENTRIES)), *(f"pmpaddr{i}" for i in range(PMP_ENTRIES)),
    "mcycle", "mcycleh", "minstret", "minstreth",
)  # fmt: skip
"""What an event may change."""
_FINISHED_BY_HOST = (DEVICE, FOR_THE_HOST, HYPERCALL)


@dataclass(frozen=True)
class Batch:
    """Some events in order. first: number of the first, from 1.

    header: uint32[n, HEADER]. The CSRs that events have changed: event `rows[i]`, in order, has changed the CSR
    `CHANGED[columns[i]]` from `old[i]` to `new[i]`.
    """

    first: int
    header: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    old: np.ndarray
    new: np.ndarray

    @classmethod
    def of(cls, first: int, records: np.ndarray) -> "Batch":
        """What is kept of records: uint32[n, WORDS]."""
        before, after = records[:, HEADER : HEADER + CSR_WORDS], records[:, HEADER + CSR_WORDS :]
        header = records[:, :HEADER].copy()
        rows, columns = np.nonzero(before[:, :_COUNTERS] != after[:, :_COUNTERS])
        changes = np.stack([rows, columns, before[rows, columns], after[rows, columns]], axis=1).astype(np.int64)
        if counters := _counter_changes(header, before, after):
            changes = np.concatenate([changes, np.array(counters, np.int64)])
            changes = changes[np.argsort(changes[:, 0], kind="stable")]
        return cls(first, header, *changes.T)

    def __len__(self) -> int:
        return len(self.header)

    def __getitem__(self, part: slice) -> "Batch":
        """Some of the events: a slice without a step."""
        start, stop, _ = part.indices(len(self))
        some = (self.rows >= start) & (self.rows < stop)
        return Batch(
            self.first + start, self.header[start:stop], self.rows[some] - start, self.columns[some], self.old[some],
            self.new[some],
        )  # fmt: skip

    def column(self, at: int) -> np.ndarray:
        """A word of the header for all events: uint32[n]."""
        return self.header[:, at]

    def wide(self, at: int) -> np.ndarray:
        """Two words of the header as a number for all events: int64[n]."""
        return self.header[:, at].astype(np.int64) | (self.header[:, at + 1].astype(np.int64) << 32)

    def events(self) -> "Iterator[Event]":
        """Each of them decoded."""
        bounds = np.searchsorted(self.rows, np.arange(len(self) + 1))
        columns, old, new = self.columns.tolist(), self.old.tolist(), self.new.tolist()
        for i, row in enumerate(self.header.tolist()):
            changed = range(bounds[i], bounds[i + 1])
            yield Event.of(self.first + i, row, tuple((CHANGED[columns[k]], old[k], new[k]) for k in changed))


@dataclass(frozen=True)
class Event:
    """One event. number: from 1; instructions: steps of the virtual hart before it; clock: the same and those in which
    it idled while other harts ran; mode, pc: of the virtual hart before it.

    word: the guest's own at pc, None where none can be fetched. cause: mcause of the real hart's exception or of the
    injected interrupt, None for a step that an interpreter routine did without an exit. tval: of the exception.
    routine: of `vm.hypervisor.events`; fault: one of FAULT_NAMES; paddr: of a page fault's address, None without one.
    status: the routine's answer; trapped: whether the virtual hart took a trap. call, result: see AT_CALL, AT_RESULT.
    changes: (CSR, old, new); PMP configurations by entry, as `pmp3cfg`.
    """

    number: int
    hart: int
    instructions: int
    clock: int
    mode: int
    pc: int
    word: int | None
    cause: int | None
    tval: int
    routine: int
    fault: str
    paddr: int | None
    mode_after: int
    pc_after: int
    status: int
    trapped: bool
    call: int
    result: int
    changes: tuple[tuple[str, int, int], ...]

    @classmethod
    def of(cls, number: int, row: list[int], changes: tuple[tuple[str, int, int], ...]) -> "Event":
        """Decode the header of a record."""
        cause, status = row[layout.AT_CAUSE], row[layout.AT_STATUS]
        paddr = _signed(row, layout.AT_PADDR)
        word = row[layout.AT_WORD] if row[layout.AT_FETCHED] else None
        return cls(
            number=number, hart=row[layout.AT_HART], instructions=_signed(row, layout.AT_CYCLE),
            clock=_signed(row, layout.AT_CLOCK), mode=row[layout.AT_MODE], pc=row[layout.AT_PC], word=word,
            cause=None if cause == layout.NO_EXIT else cause, tval=row[layout.AT_TVAL],
            routine=row[layout.AT_ROUTINE], fault=FAULT_NAMES[row[layout.AT_FAULT]], paddr=None if paddr < 0 else paddr,
            mode_after=row[layout.AT_MODE_AFTER], pc_after=row[layout.AT_PC_AFTER],
            status=status - (1 << 32) if status >> 31 else status, trapped=bool(row[layout.AT_TRAPPED]),
            call=row[layout.AT_CALL], result=row[layout.AT_RESULT], changes=changes,
        )  # fmt: skip

    @property
    def interrupt(self) -> bool:
        """Whether it is an interrupt that the dispatcher has injected."""
        return self.routine == layout.INJECT


def _signed(row: list[int], at: int) -> int:
    return row[at] | (s32(row[at + 1]) << 32)


def _counter_changes(header: np.ndarray, before: np.ndarray, after: np.ndarray) -> list[tuple[int, int, int, int]]:
    """(row, column of CHANGED, old, new) of the counters; new is what the next instruction reads.

    What a hart stores for one is its distance from `cycle` or `instret`. That a counter goes on is no change, nor that
    `mcountinhibit` stops it where it is. A reset is no step.
    """
    found = []
    for row in np.flatnonzero((before[:, _COUNTERS:] != after[:, _COUNTERS:]).any(axis=1)).tolist():
        words, one, other = header[row].tolist(), before[row].tolist(), after[row].tolist()
        cycle, retired = _signed(words, layout.AT_CYCLE), _signed(words, layout.AT_RETIRED)
        old, next = (_readable(cycle + i, retired + i, one) for i in (0, 1))
        step = words[layout.AT_ROUTINE] != layout.RESET
        for i, new in enumerate(_readable(cycle + step, retired + step, other)):
            if new not in (old[i], next[i]):
                found.append((row, _COUNTERS + i, old[i], new))
    return found


def _readable(cycle: int, instret: int, csrs: list[int]) -> list[int]:
    """mcycle, mcycleh, minstret and minstreth as the guest would read them."""
    h = SimpleNamespace(
        cycle=cycle, instret=instret, mcycle=_signed(csrs, _COUNTERS), minstret=_signed(csrs, _COUNTERS + 2),
        mcountinhibit=csrs[LOGGED_CSRS.index("mcountinhibit")],
    )  # fmt: skip
    return [read(h) & 0xFFFFFFFF for read in (read_mcycle, read_mcycleh, read_minstret, read_minstreth)]


@cache
def _functions() -> dict[str, Any]:
    """The functions of `vm.hypervisor.events` in plain Python: the whole engine would take a second."""
    names = dict(vars(layout))
    exec(emit_save_csrs(), names)
    for name in ("settle_event", "begin_event", "end_event"):
        names[name] = FunctionType(names[name].__code__, names)
    return names


class EventRing:
    """The ring of one engine. sinks: called with each `Batch`; without any the events are only counted."""

    def __init__(self, engine: Any, ram: np.ndarray, offset: int) -> None:
        self._engine, self._m, self._offset = engine, engine.m, offset
        self._ram32 = ram.data.cast("B").cast("I")
        self._records = ram.view(np.uint32)[offset // 4 :][: EVENTS * WORDS].reshape(EVENTS, WORDS)
        self.sinks: list[Callable[[Batch], None]] = []
        self._m.event_log = offset

    @property
    def number(self) -> int:
        """Events until now."""
        return self._m.event_number

    def switch_off(self) -> None:
        """Note nothing any more, so that the rest of the run costs nothing."""
        self._m.event_log = 0
        self._m.event_count = 0

    def remove(self, sink: Callable[[Batch], None]) -> None:
        """Give no more events to this sink; without any that is left, switch off."""
        self.sinks.remove(sink)
        if not self.sinks:
            self.switch_off()

    def drain(self) -> None:
        """Give what is in the ring to the sinks."""
        count = self._m.event_count
        if count:
            self._m.event_count = 0
            batch = Batch.of(self._m.event_number - count + 1, self._records[:count])
            with held():  # so that Ctrl-C leaves no gap and no half of a record
                for sink in list(self.sinks):
                    sink(batch)

    def run(self, run: Callable[[int], int], budget: int) -> int:
        """`Engine.run`; a full ring is emptied and ends the run as a limit does: the caller can look at the clock."""
        status = run(budget)
        if status != EVENTS_WAIT:
            return status
        full = self._m.event_count + 2 > EVENTS
        self.drain()
        return LIMIT if full else status

    @contextmanager
    def completed(self, status: int) -> Iterator[None]:
        """While the host does the rest of what an exit has asked it for: the record gets the state after that."""
        if status not in _FINISHED_BY_HOST or not self._m.event_log:
            yield
            return
        h = self._engine.h[self._m.current]
        unretired = h.unretired
        try:
            yield
        finally:
            count = self._m.event_count - (self._m.event_open == layout.IS_EVENT)
            record = self._records[count]
            _functions()["settle_event"](h, self._ram32, self._offset // 4 + count * WORDS)
            if h.unretired != unretired:
                record[layout.AT_TRAPPED] = 1
                if status == DEVICE and record[layout.AT_FAULT] == MMIO:
                    record[layout.AT_FAULT] = OUTSIDE
            if self._m.event_open == layout.MAYBE_EVENT and h.mode != record[layout.AT_MODE]:
                self._m.event_count += 1
                self._m.event_number += 1

    def completing(self, service: Iterator[None], status: int) -> Iterator[None]:
        """A service that the host has begun for an exit, and with whose end the exit is `completed`."""
        with self.completed(status):
            yield from service

    @contextmanager
    def injection(self, h: HartRecord, cause: int) -> Iterator[None]:
        """While the host lets a virtual hart take an interrupt: the same event as of the dispatcher."""
        if not self._m.event_log:
            yield
            return
        if self._m.event_count + 2 > EVENTS:
            self.drain()
        real = self._engine.real[self._m.current]
        _functions()["begin_event"](h, self._m, real, self._ram32, cause, 0)
        yield
        _functions()["end_event"](h, self._m, real, self._ram32, layout.INJECT, LIMIT)

    @contextmanager
    def reset(self, h: HartRecord) -> Iterator[None]:
        """While the machine begins again, which virtual hart h has asked for: an event without an exit."""
        if not self._m.event_log:
            yield
            return
        if self._m.event_count + 2 > EVENTS:
            self.drain()
        real = self._engine.real[self._m.current]
        _functions()["begin_event"](h, self._m, real, self._ram32, layout.NO_EXIT, 0)
        yield
        _functions()["end_event"](h, self._m, real, self._ram32, layout.RESET, RESLICE)
        if self._m.event_open == layout.MAYBE_EVENT:
            self._m.event_count += 1
            self._m.event_number += 1
