"""What a hart counts: steps, ticks and traps. Runs compiled and as plain Python (see `vm.codegen.engine_text`)."""

from trapline.vm.core.hart import TRAP_COUNTS

FOREVER = 0x7FFFFFFFFFFFFFFF
"""No deadline. Also the greatest mtime: its top bit is always 0."""
MTIME_HIGH = FOREVER >> 32

STEPS_PER_TICK = 100


def count_trap(h, index):
    """Count a taken trap: its cause, or INTERRUPT_COUNTS + code for an interrupt."""
    h.trap_counts[index & (TRAP_COUNTS - 1)] = h.trap_counts[index & (TRAP_COUNTS - 1)] + 1


def synchronize(h, m, cycle):
    """Bring the counters up to date before something may look at them."""
    h.cycle = cycle
    h.instret = cycle - h.unretired
    h.mtime = (m.time_base + (cycle + h.idled) // STEPS_PER_TICK) & FOREVER
