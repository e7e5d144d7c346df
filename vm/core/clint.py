"""The CLINT: software interrupts, the timer's deadlines and the time, served by the engine itself.

These functions run compiled and as plain Python (see `vm.codegen.engine_text`).
"""

from trapline.vm.core.counters import as_field
from trapline.vm.core.hart import HART_BITS
from trapline.vm.core.status import RESLICE

CLINT = 0x2000000
CLINT_SIZE = 0xC000
MTIMECMP = 0x4000
MTIME = 0xBFF8
"""Offsets of its registers; msip is at 0."""
HIGH_WORD = 4
"""The bit of an offset that chooses the high word of a register of 64 bits."""


def clint_load(h, m, register):
    """One 32-bit CLINT register: msip, mtimecmp and mtime (SiFive CLINT layout); 0 for what is not there."""
    if register < 4 * m.harts:
        return m.msip[register >> 2]
    if MTIMECMP <= register and register < MTIMECMP + 8 * m.harts:
        if register & HIGH_WORD:
            return m.mtimecmp_high[(register >> 3) & HART_BITS]
        return m.mtimecmp_low[(register >> 3) & HART_BITS]
    if register == MTIME:
        return h.mtime & 0xFFFFFFFF
    if register == MTIME + 4:
        return (h.mtime >> 32) & 0xFFFFFFFF
    return 0


def clint_store(h, m, register, value):
    """Write one 32-bit CLINT register. Lines follow when the hart that they belong to has its turn."""
    if register < 4 * m.harts:
        m.msip[register >> 2] = value & 1
    elif MTIMECMP <= register and register < MTIMECMP + 8 * m.harts:
        if register & HIGH_WORD:
            m.mtimecmp_high[(register >> 3) & HART_BITS] = value
        else:
            m.mtimecmp_low[(register >> 3) & HART_BITS] = value
    elif register == MTIME:
        m.time_base = as_field(m.time_base + value - (h.mtime & 0xFFFFFFFF))
    elif register == MTIME + 4:
        high = value - ((h.mtime >> 32) & 0xFFFFFFFF)
        m.time_base = as_field(m.time_base + (high << 32))
    return RESLICE
