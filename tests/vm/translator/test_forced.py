"""Random kernels in forced modes: all is translated when it is first met, translations are dropped at random, and runs
have 1 to 40 steps.

A nightly run tries 10^5 kernels: TRAPLINE_HYPOTHESIS=nightly python -m pytest tests/vm/translator/test_forced.py
"""

from functools import cache

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from support.budget import CHECKED, FIRST_SEED, LONG, NIGHTLY, PLAIN
from support.hypervisor.bare_and_virtual import Reused, differences, states
from support.random_kernels.image import Kernel
from support.random_kernels.kernels import kernels
from support.translator.forced import Forced

pytestmark = [
    pytest.mark.once,
    pytest.mark.timeout(LONG),
    pytest.mark.skipif(PLAIN or CHECKED, reason="only the compiled engine translates"),
]

CASES = [
    ("bare", 1, False), ("bare", 1, True), ("bare", 2, False), ("bare", 3, True), ("trap", 1, False),
    ("assist", 1, True), ("patch", 1, False), ("translate", 1, False), ("hybrid", 1, False), ("paravirt", 1, False),
    ("interpret", 1, False),
]  # fmt: skip
"""Techniques, harts, and whether instructions may begin at any halfword."""
KERNELS = 2_500 if NIGHTLY else 12
"""Of each case and part: hypothesis remembers what it has made."""
ENOUGH = 1_000
"""Kernels of which some, whatever the seed, do not change or leave their pages before they are worth a region."""
PARTS = 100_000 // (KERNELS * len(CASES)) if NIGHTLY else 1


@cache
def plain(technique: str, harts: int, isa: str) -> Reused:
    return Reused(technique, harts, isa=isa, engine="interpreter")


@cache
def forced(technique: str, harts: int, isa: str) -> Forced:
    return Forced(technique, harts, isa=isa)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("technique, harts, mixed", CASES)
def test_random_kernels(technique: str, harts: int, mixed: bool, part: int) -> None:
    done = 0
    used: set[Forced] = set()

    @seed(FIRST_SEED + part)
    @settings(max_examples=KERNELS)
    @given(kernels(harts, mixed=mixed, free=True), st.integers(0, 1 << 32))
    def run(kernel: Kernel, chances: int) -> None:
        nonlocal done
        expected = states(plain(technique, harts, kernel.isa), kernel)
        machine = forced(technique, harts, kernel.isa)
        for number, (want, got) in enumerate(zip(expected, machine.states(kernel, chances), strict=True)):
            assert want == got, f"after slice {number}: {differences(want, got)}"
        done += 1
        used.add(machine)

    run()
    assert done >= KERNELS
    assert sum(machine.steps for machine in used) > 20 * done, "hardly anything was executed in machine code"
    if done >= ENOUGH:
        assert sum(machine.region_steps for machine in used) > done // 10, "hardly anything was executed in regions"
