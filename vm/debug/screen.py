"""Where the guest and the debugger print: one stream, on which neither begins in the middle of the other's line."""

import re
from typing import Any

LINE = ord("\n")
_UNPRINTABLE = re.compile(r"[^\n\x20-\x7e\xa0-\U0010ffff]")


class Screen:
    """A binary stream for the guest's output, and `say` for the debugger's.

    stream: takes bytes. The guest's go out as they are.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._mid_line = False

    def write(self, data: bytes | memoryview) -> int:
        """Print for the guest."""
        if len(data):
            self._stream.write(bytes(data))
            self._mid_line = data[-1] != LINE
        return len(data)

    def flush(self) -> None:
        """Pass everything on."""
        self._stream.flush()

    def say(self, text: str) -> None:
        """Print a text of the debugger's, of whole lines; control characters, which may be a guest's, as `?`."""
        if not text:
            return
        begin = b"\n" if self._mid_line else b""
        self._mid_line = False
        self._stream.write(begin + _UNPRINTABLE.sub("?", text.rstrip("\n")).encode("utf-8", "replace") + b"\n")
        self._stream.flush()

    def begin_line(self) -> None:
        """End the guest's line, if it is not at its end."""
        if self._mid_line:
            self._mid_line = False
            self._stream.write(b"\n")
            self._stream.flush()
