"""Overlays: words of RAM that are replaced by others, each original kept in a table.

The table lies in host memory, behind all that a guest or a real hart can reach: two words an entry, the word's index in
RAM and the original; where nothing is replaced any more, VOID and the number of the next such entry.
A replaced word holds the number of its entry. It is no instruction: it does not end in the bits 11.
These functions run compiled and as plain Python (see `vm.codegen.engine_text`). `index` is that of a word in RAM.
"""

from trapline.vm.core.code_pages import forget_code
from trapline.vm.core.ints import I64, U32, U64

VOID = 0xFFFFFFFF
INSTRUCTION = 3
"""The low two bits of a word: both are set in a 32-bit instruction."""
MARK = 2
"""What a replaced word has there."""

OVERLAYS = 8192
"""Entries of the table."""


def place_of(m, entry):
    """Index of the first of the two words of an entry."""
    return (m.overlay_table >> 2) + 2 * entry


def overlay_at(m, ram32, index):
    """The entry of a word, -1 if it is the guest's own.

    The guest may write the same word itself, there or elsewhere; the table says which one is an overlay.
    """
    if m.overlays == 0:
        return -1
    word = I64(ram32[U64(index)])
    entry = word >> 2
    if word & INSTRUCTION != MARK or entry >= m.overlays or I64(ram32[U64(place_of(m, entry))]) != index:
        return -1
    return entry


def original(m, ram32, entry):
    """The word that an entry of the table has replaced."""
    return I64(ram32[U64(place_of(m, entry) + 1)])


def own_word(m, ram32, index):
    """The guest's own word, replaced or not."""
    entry = overlay_at(m, ram32, index)
    return I64(ram32[U64(index)]) if entry < 0 else original(m, ram32, entry)


def place_overlay(m, ram32, code, page, index):
    """Replace a word; 0 if the table is full."""
    entry = m.free_overlay
    if entry < m.overlays:
        m.free_overlay = original(m, ram32, entry)
    elif entry < OVERLAYS:
        m.overlays = entry + 1
        m.free_overlay = entry + 1
    else:
        return 0
    ram32[U64(place_of(m, entry))] = U32(index)
    ram32[U64(place_of(m, entry) + 1)] = ram32[U64(index)]
    ram32[U64(index)] = U32((entry << 2) | MARK)
    forget_code(code, page, 4 * index)
    return 1


def remove_overlay(m, ram32, code, page, index):
    """Put the original back if the word is an overlay."""
    entry = overlay_at(m, ram32, index)
    if entry >= 0:
        ram32[U64(index)] = U32(original(m, ram32, entry))
        ram32[U64(place_of(m, entry))] = U32(VOID)
        ram32[U64(place_of(m, entry) + 1)] = U32(m.free_overlay)
        m.free_overlay = entry
        forget_code(code, page, 4 * index)
