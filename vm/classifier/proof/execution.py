"""What an execution shows and changes, as terms that z3 can compare."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import z3

from trapline.vm.classifier.definitions.questions import MEMORY_TRAPS
from trapline.vm.classifier.definitions.state_parts import CONFIGURATION_FIELDS, RELOCATION_FIELDS
from trapline.vm.classifier.proof.abstract_machine import (
    RESERVED,
    RESERVED_AT,
    Log,
    Outcome,
    any_reservation,
    visible_at,
)
from trapline.vm.classifier.proof.symbolic import Path, Word, low, term_of

Terms = tuple[z3.ExprRef, ...]
EVENTS = ("dropped", "waiting")
"""Names in `Execution.control` for events: translations are dropped, the hart waits."""

_NEVER = z3.BitVecVal(0, 1)
_ALWAYS = z3.BitVecVal(1, 1)


@dataclass(frozen=True)
class Execution:
    """One path of an instruction in `mode` from the symbolic state `fields`."""

    mode: int
    fields: Mapping[str, Any]
    conditions: Terms
    outcome: Outcome

    @classmethod
    def of(cls, path: Path, mode: int, fields: Mapping[str, Any]) -> "Execution":
        """The execution along a path of an exploration."""
        return cls(mode, fields, path.conditions, path.result)

    @property
    def traps(self) -> bool:
        """Whether it ends in a trap, memory traps aside."""
        return self.outcome.cause is not None and self.outcome.cause not in MEMORY_TRAPS

    @property
    def executes(self) -> bool:
        """Whether it completes without a trap."""
        return self.outcome.cause is None

    @property
    def accesses(self) -> tuple[z3.ExprRef, ...]:
        """The vaddrs of the bytes that it reads or writes."""
        return tuple(self.outcome.memory.touched)

    @cached_property
    def visible(self) -> "Visible":
        """The visible state afterwards."""
        h = self.outcome.hart
        held, at = _reservation(h.reservation)
        return Visible((low(h.pc, 32), low(h.uflags, 32), held, at), (_cells(h.x), _cells(self.outcome.memory)))

    @cached_property
    def control(self) -> dict[str, z3.ExprRef]:
        """The control state that may have changed, by name; includes `mode`, `dropped` and `waiting`."""
        h = self.outcome.hart
        after: dict[str, z3.ExprRef] = {}
        for name, old, new in self._control_fields():
            if not term_of(old).eq(term_of(new)):
                after[name] = low(new, 32)
        if h.dropped or not isinstance(h.stale, int) or h.stale:
            after["dropped"] = _ALWAYS if h.dropped else low(h.stale, 1)
        if self.outcome.waits is not False:
            after["waiting"] = low(self.outcome.waits, 1)
        return after

    def _control_fields(self) -> Iterator[tuple[str, Any, Any]]:
        h = self.outcome.hart
        for name in ("mode", *RELOCATION_FIELDS, *CONFIGURATION_FIELDS):
            old, new = self.fields[name], getattr(h, name)
            if isinstance(old, list):
                yield from ((f"{name}[{i}]", a, b) for i, (a, b) in enumerate(zip(old, new, strict=True)))
            else:
                yield name, old, new

    def before(self, name: str) -> z3.ExprRef:
        """The control state before, by the names of `control`."""
        if name in EVENTS:
            return _NEVER
        array, _, index = name.partition("[")
        value = self.fields[array]
        return low(value[int(index[:-1])] if index else value, 32)

    @cached_property
    def changed(self) -> list[z3.BoolRef]:
        """One fact per part of the control state: it changes."""
        return [z3.simplify(after != self.before(name)) for name, after in self.control.items()]

    def contradicts(self, other: "Execution") -> bool:
        """Whether a condition of one negates a condition of the other, which makes the pair impossible."""
        return not self._signs.isdisjoint((atom, not sign) for atom, sign in other._signs)

    @cached_property
    def _signs(self) -> frozenset[tuple[int, bool]]:
        signs = set()
        for condition in self.conditions:
            negative = z3.is_not(condition)
            signs.add(((condition.arg(0) if negative else condition).get_id(), not negative))
        return frozenset(signs)


Cells = tuple[Log, tuple[tuple[z3.ExprRef, z3.ExprRef], ...]]


def _cells(log: Log) -> "Cells":
    return log, tuple(log.writes)


def _reservation(reservation: Any) -> tuple[z3.ExprRef, z3.ExprRef]:
    """Whether a word is reserved, and its vaddr (0 if not)."""
    if not isinstance(reservation, Word):
        return (_NEVER, z3.BitVecVal(0, 32)) if reservation < 0 else (_ALWAYS, visible_at(reservation))
    initial = any_reservation()
    if reservation.term.eq(initial.term):
        return RESERVED, z3.If(RESERVED == 1, RESERVED_AT, 0)
    held = z3.simplify(z3.If(reservation.term >= 0, _ALWAYS, _NEVER))
    return held, z3.simplify(z3.If(held == 1, visible_at(reservation), 0))


@dataclass(frozen=True)
class Visible:
    """The visible state: words, and the arrays that were written (registers, memory)."""

    words: Terms
    arrays: tuple[Cells, ...]

    @cached_property
    def terms(self) -> Terms:
        """All terms in it."""
        return (*self.words, *(t for _, writes in self.arrays for pair in writes for t in pair))

    def equals(self, other: "Visible") -> bool:
        """Whether both are the same, term by term, so that nothing can differ."""
        return _same_terms(self.terms, other.terms)

    def renamed(self, renaming: "Renaming") -> "Visible":
        """The same for the second state of a pair."""
        arrays = tuple((log, tuple((renaming(i), renaming(v)) for i, v in writes)) for log, writes in self.arrays)
        return Visible(tuple(map(renaming, self.words)), arrays)

    def differs(self, other: "Visible") -> z3.BoolRef:
        """The program can see a difference."""
        parts = [a != b for a, b in zip(self.words, other.words, strict=True) if not a.eq(b)]
        for (log, ours), (_, theirs) in zip(self.arrays, other.arrays, strict=True):
            where = z3.Const(f"any_{log.before.name()}", log.before.domain(0))
            if not _same_terms([t for pair in ours for t in pair], [t for pair in theirs for t in pair]):
                parts.append(_read(log, ours, where) != _read(log, theirs, where))
        return z3.simplify(z3.Or(*parts))


def _same_terms(ours: Sequence[z3.ExprRef], theirs: Sequence[z3.ExprRef]) -> bool:
    return len(ours) == len(theirs) and all(a.eq(b) for a, b in zip(ours, theirs, strict=True))


def _read(log: Log, writes: Iterable[tuple[z3.ExprRef, z3.ExprRef]], where: z3.ExprRef) -> z3.ExprRef:
    value = log.before(where)
    for index, written in writes:
        value = z3.If(index == where, written, value)
    return value


def control_differs(one: Execution, other: Execution) -> z3.BoolRef:
    """Two executions change the control state differently: other parts of it, or to other values."""
    parts = []
    for name in one.control.keys() | other.control.keys():
        a, b = one.before(name), other.before(name)
        x, y = one.control.get(name, a), other.control.get(name, b)
        if name == "mode":
            parts.append(z3.Or((x != a) != (y != b), z3.And(x != a, x != y)))
        else:
            parts.append(x != y)
    return z3.simplify(z3.Or(*parts))


class Renaming:
    """Renames some symbols, which turns a term about one state into the same term about a second."""

    def __init__(self, symbols: Iterable[z3.ExprRef]) -> None:
        self._symbols = tuple(symbols)
        self._others = tuple(z3.Const(f"{s.decl().name()}'", s.sort()) for s in self._symbols)
        self._numbers = {s.get_id() for s in self._symbols}
        self._done: dict[int, z3.ExprRef] = {}
        self._touched: dict[int, bool] = {}
        self._alive: list[z3.ExprRef] = []

    def touches(self, term: z3.ExprRef) -> bool:
        """Whether the term depends on a renamed symbol."""
        number = term.get_id()
        if number not in self._touched:
            self._touched[number] = number in self._numbers or any(map(self.touches, term.children()))
            # z3 reuses the number of a dead term.
            self._alive.append(term)
        return self._touched[number]

    def __call__(self, term: z3.ExprRef) -> z3.ExprRef:
        if not self.touches(term):
            return term
        number = term.get_id()
        if number not in self._done:
            self._done[number] = z3.simplify(z3.substitute(term, *zip(self._symbols, self._others, strict=True)))
        return self._done[number]


def constants(term: z3.ExprRef) -> list[z3.ExprRef]:
    """The constants that a term depends on."""
    if z3.is_const(term):
        return [term] if term.decl().kind() == z3.Z3_OP_UNINTERPRETED else []
    return [c for child in term.children() for c in constants(child)]


def words(value: Any) -> list[Any]:
    """The elements of a field, one or an array."""
    return value if isinstance(value, list) else [value]
