"""What a hypervisor did for a guest, in numbers."""

from dataclasses import dataclass, field, fields
from typing import Any

from trapline.isa.cause import describe
from trapline.vm.core.hart import INTERRUPT_COUNTS

SHARE_DIGITS = 6
"""Decimals of a share in JSON."""


@dataclass(frozen=True)
class Counts:
    """Numbers of one run, over all harts.

    steps: the guest's instructions, retired or trapped; direct: those that a real hart executed; exits: traps out of
    the guest by cause. The four kinds of page faults are those of `vm.hypervisor.faults`.
    calls: hypercalls by name. patched_words: places in code that `patch` has replaced at the end. blocks, translated:
    blocks and instructions that `translate` has translated; copies: pages of its cache in use; cache_flushes: times
    that it was emptied.
    """

    steps: int = 0
    direct: int = 0
    hidden_faults: int = 0
    true_faults: int = 0
    mmio_faults: int = 0
    outside_faults: int = 0
    shadow_drops: int = 0
    traced_stores: int = 0
    blocks: int = 0
    translated: int = 0
    copies: int = 0
    cache_flushes: int = 0
    patched_words: int = 0
    exits: dict[int, int] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, machine: Any) -> "Counts":
        """The numbers of a `vm.machine.Machine`; on a bare one everything is direct."""
        real, steps = machine.engine.real, machine.cycle
        if not real:
            return cls(steps, steps)
        from trapline.vm.hypervisor.paravirt import CALL_NAMES

        engine = machine.engine
        own = ("steps", "direct", "patched_words", "copies", "cache_flushes", "exits", "calls")
        sums = {f.name: sum(getattr(r, f.name) for r in real) for f in fields(cls) if f.name not in own}
        sums |= {"copies": engine.m.copies, "cache_flushes": engine.m.cache_flushes}
        if engine.originals is not None:
            sums["patched_words"] = len(engine.originals.listing())
        numbers = {name: sum(r.calls[i] for r in real) for i, name in enumerate((*CALL_NAMES, "unknown"))}
        exits = {cause: sum(r.exits[cause] for r in real) for cause in range(INTERRUPT_COUNTS)}
        direct = sum(r.direct_steps for r in real)
        calls = {name: n for name, n in numbers.items() if n}
        return cls(steps, direct, exits={cause: n for cause, n in exits.items() if n}, calls=calls, **sums)

    @property
    def emulated(self) -> int:
        """Instructions that an interpreter routine executed."""
        return self.steps - self.direct

    @property
    def share(self) -> float:
        """Share of the instructions that were executed directly, in [0, 1]."""
        return self.direct / self.steps if self.steps else 0.0

    @property
    def world_switches(self) -> int:
        """Traps out of the guest."""
        return sum(self.exits.values())

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` writes."""
        return {
            "direct_instructions": self.direct,
            "direct_share": round(self.share, SHARE_DIGITS),
            "emulated_instructions": self.emulated,
            "exits": {describe(cause): n for cause, n in self.exits.items()},
            "page_faults": {
                "hidden": self.hidden_faults, "true": self.true_faults,
                "mmio": self.mmio_faults, "outside": self.outside_faults,
            },
            "shadow_drops": self.shadow_drops,
            "traced_stores": self.traced_stores,
            "hypercalls": self.calls,
            "patched_words": self.patched_words,
            "translation": {
                "blocks": self.blocks, "words": self.translated, "pages": self.copies, "flushes": self.cache_flushes,
            },
        }  # fmt: skip

    def lines(self) -> list[str]:
        """The statistics for people."""
        rows = [(self.direct, f"executed directly: {self.share:.2%}"), (self.emulated, "emulated")]
        rows += [(n, f"exits: {describe(cause)}") for cause, n in self.exits.items()]
        faults = ("hidden", "true", "MMIO", "outside")
        counts = (self.hidden_faults, self.true_faults, self.mmio_faults, self.outside_faults)
        rows += [(n, f"page faults: {name}") for name, n in zip(faults, counts, strict=True)]
        rows.append((self.shadow_drops, "times that the shadow tables were dropped"))
        if self.traced_stores:
            rows.append((self.traced_stores, "stores to traced page tables"))
        rows += [(n, f"hypercalls: {name}") for name, n in self.calls.items()]
        if self.patched_words:
            rows.append((self.patched_words, "places patched at the end"))
        if self.blocks:
            rows += [
                (self.blocks, f"blocks translated, {self.translated:,} instructions"),
                (self.copies, "pages in the translation cache"),
                (self.cache_flushes, "times that it was full and emptied"),
            ]
        return [f"  {n:>12,}  {what}" for n, what in rows]
