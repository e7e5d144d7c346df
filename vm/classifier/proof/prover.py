"""Decides the questions of `definitions.questions` for all states with z3.

The instruction's own meaning runs on a symbolic hart (`abstract_machine`). Each path through it is an `Execution`
with its conditions and its outcome. A pair of states is a pair of executions over shared symbols; those symbols that
may differ are renamed in the second. z3 then looks for values that satisfy the question: that there are none is a
proof, and otherwise its values are a model. docs/classifier.md, "What the proof assumes", lists the assumptions about
states and memory.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import z3

from trapline.isa.compression import COMPRESSED
from trapline.isa.extension import extension_mask
from trapline.isa.isa_string import misa_value
from trapline.vm.classifier.definitions.questions import QUESTIONS, Kind, Question, Row
from trapline.vm.classifier.definitions.state_parts import CONFIGURATION_FIELDS, RELOCATION_FIELDS, TIME_FIELDS
from trapline.vm.classifier.proof.abstract_machine import RELOCATION, AbstractEngine, instruction_word
from trapline.vm.classifier.proof.any_state import AnyState
from trapline.vm.classifier.proof.execution import Execution, Renaming, constants, control_differs, words
from trapline.vm.classifier.proof.model import Demand, Model, Symbolic, simple_states
from trapline.vm.classifier.proof.symbolic import Explorer, TooManyPathsError, term_of

VARIED = {
    Kind.LOCATION: (RELOCATION_FIELDS, (RELOCATION,)),
    Kind.CONFIGURATION: (CONFIGURATION_FIELDS, ()),
    Kind.TIME: (TIME_FIELDS, ()),
}
"""Where the two states of a pair may differ: fields of the hart, and other symbols."""


class Verdict(Enum):
    """The verdict on a question."""

    NO = "no such state"
    YES = "there is one"
    UNKNOWN = "undecided"


@dataclass(frozen=True)
class Decided:
    """The answer to a question: NO is proved for all states, YES has a model, UNKNOWN a reason."""

    verdict: Verdict
    model: Model | None = None
    reason: str = ""


NO = Decided(Verdict.NO)
TRIES = 1000
"""Ways to answer yes in which to look for a state that is simple to build."""


@dataclass(frozen=True)
class Query:
    """The states wanted: an instruction in one mode or two, or in one mode twice with symbols renamed."""

    word: z3.BitVecRef
    modes: tuple[int, ...]
    renaming: Renaming | None = None


Answers = dict[Question, Decided]


def prove(
    rows: Iterable[Row],
    extensions: tuple[str, ...],
    fixed: Mapping[str, int] | None = None,
    progress: Callable[[Row, Answers], None] | None = None,
    text: str | None = None,
) -> dict[str, Answers]:
    """Answer every question about every row for all states.

    extensions: of the machine, from `isa.isa_string.parse_isa`. fixed: CSR values that hold in all states.
    progress: called after each row. text: the engine's functions, if a test changes a meaning.
    Raises ValueError for a CSR that does not exist or cannot hold its value.
    """
    prover = Prover(extensions, fixed or {}, text)
    found: dict[str, Answers] = {}
    for row in rows:
        found[row.name] = prover.answers(row)
        if progress is not None:
            progress(row, found[row.name])
    return found


class Prover:
    """The proofs about one machine configuration."""

    def __init__(self, extensions: tuple[str, ...], fixed: Mapping[str, int], text: str | None = None) -> None:
        constants = {"misa": misa_value(extensions), "extensions": extension_mask(extensions)}
        self.engine = AbstractEngine(text)
        self.states = AnyState(self.engine, constants, fixed)
        self.compressed = {c.base.name for c in COMPRESSED if c.extension in extensions}
        self._explorers = {mode: Explorer(facts) for mode, facts in self.states.facts.items()}
        self.renamings = {kind: self._renaming(*varied) for kind, varied in VARIED.items()}

    def _renaming(self, fields: tuple[str, ...], beside: tuple[z3.ExprRef, ...]) -> Renaming:
        """Renames the symbols of these fields, and the other symbols, for the second state."""
        own = [c for name in fields for value in words(self.states.fields[3][name]) for c in constants(term_of(value))]
        return Renaming((*own, *beside))

    def answers(self, row: Row) -> Answers:
        """The answer to every question about a row."""
        asked = _RowProof(self, row)
        return {question: asked.decide(question) for question in QUESTIONS}

    def decide(self, row: Row, question: Question) -> Decided:
        """The answer to one question about a row."""
        return _RowProof(self, row).decide(question)

    def word(self, row: Row, csr: int | None) -> z3.BitVecRef:
        """The encoding of a row, with this CSR if it has that operand."""
        return instruction_word(row.instruction, {**row.fixed} | ({} if csr is None else {"csr": csr}))

    def executions(self, word: z3.BitVecRef, mode: int, short: bool = False) -> list[Execution]:
        """Every path through an instruction in a mode. short: through the compressed one that stands for it."""
        fields = self.states.fields[mode]
        paths = self._explorers[mode].paths(lambda: self.engine.execute(fields, word, short))
        return [Execution.of(path, mode, fields) for path in paths]

    def first(self, query: Query, demands: Iterator[Demand]) -> Decided:
        """YES with a model for the first demand that some state or pair meets, NO if none does."""
        solver = self._explorers[query.modes[0]].solver
        solver.push()
        try:
            for mode in query.modes[1:]:
                solver.add(*self.states.facts[mode])
            if query.renaming is not None:
                solver.add(*map(query.renaming, self.states.facts[query.modes[0]]))
            return self._answer(solver, query, demands)
        finally:
            solver.pop()

    def _answer(self, solver: z3.Solver, query: Query, demands: Iterator[Demand]) -> Decided:
        answer = NO
        for tried, demand in enumerate(demands):
            if answer.verdict is Verdict.YES and tried > TRIES:
                break
            if answer.verdict is not Verdict.YES:
                result = solver.check(*demand.facts)
                if result == z3.unknown:
                    answer = Decided(Verdict.UNKNOWN, reason=solver.reason_unknown())
                if result != z3.sat:
                    continue
                answer = Decided(Verdict.YES, self._model(solver, query, demand, simple=False))
            if solver.check(*demand.facts, *simple_states(self._states(query), demand)) == z3.sat:
                return Decided(Verdict.YES, self._model(solver, query, demand, simple=True))
        return answer

    def _states(self, query: Query) -> list[Symbolic]:
        states: list[Symbolic] = [(self.states.fields[mode], None) for mode in query.modes]
        if query.renaming is not None:
            states.append((self.states.fields[query.modes[0]], query.renaming))
        return states

    def _model(self, solver: z3.Solver, query: Query, demand: Demand, simple: bool) -> Model:
        return Model.of(solver.model(), query.word, self._states(query), demand, simple)


class _RowProof:
    """The proofs about one row. Executions are computed on demand and kept for later questions."""

    def __init__(self, prover: Prover, row: Row) -> None:
        self._prover = prover
        self._words = [(prover.word(row, csr), False) for csr in row.csrs or (None,)]
        if row.instruction.name in prover.compressed:
            self._words += [(word, True) for word, _ in self._words]
        self._runs: dict[tuple[int, int], list[Execution]] = {}

    def _of(self, number: int, mode: int) -> list[Execution]:
        if (number, mode) not in self._runs:
            word, short = self._words[number]
            self._runs[number, mode] = self._prover.executions(word, mode, short)
        return self._runs[number, mode]

    def decide(self, question: Question) -> Decided:
        """The answer for the row: yes if it is yes for any of its CSRs, or for a compressed instruction."""
        undecided = NO
        for number in range(len(self._words)):
            try:
                answer = self._decide(question, number)
            except TooManyPathsError as error:
                answer = Decided(Verdict.UNKNOWN, reason=str(error))
            if answer.verdict is Verdict.YES:
                return answer
            undecided = answer if answer.verdict is Verdict.UNKNOWN else undecided
        return undecided

    def _decide(self, question: Question, number: int) -> Decided:
        # All executions come before the query, which asserts further facts.
        runs = [self._of(number, mode) for mode in question.modes]
        executing = [[r for r in those if r.executes] for those in runs]
        renaming = self._prover.renamings.get(question.kind)
        demands: Iterator[Demand]
        if question.kind is Kind.EXECUTES:
            demands = (Demand(r.conditions, r.accesses) for r in executing[0])
        elif question.kind is Kind.TRAPS:
            demands = (Demand(r.conditions, r.accesses) for r in runs[0] if r.traps)
        elif question.kind is Kind.CONTROL:
            demands = (Demand((*r.conditions, z3.Or(*r.changed)), r.accesses) for r in executing[0] if r.changed)
        elif renaming is None:
            demands = _mode_pairs(*executing)
        else:
            demands = _pairs(executing[0], renaming)
        first = next(demands, None)
        if first is None:
            return NO
        query = Query(self._words[number][0], question.modes, renaming)
        return self._prover.first(query, itertools.chain([first], demands))


def _mode_pairs(first: list[Execution], second: list[Execution]) -> Iterator[Demand]:
    """The demands for pairs of modes to differ in what is visible or in the change of control."""
    for one in first:
        for other in second:
            if not one.contradicts(other):
                differs = z3.Or(one.visible.differs(other.visible), control_differs(one, other))
                if not z3.is_false(z3.simplify(differs)):
                    yield Demand((*one.conditions, *other.conditions, differs), (*one.accesses, *other.accesses))


def _pairs(runs: list[Execution], renaming: Renaming) -> Iterator[Demand]:
    """The demands for pairs that differ in the renamed symbols to differ in what is visible."""
    if not any(renaming.touches(t) for r in runs for t in (*r.conditions, *r.visible.terms)):
        # Neither the outcome nor what is visible depends on the renamed symbols.
        return
    renamed = [(r, r.visible.renamed(renaming)) for r in runs]
    pairs = sorted(itertools.product(runs, renamed), key=lambda pair: pair[0] is not pair[1][0])
    for one, (other, visible) in pairs:
        if not one.visible.equals(visible):
            facts = (*one.conditions, *map(renaming, other.conditions), one.visible.differs(visible))
            yield Demand(facts, (*one.accesses, *map(renaming, other.accesses)))
