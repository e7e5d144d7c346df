"""Labels such as `1$:`, which live between two named labels."""

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.symbols import Symbol


class DollarLabels:
    """The labels of one source. A use before the definition means the next one, even behind a named label."""

    def __init__(self) -> None:
        self._current: dict[int, Symbol] = {}
        self._awaited: dict[int, Symbol] = {}

    def define(self, text: str, location: Location) -> Symbol:
        """The symbol for a label, still to be placed. Raises SourceError if this scope has it already."""
        number = int(text[:-1])
        if number in self._current:
            first = self._current[number].defined_at
            where = f"first defined at {first.file}:{first.line}" if first else None
            raise SourceError(location, f"label '{text}' is defined twice between two named labels", where)
        awaited = self._awaited.pop(number, None)
        symbol = self._current[number] = Symbol(text, temporary=True) if awaited is None else awaited
        return symbol

    def use(self, text: str, location: Location) -> Symbol:
        """The symbol that `1$` means here."""
        number = int(text[:-1])
        if number in self._current:
            return self._current[number]
        symbol = self._awaited.setdefault(number, Symbol(text, temporary=True))
        symbol.used_at = symbol.used_at or location
        return symbol

    def end_scope(self) -> None:
        """A named label comes: the labels before it are out of reach."""
        self._current.clear()

    @property
    def missing(self) -> list[Symbol]:
        """The labels that were used and never defined."""
        return list(self._awaited.values())
