"""Compressed instructions: those written as such, and those that stand for what is written, as in GNU as.

GNU as does not compress all that could be: `jal label`, `mv a0, zero` and `jalr zero, 0(ra)` stay as they are, and no
hint comes of it. So the table has what is compressed as it is written, in the order in which it is tried.
"""

from trapline.asm.arithmetic import wrap
from trapline.asm.expressions import NotConstant, constant_value
from trapline.asm.instructions.encoder import Encoder
from trapline.asm.nodes import (
    Function,
    Memory,
    Name,
    Operand,
    Operands,
    Parenthesized,
    TypeName,
    where_written,
)
from trapline.isa.compression import FIRST_PRIMED, Compressed
from trapline.isa.hart import REGISTERS
from trapline.isa.table import COMPRESSED_BY_NAME, reserve

_TABLE = """
nop                  = c.nop 0
unimp                = c.unimp
ebreak               = c.ebreak
sbreak               = c.ebreak
ret                  = c.jr ra
jr rs                = c.jr rs
jalr rs              = c.jalr rs
j label              = c.j label
beqz rs, label       = c.beqz rs, label
bnez rs, label       = c.bnez rs, label
beq rs, zero, label  = c.beqz rs, label
bne rs, zero, label  = c.bnez rs, label
lw rd, imm(sp)       = c.lwsp rd, imm(sp)
lw rd, imm(rs)       = c.lw rd, imm(rs)
sw rt, imm(sp)       = c.swsp rt, imm(sp)
sw rt, imm(rs)       = c.sw rt, imm(rs)
li rd, imm           = c.li rd, imm
lui rd, imm          = c.lui rd, imm
mv rd, rs            = c.mv rd, rs
move rd, rs          = c.mv rd, rs
addi zero, zero, 0   = c.nop 0
addi rd, sp, imm     = c.addi4spn rd, sp, imm
addi rd, rs, 0       = c.mv rd, rs
addi rd, rd, imm     = c.addi rd, imm
addi sp, sp, imm     = c.addi16sp sp, imm
addi rd, zero, imm   = c.li rd, imm
add rd, rd, rs       = c.add rd, rs
add rd, rs, rd       = c.add rd, rs
add rd, zero, rs     = c.mv rd, rs
add rd, sp, imm      = c.addi4spn rd, sp, imm
add rd, rd, imm      = c.addi rd, imm
add sp, sp, imm      = c.addi16sp sp, imm
sub rd, rd, rs       = c.sub rd, rs
and rd, rd, rs       = c.and rd, rs
and rd, rs, rd       = c.and rd, rs
or rd, rd, rs        = c.or rd, rs
or rd, rs, rd        = c.or rd, rs
xor rd, rd, rs       = c.xor rd, rs
xor rd, rs, rd       = c.xor rd, rs
andi rd, rd, imm     = c.andi rd, imm
and rd, rd, imm      = c.andi rd, imm
slli rd, rd, imm     = c.slli rd, imm
sll rd, rd, imm      = c.slli rd, imm
srli rd, rd, imm     = c.srli rd, imm
srl rd, rd, imm      = c.srli rd, imm
srai rd, rd, imm     = c.srai rd, imm
sra rd, rd, imm      = c.srai rd, imm
"""

_SPELLINGS = """
c.nop             = c.nop 0
c.addi zero, imm  = c.nop imm
c.slli64 rd       = c.slli rd, 0
c.srli64 rd       = c.srli rd, 0
c.srai64 rd       = c.srai rd, 0
"""
"""Other spellings that GNU as has for compressed instructions."""

PRIMED = 8
"""How many registers a primed operand can name."""
UPPER_BITS, UPPER_SHIFT = 20, 12
"""Of `lui`: how many bits its operand has, and where they go."""
UNIMP = "c.unimp"
"""The parcel of zeros, which is illegal on every hart."""


NOT_ALLOWED = "compressed instructions are not allowed here"
HOW_TO_ALLOW = "write '.option rvc', or assemble for a machine that has them: --isa rv32imac"


