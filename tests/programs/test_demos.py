"""The demos print the tables of docs/demos.md, and the page's text agrees with the tables."""

import re
from functools import cache

import pytest

from support.burrow.demos import EXPECTED, MEMORY, PAGE, RUNS, elf, parts_of_calls, privileged, run, table, title
from trapline import Machine

SEND, RECEIVE = 19, 20
COLUMNS = ("to kernel", "new space", "to user", "new thread", "kernel", "programs")


@pytest.mark.slow
@pytest.mark.parametrize("name, harts", RUNS)
def test_the_page_has_what_is_printed(name: str, harts: int) -> None:
    printed = run(name, harts=harts).console.output.decode()
    assert printed == (EXPECTED / f"{title(name, harts)}.out").read_text() == table(title(name, harts))


@cache
def rows(name: str, harts: int = 1) -> dict[str, list[float]]:
    """The numbers of each row."""
    lines = [re.match(r"(.*?) {2,}([\d. ]+)$", line) for line in table(title(name, harts)).splitlines()]
    return {match[1]: [float(n) for n in match[2].split()] for match in lines if match}


def test_a_message_is_the_figure() -> None:
    """Per message two crossings in each direction; between processes one change of the address space."""
    per_message = {text: dict(zip(COLUMNS, numbers, strict=True)) for text, numbers in rows("ipc").items()}
    assert len(per_message) == 6
    for text in ("processes: send and receive", "processes: shared word, futex", "threads: shared word, futex"):
        row = per_message[text]
        assert (row["to kernel"], row["to user"], row["new thread"]) == (2, 2, 1)
        assert row["new space"] == text.startswith("processes")
    buffers = [row for text, row in per_message.items() if "buffer" in text]
    assert len(buffers) == 2 and all(row["to kernel"] < 2 / 5 for row in buffers)
    call = per_message["a system call, for comparison"]
    assert [call[column] for column in COLUMNS[:4]] == [1, 0, 1, 0]


def test_what_its_parts_take() -> None:
    """The page's numbers for S1, S2 and S3 are those of the kernel, stepped through while messages are sent."""
    machine = Machine.from_elf(elf("ipc"), memory=MEMORY)
    machine.run(max_instructions=150_000)
    parts = parts_of_calls(machine, 8)
    assert {part.number for part in parts} == {SEND, RECEIVE}
    assert all(part.another == (part.number == RECEIVE) for part in parts)
    (way_in,) = {part.way_in for part in parts}
    (way_out,) = {part.way_out for part in parts if not part.another}
    (way_out_changed,) = {part.way_out for part in parts if part.another}
    page = PAGE.read_text(encoding="utf-8")
    found = [tuple(map(int, numbers.split(" or "))) for numbers in re.findall(r"^\|.*\| ([\d or]+) \|$", page, re.M)]
    works = [tuple(sorted({p.work for p in parts if p.number == number})) for number in (SEND, RECEIVE)]
    assert found == [(way_in,), *works, (way_out_changed - way_out,), (way_out,)]
    message = sum(part.way_in + part.work + part.way_out for part in parts) / 4
    assert f"together {message:.0f}." in page
    assert message == pytest.approx(rows("ipc")["processes: send and receive"][4], rel=0.01)


def test_servers_differ_as_they_should() -> None:
    speed = {harts: {name: numbers[0] for name, numbers in rows("servers", harts).items()} for harts in (1, 2, 4)}
    slowest = {harts: {name: numbers[3] for name, numbers in rows("servers", harts).items()} for harts in (1, 2, 4)}
    for harts in (1, 2, 4):
        assert speed[harts]["single"] * 3 < min(speed[harts]["workers"], speed[harts]["machine"])
        assert slowest[harts]["single"] > 3 * max(slowest[harts]["workers"], slowest[harts]["machine"])
    assert speed[1]["machine"] > speed[1]["workers"]
    assert speed[1]["workers"] * 1.7 < speed[2]["workers"] and speed[2]["workers"] * 1.4 < speed[4]["workers"]
    assert speed[4]["machine"] < speed[1]["machine"] * 1.1 and speed[4]["single"] < speed[1]["single"] * 1.1
    assert 56 <= slowest[4]["workers"] < 2 * 56


def test_interfaces_are_crossed_as_often_as_they_should() -> None:
    crossed = {text: numbers[:2] for text, numbers in rows("interfaces").items()}
    assert crossed == {
        "add up the numbers to 100": [0, 0],
        "the length of a text": [20, 0],
        "a mutex that nobody else has": [40, 0],
        "memory: take, give back": [20 * (1 + 2 + 1 + 2) + 1, 1],
        "who am I?": [20, 20],
        "a message to oneself": [20 * 6, 20 * 6],
        "a thread: create, join": [20 * 3, 20 * 3],
        "a process: spawn, wait": [20 * 3, 20 * 3],
    }


@pytest.mark.slow
def test_the_machine_counts_the_same() -> None:
    """System calls are the traps of user mode; privileged instructions those that trap under the hypervisor."""
    bare, virtual = run("interfaces"), run("interfaces", technique="trap")
    assert bare.console.output == virtual.console.output
    assert bare.digest() == virtual.digest()
    assert f"counts them: {privileged()}" in PAGE.read_text(encoding="utf-8")
    calls = sum(int(numbers[1]) for numbers in rows("interfaces").values())
    assert calls < bare.trap_counts[8] < 2 * calls
