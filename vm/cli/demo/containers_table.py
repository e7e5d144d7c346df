"""How `trapline demo containers` looks: each statement of the lecture's table with figures, and what they leave out."""

import io
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from trapline.vm.cli import burrow, json_output, output_files
from trapline.vm.cli.demo import containers
from trapline.vm.cli.demo.containers import Column, Comparison
from trapline.vm.cli.demo.screen import Screen
from trapline.vm.observe import tables

INSTANCES = 8
MOST_INSTANCES = 15
"""Containers of two processes each that Burrow's table of processes has room for, beside the first one."""
MIB = 1 << 20
Figure = Callable[[Comparison, Column], str]

STATEMENTS: dict[str, dict[str, Figure]] = {
    "heavyweight, or lightweight": {
        "bytes of kernels and file systems": lambda all, one: f"{one.kernel_bytes:,}",
        "cycles to start all, send 20 messages in each, and end": lambda all, one: f"{one.everything:,.0f}",
    },
    "each has an OS of its own, or all share the host's": {
        "kernels": lambda all, one: f"{one.kernels}",
    },
    "virtualization of hardware, or of the OS": {
        "traps to a hypervisor, for 200 messages": lambda all, one: f"{one.exits:,}",
        "system calls, for the same": lambda all, one: f"{one.calls:,}",
    },
    "limited, or native performance: cycles compared with a process": {
        "computing": lambda all, one: f"{one.computing / all.computing:.2f}",
        "messages": lambda all, one: f"{one.messages / all.messages:.2f}",
    },
    "start-up in minutes, or in milliseconds": {
        "cycles until the program runs": lambda all, one: f"{one.start:,.0f}",
    },
    "more memory, or less": {
        "bytes of its own": lambda all, one: f"{one.memory:,}",
        "bytes that it is given": lambda all, one: f"{one.given:,}",
        f"instances in {burrow.MEMORY // MIB} MiB": lambda all, one: f"{one.fit}",
    },
    "full isolation, or that of processes": {
        "a mistake in the kernel shows the neighbour's secret": lambda all, one: "yes" if one.leaks else "no",
    },
}  # fmt: skip
"""What Tanenbaum and van Steen's lecture says of virtual machines and of containers, and the figures for it."""


def lines(found: Comparison) -> list[str]:
    """The table as plain text."""
    rows = []
    for statement, figures in STATEMENTS.items():
        rows.append([statement, *("" for _ in found.columns)])
        rows += [[f"  {name}", *(figure(found, one) for one in found.columns)] for name, figure in figures.items()]
    headings = [f"{found.instances} of each", *(one.name for one in found.columns)]
    return tables.lines(headings, rows, right=tables.ALL_BUT_FIRST)


def remarks(found: Comparison) -> list[str]:
    """What this machine cannot show, and what the figures leave out."""
    boot = f"{found.boot:,}"
    return [
        f"Minutes: Burrow boots in {boot} instructions, so only the ratio of the start-ups can be seen here. A kernel "
        "of a size that people use takes hundreds of millions, and its services take longer.",
        f"Cycles: an instruction takes one, and an exit {containers.EXIT_COST:,}, which is a model; hardware with a "
        "mode for guests makes fewer exits. To load a program is to copy it, because there is no disk to wait for.",
        f"Memory: {found.by_memory} containers would fit by their pages; Burrow's table of processes is full first. A "
        "hypervisor that lends pages, or shares equal ones, needs less than it has given; its shadow tables are not "
        "counted.",
        "Isolation: one mistake of a kernel is no measure of security. A mistake of the hypervisor would do to virtual "
        "machines what this one does to containers; it has fewer and simpler interfaces, that is all.",
    ]  # fmt: skip


def run_containers(instances: int, engine: str | None, json_file: str | None) -> int:
    """Measure and print the table; 0 if it says what the lecture says."""
    output_files.check_writable(json_file)
    screen = Screen(io.StringIO() if json_file == "-" else None)
    screen.print("[bold]Virtual machines with a kernel each, and containers on one kernel[/]\n", indent=0)
    with screen.working("measuring") as progress:
        found = containers.compare(instances, engine, progress)
    screen.console.file.write("".join(f"{line}\n" for line in lines(found)))
    screen.print("\nWhat this machine cannot show, and what the figures leave out:\n", indent=0)
    for remark in remarks(found):
        screen.print(remark, indent=2)
    if json_file:
        json_output.write(json_file, as_json(found))
    return 0 if agrees(found) else 1


def as_json(found: Comparison) -> dict[str, Any]:
    """The object that `--json` writes."""
    return {**asdict(found), "columns": [asdict(one) for one in found.columns]}


def agrees(found: Comparison) -> bool:
    """Whether the virtual machines and the containers differ as the statements say."""
    *virtual, container = found.columns
    return all(
        one.kernel_bytes > container.kernel_bytes
        and one.everything > container.everything
        and one.kernels == found.instances > container.kernels
        and one.exits > container.exits
        and one.calls == container.calls
        and one.messages > container.messages
        and one.start > container.start
        and one.given > container.given
        and one.memory > container.memory
        and one.fit < container.fit
        and container.leaks
        and not one.leaks
        for one in virtual
    )
