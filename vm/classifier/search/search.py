"""The search for witnesses: the engine executes each row's instruction in pseudo-random states."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trapline.isa.cause import ALL_EXCEPTIONS
from trapline.isa.extension import extension_mask
from trapline.isa.isa_string import misa_value
from trapline.vm.classifier.definitions import memory
from trapline.vm.classifier.definitions.questions import QUESTIONS, Answer, Answers, Evidence, Kind, Question, Row
from trapline.vm.classifier.search import states, trial
from trapline.vm.classifier.search.batch import Batch
from trapline.vm.codegen.announce import Announce
from trapline.vm.engine import Engine
from trapline.vm.engine_kinds import INTERPRETER, KINDS, PYTHON, EngineKind

PATIENCE = 8
"""Limit on the states tried, as a multiple of those needed if none were set aside."""
PAIRS_PER_STATE = 12

_BY_TRIALS = (Kind.EXECUTES, Kind.TRAPS, Kind.CONTROL, Kind.MODE, Kind.LOCATION, Kind.CONFIGURATION, Kind.TIME)
assert [q.kind for q in QUESTIONS] == [kind for kind in _BY_TRIALS for _ in range(3)], (
    "the order of `trial.note_states`"
)
assert len(QUESTIONS) == trial.QUESTIONS


class SearchError(RuntimeError):
    """The machine did something that no instruction can do: a bug in the engine or in the search."""


@dataclass(frozen=True)
class Finding:
    """Where a yes was found: state `number` of the row's sequence, and its variant."""

    number: int
    variant: int


@dataclass(frozen=True)
class Found:
    """The search's result for a row: pairs compared, states or pairs per question, and the first finding of each."""

    pairs: int
    counts: Mapping[Question, int]
    findings: Mapping[Question, Finding]

    @property
    def answers(self) -> Answers:
        """The answers, without witnesses."""
        return {
            q: Answer(Evidence.REFUTED if q in self.findings else Evidence.SAMPLED, self.counts[q]) for q in QUESTIONS
        }


class Search:
    """Searches one machine configuration.

    extensions: from `isa.isa_string.parse_isa`. fixed: CSR values that hold in every state.
    engine: `numba` or `python`, or an engine made by `new_engine`.
    """

    def __init__(
        self,
        extensions: tuple[str, ...],
        fixed: Mapping[str, int] | None = None,
        *,
        engine: str | Engine = "numba",
        seed: int = 0,
        announce: Announce | None = None,
    ) -> None:
        self.extensions = extensions
        self.fixed = dict(fixed or {})
        self.seed = seed
        misa, mask = misa_value(extensions), extension_mask(extensions)
        self.space = states.Space(misa, mask, self.fixed)
        self.engine = new_engine(engine, extensions, announce) if isinstance(engine, str) else engine
        self.batch = Batch(self.engine, self.space, announce)
        self._prepare()

    @property
    def _pace(self) -> EngineKind:
        """How fast trials are: they run as plain Python where a compiled engine checks bounds."""
        return self.engine.kind if self.batch.compiled else PYTHON

    @property
    def default_pairs(self) -> int:
        """Pairs per row unless another number is asked for."""
        return self._pace.pairs_per_row

    def _prepare(self) -> None:
        """Write the page tables and drop all cached translations and decoded code."""
        e = self.engine
        e.ram.view(np.uint32)[:] = memory.image()
        e.m.host_traps = ALL_EXCEPTIONS
        for name in ("fetch_tlb", "load_tlb", "store_tlb"):
            e.harts[name] = -1
        e.harts["generation"] = 0
        e.drop_code(0, memory.RAM_SIZE)

    def find(self, row: Row, pairs: int | None = None) -> Found:
        """Compare `pairs` pairs of states, fewer if most are set aside. Raises SearchError."""
        wanted = pairs or self.default_pairs
        table = states.row_table(row)
        self.batch.clear()
        self._prepare()
        last = PATIENCE * -(-wanted // PAIRS_PER_STATE)
        chunk = self._pace.states_per_check
        number, answers = 0, self.batch.answers
        while number < last and answers[trial.PAIRS] < wanted:
            number = self.batch.run(table, self.row_seed(row), number, min(last, number + chunk), wanted)
        self._check(row)
        return self._found(answers)

    def row_seed(self, row: Row) -> int:
        """The seed of a row's sequence of states; no two rows share one."""
        return (self.seed * 0x2545F491 + zlib.crc32(row.name.encode())) & 0xFFFFFFFF

    def _check(self, row: Row) -> None:
        """Raise SearchError if anything outside the windows was written, or the engine failed."""
        if status := int(self.batch.answers[trial.FAILED]):
            raise SearchError(f"{row.name}: a step of the engine returned status {status}")
        ram = self.engine.ram.view(np.uint32).copy()
        expected = memory.image()
        for frames in (0, memory.FRAMES_B):
            for page in range(memory.PAGES):
                first = (frames + page * memory.PAGE + memory.WINDOW) // 4
                ram[first : first + memory.WINDOW_WORDS] = 0
        for relocation in memory.RELOCATIONS:
            if relocation.code_pte >= 0:
                ram[relocation.code_pte] = expected[relocation.code_pte]
        if not np.array_equal(ram, expected):
            raise SearchError(f"{row.name}: memory changed out of reach of any access")

    def _found(self, answers: np.ndarray) -> Found:
        counts = {q: int(answers[i]) for i, q in enumerate(QUESTIONS)}
        seen = {q: int(answers[trial.QUESTIONS + i]) for i, q in enumerate(QUESTIONS)}
        findings = {q: Finding(*divmod(n, 1 << trial.FINDING_SHIFT)) for q, n in seen.items() if n >= 0}
        return Found(int(answers[trial.PAIRS]), counts, findings)


def new_engine(kind: str, extensions: tuple[str, ...], announce: Announce | None = None) -> Engine:
    """An engine with the memory of `vm.classifier.definitions.memory` and no board.

    It translates nothing: the search puts other instructions into its memory all the time, and says so only to `code`.
    """
    return Engine(
        kind=INTERPRETER.name if KINDS[kind].translates else kind,
        harts=1, misa=misa_value(extensions), extensions=extension_mask(extensions),
        ram_base=memory.RAM_BASE, ram_size=memory.RAM_SIZE, board=False, announce=announce,
    )  # fmt: skip
