"""`trapline virt --compare`: one table of a guest bare and under every technique."""

from collections.abc import Sequence
from typing import Any

import click

from trapline.asm.disassembler.instruction import disassemble
from trapline.isa.cause import describe
from trapline.isa.mode import MODE_NAMES
from trapline.vm.cli import json_output, output_files
from trapline.vm.cli.blueprint import Blueprint
from trapline.vm.cli.machine_run import limit_output
from trapline.vm.cli.options import UNDER, BootOptions, HypervisorOptions, RunOptions
from trapline.vm.cli.repeated_runs import console_input, refuse_options
from trapline.vm.exit import ExitReason
from trapline.vm.experiments.compare import First, Run, compare
from trapline.vm.host import signals
from trapline.vm.loader.image import Image
from trapline.vm.machine import Machine
from trapline.vm.observe import tables

REFUSED = ("--registers", "--trace", "--console-log", "--stats", "--dump-dtb", "--exit-log", "--explain", "--report")
SHOWN = 6
"""Differences of one instruction that are printed."""


def compare_command(blueprint: Blueprint, boot: BootOptions, options: RunOptions, hypervisor: HypervisorOptions) -> int:
    """Run, print the table; 0 if all is equivalent, 1 if not."""
    refuse_options("--compare", REFUSED, blueprint.machine, boot, options)
    techniques = [hypervisor.technique] if hypervisor.technique else UNDER
    stdin = console_input(options.console.input_file)

    def build(technique: str) -> Machine:
        machine = blueprint.build(technique=technique, shadow=hypervisor.shadow, stdin=stdin)
        return limit_output(machine, limits)

    json_file, limits = options.outputs.json_file, options.limits
    output_files.check_writable(json_file)
    runs = list(compare(build, techniques, limits.max_instructions, limits.timeout))
    if json_file:
        json_output.write(json_file, as_json(runs, blueprint.image))
    if json_file != "-":
        click.echo("\n".join(report(runs, blueprint.image)))
    if any(run.exit.reason is ExitReason.INTERRUPTED for run in runs):
        return signals.status()
    return 0 if all(run.equivalent for run in runs) else 1


def report(runs: Sequence[Run], image: Image) -> list[str]:
    """The table, exits by cause, and the first differences."""
    bare = runs[0]
    headings = ["technique", "same", "direct", "emulated", "exits", "hidden", "true", "MMIO", "seconds", "times bare"]
    rows = []
    for run in runs:
        counts = run.counts
        faults = (counts.hidden_faults, counts.true_faults, counts.mmio_faults)
        numbers = [counts.emulated, counts.world_switches, *faults] if run is not bare else ["-"] * 5
        rows.append([
            run.technique,
            "-" if run is bare else "yes" if run.equivalent else "no",
            f"{counts.share:.2%}",
            *(f"{n:,}" if isinstance(n, int) else n for n in numbers),
            f"{run.seconds:.3f}",
            f"{run.seconds / bare.seconds:.1f}" if bare.seconds else "-",
        ])  # fmt: skip
    lines = [
        f"{bare.counts.steps:,} instructions, then: {bare.exit}",
        "",
        *tables.lines(headings, rows, tables.ALL_BUT_FIRST),
    ]
    causes = sorted({cause for run in runs for cause in run.counts.exits})
    if causes:
        rows = [[describe(c), *(f"{run.counts.exits.get(c, 0):,}" for run in runs[1:])] for c in causes]
        headings = ["exits", *(run.technique for run in runs[1:])]
        lines += ["", *tables.lines(headings, rows, tables.ALL_BUT_FIRST)]
    for run in runs:
        if run.first is not None:
            lines += ["", *first_lines(run, run.first, image)]
    return lines


def instruction_text(first: First, image: Image) -> str:
    """The instruction that made the difference, with its address and symbol."""
    text = _assembly(first) or "(cannot be fetched)"
    return f"{text} at {image.place(first.pc)} in {MODE_NAMES[first.mode]} mode"


def first_lines(run: Run, first: First, image: Image) -> list[str]:
    """The first difference, as text."""
    lines = [f"{run.technique} diverges from the bare machine after {first.instructions:,} instructions:"]
    lines.append(f"  {instruction_text(first, image)}")
    shown = first.differences or run.differences
    lines += [f"    {d.name}: {d.bare} bare, {d.virtual} under {run.technique}" for d in shown[:SHOWN]]
    if len(shown) > SHOWN:
        lines.append(f"    and {len(shown) - SHOWN} more")
    return lines


def as_json(runs: Sequence[Run], image: Image) -> dict[str, Any]:
    """The object that `--json` writes."""
    bare = runs[0]
    return {
        "instructions": bare.counts.steps,
        "end": str(bare.exit),
        "runs": [run_json(run, bare, image) for run in runs],
    }


def run_json(run: Run, bare: Run, image: Image) -> dict[str, Any]:
    """One run."""
    return {
        "technique": run.technique,
        "equivalent": run.equivalent,
        "exit_reason": run.exit.reason.value,
        "instructions": run.counts.steps,
        "wall_seconds": round(run.seconds, 6),
        "times_bare": round(run.seconds / bare.seconds, 3) if bare.seconds else None,
        "traps": {describe(cause): n for cause, n in run.traps.items()},
        **run.counts.as_json(),
        "differences": [vars(d) for d in run.differences],
        "first_difference": first_json(run.first, image),
    }


def _assembly(first: First) -> str | None:
    return None if first.word is None else disassemble(first.word, first.pc, compressed=first.with_c)


def first_json(first: First | None, image: Image) -> dict[str, Any] | None:
    """Where a run diverges from the bare machine."""
    if first is None:
        return None
    return {
        "instructions": first.instructions,
        "hart": first.hart,
        "pc": f"{first.pc:#010x}",
        "mode": MODE_NAMES[first.mode],
        "symbol": image.symbol_at(first.pc),
        "instruction": _assembly(first),
        "differences": [vars(d) for d in first.differences],
    }
