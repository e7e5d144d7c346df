"""Input that nothing can wait for with a limit: on Windows `select` takes sockets only, so a thread waits."""

import os
import queue
import select
import stat
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import BinaryIO

PART = 4096
"""Bytes that are read at a time, at most."""


def can_wait(stream: BinaryIO) -> bool:
    """Whether a read of this stream can be waited for, or returns at once, as from a file."""
    try:
        if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            return True
        select.select([stream], [], [], 0)
    except ValueError:
        return True  # in memory
    except OSError:
        return False
    return True


class ThreadedInput:
    """A pipe, or a console line by line, as a `vm.host.console.Source`. last: input to append at its end.

    If the last line has no newline, one is inserted before `last`.
    """

    interactive = False
    quit = False

    def __init__(self, stream: BinaryIO, last: bytes = b"") -> None:
        self._stream, self._last = stream, last
        self._mid_line = self._ended = False
        self._parts: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        data = b"more"
        while data:
            try:
                data = os.read(self._stream.fileno(), PART)
            except OSError:
                data = b""
            self._parts.put(data)

    def poll(self, seconds: float) -> bytes | None:
        """The input that arrives within `seconds`, b"" if none; None at the end of input."""
        if self._ended:
            return None
        if self._thread.ident is None:
            self._thread.start()
        try:
            data = self._parts.get(timeout=seconds) if seconds > 0 else self._parts.get_nowait()
        except queue.Empty:
            return b""
        if data:
            self._mid_line = not data.endswith(b"\n")
            return data
        self._ended = True
        return (b"\n" + self._last if self._last and self._mid_line else self._last) or None

    def attached(self, unread: Callable[[], bytes]) -> AbstractContextManager[None]:
        """Nothing to prepare: the console stays as it is."""
        return nullcontext()
