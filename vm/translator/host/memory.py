"""The memory of a machine's translator: executable memory, stencils, and what the engine notes.

Executable memory is one mapping that can be written as well; where the system refuses that, it is mapped twice, once
for each. Pages of it that are never written are no memory.
"""

import ctypes
import mmap
import os
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import WeakSet

from trapline.isa.sv32 import PAGE_PARCELS
from trapline.vm.core.code_pages import CODE_ENTRIES, HAS_TRANSLATED, MACHINE_CODE
from trapline.vm.core.packed import OP
from trapline.vm.core.stops import TRANSLATOR
from trapline.vm.translator import context
from trapline.vm.translator.context import WORD_BYTES
from trapline.vm.translator.emit import SCRATCH, emit_glue
from trapline.vm.translator.layout import CHAIN, DOOR, OUT
from trapline.vm.translator.pages import TABLE_SHIFT
from trapline.vm.translator.stencil_file import Stencils

ARENA_BYTES = 32 << 20
TABLES = 1024
"""Executable memory, and pages that can be translated at a time. With what is kept of these they are at most 64 MiB."""
ALIGNED = 64
NO_TOHOST = -1
"""An offset of RAM that nothing aligned has."""


class Executable(NamedTuple):
    """Executable memory: where it can be written, and the addresses of that and of where it is executed."""

    written: memoryview
    write_at: int
    execute_at: int
    executed: Any  # the mapping that is executed, which is there as long as this is

    @property
    def is_shared(self) -> bool:
        """Whether a forked process has the same memory, not a copy."""
        return self.write_at != self.execute_at


def address_of(memory: Any) -> int:
    """Where a buffer is that can be written."""
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def private(size: int) -> mmap.mmap:
    """Zeros, of which the system gives a page once it is touched; a forked process has a copy."""
    return mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def executable(size: int) -> Executable:
    """Memory for machine code. Raises OSError where the system has none for us."""
    if sys.platform == "win32":
        raise OSError("stencils follow the conventions of other systems")
    try:
        both = mmap.mmap(
            -1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        )
    except OSError:
        return executable_twice(size)
    return Executable(memoryview(both), address_of(both), address_of(both), both)


