"""How `trapline demo virtualization` looks: the four organizations as stacks of layers, a table, and what it shows."""

import io
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from trapline.vm.cli import json_output, output_files
from trapline.vm.cli.demo import virtualization
from trapline.vm.cli.demo.containers import EXIT_COST
from trapline.vm.cli.demo.screen import Screen
from trapline.vm.cli.demo.virtualization import CONTAINER, HOSTED, NATIVE, PROCESS, PROGRAM, Comparison, Organization
from trapline.vm.observe import tables

WIDTH = 19
"""Columns of a stack; a blank is between two of them."""
NAME_END = "| "
"""What Burrow writes between a container's name and a line of its output."""
KERNEL = "Burrow"
VMM = {PROCESS: "trapline run", NATIVE: "Warren", HOSTED: "trapline virt"}
HOST, HARDWARE = "host", "hardware"
Figure = Callable[[Organization], int | None]

FIGURES: dict[str, dict[str, Figure]] = {
    "interfaces crossed": {
        "library calls": lambda one: one.library_calls,
        "system calls": lambda one: one.system_calls,
        "privileged instructions": lambda one: one.privileged,
        "accesses to devices": lambda one: one.devices,
        "SBI calls of the kernel": lambda one: one.sbi,
    },
    "exits to the VMM": {
        "for system calls": lambda one: one.exits.calls,
        "for privileged instructions": lambda one: one.exits.privileged,
        "for accesses to devices": lambda one: one.exits.devices,
        "for SBI calls (hypercalls)": lambda one: one.exits.sbi,
        "for shadow page tables": lambda one: one.exits.shadow,
        "for interrupts": lambda one: one.exits.interrupts,
        "all of them": lambda one: one.exits.total,
    },
    "instructions": {
        "of program and library": lambda one: one.program,
        "of the kernel": lambda one: one.kernel,
        "of the VMM": lambda one: one.vmm,
    },
}  # fmt: skip
"""Rows of the table, in groups."""


def number(value: int | None) -> str:
    """A figure; a dash for what is not there or is the host's."""
    return "-" if value is None else f"{value:,}"


def counted(value: int, what: str) -> str:
    """A number of things."""
    return f"{value:,} {what}{'' if value == 1 else 's'}"


def box(name: str, instructions: int | None = None) -> list[str]:
    """A layer, with its instructions if they are counted."""
    edge, inner = f"+{'-' * (WIDTH - 2)}+", WIDTH - 4
    figure = "" if instructions is None else f"{instructions:,}"
    return [edge, f"| {name}{figure:>{inner - len(name)}} |", edge]


def passage(text: str = "") -> str:
    """An interface between two layers, and how often it is crossed."""
    return f"| {text}".rstrip()


def stack(one: Organization, comparison: Comparison) -> list[str]:
    """The layers of an organization from the top; where others have one that it has not, a line goes through."""
    through = [passage()] * len(box(""))
    below = {NATIVE: counted(comparison.firmware, "SBI call"), CONTAINER: counted(one.sbi or 0, "SBI call")}
    return [
        one.name,
        *box(PROGRAM, one.program),
        passage(counted(one.library_calls, "library call")),
        *box("library"),
        passage(counted(one.system_calls, "system call")),
        *(through if one.kernel is None else box(KERNEL, one.kernel)),
        passage(counted(one.exits.total, "exit")),
        *(box(VMM[one.name], one.vmm) if one.name in VMM else through),
        passage(below.get(one.name, "")),
        *box(HARDWARE if one.name in below else HOST),
    ]


def picture(found: Comparison) -> list[str]:
    """The four beside each other."""
    stacks = [stack(one, found) for one in found.organizations]
    return [" ".join(f"{cell:<{WIDTH}}" for cell in row).rstrip() for row in zip(*stacks, strict=True)]


