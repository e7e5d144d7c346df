"""What is asked of each instruction and what an answer is; the definitions are in docs/popek-goldberg.md.

Every definition of Popek and Goldberg comes down to questions of the form "is there a state, or a pair of
states, such that ...". A yes has a witness, found by search or by proof; a no needs a proof.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from trapline.isa import Instruction
from trapline.isa.mode import MODE_NAMES, M, S, U

MODES = (U, S, M)
MODE_PAIRS = ((U, S), (U, M), (S, M))


class Kind(Enum):
    """What a question asks for. Memory traps are set aside everywhere: a run with one answers nothing."""

    EXECUTES = "executes"  # a state in which the instruction does not trap
    TRAPS = "traps"  # a state in which it traps
    CONTROL = "control"  # it executes and the control state afterwards is another
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
"""Every question that is asked of every row."""


@dataclass(frozen=True)
class Row:
    """What is classified: an instruction, or a CSR instruction on one class of CSRs.

    name: as reports show it, such as `add`, `csrrw`, `csrrw uflags` or `rdtime`.
    csrs: addresses that the `csr` operand takes; empty for instructions without that operand.
    fixed: operands with one value in this row, such as rs1 = 0 of `rdtime`.
    """

    name: str
    instruction: Instruction
    csrs: tuple[int, ...] = ()
    fixed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """A state of the hart at an instruction, as far as it differs from the reset state.

    values: hart fields by name (`mode`, `mstatus`, ...); of arrays `x5`, `pmpcfg0`, `pmpaddr0`.
    relocation: name of the translation in force, see `vm.classifier.search.states`.
    """

    values: Mapping[str, int]
    relocation: str = "bare"


@dataclass(frozen=True)
class Witness:
    """A yes to a question, replayable: the instruction word, and one state or a pair.

    outcomes: per state, what happened there: a cause (0 to 15) if it trapped, else None.
    changes: per state, what the instruction changed: names of `State.values`, with `pc`, `mode` and memory.
    """

    question: Question
    word: int
    states: tuple[State, ...]
    outcomes: tuple[int | None, ...]
    changes: tuple[Mapping[str, int], ...]


class Evidence(Enum):
    """How far an answer can be relied upon."""

    PROVED = "proved"  # no, for all states
    REFUTED = "refuted"  # yes, with a witness
    SAMPLED = "sampled"  # no yes among the states that were tried


@dataclass(frozen=True)
class Answer:
    """The answer to one question about one row. pairs: how many states or pairs were tried by search."""

    evidence: Evidence
    pairs: int = 0
    witness: Witness | None = None

    @property
    def yes(self) -> bool:
        """Whether there is such a state or pair; a sampled answer is a no that is not proved."""
        return self.evidence is Evidence.REFUTED


Answers = Mapping[Question, Answer]
"""All answers about one row."""
