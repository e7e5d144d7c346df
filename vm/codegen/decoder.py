"""The decoder, generated from the encodings.

`vm.core.packed` says what a decoded instruction looks like.
"""

from trapline.isa import INSTRUCTIONS, Instruction, Kind
from trapline.isa.compression import COMPRESSED, FIRST_PRIMED, LONG, Compressed
from trapline.isa.extension import extension_bit, extension_mask
from trapline.isa.instruction import OPCODE, RD_SHIFT, WIDTHS, Pattern
from trapline.isa.word import MASK
from trapline.vm.core import parcels
from trapline.vm.core.execute import NOP, SHORT_NOP
from trapline.vm.core.op_numbers import op_numbers, short_forms
from trapline.vm.core.packed import (
    OP,
    PACKED_IMM,
    PACKED_RD,
    PACKED_RS1,
    PACKED_RS2,
    REGISTER,
    STRICT,
    UNKNOWN,
)

PLACES = {
    "rd": PACKED_RD,
    "rs1": PACKED_RS1,
    "uimm": PACKED_RS1,
    "rs2": PACKED_RS2,
    "shamt": PACKED_IMM,
    "csr": PACKED_IMM,
}
"""Where the packed form has an operand; `imm`, which has a sign and may have several slices, goes to PACKED_IMM."""


def encodes(i: Instruction, name: str = "word", bits: int = MASK) -> str:
    """Text: whether `word` is this instruction, on a hart that has `extensions`.

    name: what the text calls the word; bits: those of it that are looked at.
    """
    bit = extension_bit(i.extension)
    return f"{name} & {i.mask & bits:#x} == {i.match & bits:#x}" + (f" and extensions & {bit:#x}" if bit else "")


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
    if instruction.kind is Kind.JUMP:
        parts.append("strict")
    if instruction.kind is Kind.BRANCH:
        slices = [s for s in instruction.pattern.slices if s.operand == "imm"]
        bit_1 = next(s.low + 1 - s.start for s in slices if s.start <= 1 < s.start + s.width)
        parts.append(f"(strict & -((word >> {bit_1}) & 1))")
    return " | ".join(parts)


def emit_decode_word() -> str:
    """`decode_word(word, extensions)`: the packed form, for a hart with these optional extensions."""
    return f"""def decode_word(word, extensions):
    if word & {LONG} == {LONG} or extensions & {parcels.COMPRESSED:#x} == 0:
        return decode_long(word, extensions)
    expanded = expand_parcel(word & 0xffff, extensions)
    if expanded == 0:
        return {UNKNOWN}
    return short_form(decode_long(expanded, extensions))"""


def emit_decode_long() -> str:
    """`decode_long(word, extensions)`: the packed form of a word that is one instruction."""
    ops = op_numbers()
    lines = [
        "def decode_long(word, extensions):",
        f"    strict = 0 if extensions & {parcels.COMPRESSED:#x} else {STRICT:#x}",
        f"    opcode = word & {OPCODE:#x}",
    ]
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


def _differs(c: Compressed) -> list[str]:
    """Texts: what else holds of a parcel that has the fixed bits of this instruction."""
    tests = []
    for name, refused in c.differs.items():
        slices = [s for s in c.pattern.slices if s.operand == name]
        for value in refused:
            bits = [(s, (value >> s.start) & ((1 << s.width) - 1)) for s in slices]
            mask = sum(((1 << s.width) - 1) << s.low for s in slices)
            tests.append(f"parcel & {mask:#x} != {sum(b << s.low for s, b in bits):#x}")
    return tests


def _operand(c: Compressed, name: str) -> str:
    """Text: the value of an operand of `parcel`, an immediate with its sign."""
    parts = [
        f"(((parcel >> {s.low}) & {(1 << s.width) - 1:#x}) << {s.start})" for s in c.pattern.slices if s.operand == name
    ]
    if name.endswith("'"):
        parts.append(str(FIRST_PRIMED))
    value = " | ".join(parts)
    sign = 1 << (c.pattern.imm_bits - 1) if name == "imm" else 0
    return f"(({value}) ^ {sign:#x}) - {sign:#x}" if sign else value


def _variable(operand: str) -> str:
    return operand.replace("'", "_primed")


def emit_expand_parcel() -> str:
    """`expand_parcel(parcel, extensions)`: the word that a compressed instruction stands for; 0 if it is illegal."""
    lines = ["def expand_parcel(parcel, extensions):"]
    for c in COMPRESSED:
        bits = extension_mask(c.needs)
        tests = [f"parcel & {c.pattern.mask:#x} == {c.pattern.match:#x}", f"extensions & {bits:#x} == {bits:#x}"]
        lines.append(f"    if {' and '.join(tests + _differs(c))}:")
        sources = {name: source for name, source in c.expansion.items() if isinstance(source, str)}
        constants = {name: source for name, source in c.expansion.items() if isinstance(source, int)}
        for name in dict.fromkeys(sources.values()):
            lines.append(f"        {_variable(name)} = {_operand(c, name)}")
        word = [f"{c.base.encode(**dict.fromkeys(c.base.operands, 0) | constants):#x}"]
        for s in c.base.pattern.slices:
            if s.operand in sources:
                field = f"({_variable(sources[s.operand])} >> {s.start}) & {(1 << s.width) - 1:#x}"
                word.append(f"(({field}) << {s.low})")
        lines.append(f"        return {' | '.join(word)}")
    return "\n".join([*lines, "    return 0"])


def emit_short_form() -> str:
    """`short_form(decoded)`: the packed form of a compressed instruction, from that of the word it stands for."""
    ops = op_numbers()
    lines = ["def short_form(decoded):", f"    op = decoded & {OP:#x}", f"    if op == {NOP}:"]
    lines.append(f"        return {SHORT_NOP}")
    for name, short in short_forms().items():
        lines += [f"    if op == {ops[name]}:", f"        return decoded + {short - ops[name]}"]
    return "\n".join([*lines, f"    return {UNKNOWN}"])
