"""The hooks: all in which the techniques differ.

A technique is a number (`vm.hypervisor.technique`) and a file of its name, with a function for each hook at which it
does something of its own. Where it has none it does what trap does, if anything. Here is only who does what.
Compiled and plain Python run the same text (`vm.codegen.engine_text`); names are those of `vm.hypervisor.shadow`.
"""

from trapline.isa.sdtrig import is_armed
from trapline.vm.core.status import FOR_THE_HOST
from trapline.vm.hypervisor import assist, hybrid, paravirt, patch, translate, trap
from trapline.vm.hypervisor.guest_tables import guest_permissions
from trapline.vm.hypervisor.technique import ASSIST, HYBRID, INTERPRET, PARAVIRT, PATCH, TRANSLATE


def interprets_all(m):
    """Whether nothing ever runs directly, so that the run loop of the bare machine can do it."""
    return m.technique == INTERPRET


def has_real_supervisor(m):
    """Whether virtual S mode has the real S mode, whose SUM and MXR then do their own work."""
    return m.technique == ASSIST


def runs_directly(v, m, ram32):
    """Whether the real hart executes what the virtual one is about to.

    It has none of the triggers, so while one can fire only hypercalls go through it, which it traps out of.
    """
    if v.triggers and is_armed(v):
        return m.technique == PARAVIRT and paravirt.is_at_hypercall(v, m, ram32)
    if m.technique == HYBRID:
        return hybrid.runs_directly(v, m)
    return trap.runs_directly(v, m)


def enter(v, h, m, r):
    """Load the virtual hart's control state into the real hart, as far as the technique needs it."""
    if m.technique == ASSIST:
        assist.enter(v, h, m, r)
    else:
        trap.enter(v, h, m, r)


def leave(v, h, m):
    """Store the real hart's control state back into the virtual hart, as far as the guest may have changed it."""
    if m.technique == ASSIST:
        assist.leave(v, h, m)


def on_exit(v, h, m, r, ram8, ram32, code, page):
    """Serve a trap out of the guest that is the technique's own, as `execute` answers; FOR_THE_HOST if it is not."""
    if m.technique == PARAVIRT:
        return paravirt.on_exit(v, h, m, r, ram8, ram32, code, page)
    if m.technique == TRANSLATE:
        return translate.on_exit(v, h, m, r, ram8, ram32, code, page)
    return FOR_THE_HOST


def interpret(v, m, ram8, ram16, ram32, code, page, faulted, left):
    """An interpreter routine: the machine's own step on the virtual hart, at most `left` of them.

    faulted: whether it emulates an instruction that raised a page fault.
    """
    if m.technique == PATCH:
        return patch.interpret(v, m, ram8, ram16, ram32, code, page, faulted, left)
    if m.technique == HYBRID:
        return hybrid.interpret(v, m, ram8, ram16, ram32, code, page, faulted, left)
    return trap.interpret(v, m, ram8, ram16, ram32, code, page, faulted, left)


def after_stores(v, m, ram32, code, page):
    """Patch or translate the code on watched pages again after an interpreter routine stored to it."""
    if m.technique == PATCH:
        patch.after_stores(v, m, ram32, code, page)
    if m.technique == TRANSLATE:
        translate.after_stores(v, m, ram32, code, page)


def permissions(v, m, pte, cfg):
    """R, W, X and U of the shadow entry for a page that the virtual hart may access; the guest's PTE, 0 if it has none.

    cfg: the PMP entry of all of the page.
    """
    if m.technique == ASSIST:
        return assist.permissions(v, pte, cfg)
    return guest_permissions(v, pte, cfg)


def restrict(v, m, ram32, code, page, number, access, allowed, present):
    """What is left of these permissions where the page is code, or becomes it; `present` is the entry there is."""
    if m.technique == PATCH:
        return patch.restrict(v, m, ram32, code, page, number, access, allowed, present)
    if m.technique == TRANSLATE:
        return translate.restrict(v, m, ram32, code, page, number, access, allowed, present)
    return allowed


def entry_for(v, m, ram32, code, page, number, access, paddr, allowed):
    """The shadow entry for a page of the guest: itself with these permissions, or what is executed instead of it."""
    if m.technique == TRANSLATE:
        return translate.entry_for(v, m, ram32, code, page, number, access, paddr, allowed)
    return trap.entry_for(v, m, ram32, code, page, number, access, paddr, allowed)
