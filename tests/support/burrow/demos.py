"""The demos in programs/demos, which are programs for Burrow: building, running and keeping their output.

`python -m support.burrow.demos`, in tests/, rewrites programs/expected/demos and the tables of docs/demos.md.
"""

import re
from functools import cache
from typing import Any, NamedTuple

from support.burrow.build import MEMORY, build_script
from support.cli.command import invoke
from support.paths import DOCS, PROGRAMS
from trapline import ExitReason, Machine
from trapline.vm.hypervisor.host.counts import Counts

EXPECTED = PROGRAMS / "expected/demos"
PAGE = DOCS / "demos.md"
RUNS = (("ipc", 1), ("servers", 1), ("servers", 2), ("servers", 4), ("interfaces", 1))
"""Name and harts of each run that is shown."""
COMPARISONS = ("recursion", "virtualization")
"""Demos that are no programs of Burrow."""
TABLE = r"(<!-- {} -->\n```text\n)(.*?)(```)"
"""A table of the page, with the name of its run before it."""


def title(name: str, harts: int) -> str:
    """The name of a run in the page and of its file."""
    return f"{name}-{harts}"


@cache
def elf(name: str) -> bytes:
    """Burrow with the demo as its first process."""
    return bytes(build_script().build(init=name, programs=[PROGRAMS / f"demos/{name}.s"]))


def run(name: str, **options: Any) -> Machine:
    """The machine after a demo, which must end by itself with status 0."""
    machine = Machine.from_elf(elf(name), memory=MEMORY, **options)
    exit = machine.run(max_instructions=50_000_000)
    assert exit.reason is ExitReason.HALT and exit.code == 0, (str(exit), machine.console.output)
    return machine


def table(name: str) -> str:
    """The table of a run in the page."""
    found = re.search(TABLE.format(name), PAGE.read_text(encoding="utf-8"), re.S)
    assert found is not None, name
    return found[2]


def privileged() -> str:
    """How many of the instructions of `interfaces` are privileged, counted by the hypervisor."""
    machine = run("interfaces", technique="trap")
    return f"{Counts.of(machine).exits[2]:,} among {machine.instret:,} instructions."


class Parts(NamedTuple):
    """The parts of a system call, in instructions: from the trap to its dispatch, its work, back to user mode.

    number: of the call; another: whether another process continues.
    """

    number: int
    way_in: int
    work: int
    way_out: int
    another: bool


def parts_of_calls(machine: Machine, calls: int) -> list[Parts]:
    """The next system calls of hart 0, from user mode on, that lead back to user mode without idling."""
    hart = machine.harts[0]
    while hart.mode:
        machine.step()
    found: list[Parts] = []
    while len(found) < calls:
        while hart.mode == 0:
            number = hart.x["a7"]
            machine.step()
        root, start, marks = machine.csr["satp"], machine.cycle, {}
        while hart.mode:
            for label in ("system_call", "resume"):
                if hart.pc == machine.symbols[label]:
                    marks[label] = machine.cycle
            machine.step()
        if len(marks) == 2:
            call, resume = marks["system_call"], marks["resume"]
            other = machine.csr["satp"] != root
            found.append(Parts(number, call - start, resume - call, machine.cycle - resume, other))
    return found


if __name__ == "__main__":
    EXPECTED.mkdir(exist_ok=True)
    text = PAGE.read_text(encoding="utf-8")
    for name, harts in RUNS:
        output = run(name, harts=harts).console.output.decode()
        (EXPECTED / f"{title(name, harts)}.out").write_text(output)
        pattern = re.compile(TABLE.format(title(name, harts)), re.S)
        text = pattern.sub(lambda match, output=output: match[1] + output + match[3], text)
    for name in COMPARISONS:
        output = invoke("demo", name).stdout.decode()
        pattern = re.compile(TABLE.format(name), re.S)
        text = pattern.sub(lambda match, output=output: match[1] + output + match[3], text)
    text = re.sub(r"(?<=counts them: ).*? instructions\.", privileged(), text)
    PAGE.write_text(text, encoding="utf-8")
