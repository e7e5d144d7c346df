"""The platform below the SBI: the harts that it serves, and the real or virtual machine around them."""

from collections.abc import Sequence
from typing import Any, Protocol

from trapline.vm.core.records import HartRecord


class Refused(Exception):
    """A failed access on behalf of a hart. cause, tval: the exception that the hart takes for it."""

    def __init__(self, cause: int, tval: int) -> None:
        super().__init__(cause, tval)
        self.cause = cause
        self.tval = tval


class Platform(Protocol):
    """The machine around the harts."""

    harts: Sequence[HartRecord]
    """Hart records by mhartid, of a real or a virtual machine."""

    def set_timer(self, hart: int, deadline: int) -> None:
        """Make mip.STIP of this hart pending from `deadline` on (mtime, 64 bits); `ALL_ONES` for never."""

    def put(self, data: bytes) -> None:
        """Print on the console."""

    def get(self) -> int | None:
        """A byte of console input; None if there is none yet."""

    def is_memory(self, paddr: int, length: int) -> bool:
        """Whether [paddr, paddr + length) is RAM."""

    def read(self, paddr: int, length: int) -> bytes:
        """Read RAM."""

    def write(self, paddr: int, data: bytes) -> None:
        """Write RAM, including code."""

    def load_word(self, h: HartRecord, vaddr: int) -> int:
        """Load a word as hart h would. Raises `Refused` with the exception of that load."""

    def on(self, machine: Any) -> "Platform":
        """The same below another machine."""

    def shut_down(self, failed: bool) -> None:
        """Power off; does not return."""

    def reset(self) -> None:
        """Reset the machine; does not return."""


ALL_ONES = (1 << 64) - 1
