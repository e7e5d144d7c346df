"""A plugin with an instruction of every kind, and names that the engine has too.

U and J formats fill an opcode each, here those of the vector extensions that this machine lacks.
"""

from functools import partial

from trapline.isa.cause import ILLEGAL
from trapline.isa.instruction import Kind, declare
from trapline.isa.trap import JUMPED, NEXT
from trapline.isa.word import s32, sext, u32, where
from trapline.isa.xleak import write_x as put

x = 0x1234
TLB_MASK = 7

value = partial(declare, Kind.VALUE, extension="xkinds")
system = partial(declare, Kind.SYSTEM, extension="xkinds")


def refresh(word, amount):
    """A rotation, under a name of the engine's."""
    right = (32 - amount) & 31
    return u32(word << amount) | (word >> right)


def run(h):
    """A helper over the hart record, under another one."""
    total = 0
    for i in range(4):
        total += h.x[10 + i]
    return u32(total)


@value("0000000 rs2 rs1 000 rd 1011011", "rd, rs1, rs2", "kinds")
def k_value(rs1, rs2):
    """Rotate left, add a constant."""
    return u32(refresh(rs1, rs2 & 31) + x)


@value("imm[11:0] rs1 001 rd 1011011", "rd, rs1, imm12", "kinds", extension="xmore")
def k_imm(rs1, imm):
    """Subtract an immediate, unless that is negative."""
    return where(s32(rs1) < s32(imm), 0, u32(rs1 - imm))


@value("0000000 shamt rs1 010 rd 1011011", "rd, rs1, shamt", "kinds")
def k_shift(rs1, shamt):
    """Rotate left by a constant."""
    return refresh(rs1, shamt)


@value("imm[31:12] rd 1010111", "rd, imm20", "kinds")
def k_upper(pc, imm):
    """Exclusive or of the address of this instruction and an immediate."""
    return pc ^ imm


@declare(
    Kind.BRANCH, "imm[12|10:5] rs2 rs1 011 imm[4:1|11] 1011011", "rs1, rs2, label", "kinds", extension="xkinds",
    name="k.branch",
)  # fmt: skip
def branch(rs1, rs2):
    """Branch if a bit is common to both."""
    return rs1 & rs2 != 0


@declare(Kind.JUMP, "imm[20|10:1|11|19:12] rd 1110111", "rd, label", "kinds", extension="xkinds")
def k_jump(pc, imm):
    """Jump to pc + imm."""
    return u32(pc + imm) & 0xFFFFFFFE


@declare(Kind.LOAD, "imm[11:0] rs1 100 rd 1011011", "rd, offset(rs1)", "kinds", extension="xkinds", width=2)
def k_load(data):
    """Load a halfword with its bytes swapped, sign-extended."""
    return sext(((data & 0xFF) << 8) | (data >> 8), 16)


@declare(Kind.STORE, "imm[11:5] rs2 rs1 101 imm[4:0] 1011011", "rs2, offset(rs1)", "kinds", extension="xkinds", width=2)
def k_store(rs2):
    """Store a halfword with its bytes swapped."""
    return ((rs2 & 0xFF) << 8) | ((rs2 >> 8) & 0xFF)


@declare(
    Kind.AMO, "00001 aq rl rs2 rs1 110 rd 1011011", "rd, rs2, (rs1)", "kinds", extension="xkinds", width=4,
    name="k.amo.w",
)  # fmt: skip
def amo(old, rs2):
    """Subtract atomically."""
    return u32(old - rs2)


@declare(Kind.LR, "00010 aq rl 00000 rs1 110 rd 1011011", "rd, (rs1)", "kinds", extension="xkinds", width=4)
def k_lr(data):
    """Load a word complemented, and reserve it."""
    return data ^ 0xFFFFFFFF


@declare(Kind.SC, "00011 aq rl rs2 rs1 110 rd 1011011", "rd, rs2, (rs1)", "kinds", extension="xkinds", width=4)
def k_sc(rs2):
    """Store a word complemented, if it is still reserved."""
    return rs2 ^ 0xFFFFFFFF


@declare(Kind.CSR, "csr rs1 111 rd 1011011", "rd, csr, rs1", "kinds", extension="xkinds")
def k_csr(old, operand):
    """Flip the bits of a CSR that a register gives."""
    return old ^ operand


@declare(Kind.FENCE, "100000000000 00000 111 00000 0001111", "", "kinds", extension="xkinds")
def k_fence():
    """Order something."""
    return None


@system("0000001 00000 00000 000 rd 1011011", "rd", "kinds", reads=("x10", "x11", "x12", "x13"))
def k_sum(h, rd):
    """Add up a0 to a3."""
    put(h, rd, run(h))
    return NEXT


@system("0000010 00000 rs1 000 rd 1011011", "rd, rs1", "kinds", reads=("satp", "page tables", "PMP"))
def k_look(h, rd, readable, paddr):
    """The translation of rs1: its page, and whether it is readable."""
    if paddr < 0:
        put(h, rd, 0xFFFFFFFF)
    else:
        put(h, rd, u32(paddr & 0xFFFFF000) | readable)
    return NEXT


@system(
    "0000011 rs2 rs1 000 00000 1011011", "rs1, rs2", "kinds", privilege="S", writes=("mode", "sscratch"),
    causes=(ILLEGAL,),
)  # fmt: skip
def k_drop(h, rs1, rs2):
    """Enter U mode, with sscratch set."""
    if h.mode == 0 or not (rs1 != rs2 and TLB_MASK == 7):
        return 2
    h.sscratch = rs1
    h.mstatus &= ~0x20000
    h.mode = 0
    return NEXT


@system("0000100 00000 rs1 000 00000 1011011", "rs1", "kinds", writes=("pc",))
def k_goto(h, rs1):
    """Jump to a word."""
    h.pc = rs1 & 0xFFFFFFFC
    return JUMPED
