"""Recordings: what a machine was booted from, and all that came to it from outside, with the moment at which it came.

`vm.snapshot_file.chunks` has the bytes. A chunk is written as soon as something has come, and now and then while
nothing comes. So a run that is killed leaves a recording that is good up to its last whole chunk.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import BinaryIO

from trapline.vm.boot.recipe import Boot, Recipe, check_drive_files, drive_files, with_drives
from trapline.vm.engine import Announce
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.history.outside import Arrival, Outside
from trapline.vm.host.console import Console
from trapline.vm.loader.image import LoadError
from trapline.vm.machine import Machine
from trapline.vm.snapshot_file.chunks import ARRIVALS_FREE, ChunkReader, ChunkWriter
from trapline.vm.snapshot_file.container import MESSAGE_MAX, SnapshotFileError
from trapline.vm.snapshot_file.saved_state import Description
from trapline.vm.state import Count, State

FLUSH_INTERVAL = 0.2
"""Seconds in which a machine runs at most before the recording says how far it got."""
BY_THE_GUEST = (ExitReason.HALT, ExitReason.IDLE, ExitReason.TRAP_LOOP, ExitReason.ENDLESS_LOOP)
"""Ends that come again in a repetition."""


class Begin(State, frozen=True):
    """The first message. source: whether there was any input; interactive: whether a person typed it."""

    description: Description
    source: bool
    interactive: bool


class Chunk(State, frozen=True):
    """Every other message. arrivals: what came since the one before; cycle: how far the machine got, in instructions.

    digest: of the machine at the end (`Machine.digest`), empty before; by_guest: whether the guest has ended the run.
    """

    arrivals: tuple[Arrival, ...]
    cycle: Count
    digest: str = ""
    by_guest: bool = False


class Recorder(Outside):
    """The outside of a machine that is recorded. stream: unbuffered, so that what is written stays."""

    def __init__(self, machine: Machine, boot: Boot, stream: BinaryIO) -> None:
        super().__init__(machine)
        self._chunks, self._written = ChunkWriter(stream), 0
        self._flushed, self._cycle = time.monotonic(), machine.cycle
        description = Description(Recipe.of(boot), drive_files(machine))
        self._chunks.put(Begin(description, machine.console.has_source, machine.console.interactive))
        machine.remember(memory=0).outside = self

    def look(self) -> None:
        """See `Outside`."""
        super().look()
        self._flush()

    def idle(self) -> bool:
        """See `Outside`."""
        goes_on = super().idle()
        self._flush()
        return goes_on

    def _flush(self) -> None:
        now = time.monotonic()
        came = len(self.arrivals) > self._written and bool(self.arrivals[-1].data)
        if came or (now - self._flushed >= FLUSH_INTERVAL and self._cycle != self._machine.cycle):
            self._flushed, self._cycle = now, self._machine.cycle
            self._chunks.put(Chunk(self._new(), self._machine.cycle))

    def _new(self) -> tuple[Arrival, ...]:
        self.save()  # what is written stays as it is
        new = tuple(self.arrivals[self._written :])
        self._written = len(self.arrivals)
        return new

    def finish(self, machine: Machine, exit: Exit) -> None:
        """Write the rest, at the end of the run. Raises OSError."""
        self._chunks.put(Chunk(self._new(), machine.cycle, machine.digest(), exit.reason in BY_THE_GUEST))


class _Silent:
    """A source from which nothing comes any more. interactive: whether a person typed on it."""

    quit = False

    def __init__(self, interactive: bool) -> None:
        self.interactive = interactive

    def poll(self, seconds: float) -> bytes | None:
        """See `vm.host.console.Source`."""
        return b""

    def attached(self, unread: Callable[[], bytes]) -> AbstractContextManager[None]:
        """See `vm.host.console.Source`."""
        return nullcontext()


@dataclass
class Recording:
    """What is in a file. begin: its first message; the rest: as of `Chunk`, of all together."""

    path: str
    begin: Begin
    boot: Boot
    arrivals: list[Arrival] = field(default_factory=list)
    cycle: int = 0
    digest: str = ""
    by_guest: bool = False

    def build(self, output: BinaryIO | None = None, announce: Announce | None = None) -> Machine:
        """The machine at its start, to which `run` lets come what came then. Raises OSError and SnapshotFileError.

        output: where its console prints; announce: as of `Machine`.
        """
        source = _Silent(self.begin.interactive) if self.begin.source else None
        with _refused(self.path):
            machine = self.boot.build(console=Console(output, source), announce=announce)
            try:
                check_drive_files(machine, self.begin.description.drives)
            except BaseException:
                assert machine.board is not None
                machine.board.close()
                raise
        machine.remember(memory=0).outside = Outside(machine, list(self.arrivals), self.cycle)
        return machine

    def run(self, machine: Machine, until: int | None = None) -> Exit:
        """Do again what was recorded, to its end or up to so many instructions."""
        end = self.cycle + int(self.by_guest) if until is None else min(until, self.cycle + int(self.by_guest))
        return machine.run(max(0, end - machine.cycle))


def read_recording(path: str, drives: tuple[str, ...] = ()) -> Recording:
    """The recording in a file. drives: other names for the files of its drives, in order.

    Raises OSError, and SnapshotFileError, with the file's name, for one that is damaged.
    """
    with _refused(path), open(path, "rb") as stream:
        reader = ChunkReader(stream)
        begin = reader.get(Begin, MESSAGE_MAX)
        if begin is None:
            raise SnapshotFileError("it is cut short")
        recording = Recording(path, begin, with_drives(begin.description.recipe.boot(), drives))
        while (chunk := reader.get(Chunk)) is not None:
            _check(chunk, recording)
            recording.arrivals += chunk.arrivals
            if len(recording.arrivals) > ARRIVALS_FREE + reader.size:
                raise SnapshotFileError("more has come than in any recording")
            recording.cycle, recording.digest, recording.by_guest = chunk.cycle, chunk.digest, chunk.by_guest
    return recording


def _check(chunk: Chunk, before: Recording) -> None:
    """Raise SnapshotFileError for a chunk that no machine has written behind what is known."""
    last = before.arrivals[-1].cycle if before.arrivals else 0
    for arrival in chunk.arrivals:
        # Only a machine that waits gets the same again, and then not what was typed.
        if arrival.times < 1 or (arrival.times > 1 and (arrival.data or not arrival.idle)):
            raise SnapshotFileError("the same is said to have come several times")
        if arrival.cycle < last:
            raise SnapshotFileError("its moments are not in order")
        last = arrival.cycle
    if chunk.cycle < before.cycle or last > chunk.cycle:
        raise SnapshotFileError("its moments are not in order")


@contextmanager
def _refused(path: str) -> Iterator[None]:
    """Whatever refuses what is in a file refuses the file."""
    try:
        yield
    except (ValueError, LoadError) as error:
        raise SnapshotFileError(f"{path}: cannot be replayed: {error}") from None
