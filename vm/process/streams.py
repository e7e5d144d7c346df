"""The standard streams of a process: host streams behind file descriptors 0, 1 and 2."""

import io
import os
import select
import time
from typing import Any, BinaryIO

from trapline.vm.process.errno import EAGAIN, EBADF, EIO, ENOSPC, EPIPE, SystemCallError

MAX_READ = 16 << 20
"""Maximum bytes of one read from the host; a read may always return fewer than requested."""


ATTENTION = 0.1
"""Seconds of a wait: Python handles a signal that came just before one only at its end."""

PIPE_BUF = 4096
"""Bytes that a ready pipe accepts without blocking."""

PIECE = 1 << 20
"""Bytes that are written in one go: the time limit and Ctrl-C wait for its end."""


class TimedOut(Exception):
    """The time limit passed in the middle of a system call."""


class OutputLimit(Exception):
    """The guest exceeded its limit of output."""


def _descriptor(stream: Any) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def look(deadline: float | None) -> None:
    """Raise TimedOut when time.monotonic() has reached the deadline."""
    if deadline is not None and time.monotonic() >= deadline:
        raise TimedOut


def _wait(fd: int, write: bool, deadline: float | None) -> None:
    """Return when the descriptor is ready. Raises TimedOut when time.monotonic() reaches the deadline first."""
    while True:
        left = ATTENTION if deadline is None else min(ATTENTION, max(0.0, deadline - time.monotonic()))
        try:
            ready = select.select([] if write else [fd], [fd] if write else [], [], left)
        except (OSError, ValueError):
            return  # select cannot wait for it: the call itself blocks or returns
        if any(ready):
            return
        look(deadline)


class Input:
    """A stream that the guest reads; None for empty input.

    Reads use the file descriptor if there is one, so that they return whatever is available.
    """

    def __init__(self, stream: BinaryIO | None) -> None:
        self._stream = stream if stream is not None else io.BytesIO()
        self._fd = _descriptor(stream)

    def read(self, size: int, deadline: float | None) -> bytes:
        """Up to `size` bytes, b"" at the end. Raises TimedOut when time.monotonic() reaches the deadline."""
        size = min(size, MAX_READ)
        look(deadline)
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
        """Refuse: wrong direction."""
        raise SystemCallError(EBADF)


class Output:
    """A stream that the guest writes; None discards everything.

    mid_line: whether the output ends in the middle of a line.
    Bytes go out at once, past the buffer of a stream with a file descriptor, so that nothing is lost however the
    guest stops.
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
        """Write; the number of bytes accepted.

        Raises SystemCallError where write(2) fails, OutputLimit past the quota, TimedOut at the deadline.
        """
        if self._quota.left is None:
            return self.put_all(data, deadline)
        allowed = self._quota.take(len(data))
        done = self.put_all(data[:allowed], deadline)
        if allowed < len(data):
            raise OutputLimit
        return done

    def put_all(self, data: memoryview | bytes, deadline: float | None = None) -> int:
        """Write without the quota; the number of bytes accepted, fewer than all only if more would block."""
        done, size = 0, len(data)
        try:
            while done < size:
                look(deadline)
                done += self._put(data[done : done + PIECE], deadline)
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
        """Refuse: wrong direction."""
        raise SystemCallError(EBADF)


class Quota:
    """The bytes of output left; None for no limit."""

    def __init__(self, limit: int | None) -> None:
        self.left = limit

    def take(self, size: int) -> int:
        """Take up to `size` bytes from the quota; the number granted."""
        if self.left is None:
            return size
        granted = min(size, self.left)
        self.left -= granted
        return granted
