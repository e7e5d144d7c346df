"""What the TLBs of a hart hold, as a table.

An entry is there once an access was done, and has no ASID: a write to satp and `sfence.vma` drop all. What an entry
depends on beside the page is the mode and, for data, SUM and MXR.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from trapline.isa.mode import MODE_BITS, MODE_NAMES
from trapline.isa.mstatus import MXR, SUM
from trapline.isa.sv32 import PAGE_BASE
from trapline.vm.core.mmu import refresh
from trapline.vm.core.records import HartRecord, MachineRecord
from trapline.vm.core.tlb import CONTEXT_SHIFT, GENERATION_SHIFT, SUM_MXR_SHIFT, tag_generation

LETTERS = (("load_tlb", "r"), ("store_tlb", "w"), ("fetch_tlb", "x"))
"""What an entry of each TLB allows without a walk."""


@dataclass(frozen=True, order=True)
class TlbEntry:
    """A page that is translated without a walk.

    vaddr, paddr: of the page; mode: by number; sum, mxr: with which of these bits; allowed: letters of "rwx".
    """

    vaddr: int
    mode: int
    sum: bool
    mxr: bool
    paddr: int
    allowed: str

    def __str__(self) -> str:
        bits = " ".join(name for name, is_set in (("SUM", self.sum), ("MXR", self.mxr)) if is_set)
        allowed = "".join(letter if letter in self.allowed else "-" for _, letter in LETTERS)
        return f"{self.vaddr:#010x} {self.paddr:#012x} {allowed} {MODE_NAMES[self.mode]} {bits}".rstrip()


HEADER = "virtual    physical     rwx mode"


def entries(h: HartRecord, m: MachineRecord) -> list[TlbEntry]:
    """The entries that hold, by address. Those of a fetch do not depend on SUM and MXR and have a row of their own."""
    refresh(h)
    found: dict[tuple[int, int, bool, bool, int], str] = {}
    for name, letter in LETTERS:
        for place in _current(h, m, name):
            found[place] = found.get(place, "") + letter
    return sorted(TlbEntry(*place, allowed) for place, allowed in found.items())


def _current(h: HartRecord, m: MachineRecord, name: str) -> Iterator[tuple[int, int, bool, bool, int]]:
    """Page, mode, SUM, MXR and physical page of what has not been dropped."""
    words = getattr(h, name)
    for tag, offset in zip(words[0::2], words[1::2], strict=True):
        tag, offset = int(tag), int(offset)
        if tag < 0 or tag >> GENERATION_SHIFT != tag_generation(h):
            continue
        vaddr, context = tag & PAGE_BASE, tag >> SUM_MXR_SHIFT
        mode = (tag >> CONTEXT_SHIFT) & MODE_BITS
        yield vaddr, mode, bool(context & SUM), bool(context & MXR), vaddr + offset + m.ram_base
