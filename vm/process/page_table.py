"""The Sv32 page table that holds a process to its mappings, and which pages are mapped, though they permit nothing.

Each page is mapped to itself, so that addresses of the process are physical ones. The hart sets D, so that pages which
nobody has written need not be cleared.

A guest may map and unmap in a loop, and most mappings are untouched or small, so no operation costs more than a few
calls into C, however many pages it changes: entries are copied from a table that has them ready, and the map of pages
is searched as bytes.
"""

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np

from trapline.isa.pmp import A_SHIFT, NAPOT, PMP_R, PMP_W, PMP_X
from trapline.isa.sv32 import (
    MEGAPAGE,
    PAGE,
    PAGE_SHIFT,
    PAGE_WORDS,
    PTE_A,
    PTE_D,
    PTE_PPN_SHIFT,
    PTE_R,
    PTE_SIZE,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
    SATP_SV32,
)
from trapline.isa.word import MASK
from trapline.vm.loader.image import EXECUTE, READ, WRITE
from trapline.vm.machine import Machine

BIT = {READ: PTE_R, WRITE: PTE_W, EXECUTE: PTE_X}
"""The bit of an entry that permits an access."""

_FEW = 8
"""Pages that a loop looks at faster than numpy."""
_KEPT_BITS = (MASK ^ ((1 << PTE_PPN_SHIFT) - 1)) | PTE_D
"""What is left of an entry without permissions."""
_KEPT, _D = np.array(_KEPT_BITS, np.uint32), np.array(PTE_D, np.uint32)
"""Bits as arrays: numpy would make one of a number at each use."""
_CLEARED = 1 << 12
"""Pages that are cleared in one go: some 5 ms."""
_FREE, _MAPPED = b"\0", b"\1"


