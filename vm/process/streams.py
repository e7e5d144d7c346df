"""The standard streams of a process: binary streams of the host behind file descriptors 0, 1 and 2."""

import io
import os
import select
import time
from typing import Any, BinaryIO

from trapline.vm.process.errno import EAGAIN, EBADF, EIO, ENOSPC, EPIPE, SystemCallError

MAX_READ = 16 << 20
"""Most bytes that one read takes from the host; a read may always return fewer than it was asked for."""


PIPE_BUF = 4096
"""Bytes that a write to a pipe takes without blocking once the pipe is ready."""


class TimedOut(Exception):
    """The time limit passed while the guest waited for its input or for a reader of its output."""


class OutputLimit(Exception):
    """The guest printed more than it may."""


def _descriptor(stream: Any) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def _wait(fd: int, write: bool, deadline: float | None) -> None:
    """Return when the descriptor is ready. Raises TimedOut when time.monotonic() reaches the deadline first."""
    left = None if deadline is None else max(0.0, deadline - time.monotonic())
    try:
        ready = select.select([] if write else [fd], [fd] if write else [], [], left)
    except (OSError, ValueError):
        return  # nothing that select could wait for: the call itself blocks or answers
    if not any(ready):
        raise TimedOut


class Input:
    """A stream that the guest reads; None is an empty one.

    A stream with a file descriptor is read there, so that a read returns what there is.
    """

    def __init__(self, stream: BinaryIO | None) -> None:
        self._stream = stream if stream is not None else io.BytesIO()
        self._fd = _descriptor(stream)

    def read(self, size: int, deadline: float | None) -> bytes:
        """Up to `size` bytes, b"" at the end. Raises TimedOut when time.monotonic() reaches the deadline."""
        size = min(size, MAX_READ)
        try:
            if self._fd is None:
                return (getattr(self._stream, "read1", None) or self._stream.read)(size) or b""
            # Ctrl-C ends a wait in select, but no read once a C library (z3) has put the handler back with SA_RESTART.
            _wait(self._fd, False, deadline)
            return os.read(self._fd, size)
        except BlockingIOError:
            raise SystemCallError(EAGAIN) from None
        except (OSError, ValueError):
            raise SystemCallError(EIO) from None

    def write(self, data: memoryview, deadline: float | None) -> int:
        """Not for this end."""
        raise SystemCallError(EBADF)


class Output:
    """A stream that the guest writes; None swallows everything.

    mid_line: whether something was written and the last byte was no newline.
    Bytes go out at once, past the buffer of a stream that has a file descriptor, so that what the guest has
    written is there when it stops for whatever reason.
    """

    def __init__(self, stream: BinaryIO | None, quota: "Quota") -> None:
        self._stream = stream
        self._fd = _descriptor(stream)
        self._quota = quota
        self.mid_line = False
        if stream is not None:
            self._flush()

    def _flush(self) -> None:
        flush = getattr(self._stream, "flush", None)
        try:
            if flush is not None:
                flush()
        except (OSError, ValueError):
            pass  # the write that follows reports it

    def write(self, data: memoryview, deadline: float | None) -> int:
        """How many bytes were taken.

        Raises SystemCallError as write(2) fails, OutputLimit past the quota, TimedOut at the deadline.
        """
        allowed = self._quota.take(len(data))
        done = self.put_all(data[:allowed], deadline)
        if allowed < len(data):
            raise OutputLimit
        return done

    def put_all(self, data: memoryview | bytes, deadline: float | None = None) -> int:
        """Write past the quota; how many bytes were taken, fewer than all only where that would block."""
        done = 0
        try:
            while done < len(data):
                done += self._put(data[done:], deadline)
                self.mid_line = data[done - 1] != ord("\n")
        except BlockingIOError:
            if done == 0:
                raise SystemCallError(EAGAIN) from None
        except BrokenPipeError:
            raise SystemCallError(EPIPE) from None
        except (OSError, ValueError) as error:
            raise SystemCallError(ENOSPC if getattr(error, "errno", 0) == ENOSPC else EIO) from None
        return done

    def _put(self, data: memoryview | bytes, deadline: float | None) -> int:
        if self._stream is None:
            return len(data)
        if self._fd is not None:
            if deadline is not None:
                _wait(self._fd, True, deadline)
                data = data[:PIPE_BUF]
            return os.write(self._fd, data)
        taken = self._stream.write(data)
        self._stream.flush()
        if taken is None:
            raise BlockingIOError
        return taken

    def read(self, size: int, deadline: float | None) -> bytes:
        """Not for this end."""
        raise SystemCallError(EBADF)


class Quota:
    """How many bytes of output are left; `limit` None is without end."""

    def __init__(self, limit: int | None) -> None:
        self.left = limit

    def take(self, size: int) -> int:
        """How many of `size` bytes may go out."""
        if self.left is None:
            return size
        granted = min(size, self.left)
        self.left -= granted
        return granted
