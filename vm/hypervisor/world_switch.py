"""The world switch: what the real hart gets of the virtual one before the guest runs, and gives back after it.

`v` is a virtual hart, `h` the real one that runs for it, `m` and `r` the records of the virtual and the real machine.
Compiled and plain Python run the same text (`vm.codegen.engine_text`).
"""

from collections.abc import Callable

from trapline.isa.cause import FETCH_PAGE, ILLEGAL, LOAD_PAGE, STORE_PAGE
from trapline.isa.extension import XLEAK
from trapline.isa.mode import M, U
from trapline.isa.mstatus import TVM, TW
from trapline.isa.table import INSTRUCTIONS
from trapline.isa.xleak import ALL_HOLES, INTERCEPT_SHIFT
from trapline.vm.core.hart import TRAP_COUNTS
from trapline.vm.hypervisor.technique import ASSIST

copy_supervisor: Callable[..., None]
"""Generated (`vm.codegen.emit`) from the declarations of the S-level CSRs, so nothing is bound here."""

REPLACED = frozenset({"satp", "page tables", "PMP"})
"""State that a real hart has of the hypervisor even while virtual S mode has the real one."""

INTERCEPTED = sum(
    1 << XLEAK.index(i.extension) for i in INSTRUCTIONS if i.extension in XLEAK and REPLACED & {*i.reads, *i.writes}
)
"""The holes, as bits of mleak, that would find `REPLACED` state there; the others find the guest's own."""

ALL_EXCEPTIONS = 0xFFFF
"""A bit for each cause, as in medeleg."""

HELD = 1 << ILLEGAL | 1 << FETCH_PAGE | 1 << LOAD_PAGE | 1 << STORE_PAGE
"""Exceptions that the hypervisor looks at first: page faults may be hidden, illegal instructions emulated."""

UNDELEGATED = TVM | TW
"""What real S mode may not do by itself: change or flush the translation, and wait.

It returns from traps by itself (TSR is as the guest has it): sret finds nothing but the guest's own state.
"""


def enter_guest(v, h, m, r):
    """World switch to the guest: the real hart gets what a program can see of the virtual one."""
    for i in range(1, 32):
        h.x[i] = v.x[i]
    h.pc = v.pc
    h.uflags = v.uflags
    h.reservation = v.reservation
    if m.technique == ASSIST:
        enter_with_assist(v, h, m, r)
    else:
        h.mleak = m.real_mleak | (v.mleak if v.mode == U else 0)


def leave_guest(v, h, m):
    """World switch back: what the guest has computed belongs to the virtual hart; `h.cycle` are the steps it took."""
    for i in range(1, 32):
        v.x[i] = h.x[i]
    v.pc = h.pc
    v.uflags = h.uflags
    v.reservation = h.reservation
    v.cycle = v.cycle + h.cycle
    if m.technique == ASSIST and v.mode < M:
        leave_supervisor(v, h)


def enter_with_assist(v, h, m, r):
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
    copy_supervisor(v, h)  # noqa: F821  (generated)


def leave_supervisor(v, h):
    """What S mode has done to its CSRs, and the traps that the real hart took to it."""
    v.mode = h.mode
    v.mstatus = (h.mstatus & ~UNDELEGATED) | (v.mstatus & UNDELEGATED)
    v.mie = (v.mie & ~v.mideleg) | h.mie
    v.mip = h.mip
    v.unretired = v.unretired + h.unretired
    copy_supervisor(h, v)  # noqa: F821  (generated)
    for i in range(TRAP_COUNTS):
        v.trap_counts[i] = v.trap_counts[i] + h.trap_counts[i]
        h.trap_counts[i] = 0
