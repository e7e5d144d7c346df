"""Zba, Zbb and Zbs: addresses, bits and words in one instruction (specification, volume I, chapter 28).

Each is an extension of its own; together they are B. Of Zbb this is what RV32 has.
"""

from functools import partial

from trapline.isa.instruction import Kind, declare
from trapline.isa.word import (
    MASK,
    leading_zeros,
    or_combined,
    population,
    reversed_bytes,
    rotated,
    s32,
    sext,
    u32,
    where,
)

zba = partial(declare, Kind.VALUE, extension="zba")
zbb = partial(declare, Kind.VALUE, extension="zbb")
zbs = partial(declare, Kind.VALUE, extension="zbs")


@zba("0010000 rs2 rs1 010 rd 0110011", "rd, rs1, rs2", "Unpriv 28.4.1")
def sh1add(rs1, rs2):
    """Add rs1 shifted left by 1 to rs2: the address of a halfword in an array."""
    return u32((rs1 << 1) + rs2)


@zba("0010000 rs2 rs1 100 rd 0110011", "rd, rs1, rs2", "Unpriv 28.4.1")
def sh2add(rs1, rs2):
    """Add rs1 shifted left by 2 to rs2: the address of a word in an array."""
    return u32((rs1 << 2) + rs2)


@zba("0010000 rs2 rs1 110 rd 0110011", "rd, rs1, rs2", "Unpriv 28.4.1")
def sh3add(rs1, rs2):
    """Add rs1 shifted left by 3 to rs2: the address of a doubleword in an array."""
    return u32((rs1 << 3) + rs2)


@zbb("0100000 rs2 rs1 111 rd 0110011", "rd, rs1, rs2", "Unpriv 28.4.2")
def andn(rs1, rs2):
    """And with the complement of rs2."""
    return rs1 & (rs2 ^ MASK)


@zbb("0100000 rs2 rs1 110 rd 0110011", "rd, rs1, rs2", "Unpriv 28.4.2")
def orn(rs1, rs2):
    """Or with the complement of rs2."""
    return rs1 | (rs2 ^ MASK)


@zbb("0100000 rs2 rs1 100 rd 0110011", "rd, rs1, rs2", "Unpriv 28.4.2")
def xnor(rs1, rs2):
    """Complement of the exclusive or."""
    return rs1 ^ rs2 ^ MASK


@zbb("011000000000 rs1 001 rd 0010011", "rd, rs1", "Unpriv 28.4.2")
def clz(rs1):
    """Count the zeros above the highest one; 32 for zero."""
    return leading_zeros(rs1)


@zbb("011000000001 rs1 001 rd 0010011", "rd, rs1", "Unpriv 28.4.2")
def ctz(rs1):
    """Count the zeros below the lowest one; 32 for zero."""
    return population(u32((rs1 ^ MASK) & (rs1 - 1)))


@zbb("011000000010 rs1 001 rd 0010011", "rd, rs1", "Unpriv 28.4.2")
def cpop(rs1):
    """Count the ones."""
    return population(rs1)


@zbb("0000101 rs2 rs1 110 rd 0110011", "rd, rs1, rs2", "Unpriv 28.4.2")
def max_(rs1, rs2):
    """The larger one, signed."""
    return where(s32(rs1) < s32(rs2), rs2, rs1)


@zbb("0000101 rs2 rs1 111 rd 0110011", "rd, rs1, rs2", "Unpriv 28.4.2")
def maxu(rs1, rs2):
    """The larger one, unsigned."""
    return where(rs1 < rs2, rs2, rs1)


@zbb("0000101 rs2 rs1 100 rd 0110011", "rd, rs1, rs2", "Unpriv 28.4.2")
def min_(rs1, rs2):
    """The smaller one, signed."""
    return where(s32(rs1) < s32(rs2), rs1, rs2)


@zbb("0000101 rs2 rs1 101 rd 0110011", "rd, rs1, rs2", "Unpriv 28.4.2")
def minu(rs1, rs2):
    """The smaller one, unsigned."""
    return where(rs1 < rs2, rs1, rs2)


