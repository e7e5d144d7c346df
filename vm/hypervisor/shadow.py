"""The allocator: owns the frames behind the guest's RAM, and the shadow page tables that are built in them.

Tables are not freed one by one: when the frames (`vm.hypervisor.frames`) run out, all are dropped and refilled on
demand.
Compiled and plain Python run the same text (`vm.codegen.engine_text`).
`v` is a virtual hart, `h` the real one that runs for it, `m` and `r` the records of the virtual and the real machine.
"""

from trapline.isa.mode import M, S, U
from trapline.isa.mstatus import MXR, SUM
from trapline.isa.sv32 import (
    MEGAPAGE_SHIFT,
    PAGE,
    PAGE_OFFSET,
    PAGE_SHIFT,
    PAGE_WORDS,
    PTE_PPN_SHIFT,
    PTE_R,
    PTE_V,
    PTE_W,
    PTE_X,
    SATP_SV32,
    VPN_BITS,
)
from trapline.vm.core.access_type import LOAD, STORE
from trapline.vm.core.code_pages import WATCHED
from trapline.vm.core.event_log import LOG_MMU, begin_walk, end_walk
from trapline.vm.core.ints import I64, U32, U64
from trapline.vm.core.page_walk import translate
from trapline.vm.core.pmp_check import PARTIAL, pmp_allows, pmp_lookup
from trapline.vm.core.tlb import GENERATIONS
from trapline.vm.core.work import FILL, FRAME, charge
from trapline.vm.hypervisor.frames import (
    FIRST_TABLE,
    FRAMES,
    ROOT_BARE_S,
    ROOT_BARE_U,
    ROOT_M,
    ROOT_S,
    ROOT_SUM,
    ROOT_U,
    ROOTS,
)
from trapline.vm.hypervisor.guest_tables import permission
from trapline.vm.hypervisor.hooks import entry_for, has_real_supervisor, permissions, restrict
from trapline.vm.hypervisor.tracing import is_table, trace_tables

ROOT_BITS = 3
"""Low bits of the generation of a real hart: the root that its translations come from."""

EPOCHS = GENERATIONS >> ROOT_BITS
"""Times that shadow tables can be dropped before the tags of real TLBs come again; `r.shadow_epoch` itself goes on."""


def choose_root(v, m):
    """Which root serves the virtual hart as it is now."""
    if v.mode == M:
        return ROOT_M
    if v.satp & SATP_SV32 == 0:
        return ROOT_BARE_S if v.mode == S else ROOT_BARE_U
    if v.mode == U or has_real_supervisor(m):
        return ROOT_U
    return ROOT_SUM if v.mstatus & SUM else ROOT_S


def clear_frame(ram32, frame):
    """Fill a frame, given by its page number in RAM, with invalid entries."""
    for i in range(PAGE_WORDS):
        ram32[U64(frame * PAGE_WORDS + i)] = U32(0)


def shadowed_mxr(v, m):
    """The mstatus.MXR that shadow entries depend on."""
    return 0 if has_real_supervisor(m) else v.mstatus & MXR


def drop_shadows(v, h, m, r, ram32, page):
    """Forget all shadow tables and what the real hart has cached of them."""
    charge(m, ROOTS * FRAME)
    for i in range(ROOTS):
        clear_frame(ram32, r.first_frame + i)
    r.next_frame = FIRST_TABLE
    r.shadow_epoch = r.shadow_epoch + 1
    if r.shadow_epoch & (EPOCHS - 1) == 0:
        for i in range(len(h.load_tlb)):
            h.fetch_tlb[i] = -1
            h.load_tlb[i] = -1
            h.store_tlb[i] = -1
    r.shadow_generation = v.generation
    r.shadow_mxr = shadowed_mxr(v, m)
    r.shadow_demand = m.shadow_demand
    r.shadow_drops = r.shadow_drops + 1
    if m.traced:
        trace_tables(v, m, r, ram32, page)


def follow_virtual(v, h, m, r, ram32, page):
    """Drop the shadow tables if what they were made of is no longer in force, and let the real hart use the right root.

    The guest's sfence.vma and its writes to satp and to PMP registers have dropped the virtual hart's own
    cached translations, which shows in its generation.
    """
    if v.generation != r.shadow_generation or shadowed_mxr(v, m) != r.shadow_mxr or m.shadow_demand != r.shadow_demand:
        drop_shadows(v, h, m, r, ram32, page)
    root = choose_root(v, m)
    h.satp = SATP_SV32 | ((m.ram_base >> PAGE_SHIFT) + r.first_frame + root)
    h.generation = (r.shadow_epoch << ROOT_BITS) + root


