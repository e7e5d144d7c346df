"""The privileged instructions, and those that trap on purpose: ecall and ebreak.

A system instruction's meaning takes the hart record and returns a status of `isa.trap` or the code of
the exception that it raises.
"""

from functools import partial

from trapline.isa.cause import BREAKPOINT, ECALL_M, ECALL_S, ECALL_U, ILLEGAL
from trapline.isa.instruction import Kind, declare
from trapline.isa.mode import MODE_BITS, M, S
from trapline.isa.mstatus import MIE, MPIE, MPP, MPP_SHIFT, MPRV, PIE_SHIFT, SIE, SPIE, SPP, SPP_SHIFT, TSR, TVM, TW
from trapline.isa.trap import JUMPED, NEXT, WAIT

system = partial(declare, Kind.SYSTEM, extension="i")


@system(
    "000000000000 00000 000 00000 1110011", "", "Unpriv 2.8, Priv 3.3.1",
    reads=("mode",),
    causes=(ECALL_U, ECALL_S, ECALL_M),
)  # fmt: skip
def ecall(h):
    """Request a service of the execution environment: trap with a cause that names the mode."""
    return ECALL_U + h.mode


@system("000000000001 00000 000 00000 1110011", "", "Unpriv 2.8, Priv 3.3.1", causes=(BREAKPOINT,))
def ebreak(h):
    """Trap to the debugger."""
    return BREAKPOINT


@system(
    "0011000 00010 00000 000 00000 1110011", "", "Priv 3.3.2",
    privilege="M",
    reads=("mode", "mstatus.MPP", "mstatus.MPIE", "mepc"),
    writes=("mode", "pc", "mstatus.MIE", "mstatus.MPIE", "mstatus.MPP", "mstatus.MPRV", "reservation"),
    causes=(ILLEGAL,),
)  # fmt: skip
def mret(h):
    """Return from a trap taken to M mode.

    "When executing an xRET instruction, supposing xPP holds the value y, xIE is set to xPIE; the
    privilege mode is changed to y; xPIE is set to 1; and xPP is set to the least-privileged supported
    mode (U if U-mode is implemented, else M). If y≠M, xRET also sets MPRV=0." (3.1.6.1)
    """
    if h.mode < M:
        return ILLEGAL
    mpp = (h.mstatus >> MPP_SHIFT) & MODE_BITS
    status = (h.mstatus & ~(MPP | MIE)) | ((h.mstatus >> PIE_SHIFT) & MIE) | MPIE
    if mpp != M:
        status = status & ~MPRV
    h.mstatus = status
    h.mode = mpp
    h.reservation = -1
    h.pc = h.mepc
    return JUMPED


@system(
    "0001000 00010 00000 000 00000 1110011", "", "Priv 3.3.2",
    privilege="S",
    reads=("mode", "mstatus.SPP", "mstatus.SPIE", "mstatus.TSR", "sepc"),
    writes=("mode", "pc", "mstatus.SIE", "mstatus.SPIE", "mstatus.SPP", "mstatus.MPRV", "reservation"),
    causes=(ILLEGAL,),
)  # fmt: skip
def sret(h):
    """Return from a trap taken to S mode.

    "When TSR=1, attempts to execute SRET while executing in S-mode will raise an illegal-instruction
    exception." (3.1.6.5)
    """
    if h.mode < S or (h.mode == S and h.mstatus & TSR):
        return ILLEGAL
    spp = (h.mstatus >> SPP_SHIFT) & 1
    h.mstatus = (h.mstatus & ~(MPRV | SPP | SIE)) | ((h.mstatus >> PIE_SHIFT) & SIE) | SPIE
    h.mode = spp
    h.reservation = -1
    h.pc = h.sepc
    return JUMPED


@system(
    "0001000 00101 00000 000 00000 1110011", "", "Priv 3.3.3",
    privilege="S",
    reads=("mode", "mstatus.TW", "mip", "mie"),
    causes=(ILLEGAL,),
)  # fmt: skip
def wfi(h):
    """Idle until an interrupt that mie enables is pending, whatever the global enable bits say.

    "When S-mode is implemented, then executing WFI in U-mode causes an illegal-instruction exception,
    unless it completes within an implementation-specific, bounded time limit." (3.1.6.5)
    The bound is zero here, with TW and without.
    """
    if h.mode < S or (h.mode == S and h.mstatus & TW):
        return ILLEGAL
    return WAIT


@system(
    "0001001 rs2 rs1 000 00000 1110011", "rs1, rs2", "Priv 10.2.1",
    privilege="S",
    reads=("mode", "mstatus.TVM"),
    writes=("address-translation caches",),
    causes=(ILLEGAL,),
)  # fmt: skip
def sfence_vma(h):
    """Order page-table writes before later translations.

    Narrowing by address (rs1) or ASID (rs2) is a permission to flush less; everything is flushed.
    """
    if h.mode < S or (h.mode == S and h.mstatus & TVM):
        return ILLEGAL
    h.stale = 1
    return NEXT
