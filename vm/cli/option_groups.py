"""Options as values: frozen dataclasses whose fields say how click reads them.

    @option_group("Limits")
    @dataclass(frozen=True)
    class Limits:
        timeout: float | None = option("--timeout", type=Seconds(), help="Stop after this.")

    @click.command("run", cls=Command)
    @with_groups()
    def run_command(limits: Limits) -> None: ...

The command has the options of every group in its signature, `--help` shows each group under its title, and the
command receives one typed value for a group.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import Field, field, fields
from functools import wraps
from typing import Any, TypeVar, get_type_hints

import click

from trapline.asm.preprocess.files_read import noted_by
from trapline.vm.cli import command_files
from trapline.vm.cli.command_files import STDIO, JsonPath
from trapline.vm.cli.user_errors import Fatal

T = TypeVar("T")
Choice = Callable[[str], bool]
"""Which fields of a group a command has."""

JSON: dict[str, Any] = {"type": JsonPath(), "metavar": "[FILE]", "is_flag": False, "flag_value": STDIO}
"""What every option `--json` has in common."""
JSON_FILE = "json_file"
"""The parameter of every command that has it."""

_CLICK = "click"
_TITLE = "__option_title__"


def option(*names: str, default: Any = None, spelled: str | None = None, **attributes: Any) -> Any:
    """A field of a group. names: `--memory`; attributes: of `click.option`.

    default: the field's; spelled: how the command line would write it, where that is not the same.
    """
    attributes["default"] = default if spelled is None else spelled
    return field(default=default, metadata={_CLICK: (names, attributes)})


def option_group(title: str) -> Callable[[type[T]], type[T]]:
    """Make a dataclass a group whose options stand under `title` in `--help`."""

    def decorate(group: type[T]) -> type[T]:
        setattr(group, _TITLE, title)
        return group

    return decorate


def only(*names: str) -> Choice:
    """These fields of a group."""
    return lambda name: name in names


def without(*names: str) -> Choice:
    """All fields of a group except these."""
    return lambda name: name not in names


def with_groups(**choices: Choice) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options of the groups in its signature; choices: of which only some fields, by parameter."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        groups = {name: hint for name, hint in get_type_hints(command).items() if hasattr(hint, _TITLE)}
        chosen = {name: _options(group, choices.get(name, without())) for name, group in groups.items()}

        @wraps(command)
        def call(*arguments: Any, **values: Any) -> Any:
            for name, group in groups.items():
                values[name] = group(**{f.name: values.pop(f.name) for f in chosen[name]})
            return command(*arguments, **values)

        for name, group in reversed(groups.items()):
            for f in reversed(chosen[name]):
                names, attributes = f.metadata[_CLICK]
                call = click.option(*names, f.name, cls=_Option, title=getattr(group, _TITLE), **attributes)(call)
        return call

    return decorate


def _options(group: type, choice: Choice) -> list[Field[Any]]:
    return [f for f in fields(group) if _CLICK in f.metadata and choice(f.name)]


def given(*groups: Any) -> dict[str, Any]:
    """The options that are not at their defaults: values by spelling, such as `--max-instructions`."""
    found = {}
    for group in groups:
        for f in _options(type(group), without()):
            if getattr(group, f.name) != f.default:
                found[f.metadata[_CLICK][0][-1]] = getattr(group, f.name)
    return found


class _Option(click.Option):
    """An option that knows the title of its group."""

    def __init__(self, *arguments: Any, title: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.title = title


class Documented(click.Command):
    """A command whose help ends with the documents on it. topics: of `trapline docs`."""

    def __init__(self, *arguments: Any, topics: Iterable[str] = (), **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.topics = tuple(topics)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog and the commands that show the documents."""
        super().format_epilog(ctx, formatter)
        if self.topics:
            with formatter.section("Documents"):
                formatter.write_text("\b\n" + "\n".join(f"trapline docs {topic}" for topic in self.topics))


class Command(Documented):
    """A command whose help lists its own options first, then each group under its title.

    It writes no file that it reads: neither one that its command line names nor one that its sources include.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line."""
        return super().parse_args(ctx, list(_with_values(self, ctx, args)))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        files = command_files.current()
        command_files.note_parameters(ctx, files)
        try:
            files.check()
            with noted_by(files.reads):
                return super().invoke(ctx)
        except click.ClickException as error:
            if isinstance(error, Fatal):
                error.advice = _advice(ctx, error.message)
            _write_error(ctx, error)
            raise
        finally:
            files.discard()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if row is not None:
                row = row[0].replace(" [FILE]", "[=FILE]"), row[1]
                sections.setdefault(getattr(parameter, "title", "Options"), []).append(row)
        if len(sections["Options"]) == 1:  # --help alone
            sections["Options"] = sections.pop("Options")
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl(rows)


def _write_error(context: click.Context, error: click.ClickException) -> None:
    """Write the error as JSON, too, where `--json` asks for it; but not over a file that the command reads."""
    path = context.params.get(JSON_FILE)
    if path is not None:
        from trapline.vm.cli import json_output

        with suppress(click.ClickException, OSError):
            json_output.write_error(path, error)


def names_of(option: click.Option) -> tuple[str, ...]:
    """The spellings of an option."""
    return (*option.opts, *option.secondary_opts)


def values_behind(option: click.Option) -> int:
    """How many words behind an option are its values; of FILE, which may be left out, this is not known."""
    return 0 if option.is_flag or option.count or isinstance(option.type, JsonPath) else option.nargs


_NO_FILE = "trapline.no_file"
"""In a context: words that could have been meant as the FILE of an option, and that option."""


def _with_values(command: click.Command, context: click.Context, words: Iterable[str]) -> Iterator[str]:
    """The command line, where each option whose FILE may be left out has one behind `=`, or `-`.

    click would take any word that follows such an option, a program too.
    """
    options = {name: p for p in command.params if isinstance(p, click.Option) for name in names_of(p)}
    has_arguments = any(isinstance(parameter, click.Argument) for parameter in command.params)
    rest = deque(words)
    while rest:
        word = rest.popleft()
        option = options.get(word)
        if word == "--":
            yield from (word, *rest)
            return
        if option is not None and isinstance(option.type, JsonPath):
            following = rest[0] if rest else "--"
            is_word = following == STDIO or following[:1] != "-"
            if is_word and (option.type.is_certain(following) or not has_arguments):
                yield f"{word}={rest.popleft()}"
                continue
            yield f"{word}={STDIO}"
            if is_word:
                context.meta.setdefault(_NO_FILE, {})[following] = word
        else:
            yield word
            if option is not None:
                yield from (rest.popleft() for _ in range(min(values_behind(option), len(rest))))


def _advice(context: click.Context, message: str) -> str:
    """What to write instead where a word behind an option was meant as its FILE."""
    for word, option in context.meta.get(_NO_FILE, {}).items():
        if word in message and not os.path.isfile(word):
            return f"; to write to that file: {option}={word}"
    return ""
