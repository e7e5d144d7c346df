"""M: integer multiplication and division (specification, volume I, chapter 12)."""

from functools import partial

from trapline.isa.instruction import Kind, declare
from trapline.isa.word import divide, remainder, s32, u32, where

value = partial(declare, Kind.VALUE, extension="m")


@value("0000001 rs2 rs1 000 rd 0110011", "rd, rs1, rs2", "Unpriv 12.1")
def mul(rs1, rs2):
    """Low word of the product."""
    return u32(rs1 * rs2)


@value("0000001 rs2 rs1 001 rd 0110011", "rd, rs1, rs2", "Unpriv 12.1")
def mulh(rs1, rs2):
    """High word of the signed product."""
    return u32((s32(rs1) * s32(rs2)) >> 32)


@value("0000001 rs2 rs1 010 rd 0110011", "rd, rs1, rs2", "Unpriv 12.1")
def mulhsu(rs1, rs2):
    """High word of the product of signed rs1 and unsigned rs2."""
    return u32((s32(rs1) * rs2) >> 32)


@value("0000001 rs2 rs1 011 rd 0110011", "rd, rs1, rs2", "Unpriv 12.1")
def mulhu(rs1, rs2):
    """High word of the unsigned product."""
    return u32((rs1 * rs2) >> 32)


@value("0000001 rs2 rs1 100 rd 0110011", "rd, rs1, rs2", "Unpriv 12.2")
def div(rs1, rs2):
    """Signed quotient rounded towards zero; all ones when dividing by zero."""
    return where(rs2 == 0, 0xFFFFFFFF, u32(divide(s32(rs1), s32(where(rs2 == 0, 1, rs2)))))


@value("0000001 rs2 rs1 101 rd 0110011", "rd, rs1, rs2", "Unpriv 12.2")
def divu(rs1, rs2):
    """Unsigned quotient; all ones when dividing by zero."""
    return where(rs2 == 0, 0xFFFFFFFF, rs1 // where(rs2 == 0, 1, rs2))


@value("0000001 rs2 rs1 110 rd 0110011", "rd, rs1, rs2", "Unpriv 12.2")
def rem(rs1, rs2):
    """Signed remainder with the sign of the dividend; the dividend when dividing by zero."""
    return where(rs2 == 0, rs1, u32(remainder(s32(rs1), s32(where(rs2 == 0, 1, rs2)))))


@value("0000001 rs2 rs1 111 rd 0110011", "rd, rs1, rs2", "Unpriv 12.2")
def remu(rs1, rs2):
    """Unsigned remainder; the dividend when dividing by zero."""
    return where(rs2 == 0, rs1, rs1 % where(rs2 == 0, 1, rs2))
