"""Answers gdb's packets about a machine that stands still, and says what it is to do next.

The packets are those of gdb's manual, "Remote Protocol", Packets and General Query Packets; errors are QEMU's: 14 for
an address or a register that is not there, 22 for a packet that is wrong in itself. An unknown packet has an empty
answer.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from trapline.isa.mode import MODE_NAMES
from trapline.isa.sv32 import ADDRESSES
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.gdb.actions import Action, Back, BackToStop, Detach, Go, Kill, Step
from trapline.vm.gdb.addresses import Addresses
from trapline.vm.gdb.breakpoints import Breakpoints
from trapline.vm.gdb.ids import ThreadId, hexadecimal, parsed, written
from trapline.vm.gdb.monitor import Monitor
from trapline.vm.gdb.packets import PACKET_SIZE, escaped, unescaped
from trapline.vm.gdb.target_description import PC, WORD, Register, description, encoded
from trapline.vm.machine import Machine
from trapline.vm.registers import Hart

OK, UNKNOWN = b"OK", b""
NO_SUCH_PLACE, WRONG_PACKET, NO_ANNEX = b"E14", b"E22", b"E00"
SIGINT, SIGTRAP = 2, 5
OUR_FEATURES = (
    "qXfer:features:read+", "qXfer:memory-map:read+", "qXfer:threads:read+", "vContSupported+", "multiprocess+",
    "swbreak+", "hwbreak+", "QStartNoAckMode+",
)  # fmt: skip
REVERSE_FEATURES = ("ReverseStep+", "ReverseContinue+")
MOST_BYTES = PACKET_SIZE // 2
"""Bytes of memory in a packet at most, two digits each, or of a document, some of them escaped."""
_NAME = re.compile(rb"[qQv][A-Za-z.]*|.", re.S)
"""What a packet is about: the name of a query or of a packet of several letters, or one letter."""


class PacketError(Exception):
    """Raised to answer a packet with an error."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(answer)
        self.answer = answer


@dataclass
class Answer:
    """Packets to send, and what to do then."""

    packets: list[bytes] = field(default_factory=list)
    action: Action | None = None


