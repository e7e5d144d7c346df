"""HTIF, Spike's host-target interface: programs without device drivers print and exit through it."""

from collections.abc import Iterator
from typing import Protocol

from trapline.vm.board.devices import Halt
from trapline.vm.board.virtio.queue import Memory
from trapline.vm.host.console import Console
from trapline.vm.state import Count, State

DEVICE_SHIFT, COMMAND_SHIFT = 56, 48
PAYLOAD = (1 << COMMAND_SHIFT) - 1
"""The fields of `tohost`: device, command, payload."""
SYSTEM_CALL, CONSOLE = 0, 1
"""Devices."""
PUT = 1
"""Command of the console: print a byte."""
WRITE = 64
"""Number of `write` among the system calls."""
OUTPUTS = (1, 2)
"""File descriptors of the console."""
ENOSYS = 38
PIECE = 1 << 16
"""Bytes that `write` prints between two looks at the limits of the run."""

WAIT_STEPS = 64
"""Steps in which a 32-bit program can write the other half of `tohost` before the command is read."""


class HtifState(State, frozen=True):
    """Of an `Htif`. due: the cycle at which a command is read, None while there is none."""

    due: Count | None


class Target(Memory, Protocol):
    """The machine that HTIF serves, such as a `vm.machine.Machine`."""

    @property
    def cycle(self) -> int:
        """Instructions done by all harts since reset."""

    @property
    def console(self) -> Console:
        """Where the guest prints."""

    def begin(self, service: Iterator[None]) -> None:
        """Finish a service, which yields where it may pause, before the harts go on."""


class Htif:
    """Serves commands that the guest writes to the 64-bit word `tohost`: device, command, payload.

    Device 0: an odd payload ends the run with status payload >> 1; an even one points to a system call, of which only
    `write` to the console is served. Device 1, command 1: print a byte.
    """

    def __init__(self, machine: Target, tohost: int, fromhost: int | None) -> None:
        self.machine = machine
        self.tohost = tohost
        self.fromhost = fromhost
        self._due: int | None = None

    def save(self) -> HtifState:
        """See `vm.state.Stateful`."""
        return HtifState(self._due)

    def restore(self, state: HtifState) -> None:
        """See `vm.state.Stateful`."""
        self._due = state.due

    @property
    def waits(self) -> bool:
        """Whether a command has been noted and not been read yet."""
        return self._due is not None

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
        device, payload = command >> DEVICE_SHIFT, command & PAYLOAD
        if device == SYSTEM_CALL and payload & 1:
            raise Halt(payload >> 1)
        machine.write(self.tohost, bytes(8))
        if device == SYSTEM_CALL:
            machine.begin(self._system_call(payload))
        elif device == CONSOLE and (command >> COMMAND_SHIFT) & 0xFF == PUT:
            machine.console.write(bytes((payload & 0xFF,)))

    def _system_call(self, pointer: int) -> Iterator[None]:
        machine = self.machine
        try:
            which, descriptor, buffer, length = (
                int.from_bytes(machine.read(pointer + 8 * i, 8), "little") for i in range(4)
            )
            if which == WRITE and descriptor in OUTPUTS:
                yield from self._write(pointer, buffer, length)
            else:
                self._answer(pointer, -ENOSYS)
        except ValueError:
            return

    def _write(self, pointer: int, buffer: int, length: int) -> Iterator[None]:
        machine = self.machine
        for bound in (buffer, buffer + length):
            machine.read(bound, 0)  # not RAM: ValueError
        done = 0
        try:
            while done < length:
                if done:
                    yield
                piece = machine.read(buffer + done, min(PIECE, length - done))
                machine.console.write(piece)
                done += len(piece)
        finally:
            # Also after Ctrl-C or a limit on output: the program hears how much was printed.
            self._answer(pointer, done)

    def _answer(self, pointer: int, result: int) -> None:
        self.machine.write(pointer, (result & (2**64 - 1)).to_bytes(8, "little"))
        if self.fromhost is not None:
            self.machine.write(self.fromhost, (1).to_bytes(8, "little"))
