"""What a translator has done for a machine, in numbers."""

from dataclasses import dataclass
from typing import Any

from trapline.vm.translator import context

SHARE_DIGITS = 6
"""Decimals of a share in JSON."""
INTERPRETER = "interpreter"
STENCILS = "stencils"
"""The tiers by name: what interprets, and what was translated of stencils."""
_TOLD = {INTERPRETER: "interpreted", STENCILS: "done in machine code made of stencils"}


@dataclass(frozen=True)
class Counts:
    """Numbers of one run.

    tiers: steps by tier; steps: of all of them. entered: times that the interpreter entered machine code; undone: of
    these, when it did not get past the first instruction. pages: that have machine code; translations: times that a
    page was translated; code_bytes: of machine code; drops: times that there was no room for more, so that all was
    dropped.
    """

    tiers: dict[str, int]
    entered: int
    undone: int
    pages: int
    translations: int
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
        interpreted = machine.cycle - engine.steps_elsewhere - translated
        return cls(
            {INTERPRETER: interpreted, STENCILS: translated}, words[context.ENTERED], words[context.STOPPED],
            words[context.MAPS_USED], words[context.EMITTED], words[context.ARENA_USED] - words[context.ARENA_FIRST],
            words[context.FLUSHES],
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
        if self.drops:
            rows.append((self.drops, "times that there was no room and all was dropped"))
        return [f"  {n:>12,}  {what}" for n, what in rows]
