"""The decoder, generated from the encodings.

`vm.core.packed` says what a decoded instruction looks like.
"""

from trapline.isa import INSTRUCTIONS, Instruction, Kind
from trapline.isa.extension import extension_bit
from trapline.isa.instruction import OPCODE, RD_SHIFT, WIDTHS, Pattern
from trapline.isa.word import MASK
from trapline.vm.core.execute import NOP
from trapline.vm.core.op_numbers import op_numbers
from trapline.vm.core.packed import PACKED_IMM, PACKED_RD, PACKED_RS1, PACKED_RS2, REGISTER, UNKNOWN

PLACES = {
    "rd": PACKED_RD,
    "rs1": PACKED_RS1,
    "uimm": PACKED_RS1,
    "rs2": PACKED_RS2,
    "shamt": PACKED_IMM,
    "csr": PACKED_IMM,
}
"""Where the packed form has an operand; `imm`, which has a sign and may have several slices, goes to PACKED_IMM."""


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
    return f"((({' | '.join(parts)}) ^ {sign:#x}) - {sign:#x}) & {MASK:#x}"


def packed_expression(instruction: Instruction, op: int) -> str:
    """Text that packs `word`, which is this instruction."""
    parts = [str(op)]
    operands = instruction.operands
    for name, shift in PLACES.items():
        if name in operands:
            low = next(s.low for s in instruction.pattern.slices if s.operand == name)
            parts.append(f"(((word >> {low}) & {(1 << WIDTHS[name]) - 1:#x}) << {shift})")
    if "imm" in operands:
        parts.append(f"(s32({immediate_expression(instruction.pattern)}) << {PACKED_IMM})")
    return " | ".join(parts)


def emit_decode_word() -> str:
    """`decode_word(word, extensions)`: the packed form, for a hart with these optional extensions."""
    ops = op_numbers()
    lines = ["def decode_word(word, extensions):", f"    opcode = word & {OPCODE:#x}"]
    by_opcode: dict[int, list[Instruction]] = {}
    for instruction in INSTRUCTIONS:
        by_opcode.setdefault(instruction.match & OPCODE, []).append(instruction)
    for opcode, instructions in by_opcode.items():
        lines.append(f"    if opcode == {opcode:#x}:")
        for i in instructions:
            lines.append(f"        if {encodes(i)}:")
            if i.kind is Kind.FENCE:
                lines.append(f"            return {NOP}")
                continue
            if i.kind is Kind.VALUE:
                lines += [f"            if (word >> {RD_SHIFT}) & {REGISTER} == 0:", f"                return {NOP}"]
            lines.append(f"            return {packed_expression(i, ops[i.name])}")
    lines.append(f"    return {UNKNOWN}")
    return "\n".join(lines)
