"""Expands macros in lines of text.

Tokens are plain strings, and the macros are pcpp's, read once each; pcpp's own expansion copies an object for every
token at every level. 4,000 calls of a macro four levels deep, and 4,000 of macros without brackets, give 780 KB in
1.3 s and 29 MB, where pcpp took 7.6 s and 185 MB (processor time and most memory of the process, 2-core machine).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from trapline.asm.preprocess.source_text import CHARACTER, STRING

MOST_TOKENS = 20_000
"""Longest expansion of one line, in tokens: macros that double at each level grow without bound."""

PASTE = "##"
LINE, COUNTER = "__LINE__", "__COUNTER__"

_tokens = re.compile(rf"{STRING}|{CHARACTER}|\w+|\s+|##|.", re.DOTALL).findall
_word = re.compile(r"[\w$]").match


class TooLong(Exception):
    """A line expands to more than `MOST_TOKENS` tokens."""


class WrongArguments(Exception):
    """A macro is called with a wrong number of arguments; the text is the message."""


class _Name(str):
    """The name of a macro that was met inside its own expansion: it stays what it is."""

    __slots__ = ()


class _Argument:
    """A parameter in a macro's text. how: `expanded`, `raw` (beside `##`) or `quoted` (behind `#`)."""

    __slots__ = ("how", "number")

    def __init__(self, how: str, number: int) -> None:
        self.how = how
        self.number = number


class _Macro:
    """A macro, prepared. parameters: None for one without brackets; commas: those that go when `...` is empty."""

    __slots__ = ("commas", "name", "parameters", "parts", "source", "variadic")

    def __init__(self, source: Any) -> None:
        self.source = source
        self.name: str = source.name
        self.parameters: list[str] | None = source.arglist
        self.variadic: bool = source.variadic
        parts: list[str | _Argument] = [_blank(str(token.value)) for token in source.value]
        self.commas: tuple[int, ...] = ()
        if self.parameters is not None:
            for kind, number, index in source.patch:
                parts[index] = _Argument("raw" if kind == "t" else "expanded", number)
            for number, index in source.str_patch:
                parts[index] = _Argument("quoted", number)
            self.commas = tuple(source.var_comma_patch)
        elif PASTE in parts:
            parts = [p for i, p in enumerate(parts) if not (p == " " and PASTE in parts[max(i - 1, 0) : i + 2])]
        self.parts = parts


def _blank(token: str) -> str:
    return " " if token.isspace() else token


class _Context:
    """Tokens that are being read. name: of the macro whose expansion they are."""

    __slots__ = ("name", "position", "tokens")

    def __init__(self, tokens: list[str], name: str | None = None) -> None:
        self.tokens = tokens
        self.position = 0
        self.name = name