def lower_table(v, h, m, r, ram32, page, vaddr):
    """Page number in RAM of the lower shadow table for `vaddr` in the root in force, made if need be."""
    slot = (r.first_frame + choose_root(v, m)) * PAGE_WORDS + (vaddr >> MEGAPAGE_SHIFT)
    entry = I64(ram32[U64(slot)])
    if entry & PTE_V:
        return (entry >> PTE_PPN_SHIFT) - (m.ram_base >> PAGE_SHIFT)
    if r.next_frame >= FRAMES:
        drop_shadows(v, h, m, r, ram32, page)
        follow_virtual(v, h, m, r, ram32, page)
    frame = r.first_frame + r.next_frame
    r.next_frame = r.next_frame + 1
    charge(m, FRAME)
    clear_frame(ram32, frame)
    ram32[U64(slot)] = U32((((m.ram_base >> PAGE_SHIFT) + frame) << PTE_PPN_SHIFT) | PTE_V)
    return frame


def fill_shadow(v, h, m, r, ram32, code, page, vaddr, access):
    """Handle a page fault of the real hart: 1 when a shadow entry was made and the access can be tried again.

    0 when the fault is true (the guest's own tables or PMP refuse), when a device is behind the address,
    when PMP decides within the page, or when it stores to a traced table: then the instruction has to be emulated.
    """
    charge(m, FILL)
    if m.stops & LOG_MMU:
        begin_walk(v, m, ram32, code, vaddr, access, v.mode)
    paddr = translate(v, m, ram32, code, page, vaddr, access, v.mode)
    if m.stops & LOG_MMU:
        end_walk(v, m, code, v.mode, paddr)
    r.fault_paddr = paddr
    offset = paddr - m.ram_base
    number = offset >> PAGE_SHIFT
    if paddr < 0 or offset < 0 or offset >= m.ram_size:
        return 0
    start = paddr & ~PAGE_OFFSET
    cfg = pmp_lookup(v, start, start + PAGE)
    if cfg == PARTIAL or not pmp_allows(cfg, access, v.mode):
        return 0
    allowed = permissions(v, m, ram32, vaddr, cfg)
    present = shadow_entry(v, m, r, ram32, vaddr)
    allowed = restrict(v, m, ram32, code, page, number, access, allowed, present)
    needed = permission(access)
    if has_real_supervisor(m) and access == LOAD and v.mstatus & MXR:
        needed = PTE_X | PTE_R
    if allowed & needed == 0 or allowed & (PTE_R | PTE_W) == PTE_W:
        # Writable but not readable is reserved; such a page (PMP without R) is left to the interpreter routines.
        return 0
    if m.traced and allowed & PTE_W and page[U64(number)] & WATCHED and is_table(v, m, ram32, number):
        if access == STORE:
            r.traced_stores = r.traced_stores + 1
            return 0
        allowed = allowed & ~PTE_W
    entry = entry_for(v, m, ram32, code, page, number, access, start, allowed)
    if m.shadow_demand != r.shadow_demand:
        # A page has changed between data and code: what has been filled until now is void.
        follow_virtual(v, h, m, r, ram32, page)
    frame = lower_table(v, h, m, r, ram32, page, vaddr)
    ram32[U64(frame * PAGE_WORDS + ((vaddr >> PAGE_SHIFT) & VPN_BITS))] = U32(entry)
    return 1


def shadow_entry(v, m, r, ram32, vaddr):
    """The shadow entry for an address in the root in force, 0 without one."""
    table = I64(ram32[U64((r.first_frame + choose_root(v, m)) * PAGE_WORDS + (vaddr >> MEGAPAGE_SHIFT))])
    if table & PTE_V == 0:
        return 0
    number = (table >> PTE_PPN_SHIFT) - (m.ram_base >> PAGE_SHIFT)
    return I64(ram32[U64(number * PAGE_WORDS + ((vaddr >> PAGE_SHIFT) & VPN_BITS))])
