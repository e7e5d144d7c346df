"""The allocator: owns the frames behind the guest's RAM, and the shadow page tables that are built in them.

Every real hart has FRAMES of them. The first ROOTS are the roots, one for each way in which a virtual hart may
translate; then comes one for `vm.hypervisor.tracing`; the rest hold the lower tables, handed out in order.
There is no room to take a table back: when the frames are used up, everything is dropped and filled again on demand.
Compiled and plain Python run the same text (`vm.codegen.engine_text`).
`v` is a virtual hart, `h` the real one that runs for it, `m` and `r` the records of the virtual and the real machine.
"""

from trapline.vm.core.ints import I64, U32, U64
from trapline.vm.core.mmu import entry_at, find_leaf, pmp_allows, pmp_lookup, pte_allows, translate
from trapline.vm.hypervisor.patcher import patched_permissions
from trapline.vm.hypervisor.technique import ASSIST, PATCH, TRANSLATE
from trapline.vm.hypervisor.tracing import is_table, trace_tables
from trapline.vm.hypervisor.translator import data_permissions, executable_entry

ROOTS = 6
"""Roots: virtual M, S and U mode without translation; U, S with SUM clear, S with SUM set with translation.

Where virtual S mode has the real one, the fourth serves U and S: its entries have the guest's U bits.
"""

FIRST_TABLE = ROOTS + 1
"""The first frame for lower tables."""

FRAMES = 1024
"""Frames behind the guest's RAM."""

EPOCHS = 0x400000
"""Times that shadow tables can be dropped before the tags of real TLBs are used up: 26 bits, three of them a root."""


def choose_root(v, m):
    """Which root serves the virtual hart as it is now."""
    if v.mode == 3:
        return 0
    if v.satp >> 31 == 0:
        return 2 - v.mode
    if v.mode == 0 or m.technique == ASSIST:
        return 3
    return 5 if v.mstatus & 0x40000 else 4


def clear_frame(ram32, frame):
    """Fill a frame, given by its page number in RAM, with invalid entries."""
    for i in range(1024):
        ram32[U64(frame * 1024 + i)] = U32(0)


def shadowed_mxr(v, m):
    """The mstatus.MXR that shadow entries depend on."""
    return 0 if m.technique == ASSIST else v.mstatus & 0x80000


def drop_shadows(v, h, m, r, ram32, page):
    """Forget all shadow tables and what the real hart has cached of them."""
    for i in range(ROOTS):
        clear_frame(ram32, r.first_frame + i)
    r.next_frame = FIRST_TABLE
    r.shadow_epoch = r.shadow_epoch + 1
    if r.shadow_epoch >= EPOCHS:
        r.shadow_epoch = 1
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
    h.satp = 0x80000000 | ((m.ram_base >> 12) + r.first_frame + root)
    h.generation = r.shadow_epoch * 8 + root


def lower_table(v, h, m, r, ram32, page, vaddr):
    """Page number in RAM of the lower shadow table for `vaddr` in the root in force, made if need be."""
    slot = (r.first_frame + choose_root(v, m)) * 1024 + (vaddr >> 22)
    entry = I64(ram32[U64(slot)])
    if entry & 1:
        return (entry >> 10) - (m.ram_base >> 12)
    if r.next_frame >= FRAMES:
        drop_shadows(v, h, m, r, ram32, page)
        follow_virtual(v, h, m, r, ram32, page)
    frame = r.first_frame + r.next_frame
    r.next_frame = r.next_frame + 1
    clear_frame(ram32, frame)
    ram32[U64(slot)] = U32((((m.ram_base >> 12) + frame) << 10) | 1)
    return frame


def permissions(v, m, ram32, vaddr, cfg):
    """R, W, X and U of the shadow entry for a page that the virtual hart has just been allowed to access.

    W only once the guest's own entry has its D bit: the store that sets it has to come through here.
    """
    if m.technique == ASSIST and v.mode < 3:
        return supervisor_permissions(v, m, ram32, vaddr, cfg)
    mode = v.mode
    allowed = 0x10
    if mode == 3 or v.satp >> 31 == 0:
        for access in range(3):
            if pmp_allows(cfg, access, mode):
                allowed = allowed | (8 if access == 0 else 2 * access)
        return allowed
    pte = guest_entry(v, m, ram32, vaddr)
    for access in range(3):
        if pte_allows(v, pte, access, mode) and pmp_allows(cfg, access, mode) and (access != 2 or pte & 0x80):
            allowed = allowed | (8 if access == 0 else 2 * access)
    return allowed