class _Misfit(Exception):
    """An operand that a compressed instruction cannot have. about: the operand, None for the whole instruction."""

    def __init__(self, message: str, about: Operand | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.about, self.hint = message, about, hint


class _Form:
    """A line of a table: what is written, and the compressed instruction that it is."""

    def __init__(self, line: str) -> None:
        written, _, compressed = (part.strip() for part in line.partition(" = "))
        self.name, _, fields = written.partition(" ")
        self.fields = tuple(fields.split(", ")) if fields else ()
        self.result, _, result_fields = compressed.partition(" ")
        self.result_fields = tuple(result_fields.split(", ")) if result_fields else ()

    def operands(self, encoder: Encoder, written: Operands) -> Operands | None:
        """The operands of the compressed instruction, None if something else is written."""
        bound: dict[str, Operand] = {}
        for field, operand in zip(self.fields, written, strict=True):
            if "(" in field:
                offset, _, base = field.rstrip(")").partition("(")
                match operand:
                    case Memory(value, register):
                        pairs = [(offset, value), (base, register)]
                    case Parenthesized(register) if encoder.is_register(register):
                        pairs = [(offset, 0), (base, register)]
                    case _:
                        return None
            else:
                pairs = [(field, operand)]
            if not all(_fits(encoder, name, part, bound) for name, part in pairs):
                return None
        return tuple(_filled(field, bound) for field in self.result_fields)


def _fits(encoder: Encoder, field: str, operand: Operand, bound: dict[str, Operand]) -> bool:
    """Whether an operand may stand in a field; it is bound to the field's name."""
    if field.isdigit():
        return _constant(encoder, operand) == int(field)
    if field in REGISTERS:
        return encoder.register_number(operand) == REGISTERS[field]
    if field in bound:
        return encoder.register_number(operand) == encoder.register_number(bound[field])
    bound[field] = operand
    return field == "label" or encoder.is_register(operand) == field.startswith("r")


def _filled(field: str, bound: dict[str, Operand]) -> Operand:
    if "(" in field:
        offset, _, base = field.rstrip(")").partition("(")
        return Memory(_filled(offset, bound), _filled(base, bound))
    if field.isdigit():
        return int(field)
    return bound.get(field, Name(field))


def _forms(table: str) -> dict[tuple[str, int], list[_Form]]:
    found: dict[tuple[str, int], list[_Form]] = {}
    for form in map(_Form, table.strip().splitlines()):
        found.setdefault((form.name, len(form.fields)), []).append(form)
    return found


_FORMS, _OTHERS = _forms(_TABLE), _forms(_SPELLINGS)
MNEMONICS = dict.fromkeys([*COMPRESSED_BY_NAME, *(name for name, _ in _OTHERS), UNIMP])
"""Those of compressed instructions."""
reserve(MNEMONICS.keys() - COMPRESSED_BY_NAME.keys(), "a compressed instruction")

_SHIFTS = ("c.slli", "c.srli", "c.srai")


def compress(encoder: Encoder, name: str, operands: Operands) -> bool:
    """Append the compressed instruction that GNU as makes of an instruction; returns whether there is one."""
    for form in _FORMS.get((name.lower(), len(operands)), ()):
        short = form.operands(encoder, operands)
        if short is None:
            continue
        if form.result == UNIMP:
            encoder.append_parcel(0)
            return True
        insn = COMPRESSED_BY_NAME[form.result]
        try:
            values = _values(encoder, insn, short)
        except _Misfit:
            continue
        if values.get("rd") == 0 or (insn.name in _SHIFTS and values["uimm"] == 0):
            continue  # a hint
        _append(encoder, insn, values, short)
        return True
    return False


def compressed_instruction(encoder: Encoder, name: str, operands: Operands) -> None:
    """Append an instruction that is written as a compressed one. Raises SourceError."""
    if not encoder.unit.compressed:
        raise encoder.error(f"'{name}': {NOT_ALLOWED}", HOW_TO_ALLOW)
    if name == UNIMP:
        encoder.check_count(name, operands, 0)
        return encoder.append_parcel(0)
    for form in _OTHERS.get((name, len(operands)), ()):
        if (real := form.operands(encoder, operands)) is not None:
            name, operands = form.result, real
    if name not in COMPRESSED_BY_NAME:
        raise encoder.error(f"'{name}' takes a register", f"write '{name} a0'")
    insn = COMPRESSED_BY_NAME[name]
    if len(operands) != len(_kinds(insn)):
        encoder.check_count(name, operands, len(_kinds(insn)), insn.syntax.replace("'", ""))
    try:
        values = _values(encoder, insn, operands)
    except _Misfit as misfit:
        raise encoder.error(f"{name}: {misfit.message}", misfit.hint, misfit.about) from None
    return _append(encoder, insn, values, operands)


def _kinds(insn: Compressed) -> tuple[str, ...]:
    """The operands of its syntax, one by one."""
    return tuple(insn.syntax.split(", ")) if insn.syntax else ()


def _values(encoder: Encoder, insn: Compressed, operands: Operands) -> dict[str, int]:
    """The values of the operands by their names in the pattern; a distance is 0. Raises _Misfit, and SourceError."""
    values: dict[str, int] = {}
    for kind, operand in zip(_kinds(insn), operands, strict=True):
        offset, _, base = kind.rstrip(")").partition("(")
        if not base:
            _value(encoder, insn, kind, operand, values)
            continue
        match operand:
            case Memory(number, register):
                _value(encoder, insn, offset, number, values)
                _value(encoder, insn, base, register, values)
            case Parenthesized(register):
                _value(encoder, insn, offset, 0, values)
                _value(encoder, insn, base, register, values)
            case _:
                raise _Misfit("expected an address 'offset(register)'", operand)
    return values


def _value(encoder: Encoder, insn: Compressed, kind: str, operand: Operand, values: dict[str, int]) -> None:
    if kind == "label":
        if encoder.is_plain_register(operand):
            raise _Misfit(f"'{where_written(operand)}' is a register; expected a label", operand)
        values["imm"] = 0
    elif kind in REGISTERS:
        if encoder.register(operand) != REGISTERS[kind]:
            raise _Misfit(f"'{where_written(operand)}' is not {kind}", operand)
    elif kind.startswith("r"):
        values[kind] = _register(encoder, insn, kind, operand)
    else:
        name = "uimm" if kind == "uimm" else "imm"
        values[name] = _immediate(encoder, insn, name, operand)


def _register(encoder: Encoder, insn: Compressed, kind: str, operand: Operand) -> int:
    number = encoder.register(operand)
    written = where_written(operand)
    if kind.endswith("'") and not FIRST_PRIMED <= number < FIRST_PRIMED + PRIMED:
        raise _Misfit(f"'{written}' is not one of x8 to x15 (s0, s1, a0 to a5)", operand)
    if number in insn.differs.get(kind, ()):
        raise _Misfit(f"{kind} must not be '{written}'", operand)
    return number


def _constant(encoder: Encoder, operand: Operand) -> int | None:
    """The value of a number that is known now; None for `%lo(5)` too, of which GNU as compresses nothing."""
    while isinstance(operand, Parenthesized):
        operand = operand.inside
    if isinstance(operand, Function | Memory | TypeName) or encoder.is_register(operand):
        return None
    try:
        return wrap(constant_value(encoder.unit.bind(operand)))
    except NotConstant:
        return None


def _immediate(encoder: Encoder, insn: Compressed, name: str, operand: Operand) -> int:
    value = _constant(encoder, operand)
    if value is None:
        if encoder.is_register(operand):
            raise _Misfit(f"'{where_written(operand)}' is a register; expected a number", operand)
        raise _Misfit("expected a number that is known here", operand)
    if insn.base.name == "lui":
        return _upper(insn, value, operand)
    bits, scale = insn.pattern.bits(name), insn.pattern.scale(name)
    low = 0 if name == "uimm" else -1 << (bits - 1)
    high = low + (1 << bits) - scale
    if not low <= value <= high or value % scale:
        multiple = f"a multiple of {scale} " if scale > 1 else ""
        raise _Misfit(f"immediate {value} is not {multiple}in [{low}, {high}]", operand)
    if value in insn.differs.get(name, ()):
        raise _Misfit(f"immediate {value} is reserved", operand)
    return value


def _upper(insn: Compressed, value: int, operand: Operand) -> int:
    """The immediate of `c.lui` for the upper 20 bits as they are written: those of a number of 6 bits, but not 0."""
    sign = 1 << (insn.pattern.bits("imm") - UPPER_SHIFT - 1)
    end = 1 << UPPER_BITS
    if not (0 < value < sign or end - sign <= value < end):
        raise _Misfit(f"immediate {value:#x} is not in [1, {sign - 1:#x}] or [{end - sign:#x}, {end - 1:#x}]", operand)
    return (value if value < sign else value - end) << UPPER_SHIFT


def _append(encoder: Encoder, insn: Compressed, values: dict[str, int], operands: Operands) -> None:
    parcel = insn.pattern.insert({n: v - FIRST_PRIMED * n.endswith("'") for n, v in values.items()})
    if "label" not in _kinds(insn):
        return encoder.append_parcel(parcel)
    label = operands[-1]
    return encoder.append_compressed_branch(parcel, encoder.unit.bind(label), encoder.label_place(label))
