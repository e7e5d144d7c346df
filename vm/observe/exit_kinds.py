"""The kinds of exits by which plots and counters group them."""

import numpy as np

from trapline.vm.core.status import FOR_THE_HOST
from trapline.vm.hypervisor import events as layout
from trapline.vm.hypervisor.faults import FAULT_NAMES
from trapline.vm.hypervisor.host.event_ring import Batch

GROUPS = (
    "hidden page fault", "emulated", "MMIO", "reflected", "interrupt", "hypercall", "translation", "firmware call",
    "no exit",
)  # fmt: skip
_HIDDEN, _EMULATED, _MMIO, _REFLECTED, _INTERRUPT, _HYPERCALL, _TRANSLATION, _FIRMWARE, _NO_EXIT = range(len(GROUPS))


def groups(batch: Batch) -> np.ndarray:
    """The kind of each event as an index into GROUPS: uint8[n].

    Reflected events continue in the guest's own handler; this includes true and outside page faults.
    """
    routine, fault = batch.column(layout.AT_ROUTINE), batch.column(layout.AT_FAULT)
    trapped = batch.column(layout.AT_TRAPPED) != 0
    cause, status = batch.column(layout.AT_CAUSE), batch.column(layout.AT_STATUS).astype(np.int32)
    return np.select(
        [
            cause == layout.NO_EXIT,
            routine == layout.INJECT,
            routine == layout.ANSWER,
            routine == layout.TRANSLATED,
            fault == FAULT_NAMES.index("hidden"),
            fault == FAULT_NAMES.index("MMIO"),
            status == FOR_THE_HOST,
            trapped,
        ],
        [_NO_EXIT, _INTERRUPT, _HYPERCALL, _TRANSLATION, _HIDDEN, _MMIO, _FIRMWARE, _REFLECTED],
        _EMULATED,
    ).astype(np.uint8)
