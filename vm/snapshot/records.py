"""The records of harts and machines as values."""

import numpy as np

from trapline.isa.sv32 import PAGE_BASE, PAGE_SHIFT
from trapline.vm.core.hart import HART_FIELDS, TLB_ENTRIES
from trapline.vm.engine import Engine

_TLBS = ("fetch_tlb", "load_tlb", "store_tlb")


class SavedRecords:
    """Copies of an engine's records. Of the TLBs only the entries that were filled: most never are."""

    __slots__ = ("harts", "machines", "tlbs")

    def __init__(self, engine: Engine) -> None:
        harts = engine.arrays.harts
        self.harts = harts[_OTHERS].copy()
        self.machines = engine.arrays.machines.copy()
        self.tlbs: list[tuple[str, int, np.ndarray, np.ndarray]] = []
        for name in _TLBS:
            for number, words in enumerate(harts[name]):
                pairs = words.reshape(TLB_ENTRIES, 2)
                filled = np.flatnonzero(pairs[:, 0] != -1)
                self.tlbs.append((name, number, filled, pairs[filled]))

    def writable_pages(self) -> np.ndarray:
        """Numbers of the pages of RAM that a store TLB leads to."""
        tlbs = [entries for name, _, _, entries in self.tlbs if name == "store_tlb"]
        tags, offsets = np.concatenate(tlbs).T
        return np.unique(((tags & PAGE_BASE) + offsets) >> PAGE_SHIFT)

    def restore(self, engine: Engine) -> None:
        """Put them back into an engine of the same shape."""
        harts = engine.arrays.harts
        for name in _OTHERS:
            harts[name] = self.harts[name]
        engine.arrays.machines[...] = self.machines
        for name, number, filled, entries in self.tlbs:
            pairs = harts[name][number].reshape(TLB_ENTRIES, 2)
            pairs[:, 0] = -1
            pairs[filled] = entries


_OTHERS = [name for name, _ in HART_FIELDS if name not in _TLBS]
