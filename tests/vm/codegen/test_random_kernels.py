"""The compiled engine and the plain Python one on random kernels that keep no rule, and a run in pieces and in one.

These kernels change the translation that is in use and forget fences, so what a TLB still knows shows: it has to be the
same in both engines, wherever a run is cut.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, seed

from support.budget import CHECKED, FIRST_SEED, PLAIN, examples
from support.hypervisor.bare_and_virtual import Reused, differences, first_difference, states
from support.random_kernels.image import Kernel
from support.random_kernels.kernels import kernels

KERNELS = (10, 4, 2, 2) if PLAIN else (30, 10, 5, 5) if CHECKED else (200, 40, 20, 20)
"""For one to four harts."""


@cache
def machine(engine: str | None, harts: int) -> Reused:
    return Reused("bare", harts, engine=engine)


def check(kernel: Kernel, folder: Path) -> None:
    """Compare the engines after each slice, then the end with that of one run."""
    compiled, plain = (machine(engine, kernel.harts) for engine in (None, "python"))
    ends = states(compiled, kernel)
    if states(plain, kernel) != ends:
        found = first_difference(compiled, plain, kernel)
        kernel.save(folder / "kernel.json", found)
        pytest.fail(f"{found}\nkept as {folder / 'kernel.json'}")
    exits = [end.pop("exit") for end in ends]
    if all("limit" in exit for exit in exits[:-1]):
        whole = states(compiled, replace(kernel, slices=[sum(kernel.slices)]))[-1]
        assert whole.pop("exit") == exits[-1]
        assert differences(whole, ends[-1]) == {}


@pytest.mark.parametrize("harts", range(1, 5))
def test_engines_agree_wherever_a_run_is_cut(harts: int, tmp_path: Path) -> None:
    @seed(FIRST_SEED)
    @examples(KERNELS[harts - 1], few=KERNELS[harts - 1])
    @given(kernels(harts, free=True))
    def run(kernel: Kernel) -> None:
        check(kernel, tmp_path)

    run()
