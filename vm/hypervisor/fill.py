"""Shadow entries: made when the guest first needs a page, and ahead when it has needed it before.

Compiled and plain Python run the same text (`vm.codegen.engine_text`); names are those of `vm.hypervisor.shadow`.
"""

from trapline.isa.mstatus import MXR
from trapline.isa.sv32 import (
    PAGE,
    PAGE_OFFSET,
    PAGE_SHIFT,
    PAGE_WORDS,
    PTE_A,
    PTE_LEAF,
    PTE_R,
    PTE_W,
    PTE_X,
    VPN_BITS,
)
from trapline.vm.core.access_type import LOAD, STORE
from trapline.vm.core.code_pages import WATCHED
from trapline.vm.core.event_log import LOG_MMU, begin_walk, end_walk
from trapline.vm.core.ints import I64, U32, U64
from trapline.vm.core.page_walk import entry_at, find_leaf, leaf_address, translate
from trapline.vm.core.pmp_check import PARTIAL, pmp_allows, pmp_lookup
from trapline.vm.core.work import FILL, charge
from trapline.vm.hypervisor.frames import FIRST_TRANSLATING, FRAMES
from trapline.vm.hypervisor.guest_tables import guest_entry, is_megapage, permission
from trapline.vm.hypervisor.hooks import entry_for, has_real_supervisor, permissions, restrict
from trapline.vm.hypervisor.notes import (
    VPN_MASK,
    are_due,
    due_note,
    note_megapage,
    note_page,
    table_at,
    take_due,
)
from trapline.vm.hypervisor.shadow import choose_root, follow_virtual, lower_table
from trapline.vm.hypervisor.tracing import is_table


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
    allowed = permissions(v, m, guest_entry(v, m, ram32, vaddr), cfg)
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
    root = choose_root(v, m, r)
    if are_due(r, ram32, root):
        fill_ahead(v, h, m, r, ram32, code, page, root)
    put_entry(v, h, m, r, ram32, page, root, vaddr >> PAGE_SHIFT, entry)
    return 1


def shadow_entry(v, m, r, ram32, vaddr):
    """The shadow entry for an address in the root in force, 0 without one."""
    table = table_at(m, r, ram32, choose_root(v, m, r), vaddr >> PAGE_SHIFT)
    return 0 if table < 0 else I64(ram32[U64(table + ((vaddr >> PAGE_SHIFT) & VPN_BITS))])


def put_entry(v, h, m, r, ram32, page, root, note, entry):
    """Set the shadow entry for a page in `root`, which is in force. note: the page and its age."""
    vpn = note & VPN_MASK
    frame = lower_table(v, h, m, r, ram32, page, vpn << PAGE_SHIFT)
    at = frame * PAGE_WORDS + (vpn & VPN_BITS)
    if I64(ram32[U64(at)]) == 0:
        note_page(r, ram32, root, note)
    ram32[U64(at)] = U32(entry)
    if root >= FIRST_TRANSLATING and is_megapage(v, m, ram32, vpn << PAGE_SHIFT):
        note_megapage(r, ram32, root, vpn)


def fill_ahead(v, h, m, r, ram32, code, page, root):
    """Fill what is due in `root`, which is in force: pages that can be accessed without changing the guest's tables.

    The notes are made anew, of what is filled.
    """
    for i in range(take_due(r, ram32, root)):
        note = due_note(r, ram32, root, i)
        charge(m, FILL)
        entry = entry_ahead(v, m, ram32, code, page, root, (note & VPN_MASK) << PAGE_SHIFT)
        if entry and r.next_frame < FRAMES:
            put_entry(v, h, m, r, ram32, page, root, note, entry)


def entry_ahead(v, m, ram32, code, page, root, vaddr):
    """The shadow entry for an address that the guest has not accessed since it was dropped; 0 if there can be none.

    Its A bit is clear, so that the real hart sets it when the page is used. The guest's own A is set already: what the
    bare machine does when the page is accessed has been done.
    """
    paddr = vaddr
    pte = I64(0)
    if root >= FIRST_TRANSLATING:
        leaf = find_leaf(v, m, ram32, vaddr, LOAD)
        if leaf < 0:
            return 0
        pte = entry_at(m, ram32, leaf)
        if pte & PTE_A == 0:
            return 0
        paddr = leaf_address(pte, leaf & 1, vaddr)
    offset = paddr - m.ram_base
    if offset < 0 or offset >= m.ram_size:
        return 0
    cfg = pmp_lookup(v, paddr, paddr + PAGE)
    if cfg == PARTIAL:
        return 0
    allowed = permissions(v, m, pte, cfg)
    if allowed & PTE_LEAF == 0 or allowed & (PTE_R | PTE_W) == PTE_W:
        return 0
    return entry_for(v, m, ram32, code, page, offset >> PAGE_SHIFT, LOAD, paddr, allowed) & ~PTE_A
