"""Zicond: a value or zero, to choose without a branch (specification, volume I, chapter 11)."""

from functools import partial

from trapline.isa.instruction import Kind, declare
from trapline.isa.word import where

value = partial(declare, Kind.VALUE, extension="zicond")


@value("0000111 rs2 rs1 101 rd 0110011", "rd, rs1, rs2", "Unpriv 11")
def czero_eqz(rs1, rs2):
    """Zero if rs2 is zero, else rs1."""
    return where(rs2 == 0, 0, rs1)


@value("0000111 rs2 rs1 111 rd 0110011", "rd, rs1, rs2", "Unpriv 11")
def czero_nez(rs1, rs2):
    """Zero if rs2 is not zero, else rs1."""
    return where(rs2 == 0, rs1, 0)
