"""What a hart would find in memory, changing nothing: a look at its TLBs first, as the engine does, then at the tables.

The tables alone are not enough: until a fence the hart may go on with translations that they no longer hold.
The host calls `refresh` first, as the engine does before a step.
These functions run compiled and as plain Python (see `vm.codegen.engine_text`).
"""

from trapline.isa.sv32 import PAGE_BASE, PAGE_SHIFT
from trapline.vm.core.access_type import FETCH
from trapline.vm.core.overlays import own_word
from trapline.vm.core.page_walk import permitted_address, real_address
from trapline.vm.core.stops import MARKED
from trapline.vm.core.tlb import PLACE_MODE_SHIFT, TLB_MASK, fetch_context


def fetched_offset(h, m, ram32):
    """The RAM offset of the instruction at pc; -1 where none can be fetched."""
    context = fetch_context(h)
    entry = 2 * (((h.pc >> PAGE_SHIFT) ^ (context >> PLACE_MODE_SHIFT)) & TLB_MASK)
    if h.pc & 3:
        return -1
    if h.stale == 0 and h.fetch_tlb[entry] == (h.pc & PAGE_BASE) | context:
        return h.pc + h.fetch_tlb[entry + 1]
    offset = permitted_address(h, m, ram32, h.pc, 4, FETCH, h.mode) - m.ram_base
    return offset if 0 <= offset and offset < m.ram_size else -1


def word_at_pc(h, m, ram32):
    """The hart's own instruction word at pc, replaced or not; -1 where none can be fetched."""
    offset = fetched_offset(h, m, ram32)
    return -1 if offset < 0 else own_word(m, ram32, offset >> 2)


def stored_offset(h, m, ram32, vaddr):
    """The RAM offset that a store to `vaddr` would reach; -1 if it is not RAM.

    Whether the store is permitted is not asked.
    """
    entry = 2 * ((vaddr >> PAGE_SHIFT) & TLB_MASK)
    if h.store_tlb[entry] & ~MARKED == (vaddr & PAGE_BASE) | h.data_context:
        return vaddr + h.store_tlb[entry + 1]
    offset = real_address(h, m, ram32, vaddr) - m.ram_base
    return offset if 0 <= offset and offset < m.ram_size else -1
