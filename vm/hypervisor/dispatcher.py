"""The dispatcher: entered on every trap out of the guest, decides which routine serves it.

What cannot be served by a shadow entry or the technique is left to the interpreter (`vm.hypervisor.emulate`).
Compiled and plain Python run the same text (`vm.codegen.engine_text`).
"""

from trapline.isa.cause import CAUSE_CODE, FETCH_PAGE
from trapline.isa.mode import M
from trapline.isa.trap import NO_INTERRUPT, pending_interrupt, take_trap
from trapline.vm.core.access_type import access_of
from trapline.vm.core.counters import count_trap
from trapline.vm.core.event_log import (
    LOG_ALL,
    LOG_INT,
    begin_direct,
    end_direct,
    expect_interrupt,
    log_interrupt,
)
from trapline.vm.core.execute import execute
from trapline.vm.core.hart import INTERRUPT_COUNTS
from trapline.vm.core.mmu import refresh
from trapline.vm.core.status import AT_EXIT, CAUGHT, EVENTS_WAIT, FOR_THE_HOST, LIMIT
from trapline.vm.core.stops import follow_virtual_satp, is_caught, is_exit_caught, report_stop
from trapline.vm.core.work import EXIT, INTERPRETED, charge, spent
from trapline.vm.hypervisor.emulate import emulate, notice_stores
from trapline.vm.hypervisor.events import FILL, INJECT, begin_event, end_event, events_wait
from trapline.vm.hypervisor.faults import HIDDEN, count_fault
from trapline.vm.hypervisor.fill import fill_shadow
from trapline.vm.hypervisor.hooks import has_real_supervisor, interprets_all, on_exit, runs_directly
from trapline.vm.hypervisor.shadow import follow_virtual
from trapline.vm.hypervisor.world_switch import enter_guest, leave_guest


def run_directly(v, h, m, r, ram8, ram16, ram32, code, page, limit):
    """Let the real hart execute the guest until it traps or has done `limit` steps; the answer is that of `execute`."""
    follow_virtual(v, h, m, r, ram32, page)
    enter_guest(v, h, m, r)
    r.tohost = m.tohost
    r.code_epoch = m.code_epoch
    r.work = m.work
    follow_virtual_satp(v, r)
    h.cycle = 0
    if m.stops & LOG_ALL and has_real_supervisor(m) and v.mode != M:
        begin_direct(v, m, r, code)
    status = execute(h, r, ram8, ram16, ram32, code, page, limit)
    if m.stops & LOG_ALL:
        end_direct(r, code)
    m.code_epoch = r.code_epoch
    m.work = r.work
    r.direct_steps = r.direct_steps + h.cycle
    leave_guest(v, h, m)
    if m.stops:
        report_stop(m, r)
    return status


def take_interrupt(v, m, r, ram32):
    """Let the virtual hart take a pending interrupt; EVENTS_WAIT if the host wants to look before or after it.

    CAUGHT if it wants to look because of the interrupt itself.
    """
    cause = pending_interrupt(v)
    if cause == NO_INTERRUPT:
        return LIMIT
    if begin_event(v, m, r, ram32, cause, 0) == EVENTS_WAIT:
        return EVENTS_WAIT
    charge(m, INTERPRETED)
    before = v.mode
    count_trap(v, INTERRUPT_COUNTS + (cause & CAUSE_CODE))
    take_trap(v, cause, 0)
    end_event(v, m, r, ram32, INJECT, LIMIT)
    if m.stops and is_caught(v, m, cause, before):
        return CAUGHT
    return EVENTS_WAIT if events_wait(m) else LIMIT


def serve_exit(v, h, m, r, ram8, ram32, code, page):
    """Serve a trap out of the guest, as `execute` answers; FOR_THE_HOST if the step is to be emulated."""
    status = on_exit(v, h, m, r, ram8, ram32, code, page)
    if status == FOR_THE_HOST and r.exit_cause >= FETCH_PAGE:
        if fill_shadow(v, h, m, r, ram32, code, page, r.exit_tval, access_of(r.exit_cause)):
            count_fault(r, HIDDEN)
            r.routine = FILL
            status = LIMIT
    # Also after a fill: the guest's walk may have set an A or D bit in a page that is code as well.
    if status != FOR_THE_HOST:
        notice_stores(v, h, m, r, ram32, code, page)
    return status


def run_to_exit(v, h, m, r, ram8, ram16, ram32, code, page, limit):
    """Run the guest on the real hart for `limit` steps or to a trap, and serve that; the answers are `serve_exit`'s."""
    status = run_directly(v, h, m, r, ram8, ram16, ram32, code, page, limit)
    if status != FOR_THE_HOST:
        return status
    if m.stops and is_exit_caught(v, m, r):
        return AT_EXIT
    if begin_event(v, m, r, ram32, r.exit_cause, r.exit_tval) == EVENTS_WAIT:
        return EVENTS_WAIT
    charge(m, EXIT)
    r.exits[r.exit_cause & CAUSE_CODE] = r.exits[r.exit_cause & CAUSE_CODE] + 1
    before = v.mode
    status = serve_exit(v, h, m, r, ram8, ram32, code, page)
    if status != FOR_THE_HOST:
        end_event(v, m, r, ram32, r.routine, status)
        if m.stops and is_caught(v, m, NO_INTERRUPT, before):
            return CAUGHT
    return status


def dispatch(v, h, m, r, ram8, ram16, ram32, code, page, limit):
    """Let the guest do `limit` steps on the virtual hart `v`, fewer once the run has done enough work.

    The answers are those of `execute` on a bare hart.
    """
    if interprets_all(m):
        return execute(v, m, ram8, ram16, ram32, code, page, limit)
    end = v.cycle + limit
    while v.cycle < end and not spent(m):
        if events_wait(m):
            return EVENTS_WAIT
        if r.trace_epoch != m.trace_epoch:
            r.trace_epoch = m.trace_epoch
            v.stale = 1
        if v.stale:
            refresh(v)
        if (v.mip | v.lines) & v.mie != 0:
            if m.stops & LOG_INT:
                expect_interrupt(v, code)
            status = take_interrupt(v, m, r, ram32)
            if m.stops & LOG_INT:
                log_interrupt(v, m, code)
            if status != LIMIT:
                return status
        if m.traced:
            # Interpreter routines have cached translations, too, while nothing runs directly.
            follow_virtual(v, h, m, r, ram32, page)
        exited = runs_directly(v, m, ram32)
        if exited:
            status = run_to_exit(v, h, m, r, ram8, ram16, ram32, code, page, end - v.cycle)
            if status == LIMIT:
                continue
            if status != FOR_THE_HOST:
                return status
        status = emulate(v, h, m, r, ram8, ram16, ram32, code, page, exited, end - v.cycle)
        if status != LIMIT:
            return status
    return LIMIT
