"""Disassembler: the text of one operand."""

from collections.abc import Mapping

from trapline.isa import CSR_BY_ADDRESS
from trapline.isa.hart import ABI_NAMES

OPERAND_OF = {"imm12": "imm", "imm20": "imm", "offset": "imm", "label": "imm"}
"""The operand of the pattern that a word of a syntax is about, where it has another name."""


def show(token: str, value: int, pc: int, symbols: Mapping[int, str]) -> str | None:
    """One operand as text, None when it cannot be written."""
    if token in ("rd", "rs1", "rs2"):
        return ABI_NAMES[value]
    if token == "label":
        target = (pc + value) & 0xFFFFFFFF
        return symbols.get(target) or f".{_signed(value):+d}"
    if token == "imm20":
        return f"{value >> 12:#x}"
    if token in ("pred", "succ"):
        return "".join(letter for letter, bit in zip("iorw", (8, 4, 2, 1), strict=True) if value & bit) or None
    if token == "csr":
        return CSR_BY_ADDRESS[value].name if value in CSR_BY_ADDRESS else f"{value:#x}"
    return str(_signed(value))


def _signed(value: int) -> int:
    return value - (1 << 32) if value & 0x80000000 else value
