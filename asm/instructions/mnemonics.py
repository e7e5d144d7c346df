"""Resolves a mnemonic: a real instruction, a pseudo-instruction, or one with an `.aq` or `.rl` suffix."""

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.instructions.compression import MNEMONICS as COMPRESSED_MNEMONICS
from trapline.asm.instructions.compression import compress, compressed_instruction
from trapline.asm.instructions.encoder import Encoder, written_operands
from trapline.asm.instructions.li_la_call import EXPANSIONS, far_access
from trapline.asm.instructions.pseudo_instructions import (
    FIXED_WORDS,
    IMMEDIATE_FORMS,
    PSEUDO,
    SPECIAL,
    Place,
    Template,
)
from trapline.asm.nodes import Function, Memory, Name, Operand, Operands, Parenthesized, where_written
from trapline.asm.preprocess.lookalikes import foreign_letter
from trapline.isa import BY_NAME
from trapline.isa.did_you_mean import did_you_mean
from trapline.isa.foreign import FOREIGN_WORDS, RS1_SHIFT
from trapline.isa.table import derived

RA = Name("ra")

ORDERINGS = {".aq": 2, ".rl": 1, ".aqrl": 3}


@derived
def mnemonics() -> dict[str, None]:
    """Every mnemonic, without `.aq` and `.rl` suffixes."""
    return dict.fromkeys([*BY_NAME, *(name for name, _ in PSEUDO), *SPECIAL, *FOREIGN_WORDS, *COMPRESSED_MNEMONICS])


def encode(encoder: Encoder, name: str, operands: Operands, location: Location, text: str) -> None:
    """Append one instruction or pseudo-instruction. Raises SourceError."""
    data = encoder.unit.section.data()
    key = text, encoder.unit.compressed
    words = encoder.constant.get(key)
    if words is not None:
        data.data += words
        data.compressed |= encoder.unit.compressed
        return
    encoder.location = location
    encoder.text = text
    encoder.operands = operands
    encoder.unit.symbolic = False
    start = len(data.data)
    _shortest(encoder, name, operands)
    if not encoder.unit.symbolic:
        encoder.constant[key] = bytes(data.data[start:])


def _shortest(encoder: Encoder, name: str, operands: Operands) -> None:
    if not encoder.unit.compressed or not compress(encoder, name, operands):
        _dispatch(encoder, name, operands)


def _dispatch(encoder: Encoder, name: str, operands: Operands) -> None:
    if name in EXPANSIONS:
        return EXPANSIONS[name](encoder, operands)
    if name in COMPRESSED_MNEMONICS:
        return compressed_instruction(encoder, name, operands)
    if name in FIXED_WORDS:
        encoder.check_count(name, operands, 0)
        return encoder.append_word(FIXED_WORDS[name])
    if name not in mnemonics() and name.lower() in mnemonics():
        return _dispatch(encoder, name.lower(), operands)
    if name in ("jr", "jalr") and len(operands) == 1:
        _check_jump_register(encoder, name, operands[0])
    insn = BY_NAME.get(name)
    # As in GNU as, `sext.b` is an instruction of a machine with Zbb and two instructions of another one.
    has_it = insn is not None and insn.extension in encoder.unit.extensions
    if insn is None or not has_it or len(operands) != len(written_operands(insn)):
        templates = PSEUDO.get((name, len(operands)))
        if templates is not None:
            return _expand(encoder, templates, operands)
    if insn is None:
        return _foreign(encoder, name, operands) if name in FOREIGN_WORDS else _suffixed(encoder, name, operands)
    if insn.name == "jalr":
        operands = _jalr(encoder, operands)
    elif name == "add" and len(operands) == 4 and _is_mark(operands[3]):
        encoder.instruction(insn, operands[:3])
        return encoder.mark_for_relaxation()
    elif len(operands) == 3 and name in IMMEDIATE_FORMS and encoder.register_number(operands[2]) is None:
        return encoder.instruction(BY_NAME[IMMEDIATE_FORMS[name]], operands)
    elif insn.syntax in ("rd, offset(rs1)", "rs2, offset(rs1)") and far_access(encoder, insn, operands):
        return None
    return encoder.instruction(insn, operands)


def _foreign(encoder: Encoder, name: str, operands: Operands) -> None:
    rs1 = 0
    if name == "sfence.vm" and operands:
        rs1, operands = encoder.register(operands[0]), operands[1:]
    encoder.check_count(name, operands, 0)
    encoder.append_word(FOREIGN_WORDS[name] | rs1 << RS1_SHIFT)


def _suffixed(encoder: Encoder, name: str, operands: Operands) -> None:
    stem, _, ordering = name.rpartition(".")
    insn = BY_NAME.get(stem)
    if insn is not None and f".{ordering}" in ORDERINGS and "aq" in insn.operands:
        return encoder.instruction(insn, operands, ORDERINGS[f".{ordering}"])
    known = {n for n, _ in PSEUDO}
    if name in known:
        counts = sorted(count for n, count in PSEUDO if n == name)
        raise encoder.error(f"'{name}' takes {' or '.join(map(str, counts))} operands, not {len(operands)}")
    hint = foreign_letter(name) or did_you_mean(name, mnemonics())
    if name.startswith("f") and stem.startswith("f") and ordering in ("s", "d", "q", "h", "w", "x"):
        hint = "this machine has no floating-point instructions (rv32ima)"
    elif name in ("ld", "sd", "lwu", "flw", "fsw", "fld", "fsd") or (name[-1:] == "w" and name[:-1] in BY_NAME):
        hint = "this machine has 32-bit registers and no floating point (rv32ima)"
    raise SourceError(encoder.location, f"unknown instruction '{name}'", hint)


def _expand(encoder: Encoder, templates: tuple[Template, ...], operands: Operands) -> None:
    # Like GNU as: what stands for a single instruction has a compressed form of its own, if any.
    append = _dispatch if len(templates) == 1 else _shortest
    for mnemonic, places in templates:
        append(encoder, mnemonic, tuple(operands[p.position] if isinstance(p, Place) else p for p in places))


def _is_mark(operand: Operand) -> bool:
    """Whether this is `%tprel_add(x)`, which only marks an instruction for relaxation."""
    return isinstance(operand, Function) and operand.name == "%tprel_add"


def _check_jump_register(encoder: Encoder, name: str, target: Operand) -> None:
    """Refuse `jr label` and `jr 8`: without a register they would jump relative to x0."""
    if isinstance(target, Memory | Parenthesized) or encoder.is_register(target):
        return
    written = where_written(target)
    hint = f"to jump to a label write '{'j' if name == 'jr' else 'call'} {written}'"
    raise encoder.error(f"'{name}' needs a register, not '{written}'", hint, target)


def _jalr(encoder: Encoder, operands: Operands) -> Operands:
    """The operands of any spelling of jalr as `rd, offset(rs1)`."""
    match operands:
        case (target,):
            return _jalr(encoder, (RA, target))
        case link, Memory() | Parenthesized():
            return operands
        case link, target if encoder.is_register(target):
            return link, Memory(0, target)
        case base, offset:
            return RA, Memory(offset, base)
        case link, offset, base if encoder.is_register(base) and not encoder.is_register(offset):
            return link, Memory(offset, base)
        case link, base, offset:
            return link, Memory(offset, base)
    raise encoder.error(f"'jalr' takes 1 to 3 operands, not {len(operands)}")
