"""The instruction set: every instruction and CSR declared once, with its meaning."""

from trapline.isa.csr import Csr, Field
from trapline.isa.instruction import DeclarationError, Instruction, Kind
from trapline.isa.table import BY_NAME, CSR_BY_ADDRESS, CSR_BY_NAME, CSRS, INSTRUCTIONS, decode

__all__ = [
    "BY_NAME",
    "CSRS",
    "CSR_BY_ADDRESS",
    "CSR_BY_NAME",
    "INSTRUCTIONS",
    "Csr",
    "DeclarationError",
    "Field",
    "Instruction",
    "Kind",
    "decode",
]
