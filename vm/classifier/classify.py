"""A classification from end to end: search every row, shrink the witnesses to be shown, draw the conclusions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from vm.classifier import states
from vm.classifier.model import Answers, Kind, Question, Row, Witness
from vm.classifier.replay import Replay
from vm.classifier.rows import rows as all_rows
from vm.classifier.search import Found, Search, SearchError
from vm.classifier.shrink import Shrinker
from vm.classifier.verdict import Classified, Tell, Theorem, theorems
from vm.classifier.words import tell as tell_witness

Progress = Callable[[Row], None]


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
    progress: Progress | None = None,
    tell: Tell = tell_witness,
) -> Classification:
    """Classify `rows`, or all that the machine has.

    isa: how a report names the machine. progress: called after each row. tell: how a witness is put into words.
    """
    laboratory = Laboratory(search)
    found = []
    for row in all_rows(search.extensions) if rows is None else rows:
        found.append(laboratory.classified(row, pairs))
        if progress is not None:
            progress(row)
    return conclude(isa, search.fixed, found, complete=rows is None, tell=tell)


def conclude(
    isa: str, fixed: Mapping[str, int], rows: Sequence[Classified], complete: bool = True, tell: Tell = tell_witness
) -> Classification:
    """What follows from the answers about these rows."""
    return Classification(isa, dict(fixed), tuple(rows), theorems(rows, fixed, tell), complete)
