"""The dispatcher: entered on every trap out of the guest, decides which routine serves it.

An interpreter routine is the machine's own step applied to the virtual hart: `execute` with the record of the
virtual hart checks the virtual mode, obeys the same CSR masks, takes the same traps, walks the guest's own page
tables and reaches the virtual devices. So nothing about the instruction set is written a second time here.
Compiled and plain Python run the same text (`vm.codegen.engine_text`).
"""

from collections.abc import Callable

from trapline.isa.cause import CAUSE_CODE, FETCH_PAGE, ILLEGAL, STORE_PAGE
from trapline.isa.mode import M, U
from trapline.isa.mstatus import MPRV
from trapline.isa.trap import pending_interrupt, take_trap
from trapline.vm.core.hart import INTERRUPT_COUNTS
from trapline.vm.core.loop import count_trap
from trapline.vm.core.mmu import STORE, refresh
from trapline.vm.core.status import DEVICE, EVENTS_WAIT, FOR_THE_HOST, LIMIT
from trapline.vm.hypervisor.events import FILL, INJECT, NO_EXIT, STEP, begin_event, end_event, events_wait, must_stop
from trapline.vm.hypervisor.faults import classify_fault
from trapline.vm.hypervisor.hypercalls import hypercall, is_hypercall
from trapline.vm.hypervisor.patcher import after_stores, execute_original
from trapline.vm.hypervisor.shadow import fill_shadow, follow_virtual
from trapline.vm.hypervisor.technique import ASSIST, HYBRID, INTERPRET, PATCH, TRANSLATE, TRAP
from trapline.vm.hypervisor.tracing import follow_stores
from trapline.vm.hypervisor.translator import UNTRANSLATED, forget_words, translate_block
from trapline.vm.hypervisor.world_switch import enter_guest, leave_guest

execute: Callable[..., int]
"""Generated (`vm.codegen.execute`), so nothing is bound here."""


def runs_directly(v, m):
    """Whether the technique lets the real hart execute what the virtual one is about to.

    Under MPRV loads and fetches of one mode go through different translations, which no single root offers.
    """
    if m.technique == HYBRID:
        return v.mode == U
    return m.technique >= TRAP and not (v.mode == M and v.mstatus & MPRV)


def steps_to_interpret(m, faulted, left):
    """How many steps an interpreter routine may do at once.

    Under `hybrid` as many as there are, since `execute` comes back where virtual U mode begins; elsewhere the next one
    may run directly, and stores to traced tables and what is logged are followed one by one.
    """
    if m.technique == HYBRID and not faulted and m.traced == 0 and m.event_log == 0:
        return left
    return 1


def run_directly(v, h, m, r, ram8, ram16, ram32, code, page, limit):
    """Let the real hart execute the guest until it traps or has done `limit` steps; the answer is that of `execute`."""
    follow_virtual(v, h, m, r, ram32, page)
    enter_guest(v, h, m, r)
    r.tohost = m.tohost
    r.code_epoch = m.code_epoch
    h.cycle = 0
    status = execute(h, r, ram8, ram16, ram32, code, page, limit)  # noqa: F821  (generated)
    m.code_epoch = r.code_epoch
    r.direct_steps = r.direct_steps + h.cycle
    leave_guest(v, h, m)
    return status


def notice_stores(v, h, m, r, ram32, code, page):
    """After an interpreter routine that has stored to watched pages: code, page tables, or both."""
    if m.technique == PATCH:
        after_stores(v, m, ram32, code, page)
    if m.technique == TRANSLATE:
        forget_words(m, ram32, code, page)
    follow_stores(v, h, m, r, ram32)


