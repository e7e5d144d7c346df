"""Parcels: the halfwords that instructions are made of, and where instructions may begin.

A hart that has compressed instructions finds one at each even address. Its instructions of 32 bits may lie across two
pages, which need not be neighbours in memory: such an instruction *straddles*.
These functions run compiled and as plain Python (see `vm.codegen.engine_text`). `parcel` is the index of one in RAM.
"""

from trapline.isa.compression import LONG, PARCEL_BITS
from trapline.isa.extension import extension_bit
from trapline.isa.sv32 import PAGE_PARCELS
from trapline.isa.word import HALFWORD, WORD
from trapline.vm.core.ints import I64, U64

COMPRESSED = extension_bit("c")
LAST_PARCEL = PAGE_PARCELS - 1
"""The bits of a parcel's index that are its place in the page: all are set in that of the last one."""
STRADDLING = 2
"""So far from the end of `code` is the decoded form of an instruction that straddles, and then its word."""


def misaligned_bits(h):
    """The bits of an address that are zero where an instruction can begin: IALIGN is 16 or 32."""
    return HALFWORD - 1 if h.extensions & COMPRESSED else WORD - 1


def fetch_width(h):
    """The bytes that the hart fetches before it knows how long the instruction is."""
    return HALFWORD if h.extensions & COMPRESSED else WORD


def is_long_at(ram16, parcel):
    """Whether a parcel begins an instruction of 32 bits."""
    return I64(ram16[U64(parcel)]) & LONG == LONG


def straddles(ram16, parcel):
    """Whether a parcel begins an instruction of 32 bits that goes on in another page."""
    return parcel & LAST_PARCEL == LAST_PARCEL and is_long_at(ram16, parcel)


def length_at(ram16, parcel):
    """The length in bytes of the instruction that a parcel begins."""
    return WORD if is_long_at(ram16, parcel) else HALFWORD


def word_in_page(ram16, parcel):
    """The parcel, and above it the next one where that is in the same page."""
    low = I64(ram16[U64(parcel)])
    if parcel & LAST_PARCEL == LAST_PARCEL:
        return low
    return low | (I64(ram16[U64(parcel + 1)]) << PARCEL_BITS)


def encoding_at(h, ram16, code, parcel):
    """The encoding of the instruction that the hart is executing, 16 bits of a compressed one: what tval may hold."""
    if h.extensions & COMPRESSED == 0:
        return word_in_page(ram16, parcel)
    if not is_long_at(ram16, parcel):
        return I64(ram16[U64(parcel)])
    if parcel & LAST_PARCEL == LAST_PARCEL:
        return code[U64(len(code) - STRADDLING + 1)]
    return word_in_page(ram16, parcel)
