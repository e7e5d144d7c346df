"""RV32I: the 40 general instructions of the base (specification, volume I, chapter 2)."""

from functools import partial

from trapline.isa.instruction import Kind, declare
from trapline.isa.word import s32, sext, u32, where

value = partial(declare, Kind.VALUE, extension="i")
branch = partial(declare, Kind.BRANCH, extension="i")
jump = partial(declare, Kind.JUMP, extension="i")
load = partial(declare, Kind.LOAD, extension="i")
store = partial(declare, Kind.STORE, extension="i")


@value("imm[31:12] rd 0110111", "rd, imm20", "Unpriv 2.4.1")
def lui(imm):
    """Load the upper 20 bits; the low 12 become zero."""
    return imm


@value("imm[31:12] rd 0010111", "rd, imm20", "Unpriv 2.4.1")
def auipc(pc, imm):
    """Add a 20-bit upper immediate to the address of this instruction."""
    return u32(pc + imm)


@jump("imm[20|10:1|11|19:12] rd 1101111", "rd, label", "Unpriv 2.5.1")
def jal(pc, imm):
    """Jump to pc + imm; rd receives the address of the next instruction."""
    return u32(pc + imm)


@jump("imm[11:0] rs1 000 rd 1100111", "rd, offset(rs1)", "Unpriv 2.5.1")
def jalr(rs1, imm):
    """Jump to rs1 + imm with bit 0 cleared; rd receives the address of the next instruction."""
    return (rs1 + imm) & 0xFFFFFFFE


@branch("imm[12|10:5] rs2 rs1 000 imm[4:1|11] 1100011", "rs1, rs2, label", "Unpriv 2.5.2")
def beq(rs1, rs2):
    """Branch if equal."""
    return rs1 == rs2


@branch("imm[12|10:5] rs2 rs1 001 imm[4:1|11] 1100011", "rs1, rs2, label", "Unpriv 2.5.2")
def bne(rs1, rs2):
    """Branch if not equal."""
    return rs1 != rs2


@branch("imm[12|10:5] rs2 rs1 100 imm[4:1|11] 1100011", "rs1, rs2, label", "Unpriv 2.5.2")
def blt(rs1, rs2):
    """Branch if less than, signed."""
    return s32(rs1) < s32(rs2)


@branch("imm[12|10:5] rs2 rs1 101 imm[4:1|11] 1100011", "rs1, rs2, label", "Unpriv 2.5.2")
def bge(rs1, rs2):
    """Branch if greater than or equal, signed."""
    return s32(rs1) >= s32(rs2)


@branch("imm[12|10:5] rs2 rs1 110 imm[4:1|11] 1100011", "rs1, rs2, label", "Unpriv 2.5.2")
def bltu(rs1, rs2):
    """Branch if less than, unsigned."""
    return rs1 < rs2


@branch("imm[12|10:5] rs2 rs1 111 imm[4:1|11] 1100011", "rs1, rs2, label", "Unpriv 2.5.2")
def bgeu(rs1, rs2):
    """Branch if greater than or equal, unsigned."""
    return rs1 >= rs2


@load("imm[11:0] rs1 000 rd 0000011", "rd, offset(rs1)", "Unpriv 2.6", width=1)
def lb(data):
    """Load a byte, sign-extended."""
    return sext(data, 8)


@load("imm[11:0] rs1 001 rd 0000011", "rd, offset(rs1)", "Unpriv 2.6", width=2)
def lh(data):
    """Load a halfword, sign-extended."""
    return sext(data, 16)


@load("imm[11:0] rs1 010 rd 0000011", "rd, offset(rs1)", "Unpriv 2.6", width=4)
def lw(data):
    """Load a word."""
    return data


@load("imm[11:0] rs1 100 rd 0000011", "rd, offset(rs1)", "Unpriv 2.6", width=1)
def lbu(data):
    """Load a byte, zero-extended."""
    return data


@load("imm[11:0] rs1 101 rd 0000011", "rd, offset(rs1)", "Unpriv 2.6", width=2)
def lhu(data):
    """Load a halfword, zero-extended."""
    return data


@store("imm[11:5] rs2 rs1 000 imm[4:0] 0100011", "rs2, offset(rs1)", "Unpriv 2.6", width=1)
def sb(rs2):
    """Store the low byte of rs2."""
    return rs2 & 0xFF


@store("imm[11:5] rs2 rs1 001 imm[4:0] 0100011", "rs2, offset(rs1)", "Unpriv 2.6", width=2)
def sh(rs2):
    """Store the low halfword of rs2."""
    return rs2 & 0xFFFF


@store("imm[11:5] rs2 rs1 010 imm[4:0] 0100011", "rs2, offset(rs1)", "Unpriv 2.6", width=4)
def sw(rs2):
    """Store rs2."""
    return rs2


