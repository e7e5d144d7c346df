"""A guest as gdb knows it: a process with a number, whose threads are its harts; its registers, memory and stops."""

from collections.abc import Callable

from trapline.isa.mode import MODE_NAMES
from trapline.vm.experiments.guests import Guest
from trapline.vm.gdb.addresses import Addresses
from trapline.vm.gdb.breakpoints import Breakpoints
from trapline.vm.gdb.ids import hexadecimal
from trapline.vm.gdb.monitor import Monitor
from trapline.vm.gdb.packets import PACKET_SIZE, unescaped
from trapline.vm.gdb.replies import NO_SUCH_PLACE, OK, UNKNOWN, WRONG_PACKET, PacketError
from trapline.vm.gdb.target_description import PC, WORD, description, encoded, registers_of
from trapline.vm.registers import Hart

MOST_BYTES = PACKET_SIZE // 2
"""Bytes of memory in a packet at most, two digits each, or of a document, some of them escaped."""


class Inferior:
    """One guest.

    number: of the process, from 1 on. attached: whether gdb debugs it; hart: which hart its packets are about.
    poked: whether gdb has written something since the guest stands still.
    """

    def __init__(self, number: int, guest: Guest) -> None:
        self.number, self.guest, self.machine = number, guest, guest.machine
        self.attached = self.poked = False
        self.hart = self.current
        self.addresses = Addresses(self.machine)
        self.breakpoints = Breakpoints(self.machine)
        self.monitor = Monitor(self.machine)
        self.registers = registers_of(self.machine.harts[0])
        self.description = description(self.registers)

    @property
    def is_alive(self) -> bool:
        """Whether the guest has not ended."""
        return self.guest.end is None

    @property
    def current(self) -> int:
        """The number of the hart that ran last."""
        return self.machine.harts.index(self.machine.current)

    @property
    def _chosen(self) -> Hart:
        return self.machine.harts[self.hart]

    def about(self, hart: int) -> str:
        """A hart in words."""
        found = self.machine.harts[hart]
        state = f"{MODE_NAMES[found.mode]} mode{', waiting' if found.waiting else ''}"
        return "stopped" if found.h.stopped else state

    def settle(self) -> None:
        """The guest is to go on: its history is another one from here on, if something was written."""
        if self.poked and self.machine.history is not None:
            self.machine.history.changed()
        self.poked = False

    def detach(self) -> None:
        """Let the guest be, without the breakpoints that gdb has set."""
        self.attached = False
        self.breakpoints.clear()
        if self.is_alive:
            self.settle()

    # Registers

    def read_all(self, rest: str) -> bytes:
        """`g`."""
        return "".join(encoded(self.registers[number].read(self._chosen)) for number in range(PC + 1)).encode()

    def write_all(self, rest: str) -> bytes:
        """`G`."""
        data = bytes.fromhex(rest)
        if len(data) != (PC + 1) * WORD:
            raise PacketError(WRONG_PACKET)
        for number in range(PC + 1):
            value = int.from_bytes(data[number * WORD : (number + 1) * WORD], "little")
            self.registers[number].write(self._chosen, value)
        self.poked = True
        return OK

    def read_register(self, rest: str) -> bytes:
        """`p`."""
        register = self.registers.get(hexadecimal(rest))
        if register is None:
            raise PacketError(NO_SUCH_PLACE)
        return encoded(register.read(self._chosen)).encode()

    def write_register(self, rest: str) -> bytes:
        """`P`."""
        number, _, digits = rest.partition("=")
        register = self.registers.get(hexadecimal(number))
        if register is None:
            raise PacketError(NO_SUCH_PLACE)
        data = bytes.fromhex(digits)
        if len(data) != WORD:
            raise PacketError(WRONG_PACKET)
        register.write(self._chosen, int.from_bytes(data, "little"))
        self.poked = True
        return OK

    def go_from(self, address: str) -> None:
        """Of `c`, `s`: the pc to go on from, if there is one. Raises ValueError."""
        if address:
            self.registers[PC].write(self._chosen, hexadecimal(address))
            self.poked = True

    # Memory

    def read_memory(self, rest: str) -> bytes:
        """`m`."""
        address, length = _range(rest)
        data = self.addresses.read(self._chosen, address, min(length, MOST_BYTES))
        if not data:
            raise PacketError(NO_SUCH_PLACE)
        return data.hex().encode()

    def write_memory(self, rest: str) -> bytes:
        """`M`."""
        place, _, digits = rest.partition(":")
        return self._write(place, bytes.fromhex(digits))

    def write_binary(self, rest: str) -> bytes:
        """`X`."""
        place, _, data = rest.partition(":")
        return self._write(place, unescaped(data.encode("latin-1")))

    def _write(self, place: str, data: bytes) -> bytes:
        address, length = _range(place)
        if length != len(data):
            raise PacketError(WRONG_PACKET)
        if not self.addresses.write(self._chosen, address, data):
            raise PacketError(NO_SUCH_PLACE)
        self.poked = self.poked or bool(data)
        return OK

    # Stops

    def set_stop(self, rest: str) -> bytes:
        """`Z`."""
        return OK if self.breakpoints.add(*_stop(rest)) else UNKNOWN

    def remove_stop(self, rest: str) -> bytes:
        """`z`."""
        return OK if self.breakpoints.remove(*_stop(rest)) else UNKNOWN


PACKETS: dict[bytes, Callable[[Inferior, str], bytes]] = {
    b"g": Inferior.read_all, b"G": Inferior.write_all, b"p": Inferior.read_register, b"P": Inferior.write_register,
    b"m": Inferior.read_memory, b"M": Inferior.write_memory, b"X": Inferior.write_binary, b"Z": Inferior.set_stop,
    b"z": Inferior.remove_stop,
}  # fmt: skip
"""Packets about one guest, by name; their text is in Latin-1. They raise PacketError and ValueError."""


def _range(text: str) -> tuple[int, int]:
    address, length = (hexadecimal(number) for number in text.split(","))
    return address, length


def _stop(text: str) -> tuple[int, int, int]:
    """Type, address and length of a Z packet; conditions behind them were not asked for."""
    kind, address, length = (hexadecimal(number) for number in text.split(";")[0].split(","))
    return kind, address, length
