"""The console of `trapline boot`: the streams, files or terminal that it is made of."""

import io
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

from trapline.vm.cli.command_files import current
from trapline.vm.cli.options import ConsoleOptions
from trapline.vm.cli.output_files import stdout_bytes
from trapline.vm.cli.user_errors import fail

if TYPE_CHECKING:
    from trapline.vm.host.console import Console


def open_console(options: ConsoleOptions) -> "Console":
    """The `vm.host.console.Console` that was asked for. Raises OSError for its files."""
    from trapline.vm.host.console import Console, Source, Stream

    path, log_path = options.input_file, options.console_log
    if log_path == "-":
        fail("--console-log -: what the kernel prints goes to standard output anyway")
    source = _standard_input(options.last_input) if path in (None, "-") else open(path, "rb", buffering=0)
    log = io.BufferedWriter(current().open_log(log_path, "--console-log")) if log_path else None
    if options.last_input and source is not None and not isinstance(source, Source):
        source = Stream(source, options.last_input)
    return Console(stdout_bytes(), source, log)


def _standard_input(last: bytes) -> Any:
    """A terminal, or a stream as it is, or None. last: input to append at its end."""
    from trapline.vm.host.waiting_thread import ThreadedInput, can_wait

    stream: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if stream is None:
        return None
    if stream.isatty():
        try:
            from trapline.vm.host.terminal import Terminal
        except ImportError:
            pass  # Windows: a line at a time, with the system's own editing
        else:
            return Terminal(stream.fileno())
    return stream if can_wait(stream) else ThreadedInput(stream, last)
