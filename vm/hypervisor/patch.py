"""Patching: sensitive unprivileged instructions are replaced in the guest's memory before they can be executed.

A page of the guest is executable or writable in the shadow tables, never both. When it is about to become executable
the first parcels of its holes are replaced by such that trap (`vm.core.overlays`); stores to it are emulated from then
on, and what they leave is looked at again. After STORES of them the page is taken for data: its originals come back.

Where there are compressed instructions a hole may begin at any parcel, and nobody knows where instructions begin: the
first parcel of what looks like a hole may be the second one of an instruction that the guest executes. So what could be
the first parcel of that is replaced too, and so on: all parcels in front that end in the bits 11. Each replaced parcel
traps, and the guest's own instruction is emulated. At the end of a page what could be the first parcel of a hole is
replaced; and since any page may come before another, one whose first parcel would have to be replaced is no code: its
instructions are interpreted.
Compiled and plain Python run the same text (`vm.codegen.engine_text`); names are those of `vm.hypervisor.shadow`.
"""

from trapline.isa.compression import LONG, PARCEL_BITS
from trapline.isa.sv32 import PAGE_PARCELS, PAGE_SHIFT, PARCEL_INDEX_SHIFT, PTE_W, PTE_X
from trapline.vm.core.access_type import FETCH
from trapline.vm.core.code_pages import DECODED, WATCHED
from trapline.vm.core.execute import execute
from trapline.vm.core.ints import I64, U32, U64
from trapline.vm.core.mmu import fetch_offset, refresh
from trapline.vm.core.overlays import (
    lift_overlay,
    overlay_at,
    parcel_at,
    place_overlay,
    put_back,
    remove_overlay,
)
from trapline.vm.core.parcels import COMPRESSED, LAST_PARCEL, misaligned_bits
from trapline.vm.core.work import SCAN, charge
from trapline.vm.hypervisor.generated import begins_sensitive, is_sensitive

CODE = 1
"""State of a page: executable in a shadow table."""
WRITABLE = 2
"""State of a page: writable in a shadow table, unless they were dropped since: from ERA_SHIFT on is when (`era`)."""
STORE = 4
"""State of a page: one store to it that was emulated; they are counted up to STORES."""
STORES = 64
COUNTED = 127
STATE_WORDS = 4
"""Words of a state: the bits above, and three for the translator."""
ERA_SHIFT = 9
STATE_BITS = (1 << ERA_SHIFT) - 1
ERAS = 0x7FFFFF


def state_index(m, number):
    """Where the state of a page of RAM is, as a word's index."""
    return (m.page_states >> 2) + STATE_WORDS * number


def is_code(m, ram32, number):
    """Whether a page of RAM is executable in a shadow table of a technique that keeps account of that."""
    return m.page_states != 0 and I64(ram32[U64(state_index(m, number))]) & CODE != 0


def unwatch(m, page, number):
    """Stores to a page that is no code any more need not be noticed, but for other reasons than that."""
    if m.traced == 0 and (m.tohost < 0 or (m.tohost - m.ram_base) >> PAGE_SHIFT != number):
        page[U64(number)] = page[U64(number)] & DECODED


def era(m):
    """The time between two demands that all shadow tables go, as the state of a page knows it."""
    return (m.shadow_demand & ERAS) << ERA_SHIFT


def is_writable(m, state):
    """Whether a page of this state is writable in a shadow table; perhaps not, when eras have begun to come again."""
    return state & WRITABLE != 0 and state & ~STATE_BITS == era(m)


def state_of_data(m, ram32, number, writable):
    """Let a page be data, as writable as it was or more."""
    index = state_index(m, number)
    if writable or is_writable(m, I64(ram32[U64(index)])):
        ram32[U64(index)] = U32(WRITABLE | era(m))
    else:
        ram32[U64(index)] = U32(0)


def drop_everywhere(m):
    """Have all harts drop their shadow tables before they go on. No page is writable in one any more."""
    m.shadow_demand = m.shadow_demand + 1


def begin_code(m, ram32, page, number):
    """Watch the stores to a page that is code from now on."""
    state = I64(ram32[U64(state_index(m, number))])
    ram32[U64(state_index(m, number))] = U32(CODE)
    page[U64(number)] = page[U64(number)] | WATCHED
    # The virtual harts' own store TLBs may have the page.
    m.code_epoch = m.code_epoch + 1
    if is_writable(m, state):
        drop_everywhere(m)


def replace_word(v, m, ram32, code, page, parcel):
    """Replace a word that is a hole, where there are no compressed instructions; 0 when there is no room."""
    if is_sensitive(I64(ram32[U64(parcel >> 1)]), v.extensions):
        return place_overlay(m, ram32, code, page, parcel)
    return 1


def begins_replaced(v, ram32, number):
    """Whether the first parcel of a page would have to be replaced, where there are compressed instructions."""
    first = number << PARCEL_INDEX_SHIFT
    own = parcel_at(ram32, first)
    for i in range(1, PAGE_PARCELS):
        if own & LONG != LONG:
            return False
        following = parcel_at(ram32, first + i)
        if is_sensitive(own | (following << PARCEL_BITS), v.extensions):
            return True
        own = following
    return begins_sensitive(own, v.extensions) != 0


