"""The data of the report, collected from the events of a run."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from trapline import isa
from trapline.isa import Kind
from trapline.isa.cause import describe
from trapline.isa.mode import MODE_NAMES
from trapline.isa.table import decode_fetched
from trapline.vm.hypervisor import events as layout
from trapline.vm.hypervisor.faults import FAULT_NAMES
from trapline.vm.hypervisor.host.event_ring import Batch, EventRing
from trapline.vm.observe.describe import Describer
from trapline.vm.observe.exit_kinds import GROUPS, groups

MOST = 1_000_000
"""Events in a report, at most: the first ones. Some 50 MB."""

UNSEEN = 2
"""In place of a mode: it changed in this stretch, at an unknown time. (2 is not a mode.)"""

_KEPT = ("HART", "MODE", "MODE_AFTER", "PC", "WORD", "CAUSE", "TVAL", "ROUTINE", "FAULT", "TRAPPED", "FETCHED")


@dataclass(frozen=True)
class Faults:
    """Page faults of one kind: time in steps, and address. uint32[n] and int64[n]."""

    kind: str
    clock: np.ndarray
    vaddr: np.ndarray


@dataclass(frozen=True)
class Modes:
    """The virtual modes of one hart: stretch i, in mode `mode[i]` or UNSEEN, ends at step `end[i]`."""

    hart: int
    end: np.ndarray
    mode: np.ndarray

    def shares(self, edges: np.ndarray) -> dict[int, np.ndarray]:
        """For each mode, the share of each bin that was spent in it. edges: of the bins, in steps."""
        start = np.concatenate([[0], self.end[:-1]])
        length = np.diff(edges).clip(1)
        times = np.concatenate([[0], self.end])
        found = {}
        for mode in np.unique(self.mode).tolist():
            spent = np.concatenate([[0], np.cumsum(np.where(self.mode == mode, self.end - start, 0))])
            found[mode] = np.diff(np.interp(edges, times, spent)) / length
        return found


class ReportData:
    """Collects events as a sink of an `EventRing`. cut: there were more than MOST."""

    def __init__(self, ring: EventRing, describer: Describer) -> None:
        self._ring, self.describer = ring, describer
        self._parts: list[dict[str, np.ndarray]] = []
        self.count = 0
        self.cut = False
        ring.sinks.append(self._take)

    def _take(self, batch: Batch) -> None:
        room = MOST - self.count
        if len(batch) > room:
            self.cut = True
            self._ring.remove(self._take)
            batch = batch[:room]
        if len(batch):
            part = {name: batch.column(getattr(layout, f"AT_{name}")).copy() for name in _KEPT}
            self._parts.append(part | {"clock": batch.wide(layout.AT_CLOCK), "group": groups(batch)})
        self.count += len(batch)

    def finish(self, clocks: list[int]) -> None:
        """Finish at the end of the run. clocks: of the harts."""
        names = [*_KEPT, "clock", "group"]
        self._columns = {name: np.concatenate([p[name] for p in self._parts] or [np.zeros(0, int)]) for name in names}
        self._parts = []
        self.clocks = clocks
        if self.cut:
            self.clocks = [int(self._done()[self["HART"] == h].max(initial=0)) for h in range(len(clocks))]

    def __getitem__(self, name: str) -> np.ndarray:
        return self._columns[name]

    def _done(self) -> np.ndarray:
        """The clock after each event; events that only retry the instruction take no step."""
        return self["clock"] + np.isin(self["ROUTINE"], (layout.STEP, layout.ANSWER))

    @property
    def end(self) -> int:
        """The last clock."""
        return max(self.clocks)

    def modes(self) -> list[Modes]:
        """The virtual modes of each hart with events."""
        found = []
        for hart in np.unique(self["HART"]).tolist():
            mine = self["HART"] == hart
            clock, done = self["clock"][mine], self._done()[mine]
            before, after = self["MODE"][mine].astype(int), self["MODE_AFTER"][mine].astype(int)
            # Stretches: up to an event, its own step if it takes one, and after the last event to the end.
            between = np.where(np.concatenate([before[:1], after[:-1]]) == before, before, UNSEEN)
            ends = np.append(np.stack([clock, done], axis=1).ravel(), max(self.clocks[hart], int(done[-1])))
            modes = np.append(np.stack([between, before], axis=1).ravel(), after[-1])
            keep = np.diff(ends, prepend=0) > 0
            ends, modes = ends[keep], modes[keep]
            last = np.append(modes[1:] != modes[:-1], True)
            found.append(Modes(hart, ends[last], modes[last]))
        return found

    def over_time(self, edges: np.ndarray) -> dict[str, np.ndarray]:
        """For each kind, the events in each bin. edges: of the bins, in steps."""
        return {
            name: np.histogram(self["clock"][self["group"] == i], edges)[0]
            for i, name in enumerate(GROUPS)
            if (self["group"] == i).any()
        }

    def by_cause(self) -> dict[str, Counter[str]]:
        """Events by cause and kind, the most frequent cause first."""
        return self._by({cause: _cause(cause) for cause in np.unique(self["CAUSE"]).tolist()}, "CAUSE")

    def by_function(self) -> dict[str, Counter[str]]:
        """Events by guest function, or page without a symbol, and kind."""
        return self._by({pc: self.describer.function(pc) for pc in np.unique(self["PC"]).tolist()}, "PC")

    def _by(self, names: dict[int, str], column: str) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {}
        pairs = np.unique(self[column].astype(np.int64) * 16 + self["group"], return_counts=True)
        for pair, count in zip(*(a.tolist() for a in pairs), strict=True):
            found.setdefault(names[pair // 16], Counter())[GROUPS[pair % 16]] += count
        return dict(sorted(found.items(), key=lambda item: (-item[1].total(), item[0])))

    def faults(self) -> list[Faults]:
        """The page faults by kind."""
        found = []
        for i, kind in enumerate(FAULT_NAMES[1:], 1):
            some = self["FAULT"] == i
            if some.any():
                found.append(Faults(kind, self["clock"][some], self["TVAL"][some]))
        return found

    def emulated(self) -> list[tuple[str, str, int, str]]:
        """(instruction, section, count, most frequent function), the highest count first.

        These are the instructions that interpreter routines executed after an exit; CSR instructions include the CSR.
        """
        some = (self["ROUTINE"] == layout.STEP) & (self["TRAPPED"] == 0) & (self["FETCHED"] == 1)
        some &= self["CAUSE"] != layout.NO_EXIT
        places: dict[tuple[str, str], Counter[str]] = {}
        both = np.stack([self["WORD"][some], self["PC"][some]], axis=1)
        for (word, pc), count in zip(*(a.tolist() for a in np.unique(both, axis=0, return_counts=True)), strict=True):
            places.setdefault(_instruction(word, self.describer.with_c), Counter())[self.describer.function(pc)] += (
                count
            )
        rows = [(*key, where.total(), where.most_common(1)[0][0]) for key, where in places.items()]
        return sorted(rows, key=lambda row: (-row[2], row[0]))


def mode_name(mode: int) -> str:
    """M, S or U."""
    return "unknown" if mode == UNSEEN else MODE_NAMES[mode]


def _cause(cause: int) -> str:
    return "(no exit)" if cause == layout.NO_EXIT else describe(cause)


def _instruction(code: int, with_c: bool) -> tuple[str, str]:
    found = decode_fetched(code, with_c)
    if found is None:
        return "(unknown)", ""
    instruction, word = found
    if instruction.kind is Kind.CSR:
        csr: Any = isa.CSR_BY_ADDRESS.get(instruction.pattern.extract(word)["csr"])
        if csr is not None:
            return f"{instruction.name} {csr.name}", f"{instruction.section}; {csr.section}"
    return instruction.name, instruction.section
