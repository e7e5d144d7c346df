"""Privileged behaviour against qemu-system-riscv32: the same program runs on both and logs the same records.

The programs are random, from fixed seeds. `support.systems` has the harness and says what a record is,
`support.privileged` makes the snippets and leaves out what QEMU 7.2 does otherwise than the specification;
docs/decisions/0001-differences-from-qemu-7.2.md names each case.
"""

from collections.abc import Callable
from random import Random

import pytest
from support import privileged, protection
from support.gnu import Find
from support.systems import Snippet, compare

SNIPPETS = 50
GENERATORS = (
    privileged.machine_csrs, privileged.walk, privileged.interrupts, privileged.refusals,
    protection.pmp_words, protection.pmp_pages, protection.pmp_locks, protection.paging,
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("generate", GENERATORS)
def test_same_records_as_qemu(tool: Find, generate: Callable[[Random], Snippet], seed: int) -> None:
    """CSRs, traps, returns, interrupts, PMP, Sv32."""
    rng = Random(seed)
    records = compare(tool, [generate(rng) for _ in range(SNIPPETS)], privileged.mask)
    assert records > 2 * SNIPPETS
