"""What lies outside RAM: the CLINT, which the engine serves; the UART, as far as it can; where nothing is.

The host says in the machine's record (`vm.exits.engine_devices`) what a load of each register of the UART answers,
how many bytes may be printed before the host must look, and where devices are. All else goes to the host.
These functions run compiled and as plain Python (see `vm.codegen.engine_text`).
"""

from trapline.isa.cause import LOAD_ACCESS, STORE_ACCESS
from trapline.isa.sv32 import ADDRESSES
from trapline.isa.word import WORD
from trapline.vm.core.clint import CLINT, CLINT_SIZE, clint_load, clint_store
from trapline.vm.core.hart import FULL_BOARD, NO_DEVICES
from trapline.vm.core.records import OUTPUT_BYTES, UART_REGISTERS
from trapline.vm.core.status import DEVICE, fault

UART = 0x10000000
UART_DATA = 0
UART_STATUS = 5
"""Registers of the UART that tell of input."""


def is_device(m, paddr, width):
    """Whether a device may answer there: as the host says."""
    for i in range(m.devices):
        if m.device_start[i] <= paddr and paddr + width <= m.device_end[i]:
            return True
    return False


def device_load(h, m, paddr, width):
    """The value of an aligned load outside RAM; a fault, or DEVICE for the host to serve it."""
    if m.board == NO_DEVICES or paddr >= ADDRESSES:
        return fault(LOAD_ACCESS)
    if m.board == FULL_BOARD and CLINT <= paddr and paddr < CLINT + CLINT_SIZE:
        if width != WORD:
            return fault(LOAD_ACCESS)
        return clint_load(h, m, paddr - CLINT)
    if UART <= paddr and paddr < UART + UART_REGISTERS:
        register = paddr - UART
        value = m.uart[register]
        if value >= 0:
            if register == UART_DATA or register == UART_STATUS:
                m.uart_looks = m.uart_looks + 1
            return value
    if not is_device(m, paddr, width):
        return fault(LOAD_ACCESS)
    m.exit_address = paddr
    m.exit_width = width
    m.exit_store = 0
    return DEVICE


def device_store(h, m, paddr, width, value):
    """Do an aligned store outside RAM: 0, RESLICE or a fault, or DEVICE for the host to serve it."""
    if m.board == NO_DEVICES or paddr >= ADDRESSES:
        return fault(STORE_ACCESS)
    if m.board == FULL_BOARD and CLINT <= paddr and paddr < CLINT + CLINT_SIZE:
        if width != WORD:
            return fault(STORE_ACCESS)
        return clint_store(h, m, paddr - CLINT, value)
    if paddr == UART + UART_DATA and m.printed < m.printable:
        m.output[m.printed & (OUTPUT_BYTES - 1)] = value & 0xFF
        m.printed = m.printed + 1
        m.stored_output = 1
        m.uart_looks = 0
        return 0
    if not is_device(m, paddr, width):
        return fault(STORE_ACCESS)
    m.exit_address = paddr
    m.exit_width = width
    m.exit_value = value
    m.exit_store = 1
    return DEVICE
