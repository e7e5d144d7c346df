"""Output on its way to a stream, whose reader may be slow or gone to sleep."""

import io
import os
import select
import stat
import time
from typing import BinaryIO

CAPACITY = 1 << 16
"""Bytes that wait for the reader before whoever prints waits, too."""
PIPE_BUF = 4096
"""Bytes that a ready pipe accepts without blocking."""
FILE_PIECE = 1 << 20
"""Bytes of one write to a file, which takes some milliseconds."""


class OutputBuffer:
    """Passes bytes on to a stream as its reader takes them; a stream without a file descriptor gets them at once.

    Past the stream's own buffer, so that nothing blocks in it, neither here nor when Python closes it at its end.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self._held = bytearray()
        self._piece = PIPE_BUF
        self._raw: io.RawIOBase | None = None
        raw = getattr(stream, "raw", stream)
        if isinstance(raw, io.RawIOBase):
            try:
                if stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
                    self._piece = FILE_PIECE
                self._raw = raw
            except (OSError, ValueError):
                pass

    @property
    def full(self) -> bool:
        """Whether the reader must take something before more is printed."""
        return len(self._held) > CAPACITY

    def write(self, data: bytes) -> None:
        """Take bytes; never waits for the reader of a descriptor. Raises OSError."""
        if self._raw is None:
            self.stream.write(data)
        else:
            self._held += data

    def drain(self, seconds: float) -> bool:
        """Pass on what the reader takes within so many seconds; whether that was all. Raises OSError."""
        self.stream.flush()  # what others have written to it came first
        if self._raw is None:
            return True
        end = time.monotonic() + seconds if seconds else 0.0
        while self._held and _is_ready(self._raw, max(0.0, end - time.monotonic()) if end else 0.0):
            piece = self._held[: self._piece]
            del self._held[: self._piece]
            done = self._raw.write(piece)
            if done != len(piece):
                self._held[:0] = piece[done or 0 :]
                if not done:
                    break
        return not self._held


def _is_ready(stream: io.RawIOBase, seconds: float) -> bool:
    """Whether bytes can be written, if need be after waiting."""
    try:
        return bool(select.select([], [stream], [], seconds)[1])
    except (OSError, ValueError):
        return True  # select cannot wait for it: the write itself blocks or returns
