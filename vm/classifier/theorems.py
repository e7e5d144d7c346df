"""The classes of instructions, and Popek and Goldberg's theorems, from the answers alone.

docs/popek-goldberg.md has the definitions. No instruction is treated by its name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from trapline.isa.mode import M, S, U
from trapline.vm.classifier.definitions.memory import BY_NAME, RELOCATIONS
from trapline.vm.classifier.definitions.questions import MODE_PAIRS, Answers, Evidence, Kind, Question, Row, Witness

ALWAYS_TRAPS, PRIVILEGED, TIMING = "always-traps", "privileged", "timing-dependent"
CONTROL_SENSITIVE, BEHAVIOR_SENSITIVE, INNOCUOUS = "control-sensitive", "behavior-sensitive", "innocuous"
CLASSES = (CONTROL_SENSITIVE, BEHAVIOR_SENSITIVE, TIMING, PRIVILEGED, ALWAYS_TRAPS, INNOCUOUS)
"""In the order of a report: obstacles to virtualization first."""

PAIR_NAMES = {(U, M): "M-U", (U, S): "S-U", (S, M): "M-S"}


def _ask(kind: Kind, *modes: int) -> Question:
    return Question(kind, modes)


_SENSITIVE_IN_U = (_ask(Kind.CONTROL, U), _ask(Kind.LOCATION, U), _ask(Kind.CONFIGURATION, U))
_REASONS = (
    _ask(Kind.MODE, U, S), *_SENSITIVE_IN_U, _ask(Kind.MODE, U, M), _ask(Kind.TIME, U),
    _ask(Kind.CONTROL, S), _ask(Kind.CONTROL, M), _ask(Kind.MODE, S, M), _ask(Kind.LOCATION, S),
    _ask(Kind.CONFIGURATION, S), _ask(Kind.LOCATION, M), _ask(Kind.CONFIGURATION, M),
    _ask(Kind.TIME, S), _ask(Kind.TIME, M),
)  # fmt: skip
"""Questions whose yes explains why an instruction is not innocuous, the clearest first."""


@dataclass(frozen=True)
class Classified:
    """A row with its answers and the classes that follow from them."""

    row: Row
    answers: Answers
    pairs: int
    witnesses: Mapping[Question, Witness] = field(default_factory=dict)

    def yes(self, kind: Kind, *modes: int) -> bool:
        """The answer to one question."""
        return self.answers[Question(kind, modes)].yes

    def ever(self, kind: Kind) -> bool:
        """Whether the answer to a question of this kind is yes in any mode or pair of modes."""
        return any(answer.yes for question, answer in self.answers.items() if question.kind is kind)

    @property
    def always_traps(self) -> bool:
        """It traps in every mode and state."""
        return not self.ever(Kind.EXECUTES)

    @property
    def executes_in_user_mode(self) -> bool:
        """It executes in some state of U mode."""
        return self.yes(Kind.EXECUTES, U)

    @property
    def privileged(self) -> bool:
        """It traps in every state of U mode and executes in a higher mode."""
        return not self.executes_in_user_mode and not self.always_traps

    @property
    def privileged_pairs(self) -> tuple[str, ...]:
        """Pairs of modes for which it is strictly privileged: it always traps in the lower, never in the higher."""
        return tuple(
            PAIR_NAMES[low, high]
            for low, high in MODE_PAIRS
            if not self.yes(Kind.EXECUTES, low) and self.yes(Kind.EXECUTES, high) and not self.yes(Kind.TRAPS, high)
        )

    @property
    def control_sensitive(self) -> bool:
        """It changes the control state, in some state."""
        return self.ever(Kind.CONTROL)

    @property
    def mode_sensitive(self) -> bool:
        """Its effect depends on the mode."""
        return self.ever(Kind.MODE)

    @property
    def location_sensitive(self) -> bool:
        """Its visible result depends on the relocation."""
        return self.ever(Kind.LOCATION)

    @property
    def configuration_sensitive(self) -> bool:
        """Its visible result depends on the trap and interrupt configuration."""
        return self.ever(Kind.CONFIGURATION)

    @property
    def behavior_sensitive(self) -> bool:
        """Mode-, location- or configuration-sensitive."""
        return self.mode_sensitive or self.location_sensitive or self.configuration_sensitive

    @property
    def timing_dependent(self) -> bool:
        """Its visible result depends on counters or time."""
        return self.ever(Kind.TIME)

    @property
    def sensitive(self) -> bool:
        """Control- or behavior-sensitive."""
        return self.control_sensitive or self.behavior_sensitive

    @property
    def user_sensitive(self) -> bool:
        """In U mode it changes the control state, or its visible result depends on relocation or configuration."""
        return any(self.answers[question].yes for question in _SENSITIVE_IN_U)

    @property
    def innocuous(self) -> bool:
        """Neither sensitive, privileged nor timing-dependent, and it executes in some mode."""
        return not (self.sensitive or self.privileged or self.timing_dependent or self.always_traps)

    @property
    def name_of_class(self) -> str:
        """The class in the table: the first that fits.

        An instruction that only reads the time is timing-dependent, even if it traps where counters are disabled.
        """
        if self.always_traps:
            return ALWAYS_TRAPS
        if self.timing_dependent and not self.sensitive:
            return TIMING
        if self.privileged:
            return PRIVILEGED
        if self.control_sensitive:
            return CONTROL_SENSITIVE
        if self.behavior_sensitive:
            return BEHAVIOR_SENSITIVE
        return INNOCUOUS

    @property
    def reason(self) -> Question | None:
        """The question whose yes best explains why the row is not innocuous; None if it is."""
        return next((question for question in _REASONS if self.answers[question].yes), None)

    @property
    def witness(self) -> Witness | None:
        """The witness for `reason`."""
        return self.witnesses.get(self.reason) if self.reason else None

    @property
    def breaking(self) -> tuple[Question, ...]:
        """The questions that make it user-sensitive."""
        return tuple(question for question in _SENSITIVE_IN_U if self.answers[question].yes)

    @property
    def evidence(self) -> Evidence:
        """How reliable its class is.

        Refuted: a witness shows that it is not innocuous. Otherwise the class rests on a no, proved or sampled, to
        every question that would change it.
        """
        if self.reason is not None:
            return Evidence.REFUTED
        if all(answer.yes or answer.evidence is Evidence.PROVED for answer in self.answers.values()):
            return Evidence.PROVED
        return Evidence.SAMPLED


@dataclass(frozen=True)
class Theorem:
    """Whether a theorem holds. because: sentences; broken_by: names of rows; evidence: for the verdict."""

    holds: bool
    because: tuple[str, ...]
    broken_by: tuple[str, ...]
    evidence: Evidence


Describe = Callable[[Witness], str]
COUNTER_ENABLES = ("mcounteren", "scounteren")


def theorems(rows: Sequence[Classified], fixed: Mapping[str, int], describe: Describe) -> dict[str, Theorem]:
    """The three theorems over these rows. fixed: values of fixed CSRs, 0 if not given."""
    first = _first(rows, fixed, describe)
    return {"1": first, "2": _second(rows, first, describe), "3": _third(rows, describe)}


def _first(rows: Sequence[Classified], fixed: Mapping[str, int], describe: Describe) -> Theorem:
    """ "A virtual machine monitor may be constructed if the set of sensitive instructions is a subset of the set of
    privileged instructions." """
    sensitive = [r for r in rows if r.sensitive]
    broken = [r for r in sensitive if not r.privileged]
    if broken:
        return _broken(broken, [_why(r, r.reason, describe) for r in broken])
    because = [_all(sensitive), *_counters(rows, fixed)]
    return Theorem(True, tuple(because), (), _resting(rows, _trap_or_harmless(_SENSITIVITY)))


