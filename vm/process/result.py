"""How a process ended."""

from dataclasses import dataclass, field
from enum import Enum


class Reason(Enum):
    """Why a process ended."""

    EXIT = "exit"
    SIGNAL = "signal"
    INSTRUCTIONS = "instruction limit"
    TIMEOUT = "timeout"
    OUTPUT = "output limit"
    INTERRUPTED = "interrupted"
    KILLED = "killed by the debugger"


@dataclass(frozen=True)
class Result:
    """How a process ended.

    exit_code: the guest's own, 128 + signal, 124 for a limit, 130 for Ctrl-C.
    message: the line printed on stderr, if any; instructions: retired; seconds: of wall clock;
    system_calls: number of calls by name.
    """

    exit_code: int
    reason: Reason
    signal: int = 0
    message: str | None = None
    pc: int = 0
    instructions: int = 0
    seconds: float = 0.0
    system_calls: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.reason.value}, status {self.exit_code}"
