"""Instructions of our own, for docs/tutorials/add-an-instruction.md."""

from functools import partial

from trapline.isa.instruction import Kind, declare
from trapline.isa.trap import NEXT
from trapline.isa.word import u32
from trapline.isa.xleak import write_x

value = partial(declare, Kind.VALUE, extension="xmine")
system = partial(declare, Kind.SYSTEM, extension="xmine")


@value("0000000 rs2 rs1 000 rd 0101011", "rd, rs1, rs2", "My notes, 1")
def rotl(rs1, rs2):
    """Rotate rs1 left by the low five bits of rs2."""
    return u32(rs1 << (rs2 & 31)) | (rs1 >> ((32 - (rs2 & 31)) & 31))


def count(word):
    """How many bits are 1: of each pair, of each four, of each byte; the product adds up the bytes."""
    pairs = word - ((word >> 1) & 0x55555555)
    fours = (pairs & 0x33333333) + ((pairs >> 2) & 0x33333333)
    bytes_ = (fours + (fours >> 4)) & 0x0F0F0F0F
    return u32(bytes_ * 0x01010101) >> 24


@value("0000001 00000 rs1 000 rd 0101011", "rd, rs1", "My notes, 2")
def ones(rs1):
    """Count the bits that are 1."""
    return count(rs1)


@system("0000010 00000 00000 000 rd 0101011", "rd", "My notes, 3", reads=("mode",))
def ring(h, rd):
    """Read the privilege mode, in any mode."""
    write_x(h, rd, h.mode)
    return NEXT
