"""Expands sources into single statements, before anything is parsed.

A stack of frames (files, macro expansions, repetitions) yields statements one by one. The directives that control
it (`.macro`, `.rept`, `.if`, `.include` and so on) are obeyed here and never reach the parser.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from trapline.asm.diagnostics import AsmError, Diagnostics, Expansion, Location, SourceError
from trapline.asm.preprocess import conditionals
from trapline.asm.preprocess.conditionals import Conditionals, Scope
from trapline.asm.preprocess.lookalikes import strange
from trapline.asm.preprocess.macros import Arguments, Macro, Template, name_at, normalize, parse_definition
from trapline.asm.preprocess.source_text import (
    STRING,
    WHITE,
    Piece,
    SourceText,
    Text,
    find_file,
    read_source,
    whole_file,
)

PREPROCESSED = (".S", ".sx")
"""Suffixes of sources that go through a C preprocessor."""

MAX_DEPTH = 100
"""Deepest nesting of macros, repetitions and includes."""

MAX_EXPANDED = 1 << 21
"""Statements that macros, repetitions and includes may produce in one source."""


@dataclass(slots=True)
class Statement:
    """One statement without comments, macros expanded; `location` points at its first character."""

    text: str
    location: Location


def statements(
    source: Path | Text,
    scope: Scope,
    diagnostics: Diagnostics,
    include_dirs: Sequence[Path] = (),
    preprocess: str | None = None,
    defines: Sequence[str] = (),
    reserved: Collection[str] = (),
) -> Iterator[Statement]:
    """The statements of `source` in order, lazily, so that a `.set` takes effect before a later `.if`.

    `preprocess` is None (files named `.S` go through pcpp), "pcpp" (always), "system" (the C preprocessor on
    PATH) or "none"; `defines` are its macros, as `NAME` or `NAME=value`.
    `reserved` are the assembler's directives: a macro cannot have their names.

    Mistakes go to `diagnostics`. Raises AsmError when there is no point in going on: the source or an include cannot
    be read, or expansion does not end.
    """
    yield from _Expander(scope, diagnostics, include_dirs, reserved).run(source, preprocess, defines)


@dataclass(slots=True, eq=False)
class _Frame:
    """Where statements come from: `kind` is "file", "macro" or "repeat"; `what` names it in messages."""

    kind: str
    what: str
    pieces: Iterator[Piece]
    depth: int  # of open conditionals when it began
    source: SourceText | None = None


_head = re.compile(r"([\w.$]+)([ \t]*:)?").match
_labels = re.compile(r"(?:[\w.$]+[ \t]*:[ \t]*)*+").match
_directive = re.compile(r"\.\w+").match
_include = re.compile(rf"({STRING})[ \t]*").fullmatch
_line = re.compile(rf"(\d{{1,9}})[ \t]*({STRING})?").fullmatch

_REPEATS = (".rept", ".rep", ".irp", ".irpc", ".irep", ".irepc")
_MACRO_ENDS = (".endm", ".endmacro")


class _Expander:
    """Expands one source."""

    def __init__(
        self, scope: Scope, diagnostics: Diagnostics, include_dirs: Sequence[Path], reserved: Collection[str]
    ) -> None:
        self._scope = scope
        self._reserved = reserved
        self._diagnostics = diagnostics
        self._include_dirs = include_dirs
        self._conditionals = Conditionals(scope, diagnostics)
        self._frames: list[_Frame] = []
        self._macros: dict[str, Macro] = {}
        self._alternate = False
        self._invocations = 0  # what \@ stands for
        self._locals = 1
        self._expanded = 0
        self._label: str | None = None  # the label before the current directive
        handlers: dict[str, Callable[[str, str, Location, Location], None]] = {
            ".macro": self._define,
            ".purgem": self._purge,
            **dict.fromkeys((".exitm", ".mexit"), self._exit_macro),
            ".altmacro": self._set_alternate,
            ".noaltmacro": self._set_alternate,
            ".include": self._include,
            ".end": self._end,
            **dict.fromkeys((".line", ".linefile"), self._renumber),
            ".endr": self._unmatched,
            **dict.fromkeys(_MACRO_ENDS, self._unmatched),
            **dict.fromkeys(_REPEATS, self._repeat),
            **dict.fromkeys(conditionals.KEYWORDS, self._conditionals.handle),
        }
        self._directives = frozenset(handlers)
        self._special: dict[str, Callable[[str, str, Location, Location], None]] = handlers

    def run(self, source: Path | Text, preprocess: str | None, defines: Sequence[str]) -> Iterator[Statement]:
        self._push_source(self._preprocessed(source, preprocess, defines), ())
        special, frames, conditions = self._special, self._frames, self._conditionals
        while frames:
            frame = frames[-1]
            for text, location in frame.pieces:
                match = _head(text)
                if conditions.skipping:
                    if match and match[1].lower() in conditionals.KEYWORDS:
                        self._obey(match[1].lower(), text, match.end(1), location)
                elif match is None:
                    yield Statement(text, location)
                elif match[2] is None:
                    if match[1].lower() not in special or text[match.end() :].lstrip(WHITE)[:1] == "=":
                        yield Statement(text, location)
                    else:
                        self._obey(match[1].lower(), text, match.end(), location)
                        if not frames or frames[-1] is not frame:
                            break
                else:
                    begin = _labels(text).end()  # type: ignore[union-attr]  # it matches the empty string
                    word = _head(text, begin)
                    if word is None or word[1].lower() not in special or text[word.end() :].lstrip(WHITE)[:1] == "=":
                        yield Statement(text, location)
                        continue
                    self._label = match[1] if match.end() == len(text[:begin].rstrip(WHITE)) else None
                    if word[1].lower() != ".macro" or self._label is None or self._label[0].isdigit():
                        self._label = None
                        yield Statement(text[:begin].rstrip(WHITE), location)
                    self._obey(word[1].lower(), text, word.end(), location, begin)
                    self._label = None
                    if not frames or frames[-1] is not frame:
                        break
            else:
                self._end_frame(frames.pop())
        conditions.finish()

    def _obey(self, word: str, text: str, end: int, location: Location, begin: int = 0) -> None:
        """Run the handler of the directive or macro in text[begin:end]."""
        operands = text[end:].lstrip(WHITE)
        at = location.at(len(text) - len(operands)) if operands else location
        try:
            self._special[word](word, operands, location.at(begin) if begin else location, at)
        except SourceError as error:
            self._diagnostics.add(strange(text, location) or error)

    # Sources

    def _preprocessed(self, source: Path | Text, preprocess: str | None, defines: Sequence[str]) -> Text:
        name = source.name if isinstance(source, Text) else str(source)
        try:
            text = source.text if isinstance(source, Text) else read_source(source)
            text.encode("utf-8", "surrogateescape")
            text = text.removeprefix("\ufeff")
            if not text.strip():
                raise SourceError(whole_file(name), "is empty: nothing to assemble")
            how = preprocess or ("pcpp" if name.endswith(PREPROCESSED) else "none")
            if how != "none":
                from trapline.asm.preprocess import c_preprocessor

                errors = self._diagnostics.error_count
                text = c_preprocessor.preprocess(Text(name, text), how, self._include_dirs, defines, self._diagnostics)
                if self._diagnostics.error_count > errors:
                    raise AsmError(self._diagnostics)
            return Text(name, text)
        except SourceError as error:
            self._diagnostics.add(error)
        except UnicodeEncodeError:
            self._diagnostics.error(whole_file(name), "contains lone surrogates, which are not valid text")
        raise AsmError(self._diagnostics)

    def _push_source(self, text: Text, trail: tuple[Expansion, ...]) -> None:
        source = SourceText(text, self._diagnostics, trail)
        self._frames.append(_Frame("file", text.name, iter(source), self._conditionals.depth, source))

    def _include(self, word: str, operands: str, location: Location, at: Location) -> None:
        match = _include(operands)
        if not match:
            raise SourceError(at, "'.include' needs a file name in quotes", "write '.include \"file\"'")
        name = re.sub(r"\\(.)", r"\1", match[1][1:-1])
        beside = next(frame.what for frame in reversed(self._frames) if frame.kind == "file")
        path = find_file(name, beside, self._include_dirs)
        if path is None:
            self._fail(at, f"no such file: '{name}'", _searched(beside, self._include_dirs))
        if self._nesting() >= MAX_DEPTH:
            chain = [frame.what for frame in self._frames if frame.kind == "file"]
            again = "it includes itself" if str(path) in chain else "includes nested too deeply"
            self._fail(at, f"'{name}': {again}", "guard it: .ifndef NAME_INC; .set NAME_INC, 1; ... .endif")
        try:
            text = read_source(path, at)
        except SourceError as error:
            self._fail(error.location, error.message, error.hint)
        self._count_expanded(text.count("\n") + 1, location)
        self._push_source(Text(str(path), text), (Expansion(f"include '{path}'", location), *location.trail))

    def _end(self, word: str, operands: str, location: Location, at: Location) -> None:
        """`.end`: the rest is not read."""
        self._frames.clear()

    def _renumber(self, word: str, operands: str, location: Location, at: Location) -> None:
        match = _line(operands)
        if not match:
            raise SourceError(at, "'.line' needs a line number", "write '.line 12' or '.line 12 \"file\"'")
        source = next(frame.source for frame in reversed(self._frames) if frame.source)
        source.renumber(int(match[1]), match[2] and match[2][1:-1])

    def _end_frame(self, frame: _Frame) -> None:
        """End a frame. Conditionals may span files and repetitions, but not macros."""
        if frame.kind == "macro" and self._conditionals.depth > frame.depth:
            for block in self._conditionals.close_down_to(frame.depth):
                self._conditionals.report_open(block, f"is not closed when {frame.what} ends")

    # Macros

    def _define(self, word: str, operands: str, location: Location, at: Location) -> None:
        body = self._read_body(".macro", (".macro",), _MACRO_ENDS, location)
        name, parameters = parse_definition(operands, at, self._label)
        key = name.lower()
        if key in self._directives or key in self._reserved:
            self._diagnostics.warning(at, f"'{name}' is a directive; the macro of this name is ignored")
            return
        if key in self._macros:
            before = self._macros[key].location
            hint = f"first defined at {before.file}:{before.line}; '.purgem {name}' removes it"
            raise SourceError(at, f"macro '{name}' is defined twice", hint)
        self._macros[key] = Macro(name, location, parameters, body)
        self._special[key] = self._invoke

    def _invoke(self, word: str, operands: str, location: Location, at: Location) -> None:
        macro = self._macros[word]
        what = f"macro '{macro.name}'"
        if self._nesting() > MAX_DEPTH:
            message = f"macros nested too deeply, in {what}"
            self._fail(location, message, "a macro that calls itself needs an '.if' that ends the recursion")
        values = macro.bind(operands, location, self._alternate, self._scope.evaluate)
        template = macro.template(self._alternate)
        self._count_expanded(len(template) + 1, location)
        trail = (Expansion(what, location), *location.trail)
        pieces = template.expand(values, self._invocations, self._locals, trail, self._diagnostics)
        self._invocations += 1
        self._locals += template.locals
        self._frames.append(_Frame("macro", what, pieces, self._conditionals.depth))

    def _purge(self, word: str, operands: str, location: Location, at: Location) -> None:
        for name in re.split(r"[ \t]*,[ \t]*|[ \t]+", operands.strip(WHITE)):
            if name.lower() in self._macros:
                del self._macros[name.lower()], self._special[name.lower()]
            else:
                self._diagnostics.warning(at, f"no macro '{name}' to purge")

    def _exit_macro(self, word: str, operands: str, location: Location, at: Location) -> None:
        """`.exitm` leaves the innermost macro or repetition, and the conditionals opened in it."""
        inside = [index for index, frame in enumerate(self._frames) if frame.kind != "file"]
        if not inside:
            self._diagnostics.warning(location, "'.exitm' outside a macro does nothing")
            return
        depth = self._frames[inside[-1]].depth
        del self._frames[inside[-1] :]
        if self._conditionals.depth > depth:
            self._conditionals.close_down_to(depth)

    def _set_alternate(self, word: str, operands: str, location: Location, at: Location) -> None:
        self._alternate = word == ".altmacro"

    def _unmatched(self, word: str, operands: str, location: Location, at: Location) -> None:
        opening = "'.rept', '.irp' or '.irpc'" if word == ".endr" else "'.macro'"
        self._diagnostics.warning(location, f"'{word}' without {opening} does nothing")

    # Repetitions

    def _repeat(self, word: str, operands: str, location: Location, at: Location) -> None:
        body = self._read_body(word, _REPEATS, (".endr",), location)
        if self._nesting() > MAX_DEPTH:
            self._fail(location, f"macros nested too deeply, in '{word}'", None)
        if word in (".rept", ".rep"):
            pieces = self._repeated(body, self._repetitions(body, operands, location, at), location)
        else:
            pieces = self._iterated(word, body, operands, location, at)
        self._frames.append(_Frame("repeat", word, pieces, self._conditionals.depth))

    def _repetitions(self, body: list[Piece], operands: str, location: Location, at: Location) -> int:
        if not operands:
            raise SourceError(location, "'.rept' needs a count", "write '.rept 4'")
        count = self._scope.evaluate(operands, at)
        if count < 0:
            raise SourceError(at, f"negative count for '.rept': {count}")
        if (size := count * max(len(body), 1)) > MAX_EXPANDED:
            message = f"'.rept' would produce {size} statements; the limit is {MAX_EXPANDED}"
            raise SourceError(at, message, "for a block of equal data use '.fill count, size, value'")
        return count

    def _repeated(self, body: list[Piece], count: int, location: Location) -> Iterator[Piece]:
        trail = (Expansion("'.rept'", location), *location.trail)
        lines = [(text, place._replace(trail=trail)) for text, place in body]
        for _ in range(count):
            self._count_expanded(len(lines) or 1, location)
            yield from lines

    def _iterated(
        self, word: str, body: list[Piece], operands: str, location: Location, at: Location
    ) -> Iterator[Piece]:
        """The expansions of `.irp name, value, ...` or `.irpc name, characters`."""
        text = normalize(operands.strip(WHITE))
        if not (name := name_at(text)):
            raise SourceError(at, f"'{word}' needs a parameter name", f"write '{word} name, values'")
        reader = Arguments(text[name.end() :], location, self._alternate, self._scope.evaluate)
        reader.skip_comma()
        values = _characters(reader.rest()) if word in (".irpc", ".irepc") else _values(reader)
        template = Template(body, [name[0]], self._alternate)
        number = self._invocations

        def expand() -> Iterator[Piece]:
            for value in values:
                self._count_expanded(len(template) or 1, location)
                trail = (Expansion(f"{word} {name[0]}={value}", location), *location.trail)
                yield from template.expand([value], number, 0, trail, self._diagnostics)

        return expand()

    # Common to both

    def _read_body(self, word: str, opens: tuple[str, ...], closes: tuple[str, ...], location: Location) -> list[Piece]:
        """The statements up to the directive that closes `word`, which is consumed. Raises SourceError."""
        body: list[Piece] = []
        nested = 1
        for text, place in self._frames[-1].pieces:
            begin = _labels(text).end()  # type: ignore[union-attr]  # it matches the empty string
            if directive := _directive(text, begin):
                name = directive[0].lower()
                if name in opens:
                    nested += 1
                elif name in closes:
                    nested -= 1
                    if not nested:
                        if begin:
                            body.append((text[:begin].rstrip(WHITE), place))
                        return body
            body.append((text, place))
        raise SourceError(location, f"'{word}' is never closed", f"add '{closes[0]}'")

    def _nesting(self) -> int:
        return len(self._frames)

    def _count_expanded(self, lines: int, location: Location) -> None:
        self._expanded += lines
        if self._expanded > MAX_EXPANDED:
            self._fail(location, f"macros and repetitions produce more than {MAX_EXPANDED} statements", None)

    def _fail(self, location: Location, message: str, hint: str | None) -> NoReturn:
        """Report an error and stop: going on would only bury it under its consequences."""
        self._diagnostics.error(location, message, hint)
        raise AsmError(self._diagnostics)


def _values(reader: Arguments) -> list[str]:
    values = []
    while not reader.at_end():
        values.append(reader.argument())
        reader.skip_comma()
    return values or [""]


def _characters(text: str) -> list[str]:
    """The characters `.irpc` iterates over; blanks count only inside quotes."""
    values, quoted = [], False
    for character in text:
        if character == '"':
            quoted = not quoted
        elif quoted or character not in WHITE:
            values.append(character)
    return values or [""]


def _searched(beside: str, include_dirs: Sequence[Path]) -> str:
    folders = dict.fromkeys(str(folder) for folder in (Path(beside).parent, *include_dirs))
    return f"looked in {', '.join(folders)}"
