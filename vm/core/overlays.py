"""Overlays: parcels of RAM that are replaced by others, each original kept in a table.

The table lies in host memory, behind all that a guest or a real hart can reach: two words an entry, the parcel's index
in RAM and the original; where nothing is replaced any more, VOID and the number of the next such entry.
A replaced parcel holds the number of its entry, in the encodings of loads and stores of floating-point registers: they
are illegal on every hart here, and as a part of a word too.
These functions run compiled and as plain Python (see `vm.codegen.engine_text`). `parcel` is the index of one in RAM.
"""

from trapline.isa.compression import PARCEL_BITS
from trapline.vm.core.code_pages import forget_at, forget_code
from trapline.vm.core.ints import I64, U32, U64

VOID = 0xFFFFFFFF
PARCEL = (1 << PARCEL_BITS) - 1
"""The bits of a parcel."""
MARK = 0x2000
"""What a replaced parcel has in MARK_BITS: of c.fld, c.flw, c.fsd and c.fsw."""
MARK_BITS = 0x2003
LOW_SHIFT = 2
"""Where a replaced parcel has the low bits of its entry's number."""
LOW = 0x7FF
HIGH_SHIFT = 14
"""Where it has the others."""
LOW_BITS = 11

OVERLAYS = 8192
"""Entries of the table."""


def mark(entry):
    """The parcel that stands for the original in an entry of the table."""
    return ((entry >> LOW_BITS) << HIGH_SHIFT) | MARK | ((entry & LOW) << LOW_SHIFT)


def place_of(m, entry):
    """Index of the first of the two words of an entry."""
    return (m.overlay_table >> 2) + 2 * entry


def parcel_at(ram32, parcel):
    """A parcel of RAM as it is."""
    return (I64(ram32[U64(parcel >> 1)]) >> (PARCEL_BITS * (parcel & 1))) & PARCEL


def put_parcel(ram32, parcel, value):
    """Set a parcel of RAM."""
    shift = PARCEL_BITS * (parcel & 1)
    ram32[U64(parcel >> 1)] = U32((I64(ram32[U64(parcel >> 1)]) & ~(PARCEL << shift)) | (value << shift))


def overlay_at(m, ram32, parcel):
    """The entry of a parcel, -1 if it is the guest's own.

    The guest may write the same parcel itself, there or elsewhere; the table says which one is an overlay.
    """
    if m.overlays == 0:
        return -1
    value = parcel_at(ram32, parcel)
    entry = ((value >> HIGH_SHIFT) << LOW_BITS) | ((value >> LOW_SHIFT) & LOW)
    if value & MARK_BITS != MARK or entry >= m.overlays or I64(ram32[U64(place_of(m, entry))]) != parcel:
        return -1
    return entry


def original(m, ram32, entry):
    """The parcel that an entry of the table has replaced."""
    return I64(ram32[U64(place_of(m, entry) + 1)])


def own_parcel(m, ram32, parcel):
    """The guest's own parcel, replaced or not."""
    entry = overlay_at(m, ram32, parcel)
    return parcel_at(ram32, parcel) if entry < 0 else original(m, ram32, entry)


def own_word(m, ram32, index):
    """The guest's own word with this index in RAM, whether a part of it is replaced or not."""
    if m.overlays == 0:
        return I64(ram32[U64(index)])
    return own_parcel(m, ram32, 2 * index) | (own_parcel(m, ram32, 2 * index + 1) << PARCEL_BITS)


def place_overlay(m, ram32, code, page, parcel):
    """Replace a parcel; 0 if the table is full."""
    entry = m.free_overlay
    if entry < m.overlays:
        m.free_overlay = original(m, ram32, entry)
    elif entry < OVERLAYS:
        m.overlays = entry + 1
        m.free_overlay = entry + 1
    else:
        return 0
    ram32[U64(place_of(m, entry))] = U32(parcel)
    ram32[U64(place_of(m, entry) + 1)] = U32(parcel_at(ram32, parcel))
    put_parcel(ram32, parcel, mark(entry))
    forget_code(code, page, 2 * parcel)
    return 1


def release(m, ram32, entry):
    """An entry of the table is free."""
    ram32[U64(place_of(m, entry))] = U32(VOID)
    ram32[U64(place_of(m, entry) + 1)] = U32(m.free_overlay)
    m.free_overlay = entry


def remove_overlay(m, ram32, code, page, parcel):
    """Put the original back if the parcel is an overlay."""
    entry = overlay_at(m, ram32, parcel)
    if entry >= 0:
        put_parcel(ram32, parcel, original(m, ram32, entry))
        release(m, ram32, entry)
        forget_code(code, page, 2 * parcel)


def lift_overlay(m, ram32, code, entry, parcel):
    """Put an original back for a moment; the entry is kept, but nobody finds it, whatever is stored there meanwhile."""
    put_parcel(ram32, parcel, original(m, ram32, entry))
    ram32[U64(place_of(m, entry))] = U32(VOID)
    forget_at(code, parcel)


def put_back(m, ram32, code, entry, parcel):
    """The moment is over. Where the guest has stored meanwhile, its new parcel stays."""
    if parcel_at(ram32, parcel) == original(m, ram32, entry):
        ram32[U64(place_of(m, entry))] = U32(parcel)
        put_parcel(ram32, parcel, mark(entry))
    else:
        release(m, ram32, entry)
    forget_at(code, parcel)


def remove_overlays(m, ram32, code, page, offset):
    """Put the originals back in the word at this RAM offset."""
    remove_overlay(m, ram32, code, page, (offset >> 2) << 1)
    remove_overlay(m, ram32, code, page, ((offset >> 2) << 1) + 1)
