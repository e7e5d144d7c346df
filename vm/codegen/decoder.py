"""The decoder, generated from the encodings.

A decoded instruction is one int64: the op number, rd << 8, rs1 (or a five-bit constant) << 16, rs2 << 24, and the
immediate, shift amount or CSR address << 32.
"""

from trapline.isa import INSTRUCTIONS, Instruction, Kind
from trapline.isa.extension import extension_bit
from trapline.isa.instruction import Pattern
from trapline.vm.core.execute import FIRST_OP, NOP, UNKNOWN


def op_numbers() -> dict[str, int]:
    """Op number by instruction name; `isa.table.MOST` keeps them within a byte."""
    return {instruction.name: FIRST_OP + i for i, instruction in enumerate(INSTRUCTIONS)}


def encodes(i: Instruction) -> str:
    """Text: whether `word` is this instruction, on a hart that has `extensions`."""
    bit = extension_bit(i.extension)
    return f"word & {i.mask:#x} == {i.match:#x}" + (f" and extensions & {bit:#x}" if bit else "")


def immediate_expression(pattern: Pattern) -> str:
    """Text that extracts the sign-extended immediate of `word` as a word."""
    parts = [
        f"(((word >> {s.low}) & {(1 << s.width) - 1:#x}) << {s.start})" for s in pattern.slices if s.operand == "imm"
    ]
    sign = 1 << (pattern.imm_bits - 1)
    return f"((({' | '.join(parts)}) ^ {sign:#x}) - {sign:#x}) & 0xFFFFFFFF"


def packed_expression(instruction: Instruction, op: int) -> str:
    """Text that packs `word`, which is this instruction."""
    parts = [str(op)]
    operands = instruction.operands
    for name, shift in (("rd", 8), ("rs1", 16), ("uimm", 16), ("rs2", 24)):
        if name in operands:
            low = next(s.low for s in instruction.pattern.slices if s.operand == name)
            parts.append(f"(((word >> {low}) & 31) << {shift})")
    if "imm" in operands:
        parts.append(f"(s32({immediate_expression(instruction.pattern)}) << 32)")
    elif "shamt" in operands:
        parts.append("(((word >> 20) & 31) << 32)")
    elif "csr" in operands:
        parts.append("(((word >> 20) & 0xFFF) << 32)")
    return " | ".join(parts)


def emit_decode_word() -> str:
    """`decode_word(word, extensions)`: the packed form, for a hart with these optional extensions."""
    ops = op_numbers()
    lines = ["def decode_word(word, extensions):", "    opcode = word & 0x7f"]
    by_opcode: dict[int, list[Instruction]] = {}
    for instruction in INSTRUCTIONS:
        by_opcode.setdefault(instruction.match & 0x7F, []).append(instruction)
    for opcode, instructions in by_opcode.items():
        lines.append(f"    if opcode == {opcode:#x}:")
        for i in instructions:
            lines.append(f"        if {encodes(i)}:")
            if i.kind is Kind.FENCE:
                lines.append(f"            return {NOP}")
                continue
            if i.kind is Kind.VALUE:
                lines += ["            if (word >> 7) & 31 == 0:", f"                return {NOP}"]
            lines.append(f"            return {packed_expression(i, ops[i.name])}")
    lines.append(f"    return {UNKNOWN}")
    return "\n".join(lines)
