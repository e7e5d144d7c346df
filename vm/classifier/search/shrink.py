"""Shrinks a witness: what is not needed returns to its reset value, field by field, then bit by bit."""

from collections.abc import Iterable, Iterator

import numpy as np

from trapline.isa import CSR_BY_NAME
from trapline.isa import Kind as InstructionKind
from trapline.vm.classifier.definitions import memory
from trapline.vm.classifier.definitions.questions import Kind, Row
from trapline.vm.classifier.search import states
from trapline.vm.classifier.search.replay import Replay, Situation

_SIMPLE = {"rd": 10, "rs1": 11, "rs2": 12}
"""Preferred register numbers: a0, a1, a2."""
_CSRS = ("sstatus", "sscratch", "stvec", "satp", "mscratch", "mstatus")
"""Preferred CSRs, the best known first."""
_PAIRS = (
    ("sv32-a", "sv32-b"), ("sv32-a", "sv32-a-absent"),
    ("bare", "bare-denied"), ("bare", "sv32-a"), ("bare", "bare-locked"),
)  # fmt: skip
"""Relocations of a pair, the simplest first: other frames within the same bounds, then different bounds."""
PAIR = 2
"""States of a situation that compares two."""
_DATA = tuple(memory.RAM_BASE + page * memory.PAGE + memory.WINDOW for page in range(1, memory.PAGES))
"""Preferred addresses, one in each page of data."""


