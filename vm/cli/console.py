"""The console of `trapline boot`: its options, and the streams, files or terminal that it is made of."""

import io
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import click

from trapline.vm.cli import options
from trapline.vm.exits.clock import KINDS


def console_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options about the console and the time of a person who sits at it."""
    for option in (
        click.option(
            "--clock",
            type=click.Choice(KINDS),
            default="instructions",
            show_default=True,
            help="mtime counts instructions and skips idle time, so that a run repeats; or it follows the wall clock.",
        ),
        click.option("--console-log", metavar="FILE", help="Write what the kernel prints to FILE, too."),
        click.option("--input", "input_file", metavar="FILE", help="Take console input from FILE, not from stdin."),
    ):
        command = option(command)
    return command


class _File(io.FileIO):
    """A file that names itself when it takes no more."""

    def write(self, data: Any) -> Any:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = self.name
            raise


def open_console(settings: dict[str, Any]) -> Any:
    """The `vm.host.console.Console` that was asked for. Raises OSError for its files.

    `last_input`: bytes that follow when a file or pipe ends.
    """
    from trapline.vm.host.console import Console, Source, Stream

    path, log_path = settings["input_file"], settings["console_log"]
    if log_path == "-":
        options.fail("--console-log -: what the kernel prints goes to standard output anyway")
    source = _standard_input() if path in (None, "-") else open(path, "rb", buffering=0)
    log = io.BufferedWriter(_File(log_path, "w")) if log_path else None
    if (last := settings.get("last_input")) and source is not None and not isinstance(source, Source):
        source = Stream(source, last)
    return Console(options.output_stream(), source, log)


def _standard_input() -> Any:
    """A terminal, or a stream as it is, or None."""
    stream: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if stream is None or not stream.isatty():
        return stream
    from trapline.vm.host.terminal import Terminal

    return Terminal(stream.fileno())
