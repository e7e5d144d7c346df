"""HTIF, Spike's host-target interface: programs without device drivers print and exit through it."""

from typing import Any

from trapline.vm.board.devices import Halt

WAIT_STEPS = 64
"""Steps in which a 32-bit program can write the other half of `tohost` before the command is read."""


class Htif:
    """Serves commands that the guest writes to the 64-bit word `tohost`: device, command, payload.

    Device 0: an odd payload ends the run with status payload >> 1; an even one points to a system call, of which only
    `write` to the console is served. Device 1, command 1: print a byte.
    """

    def __init__(self, machine: Any, tohost: int, fromhost: int | None) -> None:
        self.machine = machine
        self.tohost = tohost
        self.fromhost = fromhost
        self._due: int | None = None

    def written(self) -> None:
        """Note a store to `tohost`; the command is read once both halves have had time to be written."""
        if self._due is None:
            self._due = self.machine.cycle + WAIT_STEPS

    def limit(self, budget: int) -> int:
        """The steps, at most `budget`, until `serve` must be called."""
        return budget if self._due is None else min(budget, max(1, self._due - self.machine.cycle))

    def serve(self, at_once: bool = False) -> None:
        """Serve the command if it is due. at_once: the machine is about to stop. Raises Halt on exit."""
        if self._due is None or (self.machine.cycle < self._due and not at_once):
            return
        self._due = None
        machine = self.machine
        command = int.from_bytes(machine.read(self.tohost, 8), "little")
        if command == 0:
            return
        device, payload = command >> 56, command & 0xFFFFFFFFFFFF
        if device == 0 and payload & 1:
            raise Halt(payload >> 1)
        machine.write(self.tohost, bytes(8))
        if device == 0:
            self._system_call(payload)
        elif device == 1 and (command >> 48) & 0xFF == 1:
            machine.console.write(bytes((payload & 0xFF,)))

    def _system_call(self, pointer: int) -> None:
        machine = self.machine
        try:
            which, descriptor, buffer, length = (
                int.from_bytes(machine.read(pointer + 8 * i, 8), "little") for i in range(4)
            )
            done = -38
            if which == 64 and descriptor in (1, 2):
                machine.console.write(machine.read(buffer, length))
                done = length
            machine.write(pointer, (done & (2**64 - 1)).to_bytes(8, "little"))
        except ValueError:
            return
        if self.fromhost is not None:
            machine.write(self.fromhost, (1).to_bytes(8, "little"))
