"""The state of one source while it is assembled: its sections, its symbols and the current position."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from trapline.asm.arithmetic import UNARY_OPERATORS, compute, wrap
from trapline.asm.call_frames import Frames
from trapline.asm.diagnostics import Diagnostics, Location, SourceError
from trapline.asm.dollar_labels import DollarLabels
from trapline.asm.expressions import NotConstant, constant_value
from trapline.asm.fragments import COMPRESSED_BYTES, INSTRUCTION_BYTES, LIMIT, Org
from trapline.asm.line_rows import LineRows
from trapline.asm.nodes import (
    Binary,
    Bound,
    Expression,
    Function,
    LocalLabel,
    Modified,
    Name,
    Operands,
    Parenthesized,
    String,
    Unary,
)
from trapline.asm.parser import MOST_DIGITS, SyntaxProblem, parse_expression, parse_operands
from trapline.asm.preprocess.lookalikes import strange
from trapline.asm.sections import ALLOC, EXEC, NOBITS, PROGBITS, WRITE, Section
from trapline.asm.symbols import Symbol
from trapline.isa.extension import BASE
from trapline.isa.hart import REGISTERS


class PlacedRelocation(NamedTuple):
    """A `.reloc`. where: offset in `section`, or a label and a number; kind: a name of the psABI."""

    section: Section
    where: Bound
    kind: str
    target: Bound
    location: Location


class Unit:
    """One source being assembled: its sections, its symbols and the current position.

    It is the `asm.preprocess.conditionals.Scope` of its own conditionals.
    """

    def __init__(
        self, name: str, diagnostics: Diagnostics, include_dirs: Sequence[Path], line_rows: LineRows | None = None,
        extensions: Sequence[str] = BASE,
    ) -> None:  # fmt: skip
        """extensions: those of the machine that it is assembled for."""
        self.name = name
        self.extensions = extensions
        self.line_rows = line_rows or LineRows()
        self.diagnostics = diagnostics
        self.include_dirs = include_dirs
        self.sections: dict[tuple[str, str | None], Section] = {}
        self.symbols: dict[str, Symbol] = {}
        self.locals: dict[str, list[Symbol]] = {}
        self.forward: dict[str, list[Symbol]] = {}
        self.dollars = DollarLabels()
        self.position_independent = False
        self.relax = True
        self.for_compressed = "c" in extensions
        self.compressed = self.for_compressed  # `.option rvc`
        self._warned = False
        self.has_compressed = self.for_compressed  # allowed anywhere, for the ELF header
        self.options: list[tuple[bool, bool, bool]] = []
        self.previous: tuple[Section, int] | None = None
        self.stack: list[tuple[Section, int, tuple[Section, int] | None]] = []
        self.messages: list[str] = []
        self.relocations: list[PlacedRelocation] = []
        self.frames = Frames()
        self.location: Location = None  # type: ignore[assignment]  # of the current statement
        self.symbolic = False  # set by `bind`: the statement depends on symbols, so its code cannot be reused
        self.reserved = 0
        self.section = self.open_section(".text", ALLOC | EXEC, PROGBITS)
        self.section.alignment = self.section.stated_alignment = self._code_alignment
        self.absolute = Section("*ABS*", 0, NOBITS)  # where `.struct` counts, from this offset on:
        self.offset = 0
        self.open_section(".data", ALLOC | WRITE, PROGBITS)
        self.open_section(".bss", ALLOC | WRITE, NOBITS)

    def reserve(self, count: int, location: Location) -> None:
        """Count `count` more bytes, in any section. Raises SourceError beyond LIMIT."""
        self.reserved += count
        if self.reserved > LIMIT:
            raise SourceError(location, f"the sections exceed {LIMIT >> 20} MiB in total")

    def operands(self, text: str) -> Operands:
        """The operands of a directive."""
        return parse_operands(text)

    @property
    def _code_alignment(self) -> int:
        return COMPRESSED_BYTES if self.for_compressed else INSTRUCTION_BYTES

    def allow_compressed(self, allowed: bool) -> None:
        """Whether instructions from here on may be compressed."""
        self.compressed = allowed
        self.has_compressed |= allowed

    def note_compressed(self, location: Location) -> None:
        """A compressed instruction is written: warn once if the machine has none."""
        if not self.for_compressed and not self._warned:
            self._warned = True
            message = "this machine has no compressed instructions (rv32ima), and this is one"
            self.diagnostics.warning(location, message, "assemble for one that has them: --isa rv32imac")

    @property
    def in_absolute(self) -> bool:
        """Whether a `.struct` is open: labels are numbers then, and nothing is stored."""
        return self.section is self.absolute

    # Symbols

    def symbol(self, name: str, location: Location | None = None) -> Symbol:
        """The symbol of this name, created if necessary; `location` is recorded as its first use."""
        symbol = self.symbols.get(name)
        if symbol is None:
            symbol = self.symbols[name] = Symbol(name)
        if location is not None and symbol.used_at is None:
            symbol.used_at = location
        return symbol

    def knows(self, name: str) -> bool:
        """Whether a symbol of this name is defined: the name then is not a register or CSR."""
        symbol = self.symbols.get(name)
        return symbol is not None and symbol.defined

    def label(self, name: str, location: Location) -> None:
        """Define a label here. Raises SourceError when it has a definition."""
        if name.isdigit():
            name = str(int(name[:MOST_DIGITS]))
            pending = self.forward.pop(name, None)
            symbol = pending[0] if pending else Symbol(name, temporary=True)
            self._place(symbol, location)
            self.locals.setdefault(name, []).append(symbol)
            return
        if name[0].isdigit():
            self._place(self.dollars.define(name, location), location)
            return
        symbol = self.symbol(name)
        if symbol.fragment is not None and (symbol.fragment, symbol.offset) == self.section.position():
            return  # twice at one place, which is no contradiction
        self._refuse_redefinition(symbol, location)
        self._place(symbol, location)
        if not name.startswith(".L"):
            self.dollars.end_scope()

    def _place(self, symbol: Symbol, location: Location) -> None:
        if self.in_absolute:
            symbol.value, symbol.defined_at = self.offset, location
        else:
            symbol.place(self.section, location)

    def _refuse_redefinition(self, symbol: Symbol, location: Location) -> None:
        if symbol.defined or symbol.common is not None:
            first = symbol.defined_at
            where = f"first defined at {first.file}:{first.line}" if first else None
            raise SourceError(location, f"symbol '{symbol.name}' is defined twice", where)

    def assign(self, name: str, value: Bound, location: Location, once: bool = False) -> None:
        """`.set` and `=`: give a symbol a value; a label keeps its place. Raises SourceError."""
        if name == ".":
            self.move_to(value, 0, location)
            return
        symbol = self.symbol(name)
        placed = symbol.fragment is not None or symbol.common is not None
        if placed or (symbol.defined and (once or symbol.fixed)):
            self._refuse_redefinition(symbol, location)
        if symbol.value is not None and type(symbol.value) is not int:
            # Earlier uses keep the old value: the symbol they are bound to leaves the table.
            self.symbols[name] = replacement = replace(symbol)
            symbol.binding, symbol.temporary = "local", True
            symbol = replacement
        symbol.value = value
        symbol.fixed = once
        symbol.defined_at = location

    def here(self, location: Location) -> Symbol:
        """A nameless symbol at the current position."""
        symbol = Symbol(".", temporary=True)
        symbol.place(self.section, location)
        return symbol

    # Expressions

    def bind(self, expression: Expression, location: Location | None = None) -> Bound:
        """Replace names by symbols, and `.` by the current position; symbols with a number become that number.

        Raises SourceError for what cannot be part of an expression, such as `%hi(x)`.
        """
        if type(expression) is int:
            return expression
        self.symbolic = True
        at = location or self.location
        match expression:
            case Name(name) | Modified(name):
                if name == ".":
                    return self.offset if self.in_absolute else self.here(at)
                symbol = self.symbol(name, at)
                return symbol.value if type(symbol.value) is int else symbol
            case String(content):  # a name in quotes, such as %hi("a name")
                return self.bind(Name(content.decode("utf-8", "surrogateescape")), at)
            case LocalLabel(text):
                return self._local(text, at)
            case Parenthesized(inside):
                return self.bind(inside, at)
            case Binary(operator, left, right):
                return self._operation(operator, self.bind(left, at), self.bind(right, at), at)
            case Unary(operator, operand):
                value = self.bind(operand, at)
                return wrap(UNARY_OPERATORS[operator](value)) if type(value) is int else Unary(operator, value)
            case Function(name):
                raise SourceError(at, f"'{name}' cannot be used inside an expression")
        raise SourceError(at, "expected a number or a symbol")

    def _operation(self, operator: str, left: Bound, right: Bound, location: Location) -> Bound:
        if type(left) is not int or type(right) is not int:
            return Binary(operator, left, right)
        try:
            return compute(operator, left, right)
        except ZeroDivisionError:
            raise SourceError(location, "division by zero") from None
        except ValueError as error:
            raise SourceError(location, str(error)) from None

    def _local(self, text: str, location: Location) -> Symbol:
        if text.endswith("$"):
            return self.dollars.use(text, location)
        number, direction = str(int(text[:-1][:MOST_DIGITS])), text[-1]
        if direction == "b":
            if not self.locals.get(number):
                raise SourceError(location, f"no label '{number}:' precedes this '{text}'")
            return self.locals[number][-1]
        pending = self.forward.setdefault(number, [])
        if not pending:
            pending.append(Symbol(number, temporary=True))
            pending[0].used_at = location
        return pending[0]

    def number(self, expression: Expression, location: Location, hint: str | None = None, final: bool = False) -> int:
        """The value of an expression that must be known now; final: see `constant_value`. Raises SourceError."""
        try:
            return constant_value(self.bind(expression, location), final)
        except NotConstant:
            match expression:
                case Name(name) if name in REGISTERS:
                    message = f"'{name}' is a register, not a number"
                case Name(name):
                    message = f"'{name}' is not a constant"
                case _:
                    message = "this expression is not a constant"
            raise SourceError(location, message, hint) from None

    # asm.preprocess.conditionals.Scope

    def evaluate(self, expression: str, location: Location) -> int:
        """The absolute value of an expression in a conditional or a repetition. Raises SourceError."""
        if error := strange(expression, location):
            raise error
        try:
            return self.number(parse_expression(expression), location, final=True)
        except SyntaxProblem as problem:
            raise SourceError(location.at(problem.column), problem.message) from None

    def defined(self, name: str) -> bool:
        """Whether a symbol is defined so far."""
        symbol = self.symbols.get(name)
        return symbol is not None and (symbol.defined or symbol.common is not None)

    # Sections

    def open_section(self, name: str, flags: int, kind: int, entry_size: int = 0, group: str | None = None) -> Section:
        """The section of this name and group, created if necessary."""
        key = (name, group)
        if key not in self.sections:
            self.sections[key] = Section(name, flags, kind, entry_size, group)
            if flags & EXEC:
                self.sections[key].alignment = self._code_alignment
        return self.sections[key]

    def switch(self, section: Section, subsection: int = 0) -> None:
        """Continue at the end of `section`."""
        self.previous = (self.section, self.section.current)
        self.section = section
        section.current = subsection

    def move_to(self, value: Bound, fill: int, location: Location) -> None:
        """`.org` and `. = value`: continue at an offset of the section."""
        if self.in_absolute:
            if type(value) is not int:
                raise SourceError(location, "'.org' needs a number after '.struct'")
            self.offset = value
            return
        self.section.data()
        self.section.add(Org(len(self.section.open), value, fill & 0xFF, location))


Handler = Callable[[Unit, str, str, Location], None]
"""Obeys a directive: takes the unit, the directive in lower case, its operands as text, and their location."""
