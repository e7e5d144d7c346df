"""Pseudo-instructions whose expansion depends on a value or symbol: li, la, call, and loads and stores of symbols."""

from collections.abc import Callable

from trapline.asm.arithmetic import high20, low12, normalized
from trapline.asm.expressions import NotConstant, constant_value
from trapline.asm.instructions.compression import compress
from trapline.asm.instructions.encoder import Encoder
from trapline.asm.nodes import (
    Expression,
    Function,
    Memory,
    Name,
    Operand,
    Operands,
    Parenthesized,
    TypeName,
    where_written,
)
from trapline.isa import BY_NAME, Instruction

ADDI, AUIPC, JALR, LUI = BY_NAME["addi"], BY_NAME["auipc"], BY_NAME["jalr"], BY_NAME["lui"]
RA, T1, ZERO = Name("ra"), Name("t1"), Name("zero")


def _li(encoder: Encoder, operands: Operands) -> None:
    encoder.check_count("li", operands, 2, "rd, constant")
    rd = operands[0]
    encoder.register(rd)
    if isinstance(operands[1], Function):
        return encoder.instruction(ADDI, (rd, ZERO, operands[1]))
    value = encoder.unit.number(operands[1], encoder.location, "li needs a constant; use 'la' for an address")
    value = normalized(value)
    if value == low12(value):  # its compressed form, which depends on how the number is written, has been tried
        return encoder.instruction(ADDI, (rd, ZERO, value))
    return _load(encoder, rd, value)


def _load(encoder: Encoder, rd: Operand, value: int) -> None:
    """Load a normalized constant."""
    # GNU as drops the upper half of a 64-bit constant, but only after it has seen that it needs a `lui`.
    low = low12(value)
    base: Operand = ZERO
    if value != low:
        base = rd
        _shortest(encoder, LUI, (rd, high20(value) >> 12))
    if low or encoder.register(base) == 0:
        _shortest(encoder, ADDI, (rd, base, low))


def _shortest(encoder: Encoder, insn: Instruction, operands: Operands) -> None:
    if not encoder.unit.compressed or not compress(encoder, insn.name, operands):
        encoder.instruction(insn, operands)


def _la(encoder: Encoder, operands: Operands) -> None:
    encoder.check_count("la", operands, 2, "rd, symbol")
    if encoder.unit.position_independent:
        return _lga(encoder, operands)
    return _lla(encoder, operands)


def _lla(encoder: Encoder, operands: Operands) -> None:
    encoder.check_count("lla", operands, 2, "rd, symbol")
    try:
        value = constant_value(encoder.unit.bind(operands[1]))
    except NotConstant:
        return _pair(encoder, "pcrel_hi20", operands[0], operands[0], "addi", operands[1])
    encoder.register(operands[0])
    return _load(encoder, operands[0], normalized(value))


def _lga(encoder: Encoder, operands: Operands) -> None:
    encoder.check_count("lga", operands, 2, "rd, symbol")
    _pair(encoder, "got_hi20", operands[0], operands[0], "lw", operands[1])


def _la_tls_ie(encoder: Encoder, operands: Operands) -> None:
    encoder.check_count("la.tls.ie", operands, 2, "rd, symbol")
    _pair(encoder, "tls_ie_hi20", operands[0], operands[0], "lw", operands[1])


def _la_tls_gd(encoder: Encoder, operands: Operands) -> None:
    encoder.check_count("la.tls.gd", operands, 2, "rd, symbol")
    _pair(encoder, "tls_gd_hi20", operands[0], operands[0], "addi", operands[1])


def _pair(encoder: Encoder, kind: str, scratch: Operand, rd: Operand, second: str, target: Expression) -> None:
    """Append `auipc scratch`, then `second` with the low part of the address."""
    anchor = encoder.unit.here(encoder.location)
    base = encoder.register(scratch)
    low = BY_NAME[second]
    encoder.append_with_fixup(AUIPC.encode(rd=base, imm=0), kind, encoder.unit.bind(target), AUIPC)
    values = dict.fromkeys(low.operands, 0)
    values["rs1"] = base
    values["rs2" if "rs2" in values else "rd"] = encoder.register(rd)
    encoder.append_with_fixup(low.pattern.insert(values), "pcrel_lo12", anchor, low)


def far_access(encoder: Encoder, insn: Instruction, operands: Operands) -> bool:
    """Expand `lw rd, symbol` and `sw rs2, symbol, scratch`. Returns False for an ordinary access."""
    match operands:
        case _, Memory(), *_:
            return False
        case _, Parenthesized(base), *_ if encoder.is_register(base):
            return False
    if insn.syntax.startswith("rd") and len(operands) == 2:
        rd, target = operands
        encoder.register(rd)
        if isinstance(target, TypeName | Function):
            return False
        _pair(encoder, "pcrel_hi20", rd, rd, insn.name, target)
        return True
    if insn.syntax.startswith("rs2") and len(operands) == 3:
        rs2, target, scratch = operands
        _pair(encoder, "pcrel_hi20", scratch, rs2, insn.name, target)
        return True
    if insn.syntax.startswith("rs2") and len(operands) == 2 and type(operands[1]) is not int:
        usage = f"{insn.name} {where_written(operands[0])}, symbol, t0"
        raise encoder.error(f"a store to a symbol needs a scratch register: '{usage}'", None, operands[1])
    return False


def _call(encoder: Encoder, operands: Operands) -> None:
    scratch: Operand = RA
    link: Operand = RA
    if len(operands) == 2:
        scratch, link, operands = T1, operands[0], operands[1:]
    encoder.check_count("call", operands, 1, "symbol")
    _far_jump(encoder, scratch, link, operands[0])


def _tail(encoder: Encoder, operands: Operands) -> None:
    encoder.check_count("tail", operands, 1, "symbol")
    _far_jump(encoder, T1, ZERO, operands[0])


def _jump(encoder: Encoder, operands: Operands) -> None:
    encoder.check_count("jump", operands, 2, "symbol, scratch")
    _far_jump(encoder, operands[1], ZERO, operands[0])


def _far_jump(encoder: Encoder, scratch: Operand, link: Operand, target: Expression) -> None:
    anchor = encoder.unit.here(encoder.location)
    base = encoder.register(scratch)
    encoder.append_with_fixup(AUIPC.encode(rd=base, imm=0), "call_hi20", encoder.unit.bind(target), AUIPC)
    encoder.append_with_fixup(JALR.encode(rd=encoder.register(link), rs1=base, imm=0), "pcrel_lo12", anchor, JALR)


EXPANSIONS: dict[str, Callable[[Encoder, Operands], None]] = {
    "li": _li, "la": _la, "lla": _lla, "lga": _lga, "call": _call, "tail": _tail, "jump": _jump,
    "la.tls.ie": _la_tls_ie, "la.tls.gd": _la_tls_gd,
}  # fmt: skip
"""Expansion by mnemonic."""
