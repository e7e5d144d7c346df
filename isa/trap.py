"""Traps: how a hart enters one, which interrupt it takes, and what an instruction may answer.

Functions here act on a hart record `h` (fields: `isa.hart`). They run as plain Python and compiled.
Sources: specification, volume II, 3.1.6 (mstatus), 3.1.8 (delegation), 3.1.9 (mip, mie), 3.1.15 (mcause).
"""

U = 0
S = 1
M = 3

MODE_NAMES = {U: "U", S: "S", M: "M"}
"""The letter of each privilege mode, in ascending order of privilege."""

NEXT = -1
"""Status of a system instruction: retired, go on at pc + 4."""
JUMPED = -2
"""Status of a system instruction: retired, `h.pc` is already the next address."""
WAIT = -3
"""Status of a system instruction: retired, idle until an enabled interrupt is pending, then pc + 4."""

SIE = 1 << 1
MIE = 1 << 3
SPIE = 1 << 5
MPIE = 1 << 7
SPP = 1 << 8
MPP = 3 << 11
MPRV = 1 << 17
SUM = 1 << 18
MXR = 1 << 19
TVM = 1 << 20
TW = 1 << 21
TSR = 1 << 22


def trap_vector(tvec, cause):
    """Where a trap with this cause goes.

    "When MODE=Vectored, all synchronous exceptions into machine mode cause the pc to be set to the address in the
    BASE field, whereas interrupts cause the pc to be set to the address in the BASE field plus four times the
    interrupt cause number." (3.1.7)
    """
    if tvec & 1 and cause & 0x80000000:
        return ((tvec & 0xFFFFFFFC) + 4 * (cause & 31)) & 0xFFFFFFFC
    return tvec & 0xFFFFFFFC


def take_trap(h, cause, tval):
    """Enter a trap taken at `h.pc`.

    "When a trap is delegated to S-mode, the scause register is written with the trap cause; the sepc
    register is written with the virtual address of the instruction that took the trap; the stval
    register is written with an exception-specific datum; the SPP field of mstatus is written with the
    active privilege mode at the time of the trap; the SPIE field of mstatus is written with the value of
    the SIE field at the time of the trap; and the SIE field of mstatus is cleared." (3.1.8)
    "Traps never transition from a more-privileged mode to a less-privileged mode." (3.1.8)
    """
    code = cause & 31
    if cause & 0x80000000:
        delegated = (h.mideleg >> code) & 1
    else:
        delegated = (h.medeleg >> code) & 1
    h.reservation = -1
    if delegated and h.mode < M:
        h.sepc = h.pc
        h.scause = cause
        h.stval = tval
        status = h.mstatus & ~(SPP | SPIE | SIE)
        h.mstatus = status | ((h.mstatus & SIE) << 4) | (h.mode << 8)
        h.mode = S
        h.pc = trap_vector(h.stvec, cause)
    else:
        h.mepc = h.pc
        h.mcause = cause
        h.mtval = tval
        status = h.mstatus & ~(MPP | MPIE | MIE)
        h.mstatus = status | ((h.mstatus & MIE) << 4) | (h.mode << 11)
        h.mode = M
        h.pc = trap_vector(h.mtvec, cause)


def pending_interrupt(h):
    """The cause of the interrupt to take before the next instruction, or -1.

    "An interrupt i will trap to M-mode (causing the privilege mode to change to M-mode) if all of the
    following are true: (a) either the current privilege mode is M and the MIE bit in the mstatus register
    is set, or the current privilege mode has less privilege than M-mode; (b) bit i is set in both mip and
    mie; and (c) if register mideleg exists, bit i is not set in mideleg." (3.1.9)
    "Multiple simultaneous interrupts destined for M-mode are handled in the following decreasing
    priority order: MEI, MSI, MTI, SEI, SSI, STI." (3.1.9)
    """
    pending = (h.mip | h.lines) & h.mie
    if pending == 0:
        return -1
    chosen = pending & ~h.mideleg
    if chosen == 0 or (h.mode == M and h.mstatus & MIE == 0):
        chosen = pending & h.mideleg
        if h.mode > S or (h.mode == S and h.mstatus & SIE == 0):
            chosen = 0
    if chosen & 0x800:
        return 0x80000000 | 11
    if chosen & 0x8:
        return 0x80000000 | 3
    if chosen & 0x80:
        return 0x80000000 | 7
    if chosen & 0x200:
        return 0x80000000 | 9
    if chosen & 0x2:
        return 0x80000000 | 1
    if chosen & 0x20:
        return 0x80000000 | 5
    return -1
