"""Traced shadow tables against random kernels: equal to the bare machine with fences, and without any to one that has
no TLB, which is what "no stale translation is ever used" means."""

from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import given, seed

from support.budget import CHECKED, FIRST_SEED, PLAIN, REDUCED, examples
from support.hypervisor.bare_and_virtual import Reused, divergence, states, whole_state
from support.hypervisor.own_code import reads_its_code
from support.random_kernels.image import Kernel
from support.random_kernels.kernels import kernels
from trapline import isa
from trapline.vm.exit import ExitReason

FENCE, NOP = isa.BY_NAME["sfence.vma"], 0x13
TECHNIQUES = ("hybrid", "trap", "assist", "patch", "translate")


@cache
def machine(technique: str, harts: int, shadow: str = "traced") -> Reused:
    return Reused(technique, harts, shadow=shadow)


@pytest.mark.parametrize(
    "harts, count", [(1, 6 if PLAIN else 20 if CHECKED else 200), (2, 2 if PLAIN else 10 if CHECKED else 40)]
)
def test_kernels_that_fence_end_as_bare(harts: int, count: int) -> None:
    stores = dict.fromkeys(TECHNIQUES, 0)

    @seed(FIRST_SEED + 1)
    @examples(count, few=count)
    @given(kernels(harts))
    def run(kernel: Kernel) -> None:
        bare = machine("bare", harts, "lazy")
        expected = states(bare, kernel)
        for technique in TECHNIQUES:
            if kernel.under(technique):
                traced = machine(technique, harts)
                assert not divergence(bare, traced, kernel, expected)
                stores[technique] += sum(r.traced_stores for r in traced.machine.engine.real)

    run()
    # A few kernels need not have such stores under each of them.
    assert (sum if REDUCED else min)(stores.values()) > count // 20, stores


def unfenced(kernel: Kernel) -> Kernel:
    """The same kernel without its fences."""
    return replace(
        kernel,
        words={a: [NOP if w & FENCE.mask == FENCE.match else w for w in words] for a, words in kernel.words.items()},
    )


def walking(kernel: Kernel) -> list[dict[str, Any]]:
    """`support.hypervisor.bare_and_virtual.states` of bare harts that forget their translations before every step."""
    bare = machine("bare", kernel.harts, "lazy").start(kernel)
    found = []
    for steps in kernel.slices:
        for _ in range(steps):
            for hart in bare.engine.h:
                hart.stale = 1
            exit = bare.run(max_instructions=1)
            if exit.reason is not ExitReason.LIMIT:
                break
        found.append(whole_state(bare) | {"exit": str(exit)})
    return found


def differs(virtual: Reused, kernel: Kernel, expected: list[dict[str, Any]]) -> bool:
    """Whether a kernel ends otherwise than expected, and not because it reads words that patching has replaced."""
    if states(virtual, kernel) == expected:
        return False
    return not reads_its_code(virtual.start(kernel), sum(kernel.slices))


def test_kernels_without_fences_end_as_on_a_hart_without_a_tlb() -> None:
    stale = dict.fromkeys(product(TECHNIQUES, ("traced", "lazy")), 0)

    @seed(FIRST_SEED)
    @examples(50, few=5)
    @given(kernels(1).map(unfenced))
    def run(kernel: Kernel) -> None:
        expected = walking(kernel)
        for technique, shadow in stale:
            if kernel.under(technique):
                stale[technique, shadow] += differs(machine(technique, 1, shadow), kernel, expected)

    run()
    assert {how: n for how, n in stale.items() if how[1] == "traced" and n} == {}
    assert REDUCED or min(n for how, n in stale.items() if how[1] == "lazy") > 0, f"some would not notice: {stale}"


@pytest.mark.parametrize(
    "harts, count",
    [
        (1, 5 if PLAIN else 10 if CHECKED else 100),
        (2, 2 if PLAIN else 5 if CHECKED else 20),
        (4, 1 if PLAIN else 2 if CHECKED else 10),
    ],
)
def test_kernels_that_change_what_they_translate_by_end_as_without_a_tlb(harts: int, count: int) -> None:
    """They take code, data and tables away from under themselves and one another, and seldom fence."""

    @seed(FIRST_SEED)
    @examples(count, few=count)
    @given(kernels(harts, free=True))
    def run(kernel: Kernel) -> None:
        expected = walking(kernel)
        for technique in TECHNIQUES:
            if kernel.under(technique):
                assert not differs(machine(technique, harts), kernel, expected), technique

    run()
