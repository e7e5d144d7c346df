"""Recordings: how a machine or process began, and all that came to it from outside, with the moment at which it came.

    Begin       what a machine was booted from; or how many bytes of a snapshot follow
    Piece ...   those bytes: a file of its own, with the machine or process as it began
    Chunk ...   what came, and how far the machine got

`vm.snapshot_file.chunks` has the bytes. A chunk is written as soon as something has come, and now and then while
nothing comes. So a run that is killed leaves a recording that is good up to its last whole chunk.
"""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import BinaryIO

from trapline.vm.boot.recipe import Boot, Recipe, check_drive_files, drive_files, with_drives
from trapline.vm.engine import Announce
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.history.history import DEFAULT_MEMORY
from trapline.vm.history.outside import Arrival, Outside
from trapline.vm.host.console import Console
from trapline.vm.loader.image import LoadError
from trapline.vm.machine import Machine
from trapline.vm.process import Process, Reason, Result
from trapline.vm.process.streams import Answer, Came, Input, Output
from trapline.vm.snapshot_file import writing
from trapline.vm.snapshot_file.chunks import ARRIVALS_FREE, ChunkReader, ChunkWriter
from trapline.vm.snapshot_file.container import KINDS, MESSAGE_MAX, PROCESS, SnapshotFileError
from trapline.vm.snapshot_file.processes import opened_process, save_process
from trapline.vm.snapshot_file.reading import opened_machine
from trapline.vm.snapshot_file.saved_state import Description
from trapline.vm.state import Byte, Count, State

FLUSH_INTERVAL = 0.2
"""Seconds in which a machine runs at most before the recording says how far it got."""
BY_THE_GUEST = (
    ExitReason.HALT, ExitReason.IDLE, ExitReason.TRAP_LOOP, ExitReason.ENDLESS_LOOP, Reason.EXIT, Reason.SIGNAL,
    Reason.OUTPUT,
)  # fmt: skip
"""Ends that come again in a repetition."""
CHECKPOINTS = DEFAULT_MEMORY
"""Bytes of checkpoints where a debugger goes back while it is recorded."""
_PIECE = 1 << 20


class Begin(State, frozen=True):
    """The first message. source: whether there was any input; interactive: whether a person typed it.

    description: None where `snapshot` bytes of a snapshot's file follow.
    """

    description: Description | None
    source: bool
    interactive: bool
    snapshot: Count = 0


class Piece(State, frozen=True):
    """Some bytes of a snapshot's file."""

    data: bytes


class Chunk(State, frozen=True):
    """Every other message. arrivals: what came since the one before; cycle: how far the machine got, in instructions.

    digest: of the machine at the end (`Machine.digest`), empty before; by_guest: whether the guest has ended the run;
    reads: what a process read; answers: to what it wrote, each with the number of the standard stream.
    """

    arrivals: tuple[Arrival, ...]
    cycle: Count
    digest: str = ""
    by_guest: bool = False
    reads: tuple[Came, ...] = ()
    answers: tuple[tuple[Byte, Answer], ...] = ()


