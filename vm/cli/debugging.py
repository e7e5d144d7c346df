"""Where gdb's stub, the log of events and the recorder plug into the commands that run something."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from trapline.vm.cli.command_files import STDIO, current
from trapline.vm.cli.options import DebugOptions, StateOptions
from trapline.vm.cli.user_errors import fail

if TYPE_CHECKING:
    from trapline.vm.boot.recipe import Boot
    from trapline.vm.experiments.guests import Guest
    from trapline.vm.gdb.session import Session
    from trapline.vm.machine import Machine
    from trapline.vm.process import Process
    from trapline.vm.snapshot_file.recording import Recorder

LOOPBACK = "127.0.0.1"
LAST_PORT = 0xFFFF


def check(options: DebugOptions) -> None:
    """Refuse what makes no sense: none of it may be ignored in silence."""
    if options.place is not None and options.log is not None:
        fail("--log cannot be used with --gdb: ask gdb for what happens")
    if options.place is not None:
        split_place(options.place)
    elif options.freeze:
        fail("--freeze (-S) waits for gdb: add --gdb PORT (-s)")


def split_place(text: str) -> tuple[str, int]:
    """Host and port of `--gdb`, the host without the brackets of an IPv6 address."""
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > LAST_PORT:
        fail(f"--gdb {text}: write PORT or HOST:PORT, with a port up to {LAST_PORT}, or 0 for any that is free")
    return host.removeprefix("[").removesuffix("]") or LOOPBACK, int(port)


@contextmanager
def session(
    machine: "Machine | Sequence[Guest]", options: DebugOptions, reversible: bool = True
) -> Iterator["Session | None"]:
    """The session in which gdb may debug a machine, or several guests; None without --gdb."""
    if options.place is None:
        yield None
        return
    from trapline.vm.experiments.guests import Guest
    from trapline.vm.gdb.connection import Listener
    from trapline.vm.gdb.session import Session

    try:
        listener = Listener(*split_place(options.place))
    except OSError as error:
        fail(f"--gdb {options.place}: {error.strerror or error}")
    guests = machine if isinstance(machine, Sequence) else [Guest("guest", machine)]
    with Session(guests, listener, _report, options.freeze, reversible) as found:
        yield found


def _report(text: str) -> None:
    click.echo(f"trapline: {text}", err=True)


def open_recorder(
    machine: "Machine", start: "Boot | Process", state: StateOptions, debug: DebugOptions, resumed: bool = False
) -> "Recorder | None":
    """Begin to record a machine that does not run yet. start, resumed: see `Recorder`. Raises OSError."""
    path = state.record
    if path is None:
        return None
    if path == STDIO:
        fail("--record needs a file's name, not -")
    from trapline.vm.snapshot_file.recording import CHECKPOINTS, Recorder

    memory = 0 if debug.place is None else CHECKPOINTS
    stream = current().open_log(path, "--record")
    return Recorder(
        machine, start, stream, resumed, memory, report=lambda text: click.echo(f"trapline: {text}", err=True)
    )
