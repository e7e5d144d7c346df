"""A fetch where no memory is: an instruction access fault with the address, whatever is there and whoever runs it."""

import pytest

from trapline import ExitReason, Machine
from trapline.vm.hypervisor.technique import TECHNIQUES

PLACES = {
    "zero": 0, "finisher": 0x100000, "CLINT": 0x2000000, "PLIC": 0xC000000, "UART": 0x10000000, "virtio": 0x10001000,
    "gap": 0x40000000, "below RAM": 0x7FFFFFFC, "above RAM": 0x80010000, "end": 0xFFFFFFFC,
}  # fmt: skip
SUPERVISOR = """
        li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        li      t0, (0x80000000 >> 2) | 0xcf
        la      t1, root
        addi    t2, t1, 0x400
        sw      t0, 0x400(t2)           # RAM at its own place
        li      t0, (0x40000000 >> 2) | 0xcf
        sw      t0, 0x400(t1)           # and no memory at 0x40000000
        srli    t1, t1, 12
        li      t0, 1 << 31
        or      t0, t0, t1
        csrw    satp, t0
        li      t0, 0x800
        csrw    mstatus, t0
        la      t0, 1f
        csrw    mepc, t0
        li      s0, 0x40000000
        mret
1:
"""


def kernel(before: str) -> str:
    return f"""
_start: la      t0, handler
        csrw    mtvec, t0
{before}
        jalr    s1, (s0)
        .balign 4
handler: csrr   a0, mcause
        csrr    a1, mtval
        csrr    a2, mepc
        ebreak
        .balign 4096
root:   .space  4096
"""


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("place", [*PLACES, "mapped"])
def test_cause_1(technique: str, place: str) -> None:
    address = PLACES.get(place, 0x40000000)
    before = SUPERVISOR if place == "mapped" else f"li s0, {address}"
    machine = Machine.from_source(kernel(before), memory=1 << 16, technique=technique)
    machine.host_traps = 1 << 3
    assert machine.run(max_instructions=200).reason is ExitReason.TRAP
    assert [machine.x[name] for name in ("a0", "a1", "a2")] == [1, address, address]
    assert machine.trap_counts == {1: 1}
