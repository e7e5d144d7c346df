"""Checks the declarations of plugins, beyond what `isa.instruction.declare` checks.

The decoder, the packed form of decoded instructions and the assembler rely on properties that all instructions of the
specification share, so a plugin's must have them too.
"""

import re
import types

from trapline.isa.cause import EXCEPTIONS
from trapline.isa.extension import BASE, GROUPS, MOST, OPTIONAL
from trapline.isa.instruction import OPCODE, DeclarationError, Instruction, Kind
from trapline.isa.table import INSTRUCTIONS, RESERVED
from trapline.isa.table import MOST as MOST_INSTRUCTIONS
from trapline.isa.word import WORD

PLACES = {"rd": 7, "rs1": 15, "rs2": 20, "shamt": 20, "uimm": 15, "csr": 20}
"""The lowest bit of each operand: "The RISC-V ISA keeps the source (rs1 and rs2) and destination (rd) registers
at the same position in all formats to simplify decoding" (Unpriv 2.2)."""

WORD_LONG = 0b11
LONGER = 0b11111
"""The low bits of an opcode of 32 bits or more, and of more than 32 (Unpriv 1.5)."""

CUSTOM = ("0001011", "0101011", "1011011", "1111011")
"""Major opcodes that the specification leaves to custom extensions (Unpriv, the base opcode map)."""

ONLY_FOR = {
    "uimm": (Kind.CSR,), "csr": (Kind.CSR,),
    "fm": (Kind.FENCE,), "pred": (Kind.FENCE,), "succ": (Kind.FENCE,),
    "aq": (Kind.AMO, Kind.LR, Kind.SC), "rl": (Kind.AMO, Kind.LR, Kind.SC),
}  # fmt: skip
"""Operands that only these kinds of instructions have."""

SYNTAX = {
    "rd": ("rd",), "rs1": ("rs1",), "rs2": ("rs2",), "shamt": ("shamt",), "uimm": ("uimm",), "csr": ("csr",),
    "pred": ("pred",), "succ": ("succ",), "(rs1)": ("rs1",), "offset(rs1)": ("imm", "rs1"),
    "imm12": ("imm",), "imm20": ("imm",), "label": ("imm",),
}  # fmt: skip
"""Operands as written in assembly, and the fields of the pattern that they stand for."""

SHAPES = {"imm12": {(12, 1)}, "offset(rs1)": {(12, 1)}, "imm20": {(32, 4096)}, "label": {(13, 2), (21, 2)}}
"""The width of `imm` in bits and its scale, by the way it is written."""

FORMS = {
    Kind.BRANCH: ({"label"}, {(13, 2)}),
    Kind.JUMP: ({"label", "offset(rs1)"}, {(21, 2), (12, 1)}),
    Kind.LOAD: ({"offset(rs1)"}, {(12, 1)}),
    Kind.STORE: ({"offset(rs1)"}, {(12, 1)}),
}
"""How these kinds write their address."""


def check_declaration(i: Instruction) -> None:
    """Raise DeclarationError unless decoder, engines and assembler can use this declaration."""
    if not isinstance(i.meaning, types.FunctionType):
        raise DeclarationError(f"{i.name}: the meaning must be a function written with 'def'")
    _check_names(i)
    _check_encoding(i)
    _check_syntax(i)
    _check_claims(i)


def check_extension(name: object) -> None:
    """Raise DeclarationError unless this can name an extension of a plugin."""
    if not isinstance(name, str) or not re.fullmatch("x[a-z0-9]+", name):
        raise DeclarationError(
            f"'{name}' cannot name a custom extension: write 'x' and lowercase letters or digits, such as 'xmine'"
        )
    if name in (*BASE, *OPTIONAL, *GROUPS):
        raise DeclarationError(f"extension '{name}' already exists; choose another name")


def check_room(instructions: int, extensions: int) -> None:
    """Raise DeclarationError if the engine cannot number that many more."""
    if len(INSTRUCTIONS) + instructions > MOST_INSTRUCTIONS:
        raise DeclarationError(f"there is room for {MOST_INSTRUCTIONS - len(INSTRUCTIONS)} more instructions")
    if len(OPTIONAL) + extensions > MOST:
        raise DeclarationError(f"there is room for {MOST - len(OPTIONAL)} more extensions")


def free_opcodes() -> str:
    """The custom opcodes without an instruction, for messages."""
    return ", ".join(o for o in CUSTOM if all(i.match & OPCODE != int(o, 2) for i in INSTRUCTIONS))


