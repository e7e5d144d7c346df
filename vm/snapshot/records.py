"""The records of harts and machines as values."""

import numpy as np

from trapline.isa.sv32 import PAGE_BASE, PAGE_SHIFT
from trapline.vm.core.hart import HART_FIELDS, TLB_ENTRIES
from trapline.vm.engine import Engine

TLBS = ("fetch_tlb", "load_tlb", "store_tlb")


OTHERS = [name for name, _ in HART_FIELDS if name not in TLBS]
"""The fields of a hart that are no TLB."""

SavedTlb = tuple[str, int, np.ndarray, np.ndarray]
"""Field and hart that it is of, the places that were filled, and their pairs of tag and entry."""


class SavedRecords:
    """Copies of an engine's records. Of the TLBs only the entries that were filled: most never are.

    harts: structured array with the fields OTHERS; machines: all fields.
    """

    __slots__ = ("harts", "machines", "tlbs")

    def __init__(self, harts: np.ndarray, machines: np.ndarray, tlbs: list[SavedTlb]) -> None:
        self.harts, self.machines, self.tlbs = harts, machines, tlbs

    @classmethod
    def of(cls, engine: Engine) -> "SavedRecords":
        """Those of an engine now."""
        harts = engine.arrays.harts
        tlbs: list[SavedTlb] = []
        for name in TLBS:
            for number, words in enumerate(harts[name]):
                pairs = words.reshape(TLB_ENTRIES, 2)
                filled = np.flatnonzero(pairs[:, 0] != -1)
                tlbs.append((name, number, filled, pairs[filled]))
        others = np.empty(len(harts), [(name, harts.dtype[name]) for name in OTHERS])
        others[...] = harts[OTHERS]  # a copy of these fields alone would have room for all
        return cls(others, engine.arrays.machines.copy(), tlbs)

    @property
    def size(self) -> int:
        """Bytes that it takes, nearly."""
        return self.harts.nbytes + self.machines.nbytes + sum(f.nbytes + e.nbytes for _, _, f, e in self.tlbs)

    def writable_pages(self) -> np.ndarray:
        """Numbers of the pages of RAM that a store TLB leads to."""
        tlbs = [entries for name, _, _, entries in self.tlbs if name == "store_tlb"]
        tags, offsets = np.concatenate(tlbs).T
        return np.unique(((tags & PAGE_BASE) + offsets) >> PAGE_SHIFT)

    def restore(self, engine: Engine) -> None:
        """Put them back into an engine of the same shape."""
        harts = engine.arrays.harts
        for name in OTHERS:
            harts[name] = self.harts[name]
        engine.arrays.machines[...] = self.machines
        for name, number, filled, entries in self.tlbs:
            pairs = harts[name][number].reshape(TLB_ENTRIES, 2)
            pairs[:, 0] = -1
            pairs[filled] = entries
