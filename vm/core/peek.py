"""What a hart would find in memory, changing nothing: a look at its TLBs first, as the engine does, then at the tables.

The tables alone are not enough: until a fence the hart may go on with translations that they no longer hold.
The host calls `refresh` first, as the engine does before a step.
These functions run compiled and as plain Python (see `vm.codegen.engine_text`).
"""

from trapline.isa.compression import LONG, PARCEL_BITS
from trapline.isa.sv32 import PAGE_BASE, PAGE_SHIFT
from trapline.isa.word import HALFWORD, MASK
from trapline.vm.core.access_type import FETCH
from trapline.vm.core.overlays import own_parcel, own_word
from trapline.vm.core.page_walk import permitted_address, real_address
from trapline.vm.core.parcels import COMPRESSED, fetch_width, misaligned_bits
from trapline.vm.core.stops import MARKS
from trapline.vm.core.tlb import PLACE_MODE_SHIFT, TLB_MASK, fetch_context


def offset_of(h, m, ram32, vaddr):
    """The RAM offset at which the hart fetches what is at `vaddr`; -1 where it cannot."""
    context = fetch_context(h)
    entry = 2 * (((vaddr >> PAGE_SHIFT) ^ (context >> PLACE_MODE_SHIFT)) & TLB_MASK)
    if vaddr & misaligned_bits(h):
        return -1
    if h.stale == 0 and h.fetch_tlb[entry] == (vaddr & PAGE_BASE) | context:
        return vaddr + h.fetch_tlb[entry + 1]
    offset = permitted_address(h, m, ram32, vaddr, fetch_width(h), FETCH, h.mode) - m.ram_base
    return offset if 0 <= offset and offset < m.ram_size else -1


def fetched_offset(h, m, ram32):
    """The RAM offset of the instruction at pc; -1 where none can be fetched."""
    return offset_of(h, m, ram32, h.pc)


def word_at_pc(h, m, ram32):
    """The hart's own instruction at pc, replaced or not: 32 bits, or 16 of a compressed one.

    -1 where none can be fetched.
    """
    offset = fetched_offset(h, m, ram32)
    if offset < 0:
        return -1
    if h.extensions & COMPRESSED == 0:
        return own_word(m, ram32, offset >> 2)
    low = own_parcel(m, ram32, offset >> 1)
    if low & LONG != LONG:
        return low
    rest = offset_of(h, m, ram32, (h.pc + HALFWORD) & MASK)
    return -1 if rest < 0 else low | (own_parcel(m, ram32, rest >> 1) << PARCEL_BITS)


def stored_offset(h, m, ram32, vaddr):
    """The RAM offset that a store to `vaddr` would reach; -1 if it is not RAM.

    Whether the store is permitted is not asked.
    """
    entry = 2 * ((vaddr >> PAGE_SHIFT) & TLB_MASK)
    if h.store_tlb[entry] & ~MARKS == (vaddr & PAGE_BASE) | h.data_context:
        return vaddr + h.store_tlb[entry + 1]
    offset = real_address(h, m, ram32, vaddr) - m.ram_base
    return offset if 0 <= offset and offset < m.ram_size else -1
