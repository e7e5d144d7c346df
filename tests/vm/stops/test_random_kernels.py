"""Random kernels with random stops: those that single steps show to be due, and nothing else is different.

The steps are those of the plain engine, bare and without stops (`support.stepped`); the stops those of the engine at
full speed, bare and under every technique. Afterwards state, console and counts of exits are as without any.
"""

import os
import random
from functools import cache
from typing import Any

import pytest
from hypothesis import given, seed

from support.budget import FIRST_SEED, examples
from support.hypervisor.bare_and_virtual import Reused, differences, whole_state
from support.random_kernels.image import Kernel
from support.random_kernels.kernels import kernels
from support.stepped import Step, expected, steps_of, stops_of
from trapline.isa.cause import INTERRUPT
from trapline.vm.breakpoints import Access, Breakpoint, Catch, Stop, Watchpoint
from trapline.vm.hypervisor.technique import TECHNIQUES

REDUCED = os.environ.get("NUMBA_BOUNDSCHECK") == "1" or os.environ.get("TRAPLINE_ENGINE") == "python"
STEPS = 500
COUNTS = (
    "exits", "hidden_faults", "true_faults", "mmio_faults", "outside_faults", "emulated", "direct_steps", "hypercalls",
    "shadow_drops", "translated", "blocks",
)  # fmt: skip


@cache
def machine(technique: str, harts: int, isa: str, engine: str | None = None) -> Reused:
    return Reused(technique, harts, isa=isa, engine=engine, events=technique != "bare")


def some_stops(r: random.Random, steps: list[Step], harts: int) -> list[Stop]:
    """Stops at places that the steps come to, and some beside them."""
    stops: list[Stop] = []
    for _ in range(r.randint(1, 3)):
        step = r.choice(steps)
        hart, satp = r.choice([None, None, step.hart, r.randrange(harts)]), r.choice([None, None, step.satp])
        if step.paddr >= 0 and r.random() < 0.3:
            stops.append(Breakpoint(step.paddr, physical=True, satp=satp, hart=hart))
        else:
            stops.append(Breakpoint(step.pc, satp=satp, hart=hart))
    accesses = [step.access for step in steps if step.access is not None and step.access.paddrs[0] >= 0]
    for _ in range(r.randint(0, 3) if accesses else 0):
        access, length = r.choice(accesses), r.choice([1, 2, 4, 8, 5000])
        i, physical = r.randrange(access.width), r.random() < 0.4
        address = access.paddrs[i] if physical else (access.vaddr + i) & 0xFFFFFFFF
        address = max(0, min(address - r.randrange(length), (1 << 32) - length))
        kind = r.choice([Access.READ, Access.WRITE, Access.ACCESS])
        stops.append(Watchpoint(address, length, kind, physical, r.choice([None, access.satp])))
    causes = r.choice([range(16), [INTERRUPT | i for i in range(16)], [2, 8, 9], ()])
    if r.random() < 0.5:
        stops.append(Catch(causes=causes, modes=r.random() < 0.3))
    return stops


def run(reused: Reused, kernel: Kernel, stops: list[Stop]) -> tuple[list[tuple[Any, ...]], dict[str, Any], Any]:
    """The stops, the state after STEPS, and what the hypervisor has counted."""
    m = reused.start(kernel)
    for stop in stops:
        m.stops.add(stop)
    found, exit = stops_of(m, STEPS)
    m.stops.clear()
    counts = [
        [repr(list(v) if hasattr(v, "__len__") else v) for v in (getattr(r, n) for n in COUNTS)] for r in m.engine.real
    ]
    return found, whole_state(m) | {"exit": str(exit)}, (counts, m.engine.m.event_number)


def try_stops(technique: str, harts: int, count: int, mixed: bool) -> None:
    """Stop in so many kernels, with compressed instructions or without."""

    @seed(FIRST_SEED)
    @examples(count)
    @given(kernels(harts, free=technique == "bare", mixed=mixed))
    def check(kernel: Kernel) -> None:
        steps = steps_of(machine("bare", harts, kernel.isa, "python").start(kernel), STEPS)
        if not steps or not kernel.under(technique):
            return
        r = random.Random(len(steps) + sum(kernel.ram))
        reused = machine(technique, harts, kernel.isa)
        _, state, counts = run(reused, kernel, [])
        for _ in range(2):
            stops = some_stops(r, steps, harts)
            found, stopped, counted = run(reused, kernel, stops)
            assert found == list(expected(steps, stops)), stops
            assert differences(state, stopped) == {}, stops
            assert counted == counts, stops

    check()


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize(("harts", "count"), [(1, 4 if REDUCED else 12), (3, 1 if REDUCED else 3)])
def test_stops_are_those_that_are_due(technique: str, harts: int, count: int) -> None:
    try_stops(technique, harts, count, mixed=False)


@pytest.mark.parametrize("technique", ["bare", "trap", "assist", "patch", "translate"])
def test_stops_at_any_halfword_are_those_that_are_due(technique: str) -> None:
    try_stops(technique, 1, 2 if REDUCED else 6, mixed=True)
