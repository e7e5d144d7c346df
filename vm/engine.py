"""An engine: the memory of a machine and the compiled (or plain Python) functions that run it."""

import ctypes
import hashlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from trapline.isa.sv32 import PAGE, PAGE_SHIFT
from trapline.isa.table import CSRS, added
from trapline.vm.codegen.announce import Announce
from trapline.vm.core.code_pages import CODE_ENTRIES, WATCHED
from trapline.vm.core.event_log import RING_WORDS
from trapline.vm.core.hart import (
    WORD_BYTES,
    as_harts,
    as_machines,
    hart_memory,
    hart_views,
    machine_memory,
    machine_views,
)
from trapline.vm.core.records import MAX_HARTS, HartRecord, MachineRecord
from trapline.vm.core.stops import TABLE_WORDS, TRANSLATOR
from trapline.vm.engine_kinds import KINDS, PYTHON
from trapline.vm.engine_memory import CODE_BYTES, Arrays, Buffers, reserved
from trapline.vm.hypervisor.events import EVENT_PAGES

if TYPE_CHECKING:
    import numpy as np

    from trapline.vm.hypervisor.host.event_ring import EventRing
    from trapline.vm.hypervisor.host.original_words import Originals
    from trapline.vm.hypervisor.host.translated_blocks import Translation
    from trapline.vm.translator.host.memory import Translator
    from trapline.vm.translator.host.regions import Regions

TRANSLATE = "TRAPLINE_TRANSLATE"
"""The variable that replaces `steps_per_sample` of an engine that translates: 0 leaves the translator out."""

SAMPLES_BEFORE = 20
"""Of a hart, for which nothing is translated yet."""


_ZEROS = bytes(1 << 16)


