"""Symbolic words, and the exploration of every path through code that computes with them.

A `Word` is a 64-bit two's complement integer that z3 reasons about, with the operators that meaning functions use;
constants fold to plain integers. A comparison yields a `Condition`. Where Python needs a truth value, the running
`Explorer` chooses one, and runs the same code again for the other choice unless z3 shows that no state leads there.
"""

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import z3

WIDTH = 64
"""Bits of a word, as in compiled code."""

TIMEOUT = 10_000
"""Milliseconds for one query of z3."""

_SIGN = 1 << (WIDTH - 1)
_ALL = (1 << WIDTH) - 1


class TooManyPathsError(Exception):
    """An exploration exceeded its limit of paths."""


@dataclass(frozen=True)
class Path:
    """One path through the code: its conditions, assumptions left out, and its result."""

    conditions: tuple[z3.BoolRef, ...]
    result: Any


class Explorer:
    """Runs code once for each path that symbolic conditions allow.

    assumptions: hold on every path; they stay asserted in `solver` between explorations.
    limit: the number of paths beyond which TooManyPathsError is raised.
    """

    def __init__(self, assumptions: Iterator[z3.BoolRef] | list[z3.BoolRef], limit: int = 5000) -> None:
        self.solver = z3.SimpleSolver()
        self.solver.set("timeout", TIMEOUT)
        self.solver.add(*assumptions)
        self._limit = limit
        self._chosen: list[bool] = []
        self._plan: list[bool] = []
        self._held: list[z3.BoolRef] = []
        self._known: dict[int, bool] = {}
        self._waiting: list[list[bool]] = []

    def paths(self, run: Callable[[], Any]) -> Iterator[Path]:
        """Every feasible path of `run`, which must be deterministic but for symbolic choices."""
        self._waiting = [[]]
        for _ in range(self._limit):
            if not self._waiting:
                return
            self._plan = self._waiting.pop()
            self._chosen, self._held, self._known = [], [], {}
            self.solver.push()
            outer = _RUNNING.set(self)
            try:
                result = run()
            finally:
                _RUNNING.reset(outer)
                self.solver.pop()
            yield Path(tuple(self._held), result)
        if self._waiting:
            raise TooManyPathsError(f"more than {self._limit} paths")

    @property
    def choices(self) -> int:
        """The choices made on this path so far."""
        return len(self._chosen)

    def assume(self, fact: z3.BoolRef) -> None:
        """Assert a fact about symbols that the code has just begun to use."""
        self._held.append(fact)
        self.solver.add(fact)

    def choose(self, term: z3.BoolRef) -> bool:
        """The truth value of `term` on this path."""
        if (known := self._known.get(term.get_id())) is not None:
            return known
        position = len(self._chosen)
        if position < len(self._plan):
            value = self._plan[position]
        elif self.solver.check(term) == z3.unsat:
            value = False
        else:
            value = True
            # "unknown" counts as possible: a superfluous path can only weaken a proof.
            if self.solver.check(z3.Not(term)) != z3.unsat:
                self._waiting.append([*self._chosen, False])
        held = term if value else z3.Not(term)
        self._chosen.append(value)
        self._known[term.get_id()] = value
        # Keep the term alive: z3 reuses the number of a dead term.
        self._held.append(held)
        self.solver.add(held)
        return value


_RUNNING: ContextVar[Explorer | None] = ContextVar("running", default=None)


def active() -> Explorer:
    """The explorer of the running code. Raises RuntimeError outside an exploration."""
    running = _RUNNING.get()
    if running is None:
        raise RuntimeError("a symbolic word needs a truth value outside an exploration")
    return running


def _decide(term: z3.BoolRef) -> bool:
    term = z3.simplify(term)
    if z3.is_true(term):
        return True
    if z3.is_false(term):
        return False
    return active().choose(term)


def term_of(value: Any) -> z3.BitVecRef:
    """The 64-bit term of a word, an integer or a truth value."""
    if isinstance(value, Word):
        return value.term
    if isinstance(value, Condition):
        return z3.If(value.term, _number(1), _number(0))
    return _number(int(value))


@lru_cache(4096)
def _number(value: int) -> z3.BitVecRef:
    return z3.BitVecVal(value, WIDTH)


def low(value: Any, bits: int) -> z3.BitVecRef:
    """The low `bits` bits of a value, simplified."""
    return z3.simplify(z3.Extract(bits - 1, 0, term_of(value)))


def word_of(term: z3.BitVecRef) -> Any:
    """A term of at most 64 bits, zero-extended: a Word, or an integer where it is constant."""
    if term.size() < WIDTH:
        term = z3.ZeroExt(WIDTH - term.size(), term)
    term = z3.simplify(term)
    if z3.is_bv_value(term):
        return ((term.as_long() & _ALL) ^ _SIGN) - _SIGN
    return Word(term)


