"""Macros: `.macro` definitions, the arguments of an invocation, and their substitution.

The rules are GNU as's, tested against it; section 7 of its manual (`.macro`, `.altmacro`, `.irp`) describes most.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from trapline.asm.diagnostics import AsmError, Diagnostics, Expansion, Location, SourceError
from trapline.asm.preprocess.source_text import CHARACTER, STRING, WHITE, Piece, split_expanded
from trapline.isa.did_you_mean import did_you_mean

MAX_LINE = 1 << 20
"""Longest line of an expansion, in characters: arguments that double at each level grow without bound."""

NAME = r"(?:[^\W\d]|[.$])[\w.$]*"

Evaluate = Callable[[str, Location], int]

name_at = re.compile(NAME).match
_blank = re.compile(rf"{STRING}|{CHARACTER}|(?P<blank>[ \t\r\f\v]+)")
_qualifier = re.compile(rf"[ \t]*:[ \t]*(?P<word>{NAME})?").match
_keyword = re.compile(r"""([^ \t,"();=]*)=""").match
_bare = re.compile(rf"""[^ \t,"'()\[\]<]+|"[^"]*"?|{CHARACTER}|.""").match


def normalize(text: str) -> str:
    """`text` without the blanks that separate nothing: `a + b, c d` becomes `a+b,c d`.

    A blank separates arguments only between two symbol characters, or before a `\\` that may become one.
    """

    quoted_end = -1

    def squeeze(match: re.Match[str]) -> str:
        nonlocal quoted_end
        if match["blank"] is None:
            quoted_end = match.end()
            return match[0]
        before, after = text[max(match.start() - 1, 0) : match.start()], text[match.end() : match.end() + 1]
        separates = match.start() == quoted_end or _is_symbol(before)
        return " " if separates and (_is_symbol(after) or after == "\\") else ""

    return _blank.sub(squeeze, text) if " " in text or "\t" in text else text


def _is_symbol(character: str) -> bool:
    return character.isalnum() or (character != "" and character in "_.$'\"")


@dataclass(slots=True)
class Parameter:
    """A formal parameter. kind: "", "req" or "vararg"."""

    name: str
    default: str = ""
    kind: str = ""


@dataclass(slots=True)
class Macro:
    """A macro definition. body: its statements, before substitution."""

    name: str
    location: Location
    parameters: list[Parameter]
    body: list[Piece]
    _templates: dict[bool, "Template"] = field(default_factory=dict)

    def template(self, alternate: bool) -> "Template":
        """The body ready for substitution, with or without `.altmacro` rules."""
        if alternate not in self._templates:
            names = [parameter.name for parameter in self.parameters]
            self._templates[alternate] = Template(self.body, names, alternate, local=alternate)
        return self._templates[alternate]

    def bind(self, operands: str, location: Location, alternate: bool, evaluate: Evaluate) -> list[str]:
        """The value of each parameter in `name operands`. Raises SourceError."""
        text = normalize(operands.strip(WHITE))
        values = [""] * len(self.parameters)
        names = [parameter.name for parameter in self.parameters]
        reader = Arguments(text, location, alternate, evaluate)
        position, keywords = 0, False
        while not reader.at_end():
            if not alternate and (keyword := reader.keyword()) is not None:
                keywords = True
                if keyword not in names:
                    raise SourceError(
                        location,
                        f"macro '{self.name}' has no parameter '{keyword}'",
                        did_you_mean(keyword, names) or self.usage(),
                    )
                values[names.index(keyword)] = reader.argument()
            elif keywords:
                message = f"positional argument after a keyword argument of macro '{self.name}'"
                raise SourceError(location, message, self.usage())
            elif position == len(names):
                message = f"too many arguments for macro '{self.name}', which takes {len(names)}"
                raise SourceError(location, message, self.usage())
            else:
                vararg = self.parameters[position].kind == "vararg"
                values[position] = reader.rest() if vararg else reader.argument()
                position += 1
            reader.skip_comma()
        for index, parameter in enumerate(self.parameters):
            if not values[index]:
                if parameter.kind == "req":
                    message = f"macro '{self.name}' needs a value for parameter '{parameter.name}'"
                    raise SourceError(location, message, self.usage())
                values[index] = parameter.default
        return values

    def usage(self) -> str:
        """How the macro is called, for hints: `usage: push reg, count=1`."""
        words = []
        for parameter in self.parameters:
            default = f"={parameter.default}" if parameter.default else ""
            words.append(parameter.name + (f":{parameter.kind}" if parameter.kind else "") + default)
        return f"usage: {self.name} {', '.join(words)}".rstrip()


class Arguments:
    """Reads the arguments of a macro invocation or an `.irp` from normalized text, one after the other."""

    def __init__(self, text: str, location: Location, alternate: bool, evaluate: Evaluate) -> None:
        self._text = text
        self._position = 0
        self._location = location
        self._alternate = alternate
        self._evaluate = evaluate

    def at_end(self) -> bool:
        return self._position >= len(self._text)

    def rest(self) -> str:
        """The rest, as one value."""
        value, self._position = self._text[self._position :], len(self._text)
        return value

    def skip_comma(self) -> None:
        """Blanks, at most one comma, blanks."""
        self._skip_white()
        if self._text[self._position : self._position + 1] == ",":
            self._position += 1
            self._skip_white()

    def keyword(self) -> str | None:
        """`name` when the next argument is `name=value`; stops after the `=`."""
        match = _keyword(self._text, self._position)
        if match is None:
            return None
        self._position = match.end()
        if not (name := name_at(match[1])) or name.end() != len(match[1]):
            message = f"'{match[1]}' is not a parameter name"
            raise SourceError(self._location, message, "quote an argument that contains '='")
        return match[1]

    def argument(self) -> str:
        """The next argument's value, without the quotes of a quoted one."""
        self._skip_white()
        first = self._text[self._position : self._position + 1]
        if self._alternate and first == "%":
            return self._expression()
        if first == '"' or (self._alternate and first in ("<", "'")):
            value = self._quoted()
            return f'"{value}"' if self._alternate and first != "<" else value
        return self._bare()

    def _skip_white(self) -> None:
        while self._text[self._position : self._position + 1] in (" ", "\t"):
            self._position += 1

    def _expression(self) -> str:
        """`%expression`: its value in decimal."""
        end, depth = self._position + 1, 0
        while end < len(self._text) and (depth or self._text[end] not in ", "):
            depth += {"(": 1, ")": -1}.get(self._text[end], 0)
            end += 1
        expression, self._position = self._text[self._position + 1 : end], end
        return str(self._evaluate(expression, self._location))

    def _bare(self) -> str:
        """Up to a comma, or to a blank outside brackets."""
        begin = self._position
        brackets: list[str] = []
        while token := _bare(self._text, self._position):
            character = token[0]
            if character == "," or (character in " \t" and not brackets) or (character == "<" and self._alternate):
                break
            if character in "([":
                brackets.append(character)
            elif brackets and character == {"(": ")", "[": "]"}[brackets[-1]]:
                brackets.pop()
            self._position = token.end()
        return self._text[begin : self._position]

    def _quoted(self) -> str:
        """Adjacent strings, as one value without their quotes; escapes stay as written."""
        text, value = self._text, []
        while (quote := text[self._position : self._position + 1]) == '"' or (self._alternate and quote in ("<", "'")):
            if not quote:
                break
            self._position += 1
            nested = 0
            while self._position < len(text):
                character = text[self._position]
                following = text[self._position + 1 : self._position + 2]
                self._position += 1
                if self._alternate and character == "!" and following:  # the next one literally
                    value.append(following)
                    self._position += 1
                elif quote == "<":
                    nested += {"<": 1, ">": -1}.get(character, 0)
                    if nested < 0:
                        break
                    value.append(character)
                elif character == "\\" and following:
                    value.append(character + following)
                    self._position += 1
                elif character == quote:
                    if following != quote:
                        break
                    value.append(quote)  # a doubled quote stands for one
                    self._position += 1
                else:
                    value.append(character)
        return "".join(value)


def parse_definition(operands: str, location: Location, label: str | None) -> tuple[str, list[Parameter]]:
    """Name and parameters of `.macro operands`; a label before `.macro` is the name. Raises SourceError.

    `location` is that of the operands.
    """
    text = normalize(operands.strip(WHITE))
    if label is not None:
        name = label
    else:
        if not (match := name_at(text)):
            raise SourceError(location, "'.macro' needs a name", "usage: .macro name parameter, parameter=default")
        name, text = match[0], text[match.end() :].lstrip(WHITE)
        text = text.removeprefix(",")
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    return name, _parameters(name, text, location)


def _parameters(macro: str, text: str, location: Location) -> list[Parameter]:
    parameters: list[Parameter] = []
    position = 0
    while position < len(text):
        match = name_at(text, position)
        if not match:
            message = f"bad parameter list for macro '{macro}' at '{text[position : position + 20]}'"
            raise SourceError(location, message, "write '.macro name a, b=default, c:req, d:vararg'")
        parameter, position = Parameter(match[0]), match.end()
        if any(parameter.name == other.name for other in parameters):
            raise SourceError(location, f"macro '{macro}' has two parameters named '{parameter.name}'")
        if qualifier := _qualifier(text, position):
            word = qualifier["word"] or ""
            if word not in ("req", "vararg"):
                message = f"':{word}' is not a qualifier for parameter '{parameter.name}'"
                raise SourceError(location, message, "use ':req' or ':vararg'")
            parameter.kind, position = word, qualifier.end()
        if text[position : position + 1] == "=":
            reader = Arguments(text[position + 1 :], location, False, lambda *_: 0)
            parameter.default = reader.argument()
            position = len(text) - len(reader.rest())
        parameters.append(parameter)
        if position < len(text):
            if parameter.kind == "vararg":
                raise SourceError(location, f"parameter '{parameter.name}:vararg' must be the last of macro '{macro}'")
            separator = re.compile(r"[ \t]*,?[ \t]*").match(text, position)
            assert separator is not None
            position = separator.end()
    return parameters


class Template:
    """Statements split at their parameters, so that an expansion only joins strings.

    alternate: parameters are substituted without a `\\` too, as under `.altmacro`.
    local: symbols that are new in each expansion, from `LOCAL name, ...` lines.
    """

    def __init__(self, body: Sequence[Piece], names: Sequence[str], alternate: bool, local: bool = False) -> None:
        slots = {name: index for index, name in enumerate(names)}
        cut = _cut_alternate if alternate else _cut
        self._fixed = len(slots)
        self._lines: list[tuple[list[str | int], Location]] = []
        for text, location in body:
            if local and (line := _local_line(text)):
                for name in (word.strip(WHITE) for word in line[1].split(",")):
                    if name in slots:
                        message = f"'{name}' is already a parameter or a LOCAL of this macro"
                        raise SourceError(location, message)
                    slots[name] = len(slots)
                continue
            self._lines.append((_pieces(text, slots, cut), location))
        self._locals = len(slots) - self._fixed

    def __len__(self) -> int:
        return len(self._lines)

    def expand(
        self, values: list[str], number: int, locals_from: int, trail: tuple[Expansion, ...], diagnostics: Diagnostics
    ) -> Iterator[Piece]:
        """The statements with `values` substituted; `number` is `\\@`, and locals are numbered from `locals_from`.

        Raises AsmError for a line longer than `MAX_LINE`: going on would double it again.
        """
        slots = [*values, *(f".LL{locals_from + index:04x}" for index in range(self.locals)), str(number)]
        for parts, origin in self._lines:
            place = Location(origin.file, origin.line, origin.column, origin.text, trail)
            if len(parts) == 1 and isinstance(parts[0], str):
                yield parts[0], place
                continue
            words = [part if isinstance(part, str) else slots[part] for part in parts]
            if sum(map(len, words)) > MAX_LINE:
                diagnostics.error(place, f"this line expands to more than {MAX_LINE} characters")
                raise AsmError(diagnostics)
            yield from split_expanded("".join(words), place, diagnostics)

    @property
    def locals(self) -> int:
        """Local symbols per expansion."""
        return self._locals


_local_line = re.compile(r"LOCAL[ \t]+(.*)", re.IGNORECASE | re.DOTALL).fullmatch
_cut = re.compile(rf"\\\((?P<literal>[^)]*)\)|(?P<number>\\@)|(?P<escaped>\\&)|[\\&](?P<name>{NAME})")
_cut_alternate = re.compile(
    rf"\\\((?P<literal>[^)]*)\)|(?P<number>\\@)|(?P<escaped>\\&)|[\\&]?(?P<name>{NAME})(?P<end>&?)"
)


def _pieces(text: str, slots: dict[str, int], cut: re.Pattern[str]) -> list[str | int]:
    """`text` as literal strings and slot numbers; -1, the last slot, is the expansion's number."""
    parts: list[str | int] = []
    literal, position = "", 0
    for match in cut.finditer(text):
        slot: int | None = None
        if match["number"]:
            slot = -1
        elif match["name"] is not None:
            slot = slots.get(match["name"])
            if slot is None:
                continue  # not a parameter: kept as written
        literal += text[position : match.start()]
        position = match.end()
        if match["escaped"]:
            literal += match[0]
        elif slot is None:
            literal += match["literal"]
        else:
            if literal:
                parts.append(literal)
            parts.append(slot)
            literal = ""
    literal += text[position:]
    if literal or not parts:
        parts.append(literal)
    return parts
