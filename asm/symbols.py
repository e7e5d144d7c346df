"""Symbols of one source, expressions bound to them, and what is known of an expression before layout."""

from dataclasses import dataclass, field
from typing import Any

from trapline.asm.diagnostics import Location
from trapline.asm.parser import OPERATORS, wrap
from trapline.asm.sections import Fragment, Section

Bound = Any
"""An int, a Symbol, ("binary", operator, left, right), ("unary", operator, operand) or ("function", name, operand)."""


class NotConstant(Exception):
    """An expression whose value is not known before layout."""


@dataclass(eq=False, slots=True)
class Symbol:
    """A name: a place in a section, a value (`.set`), a common block, or so far undefined.

    binding: `local`, `global` or `weak`; type: `notype`, `object`, `func`, `tls` or `common`.
    target: the definition in another source, found by the linker.
    wanted_weakly: an alias of `.weakref` stands for it, so that it may stay undefined unless it is used by name too.
    """

    name: str
    section: Section | None = None
    fragment: Fragment | None = None
    offset: int = 0
    value: Bound = None
    binding: str = "local"
    explicit: bool = False
    type: str = "notype"
    size: Bound = None
    visibility: str = "default"
    common: tuple[int, int] | None = None
    defined_at: Location | None = None
    used_at: Location | None = None
    target: "Symbol | None" = None
    absolute: int | None = None
    temporary: bool = field(default=False)
    wanted_weakly: bool = False

    @property
    def defined(self) -> bool:
        """Whether it has a place or a value."""
        return self.fragment is not None or self.value is not None or self.absolute is not None

    def place(self, section: Section, location: Location | None) -> None:
        """Define it here, at the end of `section`."""
        self.section = section
        self.fragment, self.offset = section.position()
        self.defined_at = location


def linear(expression: Bound) -> tuple[int, dict[Symbol, int]]:
    """An expression as a number and multiples of placed symbols. Raises NotConstant when it is not linear."""
    if type(expression) is int:
        return expression, {}
    if isinstance(expression, Symbol):
        if expression.value is not None:
            return linear(expression.value)
        return 0, {expression: 1}
    kind = expression[0]
    if kind == "unary" and expression[1] == "-":
        constant, terms = linear(expression[2])
        return -constant, {s: -n for s, n in terms.items()}
    if kind == "binary" and expression[1] in "+-":
        sign = 1 if expression[1] == "+" else -1
        constant, terms = linear(expression[2])
        other, more = linear(expression[3])
        terms = dict(terms)
        for symbol, count in more.items():
            terms[symbol] = terms.get(symbol, 0) + sign * count
        return constant + sign * other, {s: n for s, n in terms.items() if n}
    return _constant_value(expression), {}


MAX_TERMS = 1000


def is_endless(expression: Bound) -> bool:
    """Whether putting in the values of its symbols gives more than `MAX_TERMS` terms: `a = b + b; b = c + c; ...`.

    An expression that depends on itself has no end, and so is one of these.
    """
    pending = [expression]
    count = 0
    while pending:
        term = pending.pop()
        if isinstance(term, Symbol):
            if term.value is None:
                continue
            pending.append(term.value)
        elif isinstance(term, tuple):
            pending += term[2:] if term[0] == "binary" else term[-1:]
        count += 1
        if count > MAX_TERMS:
            return True
    return False


def constant_value(expression: Bound) -> int:
    """The value if it is known now: numbers, and distances within one section. Raises NotConstant."""
    if type(expression) is int:
        return expression
    if is_endless(expression):
        raise NotConstant
    return _constant_value(expression)


def _constant_value(expression: Bound) -> int:
    if type(expression) is int:
        return expression
    if isinstance(expression, tuple):
        kind = expression[0]
        if kind == "unary" and expression[1] != "-":
            value = _constant_value(expression[2])
            return ~value if expression[1] == "~" else int(not value)
        if kind == "binary" and expression[1] not in "+-":
            if expression[1] in ("==", "!=", "<>", "<", ">", "<=", ">="):
                difference = _constant_value(("binary", "-", expression[2], expression[3]))
                return OPERATORS[expression[1]](difference, 0)
            return compute(expression[1], _constant_value(expression[2]), _constant_value(expression[3]))
        if kind == "function":
            raise NotConstant
    total, terms = linear(expression)
    positive = [s for s, n in terms.items() for _ in range(n)]
    negative = [s for s, n in terms.items() for _ in range(-n)]
    if len(positive) != len(negative) or len(positive) > 8:
        raise NotConstant
    for a in positive:
        for b in negative:
            distance = _distance(b, a)
            if distance is not None:
                negative.remove(b)
                total += distance
                break
        else:
            raise NotConstant
    return wrap(total)


def compute(operator: str, left: int, right: int) -> int:
    """An operation on numbers. Raises ZeroDivisionError, and ValueError for a shift that makes no sense."""
    if operator in ("<<", ">>") and not 0 <= right < 1 << 16:
        raise ValueError(f"shift by {right}")
    return wrap(OPERATORS[operator](left, right))


def _distance(start: Symbol, end: Symbol) -> int | None:
    if start is end:
        return 0
    if start.section is None or start.section is not end.section or start.fragment is None or end.fragment is None:
        return None
    between = start.section.fixed_distance(start.fragment, end.fragment)
    return None if between is None else between + end.offset - start.offset