def _counters(rows: Sequence[Classified], fixed: Mapping[str, int]) -> list[str]:
    """The counter-enable settings under which theorem 1 holds."""
    timing = [r for r in rows if r.name_of_class == TIMING]
    if not timing:
        return []
    setting = " and ".join(f"{name} = {fixed.get(name, 0):#x}" for name in COUNTER_ENABLES)
    readable = [r.row.name for r in timing if r.executes_in_user_mode]
    trapping = [r.row.name for r in timing if not r.executes_in_user_mode]
    parts = []
    if trapping:
        parts.append(f"{_names(trapping)} {'trap' if len(trapping) > 1 else 'traps'} in U mode too")
    if readable:
        parts.append(f"U mode can execute {_names(readable)}: timing-dependent, which does not matter to this theorem")
    return [f"with {setting}, {'; '.join(parts)}"]


def _second(rows: Sequence[Classified], first: Theorem, describe: Describe) -> Theorem:
    """ "A conventional third generation computer is recursively virtualizable if it is: (a) virtualizable, and (b) a
    VMM without any timing dependencies can be constructed for it." """
    broken = [r for r in rows if r.timing_dependent and r.executes_in_user_mode]
    because = [] if first.holds else ["it requires Theorem 1, which does not hold"]
    because += [_why(r, _ask(Kind.TIME, U) if r.yes(Kind.TIME, U) else r.reason, describe) for r in broken]
    if because:
        names = dict.fromkeys((*first.broken_by, *(r.row.name for r in broken)))
        return Theorem(False, tuple(because), tuple(names), Evidence.REFUTED)
    timing = [r for r in rows if r.timing_dependent]
    answered = ", and the hypervisor answers them" if timing else ""
    because = ["Theorem 1 holds", _all(timing, "timing-dependent") + answered]
    return Theorem(True, tuple(because), (), _resting(rows, _trap_or_harmless((*_SENSITIVITY, Kind.TIME))))


