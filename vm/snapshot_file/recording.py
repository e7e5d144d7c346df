"""Recordings: what a machine was booted from, and all that came to it from outside, with the moment at which it came.

    8 bytes   MAGIC
    2 bytes   version of the format, little-endian
    ...       chunks: length in 4 bytes, a zstandard frame with one message, and SHA-256 of all before it in the file

A chunk is written as soon as something has come, and now and then while nothing comes. So a run that is killed leaves a
recording that is good up to its last whole chunk.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import msgspec
import zstandard

from trapline.vm.boot.recipe import Boot, Recipe, check_drive_files, drive_files, with_drives
from trapline.vm.engine import Announce
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.history.outside import Arrival, Outside
from trapline.vm.host.console import Console
from trapline.vm.loader.image import LoadError
from trapline.vm.machine import Machine
from trapline.vm.snapshot_file.container import MESSAGE_MAX, SnapshotFileError
from trapline.vm.snapshot_file.saved_state import Description
from trapline.vm.state import Count, State

MAGIC = b"\x89TRAPRC\n"
VERSION = 1
FLUSH_INTERVAL = 0.2
"""Seconds in which a machine runs at most before the recording says how far it got."""
_VERSION_SIZE, _LENGTH_SIZE, _DIGEST_SIZE = 2, 4, 32
_LEVEL = 3
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
        self._stream, self._digest, self._written = stream, hashlib.sha256(), 0
        self._flushed, self._cycle = time.monotonic(), machine.cycle
        self._write(MAGIC + VERSION.to_bytes(_VERSION_SIZE, "little"))
        description = Description(Recipe.of(boot), drive_files(machine))
        self._put(Begin(description, machine.console.has_source, machine.console.interactive))
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
            self._put(Chunk(self._new(), self._machine.cycle))

    def _new(self) -> tuple[Arrival, ...]:
        self.save()  # what is written stays as it is
        new = tuple(self.arrivals[self._written :])
        self._written = len(self.arrivals)
        return new

    def finish(self, machine: Machine, exit: Exit) -> None:
        """Write the rest, at the end of the run. Raises OSError."""
        self._put(Chunk(self._new(), machine.cycle, machine.digest(), exit.reason in BY_THE_GUEST))

    def _put(self, message: State) -> None:
        data = zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.msgpack.encode(message))
        self._write(len(data).to_bytes(_LENGTH_SIZE, "little") + data)
        self._stream.write(self._digest.digest())

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        self._stream.write(data)


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
        try:
            machine = self.boot.build(console=Console(output, source), announce=announce)
            check_drive_files(machine, self.begin.description.drives)
        except (ValueError, LoadError) as error:
            raise SnapshotFileError(str(error)) from None
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
    try:
        with open(path, "rb") as stream:
            messages = _messages(stream)
            begin = _decoded(next(messages, b""), Begin)
            recording = Recording(begin, with_drives(begin.description.recipe.boot(), drives))
            for data in messages:
                chunk = _decoded(data, Chunk)
                if chunk.cycle < recording.cycle or any(
                    a.times < 1 or (a.times > 1 and a.data) for a in chunk.arrivals
                ):
                    raise SnapshotFileError("its moments are not in order")
                if any(a.times < 1 or (a.times > 1 and a.data) for a in chunk.arrivals):
                    raise SnapshotFileError("the same input came several times")
                recording.arrivals += chunk.arrivals
                recording.cycle, recording.digest, recording.by_guest = chunk.cycle, chunk.digest, chunk.by_guest
    except (SnapshotFileError, ValueError) as error:
        raise SnapshotFileError(f"{path}: cannot be replayed: {error}") from None
    return recording


def _decoded(data: bytes, kind: Any) -> Any:
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotFileError(f"{kind.__name__}: {error}") from None


def _messages(stream: BinaryIO) -> Iterator[bytes]:
    """The messages of whole chunks. Raises SnapshotFileError for one that is damaged."""
    start = stream.read(len(MAGIC) + _VERSION_SIZE)
    if start[: len(MAGIC)] != MAGIC:
        raise SnapshotFileError("it is no recording of a machine")
    version = int.from_bytes(start[len(MAGIC) :], "little")
    if version != VERSION:
        raise SnapshotFileError(f"it has version {version} of the format, and this trapline reads {VERSION}")
    digest, left = hashlib.sha256(start), os.fstat(stream.fileno()).st_size - len(start)
    while left >= _LENGTH_SIZE:
        head = stream.read(_LENGTH_SIZE)
        length = int.from_bytes(head, "little")
        left -= _LENGTH_SIZE + length + _DIGEST_SIZE
        if left < 0:
            return  # whoever wrote it was killed
        data = stream.read(length)
        digest.update(head + data)
        if stream.read(_DIGEST_SIZE) != digest.digest():
            raise SnapshotFileError("it is damaged: a checksum is wrong")
        yield _decompressed(data)


def _decompressed(data: bytes) -> bytes:
    try:
        found = zstandard.ZstdDecompressor(max_window_size=1 << 23).stream_reader(data).read(MESSAGE_MAX + 1)
    except zstandard.ZstdError as error:
        raise SnapshotFileError(str(error)) from None
    if len(found) > MESSAGE_MAX:
        raise SnapshotFileError("a part of it is longer than any")
    return found
