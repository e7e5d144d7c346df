"""The devices of a machine, wired as on QEMU's `virt` board."""

from typing import Any

from vm.devices import FINISHER_BASE, UART_BASE, UART_SOURCE, Bus, Console, Finisher, Uart
from vm.plic import PLIC_BASE, PLIC_SIZE, Plic

MEIP = 1 << 11
SEIP = 1 << 9
PATIENCE = 0.05
"""Seconds to wait for console input before looking at the clock and at Ctrl-C again."""


class Board:
    """Bus, PLIC, UART and test finisher around harts.

    harts: hart records (`vm.hart.HartView`) whose interrupt lines the PLIC drives.
    """

    def __init__(self, harts: list[Any], console: Console) -> None:
        self.harts = harts
        self.console = console
        self.bus = Bus()
        self.uart = Uart(console)
        self.plic = Plic(len(harts), self._drive)
        self.bus.add(FINISHER_BASE, 0x1000, Finisher())
        self.bus.add(UART_BASE, 0x100, self.uart)
        self.bus.add(PLIC_BASE, PLIC_SIZE, self.plic)

    def _drive(self, context: int, level: bool) -> None:
        h = self.harts[context >> 1]
        bit = SEIP if context & 1 else MEIP
        h.lines = h.lines | bit if level else h.lines & ~bit

    def update(self) -> None:
        """Let the devices' requests reach the interrupt lines."""
        self.plic.set_line(UART_SOURCE, self.uart.interrupt() != 1)

    def wait(self) -> bool:
        """All harts idle: wait a moment for console input. False when nothing can ever come."""
        self.update()
        if any((h.lines | h.mip) & h.mie for h in self.harts):
            return True
        if not self.uart.registers[1] & 1:
            return False
        arriving = self.console.wait(PATIENCE)
        self.update()
        return (arriving and not self.console.ready()) or any((h.lines | h.mip) & h.mie for h in self.harts)