def table_size(size: int) -> int:
    """Bytes of the tables for `size` bytes from a multiple of 4 MiB on: a root and its leaf tables."""
    return PAGE * (1 + -(-size // MEGAPAGE))


@cache
def entry_of(permissions: int) -> int:
    """The bits of an entry with these permissions; what can be written can be read, as Sv32 has it."""
    if permissions & WRITE:
        permissions |= READ
    permitted = sum(bit for permission, bit in BIT.items() if permissions & permission)
    return permitted | PTE_V | PTE_U | PTE_A if permitted else 0


class PageTable:
    """The table of the pages in [base, base + size), at the address `base + size` of RAM.

    base: a multiple of 4 MiB. entries: uint32[pages], a view of the leaf tables in RAM; `entry` is the same to Python.
    Pages are numbered from `base` on. look: called again and again in what takes long, and may raise.
    """

    def __init__(self, machine: Machine, base: int, size: int, look: Callable[[], None]) -> None:
        self._machine, self._hart = machine, machine.current.h
        self._look = look
        place = base + size
        leaves = place + PAGE
        words = machine.ram.view(np.uint32)
        machine.engine.unannounced.append(((place - machine.ram_base) // PAGE, 1 + -(-size // MEGAPAGE)))
        at = (leaves - machine.ram_base) // PTE_SIZE
        pages = size // PAGE
        self.entries = words[at : at + pages]
        self.entry = self.entries.data
        first = base >> PAGE_SHIFT
        self._numbers = np.arange(first, first + pages, dtype=np.uint32) << PTE_PPN_SHIFT
        self._ready: dict[int, memoryview] = {}
        self._pages = bytearray(pages)
        self._page = memoryview(self._pages)  # so that a wrong slice cannot change the length
        root = words[at - PAGE_WORDS : at]
        for table in range(-(-size // MEGAPAGE)):
            root[base // MEGAPAGE + table] = (leaves + PAGE * table) >> PAGE_SHIFT << PTE_PPN_SHIFT | PTE_V
        csr = machine.csr
        csr["satp"] = SATP_SV32 | place >> PAGE_SHIFT
        csr["pmpaddr0"] = MASK
        csr["pmpcfg0"] = NAPOT << A_SHIFT | PMP_R | PMP_W | PMP_X

    def save(self) -> bytes:
        """Which pages are mapped, a byte each. The entries are part of the machine's memory."""
        return bytes(self._pages)

    def restore(self, mapped: bytes) -> None:
        """Go back to what `save` returned. Raises ValueError for another number of pages."""
        if len(mapped) != len(self._pages) or mapped.strip(_MAPPED + _FREE):
            raise ValueError("the state of a process of another size")
        self._page[:] = mapped

    def grant(self, first: int, last: int, permissions: int) -> None:
        """Map the pages [first, last), zeroed, with these permissions."""
        self._clear(first, last)
        if permissions not in self._ready:
            self._ready[permissions] = (self._numbers | np.uint32(entry_of(permissions))).data
        self.entry[first:last] = self._ready[permissions][first:last]
        self._page[first:last] = _MAPPED * (last - first)
        self._hart.stale = 1  # as sfence.vma does

    def change(self, first: int, last: int, permissions: int) -> None:
        """Give mapped pages other permissions."""
        entries = self.entries[first:last]
        entries &= _KEPT
        entries |= np.uint32(entry_of(permissions))
        self._hart.stale = 1

    def add(self, first: int, last: int, permissions: int) -> None:
        """Map pages whose contents the host fills, or permit more where two segments share one."""
        self.entries[first:last] |= self._numbers[first:last] | np.uint32(PTE_D | entry_of(permissions))
        self._page[first:last] = _MAPPED * (last - first)
        self._hart.stale = 1

    def release(self, first: int, last: int) -> int:
        """Unmap pages; how many of them were mapped. Their D bits stay, until they are mapped again."""
        mapped = self.mapped(first, last)
        if last - first <= _FEW:
            for page in range(first, last):
                self.entry[page] &= _KEPT_BITS
        else:
            entries = self.entries[first:last]
            np.bitwise_and(entries, _KEPT, entries)
        self._page[first:last] = _FREE * (last - first)
        self._hart.stale = 1
        return mapped

    def mapped(self, first: int, last: int) -> int:
        """The number of pages in [first, last) that are mapped."""
        holes = self._pages.find(_FREE, first, last) >= 0
        return self._pages.count(_MAPPED, first, last) if holes else last - first

    def hole(self, first: int, last: int) -> int:
        """The first page in [first, last) that is not mapped, or `last`."""
        hole = self._pages.find(_FREE, first, last)
        return last if hole < 0 else hole

    def last_gap(self, first: int, last: int, count: int) -> int | None:
        """The highest of `count` pages in a row in [first, last) that are not mapped; None without any."""
        taken = np.flatnonzero(np.frombuffer(self._pages, np.uint8)[first:last]) + first
        bounds = np.concatenate(([first - 1], taken, [last]))
        fitting = np.flatnonzero(np.diff(bounds) - 1 >= count)
        return int(bounds[fitting[-1] + 1]) - count if len(fitting) else None

    def written(self, first: int, last: int) -> None:
        """Note that the host has written to the pages [first, last)."""
        if last - first <= _FEW:
            for page in range(first, last):
                self.entry[page] |= PTE_D
        else:
            self.entries[first:last] |= _D

    def _clear(self, first: int, last: int) -> None:
        if last - first <= _FEW:
            runs = [(page, page + 1) for page in range(first, last) if self.entry[page] & PTE_D]
        elif int(np.bitwise_or.reduce(self.entries[first:last])) & PTE_D:
            dirty = self.entries[first:last] & _D != 0
            edges = np.flatnonzero(np.diff(dirty, prepend=False, append=False))
            runs = [(first + start, first + end) for start, end in edges.reshape(-1, 2).tolist()]
        else:
            return
        for start, end in _cut(runs):
            self._look()
            self._machine.ram[start * PAGE : end * PAGE] = 0
            self._machine.engine.drop_code(start * PAGE, (end - start) * PAGE)


def _cut(runs: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same pages in runs of _CLEARED at most."""
    for start, end in runs:
        for first in range(start, end, _CLEARED):
            yield first, min(first + _CLEARED, end)
