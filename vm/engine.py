"""An engine: the memory of a machine and the compiled (or plain Python) functions that run it."""

import ctypes
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from trapline.isa.sv32 import PAGE
from trapline.isa.table import added
from trapline.vm.codegen.announce import Announce
from trapline.vm.core.code_pages import CODE_ENTRIES, WATCHED
from trapline.vm.core.event_log import RING_WORDS
from trapline.vm.core.hart import HartView, MachineView, new_harts, new_machine
from trapline.vm.core.records import MAX_HARTS, HartRecord, MachineRecord
from trapline.vm.core.stops import TABLE_WORDS
from trapline.vm.engine_kinds import KINDS, PYTHON
from trapline.vm.hypervisor.events import EVENT_PAGES
from trapline.vm.hypervisor.host.event_ring import EventRing
from trapline.vm.hypervisor.host.records import pages_behind_ram, replaced_code, under_hypervisor


class Arrays(NamedTuple):
    """All that a machine's state is made of, but for its devices: see `Engine`, behind whose attributes these are.

    harts, machines: the virtual and then the real ones; ram: with what lies behind the guest's.
    """

    harts: np.ndarray
    machines: np.ndarray
    ram: np.ndarray
    page: np.ndarray


class Engine:
    """Machine memory and the functions over it.

    harts: ndarray of `vm.core.hart.HART`, shape (n,); machine: ndarray of MACHINE, shape (1,).
    ram: uint8[size]; code: int64, decoded instructions, CODE_ENTRIES for a page, then the ring of events and the table
    of stops; page: uint8[pages], see
    `vm.core.code_pages`.
    kind: a name in `vm.engine_kinds.KINDS`; the attribute is its record.
    additions: the plugins (`isa.plugin.load`) that were loaded when it was made.
    technique: name in `vm.hypervisor.technique.TECHNIQUES`. Under a hypervisor the first half of `harts` and
    `machine[0]` are virtual, the rest are the real ones that it has, and real RAM goes on behind the guest's with its
    frames.
    originals: under `patch`, what is replaced in the guest's memory; translation: under `translate`, what was made.
    shadow: one of `vm.hypervisor.technique.SHADOWS`. events: whether there is a ring for the dispatcher's (`ring`).
    announce: entered while the engine is compiled, in the first run of this version on this machine.
    memory: all of RAM, what lies behind the guest's included, where there is a state already; by default zeros.
    unannounced: (first page, pages) of RAM to which the host writes without `drop_code`.
    """

    def __init__(
        self, *, kind: str, harts: int, misa: int, ram_base: int, ram_size: int, board: bool, extensions: int = 0,
        technique: str = "bare", shadow: str = "lazy", events: bool = False, announce: Announce | None = None,
        memory: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        if kind not in KINDS:
            raise ValueError(f"engine '{kind}' is not {' or '.join(map(repr, KINDS))}")
        if not 1 <= harts <= MAX_HARTS:
            raise ValueError(f"a machine has 1 to {MAX_HARTS} harts, not {harts}")
        self.kind = KINDS[kind]
        self.additions = added()
        pages = ram_size // PAGE + pages_behind_ram(technique, harts, ram_size // PAGE)
        ring = pages * PAGE
        pages += EVENT_PAGES if events else 0
        self._all_ram = np.zeros(pages * PAGE, np.uint8) if memory is None else memory[: pages * PAGE]
        self.unannounced: list[tuple[int, int]] = []
        self.ram = self._all_ram[:ram_size]
        self.code = np.zeros(pages * CODE_ENTRIES + RING_WORDS + TABLE_WORDS, np.int64)
        self.page = np.zeros(pages, np.uint8)
        self._all_harts = new_harts(harts, misa, extensions)
        self._machines = new_machine(ram_base, ram_size, board, harts)
        self._all_harts, self._machines = under_hypervisor(self._all_harts, self._machines, technique, shadow)
        self.harts, self.machine = self._all_harts[:harts], self._machines[:1]
        self._views = [HartView(self._all_harts[i : i + 1]) for i in range(len(self._all_harts))]
        self._machine_views = [MachineView(self._machines[i : i + 1]) for i in range(len(self._machines))]
        self.h, self.m = self._views[:harts], self._machine_views[0]
        self.real = self._machine_views[1:]
        self.m.work_budget = self.kind.work_per_look
        self.originals, self.translation = replaced_code(technique, self.m, self._all_ram, self.code, extensions)
        self.ring = EventRing(self, self._all_ram, ring) if events else None
        self._compiled = False  # unless it can be entered by its address
        self._announce = announce
        if self.kind is PYTHON:
            self._use_python()
        elif os.environ.get("NUMBA_BOUNDSCHECK") == "1":
            self._use_checked()
        else:
            self._use_native(pages, announce)
            self._compiled = True

    def _use_native(self, pages: int, announce: Announce | None) -> None:
        from trapline.vm.codegen import native

        self._run, self._drop = native.functions(announce)
        # The arrays live as long as this object, so their addresses stay good.
        harts, machine, ram, code, page = (
            a.ctypes.data for a in (self._all_harts, self._machines, self._all_ram, self.code, self.page)
        )
        counts = (len(self._all_harts), len(self._machines), len(self.harts), pages)
        self._addresses = np.array((harts, machine, ram, code, page, *counts), np.int64)
        self._memory: tuple[Any, ...] = (ctypes.c_void_p(self._addresses.ctypes.data),)
        self._code_memory: tuple[Any, ...] = self._memory

    def look_at_stops(self) -> None:
        """From now on obey the table of stops and note events, which another engine does: see `unstopped_text`."""
        if self._compiled:
            from trapline.vm.codegen import native

            self._run, self._drop = native.functions(self._announce, native.STOPPING_ENGINE)

    def _use_checked(self) -> None:
        from trapline.vm.codegen import native

        module = native.checked_functions()
        self._run, self._drop = module.run, module.drop_code
        ram = self._all_ram
        self._memory = (
            self._all_harts, self._machines, ram, ram.view(np.uint16), ram.view(np.uint32),
            self.code, self.page, len(self.harts),
        )  # fmt: skip
        self._code_memory = (self.code, self.page)

    def _use_python(self) -> None:
        from trapline.vm.codegen.plain import python_module

        names = python_module()
        self._run, self._drop = names["run"], names["drop_code"]
        ram = self._all_ram.data
        self._memory = (
            self._views, self._machine_views, ram, ram.cast("B").cast("H"), ram.cast("B").cast("I"),
            self.code.data, self.page.data, len(self.h),
        )  # fmt: skip
        self._code_memory = self._memory[-3:-1]

    def _check_additions(self) -> None:
        # The host's view of an instruction, as in traces, would not be that of the engine. What was loaded later
        # changes nothing for it.
        there = added()
        if there[: len(self.additions)] != self.additions:
            gone = next(a for a in self.additions if a not in there)
            raise RuntimeError(f"this machine was made with {gone.source}, which is no longer loaded")

    def run(self, budget: int) -> int:
        """Let the harts do at most `budget` steps together; the answer is `vm.core.loop.run`'s.

        They do fewer where they make much other work (`vm.core.work`), so that the caller can look at the clock.
        With a budget of 0 the hart whose turn it is gets chosen: `current` of the machine's record.
        Raises RuntimeError when a plugin that it was made with is no longer loaded.
        """
        if self.additions:
            self._check_additions()
        if self.ring is not None:
            return self.ring.run(self._run_once, budget)
        if self.originals is not None:
            return self._run_once(budget)
        return self._run(*self._memory, budget)

    def _run_once(self, budget: int) -> int:
        if self.originals is None:
            return self._run(*self._memory, budget)
        self.originals.place()
        try:
            return self._run(*self._memory, budget)
        finally:
            self.originals.lift()

    def real_hart(self, number: int) -> HartRecord:
        """The real hart that a hypervisor has for the virtual hart of this number."""
        return self._views[len(self.harts) + number]

    @property
    def all_harts(self) -> Sequence[HartRecord]:
        """The virtual harts, and then the real ones."""
        return self._views

    @property
    def hart_array(self) -> np.ndarray:
        """The same: ndarray of HART."""
        return self._all_harts

    @property
    def all_machines(self) -> Sequence[MachineRecord]:
        """The machine's record, and then those of the real machines."""
        return self._machine_views

    @property
    def words(self) -> memoryview:
        """All of real RAM as words, what lies behind the guest's included."""
        return self._all_ram.data.cast("B").cast("I")

    @property
    def arrays(self) -> Arrays:
        """The arrays that hold the state."""
        return Arrays(self._all_harts, self._machines, self._all_ram, self.page)

    def entry(self) -> tuple[int, int] | None:
        """For compiled callers: the addresses of the compiled `run` and of the memory that it takes; else None."""
        if not self._compiled:
            return None
        address = ctypes.cast(self._run, ctypes.c_void_p).value  # type: ignore[arg-type]
        assert address is not None
        return address, self._addresses.ctypes.data

    def drop_code(self, offset: int, length: int) -> None:
        """Forget decoded instructions in [offset, offset + length) of RAM, which the host has changed."""
        if length > 0:
            first, last = offset // PAGE, (offset + length - 1) // PAGE
            self.forget(first, last - first + 1)
            if self.m.traced and (self.page[first : last + 1] & WATCHED).any():
                self.m.trace_epoch += 1
            count = last - first + 1
            if self.originals is not None:
                self.originals.changed(first, count)
            if self.translation is not None:
                self.translation.changed(first, count)

    def forget(self, first: int, count: int) -> None:
        """Forget the decoded instructions of `count` pages from page `first` on, and nothing else about them."""
        self._drop(*self._code_memory, first, count)
