"""What functions of the run loop answer, from an access that misses its TLB to `run`.

An answer that is not negative is a value: what was loaded, an address, an offset in RAM, or the cause of an exception
where a meaning function (`isa.privileged`) answers. The negative ones are these, and NEXT, JUMPED and WAIT of
`isa.trap` (-1 to -3), which a system instruction answers. The ranges do not overlap:

    -1 to -3     what a system instruction has done; WAIT is also IDLE
    -10 to -13   why `execute` leaves its inner loop; LIMIT is also an answer of `run`
    -20          an exception that the host has asked for
    -100 to -109 what the host, or the loop around `execute`, must do before the guest goes on
    -200 to -231 faults, one for each cause of an exception (`fault`)
"""

from trapline.isa.trap import WAIT
from trapline.vm.core.in_place import in_place

IDLE = WAIT
"""Of `run`: every hart waits or is stopped, and the host has to let time pass or to find that nothing comes."""

LIMIT = -10
"""The steps asked for are done."""

SAME_CONTEXT = -11
"""Within `execute`: go on at `h.pc`; mode, translation and pending interrupts are as they were."""
NEW_CONTEXT = -12
"""Within `execute`: go on at `h.pc`, after a look at interrupts and at what translation depends on."""
FAR_JUMP = -13
"""Within `execute`: jump to `target`, which lies in another page or is misaligned."""

FOR_THE_HOST = -20
"""An exception whose bit is set in `m.host_traps`: nothing has happened yet; see `m.exit_cause` and `m.exit_tval`."""

DEVICE = -100
"""An access outside RAM that the host must serve: `m.exit_address`, `exit_width`, `exit_store` and `exit_value`."""
RESLICE = -101
"""A store, or a write of a CSR, is done, after which the run loop must look at time and interrupts again."""
TOHOST = -102
"""A store to `tohost` is done."""
HYPERCALL = -103
"""A CONSOLE_WRITE of a guest, which the host serves."""
EVENTS_WAIT = -104
"""The host must look at the log of events; the guest then goes on as if nothing had been."""

PAUSE = -105
"""Within `execute`: an access has not been done, because the run has done enough work (`vm.core.work`)."""

AT_BREAKPOINT = -106
"""The next instruction has a breakpoint (`vm.core.stops`)."""
AT_WATCHPOINT = -107
"""The next instruction makes an access that is watched: `m.watch_vaddr` and its neighbours. It has not been done."""
CAUGHT = -108
"""A trap or a return that the host wants to look at is done: `m.caught_cause` and `m.caught_mode`."""

AT_EXIT = -109
"""The guest has trapped out, for the cause in `m.caught_cause`; the host wants to look before that is served."""

FAULT = -200
"""The exception with cause 0; those with other causes follow below. `m.fault_address` is its tval, but for a fetch."""


@in_place
def fault(cause):
    """The status of an access that raises the exception with this cause."""
    return FAULT - cause


@in_place
def is_fault(status):
    """Whether a status is a fault: there is nothing below them."""
    return status <= FAULT


@in_place
def cause_of(status):
    """The cause of a fault."""
    return FAULT - status
