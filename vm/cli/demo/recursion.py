"""`trapline demo recursion`: Warren in Warren, what each level costs, and what a hole does to it.

Nothing that is printed depends on how fast this computer is, so the page on demos has it to the digit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from trapline.vm.cli import json_output, output_files, warren
from trapline.vm.cli.options import UNDER
from trapline.vm.cli.progress import announce_compilation

if TYPE_CHECKING:
    from trapline.vm.machine import Machine

PROGRAM = ("pingpong", "10")
SLEEPER = ("count", "2")
"""A program whose idle kernel must be woken, and what it prints in the end."""
AWAKE = b"1\n2\n"
DEPTHS = (1, 2, 3)
SLICE_DEPTH = 2
"""Burrow's time slice is that of this depth everywhere, so that its own work is the same."""
MEMORY = 16 << 20
LIMIT, IDLE_LIMIT = 200_000_000, 8_000_000
"""Instructions of a run, and those after which a sleeper will never be woken."""
HOLE, SYMBOL = "rv32ima_xpopf", "XPOPF"
MENDED = 0xFF
CURES = {
    "popf as it is": 0,
    "... made to trap by mleak of the real hart": 1,
    "... and of each virtual hart": 2,
}
"""What is done about popf, and the value of Warren's symbol."""
RIGHT, ASLEEP = "right", "never wakes"


@dataclass(frozen=True)
class Level:
    """What one Warren has counted."""

    exits: int
    emulated: int


@dataclass(frozen=True)
class Run:
    """One program at one depth. levels: the outermost Warren first; exits: of the hosted hypervisor, if any."""

    depth: int
    technique: str
    output: bytes
    status: int | None
    instructions: int
    levels: tuple[Level, ...]
    exits: int

    @property
    def factors(self) -> list[float]:
        """For each level but the innermost, its exits for each exit of the level above."""
        return [below.exits / above.exits for below, above in pairwise(self.levels)]


def run(
    init: Sequence[str], depth: int, technique: str = "bare", *, limit: int = LIMIT, isa: str = "rv32ima",
    mleak: int = 0, kernel: dict[str, object] | None = None, defines: dict[str, object] | None = None,
    engine: str | None = None,
) -> Run:  # fmt: skip
    """Boot Burrow at a depth. kernel, defines: symbols of Burrow, and of each Warren; mleak: of the real hart."""
    from trapline.vm.exit import ExitReason
    from trapline.vm.hypervisor.host.counts import Counts

    made = stacked(tuple(init), depth, tuple((kernel or {}).items()), tuple((defines or {}).items()))
    machine = switched_on(made, technique, isa, engine)
    if mleak:
        machine.csr["mleak"] = mleak
    exit = machine.run(max_instructions=limit)
    if exit.reason is ExitReason.INTERRUPTED:
        raise KeyboardInterrupt
    levels = tuple(Level(level["exits"], warren.emulated(level)) for level in warren.counters(machine, made))
    return Run(
        depth, technique, machine.console.output, exit.code if exit.reason is ExitReason.HALT else None,
        machine.instret, levels, 0 if technique == "bare" else Counts.of(machine).world_switches,
    )  # fmt: skip


@cache
def stacked(
    init: tuple[str, ...], depth: int, kernel: tuple[tuple[str, object], ...], defines: tuple[tuple[str, object], ...]
) -> "warren.Stack":
    """Burrow in so many Warrens, built once for all techniques."""
    elf = warren.burrow_at(SLICE_DEPTH, init, **dict(kernel))
    if not depth:
        return warren.Stack(elf, MEMORY, ())
    return warren.stack([warren.guest(elf, "burrow", MEMORY)], depth, dict(defines))


def switched_on(made: "warren.Stack", technique: str, isa: str, engine: str | None) -> "Machine":
    """A machine about to enter a kernel of S mode."""
    from trapline.vm.boot import firmware
    from trapline.vm.boot.kernel_image import from_elf
    from trapline.vm.boot.memory_map import Request, make_plan
    from trapline.vm.loader.files import load_elf
    from trapline.vm.machine import Machine

    machine = Machine(memory=made.memory, technique=technique, isa=isa, engine=engine, announce=announce_compilation)
    kernel = from_elf(load_elf(made.elf))
    plan = make_plan(Request(machine.isa, 1, (machine.ram_base, made.memory), kernel, "sbi"))
    firmware.attach(machine, plan)
    firmware.start(machine, plan)
    return machine


