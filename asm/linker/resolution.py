"""Resolves the symbols of all sources against each other."""

from enum import IntEnum

from trapline.asm.diagnostics import Diagnostics, Location
from trapline.asm.expressions import is_endless
from trapline.asm.linker import common_symbols
from trapline.asm.symbols import Symbol
from trapline.asm.unit import Unit


class _Rank(IntEnum):
    """Which of two symbols of one name is the definition: the higher one, else the first."""

    UNDEFINED_WEAK = 0
    UNDEFINED = 1
    WEAK = 2
    COMMON = 3
    GLOBAL = 4


def resolve(units: list[Unit], definitions: dict[str, Symbol], diagnostics: Diagnostics) -> None:
    """Add the definition of each global name; every other symbol of that name gets it as its target.

    definitions: by name; may hold undefined symbols that the program needs.
    Raises AsmError for a symbol whose value depends on itself.
    """
    homes = common_symbols.homes(units)
    for unit in units:
        for symbol in unit.symbols.values():
            if not symbol.defined and symbol.common is None and symbol.binding == "local":
                # "Any undefined symbols are assumed to be global."
                symbol.binding = "weak" if symbol.wanted_weakly and symbol.used_at is None else "global"
            if symbol.binding != "local":
                _add(symbol, definitions, diagnostics)
    common_symbols.allocate(definitions, homes)
    for unit in units:
        for symbol in unit.symbols.values():
            if symbol.binding != "local":
                chosen = definitions[symbol.name]
                symbol.target = None if chosen is symbol else chosen
    _refuse_endless(units, diagnostics)


def _add(symbol: Symbol, definitions: dict[str, Symbol], diagnostics: Diagnostics) -> None:
    present = definitions.get(symbol.name)
    if present is None:
        definitions[symbol.name] = symbol
        return
    if symbol.common and present.common:
        largest = max(symbol.common[0], present.common[0]), max(symbol.common[1], present.common[1])
        symbol.common = present.common = largest
    if _rank(symbol) > _rank(present):
        symbol.used_at = symbol.used_at or present.used_at
        definitions[symbol.name] = symbol
    elif _rank(symbol) == _rank(present) == _Rank.GLOBAL:
        first = present.defined_at
        hint = f"also defined at {first.file}:{first.line}" if first else None
        at = symbol.defined_at or Location("<unknown>", 1)
        diagnostics.error(at, f"symbol '{symbol.name}' is defined twice", hint)


def _rank(symbol: Symbol) -> _Rank:
    if symbol.defined:
        return _Rank.GLOBAL if symbol.binding == "global" else _Rank.WEAK
    if symbol.common is not None:
        return _Rank.COMMON
    return _Rank.UNDEFINED if symbol.binding == "global" else _Rank.UNDEFINED_WEAK


def _refuse_endless(units: list[Unit], diagnostics: Diagnostics) -> None:
    for unit in units:
        for symbol in unit.symbols.values():
            if symbol.value is not None and is_endless(symbol.value):
                where = symbol.defined_at or Location(unit.name, 0)
                message = f"the value of '{symbol.name}' depends on itself, or on too many other symbols"
                diagnostics.error(where, message)
                diagnostics.raise_if_errors()
