"""What a page fault of the real hart was: hidden, true, MMIO or outside.

hidden: the bare machine would not have had it; served by filling a shadow entry, or by an interpreter routine where
no entry can grant what the guest may do. true: the guest's own tables or PMP refuse; reflected with the guest's
address. MMIO: a device is behind the address. outside: nothing is, which is an access fault.
Compiled and plain Python run the same text (`vm.codegen.engine_text`); names as in `vm.hypervisor.shadow`.
"""

from trapline.vm.core.status import DEVICE, FOR_THE_HOST

NO_FAULT = 0
HIDDEN = 1
TRUE = 2
MMIO = 3
OUTSIDE = 4
"""The kinds, as the log of events has them."""

FAULT_NAMES = ("", "hidden", "true", "MMIO", "outside")


def count_fault(r, kind):
    """Count a page fault of the real hart, and leave its kind for the log of events."""
    r.last_fault = kind
    if kind == HIDDEN:
        r.hidden_faults = r.hidden_faults + 1
    elif kind == TRUE:
        r.true_faults = r.true_faults + 1
    elif kind == MMIO:
        r.mmio_faults = r.mmio_faults + 1
    else:
        r.outside_faults = r.outside_faults + 1


def is_outside(m, paddr):
    """Whether a physical address lies outside RAM."""
    return paddr < m.ram_base or paddr >= m.ram_base + m.ram_size


def classify_fault(v, m, r, status, unretired):
    """Count a fault that no shadow entry could serve, after the interpreter routine has answered `status`.

    unretired: that counter of the virtual hart before it. Whether a device answers is for the host to find out
    (`vm.exits.mmio`), which counts the fault then.
    """
    if status == DEVICE:
        r.last_fault = MMIO
        r.device_fault = 1
    elif v.unretired != unretired or status == FOR_THE_HOST:
        if r.fault_paddr >= 0 and is_outside(m, r.fault_paddr):
            count_fault(r, OUTSIDE)
        else:
            count_fault(r, TRUE)
    elif is_outside(m, r.fault_paddr):
        count_fault(r, MMIO)
    else:
        count_fault(r, HIDDEN)
