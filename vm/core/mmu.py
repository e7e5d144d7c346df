"""From a virtual address to a byte of RAM: Sv32, PMP and the software TLBs.

These functions run compiled and as plain Python (see `vm.codegen.engine_text`).
A negative answer is a fault, FAULT - cause (`vm.core.status`).
For `page` see `vm.core.code_pages`.
"""

from trapline.isa.cause import FETCH_ACCESS, FETCH_PAGE, LOAD_ACCESS, LOAD_PAGE, STORE_ACCESS, STORE_PAGE
from trapline.isa.mode import MODE_BITS, M, S, U
from trapline.isa.mstatus import MPP_SHIFT, MPRV, MXR, SUM
from trapline.isa.pmp import (
    A_SHIFT,
    NA4,
    OFF,
    PMP_A,
    PMP_ENTRIES,
    PMP_GRAIN,
    PMP_GRAIN_SHIFT,
    PMP_L,
    PMP_X,
    TOR,
)
from trapline.isa.sv32 import (
    ADDRESSES,
    MEGAPAGE_OFFSET,
    MEGAPAGE_SHIFT,
    PAGE,
    PAGE_BASE,
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
from trapline.vm.core.code_pages import WATCHED, forget_code
from trapline.vm.core.hart import TLB_ENTRIES
from trapline.vm.core.ints import U32, U64
from trapline.vm.core.overlays import own_word, remove_overlay
from trapline.vm.core.status import FAULT
from trapline.vm.core.tlb import CONTEXT_SHIFT, GENERATION_SHIFT, GENERATIONS, PLACE_MODE_SHIFT, SUM_MXR_SHIFT, TLB_MASK

FETCH = 0
LOAD = 1
STORE = 2
"""Access types; LOAD and STORE are the bits PMP_R and PMP_W that permit them."""

NO_MATCH = -1
PARTIAL = -2
"""Answers of `pmp_lookup`: no entry matches, or one matches only a part."""


def access_fault(access):
    """The access fault of a fetch, load or store."""
    if access == FETCH:
        return FAULT - FETCH_ACCESS
    return FAULT - LOAD_ACCESS if access == LOAD else FAULT - STORE_ACCESS


def page_fault(access):
    """The page fault of a fetch, load or store."""
    if access == FETCH:
        return FAULT - FETCH_PAGE
    return FAULT - LOAD_PAGE if access == LOAD else FAULT - STORE_PAGE


def access_of(cause):
    """The access whose page fault has this cause."""
    return STORE if cause == STORE_PAGE else cause - FETCH_PAGE


def pmp_lookup(h, start, end):
    """Configuration of the PMP entry that decides [start, end), or NO_MATCH or PARTIAL.

    "The lowest-numbered PMP entry that matches any byte of an access determines whether that access
    succeeds or fails. The matching PMP entry must match all bytes of an access, or the access fails,
    irrespective of the L, R, W, and X bits." (Priv 3.7.1.3)
    """
    for i in range(h.pmp_entries):
        cfg = h.pmpcfg[i]
        matching = (cfg & PMP_A) >> A_SHIFT
        if matching == OFF:
            continue
        address = h.pmpaddr[i]
        if matching == TOR:
            low = 0
            if i > 0:
                low = h.pmpaddr[i - 1] << PMP_GRAIN_SHIFT
            high = address << PMP_GRAIN_SHIFT
        elif matching == NA4:
            low = address << PMP_GRAIN_SHIFT
            high = low + PMP_GRAIN
        else:
            trailing = address ^ (address + 1)
            low = (address & ~trailing) << PMP_GRAIN_SHIFT
            high = low + ((trailing + 1) << PMP_GRAIN_SHIFT)
        if low < end and start < high:
            if low <= start and end <= high:
                return cfg
            return PARTIAL
    return NO_MATCH


def pmp_allows(cfg, access, mode):
    """Whether the answer `cfg` of `pmp_lookup` permits an access in `mode`.

    "If no PMP entry matches an M-mode access, the access succeeds. If no PMP entry matches an S-mode or
    U-mode access, but at least one PMP entry is implemented, the access fails." (Priv 3.7.1.3)
    """
    if cfg == PARTIAL:
        return False
    if mode == M and (cfg == NO_MATCH or cfg & PMP_L == 0):
        return True
    if cfg == NO_MATCH:
        return False
    bit = PMP_X if access == FETCH else access
    return cfg & bit != 0


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
    """The physical address of `vaddr`, walking Sv32 page tables and updating A and D (Priv 10.3.2)."""
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
        if not pmp_allows(pmp_lookup(h, address, address + PTE_SIZE), STORE, S):
            return access_fault(access)
        offset = address - m.ram_base
        remove_overlay(m, ram32, code, page, offset >> 2)
        ram32[U64(offset >> 2)] = U32(updated)
        forget_code(code, page, offset)
        if m.notes_walks and page[U64(offset >> PAGE_SHIFT)] & WATCHED:
            # A table that is code as well.
            m.stored_low = min(m.stored_low, offset)
            m.stored_high = max(m.stored_high, offset)
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


def load_allowed(h, m, ram32, vaddr):
    """1 if translation and PMP permit a load of the byte at `vaddr`, else 0. Changes nothing."""
    paddr = real_address(h, m, ram32, vaddr)
    if paddr < 0:
        return 0
    if h.data_mode < M and h.satp & SATP_SV32:
        leaf = find_leaf(h, m, ram32, vaddr, LOAD)
        pte = entry_at(m, ram32, leaf)
        if not pte_allows(h, pte, LOAD, h.data_mode):
            return 0
        # Setting A is a store to the table.
        if pte & PTE_A == 0 and not pmp_allows(pmp_lookup(h, leaf & ~3, (leaf & ~3) + PTE_SIZE), STORE, S):
            return 0
    return 1 if pmp_allows(pmp_lookup(h, paddr, paddr + 1), LOAD, h.data_mode) else 0


def refresh(h):
    """Make the TLB tags (`vm.core.tlb`) follow the mode and mstatus; drop all translations when `stale`."""
    if h.stale:
        h.stale = 0
        h.generation = h.generation + 1
        h.pmp_entries = 0
        for i in range(PMP_ENTRIES):
            if h.pmpcfg[i] & PMP_A:
                h.pmp_entries = i + 1
        if h.generation >= GENERATIONS:
            h.generation = 1
            for i in range(2 * TLB_ENTRIES):
                h.fetch_tlb[i] = -1
                h.load_tlb[i] = -1
                h.store_tlb[i] = -1
    mode = h.mode
    if mode == M and h.mstatus & MPRV:
        mode = (h.mstatus >> MPP_SHIFT) & MODE_BITS
    h.data_mode = mode
    dropped = h.generation << GENERATION_SHIFT
    h.fetch_context = dropped | (h.mode << CONTEXT_SHIFT)
    h.data_context = dropped | ((h.mstatus & (SUM | MXR)) << SUM_MXR_SHIFT) | (mode << CONTEXT_SHIFT)


def fetch_offset(h, m, ram32, code, page, vaddr):
    """The RAM offset of the instruction at `vaddr`; fills the fetch TLB when the page has one PMP answer."""
    paddr = translate(h, m, ram32, code, page, vaddr, FETCH, h.mode)
    if paddr < 0:
        return paddr
    offset = paddr - m.ram_base
    if offset < 0 or offset >= m.ram_size:
        return FAULT - FETCH_ACCESS
    start = paddr & ~PAGE_OFFSET
    cfg = pmp_lookup(h, start, start + PAGE)
    uniform = cfg != PARTIAL
    if not uniform:
        cfg = pmp_lookup(h, paddr, paddr + 4)
    if not pmp_allows(cfg, FETCH, h.mode):
        return FAULT - FETCH_ACCESS
    if uniform:
        entry = 2 * (((vaddr >> PAGE_SHIFT) ^ (h.fetch_context >> PLACE_MODE_SHIFT)) & TLB_MASK)
        h.fetch_tlb[entry] = (vaddr & PAGE_BASE) | h.fetch_context
        h.fetch_tlb[entry + 1] = offset - vaddr
    return offset


def data_address(h, m, ram32, code, page, vaddr, width, access):
    """The physical address of an aligned load or store, permissions checked; fills the TLB of its type."""
    paddr = translate(h, m, ram32, code, page, vaddr, access, h.data_mode)
    if paddr < 0:
        m.fault_address = vaddr
        return paddr
    start = paddr & ~PAGE_OFFSET
    cfg = pmp_lookup(h, start, start + PAGE)
    uniform = cfg != PARTIAL
    if not uniform:
        cfg = pmp_lookup(h, paddr, paddr + width)
    if not pmp_allows(cfg, access, h.data_mode):
        m.fault_address = vaddr
        return access_fault(access)
    offset = paddr - m.ram_base
    if uniform and 0 <= offset and offset < m.ram_size:
        entry = 2 * ((vaddr >> PAGE_SHIFT) & TLB_MASK)
        if access == LOAD:
            h.load_tlb[entry] = (vaddr & PAGE_BASE) | h.data_context
            h.load_tlb[entry + 1] = offset - vaddr
        elif page[U64(offset >> PAGE_SHIFT)] == 0:
            h.store_tlb[entry] = (vaddr & PAGE_BASE) | h.data_context
            h.store_tlb[entry + 1] = offset - vaddr
    return paddr