def replace_holes(v, m, ram32, code, page, number):
    """Replace what has to be in a page that has no overlays; 0 when there is no room for its originals."""
    charge(m, SCAN)
    first = number << PARCEL_INDEX_SHIFT
    if v.extensions & COMPRESSED == 0:
        for i in range(0, PAGE_PARCELS, 2):
            if replace_word(v, m, ram32, code, page, first + i) == 0:
                return 0
        return 1
    last = parcel_at(ram32, first + LAST_PARCEL)
    replaced = begins_sensitive(last, v.extensions)
    following = last
    if replaced and place_overlay(m, ram32, code, page, first + LAST_PARCEL) == 0:
        return 0
    for i in range(1, PAGE_PARCELS):
        parcel = first + LAST_PARCEL - i
        own = parcel_at(ram32, parcel)
        if own & LONG != LONG:
            replaced = 0
        elif replaced or is_sensitive(own | (following << PARCEL_BITS), v.extensions):
            replaced = 1
            if place_overlay(m, ram32, code, page, parcel) == 0:
                return 0
        following = own
    return 1


def restore_page(m, ram32, code, page, number):
    """Put the originals of a page back."""
    charge(m, SCAN)
    for parcel in range(number << PARCEL_INDEX_SHIFT, (number + 1) << PARCEL_INDEX_SHIFT):
        remove_overlay(m, ram32, code, page, parcel)


def make_code(v, m, ram32, code, page, number):
    """Replace the holes in a page and watch the stores to it; 0 when it cannot be code, or there is no room."""
    if v.extensions & COMPRESSED and begins_replaced(v, ram32, number):
        return 0
    if replace_holes(v, m, ram32, code, page, number) == 0:
        make_data(m, ram32, code, page, number)
        return 0
    begin_code(m, ram32, page, number)
    return 1


def make_data(m, ram32, code, page, number):
    """Let a page be data, with its originals."""
    restore_page(m, ram32, code, page, number)
    state_of_data(m, ram32, number, 0)
    unwatch(m, page, number)


def restrict(v, m, ram32, code, page, number, access, allowed, present):
    """What of the permissions `allowed` a shadow entry for a page may have, after making it code for a fetch."""
    state = I64(ram32[U64(state_index(m, number))])
    if access == FETCH and state & CODE == 0:
        if make_code(v, m, ram32, code, page, number) == 0:
            return 0
        state = CODE
    if state & CODE:
        return allowed & ~PTE_W
    if allowed & PTE_W:
        state_of_data(m, ram32, number, 1)
    return allowed & ~PTE_X


def stored_often(state):
    """Whether a page of code has taken so many stores that it is rather data."""
    return (state // STORE) & COUNTED >= STORES


def after_store(v, m, ram32, code, page, parcel):
    """An emulated store has left a new word in a page of code, with this parcel first."""
    number = parcel >> PARCEL_INDEX_SHIFT
    state = I64(ram32[U64(state_index(m, number))])
    if state & CODE == 0:
        return
    if v.extensions & COMPRESSED:
        # What has to be replaced in front of the word depends on it.
        restore_page(m, ram32, code, page, number)
        room = 0 if begins_replaced(v, ram32, number) else replace_holes(v, m, ram32, code, page, number)
    else:
        room = replace_word(v, m, ram32, code, page, parcel)
    if room == 0 or stored_often(state):
        make_data(m, ram32, code, page, number)
        drop_everywhere(m)
    else:
        ram32[U64(state_index(m, number))] = U32(state + STORE)


def after_stores(v, m, ram32, code, page):
    """An interpreter routine, or a walk for it, has stored to words of watched pages."""
    for i in range(m.stored_count):
        after_store(v, m, ram32, code, page, m.stored[i] >> 1)


def interpret(v, m, ram8, ram16, ram32, code, page, faulted, left):
    """One step of the virtual hart, on the guest's own parcels where those at pc are replaced."""
    entry = I64(-1)
    second = I64(-1)
    parcel = I64(-1)
    if m.overlays and v.pc & misaligned_bits(v) == 0:
        refresh(v)
        parcel = fetch_offset(v, m, ram32, code, page, v.pc) >> 1
        if parcel >= 0:
            entry = overlay_at(m, ram32, parcel)
        if entry >= 0 and v.extensions & COMPRESSED and parcel & LAST_PARCEL != LAST_PARCEL:
            # Nowhere else is the second one replaced: not without the first, nor at the beginning of a page.
            second = overlay_at(m, ram32, parcel + 1)
    if entry >= 0:
        lift_overlay(m, ram32, code, entry, parcel)
    if second >= 0:
        lift_overlay(m, ram32, code, second, parcel + 1)
    status = execute(v, m, ram8, ram16, ram32, code, page, 1)
    if entry >= 0:
        put_back(m, ram32, code, entry, parcel)
    if second >= 0:
        put_back(m, ram32, code, second, parcel + 1)
    return status
