"""Lays out sections: sizes of branches, alignments and `.space`, before any section has an address."""

from collections.abc import Callable
from functools import partial
from typing import Any

from trapline.asm.arithmetic import OPERATORS, UNARY_OPERATORS, wrap
from trapline.asm.diagnostics import Diagnostics, Location, SourceError
from trapline.asm.expressions import NotConstant, symbols
from trapline.asm.fragments import UNPLACED, Branch, Data, Evaluate, Fill, Fragment, Leb128, Org
from trapline.asm.linker.pieces import mark_pieces, offset_in_piece
from trapline.asm.nodes import Binary, Bound, Unary
from trapline.asm.sections import Section
from trapline.asm.symbols import Symbol

PATIENCE = 100
"""Rounds after which no branch becomes shorter, so that a section comes to rest."""
MAX_ROUNDS = 300
"""Most rounds in one section."""
MAX_PASSES = 50
"""Most passes over all sections; three do for most programs."""


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
    """Lay out until nothing moves; returns whether that succeeded.

    A branch may have more than one size that fits its neighbours, so this follows GNU as step by step: in each pass,
    each section begins with an estimate, in which what follows has the offset of the pass before, and is then gone
    through until nothing in it moves.
    """
    moving = [section for section in sections if not section.rigid]
    for section in sections:
        if section.rigid:
            _step(section, section.lay_out, diagnostics)
            continue
        for fragment in section.fragments:
            fragment.offset = UNPLACED
        mark_pieces(section.fragments)
    before: list[list[int]] = []
    for _ in range(MAX_PASSES):
        # All sections in each pass: `.space` in one section may depend on distances in another.
        for section in moving:
            _step(section, section.estimate, diagnostics)
            if not _settled(section, diagnostics):
                return False
        after = [[fragment.offset for fragment in section.fragments] for section in moving]
        if diagnostics.error_count or after == before:
            return not diagnostics.error_count
        before = after
    return _refuse(moving, diagnostics)


def _settled(section: Section, diagnostics: Diagnostics) -> bool:
    """Go through a section until nothing moves; returns whether that succeeded."""
    for round_ in range(MAX_ROUNDS):
        if not _step(section, section.lay_out, diagnostics) or diagnostics.error_count:
            return not diagnostics.error_count
        if round_ >= PATIENCE:
            for fragment in section.fragments:
                if type(fragment) is Branch:
                    fragment.stuck = True
    return _refuse([section], diagnostics)


def _refuse(moving: list[Section], diagnostics: Diagnostics) -> bool:
    section = next((s for s in moving if _origin(s) is not None), moving[0])
    diagnostics.error(_origin(section), f"the layout of '{section.name}' does not converge", "a size depends on itself")
    return False


def _origin(section: Section) -> Location | None:
    """The first statement whose size depends on an expression."""
    return next((f.location for f in section.fragments if isinstance(f, Fill | Leb128 | Org)), None)


def _step(section: Section, step: Callable[[Evaluate], bool | None], diagnostics: Diagnostics) -> bool:
    """Do one step of layout; returns whether something moved."""
    try:
        return bool(step(partial(_measure, section)))
    except SourceError as error:
        diagnostics.add(error)
    except RecursionError:
        diagnostics.error(_origin(section), f"an expression in '{section.name}' is nested too deeply")
    return False


def _measure(section: Section, fragment: Any) -> Any:
    if type(fragment) is Branch:
        target = fragment.fixup.expression
        offset = None if _is_replaceable(target) else _offset_in(section, target)
        # GNU as writes a branch to another section, or to a symbol that another source may override, as the
        # opposite branch around a jump: it cannot know the distance, and `jal` reaches nearly everything.
        return None if type(target) is int or offset is None else offset - fragment.offset
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
                return _place(expression.fragment, expression.offset)
        case Binary("+" | "-" as operator, left, right):
            first, second = _offset_in(section, left), _offset_in(section, right)
            if first is not None and second is not None:
                return first + second if operator == "+" else first - second
    return None


def _place(fragment: Fragment, offset: int) -> int:
    """An offset from the section's start; before the first estimate, where GNU as takes it to be.

    Its pieces of a section all begin at 0 then.
    """
    if fragment.offset != UNPLACED:
        return fragment.offset + offset
    assert isinstance(fragment, Data)  # labels are nowhere else
    return offset_in_piece(fragment, offset)


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
