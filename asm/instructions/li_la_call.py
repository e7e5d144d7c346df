"""Pseudo-instructions that depend on values or symbols: li, la, call, and loads and stores of symbols."""

from collections.abc import Callable
from typing import Any

from trapline.asm.instructions.encoder import Encoder
from trapline.asm.symbols import NotConstant, constant_value
from trapline.isa import BY_NAME, Instruction

Operands = tuple


def _li(encoder: Encoder, operands: Operands) -> None:
    encoder.count("li", operands, 2, "rd, constant")
    rd = operands[0]
    encoder.register(rd)
    if type(operands[1]) is tuple and operands[1][0] == "function":
        return encoder.instruction(BY_NAME["addi"], (rd, ("name", "zero"), operands[1]))
    value = encoder.unit.number(operands[1], encoder.location, "li needs a constant; use 'la' for an address")
    if not -(1 << 31) <= value < 1 << 32:
        raise encoder.error(f"li: constant {value} is not in [-2147483648, 4294967295]", None, operands[1])
    value = (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
    low = ((value & 0xFFF) ^ 0x800) - 0x800
    if low == value:
        return encoder.instruction(BY_NAME["addi"], (rd, ("name", "zero"), value))
    encoder.instruction(BY_NAME["lui"], (rd, ((value - low) >> 12) & 0xFFFFF))
    if low:
        encoder.instruction(BY_NAME["addi"], (rd, rd, low))
    return None


def _la(encoder: Encoder, operands: Operands) -> None:
    encoder.count("la", operands, 2, "rd, symbol")
    if encoder.unit.position_independent:
        return _lga(encoder, operands)
    return _lla(encoder, operands)


def _lla(encoder: Encoder, operands: Operands) -> None:
    encoder.count("lla", operands, 2, "rd, symbol")
    try:
        value = constant_value(encoder.unit.bind(operands[1]))
    except NotConstant:
        return _pair(encoder, "pcrel_hi20", operands[0], operands[0], "addi", operands[1])
    return _li(encoder, (operands[0], value))


def _lga(encoder: Encoder, operands: Operands) -> None:
    encoder.count("lga", operands, 2, "rd, symbol")
    _pair(encoder, "got_hi20", operands[0], operands[0], "lw", operands[1])


def _la_tls_ie(encoder: Encoder, operands: Operands) -> None:
    encoder.count("la.tls.ie", operands, 2, "rd, symbol")
    _pair(encoder, "tls_ie_hi20", operands[0], operands[0], "lw", operands[1])


def _la_tls_gd(encoder: Encoder, operands: Operands) -> None:
    encoder.count("la.tls.gd", operands, 2, "rd, symbol")
    _pair(encoder, "tls_gd_hi20", operands[0], operands[0], "addi", operands[1])


def _pair(encoder: Encoder, kind: str, scratch: Any, rd: Any, second: str, target: Any) -> None:
    """auipc into `scratch`, then `second` with the low part of the same address."""
    anchor = encoder.unit.here(encoder.location)
    base = encoder.register(scratch)
    auipc, low = BY_NAME["auipc"], BY_NAME[second]
    encoder.fixed(auipc.encode(rd=base, imm=0), kind, encoder.unit.bind(target), auipc)
    values = dict.fromkeys(low.operands, 0)
    values["rs1"] = base
    values["rs2" if "rs2" in values else "rd"] = encoder.register(rd)
    encoder.fixed(low.pattern.insert(values), "pcrel_lo12", anchor, low)


def far_access(encoder: Encoder, insn: Instruction, operands: Operands) -> bool:
    """`lw rd, symbol` and `sw rs2, symbol, scratch`. False when it is an ordinary access."""
    last = operands[1] if len(operands) > 1 else None
    if type(last) is tuple and last[0] == "memory":
        return False
    if type(last) is tuple and last[0] == "paren" and encoder.is_register(last[1]):
        return False
    if insn.syntax.startswith("rd") and len(operands) == 2:
        encoder.register(operands[0])
        if type(last) is tuple and last[0] in ("string", "type", "function"):
            return False
        _pair(encoder, "pcrel_hi20", operands[0], operands[0], insn.name, last)
        return True
    if insn.syntax.startswith("rs2") and len(operands) == 3:
        _pair(encoder, "pcrel_hi20", operands[2], operands[0], insn.name, last)
        return True
    if insn.syntax.startswith("rs2") and len(operands) == 2 and type(last) is not int:
        raise encoder.error(
            f"a store to a symbol needs a scratch register: '{insn.name} {operands[0][1]}, symbol, t0'", None, last
        )
    return False


def _call(encoder: Encoder, operands: Operands) -> None:
    link = ("name", "ra")
    if len(operands) == 2:
        link, operands = operands[0], operands[1:]
    encoder.count("call", operands, 1, "symbol")
    _far_jump(encoder, link, link, operands[0])


def _tail(encoder: Encoder, operands: Operands) -> None:
    encoder.count("tail", operands, 1, "symbol")
    _far_jump(encoder, ("name", "t1"), ("name", "zero"), operands[0])


def _jump(encoder: Encoder, operands: Operands) -> None:
    encoder.count("jump", operands, 2, "symbol, scratch")
    _far_jump(encoder, operands[1], ("name", "zero"), operands[0])


def _far_jump(encoder: Encoder, scratch: Any, link: Any, target: Any) -> None:
    anchor = encoder.unit.here(encoder.location)
    base = encoder.register(scratch)
    auipc, jalr = BY_NAME["auipc"], BY_NAME["jalr"]
    encoder.fixed(auipc.encode(rd=base, imm=0), "call_hi20", encoder.unit.bind(target), auipc)
    encoder.fixed(jalr.encode(rd=encoder.register(link), rs1=base, imm=0), "pcrel_lo12", anchor, jalr)


EXPANSIONS: dict[str, Callable[[Encoder, Operands], None]] = {
    "li": _li, "la": _la, "lla": _lla, "lga": _lga, "call": _call, "tail": _tail, "jump": _jump,
    "la.tls.ie": _la_tls_ie, "la.tls.gd": _la_tls_gd,
}  # fmt: skip
"""What each of these mnemonics does."""
