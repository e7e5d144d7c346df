"""From a virtual address to a byte of RAM: Sv32, PMP and the software TLBs.

These functions run compiled and as plain Python (see `vm.codegen.engine_text`).
A negative answer is a fault: -1 - cause.
Access types: 0 fetch, 1 load, 2 store. For `page` see `vm.core.code_pages`.
"""

from trapline.isa.mstatus import MXR, SUM
from trapline.vm.core.code_pages import forget_code
from trapline.vm.core.hart import TLB_ENTRIES
from trapline.vm.core.ints import U32, U64
from trapline.vm.core.patches import own_word, remove_patch

FETCH = 0
LOAD = 1
STORE = 2

PTE_V, PTE_R, PTE_W, PTE_X, PTE_U, PTE_G, PTE_A, PTE_D = 1, 2, 4, 8, 16, 32, 64, 128
"""Bits of a page-table entry (Priv 10.3.1)."""


def access_fault(access):
    """-1 - cause of an access fault."""
    return -2 if access == 0 else (-6 if access == 1 else -8)


def page_fault(access):
    """-1 - cause of a page fault."""
    return -13 if access == 0 else (-14 if access == 1 else -16)


def pmp_lookup(h, start, end):
    """Configuration of the PMP entry that decides [start, end): -1 none matches, -2 one matches only in part.

    "The lowest-numbered PMP entry that matches any byte of an access determines whether that access
    succeeds or fails. The matching PMP entry must match all bytes of an access, or the access fails,
    irrespective of the L, R, W, and X bits." (Priv 3.7.1.3)
    """
    for i in range(h.pmp_entries):
        cfg = h.pmpcfg[i]
        matching = (cfg >> 3) & 3
        if matching == 0:
            continue
        address = h.pmpaddr[i]
        if matching == 1:
            low = 0
            if i > 0:
                low = h.pmpaddr[i - 1] << 2
            high = address << 2
        elif matching == 2:
            low = address << 2
            high = low + 4
        else:
            trailing = address ^ (address + 1)
            low = (address & ~trailing) << 2
            high = low + ((trailing + 1) << 2)
        if low < end and start < high:
            if low <= start and end <= high:
                return cfg
            return -2
    return -1


def pmp_allows(cfg, access, mode):
    """Whether the answer `cfg` of `pmp_lookup` permits an access in `mode`.

    "If no PMP entry matches an M-mode access, the access succeeds. If no PMP entry matches an S-mode or
    U-mode access, but at least one PMP entry is implemented, the access fails." (Priv 3.7.1.3)
    """
    if cfg == -2:
        return False
    if mode == 3 and (cfg == -1 or cfg & 0x80 == 0):
        return True
    if cfg == -1:
        return False
    bit = 4 if access == 0 else access
    return cfg & bit != 0


def entry_at(m, ram32, address):
    """The page-table entry at a physical address in RAM, as the guest has written it: it may be a word of its code."""
    return own_word(m, ram32, (address - m.ram_base) >> 2)


def find_leaf(h, m, ram32, vaddr, access):
    """Where the leaf PTE of `vaddr` is: its physical address with the level in bit 0, or a fault (Priv 10.3.2)."""
    address = ((h.satp & 0x3FFFFF) << 12) + ((vaddr >> 22) << 2)
    level = 1
    pte = 0
    while True:
        offset = address - m.ram_base
        if offset < 0 or offset >= m.ram_size:
            return access_fault(access)
        if not pmp_allows(pmp_lookup(h, address, address + 4), 1, 1):
            return access_fault(access)
        pte = entry_at(m, ram32, address)
        if pte & 1 == 0 or pte & 6 == 4:
            return page_fault(access)
        if pte & 0xE:
            break
        # "For non-leaf PTEs, the D, A, and U bits are reserved for future standard use."
        if level == 0 or pte & 0xD0:
            return page_fault(access)
        level = 0
        address = ((pte >> 10) << 12) + (((vaddr >> 12) & 0x3FF) << 2)
    if level == 1 and pte & 0xFFC00:
        return page_fault(access)
    return address | level


def pte_allows(h, pte, access, mode):
    """Whether a leaf PTE permits an access in `mode`."""
    if pte & PTE_U:
        # "When SUM=0, S-mode memory accesses to pages that are accessible by U-mode ... will fault." (Priv 3.1.6.3)
        # "S-mode can never execute instructions from user pages, regardless of the state of SUM." (Priv 10.1.1.2)
        if mode == 1 and (access == 0 or h.mstatus & SUM == 0):
            return False
    elif mode == 0:
        return False
    if access == 0:
        return pte & PTE_X != 0
    if access == 1:
        return pte & (PTE_R | PTE_X if h.mstatus & MXR else PTE_R) != 0
    return pte & PTE_W != 0


def leaf_address(pte, level, vaddr):
    """The physical address of `vaddr` under its leaf PTE; 34 bits."""
    if level == 1:
        return ((pte >> 20) << 22) | (vaddr & 0x3FFFFF)
    return ((pte >> 10) << 12) | (vaddr & 0xFFF)