def executable_twice(size: int) -> Executable:
    """The same in two mappings."""
    import numpy as np  # which finds the address of what cannot be written

    file = os.memfd_create("trapline-translations", os.MFD_CLOEXEC)
    try:
        os.ftruncate(file, size)
        written = mmap.mmap(file, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        executed = mmap.mmap(file, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_EXEC)
    finally:
        os.close(file)
    return Executable(memoryview(written), address_of(written), np.frombuffer(executed, np.uint8).ctypes.data, executed)


class Translator:
    """What the engine of one machine translates with.

    code: int64[], decoded instructions; pages: of RAM; ram: its address. stencils: see there.
    interval: steps between two samples of where a hart is.
    words: those of `vm.translator.context`. is_foreign: whether its memory is that of the process that this one was
    forked from, so that nothing is translated.
    Raises OSError where there is no executable memory.
    """

    def __init__(self, code: memoryview, pages: int, ram: int, stencils: Stencils, interval: int) -> None:
        self._code = code
        self._stencils = stencils
        self.is_foreign = False
        self.arena = arena = executable(ARENA_BYTES)
        if arena.is_shared:
            SHARED.add(self)
        self._tables = private(WORD_BYTES * TABLES * PAGE_PARCELS)
        self._kept = private(WORD_BYTES * TABLES * PAGE_PARCELS)
        self._pages = (ctypes.c_int64 * TABLES)()
        self._heat = private(WORD_BYTES * pages)
        self._heat_words = memoryview(self._heat).cast("q")
        self._count = pages
        self._leaders = (ctypes.c_uint8 * context.LEADERS)()
        self._scratch = private(WORD_BYTES * SCRATCH)
        self._gains = private(WORD_BYTES * context.GAINS)
        self.words = (ctypes.c_int64 * context.WORDS)()
        self._blob = (ctypes.c_uint8 * len(stencils.blob)).from_buffer_copy(stencils.blob)
        self._plan = (ctypes.c_int64 * len(stencils.plan)).from_buffer_copy(stencils.plan)
        used = 0
        for number, word in ((OUT, context.OUT_AT), (CHAIN, context.CHAIN_AT), (DOOR, context.DOOR_AT)):
            self.words[word] = arena.execute_at + used
            used += emit_glue(number, arena.written, used, stencils.blob, stencils.plan)
            used += -used % ALIGNED
        buffers = {
            context.BLOB_AT: self._blob, context.PLAN_AT: self._plan, context.MAPS_AT: self._tables,
            context.KEPT_AT: self._kept, context.PAGES_AT: self._pages, context.HEAT_AT: self._heat,
            context.LEADERS_AT: self._leaders, context.SCRATCH_AT: self._scratch, context.GAIN_AT: self._gains,
            context.CODE_AT: code,
        }  # fmt: skip
        for word, buffer in buffers.items():
            self.words[word] = address_of(buffer)
        numbers = {
            context.ARENA_AT: arena.write_at, context.ARENA_BASE: arena.execute_at, context.RAM_AT: ram,
            context.ARENA_SIZE: ARENA_BYTES, context.ARENA_FIRST: used, context.ARENA_USED: used,
            context.BLOB_SIZE: len(stencils.blob), context.PLAN_SIZE: len(stencils.plan), context.MAPS_SIZE: TABLES,
            context.PAGES: pages, context.INTERVAL: interval, context.TOHOST_AT: NO_TOHOST,
        }  # fmt: skip
        for word, number in numbers.items():
            self.words[word] = number

    @property
    def address(self) -> int:
        """Where the engine finds everything."""
        return ctypes.addressof(self.words)

    def attach(self) -> None:
        """Let the engine translate from now on."""
        if not self.is_foreign:
            self._code[self._count * CODE_ENTRIES + TRANSLATOR] = self.address

    @property
    def plan(self) -> Sequence[int]:
        """What the stencils are, see `vm.translator.layout`."""
        return self._stencils.plan

    def address_of_word(self, word: int) -> int:
        """Where a word of `vm.translator.context` is."""
        return self.address + WORD_BYTES * word

    def is_translated(self, page: int) -> bool:
        """Whether a page of RAM, by its number, has translated instructions."""
        return 0 <= page < self._count and self._code[page * CODE_ENTRIES + PAGE_PARCELS] & HAS_TRANSLATED != 0

    def entries_at(self, page: int) -> int:
        """The address of the table of entries of a page that is translated."""
        return self.words[context.MAPS_AT] + WORD_BYTES * PAGE_PARCELS * self._table(page)

    def entries(self, page: int) -> memoryview:
        """That table: int64[PAGE_PARCELS], the addresses of the page's blocks."""
        return self._of(self._tables, page)

    def kept(self, page: int) -> memoryview:
        """The decoded instructions of a page that is translated, as they were then: int64[PAGE_PARCELS]."""
        return self._of(self._kept, page)

    def _table(self, page: int) -> int:
        return (self._heat_words[page] >> TABLE_SHIFT) - 1

    def _of(self, tables: mmap.mmap, page: int) -> memoryview:
        first = WORD_BYTES * PAGE_PARCELS * self._table(page)
        return memoryview(tables)[first : first + WORD_BYTES * PAGE_PARCELS].cast("q")

    def watch(self, tohost: int) -> None:
        """Let what is stored at this offset of RAM be the interpreter's; without `tohost` it is negative."""
        self.words[context.TOHOST_AT] = tohost

    def drop(self) -> None:
        """Drop all translations, and let the engine make none."""
        heat = self._heat_words
        for page in self._pages[: self.words[context.MAPS_USED]]:
            entries = self._code[page * CODE_ENTRIES : (page + 1) * CODE_ENTRIES]
            for i, entry in enumerate(entries.tolist()):
                if entry & OP == MACHINE_CODE:
                    entries[i] = 0
            entries[-1] = 0
            heat[page] = 0
        self.words[context.MAPS_USED] = 0
        self.words[context.FLUSHES] += 1
        self.words[context.ARENA_USED] = self.words[context.ARENA_FIRST]
        self._code[self._count * CODE_ENTRIES + TRANSLATOR] = 0


SHARED: WeakSet[Translator] = WeakSet()
"""Translators whose executable memory a forked process would share with this one."""


def _forget_shared() -> None:
    for translator in SHARED:
        translator.drop()
        translator.is_foreign = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_shared)