def sleepers(engine: str | None) -> Iterator[tuple[str, list[str]]]:
    """What becomes of a kernel with popf at each depth: a row for each cure."""
    for name, value in CURES.items():
        found = []
        for depth in (0, *DEPTHS):
            run_ = run(
                SLEEPER, depth, limit=IDLE_LIMIT, isa=HOLE, mleak=MENDED if value else 0, kernel={SYMBOL: 1},
                defines={SYMBOL: value} if value else None, engine=engine,
            )  # fmt: skip
            found.append(RIGHT if (run_.output, run_.status) == (AWAKE, 0) else ASLEEP)
        yield name, found


EXPECTED = [[RIGHT, ASLEEP, ASLEEP, ASLEEP], [RIGHT, RIGHT, ASLEEP, ASLEEP], [RIGHT] * 4]
"""What theory says of the three rows."""


def run_recursion(engine: str | None, json_file: str | None) -> int:
    """Run and show it all; 0 if the results match the text."""
    output_files.check_writable(json_file)
    bare = [run(PROGRAM, depth, engine=engine) for depth in (0, *DEPTHS)]
    under = {
        technique: [run(PROGRAM, depth, technique, engine=engine) for depth in DEPTHS] for technique in UNDER
    }  # fmt: skip
    holes = list(sleepers(engine))
    same = {
        name: all(_same(one, other) for one, other in zip(runs, bare[1:], strict=True)) for name, runs in under.items()
    }
    good = all(r.status == 0 and r.output == bare[0].output for r in bare)
    good = good and all(same.values()) and [row for _, row in holes] == EXPECTED
    if json_file:
        json_output.write(json_file, _as_json(bare, under, same, holes, good))
    if json_file != "-":
        click.echo("\n".join([*_costs(bare), "", *_techniques(under, same), "", *_holes(holes)]))
    if not good:
        click.echo("\nThe results do not match the text of `trapline docs demos`. Please report this.")
    return 0 if good else 1


def _same(one: Run, other: Run) -> bool:
    """Whether two runs of one machine are alike: console, status, instructions, and what each Warren has counted."""
    return (one.output, one.status, one.instructions, one.levels) == (
        other.output, other.status, other.instructions, other.levels,
    )  # fmt: skip


def _costs(bare: Sequence[Run]) -> list[str]:
    """A line for each Warren of each depth, the innermost first."""
    rows = [["Warrens", "level", "exits", "emulated", "times", "instructions"]]
    for one in bare:
        first = [str(one.depth), f"{one.instructions:,}"]
        factors = ["", *(f"{factor:.1f}" for factor in reversed(one.factors))]
        for i, level in enumerate(reversed(one.levels)):
            number = str(one.depth - i)
            rows.append([first[0], number, f"{level.exits:,}", f"{level.emulated:,}", factors[i], first[1]])
            first = ["", ""]
        if not one.levels:
            rows.append([first[0], "", "", "", "", first[1]])
    return [f"Burrow runs `{' '.join(PROGRAM)}`, bare and in Warren in Warren:", "", *_aligned(rows)]


def _techniques(under: dict[str, list[Run]], same: dict[str, bool]) -> list[str]:
    """A line for each technique of the hosted hypervisor: its exits at each depth."""
    rows = [["technique", *(f"{depth} Warren{'s' if depth > 1 else ''}" for depth in DEPTHS), "guest"]]
    for name, runs in under.items():
        rows.append([name, *(f"{one.exits:,}" for one in runs), "same" if same[name] else "DIFFERS"])
    return ["All of it under the hosted hypervisor, whose exits these are:", "", *_aligned(rows)]


def _holes(holes: Sequence[tuple[str, list[str]]]) -> list[str]:
    """A line for each cure."""
    rows = [["", "bare", *(f"{depth} Warren{'s' if depth > 1 else ''}" for depth in DEPTHS)]]
    rows += [[name, *found] for name, found in holes]
    return [f"A kernel that turns interrupts on by popf, with the program `{' '.join(SLEEPER)}`:", "", *_aligned(rows)]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([f"{row[0]:<{widths[0]}}", *(f"{cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True))])
        .rstrip()
        for row in rows
    ]  # fmt: skip


def _as_json(
    bare: Sequence[Run], under: dict[str, list[Run]], same: dict[str, bool], holes: Sequence[tuple[str, list[str]]],
    good: bool,
) -> dict[str, Any]:  # fmt: skip
    """The object that `--json` writes."""
    return {
        "as_told": good,
        "bare": [
            {
                "depth": one.depth, "instructions": one.instructions, "factors": one.factors,
                "levels": [{"exits": level.exits, "emulated": level.emulated} for level in one.levels],
            }
            for one in bare
        ],
        "techniques": [
            {"technique": name, "same": same[name], "exits": [one.exits for one in runs]}
            for name, runs in under.items()
        ],
        "xpopf": [{"cure": name, "results": found} for name, found in holes],
    }  # fmt: skip
