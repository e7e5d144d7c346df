"""`trapline bench nano`: what one operation costs bare and under each technique."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trapline.isa.cause import describe
from trapline.isa.did_you_mean import nearest
from trapline.vm.cli import json_output, output_files
from trapline.vm.cli.bundled import bundled_programs
from trapline.vm.cli.command_files import STDIO, OutputPath, current
from trapline.vm.cli.option_groups import JSON, JSON_FILE, Command, option, option_group, with_groups
from trapline.vm.cli.parameters import Cycles, CycleSweep
from trapline.vm.cli.progress import announce_compilation, bar
from trapline.vm.cli.user_errors import fail, reported
from trapline.vm.hypervisor.technique import SHADOWS, TECHNIQUES

if TYPE_CHECKING:
    from trapline.vm.bench.cost_model import Model
    from trapline.vm.bench.nano import Cost


@option_group("Measurement")
@dataclass(frozen=True)
class NanoOptions:
    """What is measured. techniques: all without any; rounds: operations of a run, None for as many as take 0.02 s."""

    techniques: tuple[str, ...] = option(
        "--technique", type=click.Choice(list(TECHNIQUES)), default=(), multiple=True,
        help="Only this technique; may be repeated.",
    )  # fmt: skip
    shadow: str = option(
        "--shadow", type=click.Choice(SHADOWS), default=SHADOWS[0], show_default=True, help="As for `virt`."
    )
    repeats: int = option(
        "--repeats", type=click.IntRange(1, 20), default=5, show_default=True, help="Best of this many runs."
    )
    rounds: int | None = option(
        "--rounds", type=click.IntRange(2, 1 << 30), metavar="N",
        help="Operations of a run, an even number.  [default: as many as take 0.02 s]",
    )  # fmt: skip


@option_group("Cost model")
@dataclass(frozen=True)
class CostOptions:
    """Parameters of the model, in cycles."""

    exit_costs: tuple[float, ...] = option(
        "--exit-cost", type=CycleSweep(), default=(200.0, 1000.0, 4000.0), spelled="200,1000,4000", show_default=True,
        metavar="N[,N...]", help="Cycles of an exit and the way back; several are compared.",
    )  # fmt: skip
    direct: float = option(
        "--direct-cost", type=Cycles(), default=1.0, show_default=True, metavar="N",
        help="Cycles of an instruction that a real hart executes.",
    )  # fmt: skip
    emulate: float = option(
        "--emulate-cost", type=Cycles(), default=30.0, show_default=True, metavar="N",
        help="Cycles of an instruction that the hypervisor executes for the guest.",
    )  # fmt: skip
    fill: float = option(
        "--fill-cost", type=Cycles(), default=60.0, show_default=True, metavar="N",
        help="Cycles to fill an entry of a shadow page table.",
    )  # fmt: skip
    drop: float = option(
        "--drop-cost", type=Cycles(), default=200.0, show_default=True, metavar="N",
        help="Cycles to drop the shadow page tables.",
    )  # fmt: skip


@click.command("nano", cls=Command, topics=("nano-benchmarks",))
@click.argument("names", nargs=-1, metavar="[NAME...]")
@with_groups()
@click.option("--json", JSON_FILE, **JSON, help="Write a JSON object to FILE, or print it instead of the tables.")
@click.option(
    "--plot",
    "picture",
    type=OutputPath(),
    metavar="FILE",
    help="Draw modelled cycles against the exit cost (.png, .svg, ...).",
)
def nano_command(
    names: tuple[str, ...], measurement: NanoOptions, costs: CostOptions, json_file: str | None, picture: str | None
) -> None:
    """Measure what one operation costs bare and under each technique.

    NAME is one of callret, csr (a CSR is written), syscall, illegal (an exception), fault (a page fault), mmio (a
    device register is read), satp (the page-table base is written), ptemod (a page-table entry is changed) and
    timer (an interrupt); all by default. Reports nanoseconds on this computer, exact counts of instructions, exits
    and shadow entries, and the cycles of a cost model, whose parameters are options: what other hardware would take.

    \b
    trapline bench nano
    trapline bench nano syscall ptemod --technique trap --technique paravirt
    trapline bench nano --exit-cost 100,300,1000,3000,10000 --plot exits.png
    """
    from trapline.vm.bench import programs as bench
    from trapline.vm.bench.cost_model import Model

    chosen = _choose(names)
    if measurement.rounds is not None and measurement.rounds % 2:
        fail(f"--rounds {measurement.rounds} is not an even number")
    kind = _format(picture)
    model = Model(costs.direct, costs.emulate, costs.fill, costs.drop)
    with reported():
        if picture is not None:
            current().reads_sources(bundled_programs() / "bench")
            output_files.check_writable(picture)
        output_files.check_writable(json_file)
        try:
            measured, summaries = _measure(chosen, measurement)
        except bench.BenchmarkError as error:
            fail(str(error))
        if json_file:
            json_output.write(json_file, report(measured, summaries, model, costs.exit_costs, measurement))
        if json_file != STDIO:
            click.echo("\n".join(text(measured, summaries, model, costs.exit_costs)))
        if picture is not None and kind is not None:
            from trapline.vm.bench.plot import draw

            drawn = io.BytesIO()
            draw(drawn, measured, model, costs.exit_costs, kind)
            output_files.write_bytes(picture, drawn.getvalue())


def _choose(names: Sequence[str]) -> list[str]:
    """The benchmarks of these names, all without any."""
    from trapline.vm.bench.nano import ELSEWHERE, NAMES

    for name in names:
        if name not in NAMES:
            close = ELSEWHERE.get(name.lower()) or nearest(name, NAMES)
            hint = f"; did you mean '{close}'?" if close else f"; known: {', '.join(NAMES)}"
            fail(f"no nano-benchmark named '{name}'{hint}")
    return list(dict.fromkeys(names or NAMES))


def _format(picture: str | None) -> str | None:
    """The format of the picture, by its ending: checked before anything is measured."""
    if picture is None:
        return None
    from trapline.vm.bench import plot as bench_plot

    try:
        known = bench_plot.formats()
    except ImportError:
        fail("--plot needs matplotlib, which is not installed: pip install 'trapline[plot]'")
    kind = Path(picture).suffix.lower().removeprefix(".")
    if kind not in known:
        fail(f"--plot {picture}: the ending selects the format: one of {', '.join(sorted(known))}")
    return kind


def _measure(names: Sequence[str], options: NanoOptions) -> tuple[dict[str, list["Cost"]], dict[str, str]]:
    from trapline.vm.bench.nano import Nano, measure

    techniques = [name for name in TECHNIQUES if name == "bare" or name in (options.techniques or TECHNIQUES)]
    nanos = [Nano(bundled_programs() / "bench" / "nano", name, announce_compilation) for name in names]
    measured = {}
    with bar(len(nanos) * len(techniques) * (1 + options.repeats)) as advance:

        def progress(name: str, technique: str) -> None:
            if advance is not None:
                advance(f"{name} {technique}", 1)

        for nano in nanos:
            found = measure(
                nano, techniques, shadow=options.shadow, repeats=options.repeats, rounds=options.rounds,
                progress=progress,
            )  # fmt: skip
            measured[nano.name] = list(found)
    return measured, {nano.name: nano.summary for nano in nanos}


def text(
    measured: Mapping[str, Sequence["Cost"]], summaries: Mapping[str, str], model: "Model", exit_costs: Sequence[float]
) -> list[str]:
    """The model, a table for each benchmark, and which technique is the cheapest at each exit cost."""
    from trapline.vm.observe import tables

    costs = ", ".join(f"{cost:g}" for cost in exit_costs)
    lines = [
        f"cycles = direct x {model.direct:g} + emulated x {model.emulate:g} + fills x {model.fill:g}"
        f" + drops x {model.drop:g} + exits x {costs}"
    ]
    for name, row in measured.items():
        head = ["technique", "ns", "direct", "emulated", "exits", "fills", "drops"]
        head += [f"cycles at {cost:g}" for cost in exit_costs]
        cells = []
        for cost in row:
            work = cost.work
            numbers = (work.direct, work.emulated, work.exits, work.fills, work.drops)
            cycles = (model.cycles(work, each) for each in exit_costs)
            cells.append(
                [
                    cost.technique,
                    f"{cost.nanoseconds:.1f}",
                    *(f"{n:g}" for n in numbers),
                    *(f"{c:,.6g}" for c in cycles),
                ]
            )
        lines += ["", f"{name}: {summaries[name]}", *tables.lines(head, cells, tables.ALL_BUT_FIRST)]
    under = {name: [cost for cost in row if cost.technique != "bare"] for name, row in measured.items()}
    if any(len(row) > 1 for row in under.values()):
        head = ["fewest cycles", *(f"at {cost:g}" for cost in exit_costs)]
        cells = [[name, *(_cheapest(row, model, cost) for cost in exit_costs)] for name, row in under.items()]
        lines += ["", *tables.lines(head, cells, tables.ALL_BUT_FIRST)]
    return lines


def _cheapest(costs: Sequence["Cost"], model: "Model", exit_cost: float) -> str:
    cycles = {cost.technique: model.cycles(cost.work, exit_cost) for cost in costs}
    return "/".join(technique for technique, n in cycles.items() if n == min(cycles.values()))


def report(
    measured: Mapping[str, Sequence["Cost"]], summaries: Mapping[str, str], model: "Model", exit_costs: Sequence[float],
    options: NanoOptions,
) -> dict[str, Any]:  # fmt: skip
    """The object that `--json` prints."""
    benchmarks = [
        {
            "name": name,
            "summary": summaries[name],
            "results": [
                {
                    "technique": cost.technique,
                    "rounds": cost.rounds,
                    "nanoseconds": round(cost.nanoseconds, 3),
                    "instructions": cost.work.instructions,
                    "direct": cost.work.direct,
                    "emulated": cost.work.emulated,
                    "exits": cost.work.exits,
                    "exits_by_cause": {describe(cause): n for cause, n in cost.work.exits_by_cause.items()},
                    "fills": cost.work.fills,
                    "drops": cost.work.drops,
                    "cycles": {f"{each:g}": model.cycles(cost.work, each) for each in exit_costs},
                }
                for cost in row
            ],
        }
        for name, row in measured.items()
    ]
    return {
        "model": model.as_json(), "exit_costs": list(exit_costs), "shadow": options.shadow,
        "repeats": options.repeats, "benchmarks": benchmarks,
    }  # fmt: skip
