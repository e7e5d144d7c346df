"""MMIO: the load or store outside of RAM at which the run loop stopped is served by the board's bus."""

from trapline.isa.cause import LOAD_ACCESS, STORE_ACCESS
from trapline.isa.word import MASK
from trapline.vm.core.op_numbers import instruction_of, length_of
from trapline.vm.core.packed import PACKED_RD, REGISTER
from trapline.vm.core.records import HartRecord
from trapline.vm.exits.served_machine import ServedMachine
from trapline.vm.hypervisor.host.device_fault import count_device_fault


def serve_access(machine: ServedMachine, h: HartRecord) -> int | None:
    """Do the access that `exit_address` and its neighbours describe; the cause of an access fault, or None.

    The engine has translated and decoded the instruction. The page tables may say something else by now, and a device
    can be asked only once, so nothing is looked up again.
    """
    m = machine.engine.m
    if m.exit_store:
        return None if _retire_store(machine, h) else STORE_ACCESS
    value = machine.bus.load(m.exit_address, m.exit_width)
    count_device_fault(machine.engine.real, m.current, value is not None)
    if value is None:
        return LOAD_ACCESS
    if rd := (m.exit_decoded >> PACKED_RD) & REGISTER:
        h.x[rd] = instruction_of(m.exit_decoded).meaning(value & ((1 << (8 * m.exit_width)) - 1))
    h.cycle += 1
    h.pc = (h.pc + length_of(m.exit_decoded)) & MASK
    return None


def _retire_store(machine: ServedMachine, h: HartRecord) -> bool:
    """Store to the device; False if none responds. The store retires first, as a finisher write stops the machine."""
    m, before = machine.engine.m, h.pc
    h.pc = (before + length_of(m.exit_decoded)) & MASK
    h.cycle += 1
    answered = True  # also by a device that ends the run
    try:
        answered = machine.bus.store(m.exit_address, m.exit_width, m.exit_value)
    finally:
        count_device_fault(machine.engine.real, m.current, answered)
    if not answered:
        h.pc = before
        h.cycle -= 1
    return answered
