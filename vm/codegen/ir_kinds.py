"""What the engine's functions work with, as `vm.codegen.ir_function` writes it down for LLVM.

All numbers are i64. An array is a pointer and a length; a record is a pointer to its 64-bit fields (`vm.core.hart`).
"""

from dataclasses import dataclass
from functools import cache

from trapline.vm.core.hart import HART_FIELDS, MACHINE_FIELDS, WORD_BYTES, place_in


class UnknownConstructError(Exception):
    """The text has something that only numba compiles."""


@dataclass(frozen=True)
class Record:
    """A record of this name: HART or MACHINE."""

    name: str


@dataclass(frozen=True)
class Array:
    """Elements of so many bits, or records."""

    element: int | Record


@dataclass(frozen=True)
class Number:
    """An integer: i64. unsigned: of U64(...)."""

    unsigned: bool = False


INT = Number()
UNSIGNED = Number(unsigned=True)


@dataclass(frozen=True)
class Bit:
    """What a comparison answers: i1, until it is used as a number."""


BIT = Bit()
Kind = Number | Bit | Array | Record


@dataclass(frozen=True)
class Value:
    """What an expression is: LLVM's name of it, of an array also that of its length."""

    kind: Kind
    name: str
    length: str = ""


FIELDS = {"HART": HART_FIELDS, "MACHINE": MACHINE_FIELDS}

WORD_BITS = 64
HART = Record("HART")
MACHINE = Record("MACHINE")


@cache
def field(record: str, name: str) -> tuple[int, int]:
    """The offset of a field in bytes, and how many words it has. Raises UnknownConstructError."""
    try:
        return place_in(FIELDS[record], name)
    except KeyError:
        raise UnknownConstructError(f"a {record} has no field '{name}'") from None


@cache
def record_bytes(record: str) -> int:
    """The size of a record."""
    return WORD_BYTES * sum(count for _, count in FIELDS[record])
