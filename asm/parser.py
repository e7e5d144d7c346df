"""Parses a statement with the lark grammar into nodes."""

import hashlib
import marshal
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import lark
from lark import Lark, Transformer, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import VisitError
from lark.grammar import Rule
from lark.lexer import TerminalDef

from trapline.asm.arithmetic import folded, wrap
from trapline.asm.nodes import (
    Assignment,
    Expression,
    Function,
    LocalLabel,
    Memory,
    Modified,
    Name,
    Operand,
    Operands,
    Operation,
    Parenthesized,
    Parsed,
    String,
    TypeName,
    Unary,
)

MOST_DIGITS = 4000
"""Longest number, in digits: less than Python's own limit, and far more than 64 bits need."""

ESCAPES = {"b": 8, "f": 12, "n": 10, "r": 13, "t": 9, '"': 34, "\\": 92, "v": 11}


MOST_OCTAL = 3
"""Digits of an octal escape."""


class SyntaxProblem(Exception):
    """A syntax error: column, counted from 0, and message."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(message)
        self.column = column
        self.message = message


def unescape(text: str) -> bytes:
    """The bytes of a string, without its quotes. Octal escapes have up to three digits, hexadecimal ones any number.

    Non-ASCII characters are encoded in UTF-8; undecodable source bytes pass through.
    """
    if "\\" not in text:
        return text.encode("utf-8", "surrogateescape")
    result = bytearray()
    i = 0
    while i < len(text):
        c = text[i]
        i += 1
        if c != "\\":
            result += c.encode("utf-8", "surrogateescape")
            continue
        c = text[i]
        i += 1
        if c in "0123456789":
            number, end = int(c), i + MOST_OCTAL - 1
            while i < min(len(text), end) and text[i] in "0123456789":
                number = 8 * number + int(text[i])  # GNU as takes 8 and 9 too
                i += 1
            result.append(number & 0xFF)
        elif c in "xX":
            digits = ""
            while i < len(text) and text[i] in "0123456789abcdefABCDEF":
                digits += text[i]
                i += 1
            result.append(int(digits or "0", 16) & 0xFF)
        elif c in ESCAPES:
            result.append(ESCAPES[c])
        elif c != "\n":
            result += c.encode("utf-8", "surrogateescape")
    return bytes(result)


def integer(text: str) -> int:
    """The value of a number as in GNU as: hexadecimal, binary, octal with a leading zero, or decimal.

    C's suffixes U, L and LL are ignored.
    """
    text = text.rstrip("uUlL")
    if len(text) > MOST_DIGITS:
        raise SyntaxProblem(0, f"a number of {len(text)} digits; at most {MOST_DIGITS} are allowed")
    if text[:2] in ("0x", "0X"):
        return int(text, 16)
    if text[:2] in ("0b", "0B"):
        return int(text, 2)
    if len(text) > 1 and text[0] == "0":
        try:
            return int(text, 8)
        except ValueError:
            raise SyntaxProblem(0, f"'{text}' is not an octal number; a leading 0 means octal") from None
    return int(text)


@v_args(inline=True)
class _Build(Transformer):
    def statement(self, *items: Any) -> Parsed:
        labels = tuple(item for item in items if type(item) is str)
        return Parsed(labels, items[-1] if len(items) > len(labels) else None)

    def label(self, token: str) -> str:
        return _name(token)

    def assignment(self, name: str, value: Expression) -> Assignment:
        return Assignment(_name(name), value)

    def definition(self, name: str, value: Expression) -> Assignment:
        return Assignment(_name(name), value, True)

    def operation(self, mnemonic: str, operands: Operands = ()) -> Operation:
        return Operation(str(mnemonic), operands)

    def operands(self, *operands: Operand) -> Operands:
        return operands

    def memory(self, offset: Expression, base: Expression) -> Memory:
        return Memory(offset, base)

    def string(self, *tokens: str) -> String:
        return String(b"".join(unescape(token[1:-1]) for token in tokens))

    def type_name(self, token: str) -> TypeName:
        return TypeName(str(token))

    def binary(self, left: Expression, operator: str, right: Expression) -> Expression:
        if isinstance(left, Function):  # `%lo(x)+4` is `%lo(x+4)`: the function takes the whole expression
            return Function(left.name, folded(str(operator), left.argument, right))
        return folded(str(operator), left, right)

    def binary_or(self, left: Expression, right: Expression) -> Expression:
        return folded("||", left, right)

    def binary_and(self, left: Expression, right: Expression) -> Expression:
        return folded("&&", left, right)

    def negative(self, value: Expression) -> Expression:
        return wrap(-value) if type(value) is int else Unary("-", value)

    def positive(self, value: Expression) -> Expression:
        return value

    def complement(self, value: Expression) -> Expression:
        return ~value if type(value) is int else Unary("~", value)

    def negation(self, value: Expression) -> Expression:
        return int(not value) if type(value) is int else Unary("!", value)

    def integer(self, token: str) -> int:
        return wrap(integer(token))

    def character(self, token: str) -> int:
        body = token[1:]
        if len(body) > 1 and body.endswith("'"):
            body = body[:-1]
        if body == "\\v":
            return ord("v")  # GNU as knows it in strings only
        return unescape(body)[0] if body.startswith("\\") else ord(body)

    def local(self, token: str) -> LocalLabel:
        return LocalLabel(str(token))

    def name(self, token: str) -> Name:
        return _named(_name(token))

    def modified_name(self, token: str, modifier: str) -> Modified:
        return Modified(_name(token), str(modifier)[1:])

    def parenthesized(self, value: Expression) -> Expression:
        return value if type(value) is int else Parenthesized(value)

    def function(self, name: str, value: Expression) -> Function:
        return Function(str(name), value)


_named = lru_cache(maxsize=1 << 12)(Name)  # the same few names, mostly registers, occur again and again


def _name(token: str) -> str:
    return token[1:-1] if token.startswith('"') else str(token)


class KeptTables(Protocol):
    """Where lark's tables are kept between processes: to make them takes longer than to assemble a short program."""

    def read(self, key: str) -> bytes | None:
        """What was kept under this key. Nobody else may have written it: `marshal` does not look at it twice."""

    def keep(self, key: str, tables: bytes) -> None:
        """Keep it, if that is possible."""


