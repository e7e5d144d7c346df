"""The packets of gdb's remote protocol: `$data#checksum`, with `}` before what would be read as something else.

See the manual of gdb, "Remote Protocol", Overview. Here are bytes only: what they mean is for `vm.gdb.stub`.
"""

from dataclasses import dataclass
from enum import Enum

PACKET_SIZE = 0x4000
"""Bytes of data in a packet at most, either way."""
CHECKSUM_DIGITS = 2
CHECKSUM_BITS = 0xFF
ESCAPE, ESCAPE_BIT = b"}", 0x20
START, END = b"$", b"#"
SPECIAL = b"#$}*"
"""What is escaped in an answer: `*` would begin a repetition there."""
INTERRUPT = b"\x03"
ACKNOWLEDGED, AGAIN = b"+", b"-"


class Kind(Enum):
    """What has arrived: a packet, one that is damaged or too long, Ctrl-C, and answers to a packet of ours."""

    PACKET = "packet"
    DAMAGED = "damaged packet"
    INTERRUPT = "interrupt"
    ACKNOWLEDGED = "acknowledgement"
    AGAIN = "request to send again"


@dataclass(frozen=True)
class Arrival:
    """Something that has arrived. data: of a packet, escapes and all."""

    kind: Kind
    data: bytes = b""


_SINGLE = {
    INTERRUPT: Arrival(Kind.INTERRUPT), ACKNOWLEDGED: Arrival(Kind.ACKNOWLEDGED), AGAIN: Arrival(Kind.AGAIN),
}  # fmt: skip


class Reader:
    """Finds packets in a stream of bytes, of which it keeps no more than one packet.

    A packet that is not whole when the next `$` comes is dropped: data has no bare `$`.
    """

    def __init__(self) -> None:
        self._inside = False
        self._long = False
        self._data = b""

    def feed(self, received: bytes) -> list[Arrival]:
        """What is complete with these bytes, in order; takes as long as there are bytes."""
        found = []
        data, self._data = self._data + received, b""
        at = 0
        while at < len(data):
            if self._inside:
                at, arrival = self._continue(data, at)
            else:
                byte = data[at : at + 1]
                self._inside = byte == START
                at, arrival = at + 1, _SINGLE.get(byte)
            if arrival is not None:
                found.append(arrival)
        return found

    def _continue(self, data: bytes, at: int) -> tuple[int, Arrival | None]:
        """Go on in a packet: how far the bytes are read then, and the packet if it is complete."""
        end = data.find(END, at)
        stop = len(data) if end < 0 else end
        start = data.rfind(START, at, stop)
        if start >= 0:
            at, self._long = start + 1, False
        if stop - at > PACKET_SIZE:
            at, self._long = stop, True
        behind = end + 1 + CHECKSUM_DIGITS
        if end < 0 or len(data) < behind:
            self._data = data[at:]
            return len(data), None
        packet, digits = data[at:end], data[end + 1 : behind]
        whole = not self._long and digits.lower() == checksum(packet)
        self._inside, self._long = False, False
        return behind, Arrival(Kind.PACKET, packet) if whole else Arrival(Kind.DAMAGED)


def checksum(data: bytes) -> bytes:
    """The two digits behind a packet: "the modulo 256 sum of all characters"."""
    return b"%02x" % (sum(data) & CHECKSUM_BITS)


def framed(data: bytes) -> bytes:
    """A packet. data: escaped where it may have what `escaped` is about."""
    return START + data + END + checksum(data)


def escaped(data: bytes) -> bytes:
    """Data as it stands in a packet of ours."""
    if not any(byte in data for byte in SPECIAL):
        return data
    return b"".join(ESCAPE + bytes([byte ^ ESCAPE_BIT]) if byte in SPECIAL else bytes([byte]) for byte in data)


def unescaped(data: bytes) -> bytes:
    """The data of a packet of gdb's. Raises ValueError where an escape is cut off."""
    found = bytearray()
    bytes_left = iter(data)
    for byte in bytes_left:
        if byte != ESCAPE[0]:
            found.append(byte)
        elif (escaped_byte := next(bytes_left, None)) is not None:
            found.append(escaped_byte ^ ESCAPE_BIT)
        else:
            raise ValueError("an escape without a byte")
    return bytes(found)
