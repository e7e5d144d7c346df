"""The host's end of a machine's console: where output goes and where input comes from."""

import select
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import BinaryIO, Protocol, runtime_checkable

from trapline.vm.host.captured import Captured
from trapline.vm.host.output_buffer import OutputBuffer
from trapline.vm.state import Count, State

INPUT_LIMIT = 1 << 20
"""Bytes of terminal input that are buffered for the guest."""
PATIENCE = 0.05
"""Seconds to wait for input before the limits of the run are checked again."""
LOOK_INTERVAL = 0.002
"""Seconds between two polls of a terminal while the guest runs."""
FLUSH_INTERVAL = 0.01
"""Seconds that output is held back at most while the guest goes on printing."""
NO_LIMIT = 1 << 62
"""Bytes that no guest prints."""
SECOND_LOOK = 2
"""The look for input without output before it, at which the guest waits for an answer to what it printed."""


class ConsoleState(State, frozen=True):
    """Of a `Console`. output: in pieces, of which there were `printed` bytes in all; pending: input that was not read;
    over: there will be no more.
    """

    output: tuple[bytes, ...]
    printed: Count
    room: Count
    pending: bytes
    looks: Count
    over: bool


class OutputLimit(Exception):
    """The guest has printed more than it may."""


@runtime_checkable
class Source(Protocol):
    """A source of input. interactive: a person types it, who waits for output and may quit."""

    interactive: bool
    quit: bool

    def poll(self, seconds: float) -> bytes | None:
        """The input that arrives within `seconds`, b"" if none; None at the end of input."""

    def attached(self, unread: Callable[[], bytes]) -> AbstractContextManager[None]:
        """A context in which a machine reads from it. unread: returns the input that the guest has not read yet."""


class Stream:
    """A pipe or a file. last: input to append at its end, such as Ctrl-D.

    If the last line has no newline, one is inserted before `last`.
    """

    interactive = False
    quit = False

    def __init__(self, stream: BinaryIO, last: bytes = b"") -> None:
        self._stream = stream
        self._last = last
        self._mid_line = False
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)

    def poll(self, seconds: float) -> bytes | None:
        """See Source."""
        try:
            readable = bool(select.select([self._stream], [], [], seconds)[0])
        except (OSError, ValueError):
            readable = True  # select cannot wait for it: a read returns at once
        if not readable:
            return b""
        try:
            if data := self._read(4096):
                self._mid_line = not data.endswith(b"\n")
                return data
            last, self._last = self._last, b""
            return (b"\n" + last if last and self._mid_line else last) or None
        except OSError as error:
            error.filename = error.filename or getattr(self._stream, "name", "input")
            raise

    def attached(self, unread: Callable[[], bytes]) -> AbstractContextManager[None]:
        """See Source."""
        return nullcontext()


