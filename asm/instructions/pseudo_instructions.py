"""Pseudo-instructions with a fixed expansion into one or two real ones, as in GNU as (`riscv-opc.c`).

`li`, `la`, `call` and the others whose expansion depends on a value or a symbol are in li_la_call.py.
"""

from dataclasses import dataclass

from trapline.asm.nodes import Name, Operand
from trapline.isa.table import reserve

_TABLE = """
nop                 = addi zero, zero, 0
ret                 = jalr zero, ra, 0
unimp               = csrrw zero, cycle, zero
scall               = ecall
sbreak              = ebreak
mv rd, rs           = addi rd, rs, 0
move rd, rs         = addi rd, rs, 0
not rd, rs          = xori rd, rs, -1
neg rd, rs          = sub rd, zero, rs
seqz rd, rs         = sltiu rd, rs, 1
snez rd, rs         = sltu rd, zero, rs
sltz rd, rs         = slt rd, rs, zero
sgtz rd, rs         = slt rd, zero, rs
sgt rd, rs, rt      = slt rd, rt, rs
sgtu rd, rs, rt     = sltu rd, rt, rs
beqz rs, label      = beq rs, zero, label
bnez rs, label      = bne rs, zero, label
blez rs, label      = bge zero, rs, label
bgez rs, label      = bge rs, zero, label
bltz rs, label      = blt rs, zero, label
bgtz rs, label      = blt zero, rs, label
bgt rs, rt, label   = blt rt, rs, label
ble rs, rt, label   = bge rt, rs, label
bgtu rs, rt, label  = bltu rt, rs, label
bleu rs, rt, label  = bgeu rt, rs, label
j label             = jal zero, label
jal label           = jal ra, label
jr rs               = jalr zero, rs
jr rs, offset       = jalr zero, rs, offset
csrr rd, csr        = csrrs rd, csr, zero
csrw csr, rs        = csrrw zero, csr, rs
csrs csr, rs        = csrrs zero, csr, rs
csrc csr, rs        = csrrc zero, csr, rs
csrwi csr, uimm     = csrrwi zero, csr, uimm
csrsi csr, uimm     = csrrsi zero, csr, uimm
csrci csr, uimm     = csrrci zero, csr, uimm
rdcycle rd          = csrrs rd, cycle, zero
rdcycleh rd         = csrrs rd, cycleh, zero
rdtime rd           = csrrs rd, time, zero
rdtimeh rd          = csrrs rd, timeh, zero
rdinstret rd        = csrrs rd, instret, zero
rdinstreth rd       = csrrs rd, instreth, zero
zext.b rd, rs       = andi rd, rs, 255
sext.b rd, rs       = slli rd, rs, 24; srai rd, rd, 24
sext.h rd, rs       = slli rd, rs, 16; srai rd, rd, 16
zext.h rd, rs       = slli rd, rs, 16; srli rd, rd, 16
fence               = fence iorw, iorw
sfence.vma          = sfence.vma zero, zero
sfence.vma rs       = sfence.vma rs, zero
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Stands for the operand of the pseudo-instruction at this position."""

    position: int


Template = tuple[str, tuple[Operand | Place, ...]]
"""The mnemonic of a real instruction and its operands."""


def _templates(line: str) -> tuple[tuple[str, int], tuple[Template, ...]]:
    written, _, expansion = line.partition(" = ")
    name, _, fields = written.strip().partition(" ")
    own = fields.split(", ") if fields else []

    def operand(text: str) -> Operand | Place:
        if text in own:
            return Place(own.index(text))
        return int(text) if text.lstrip("-").isdigit() else Name(text)

    real = [instruction.partition(" ") for instruction in expansion.split("; ")]
    return (name, len(own)), tuple(
        (mnemonic, tuple(operand(text) for text in operands.split(", ") if text)) for mnemonic, _, operands in real
    )


PSEUDO: dict[tuple[str, int], tuple[Template, ...]] = dict(map(_templates, _TABLE.strip().splitlines()))
"""Expansion by mnemonic and number of operands."""

IMMEDIATE_FORMS = {
    "add": "addi", "and": "andi", "or": "ori", "xor": "xori", "sll": "slli", "srl": "srli", "sra": "srai",
    "slt": "slti", "sltu": "sltiu", "csrrw": "csrrwi", "csrrs": "csrrsi", "csrrc": "csrrci",
    "ror": "rori", "bclr": "bclri", "bext": "bexti", "binv": "binvi", "bset": "bseti",
}  # fmt: skip
"""`add rd, rs, 5` means `addi rd, rs, 5`, and `csrrw rd, mie, 8` means `csrrwi rd, mie, 8`."""

FIXED_WORDS = {"fence.tso": 0x8330000F, "pause": 0x0100000F}

SPECIAL = ("li", "la", "lla", "lga", "call", "tail", "jump", "la.tls.gd", "la.tls.ie", *FIXED_WORDS)
"""Mnemonics outside the table: those of li_la_call.py, and the fixed words."""

reserve({name for name, _ in PSEUDO} - {"jal", "fence", "sfence.vma"}, "a pseudo-instruction")
reserve(SPECIAL, "a pseudo-instruction")
