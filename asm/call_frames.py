"""Call frame information as data, as the `.cfi_` directives collect it (DWARF 5, 6.4)."""

from dataclasses import dataclass, field
from typing import NamedTuple

from trapline.asm.diagnostics import Location
from trapline.asm.dwarf import PE_OMIT
from trapline.asm.nodes import Bound
from trapline.asm.sections import Section
from trapline.asm.symbols import Symbol

DATA_ALIGNMENT = -4
RETURN_COLUMN = 1
STACK_POINTER = 2

ADVANCE, ESCAPE, REMEMBER = "advance", "escape", "remember"


class Rule(NamedTuple):
    """One call frame instruction. kind: for comparisons; code: its bytes; place: where an advance leads."""

    kind: str
    code: bytes
    place: Symbol | None = None


class Pointer(NamedTuple):
    """An address with its encoding (LSB, "DWARF Exception Header Encoding")."""

    encoding: int
    target: Bound | None


NONE = Pointer(PE_OMIT, None)


@dataclass(eq=False)
class Frame:
    """The frame of one function."""

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
    """The frames of one source, and the sections to write them to."""

    sections: tuple[str, ...] = (".eh_frame",)
    finished: list[Frame] = field(default_factory=list)
    open: Frame | None = None
