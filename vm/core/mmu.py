"""The software TLBs: what they depend on, and how a fetch or a data access that misses fills them.

These functions run compiled and as plain Python (see `vm.codegen.engine_text`).
A negative answer is a fault (`vm.core.status`).
For `page` see `vm.core.code_pages`.
"""

from trapline.isa.cause import BREAKPOINT, FETCH_ACCESS
from trapline.isa.compression import PARCEL_BITS
from trapline.isa.mode import MODE_BITS, M
from trapline.isa.mstatus import MPP_SHIFT, MPRV, MXR, SUM
from trapline.isa.pmp import (
    PMP_A,
    PMP_ENTRIES,
)
from trapline.isa.sdtrig import ON_ACCESS, ON_EXECUTE, fires, has_trigger
from trapline.isa.sv32 import (
    PAGE,
    PAGE_BASE,
    PAGE_OFFSET,
    PAGE_SHIFT,
)
from trapline.isa.word import HALFWORD, MASK
from trapline.vm.core.access_type import FETCH, LOAD, access_fault
from trapline.vm.core.code_pages import is_near_tohost
from trapline.vm.core.event_log import LOG_MMU, begin_walk, end_walk
from trapline.vm.core.hart import TLB_ENTRIES
from trapline.vm.core.ints import I64, U64
from trapline.vm.core.page_walk import translate
from trapline.vm.core.parcels import (
    COMPRESSED,
    LAST_PARCEL,
    STRADDLING,
    fetch_width,
    is_long_at,
    word_in_page,
)
from trapline.vm.core.pmp_check import PARTIAL, pmp_allows, pmp_lookup
from trapline.vm.core.status import fault
from trapline.vm.core.stops import ARMED, BREAKPOINTS, NEAR_TOHOST, decode_straddling, note_fetch, page_mark
from trapline.vm.core.tlb import (
    CONTEXT_SHIFT,
    GENERATION_SHIFT,
    PLACE_MODE_SHIFT,
    SUM_MXR_SHIFT,
    TLB_MASK,
    fetch_context,
    tag_generation,
)
from trapline.vm.core.work import NEW_STORE_PAGE, WALK, charge


def refresh(h):
    """Make the TLB tags (`vm.core.tlb`) follow the mode and mstatus; drop all translations when `stale`."""
    if h.stale:
        h.stale = 0
        h.generation = h.generation + 1
        h.pmp_entries = 0
        for i in range(PMP_ENTRIES):
            if h.pmpcfg[i] & PMP_A:
                h.pmp_entries = i + 1
        if tag_generation(h) == 0:
            # Tags come again: those that are left of the last time must go.
            for i in range(2 * TLB_ENTRIES):
                h.fetch_tlb[i] = -1
                h.load_tlb[i] = -1
                h.store_tlb[i] = -1
    mode = h.mode
    if mode == M and h.mstatus & MPRV:
        mode = (h.mstatus >> MPP_SHIFT) & MODE_BITS
    h.data_mode = mode
    h.fetch_context = fetch_context(h)
    dropped = tag_generation(h) << GENERATION_SHIFT
    h.data_context = dropped | ((h.mstatus & (SUM | MXR)) << SUM_MXR_SHIFT) | (mode << CONTEXT_SHIFT)


