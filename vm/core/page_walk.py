"""The walk of Sv32 page tables: from a virtual to a physical address, setting A and D or not (Priv 10.3.2).

These functions run compiled and as plain Python (see `vm.codegen.engine_text`).
A negative answer is a fault (`vm.core.status`).
"""

from trapline.isa.environment import updates_entries
from trapline.isa.mode import M, S, U
from trapline.isa.mstatus import MXR, SUM
from trapline.isa.sv32 import (
    ADDRESSES,
    MEGAPAGE_OFFSET,
    MEGAPAGE_SHIFT,
    PAGE_OFFSET,
    PAGE_SHIFT,
    PTE_A,
    PTE_D,
    PTE_LEAF,
    PTE_PPN0,
    PTE_PPN1_SHIFT,
    PTE_PPN_SHIFT,
    PTE_R,
    PTE_SIZE,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
    SATP_PPN,
    SATP_SV32,
    VPN_BITS,
)
from trapline.vm.core.access_type import FETCH, LOAD, STORE, access_fault, page_fault
from trapline.vm.core.code_pages import WATCHED, forget_code, note_store
from trapline.vm.core.ints import U32, U64
from trapline.vm.core.overlays import own_word, remove_overlays
from trapline.vm.core.pmp_check import pmp_allows, pmp_lookup


def entry_at(m, ram32, address):
    """The page-table entry at a physical address in RAM, as the guest has written it: it may be a word of its code."""
    return own_word(m, ram32, (address - m.ram_base) >> 2)


def find_leaf(h, m, ram32, vaddr, access):
    """Where the leaf PTE of `vaddr` is: its physical address with the level in bit 0, or a fault (Priv 10.3.2)."""
    address = ((h.satp & SATP_PPN) << PAGE_SHIFT) + ((vaddr >> MEGAPAGE_SHIFT) << 2)
    level = 1
    pte = 0
    while True:
        offset = address - m.ram_base
        if offset < 0 or offset >= m.ram_size:
            return access_fault(access)
        if not pmp_allows(pmp_lookup(h, address, address + PTE_SIZE), LOAD, S):
            return access_fault(access)
        pte = entry_at(m, ram32, address)
        if pte & PTE_V == 0 or pte & (PTE_R | PTE_W) == PTE_W:
            return page_fault(access)
        if pte & PTE_LEAF:
            break
        # "For non-leaf PTEs, the D, A, and U bits are reserved for future standard use."
        if level == 0 or pte & (PTE_D | PTE_A | PTE_U):
            return page_fault(access)
        level = 0
        address = ((pte >> PTE_PPN_SHIFT) << PAGE_SHIFT) + (((vaddr >> PAGE_SHIFT) & VPN_BITS) << 2)
    if level == 1 and pte & PTE_PPN0:
        return page_fault(access)
    return address | level


def pte_allows(h, pte, access, mode):
    """Whether a leaf PTE permits an access in `mode`."""
    if pte & PTE_U:
        # "When SUM=0, S-mode memory accesses to pages that are accessible by U-mode ... will fault." (Priv 3.1.6.3)
        # "S-mode can never execute instructions from user pages, regardless of the state of SUM." (Priv 10.1.1.2)
        if mode == S and (access == FETCH or h.mstatus & SUM == 0):
            return False
    elif mode == U:
        return False
    if access == FETCH:
        return pte & PTE_X != 0
    if access == LOAD:
        return pte & (PTE_R | PTE_X if h.mstatus & MXR else PTE_R) != 0
    return pte & PTE_W != 0


def leaf_address(pte, level, vaddr):
    """The physical address of `vaddr` under its leaf PTE; 34 bits."""
    if level == 1:
        return ((pte >> PTE_PPN1_SHIFT) << MEGAPAGE_SHIFT) | (vaddr & MEGAPAGE_OFFSET)
    return ((pte >> PTE_PPN_SHIFT) << PAGE_SHIFT) | (vaddr & PAGE_OFFSET)


def translate(h, m, ram32, code, page, vaddr, access, mode):
    """The physical address of `vaddr`, walking Sv32 page tables and updating A and D (Priv 10.3.2).

    Under Svade nothing is updated: "when a virtual page is accessed and the A bit is clear, or is written and the D bit
    is clear, a page-fault exception is raised" (10.3.1).
    """
    if mode == M or h.satp & SATP_SV32 == 0:
        return vaddr
    leaf = find_leaf(h, m, ram32, vaddr, access)
    if leaf < 0:
        return leaf
    address = leaf & ~3
    pte = entry_at(m, ram32, address)
    if not pte_allows(h, pte, access, mode):
        return page_fault(access)
    updated = pte | PTE_A
    if access == STORE:
        updated = updated | PTE_D
    if updated != pte:
        if not updates_entries(h):
            return page_fault(access)
        if not pmp_allows(pmp_lookup(h, address, address + PTE_SIZE), STORE, S):
            return access_fault(access)
        offset = address - m.ram_base
        remove_overlays(m, ram32, code, page, offset)
        ram32[U64(offset >> 2)] = U32(updated)
        forget_code(code, page, offset)
        if m.notes_walks and page[U64(offset >> PAGE_SHIFT)] & WATCHED:
            # A table that is code as well.
            note_store(m, offset)
    return leaf_address(pte, leaf & 1, vaddr)


def real_address(h, m, ram32, vaddr):
    """The physical address of `vaddr` by translation alone, as data; -1 if it has none of 32 bits. Changes nothing."""
    if h.data_mode == M or h.satp & SATP_SV32 == 0:
        return vaddr
    leaf = find_leaf(h, m, ram32, vaddr, LOAD)
    if leaf < 0:
        return -1
    paddr = leaf_address(entry_at(m, ram32, leaf), leaf & 1, vaddr)
    return paddr if paddr < ADDRESSES else -1


def permitted_address(h, m, ram32, vaddr, width, access, mode):
    """The physical address of an access that translation and PMP permit in `mode`; -1 otherwise. Changes nothing."""
    paddr = vaddr
    if mode < M and h.satp & SATP_SV32:
        leaf = find_leaf(h, m, ram32, vaddr, access)
        if leaf < 0:
            return -1
        pte = entry_at(m, ram32, leaf)
        if not pte_allows(h, pte, access, mode):
            return -1
        wanted = PTE_A | PTE_D if access == STORE else PTE_A
        table = leaf & ~3
        if pte & wanted != wanted:
            # Setting A and D is a store to the table.
            if not updates_entries(h) or not pmp_allows(pmp_lookup(h, table, table + PTE_SIZE), STORE, S):
                return -1
        paddr = leaf_address(pte, leaf & 1, vaddr)
    return paddr if pmp_allows(pmp_lookup(h, paddr, paddr + width), access, mode) else -1


def load_allowed(h, m, ram32, vaddr):
    """1 if translation and PMP permit a load of the byte at `vaddr`, else 0. Changes nothing."""
    paddr = permitted_address(h, m, ram32, vaddr, 1, LOAD, h.data_mode)
    return 1 if 0 <= paddr and paddr < ADDRESSES else 0