class MacroExpander:
    """The macros of one source; `macros` is pcpp's table, which changes on the way."""

    def __init__(self, macros: Mapping[str, Any], count: Callable[[], int]) -> None:
        self._macros = macros
        self._count = count  # what `__COUNTER__` is next
        self._prepared: dict[str, _Macro] = {}
        self._open: set[str] = set()
        self._line = 0

    def expand(self, tokens: list[str], line: int) -> str:
        """The text of a line. Raises TooLong and WrongArguments."""
        self._line = line
        self._open.clear()
        return "".join(self._scan(tokens))

    def _scan(self, tokens: list[str]) -> list[str]:
        result: list[str] = []
        stack = [_Context(tokens)]
        macros, opened = self._macros, self._open
        seam = False  # whether the next token comes from elsewhere: two words must not become one
        while stack:
            context = stack[-1]
            if context.position == len(context.tokens):
                self._leave(stack)
                seam = True
                continue
            token = context.tokens[context.position]
            context.position += 1
            if token not in macros or type(token) is _Name:
                if token in (LINE, COUNTER):
                    token = str(self._line if token == LINE else self._count())
            elif token in opened:
                token = _Name(token)
            else:
                macro = self._prepare(token)
                arguments = None if macro.parameters is None else self._arguments(stack, macro)
                if macro.parameters is None or arguments is not None:
                    body = self._substituted(macro, arguments or [])
                    opened.add(token)
                    stack.append(_Context(body, token))
                    seam = True
                    continue
            if seam and result and _word(token) and _word(result[-1][-1:]):
                result.append(" ")
            seam = False
            result.append(token)
            if len(result) > MOST_TOKENS:
                raise TooLong
        return result

    def _leave(self, stack: list[_Context]) -> None:
        name = stack.pop().name
        if name is not None:
            self._open.discard(name)

    def _prepare(self, name: str) -> _Macro:
        source = self._macros[name]
        known = self._prepared.get(name)
        if known is None or known.source is not source:
            known = self._prepared[name] = _Macro(source)
        return known

    def _arguments(self, stack: list[_Context], macro: _Macro) -> list[list[str]] | None:
        """The arguments of a call, which is consumed; None if no whole call follows."""
        start = self._open_bracket(stack)
        if start is None:
            return None
        level, position = start
        tokens: list[str] = []
        depth = 0
        ends: list[int] = []
        places = [(context, context.position) for context in stack[: level + 1]]
        for index in range(level, -1, -1):
            context = stack[index]
            position = position if index == level else context.position
            while position < len(context.tokens):
                token = context.tokens[position]
                position += 1
                tokens.append(" " if token.isspace() else token)
                if token == "(":
                    depth += 1
                elif token == ")":
                    depth -= 1
                    if depth == 0:
                        while len(stack) > index + 1:
                            self._leave(stack)
                        context.position = position
                        return self._checked(macro, tokens, [*ends, len(tokens) - 1])
                elif token == "," and depth == 1:
                    ends.append(len(tokens) - 1)
        for context, before in places:
            context.position = before
        return None

    @staticmethod
    def _open_bracket(stack: list[_Context]) -> tuple[int, int] | None:
        for level in range(len(stack) - 1, -1, -1):
            context = stack[level]
            for position in range(context.position, len(context.tokens)):
                if not context.tokens[position].isspace():
                    return (level, position) if context.tokens[position] == "(" else None
        return None

    @staticmethod
    def _checked(macro: _Macro, tokens: list[str], ends: list[int]) -> list[list[str]]:
        """The arguments of a call whose commas and last bracket are at `ends`. Raises WrongArguments."""
        assert macro.parameters is not None
        wanted = len(macro.parameters)
        if macro.variadic and len(ends) > wanted:
            ends = [*ends[: wanted - 1], ends[-1]]
        starts = [1, *(end + 1 for end in ends[:-1])]
        arguments = [_stripped(tokens[start:end]) for start, end in zip(starts, ends, strict=True)]
        if wanted == 0 and arguments == [[]]:
            return []
        least = wanted - 1 if macro.variadic else wanted
        if not least <= len(arguments) <= wanted:
            number = f"at least {least}" if macro.variadic else str(wanted)
            plural = "" if number.endswith(" 1") or number == "1" else "s"
            raise WrongArguments(f"macro {macro.name} needs {number} argument{plural}, not {len(arguments)}")
        return arguments + [[]] * (wanted - len(arguments))

    def _substituted(self, macro: _Macro, arguments: list[list[str]]) -> list[str]:
        """The text of a macro with its arguments in place."""
        dropped = macro.commas if macro.variadic and arguments and not arguments[-1] else ()
        expanded: dict[int, list[str]] = {}
        known = self._macros
        result: list[str] = []
        pasting = False
        for index, part in enumerate(macro.parts):
            if index in dropped:
                continue
            if part == PASTE:
                pasting = bool(result)
                continue
            if isinstance(part, str):
                piece = [part]
            elif part.how == "expanded":
                piece = arguments[part.number]
                if any(token in known for token in piece):
                    if part.number not in expanded:
                        expanded[part.number] = self._scan(piece)
                    piece = expanded[part.number]
            elif part.how == "quoted":
                piece = [_quoted(arguments[part.number])]
            else:
                piece = arguments[part.number] or [""]
            if pasting and piece:
                result[-1:] = _tokens(result[-1] + piece[0]) or [""]
                piece = piece[1:]
            pasting = False
            result += piece
            if len(result) > MOST_TOKENS:
                raise TooLong
        return result


def _stripped(tokens: list[str]) -> list[str]:
    start, end = 0, len(tokens)
    while start < end and tokens[start].isspace():
        start += 1
    while end > start and tokens[end - 1].isspace():
        end -= 1
    return tokens[start:end]


def _quoted(tokens: list[str]) -> str:
    """What `#x` makes of an argument: backslashes and quotes are escaped in its strings alone."""
    escaped = (re.sub(r'(["\\])', r"\\\1", token) if token[0] in "\"'" else token for token in tokens if token)
    return '"' + re.sub(r" +", " ", "".join(escaped)) + '"'
