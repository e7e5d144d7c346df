"""Diagnostics: collects errors and warnings, and prints them with source line, caret and expansions.

Every mistake in a source file becomes one diagnostic: `file:line:column: error: message`, the source line,
a caret under the column, an optional hint, and the macro and include expansions that led there.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

MAX_SHOWN = 20
"""Errors shown; the rest are only counted."""

MAX_ERRORS = 1000
"""Errors after which assembly stops: a loop may produce millions, and nobody reads them."""

_LINE_WIDTH = 160
_MESSAGE_LENGTH = 400
_UNPRINTABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Expansion(NamedTuple):
    """One step of the trail: `what` was expanded (`macro 'push'`, `include 'defs.inc'`), invoked at `location`."""

    what: str
    location: "Location"

    def render(self) -> str:
        """`in expansion of macro 'push', main.s:12`, or `included from main.s:3` for an include."""
        place = f"{printable(self.location.file)}:{self.location.line}"
        if self.what.startswith("include "):
            return f"included from {place}"
        return f"in expansion of {self.what}, {place}"


class Location(NamedTuple):
    """A position in a source file.

    A named tuple rather than a frozen dataclass: one is created per statement, at a third of the cost.

    `line` and `column` count from 1, in characters.
    `text` is the line as the reader of the message should see it: the physical line of the file,
    or, inside a macro, the line with the arguments substituted.
    `trail` lists the expansions that led here, innermost first.
    """

    file: str
    line: int
    column: int = 1
    text: str = ""
    trail: tuple[Expansion, ...] = ()

    @property
    def invocation(self) -> "Location | None":
        """Where the outermost macro is invoked that this is an expansion of; None outside of macros."""
        return next((step.location for step in reversed(self.trail) if step.what.startswith("macro ")), None)

    def at(self, offset: int) -> "Location":
        """The location `offset` characters further right."""
        return self._replace(column=self.column + offset)


class SourceError(Exception):
    """A mistake in one statement; the statement loop records it and continues with the next."""

    def __init__(self, location: Location, message: str, hint: str | None = None) -> None:
        super().__init__(location, message, hint)
        self.location = location
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return Diagnostic("error", self.location, self.message, self.hint).render()


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning. `severity` is "error" or "warning"."""

    severity: str
    location: Location | None
    message: str
    hint: str | None = None

    def render(self, color: bool = False) -> str:
        """The text for the terminal, without a final newline."""
        bold, paint, reset = ("\x1b[1m", _COLORS[self.severity], "\x1b[0m") if color else ("", "", "")
        head = f"{paint}{self.severity}:{reset} {printable(self.message)}"
        where = self.location
        if where is None:
            lines = [head]
        else:
            # Line 0 stands for the whole file (missing, empty, binary): there is no line to point at.
            place = f"{printable(where.file)}:{where.line}:{where.column}" if where.line else printable(where.file)
            lines = [f"{bold}{place}:{reset} {head}"]
            if where.text.strip():
                source, caret = _with_caret(where.text, where.column)
                lines += [f"  {source}", f"  {paint}{caret}{reset}"]
        lines += [f"  {printable(line)}" for line in (self.hint or "").splitlines()]
        if where is not None:
            lines += [f"  {line}" for line in _trail_lines(where.trail)]
        return "\n".join(lines)


_COLORS = {"error": "\x1b[1;31m", "warning": "\x1b[1;35m"}


class Diagnostics:
    """Collects the errors and warnings of one run.

    `errors` and `warnings` hold the first `MAX_SHOWN` of each, `error_count` and `warning_count` all of them.
    The same message at the same place is recorded once: layout passes evaluate an expression several times.
    """

    def __init__(self) -> None:
        self.errors: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []
        self.error_count = 0
        self.warning_count = 0
        self._seen: set[tuple[str, str, int, int, str]] = set()

    def error(self, location: Location | None, message: str, hint: str | None = None) -> None:
        """Record an error. Raises AsmError at the `MAX_ERRORS`th."""
        message = _shortened(message)
        if not self._is_new("error", location, message):
            return
        self.error_count += 1
        if len(self.errors) < MAX_SHOWN:
            self.errors.append(Diagnostic("error", location, message, hint))
        if self.error_count >= MAX_ERRORS:
            raise AsmError(self)

    def warning(self, location: Location | None, message: str, hint: str | None = None) -> None:
        """Record a warning."""
        message = _shortened(message)
        if self.warning_count >= MAX_ERRORS or not self._is_new("warning", location, message):
            return
        self.warning_count += 1
        if len(self.warnings) < MAX_SHOWN:
            self.warnings.append(Diagnostic("warning", location, message, hint))

    def add(self, error: SourceError) -> None:
        """Record a SourceError that a statement raised."""
        self.error(error.location, error.message, error.hint)

    def render(self, color: bool = False) -> str:
        """Warnings, errors and the number of those not shown; empty without any."""
        blocks = [diagnostic.render(color) for diagnostic in (*self.warnings, *self.errors)]
        if hidden := self.warning_count - len(self.warnings):
            blocks.append(f"{hidden} more {_plural('warning', hidden)} not shown")
        if hidden := self.error_count - len(self.errors):
            stopped = "; assembly stopped" if self.error_count >= MAX_ERRORS else ""
            blocks.append(f"{hidden} more {_plural('error', hidden)} not shown{stopped}")
        return "\n".join(blocks)

    def raise_if_errors(self) -> None:
        """Raise AsmError if there were errors; warnings alone do not count."""
        if self.error_count:
            raise AsmError(self)

    def _is_new(self, severity: str, location: Location | None, message: str) -> bool:
        if location is None:
            return True
        # The trail is not part of the key: a line that fails in every iteration of a loop is reported once.
        key = (severity, location.file, location.line, location.column, message)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True


class AsmError(Exception):
    """The source has errors. `str()` gives the rendered text, `diagnostics` the individual errors."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        return self.diagnostics.render()


def _shortened(message: str) -> str:
    """A very long message with its middle left out."""
    return message if len(message) <= _MESSAGE_LENGTH else f"{message[:200]}...{message[-100:]}"


def printable(text: str) -> str:
    """`text` with control characters, direction marks and undecodable bytes as `?`: safe on any terminal."""
    return _UNPRINTABLE.sub("?", text)


def _with_caret(text: str, column: int) -> tuple[str, str]:
    """The source line and the caret line below it, both cut to a window around `column` when very long."""
    text = printable(text.rstrip("\r\n"))
    position = min(max(column - 1, 0), len(text))
    if len(text) > _LINE_WIDTH:
        start = min(max(position - _LINE_WIDTH // 2, 0), len(text) - _LINE_WIDTH)
        end = start + _LINE_WIDTH
        head, tail = "..." if start else "", "..." if end < len(text) else ""
        text, position = head + text[start:end] + tail, position - start + len(head)
    # Tabs are kept, so that the caret is in the right place whatever the terminal's tab width.
    below = "".join("\t" if c == "\t" else " " * _width(c) for c in text[:position])
    return text.rstrip(), below + "^"


def _width(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _trail_lines(trail: tuple[Expansion, ...]) -> list[str]:
    """The trail's lines; a deep recursion shows only its two ends."""
    lines = [step.render() for step in trail]
    if len(lines) > 8:
        lines[4:-3] = [f"... {len(lines) - 7} more expansions ..."]
    return lines


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else noun + "s"
