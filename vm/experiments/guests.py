"""Several guests on one host: scheduling, quotas and consoles.

Guests take turns, round robin, of as many steps as the engine's `steps_per_turn` times their share.
Each guest is a machine of its own, so scheduling affects how fast it runs, but not what it does.
A guest that waits gives up the rest of its turn. A guest that is expensive for the host, because it traps at every
step, loses the rest of its turn when its time is used up, at no cost to its neighbours.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from trapline.vm.exit import Exit, ExitReason
from trapline.vm.host.console import Console
from trapline.vm.machine import Machine

TURN_SECONDS = 0.05
"""Wall-clock time of a turn per unit of share.

The clock is checked after every access to a device of the host, else after a turn's steps.
"""

LINE_LIMIT = 4096
"""Bytes after which an unfinished line of a guest is printed."""

WAITING = 0.02
"""Seconds of sleep when all guests wait for input."""


class GuestConsole(Console):
    """A console that never makes other guests wait for its input.

    lacking: whether the guest idles for lack of input that may still come.
    """

    lacking = False

    def wait(self, seconds: float) -> bool:
        """Whether there is input now; never waits."""
        open = super().wait(0)
        self.lacking = open and not self.ready()
        return open and not self.lacking


class PrefixedLines:
    """A stream that prints whole lines, each prefixed with the guest's name.

    Control characters are printed as `^X`, so that a guest cannot overwrite other guests' lines.
    """

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self.prefix = f"{name}| ".encode()
        self.stream = stream
        self._line = bytearray()

    def write(self, data: bytes) -> int:
        """Print complete lines and keep the rest."""
        for byte in data:
            if byte == ord("\n"):
                self.end_line()
            elif len(self._line) >= LINE_LIMIT:
                self.end_line()
                self._line.append(byte)
            else:
                self._line.append(byte)
        return len(data)

    @property
    def line(self) -> bytes:
        """What is held back, as its line has not ended."""
        return bytes(self._line)

    def hold(self, line: bytes) -> None:
        """Go on with a line that was begun elsewhere."""
        self._line[:] = line

    def end_line(self) -> None:
        """Print the line so far."""
        line = self._line.removesuffix(b"\r")
        self.stream.write(self.prefix + b"".join(_SHOWN[byte] for byte in line) + b"\n")
        self._line.clear()

    def flush(self) -> None:
        """Flush the complete lines."""
        self.stream.flush()

    def close(self) -> None:
        """Print an unfinished last line."""
        if self._line:
            self.end_line()
        self.flush()


_TAB, _SPACE, _DELETE = b"\t \x7f"
_CARET = 0x40
"""What a control character and the letter after its caret differ by."""
_SHOWN = [bytes([b]) if (b >= _SPACE and b != _DELETE) or b == _TAB else b"^" + bytes([b ^ _CARET]) for b in range(256)]


@dataclass
class Guest:
    """A guest and its limits. share: of the host's steps, relative to other guests; end: how it ended, if it has."""

    name: str
    machine: Machine
    share: int = 1
    max_instructions: int | None = None
    end: Exit | None = None
    seconds: float = 0.0
    turns: int = 0
    cut_turns: int = 0
    waiting: bool = field(default=False, repr=False)


def take_turn(
    guest: Guest, now: Callable[[], float] = time.monotonic, seconds: float = TURN_SECONDS, most: int | None = None
) -> None:
    """Give a guest its turn, and record its end if it ends.

    seconds: time limit for a share of 1; most: steps at most, None for those of its share.
    """
    machine = guest.machine
    slice = machine.engine.kind.steps_per_turn
    left = slice * guest.share
    if guest.max_instructions is not None:
        left = min(left, guest.max_instructions - machine.cycle)
    if most is not None:
        left = min(left, most)
    started = now()
    rest = seconds * guest.share
    guest.turns += 1
    console = machine.console if isinstance(machine.console, GuestConsole) else None
    guest.waiting = False
    if console is not None:
        console.lacking = False
    while left > 0 and guest.end is None:
        before = machine.cycle
        exit = machine.run(max_instructions=min(left, slice), timeout=rest)
        left -= machine.cycle - before
        if exit.reason in (ExitReason.LIMIT, ExitReason.TIMEOUT):
            if guest.max_instructions is not None and machine.cycle >= guest.max_instructions:
                guest.end = exit
        elif exit.reason is ExitReason.IDLE and console is not None and console.lacking:
            guest.waiting = True
            break
        else:
            guest.end = exit
        rest = seconds * guest.share - (now() - started)
        if left > 0 and rest <= 0 and guest.end is None:
            guest.cut_turns += 1
            break
    guest.seconds += now() - started


@dataclass
class Pause:
    """Something to do once all guests together have done so many instructions. done: whether it was."""

    after: int
    do: Callable[[], None]
    done: bool = False

    def steps_left(self, guests: Sequence[Guest]) -> int | None:
        """How many are left, after doing it if none are; None once it is done."""
        left = self.after - sum(guest.machine.cycle for guest in guests)
        if left <= 0 and not self.done:
            self.done = True
            self.do()
        return None if self.done else left


def run_guests(
    guests: Sequence[Guest], timeout: float | None = None, on_end: Callable[[Guest], object] = lambda guest: None,
    pause: Pause | None = None,
) -> None:  # fmt: skip
    """Run all guests until each has ended.

    timeout: seconds for all of them together. on_end: called once for each guest when it ends. pause: on the way.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        while live := [guest for guest in guests if guest.end is None]:
            for guest in live:
                if deadline is not None and time.monotonic() >= deadline:
                    _stop(guests, ExitReason.TIMEOUT, on_end)
                    return
                take_turn(guest, most=None if pause is None else pause.steps_left(guests))
                if guest.end is not None:
                    on_end(guest)
                    if guest.end.reason is ExitReason.INTERRUPTED:
                        _stop(guests, ExitReason.INTERRUPTED, on_end)
                        return
            if all(guest.waiting or guest.end is not None for guest in live):
                time.sleep(WAITING)
    except KeyboardInterrupt:
        _stop(guests, ExitReason.INTERRUPTED, on_end)


def _stop(guests: Sequence[Guest], reason: ExitReason, on_end: Callable[[Guest], object]) -> None:
    for guest in guests:
        if guest.end is None:
            guest.end = Exit(reason, guest.machine.pc)
            on_end(guest)
