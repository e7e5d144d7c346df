"""Conditional assembly: the `.if` family, and which branch of which block is being assembled."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from trapline.asm.diagnostics import Diagnostics, Location, SourceError
from trapline.asm.preprocess.macros import NAME, normalize
from trapline.asm.preprocess.source_text import STRING, WHITE


class Scope(Protocol):
    """What conditionals and repetition counts need from the symbol table."""

    def evaluate(self, expression: str, location: Location) -> int:
        """The expression's absolute value now. Raises SourceError when it has none."""
        ...

    def defined(self, name: str) -> bool:
        """Whether the symbol has been defined so far."""
        ...


@dataclass(slots=True)
class Block:
    """An open `.if` block. dead: the whole block is inside skipped text."""

    keyword: str
    opened: Location
    dead: bool
    taken: bool  # a branch was assembled, or is being
    skipping: bool
    otherwise: Location | None = None  # where its .else is


class Conditionals:
    """The open blocks, outermost first. skipping: whether the current text is skipped."""

    def __init__(self, scope: Scope, diagnostics: Diagnostics) -> None:
        self._scope = scope
        self._diagnostics = diagnostics
        self._blocks: list[Block] = []
        self.skipping = False

    @property
    def depth(self) -> int:
        """The number of open blocks."""
        return len(self._blocks)

    def handle(self, keyword: str, operands: str, location: Location, at: Location) -> None:
        """Act on a conditional directive; `location` is the directive's, `at` its operands'.

        Raises SourceError for a condition that cannot be decided (the block then counts as false) and for
        an `.else` or `.endif` without `.if`.
        """
        if keyword in (".else", ".elsec"):
            self._otherwise(location)
            if not self._blocks[-1].dead:
                _no_operands(keyword, operands, at)
        elif keyword in (".endif", ".endc"):
            if not self._blocks:
                raise SourceError(location, f"'{keyword}' without '.if'")
            block = self._blocks.pop()
            self._update()
            if not block.dead:
                _no_operands(keyword, operands, at)
        elif keyword == ".elseif":
            self._otherwise_if(operands, location, at)
        else:
            block = Block(keyword, location, self.skipping, False, True)
            self._blocks.append(block)
            if not block.dead:
                self.skipping = True
                block.taken = self._holds(keyword, operands, at)
                block.skipping = not block.taken
                self._update()

    def close_down_to(self, depth: int) -> list[Block]:
        """Drop the blocks opened since `depth`, as `.exitm` does, and return them."""
        dropped = self._blocks[depth:]
        del self._blocks[depth:]
        self._update()
        return dropped

    def finish(self) -> None:
        """Report the blocks that the end of the source left open."""
        for block in self.close_down_to(0):
            self.report_open(block, "is never closed")

    def report_open(self, block: Block, what: str) -> None:
        """One error for a block without its `.endif`."""
        hint = "add '.endif'"
        if block.otherwise is not None:
            hint += f" (its '.else' is at line {block.otherwise.line})"
        self._diagnostics.error(block.opened, f"'{block.keyword}' {what}", hint)

    def _update(self) -> None:
        self.skipping = bool(self._blocks) and (self._blocks[-1].skipping or self._blocks[-1].dead)

    def _innermost(self, keyword: str, location: Location) -> Block:
        if not self._blocks:
            raise SourceError(location, f"'{keyword}' without '.if'")
        block = self._blocks[-1]
        if block.otherwise is not None:
            before = f"line {block.otherwise.line}" if block.otherwise.file == location.file else "before"
            message = f"'{keyword}' after the '.else' of the same '{block.keyword}'"
            raise SourceError(
                location, message, f"the '.else' is at {before}, the '{block.keyword}' at line {block.opened.line}"
            )
        return block

    def _otherwise(self, location: Location) -> None:
        block = self._innermost(".else", location)
        block.otherwise = location
        block.skipping = block.taken
        block.taken = True
        self._update()

    def _otherwise_if(self, operands: str, location: Location, at: Location) -> None:
        block = self._innermost(".elseif", location)
        block.skipping = True
        self._update()
        if not block.taken and not block.dead:
            block.taken = self._holds(".if", operands, at)
            block.skipping = not block.taken
            self._update()

    def _holds(self, keyword: str, operands: str, at: Location) -> bool:
        return _CONDITIONS[keyword](self._scope, operands.strip(WHITE), at, keyword)


Condition = Callable[[Scope, str, Location, str], bool]


def _compared(test: Callable[[int], bool]) -> Condition:
    def holds(scope: Scope, operands: str, at: Location, keyword: str) -> bool:
        if not operands:
            raise SourceError(at, f"'{keyword}' needs an expression")
        return test(scope.evaluate(operands, at))

    return holds


def _defined(wanted: bool) -> Condition:
    def holds(scope: Scope, operands: str, at: Location, keyword: str) -> bool:
        match = _symbol(operands)
        if not match:
            raise SourceError(at, f"'{keyword}' needs one symbol name", f"write '{keyword} NAME'")
        return scope.defined(match[1] or match[2]) == wanted

    return holds


def _blank(wanted: bool) -> Condition:
    return lambda scope, operands, at, keyword: (operands == "") == wanted


def _same(wanted: bool) -> Condition:
    """Compare text as written: quotes count, and the first comma ends the first text even inside quotes."""

    def holds(scope: Scope, operands: str, at: Location, keyword: str) -> bool:
        first, comma, second = normalize(operands).partition(",")
        if not comma:
            raise SourceError(at, f"'{keyword}' needs two texts with a comma between them")
        return (first.strip(WHITE) == second.strip(WHITE)) == wanted

    return holds


def _same_strings(wanted: bool) -> Condition:
    def holds(scope: Scope, operands: str, at: Location, keyword: str) -> bool:
        match = _two_strings(operands)
        if not match:
            raise SourceError(at, f"'{keyword}' needs two strings", f'write \'{keyword} "a", "b"\'')
        return (match[1] == match[2]) == wanted

    return holds


_symbol = re.compile(rf'({NAME})|"([^"]+)"').fullmatch
_two_strings = re.compile(rf"({STRING})[ \t]*,[ \t]*({STRING})").fullmatch

_CONDITIONS: dict[str, Condition] = {
    ".if": _compared(lambda value: value != 0),
    ".ifne": _compared(lambda value: value != 0),
    ".ifeq": _compared(lambda value: value == 0),
    ".iflt": _compared(lambda value: value < 0),
    ".ifle": _compared(lambda value: value <= 0),
    ".ifgt": _compared(lambda value: value > 0),
    ".ifge": _compared(lambda value: value >= 0),
    ".ifdef": _defined(True),
    ".ifndef": _defined(False),
    ".ifnotdef": _defined(False),
    ".ifb": _blank(True),
    ".ifnb": _blank(False),
    ".ifc": _same(True),
    ".ifnc": _same(False),
    ".ifeqs": _same_strings(True),
    ".ifnes": _same_strings(False),
}

KEYWORDS = (*_CONDITIONS, ".elseif", ".else", ".elsec", ".endif", ".endc")
"""The directives that are obeyed in skipped text; everything else there is ignored."""


def _no_operands(keyword: str, operands: str, at: Location) -> None:
    if operands.strip(WHITE):
        raise SourceError(at, f"'{keyword}' takes no operand", "put comments after '#'")