def fetch_offset(h, m, ram32, code, page, vaddr):
    """The RAM offset of the instruction at `vaddr`, or of the rest of one; fills the fetch TLB when the page has one
    PMP answer."""
    charge(m, WALK)
    if h.triggers & ON_EXECUTE and vaddr == h.pc and fires(h, vaddr, ON_EXECUTE):
        return fault(BREAKPOINT)
    if m.stops & LOG_MMU:
        begin_walk(h, m, ram32, code, vaddr, FETCH, h.mode)
    paddr = translate(h, m, ram32, code, page, vaddr, FETCH, h.mode)
    if m.stops & LOG_MMU:
        end_walk(h, m, code, h.mode, paddr)
    if paddr < 0:
        return paddr
    offset = paddr - m.ram_base
    if offset < 0 or offset >= m.ram_size:
        return fault(FETCH_ACCESS)
    start = paddr & ~PAGE_OFFSET
    cfg = pmp_lookup(h, start, start + PAGE)
    uniform = cfg != PARTIAL
    if not uniform:
        cfg = pmp_lookup(h, paddr, paddr + fetch_width(h))
    if not pmp_allows(cfg, FETCH, h.mode):
        return fault(FETCH_ACCESS)
    if m.stops & BREAKPOINTS:
        note_fetch(code, vaddr, offset)
    if uniform and not has_trigger_in_page(h, vaddr, ON_EXECUTE):
        entry = 2 * (((vaddr >> PAGE_SHIFT) ^ (h.fetch_context >> PLACE_MODE_SHIFT)) & TLB_MASK)
        h.fetch_tlb[entry] = (vaddr & PAGE_BASE) | h.fetch_context
        h.fetch_tlb[entry + 1] = offset - vaddr
    return offset


def has_trigger_in_page(h, vaddr, does):
    """Whether a trigger is about an address in the page: its instructions or accesses are looked at one by one."""
    return h.triggers & does != 0 and has_trigger(h, vaddr & PAGE_BASE, vaddr | PAGE_OFFSET, does)


def fetch_rest(h, m, ram16, ram32, code, page, pc, offset):
    """Fetch what an instruction may have behind its first parcel, which is at this RAM offset.

    0 if it is in the page and can be fetched, or if there is none; 1 if the instruction straddles: its decoded form is
    where STRADDLING says. Else a fault of the rest.
    """
    parcel = offset >> 1
    if h.extensions & COMPRESSED == 0 or not is_long_at(ram16, parcel):
        return 0
    vaddr = (pc + HALFWORD) & MASK
    entry = 2 * (((vaddr >> PAGE_SHIFT) ^ (h.fetch_context >> PLACE_MODE_SHIFT)) & TLB_MASK)
    if h.fetch_tlb[entry] == (vaddr & PAGE_BASE) | h.fetch_context:
        rest = vaddr + h.fetch_tlb[entry + 1]
    else:
        rest = fetch_offset(h, m, ram32, code, page, vaddr)
    if rest < 0:
        return rest
    if parcel & LAST_PARCEL != LAST_PARCEL:
        return 0
    word = word_in_page(ram16, parcel) | (I64(ram16[U64(rest >> 1)]) << PARCEL_BITS)
    code[U64(len(code) - STRADDLING)] = decode_straddling(h, m, code, parcel, word)
    code[U64(len(code) - STRADDLING + 1)] = word
    return 1


def data_address(h, m, ram32, code, page, vaddr, width, access):
    """The physical address of an aligned load or store, permissions checked; fills the TLB of its type."""
    charge(m, WALK)
    if m.stops & LOG_MMU:
        begin_walk(h, m, ram32, code, vaddr, access, h.data_mode)
    paddr = translate(h, m, ram32, code, page, vaddr, access, h.data_mode)
    if m.stops & LOG_MMU:
        end_walk(h, m, code, h.data_mode, paddr)
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
        tag = (vaddr & PAGE_BASE) | h.data_context | page_mark(m, code, vaddr, paddr)
        if has_trigger_in_page(h, vaddr, ON_ACCESS):
            tag = tag | ARMED
        if access == LOAD:
            h.load_tlb[entry] = tag
            h.load_tlb[entry + 1] = offset - vaddr
        elif page[U64(offset >> PAGE_SHIFT)] == 0 or is_near_tohost(m, page, offset >> PAGE_SHIFT):
            charge(m, NEW_STORE_PAGE)
            h.store_tlb[entry] = tag | NEAR_TOHOST if page[U64(offset >> PAGE_SHIFT)] else tag
            h.store_tlb[entry + 1] = offset - vaddr
    return paddr