def _address(memory: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


class Engine:
    """Machine memory and the functions over it.

    harts: ndarray of `vm.core.hart.HART`, shape (n,); machine: ndarray of MACHINE, shape (1,).
    ram: uint8[size]; code: int64, decoded instructions, CODE_ENTRIES for a page, then the ring of events and the table
    of stops; page: uint8[pages], see `vm.core.code_pages`. These arrays are made when they are first asked for: a run
    needs no numpy. buffers: the memory that they show.
    kind: a name in `vm.engine_kinds.KINDS`; the attribute is its record.
    additions: the plugins (`isa.plugin.load`) that were loaded when it was made.
    technique: name in `vm.hypervisor.technique.TECHNIQUES`. Under a hypervisor the first half of `harts` and
    `machine[0]` are virtual, the rest are the real ones that it has, and real RAM goes on behind the guest's with its
    frames.
    originals: under `patch`, what is replaced in the guest's memory; translation: under `translate`, what was made.
    shadow: one of `vm.hypervisor.technique.SHADOWS`. events: whether there is a ring for the dispatcher's (`ring`).
    translator: of the compiled engine (`vm.translator`), which has a rest while there are stops; $TRAPLINE_TRANSLATE=0
    leaves it out.
    announce: entered while the engine is compiled, in the first run of this version on this machine.
    memory: all of RAM, what lies behind the guest's included, where there is a state already; by default zeros.
    steps_elsewhere: of those that the harts count, the ones that this engine has not done, or has done and taken back.
    unannounced: (first page, pages) of RAM to which the host writes without `drop_code`.
    """

    def __init__(
        self, *, kind: str, harts: int, misa: int, ram_base: int, ram_size: int, board: bool, extensions: int = 0,
        technique: str = "bare", shadow: str = "lazy", events: bool = False, announce: Announce | None = None,
        memory: "np.ndarray | None" = None,
    ) -> None:  # fmt: skip
        if kind not in KINDS:
            raise ValueError(f"engine '{kind}' is not {' or '.join(map(repr, KINDS))}")
        if not 1 <= harts <= MAX_HARTS:
            raise ValueError(f"a machine has 1 to {MAX_HARTS} harts, not {harts}")
        self.kind = KINDS[kind]
        self.additions = added()
        own_pages = ram_size // PAGE
        hart_words = hart_memory(harts, misa, extensions)
        machine_words = machine_memory(ram_base, ram_size, board, harts)
        pages = own_pages
        if technique != "bare":
            from trapline.vm.hypervisor.host.records import pages_behind_ram, under_hypervisor

            pages += pages_behind_ram(technique, harts, own_pages)
            hart_words, machine_words = under_hypervisor(hart_words, machine_words, technique, shadow)
        ring = pages * PAGE
        pages += EVENT_PAGES if events else 0
        all_ram = reserved(pages * PAGE) if memory is None else memory.data[: pages * PAGE]
        code = reserved((pages * CODE_ENTRIES + RING_WORDS + TABLE_WORDS) * CODE_BYTES).cast("q")
        self.buffers = Buffers(hart_words, machine_words, all_ram, code, memoryview(bytearray(pages)))
        self.steps_elsewhere = 0
        self.unannounced: list[tuple[int, int]] = []
        self._ram_size = ram_size
        self._views = hart_views(self.buffers.harts)
        self._machine_views = machine_views(self.buffers.machines)
        self.h, self.m = self._views[:harts], self._machine_views[0]
        self.real = self._machine_views[1:]
        self.m.work_budget = self.kind.work_per_look
        self.originals: Originals | None = None
        self.translation: Translation | None = None
        if technique != "bare":
            from trapline.vm.hypervisor.host.records import replaced_code

            self.originals, self.translation = replaced_code(technique, self.m, self._all_ram, self.code, extensions)
        self.ring = self._made_ring(ring) if events else None
        self.translator: Translator | None = None
        self.regions: Regions | None = None
        self._interval = self._steps_per_sample = 0  # the latter of a translator that is still to be made
        self._compiled = False  # unless it can be entered by its address
        self._stopping = False
        self._announce = announce
        if self.kind is PYTHON:
            self._use_python()
        elif os.environ.get("NUMBA_BOUNDSCHECK") == "1":
            self._use_checked()
        else:
            self._use_native(announce)
            self._compiled = True

    def _made_ring(self, offset: int) -> "EventRing":
        from trapline.vm.hypervisor.host.event_ring import EventRing

        return EventRing(self, self._all_ram, offset)

    # The same memory as arrays. Names with an underscore have what lies behind the guest's, too.

    @cached_property
    def _all_harts(self) -> "np.ndarray":
        return as_harts(self.buffers.harts)

    @cached_property
    def _machines(self) -> "np.ndarray":
        return as_machines(self.buffers.machines)

    @cached_property
    def _all_ram(self) -> "np.ndarray":
        import numpy as np

        return np.frombuffer(self.buffers.ram, np.uint8)

    @cached_property
    def harts(self) -> "np.ndarray":
        """The harts that the guest has: ndarray of HART."""
        return self._all_harts[: len(self.h)]

    @cached_property
    def machine(self) -> "np.ndarray":
        """The machine that the guest has: ndarray of MACHINE, shape (1,)."""
        return self._machines[:1]

    @cached_property
    def ram(self) -> "np.ndarray":
        """The guest's RAM: uint8[size]."""
        return self._all_ram[: self._ram_size]

    @cached_property
    def code(self) -> "np.ndarray":
        """Decoded instructions, and what follows them: int64[]."""
        import numpy as np

        return np.frombuffer(self.buffers.code, np.int64)

    @cached_property
    def page(self) -> "np.ndarray":
        """What is known of each page of real RAM: uint8[pages]."""
        import numpy as np

        return np.frombuffer(self.buffers.page, np.uint8)

    def _use_native(self, announce: Announce | None) -> None:
        from trapline.vm.codegen import native

        self._run, self._drop = native.functions(announce)
        # The buffers live as long as this object, so their addresses stay good.
        counts = (len(self._views), len(self._machine_views), len(self.h), len(self.buffers.page))
        words = (*map(_address, self.buffers), *counts)
        self._addresses = (ctypes.c_int64 * len(words))(*words)
        self._memory: tuple[Any, ...] = (ctypes.c_void_p(ctypes.addressof(self._addresses)),)
        self._code_memory: tuple[Any, ...] = self._memory
        if self.kind.translates:
            steps = os.environ.get(TRANSLATE) or str(self.kind.steps_per_sample)
            if not steps.isdecimal():
                raise ValueError(f"${TRANSLATE} is '{steps}', which is no number of steps")
            self._interval = self._steps_per_sample = int(steps)

    def _use_translator(self) -> None:
        """Translate what runs often, from now on."""
        steps, self._steps_per_sample = self._steps_per_sample, 0
        from trapline.vm.translator.host.kept import stencils
        from trapline.vm.translator.host.memory import Translator
        from trapline.vm.translator.host.regions import Regions

        known = stencils()
        if known is None:
            return
        pages = len(self.buffers.page)
        with suppress(OSError):  # this system gives us no memory to execute
            self.translator = Translator(self.buffers.code, pages, _address(self.buffers.ram), known, steps)
            self.translator.attach()
            self.regions = Regions(self.translator)

    def digest(self) -> str:
        """SHA-256 (hex) of the guest's registers, pc, mode, CSRs that hold a value, and all of its RAM."""
        total = hashlib.sha256()
        names = ["x", "pc", "mode", *sorted({c.storage for c in CSRS if c.storage}), "pmpcfg", "pmpaddr"]
        for name in names:
            for h in self.h:
                field = getattr(h, name)
                total.update(
                    field.to_bytes(WORD_BYTES, sys.byteorder, signed=True) if isinstance(field, int) else field
                )
        total.update(self.buffers.ram[: self._ram_size])
        return total.hexdigest()

    def look_at_stops(self, wanted: bool = True) -> None:
        """Whether to obey the table of stops and note events from now on.

        Another engine does that, without a translator: see `unstopped_text`.
        """
        if not self._compiled or wanted == self._stopping:
            return
        from trapline.vm.codegen import native

        self._run, self._drop = native.functions(self._announce, native.STOPPING_ENGINE if wanted else native.ENGINE)
        self._stopping = wanted
        self._steps_per_sample = 0 if wanted or self.translator is not None else self._interval
        if wanted and self.translator is not None:
            self.translator.drop()
        if not wanted:
            # The log of events is where this engine has its table.
            self.buffers.code[len(self.buffers.page) * CODE_ENTRIES + TRANSLATOR] = 0
            if self.translator is not None:
                self.translator.attach()

    def _use_checked(self) -> None:
        import numpy as np

        from trapline.vm.codegen import native

        module = native.checked_functions()
        self._run, self._drop = module.run, module.drop_code
        ram = self._all_ram
        self._memory = (
            self._all_harts, self._machines, ram, ram.view(np.uint16), ram.view(np.uint32),
            self.code, self.page, len(self.h),
        )  # fmt: skip
        self._code_memory = (self.code, self.page)

    def _use_python(self) -> None:
        from trapline.vm.codegen.plain import python_module

        names = python_module()
        self._run, self._drop = names["run"], names["drop_code"]
        _, _, ram, code, page = self.buffers
        self._memory = (
            self._views, self._machine_views, ram, ram.cast("H"), ram.cast("I"), code, page, len(self.h)
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
        if self._steps_per_sample:
            # A short run is over by the time that a translator would be made.
            steps = SAMPLES_BEFORE * self._steps_per_sample
            for h in self.h:
                if h.cycle >= steps:
                    self._use_translator()
                    break
        if self.translator is not None:
            self.translator.watch(self.m.tohost - self.m.ram_base)
        if self.additions:
            self._check_additions()
        if self.ring is not None:
            answer = self.ring.run(self._run_once, budget)
        elif self.originals is not None:
            answer = self._run_once(budget)
        else:
            answer = self._run(*self._memory, budget)
        if self.regions is not None and budget and not self._stopping:
            self.regions.look(self._views[(len(self.h) if self.real else 0) + self.m.current])
        return answer

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
        return self._views[len(self.h) + number]

    @property
    def all_harts(self) -> Sequence[HartRecord]:
        """The virtual harts, and then the real ones."""
        return self._views

    @property
    def hart_array(self) -> "np.ndarray":
        """The same: ndarray of HART."""
        return self._all_harts

    @property
    def all_machines(self) -> Sequence[MachineRecord]:
        """The machine's record, and then those of the real machines."""
        return self._machine_views

    @property
    def words(self) -> memoryview:
        """All of real RAM as words, what lies behind the guest's included."""
        return self.buffers.ram.cast("I")

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
        return address, ctypes.addressof(self._addresses)

    def watch(self, offset: int) -> None:
        """Let the slow path notice stores to the page at this offset of RAM, which store TLBs may have."""
        self.buffers.page[offset >> PAGE_SHIFT] |= WATCHED
        self.m.code_epoch += 1

    def clear(self, offset: int, length: int) -> None:
        """Fill [offset, offset + length) of RAM with zeros; decoded instructions there stay."""
        ram = self.buffers.ram
        for start in range(offset, offset + length, len(_ZEROS)):
            end = min(start + len(_ZEROS), offset + length)
            ram[start:end] = _ZEROS[: end - start]

    def drop_code(self, offset: int, length: int) -> None:
        """Forget decoded instructions in [offset, offset + length) of RAM, which the host has changed."""
        if length > 0:
            first, last = offset // PAGE, (offset + length - 1) // PAGE
            self.forget(first, last - first + 1)
            if self.m.traced and any(flags & WATCHED for flags in self.buffers.page[first : last + 1]):
                self.m.trace_epoch += 1
            count = last - first + 1
            if self.originals is not None:
                self.originals.changed(first, count)
            if self.translation is not None:
                self.translation.changed(first, count)

    def forget(self, first: int, count: int) -> None:
        """Forget the decoded instructions of `count` pages from page `first` on, and nothing else about them."""
        self._drop(*self._code_memory, first, count)
