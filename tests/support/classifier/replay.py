"""Checks a model of the proof: puts a machine into its states and executes the instruction there."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from trapline.isa.mode import MODE_BITS, M, U
from trapline.isa.mstatus import MPP_SHIFT, MPRV
from trapline.isa.sv32 import (
    PAGE_SHIFT,
    PAGE_WORDS,
    PTE_A,
    PTE_D,
    PTE_PPN_SHIFT,
    PTE_R,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
    SATP_PPN,
    SATP_SV32,
)
from trapline.vm.classifier.definitions.questions import MEMORY_TRAPS, Kind, Question
from trapline.vm.classifier.definitions.state_parts import (
    CONFIGURATION_FIELDS,
    CONSTANT_FIELDS,
    DERIVED_FIELDS,
    RELOCATION_FIELDS,
)
from trapline.vm.classifier.proof.abstract_machine import ALL_CAUSES
from trapline.vm.classifier.proof.any_state import ENGINE_FIELDS
from trapline.vm.classifier.proof.model import DATA, OWN_ENTRY, RAM_SIZE, Model, ModelState
from trapline.vm.core.access import RAM_BASE
from trapline.vm.core.counters import STEPS_PER_TICK, as_field
from trapline.vm.core.status import FOR_THE_HOST
from trapline.vm.machine import Machine

_RAM_PAGE = RAM_BASE >> PAGE_SHIFT
_LEAF = PTE_D | PTE_A | PTE_X | PTE_W | PTE_R | PTE_V


@dataclass(frozen=True)
class After:
    """The result of one step: the cause if it trapped, what the program can see, and the control state that changed."""

    cause: int | None
    visible: dict[str, Any]
    changes: dict[str, Any]


def machine_in(state: ModelState, word: int, isa: str) -> Machine:
    """A machine in this state about to execute `word`, on the plain Python engine."""
    machine = Machine(isa=isa, memory=RAM_SIZE, engine="python", board=False)
    h, m = machine.engine.h[0], machine.engine.m
    for name, value in state.fields.items():
        if isinstance(value, list):
            for i, element in enumerate(value):
                getattr(h, name)[i] = element
        elif name not in (*CONSTANT_FIELDS, *DERIVED_FIELDS, *ENGINE_FIELDS):
            setattr(h, name, value)
    for number, value in enumerate(state.x):
        h.x[number] = value
    # The machine derives mtime and instret from its cycles.
    m.time_base = as_field(h.mtime - h.cycle // STEPS_PER_TICK)
    h.unretired = h.cycle - h.instret
    h.stale = 1
    for index, entry in state.tables.items():
        _put(machine, index, entry)
    if h.satp & SATP_SV32:
        root = (h.satp & SATP_PPN) - _RAM_PAGE
        _put(machine, root * PAGE_WORDS + OWN_ENTRY, (_RAM_PAGE + root + 1) << PTE_PPN_SHIFT | PTE_V)
        accessing = (h.mstatus >> MPP_SHIFT) & MODE_BITS if h.mode == M and h.mstatus & MPRV else h.mode
        for page, mode in ((0, h.mode), (DATA, accessing)):
            leaf = (_RAM_PAGE + page) << PTE_PPN_SHIFT | _LEAF
            _put(machine, (root + 1) * PAGE_WORDS + page, leaf | (PTE_U if mode == U else 0))
    for vaddr, byte in state.memory.items():
        machine.ram[vaddr - RAM_BASE] = byte
    _put(machine, (h.pc - RAM_BASE) >> 2, word)
    m.host_traps = ALL_CAUSES
    return machine


def _put(machine: Machine, index: int, word: int) -> None:
    machine.ram.data[4 * index : 4 * index + 4] = word.to_bytes(4, "little")


def step(machine: Machine) -> After:
    """Execute one instruction."""
    h = machine.engine.h[0]
    before = _control(machine)
    ram = machine.ram.copy()
    # `generation` counts drops of cached translations; setting the state causes the first.
    h.generation = 0
    status = machine.engine.run(1)
    after = _control(machine) | {"waiting": bool(h.waiting), "dropped": h.generation > 1 or h.stale == 1}
    before |= {"waiting": False, "dropped": False}
    memory = {int(i): int(machine.ram[i]) for i in np.flatnonzero(ram != machine.ram)}
    visible = {"x": tuple(h.x), "pc": h.pc, "uflags": h.uflags, "reservation": h.reservation, "memory": memory}
    changes = {name: value for name, value in after.items() if value != before[name]}
    return After(machine.engine.m.exit_cause if status == FOR_THE_HOST else None, visible, changes)


def _control(machine: Machine) -> dict[str, Any]:
    h = machine.engine.h[0]
    names = ("mode", *RELOCATION_FIELDS, *CONFIGURATION_FIELDS)
    values = {name: getattr(h, name) for name in names}
    return {name: value if isinstance(value, int) else tuple(value) for name, value in values.items()}


def confirms(question: Question, model: Model, isa: str) -> bool:
    """Whether the machine in the states of the model also answers the question with yes."""
    runs = [step(machine_in(state, model.word, isa)) for state in model.states]
    first, last = runs[0], runs[-1]
    if question.kind is Kind.TRAPS:
        return first.cause is not None and first.cause not in MEMORY_TRAPS
    if any(run.cause is not None for run in runs):
        return False
    if question.kind is Kind.EXECUTES:
        return True
    if question.kind is Kind.CONTROL:
        return bool(first.changes)
    return first.visible != last.visible or (question.kind is Kind.MODE and first.changes != last.changes)
