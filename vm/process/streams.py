"""The standard streams of a process: host streams behind file descriptors 0, 1 and 2."""

import io
import os
import select
import time
from collections.abc import Iterable
from typing import Any, BinaryIO

from trapline.vm.process.errno import EAGAIN, EBADF, EIO, ENOSPC, EPIPE, SystemCallError
from trapline.vm.state import Count, State

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


CUT_SHORT = (TimedOut, OutputLimit, KeyboardInterrupt)
"""What ends a system call in the middle; whoever goes on does it again."""


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


class Came(State, frozen=True):
    """What a read of the host's stream brought. error: its number, 0 for none."""

    data: bytes = b""
    error: Count = 0


class Answer(State, frozen=True):
    """What the host said to write `number` of the guest, where that was not that all is written."""

    number: Count
    taken: Count
    error: Count = 0


class InputState(State, frozen=True):
    """Of an `Input`. reads: of the host's stream; rest: what the last of them brought and nobody has taken."""

    reads: Count
    rest: bytes = b""


class OutputState(State, frozen=True):
    """Of an `Output`: bytes printed; quota: bytes that are left, None for no limit.

    torn: bytes printed behind that, by a system call that did not end and is done again; writes: of the guest so far.
    """

    printed: Count
    mid_line: bool
    quota: Count | None
    torn: Count = 0
    writes: Count = 0


class Input:
    """A stream that the guest reads; None for empty input.

    Reads use the file descriptor if there is one, so that they return whatever is available.
    log: what each read of the stream brought, from read `first` on; kept once a state was saved.
    """

    def __init__(self, stream: BinaryIO | None) -> None:
        self._stream = stream if stream is not None else io.BytesIO()
        self._fd = _descriptor(stream)
        self.log: list[Came] | None = None
        self.first = self._reads = 0
        self._rest = b""

    @classmethod
    def of(cls, data: bytes) -> "Input":
        """One of bytes."""
        return cls(io.BytesIO(data))

    def rest(self) -> bytes:
        """Of one of bytes, what was not read."""
        assert isinstance(self._stream, io.BytesIO)
        return self._stream.getvalue()[self._stream.tell() :]

    def save(self) -> InputState:
        """See `vm.state.Stateful`. From now on what is read is kept."""
        if self.log is None:
            self.log = []
        return InputState(self._reads, self._rest)

    def restore(self, state: InputState) -> None:
        """See `vm.state.Stateful`. Raises ValueError where what came after that is not known."""
        log = self.log or []
        if self._reads == 0 and not log:
            self.first = state.reads  # nobody has read from it: it begins here
        elif not self.first <= state.reads <= self.first + len(log):
            raise ValueError("input that was read then is not known any more")
        self._reads, self._rest = state.reads, state.rest

    def follow(self, log: Iterable[Came], first: int = 0) -> None:
        """Let reads from number `first` on bring what they brought elsewhere, before the stream is asked."""
        self.log, self.first = list(log), first

    def read(self, size: int, deadline: float | None) -> bytes:
        """Up to `size` bytes, b"" at the end. Raises TimedOut when time.monotonic() reaches the deadline."""
        if not self._rest:
            came = self._next(size, deadline)
            if came.error:
                raise SystemCallError(came.error)
            self._rest = came.data
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _next(self, size: int, deadline: float | None) -> Came:
        """What the next read brings, or has brought."""
        place = self._reads - self.first
        if self.log is not None and place < len(self.log):
            self._reads += 1
            return self.log[place]
        try:
            came = Came(self._read(min(size, MAX_READ), deadline))
        except SystemCallError as error:
            came = Came(error=error.number)
        self._reads += 1
        if self.log is None:
            self.first = self._reads
        else:
            self.log.append(came)
        return came

    def _read(self, size: int, deadline: float | None) -> bytes:
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

    mid_line: whether the output ends in the middle of a line; torn: see `OutputState`; answers: by number of the write.
    Bytes go out at once, past the buffer of a stream with a file descriptor, so that nothing is lost however the
    guest stops.
    """

    def __init__(self, stream: BinaryIO | None, quota: "Quota") -> None:
        self._stream = stream
        self._fd = _descriptor(stream)
        self._quota = quota
        self.mid_line = False
        self._printed = self._shown = self.torn = self._writes = 0
        self.answers: dict[int, Answer] = {}
        if stream is not None:
            self._flush()

    def _flush(self) -> None:
        flush = getattr(self._stream, "flush", None)
        try:
            if flush is not None:
                flush()
        except (OSError, ValueError):
            pass  # the write that follows reports it

    def save(self) -> OutputState:
        """See `vm.state.Stateful`."""
        return OutputState(self._printed, self.mid_line, self._quota.left, self.torn, self._writes)

    def restore(self, state: OutputState, again: bool = True) -> None:
        """See `vm.state.Stateful`. again: whether what was printed since is printed again."""
        self._shown = state.printed + state.torn if again else max(self._shown, self._printed + self.torn)
        self._printed, self.mid_line, self._quota.left = state.printed, state.mid_line, state.quota
        self.torn, self._writes = state.torn, state.writes

    def take_back(self, printed: int, granted: int, writes: int) -> None:
        """The system call that has printed the last so many bytes is done again, and does not print them again.

        granted: bytes that it took from the quota; writes: in how many parts.
        """
        self._writes -= writes
        self._shown = max(self._shown, self._printed)
        self._printed -= printed
        self.torn = self._shown - self._printed
        if self._quota.left is not None:
            self._quota.left += granted

    def write(self, data: memoryview, deadline: float | None) -> int:
        """Write; the number of bytes accepted.

        Raises SystemCallError where write(2) fails, OutputLimit past the quota, TimedOut at the deadline.
        """
        before, allowed, number = self._printed, len(data), self._writes
        self._writes = number + 1
        if number in self.answers:
            return self._repeated(data, self.answers[number], deadline)
        try:
            if self._quota.left is None:
                done = self.put_all(data, deadline)
            else:
                allowed = self._quota.take(len(data))
                done = self.put_all(data[:allowed], deadline)
                if allowed < len(data):
                    raise OutputLimit
        except CUT_SHORT:
            self.take_back(self._printed - before, allowed, 1)
            raise
        except SystemCallError as error:
            self.answers[number] = Answer(number, self._printed - before, error.number)
            raise
        if done < len(data):
            self.answers[number] = Answer(number, done)
        return done

    def _repeated(self, data: memoryview, answer: Answer, deadline: float | None) -> int:
        """Write as much as then, with the same answer."""
        done = self.put_all(data[: answer.taken], deadline)
        if answer.error:
            raise SystemCallError(answer.error)
        return done

    def put_all(self, data: memoryview | bytes, deadline: float | None = None) -> int:
        """Write without the quota; the number of bytes accepted, fewer than all only if more would block."""
        done, size = 0, len(data)
        try:
            while done < size:
                look(deadline)
                piece = data[done : done + PIECE]
                known = min(len(piece), max(0, self._shown - self._printed))
                taken = known or self._put(piece, deadline)
                self._printed += taken
                done += taken
                self.mid_line = data[done - 1] != ord("\n")
            self.torn = 0
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
