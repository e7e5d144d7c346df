"""A reset that the guest asks for: harts and devices are as at power-on, everything else goes on.

RAM stays, as on QEMU's `virt` board: what was booted is loaded again over it by whoever starts the machine. What counts
steps goes on too, so that limits end a loop of reboots; the guest reads its counters and mtime from zero on.
A hypervisor's tables need nothing: translations are dropped, and pages of RAM are what they were.
"""

from trapline.isa.cause import MTIP
from trapline.isa.environment import reset_menvcfgh
from trapline.isa.hart import FIELDS, RESET
from trapline.vm.core.counters import STEPS_PER_TICK, as_field
from trapline.vm.core.hart import SLICE
from trapline.vm.core.records import MAX_HARTS, HartRecord
from trapline.vm.exits.served_machine import ServedMachine

KEPT = ("cycle", "instret", "mhartid", "misa", "extensions")
"""Fields of `isa.hart` that a reset leaves: what a hart is, and what has been counted."""


def reset(machine: ServedMachine) -> None:
    """Bring the machine's harts and devices into their state at power-on."""
    m, harts = machine.engine.m, machine.engine.h
    # All clocks stand at one whole tick, from which mtime is counted again.
    clock = -(-max(h.cycle + h.idled for h in harts) // STEPS_PER_TICK) * STEPS_PER_TICK
    m.time_base = -(clock // STEPS_PER_TICK)
    for h in harts:
        _reset_hart(h)
        h.idled = clock - h.cycle
    for number in range(MAX_HARTS):
        m.msip[number] = m.mtimecmp_low[number] = m.mtimecmp_high[number] = 0
    m.current, m.slice_left, m.asleep = 0, SLICE, 0
    if machine.board is not None:
        machine.board.reset()


def _reset_hart(h: HartRecord) -> None:
    for name, words in FIELDS:
        if words > 1:
            array = getattr(h, name)
            for index in range(words):
                array[index] = 0
        elif name not in KEPT:
            setattr(h, name, RESET.get(name, 0))
    h.menvcfgh = reset_menvcfgh(h.extensions)
    h.mcycle = as_field(-h.cycle)
    h.minstret = as_field(h.unretired - h.cycle)
    h.waiting = h.stopped = 0
    h.timer_line = MTIP
