"""How commands write files; `-` stands for standard output. What may be written: `vm.cli.command_files`."""

import io
import os
import sys
from typing import Any

from trapline.vm.cli.command_files import STDIO, current
from trapline.vm.host.output_file import OutputFile, is_replaced


class _TextFile(io.TextIOWrapper):
    """The text of an output file."""

    def __init__(self, output: OutputFile) -> None:
        super().__init__(output.stream, encoding="utf-8")
        self.output = output


def stdout_bytes() -> Any:
    """Standard output as a binary stream, whatever stands in for it."""
    return getattr(sys.stdout, "buffer", sys.stdout)


def open_text(path: str) -> Any:
    """A text file, opened before the run so that no result is lost; stdout for `-`. Raises OSError.

    It gets its name when it is closed with `close`; if the command fails before, it is forgotten.
    """
    if path == STDIO:
        sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]  # the guest writes to it, too
        return sys.stdout
    return _TextFile(current().open(path))


def close(stream: Any) -> None:
    """Close what `open_text` returned, but not stdout. Raises OSError."""
    if isinstance(stream, _TextFile):
        stream.flush()
        current().commit(stream.output)


def check_writable(path: str | None) -> None:
    """Refuse an output file before the run that fills it, so that no run is in vain. Raises OSError."""
    if path and path != STDIO:
        current().check()
        if is_replaced(path):
            OutputFile(path).discard()
        elif not os.access(path, os.W_OK):
            open(path, "ab").close()  # for its error


def write_bytes(path: str, data: bytes, executable: bool = False) -> None:
    """Write a file, or to stdout for `-`. executable: it is a program. Raises OSError."""
    if path == STDIO:
        sys.stdout.flush()
        stdout_bytes().write(data)
        stdout_bytes().flush()
        return
    files = current()
    output = files.open(path, executable=executable)
    try:
        output.stream.write(data)
        files.commit(output)
    finally:
        output.discard()


def write_text(path: str, text: str) -> None:
    """Write a file, or to stdout for `-`. Raises OSError."""
    if path == STDIO:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        write_bytes(path, text.encode("utf-8"))
