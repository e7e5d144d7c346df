"""Counts the page fault that a device access under a hypervisor was: only the host knows whether a device answers."""

from collections.abc import Sequence

from trapline.vm.core.records import MachineRecord
from trapline.vm.hypervisor.faults import MMIO, OUTSIDE, count_fault


def count_device_fault(real: Sequence[MachineRecord], current: int, answered: bool) -> None:
    """Count the fault of the hart that ran last, if its access was one (`vm.hypervisor.faults.classify_fault`).

    real: the records of the real machines, empty without a hypervisor; answered: by a device.
    """
    if real and real[current].device_fault:
        real[current].device_fault = 0
        count_fault(real[current], MMIO if answered else OUTSIDE)
