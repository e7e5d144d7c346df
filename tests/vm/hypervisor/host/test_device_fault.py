"""Page faults of the real hart by what they were: each is counted once, when it is known whether a device answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from trapline import ExitReason, Machine
from trapline.vm.hypervisor.host.counts import Counts
from trapline.vm.hypervisor.technique import TECHNIQUES

NOWHERE = (0, 4, 0x40000000, 0x0BFFFFFC, 0xFFFFFFFC)
DEVICES = (0x10000005, 0x10001000, 0x0C000004, 0x02000000, 0x0200BFF8)
FINISHER = 0x100000
PAGE_FAULTS = (12, 13, 15)
ACCESSES = st.lists(st.tuples(st.sampled_from(("l", "s")), st.sampled_from(NOWHERE + DEVICES)), max_size=8)


def kernel(accesses: list[tuple[str, int]]) -> str:
    """A program that makes these accesses, skips those that trap, and ends."""
    lines = "\n".join(f"li t1, {address}; {kind}{'bu' if kind == 'l' and address & 3 else 'b' if address & 3 else 'w'}"
                      f" t2, (t1)" for kind, address in accesses)  # fmt: skip
    return f"""
_start: la      t0, handler
        csrw    mtvec, t0
        {lines}
        li      t1, {FINISHER}
        li      t2, 0x5555
        sw      t2, (t1)
        .balign 4
handler:
        csrr    t0, mepc
        addi    t0, t0, 4
        csrw    mepc, t0
        mret
"""


def counts_of(accesses: list[tuple[str, int]], technique: str) -> Counts:
    machine = Machine.from_source(kernel(accesses), memory=1 << 16, technique=technique)
    assert machine.run(max_instructions=500).reason is ExitReason.HALT
    return Counts.of(machine)


@pytest.mark.parametrize("technique", [name for name in TECHNIQUES if name != "bare"])
@given(accesses=ACCESSES)
@examples(15)
def test_every_fault_is_counted_once_as_what_it_was(technique: str, accesses: list[tuple[str, int]]) -> None:
    counts = counts_of(accesses, technique)
    nowhere = sum(address in NOWHERE for _, address in accesses)
    if technique in ("interpret", "hybrid"):  # M mode never runs directly
        nowhere, devices = 0, 0
    else:
        devices = len(accesses) - nowhere + 1
    assert (counts.mmio_faults, counts.outside_faults, counts.true_faults) == (devices, nowhere, 0)
    faults = counts.hidden_faults + counts.mmio_faults + counts.outside_faults
    assert faults == sum(counts.exits.get(cause, 0) for cause in PAGE_FAULTS)
    assert min(counts.steps, counts.direct, counts.emulated, counts.hidden_faults, counts.shadow_drops) >= 0


@pytest.mark.parametrize("technique", ["interpret", "hybrid", "trap"])
def test_address_zero_counts_as_any_other(technique: str) -> None:
    """Where no page fault was, there is none to count: an address of 0 is no sign of one."""
    counts = counts_of([("s", 0)] * 5, technique)
    expected = (1, 5) if technique == "trap" else (0, 0)
    assert (counts.mmio_faults, counts.outside_faults) == expected
