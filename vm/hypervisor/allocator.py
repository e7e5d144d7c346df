"""The allocator: owns the frames behind the guest's RAM, and the shadow page tables that are built in them.

Every real hart has FRAMES of them. The first ROOTS are the roots, one for each way in which a virtual hart may
translate; then comes one for `vm.hypervisor.tracing`; the rest hold the lower tables, handed out in order.
There is no room to take a table back: when the frames are used up, everything is dropped and filled again on demand.
Compiled and plain Python run the same text (`vm.codegen`).
`v` is a virtual hart, `h` the real one that runs for it, `m` and `r` the records of the virtual and the real machine.
"""

from vm.hypervisor.tracing import is_table, trace_tables
from vm.ints import I64, U32, U64
from vm.mmu import find_leaf, pmp_allows, pmp_lookup, pte_allows, translate

ROOTS = 6
"""Roots: virtual M, S and U mode without translation; U, S with SUM clear, S with SUM set with translation."""

FIRST_TABLE = ROOTS + 1
"""The first frame for lower tables."""

FRAMES = 1024
"""Frames behind the guest's RAM."""

EPOCHS = 0x400000
"""Times that shadow tables can be dropped before the tags of real TLBs are used up: 26 bits, three of them a root."""


def choose_root(v):
    """Which root serves the virtual hart as it is now."""
    if v.mode == 3:
        return 0
    if v.satp >> 31 == 0:
        return 2 - v.mode
    if v.mode == 0:
        return 3
    return 5 if v.mstatus & 0x40000 else 4


def clear_frame(ram32, frame):
    """Fill a frame, given by its page number in RAM, with invalid entries."""
    for i in range(1024):
        ram32[U64(frame * 1024 + i)] = U32(0)


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
    r.shadow_mxr = v.mstatus & 0x80000
    r.shadow_drops = r.shadow_drops + 1
    if m.traced:
        trace_tables(v, m, r, ram32, page)


def follow_virtual(v, h, m, r, ram32, page):
    """Drop the shadow tables if what they were made of is no longer in force, and let the real hart use the right root.

    The guest's sfence.vma and its writes to satp and to PMP registers have dropped the virtual hart's own
    cached translations, which shows in its generation.
    """
    if v.generation != r.shadow_generation or v.mstatus & 0x80000 != r.shadow_mxr:
        drop_shadows(v, h, m, r, ram32, page)
    root = choose_root(v)
    h.satp = 0x80000000 | ((m.ram_base >> 12) + r.first_frame + root)
    h.generation = r.shadow_epoch * 8 + root


def lower_table(v, h, m, r, ram32, page, vaddr):
    """Page number in RAM of the lower shadow table for `vaddr` in the root in force, made if need be."""
    slot = (r.first_frame + choose_root(v)) * 1024 + (vaddr >> 22)
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
    """R, W and X of the shadow entry for a page that the virtual hart has just been allowed to access.

    W only once the guest's own entry has its D bit: the store that sets it has to come through here.
    """
    mode = v.mode
    allowed = 0
    if mode == 3 or v.satp >> 31 == 0:
        for access in range(3):
            if pmp_allows(cfg, access, mode):
                allowed = allowed | (8 if access == 0 else 2 * access)
        return allowed
    leaf = find_leaf(v, m, ram32, vaddr, 1)
    pte = I64(ram32[U64(((leaf & ~3) - m.ram_base) >> 2)])
    for access in range(3):
        if pte_allows(v, pte, access, mode) and pmp_allows(cfg, access, mode) and (access != 2 or pte & 0x80):
            allowed = allowed | (8 if access == 0 else 2 * access)
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
    if allowed & 6 == 4:
        # Writable but not readable is reserved; such a page (PMP without R) is left to the interpreter routines.
        return 0
    if m.traced and allowed & 4 and page[U64(offset >> 12)] & 128 and is_table(v, m, ram32, offset >> 12):
        if access == 2:
            r.traced_stores = r.traced_stores + 1
            return 0
        allowed = allowed & ~4
    frame = lower_table(v, h, m, r, ram32, page, vaddr)
    entry = ((start >> 12) << 10) | 0xD1 | allowed
    ram32[U64(frame * 1024 + ((vaddr >> 12) & 0x3FF))] = U32(entry)
    return 1