_kept: KeptTables | None = None


def keep_tables(kept: KeptTables) -> None:
    """Read the tables from there from now on, or keep them there."""
    global _kept
    _kept = kept


def tables_key() -> str:
    """A name for the tables: a digest of what they are made from, and of what reads them."""
    return hashlib.sha256("\0".join((_grammar(), lark.__version__, sys.version)).encode()).hexdigest()[:20]


def tables() -> bytes:
    """What lark makes of the grammar: plain values, and the objects that these name by number."""
    data, objects = _made().memo_serialize([TerminalDef, Rule])
    data["options"] = {name: value for name, value in data["options"].items() if name != "transformer"}
    return marshal.dumps((data, objects))


def _grammar() -> str:
    return (Path(__file__).parent / "grammar.lark").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _made() -> Lark:
    return Lark(
        _grammar(), start=["statement", "operands", "expression"], parser="lalr", lexer="contextual",
        transformer=_Build(), maybe_placeholders=False, propagate_positions=False,
    )  # fmt: skip


def _loaded(tables: bytes) -> Lark:
    return Lark._load_from_dict(*marshal.loads(tables), transformer=_Build())


@lru_cache(maxsize=1)
def _lark() -> Lark:
    if _kept is None:
        return _made()
    key = tables_key()
    found = _kept.read(key)
    if found is not None:
        return _loaded(found)
    _kept.keep(key, tables())
    return _made()


def _parse(text: str, start: str) -> Any:
    try:
        return _lark().parse(text, start=start)
    except UnexpectedToken as error:
        if error.token.type != "$END":
            column = (error.column or 1) - 1
            raise SyntaxProblem(min(column, len(text)), _unexpected(text, column)) from None
        missing = "unmatched '('" if "RPAR" in error.expected and "(" in text else None
        raise SyntaxProblem(len(text.rstrip()), missing or _unexpected(text, len(text))) from None
    except UnexpectedInput as error:
        column = error.column - 1 if error.column and error.column > 0 else len(text)
        raise SyntaxProblem(min(column, len(text)), _unexpected(text, column)) from None
    except VisitError as error:
        if isinstance(error.orig_exc, SyntaxProblem):
            raise error.orig_exc from None
        raise
    except RecursionError:
        raise SyntaxProblem(0, "expression nested too deeply") from None


def _unexpected(text: str, column: int) -> str:
    rest = text[column:].lstrip()
    if not rest:
        return "expected an operand"
    word = rest.split()[0][:20]
    return f"unexpected '{word}'"


@lru_cache(maxsize=1 << 16)
def parse_statement(text: str) -> Parsed:
    """Parse one statement. Raises SyntaxProblem."""
    instruction = _plain_instruction(text)
    if instruction is not None:
        # Nearly all operands occur again and again, so parsing each by itself, once, takes half the time.
        mnemonic, operands = instruction.groups()
        try:
            return Parsed((), Operation(mnemonic, tuple(_operand(o.strip()) for o in operands.split(",") if operands)))
        except SyntaxProblem:
            pass  # the whole statement gives the column of the mistake
    return _parse(text, "statement")


# Without labels, strings, characters and assignments, every comma separates operands. The name is the grammar's NAME.
_plain_instruction = re.compile(
    r"([^\x00-#%-\-\/-@\[-^`{-\x7f][^\x00-#%-\-\/:-@\[-^`{-\x7f]*+)\s*+([^\"':=]*)"
).fullmatch


@lru_cache(maxsize=1 << 14)
def _operand(text: str) -> Operand:
    return _parse(text, "operands")[0]


@lru_cache(maxsize=1 << 14)
def parse_operands(text: str) -> Operands:
    """Parse comma-separated operands; empty text has none. Raises SyntaxProblem."""
    return _parse(text, "operands") if text.strip() else ()


@lru_cache(maxsize=1 << 12)
def parse_expression(text: str) -> Expression:
    """Parse one expression. Raises SyntaxProblem."""
    return _parse(text, "expression")
