"""Options and conventions that the commands share."""

import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from trapline.vm.loader.image import MAX_MEMORY

USAGE_ERROR = 2
LIMIT_REACHED = 124


class Fatal(click.ClickException):
    """A mistake of the person who typed the command: one message, exit status 2."""

    exit_code = USAGE_ERROR

    def show(self, file: Any = None) -> None:
        """Print the message."""
        click.echo(f"trapline: {self.message}", err=True)


class Diagnosed(Fatal):
    """Mistakes in sources, rendered with their places."""

    def show(self, file: Any = None) -> None:
        """Print the messages, with the colours that they have."""
        click.echo(self.message, err=True, color=colored())


def fail(message: str) -> NoReturn:
    """End with a message and status 2."""
    raise Fatal(message)


def colored() -> bool:
    """Whether messages on stderr may have colours: on a terminal, unless NO_COLOR (https://no-color.org) is set."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Size(click.ParamType):
    """Bytes with an optional suffix K, M or G, a multiple of 4096."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        if isinstance(value, int):
            return value
        text = str(value).strip().upper().removesuffix("IB").removesuffix("B")
        shift = {"K": 10, "M": 20, "G": 30}.get(text[-1:], 0)
        number = text[:-1] if shift else text
        if not number.isascii() or not number.isdigit() or len(number) > 20:
            self.fail(f"'{value}' is not a size such as 64M", param, ctx)
        size = int(number) << shift
        if not 4096 <= size <= MAX_MEMORY or size % 4096:
            self.fail(f"{value} is not a multiple of 4K in 4K to 2G", param, ctx)
        return size


class Count(click.ParamType):
    """A positive whole number; 10M and 1e6 are understood."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        if isinstance(value, int):
            return value
        text = str(value).strip().lower().replace("_", "")
        factor = {"k": 10**3, "m": 10**6, "g": 10**9}.get(text[-1:], 1)
        try:
            number = float(text[:-1] if factor > 1 else text) * factor
            count = int(number)
        except (ValueError, OverflowError):
            count, number = 0, 1.0
        if count != number or not 0 < count < 1 << 62:
            self.fail(f"'{value}' is not a positive whole number such as 1000000, 10M or 1e6", param, ctx)
        return count


class Seconds(click.ParamType):
    """A positive number of seconds; a limit that is never reached, such as nan, is none."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < math.inf:
            self.fail(f"'{value}' is not a positive number of seconds such as 10 or 0.5", param, ctx)
        return seconds


class Address(click.ParamType):
    """An address, decimal or with 0x."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The address in [0, 2^32)."""
        if isinstance(value, int):
            return value
        try:
            number = int(str(value), 0)
        except ValueError:
            number = -1
        if not 0 <= number < 1 << 32:
            self.fail(f"'{value}' is not an address in 0 to 0xffffffff", param, ctx)
        return number


class PerGuest(click.ParamType):
    """One value for all guests, or one for each, as in `64M:32M`: a tuple."""

    def __init__(self, each: click.ParamType) -> None:
        self.each = each
        self.name = each.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """The values."""
        if isinstance(value, tuple):
            return value
        return tuple(self.each.convert(part, param, ctx) for part in str(value).split(":"))


def assembling(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options about sources: entry, place, include folders, macros, preprocessor."""
    for option in (
        click.option(
            "--cpp",
            type=click.Choice(["pcpp", "system"]),
            default="pcpp",
            show_default=True,
            help="Preprocess .S sources with what trapline brings, or with the C preprocessor of this system.",
        ),
        click.option("-D", "defines", multiple=True, metavar="NAME[=VALUE]", help="Define a macro for .S sources."),
        click.option("-I", "include_dirs", multiple=True, metavar="DIR", help="Look for included files here too."),
        click.option("--text-base", type=Address(), metavar="ADDRESS", help="Where .text starts."),
        click.option("--entry", metavar="SYMBOL", help="Where the program starts.  [default: _start]"),
    ):
        command = option(command)
    return command


def running(command: Callable[..., Any], memory: click.ParamType | None = None) -> Callable[..., Any]:
    """Options about running: limits, engine, what to report. memory: how `--memory` is read."""
    for option in (
        click.option(
            "--isa", default="rv32ima", show_default=True, metavar="STRING", help="Which ISA the machine has."
        ),
        click.option(
            "--engine", type=click.Choice(["numba", "python"]), help="Compiled, or plain Python: slow, the reference."
        ),
        click.option(
            "--trace",
            metavar="FILE",
            help="Write a line per instruction as Spike's commit log does; - is stdout; slow.",
        ),
        click.option(
            "--json",
            "json_file",
            metavar="[FILE]",
            is_flag=False,
            flag_value="-",
            help="Write a JSON object about the run to FILE, or as stdout's last line.",
        ),
        click.option("--stats", is_flag=True, help="Tell on stderr what the run did and how fast."),
        click.option("--timeout", type=Seconds(), metavar="SECONDS", help="Stop after this."),
        click.option("--max-instructions", type=Count(), metavar="N", help="Stop after this many (10M and 1e6 work)."),
        click.option(
            "--memory",
            type=memory or Size(),
            default="128M",
            show_default=True,
            metavar="SIZE",
            help="RAM, with K, M or G.",
        ),
    ):
        command = option(command)
    return command


@contextmanager
def mistakes() -> Iterator[None]:
    """Turn what can be wrong with files and programs into a message and status 2."""
    from trapline.asm.diagnostics import AsmError, printable
    from trapline.vm.loader.image import LoadError

    try:
        yield
    except AsmError as error:
        raise Diagnosed(error.diagnostics.render(colored())) from None
    except LoadError as error:
        fail(printable(str(error)))
    except BrokenPipeError:
        raise
    except OSError as error:
        fail(printable(f"{error.filename or 'output'}: {error.strerror or error}"))
    except ValueError as error:
        fail(printable(str(error)))
    except MemoryError:
        fail("this computer has not enough memory for that")


@contextmanager
def announce_compilation(what: str = "engine") -> Iterator[None]:
    """Say that the first run compiles, instead of being silent for many seconds: with a spinner at a terminal."""
    message = f"trapline: compiling the {what} (once for this version, about 20 seconds)..."
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        click.echo(message, err=True)
        yield
        return
    from rich.console import Console

    with Console(stderr=True, highlight=False).status(message, spinner="line"):
        yield


def find_program(name: str) -> Path:
    """The file of this name, else the bundled program, such as `programs/hello.s` or `hello.s`."""
    path = Path(name)
    if path.exists():
        return path
    folder = bundled_programs()
    relative = Path(*path.parts[1:]) if path.parts[:1] == ("programs",) else path
    for candidate in (relative, relative.with_suffix(".s")):
        if not path.is_absolute() and ".." not in path.parts and (folder / candidate).is_file():
            return folder / candidate
    return path


def bundled_programs() -> Path:
    """The folder of programs that come with the package."""
    return Path(__file__).parents[2] / "programs"


def list_programs() -> list[tuple[str, str]]:
    """(name, what it is) of each bundled program: the first line of its header comment.

    Those under kernels/ are parts of larger ones, which have a script that makes them; those under demos/ run on one.
    """
    rows = []
    folder = bundled_programs()
    for path in sorted(folder.rglob("*.s")):
        if path.relative_to(folder).parts[0] in ("kernels", "demos"):
            continue
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        rows.append((f"programs/{path.relative_to(folder).as_posix()}", first.lstrip("# ").partition(" - ")[2]))
    return rows


def output_stream() -> Any:
    """Standard output as a binary stream, whatever stands in for it."""
    return getattr(sys.stdout, "buffer", sys.stdout)
