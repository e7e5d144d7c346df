"""A: load-reserved, store-conditional and atomic memory operations (volume I, chapter 13).

`aq` and `rl` order accesses among harts; harts here execute one instruction at a time in one order,
so both are encoded, shown and otherwise without effect.
"""

from functools import partial

from trapline.isa.instruction import Kind, declare
from trapline.isa.word import s32, u32, where

amo = partial(declare, Kind.AMO, extension="a", width=4)


@declare(
    Kind.LR, "00010 aq rl 00000 rs1 010 rd 0101111", "rd, (rs1)", "Unpriv 13.2",
    extension="a", width=4, writes=("reservation",),
)  # fmt: skip
def lr_w(data):
    """Load a word and reserve its reservation set."""
    return data


@declare(
    Kind.SC, "00011 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", "Unpriv 13.2",
    extension="a", width=4, reads=("reservation",), writes=("reservation",),
)  # fmt: skip
def sc_w(rs2):
    """Store a word if the reservation still holds; rd receives 0 on success and 1 on failure."""
    return rs2


@amo("00001 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", "Unpriv 13.4")
def amoswap_w(old, rs2):
    """Swap atomically."""
    return rs2


@amo("00000 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", "Unpriv 13.4")
def amoadd_w(old, rs2):
    """Add atomically."""
    return u32(old + rs2)


@amo("00100 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", "Unpriv 13.4")
def amoxor_w(old, rs2):
    """Exclusive or atomically."""
    return old ^ rs2


@amo("01100 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", "Unpriv 13.4")
def amoand_w(old, rs2):
    """And atomically."""
    return old & rs2


@amo("01000 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", "Unpriv 13.4")
def amoor_w(old, rs2):
    """Or atomically."""
    return old | rs2


@amo("10000 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", "Unpriv 13.4")
def amomin_w(old, rs2):
    """Signed minimum atomically."""
    return where(s32(old) < s32(rs2), old, rs2)


@amo("10100 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", "Unpriv 13.4")
def amomax_w(old, rs2):
    """Signed maximum atomically."""
    return where(s32(old) > s32(rs2), old, rs2)


@amo("11000 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", "Unpriv 13.4")
def amominu_w(old, rs2):
    """Unsigned minimum atomically."""
    return where(old < rs2, old, rs2)


@amo("11100 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", "Unpriv 13.4")
def amomaxu_w(old, rs2):
    """Unsigned maximum atomically."""
    return where(old > rs2, old, rs2)