class Stub:
    """The stub for one connection.

    registers: of its harts, by number. reversible: whether the machine can go back. acknowledges: False once gdb wants
    no `+` and `-` any more.
    """

    def __init__(self, machine: Machine, registers: dict[int, Register], reversible: bool) -> None:
        self._machine = machine
        self._reversible = reversible
        self.acknowledges = True
        self._gdb_features: set[str] = set()
        self._hart = machine.harts.index(machine.current)
        self._reason = "", SIGTRAP
        self._addresses = Addresses(machine)
        self._breakpoints = Breakpoints(machine)
        self._monitor = Monitor(machine)
        self._registers = registers
        self._description = description(registers)
        self._poked = False
        self._commands: dict[bytes, Callable[[str], bytes | Answer]] = {
            b"?": self._why, b"!": lambda rest: OK, b"g": self._read_all, b"G": self._write_all,
            b"p": self._read_register, b"P": self._write_register, b"m": self._read_memory, b"M": self._write_memory,
            b"c": self._continue, b"s": self._step, b"C": self._continue_with, b"S": self._step_with,
            b"b": self._back, b"Z": self._set_stop, b"z": self._remove_stop, b"H": self._choose, b"T": self._is_alive,
            b"D": lambda rest: Answer([OK], Detach()), b"k": lambda rest: Answer([], Kill()),
            b"vKill": lambda rest: Answer([OK], Kill()), b"vAttach": self._why, b"vCont": self._resume,
            b"qC": lambda rest: f"QC{self._id(self._hart)}".encode(), b"qSupported": self._supported,
            b"qfThreadInfo": self._threads, b"qsThreadInfo": lambda rest: b"l", b"qAttached": lambda rest: b"1",
            b"qThreadExtraInfo": self._about_thread, b"qXfer": self._transfer, b"qRcmd": self._command,
            b"QStartNoAckMode": self._stop_acknowledging, b"QNonStop": self._non_stop,
            b"qqemu.PhyMemMode": lambda rest: b"%d" % self._addresses.physical,
            b"Qqemu.PhyMemMode": self._set_physical,
        }  # fmt: skip

    # The session's side

    def answer(self, packet: bytes) -> Answer:
        """Answer a packet. What it raises is a mistake of ours, whatever the packet holds."""
        name = _NAME.match(packet)
        if name is None:
            return Answer([UNKNOWN])
        rest = packet[name.end() :]
        try:
            if name[0] == b"X":
                answer: bytes | Answer = self._write_binary(rest)
            else:
                command = self._commands.get(name[0])
                answer = UNKNOWN if command is None else command(rest.decode("latin-1"))
        except PacketError as error:
            answer = error.answer
        except ValueError:
            answer = WRONG_PACKET
        return answer if isinstance(answer, Answer) else Answer([answer])

    def settle(self) -> None:
        """The machine is to go on: its history is another one from here on, if something was written."""
        if self._poked and self._machine.history is not None:
            self._machine.history.changed()
        self._poked = False

    def leave(self) -> None:
        """gdb is gone, and its breakpoints with it."""
        self.settle()
        self._breakpoints.clear()

    def stopped(self, exit: Exit | None, hart: int | None = None) -> bytes:
        """The packet that says why the machine has stopped. exit: None for Ctrl-C; hart: None for the current one."""
        if hart is None:
            hit = None if exit is None else exit.hit
            hart = self._machine.harts.index(self._machine.current) if hit is None else hit.hart
        self._hart = hart
        self._reason = "", SIGTRAP
        if exit is None:
            self._reason = "", SIGINT
        elif exit.reason is ExitReason.BEGIN:
            self._reason = "replaylog:begin;", SIGTRAP
        elif exit.hit is not None or exit.reason is ExitReason.BREAKPOINT:
            name, address = self._breakpoints.reason(exit.hit, exit.pc)
            known = address or name in self._gdb_features  # those of watchpoints always were
            self._reason = f"{name}:{address};" if known else "", SIGTRAP
        return self._stop_reply()

    @staticmethod
    def ended(status: int, signal: int = 0) -> bytes:
        """The packet that says that the guest is no more. signal: what killed a process."""
        return b"X%02x" % (signal & 0xFF) if signal else b"W%02x" % (status & 0xFF)

    @staticmethod
    def printed(text: str) -> list[bytes]:
        """Packets for text that gdb is to print while it waits."""
        data = text.encode()
        return [b"O" + data[i : i + MOST_BYTES - 1].hex().encode() for i in range(0, len(data), MOST_BYTES - 1)]

    # Why it stands still

    def _stop_reply(self) -> bytes:
        about, signal = self._reason
        return f"T{signal:02x}{about}thread:{self._id(self._hart)};".encode()

    def _why(self, rest: str) -> bytes:
        self._breakpoints.clear()
        return self._stop_reply()

    # What there is

    def _supported(self, rest: str) -> bytes:
        self._gdb_features = {name[:-1] for name in rest.lstrip(":").split(";") if name.endswith("+")}
        features = [f"PacketSize={PACKET_SIZE:x}", *OUR_FEATURES, *(REVERSE_FEATURES if self._reversible else ())]
        return ";".join(features).encode()

    def _stop_acknowledging(self, rest: str) -> bytes:
        self.acknowledges = False
        return OK

    def _non_stop(self, rest: str) -> bytes:
        if rest != ":0":
            raise PacketError(WRONG_PACKET)  # all harts stop together: the machine is deterministic
        return OK

    def _transfer(self, rest: str) -> bytes:
        _, name, verb, annex, place = rest.split(":")
        texts = {
            ("features", "target.xml"): lambda: self._description,
            ("memory-map", ""): _memory_map,
            ("threads", ""): self._thread_list,
        }
        if name not in {known for known, _ in texts} or verb != "read":
            return UNKNOWN
        if (name, annex) not in texts:
            raise PacketError(NO_ANNEX)
        offset, length = (hexadecimal(number) for number in place.split(","))
        data = texts[name, annex]().encode()
        piece = data[offset : offset + min(length, MOST_BYTES)]
        return (b"m" if offset + len(piece) < len(data) else b"l") + escaped(piece)

    # Harts

    def _id(self, hart: int) -> str:
        return written(hart, "multiprocess" in self._gdb_features)

    def _parsed(self, text: str) -> ThreadId:
        return parsed(text, len(self._machine.harts))

    def _threads(self, rest: str) -> bytes:
        return ("m" + ",".join(self._id(hart) for hart in range(len(self._machine.harts)))).encode()

    def _thread_list(self) -> str:
        lines = [
            f'<thread id="{self._id(n)}" core="{n}" name="hart {n}">{_state(hart)}</thread>'
            for n, hart in enumerate(self._machine.harts)
        ]
        return '<?xml version="1.0"?>\n<threads>\n' + "\n".join(lines) + "\n</threads>\n"

    def _about_thread(self, rest: str) -> bytes:
        hart = self._parsed(rest.removeprefix(",")).hart or 0
        return f"hart {hart}, {_state(self._machine.harts[hart])}".encode().hex().encode()

    def _choose(self, rest: str) -> bytes:
        chosen = self._parsed(rest[1:])
        if rest[:1] == "g" and chosen.hart is not None:
            self._hart = chosen.hart
        elif rest[:1] not in ("g", "c"):
            raise PacketError(WRONG_PACKET)
        return OK

    def _is_alive(self, rest: str) -> bytes:
        self._parsed(rest)
        return OK

    @property
    def _chosen(self) -> Hart:
        return self._machine.harts[self._hart]

    # Registers

    def _read_all(self, rest: str) -> bytes:
        return "".join(encoded(self._registers[number].read(self._chosen)) for number in range(PC + 1)).encode()

    def _write_all(self, rest: str) -> bytes:
        data = bytes.fromhex(rest)
        if len(data) != (PC + 1) * WORD:
            raise PacketError(WRONG_PACKET)
        for number in range(PC + 1):
            value = int.from_bytes(data[number * WORD : (number + 1) * WORD], "little")
            self._registers[number].write(self._chosen, value)
        self._poked = True
        return OK

    def _read_register(self, rest: str) -> bytes:
        register = self._registers.get(hexadecimal(rest))
        if register is None:
            raise PacketError(NO_SUCH_PLACE)
        return encoded(register.read(self._chosen)).encode()

    def _write_register(self, rest: str) -> bytes:
        number, _, digits = rest.partition("=")
        register = self._registers.get(hexadecimal(number))
        if register is None:
            raise PacketError(NO_SUCH_PLACE)
        data = bytes.fromhex(digits)
        if len(data) != WORD:
            raise PacketError(WRONG_PACKET)
        register.write(self._chosen, int.from_bytes(data, "little"))
        self._poked = True
        return OK

    # Memory

    def _read_memory(self, rest: str) -> bytes:
        address, length = _range(rest)
        data = self._addresses.read(self._chosen, address, min(length, MOST_BYTES))
        if not data:
            raise PacketError(NO_SUCH_PLACE)
        return data.hex().encode()

    def _write_memory(self, rest: str) -> bytes:
        place, _, digits = rest.partition(":")
        return self._write(place, bytes.fromhex(digits))

    def _write_binary(self, rest: bytes) -> bytes:
        place, _, data = rest.partition(b":")
        return self._write(place.decode("latin-1"), unescaped(data))

    def _write(self, place: str, data: bytes) -> bytes:
        address, length = _range(place)
        if length != len(data):
            raise PacketError(WRONG_PACKET)
        if not self._addresses.write(self._chosen, address, data):
            raise PacketError(NO_SUCH_PLACE)
        self._poked = self._poked or bool(data)
        return OK

    def _set_physical(self, rest: str) -> bytes:
        if rest not in (":0", ":1"):
            raise PacketError(WRONG_PACKET)
        self._addresses.physical = rest == ":1"
        return OK

    # Stops

    def _set_stop(self, rest: str) -> bytes:
        return OK if self._breakpoints.add(*_stop(rest)) else UNKNOWN

    def _remove_stop(self, rest: str) -> bytes:
        return OK if self._breakpoints.remove(*_stop(rest)) else UNKNOWN

    # On and back

    def _resume(self, rest: str) -> bytes | Answer:
        if rest == "?":
            return b"vCont;c;C;s;S;r"
        action: Action | None = None
        for item in rest.removeprefix(";").split(";"):
            what, _, thread = item.partition(":")
            hart = self._parsed(thread).hart if thread else None
            if what[:1] in ("s", "S", "r") and not isinstance(action, Step):
                start, end = (hexadecimal(n) for n in what[1:].split(",")) if what[:1] == "r" else (0, 0)
                action = Step(hart, start, end)
            elif what[:1] in ("c", "C"):
                action = action or Go()
            elif what[:1] not in ("s", "S", "r"):
                raise PacketError(WRONG_PACKET)
        return Answer([], action)

    def _go_from(self, address: str, action: Action) -> Answer:
        if address:
            self._chosen.pc = hexadecimal(address)
            self._poked = True
        return Answer([], action)

    def _continue(self, rest: str) -> Answer:
        return self._go_from(rest, Go())

    def _step(self, rest: str) -> Answer:
        return self._go_from(rest, Step(self._hart))

    def _continue_with(self, rest: str) -> Answer:
        return self._go_from(rest.partition(";")[2], Go())  # there are no signals on a bare machine

    def _step_with(self, rest: str) -> Answer:
        return self._go_from(rest.partition(";")[2], Step(self._hart))

    def _back(self, rest: str) -> bytes | Answer:
        if not self._reversible or rest not in ("s", "c"):
            return UNKNOWN
        return Answer([], Back(self._hart) if rest == "s" else BackToStop())

    # Commands

    def _command(self, rest: str) -> bytes | Answer:
        line = bytes.fromhex(rest.removeprefix(",")).decode(errors="replace")
        done = self._monitor.run(line, self._chosen)
        self._poked = self._poked or done.changed
        packets = self.printed(done.text)
        return Answer([*packets, OK], Kill() if done.quits else None)


def _state(hart: Hart) -> str:
    state = f"{MODE_NAMES[hart.mode]} mode"
    if hart.h.stopped:
        return "stopped"
    return f"{state}, waiting" if hart.waiting else state


def _memory_map() -> str:
    """All addresses as RAM: gdb's are virtual ones, and any of them may be mapped."""
    return (
        '<?xml version="1.0"?>\n<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN" '
        '"http://sourceware.org/gdb/gdb-memory-map.dtd">\n'
        f'<memory-map>\n<memory type="ram" start="0x0" length="{ADDRESSES:#x}"/>\n</memory-map>\n'
    )


def _range(text: str) -> tuple[int, int]:
    address, length = (hexadecimal(number) for number in text.split(","))
    return address, length


def _stop(text: str) -> tuple[int, int, int]:
    """Type, address and length of a Z packet; conditions behind them were not asked for."""
    kind, address, length = (hexadecimal(number) for number in text.split(";")[0].split(","))
    return kind, address, length