def _third(rows: Sequence[Classified], describe: Describe) -> Theorem:
    """ "A hybrid virtual machine monitor may be constructed ... in which the set of user sensitive instructions are a
    subset of the set of privileged instructions." """
    broken = [r for r in rows if r.user_sensitive]
    if broken:
        return _broken(broken, [_why(r, q, describe) + _shadow(r, q) for r in broken for q in r.breaking])
    spared = [r.row.name for r in rows if r.sensitive and not r.privileged]
    because = ["no instruction that executes in U mode changes or reveals the hypervisor's state there"]
    if spared:
        because.append(f"{_names(spared)}: sensitive only in higher modes, which the hybrid hypervisor interprets")
    return Theorem(True, tuple(because), (), _resting(rows, lambda r: _SENSITIVE_IN_U))


def _broken(rows: Sequence[Classified], because: list[str]) -> Theorem:
    return Theorem(False, tuple(because), tuple(r.row.name for r in rows), Evidence.REFUTED)


def _why(r: Classified, question: Question | None, describe: Describe) -> str:
    witness = r.witnesses.get(question) if question else None
    return f"{r.row.name}: {describe(witness) if witness else question}"


def _shadow(r: Classified, question: Question) -> str:
    """What relocations with different bounds mean under a hypervisor, if only those make the difference."""
    witness = r.witnesses.get(question)
    if question.kind is not Kind.LOCATION or witness is None or not _bounds_differ(witness):
        return ""
    return (
        "; only relocations with different bounds make this difference. It would not count with the relocation of "
        "1974, which changes the base alone, but it does under shadow paging: a shadow page table that is filled "
        "lazily, or that leaves out a page of devices, lacks pages that the guest's own table has, and the "
        "instruction reveals that without a trap"
    )


def _bounds_differ(witness: Witness) -> bool:
    one, other = (RELOCATIONS[BY_NAME[state.relocation]] for state in witness.states)
    return one.lacks != other.lacks


def _resting(rows: Sequence[Classified], questions: Callable[[Classified], Sequence[Question]]) -> Evidence:
    """Proved if every no that the theorem rests on is proved, else sampled."""
    resting = [r.answers[question] for r in rows for question in questions(r) if not r.answers[question].yes]
    return Evidence.PROVED if all(a.evidence is Evidence.PROVED for a in resting) else Evidence.SAMPLED


def _trap_or_harmless(kinds: Sequence[Kind]) -> Callable[[Classified], Sequence[Question]]:
    """For a row that traps in U mode, the question whether it executes there; for others, all of these kinds."""

    def questions(r: Classified) -> Sequence[Question]:
        if not r.executes_in_user_mode:
            return (_ask(Kind.EXECUTES, U),)
        return [question for question in r.answers if question.kind in kinds]

    return questions


_SENSITIVITY = (Kind.CONTROL, Kind.MODE, Kind.LOCATION, Kind.CONFIGURATION)


def _names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _all(rows: Sequence[Classified], adjective: str = "sensitive") -> str:
    if not rows:
        return f"no instruction is {adjective}"
    return f"every {adjective} instruction traps in U mode: {_names([r.row.name for r in rows])}"
