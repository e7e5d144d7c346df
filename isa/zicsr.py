"""Zicsr: the instructions that read and write CSRs.

A meaning takes the CSR's old value and the operand, and returns the new one; privilege and rules of a CSR are its own.
"""

from functools import partial

from trapline.isa.instruction import Kind, declare

EXTENSION = "zicsr"
csr = partial(declare, Kind.CSR, extension=EXTENSION)

ALWAYS_WRITE = ("csrrw", "csrrwi")
"""Those that write whatever their source is; the others write nothing where it is x0 or 0."""


@csr("csr rs1 001 rd 1110011", "rd, csr, rs1", "Unpriv 6.1")
def csrrw(old, operand):
    """Swap a CSR with a register."""
    return operand


@csr("csr rs1 010 rd 1110011", "rd, csr, rs1", "Unpriv 6.1")
def csrrs(old, operand):
    """Read a CSR and set the bits given by a register; with x0 the CSR is not written."""
    return old | operand


@csr("csr rs1 011 rd 1110011", "rd, csr, rs1", "Unpriv 6.1")
def csrrc(old, operand):
    """Read a CSR and clear the bits given by a register; with x0 the CSR is not written."""
    return old & ~operand


@csr("csr uimm 101 rd 1110011", "rd, csr, uimm", "Unpriv 6.1")
def csrrwi(old, operand):
    """Read a CSR and write a five-bit constant."""
    return operand


@csr("csr uimm 110 rd 1110011", "rd, csr, uimm", "Unpriv 6.1")
def csrrsi(old, operand):
    """Read a CSR and set the bits given by a five-bit constant; with 0 the CSR is not written."""
    return old | operand


@csr("csr uimm 111 rd 1110011", "rd, csr, uimm", "Unpriv 6.1")
def csrrci(old, operand):
    """Read a CSR and clear the bits given by a five-bit constant; with 0 the CSR is not written."""
    return old & ~operand
