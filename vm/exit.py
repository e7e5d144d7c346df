"""Why a run of a machine came back."""

from dataclasses import dataclass
from enum import Enum

from trapline.isa.cause import describe


class ExitReason(Enum):
    """Why `Machine.run` came back."""

    LIMIT = "instruction limit"
    TIMEOUT = "timeout"
    TRAP = "trap for the host"
    HALT = "halted"
    TRAP_LOOP = "trap loop"
    IDLE = "idle with nothing that could wake it"
    BREAKPOINT = "breakpoint"
    INTERRUPTED = "interrupted"
    EVENT = "exit of the guest that was asked for"
    QUIT = "quit at the console"


@dataclass(frozen=True)
class Exit:
    """Why and where a run stopped. code: the guest's exit code (HALT); cause, tval: of a TRAP."""

    reason: ExitReason
    pc: int
    code: int = 0
    cause: int = 0
    tval: int = 0
    reset: bool = False

    def __str__(self) -> str:
        text = f"{self.reason.value} at pc {self.pc:#010x}"
        return f"{text}: {describe(self.cause)}" if self.reason is ExitReason.TRAP else text
