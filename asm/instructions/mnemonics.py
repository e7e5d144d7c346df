"""One instruction as it is written: a real one, a pseudo-instruction, or one with a suffix."""

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.instructions.encoder import Encoder, Operands, written_operands
from trapline.asm.instructions.li_la_call import EXPANSIONS, far_access
from trapline.asm.instructions.pseudo_instructions import (
    FIXED_WORDS,
    IMMEDIATE_CSRS,
    IMMEDIATE_FORMS,
    PSEUDO,
    SPECIAL,
    Constant,
)
from trapline.isa import BY_NAME
from trapline.isa.spelling import did_you_mean
from trapline.isa.table import derived

ORDERINGS = {".aq": 2, ".rl": 1, ".aqrl": 3}


@derived
def mnemonics() -> dict[str, None]:
    """Every name that an instruction may be written by."""
    return dict.fromkeys([*BY_NAME, *(name for name, _ in PSEUDO), *SPECIAL])


def encode(encoder: Encoder, name: str, operands: Operands, location: Location, text: str) -> None:
    """Append one instruction or pseudo-instruction. Raises SourceError."""
    encoder.location = location
    encoder.text = text
    _dispatch(encoder, name, operands)


def _dispatch(encoder: Encoder, name: str, operands: Operands) -> None:
    if name in EXPANSIONS:
        return EXPANSIONS[name](encoder, operands)
    if name in FIXED_WORDS:
        encoder.count(name, operands, 0)
        return encoder.word(FIXED_WORDS[name])
    if name not in mnemonics() and name.lower() in mnemonics():
        return _dispatch(encoder, name.lower(), operands)
    insn = BY_NAME.get(name)
    if insn is None or len(operands) != len(written_operands(insn)):
        templates = PSEUDO.get((name, len(operands)))
        if templates is not None:
            return _expand(encoder, templates, operands)
    if insn is None:
        return _suffixed(encoder, name, operands)
    if insn.name == "jalr":
        operands = _jalr(encoder, operands)
    elif name == "add" and len(operands) == 4 and operands[3][:2] == ("function", "%tprel_add"):
        operands = operands[:3]  # the fourth is a mark for linkers that relax
    elif len(operands) == 3 and name in IMMEDIATE_FORMS and encoder.register_number(operands[2]) is None:
        return encoder.instruction(BY_NAME[IMMEDIATE_FORMS[name]], operands)
    elif len(operands) == 3 and name in IMMEDIATE_CSRS and encoder.register_number(operands[2]) is None:
        return encoder.instruction(BY_NAME[IMMEDIATE_CSRS[name]], operands)
    elif insn.syntax in ("rd, offset(rs1)", "rs2, offset(rs1)") and far_access(encoder, insn, operands):
        return None
    return encoder.instruction(insn, operands)


def _suffixed(encoder: Encoder, name: str, operands: Operands) -> None:
    stem, _, ordering = name.rpartition(".")
    insn = BY_NAME.get(stem)
    if insn is not None and f".{ordering}" in ORDERINGS and "aq" in insn.operands:
        return encoder.instruction(insn, operands, ORDERINGS[f".{ordering}"])
    known = {n for n, _ in PSEUDO}
    if name in known:
        counts = sorted(count for n, count in PSEUDO if n == name)
        raise encoder.error(f"'{name}' takes {' or '.join(map(str, counts))} operands, not {len(operands)}")
    hint = did_you_mean(name, mnemonics())
    if name.startswith("c."):
        hint = "compressed instructions are not part of this machine (rv32ima)"
    elif name.startswith("f") and stem.startswith("f") and ordering in ("s", "d", "q", "h", "w", "x"):
        hint = "this machine has no floating-point instructions (rv32ima)"
    elif name in ("ld", "sd", "lwu", "flw", "fsw", "fld", "fsd") or (name[-1:] == "w" and name[:-1] in BY_NAME):
        hint = "this machine has 32-bit registers and no floating point (rv32ima)"
    raise SourceError(encoder.location, f"unknown instruction '{name}'", hint)


def _expand(encoder: Encoder, templates: tuple, operands: Operands) -> None:
    for mnemonic, *places in templates:
        real = tuple(operands[p] if type(p) is int else p.value if type(p) is Constant else ("name", p) for p in places)
        _dispatch(encoder, mnemonic, real)


def _jalr(encoder: Encoder, operands: Operands) -> Operands:
    """All spellings of jalr as (rd, ("memory", offset, rs1))."""
    if len(operands) == 1:
        operands = (("name", "ra"), operands[0])
    if len(operands) == 3:
        if encoder.register_number(operands[2]) is not None and encoder.register_number(operands[1]) is None:
            return operands[0], ("memory", operands[1], operands[2])
        return operands[0], ("memory", operands[2], operands[1])
    if len(operands) != 2:
        raise encoder.error(f"'jalr' takes 1 to 3 operands, not {len(operands)}")
    first, second = operands
    if type(second) is tuple and second[0] in ("memory", "paren"):
        return operands
    if encoder.register_number(second) is not None:
        return first, ("memory", 0, second)
    return ("name", "ra"), ("memory", second, first)
