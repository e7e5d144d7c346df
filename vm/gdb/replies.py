"""What a packet may be answered, and how an answer that is an error is raised."""

from dataclasses import dataclass, field

from trapline.vm.gdb.actions import Action

OK, UNKNOWN = b"OK", b""
NO_SUCH_PLACE, WRONG_PACKET, NO_ANNEX = b"E14", b"E22", b"E00"


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
