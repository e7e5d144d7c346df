"""The Sv32 page table that holds a process to its mappings, and which pages are mapped, though they permit nothing.

Each page is mapped to itself, so that addresses of the process are physical ones. The hart sets D, so that pages which
nobody has written need not be cleared.

A guest may map and unmap in a loop, and most mappings are untouched or small, so no operation costs more than a few
calls into C, however many pages it changes: entries are copied from a table that has them ready, and the map of pages
is searched as bytes. That is done with numpy, which takes longer to import than a short program runs: the first pages,
which are all that most programs have, are changed one by one.
"""

from array import array
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    import numpy as np

BIT = {READ: PTE_R, WRITE: PTE_W, EXECUTE: PTE_X}
"""The bit of an entry that permits an access."""

_FEW = 8
"""Pages that a loop looks at faster than numpy."""
_FIRST = 1 << 13
"""Pages that are looked at by loops before numpy is imported, which takes as long as some 100,000 of them."""
_KEPT_BITS = (MASK ^ ((1 << PTE_PPN_SHIFT) - 1)) | PTE_D
"""What is left of an entry without permissions."""
_CLEARED = 1 << 12
"""Pages that are cleared in one go: some 5 ms."""
_FREE, _MAPPED = b"\0", b"\1"


def table_size(size: int) -> int:
    """Bytes of the tables for `size` bytes from a multiple of 4 MiB on: a root and its leaf tables."""
    return PAGE * (1 + -(-size // MEGAPAGE))


@cache
def _bits(number: int) -> "np.ndarray":
    """A number as an array: numpy would make one of it at each use."""
    import numpy as np

    return np.array(number, np.uint32)


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
        self._look, self._left = look, _FIRST
        place = base + size
        leaves = place + PAGE
        words = machine.engine.words
        machine.engine.unannounced.append(((place - machine.ram_base) // PAGE, 1 + -(-size // MEGAPAGE)))
        at = (leaves - machine.ram_base) // PTE_SIZE
        pages = size // PAGE
        self.entry = words[at : at + pages]
        self._first = base >> PAGE_SHIFT
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

    @cached_property
    def entries(self) -> "np.ndarray":
        """The leaf tables as an array."""
        import numpy as np

        return np.frombuffer(self.entry, np.uint32)

    @cached_property
    def _numbers(self) -> "np.ndarray":
        """An entry without permissions for each page."""
        import numpy as np

        return np.arange(self._first, self._first + len(self.entry), dtype=np.uint32) << PTE_PPN_SHIFT

    def _one_by_one(self, first: int, last: int) -> bool:
        """Whether to look at these pages in a loop: at few, and at those that the process changes first."""
        if last - first <= _FEW:
            return True
        self._left = max(self._left - (last - first), 0)
        return self._left > 0

    def grant(self, first: int, last: int, permissions: int) -> None:
        """Map the pages [first, last), zeroed, with these permissions."""
        few = self._one_by_one(first, last)
        self._clear(first, last, few)
        bits = entry_of(permissions)
        if few:
            start, step = (self._first + first << PTE_PPN_SHIFT) + bits, 1 << PTE_PPN_SHIFT
            self.entry[first:last] = array("I", range(start, start + step * (last - first), step))
        else:
            if permissions not in self._ready:
                self._ready[permissions] = (self._numbers | _bits(bits)).data
            self.entry[first:last] = self._ready[permissions][first:last]
        self._page[first:last] = _MAPPED * (last - first)
        self._hart.stale = 1  # as sfence.vma does

    def change(self, first: int, last: int, permissions: int) -> None:
        """Give mapped pages other permissions."""
        bits = entry_of(permissions)
        if self._one_by_one(first, last):
            for page in range(first, last):
                self.entry[page] = self.entry[page] & _KEPT_BITS | bits
        else:
            entries = self.entries[first:last]
            entries &= _bits(_KEPT_BITS)
            entries |= _bits(bits)
        self._hart.stale = 1

    def add(self, first: int, last: int, permissions: int) -> None:
        """Map pages whose contents the host fills, or permit more where two segments share one."""
        bits = PTE_D | entry_of(permissions)
        if self._one_by_one(first, last):
            for page in range(first, last):
                self.entry[page] |= self._first + page << PTE_PPN_SHIFT | bits
        else:
            entries = self.entries[first:last]
            entries |= self._numbers[first:last] | _bits(bits)
        self._page[first:last] = _MAPPED * (last - first)
        self._hart.stale = 1

    def release(self, first: int, last: int) -> int:
        """Unmap pages; how many of them were mapped. Their D bits stay, until they are mapped again."""
        mapped = self.mapped(first, last)
        if self._one_by_one(first, last):
            for page in range(first, last):
                self.entry[page] &= _KEPT_BITS
        else:
            entries = self.entries[first:last]
            entries &= _bits(_KEPT_BITS)
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
        top = max(first, last - 2 * count)
        if self._one_by_one(top, last) and (gap := self._pages.rfind(_FREE * count, top, last)) >= 0:
            return gap
        import numpy as np

        taken = np.flatnonzero(np.frombuffer(self._pages, np.uint8)[first:last]) + first
        bounds = np.concatenate(([first - 1], taken, [last]))
        fitting = np.flatnonzero(np.diff(bounds) - 1 >= count)
        return int(bounds[fitting[-1] + 1]) - count if len(fitting) else None

    def written(self, first: int, last: int) -> None:
        """Note that the host has written to the pages [first, last)."""
        if self._one_by_one(first, last):
            for page in range(first, last):
                self.entry[page] |= PTE_D
        else:
            entries = self.entries[first:last]
            entries |= _bits(PTE_D)

    def _clear(self, first: int, last: int, few: bool) -> None:
        """Clear the pages that were written to. few: in a loop."""
        if few:
            runs = [(page, page + 1) for page in range(first, last) if self.entry[page] & PTE_D]
        else:
            runs = self._dirty(first, last)
        if not runs:
            return
        for start, end in _cut(runs):
            self._look()
            self._machine.engine.clear(start * PAGE, (end - start) * PAGE)
            self._machine.engine.drop_code(start * PAGE, (end - start) * PAGE)

    def _dirty(self, first: int, last: int) -> list[tuple[int, int]]:
        """The pages in [first, last) that were written to, in runs."""
        import numpy as np

        if not int(np.bitwise_or.reduce(self.entries[first:last])) & PTE_D:
            return []
        dirty = self.entries[first:last] & _bits(PTE_D) != 0
        edges = np.flatnonzero(np.diff(dirty, prepend=False, append=False))
        return [(first + start, first + end) for start, end in edges.reshape(-1, 2).tolist()]


def _cut(runs: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same pages in runs of _CLEARED at most."""
    for start, end in runs:
        for first in range(start, end, _CLEARED):
            yield first, min(first + _CLEARED, end)