class Shrinker:
    """Shrinks the situations of one row."""

    def __init__(self, replay: Replay, row: Row) -> None:
        self._replay = replay
        self._row = row
        self._reset = replay.space.reset
        implied = {int(word): int(bits) for word, _, _, bits in replay.space.draws}
        self._implied = implied
        self._pattern = row.instruction.pattern
        accesses = row.instruction.width or row.instruction.kind is InstructionKind.BLOCK
        self._accesses_memory = bool(accesses or {"readable", "paddr"} & set(row.instruction.inputs))

    def shrink(self, s: Situation) -> Situation:
        """The smallest situation reached from `s` in single steps that each keep the answer yes."""
        for candidate in self._simple_words():
            s = self._first_that_holds([self._with_word(s, candidate)], s)
        s = self._first_that_holds(self._relocated(s), s)
        kept = self._pattern.extract(s.word)["rs1"] if self._accesses_memory else 0
        space = self._replay.space
        registers = [states.X + number for number in range(1, 32) if number != kept]
        configuration = [int(w) for w in space.draws[:, 0] if w not in space.time]
        # cycle - unretired must not go negative: `cycle` comes last.
        time = sorted(space.time.tolist(), key=lambda w: w == states.word_of("cycle"))
        s = self._first_that_holds([self._bold(s, (*configuration, *time))], s)
        for group in ([*registers, *configuration, *time], configuration, time, registers):
            s = self._first_that_holds([self._quiet(s, group)], s)
        s = self._outside(s)
        for word in (*configuration, *time, *registers):
            s = self._field(s, word)
        return s

    def _first_that_holds(self, candidates: Iterable[Situation], otherwise: Situation) -> Situation:
        return next((c for c in candidates if self._replay.holds(c)), otherwise)

    def _relocated(self, s: Situation) -> Iterator[Situation]:
        """Simpler relocations, with a simpler address for an instruction that accesses memory."""
        if s.question.kind is Kind.LOCATION:
            choices = [tuple(memory.BY_NAME[name] for name in names) for names in _PAIRS]
        else:
            choices = [(number,) * len(s.relocations) for number in (*range(len(memory.RELOCATIONS)),)]
        rs1 = self._pattern.extract(s.word)["rs1"] if self._accesses_memory else 0
        for choice in choices:
            for address in _DATA if rs1 else (0,):
                changed = s.copy(relocations=choice)
                if rs1:
                    for vector in changed.before:
                        vector[states.X + rs1] = address
                yield changed

    def _quiet(self, s: Situation, words: Iterable[int]) -> Situation:
        """All of these words at their reset values."""
        changed = s.copy()
        index = np.array(list(words))
        for vector in changed.before:
            vector[index] = self._reset[index]
        return changed

    def _bold(self, s: Situation, words: Iterable[int]) -> Situation:
        """These words at their reset values and rs1 all ones: bits that appear are clearer than bits that vanish."""
        changed = self._quiet(s, words)
        rs1 = 0 if self._accesses_memory else self._pattern.extract(s.word).get("rs1", 0)
        if rs1:
            for vector in changed.before:
                vector[states.X + rs1] = 0xFFFFFFFF
        return changed

    def _simple_words(self) -> Iterator[dict[str, int]]:
        operands = self._row.instruction.operands
        if "csr" in operands:
            known = [CSR_BY_NAME[name].address for name in reversed(_CSRS)]
            yield from ({"csr": address} for address in known if address in self._row.csrs)
        for name in operands:
            if name in _SIMPLE and name not in self._row.fixed:
                yield {name: _SIMPLE[name]}
            elif name == "csr":
                continue
            else:
                yield {name: 0}

    def _with_word(self, s: Situation, operands: dict[str, int]) -> Situation:
        """The situation with other operands in the word; a renamed register keeps its value."""
        old = self._pattern.extract(s.word)
        changed = s.copy(word=self._pattern.insert({**old, **operands}))
        for name, number in operands.items():
            if name in ("rs1", "rs2") and old[name] != number:
                for vector in changed.before:
                    vector[states.X + number] = vector[states.X + old[name]]
        return changed

    def _outside(self, s: Situation) -> Situation:
        """Shrink memory, reservation, pc and time."""
        empty = s.copy()
        empty.content[:] = 0
        s = self._first_that_holds([empty], s)
        free = s.copy()
        for vector in free.before:
            vector[states.RESERVATION] = -1
        s = self._first_that_holds([free], s)
        first = s.copy()
        for vector in first.before:
            vector[states.PC] = memory.RAM_BASE + memory.WINDOW
        s = self._first_that_holds([first], s)
        return self._first_that_holds(self._times(s), s)

    def _times(self, s: Situation) -> Iterator[Situation]:
        none = tuple(0 for _ in s.mtimes)
        yield s.copy(mtimes=none)
        if s.question.kind is Kind.TIME:
            yield s.copy(mtimes=(0, 1))
            yield s.copy(mtimes=(0, 1 << 32))

    def _field(self, s: Situation, word: int) -> Situation:
        """One word as close to its reset value as possible, in both states."""
        reset = int(self._reset[word])
        if all(int(vector[word]) == reset for vector in s.before):
            return s
        s = self._first_that_holds(self._whole(s, word, reset), s)
        bits = 0
        for vector in s.before:
            bits |= int(vector[word]) ^ reset
        for bit in reversed(range(bits.bit_length())):
            if bits >> bit & 1:
                s = self._first_that_holds(self._bit(s, word, 1 << bit, reset), s)
        return s

    def _whole(self, s: Situation, word: int, reset: int) -> Iterator[Situation]:
        values = [int(vector[word]) for vector in s.before]
        yield self._set(s, word, [reset] * len(values))
        if len(values) == PAIR and values[0] != values[1]:
            yield self._set(s, word, [values[0]] * 2)
            yield self._set(s, word, [values[1]] * 2)
            yield self._set(s, word, [reset, values[1]])
            yield self._set(s, word, [values[0], reset])

    def _bit(self, s: Situation, word: int, bit: int, reset: int) -> Iterator[Situation]:
        values = [int(vector[word]) for vector in s.before]
        cleared = [value & ~bit | reset & bit for value in values]
        choices = [cleared]
        if len(values) == PAIR and (values[0] ^ values[1]) & bit:
            choices += [[values[0]] * 2, [values[1]] * 2]
        elif len(values) == PAIR and values[0] != values[1]:
            choices += [[cleared[0], values[1]], [values[0], cleared[1]]]
        implied = self._implied.get(word, 0)
        for choice in choices:
            if choice != values and all((v >> 1) & implied & ~v == 0 for v in choice):
                yield self._set(s, word, choice)

    def _set(self, s: Situation, word: int, values: list[int]) -> Situation:
        changed = s.copy()
        for vector, value in zip(changed.before, values, strict=True):
            vector[word] = value
        return changed
