"""Resource control: whatever a guest does, only its own machine changes, and the host survives."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from support.budget import CHECKED, NIGHTLY, PLAIN
from support.hypervisor.attacks import ATTACKS, END, PRELUDE, SIZE
from support.hypervisor.attacks_devices import DEVICE_ATTACKS
from support.hypervisor.attacks_memory import MEMORY_ATTACKS
from support.hypervisor.bare_and_virtual import TRACED, UNDER, differences, setting, whole_state
from support.hypervisor.invariants import Guarded, broken_real_harts, broken_shadows, unbounded_work
from trapline import Machine
from trapline.asm import assemble_text
from trapline.vm.board.virtio.entropy import Entropy

ALL = ATTACKS | MEMORY_ATTACKS | DEVICE_ATTACKS
STEPS = 3_000 if PLAIN else 60_000
SLICES = 6
SECRET = 0x5EC2E75E
"""A word that fills the neighbour's RAM: an attacker must not end with it in its registers or RAM."""
TECHNIQUES = (*UNDER, TRACED)
SHARE = 1 if NIGHTLY else 4 if PLAIN else 2
"""A pass tries each attack under one technique in so many, each technique with as many attacks."""
TURN = 1 if CHECKED and not NIGHTLY else 0
"""The pass with bounds checks tries those that the first leaves out."""
TRIED = [
    (name, technique) for i, name in enumerate(ALL) for j, technique in enumerate(TECHNIQUES) if (i + j) % SHARE == TURN
]
FEATURES = {"uflags and mleak": "rv32ima_xpopf"}


@cache
def program(name: str) -> Any:
    return assemble_text(PRELUDE + ALL[name] + END, name=name, text_base=0x80000000)


def load(machine: Machine, name: str) -> Machine:
    image = program(name)
    for vaddr, data, memsz, _flags in image.segments:
        machine.write(vaddr, data + bytes(memsz - len(data)))
    machine.pc = image.entry
    machine.symbols = dict(image.symbols)
    machine._watch_tohost()
    assert machine.board is not None
    machine.board.plug(Entropy(lambda count: bytes(range(256))[:count].ljust(count, b"\x77")))
    return machine


NEIGHBOUR = """
_start: li      t0, 0x80001000
        li      t1, 0x80010000
        li      t2, 0x5ec2e75e
1:      sw      t2, (t0)
        addi    t0, t0, 4
        bne     t0, t1, 1b
2:      rdcycle t3
        rdtime  t3
        csrw    mscratch, t3
        addi    t4, t4, 1
        j       2b
"""


def neighbour(technique: str) -> Machine:
    return Machine.from_source(NEIGHBOUR, memory=0x10000, **setting(technique))


@cache
def undisturbed(technique: str) -> dict[str, Any]:
    """How the neighbour ends alone."""
    machine = neighbour(technique)
    for _ in range(SLICES):
        machine.run(max_instructions=STEPS // SLICES)
    return whole_state(machine)


@cache
def bare_end(name: str) -> dict[str, Any]:
    machine = load(Machine(memory=SIZE, isa=FEATURES.get(name, "rv32ima")), name)
    for _ in range(SLICES):
        machine.run(max_instructions=STEPS // SLICES)
    return whole_state(machine)


@pytest.mark.parametrize("name, technique", TRIED)
def test_attack(name: str, technique: str) -> None:
    guarded = Guarded(memory=SIZE, isa=FEATURES.get(name, "rv32ima"), **setting(technique))
    attacker, other = load(guarded.machine, name), neighbour(technique)
    for _ in range(SLICES):
        before = attacker.cycle
        attacker.run(max_instructions=STEPS // SLICES)
        assert attacker.cycle - before <= STEPS // SLICES
        other.run(max_instructions=STEPS // SLICES)
        assert broken_shadows(attacker) == []
        assert broken_real_harts(attacker) == []
        assert unbounded_work(attacker) == []
    assert guarded.intact()
    assert differences(undisturbed(technique), whole_state(other)) == {}
    assert SECRET not in attacker.ram.view(np.uint32) and SECRET not in list(attacker.x)
    assert differences(bare_end(name), whole_state(attacker)) == {}


def test_there_are_as_many_as_the_specification_says() -> None:
    assert len(ALL) == 66
