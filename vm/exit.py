"""Why a run of a machine stopped."""

from dataclasses import dataclass
from enum import Enum

from trapline.isa.cause import describe
from trapline.vm.breakpoints import Hit


class ExitReason(Enum):
    """Why `Machine.run` returned."""

    LIMIT = "instruction limit"
    TIMEOUT = "timeout"
    OUTPUT = "output limit"
    TRAP = "trap for the host"
    HALT = "halted"
    TRAP_LOOP = "trap loop"
    ENDLESS_LOOP = "endless loop"
    IDLE = "idle with nothing that could wake it"
    BREAKPOINT = "breakpoint"
    WATCHPOINT = "watchpoint"
    CATCH = "catch"
    INTERRUPTED = "interrupted"
    EVENT = "requested exit of the guest"
    QUIT = "quit at the console"
    BEGIN = "beginning of the history"
    KILLED = "killed by the debugger"


@dataclass(frozen=True)
class Exit:
    """Why and where a run stopped.

    code: the guest's exit code (HALT); cause, tval: of a TRAP; reset: of a HALT, which the guest asked for; the machine
    has not begun again; hit: of a BREAKPOINT, WATCHPOINT or CATCH, what it was about.
    """

    reason: ExitReason
    pc: int
    code: int = 0
    cause: int = 0
    tval: int = 0
    reset: bool = False
    hit: Hit | None = None

    def __str__(self) -> str:
        text = f"{self.reason.value} at pc {self.pc:#010x}"
        return f"{text}: {describe(self.cause)}" if self.reason is ExitReason.TRAP else text