def _check_names(i: Instruction) -> None:
    if not isinstance(i.name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*", i.name):
        raise DeclarationError(
            f"'{i.name}' is not a mnemonic: write lowercase letters, digits and dots, such as 'my.add'"
        )
    if i.name in RESERVED:
        raise DeclarationError(f"'{i.name}' is the name of {RESERVED[i.name]}; choose another")


def _check_encoding(i: Instruction) -> None:
    if i.mask & OPCODE != OPCODE:
        raise DeclarationError(f"{i.name}: the pattern must end in an opcode of seven bits, such as {CUSTOM[1]}")
    if i.match & WORD_LONG != WORD_LONG or i.match & LONGER == LONGER:
        raise DeclarationError(
            f"{i.name}: opcode {i.match & OPCODE:07b} is not one of 32 bits, which ends in 11 but not in 11111"
        )
    for s in i.pattern.slices:
        if s.operand in PLACES and s.low != PLACES[s.operand]:
            place = PLACES[s.operand]
            where = f"bits {place + s.width - 1}:{place}, not {s.low + s.width - 1}:{s.low}"
            raise DeclarationError(f"{i.name}: '{s.operand}' belongs in {where}")
        if i.kind not in ONLY_FOR.get(s.operand, (i.kind,)):
            raise DeclarationError(f"{i.name}: a {i.kind.value} has no operand '{s.operand}'")
    if {"imm", "shamt"} <= set(i.operands):
        raise DeclarationError(f"{i.name}: 'imm' and 'shamt' exclude each other")


def _check_syntax(i: Instruction) -> None:
    if not isinstance(i.syntax, str):
        raise DeclarationError(f"{i.name}: the syntax must be text such as 'rd, rs1'")
    tokens = [t.strip() for t in i.syntax.split(",")] if i.syntax.strip() else []
    for token in tokens:
        if token not in SYNTAX:
            raise DeclarationError(f"{i.name}: unknown operand '{token}' in the syntax; known: {', '.join(SYNTAX)}")
    written = [operand for token in tokens for operand in SYNTAX[token]]
    encoded = [o for o in i.operands if o not in ("aq", "rl")]
    if sorted(written) != sorted(encoded):
        raise DeclarationError(
            f"{i.name}: the syntax '{i.syntax}' writes {', '.join(written) or 'nothing'}, "
            f"the pattern encodes {', '.join(encoded) or 'nothing'}"
        )
    shape = (i.pattern.imm_bits, i.pattern.imm_scale)
    for token in tokens:
        if token in SHAPES and shape not in SHAPES[token]:
            wanted = " or ".join(f"{bits} bits in steps of {scale}" for bits, scale in sorted(SHAPES[token]))
            raise DeclarationError(
                f"{i.name}: '{token}' stands for an immediate of {wanted}, the pattern's has {shape[0]} bits "
                f"in steps of {shape[1]}"
            )
    if i.kind in FORMS and not (FORMS[i.kind][0] & set(tokens) and shape in FORMS[i.kind][1]):
        raise DeclarationError(
            f"{i.name}: a {i.kind.value} writes its address as {' or '.join(sorted(FORMS[i.kind][0]))}"
        )
    if i.kind in (Kind.AMO, Kind.LR, Kind.SC) and ("(rs1)" not in tokens or i.width != WORD):
        raise DeclarationError(f"{i.name}: a {i.kind.value} has width 4 and writes its address as (rs1)")


def _check_claims(i: Instruction) -> None:
    if not isinstance(i.section, str) or not i.section:
        raise DeclarationError(f"{i.name}: the section, which says where the instruction is specified, is empty")
    for what, names in (("reads", i.reads), ("writes", i.writes)):
        if not isinstance(names, tuple) or not all(isinstance(n, str) for n in names):
            raise DeclarationError(f"{i.name}: {what} must be a tuple of names, such as {what}=('mode',)")
    if unknown := [c for c in i.causes if c not in EXCEPTIONS]:
        known = ", ".join(f"{code} ({name})" for code, name in EXCEPTIONS.items())
        raise DeclarationError(f"{i.name}: unknown cause '{unknown[0]}'; known: {known}")
    if i.privilege != "U" and i.kind is not Kind.SYSTEM:
        raise DeclarationError(
            f"{i.name}: only a system instruction can require a mode: it must return ILLEGAL in lower modes"
        )
