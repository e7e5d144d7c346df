"""The host keeps its share: a guest that makes the hypervisor work at every step cannot keep it busy.

A step costs the host at most what an access to a device costs it, which the bare machine leaves to Python as well: to
a virtio slot, as the engine itself answers for the UART.
Both are measured in processor time, here and now, so that neither a slow host nor a busy one matters.
"""

import time
from functools import cache

import pytest

from support.hypervisor.attacks import END, PRELUDE
from support.hypervisor.bare_and_virtual import TRACED, UNDER, setting
from support.hypervisor.touched_words import touched_words
from trapline import Machine

STEPS = 10_000
FACTOR = 3
TRIES = 4
"""The least of so many measurements counts, if the first ones are too large."""

TO_S_WITH_PAGING = "attack: paging 0x80010\n enter 1\n"
DEVICE = "attack: li t0, 0x10001000\n1: lw t1, (t0)\n j 1b"
STORMS = {
    "system calls": "attack: ecall\n j attack",
    "illegal instructions": "attack: .word 0\n j attack",
    "returns": "attack: la t0, 1f\n csrw mepc, t0\n1: mret",
    "fences": "attack: sfence.vma\n j attack",
    "page-table bases": "attack: li t0, 0x80080010\n enter 1\n1: csrw satp, t0\n csrw satp, zero\n lw t1, ram\n j 1b",
    "PMP registers": "attack: csrw pmpaddr3, t0\n j attack",
    "MXR": f"{TO_S_WITH_PAGING} li t0, 0x80000\n1: csrs sstatus, t0\n csrc sstatus, t0\n j 1b",
    "SUM": f"{TO_S_WITH_PAGING} li t0, 0x40000\n1: csrs sstatus, t0\n csrc sstatus, t0\n j 1b",
    "pages after a fence": f"""{TO_S_WITH_PAGING}
        li      t2, 0x1000
1:      sfence.vma
        li      t0, ram
        lw      t1, (t0)
        add     t0, t0, t2
        lw      t1, (t0)
        add     t0, t0, t2
        lw      t1, (t0)
        j       1b
    """,
    "lower tables": f"""attack: li t0, root
        li      t1, 0x200000cf          # all of the address space is RAM
        li      t2, root + 0x1000
1:      sw      t1, (t0)
        addi    t0, t0, 4
        bltu    t0, t2, 1b
        {TO_S_WITH_PAGING.partition(":")[2]}
        li      t1, 0x400000
2:      lw      t2, (t0)
        add     t0, t0, t1
        j       2b
    """,
    "entries of the root": f"{TO_S_WITH_PAGING} li t0, root\n lw t1, (t0)\n1: sw t1, (t0)\n j 1b",
    "entries of a table": f"{TO_S_WITH_PAGING} li t0, leaf\n lw t1, (t0)\n1: sw t1, (t0)\n j 1b",
    "stores to code": "attack: la t0, 1f\n lw t1, (t0)\n1: nop\n sw t1, (t0)\n j 1b",
    "data that becomes code": """
attack: li      s1, 0x80020000
1:      li      t1, 0x8067              # ret
        sw      t1, (s1)
        jalr    ra, (s1)
        li      t1, 0x1000
        add     s1, s1, t1
        li      t1, 0x80040000
        bltu    s1, t1, 1b
        j       attack
    """,
    "a device": DEVICE,
}


def cost(body: str, technique: str, memory: int, steps: int = STEPS) -> float:
    """Seconds of processor time for `steps` of an attack that has begun."""
    machine = Machine.from_source(PRELUDE + body + END, memory=memory, **setting(technique))
    machine.run(max_instructions=4000)
    begin = time.process_time()
    machine.run(max_instructions=steps)
    took = time.process_time() - begin
    assert machine.cycle == 4000 + steps, "it goes on for ever"
    return took


@cache
def cost_of_a_device() -> float:
    return min(cost(DEVICE, "bare", 4 << 20) for _ in range(TRIES))


@pytest.mark.slow
@pytest.mark.checked
@pytest.mark.parametrize("technique", [*UNDER, TRACED])
@pytest.mark.parametrize("storm", STORMS)
def test_a_step_costs_no_more_than_a_device(storm: str, technique: str) -> None:
    limit = FACTOR * cost_of_a_device()
    assert any(cost(STORMS[storm], technique, 4 << 20) < limit for _ in range(TRIES))


EVERY_PAGE = """
attack: li      s1, 0x80020000
        li      s2, 0x1000
        li      t1, 0x8067
1:      sw      t1, (s1)
        jalr    ra, (s1)
        add     s1, s1, s2
        j       1b
"""


def accesses(technique: str, memory: int) -> int:
    """Words that host and hart touch while some pages of data become code."""
    machine = Machine.from_source(PRELUDE + EVERY_PAGE + END, memory=memory, engine="python", **setting(technique))
    words = touched_words(machine)
    machine.run(max_instructions=130)
    assert machine.x["s1"] > 0x80020000 + 16 * 0x1000
    return words.count


@pytest.mark.parametrize("technique", ["bare", *UNDER, TRACED])
def test_work_does_not_depend_on_how_much_ram_a_guest_has(technique: str) -> None:
    """Each page is data first and then code, which techniques that watch code must notice in all tables."""
    assert accesses(technique, 1 << 20) == accesses(technique, 64 << 20) > 0
