"""What the SBI needs around it: the harts that it serves and the machine, real or virtual, that they are part of."""

from collections.abc import Sequence
from typing import Any, Protocol


class Refused(Exception):
    """An access that a hart could not make itself. cause, tval: the exception that it gets for it."""

    def __init__(self, cause: int, tval: int) -> None:
        super().__init__(cause, tval)
        self.cause = cause
        self.tval = tval


class Platform(Protocol):
    """The machine around the harts."""

    harts: Sequence[Any]
    """Hart records by mhartid: those of `vm.core.hart`, or a virtual machine's."""

    def set_timer(self, hart: int, deadline: int) -> None:
        """mip.STIP of this hart is pending from `deadline` (mtime, 64 bits) on; `ALL_ONES` for never."""

    def put(self, data: bytes) -> None:
        """Print on the console."""

    def get(self) -> int | None:
        """A byte of console input, None when there is none now."""

    def is_memory(self, paddr: int, length: int) -> bool:
        """Whether [paddr, paddr + length) is RAM."""

    def read(self, paddr: int, length: int) -> bytes:
        """Bytes of RAM."""

    def write(self, paddr: int, data: bytes) -> None:
        """Write RAM, instructions included."""

    def load_word(self, h: Any, vaddr: int) -> int:
        """The word that a load of hart h would give. Raises `Refused` with the exception of that load."""

    def shut_down(self, failed: bool) -> None:
        """End the machine: does not return."""

    def reset(self) -> None:
        """Start the machine again: does not return."""


ALL_ONES = (1 << 64) - 1
