"""Offsets within sections: how long branches, alignments and rooms are, before any section has an address."""

from functools import partial
from typing import Any

from trapline.asm.diagnostics import Diagnostics, SourceError
from trapline.asm.parser import OPERATORS, wrap
from trapline.asm.sections import Branch, Fill, Leb128, Org, Section
from trapline.asm.symbols import NotConstant, Symbol

ELSEWHERE = 1 << 32
"""The distance of a branch to another section: too far for a conditional branch."""

MAX_ROUNDS = 200
"""Layout rounds; branches only grow, so it comes to rest long before."""


def lay_out(sections: list[Section], diagnostics: Diagnostics) -> None:
    """Give every fragment its offset in its section."""
    if _come_to_rest(sections, diagnostics):
        for section in sections:
            section.settle()
        for section in sections:
            for fragment in section.fragments:
                if type(fragment) is Leb128:  # its length stays, its value is that of the final distance
                    fragment.measure(partial(_measure, section))


def _come_to_rest(sections: list[Section], diagnostics: Diagnostics) -> bool:
    """Lay out until nothing moves any more; whether that worked."""
    left = list(sections)
    for _ in range(MAX_ROUNDS):
        # All of them in each round: a room in one section may be as long as a distance in another.
        moved = [section for section in left if _round(section, diagnostics)]
        if not moved or diagnostics.error_count:
            return not diagnostics.error_count
        left = sections if any(_has_rooms(section) for section in sections) else moved
    section = moved[0]
    where = next((f.location for f in section.fragments if isinstance(f, Fill | Leb128)), None)
    diagnostics.error(where, f"the layout of '{section.name}' does not come to rest")
    return False


def _has_rooms(section: Section) -> bool:
    return any(isinstance(fragment, Fill | Leb128) for fragment in section.fragments)


def _round(section: Section, diagnostics: Diagnostics) -> bool:
    """Whether something in the section moved."""
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
        # GNU as writes a branch out of its section, or to what another source may define instead, as the
        # opposite branch around a jump: it cannot know the distance, and `jal` reaches nearly everything.
        return ELSEWHERE if type(target) is int or offset is None else offset - fragment.offset
    if type(fragment) is Org:
        offset = _offset_in(section, fragment.expression)
        if offset is None:
            raise SourceError(fragment.location, "'.org' needs a number or a place in the same section")
        return offset
    assert isinstance(fragment, Leb128 | Fill)
    try:
        return _distance(fragment.expression)
    except NotConstant:
        raise SourceError(fragment.location, "this value is not known: labels of different sections") from None
    except (ZeroDivisionError, ValueError, OverflowError):
        raise SourceError(fragment.location, "this value cannot be computed") from None


def _is_replaceable(target: Any) -> bool:
    """Whether a definition in another source may take the place of a branch's target."""
    terms = [target]
    while terms:
        term = terms.pop()
        if isinstance(term, tuple):
            terms += term[2:]
        elif isinstance(term, Symbol) and term.binding == "weak":
            return True
    return False


def _offset_in(section: Section, expression: Any) -> int | None:
    """Offset from the section's start, for a number or symbol plus number; None elsewhere."""
    if type(expression) is int:
        return expression
    if isinstance(expression, Symbol):
        if expression.value is not None:
            return _offset_in(section, expression.value)
        if expression.section is section and expression.fragment is not None:
            return expression.fragment.offset + expression.offset
        return None
    if expression[0] == "binary" and expression[1] in "+-":
        left, right = _offset_in(section, expression[2]), _offset_in(section, expression[3])
        if left is None or right is None:
            return None
        return left + right if expression[1] == "+" else left - right
    return None


def _distance(expression: Any) -> int:
    """A value made of distances within sections. Raises NotConstant."""
    value, sections = _section_relative(expression)
    if sections:
        raise NotConstant
    return value


def _section_relative(expression: Any) -> tuple[int, dict[Section, int]]:
    """A value, and how many times the addresses of which sections are still to be added. Raises NotConstant."""
    if type(expression) is int:
        return expression, {}
    if isinstance(expression, Symbol):
        if expression.value is not None:
            return _section_relative(expression.value)
        if expression.fragment is None or expression.section is None:
            raise NotConstant
        return expression.fragment.offset + expression.offset, {expression.section: 1}
    if expression[0] == "unary":
        value = _distance(expression[2])
        return {"-": -value, "~": ~value, "!": int(not value)}[expression[1]], {}
    if expression[0] != "binary":
        raise NotConstant
    operator = expression[1]
    left, sections = _section_relative(expression[2])
    right, others = _section_relative(expression[3])
    if operator in ("+", "-"):
        sign = 1 if operator == "+" else -1
        sums = {s: sections.get(s, 0) + sign * others.get(s, 0) for s in sections | others}
        sections = {section: count for section, count in sums.items() if count}
    elif sections or others:
        raise NotConstant
    return wrap(OPERATORS[operator](left, right)), sections
