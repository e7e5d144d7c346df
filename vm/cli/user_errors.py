"""Mistakes of the person who typed the command: one message on stderr, exit status 2, never a traceback."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from trapline.asm.diagnostics import Diagnostic

USAGE_ERROR = 2
LIMIT_REACHED = 124


class Fatal(click.ClickException):
    """A mistake of the person who typed the command: one message, exit status 2.

    advice: what follows the message; diagnostics: its parts as data, where it has any.
    """

    exit_code = USAGE_ERROR
    advice = ""
    diagnostics: Sequence["Diagnostic"] = ()

    def show(self, file: Any = None) -> None:
        """Print the message."""
        click.echo(f"trapline: {self.message}{self.advice}", err=True)


class Diagnosed(Fatal):
    """Mistakes in sources, rendered with their places."""

    def __init__(self, message: str, diagnostics: Sequence["Diagnostic"] = ()) -> None:
        super().__init__(message)
        self.diagnostics = diagnostics

    def show(self, file: Any = None) -> None:
        """Print the messages, in colour where they have any."""
        click.echo(self.message + self.advice, err=True, color=colored())


def fail(message: str) -> NoReturn:
    """End with a message and status 2."""
    raise Fatal(message)


def escapes_wanted() -> bool:
    """Whether a terminal may be sent escapes: not if NO_COLOR (https://no-color.org) is set, or TERM is dumb."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def colored() -> bool:
    """Whether messages on stderr may have colours: on a terminal that takes them."""
    return sys.stderr.isatty() and escapes_wanted()


@contextmanager
def reported() -> Iterator[None]:
    """Turn errors in files, sources and programs into a message and status 2."""
    from trapline.asm.diagnostics import AsmError, printable
    from trapline.vm.loader.image import LoadError

    try:
        yield
    except AsmError as error:
        found = error.diagnostics
        raise Diagnosed(found.render(colored()), [*found.warnings, *found.errors]) from None
    except LoadError as error:
        fail(printable(str(error)))
    except BrokenPipeError:
        raise
    except OSError as error:
        fail(printable(f"{error.filename or 'output'}: {error.strerror or error}"))
    except ValueError as error:
        fail(printable(str(error)))
    except MemoryError:
        fail("not enough memory on this computer")