def serve_exit(v, h, m, r, ram8, ram32, code, page):
    """Serve a trap out of the guest without an interpreter routine: LIMIT or another answer of `execute`.

    FOR_THE_HOST when it takes one.
    """
    cause = r.exit_cause
    if is_hypercall(v, m, cause):
        r.hypercalls = r.hypercalls + 1
        status = hypercall(v, h, m, r, ram8, ram32, code, page)
        if m.stored_high >= 0:
            notice_stores(v, h, m, r, ram32, code, page)
        return status
    if m.technique == TRANSLATE and cause == ILLEGAL and r.exit_tval == UNTRANSLATED:
        if translate_block(v, m, r, ram32, code, page):
            return LIMIT
    if cause >= FETCH_PAGE:
        access = STORE if cause == STORE_PAGE else cause - FETCH_PAGE
        if fill_shadow(v, h, m, r, ram32, code, page, r.exit_tval, access):
            r.hidden_faults = r.hidden_faults + 1
            if m.stored_high >= 0:
                # The guest's walk has set an A or D bit in a page that is code as well.
                notice_stores(v, h, m, r, ram32, code, page)
            return LIMIT
    return FOR_THE_HOST


def dispatch(v, h, m, r, ram8, ram16, ram32, code, page, limit):
    """Let the guest do `limit` steps on the virtual hart `v`; the answers are those of `execute` on a bare hart."""
    if m.technique == INTERPRET:
        return execute(v, m, ram8, ram16, ram32, code, page, limit)  # noqa: F821
    end = v.cycle + limit
    while v.cycle < end:
        if m.event_log and events_wait(m):
            return EVENTS_WAIT
        if r.trace_epoch != m.trace_epoch:
            r.trace_epoch = m.trace_epoch
            v.stale = 1
        if v.stale:
            refresh(v)
        if (v.mip | v.lines) & v.mie != 0:
            cause = pending_interrupt(v)
            if cause >= 0:
                if m.event_log:
                    if must_stop(v, m):
                        return EVENTS_WAIT
                    begin_event(v, m, r, ram32, cause, 0)
                count_trap(v, INTERRUPT_COUNTS + (cause & CAUSE_CODE))
                take_trap(v, cause, 0)
                if m.event_log:
                    end_event(v, m, r, ram32, INJECT, LIMIT)
                    if events_wait(m):
                        return EVENTS_WAIT
        if m.traced:
            # Interpreter routines have cached translations, too, while nothing runs directly.
            follow_virtual(v, h, m, r, ram32, page)
        faulted = False
        noted = False
        if runs_directly(v, m):
            status = run_directly(v, h, m, r, ram8, ram16, ram32, code, page, end - v.cycle)
            if status == FOR_THE_HOST:
                if m.event_log:
                    if must_stop(v, m):
                        return EVENTS_WAIT
                    begin_event(v, m, r, ram32, r.exit_cause, r.exit_tval)
                    noted = True
                faulted = r.exit_cause >= FETCH_PAGE
                r.exits[r.exit_cause & CAUSE_CODE] = r.exits[r.exit_cause & CAUSE_CODE] + 1
                if faulted or m.technique > ASSIST:
                    status = serve_exit(v, h, m, r, ram8, ram32, code, page)
                    if noted and status != FOR_THE_HOST:
                        end_event(v, m, r, ram32, FILL, status)
            if status == LIMIT:
                continue
            if status != FOR_THE_HOST:
                return status
        if m.event_log and not noted:
            if must_stop(v, m):
                return EVENTS_WAIT
            begin_event(v, m, r, ram32, NO_EXIT, 0)
        r.emulated = r.emulated + 1
        unretired = v.unretired
        before = v.cycle
        if m.technique == PATCH:
            status = execute_original(v, m, ram8, ram16, ram32, code, page)
        else:
            steps = steps_to_interpret(m, faulted, end - v.cycle)
            status = execute(v, m, ram8, ram16, ram32, code, page, steps)  # noqa: F821  (generated)
            # One is counted already: the last, or that which the host has to serve before it is done.
            last = 0 if status == DEVICE or status == FOR_THE_HOST else 1
            r.emulated = r.emulated + v.cycle - before - last
        if faulted:
            classify_fault(v, m, r, status, unretired)
        else:
            r.fault_paddr = -1
        if m.stored_high >= 0:
            notice_stores(v, h, m, r, ram32, code, page)
        if m.event_log:
            end_event(v, m, r, ram32, STEP, status)
        if status != LIMIT:
            return status
    return LIMIT
