"""The kinds of engine and how fast they are, for those who choose one; `vm.engine` has what they run."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class EngineKind:
    """A kind of engine.

    steps_per_look: between two looks at the clock and at Ctrl-C; work_per_look: what else may be done between them, in
    units of `vm.core.work`. steps_per_turn: of a guest with share 1 beside others, short even if each of them traps.
    pairs_per_row: states that the classifier compares by default;
    states_per_check: between two checks for Ctrl-C there. steps_per_sample: between two looks at where a hart is, of an
    engine that translates what it finds often (`vm.translator`); 0 for one that does not.
    """

    name: str
    steps_per_look: int
    work_per_look: int
    steps_per_turn: int
    pairs_per_row: int
    states_per_check: int
    steps_per_sample: int = 0

    @property
    def translates(self) -> bool:
        """Whether it translates what is executed often."""
        return self.steps_per_sample > 0


NUMBA = EngineKind("numba", 1_000_000, 16_000_000, 50_000, 100_000, 4_000, 10_000)
"""Compiled: a look every 3 ms, at most every 0.1 s; a check every 20 ms."""
INTERPRETER = EngineKind("interpreter", 1_000_000, 16_000_000, 50_000, 100_000, 4_000)
"""The same without a translator."""
PYTHON = EngineKind("python", 2_000, 60_000, 500, 1_000, 8)
"""Plain Python, the reference: a look at least every 0.1 s where every step is a slow one."""

KINDS = {kind.name: kind for kind in (NUMBA, INTERPRETER, PYTHON)}
DEFAULT_KIND = NUMBA.name

ENGINE = "TRAPLINE_ENGINE"
"""The variable that says which kind runs what chooses none."""


def chosen_kind(name: str | None) -> str:
    """The name of the kind that runs: this one, or else that of $TRAPLINE_ENGINE or the default."""
    return name or os.environ.get(ENGINE) or DEFAULT_KIND


def untranslated(name: str | None) -> str:
    """The kind that does what this one does and translates nothing; a name that is no kind's stays."""
    kind = KINDS.get(name := chosen_kind(name))
    return INTERPRETER.name if kind is not None and kind.translates else name