@zbb("011000000100 rs1 001 rd 0010011", "rd, rs1", "Unpriv 28.4.2")
def sext_b(rs1):
    """Extend the low byte by its sign."""
    return sext(rs1, 8)


@zbb("011000000101 rs1 001 rd 0010011", "rd, rs1", "Unpriv 28.4.2")
def sext_h(rs1):
    """Extend the low halfword by its sign."""
    return sext(rs1, 16)


@zbb("000010000000 rs1 100 rd 0110011", "rd, rs1", "Unpriv 28.4.2")
def zext_h(rs1):
    """Extend the low halfword by zeros."""
    return rs1 & 0xFFFF


@zbb("0110000 rs2 rs1 001 rd 0110011", "rd, rs1, rs2", "Unpriv 28.4.2")
def rol(rs1, rs2):
    """Rotate left by the low five bits of rs2."""
    return rotated(rs1, -rs2 & 31)


@zbb("0110000 rs2 rs1 101 rd 0110011", "rd, rs1, rs2", "Unpriv 28.4.2")
def ror(rs1, rs2):
    """Rotate right by the low five bits of rs2."""
    return rotated(rs1, rs2 & 31)


@zbb("0110000 shamt rs1 101 rd 0010011", "rd, rs1, shamt", "Unpriv 28.4.2")
def rori(rs1, shamt):
    """Rotate right by a constant."""
    return rotated(rs1, shamt)


@zbb("001010000111 rs1 101 rd 0010011", "rd, rs1", "Unpriv 28.4.2")
def orc_b(rs1):
    """Set all bits of each byte that is not zero."""
    return or_combined(rs1)


@zbb("011010011000 rs1 101 rd 0010011", "rd, rs1", "Unpriv 28.4.2")
def rev8(rs1):
    """Reverse the order of the bytes."""
    return reversed_bytes(rs1)


@zbs("0100100 rs2 rs1 001 rd 0110011", "rd, rs1, rs2", "Unpriv 28.4.4")
def bclr(rs1, rs2):
    """Clear the bit that the low five bits of rs2 number."""
    return rs1 & ((1 << (rs2 & 31)) ^ MASK)


@zbs("0100100 shamt rs1 001 rd 0010011", "rd, rs1, shamt", "Unpriv 28.4.4")
def bclri(rs1, shamt):
    """Clear a bit."""
    return rs1 & ((1 << shamt) ^ MASK)


@zbs("0100100 rs2 rs1 101 rd 0110011", "rd, rs1, rs2", "Unpriv 28.4.4")
def bext(rs1, rs2):
    """Extract the bit that the low five bits of rs2 number."""
    return (rs1 >> (rs2 & 31)) & 1


@zbs("0100100 shamt rs1 101 rd 0010011", "rd, rs1, shamt", "Unpriv 28.4.4")
def bexti(rs1, shamt):
    """Extract a bit."""
    return (rs1 >> shamt) & 1


@zbs("0110100 rs2 rs1 001 rd 0110011", "rd, rs1, rs2", "Unpriv 28.4.4")
def binv(rs1, rs2):
    """Invert the bit that the low five bits of rs2 number."""
    return rs1 ^ (1 << (rs2 & 31))


@zbs("0110100 shamt rs1 001 rd 0010011", "rd, rs1, shamt", "Unpriv 28.4.4")
def binvi(rs1, shamt):
    """Invert a bit."""
    return rs1 ^ (1 << shamt)


@zbs("0010100 rs2 rs1 001 rd 0110011", "rd, rs1, rs2", "Unpriv 28.4.4")
def bset(rs1, rs2):
    """Set the bit that the low five bits of rs2 number."""
    return rs1 | (1 << (rs2 & 31))


@zbs("0010100 shamt rs1 001 rd 0010011", "rd, rs1, shamt", "Unpriv 28.4.4")
def bseti(rs1, shamt):
    """Set a bit."""
    return rs1 | (1 << shamt)
