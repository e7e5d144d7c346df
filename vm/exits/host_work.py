"""What the host does while the harts stand still: a long service, busy devices, output that its reader has to take.

Each portion is some 20 ms at most, or ends when a reader has been waited for, so that limits and Ctrl-C come through.
To the harts it takes no time.
"""

import time
from collections.abc import Iterator

from trapline.vm.exit import Exit, ExitReason
from trapline.vm.exits.served_machine import ServedMachine
from trapline.vm.host.console import PATIENCE

CUT_SHORT = (ExitReason.TIMEOUT, ExitReason.INTERRUPTED, ExitReason.QUIT)
"""Ends of a run that do not wait for a slow reader."""
_DONE = object()


class HostWork:
    """The work of the host for one machine."""

    def __init__(self, machine: ServedMachine) -> None:
        self._machine = machine
        self._service: Iterator[None] | None = None

    def begin(self, service: Iterator[None]) -> None:
        """Do the first portion of a service, which yields where it may pause."""
        self._service = service
        self._advance_service()

    def advance(self) -> bool:
        """Do a portion; whether there is more."""
        console, board = self._machine.console, self._machine.board
        if board is None and self._service is None and not console.congested:
            return False  # as for a process, at each of its system calls
        if console.congested:
            console.drain(PATIENCE)
        if not console.congested:
            serving = self._advance_service()
            busy = board is not None and board.advance()
            return serving or busy or console.congested
        return True

    def finish(self) -> None:
        """Do the rest of a service, whose state is nobody's to keep."""
        while self._advance_service():
            pass

    def _advance_service(self) -> bool:
        service, self._service = self._service, None
        if service is not None and next(service, _DONE) is not _DONE:
            self._service = service
        return self._service is not None

    def completing(self, status: int) -> None:
        """If a service for the last exit goes on, let its record in the log of events be completed with it."""
        ring = self._machine.engine.ring
        if ring is not None and self._service is not None:
            self._service = ring.completing(self._service, status)

    def deliver(self, exit: Exit, deadline: float | None) -> Exit:
        """The exit, once the output has been read, for which a limit or Ctrl-C does not wait."""
        console, pc = self._machine.console, exit.pc
        try:
            while not console.drain(PATIENCE):
                if exit.reason in CUT_SHORT:
                    break
                if deadline is not None and time.monotonic() >= deadline:
                    return Exit(ExitReason.TIMEOUT, pc)
        except KeyboardInterrupt:
            return Exit(ExitReason.INTERRUPTED, pc)
        return exit