def _floor(dividend: z3.BitVecRef, divisor: z3.BitVecRef) -> tuple[z3.BitVecRef, z3.BitVecRef]:
    """Quotient and remainder as in Python, rounded toward minus infinity."""
    quotient, rest = dividend / divisor, z3.SRem(dividend, divisor)
    down = z3.And(rest != 0, (rest < 0) != (divisor < 0))
    return z3.If(down, quotient - 1, quotient), z3.If(down, rest + divisor, rest)


class Word:
    """A 64-bit signed integer that depends on the symbolic state."""

    __hash__ = None  # type: ignore[assignment]
    __slots__ = ("term",)

    def __init__(self, term: z3.BitVecRef) -> None:
        self.term = term

    def __bool__(self) -> bool:
        return _decide(self.term != 0)

    def __index__(self) -> int:
        raise TypeError("a symbolic word has no single value")

    def __add__(self, other: Any) -> Any:
        return word_of(self.term + term_of(other))

    def __sub__(self, other: Any) -> Any:
        return word_of(self.term - term_of(other))

    def __rsub__(self, other: Any) -> Any:
        return word_of(term_of(other) - self.term)

    def __mul__(self, other: Any) -> Any:
        return word_of(self.term * term_of(other))

    def __and__(self, other: Any) -> Any:
        if isinstance(other, int) and 0 < other < _ALL >> 1 and other & (other + 1) == 0:
            return word_of(z3.Extract(other.bit_length() - 1, 0, self.term))
        return word_of(self.term & term_of(other))

    def __or__(self, other: Any) -> Any:
        return word_of(self.term | term_of(other))

    def __xor__(self, other: Any) -> Any:
        return word_of(self.term ^ term_of(other))

    __radd__, __rmul__, __rand__, __ror__, __rxor__ = __add__, __mul__, __and__, __or__, __xor__

    def __lshift__(self, other: Any) -> Any:
        return word_of(self.term << term_of(other))

    def __rlshift__(self, other: Any) -> Any:
        return word_of(term_of(other) << self.term)

    def __rshift__(self, other: Any) -> Any:
        return word_of(self.term >> term_of(other))

    def __rrshift__(self, other: Any) -> Any:
        return word_of(term_of(other) >> self.term)

    def __floordiv__(self, other: Any) -> Any:
        return word_of(_floor(self.term, term_of(other))[0])

    def __rfloordiv__(self, other: Any) -> Any:
        return word_of(_floor(term_of(other), self.term)[0])

    def __mod__(self, other: Any) -> Any:
        return word_of(_floor(self.term, term_of(other))[1])

    def __rmod__(self, other: Any) -> Any:
        return word_of(_floor(term_of(other), self.term)[1])

    def __neg__(self) -> Any:
        return word_of(-self.term)

    def __invert__(self) -> Any:
        return word_of(~self.term)

    def __abs__(self) -> Any:
        return word_of(z3.If(self.term < 0, -self.term, self.term))

    def __eq__(self, other: Any) -> Any:
        return Condition(self.term == term_of(other))

    def __ne__(self, other: Any) -> Any:
        return Condition(self.term != term_of(other))

    def __lt__(self, other: Any) -> Any:
        return Condition(self.term < term_of(other))

    def __le__(self, other: Any) -> Any:
        return Condition(self.term <= term_of(other))

    def __gt__(self, other: Any) -> Any:
        return Condition(self.term > term_of(other))

    def __ge__(self, other: Any) -> Any:
        return Condition(self.term >= term_of(other))


class Condition:
    """A truth value that depends on the symbolic state; as a number, 0 or 1."""

    __hash__ = None  # type: ignore[assignment]
    __slots__ = ("term",)

    def __init__(self, term: z3.BoolRef) -> None:
        self.term = term

    def __bool__(self) -> bool:
        return _decide(self.term)

    def __eq__(self, other: Any) -> Any:
        return Condition(term_of(self) == term_of(other))

    def __ne__(self, other: Any) -> Any:
        return Condition(term_of(self) != term_of(other))

    def _number(self) -> Any:
        return word_of(term_of(self))

    def __and__(self, other: Any) -> Any:
        return self._number() & other

    def __or__(self, other: Any) -> Any:
        return self._number() | other

    def __xor__(self, other: Any) -> Any:
        return self._number() ^ other

    def __add__(self, other: Any) -> Any:
        return self._number() + other

    def __sub__(self, other: Any) -> Any:
        return self._number() - other

    def __rsub__(self, other: Any) -> Any:
        return other - self._number()

    def __mul__(self, other: Any) -> Any:
        return self._number() * other

    def __lshift__(self, other: Any) -> Any:
        return self._number() << other

    def __neg__(self) -> Any:
        return -self._number()

    __radd__, __rmul__, __rand__, __ror__, __rxor__ = __add__, __mul__, __and__, __or__, __xor__
