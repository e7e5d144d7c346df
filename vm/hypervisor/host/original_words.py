"""The host's side of patching: whenever host code looks at RAM it finds the guest's own parcels.

So devices, traces and digests see no patch, and may write where one is. `vm.core.overlays` has the table.
"""

from typing import NamedTuple

import numpy as np

from trapline.isa.sv32 import PAGE, PARCEL_INDEX_SHIFT
from trapline.vm.core.overlays import OVERLAYS, VOID, mark
from trapline.vm.core.records import MachineRecord
from trapline.vm.hypervisor.patch import CODE, STATE_WORDS


class Patch(NamedTuple):
    """A replaced parcel: physical address, the guest's own parcel, and the one that the real hart executes."""

    paddr: int
    original: int
    parcel: int


class Originals:
    """The replaced parcels of one engine, swapped for the originals while the engine does not run.

    m: view of the virtual machine's record; ram: uint8[], all of it; code: int64[], decoded instructions.
    """

    def __init__(self, m: MachineRecord, ram: np.ndarray, code: np.ndarray) -> None:
        self._m, self._code = m, code
        self._parcels, words = ram.view(np.uint16), ram.view(np.uint32)
        self._table = words[m.overlay_table // 4 :][: 2 * OVERLAYS].reshape(OVERLAYS, 2)
        self._states = words[m.page_states // 4 :][: m.ram_size // PAGE * STATE_WORDS].reshape(-1, STATE_WORDS)

    def _active(self) -> tuple[np.ndarray, np.ndarray]:
        """Entries in use, and the parcels of RAM that they are about."""
        entries = np.flatnonzero(self._table[: self._m.overlays, 0] != VOID)
        return entries, self._table[entries, 0].astype(np.int64)

    def _write(self, parcels: np.ndarray, values: np.ndarray) -> None:
        self._parcels[parcels] = values
        entries = parcels + (parcels >> PARCEL_INDEX_SHIFT)
        self._code[entries] = 0
        # An instruction in front may have its second parcel there; before a page's first entry is that of an end.
        self._code[entries - 1] = 0

    def lift(self) -> None:
        """Put the originals back; the table stays."""
        if self._m.overlays:
            entries, parcels = self._active()
            self._write(parcels, self._table[entries, 1])

    def place(self) -> None:
        """Replace the parcels again, but not those that the host has changed."""
        if self._m.overlays:
            entries, parcels = self._active()
            same = self._parcels[parcels] == self._table[entries, 1]
            self._write(parcels[same], mark(entries[same]))
            self._void(entries[~same])

    def _void(self, entries: np.ndarray) -> None:
        for entry in entries:
            self._table[entry] = VOID, self._m.free_overlay
            self._m.free_overlay = int(entry)

    def changed(self, first: int, count: int) -> None:
        """The host has written to `count` pages of RAM from page `first` on: they are looked at again."""
        states = self._states[first : first + count]
        if (states[:, 0] & CODE).any():
            entries, parcels = self._active()
            pages = parcels >> PARCEL_INDEX_SHIFT
            self._void(entries[(pages >= first) & (pages < first + count)])
            states[:] = 0
            self._m.shadow_demand += 1

    def listing(self) -> list[Patch]:
        """All replaced parcels by address."""
        entries, parcels = self._active()
        originals = self._table[entries, 1]
        rows = zip(entries.tolist(), parcels.tolist(), originals.tolist(), strict=True)
        return sorted(Patch(self._m.ram_base + 2 * parcel, old, mark(entry)) for entry, parcel, old in rows)
