"""What a guest can make the hypervisor do between two looks at the clock is bounded, whatever the guest is.

Nothing is timed: in the plain-Python engine the words of RAM that are touched are counted from one look to the next.
"""

import pytest

from support.budget import PLAIN
from support.hypervisor.attacks import END, PRELUDE
from support.hypervisor.bare_and_virtual import TRACED, UNDER, setting
from support.hypervisor.touched_words import touched_words
from support.machines import difference, state
from trapline import Machine
from trapline.isa.sv32 import PAGE
from trapline.vm.core.work import NEW_STORE_PAGE, ROOM

STEPS, WORK = 1_000, 15_000
"""The budgets of the plain-Python engine, about."""
INDIVISIBLE = 16_384
"""Units of the dearest piece of work that is done in one go: shadow tables dropped, and 1,024 tables traced."""
TOUCHES = 4
"""Words touched for a unit of work, at most."""
TOUCHES_OF_A_STEP = 2

MANY_TABLES = """
attack: li      t0, 0x80400000
        li      t1, 0x20100401          # 1,024 lower tables
        li      t2, 1024
1:      sw      t1, 0(t0)
        addi    t0, t0, 4
        addi    t1, t1, 1024
        addi    t2, t2, -1
        bnez    t2, 1b
        li      t1, 0x80080400
        csrw    satp, t1
"""
STORMS = {
    "fences": f"{MANY_TABLES} 1: sfence.vma\n j 1b",
    "page-table bases": f"{MANY_TABLES} 1: csrw satp, t1\n j 1b",
    "PMP registers": f"{MANY_TABLES} 1: csrw pmpaddr3, t0\n addi t0, t0, 1\n j 1b",
    "stores to one entry of all": f"{MANY_TABLES} enter 1\n li t0, 0x80400000\n 1: sw t1, (t0)\n j 1b",
    "system calls": "attack: ecall\n j attack",
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
    "misaligned words": "attack: li t0, 0x80010ffe\n1: lw t1, (t0)\n sw t1, (t0)\n j 1b",
    "PMP within a page": """
attack: li      t0, 0x80010800 >> 2
        csrw    pmpaddr1, t0
        li      t0, 0x0800
        csrs    pmpcfg0, t0
        li      t0, 0x80010000
1:      lw      t1, (t0)
        sw      t1, 4(t0)
        j       1b
    """,
    "waiting": "attack: li t0, -1\n csrw mie, t0\n1: wfi\n j 1b",
}


BEGUN = 5_300
"""Steps after which each storm has begun."""
COUNTS = ("hidden_faults", "true_faults", "emulated", "direct_steps", "shadow_drops")


def looks(storm: str, technique: str, budget: int, number: int) -> list[tuple[int, int]]:
    """Steps, and words touched, in each of the first calls of the engine."""
    machine = Machine.from_source(PRELUDE + STORMS[storm] + END, memory=8 << 20, engine="python", **setting(technique))
    engine = machine.engine
    engine.m.work_budget = WORK
    words = touched_words(machine)
    found = []
    for _ in range(number):
        words.count = 0
        before = machine.cycle
        engine.run(budget)
        found.append((machine.cycle - before, words.count))
    return found


@pytest.mark.once
@pytest.mark.parametrize("technique", ["bare", "patch", "translate", TRACED])
@pytest.mark.parametrize("storm", STORMS)
def test_work_between_two_looks_is_bounded(storm: str, technique: str) -> None:
    for steps, touched in looks(storm, technique, STEPS, 4):
        assert touched <= TOUCHES * (WORK + INDIVISIBLE + ROOM) + TOUCHES_OF_A_STEP * steps


@pytest.mark.once
@pytest.mark.parametrize("storm", ["fences", "page-table bases", "PMP registers"])
def test_a_storm_comes_back_long_before_its_steps_are_done(storm: str) -> None:
    """As long as it costs so much: with the tables traced a step of it looks at 1,024 entries."""
    *_, (steps, _) = looks(storm, TRACED, 1_000_000, 12)
    assert 1 <= steps <= WORK // 1024


NEW_PAGES = f"""
attack: li      t0, 0x80020000
        li      t1, {PAGE}
1:      add     t0, t0, t1
        sw      t1, (t0)
        j       1b
"""


@pytest.mark.parametrize("technique", ["bare", "trap", "translate"])
def test_pages_that_the_host_has_to_find_memory_for_come_in_portions(technique: str) -> None:
    machine = Machine.from_source(PRELUDE + NEW_PAGES + END, memory=8 << 20, engine="python", **setting(technique))
    machine.run(max_instructions=BEGUN - 5_000)
    machine.engine.m.work_budget = WORK
    for _ in range(5):
        before = machine.x["t0"]
        machine.engine.run(1_000_000)
        assert PAGE <= machine.x["t0"] - before <= PAGE * -(-(WORK + ROOM) // NEW_STORE_PAGE)


@pytest.mark.parametrize("technique", ["bare", *(("trap", "translate") if PLAIN else UNDER), TRACED])
@pytest.mark.parametrize("storm", STORMS)
def test_how_often_a_run_comes_back_changes_nothing(storm: str, technique: str) -> None:
    """With next to no work allowed at a time each look finds a step or an exit done, and a limit is exact."""
    machines = []
    for budget in (1, 1 << 40):
        machine = Machine.from_source(PRELUDE + STORMS[storm] + END, memory=8 << 20, **setting(technique))
        machine.run(max_instructions=BEGUN)
        machine.engine.m.work_budget = budget
        for steps in (97, 1, 102):
            machine.run(max_instructions=steps)
        assert machine.cycle == BEGUN + 200
        machines.append(machine)
    assert difference(*(state(m) for m in machines)) == {}
    for one, other in zip(*(m.engine.real for m in machines), strict=True):
        assert list(one.exits) == list(other.exits)
        assert all(getattr(one, name) == getattr(other, name) for name in COUNTS)
