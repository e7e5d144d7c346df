"""Pseudo-instructions that are other spellings of one or two real ones (GNU as, `riscv-opc.c` aliases by meaning).

A template is a mnemonic and operands: an int stands for the operand of that position, text for a register or
a CSR, and `Constant` for a number. What depends on values or symbols (li, la, call, loads of symbols) is in
`asm.encoder`.
"""

from typing import NamedTuple

from trapline.isa.table import reserve


class Constant(NamedTuple):
    """A number as an operand of a template."""

    value: int


ZERO, ONE = Constant(0), Constant(1)

Template = tuple
PSEUDO: dict[tuple[str, int], tuple[Template, ...]] = {
    ("nop", 0): (("addi", "zero", "zero", ZERO),),
    ("ret", 0): (("jalr", "zero", "ra", ZERO),),
    ("unimp", 0): (("csrrw", "zero", "cycle", "zero"),),
    ("scall", 0): (("ecall",),),
    ("sbreak", 0): (("ebreak",),),
    ("mv", 2): (("addi", 0, 1, ZERO),),
    ("move", 2): (("addi", 0, 1, ZERO),),
    ("not", 2): (("xori", 0, 1, Constant(-1)),),
    ("neg", 2): (("sub", 0, "zero", 1),),
    ("seqz", 2): (("sltiu", 0, 1, ONE),),
    ("snez", 2): (("sltu", 0, "zero", 1),),
    ("sltz", 2): (("slt", 0, 1, "zero"),),
    ("sgtz", 2): (("slt", 0, "zero", 1),),
    ("sgt", 3): (("slt", 0, 2, 1),),
    ("sgtu", 3): (("sltu", 0, 2, 1),),
    ("beqz", 2): (("beq", 0, "zero", 1),),
    ("bnez", 2): (("bne", 0, "zero", 1),),
    ("blez", 2): (("bge", "zero", 0, 1),),
    ("bgez", 2): (("bge", 0, "zero", 1),),
    ("bltz", 2): (("blt", 0, "zero", 1),),
    ("bgtz", 2): (("blt", "zero", 0, 1),),
    ("bgt", 3): (("blt", 1, 0, 2),),
    ("ble", 3): (("bge", 1, 0, 2),),
    ("bgtu", 3): (("bltu", 1, 0, 2),),
    ("bleu", 3): (("bgeu", 1, 0, 2),),
    ("j", 1): (("jal", "zero", 0),),
    ("jal", 1): (("jal", "ra", 0),),
    ("jr", 1): (("jalr", "zero", 0),),
    ("jr", 2): (("jalr", "zero", 0, 1),),
    ("csrr", 2): (("csrrs", 0, 1, "zero"),),
    ("csrw", 2): (("csrrw", "zero", 0, 1),),
    ("csrs", 2): (("csrrs", "zero", 0, 1),),
    ("csrc", 2): (("csrrc", "zero", 0, 1),),
    ("csrwi", 2): (("csrrwi", "zero", 0, 1),),
    ("csrsi", 2): (("csrrsi", "zero", 0, 1),),
    ("csrci", 2): (("csrrci", "zero", 0, 1),),
    ("rdcycle", 1): (("csrrs", 0, "cycle", "zero"),),
    ("rdcycleh", 1): (("csrrs", 0, "cycleh", "zero"),),
    ("rdtime", 1): (("csrrs", 0, "time", "zero"),),
    ("rdtimeh", 1): (("csrrs", 0, "timeh", "zero"),),
    ("rdinstret", 1): (("csrrs", 0, "instret", "zero"),),
    ("rdinstreth", 1): (("csrrs", 0, "instreth", "zero"),),
    ("zext.b", 2): (("andi", 0, 1, Constant(255)),),
    ("sext.b", 2): (("slli", 0, 1, Constant(24)), ("srai", 0, 0, Constant(24))),
    ("sext.h", 2): (("slli", 0, 1, Constant(16)), ("srai", 0, 0, Constant(16))),
    ("zext.h", 2): (("slli", 0, 1, Constant(16)), ("srli", 0, 0, Constant(16))),
    ("fence", 0): (("fence", "iorw", "iorw"),),
    ("sfence.vma", 0): (("sfence.vma", "zero", "zero"),),
    ("sfence.vma", 1): (("sfence.vma", 0, "zero"),),
}

IMMEDIATE_FORMS = {
    "add": "addi", "and": "andi", "or": "ori", "xor": "xori", "sll": "slli", "srl": "srli", "sra": "srai",
    "slt": "slti", "sltu": "sltiu",
}  # fmt: skip
"""`add rd, rs, 5` means `addi rd, rs, 5`."""

IMMEDIATE_CSRS = {"csrrw": "csrrwi", "csrrs": "csrrsi", "csrrc": "csrrci"}
"""`csrw mie, 8` means `csrwi mie, 8`."""

FIXED_WORDS = {"fence.tso": 0x8330000F, "pause": 0x0100000F}

SPECIAL = (
    "li", "la", "lla", "lga", "call", "tail", "jump", "la.tls.gd", "la.tls.ie", "fence.tso", "pause",
)  # fmt: skip
"""Mnemonics that `asm.encoder` expands itself."""

reserve({name for name, _ in PSEUDO} - {"jal", "fence", "sfence.vma"}, "a pseudo-instruction")
reserve(SPECIAL, "a pseudo-instruction")
