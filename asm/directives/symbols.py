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
    if not operands:
        raise SourceError(location, "expected the name of a symbol")
    return [unit.symbol(_name(field, location)) for field in split(operands)]


def binding(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.globl`, `.global`, `.local`, `.weak`."""
    for symbol in _names(unit, operands, location):
        if name == ".weak" and symbol.common:
            raise SourceError(location, f"symbol '{symbol.name}' cannot be both weak and common")
        if name == ".local" and symbol.common:
            continue  # a common symbol is global, in GNU as too
        symbol.binding = {".local": "local", ".weak": "weak"}.get(name, "global")
        symbol.explicit = True


def visibility(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.hidden`, `.protected`, `.internal`."""
    for symbol in _names(unit, operands, location):
        symbol.visibility = name[1:]


SYMBOL_TYPES = {
    "function": "func", "func": "func", "object": "object", "notype": "notype", "tls_object": "tls", "tls": "tls",
    "common": "object", "gnu_unique_object": "object", "0": "notype", "1": "object", "2": "func", "5": "object",
    "6": "tls",
}  # fmt: skip
"""By name, and by number as in the ELF specification."""

INDIRECT_FUNCTION = ("gnu_indirect_function", "gnu_ifunc", "10")


def symbol_type(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.type name, @function`."""
    fields = split(operands) if "," in operands else operands.split(None, 1)
    if len(fields) != 2:
        raise SourceError(location, "'.type' needs a symbol and a type", "write '.type main, @function'")
    word = fields[1].strip('@%#"').lower().removeprefix("stt_")
    if word in INDIRECT_FUNCTION:
        # Calls would have to go through addresses that start-up code of a C library fills in.
        hint = "call it once yourself, and call through the pointer that it returns"
        raise SourceError(location, f"'{fields[0]}' is an indirect function (ifunc), which cannot be linked here", hint)
    if word not in SYMBOL_TYPES:
        raise SourceError(location, f"unknown symbol type '{word}'", did_you_mean(word, SYMBOL_TYPES))
    unit.symbol(fields[0].strip('"')).type = SYMBOL_TYPES[word]


def size(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.size name, expression`."""
    fields = split(operands)
    if len(fields) != 2:
        raise SourceError(location, "'.size' needs a symbol and an expression", "write '.size main, . - main'")
    expression = parse_expression(fields[1])
    symbol = unit.symbol(fields[0].strip('"'))
    symbol.size, symbol.sized_at = unit.bind(expression, location), location


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
    if fields and not fields[0].startswith('"'):
        fields[:1] = fields[0].split(None, 1)  # the first comma may be missing
    if len(fields) not in (2, 3):
        raise SourceError(location, f"'{name}' needs a symbol and a size", f"write '{name} buffer, 256, 4'")
    length = unit.evaluate(fields[1], location)
    alignment = unit.evaluate(fields[2], location) if len(fields) == 3 else 0
    if not 0 <= length <= LIMIT:
        raise SourceError(location, f"size {length} is not in [0, {LIMIT}]")
    if not 0 <= alignment <= LIMIT:
        raise SourceError(location, f"alignment {alignment} is not in [0, {LIMIT}]")
    symbol = unit.symbol(_name(fields[0], location))
    in_bss = name == ".lcomm" or (symbol.binding == "local" and symbol.explicit)
    if symbol.defined or (in_bss and symbol.common):
        raise SourceError(location, f"symbol '{symbol.name}' is defined twice")
    unit.reserve(length, location)
    if in_bss:
        if alignment & (alignment - 1):
            raise SourceError(location, f"'{name}': alignment {alignment} is not a power of two")
        _reserve_in_bss(unit, symbol, length, alignment or (_alignment(length, 8) if name == ".lcomm" else 1), location)
        return
    if symbol.binding == "weak":
        raise SourceError(location, f"symbol '{symbol.name}' cannot be both weak and common")
    if symbol.common and symbol.common[0] != length:
        unit.diagnostics.warning(location, f"the size of '{symbol.name}' stays {symbol.common[0]}")
        length = symbol.common[0]
    # The alignment by default is the size rounded up to a power of two, at most 16.
    symbol.common = (length, _rounded_up(alignment) if alignment else min(_rounded_up(length), 16))
    symbol.binding = "global"
    symbol.type, symbol.size, symbol.defined_at = "object", length, location


def _alignment(length: int, most: int) -> int:
    """The largest power of two that is not larger than the length."""
    return min(most, 1 << max(length.bit_length() - 1, 0))


def _rounded_up(number: int) -> int:
    return 1 << max(number - 1, 0).bit_length()


def _reserve_in_bss(unit: Unit, symbol: Symbol, length: int, alignment: int, location: Location) -> None:
    old, old_subsection, before = unit.section, unit.section.current, unit.previous
    unit.switch(unit.open_section(".bss", ALLOC | WRITE, NOBITS), 1)  # after everything else, as in GNU as
    align_to(unit, alignment, None, None, location)
    symbol.place(unit.section, location)
    symbol.type, symbol.size = "object", length
    unit.section.data().data += bytes(length)
    unit.section, unit.previous = old, before
    unit.section.current = old_subsection


HANDLERS: dict[str, Handler] = {
    ".globl": binding, ".global": binding, ".xdef": binding, ".local": binding, ".weak": binding,
    ".hidden": visibility, ".protected": visibility, ".internal": visibility,
    ".type": symbol_type, ".size": size, ".set": assign, ".lsym": assign,
    ".equ": assign, ".equiv": assign, ".eqv": assign,
    ".weakref": weak_reference, ".comm": common, ".xcom": common, ".common.s": common,
    ".common": common, ".lcomm": common,
}  # fmt: skip