def table(found: Comparison) -> list[str]:
    """Organizations by interfaces, as plain text."""
    rows = []
    for group, figures in FIGURES.items():
        rows.append([group, *("" for _ in found.organizations)])
        for name, figure in figures.items():
            rows.append([f"  {name}", *(number(figure(one)) for one in found.organizations)])
    rows.append(["overhead", *("" for _ in found.organizations)])
    rows.append(["  cycles per instruction", *(f"{one.overhead:.2f}" for one in found.organizations)])
    return tables.lines(["", *(one.name for one in found.organizations)], rows, right=tables.ALL_BUT_FIRST)


def sentences(found: Comparison) -> list[str]:
    """What the figures show of each organization."""
    process, native, hosted, container = (found.named(name) for name in (PROCESS, NATIVE, HOSTED, CONTAINER))
    each = round((native.vmm or 0) / max(1, native.exits.total))
    longer = (container.devices or 0) - (hosted.devices or 0)
    return [
        "Process VM: it offers general instructions and system calls, and nothing below. It executes the first, "
        f"{process.program:,} of them, and serves the {process.system_calls} calls itself, with the host's operating "
        "system. So there is no kernel, and no privileged instruction.",
        "Native VMM: Warren has the hardware, and offers all of it, privileged instructions too. Burrow runs in user "
        f"mode, so its {native.privileged} privileged instructions trap; the program's {native.system_calls} system "
        f"calls do, too, and Warren hands them on to Burrow. For an exit it takes {each:,} instructions.",
        f"Hosted VMM: the same interface, and exits of the same kinds, {hosted.exits.total}. But this VMM is a program "
        "of the host, which has the hardware: its instructions are not this machine's. So an exit is "
        f"{EXIT_COST:,} cycles, by a model, as it is for the process VM.",
        "Container: what is virtual is the interface of system calls. The kernel is the machine's own, so it executes "
        f"its {container.privileged} privileged instructions directly, and nothing exits. What a container adds is "
        f"work of the kernel: {container.kernel or 0:,} instructions, {found.plain:,} without it, and {longer} "
        "accesses to devices for the container's name before each line.",
    ]


def run_virtualization(engine: str | None, json_file: str | None) -> int:
    """Measure and print; 0 if it agrees with the text."""
    output_files.check_writable(json_file)
    screen = Screen(io.StringIO() if json_file == "-" else None)
    screen.print("[bold]One program in four organizations of virtualization[/]\n", indent=0)
    with screen.working("measuring") as progress:
        found = virtualization.compare(engine, progress)
    screen.console.file.write("".join(f"{line}\n" for line in picture(found)))
    screen.print(
        "\nIn a box: instructions, those of the program with its library's; none are counted of the host. Between "
        "boxes: how often the interface is crossed, from the program's first instruction to its call of exit.\n",
        indent=0,
    )
    screen.console.file.write("".join(f"{line}\n" for line in table(found)))
    for sentence in sentences(found):
        screen.print(f"\n{sentence}", indent=0)
    if json_file:
        json_output.write(json_file, as_json(found))
    return 0 if agrees(found) else 1


def as_json(found: Comparison) -> dict[str, Any]:
    """The object that `--json` writes."""
    organizations = []
    for one in found.organizations:
        exits = asdict(one.exits) | {"total": one.exits.total}
        organizations.append({**asdict(one), "exits": exits, "overhead": one.overhead})
    return {**asdict(found), "organizations": organizations}


def agrees(found: Comparison) -> bool:
    """Whether the program did the same in all four, and the figures are as the sentences say."""
    process, native, hosted, container = (found.named(name) for name in (PROCESS, NATIVE, HOSTED, CONTAINER))
    lines = [line.rpartition(NAME_END)[2] for line in container.printed.splitlines()]
    return (
        all(one.printed == process.printed for one in (native, hosted))
        and lines == process.printed.splitlines()
        and len({(one.library_calls, one.system_calls) for one in found.organizations}) == 1
        and native.program == hosted.program == container.program
        and all(one.exits.calls == one.system_calls for one in (process, native, hosted))
        and min(native.exits.total, hosted.exits.total) > process.exits.total == process.system_calls
        and container.exits.total == 0
        and process.kernel is None
        and (container.kernel or 0) > found.plain
    )
