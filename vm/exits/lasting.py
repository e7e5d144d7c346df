"""Which translations of a hart last while it loops: what it goes on to fetch, load and store, changing nothing.

What its TLB says is what it executes, whatever its page tables say by now, until a fence; and until another page takes
the entry, which a loop of its own pages may do.
"""

from trapline.isa.mode import M
from trapline.isa.sv32 import PAGE_BASE, PAGE_SHIFT, PTE_A, PTE_D, SATP_SV32
from trapline.vm.core.access_type import FETCH, LOAD, STORE
from trapline.vm.core.page_walk import entry_at, find_leaf, permitted_address
from trapline.vm.core.records import HartRecord
from trapline.vm.core.stops import MARKS
from trapline.vm.core.tlb import PLACE_MODE_SHIFT, TLB_MASK
from trapline.vm.exits.served_machine import ServedMachine


class Translations:
    """Follows the accesses of one hart."""

    def __init__(self, machine: ServedMachine) -> None:
        self._machine = machine
        self._pages: dict[tuple[int, int], int] = {}
        self._shared: set[tuple[int, int]] = set()
        self._stale: set[tuple[int, int]] = set()

    def begin(self) -> None:
        """Begin with another hart, or from another state."""
        self._pages.clear()
        self._shared.clear()
        self._stale.clear()

    def last(self) -> bool:
        """Whether the accesses since `begin`, over and over, always reach the same."""
        return not self._stale & self._shared

    def offset(self, h: HartRecord, vaddr: int, width: int, access: int) -> int | None:
        """The RAM offset that an aligned access reaches; None where it traps, changes a page table, or is not RAM.

        h: refreshed (`vm.core.mmu`).
        """
        number = vaddr >> PAGE_SHIFT
        tlb, context = h.load_tlb if access == LOAD else h.store_tlb, h.data_context
        if access == FETCH:
            tlb, context = h.fetch_tlb, h.fetch_context
            number ^= context >> PLACE_MODE_SHIFT
        place = (access, 2 * (number & TLB_MASK))
        page = vaddr & PAGE_BASE
        if self._pages.setdefault(place, page) != page:
            self._shared.add(place)
        walked = self._walked(h, vaddr, width, access)
        if tlb[place[1]] & ~MARKS != page | context:
            return walked
        cached = int(vaddr + tlb[place[1] + 1])
        if cached == walked:
            return cached
        # Other harts may empty the store TLB, and under a hypervisor another hart executes for this one.
        if access == STORE or len(self._machine.engine.real):
            return None
        self._stale.add(place)
        return cached

    def _walked(self, h: HartRecord, vaddr: int, width: int, access: int) -> int | None:
        """The same by the page tables alone."""
        engine = self._machine.engine
        m, mode = engine.m, h.mode if access == FETCH else h.data_mode
        if mode != M and h.satp & SATP_SV32:
            leaf = find_leaf(h, m, engine.words, vaddr, access)
            wanted = PTE_A | PTE_D if access == STORE else PTE_A
            if leaf < 0 or entry_at(m, engine.words, leaf & ~3) & wanted != wanted:
                return None
        offset = permitted_address(h, m, engine.words, vaddr, width, access, mode) - m.ram_base
        return offset if 0 <= offset < m.ram_size else None
