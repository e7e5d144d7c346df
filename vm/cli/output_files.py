"""Files that a command writes besides the guest's console; `-` stands for standard output."""

import sys
from pathlib import Path
from typing import Any


def stdout_bytes() -> Any:
    """Standard output as a binary stream, whatever stands in for it."""
    return getattr(sys.stdout, "buffer", sys.stdout)


def open_text(path: str) -> Any:
    """A text file, opened before the run so that no result is lost; stdout for `-`. Raises OSError."""
    if path == "-":
        sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]  # the guest writes to it, too
        return sys.stdout
    return open(path, "w", encoding="utf-8")


def close(stream: Any) -> None:
    """Close what `open_text` returned, but not stdout."""
    if stream is not sys.stdout:
        stream.close()


def check_writable(path: str | None) -> None:
    """Create an output file before the run that fills it, so that no run is in vain. Raises OSError."""
    if path and path != "-":
        open(path, "w").close()


def write_text(path: str, text: str) -> None:
    """Write a file, or to stdout for `-`. Raises OSError."""
    if path == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        Path(path).write_text(text, encoding="utf-8")
