"""Traced page tables: a store to a page of the guest's tables takes effect on the shadow tables at once.

The page tables in force, the root and those that its entries point to, are write-protected in the shadow tables, so a
store of the real hart to one of them traps; and they are watched (`page`, bit 7), so a store by an interpreter routine
leaves its place in the machine's record. The entry stored to is then forgotten wherever it was cached: in the shadow
tables, and in the TLBs of the real and of the virtual hart.
What sets A and D bits only grants more than before, so nothing has to be forgotten for it.
Compiled and plain Python run the same text (`vm.codegen.engine_text`); names as in `vm.hypervisor.shadow`.
"""

from trapline.vm.core.ints import I64, U32, U64
from trapline.vm.hypervisor.patcher import is_code

TRACE_FRAME = 6
"""The frame behind the roots: page numbers of the tables that are watched."""

NOWHERE = 0x7FFFFFFFFFFFFFFF


def table_page(m, entry):
    """Page number in RAM of the table that an entry of the root points to, -1 if it points to none."""
    # "For non-leaf PTEs, the D, A, and U bits are reserved": such an entry is a page fault, so there is no table.
    if entry & 0xDF != 1:
        return -1
    offset = ((entry >> 10) << 12) - m.ram_base
    return offset >> 12 if 0 <= offset and offset < m.ram_size else -1


def root_page(v, m):
    """Page number in RAM of the guest's root in force, in whatever mode it is; -1 without one."""
    offset = ((v.satp & 0x3FFFFF) << 12) - m.ram_base
    return offset >> 12 if v.satp >> 31 and 0 <= offset and offset < m.ram_size else -1


def is_table(v, m, ram32, number):
    """Whether this page, which is watched, is one of the guest's page tables in force; for any of several harts."""
    if m.harts > 1:
        return True
    root = root_page(v, m)
    if root < 0:
        return False
    if number == root:
        return True
    for i in range(1024):
        if table_page(m, I64(ram32[U64(root * 1024 + i)])) == number:
            return True
    return False


def watch_table(m, r, ram32, page, number):
    """Let stores of interpreter routines to this page be noticed."""
    if page[U64(number)] & 128:
        return
    page[U64(number)] = page[U64(number)] | 128
    # As when a page becomes one of code: the store TLBs must not know it any more.
    m.code_epoch = m.code_epoch + 1
    if m.harts > 1:
        # Others may have shadow entries through which they could store to it.
        m.trace_epoch = m.trace_epoch + 1
        r.trace_epoch = r.trace_epoch + 1
    if r.traced_tables < 1024:
        ram32[U64((r.first_frame + TRACE_FRAME) * 1024 + r.traced_tables)] = U32(number)
        r.traced_tables = r.traced_tables + 1


def trace_tables(v, m, r, ram32, page):
    """Watch the tables in force instead of those that were; several harts may share some, so theirs stay watched."""
    if m.harts == 1:
        for i in range(r.traced_tables):
            number = I64(ram32[U64((r.first_frame + TRACE_FRAME) * 1024 + i)])
            if not is_code(m, ram32, number):
                page[U64(number)] = page[U64(number)] & 127
    r.traced_tables = 0
    root = root_page(v, m)
    if root < 0:
        return
    watch_table(m, r, ram32, page, root)
    for i in range(1024):
        number = table_page(m, I64(ram32[U64(root * 1024 + i)]))
        if number >= 0:
            watch_table(m, r, ram32, page, number)


def forget_cached(hart, number):
    """Drop what a hart's TLBs hold in the places of virtual page `number`.

    The mode is part of the place in the fetch TLB (`vm.core.mmu.fetch_offset`); M mode translates nothing.
    """
    place = 2 * (number & (len(hart.load_tlb) // 2 - 1))
    hart.load_tlb[place] = -1
    hart.store_tlb[place] = -1
    hart.fetch_tlb[place] = -1
    hart.fetch_tlb[place ^ 0x800] = -1


def forget_page(v, h, m, r, ram32, vaddr):
    """Forget the translation of one page wherever it is cached."""
    for root in range(3, 6):
        entry = I64(ram32[U64((r.first_frame + root) * 1024 + (vaddr >> 22))])
        if entry & 1:
            table = (entry >> 10) - (m.ram_base >> 12)
            ram32[U64(table * 1024 + ((vaddr >> 12) & 0x3FF))] = U32(0)
    forget_cached(v, vaddr >> 12)
    forget_cached(h, vaddr >> 12)


def forget_entry(v, h, m, r, ram32, offset):
    """Forget what was made of the page-table entry at this RAM offset."""
    root = root_page(v, m)
    if root < 0:
        return
    if offset >> 12 == root:
        v.stale = 1  # 4 MiB, and perhaps a new table: everything
        return
    for i in range(1024):
        if table_page(m, I64(ram32[U64(root * 1024 + i)])) == offset >> 12:
            forget_page(v, h, m, r, ram32, (i << 22) | (((offset >> 2) & 0x3FF) << 12))


def follow_stores(v, h, m, r, ram32):
    """After an interpreter routine: forget what its stores to watched pages have changed.

    A misaligned store may reach two entries. The other harts, which do not run now, forget everything.
    """
    if m.traced:
        follow_traced(v, h, m, r, ram32)
    m.stored_low = NOWHERE
    m.stored_high = -1


def follow_traced(v, h, m, r, ram32):
    """`follow_stores` where tables are traced."""
    forget_entry(v, h, m, r, ram32, m.stored_low)
    if m.stored_high >> 2 != m.stored_low >> 2:
        forget_entry(v, h, m, r, ram32, m.stored_high)
    m.trace_epoch = m.trace_epoch + 1
    r.trace_epoch = r.trace_epoch + 1
