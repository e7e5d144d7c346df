"""Several guests on one host: whose turn it is, their quotas, their consoles.

Guests take turns, round robin, for SLICE steps times their share. A guest is a machine of its own, so what it does and
where it ends depends on nothing but itself; the turns only decide how fast it gets there.
A guest that waits for something gives up the rest of its turn; one that makes the host work hard, by trapping at every
step, loses the rest of its turn when the time for it is used up: its neighbours lose nothing.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from trapline.vm.exit import Exit, ExitReason
from trapline.vm.host.console import Console

SLICE = {"numba": 50_000, "python": 500}
"""Steps in a turn of a guest with share 1, and at most between two looks at the clock: short even if all of them
trap."""

TURN_SECONDS = 0.05
"""Wall clock that a turn may take for each unit of its share. Where each step is an access to a device of the host it
is looked at after every one, else after SLICE steps, of which the slowest take some microseconds each.
"""

LINE_LIMIT = 4096
"""Bytes after which a line of a guest is printed although it has not ended."""

WAITING = 0.02
"""Seconds of sleep when all guests wait for input."""


class GuestConsole(Console):
    """A console that never makes its guest's neighbours wait for input.

    lacking: whether the guest idled for want of input that may come later.
    """

    lacking = False

    def wait(self, seconds: float) -> bool:
        """Whether there is input now."""
        open = super().wait(0)
        self.lacking = open and not self.ready()
        return open and not self.lacking


class PrefixedLines:
    """A stream that prints whole lines with the guest's name before each.

    Control characters are shown as `^X`: a guest could otherwise write over its neighbours' lines.
    """

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self.prefix = f"{name}| ".encode()
        self.stream = stream
        self._line = bytearray()

    def write(self, data: bytes) -> int:
        """Print the lines that are complete, keep the rest."""
        for byte in data:
            if byte == ord("\n"):
                self.end_line()
            elif len(self._line) >= LINE_LIMIT:
                self.end_line()
                self._line.append(byte)
            else:
                self._line.append(byte)
        return len(data)

    def end_line(self) -> None:
        """Print what there is of a line."""
        line = self._line.removesuffix(b"\r")
        self.stream.write(self.prefix + b"".join(_SHOWN[byte] for byte in line) + b"\n")
        self._line.clear()

    def flush(self) -> None:
        """Push out the lines that are complete."""
        self.stream.flush()

    def close(self) -> None:
        """Print the rest, when the guest has ended without a newline."""
        if self._line:
            self.end_line()
        self.flush()


_SHOWN = [bytes([b]) if (b >= 32 and b != 127) or b == 9 else b"^" + bytes([b ^ 64]) for b in range(256)]


@dataclass
class Guest:
    """A guest and what it may use. share: of the host's steps, relative to the others; end: how it ended, if it has."""

    name: str
    machine: Any
    share: int = 1
    max_instructions: int | None = None
    end: Exit | None = None
    seconds: float = 0.0
    turns: int = 0
    cut_turns: int = 0
    waiting: bool = field(default=False, repr=False)


def take_turn(guest: Guest, now: Callable[[], float] = time.monotonic, seconds: float = TURN_SECONDS) -> None:
    """Let a guest have its turn, and note how it ended if it did. seconds: what it may take for a share of 1."""
    machine = guest.machine
    slice = SLICE[machine.engine.kind]
    left = slice * guest.share
    if guest.max_instructions is not None:
        left = min(left, guest.max_instructions - machine.cycle)
    started = now()
    rest = seconds * guest.share
    guest.turns += 1
    guest.waiting = machine.console.lacking = False
    while left > 0 and guest.end is None:
        before = machine.cycle
        exit = machine.run(max_instructions=min(left, slice), timeout=rest)
        left -= machine.cycle - before
        if exit.reason in (ExitReason.LIMIT, ExitReason.TIMEOUT):
            if guest.max_instructions is not None and machine.cycle >= guest.max_instructions:
                guest.end = exit
        elif exit.reason is ExitReason.IDLE and machine.console.lacking:
            guest.waiting = True
            break
        else:
            guest.end = exit
        rest = seconds * guest.share - (now() - started)
        if left > 0 and rest <= 0 and guest.end is None:
            guest.cut_turns += 1
            break
    guest.seconds += now() - started


def run_guests(
    guests: Sequence[Guest], timeout: float | None = None, on_end: Callable[[Guest], None] = lambda guest: None
) -> None:
    """Let all guests run until each has ended.

    timeout: seconds for all of them together. on_end: called once for each guest as it ends.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        while live := [guest for guest in guests if guest.end is None]:
            for guest in live:
                if deadline is not None and time.monotonic() >= deadline:
                    _stop(guests, ExitReason.TIMEOUT, on_end)
                    return
                take_turn(guest)
                if guest.end is not None:
                    on_end(guest)
                    if guest.end.reason is ExitReason.INTERRUPTED:
                        _stop(guests, ExitReason.INTERRUPTED, on_end)
                        return
            if all(guest.waiting or guest.end is not None for guest in live):
                time.sleep(WAITING)
    except KeyboardInterrupt:
        _stop(guests, ExitReason.INTERRUPTED, on_end)


def _stop(guests: Sequence[Guest], reason: ExitReason, on_end: Callable[[Guest], None]) -> None:
    for guest in guests:
        if guest.end is None:
            guest.end = Exit(reason, guest.machine.pc)
            on_end(guest)
