"""Lays out sections: sizes of branches, alignments and `.space`, before any section has an address."""

from functools import partial
from typing import Any

from trapline.asm.arithmetic import OPERATORS, UNARY_OPERATORS, wrap
from trapline.asm.diagnostics import Diagnostics, SourceError
from trapline.asm.expressions import NotConstant, symbols
from trapline.asm.fragments import Branch, Fill, Leb128, Org
from trapline.asm.nodes import Binary, Bound, Unary
from trapline.asm.sections import Section
from trapline.asm.symbols import Symbol

ELSEWHERE = 1 << 32
"""The distance of a branch to another section: out of reach of a conditional branch."""

MAX_ROUNDS = 200
"""Most layout rounds; branches only grow, so layout converges long before."""


def lay_out(sections: list[Section], diagnostics: Diagnostics) -> None:
    """Give every fragment its offset in its section."""
    if _come_to_rest(sections, diagnostics):
        for section in sections:
            section.settle()
        for section in sections:
            for fragment in section.fragments:
                if type(fragment) is Leb128:  # its length is fixed by now; its value follows the final distances
                    fragment.measure(partial(_measure, section))


def _come_to_rest(sections: list[Section], diagnostics: Diagnostics) -> bool:
    """Lay out until nothing moves; returns whether that succeeded."""
    left = list(sections)
    for _ in range(MAX_ROUNDS):
        # All sections in each round: `.space` in one section may depend on distances in another.
        moved = [section for section in left if _round(section, diagnostics)]
        if not moved or diagnostics.error_count:
            return not diagnostics.error_count
        left = sections if any(_has_rooms(section) for section in sections) else moved
    section = moved[0]
    where = next((f.location for f in section.fragments if isinstance(f, Fill | Leb128)), None)
    diagnostics.error(where, f"the layout of '{section.name}' does not converge")
    return False


def _has_rooms(section: Section) -> bool:
    return any(isinstance(fragment, Fill | Leb128) for fragment in section.fragments)


def _round(section: Section, diagnostics: Diagnostics) -> bool:
    """Lay out once; returns whether something moved."""
    try:
        return section.lay_out(partial(_measure, section))
    except SourceError as error:
        diagnostics.add(error)
    except RecursionError:
        diagnostics.error(None, f"an expression in '{section.name}' is nested too deeply")
    return False


def _measure(section: Section, fragment: Any) -> Any:
    if type(fragment) is Branch:
        target = fragment.fixup.expression
        offset = None if _is_replaceable(target) else _offset_in(section, target)
        # GNU as writes a branch to another section, or to a symbol that another source may override, as the
        # opposite branch around a jump: it cannot know the distance, and `jal` reaches nearly everything.
        return ELSEWHERE if type(target) is int or offset is None else offset - fragment.offset
    if type(fragment) is Org:
        offset = _offset_in(section, fragment.expression)
        if offset is None:
            raise SourceError(fragment.location, "'.org' needs a number or a label of the same section")
        return offset
    assert isinstance(fragment, Leb128 | Fill)
    try:
        return _distance(fragment.expression)
    except NotConstant:
        raise SourceError(
            fragment.location, "the distance between labels of different sections is not known here"
        ) from None
    except (ZeroDivisionError, ValueError, OverflowError):
        raise SourceError(fragment.location, "this value cannot be computed") from None


def _is_replaceable(target: Bound) -> bool:
    """Whether another source may override a branch's target."""
    return any(symbol.binding == "weak" for symbol in symbols(target))


def _offset_in(section: Section, expression: Bound) -> int | None:
    """Offset from the section's start of a number or symbol plus number, None for everything else."""
    match expression:
        case int():
            return expression
        case Symbol():
            if expression.value is not None:
                return _offset_in(section, expression.value)
            if expression.section is section and expression.fragment is not None:
                return expression.fragment.offset + expression.offset
        case Binary("+" | "-" as operator, left, right):
            first, second = _offset_in(section, left), _offset_in(section, right)
            if first is not None and second is not None:
                return first + second if operator == "+" else first - second
    return None


def _distance(expression: Bound) -> int:
    """The value of an expression of distances within sections. Raises NotConstant."""
    value, sections = _section_relative(expression)
    if sections:
        raise NotConstant
    return value


def _section_relative(expression: Bound) -> tuple[int, dict[Section, int]]:
    """A value, and how often the address of each section is still to be added to it. Raises NotConstant."""
    match expression:
        case int():
            return expression, {}
        case Symbol():
            if expression.value is not None:
                return _section_relative(expression.value)
            if expression.fragment is not None and expression.section is not None:
                return expression.fragment.offset + expression.offset, {expression.section: 1}
        case Unary(operator, operand):
            return UNARY_OPERATORS[operator](_distance(operand)), {}
        case Binary("+" | "-" as operator, left, right):
            sign = 1 if operator == "+" else -1
            first, sections = _section_relative(left)
            second, others = _section_relative(right)
            sums = {s: sections.get(s, 0) + sign * others.get(s, 0) for s in sections | others}
            return wrap(first + sign * second), {section: count for section, count in sums.items() if count}
        case Binary(operator, left, right):
            return wrap(OPERATORS[operator](_distance(left), _distance(right))), {}
    raise NotConstant
