"""How a person writes a place in a program: `main.c:12`, `main+4`, `*0x80000000`. Words as in gdb's locations."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from trapline.isa.did_you_mean import did_you_mean

HELP = "a location is LINE, FILE:LINE, +LINES, -LINES, SYMBOL, SYMBOL+OFFSET, FILE:SYMBOL or *ADDRESS"

LONGEST = 4096
"""Characters of a location."""


class LocationError(Exception):
    """Why there is no place of this description; the text is the whole message.

    word, names: what was not found, and what there is: the nearest is suggested.
    """

    def __init__(self, message: str, word: str = "", names: Iterable[str] = ()) -> None:
        meant = did_you_mean(word, names) if word else None
        super().__init__(f"{message}; {meant}" if meant else message)


class Number(NamedTuple):
    """An address."""

    value: int


class SymbolOffset(NamedTuple):
    """A symbol and what to add to its address. file: which of several it is, empty for all."""

    name: str
    offset: int
    file: str


class FileLine(NamedTuple):
    """A line of a file, of the current one where `file` is empty."""

    file: str
    line: int


class RelativeLine(NamedTuple):
    """So many lines behind the current one."""

    distance: int


Location = Number | SymbolOffset | FileLine | RelativeLine

_number = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+").fullmatch
_line = re.compile(r"[0-9]{1,10}").fullmatch
_relative = re.compile(r"([+-])\s*([0-9]{1,10})").fullmatch
_sum = re.compile(r"(.*\S)\s*([+-])\s*(0[xX][0-9a-fA-F]+|[0-9]+)", re.S).fullmatch
_bracketed = re.compile(r"<(.*)>", re.S).fullmatch


def parse_location(text: str, is_symbol: Callable[[str], bool]) -> Location:
    """What a location says. is_symbol: whether a name is a symbol, which may look like anything.

    Raises LocationError for what is no location.
    """
    if len(text) > LONGEST:
        raise LocationError(f"a location has at most {LONGEST} characters")
    text = text.strip()
    if inner := _bracketed(text):  # `<main+4>`, as addresses are shown
        text = inner[1].strip()
    if not text:
        raise LocationError(f"an empty location: {HELP}")
    if is_symbol(text):
        return SymbolOffset(text, 0, "")
    if text.startswith("*"):
        return _address(text[1:].strip(), is_symbol)
    if _line(text):
        return FileLine("", int(text))
    if relative := _relative(text):
        return RelativeLine(int(relative[1] + relative[2]))
    file, colon, rest = text.rpartition(":")
    file, rest = file.strip(), rest.strip()
    if not colon:
        return _address(text, is_symbol) if text[:2] in ("0x", "0X") else _symbol(text, "", is_symbol)
    if not file or not rest:
        raise LocationError(f"'{text}' is incomplete: {HELP}")
    if _line(rest):
        return FileLine(file, int(rest))
    if rest[0] in "+-0123456789":
        raise LocationError(f"'{rest}' is not the number of a line: {HELP}")
    return _symbol(rest, file, is_symbol)


def _address(text: str, is_symbol: Callable[[str], bool]) -> Location:
    """What follows the star: a number or a symbol, with numbers added and subtracted."""
    if not text:
        raise LocationError(f"an address is missing behind '*': {HELP}")
    if _number(text):
        return Number(_value(text))
    name, offset = _added(text, is_symbol)
    return Number(_in_range(_value(name) + offset)) if _number(name) else SymbolOffset(name, offset, "")


def _symbol(text: str, file: str, is_symbol: Callable[[str], bool]) -> SymbolOffset:
    name, offset = _added(text, is_symbol)
    if _number(name):
        raise LocationError(f"'{text}' is neither a line nor a symbol; an address is '*{text}'")
    return SymbolOffset(name, offset, file)


def _added(text: str, is_symbol: Callable[[str], bool]) -> tuple[str, int]:
    """What a sum begins with, and the sum of the numbers behind it."""
    offset = 0
    while not is_symbol(text) and (split := _sum(text)):
        text, offset = split[1], offset + int(split[2] + str(_value(split[3])))
    return text, offset


def _value(text: str) -> int:
    return _in_range(int(text, 16 if text[:2] in ("0x", "0X") else 10))


def _in_range(value: int) -> int:
    if not 0 <= value <= 0xFFFFFFFF:
        raise LocationError(f"the address {value:#x} is not in 0..0xffffffff")
    return value
