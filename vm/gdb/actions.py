"""What gdb wants the machine to do when it answers no more questions: the packets that resume it, and the last ones.

process: the number of a guest, from 1 on.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Go:
    """Let guests go on until something stops one of them. processes: None for all."""

    processes: frozenset[int] | None = None


@dataclass(frozen=True)
class Step:
    """Let a hart do an instruction, or several while its pc is in [start, end); its guest's others go on meanwhile.

    hart: None for the one whose turn it is. processes: guests that go on meanwhile, too.
    """

    process: int
    hart: int | None = None
    start: int = 0
    end: int = 0
    processes: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Back:
    """Undo the last instruction of a hart, and what others of its guest did since. hart: as of `Step`."""

    process: int
    hart: int | None = None


@dataclass(frozen=True)
class BackToStop:
    """Take a guest back to where a run stops."""

    process: int


@dataclass(frozen=True)
class Detach:
    """Let a guest go on without a debugger. process: None for all."""

    process: int | None = None


@dataclass(frozen=True)
class Kill:
    """End a guest. process: None for all."""

    process: int | None = None


Action = Go | Step | Back | BackToStop | Detach | Kill
