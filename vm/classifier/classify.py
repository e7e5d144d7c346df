"""A classification from end to end: search every row, shrink the witnesses to be shown, draw the conclusions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trapline.vm.classifier.definitions.questions import Answer, Answers, Evidence, Kind, Question, Row, Witness
from trapline.vm.classifier.definitions.rows import rows as all_rows
from trapline.vm.classifier.search import states
from trapline.vm.classifier.search.replay import Replay
from trapline.vm.classifier.search.search import Found, Search, SearchError
from trapline.vm.classifier.search.shrink import Shrinker
from trapline.vm.classifier.theorems import Classified, Tell, Theorem, theorems
from trapline.vm.classifier.witness.sentences import tell as tell_witness

Progress = Callable[[Row], None]
PERSISTENCE = 10
"""How many times as long the search goes on for a state that the proof says there is."""


class DisagreementError(RuntimeError):
    """Search and proof contradict each other: one of them has a bug."""


@dataclass(frozen=True)
class Classification:
    """What is known about the instructions of one machine configuration.

    complete: whether `rows` are all that the machine has; without that a theorem is said of these rows only.
    """

    isa: str
    csrs: Mapping[str, int]
    rows: tuple[Classified, ...]
    theorems: Mapping[str, Theorem]
    complete: bool = True


class Laboratory:
    """Classifies the rows of one machine configuration by search."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.replay = Replay(search.batch)
        self._found: dict[str, Found] = {}

    def classified(self, row: Row, pairs: int | None = None) -> Classified:
        """A row with its answers, and with witnesses for what a report shows of it."""
        found = self._found[row.name] = self.search.find(row, pairs)
        bare = Classified(row, found.answers, found.pairs)
        shown = {bare.telling, *bare.breaking}
        if bare.executes_in_user_mode and bare.timing_dependent:
            shown.add(Question(Kind.TIME, (0,)))
        witnesses = {q: self.witness(row, q) for q in shown if q is not None and bare.answers[q].yes}
        return replace(bare, answers=with_witnesses(bare.answers, witnesses), witnesses=witnesses)

    def proved(self, known: Classified, decided: Mapping[Question, Any]) -> Classified:
        """What is known of a row, together with what `vm.classifier.proof.prover.prove` has decided about it.

        Raises DisagreementError where the proof denies what the search has seen.
        """
        verdicts = {question: decided[question].verdict.name for question in known.answers}
        unseen = [q for q, answer in known.answers.items() if verdicts[q] == "YES" and not answer.yes]
        if unseen:
            known = self._again(known, unseen)
        answers = dict(known.answers)
        for question, answer in known.answers.items():
            if verdicts[question] == "NO":
                if answer.yes:
                    raise DisagreementError(f"{known.row.name}: {question} was seen, and is proved impossible")
                answers[question] = replace(answer, evidence=Evidence.PROVED)
        return replace(known, answers=answers)

    def _again(self, known: Classified, unseen: Sequence[Question]) -> Classified:
        """The row after a longer search for states that exist; without a witness for what that does not find."""
        longer = self.classified(known.row, PERSISTENCE * known.pairs)
        certain = {q: Answer(Evidence.REFUTED, longer.pairs) for q in unseen if not longer.answers[q].yes}
        return replace(longer, answers={**longer.answers, **certain})

    def witness(self, row: Row, question: Question) -> Witness:
        """The smallest witness that the search's first finding leads to.

        Raises KeyError when there is no finding, and SearchError when it cannot be made again.
        """
        finding = self._found[row.name].findings[question]
        table = states.row_table(row)
        seed = self.search.row_seed(row)
        situation = self.replay.situation(table, seed, finding.number, finding.variant, question)
        if not self.replay.holds(situation):
            raise SearchError(f"{row.name}: what the search found for {question} does not happen again")
        return self.replay.witness(Shrinker(self.replay, row).shrink(situation))


def with_witnesses(answers: Answers, witnesses: Mapping[Question, Witness]) -> Answers:
    """The answers, those in `witnesses` with their witness."""
    return {q: replace(a, witness=witnesses[q]) if q in witnesses else a for q, a in answers.items()}


def classify(
    isa: str,
    search: Search,
    rows: Sequence[Row] | None = None,
    *,
    pairs: int | None = None,
    prove: bool = False,
    progress: Progress | None = None,
    tell: Tell = tell_witness,
) -> Classification:
    """Classify `rows`, or all that the machine has.

    isa: how a report names the machine. prove: whether z3 decides what the search leaves open.
    progress: called after each row that is searched, and again after each that is proved.
    tell: how a witness is put into words.
    Raises SearchError and DisagreementError for what would be bugs.
    """
    laboratory = Laboratory(search)
    found = []
    for row in all_rows(search.extensions) if rows is None else rows:
        found.append(laboratory.classified(row, pairs))
        if progress is not None:
            progress(row)
    if prove:
        from trapline.vm.classifier.proof import prover

        done = (lambda row, answers: progress(row)) if progress is not None else None
        decided = prover.prove([r.row for r in found], search.extensions, search.fixed, done)
        found = [laboratory.proved(r, decided[r.row.name]) for r in found]
    return conclude(isa, search.fixed, found, complete=rows is None, tell=tell)


def conclude(
    isa: str, fixed: Mapping[str, int], rows: Sequence[Classified], complete: bool = True, tell: Tell = tell_witness
) -> Classification:
    """What follows from the answers about these rows."""
    return Classification(isa, dict(fixed), tuple(rows), theorems(rows, fixed, tell), complete)
