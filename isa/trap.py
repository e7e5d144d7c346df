"""Traps: how a hart enters one, which interrupt it takes, and what an instruction may answer.

Functions here act on a hart record `h` (fields: `isa.hart`). They run as plain Python and compiled.
Sources: specification, volume II, 3.1.6 (mstatus), 3.1.8 (delegation), 3.1.9 (mip, mie), 3.1.15 (mcause).
"""

from trapline.isa.cause import CAUSE_CODE, INTERRUPT, MEI, MEIP, MSI, MSIP, MTI, MTIP, SEI, SEIP, SSI, SSIP, STI, STIP
from trapline.isa.mode import M, S
from trapline.isa.mstatus import MIE, MPIE, MPP, MPP_SHIFT, PIE_SHIFT, SIE, SPIE, SPP, SPP_SHIFT

NEXT = -1
"""Status of a system instruction: retired, go on at pc + 4."""
JUMPED = -2
"""Status of a system instruction: retired, `h.pc` is already the next address."""
WAIT = -3
"""Status of a system instruction: retired, idle until an enabled interrupt is pending, then pc + 4."""

VECTORED = 1
"""Field MODE of mtvec and stvec: interrupts go to BASE plus four times their code."""
TVEC_RESERVED = 2
"""Set in MODE by the modes that do not exist."""
TVEC_BASE = 0xFFFFFFFC

NO_INTERRUPT = -1


def trap_vector(tvec, cause):
    """Where a trap with this cause goes.

    "When MODE=Vectored, all synchronous exceptions into machine mode cause the pc to be set to the address in the
    BASE field, whereas interrupts cause the pc to be set to the address in the BASE field plus four times the
    interrupt cause number." (3.1.7)
    """
    if tvec & VECTORED and cause & INTERRUPT:
        return ((tvec & TVEC_BASE) + 4 * (cause & CAUSE_CODE)) & TVEC_BASE
    return tvec & TVEC_BASE


def take_trap(h, cause, tval):
    """Enter a trap taken at `h.pc`.

    "When a trap is delegated to S-mode, the scause register is written with the trap cause; the sepc
    register is written with the virtual address of the instruction that took the trap; the stval
    register is written with an exception-specific datum; the SPP field of mstatus is written with the
    active privilege mode at the time of the trap; the SPIE field of mstatus is written with the value of
    the SIE field at the time of the trap; and the SIE field of mstatus is cleared." (3.1.8)
    "Traps never transition from a more-privileged mode to a less-privileged mode." (3.1.8)
    """
    code = cause & CAUSE_CODE
    if cause & INTERRUPT:
        delegated = (h.mideleg >> code) & 1
    else:
        delegated = (h.medeleg >> code) & 1
    h.reservation = -1
    if delegated and h.mode < M:
        h.sepc = h.pc
        h.scause = cause
        h.stval = tval
        status = h.mstatus & ~(SPP | SPIE | SIE)
        h.mstatus = status | ((h.mstatus & SIE) << PIE_SHIFT) | (h.mode << SPP_SHIFT)
        h.mode = S
        h.pc = trap_vector(h.stvec, cause)
    else:
        h.mepc = h.pc
        h.mcause = cause
        h.mtval = tval
        status = h.mstatus & ~(MPP | MPIE | MIE)
        h.mstatus = status | ((h.mstatus & MIE) << PIE_SHIFT) | (h.mode << MPP_SHIFT)
        h.mode = M
        h.pc = trap_vector(h.mtvec, cause)


def pending_interrupt(h):
    """The cause of the interrupt to take before the next instruction, or NO_INTERRUPT.

    "An interrupt i will trap to M-mode (causing the privilege mode to change to M-mode) if all of the
    following are true: (a) either the current privilege mode is M and the MIE bit in the mstatus register
    is set, or the current privilege mode has less privilege than M-mode; (b) bit i is set in both mip and
    mie; and (c) if register mideleg exists, bit i is not set in mideleg." (3.1.9)
    "Multiple simultaneous interrupts destined for M-mode are handled in the following decreasing
    priority order: MEI, MSI, MTI, SEI, SSI, STI." (3.1.9)
    """
    pending = (h.mip | h.lines) & h.mie
    if pending == 0:
        return NO_INTERRUPT
    chosen = pending & ~h.mideleg
    if chosen == 0 or (h.mode == M and h.mstatus & MIE == 0):
        chosen = pending & h.mideleg
        if h.mode > S or (h.mode == S and h.mstatus & SIE == 0):
            chosen = 0
    if chosen & MEIP:
        return INTERRUPT | MEI
    if chosen & MSIP:
        return INTERRUPT | MSI
    if chosen & MTIP:
        return INTERRUPT | MTI
    if chosen & SEIP:
        return INTERRUPT | SEI
    if chosen & SSIP:
        return INTERRUPT | SSI
    if chosen & STIP:
        return INTERRUPT | STI
    return NO_INTERRUPT
