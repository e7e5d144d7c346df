"""Modelled cycles: the cost of a hypervisor's counted work on a machine with given costs.

Nothing here is measured, so the figures are the same on every computer, and the hardware may be hypothetical.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from trapline.vm.hypervisor.host.counts import Counts


@dataclass(frozen=True)
class Work:
    """The work of one operation: counts per operation, possibly fractional.

    direct: instructions that a real hart executes; emulated: instructions that the hypervisor executes for the guest,
    by an interpreter routine or in a hypercall; exits_by_cause: traps out of the guest; fills: shadow entries made;
    drops: times that the shadow tables were dropped.
    """

    direct: float
    emulated: float = 0.0
    fills: float = 0.0
    drops: float = 0.0
    exits_by_cause: Mapping[int, float] = field(default_factory=dict)

    @property
    def instructions(self) -> float:
        """All instructions of the guest."""
        return self.direct + self.emulated

    @property
    def exits(self) -> float:
        """Traps out of the guest."""
        return sum(self.exits_by_cause.values())

    @classmethod
    def of(cls, counts: Counts) -> "Work":
        """All the work of a run."""
        # A store to a traced table is a hidden fault too, but it is emulated instead of filling an entry.
        fills = counts.hidden_faults - counts.traced_stores
        return cls(counts.direct, counts.emulated, fills, counts.shadow_drops, dict(counts.exits))

    def __sub__(self, other: "Work") -> "Work":
        causes = {c: n - other.exits_by_cause.get(c, 0) for c, n in self.exits_by_cause.items()}
        causes |= {c: -n for c, n in other.exits_by_cause.items() if c not in causes}
        return Work(
            self.direct - other.direct, self.emulated - other.emulated, self.fills - other.fills,
            self.drops - other.drops, {c: n for c, n in causes.items() if n},
        )  # fmt: skip

    def __truediv__(self, operations: int) -> "Work":
        causes = {c: n / operations for c, n in self.exits_by_cause.items()}
        return Work(
            self.direct / operations, self.emulated / operations, self.fills / operations, self.drops / operations,
            causes,
        )  # fmt: skip


@dataclass(frozen=True)
class Model:
    """Cycles of each kind of work, except exits, whose cost varies.

    direct: an instruction on a real hart, including a trap that it takes itself; emulate: decoding an instruction in
    software and executing it on the virtual hart; fill: walking the guest's page tables and making a shadow entry;
    drop: dropping the shadow tables.
    """

    direct: float = 1.0
    emulate: float = 30.0
    fill: float = 60.0
    drop: float = 200.0

    def cycles(self, work: Work, exit_cost: float) -> float:
        """Cycles of this work if the round trip of an exit takes `exit_cost`."""
        return (
            work.direct * self.direct
            + work.emulated * self.emulate
            + work.fills * self.fill
            + work.drops * self.drop
            + work.exits * exit_cost
        )

    def as_json(self) -> dict[str, float]:
        """The parameters by name."""
        return asdict(self)
