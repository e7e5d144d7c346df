"""Pages of memory as values: a saved memory shares every page with the one before that was not written since.

The engine tells which pages may have been written (`vm.core.code_pages.SAVED`), so to save costs as much as what has
changed. Pages are `bytes`, in groups; a saved memory is a tuple of groups. What none holds any more is freed.
"""

import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator

import numpy as np

from trapline.isa.sv32 import PAGE
from trapline.vm.core.code_pages import DECODED, SAVED, WATCHED
from trapline.vm.engine import Engine

GROUP = 256
"""Pages of a group."""
ZEROS = bytes(PAGE)
_EMPTY = (ZEROS,) * GROUP

Group = tuple[bytes, ...]


class SavedMemory:
    """All of a machine's memory at one moment, page by page. Two of them share the pages that are equal.

    flags: uint8[pages], what the engine knew of each (`vm.core.code_pages`).
    """

    __slots__ = ("_file", "flags", "groups")

    def __init__(self, groups: tuple[Group, ...], flags: np.ndarray) -> None:
        self.groups = groups
        self.flags = flags
        self._file: int | None = None

    def __getitem__(self, number: int) -> bytes:
        return self.groups[number // GROUP][number % GROUP]

    @property
    def size(self) -> int:
        """Bytes, whole groups."""
        return len(self.groups) * GROUP * PAGE

    def differing(self, other: "SavedMemory") -> Iterator[int]:
        """Numbers of the pages that may not be equal."""
        for index, (one, two) in enumerate(zip(self.groups, other.groups, strict=True)):
            if one is not two:
                for number, (a, b) in enumerate(zip(one, two, strict=True)):
                    if a is not b:
                        yield index * GROUP + number

    def written_pages(self) -> Iterator[tuple[int, bytes]]:
        """The pages that do not hold zeros only, by number."""
        for index, group in enumerate(self.groups):
            if group is not _EMPTY:
                for number, data in enumerate(group):
                    if data is not ZEROS:
                        yield index * GROUP + number, data

    @classmethod
    def of(cls, pages: Iterable[tuple[int, bytes]], flags: np.ndarray) -> "SavedMemory":
        """Of pages by number; those that are left out hold zeros."""
        groups: dict[int, list[bytes]] = {}
        for number, data in pages:
            groups.setdefault(number // GROUP, list(_EMPTY))[number % GROUP] = data
        count = -(-len(flags) // GROUP)
        return cls(tuple(tuple(groups[i]) if i in groups else _EMPTY for i in range(count)), flags)

    def private_copy(self) -> np.ndarray:
        """uint8[size] with these contents, of which the host keeps a page only once it is written to.

        Where a file cannot be mapped privately, as on Windows, all of it is copied.
        """
        if not hasattr(mmap, "MAP_PRIVATE"):
            return np.frombuffer(bytearray(b"".join(data for group in self.groups for data in group)), np.uint8)
        if self._file is None:
            self._file = _anonymous_file(self.size)
            for number, data in self.written_pages():
                os.pwrite(self._file, data, number * PAGE)
        flags = mmap.MAP_PRIVATE | getattr(mmap, "MAP_NORESERVE", 0)
        return np.frombuffer(mmap.mmap(self._file, self.size, flags=flags), np.uint8)

    def __del__(self) -> None:
        if (file := getattr(self, "_file", None)) is not None:
            os.close(file)


class PresentMemory:
    """An engine's memory as it is, which changes as soon as the engine goes on.

    flags: as of `SavedMemory`.
    """

    def __init__(self, engine: Engine) -> None:
        self._ram = engine.arrays.ram
        self.flags = engine.arrays.page & (DECODED | WATCHED)

    def written_pages(self) -> Iterator[tuple[int, bytes]]:
        """The pages that do not hold zeros only, by number."""
        words = self._ram.view(np.uint64).reshape(len(self.flags), -1)
        for first in range(0, len(words), GROUP):
            for number in (first + np.flatnonzero(words[first : first + GROUP].any(axis=1))).tolist():
                yield number, self._ram[number * PAGE : (number + 1) * PAGE].tobytes()


def _anonymous_file(size: int) -> int:
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("trapline")
    else:
        with tempfile.TemporaryFile() as stream:
            file = os.dup(stream.fileno())
    os.truncate(file, size)
    return file


class PageHistory:
    """The memory of one engine, compared with what was saved last.

    base: what the engine's memory holds already; by default zeros.
    """

    def __init__(self, engine: Engine, base: SavedMemory | None = None) -> None:
        self._engine = engine
        self._ram, self._page = engine.arrays.ram, engine.arrays.page
        pages = len(self._page)
        self._last = base or SavedMemory((_EMPTY,) * -(-pages // GROUP), np.zeros(pages, np.uint8))
        if base is not None:
            self.mark(np.zeros(0, np.int64))

    def save(self) -> SavedMemory:
        """The memory now. `mark` is to follow, before the machine goes on."""
        changed: dict[int, dict[int, bytes]] = {}
        for number in self._candidates():
            data = self._ram[number * PAGE : (number + 1) * PAGE].tobytes()
            if data != self._last[number]:
                changed.setdefault(number // GROUP, {})[number % GROUP] = data if data != ZEROS else ZEROS
        groups = list(self._last.groups)
        for index, pages in changed.items():
            group = list(groups[index])
            for number, data in pages.items():
                group[number] = data
            groups[index] = tuple(group)
        flags = self._page & (DECODED | WATCHED)
        self._last = SavedMemory(tuple(groups), self._last.flags if (flags == self._last.flags).all() else flags)
        return self._last

    def restore(self, memory: SavedMemory) -> None:
        """Bring back what was saved. `mark` is to follow, once the records are back too."""
        for number in {*self._candidates(), *memory.differing(self._last)}:
            self._ram.data[number * PAGE : (number + 1) * PAGE] = memory[number]
            self._engine.forget(number, 1)
        for number in np.flatnonzero((self._page & DECODED != 0) & (memory.flags & DECODED == 0)).tolist():
            self._engine.forget(number, 1)
        # What is decoded of the other pages stays good, and what is not will be decoded again without a trace.
        self._page[:] = memory.flags
        self._last = memory

    def forget(self) -> None:
        """Keep nothing of what was saved last: the next time all of memory is copied, as the first time."""
        self._last = SavedMemory((_EMPTY,) * len(self._last.groups), np.zeros(len(self._page), np.uint8))
        self._page &= DECODED | WATCHED

    def _candidates(self) -> list[int]:
        """Numbers of the pages that may differ from what was saved last."""
        written = self._page & SAVED == 0
        words = self._ram.view(np.uint64).reshape(len(written), -1)
        for index, group in enumerate(self._last.groups):
            part = slice(index * GROUP, (index + 1) * GROUP)
            if group is _EMPTY and written[part].any():
                # Most of a fresh machine: one look at all of them is quicker than one at each.
                written[part] &= words[part].any(axis=1)
        return np.flatnonzero(written).tolist()

    def mark(self, writable: np.ndarray) -> None:
        """Let the first store to each page be noticed from now on.

        writable: numbers of the pages that are in a store TLB. They are compared next time: to drop their entries would
        change what a guest finds that has forgotten a fence.
        """
        # What lies behind the guest's RAM, the hypervisor writes without a word.
        self._page[: len(self._engine.ram) // PAGE] |= SAVED
        self._page[writable] &= DECODED | WATCHED
        for first, count in self._engine.unannounced:
            self._page[first : first + count] &= DECODED | WATCHED
