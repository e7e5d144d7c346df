"""What a translator has done for a machine, in numbers."""

from dataclasses import dataclass
from typing import Any

from trapline.vm.translator import context

SHARE_DIGITS = 6
"""Decimals of a share in JSON."""
INTERPRETER = "interpreter"
STENCILS = "stencils"
REGIONS = "regions"
"""The tiers by name: what interprets, what was made of stencils, and what LLVM has compiled."""
_TOLD = {
    INTERPRETER: "interpreted",
    STENCILS: "done in machine code made of stencils",
    REGIONS: "done in regions that LLVM has compiled",
}


@dataclass(frozen=True)
class Counts:
    """Numbers of one run.

    tiers: steps by tier; steps: of all of them. entered: times that the interpreter entered machine code; undone: of
    these, when it did not get past the first instruction. pages: that have machine code; translations: times that a
    page was translated; regions: that were compiled or found in the cache; code_bytes: of machine code; drops: times
    that all was dropped. What is of regions depends on how fast they are compiled, and so on the computer.
    """

    tiers: dict[str, int]
    entered: int
    undone: int
    pages: int
    translations: int
    regions: int
    code_bytes: int
    drops: int

    @classmethod
    def of(cls, machine: Any) -> "Counts | None":
        """The numbers of a `vm.machine.Machine`; None where nothing is translated."""
        engine = machine.engine
        if engine.translator is None:
            return None
        words = engine.translator.words
        translated = words[context.STEPS]
        compiled = words[context.REGION_STEPS]
        interpreted = machine.cycle - engine.steps_elsewhere - translated
        return cls(
            {INTERPRETER: interpreted, STENCILS: translated - compiled, REGIONS: compiled}, words[context.ENTERED],
            words[context.STOPPED], words[context.MAPS_USED], words[context.EMITTED], engine.regions.installed,
            words[context.ARENA_USED] - words[context.ARENA_FIRST], words[context.FLUSHES],
        )  # fmt: skip

    @property
    def steps(self) -> int:
        """Instructions retired or trapped, of all harts."""
        return sum(self.tiers.values())

    def share(self, tier: str) -> float:
        """The tier's share of all steps, in [0, 1]."""
        return self.tiers[tier] / self.steps if self.steps else 0.0

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` writes."""
        return {
            "tiers": {
                name: {"steps": steps, "share": round(self.share(name), SHARE_DIGITS)}
                for name, steps in self.tiers.items()
            },
            "entered": self.entered,
            "undone": self.undone,
            "pages": self.pages,
            "translations": self.translations,
            "regions": self.regions,
            "code_bytes": self.code_bytes,
            "drops": self.drops,
        }

    def lines(self) -> list[str]:
        """The statistics for people."""
        rows = [(steps, f"{_TOLD[name]}: {self.share(name):.2%}") for name, steps in self.tiers.items()]
        rows += [
            (self.entered, "times that machine code was entered"),
            (self.undone, "of them without a step: the first one needs the interpreter, or a deadline is near"),
            (self.pages, f"pages with machine code, {self.code_bytes:,} bytes"),
            (self.translations, "times that a page was translated"),
        ]
        if self.regions:
            rows.append((self.regions, "regions compiled, or found in the cache"))
        if self.drops:
            rows.append((self.drops, "times that all of it was dropped"))
        return [f"  {n:>12,}  {what}" for n, what in rows]
