"""Pages of RAM that have decoded instructions, and which decoded entries a store invalidates.

`page` holds one byte per page of RAM: 0 for plain data. Else stores to it take the slow path, because it has decoded
instructions (DECODED), is WATCHED, or still holds what a snapshot has saved (SAVED). `code` has CODE_ENTRIES words per
page: one for each parcel, in that of its first one the instruction, and one that stands for the page's end.
These functions run compiled and as plain Python (see `vm.codegen.engine_text`).
"""

from trapline.isa.sv32 import PAGE_PARCELS, PAGE_SHIFT, PARCEL_INDEX_SHIFT
from trapline.vm.core.hart import STORED, TLB_ENTRIES
from trapline.vm.core.ints import I64, U64
from trapline.vm.core.packed import OP, PACKED_RD
from trapline.vm.core.work import DROP_CODE, charge

DECODED = 63
"""The bits of `page` that count: 1 once a page has decoded instructions, and one more for each store to them."""
SAVED = 64
"""The bit of `page` that the host sets once it has saved the page, and that the first store to it clears."""
WATCHED = 128
"""The bit of `page` that lets the slow path notice stores to a page: a table or code of a guest, or `tohost`."""

TOHOST_BYTES = 8
"""Bytes of `tohost`, which is aligned."""

NEWLY_DECODED = 1
"""What `page` counts for a page of data that becomes one of code."""

CODE_ENTRIES = PAGE_PARCELS + 1

MACHINE_CODE = 4
"""Op number of an entry that the translator has machine code for; above PACKED_IMM is where, in its arena."""
HAS_TRANSLATED = 1 << PACKED_RD
"""What the entry for the end of a page holds while the page has such entries; its op number is that of none. Above
PACKED_IMM is which of the translator's tables has all of them."""

CODE_STORES = DECODED
"""Stores that a page of decoded instructions takes one by one before its decoded form is dropped whole."""


def is_tohost(m, offset):
    """Whether what is at this RAM offset belongs to `tohost`."""
    return m.tohost >= 0 and (offset + m.ram_base) & -TOHOST_BYTES == m.tohost


def is_near_tohost(m, page, number):
    """Whether stores to a page are watched for the sake of `tohost` alone."""
    return (
        page[U64(number)] == WATCHED
        and m.notes_stores == 0
        and m.tohost >= 0
        and (m.tohost - m.ram_base) >> PAGE_SHIFT == number
    )


def forget_at(code, parcel):
    """Drop the decoded instructions that a parcel of RAM is part of: the one that begins in it, or right before it."""
    number = parcel >> PARCEL_INDEX_SHIFT
    entry = parcel + number
    code[U64(entry)] = 0
    if entry > number * CODE_ENTRIES:
        code[U64(entry - 1)] = 0


def drop_translated(code, number):
    """Drop the translated instructions of a page, because one that it has changes: they lead to each other."""
    first = number * CODE_ENTRIES
    if code[U64(first + PAGE_PARCELS)] != 0:
        for i in range(CODE_ENTRIES):
            if code[U64(first + i)] & OP == MACHINE_CODE:
                code[U64(first + i)] = 0
        code[U64(first + PAGE_PARCELS)] = 0


def change_at(code, parcel):
    """Drop what was made of a parcel of RAM that changes."""
    drop_translated(code, parcel >> PARCEL_INDEX_SHIFT)
    forget_at(code, parcel)


def forget_code(code, page, offset):
    """Drop the decoded instructions that a store to the word at this RAM offset changes: those that begin in it, or
    right before it. The page is not as it was saved any more.

    A page that takes many such stores is data that shares a page with code, or code that is being replaced: drop it
    whole.
    """
    number = offset >> PAGE_SHIFT
    page[U64(number)] = page[U64(number)] & (DECODED | WATCHED)
    count = I64(page[U64(number)]) & DECODED
    if count == 0:
        return
    if count >= CODE_STORES:
        page[U64(number)] = page[U64(number)] & WATCHED
        first = number * CODE_ENTRIES
        for i in range(CODE_ENTRIES):
            code[U64(first + i)] = 0
    else:
        page[U64(number)] = page[U64(number)] + 1
        drop_translated(code, number)
        parcel = (offset >> 2) << 1
        forget_at(code, parcel)
        code[U64(parcel + 1 + number)] = 0


def follow_code(h, m):
    """Drop the store TLB if a page of data has become one of code since it was filled."""
    if h.code_epoch != m.code_epoch:
        h.code_epoch = m.code_epoch
        charge(m, DROP_CODE)
        for i in range(TLB_ENTRIES):
            h.store_tlb[2 * i] = -1


def note_store(m, offset):
    """Leave a word of a watched page that has been stored to for the hypervisor (`vm.hypervisor.emulate`).

    Those of one step are looked at together: one that the dispatcher's walk has changed, one by that of the fetch, two
    by those of a store across two pages, and the two words of that store. A word that is stored to bytewise is one.
    """
    word = offset & ~3
    if m.stored_count == 0 or m.stored[(m.stored_count - 1) & (STORED - 1)] != word:
        m.stored[m.stored_count & (STORED - 1)] = word
        m.stored_count = min(m.stored_count + 1, STORED)
