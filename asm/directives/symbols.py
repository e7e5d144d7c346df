"""Directives that define symbols and set their attributes."""

import re

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.directives.alignment import align_to
from trapline.asm.directives.fields import split
from trapline.asm.fragments import LIMIT
from trapline.asm.parser import parse_expression
from trapline.asm.sections import ALLOC, NOBITS, WRITE
from trapline.asm.symbols import Symbol
from trapline.asm.unit import Handler, Unit
from trapline.isa.did_you_mean import did_you_mean


def _name(text: str, location: Location) -> str:
    """The symbol that a field names; in quotes any text may be one. Raises SourceError."""
    if not re.fullmatch(r'[^\W\d][\w.$]*|[.$][\w.$]*|"(\\.|[^"\\])+"', text):
        raise SourceError(location, f"'{text}' is not a symbol")
    return text.strip('"')


def _names(unit: Unit, operands: str, location: Location) -> list[Symbol]:
    return [unit.symbol(_name(field, location)) for field in split(operands)]


def binding(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.globl`, `.global`, `.local`, `.weak`."""
    for symbol in _names(unit, operands, location):
        symbol.binding = {".globl": "global", ".global": "global", ".local": "local", ".weak": "weak"}[name]
        symbol.explicit = True


def visibility(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.hidden`, `.protected`, `.internal`."""
    for symbol in _names(unit, operands, location):
        symbol.visibility = name[1:]


def symbol_type(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.type name, @function`."""
    fields = split(operands) if "," in operands else operands.split(None, 1)
    if len(fields) != 2:
        raise SourceError(location, "'.type' needs a symbol and a type", "write '.type main, @function'")
    word = fields[1].strip('@%#"').lower().removeprefix("stt_")
    kinds = {
        "function": "func", "func": "func", "object": "object", "notype": "notype", "tls_object": "tls", "tls": "tls",
        "common": "object", "gnu_unique_object": "object", "gnu_indirect_function": "func",
    }  # fmt: skip
    if word not in kinds:
        raise SourceError(location, f"unknown symbol type '{word}'", did_you_mean(word, kinds))
    unit.symbol(fields[0].strip('"')).type = kinds[word]


def size(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.size name, expression`."""
    fields = split(operands)
    if len(fields) != 2:
        raise SourceError(location, "'.size' needs a symbol and an expression", "write '.size main, . - main'")
    expression = parse_expression(fields[1])
    unit.symbol(fields[0].strip('"')).size = unit.bind(expression, location)


def assign(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.set`, `.equ`, and `.equiv`, which refuses a second definition."""
    fields = operands.split(",", 1)
    if len(fields) != 2 or not fields[1].strip():
        raise SourceError(location, f"'{name}' needs a symbol and a value", f"write '{name} LIMIT, 10'")
    expression = parse_expression(fields[1].strip())
    title = fields[0].strip()
    if title != ".":
        title = _name(title, location)
    unit.assign(title, unit.bind(expression, location), location, name in (".equiv", ".eqv"))


def weak_reference(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.weakref alias, target`: `alias` refers to `target`, which may stay undefined."""
    fields = _names(unit, operands, location)
    if len(fields) != 2:
        raise SourceError(location, "'.weakref' needs two symbols", "write '.weakref alias, target'")
    alias, target = fields
    if alias.defined:
        raise SourceError(location, f"symbol '{alias.name}' is defined twice")
    alias.value, alias.temporary, alias.defined_at = target, True, location
    target.wanted_weakly = True


def common(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.comm name, size, alignment` and `.lcomm name, size`."""
    fields = split(operands)
    if len(fields) not in (2, 3):
        raise SourceError(location, f"'{name}' needs a symbol and a size", f"write '{name} buffer, 256, 4'")
    length = unit.evaluate(fields[1], location)
    alignment = unit.evaluate(fields[2], location) if len(fields) == 3 else 0
    if not 0 <= length <= LIMIT:
        raise SourceError(location, f"size {length} is not in [0, {LIMIT}]")
    symbol = unit.symbol(fields[0].strip('"'))
    if symbol.defined:
        raise SourceError(location, f"symbol '{symbol.name}' is defined twice")
    if alignment == 0:
        alignment = min(16, 1 << max(length.bit_length() - 1, 0)) if name == ".comm" else 1
    unit.reserve(length, location)
    if name == ".lcomm" or (symbol.binding == "local" and symbol.explicit):
        old, old_subsection, before = unit.section, unit.section.current, unit.previous
        unit.switch(unit.open_section(".bss", ALLOC | WRITE, NOBITS), 1)  # after everything else, as in GNU as
        align_to(unit, alignment, None, None, location)
        symbol.place(unit.section, location)
        symbol.type, symbol.size = "object", length
        unit.section.data().data += bytes(length)
        unit.section, unit.previous = old, before
        unit.section.current = old_subsection
        return
    symbol.common = (length, max(alignment, symbol.common[1] if symbol.common else 1))
    symbol.binding = "weak" if symbol.binding == "weak" else "global"
    symbol.type, symbol.size, symbol.defined_at = "object", length, location


HANDLERS: dict[str, Handler] = {
    ".globl": binding, ".global": binding, ".local": binding, ".weak": binding,
    ".hidden": visibility, ".protected": visibility, ".internal": visibility,
    ".type": symbol_type, ".size": size, ".set": assign, ".equ": assign, ".equiv": assign, ".eqv": assign,
    ".weakref": weak_reference, ".comm": common, ".common": common, ".lcomm": common,
}  # fmt: skip