class Recorder(Outside):
    """The outside of a machine that is recorded. stream: unbuffered, so that what is written stays.

    start: what the machine was booted from, or the process that it runs. resumed: whether it has run before; then, and
    for a process, the recording carries a snapshot. memory: bytes for the checkpoints of a debugger. report: called
    with what there is to say, when the host changes the machine: no recording has that, so it ends there.
    """

    def __init__(
        self, machine: Machine, start: Boot | Process, stream: BinaryIO, resumed: bool = False, memory: int = 0,
        report: Callable[[str], None] = lambda text: None,
    ) -> None:  # fmt: skip
        super().__init__(machine)
        self._chunks, self._written, self._report = ChunkWriter(stream), 0, report
        self._ended = False
        snapshot = io.BytesIO()
        if isinstance(start, Process):
            save_process(start, snapshot)
        elif resumed:
            writing.save(machine, start, snapshot)
        size = snapshot.tell()
        booted = isinstance(start, Boot) and not resumed
        description = (
            Description(Recipe.of(start), drive_files(machine)) if isinstance(start, Boot) and booted else None
        )
        self._chunks.put(Begin(description, machine.console.has_source, machine.console.interactive, size))
        snapshot.seek(0)
        while piece := snapshot.read(_PIECE):
            self._chunks.put(Piece(piece))
        self._inputs = [s for s in start.standard if isinstance(s, Input)] if isinstance(start, Process) else []
        self._standard = start.standard if isinstance(start, Process) else []
        self._reads, self._answers = 0, dict.fromkeys(range(len(self._standard)), 0)
        self._flushed, self._cycle = time.monotonic(), machine.cycle
        machine.remember(memory).outside = self

    def look(self) -> None:
        """See `Outside`."""
        super().look()
        self._flush()

    def idle(self) -> bool:
        """See `Outside`."""
        goes_on = super().idle()
        self._flush()
        return goes_on

    def forget_future(self) -> None:
        """See `Outside`."""
        if not self._ended:
            self._put()
            self._ended = True
            self._report(f"the machine was changed: the recording ends after {self._reached:,} instructions")
        super().forget_future()

    @property
    def _reached(self) -> int:
        """How far the machine got, also where a debugger has gone back."""
        return max(self._machine.cycle, self.known)

    def _flush(self) -> None:
        now = time.monotonic()
        came = len(self.arrivals) > self._written and bool(self.arrivals[-1].data)
        read = any(len(stream.log or ()) > self._reads for stream in self._inputs)
        if came or read or (now - self._flushed >= FLUSH_INTERVAL and self._cycle != self._reached):
            self._flushed, self._cycle = now, self._reached
            self._put()

    def _put(self, digest: str = "", by_guest: bool = False) -> None:
        if self._ended:
            return
        self.save()  # what is written stays as it is
        new, self._written = tuple(self.arrivals[self._written :]), len(self.arrivals)
        reads = tuple(came for stream in self._inputs for came in (stream.log or ())[self._reads :])
        self._reads += len(reads)
        self._chunks.put(Chunk(new, self._reached, digest, by_guest, reads, tuple(self._new_answers())))

    def _new_answers(self) -> Iterator[tuple[int, Answer]]:
        for number, stream in enumerate(self._standard):
            if isinstance(stream, Output):
                for answer in list(stream.answers.values())[self._answers[number] :]:
                    self._answers[number] += 1
                    yield number, answer

    def finish(self, machine: Machine, end: Exit | Result) -> None:
        """Write the rest, at the end of the run. Raises OSError."""
        if self.in_the_past:  # a debugger has left the machine there
            self._put()
        else:
            self._put(machine.digest(), end.reason in BY_THE_GUEST)


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
    """What is in a file. begin: its first message; the rest: as of `Chunk`, of all together.

    drives: other names for the files of its drives; snapshot: the file of the machine or process as it began, empty
    where it was booted; technique: how a hypervisor runs it, None for a process.
    """

    path: str
    begin: Begin
    drives: tuple[str, ...]
    snapshot: bytes = b""
    technique: str | None = None
    arrivals: list[Arrival] = field(default_factory=list)
    reads: list[Came] = field(default_factory=list)
    answers: list[tuple[int, Answer]] = field(default_factory=list)
    cycle: int = 0
    digest: str = ""
    by_guest: bool = False

    @property
    def is_process(self) -> bool:
        """Whether it is a process that was recorded."""
        return self.snapshot.startswith(PROCESS)

    def build(self, output: BinaryIO | None = None, announce: Announce | None = None) -> Machine:
        """The machine at its start, to which `run` lets come what came then. Raises OSError and SnapshotFileError.

        output: where its console prints; announce: as of `Machine`.
        """
        source = _Silent(self.begin.interactive) if self.begin.source else None
        console = Console(output, source)
        if self.begin.description is None:
            with _refused(self.path), opened_machine(self.path, self.drives, io.BytesIO(self.snapshot)) as saved:
                machine = saved.build(console=console, announce=announce)
        else:
            machine = self._booted(self.begin.description, console, announce)
        self._follow(machine)
        return machine

    def _booted(self, description: Description, console: Console, announce: Announce | None) -> Machine:
        with _refused(self.path):
            machine = with_drives(description.recipe.boot(), self.drives).build(console=console, announce=announce)
            try:
                check_drive_files(machine, description.drives)
            except BaseException:
                assert machine.board is not None
                machine.board.close()
                raise
        return machine

    def build_process(
        self, stdout: BinaryIO | None = None, stderr: BinaryIO | None = None, announce: Announce | None = None
    ) -> Process:
        """The process at its start, which reads what it read then. Raises SnapshotFileError."""
        with _refused(self.path), opened_process(self.path, io.BytesIO(self.snapshot)) as saved:
            process = saved.build(stdout=stdout, stderr=stderr, announce=announce)
        for number, stream in enumerate(process.standard):
            if isinstance(stream, Input):
                stream.follow(self.reads, stream.first)
            else:
                stream.answers = {answer.number: answer for of, answer in self.answers if of == number}
        self._follow(process.machine)
        return process

    def _follow(self, machine: Machine) -> None:
        if machine.cycle > self.cycle:
            raise SnapshotFileError(f"{self.path}: cannot be replayed: it ends before it begins")
        machine.remember(memory=0).outside = Outside(machine, list(self.arrivals), self.cycle)

    def steps(self, machine: Machine, until: int | None = None) -> int:
        """How many steps are left to its end, or up to so many instructions."""
        end = self.cycle + int(self.by_guest) if until is None else min(until, self.cycle + int(self.by_guest))
        return max(0, end - machine.cycle)

    def run(self, machine: Machine, until: int | None = None) -> Exit:
        """Do again what was recorded, to its end or up to so many instructions."""
        return machine.run(self.steps(machine, until))


