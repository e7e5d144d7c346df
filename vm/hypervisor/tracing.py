"""Traced page tables: a store to a page of the guest's tables takes effect on the shadow tables at once.

The page tables in force, the root and those that its entries point to, are write-protected in the shadow tables, so a
store of the real hart to one of them traps; and they are watched (`WATCHED`), so a store by an interpreter routine
leaves its place in the machine's record. The entry stored to is then forgotten wherever it was cached: in the shadow
tables, and in the TLBs of the real and of the virtual hart.
What sets A and D bits only grants more than before, so nothing has to be forgotten for it.
Compiled and plain Python run the same text (`vm.codegen.engine_text`); names as in `vm.hypervisor.shadow`.
"""

from trapline.isa.mode import S
from trapline.isa.sv32 import (
    MEGAPAGE_SHIFT,
    PAGE_OFFSET,
    PAGE_SHIFT,
    PAGE_WORDS,
    PTE_A,
    PTE_D,
    PTE_LEAF,
    PTE_PPN_SHIFT,
    PTE_U,
    PTE_V,
    SATP_PPN,
    SATP_SV32,
)
from trapline.vm.core.code_pages import DECODED, WATCHED
from trapline.vm.core.ints import I64, U32, U64
from trapline.vm.core.tlb import CONTEXT_SHIFT, PLACE_MODE_SHIFT
from trapline.vm.core.work import FORGOTTEN, TRACED, charge
from trapline.vm.hypervisor.frames import FIRST_TRANSLATING, ROOTS, TRACE_FRAME
from trapline.vm.hypervisor.notes import forget_leaf
from trapline.vm.hypervisor.patch import is_code


def table_page(m, entry):
    """Page number in RAM of the table that an entry of the root points to, -1 if it points to none."""
    # "For non-leaf PTEs, the D, A, and U bits are reserved": such an entry is a page fault, so there is no table.
    if entry & (PTE_LEAF | PTE_U | PTE_A | PTE_D | PTE_V) != PTE_V:
        return -1
    offset = ((entry >> PTE_PPN_SHIFT) << PAGE_SHIFT) - m.ram_base
    return offset >> PAGE_SHIFT if 0 <= offset and offset < m.ram_size else -1


def root_page(v, m):
    """Page number in RAM of the guest's root in force, in whatever mode it is; -1 without one."""
    offset = ((v.satp & SATP_PPN) << PAGE_SHIFT) - m.ram_base
    return offset >> PAGE_SHIFT if v.satp & SATP_SV32 and 0 <= offset and offset < m.ram_size else -1


def is_table(v, m, ram32, number):
    """Whether this page, which is watched, is one of the guest's page tables in force; for any of several harts."""
    if m.harts > 1:
        return True
    root = root_page(v, m)
    if root < 0:
        return False
    if number == root:
        return True
    charge(m, PAGE_WORDS)
    for i in range(PAGE_WORDS):
        if table_page(m, I64(ram32[U64(root * PAGE_WORDS + i)])) == number:
            return True
    return False


def watch_table(m, r, ram32, page, number):
    """Let stores of interpreter routines to this page be noticed."""
    if page[U64(number)] & WATCHED:
        return
    charge(m, TRACED)
    page[U64(number)] = page[U64(number)] | WATCHED
    # As when a page becomes one of code: the store TLBs must not know it any more.
    m.code_epoch = m.code_epoch + 1
    if m.harts > 1:
        # Others may have shadow entries through which they could store to it.
        m.trace_epoch = m.trace_epoch + 1
        r.trace_epoch = r.trace_epoch + 1
    if r.traced_tables < PAGE_WORDS:
        ram32[U64((r.first_frame + TRACE_FRAME) * PAGE_WORDS + r.traced_tables)] = U32(number)
        r.traced_tables = r.traced_tables + 1


def trace_tables(v, m, r, ram32, page):
    """Watch the tables in force instead of those that were; several harts may share some, so theirs stay watched."""
    if m.harts == 1:
        charge(m, TRACED * r.traced_tables)
        for i in range(r.traced_tables):
            number = I64(ram32[U64((r.first_frame + TRACE_FRAME) * PAGE_WORDS + i)])
            if not is_code(m, ram32, number):
                page[U64(number)] = page[U64(number)] & DECODED
    r.traced_tables = 0
    root = root_page(v, m)
    if root < 0:
        return
    charge(m, PAGE_WORDS)
    watch_table(m, r, ram32, page, root)
    for i in range(PAGE_WORDS):
        number = table_page(m, I64(ram32[U64(root * PAGE_WORDS + i)]))
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
    hart.fetch_tlb[place ^ (2 * (S << CONTEXT_SHIFT >> PLACE_MODE_SHIFT))] = -1


def forget_page(v, h, m, r, ram32, vaddr):
    """Forget the translation of one page wherever it is cached."""
    charge(m, FORGOTTEN)
    for root in range(FIRST_TRANSLATING, ROOTS):
        forget_leaf(m, r, ram32, root, vaddr >> PAGE_SHIFT)
    forget_cached(v, vaddr >> PAGE_SHIFT)
    forget_cached(h, vaddr >> PAGE_SHIFT)


def forget_entry(v, h, m, r, ram32, offset):
    """Forget what was made of the page-table entry at this RAM offset."""
    root = root_page(v, m)
    if root < 0:
        return
    if offset >> PAGE_SHIFT == root:
        v.stale = 1  # 4 MiB, and perhaps a new table: everything
        return
    charge(m, PAGE_WORDS)
    for i in range(PAGE_WORDS):
        if table_page(m, I64(ram32[U64(root * PAGE_WORDS + i)])) == offset >> PAGE_SHIFT:
            forget_page(v, h, m, r, ram32, (i << MEGAPAGE_SHIFT) | (((offset & PAGE_OFFSET) >> 2) << PAGE_SHIFT))


def follow_stores(v, h, m, r, ram32):
    """After an interpreter routine: forget what its stores to watched pages have changed.

    A misaligned store may reach two entries. The other harts, which do not run now, forget everything.
    """
    if m.traced:
        follow_traced(v, h, m, r, ram32)
    m.stored_count = 0


def follow_traced(v, h, m, r, ram32):
    """`follow_stores` where tables are traced."""
    for i in range(m.stored_count):
        forget_entry(v, h, m, r, ram32, m.stored[i])
    m.trace_epoch = m.trace_epoch + 1
    r.trace_epoch = r.trace_epoch + 1
