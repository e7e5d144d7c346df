"""Options as values: their defaults on the command line and in Python are the same, and help lists them by group."""

import dataclasses
from importlib import import_module
from typing import Any

import click
import pytest

from support.cli.command import invoke
from trapline.vm.cli import options
from trapline.vm.cli.main import COMMANDS
from trapline.vm.cli.option_groups import Command, given, only, option, option_group, with_groups, without


@option_group("Fruit")
@dataclasses.dataclass(frozen=True)
class Fruit:
    """A group for these tests."""

    apples: int = option("--apples", type=int, default=3, spelled="3")
    pears: tuple[str, ...] = option("-p", "--pear", default=(), multiple=True)
    ripe: bool = True


def called(*words: str, **choices: Any) -> tuple[str, Fruit]:
    """What a command with the group gets."""
    found = []

    @click.command(cls=Command)
    @click.argument("name")
    @with_groups(**choices)
    def command(name: str, fruit: Fruit) -> None:
        found.append((name, fruit))

    command.main([*words], standalone_mode=False)
    return found[0]


def test_a_command_gets_one_value_for_a_group() -> None:
    assert called("x") == ("x", Fruit())
    assert called("x", "--apples", "5", "-p", "a", "--pear", "b") == ("x", Fruit(5, ("a", "b")))


@pytest.mark.parametrize("choice", [only("pears"), without("apples")])
def test_a_command_may_have_some_of_a_group(choice: Any) -> None:
    assert called("x", "--pear", "b", fruit=choice) == ("x", Fruit(3, ("b",)))
    with pytest.raises(click.NoSuchOption):
        called("x", "--apples", "5", fruit=choice)


def test_what_was_given_is_spelled_as_on_the_command_line() -> None:
    assert given(Fruit()) == {} and given(Fruit(3, ("a",), False)) == {"--pear": ("a",)}
    asked = given(options.Limits(timeout=2.0), options.Outputs(json_file="-"))
    assert asked == {"--timeout": 2.0, "--json": "-"}


def groups() -> list[type]:
    """All groups of all commands."""
    for module, _, _ in COMMANDS.values():
        import_module(module)
    import_module("trapline.vm.cli.bench_nano")
    found = [c for c in vars(options).values() if isinstance(c, type) and dataclasses.is_dataclass(c)]
    for module in ("classify", "bench_nano"):
        values = vars(import_module(f"trapline.vm.cli.{module}")).values()
        found += [c for c in values if isinstance(c, type) and dataclasses.is_dataclass(c) and c not in found]
    return [c for c in found if any("click" in f.metadata for f in dataclasses.fields(c))]


@pytest.mark.parametrize("group", groups(), ids=lambda group: group.__name__)
def test_defaults_are_those_of_the_command_line(group: type) -> None:
    """What click makes of a command line without options is what Python makes of a call without arguments."""

    def command(values: Any) -> None:
        found.append(values)

    found: list[Any] = []
    command.__annotations__["values"] = group
    click.command()(with_groups()(command)).main([], standalone_mode=False)
    assert found == [group()]
    assert all(dataclasses.replace(group(), **{f.name: f.default}) == group() for f in dataclasses.fields(group))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(group(), dataclasses.fields(group)[0].name, None)


def test_help_lists_options_by_group() -> None:
    text = invoke("virt", "--help").stdout.decode()
    titles = ("Virtual machines", "Exits of the guest", "Boot", "Machine", "Console", "Limits", "Output", "Sources")
    places = [text.index(f"\n{title}:\n") for title in (*titles, "Options")]
    assert places == sorted(places)
    assert text.index("\nLimits:\n") < text.index("--max-instructions N") < text.index("\nOutput:\n")