def read_recording(path: str, drives: tuple[str, ...] = ()) -> Recording:
    """The recording in a file. drives: other names for the files of its drives, in order.

    Raises OSError, and SnapshotFileError, with the file's name, for one that is damaged.
    """
    with _refused(path), open(path, "rb") as stream:
        reader = ChunkReader(stream)
        begin = reader.get(Begin, MESSAGE_MAX)
        if begin is None:
            raise SnapshotFileError("it is cut short")
        recording = Recording(path, begin, drives)
        if begin.description is not None:
            recording.technique = with_drives(begin.description.recipe.boot(), drives).machine.technique
        else:
            recording.snapshot = _snapshot(reader, begin)
            if not recording.is_process:
                with opened_machine(path, drives, io.BytesIO(recording.snapshot)) as saved:
                    recording.technique = saved.boot.machine.technique
        while (chunk := reader.get(Chunk)) is not None:
            _check(chunk, recording)
            recording.arrivals += chunk.arrivals
            recording.reads += chunk.reads
            recording.answers += chunk.answers
            if len(recording.arrivals) + len(recording.reads) + len(recording.answers) > ARRIVALS_FREE + reader.size:
                raise SnapshotFileError("more has come than in any recording")
            recording.cycle, recording.digest, recording.by_guest = chunk.cycle, chunk.digest, chunk.by_guest
    return recording


def _snapshot(reader: ChunkReader, begin: Begin) -> bytes:
    """The snapshot's file that a recording carries."""
    found = bytearray()
    while len(found) < begin.snapshot:
        piece = reader.get(Piece)
        if piece is None or not piece.data:
            raise SnapshotFileError("it is cut short")
        found += piece.data
    if len(found) != begin.snapshot or not found.startswith(tuple(KINDS)):
        raise SnapshotFileError("it carries no snapshot")
    return bytes(found)


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
        text = str(error).removeprefix(f"{path}: cannot be resumed: ")
        raise SnapshotFileError(f"{path}: cannot be replayed: {text}") from None
