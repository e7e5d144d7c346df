"""Values of expressions and symbols once sections have addresses."""

from trapline.asm.arithmetic import COMPARISONS, OPERATORS, UNARY_OPERATORS, wrap
from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.linker.placement import Output
from trapline.asm.linker.string_merging import Merged
from trapline.asm.nodes import Binary, Bound, Unary, parts
from trapline.asm.sections import Section
from trapline.asm.symbols import Symbol, definition


class NotLinear(Exception):
    """An expression whose value depends on an address in another way than by adding or subtracting it."""


class Values:
    """The final addresses of one link. high_parts: by the pc of an `auipc`, the full value that its pair adds up to."""

    def __init__(self) -> None:
        self.undefined: dict[str, Location] = {}
        self.merged: Merged = {}
        self.high_parts: dict[int, int] = {}
        self.thread_local: list[Output] = []
        self.evaluating: set[int] = set()

    def value(self, expression: Bound, location: Location) -> int:
        """The value of a bound expression at final addresses. Raises SourceError."""
        try:
            return self._value(expression, location)
        except RecursionError:
            raise SourceError(location, "expression nested too deeply") from None

    def _value(self, expression: Bound, location: Location) -> int:
        match expression:
            case int():
                return expression
            case Symbol():
                return self.address(expression, location)
            case Unary(operator, operand):
                return UNARY_OPERATORS[operator](self._value(operand, location))
            case Binary(operator, operand, other):
                left, right = self._value(operand, location), self._value(other, location)
                try:
                    return wrap(OPERATORS[operator](left, right))
                except (ZeroDivisionError, ValueError, OverflowError):
                    raise SourceError(location, f"cannot compute {left} {operator} {right}") from None
        raise TypeError(expression)

    def address(self, symbol: Symbol, location: Location) -> int:
        """The value of a symbol; an undefined one is recorded and counts as 0."""
        if symbol.target is not None:
            symbol = symbol.target
        if symbol.value is not None:
            if id(symbol) in self.evaluating:
                raise SourceError(location, f"the value of '{symbol.name}' depends on itself")
            self.evaluating.add(id(symbol))
            try:
                return self.value(symbol.value, location)
            finally:
                self.evaluating.discard(id(symbol))
        if symbol.absolute is not None:
            return symbol.absolute
        if symbol.fragment is None:
            if symbol.binding != "weak" and not symbol.temporary:
                self.undefined.setdefault(symbol.name, symbol.used_at or location)
            return 0
        section, offset = self.home(symbol)
        return section.address + offset

    def home(self, symbol: Symbol) -> tuple[Section, int]:
        """The section of a placed symbol and the offset in it, after merging."""
        assert symbol.section is not None and symbol.fragment is not None
        offset = symbol.fragment.offset + symbol.offset
        source = self.merged.get(symbol.section)
        return (symbol.section, offset) if source is None else source.place(offset)

    def terms(self, expression: Bound) -> dict[object, int]:
        """How often the address of each section, or of each symbol without one, is added to an expression's value.

        Empty for a number, also for the distance between labels of one section. Raises NotLinear.
        """
        match expression:
            case Symbol():
                symbol = definition(expression)
                if symbol.value is not None:
                    return self.terms(symbol.value)
                return {symbol.section or symbol: 1}
            case Unary("-", operand):
                return {place: -count for place, count in self.terms(operand).items()}
            case Binary(operator, left, right) if operator in ("+", "-", *COMPARISONS):
                sign = 1 if operator == "+" else -1
                first, second = self.terms(left), self.terms(right)
                sums = {place: first.get(place, 0) + sign * second.get(place, 0) for place in first | second}
                found = {place: count for place, count in sums.items() if count}
                if found and operator in COMPARISONS:
                    raise NotLinear
                return found
        if any(self.terms(part) for part in parts(expression)):
            raise NotLinear
        return {}
