"""Refuses addresses where a number is needed: what a program means must not depend on where its labels lie."""

from trapline.asm.arithmetic import normalized
from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.expressions import symbols
from trapline.asm.fragments import Fixup
from trapline.asm.linker.addresses import NotLinear, Values
from trapline.asm.nodes import Bound
from trapline.asm.symbols import Symbol, definition
from trapline.isa import Instruction
from trapline.isa.instruction import WIDTHS

ADDRESS_BITS = 32

Terms = dict[object, int]


def constant(values: Values, fixup: Fixup) -> int:
    """The value of an operand that must be a number. Raises SourceError for an address, and when it is out of range."""
    value = values.value(fixup.expression, fixup.location)
    insn: Instruction = fixup.insn
    if _terms(values, fixup.expression) != {} and not _is_undefined(fixup.expression):
        label = _label(values, fixup.expression)
        raise SourceError(fixup.location, f"{insn.name}: '{label}' is an address, not a number", _meant(insn, label))
    if fixup.kind == "imm20":
        _check_range(fixup, value, "immediate", 0, 0xFFFFF)
        return value
    if fixup.kind == "imm":
        value = normalized(value)
        _check_range(fixup, value, "immediate", -2048, 2047)
        return value
    field = fixup.kind.removeprefix("field:")
    _check_range(
        fixup, value, {"shamt": "shift amount", "uimm": "constant"}.get(field, field), 0, (1 << WIDTHS[field]) - 1
    )
    return value


def _check_range(fixup: Fixup, value: int, what: str, low: int, high: int) -> None:
    if not low <= value <= high:
        raise SourceError(fixup.location, f"{fixup.insn.name}: {what} {value} is not in [{low}, {high}]")


def stored(values: Values, fixup: Fixup, bits: int) -> int:
    """The value of a `.byte`, `.half`, `.word` or `.dword`. Raises SourceError for what does not fit."""
    value = values.value(fixup.expression, fixup.location)
    if bits >= ADDRESS_BITS:
        check_address(values, fixup.expression, fixup.location)
        return value
    terms = _terms(values, fixup.expression)
    if terms is None or (terms and not _is_distance(terms)):
        if not _is_undefined(fixup.expression):
            label = _label(values, fixup.expression)
            hint = "store it with '.word', or store a distance between two labels"
            raise SourceError(fixup.location, f"the address of '{label}' does not fit into {bits} bits", hint)
    elif not -(1 << (bits - 1)) <= value < 1 << bits:
        message = f"value {value} is not in [{-(1 << (bits - 1))}, {(1 << bits) - 1}]"
        raise SourceError(fixup.location, message)
    return value


def symbol_size(values: Values, symbol: Symbol, location: Location) -> int:
    """The value of a `.size`, 0 without one. Raises SourceError unless it is a number or a distance."""
    if symbol.size is None:
        return 0
    where = symbol.sized_at or location
    if _terms(values, symbol.size) != {} and not _is_undefined(symbol.size):
        label = _label(values, symbol.size)
        raise SourceError(where, f"the size of '{symbol.name}' is an address, that of '{label}'", "write '. - label'")
    return values.value(symbol.size, where)


def check_address(values: Values, expression: Bound, location: Location) -> None:
    """Raise SourceError unless this is a number, an address, an address and a number, or a distance."""
    if type(expression) is int or isinstance(expression, Symbol):
        return
    terms = _terms(values, expression)
    if terms is None or (terms and list(terms.values()) != [1] and not _is_distance(terms)):
        label = _label(values, expression)
        hint = "write a label, a label and a number, or the difference of two labels"
        raise SourceError(location, f"cannot compute with the address of '{label}'", hint)


def _terms(values: Values, expression: Bound) -> Terms | None:
    """How often each address is part of the value, None if it depends on one in another way."""
    try:
        return values.terms(expression)
    except NotLinear:
        return None


def _is_distance(terms: Terms) -> bool:
    return sorted(terms.values()) == [-1, 1]


def _is_undefined(expression: Bound) -> bool:
    """Whether a symbol is missing, which is reported as such."""
    return any(
        not final.defined and final.common is None
        for final in map(definition, symbols(expression))
        if not final.temporary
    )


def _label(values: Values, expression: Bound) -> str:
    """The name of the first symbol that is an address."""
    found = [symbol for symbol in symbols(expression) if _terms(values, symbol) != {}]
    return found[-1].name


def _meant(insn: Instruction, label: str) -> str:
    """What somebody who wrote a label there may have meant."""
    name, syntax = insn.name, insn.syntax
    if name == "lui":
        return f"write 'lui rd, %hi({label})', or 'la rd, {label}' for the whole address"
    if name == "auipc":
        return f"write 'auipc rd, %pcrel_hi({label})', or 'la rd, {label}' for the whole address"
    if name == "jalr":
        return f"write 'j {label}', 'call {label}' or 'tail {label}'"
    if syntax.startswith("rd, offset("):
        return f"write '{name} rd, {label}', or 'lui rs1, %hi({label})' and '{name} rd, %lo({label})(rs1)'"
    if syntax.startswith("rs2, offset("):
        return f"write '{name} rs2, {label}, t0', or 'lui rs1, %hi({label})' and '{name} rs2, %lo({label})(rs1)'"
    if "csr" in syntax:
        return f"load the address first: 'la t0, {label}', then use t0"
    if "imm12" in syntax:
        return f"write 'la rd, {label}', or 'lui rs1, %hi({label})' and '{name} rd, rs1, %lo({label})'"
    return f"an address is loaded with 'la rd, {label}'"
