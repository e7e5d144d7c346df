"""The engine's table of stops (`vm.core.stops`), written from the records of a debugger."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from trapline.isa.cause import CAUSE_CODE, INTERRUPT
from trapline.isa.mode import MODE_NAMES
from trapline.isa.sv32 import PAGE_BASE, PAGE_OFFSET, PAGE_SHIFT, PARCEL_INDEX_SHIFT
from trapline.vm.breakpoints import Access, Breakpoint, Catch, Watchpoint
from trapline.vm.core import stops as layout
from trapline.vm.core.event_log import LOG_ALL, RING_WORDS
from trapline.vm.core.records import HartRecord, MachineRecord
from trapline.vm.core.tlb import CONTEXT_SHIFT, PLACE_MODE_SHIFT, TLB_MASK

if TYPE_CHECKING:
    import numpy as np

NO_COPY = 1 << 40
"""FIRST_COPY where there is no translated code."""


class StoppedEngine(Protocol):
    """The memory of an engine (`vm.engine.Engine`)."""

    @property
    def h(self) -> Sequence[HartRecord]: ...
    @property
    def m(self) -> MachineRecord: ...
    @property
    def code(self) -> "np.ndarray": ...
    @property
    def ram(self) -> "np.ndarray": ...
    @property
    def words(self) -> memoryview: ...
    @property
    def all_harts(self) -> Sequence[HartRecord]: ...
    @property
    def all_machines(self) -> Sequence[MachineRecord]: ...
    @property
    def hart_array(self) -> "np.ndarray": ...
    @property
    def translation(self) -> Any: ...
    def run(self, budget: int) -> int: ...
    def look_at_stops(self, wanted: bool = True) -> None:
        """Whether to obey the table from now on."""


class StopTable:
    """Writes the table of one engine."""

    def __init__(self, engine: StoppedEngine) -> None:
        self._engine = engine

    @cached_property
    def _table(self) -> "np.ndarray":
        return self._engine.code[-layout.TABLE_WORDS :]

    def is_current(self, token: int) -> bool:
        """Whether the engine has what was published last, as far as what is written from outside could tell."""
        m = self._engine.m
        return m.stop_token == token and (token == 0 or int(self._table[layout.TOKEN]) == token)

    def publish(
        self, token: int, breakpoints: Sequence[Breakpoint], watchpoints: Sequence[Watchpoint], catches: Iterable[Catch]
    ) -> None:
        """Let the engine stop at these and at nothing else. token: a number of its own for them, 0 for none at all."""
        if token:
            self._engine.look_at_stops()
        table = self._table
        self._forget_places()
        table[: layout.TRANSLATOR] = table[layout.TRANSLATOR + 1 :] = 0
        table[layout.TOKEN] = token
        table[layout.BREAKPOINT_COUNT] = len(breakpoints)
        table[layout.WATCHPOINT_COUNT] = len(watchpoints)
        self._write(layout.BREAKPOINTS_AT, breakpoints)
        self._write(layout.WATCHPOINTS_AT, watchpoints)
        self._find_copies()
        for breakpoint in breakpoints:
            self._note_places(breakpoint)
        self._mark(watchpoints)
        self._set(token, bool(breakpoints), bool(watchpoints), list(catches))

    def _forget_places(self) -> None:
        """Let the instructions that are places now be decoded again."""
        code = self._engine.code[: -layout.TABLE_WORDS - RING_WORDS]
        if self._table[layout.PLACE_COUNT] > layout.PLACES // 2:
            code[:] = 0
        places = self._table[layout.PLACES_AT : layout.COPIED_AT]
        parcels = places[places != 0] - 1
        code[parcels + (parcels >> PARCEL_INDEX_SHIFT)] = 0

    def _write(self, at: int, stops: Sequence[Breakpoint | Watchpoint]) -> None:
        for number, stop in enumerate(stops):
            start = at + number * layout.RECORD_WORDS
            self._table[start : start + layout.RECORD_WORDS] = _record(stop)

    def _set(self, token: int, breakpoints: bool, watchpoints: bool, catches: Sequence[Catch]) -> None:
        causes = {cause for catch in catches for cause in catch.causes}
        stops = breakpoints * layout.BREAKPOINTS | watchpoints * layout.WATCHPOINTS | bool(catches) * layout.CATCHES
        for m in self._engine.all_machines:
            m.stop_token = token
            m.stops = m.stops & LOG_ALL | stops
            m.pass_stops = 0
            m.catch_exceptions = _bits(cause for cause in causes if not cause & INTERRUPT)
            m.catch_interrupts = _bits(cause & CAUSE_CODE for cause in causes if cause & INTERRUPT)
            m.catch_modes = int(any(catch.modes for catch in catches))
            m.catch_exits = _bits(cause for catch in catches for cause in catch.exits)

    def _find_copies(self) -> None:
        """Translated code by the page that it was made of."""
        translation = self._engine.translation
        self._table[layout.FIRST_COPY] = NO_COPY if translation is None else self._engine.m.first_copy
        if translation is not None:
            for copy, number in translation.copies():
                self._table[layout.COPIED_AT + copy - self._engine.m.first_copy] = number

    def _note_places(self, breakpoint: Breakpoint) -> None:
        """Forget the decoded form of each word that the breakpoint is on as far as is known."""
        address = breakpoint.address
        for offset in self._physical(address) if breakpoint.physical else self._fetched(address):
            layout.note_place(self._engine.code, offset >> 1)

    def _physical(self, address: int) -> Iterable[int]:
        engine = self._engine
        offset = address - engine.m.ram_base
        if 0 <= offset < len(engine.ram):
            yield offset
            if engine.translation is not None:
                for copy, number in engine.translation.copies():
                    if number == offset >> PAGE_SHIFT:
                        yield (copy << PAGE_SHIFT) | (offset & PAGE_OFFSET)

    def _fetched(self, address: int) -> Iterable[int]:
        """RAM offsets that the fetch TLBs have for a virtual address."""
        for h in self._engine.all_harts:
            for mode in MODE_NAMES:
                entry = 2 * (((address >> PAGE_SHIFT) ^ (mode << CONTEXT_SHIFT >> PLACE_MODE_SHIFT)) & TLB_MASK)
                tag = h.fetch_tlb[entry]
                if tag >= 0 and tag & PAGE_BASE == address & PAGE_BASE:
                    yield address + h.fetch_tlb[entry + 1]

    def _mark(self, watchpoints: Sequence[Watchpoint]) -> None:
        """Mark the entries of watched pages in the TLBs, and no others."""
        for name in ("load_tlb", "store_tlb"):
            entries = self._engine.hart_array[name]
            tags, offsets = entries[:, 0::2], entries[:, 1::2]
            used = tags >= 0
            tags[used] &= ~layout.MARKED
            pages = tags & PAGE_BASE
            frames = pages + offsets + self._engine.m.ram_base
            for watchpoint in watchpoints:
                bases = frames if watchpoint.physical else pages
                first, last = watchpoint.address, watchpoint.address + watchpoint.length - 1
                watched = used & (bases + PAGE_OFFSET >= first) & (bases <= last)
                tags[watched] |= layout.MARKED


def _record(stop: Breakpoint | Watchpoint) -> list[int]:
    """The words of a record of the table."""
    length, access = (stop.length, stop.access) if isinstance(stop, Watchpoint) else (1, Access.ACCESS)
    satp = layout.ANY if stop.satp is None else stop.satp
    hart = layout.ANY if stop.hart is None else stop.hart
    return [stop.address, stop.address + length - 1, satp, hart, int(stop.physical), int(access)]


def _bits(numbers: Iterable[int]) -> int:
    return sum({1 << number for number in numbers})
