"""Repeats a finding of the search, state by state, as plain Python on the engine."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trapline.isa.hart import FIELDS
from trapline.isa.mode import M, S, U
from trapline.vm.classifier.definitions import memory
from trapline.vm.classifier.definitions.questions import Kind, Question, State, Witness
from trapline.vm.classifier.definitions.state_parts import RELOCATION_FIELDS
from trapline.vm.classifier.search import states, trial
from trapline.vm.classifier.search.batch import Batch, plain_functions
from trapline.vm.core.hart import new_harts
from trapline.vm.core.status import FOR_THE_HOST

SAME_MODE = {
    Kind.LOCATION: trial.OTHER_RELOCATION,
    Kind.CONFIGURATION: trial.OTHER_CONFIGURATION,
    Kind.TIME: trial.OTHER_TIME,
}
"""The variant that is compared with the first of its mode for a question of this kind."""
FIRST_OF_MODE = {U: trial.IN_U, S: trial.IN_S, M: trial.IN_M}
_NAMES = {states.word_of(name, i): name if count == 1 else f"{name}{i}" for name, count in FIELDS for i in range(count)}
_SHOWN = frozenset(_NAMES) - {states.STALE, *states.words_of(("instret", "mtime"))} | {states.word_of("unretired")}
_NAMES[states.word_of("unretired")] = "unretired"
_RELOCATION = frozenset(int(w) for w in states.words_of(RELOCATION_FIELDS))


@dataclass(frozen=True, eq=False)
class Situation:
    """An instruction word with one state or a pair of states, as vectors.

    before: per state int64[STATE_WORDS]; relocations, mtimes: per state; content: int64[CONTENT], the windows.
    """

    question: Question
    word: int
    before: tuple[np.ndarray, ...]
    relocations: tuple[int, ...]
    mtimes: tuple[int, ...]
    content: np.ndarray

    def copy(self, **changes: Any) -> "Situation":
        """An independent copy, with these fields replaced."""
        mine = replace(self, before=tuple(b.copy() for b in self.before), content=self.content.copy())
        return replace(mine, **changes) if changes else mine


@dataclass(frozen=True)
class Result:
    """The result of one state: an outcome of `trial`, the cause of a trap, the state after, and the words written."""

    outcome: int
    cause: int | None
    after: np.ndarray
    written: Mapping[int, int]


class Replay:
    """Runs situations on the engine of a batch, over the batch's own arrays."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.space = batch.space
        self._functions = plain_functions(lambda call: batch.engine.run(1))
        self._restore = self._functions["restore_content"]
        self._functions["restore_content"] = self._record
        self._written: dict[int, int] = {}
        self._relocations = memory.RELOCATIONS
        e = batch.engine
        reset = new_harts(1, e.h[0].misa, e.h[0].extensions).view(np.int64)
        self._reset: list[int] = reset[: states.HART_WORDS].tolist()

    def situation(self, row: np.ndarray, seed: int, number: int, variant: int, question: Question) -> Situation:
        """The state, or the pair, of a finding."""
        f, work = self._functions, self.batch.work
        _, _, tables, parts, view = self.batch.plain_arguments(row)
        f["start_random"](view.random, seed, number)
        f["draw_state"](tables, view)
        variants = self._variants(question, variant)
        for k in variants:
            f["make_variant"](tables, parts, view, k)
        return Situation(
            question,
            view.setup[states.SETUP_WORD],
            tuple(work.before[k].copy() for k in variants),
            tuple(f["relocation_of"](view.setup, k) for k in variants),
            tuple(f["time_of"](view.setup, k) for k in variants),
            work.content.copy(),
        )

    @staticmethod
    def _variants(question: Question, variant: int) -> tuple[int, ...]:
        if question.kind is Kind.MODE:
            return tuple(FIRST_OF_MODE[mode] for mode in question.modes)
        if question.kind in SAME_MODE:
            first = FIRST_OF_MODE[question.modes[0]]
            return first, first + SAME_MODE[question.kind]
        return (variant,)

    def run(self, s: Situation, which: int) -> Result:
        """Execute the instruction in state `which`."""
        f, work = self._functions, self.batch.work
        h, target, _, _, view = self.batch.plain_arguments(_NO_ROW)
        chosen = self._relocations[s.relocations[which]]
        work.before[0] = s.before[which]
        before = work.before[0]
        before[states.SATP], before[states.PMPCFG], before[states.PMPADDR] = chosen.satp, *chosen.pmp
        slot = (int(before[states.PC]) - memory.RAM_BASE - memory.WINDOW) // 4
        work.content[:] = s.content
        work.content[slot] = s.word
        f["put_content"](target.ram32, target.code, view.content)
        self._written = {}
        status = f["run_variant"](
            h, target, view.before[0], view.after[0], view.content, chosen.frames, chosen.code_pte, s.mtimes[which]
        )
        cause = target.machine[states.EXIT_CAUSE] if status == FOR_THE_HOST else None
        outcome = f["outcome_of"](status, cause or 0, [0] * trial.ANSWERS)
        return Result(outcome, cause, work.after[0].copy(), self._written)

    def _record(self, ram: Any, code: Any, content: Any, frames: int) -> int:
        """`restore_content`, after noting the words that were written."""
        for i in range(memory.CONTENT):
            page, word = divmod(i, memory.WINDOW_WORDS)
            offset = page * memory.PAGE + memory.WINDOW + 4 * word
            value = ram[(frames + offset) >> 2]
            if value != content[i]:
                self._written[memory.RAM_BASE + offset] = value
        return self._restore(ram, code, content, frames)

    def results(self, s: Situation) -> tuple[Result, ...]:
        """The results of all states of a situation."""
        return tuple(self.run(s, i) for i in range(len(s.before)))

    def holds(self, s: Situation) -> bool:
        """Whether the situation answers its question with yes."""
        results = self.results(s)
        return self.answers(s, results)

    def answers(self, s: Situation, results: tuple[Result, ...]) -> bool:
        """Whether these results answer the question with yes."""
        kind = s.question.kind
        wanted = trial.TRAPPED if kind is Kind.TRAPS else trial.EXECUTED
        if any(r.outcome != wanted for r in results):
            return False
        if kind in (Kind.EXECUTES, Kind.TRAPS):
            return True
        moves = [trial.mode_changes(b, r.after) for b, r in zip(s.before, results, strict=True)]
        control = self.space.control
        if kind is Kind.CONTROL:
            return moves[0] >= 0 or self._differ(self._entered(s, 0), results[0].after, control)
        one, other = (r.after for r in results)
        if self._differ(one, other, self.space.visible):
            return True
        return kind is Kind.MODE and (moves[0] != moves[1] or self._differ(one, other, control))

    def _entered(self, s: Situation, which: int) -> np.ndarray:
        before = s.before[which].copy()
        chosen = self._relocations[s.relocations[which]]
        before[states.SATP], before[states.PMPCFG], before[states.PMPADDR] = chosen.satp, *chosen.pmp
        return before

    @staticmethod
    def _differ(one: np.ndarray, other: np.ndarray, mask: np.ndarray) -> bool:
        return bool(((one ^ other) & mask).any())

    def witness(self, s: Situation) -> Witness:
        """The situation as a witness, with its outcomes and changes."""
        results = self.results(s)
        return Witness(
            s.question,
            s.word,
            tuple(self._state(s, i) for i in range(len(s.before))),
            tuple(r.cause for r in results),
            tuple(self._changes(s, i, r) for i, r in enumerate(results)),
        )

    def _state(self, s: Situation, which: int) -> State:
        before = s.before[which]
        values = {"mode": int(before[states.MODE]), "pc": int(before[states.PC])}
        for word in _SHOWN:
            value = int(before[word])
            if word == states.RESERVATION and value >= 0:
                value += memory.RAM_BASE
            if word not in _RELOCATION and value != self._reset[word]:
                values[_NAMES[word]] = value
        if s.mtimes[which]:
            values["time_base"] = s.mtimes[which]
        for i, value in enumerate(s.content.tolist()):
            page, word = divmod(i, memory.WINDOW_WORDS)
            address = memory.RAM_BASE + page * memory.PAGE + memory.WINDOW + 4 * word
            if value and address != values["pc"]:
                values[f"memory[{address:#x}]"] = value
        return State(dict(sorted(values.items())), self._relocations[s.relocations[which]].name)

    def _changes(self, s: Situation, which: int, result: Result) -> dict[str, int]:
        """What the instruction changed, nothing if it trapped."""
        if result.outcome != trial.EXECUTED:
            return {}
        before, after = self._entered(s, which), result.after
        changed = {"pc": int(after[states.PC])}
        for word in _NAMES:
            if word in _SHOWN and word not in _COUNTED and before[word] != after[word]:
                value = int(after[word])
                if word == states.RESERVATION and value >= 0:
                    value += memory.RAM_BASE
                changed[_NAMES[word]] = value
        if after[states.WAITS]:
            changed["waits"] = 1
        if after[states.DROPPED]:
            changed["translations dropped"] = 1
        return changed | {f"memory[{address:#x}]": value for address, value in result.written.items()}


_NO_ROW = np.zeros(1, np.int64)
_COUNTED = frozenset((states.word_of("cycle"), states.word_of("unretired")))
"""Words that every instruction changes."""
