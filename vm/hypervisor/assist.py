"""Assist: virtual S mode has the real S mode, with the guest's own S-level CSRs, SUM and MXR.

Compiled and plain Python run the same text (`vm.codegen.engine_text`); names are those of `vm.hypervisor.shadow`.
"""

from trapline.isa.cause import ALL_EXCEPTIONS, FETCH_PAGE, ILLEGAL, LOAD_PAGE, STORE_PAGE
from trapline.isa.extension import XLEAK
from trapline.isa.mode import M, U
from trapline.isa.mstatus import TVM, TW
from trapline.isa.sv32 import PTE_D, PTE_LEAF, PTE_R, PTE_U, PTE_W, PTE_X, SATP_SV32
from trapline.isa.table import INSTRUCTIONS
from trapline.isa.xleak import ALL_HOLES, INTERCEPT_SHIFT
from trapline.vm.core.access_type import FETCH, LOAD, STORE
from trapline.vm.core.hart import TRAP_COUNTS
from trapline.vm.core.pmp_check import pmp_allows
from trapline.vm.hypervisor.generated import copy_supervisor
from trapline.vm.hypervisor.guest_tables import guest_permissions

REPLACED = frozenset({"satp", "page tables", "PMP"})
"""State that a real hart has of the hypervisor even while virtual S mode has the real one."""

INTERCEPTED = sum(
    1 << XLEAK.index(i.extension) for i in INSTRUCTIONS if i.extension in XLEAK and REPLACED & {*i.reads, *i.writes}
)
"""The holes, as bits of mleak, that would find `REPLACED` state there; the others find the guest's own."""

HELD = 1 << ILLEGAL | 1 << FETCH_PAGE | 1 << LOAD_PAGE | 1 << STORE_PAGE
"""Exceptions that the hypervisor looks at first: page faults may be hidden, illegal instructions emulated."""

UNDELEGATED = TVM | TW
"""What real S mode may not do by itself: change or flush the translation, and wait.

It returns from traps by itself (TSR is as the guest has it): sret finds nothing but the guest's own state.
"""


def permissions(v, pte, cfg):
    """Below M mode those of the guest's entry, as the real hart has the mode, SUM and MXR of the virtual one.

    Real MXR would make a page readable that PMP, which it does not touch, lets be executed only: no X for that.
    """
    if v.mode == M:
        return guest_permissions(v, pte, cfg)
    allowed = PTE_LEAF | (PTE_U if v.mode == U else 0)
    if v.satp & SATP_SV32:
        allowed = pte & (PTE_U | PTE_LEAF if pte & PTE_D else PTE_U | PTE_X | PTE_R)
    if not pmp_allows(cfg, LOAD, v.mode):
        allowed = allowed & ~(PTE_X | PTE_R)
    if not pmp_allows(cfg, STORE, v.mode):
        allowed = allowed & ~PTE_W
    if not pmp_allows(cfg, FETCH, v.mode):
        allowed = allowed & ~PTE_X
    return allowed


def enter(v, h, m, r):
    """Virtual S and U mode get the real ones, S mode its CSRs too; virtual M mode gets real U mode, all intercepted."""
    if v.mode == M:
        h.mode = U
        h.mstatus = 0
        h.mie = 0
        h.mleak = ALL_HOLES
        r.host_traps = ALL_EXCEPTIONS
        return
    h.mode = v.mode
    h.mstatus = v.mstatus | UNDELEGATED
    h.medeleg = v.medeleg
    h.mideleg = v.mideleg
    # What is not delegated has been taken before: it cannot become enabled below M mode.
    h.mie = v.mie & v.mideleg
    h.mip = v.mip
    h.lines = v.lines
    h.mleak = v.mleak | INTERCEPTED | (INTERCEPTED << INTERCEPT_SHIFT)
    h.unretired = 0
    r.host_traps = m.host_traps | HELD | (ALL_EXCEPTIONS & ~v.medeleg)
    copy_supervisor(v, h)


def leave(v, h, m):
    """What S mode has done to its CSRs, and the traps that the real hart took to it."""
    if v.mode == M:
        return
    v.mode = h.mode
    v.mstatus = (h.mstatus & ~UNDELEGATED) | (v.mstatus & UNDELEGATED)
    v.mie = (v.mie & ~v.mideleg) | h.mie
    v.mip = h.mip
    v.unretired = v.unretired + h.unretired
    copy_supervisor(h, v)
    for i in range(TRAP_COUNTS):
        v.trap_counts[i] = v.trap_counts[i] + h.trap_counts[i]
        h.trap_counts[i] = 0
