"""Random kernels that keep no rule, cut where they may be: saved, brought back and forked, they go on as they did.

They change the translation that is in use and forget fences, so what a TLB still knows shows.
"""

from functools import cache

import pytest
from hypothesis import given, seed

from support.budget import FIRST_SEED, examples
from support.hypervisor.bare_and_virtual import UNDER, Reused, differences, whole_state
from support.random_kernels.image import Kernel
from support.random_kernels.kernels import kernels
from trapline import Machine

RUNS = [("bare", 1), ("bare", 3), *((technique, 1) for technique in UNDER), ("trap, traced", 2)]


@cache
def machine(technique: str, harts: int, isa: str) -> Reused:
    return Reused(technique, harts, isa=isa)


def ends(machine: Machine, slices: list[int]) -> list[dict]:
    """The whole state and the exit after each slice."""
    found = []
    for slice in slices:
        exit = machine.run(max_instructions=slice)
        found.append(whole_state(machine) | {"exit": str(exit), "traps": machine.trap_counts})
    return found


def try_cuts(technique: str, harts: int, count: int, mixed: bool) -> None:
    """Cut so many kernels, with compressed instructions or without."""

    @seed(FIRST_SEED)
    @examples(count)
    @given(kernels(harts, free=technique == "bare", mixed=mixed))
    def run(kernel: Kernel) -> None:
        reused = machine(technique, harts, kernel.isa)
        expected = ends(reused.start(kernel), kernel.slices)
        cut = reused.start(kernel)
        for index, slice in enumerate(kernel.slices):
            before = cut.snapshot()
            cut.run(max_instructions=slice // 2)
            cut.restore(before)
            (there,) = ends(cut, [slice])
            assert differences(there, expected[index]) == {}
            cut.restore(before)
            fork = cut.fork()
            (there,) = ends(fork, [slice])
            assert differences(there, expected[index]) == {}
            (there,) = ends(cut, [slice])
            assert differences(there, expected[index]) == {}

    run()


@pytest.mark.parametrize("technique, harts", RUNS)
def test_a_cut_leaves_no_trace(technique: str, harts: int) -> None:
    try_cuts(technique, harts, 15, mixed=False)


@pytest.mark.parametrize("technique", ["bare", "trap", "patch", "translate"])
def test_a_cut_leaves_no_trace_where_instructions_begin_at_any_halfword(technique: str) -> None:
    try_cuts(technique, 1, 8, mixed=True)
