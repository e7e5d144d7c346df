"""The Sv32 page table that holds a process to its mappings, and is the only record of them.

Each page is mapped to itself, so that addresses of the process are physical ones. An entry also remembers, in a bit
that hardware leaves to software, that the page is mapped, though it may permit nothing; and the hart sets D, so that
pages which nobody has written need not be cleared.
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

PTE_MAPPED = 1 << 8
"""The lower bit of RSW, which is "reserved for use by supervisor software": the page belongs to the process."""

BIT = {READ: PTE_R, WRITE: PTE_W, EXECUTE: PTE_X}
"""The bit of an entry that permits an access."""

_FEW = 16
"""Pages that a loop changes faster than numpy."""
_CLEARED = 1 << 12
"""Pages that are cleared in one go: some 5 ms."""
_NONE = np.zeros(0, np.int64)
_KEPT = (MASK ^ ((1 << PTE_PPN_SHIFT) - 1)) | PTE_D


def table_size(size: int) -> int:
    """Bytes of the tables for `size` bytes from a multiple of 4 MiB on: a root and its leaf tables."""
    return PAGE * (1 + -(-size // MEGAPAGE))


@cache
def entry_of(permissions: int) -> int:
    """The bits of an entry with these permissions; what can be written can be read, as Sv32 has it."""
    if permissions & WRITE:
        permissions |= READ
    permitted = sum(bit for permission, bit in BIT.items() if permissions & permission)
    return PTE_MAPPED | (permitted | PTE_V | PTE_U | PTE_A if permitted else 0)


class PageTable:
    """The table of the pages in [base, base + size), at the address `base + size` of RAM.

    base: a multiple of 4 MiB. entries: uint32[pages], a view of the leaf tables in RAM; `entry` is the same to Python.
    Pages are numbered from `base` on. look: called again and again in what takes long, and may raise.
    """

    def __init__(self, machine: Machine, base: int, size: int, look: Callable[[], None]) -> None:
        self._machine, self._hart = machine, machine.current.h
        self._look = look
        self._first = base >> PAGE_SHIFT
        place = base + size
        leaves = place + PAGE
        words = machine.ram.view(np.uint32)
        machine.engine.unannounced.append(((place - machine.ram_base) // PAGE, 1 + -(-size // MEGAPAGE)))
        at = (leaves - machine.ram_base) // PTE_SIZE
        self.entries = words[at : at + size // PAGE]
        self.entry = self.entries.data
        root = words[at - PAGE_WORDS : at]
        for table in range(-(-size // MEGAPAGE)):
            root[base // MEGAPAGE + table] = (leaves + PAGE * table) >> PAGE_SHIFT << PTE_PPN_SHIFT | PTE_V
        csr = machine.csr
        csr["satp"] = SATP_SV32 | place >> PAGE_SHIFT
        csr["pmpaddr0"] = MASK
        csr["pmpcfg0"] = NAPOT << A_SHIFT | PMP_R | PMP_W | PMP_X

    def grant(self, first: int, last: int, permissions: int) -> None:
        """Map the pages [first, last), zeroed, with these permissions."""
        self._clear(first, last)
        bits = entry_of(permissions)
        if last - first <= _FEW:
            for page in range(first, last):
                self.entry[page] = self._first + page << PTE_PPN_SHIFT | bits
        else:
            self.entries[first:last] = self._numbers(first, last) << PTE_PPN_SHIFT | bits
        self._changed()

    def change(self, first: int, last: int, permissions: int) -> None:
        """Give mapped pages other permissions."""
        self.entries[first:last] &= _KEPT
        self.entries[first:last] |= entry_of(permissions)
        self._changed()

    def add(self, first: int, last: int, permissions: int) -> None:
        """Map pages whose contents the host fills, or permit more where two segments share one."""
        self.entries[first:last] |= self._numbers(first, last) << PTE_PPN_SHIFT | PTE_D | entry_of(permissions)
        self._changed()

    def release(self, first: int, last: int) -> None:
        """Unmap pages. Their D bits stay, until they are mapped again."""
        if last - first <= _FEW:
            for page in range(first, last):
                self.entry[page] &= _KEPT
        else:
            self.entries[first:last] &= _KEPT
        self._changed()

    def mapped(self, first: int, last: int) -> int:
        """The number of pages in [first, last) that are mapped."""
        if last - first <= _FEW:
            return sum(entry & PTE_MAPPED for entry in self.entry[first:last]) // PTE_MAPPED
        return int(np.count_nonzero(self.entries[first:last] & PTE_MAPPED))

    def hole(self, first: int, last: int) -> int:
        """The first page in [first, last) that is not mapped, or `last`."""
        missing = self.entries[first:last] & PTE_MAPPED == 0
        return first + int(missing.argmax()) if missing.any() else last

    def written(self, first: int, last: int) -> None:
        """Note that the host has written to the pages [first, last)."""
        self.entries[first:last] |= PTE_D

    def _numbers(self, first: int, last: int) -> np.ndarray:
        return np.arange(self._first + first, self._first + last, dtype=np.uint32)

    def _clear(self, first: int, last: int) -> None:
        if last - first <= _FEW:
            runs = [(page, page + 1) for page in range(first, last) if self.entry[page] & PTE_D]
        else:
            dirty = self.entries[first:last] & PTE_D != 0
            edges = np.flatnonzero(np.diff(dirty, prepend=False, append=False)) if dirty.any() else _NONE
            runs = [(first + start, first + end) for start, end in edges.reshape(-1, 2).tolist()]
        for start, end in _cut(runs):
            self._look()
            self._machine.ram[start * PAGE : end * PAGE] = 0
            self._machine.engine.drop_code(start * PAGE, (end - start) * PAGE)

    def _changed(self) -> None:
        self._hart.stale = 1  # as sfence.vma does


def _cut(runs: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same pages in runs of _CLEARED at most."""
    for start, end in runs:
        for first in range(start, end, _CLEARED):
            yield first, min(first + _CLEARED, end)
