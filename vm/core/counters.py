"""What a hart counts: steps, ticks and traps. Runs compiled and as plain Python (see `vm.codegen.engine_text`)."""

from trapline.isa.word import s32, u32
from trapline.vm.core.hart import TRAP_COUNTS
from trapline.vm.core.ints import I64, U64

FOREVER = 0x7FFFFFFFFFFFFFFF
"""Ticks to a deadline that is further away than any run: 29,000 years."""

STEPS_PER_TICK = 100


def as_field(value):
    """The low 64 bits of an unsigned number, as a field of a record holds them: in two's complement."""
    return (s32(value >> 32) << 32) + u32(value)


def count_trap(h, index):
    """Count a taken trap: its cause, or INTERRUPT_COUNTS + code for an interrupt."""
    h.trap_counts[index & (TRAP_COUNTS - 1)] = h.trap_counts[index & (TRAP_COUNTS - 1)] + 1


def synchronize(h, m, cycle):
    """Bring the counters up to date before something may look at them."""
    h.cycle = cycle
    h.instret = cycle - h.unretired
    h.mtime = as_field(m.time_base + I64(U64(cycle + h.idled) // U64(STEPS_PER_TICK)))
