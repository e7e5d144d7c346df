"""Call frame information as data: what the `.cfi_` directives gather (DWARF 5, 6.4)."""

from dataclasses import dataclass, field
from typing import NamedTuple

from trapline.asm.diagnostics import Location
from trapline.asm.nodes import Bound
from trapline.asm.sections import Section
from trapline.asm.symbols import Symbol

DATA_ALIGNMENT = -4
RETURN_COLUMN = 1
STACK_POINTER = 2
OMIT = 0xFF

ADVANCE, ESCAPE, REMEMBER = "advance", "escape", "remember"


class Rule(NamedTuple):
    """One instruction of a table: what it is, for comparison, and its bytes; `place` is where an advance leads."""

    kind: str
    code: bytes
    place: Symbol | None = None


class Pointer(NamedTuple):
    """An address with its encoding (LSB, "DWARF Exception Header Encoding")."""

    encoding: int
    target: Bound | None


NONE = Pointer(OMIT, None)


@dataclass(eq=False)
class Frame:
    """What is known of the frame of one function."""

    section: Section
    start: Symbol
    location: Location
    end: Symbol | None = None
    rules: list[Rule] = field(default_factory=list)
    personality: Pointer = NONE
    lsda: Pointer = NONE
    return_column: int = RETURN_COLUMN
    signal: bool = False
    last: Symbol | None = None
    cfa_offset: int = 0
    remembered: list[int] = field(default_factory=list)


@dataclass
class Frames:
    """The frames of one source, and which tables are wanted of them."""

    sections: tuple[str, ...] = (".eh_frame",)
    finished: list[Frame] = field(default_factory=list)
    open: Frame | None = None
