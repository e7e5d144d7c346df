"""Physical memory protection: which entry decides an access, and whether it permits it (Priv 3.7.1).

These functions run compiled and as plain Python (see `vm.codegen.engine_text`).
"""

from trapline.isa.mode import M
from trapline.isa.pmp import (
    A_SHIFT,
    NA4,
    OFF,
    PMP_A,
    PMP_GRAIN,
    PMP_GRAIN_SHIFT,
    PMP_L,
    PMP_X,
    TOR,
)
from trapline.vm.core.access_type import FETCH

NO_MATCH = -1
PARTIAL = -2
"""Answers of `pmp_lookup`: no entry matches, or one matches only a part."""


def pmp_lookup(h, start, end):
    """Configuration of the PMP entry that decides [start, end), or NO_MATCH or PARTIAL.

    "The lowest-numbered PMP entry that matches any byte of an access determines whether that access
    succeeds or fails. The matching PMP entry must match all bytes of an access, or the access fails,
    irrespective of the L, R, W, and X bits." (Priv 3.7.1.3)
    """
    for i in range(h.pmp_entries):
        cfg = h.pmpcfg[i]
        matching = (cfg & PMP_A) >> A_SHIFT
        if matching == OFF:
            continue
        address = h.pmpaddr[i]
        if matching == TOR:
            low = 0
            if i > 0:
                low = h.pmpaddr[i - 1] << PMP_GRAIN_SHIFT
            high = address << PMP_GRAIN_SHIFT
        elif matching == NA4:
            low = address << PMP_GRAIN_SHIFT
            high = low + PMP_GRAIN
        else:
            trailing = address ^ (address + 1)
            low = (address & ~trailing) << PMP_GRAIN_SHIFT
            high = low + ((trailing + 1) << PMP_GRAIN_SHIFT)
        if low < end and start < high:
            if low <= start and end <= high:
                return cfg
            return PARTIAL
    return NO_MATCH


def pmp_allows(cfg, access, mode):
    """Whether the answer `cfg` of `pmp_lookup` permits an access in `mode`.

    "If no PMP entry matches an M-mode access, the access succeeds. If no PMP entry matches an S-mode or
    U-mode access, but at least one PMP entry is implemented, the access fails." (Priv 3.7.1.3)
    """
    if cfg == PARTIAL:
        return False
    if mode == M and (cfg == NO_MATCH or cfg & PMP_L == 0):
        return True
    if cfg == NO_MATCH:
        return False
    bit = PMP_X if access == FETCH else access
    return cfg & bit != 0