class Console:
    """The console of a machine.

    stdout: stream that receives output, or None to capture only; log: a second such stream. Both get output in pieces:
    it is flushed when the guest idles, looks for input twice or stops, and after FLUSH_INTERVAL at most. A slow reader
    is not waited for, except in `drain`.
    stdin: bytes, a stream to poll, a Source, or None for empty input.
    room: bytes that the guest may still print; more raise OutputLimit.
    held_since: time of the first byte that is not flushed yet, None without any.
    """

    def __init__(
        self,
        stdout: BinaryIO | None = None,
        stdin: BinaryIO | bytes | Source | None = None,
        log: BinaryIO | None = None,
    ) -> None:
        self._stdout = None if stdout is None else OutputBuffer(stdout)
        self._log = None if log is None else OutputBuffer(log)
        self.room = NO_LIMIT
        self.held_since: float | None = None
        self._found_empty = False
        self._captured = Captured()
        self._shown = 0
        self._closed = False
        self._again = b""
        self._came = bytearray()
        self._over = False
        self._looks = 0
        self._looked_at = 0.0
        self._pending = bytearray(stdin if isinstance(stdin, bytes) else b"")
        self._source: Source | None = None
        if stdin is not None and not isinstance(stdin, bytes):
            self._source = stdin if isinstance(stdin, Source) else Stream(stdin)

    def close_output(self) -> None:
        """Print to no stream from now on."""
        self._stdout = None

    @property
    def output(self) -> bytes:
        """The output so far, at most the last CAPTURE_LIMIT bytes."""
        return self._captured.data()

    @property
    def mid_line(self) -> bool:
        """Whether the output ends in the middle of a line."""
        return self._captured.last_byte() not in (None, ord("\n"))

    @property
    def pending(self) -> bool:
        """Whether there is input that the guest has not read."""
        return bool(self._pending)

    @property
    def interactive(self) -> bool:
        """Whether a person types the input."""
        return self._input is not None and self._input.interactive

    @property
    def has_source(self) -> bool:
        """Whether it has had a source of input, ended or not."""
        return self._source is not None

    @property
    def quit(self) -> bool:
        """Whether that person asked to quit."""
        return self._input is not None and self._input.quit

    @property
    def ended(self) -> bool:
        """Whether the source has ended."""
        return self._over

    @property
    def awaited(self) -> bool:
        """Whether the guest has found no input since it last printed."""
        return self._looks > 0 and not self._pending

    @contextmanager
    def attached(self) -> Iterator[None]:
        """A context in which a terminal passes on every key; it ends with the terminal restored and the log closed."""
        try:
            with nullcontext() if self._source is None else self._source.attached(lambda: bytes(self._pending)):
                yield
        finally:
            log, self._log = self._log, None
            if log is not None:
                log.stream.close()

    def write(self, data: bytes) -> None:
        """Print. Raises OSError when an output stream fails, OutputLimit where `data` is too much."""
        self._looks = 0
        cut = len(data) > self.room
        data = data[: self.room]
        self.room -= len(data)
        known = max(0, self._shown - self._captured.total)
        self._captured.add(data)
        for stream in (self._log, self._stdout):
            if stream is not None:
                stream.write(data[known:])
        if self.held_since is None:
            self.held_since = time.monotonic()
        if cut:
            raise OutputLimit

    def save(self) -> ConsoleState:
        """See `vm.state.Stateful`. Input that a source has not delivered yet is not part of it."""
        pieces, printed = self._captured.pieces(), self._captured.total
        return ConsoleState(pieces, printed, self.room, bytes(self._pending), self._looks, self._over)

    def restore(self, state: ConsoleState, again: bool = True) -> None:
        """See `vm.state.Stateful`. again: whether the streams get once more what follows and what they had before."""
        self._shown = 0 if again else max(self._shown, self._captured.total)
        self._captured.put_back(state.output, state.printed)
        self.room, self._looks, self._over = state.room, state.looks, state.over
        self._pending[:] = state.pending
        self._found_empty = False

    @property
    def congested(self) -> bool:
        """Whether so much waits for a reader that the guest must wait, too."""
        log, stdout = self._log, self._stdout
        return (log is not None and log.full) or (stdout is not None and stdout.full)

    def drain(self, seconds: float) -> bool:
        """Print what is held back, waiting at most so long for each reader; whether that was all. Raises OSError."""
        try:
            shown = self._stdout is None or self._stdout.drain(seconds)
        finally:
            logged = self._log is None or self._log.drain(seconds)
        gone = shown and logged
        self.held_since = None if gone else time.monotonic()
        return gone

    def flush(self) -> None:
        """Print what is held back, as far as the readers take it at once."""
        self.drain(0)

    def flush_in_time(self) -> None:
        """Flush what has been held back for long enough."""
        if self.held_since is not None and time.monotonic() - self.held_since >= FLUSH_INTERVAL:
            self.flush()

    def received(self) -> bool | None:
        """Whether there is input, as far as this is known without a poll: else None.

        What a poll has found out holds for one question, as input may arrive at any time.
        """
        if self._pending:
            return True
        if self._input is None:
            return False
        empty, self._found_empty = self._found_empty, False
        return False if empty else None

    def looked(self, times: int) -> None:
        """Note that the guest has been answered that there is no input; at the second look it waits for an answer."""
        before, self._looks = self._looks, self._looks + times
        if before < SECOND_LOOK <= self._looks:
            self.flush()

    def ready(self) -> bool:
        """Whether a byte can be read now."""
        self.looked(1)
        if not self._pending:
            self._poll()
            self._found_empty = not self._pending
        return bool(self._pending)

    @property
    def unread(self) -> int:
        """Bytes of input that have arrived and that the guest has not read."""
        return len(self._pending)

    def available(self, most: int) -> int:
        """How many bytes can be read now, counted up to `most`."""
        if len(self._pending) < most:
            self._poll()
        return min(len(self._pending), most)

    def take(self, most: int) -> bytes:
        """Up to `most` bytes of what can be read now."""
        taken = bytes(self._pending[: self.available(most)])
        del self._pending[:most]
        return taken

    def read(self) -> int | None:
        """The next input byte, or None."""
        return self._pending.pop(0) if self.ready() else None

    def wait(self, seconds: float) -> bool:
        """Wait for input; False when there will never be any."""
        if self._pending:
            self.flush()
        else:
            self.pause(seconds)
        return bool(self._pending) or self._input is not None

    def pause(self, seconds: float) -> None:
        """Sleep for `seconds`, or until new input arrives."""
        self.flush()
        if self._input is None or len(self._pending) >= (INPUT_LIMIT if self.interactive else 1):
            time.sleep(seconds)
        else:
            self._poll(seconds)

    @property
    def _input(self) -> Source | None:
        """The source, until it has ended."""
        return None if self._over else self._source

    @contextmanager
    def opened(self) -> Iterator[None]:
        """From the first of these contexts on, input comes only within one: its moment is to be known.

        What has come then is for `taken`.
        """
        self._came.clear()
        self._closed = False
        try:
            yield
        finally:
            self._closed = True

    def taken(self) -> tuple[bytes, bool]:
        """The input that came while the console was last `opened`, and whether there will be no more."""
        return bytes(self._came), self._over

    def receive(self, data: bytes, end: bool) -> None:
        """Let input come that came before, as from the source. end: there will be no more."""
        self._pending += data
        self._over = end

    def type_again(self, data: bytes) -> None:
        """Let input come once more, as soon as the source is asked."""
        self._again = data + self._again

    def fetch(self) -> None:
        """Poll a source that no person types on, before the guest asks for input."""
        if not self.interactive and not self._pending:
            self._poll()

    def look(self) -> None:
        """Poll an interactive source now and then, so that its user can quit while the guest reads nothing."""
        if not self.interactive or len(self._pending) >= INPUT_LIMIT:
            return
        now = time.monotonic()
        if now - self._looked_at >= LOOK_INTERVAL:
            self._looked_at = now
            self._poll()

    def attend(self) -> bool:
        """Look for a user who quits while the guest stands still; what is typed comes when it goes on."""
        if self._input is not None and self.interactive and len(self._again) < INPUT_LIMIT:
            self._again += self._input.poll(0) or b""
        return self.quit

    def _poll(self, seconds: float = 0) -> None:
        if self._input is None or self._closed:
            return
        data = self._again or self._input.poll(seconds)
        self._again = b""
        if data is not None:
            self._pending += data
            self._came += data
        elif not self._input.quit:
            self._over = True
