"""Preprocessing with pcpp, in this process.

pcpp is made for C. What assembly has and C lacks (`#` comments, lone apostrophes, labels such as `1f`, text that
looks like a trigraph) is removed or disguised before pcpp sees it, so that pcpp cannot mangle it.
"""

import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pcpp import Action, OutputDirective, Preprocessor

from trapline.asm.diagnostics import AsmError, Diagnostics, Expansion, Location, SourceError
from trapline.asm.preprocess.lookalikes import strange
from trapline.asm.preprocess.macro_expansion import COUNTER, LINE, MOST_TOKENS, MacroExpander, TooLong, WrongArguments
from trapline.asm.preprocess.source_text import CHARACTER, WHITE, Text, read_source, whole_file

MAX_INCLUDE_DEPTH = 60
LONGEST_CALL = 2000
"""Tokens of the longest call of a macro over several lines."""
_BRACKETS = {"(": 1, ")": -1}

DIRECTIVES = ("define|undef|include|include_next|ifdef|ifndef|if|elif|else|endif|elifdef|elifndef"
              "|pragma|error|warning|ident|line")  # fmt: skip

# Unicode noncharacters, which no text contains, replace what pcpp would change.
_DISGUISE = {
    "\v": "\ufdd0", "\f": "\ufdd1", "\x1c": "\ufdd2", "\x1d": "\ufdd3", "\x1e": "\ufdd4",
    "\x85": "\ufdd5", "\u2028": "\ufdd6", "\u2029": "\ufdd7",
}  # fmt: skip
_LABELS = {"f": "\ufdd8", "b": "\ufdd9"}
_TRIGRAPH = "\ufdda"
_disguise = str.maketrans(_DISGUISE)
_reveal = str.maketrans({**{to: what for what, to in (_DISGUISE | _LABELS).items()}, _TRIGRAPH: None})

_special = re.compile(
    rf"""(?P<directive>^[ \t]*\#[ \t]*(?:{DIRECTIVES})\b) | (?P<string>"(?:[^"\\\n]|\\.)*"?) | (?P<char>{CHARACTER})
       | (?P<block>/\*(?:[^*]|\*(?!/))*+(?:\*/)?) | (?P<line>//[^\n]*) | (?P<hash>\#)
       | (?P<label>(?<![\w.$])\d+[fb](?![\w.$]))""",
    re.VERBOSE | re.MULTILINE,
).search
_logical_end = re.compile(r"(?:[^\\\n]|\\[^\n]|\\[ \t]*\n)*+").match

_bad_expression = re.compile(
    r"Could not evaluate expression due to .*\(passed to evaluator: '(.*)'\)", re.DOTALL
).fullmatch


_has_include = re.compile(r"\b__has_include(_next)?\s*\(([^()]*)\)").search
_defined_has_include = re.compile(r"\bdefined\s*(\(\s*)?__has_include(?:_next)?\b(?(1)\s*\))").sub


def _here() -> str:
    return os.path.abspath("") + os.sep


def _lookalike(place: Location) -> SourceError | None:
    """The error that names a character of a directive's line which only looks right."""
    return strange(place.text.strip(WHITE), place)


def run(
    source: Text, include_dirs: Sequence[Path], defines: Sequence[tuple[str, str]], diagnostics: Diagnostics
) -> str:
    """The preprocessed text, with line markers. Raises SourceError when pcpp gives up."""
    inside = _Inside(source, include_dirs, diagnostics)
    try:
        for name, value in (*defines, ("__has_include", ""), ("__has_include_next", "")):
            inside.define(f"{name} {value}")
        inside.parse(prepare(source.text), source.name)
        return "".join(inside.lines()).translate(_reveal)
    except (SourceError, AsmError):
        raise
    except RecursionError:
        raise SourceError(inside.here(), "macros or includes nested too deeply") from None
    except Exception as error:  # pcpp lets Python's exceptions escape for malformed directives
        raise SourceError(inside.here(), f"malformed preprocessor line ({type(error).__name__}: {error})") from None


