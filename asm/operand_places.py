"""Finds the column of an operand in its statement, for the caret of a message."""

import re

from trapline.asm.diagnostics import Location
from trapline.asm.nodes import Binary, Function, Memory, Node, Operand, Operands, Parenthesized, Unary, where_written
from trapline.asm.preprocess.source_text import CHARACTER, STRING

_mnemonic = re.compile(r"\s*[\w.$]+\s*").match
_token = re.compile(rf"{STRING}|{CHARACTER}|.", re.DOTALL).finditer


def column_of(text: str, operands: Operands, about: Operand) -> int | None:
    """The column, counted from 0, where `about`, an operand or a part of one, begins; None if it is not in the text."""
    index = next((i for i, operand in enumerate(operands) if _is_in(about, operand)), None)
    head = _mnemonic(text)
    starts = operand_starts(text, head.end() if head else 0)
    if index is None or index >= len(starts):
        return None
    whole, start = operands[index], starts[index]
    if _is(about, whole):
        return start
    stop = starts[index + 1] if index + 1 < len(starts) else len(text)
    piece = text[start:stop]
    if isinstance(whole, Memory) and _is_in(about, whole.base):
        start += piece.rfind("(") + 1
        piece = text[start:stop]
    needle = where_written(about)
    found = piece.find(needle) if needle else -1
    return start + max(found, 0)


def at_name(location: Location, name: str) -> Location:
    """Where a symbol is written in the statement at `location`, or the statement itself."""
    start = location.column - 1
    found = re.compile(rf"(?<![\w.$]){re.escape(name)}(?![\w.$])").search(location.text, start)
    return location.at(found.start() - start) if found else location


def operand_starts(text: str, begin: int = 0) -> list[int]:
    """The column of each operand, counted from 0, from `begin` on."""
    starts: list[int] = []
    depth, expected = 0, True
    for token in _token(text, begin):
        if expected and not token[0].isspace():
            starts.append(token.start())
            expected = False
        if token[0] in "()":
            depth += 1 if token[0] == "(" else -1
        elif token[0] == "," and depth <= 0:
            expected = True
    return starts


def _is(about: Operand, operand: Operand) -> bool:
    return about is operand or (type(about) is type(operand) is int and about == operand)


def _is_in(about: Operand, operand: Operand) -> bool:
    return _is(about, operand) or any(_is_in(about, part) for part in _parts(operand))


def _parts(operand: Operand) -> tuple[int | Node, ...]:
    match operand:
        case Memory(offset, base):
            return offset, base
        case Binary(_, left, right):
            return left, right
        case Parenthesized(inside) | Unary(_, inside) | Function(_, inside):
            return (inside,)
    return ()
