"""Values of expressions that are known before layout: constants, and distances within one section."""

from trapline.asm.arithmetic import COMPARISONS, EQUALITIES, OPERATORS, UNARY_OPERATORS, compute, wrap
from trapline.asm.nodes import Binary, Bound, Unary, parts
from trapline.asm.symbols import Symbol

MAX_TERMS = 1000
"""Terms that an expression may have once its symbols are expanded: `a = b + b; b = c + c; ...` doubles them."""

MAX_DIFFERENCES = 8
"""Label differences that one constant may contain."""


class NotConstant(Exception):
    """An expression whose value is not known before layout."""


def constant_value(expression: Bound, final: bool = False) -> int:
    """The value if it is known now: numbers, and distances within one section. Raises NotConstant.

    final: whether the question cannot wait, as in `.if`: what then differs now, such as a symbol without a definition
    and a number, is not equal.
    """
    if type(expression) is int:
        return expression
    if is_endless(expression):
        raise NotConstant
    return _constant_value(expression, final)


def is_endless(expression: Bound) -> bool:
    """Whether expanding its symbols gives more than `MAX_TERMS` terms, as for one that depends on itself."""
    pending = [expression]
    count = 0
    while pending:
        term = pending.pop()
        if isinstance(term, Symbol):
            if term.value is None:
                continue
            pending.append(term.value)
        else:
            pending += parts(term)
        count += 1
        if count > MAX_TERMS:
            return True
    return False


def symbols(expression: Bound) -> list[Symbol]:
    """The symbols in an expression."""
    found: list[Symbol] = []
    pending = [expression]
    while pending:
        term = pending.pop()
        if isinstance(term, Symbol):
            found.append(term)
        else:
            pending += parts(term)
    return found


def _constant_value(expression: Bound, final: bool = False) -> int:
    match expression:
        case int():
            return expression
        case Unary("~" | "!" as operator, operand):
            return UNARY_OPERATORS[operator](_constant_value(operand, final))
        case Binary(operator, left, right) if operator in COMPARISONS:
            try:
                return OPERATORS[operator](_constant_value(Binary("-", left, right), final), 0)
            except NotConstant:
                if not (final and operator in EQUALITIES and _differ(left, right)):
                    raise
                return OPERATORS[operator](1, 0)
        case Binary(operator, left, right) if operator not in ("+", "-"):
            return compute(operator, _constant_value(left, final), _constant_value(right, final))
    total, terms = _linear(expression, final)
    positive = [s for s, n in terms.items() for _ in range(n)]
    negative = [s for s, n in terms.items() for _ in range(-n)]
    if len(positive) != len(negative) or len(positive) > MAX_DIFFERENCES:
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


def _differ(left: Bound, right: Bound) -> bool:
    """Whether these are two symbols, or a symbol and a number; labels of two sections cannot be compared."""
    homes = []
    for side in (left, right):
        _, terms = _linear(side, True)
        if list(terms.values()) not in ([], [1]):
            return False
        homes.append(next(iter(terms)).section if terms else None)
    return None in homes or homes[0] is homes[1]


def _linear(expression: Bound, final: bool = False) -> tuple[int, dict[Symbol, int]]:
    """An expression as a number and multiples of placed symbols. Raises NotConstant when it is not linear."""
    match expression:
        case int():
            return expression, {}
        case Symbol():
            return (0, {expression: 1}) if expression.value is None else _linear(expression.value, final)
        case Unary("-", operand):
            constant, terms = _linear(operand, final)
            return -constant, {s: -n for s, n in terms.items()}
        case Binary("+" | "-" as operator, left, right):
            sign = 1 if operator == "+" else -1
            constant, terms = _linear(left, final)
            other, more = _linear(right, final)
            sums = {s: terms.get(s, 0) + sign * more.get(s, 0) for s in terms | more}
            return constant + sign * other, {s: n for s, n in sums.items() if n}
    return _constant_value(expression, final), {}


def _distance(start: Symbol, end: Symbol) -> int | None:
    if start is end:
        return 0
    if start.section is None or start.section is not end.section or start.fragment is None or end.fragment is None:
        return None
    between = start.section.fixed_distance(start.fragment, end.fragment)
    return None if between is None else between + end.offset - start.offset
