"""Answers gdb's packets about guests that stand still, and says what they are to do next.

The packets are those of gdb's manual, "Remote Protocol", Packets and General Query Packets; errors are QEMU's: 14 for
an address or a register that is not there, 22 for a packet that is wrong in itself. An unknown packet has an empty
answer. What is about one guest alone is in `vm.gdb.inferior`.
"""

import re
from collections.abc import Callable, Sequence
from xml.sax.saxutils import quoteattr

from trapline.isa.sv32 import ADDRESSES
from trapline.vm.core.stops import RECORDS
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.gdb.actions import Back, BackToStop, Detach, Go, Kill, Step
from trapline.vm.gdb.ids import ThreadId, hexadecimal, parsed, written
from trapline.vm.gdb.inferior import MOST_BYTES, PACKETS, Inferior
from trapline.vm.gdb.packets import PACKET_SIZE, escaped
from trapline.vm.gdb.replies import NO_ANNEX, NO_SUCH_PLACE, OK, UNKNOWN, WRONG_PACKET, Answer, PacketError

SIGINT, SIGTRAP = 2, 5
OUR_FEATURES = (
    "qXfer:features:read+", "qXfer:memory-map:read+", "qXfer:threads:read+", "vContSupported+", "multiprocess+",
    "swbreak+", "hwbreak+", "QStartNoAckMode+",
)  # fmt: skip
HOST_INFO = (
    b"triple:"
    + b"riscv32-unknown-unknown-elf".hex().encode()
    + b";ptrsize:4;endian:little;watchpoint_exceptions_received:before;"
)
"""What lldb wants to know: without a program the registers, and that it has to step over a watched access itself."""
REVERSE_FEATURES = ("ReverseStep+", "ReverseContinue+")
_NAME = re.compile(rb"[qQvj][A-Za-z.]*|.", re.S)
"""What a packet is about: the name of a query or of a packet of several letters, or one letter."""
STEPS, CONTINUES = ("s", "S", "r"), ("c", "C")
"""Actions of `vCont`. Signals are left aside: there are none on a bare machine."""