def guest_entry(v, m, ram32, vaddr):
    """The guest's own leaf PTE of an address that it has one for."""
    leaf = find_leaf(v, m, ram32, vaddr, 1)
    return entry_at(m, ram32, leaf)


def supervisor_permissions(v, m, ram32, vaddr, cfg):
    """`permissions` where the real hart has the mode, SUM and MXR of the virtual one: what the guest's entry says.

    Real MXR would make a page readable that PMP, which it does not touch, lets be executed only: no X for that.
    """
    allowed = 0xE | (0x10 if v.mode == 0 else 0)
    if v.satp >> 31:
        pte = guest_entry(v, m, ram32, vaddr)
        allowed = pte & (0x1E if pte & 0x80 else 0x1A)
    if not pmp_allows(cfg, 1, v.mode):
        allowed = allowed & ~0xA
    if not pmp_allows(cfg, 2, v.mode):
        allowed = allowed & ~4
    if not pmp_allows(cfg, 0, v.mode):
        allowed = allowed & ~8
    return allowed


def fill_shadow(v, h, m, r, ram32, code, page, vaddr, access):
    """Handle a page fault of the real hart: 1 when a shadow entry was made and the access can be tried again.

    0 when the fault is true (the guest's own tables or PMP refuse), when a device is behind the address,
    when PMP decides within the page, or when it stores to a traced table: then the instruction has to be emulated.
    """
    paddr = translate(v, m, ram32, code, page, vaddr, access, v.mode)
    r.fault_paddr = paddr
    offset = paddr - m.ram_base
    if paddr < 0 or offset < 0 or offset >= m.ram_size:
        return 0
    start = paddr & ~0xFFF
    cfg = pmp_lookup(v, start, start + 4096)
    if cfg == -2 or not pmp_allows(cfg, access, v.mode):
        return 0
    allowed = permissions(v, m, ram32, vaddr, cfg)
    if m.technique == PATCH:
        allowed = patched_permissions(v, m, ram32, code, page, offset >> 12, access, allowed)
    if m.technique == TRANSLATE and access > 0:
        allowed = data_permissions(m, ram32, offset >> 12, allowed, shadow_entry(v, m, r, ram32, vaddr))
    needed = 8 if access == 0 else 2 * access
    if m.technique == ASSIST and access == 1 and v.mstatus & 0x80000:
        needed = 0xA
    if allowed & needed == 0 or allowed & 6 == 4:
        # Writable but not readable is reserved; such a page (PMP without R) is left to the interpreter routines.
        return 0
    if m.traced and allowed & 4 and page[U64(offset >> 12)] & 128 and is_table(v, m, ram32, offset >> 12):
        if access == 2:
            r.traced_stores = r.traced_stores + 1
            return 0
        allowed = allowed & ~4
    entry = ((start >> 12) << 10) | 0xC1 | allowed
    if m.technique == TRANSLATE and access == 0:
        entry = executable_entry(v, m, ram32, code, page, offset >> 12)
    if m.shadow_demand != r.shadow_demand:
        # A page has changed between data and code: what has been filled until now is void.
        follow_virtual(v, h, m, r, ram32, page)
    frame = lower_table(v, h, m, r, ram32, page, vaddr)
    ram32[U64(frame * 1024 + ((vaddr >> 12) & 0x3FF))] = U32(entry)
    return 1


def shadow_entry(v, m, r, ram32, vaddr):
    """The shadow entry for an address in the root in force, 0 without one."""
    table = I64(ram32[U64((r.first_frame + choose_root(v, m)) * 1024 + (vaddr >> 22))])
    if table & 1 == 0:
        return 0
    return I64(ram32[U64(((table >> 10) - (m.ram_base >> 12)) * 1024 + ((vaddr >> 12) & 0x3FF))])