def translate(h, m, ram32, code, page, vaddr, access, mode):
    """The physical address of `vaddr`, walking Sv32 page tables and updating A and D (Priv 10.3.2)."""
    if mode == 3 or h.satp >> 31 == 0:
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
        if not pmp_allows(pmp_lookup(h, address, address + 4), 2, 1):
            return access_fault(access)
        offset = address - m.ram_base
        remove_patch(m, ram32, code, page, offset >> 2)
        ram32[U64(offset >> 2)] = U32(updated)
        forget_code(code, page, offset)
        if m.page_states and page[U64(offset >> 12)] & 128:
            # A table that is code as well.
            m.stored_low = min(m.stored_low, offset)
            m.stored_high = max(m.stored_high, offset)
    return leaf_address(pte, leaf & 1, vaddr)


def real_address(h, m, ram32, vaddr):
    """The physical address of `vaddr` by translation alone, as data; -1 if it has none of 32 bits. Changes nothing."""
    if h.data_mode == 3 or h.satp >> 31 == 0:
        return vaddr
    leaf = find_leaf(h, m, ram32, vaddr, 1)
    if leaf < 0:
        return -1
    paddr = leaf_address(entry_at(m, ram32, leaf), leaf & 1, vaddr)
    return paddr if paddr < 0x100000000 else -1


def load_allowed(h, m, ram32, vaddr):
    """1 if translation and PMP permit a load of the byte at `vaddr`, else 0. Changes nothing."""
    paddr = real_address(h, m, ram32, vaddr)
    if paddr < 0:
        return 0
    if h.data_mode < 3 and h.satp >> 31:
        leaf = find_leaf(h, m, ram32, vaddr, 1)
        pte = entry_at(m, ram32, leaf)
        if not pte_allows(h, pte, 1, h.data_mode):
            return 0
        # Setting A is a store to the table.
        if pte & 0x40 == 0 and not pmp_allows(pmp_lookup(h, leaf & ~3, (leaf & ~3) + 4), 2, 1):
            return 0
    return 1 if pmp_allows(pmp_lookup(h, paddr, paddr + 1), 1, h.data_mode) else 0


def refresh(h):
    """Make the TLB tags follow the mode and mstatus; drop all translations when `stale`.

    A tag is the virtual page, plus, from bit 32 on, what the translation depends on: mode, SUM, MXR and
    the number of times that everything was dropped, so dropping all costs one addition.
    """
    if h.stale:
        h.stale = 0
        h.generation = h.generation + 1
        h.pmp_entries = 0
        for i in range(16):
            if h.pmpcfg[i] & 0x18:
                h.pmp_entries = i + 1
        if h.generation >= 0x4000000:
            h.generation = 1
            for i in range(2 * TLB_ENTRIES):
                h.fetch_tlb[i] = -1
                h.load_tlb[i] = -1
                h.store_tlb[i] = -1
    mode = h.mode
    if mode == 3 and h.mstatus & 0x20000:
        mode = (h.mstatus >> 11) & 3
    h.data_mode = mode
    h.fetch_context = (h.generation << 36) | (h.mode << 32)
    h.data_context = (h.generation << 36) | (((h.mstatus >> 16) & 0xC) << 32) | (mode << 32)


def fetch_offset(h, m, ram32, code, page, vaddr):
    """The RAM offset of the instruction at `vaddr`; fills the fetch TLB when the page has one PMP answer."""
    paddr = translate(h, m, ram32, code, page, vaddr, 0, h.mode)
    if paddr < 0:
        return paddr
    offset = paddr - m.ram_base
    if offset < 0 or offset >= m.ram_size:
        return -2
    start = paddr & ~0xFFF
    cfg = pmp_lookup(h, start, start + 4096)
    uniform = cfg != -2
    if not uniform:
        cfg = pmp_lookup(h, paddr, paddr + 4)
    if not pmp_allows(cfg, 0, h.mode):
        return -2
    if uniform:
        # The mode, bits 33:32 of the context, is part of the place: a page that two modes execute in turn, such as
        # that of a short trap handler, has an entry for each.
        entry = 2 * (((vaddr >> 12) ^ (h.fetch_context >> 22)) & (TLB_ENTRIES - 1))
        h.fetch_tlb[entry] = (vaddr & 0xFFFFF000) | h.fetch_context
        h.fetch_tlb[entry + 1] = offset - vaddr
    return offset


def data_address(h, m, ram32, code, page, vaddr, width, access):
    """The physical address of an aligned load or store, permissions checked; fills the TLB of its type."""
    paddr = translate(h, m, ram32, code, page, vaddr, access, h.data_mode)
    if paddr < 0:
        m.fault_address = vaddr
        return paddr
    start = paddr & ~0xFFF
    cfg = pmp_lookup(h, start, start + 4096)
    uniform = cfg != -2
    if not uniform:
        cfg = pmp_lookup(h, paddr, paddr + width)
    if not pmp_allows(cfg, access, h.data_mode):
        m.fault_address = vaddr
        return access_fault(access)
    offset = paddr - m.ram_base
    if uniform and 0 <= offset and offset < m.ram_size:
        entry = 2 * ((vaddr >> 12) & (TLB_ENTRIES - 1))
        if access == 1:
            h.load_tlb[entry] = (vaddr & 0xFFFFF000) | h.data_context
            h.load_tlb[entry + 1] = offset - vaddr
        elif page[U64(offset >> 12)] == 0:
            h.store_tlb[entry] = (vaddr & 0xFFFFF000) | h.data_context
            h.store_tlb[entry + 1] = offset - vaddr
    return paddr
