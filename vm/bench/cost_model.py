"""Modelled cycles: what the counted work of a hypervisor would take on a machine whose costs are given.

Nothing here is measured, so the figures are the same on every computer, and the hardware can be one that there is not.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from trapline.vm.hypervisor.host.counts import Counts

EXIT_COSTS = (200.0, 1000.0, 4000.0)
"""Cycles of an exit that are tried without being told: a trap within one hart, and hardware for virtual machines,
late and early."""


@dataclass(frozen=True)
class Work:
    """What one operation makes a machine do: numbers per operation, fractions where not every operation does it.

    direct: instructions that a real hart executes; emulated: those that the hypervisor does for the guest, by an
    interpreter routine or in a hypercall; exits: traps out of the guest by cause; fills: shadow entries made;
    drops: times that the shadow tables were forgotten.
    """

    direct: float
    emulated: float = 0.0
    fills: float = 0.0
    drops: float = 0.0
    exits_by_cause: Mapping[int, float] = field(default_factory=dict)

    @property
    def instructions(self) -> float:
        """The guest's, whoever executes them."""
        return self.direct + self.emulated

    @property
    def exits(self) -> float:
        """Traps out of the guest."""
        return sum(self.exits_by_cause.values())

    @classmethod
    def of(cls, counts: Counts) -> "Work":
        """All the work of a run."""
        # A store to a traced table is a hidden fault that is served by emulating it.
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
    """Cycles of each kind of work, but for exits, whose cost is what is varied.

    direct: an instruction that a real hart executes, a trap that it takes itself included; emulate: decoding one in
    software and carrying it out on the virtual hart; fill: walking the guest's page tables and making a shadow entry;
    drop: forgetting the shadow tables.
    """

    direct: float = 1.0
    emulate: float = 30.0
    fill: float = 60.0
    drop: float = 200.0

    def cycles(self, work: Work, exit_cost: float) -> float:
        """Cycles of some work where an exit, there and back, takes `exit_cost` of them."""
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
