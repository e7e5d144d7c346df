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


_SINGLE = {INTERRUPT: Kind.INTERRUPT, ACKNOWLEDGED: Kind.ACKNOWLEDGED, AGAIN: Kind.AGAIN}


class Reader:
    """Finds packets in a stream of bytes, of which it keeps no more than one packet.

    A packet that is not whole when the next `$` comes is dropped: data has no bare `$`.
    """

    def __init__(self) -> None:
        self._inside = False
        self._long = False
        self._data = b""

    def feed(self, received: bytes) -> list[Arrival]:
        """What is complete with these bytes, in order."""
        found = []
        rest = received
        while rest:
            if not self._inside:
                byte, rest = rest[:1], rest[1:]
                self._inside = byte == START
                if byte in _SINGLE:
                    found.append(Arrival(_SINGLE[byte]))
                continue
            rest, arrival = self._continue(rest)
            if arrival is not None:
                found.append(arrival)
        return found

    def _continue(self, rest: bytes) -> tuple[bytes, Arrival | None]:
        """Go on in a packet: what is left of the bytes, and the packet if it is complete."""
        data = self._data + rest
        end = data.find(END)
        start = data.rfind(START, 0, len(data) if end < 0 else end)
        if start >= 0:
            data, self._long = data[start + 1 :], False
            end = data.find(END)
        if (len(data) if end < 0 else end) > PACKET_SIZE:
            self._long = True
            data, end = (b"", -1) if end < 0 else (data[end:], 0)
        behind = end + 1 + CHECKSUM_DIGITS
        if end < 0 or len(data) < behind:
            self._data = data
            return b"", None
        packet, digits = data[:end], data[end + 1 : behind]
        whole = not self._long and digits.lower() == checksum(packet)
        self._inside, self._long, self._data = False, False, b""
        return data[behind:], Arrival(Kind.PACKET, packet) if whole else Arrival(Kind.DAMAGED)


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
