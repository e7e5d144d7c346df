"""What gdb wants the machine to do when it answers no more questions: the packets that resume it, and the last ones."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Go:
    """Go on until something stops it."""


@dataclass(frozen=True)
class Step:
    """Let a hart do an instruction, or several while its pc is in [start, end); the others go on meanwhile.

    hart: None for the one whose turn it is.
    """

    hart: int | None = None
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class Back:
    """Undo the last instruction of a hart, and what others did since. hart: as of `Step`."""

    hart: int | None = None


@dataclass(frozen=True)
class BackToStop:
    """Go back to where a run stops."""


@dataclass(frozen=True)
class Detach:
    """Let the guest go on without a debugger."""


@dataclass(frozen=True)
class Kill:
    """End the run."""


Action = Go | Step | Back | BackToStop | Detach | Kill
