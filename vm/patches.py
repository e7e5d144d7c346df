"""Words of RAM that are replaced by others, each original kept in a table.

The table lies in host memory, behind all that a guest or a real hart can reach: two words an entry, the word's index in
RAM and the original; where nothing is replaced any more, VOID and the number of the next such entry.
A replaced word holds the number of its entry. It is no instruction: it does not end in the bits 11.
These functions run compiled and as plain Python (see `vm.codegen`).
"""

from vm.ints import I64, U8, U64
from vm.mmu import forget_code

VOID = 0xFFFFFFFF
MARK = 2
"""Low two bits of a replaced word, which no 32-bit instruction has."""

PATCHES = 8192
"""Entries of the table."""


def word_at(ram8, offset):
    """The word at an aligned RAM offset."""
    value = I64(ram8[U64(offset)]) | (I64(ram8[U64(offset + 1)]) << 8)
    return value | (I64(ram8[U64(offset + 2)]) << 16) | (I64(ram8[U64(offset + 3)]) << 24)


def put_word(ram8, offset, value):
    """Set the word at an aligned RAM offset."""
    ram8[U64(offset)] = U8(value & 255)
    ram8[U64(offset + 1)] = U8((value >> 8) & 255)
    ram8[U64(offset + 2)] = U8((value >> 16) & 255)
    ram8[U64(offset + 3)] = U8((value >> 24) & 255)


def patch_at(m, ram8, offset):
    """The entry of the word at this offset, -1 if it is the guest's own.

    The guest may write the same word itself, there or elsewhere; the table says which one is a patch.
    """
    if m.patches == 0:
        return -1
    word = word_at(ram8, offset)
    entry = word >> 2
    if word & 3 != MARK or entry >= m.patches or word_at(ram8, m.patch_table + 8 * entry) != offset >> 2:
        return -1
    return entry


def place_patch(m, ram8, code, page, offset):
    """Replace the word at this offset; 0 if the table is full."""
    entry = m.free_patch
    if entry < m.patches:
        m.free_patch = word_at(ram8, m.patch_table + 8 * entry + 4)
    elif entry < PATCHES:
        m.patches = entry + 1
        m.free_patch = entry + 1
    else:
        return 0
    put_word(ram8, m.patch_table + 8 * entry, offset >> 2)
    put_word(ram8, m.patch_table + 8 * entry + 4, word_at(ram8, offset))
    put_word(ram8, offset, (entry << 2) | MARK)
    forget_code(code, page, offset)
    return 1


def original(m, ram8, entry):
    """The word that an entry of the table has replaced."""
    return word_at(ram8, m.patch_table + 8 * entry + 4)


def remove_patch(m, ram8, code, page, offset):
    """Put the original back if the word at this offset is a patch."""
    entry = patch_at(m, ram8, offset)
    if entry >= 0:
        put_word(ram8, offset, original(m, ram8, entry))
        put_word(ram8, m.patch_table + 8 * entry, VOID)
        put_word(ram8, m.patch_table + 8 * entry + 4, m.free_patch)
        m.free_patch = entry
        forget_code(code, page, offset)
