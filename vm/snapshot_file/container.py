"""The bytes of a file: a magic number, the version of the format, messages, and a checksum of all of it.

    8 bytes   what it is of: a key of KINDS
    2 bytes   version of the format, little-endian
    ...       one zstandard frame: messages, each with its length in 4 bytes before it
    32 bytes  SHA-256 of everything before

A message is MessagePack of a `vm.state.State`. Readers know which kind comes next. The checksum is looked at before
anything else, and no length is believed before its bytes are there: memory is taken as they come.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeVar

import msgspec
import zstandard

from trapline.vm.state import State

MACHINE, PROCESS, GUESTS = b"\x89TRAPSN\n", b"\x89TRAPPR\n", b"\x89TRAPGS\n"
KINDS = {MACHINE: "a machine", PROCESS: "a process", GUESTS: "several guests"}
"""The first bytes of a file, and what is in it."""
VERSION = 4
"""Versions that differ cannot read each other's files."""
MESSAGE_MAX = 1 << 28
"""Bytes of a message."""

_MAGIC_SIZE, _VERSION_SIZE, _LENGTH_SIZE = 8, 2, 4
_DIGEST_SIZE = hashlib.sha256().digest_size
WINDOW_MAX = 1 << 23
"""Bytes that decompression looks back."""
_LEVEL = 3
_PIECE = 1 << 20

S = TypeVar("S", bound=State)


class SnapshotFileError(ValueError):
    """A file that no machine can be made from; the text is the whole message, with the file's name in front."""


class MessageWriter:
    """Writes messages to a stream. kind: a key of KINDS."""

    def __init__(self, stream: BinaryIO, kind: bytes = MACHINE) -> None:
        self._stream, self._digest = stream, hashlib.sha256()
        self._encoder = msgspec.msgpack.Encoder()
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL).compressobj()
        self._write(kind + VERSION.to_bytes(_VERSION_SIZE, "little"))

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        self._stream.write(data)

    def put(self, message: State) -> None:
        """Write a message. Raises OSError, and ValueError for one that is too large."""
        data = self._encoder.encode(message)
        if len(data) > MESSAGE_MAX:
            raise ValueError(f"{len(data):,} bytes at once are more than a snapshot's file takes")
        for part in (len(data).to_bytes(_LENGTH_SIZE, "little"), data):
            self._write(self._compressor.compress(part))

    def finish(self) -> None:
        """Write what is left, and the checksum."""
        self._write(self._compressor.flush())
        self._stream.write(self._digest.digest())


class MessageReader:
    """Reads the messages of a file whose checksum is right."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._body = _Limited(stream, size)
        self._messages = zstandard.ZstdDecompressor(max_window_size=WINDOW_MAX).stream_reader(
            self._body  # type: ignore[arg-type]  # all that it calls is there
        )

    def get(self, kind: type[S]) -> S:
        """The next message, which is to be of this kind. Raises SnapshotFileError."""
        length = int.from_bytes(self._read(_LENGTH_SIZE), "little")
        if length > MESSAGE_MAX:
            raise SnapshotFileError(f"a part of {length:,} bytes is longer than any")
        try:
            return msgspec.msgpack.decode(self._read(length), type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise SnapshotFileError(f"{kind.__name__}: {error}") from None

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = self._part(min(size - len(data), _PIECE))
            if not part:
                raise SnapshotFileError("it ends in the middle")
            data += part
        return bytes(data)

    def _part(self, size: int) -> bytes:
        try:
            return self._messages.read(size)
        except zstandard.ZstdError as error:
            raise SnapshotFileError(str(error)) from None

    def finish(self) -> None:
        """Refuse a file that goes on. Raises SnapshotFileError."""
        if self._part(1) or self._body.left:
            raise SnapshotFileError("something follows its end")


class _Limited:
    """So many bytes of a stream."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self.left = stream, size

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(data)
        return data


@contextmanager
def opened(path: str, kind: bytes = MACHINE, stream: BinaryIO | None = None) -> Iterator[MessageReader]:
    """The messages of a file of this kind. stream: its bytes, where they are not in a file of this name.

    Raises OSError, and SnapshotFileError, with the file's name, in the context too.
    """
    try:
        with stream or open(path, "rb") as found:
            size = _checked_size(found, kind)
            found.seek(_MAGIC_SIZE + _VERSION_SIZE)
            yield MessageReader(found, size - _MAGIC_SIZE - _VERSION_SIZE)
    except SnapshotFileError as error:
        raise SnapshotFileError(f"{path}: cannot be resumed: {error}") from None


def kind_of(path: str) -> bytes:
    """A key of KINDS; that of a machine for any other file, which `opened` then refuses. Raises OSError."""
    with open(path, "rb") as stream:
        start = stream.read(_MAGIC_SIZE)
    return start if start in KINDS else MACHINE


def _checked_size(stream: BinaryIO, kind: bytes) -> int:
    """Bytes before the checksum, which is right. Raises SnapshotFileError."""
    start = stream.read(_MAGIC_SIZE + _VERSION_SIZE)
    found = start[:_MAGIC_SIZE]
    if found not in KINDS:
        raise SnapshotFileError("it is no snapshot of a machine")
    version = int.from_bytes(start[_MAGIC_SIZE:], "little")
    if version != VERSION:
        other = "a newer" if version > VERSION else "an older"
        raise SnapshotFileError(f"{other} trapline wrote it: version {version} of the format, and this reads {VERSION}")
    if found != kind:
        raise SnapshotFileError(f"it is a snapshot of {KINDS[found]}, not of {KINDS[kind]}")
    size = stream.seek(0, os.SEEK_END) - _DIGEST_SIZE
    stream.seek(len(start))
    if size < len(start):
        raise SnapshotFileError("it is cut short")
    digest, left = hashlib.sha256(start), size - len(start)
    while left:
        part = stream.read(min(left, _PIECE))
        if not part:
            raise SnapshotFileError("it is cut short")
        digest.update(part)
        left -= len(part)
    if stream.read(_DIGEST_SIZE) != digest.digest():
        raise SnapshotFileError("it is damaged: its checksum is wrong")
    return size
