"""The questions asked about each instruction, and their answers; docs/popek-goldberg.md has the definitions.

Each of Popek and Goldberg's definitions reduces to questions of the form "is there a state, or a pair of states, such
that ...". A yes has a witness, found by search or by proof; a no needs a proof.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from trapline.isa import Instruction
from trapline.isa.cause import (
    FETCH_ACCESS,
    FETCH_MISALIGNED,
    FETCH_PAGE,
    LOAD_ACCESS,
    LOAD_MISALIGNED,
    LOAD_PAGE,
    STORE_ACCESS,
    STORE_MISALIGNED,
    STORE_PAGE,
)
from trapline.isa.mode import MODE_NAMES, M, S, U

MODES = (U, S, M)
MODE_PAIRS = ((U, S), (U, M), (S, M))


MEMORY_TRAPS = frozenset((
    FETCH_MISALIGNED, FETCH_ACCESS, LOAD_MISALIGNED, LOAD_ACCESS, STORE_MISALIGNED, STORE_ACCESS, FETCH_PAGE,
    LOAD_PAGE, STORE_PAGE,
))  # fmt: skip
"""Causes that are set aside: an execution that ends in one of them answers no question."""
MEMORY_TRAP_MASK = sum(1 << cause for cause in MEMORY_TRAPS)


class Kind(Enum):
    """What a question asks for, memory traps aside."""

    EXECUTES = "executes"  # a state in which the instruction does not trap
    TRAPS = "traps"  # a state in which it traps
    CONTROL = "control"  # it executes and changes the control state
    MODE = "mode"  # a pair that differs in mode; both execute; what is visible, or the change of control, differs
    LOCATION = "location"  # a pair that differs in relocation; both execute; what is visible differs
    CONFIGURATION = "configuration"  # a pair that differs in trap or interrupt configuration; ... visible differs
    TIME = "time"  # a pair that differs in counters and time; ... visible differs


@dataclass(frozen=True)
class Question:
    """One existential question; `modes` has two entries for MODE and one for all other kinds."""

    kind: Kind
    modes: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.kind.value}({', '.join(MODE_NAMES[mode] for mode in self.modes)})"


QUESTIONS: tuple[Question, ...] = tuple(
    Question(kind, modes)
    for kind in Kind
    for modes in (MODE_PAIRS if kind is Kind.MODE else tuple((mode,) for mode in MODES))
)
"""All questions; every row gets an answer to each."""


@dataclass(frozen=True)
class Row:
    """One row of a classification: an instruction, or a CSR instruction on one class of CSRs.

    name: as in reports: `add`, `csrrw`, `csrrw uflags`, `rdtime`.
    csrs: addresses that the `csr` operand takes; empty for instructions without that operand.
    fixed: operands that this row fixes, such as rs1 = 0 in `rdtime`.
    """

    name: str
    instruction: Instruction
    csrs: tuple[int, ...] = ()
    fixed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """A state of a hart before an instruction: how it differs from the reset state.

    values: hart fields by name (`mode`, `mstatus`, ...); elements of arrays as `x5`, `pmpcfg0`, `pmpaddr0`.
    relocation: a name in `definitions.memory.RELOCATIONS`.
    """

    values: Mapping[str, int]
    relocation: str = "bare"


@dataclass(frozen=True)
class Witness:
    """A yes to a question, replayable: the instruction word, and one state or a pair.

    outcomes: per state, the cause (0 to 15) if the instruction trapped, else None.
    changes: per state, the values that it changed, by the names of `State.values`.
    """

    question: Question
    word: int
    states: tuple[State, ...]
    outcomes: tuple[int | None, ...]
    changes: tuple[Mapping[str, int], ...]


class Evidence(Enum):
    """How reliable an answer is."""

    PROVED = "proved"  # no, for all states
    REFUTED = "refuted"  # yes, with a witness
    SAMPLED = "sampled"  # no yes among the states tried


@dataclass(frozen=True)
class Answer:
    """The answer to one question about one row. pairs: states or pairs that the search tried."""

    evidence: Evidence
    pairs: int = 0
    witness: Witness | None = None

    @property
    def yes(self) -> bool:
        """Whether such a state or pair exists; a sampled answer is an unproved no."""
        return self.evidence is Evidence.REFUTED


Answers = Mapping[Question, Answer]
"""All answers about one row."""
