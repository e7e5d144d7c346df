"""The host's side of patching: whenever host code looks at RAM it finds the guest's own words.

So devices, traces and digests see no patch, and may write where one is. `vm.core.overlays` has the table.
"""

from typing import NamedTuple

import numpy as np

from trapline.isa.sv32 import PAGE, PAGE_INDEX_SHIFT
from trapline.vm.core.overlays import MARK, OVERLAYS, VOID
from trapline.vm.core.records import MachineRecord
from trapline.vm.hypervisor.patch import CODE, STATE_WORDS


class Patch(NamedTuple):
    """A replaced word: physical address, the guest's own word, and the one that the real hart executes."""

    paddr: int
    original: int
    word: int


class Originals:
    """The replaced words of one engine, swapped for the originals while the engine does not run.

    m: view of the virtual machine's record; ram: uint8[], all of it; code: int64[], decoded instructions.
    """

    def __init__(self, m: MachineRecord, ram: np.ndarray, code: np.ndarray) -> None:
        self._m, self._code = m, code
        self._words = ram.view(np.uint32)
        self._table = self._words[m.overlay_table // 4 :][: 2 * OVERLAYS].reshape(OVERLAYS, 2)
        self._states = self._words[m.page_states // 4 :][: m.ram_size // PAGE * STATE_WORDS].reshape(-1, STATE_WORDS)

    def _active(self) -> tuple[np.ndarray, np.ndarray]:
        """Entries in use, and the RAM words that they are about."""
        entries = np.flatnonzero(self._table[: self._m.overlays, 0] != VOID)
        return entries, self._table[entries, 0].astype(np.int64)

    def _write(self, words: np.ndarray, values: np.ndarray) -> None:
        self._words[words] = values
        self._code[words + (words >> PAGE_INDEX_SHIFT)] = 0

    def lift(self) -> None:
        """Put the originals back; the table stays."""
        if self._m.overlays:
            entries, words = self._active()
            self._write(words, self._table[entries, 1])

    def place(self) -> None:
        """Replace the words again, but not those that the host has changed."""
        if self._m.overlays:
            entries, words = self._active()
            same = self._words[words] == self._table[entries, 1]
            self._write(words[same], (entries[same] << 2) | MARK)
            self._void(entries[~same])

    def _void(self, entries: np.ndarray) -> None:
        for entry in entries:
            self._table[entry] = VOID, self._m.free_overlay
            self._m.free_overlay = int(entry)

    def changed(self, first: int, count: int) -> None:
        """The host has written to `count` pages of RAM from page `first` on: they are looked at again."""
        states = self._states[first : first + count]
        if (states[:, 0] & CODE).any():
            entries, words = self._active()
            pages = words >> PAGE_INDEX_SHIFT
            self._void(entries[(pages >= first) & (pages < first + count)])
            states[:] = 0
            self._m.shadow_demand += 1

    def listing(self) -> list[Patch]:
        """All replaced words by address."""
        entries, words = self._active()
        originals = self._table[entries, 1]
        rows = zip(entries.tolist(), words.tolist(), originals.tolist(), strict=True)
        return sorted(Patch(self._m.ram_base + 4 * word, old, (entry << 2) | MARK) for entry, word, old in rows)
