"""The bytes of a recording: a magic number, the version of the format, and chunks.

    8 bytes   MAGIC
    2 bytes   version of the format, little-endian
    ...       chunks: length in 4 bytes, a zstandard frame with one message, and SHA-256 of all before it in the file

A chunk is written whole, so a recording whose writer was killed is good up to its last whole chunk.
No length is believed: what a file unpacks to is bounded by UNPACKED_FREE and by the file's own size.
"""

import hashlib
import os
from typing import BinaryIO, TypeVar

import msgspec
import zstandard

from trapline.vm.snapshot_file.container import MESSAGE_MAX, WINDOW_MAX, SnapshotFileError
from trapline.vm.state import State

MAGIC = b"\x89TRAPRC\n"
VERSION = 4
CHUNK_MAX = 4 << 20
"""Bytes of a message, but for the first one: what comes to a machine within a fraction of a second."""
UNPACKED_FREE = MESSAGE_MAX + (64 << 20)
UNPACKED_RATIO = 64
"""What all chunks together may unpack to: so much, and so many times the bytes of the file."""
ARRIVALS_FREE = 1 << 20
"""Arrivals that any recording may have; a longer file may have one more for each of its bytes."""
_VERSION_SIZE, _LENGTH_SIZE, _DIGEST_SIZE = 2, 4, 32
_LEVEL = 3
_PIECE = 1 << 20

S = TypeVar("S", bound=State)


class ChunkWriter:
    """Writes a recording. stream: unbuffered, so that what is written stays."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._digest = stream, hashlib.sha256()
        self._write(MAGIC + VERSION.to_bytes(_VERSION_SIZE, "little"))

    def put(self, message: State) -> None:
        """Write a chunk. Raises OSError, and ValueError for a message that is too large."""
        message_bytes = msgspec.msgpack.encode(message)
        if len(message_bytes) > MESSAGE_MAX:
            raise ValueError(f"{len(message_bytes):,} bytes at once are more than a recording takes")
        data = zstandard.ZstdCompressor(level=_LEVEL).compress(message_bytes)
        self._write(len(data).to_bytes(_LENGTH_SIZE, "little") + data)
        self._stream.write(self._digest.digest())

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        self._stream.write(data)


class ChunkReader:
    """Reads a recording, chunk by chunk. Raises SnapshotFileError for what is none."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        start = stream.read(len(MAGIC) + _VERSION_SIZE)
        if start[: len(MAGIC)] != MAGIC:
            raise SnapshotFileError("it is no recording of a machine")
        version = int.from_bytes(start[len(MAGIC) :], "little")
        if version != VERSION:
            other = "a newer" if version > VERSION else "an older"
            raise SnapshotFileError(
                f"{other} trapline wrote it: version {version} of the format, and this reads {VERSION}"
            )
        self.size = os.fstat(stream.fileno()).st_size
        self._digest, self._left = hashlib.sha256(start), self.size - len(start)
        self._room = UNPACKED_FREE + UNPACKED_RATIO * self.size

    def get(self, kind: type[S], most: int = CHUNK_MAX) -> S | None:
        """The message of the next chunk, of this kind and at most so many bytes; None behind the last whole chunk.

        Raises SnapshotFileError for a chunk that is damaged.
        """
        if self._left < _LENGTH_SIZE:
            return None
        head = self._stream.read(_LENGTH_SIZE)
        length = int.from_bytes(head, "little")
        self._left -= _LENGTH_SIZE + length + _DIGEST_SIZE
        if self._left < 0:
            return None  # whoever wrote it was killed
        data = self._stream.read(length)
        self._digest.update(head + data)
        if self._stream.read(_DIGEST_SIZE) != self._digest.digest():
            raise SnapshotFileError("it is damaged: a checksum is wrong")
        try:
            return msgspec.msgpack.decode(self._unpacked(data, most), type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise SnapshotFileError(f"{kind.__name__}: {error}") from None

    def _unpacked(self, data: bytes, most: int) -> bytes:
        """The contents of a frame, taken as they come."""
        frame, found = zstandard.ZstdDecompressor(max_window_size=WINDOW_MAX).stream_reader(data), bytearray()
        try:
            while part := frame.read(_PIECE):
                found += part
                self._room -= len(part)
                if len(found) > most or self._room < 0:
                    raise SnapshotFileError("it unpacks to more than any recording")
        except zstandard.ZstdError as error:
            raise SnapshotFileError(str(error)) from None
        return bytes(found)
