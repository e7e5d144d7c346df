"""`trapline demo containers`: its figures, and how it is called wrongly. The page's table is tested with the page."""

import json
from pathlib import Path

import pytest

from support.cli.command import invoke, refused
from trapline.vm.cli import burrow
from trapline.vm.cli.demo import containers
from trapline.vm.cli.demo.containers_table import MOST_INSTANCES, STATEMENTS, agrees, lines

pytestmark = pytest.mark.once


@pytest.mark.slow
def test_the_figures_agree_with_the_statements(tmp_path: Path) -> None:
    """Each statement has a figure for each column; the object has the same numbers."""
    path = tmp_path / "containers.json"
    outcome = invoke("demo", "containers", "3", f"--json={path}")
    assert outcome.status == 0 and outcome.stderr == b""
    text, data = outcome.stdout.decode(), json.loads(path.read_text())
    assert all(f"\n{statement}\n" in text for statement in STATEMENTS)
    *virtual, container = data["columns"]
    assert data["instances"] == 3 and container["name"] == "container" and container["kernels"] == 1
    for one in virtual:
        assert one["kernels"] == 3 and one["calls"] == container["calls"] and not one["leaks"]
        assert f"{one['exits']:,}" in text and f"{one['start']:,.0f}" in text
    assert container["leaks"] and container["exits"] == 0 and container["fit"] == MOST_INSTANCES


@pytest.mark.slow
@pytest.mark.parametrize("variant, first_page", [("plain", 0), ("supervisor", 1024)])
def test_the_mistake_is_what_shows_the_secret(variant: str, first_page: int, tmp_path: Path) -> None:
    """With it a neighbour in the same kernel is seen, in each variant; without it nobody."""
    typed = tmp_path / "typed"
    typed.write_text(f"container start box secret\ncontainer run box peek {first_page}\nexit\n")
    for defines, seen in (({}, containers.NOT_FOUND), (containers.LEAK, containers.SECRET)):
        elf = tmp_path / "burrow.elf"
        elf.write_bytes(burrow.build(variant, defines=dict(defines), sources=containers.sources()))
        outcome = invoke("boot", str(elf), "--input", str(typed), "--max-instructions", "20M")
        assert outcome.status == 0 and f"2.box| {seen.decode()}\n" in outcome.stdout.decode()


def column(name: str, **changes: object) -> containers.Column:
    virtual = name != "container"
    values = {
        "everything": 20, "start": 20, "computing": 11, "messages": 50, "exits": 5, "calls": 4, "memory": 9, "given": 9,
        "kernels": 2, "kernel_bytes": 9, "fit": 2, "leaks": False,
    } if virtual else {
        "everything": 10, "start": 10, "computing": 10, "messages": 10, "exits": 0, "calls": 4, "memory": 2, "given": 3,
        "kernels": 1, "kernel_bytes": 5, "fit": 9, "leaks": True,
    }  # fmt: skip
    return containers.Column(name, **(values | changes))  # type: ignore[arg-type]


def test_figures_that_do_not_agree_are_noticed() -> None:
    def found(virtual: containers.Column) -> containers.Comparison:
        return containers.Comparison(2, 10, 10, 100, 99, (virtual, column("container")))

    assert agrees(found(column("trap")))
    for change in (
        {"leaks": True},
        {"exits": 0},
        {"start": 9},
        {"memory": 1},
        {"fit": 10},
        {"kernels": 1},
        {"calls": 5},
    ):
        assert not agrees(found(column("trap", **change)))
    table = lines(found(column("trap")))
    assert table[0].split() == ["2", "of", "each", "trap", "container"]
    assert [line.split()[-2:] for line in table if line.startswith("  messages")] == [["5.00", "1.00"]]


@pytest.mark.parametrize(
    "words, message",
    [
        (["1"], "containers N must be a number from 2 to 15, not '1'"),
        (["16"], "containers N must be a number from 2 to 15, not '16'"),
        (["x"], "containers N must be a number from 2 to 15, not 'x'"),
        (["2", "3"], "containers has one argument, not 2"),
        (["--harts", "2"], "--harts: containers has no such option; others do"),
        (["--technique", "trap"], "--technique: containers has no such option; others do"),
    ],
)
def test_mistakes(words: list[str], message: str) -> None:
    refused(invoke("demo", "containers", *words), message)
