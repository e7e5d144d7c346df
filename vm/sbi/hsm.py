"""Hart state management (SBI 2.0, chapter 9), and the initial state of a hart in S mode."""

from trapline.isa.cause import ECALL_M, ECALL_S, EXCEPTIONS, SEIP, SSIP, STIP
from trapline.isa.environment import STCE, write_menvcfgh
from trapline.isa.hart import A0, A1
from trapline.isa.machine_csrs import CY, IR, TM
from trapline.isa.mode import S
from trapline.isa.mstatus import MPRV, SIE
from trapline.isa.pmp import A_SHIFT, NAPOT, PMP_R, PMP_W, PMP_X
from trapline.isa.trap import TVEC_BASE
from trapline.isa.word import MASK
from trapline.vm.core.records import HartRecord
from trapline.vm.sbi.errors import ALREADY_AVAILABLE, INVALID_ADDRESS, INVALID_PARAM, SbiRet, error, ok
from trapline.vm.sbi.platform import ALL_ONES, Platform

STARTED, STOPPED, SUSPENDED = 0, 1, 4
RETENTIVE, NON_RETENTIVE = 0x00000000, 0x80000000

DELEGATED_EXCEPTIONS = sum(1 << cause for cause in EXCEPTIONS.keys() - {ECALL_S, ECALL_M})
"""All but ecalls from S and M mode: OpenSBI forwards to S mode whatever it does not delegate."""
DELEGATED_INTERRUPTS = SSIP | STIP | SEIP
COUNTERS = CY | TM | IR
"""Counters that S mode may read."""
ALL_MEMORY = NAPOT << A_SHIFT | PMP_X | PMP_W | PMP_R
"""pmpcfg of an entry whose pmpaddr is all ones: it matches every address, and permits everything."""
SUSPENDED_WAIT = 2
"""`waiting` of a hart that suspended itself; 1 stands for `wfi`."""


def enter(h: HartRecord, address: int, opaque: int) -> None:
    """Start a hart in S mode at a physical address, as OpenSBI does.

    The specification requires satp = 0, sstatus.SIE = 0, the hart's number in a0 and `opaque` in a1; all other
    registers are undefined.
    """
    h.pc = address
    h.mode = S
    h.mstatus = h.mstatus & ~(SIE | MPRV)
    h.satp = 0
    h.stvec = address & TVEC_BASE
    h.sscratch = 0
    h.mie = 0
    h.mip = 0
    h.reservation = -1
    h.x[A0] = h.mhartid
    h.x[A1] = opaque
    h.waiting = 0
    h.stopped = 0
    h.stale = 1


def hand_over(h: HartRecord) -> None:
    """Set up a hart as M-mode firmware does: delegate traps and interrupts, open all that is there to S mode.

    That is memory, the counters, and stimecmp.
    """
    h.medeleg = DELEGATED_EXCEPTIONS
    h.mideleg = DELEGATED_INTERRUPTS
    h.mcounteren = COUNTERS
    write_menvcfgh(h, h.menvcfgh | STCE)
    h.pmpaddr[0] = MASK
    h.pmpcfg[0] = ALL_MEMORY
    h.stopped = 1


def state(h: HartRecord) -> int:
    """STARTED, STOPPED or SUSPENDED."""
    if h.stopped:
        return STOPPED
    return SUSPENDED if h.waiting == SUSPENDED_WAIT else STARTED


def start(platform: Platform, number: int, address: int, opaque: int) -> SbiRet:
    """sbi_hart_start."""
    if number >= len(platform.harts):
        return error(INVALID_PARAM)
    if not platform.harts[number].stopped:
        return error(ALREADY_AVAILABLE)
    if not _executable(platform, address):
        return error(INVALID_ADDRESS)
    platform.set_timer(number, ALL_ONES)
    enter(platform.harts[number], address, opaque)
    return ok()


def _executable(platform: Platform, address: int) -> bool:
    return address % 4 == 0 and platform.is_memory(address, 4)


def stop(h: HartRecord) -> SbiRet:
    """sbi_hart_stop: the hart does not execute until it is started again."""
    h.stopped = 1
    return ok()


def status(platform: Platform, number: int) -> SbiRet:
    """sbi_hart_get_status."""
    return ok(state(platform.harts[number])) if number < len(platform.harts) else error(INVALID_PARAM)


def suspend(platform: Platform, h: HartRecord, kind: int, address: int, opaque: int) -> SbiRet | None:
    """sbi_hart_suspend: wait until an interrupt that mie enables is pending. None: the hart resumes at `address`."""
    if kind not in (RETENTIVE, NON_RETENTIVE):
        return error(INVALID_PARAM)
    if kind == RETENTIVE:
        h.waiting = SUSPENDED_WAIT
        return ok()
    if not _executable(platform, address):
        return error(INVALID_ADDRESS)
    enabled, pending = h.mie, h.mip
    enter(h, address, opaque)
    h.mie, h.mip, h.waiting = enabled, pending, SUSPENDED_WAIT
    return None