class Stub:
    """The stub for one connection.

    It debugs all guests, or, as QEMU's, the first one until gdb attaches to others, where gdb says that it can (`!`).
    reversible: whether the guests can go back. acknowledges: False once gdb wants no `+` and `-` any more.
    """

    def __init__(self, inferiors: Sequence[Inferior], reversible: bool) -> None:
        self._inferiors = inferiors
        self._reversible = reversible
        self.acknowledges = True
        self._gdb_features: set[str] = set()
        self._reason = "", SIGTRAP
        self._chosen = self._continued = next((i for i in inferiors if i.is_alive), inferiors[0])
        for inferior in inferiors:
            inferior.attached = inferior.is_alive
            inferior.hart = inferior.current
        self._commands: dict[bytes, Callable[[str], bytes | Answer]] = {
            b"?": self._why, b"!": self._extended, b"H": self._choose, b"T": self._has_thread,
            b"c": self._continue, b"s": self._step, b"C": self._continue_with, b"S": self._step_with, b"b": self._back,
            b"D": self._detach, b"k": lambda rest: Answer([], Kill()), b"vKill": self._kill, b"vAttach": self._attach,
            b"vCont": self._resume, b"qC": self._current, b"qSupported": self._supported,
            b"qfThreadInfo": self._threads, b"qsThreadInfo": lambda rest: b"l", b"qAttached": lambda rest: b"1",
            b"qThreadExtraInfo": self._about_thread, b"qXfer": self._transfer, b"qRcmd": self._command,
            b"QStartNoAckMode": self._stop_acknowledging, b"QNonStop": self._non_stop,
            b"qqemu.PhyMemMode": lambda rest: b"%d" % self._chosen.addresses.physical,
            b"Qqemu.PhyMemMode": self._set_physical, b"qHostInfo": lambda rest: HOST_INFO,
            b"qqemu.sstepbits": lambda rest: b"ENABLE=1", b"qqemu.sstep": lambda rest: b"0x1",
            b"Qqemu.sstep": self._set_step, b"qWatchpointSupportInfo": lambda rest: b"num:%d;" % RECORDS,
        }  # fmt: skip

    # The session's side

    def answer(self, packet: bytes) -> Answer:
        """Answer a packet. What it raises is a mistake of ours, whatever the packet holds."""
        name = _NAME.match(packet)
        if name is None:
            return Answer([UNKNOWN])
        rest = packet[name.end() :].decode("latin-1")
        answer: bytes | Answer = UNKNOWN
        try:
            if name[0] in PACKETS:
                answer = PACKETS[name[0]](self._seen, rest)
            elif name[0] in self._commands:
                answer = self._commands[name[0]](rest)
        except PacketError as error:
            answer = error.answer
        except ValueError:
            answer = WRONG_PACKET
        return answer if isinstance(answer, Answer) else Answer([answer])

    def leave(self) -> None:
        """gdb is gone, and its breakpoints with it."""
        for inferior in self._inferiors:
            inferior.detach()

    def stopped(self, inferior: Inferior, exit: Exit | None, hart: int | None = None) -> bytes:
        """The packet that says why a guest has stopped. exit: None for Ctrl-C; hart: None for the one it is about."""
        if hart is None:
            hit = None if exit is None else exit.hit
            hart = inferior.current if hit is None else hit.hart
        self._chosen = self._continued = inferior
        inferior.hart = hart
        self._reason = "", SIGTRAP
        if exit is None:
            self._reason = "", SIGINT
        elif exit.reason is ExitReason.BEGIN:
            self._reason = "replaylog:begin;", SIGTRAP
        elif exit.hit is not None or exit.reason is ExitReason.BREAKPOINT:
            name, address = inferior.breakpoints.reason(exit.hit, exit.pc)
            known = address or name in self._gdb_features  # those of watchpoints always were
            self._reason = f"{name}:{address};" if known else "", SIGTRAP
        return self._stop_reply()

    def ended(self, inferior: Inferior, status: int, signal: int = 0) -> bytes:
        """The packet that says that a guest is no more. signal: what killed a process."""
        inferior.attached = False
        about = f";process:{inferior.number:x}" if self._is_multiprocess and len(self._inferiors) > 1 else ""
        if self._chosen is inferior:
            self._chosen = self._continued = next(iter(self._attached.values()), inferior)
        return f"{f'X{signal & 0xFF:02x}' if signal else f'W{status & 0xFF:02x}'}{about}".encode()

    @staticmethod
    def printed(text: str) -> list[bytes]:
        """Packets for text that gdb is to print while it waits."""
        data = text.encode()
        return [b"O" + data[i : i + MOST_BYTES - 1].hex().encode() for i in range(0, len(data), MOST_BYTES - 1)]

    # Why it stands still

    def _stop_reply(self) -> bytes:
        about, signal = self._reason
        return f"T{signal:02x}{about}thread:{self._id(self._chosen)};".encode()

    def _why(self, rest: str) -> bytes:
        for inferior in self._attached.values():
            inferior.breakpoints.clear()
        return self._stop_reply() if self._attached else b"W00"

    # What there is

    @property
    def _is_multiprocess(self) -> bool:
        return "multiprocess" in self._gdb_features

    def _supported(self, rest: str) -> bytes:
        self._gdb_features = {name[:-1] for name in rest.lstrip(":").split(";") if name.endswith("+")}
        if not self._is_multiprocess:
            self._extended("")
        features = [f"PacketSize={PACKET_SIZE:x}", *OUR_FEATURES, *(REVERSE_FEATURES if self._reversible else ())]
        return ";".join(features).encode()

    def _extended(self, rest: str) -> bytes:
        """gdb attaches by itself, or knows one process only: for now it debugs the first."""
        for inferior in list(self._attached.values())[1:]:
            inferior.detach()
        return OK

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
            ("features", "target.xml"): lambda: self._seen.description,
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

    # Guests and harts

    @property
    def _attached(self) -> dict[int, Inferior]:
        return {i.number: i for i in self._inferiors if i.attached and i.is_alive}

    @property
    def _seen(self) -> Inferior:
        """The guest that packets are about. Raises PacketError where there is none any more."""
        if not self._chosen.is_alive:
            raise PacketError(NO_SUCH_PLACE)
        return self._chosen

    def _id(self, inferior: Inferior, hart: int | None = None) -> str:
        return written(inferior.number, inferior.hart if hart is None else hart, self._is_multiprocess)

    def _parsed(self, text: str) -> ThreadId:
        return parsed(text, {number: len(i.machine.harts) for number, i in self._attached.items()})

    def _process(self, rest: str) -> int | None:
        """The process in `D;1` and the like; None where no one is named."""
        number = hexadecimal(rest.removeprefix(";")) if rest else None
        if number is not None and number not in self._attached:
            raise PacketError(WRONG_PACKET)
        return number

    def _all_harts(self) -> list[tuple[Inferior, int]]:
        return [(i, n) for i in self._attached.values() for n in range(len(i.machine.harts))]

    def _threads(self, rest: str) -> bytes:
        ids = ",".join(self._id(inferior, hart) for inferior, hart in self._all_harts())
        return f"m{ids}".encode() if ids else b"l"

    def _thread_list(self) -> str:
        lines = [
            f'<thread id="{self._id(i, n)}" core="{n}" name={quoteattr(self._name(i, n))}>{i.about(n)}</thread>'
            for i, n in self._all_harts()
        ]
        return '<?xml version="1.0"?>\n<threads>\n' + "\n".join(lines) + "\n</threads>\n"

    def _name(self, inferior: Inferior, hart: int) -> str:
        return f"{inferior.guest.name} hart {hart}" if len(self._inferiors) > 1 else f"hart {hart}"

    def _about_thread(self, rest: str) -> bytes:
        named = self._parsed(rest.removeprefix(","))
        inferior = self._seen if named.process is None else self._attached[named.process]
        hart = named.hart or 0
        return f"{self._name(inferior, hart)}, {inferior.about(hart)}".encode().hex().encode()

    def _current(self, rest: str) -> bytes:
        return f"QC{self._id(self._chosen)}".encode()

    def _choose(self, rest: str) -> bytes:
        chosen = self._parsed(rest[1:])
        if rest[:1] not in ("g", "c"):
            raise PacketError(WRONG_PACKET)
        inferior = self._chosen if chosen.process is None else self._attached[chosen.process]
        self._continued = inferior
        if rest[:1] == "g":
            self._chosen = inferior
            if chosen.hart is not None:
                inferior.hart = chosen.hart
        return OK

    def _has_thread(self, rest: str) -> bytes:
        self._parsed(rest)
        return OK

    def _attach(self, rest: str) -> bytes:
        number = hexadecimal(rest.removeprefix(";"))
        inferior = next((i for i in self._inferiors if i.number == number and i.is_alive), None)
        if inferior is None:
            raise PacketError(WRONG_PACKET)
        inferior.breakpoints.clear()
        inferior.attached = True
        return self.stopped(inferior, Exit(ExitReason.LIMIT, inferior.machine.current.pc))

    def _detach(self, rest: str) -> Answer:
        return Answer([OK], Detach(self._process(rest)))

    def _kill(self, rest: str) -> Answer:
        return Answer([OK], Kill(self._process(rest)))

    def _set_physical(self, rest: str) -> bytes:
        if rest not in (":0", ":1"):
            raise PacketError(WRONG_PACKET)
        for inferior in self._inferiors:
            inferior.addresses.physical = rest == ":1"
        return OK

    def _set_step(self, rest: str) -> bytes:
        """QEMU can keep interrupts away from a step; here time and interrupts go on in it, as in any run."""
        if rest not in ("=1", "=0x1"):
            raise PacketError(WRONG_PACKET)
        return OK

    # On and back

    def _resume(self, rest: str) -> bytes | Answer:
        """`vCont`: of the actions for a thread the first counts; a guest goes on or stands still as a whole."""
        if rest == "?":
            return b"vCont;c;C;s;S;r"
        step: Step | None = None
        going: set[int] = set()
        for item in rest.removeprefix(";").split(";"):
            what, _, thread = item.partition(":")
            named = self._parsed(thread) if thread else ThreadId()
            if what[:1] in STEPS and step is None:
                start, end = (hexadecimal(n) for n in what[1:].split(",")) if what[:1] == "r" else (0, 0)
                step = Step(self._seen.number if named.process is None else named.process, named.hart, start, end)
            elif what[:1] in CONTINUES:
                going |= self._attached.keys() if named.process is None else {named.process}
            elif what[:1] not in STEPS:
                raise PacketError(WRONG_PACKET)
        if step is None:
            return Answer([], Go(frozenset(going)))
        return Answer([], Step(step.process, step.hart, step.start, step.end, frozenset(going - {step.process})))

    def _continue(self, rest: str) -> Answer:
        self._seen.go_from(rest)
        return Answer([], Go(frozenset(self._attached)))

    def _step(self, rest: str) -> Answer:
        inferior = self._seen
        inferior.go_from(rest)
        return Answer([], Step(inferior.number, inferior.hart))

    def _continue_with(self, rest: str) -> Answer:
        return self._continue(rest.partition(";")[2])

    def _step_with(self, rest: str) -> Answer:
        return self._step(rest.partition(";")[2])

    def _back(self, rest: str) -> bytes | Answer:
        """Only one guest goes back, the one that `Hc` has named: each has a time of its own."""
        if not self._reversible or rest not in ("s", "c"):
            return UNKNOWN
        inferior = self._continued
        if not inferior.is_alive:
            raise PacketError(NO_SUCH_PLACE)
        return Answer([], Back(inferior.number, inferior.hart) if rest == "s" else BackToStop(inferior.number))

    # Commands

    def _command(self, rest: str) -> bytes | Answer:
        inferior = self._seen
        line = bytes.fromhex(rest.removeprefix(",")).decode(errors="replace")
        done = inferior.monitor.run(line, inferior.machine.harts[inferior.hart])
        inferior.poked = inferior.poked or done.changed
        packets = self.printed(done.text)
        return Answer([*packets, OK], Kill() if done.quits else None)


def _memory_map() -> str:
    """All addresses as RAM: gdb's are virtual ones, and any of them may be mapped."""
    return (
        '<?xml version="1.0"?>\n<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN" '
        '"http://sourceware.org/gdb/gdb-memory-map.dtd">\n'
        f'<memory-map>\n<memory type="ram" start="0x0" length="{ADDRESSES:#x}"/>\n</memory-map>\n'
    )