def prepare(text: str) -> str:
    """`text` without comments, lines and columns unchanged, disguised where pcpp would change it."""
    text = text.replace("\r\n", "\n").replace("\r", " ").translate(_disguise)
    parts: list[str] = []
    position = directive_end = 0
    while match := _special(text, position):
        parts.append(text[position : match.start()])
        kind, found = match.lastgroup, match[0]
        position = match.end()
        in_directive = match.start() < directive_end
        if kind == "directive":
            end = _logical_end(text, position)
            assert end is not None  # it matches the empty string
            directive_end = end.end()
            parts.append(found)
        elif kind == "block":
            blank = re.sub(r"[^\n]", " ", found)
            before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
            # A statement that the comment interrupts continues after it; one that it precedes starts there.
            parts.append(blank.replace("\n", "\\\n") if in_directive or before.strip() else blank)
            if in_directive and "\n" in found:  # the directive continues after its comment
                end = _logical_end(text, position)
                assert end is not None
                directive_end = end.end()
        elif kind == "line" or (kind == "hash" and not in_directive):
            position = max(text.find("\n", match.start()), 0) or len(text)
        elif kind == "label":
            parts.append(found[:-1] + _LABELS[found[-1]])
        else:
            parts.append(found)
    parts.append(text[position:])
    return "".join(parts).replace("??", f"?{_TRIGRAPH}?")


