"""Common symbols (`.comm`): one block of memory for all sources that declare it, as long as the longest."""

from collections.abc import Iterable, Mapping

from trapline.asm.linker.got import bucket
from trapline.asm.sections import ALLOC, NOBITS, WRITE, Section
from trapline.asm.symbols import Symbol
from trapline.asm.unit import Unit

KEY = ("COMMON", None)


def homes(units: Iterable[Unit]) -> dict[str, Unit]:
    """The source where ld puts each common symbol: the one with the longest block, the first of equals."""
    found: dict[str, Unit] = {}
    longest: dict[str, int] = {}
    for unit in units:
        for symbol in unit.symbols.values():
            if symbol.common is not None and symbol.common[0] > longest.get(symbol.name, -1):
                found[symbol.name], longest[symbol.name] = unit, symbol.common[0]
    return found


def allocate(globals_: Mapping[str, Symbol], home: Mapping[str, Unit]) -> None:
    """Allocate undefined common symbols in a section of their source, in the order of ld's hash table."""
    sections = []
    newest_first = list(globals_.values())[::-1]
    for symbol in sorted(newest_first, key=lambda symbol: bucket(symbol.name)):
        if symbol.common is None or symbol.defined:
            continue
        length, alignment = symbol.common
        section = home[symbol.name].sections.setdefault(KEY, Section("COMMON", ALLOC | WRITE, NOBITS))
        sections.append(section)
        section.alignment = max(section.alignment, alignment)
        data = section.data().data
        data += bytes(-len(data) % alignment)
        symbol.place(section, symbol.defined_at)
        symbol.size = length
        data += bytes(length)
    for section in dict.fromkeys(sections):
        section.finish()
