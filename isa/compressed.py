"""C: compressed instructions, those of Zca (volume I, chapter 26); with no F and no D they are all there are.

"The C extension ... allows 16-bit instructions to be freely intermixed with 32-bit instructions, with the latter now
able to start on any 16-bit boundary, i.e., IALIGN=16" (Unpriv 26.1).
"""

from functools import partial

from trapline.isa import base, privileged  # noqa: F401  (they declare what is expanded to)
from trapline.isa.compression import compressed

c = partial(compressed, extension="c")
NO_REGISTER = NO_VALUE = (0,)
STACK_POINTER = (2,)
"""What an operand must not be (`Compressed.differs`)."""

c("010 uimm[5] rd uimm[4:2|7:6] 10", "c.lwsp", "rd, uimm(sp)", "lw rd, uimm(x2)", "Unpriv 26.3.1",
  "Load a word, by the stack pointer.", differs={"rd": NO_REGISTER})  # fmt: skip
c("110 uimm[5:2|7:6] rs2 10", "c.swsp", "rs2, uimm(sp)", "sw rs2, uimm(x2)", "Unpriv 26.3.1",
  "Store a word, by the stack pointer.")  # fmt: skip
c("010 uimm[5:3] rs1' uimm[2|6] rd' 00", "c.lw", "rd', uimm(rs1')", "lw rd', uimm(rs1')", "Unpriv 26.3.2",
  "Load a word.")  # fmt: skip
c("110 uimm[5:3] rs1' uimm[2|6] rs2' 00", "c.sw", "rs2', uimm(rs1')", "sw rs2', uimm(rs1')", "Unpriv 26.3.2",
  "Store a word.")  # fmt: skip

c("101 imm[11|4|9:8|10|6|7|3:1|5] 01", "c.j", "label", "jal x0, imm", "Unpriv 26.4",
  "Jump to pc + imm.")  # fmt: skip
c("001 imm[11|4|9:8|10|6|7|3:1|5] 01", "c.jal", "label", "jal x1, imm", "Unpriv 26.4",
  "Jump to pc + imm; ra receives the address of the next instruction.")  # fmt: skip
c("100 0 rs1 00000 10", "c.jr", "rs1", "jalr x0, 0(rs1)", "Unpriv 26.4",
  "Jump to a register.", differs={"rs1": NO_REGISTER})  # fmt: skip
c("100 1 rs1 00000 10", "c.jalr", "rs1", "jalr x1, 0(rs1)", "Unpriv 26.4",
  "Jump to a register; ra receives the address of the next instruction.", differs={"rs1": NO_REGISTER})  # fmt: skip
c("110 imm[8|4:3] rs1' imm[7:6|2:1|5] 01", "c.beqz", "rs1', label", "beq rs1', x0, imm", "Unpriv 26.4",
  "Branch if zero.")  # fmt: skip
c("111 imm[8|4:3] rs1' imm[7:6|2:1|5] 01", "c.bnez", "rs1', label", "bne rs1', x0, imm", "Unpriv 26.4",
  "Branch if not zero.")  # fmt: skip

c("010 imm[5] rd imm[4:0] 01", "c.li", "rd, imm", "addi rd, x0, imm", "Unpriv 26.5.1",
  "Load a six-bit immediate.")  # fmt: skip
c("011 imm[17] rd imm[16:12] 01", "c.lui", "rd, imm20", "lui rd, imm", "Unpriv 26.5.1",
  "Load a six-bit immediate into bits 12 to 17, sign-extended; the low 12 become zero.",
  differs={"rd": STACK_POINTER, "imm": NO_VALUE})  # fmt: skip
c("000 imm[5] rd imm[4:0] 01", "c.addi", "rd, imm", "addi rd, rd, imm", "Unpriv 26.5.2",
  "Add a six-bit immediate.", differs={"rd": NO_REGISTER})  # fmt: skip
c("011 imm[9] 00010 imm[4|6|8:7|5] 01", "c.addi16sp", "sp, imm", "addi x2, x2, imm", "Unpriv 26.5.2",
  "Add a multiple of 16 to the stack pointer.", differs={"imm": NO_VALUE})  # fmt: skip
c("000 uimm[5:4|9:6|2|3] rd' 00", "c.addi4spn", "rd', sp, uimm", "addi rd', x2, uimm", "Unpriv 26.5.2",
  "Add a multiple of 4 to the stack pointer, into another register.", differs={"uimm": NO_VALUE})  # fmt: skip
c("000 0 rd uimm[4:0] 10", "c.slli", "rd, uimm", "slli rd, rd, uimm", "Unpriv 26.5.2",
  "Shift left by a constant.")  # fmt: skip
c("100 0 00 rd' uimm[4:0] 01", "c.srli", "rd', uimm", "srli rd', rd', uimm", "Unpriv 26.5.2",
  "Shift right by a constant, filling with zeros.")  # fmt: skip
c("100 0 01 rd' uimm[4:0] 01", "c.srai", "rd', uimm", "srai rd', rd', uimm", "Unpriv 26.5.2",
  "Shift right by a constant, filling with the sign.")  # fmt: skip
c("100 imm[5] 10 rd' imm[4:0] 01", "c.andi", "rd', imm", "andi rd', rd', imm", "Unpriv 26.5.2",
  "And with a six-bit immediate.")  # fmt: skip
c("100 0 rd rs2 10", "c.mv", "rd, rs2", "add rd, x0, rs2", "Unpriv 26.5.3",
  "Copy a register.", differs={"rs2": NO_REGISTER})  # fmt: skip
c("100 1 rd rs2 10", "c.add", "rd, rs2", "add rd, rd, rs2", "Unpriv 26.5.3",
  "Add.", differs={"rs2": NO_REGISTER})  # fmt: skip
c("100 0 11 rd' 11 rs2' 01", "c.and", "rd', rs2'", "and rd', rd', rs2'", "Unpriv 26.5.3",
  "And.")  # fmt: skip
c("100 0 11 rd' 10 rs2' 01", "c.or", "rd', rs2'", "or rd', rd', rs2'", "Unpriv 26.5.3",
  "Or.")  # fmt: skip
c("100 0 11 rd' 01 rs2' 01", "c.xor", "rd', rs2'", "xor rd', rd', rs2'", "Unpriv 26.5.3",
  "Exclusive or.")  # fmt: skip
c("100 0 11 rd' 00 rs2' 01", "c.sub", "rd', rs2'", "sub rd', rd', rs2'", "Unpriv 26.5.3",
  "Subtract rs2' from rd'.")  # fmt: skip
c("000 imm[5] 00000 imm[4:0] 01", "c.nop", "imm", "addi x0, x0, imm", "Unpriv 26.5.5",
  "Do nothing. An immediate other than 0 is a hint.")  # fmt: skip
c("100 1 00000 00000 10", "c.ebreak", "", "ebreak", "Unpriv 26.5.6",
  "Raise a breakpoint exception.")  # fmt: skip