class _Inside(Preprocessor):  # type: ignore[misc]  # pcpp has no types
    """pcpp with our messages, file access and limits."""

    def __init__(self, source: Text, include_dirs: Sequence[Path], diagnostics: Diagnostics) -> None:
        super().__init__()
        self._expansion = MacroExpander(self.macros, self._next_count)
        self._diagnostics = diagnostics
        self._main = source.name
        self._texts: dict[str, list[str]] = {source.name: source.text.split("\n")}
        self._includers: dict[str, tuple[str, int]] = {}
        self.path = [str(folder) for folder in include_dirs]
        # pcpp names files by absolute path, rewritten by these: messages then name them as the user did.
        main = re.escape(os.path.abspath(source.name))
        self.rewrite_paths = [(f"^{main}$", source.name.replace("\\", r"\\")), (f"^{re.escape(_here())}", "")]
        self.lastdirective: Any = None

    def lines(self) -> Iterator[str]:
        """The output, with a line marker wherever the source position jumps."""
        expected: tuple[str, int] | None = None
        entered: list[str] = []
        line: list[str] = []
        while token := self.token():
            if not line:
                place = (token.source, token.lineno)
            line.append(str(token.value))
            if not line[-1].endswith("\n"):
                continue
            text = "".join(line)
            line = []
            if text.isspace():
                continue
            if place != expected:
                yield from self._markers(place, entered)
            yield text
            expected = (place[0], place[1] + text.count("\n"))
        if line:
            yield from self._markers(place, entered)
            yield "".join(line) + "\n"

    def _markers(self, place: tuple[str, int], entered: list[str]) -> Iterator[str]:
        """Line markers up to `place`; flag 1 means that a file was entered, 2 that it was left."""
        source, number = place
        path: list[str] = []
        step = source
        while step in self._includers and step not in path:
            path.insert(0, step)
            step = self._includers[step][0]
        while entered != path[: len(entered)]:
            entered.pop()
            yield f'# 1 "{entered[-1] if entered else step}" 2\n'
        for name in path[len(entered) :]:
            outer, line = self._includers[name]
            entered.append(name)
            yield f'# {line} "{outer}"\n# 1 "{name}" 1\n'
        yield f'# {number} "{source}"\n'

    def here(self) -> Location:
        """Where the last directive is: the closest position known when pcpp fails."""
        if self.lastdirective is None:
            return whole_file(self._main)
        return self._location(self.lastdirective.source, self.lastdirective.lineno)

    def _location(self, source: str, line: int) -> Location:
        texts = self._texts.get(source, [])
        text = texts[line - 1].rstrip("\r") if 0 < line <= len(texts) else ""
        trail: tuple[Expansion, ...] = ()
        if source in self._includers:
            outer = self._includers[source]
            trail = (Expansion(f"include '{source}'", Location(*outer)),)
        return Location(source, line, len(text) - len(text.lstrip()) + 1, text, trail)

    # pcpp's hooks

    def on_error(self, file: str, line: int, msg: str) -> None:
        if match := _bad_expression(msg):
            msg = f"cannot evaluate '{match[1]}'"
        msg = " ".join(msg.translate(_reveal).split())
        place = self._location(file, line)
        self._diagnostics.add(_lookalike(place) or SourceError(place, msg[:1].lower() + msg[1:]))

    def on_file_open(self, is_system_include: bool, includepath: str) -> io.StringIO:
        path = Path(includepath)
        if not path.is_file():
            raise FileNotFoundError(includepath)
        if self.include_depth > MAX_INCLUDE_DEPTH:
            raise SourceError(self.here(), f"#include nested too deeply, in '{path.name}'", "add '#pragma once' to it")
        text = read_source(path, self.here())
        name = includepath.removeprefix(_here())
        self._texts[name] = text.split("\n")
        self._includers[name] = (self.lastdirective.source, self.lastdirective.lineno)
        return io.StringIO(prepare(text))

    def on_include_not_found(self, is_malformed: bool, is_system_include: bool, curdir: str, includepath: str) -> None:
        if is_malformed:
            malformed = SourceError(self.here(), "malformed #include", 'write #include "file" or #include <file>')
            raise _lookalike(self.here()) or malformed
        folders = ([curdir or "."] if not is_system_include else []) + self.path
        hint = f"looked in {', '.join(dict.fromkeys(folders))}" if folders else "no include folders given"
        raise SourceError(self.here(), f"no such file: '{includepath}'", hint)

    def on_directive_handle(self, directive: Any, toks: list[Any], ifpassthru: bool, precedingtoks: list[Any]) -> bool:
        self.lastdirective = directive
        if not toks and directive.value in ("define", "undef", "include", "ifdef", "ifndef", "if", "elif", "pragma"):
            self.on_error(directive.source, directive.lineno, f"#{directive.value} needs an operand")
            raise OutputDirective(Action.IgnoreAndRemove)
        return True

    def on_directive_unknown(self, directive: Any, toks: list[Any], ifpassthru: bool, precedingtoks: list[Any]) -> bool:
        text = "".join(str(token.value) for token in toks).translate(_reveal)
        if directive.value == "error":
            self.on_error(directive.source, directive.lineno, f"#error {text}")
        elif directive.value == "warning":
            self._diagnostics.warning(self._location(directive.source, directive.lineno), f"#warning {text}")
        return True

    def evalexpr(self, tokens: list[Any]) -> Any:
        """The value of an `#if`; pcpp lacks `__has_include`."""
        return super().evalexpr(self._with_has_include(tokens))

    def _with_has_include(self, tokens: list[Any]) -> list[Any]:
        text = "".join(str(token.value) for token in tokens)
        if "__has_include" not in text:
            return tokens
        text = _defined_has_include(lambda match: "1", text)
        while match := _has_include(text):
            operand = match[2].strip()
            if operand[0] not in '<"':
                operand = "".join(str(token.value) for token in self.expand_macros(self.tokenize(operand)))
            text = text[: match.start()] + str(int(self._finds(operand))) + text[match.end() :]
        found: list[Any] = self.tokenize(text)
        for token in found:
            token.source, token.lineno = tokens[0].source, tokens[0].lineno
        return found

    def _finds(self, operand: str) -> bool:
        """Whether `#include` finds `<file>` or `"file"`."""
        beside = [os.path.dirname(self.lastdirective.source) or "."] if operand.startswith('"') else []
        return any(os.path.isfile(os.path.join(folder, operand.strip('<>"'))) for folder in (*beside, *self.path))

    def expand_macros(self, tokens: list[Any], expanding_from: Sequence[str] = ()) -> list[Any]:
        """Expand text line by line, each to one token; the tokens of a directive as pcpp does."""
        if expanding_from or not any(token.value == "\n" or str(token.value).endswith("\n") for token in tokens):
            return self._expand_directive(tokens, expanding_from)
        result: list[Any] = []
        line: list[Any] = []
        open_brackets = 0
        for token in tokens:
            line.append(token)
            open_brackets += _BRACKETS.get(token.value, 0)
            # An invocation may span lines, but an unclosed bracket must not swallow the rest of the file.
            if token.value[-1:] == "\n" and (open_brackets <= 0 or len(line) > LONGEST_CALL):
                result.append(self._expand_line(line))
                line, open_brackets = [], 0
        return [*result, self._expand_line(line)] if line else result

    def _expand_line(self, line: list[Any]) -> Any:
        first = line[0]
        values = [token.value for token in line]
        macros = self.macros
        if any(value in macros or value in (LINE, COUNTER) for value in values):
            try:
                first.value = self._expansion.expand(values, first.lineno)
            except TooLong:
                place = self._location(first.source, first.lineno)
                raise SourceError(place, f"a macro expands to more than {MOST_TOKENS} tokens") from None
            except WrongArguments as error:
                self.on_error(first.source, first.lineno, str(error))
        else:
            first.value = "".join(values)
        return first

    def _next_count(self) -> int:
        self.countermacro += 1
        return int(self.countermacro) - 1

    def _expand_directive(self, tokens: list[Any], expanding_from: Sequence[str]) -> list[Any]:
        expanded: list[Any] = super().expand_macros(tokens, list(expanding_from))
        if len(expanded) > MOST_TOKENS:
            place = self._location(expanded[0].source, expanded[0].lineno)
            raise SourceError(place, f"a macro expands to more than {MOST_TOKENS} tokens")
        return expanded