@value("imm[11:0] rs1 000 rd 0010011", "rd, rs1, imm12", "Unpriv 2.4.1")
def addi(rs1, imm):
    """Add an immediate."""
    return u32(rs1 + imm)


@value("imm[11:0] rs1 010 rd 0010011", "rd, rs1, imm12", "Unpriv 2.4.1")
def slti(rs1, imm):
    """1 if less than the immediate, signed, else 0."""
    return where(s32(rs1) < s32(imm), 1, 0)


@value("imm[11:0] rs1 011 rd 0010011", "rd, rs1, imm12", "Unpriv 2.4.1")
def sltiu(rs1, imm):
    """1 if less than the sign-extended immediate, unsigned, else 0."""
    return where(rs1 < imm, 1, 0)


@value("imm[11:0] rs1 100 rd 0010011", "rd, rs1, imm12", "Unpriv 2.4.1")
def xori(rs1, imm):
    """Exclusive or with an immediate."""
    return rs1 ^ imm


@value("imm[11:0] rs1 110 rd 0010011", "rd, rs1, imm12", "Unpriv 2.4.1")
def ori(rs1, imm):
    """Or with an immediate."""
    return rs1 | imm


@value("imm[11:0] rs1 111 rd 0010011", "rd, rs1, imm12", "Unpriv 2.4.1")
def andi(rs1, imm):
    """And with an immediate."""
    return rs1 & imm


@value("0000000 shamt rs1 001 rd 0010011", "rd, rs1, shamt", "Unpriv 2.4.1")
def slli(rs1, shamt):
    """Shift left by a constant."""
    return u32(rs1 << shamt)


@value("0000000 shamt rs1 101 rd 0010011", "rd, rs1, shamt", "Unpriv 2.4.1")
def srli(rs1, shamt):
    """Shift right by a constant, filling with zeros."""
    return rs1 >> shamt


@value("0100000 shamt rs1 101 rd 0010011", "rd, rs1, shamt", "Unpriv 2.4.1")
def srai(rs1, shamt):
    """Shift right by a constant, filling with the sign."""
    return u32(s32(rs1) >> shamt)


@value("0000000 rs2 rs1 000 rd 0110011", "rd, rs1, rs2", "Unpriv 2.4.2")
def add(rs1, rs2):
    """Add."""
    return u32(rs1 + rs2)


@value("0100000 rs2 rs1 000 rd 0110011", "rd, rs1, rs2", "Unpriv 2.4.2")
def sub(rs1, rs2):
    """Subtract rs2 from rs1."""
    return u32(rs1 - rs2)


@value("0000000 rs2 rs1 001 rd 0110011", "rd, rs1, rs2", "Unpriv 2.4.2")
def sll(rs1, rs2):
    """Shift left by the low five bits of rs2."""
    return u32(rs1 << (rs2 & 31))


@value("0000000 rs2 rs1 010 rd 0110011", "rd, rs1, rs2", "Unpriv 2.4.2")
def slt(rs1, rs2):
    """1 if rs1 is less than rs2, signed, else 0."""
    return where(s32(rs1) < s32(rs2), 1, 0)


@value("0000000 rs2 rs1 011 rd 0110011", "rd, rs1, rs2", "Unpriv 2.4.2")
def sltu(rs1, rs2):
    """1 if rs1 is less than rs2, unsigned, else 0."""
    return where(rs1 < rs2, 1, 0)


@value("0000000 rs2 rs1 100 rd 0110011", "rd, rs1, rs2", "Unpriv 2.4.2")
def xor(rs1, rs2):
    """Exclusive or."""
    return rs1 ^ rs2


@value("0000000 rs2 rs1 101 rd 0110011", "rd, rs1, rs2", "Unpriv 2.4.2")
def srl(rs1, rs2):
    """Shift right by the low five bits of rs2, filling with zeros."""
    return rs1 >> (rs2 & 31)


@value("0100000 rs2 rs1 101 rd 0110011", "rd, rs1, rs2", "Unpriv 2.4.2")
def sra(rs1, rs2):
    """Shift right by the low five bits of rs2, filling with the sign."""
    return u32(s32(rs1) >> (rs2 & 31))


@value("0000000 rs2 rs1 110 rd 0110011", "rd, rs1, rs2", "Unpriv 2.4.2")
def or_(rs1, rs2):
    """Or."""
    return rs1 | rs2


@value("0000000 rs2 rs1 111 rd 0110011", "rd, rs1, rs2", "Unpriv 2.4.2")
def and_(rs1, rs2):
    """And."""
    return rs1 & rs2


@declare(Kind.FENCE, "fm pred succ rs1 000 rd 0001111", "pred, succ", "Unpriv 2.7", extension="i")
def fence():
    """Order memory and device accesses; one instruction at a time is already in order."""
    return None


@declare(Kind.FENCE, "imm[11:0] rs1 001 rd 0001111", "", "Unpriv 5", extension="zifencei")
def fence_i():
    """Make earlier stores visible to later fetches; here they always are."""
    return None
