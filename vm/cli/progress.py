"""What a person sees while a command works: a spinner while the engine compiles, a bar while rows are measured."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from trapline.vm.cli.user_errors import colored

NAMES = {"stopping": "engine for breakpoints"}
"""What a person calls some kinds of compiled code."""


@contextmanager
def announce_compilation(what: str) -> Iterator[None]:
    """Say that the first run compiles, instead of being silent for many seconds: with a spinner at a terminal."""
    message = f"trapline: compiling the {NAMES.get(what, what)} (once for this version, about 10 seconds)..."
    if not colored():
        click.echo(message, err=True)
        yield
        return
    from rich.console import Console

    with Console(stderr=True, highlight=False).status(message, spinner="line"):
        yield


@contextmanager
def bar(total: int, counted: bool = False) -> Iterator[Callable[[str, int], None] | None]:
    """A bar of `total` steps on stderr; yields advance(description, steps), or None where stderr is no terminal.

    counted: whether it shows the number of steps done as well.
    """
    if not colored():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = [TextColumn("{task.description:18}"), BarColumn(), TimeElapsedColumn()]
    if counted:
        columns.insert(2, MofNCompleteColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as shown:
        task = shown.add_task("", total=total)
        yield lambda description, steps: shown.update(task, advance=steps, description=description)
