"""The interpreter: emulates what traps out of the guest, a CSR write or an xRET for example, on the virtual hart.

An interpreter routine is the machine's own step applied to the virtual hart: `execute` with the record of the
virtual hart checks the virtual mode, obeys the same CSR masks, takes the same traps, walks the guest's own page
tables and reaches the virtual devices. So nothing about the instruction set is written a second time here.
Compiled and plain Python run the same text (`vm.codegen.engine_text`).
"""

from trapline.isa.cause import CAUSE_CODE, FETCH_PAGE
from trapline.vm.core.status import AT_BREAKPOINT, AT_WATCHPOINT, CAUGHT, DEVICE, EVENTS_WAIT, FOR_THE_HOST, LIMIT
from trapline.vm.core.work import INTERPRETED, charge
from trapline.vm.hypervisor.events import NO_EXIT, STEP, begin_event, end_event
from trapline.vm.hypervisor.faults import classify_fault
from trapline.vm.hypervisor.fences import follow_fence, narrow_fence
from trapline.vm.hypervisor.hooks import after_stores, interpret
from trapline.vm.hypervisor.tracing import follow_stores


def notice_stores(v, h, m, r, ram32, code, page):
    """Follow stores to watched pages that the hypervisor has done for the guest: to code, to page tables, or both."""
    if m.stored_count:
        after_stores(v, m, ram32, code, page)
        follow_stores(v, h, m, r, ram32)


def emulate(v, h, m, r, ram8, ram16, ram32, code, page, exited, left):
    """Let an interpreter routine go on for the guest, after an exit that it serves or where nothing runs directly."""
    if not exited and begin_event(v, m, r, ram32, NO_EXIT, 0) == EVENTS_WAIT:
        return EVENTS_WAIT
    charge(m, INTERPRETED)
    faulted = exited and r.exit_cause >= FETCH_PAGE
    unretired = v.unretired
    before = v.cycle
    fence = narrow_fence(v, m, r) if exited else 0
    status = interpret(v, m, ram8, ram16, ram32, code, page, faulted, left)
    if v.cycle == before and (status == AT_BREAKPOINT or status == AT_WATCHPOINT):
        if exited:
            # It comes again, and is counted and noted then.
            r.exits[r.exit_cause & CAUSE_CODE] = r.exits[r.exit_cause & CAUSE_CODE] - 1
        notice_stores(v, h, m, r, ram32, code, page)
        return status
    # The last step counts also where the host has to serve it before it is done.
    undone = 1 if status == DEVICE or status == FOR_THE_HOST else 0
    r.emulated = r.emulated + v.cycle - before + undone
    if faulted:
        classify_fault(v, m, r, status, unretired)
    else:
        r.fault_paddr = -1
    if fence and v.unretired == unretired and v.cycle != before and v.stale == 0:
        follow_fence(v, h, m, r, ram32, fence)
    notice_stores(v, h, m, r, ram32, code, page)
    end_event(v, m, r, ram32, STEP, LIMIT if status == CAUGHT else status)
    return status
