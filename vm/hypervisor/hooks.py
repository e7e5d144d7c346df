"""The hooks: all in which the techniques differ, a function each.

A technique is a number (`vm.hypervisor.technique`) and what it does at these hooks. What it does is in a file of its
own: `assist`, `patcher`, `hypercalls` (paravirt), `translator`; those without one do what is left.
Compiled and plain Python run the same text (`vm.codegen.engine_text`); names are those of `vm.hypervisor.shadow`.
"""

from trapline.isa.cause import ILLEGAL
from trapline.isa.mode import M, U
from trapline.isa.mstatus import MPRV
from trapline.isa.sv32 import PAGE_SHIFT, PTE_A, PTE_D, PTE_PPN_SHIFT, PTE_V
from trapline.vm.core.access_type import FETCH
from trapline.vm.core.execute import execute
from trapline.vm.core.status import FOR_THE_HOST, LIMIT
from trapline.vm.hypervisor.assist import enter_supervisor, leave_supervisor, supervisor_permissions
from trapline.vm.hypervisor.events import ANSWER, TRANSLATED
from trapline.vm.hypervisor.guest_tables import guest_permissions
from trapline.vm.hypervisor.paravirt import hypercall, is_hypercall
from trapline.vm.hypervisor.patch import after_patched_stores, execute_original, patched_permissions
from trapline.vm.hypervisor.technique import ASSIST, HYBRID, INTERPRET, PARAVIRT, PATCH, TRANSLATE, TRAP
from trapline.vm.hypervisor.translate import (
    UNTRANSLATED,
    data_permissions,
    executable_entry,
    forget_words,
    translate_block,
)


def interprets_all(m):
    """Whether nothing ever runs directly, so that the run loop of the bare machine can do it."""
    return m.technique == INTERPRET


def runs_directly(v, m):
    """Whether the real hart executes what the virtual one is about to.

    Under MPRV loads and fetches of one mode go through different translations, which no single root offers.
    """
    if m.technique == HYBRID:
        return v.mode == U
    return m.technique >= TRAP and not (v.mode == M and v.mstatus & MPRV)


def has_real_supervisor(m):
    """Whether virtual S mode has the real S mode, whose SUM and MXR then do their own work."""
    return m.technique == ASSIST


def enter(v, h, m, r):
    """Load the virtual hart's control state into the real hart, as far as the technique needs it."""
    if m.technique == ASSIST:
        enter_supervisor(v, h, m, r)
    else:
        h.mleak = m.real_mleak | (v.mleak if v.mode == U else 0)


def leave(v, h, m):
    """Store the real hart's control state back into the virtual hart, as far as the guest may have changed it."""
    if m.technique == ASSIST and v.mode < M:
        leave_supervisor(v, h)


def on_exit(v, h, m, r, ram8, ram32, code, page):
    """Serve a trap out of the guest that is the technique's own, as `execute` answers; FOR_THE_HOST if it is not."""
    if m.technique == PARAVIRT and is_hypercall(v, r.exit_cause):
        r.hypercalls = r.hypercalls + 1
        r.routine = ANSWER
        return hypercall(v, h, m, r, ram8, ram32, code, page)
    if m.technique == TRANSLATE and r.exit_cause == ILLEGAL and r.exit_tval == UNTRANSLATED:
        if translate_block(v, m, r, ram32, code, page):
            r.routine = TRANSLATED
            return LIMIT
    return FOR_THE_HOST


def steps_at_once(m, faulted, left):
    """How many steps an interpreter routine may do until one may run directly or must be checked individually.

    Under `hybrid` as many as there are, since `execute` comes back where virtual U mode begins. Stores to traced tables
    and what is logged are followed one by one.
    """
    if m.technique == HYBRID and not faulted and m.traced == 0 and m.event_log == 0:
        return left
    return 1


def interpret(v, m, ram8, ram16, ram32, code, page, faulted, left):
    """An interpreter routine: the machine's own step on the virtual hart, at most `left` of them."""
    if m.technique == PATCH:
        return execute_original(v, m, ram8, ram16, ram32, code, page)
    return execute(v, m, ram8, ram16, ram32, code, page, steps_at_once(m, faulted, left))


def after_stores(v, m, ram32, code, page):
    """Patch or translate the code on watched pages again after an interpreter routine stored to it."""
    if m.technique == PATCH:
        after_patched_stores(v, m, ram32, code, page)
    if m.technique == TRANSLATE:
        forget_words(m, ram32, code, page)


def permissions(v, m, ram32, vaddr, cfg):
    """R, W, X and U of the shadow entry for a page that the virtual hart has just been allowed to access."""
    if m.technique == ASSIST and v.mode < M:
        return supervisor_permissions(v, m, ram32, vaddr, cfg)
    return guest_permissions(v, m, ram32, vaddr, cfg)


def restrict(v, m, ram32, code, page, number, access, allowed, present):
    """What is left of these permissions where the page is code, or becomes it; `present` is the entry there is."""
    if m.technique == PATCH:
        return patched_permissions(v, m, ram32, code, page, number, access, allowed)
    if m.technique == TRANSLATE and access != FETCH:
        return data_permissions(m, ram32, number, allowed, present)
    return allowed


def entry_for(v, m, ram32, code, page, number, access, paddr, allowed):
    """The shadow entry for a page of the guest: itself with these permissions, or what is executed instead of it."""
    if m.technique == TRANSLATE and access == FETCH:
        return executable_entry(v, m, ram32, code, page, number)
    return ((paddr >> PAGE_SHIFT) << PTE_PPN_SHIFT) | PTE_D | PTE_A | PTE_V | allowed
