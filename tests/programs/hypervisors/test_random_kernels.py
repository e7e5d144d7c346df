"""Warren's theorem on random kernels in S mode: registers, CSRs, traps and memory are those of the bare machine.

A kernel writes down every trap that it takes and, at its end, all that its hart has; see
`support.random_kernels.supervisor` for what may differ and so is left out.
"""

import pytest
from hypothesis import assume, given, seed

from support.budget import FIRST_SEED, PLAIN, examples
from support.random_kernels.supervisor import supervisor_kernels
from support.random_kernels.supervisor_image import SupervisorKernel
from support.vmm.random_guests import bare, difference, guest

SETTINGS = {
    "alone": ({}, 100),
    "with two others, in short turns": ({"neighbours": 2, "SLICE": 300}, 20),
    "with few pages for tables": ({"POOL_PAGES": 8}, 40),
    "in Warren in Warren": ({"depth": 2}, 4),
}
"""Where a kernel runs, and how many of them in each pass; a nightly run has twenty times as many."""
KINDS = 40
"""Traps of a kind that must have been seen in as many kernels at least."""


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.skipif(PLAIN, reason="takes the compiled engine")
@pytest.mark.parametrize("setting", SETTINGS)
def test_random_kernels(setting: str) -> None:
    options, count = SETTINGS[setting]
    stage = guest(**options)

    @seed(FIRST_SEED)
    @examples(count)
    @given(supervisor_kernels())
    def run(kernel: SupervisorKernel) -> None:
        expected = bare().run(kernel)
        assume(expected.status is not None)
        found = difference(kernel, stage, expected)
        assert not found, found

    run()
