"""A classification from end to end: search every row, shrink the witnesses that reports show, apply the theorems."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trapline.vm.classifier.definitions.questions import Answer, Answers, Evidence, Kind, Question, Row, Witness
from trapline.vm.classifier.definitions.rows import rows as all_rows
from trapline.vm.classifier.search import states
from trapline.vm.classifier.search.replay import Replay
from trapline.vm.classifier.search.search import Found, Search, SearchError
from trapline.vm.classifier.search.shrink import Shrinker
from trapline.vm.classifier.theorems import Classified, Describe, Theorem, theorems
from trapline.vm.classifier.witness.sentences import describe as describe_witness

Progress = Callable[[Row], None]
PERSISTENCE = 10
"""How much longer to search for a state whose existence is proved."""


class DisagreementError(RuntimeError):
    """Search and proof contradict each other, so one of them has a bug."""


@dataclass(frozen=True)
class Classification:
    """The classes of a machine configuration's instructions, and the theorems that follow.

    complete: whether `rows` covers the whole machine; if not, the theorems are about these rows only.
    """

    isa: str
    csrs: Mapping[str, int]
    rows: tuple[Classified, ...]
    theorems: Mapping[str, Theorem]
    complete: bool = True


class Classifier:
    """Classifies the rows of one machine configuration by search."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.replay = Replay(search.batch)
        self._found: dict[str, Found] = {}

    def classified(self, row: Row, pairs: int | None = None) -> Classified:
        """Classify a row, with witnesses for what a report shows of it."""
        found = self._found[row.name] = self.search.find(row, pairs)
        bare = Classified(row, found.answers, found.pairs)
        shown = {bare.reason, *bare.breaking}
        if bare.executes_in_user_mode and bare.timing_dependent:
            shown.add(Question(Kind.TIME, (0,)))
        witnesses = {q: self.witness(row, q) for q in shown if q is not None and bare.answers[q].yes}
        return replace(bare, answers=with_witnesses(bare.answers, witnesses), witnesses=witnesses)

    def proved(self, known: Classified, decided: Mapping[Question, Any]) -> Classified:
        """The row with the answers that `proof.prover.prove` has decided.

        Raises DisagreementError where the proof rules out what the search has found.
        """
        verdicts = {question: decided[question].verdict.name for question in known.answers}
        unseen = [q for q, answer in known.answers.items() if verdicts[q] == "YES" and not answer.yes]
        if unseen:
            known = self._again(known, unseen)
        answers = dict(known.answers)
        for question, answer in known.answers.items():
            if verdicts[question] == "NO":
                if answer.yes:
                    raise DisagreementError(f"{known.row.name}: {question} was found, but the proof rules it out")
                answers[question] = replace(answer, evidence=Evidence.PROVED)
        return replace(known, answers=answers)

    def _again(self, known: Classified, unseen: Sequence[Question]) -> Classified:
        """The row after a longer search for states that exist; those not found are refuted without a witness."""
        longer = self.classified(known.row, PERSISTENCE * known.pairs)
        certain = {q: Answer(Evidence.REFUTED, longer.pairs) for q in unseen if not longer.answers[q].yes}
        return replace(longer, answers={**longer.answers, **certain})

    def witness(self, row: Row, question: Question) -> Witness:
        """The smallest witness reached from the search's first finding.

        Raises KeyError without a finding, and SearchError if the finding cannot be repeated.
        """
        finding = self._found[row.name].findings[question]
        table = states.row_table(row)
        seed = self.search.row_seed(row)
        situation = self.replay.situation(table, seed, finding.number, finding.variant, question)
        if not self.replay.holds(situation):
            raise SearchError(f"{row.name}: the finding for {question} cannot be repeated")
        return self.replay.witness(Shrinker(self.replay, row).shrink(situation))


def with_witnesses(answers: Answers, witnesses: Mapping[Question, Witness]) -> Answers:
    """The answers, with their witnesses where there are any."""
    return {q: replace(a, witness=witnesses[q]) if q in witnesses else a for q, a in answers.items()}


def classify(
    isa: str,
    search: Search,
    rows: Sequence[Row] | None = None,
    *,
    pairs: int | None = None,
    prove: bool = False,
    progress: Progress | None = None,
    describe: Describe = describe_witness,
) -> Classification:
    """Classify `rows`, or every row of the machine.

    isa: the machine's name in a report. prove: whether z3 decides what the search leaves open.
    progress: called after each row that is searched, and again after each row that is proved.
    describe: puts a witness into words.
    Raises SearchError and DisagreementError, both of which mean a bug.
    """
    classifier = Classifier(search)
    found = []
    for row in all_rows(search.extensions) if rows is None else rows:
        found.append(classifier.classified(row, pairs))
        if progress is not None:
            progress(row)
    if prove:
        from trapline.vm.classifier.proof import prover

        done = (lambda row, answers: progress(row)) if progress is not None else None
        decided = prover.prove([r.row for r in found], search.extensions, search.fixed, done)
        found = [classifier.proved(r, decided[r.row.name]) for r in found]
    return conclude(isa, search.fixed, found, complete=rows is None, describe=describe)


def conclude(
    isa: str,
    fixed: Mapping[str, int],
    rows: Sequence[Classified],
    complete: bool = True,
    describe: Describe = describe_witness,
) -> Classification:
    """The theorems that follow from these rows."""
    return Classification(isa, dict(fixed), tuple(rows), theorems(rows, fixed, describe), complete)
