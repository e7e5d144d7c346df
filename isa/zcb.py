"""Zcb: more compressed instructions, of what Zbb and M have too (specification, volume I, chapter 27).

"many of the instructions in Zcb depend upon another extension being implemented": one is legal where Zcb and the
extension of the instruction that it stands for are both there.
"""

from functools import partial

from trapline.isa import base, bitmanip, multiply  # noqa: F401  (they declare what is expanded to)
from trapline.isa.compression import compressed

zcb = partial(compressed, extension="zcb")

zcb("100 000 rs1' uimm[0|1] rd' 00", "c.lbu", "rd', uimm(rs1')", "lbu rd', uimm(rs1')", "Unpriv 27.8",
    "Load a byte, zero-extended.")  # fmt: skip
zcb("100 001 rs1' 0 uimm[1] rd' 00", "c.lhu", "rd', uimm(rs1')", "lhu rd', uimm(rs1')", "Unpriv 27.8",
    "Load a halfword, zero-extended.")  # fmt: skip
zcb("100 001 rs1' 1 uimm[1] rd' 00", "c.lh", "rd', uimm(rs1')", "lh rd', uimm(rs1')", "Unpriv 27.8",
    "Load a halfword, sign-extended.")  # fmt: skip
zcb("100 010 rs1' uimm[0|1] rs2' 00", "c.sb", "rs2', uimm(rs1')", "sb rs2', uimm(rs1')", "Unpriv 27.8",
    "Store the low byte.")  # fmt: skip
zcb("100 011 rs1' 0 uimm[1] rs2' 00", "c.sh", "rs2', uimm(rs1')", "sh rs2', uimm(rs1')", "Unpriv 27.8",
    "Store the low halfword.")  # fmt: skip

zcb("100 111 rd' 11 000 01", "c.zext.b", "rd'", "andi rd', rd', 255", "Unpriv 27.8",
    "Extend the low byte by zeros.")  # fmt: skip
zcb("100 111 rd' 11 001 01", "c.sext.b", "rd'", "sext.b rd', rd'", "Unpriv 27.8",
    "Extend the low byte by its sign.")  # fmt: skip
zcb("100 111 rd' 11 010 01", "c.zext.h", "rd'", "zext.h rd', rd'", "Unpriv 27.8",
    "Extend the low halfword by zeros.")  # fmt: skip
zcb("100 111 rd' 11 011 01", "c.sext.h", "rd'", "sext.h rd', rd'", "Unpriv 27.8",
    "Extend the low halfword by its sign.")  # fmt: skip
zcb("100 111 rd' 11 101 01", "c.not", "rd'", "xori rd', rd', -1", "Unpriv 27.8",
    "Complement every bit.")  # fmt: skip
zcb("100 111 rd' 10 rs2' 01", "c.mul", "rd', rs2'", "mul rd', rd', rs2'", "Unpriv 27.8",
    "Low word of the product.")  # fmt: skip
