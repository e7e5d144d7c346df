"""The functions of a program: those that its symbols give a size, and labels where they do not."""

import bisect
from collections.abc import Iterable
from typing import NamedTuple

from trapline.asm.elf.format import STT_FUNC
from trapline.asm.elf.reader import SymbolEntry


class Function(NamedTuple):
    """A function, in [start, end)."""

    name: str
    start: int
    end: int


class Functions:
    """Functions by address. symbols: those of a program, in any order."""

    def __init__(self, symbols: Iterable[SymbolEntry]) -> None:
        found: dict[tuple[int, int], str] = {}
        for symbol in sorted(symbols, key=lambda symbol: (-symbol.binding, symbol.name)):
            if symbol.type == STT_FUNC and symbol.size:
                found.setdefault((symbol.value, symbol.value + symbol.size), symbol.name)
        self._functions = [Function(name, start, end) for (start, end), name in sorted(found.items())]
        self._starts = [function.start for function in self._functions]

    def find(self, address: int) -> Function | None:
        """The function with the last start whose extent holds an address; of overlapping ones, the nearest is asked."""
        index = bisect.bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._functions[index].end:
            return None
        return self._functions[index]
