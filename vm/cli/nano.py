"""`trapline bench nano`: what one operation costs bare and under each technique."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trapline.isa.cause import describe
from trapline.isa.spelling import nearest
from trapline.vm.cli import options
from trapline.vm.hypervisor.technique import SHADOWS, TECHNIQUES

if TYPE_CHECKING:
    from trapline.vm.bench.cost_model import Model
    from trapline.vm.bench.nano import Cost

DEFAULT_EXIT_COSTS = "200,1000,4000"


class Cycles(click.ParamType):
    """A number of cycles, which is not negative."""

    name = "cycles"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        try:
            cycles = float(value)
        except ValueError:
            cycles = -1.0
        if not 0 <= cycles <= 1e12:
            self.fail(f"'{value}' is not a number of cycles in 0 to 1e12", param, ctx)
        return cycles


class Sweep(click.ParamType):
    """Numbers of cycles with commas between them: a tuple, ascending."""

    name = "cycles"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The numbers."""
        if isinstance(value, tuple):
            return value
        return tuple(sorted({Cycles().convert(part.strip(), param, ctx) for part in str(value).split(",")}))


@click.command("nano")
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--technique", type=click.Choice(list(TECHNIQUES)), multiple=True, help="Only this; may be repeated.")
@click.option("--shadow", type=click.Choice(SHADOWS), default=SHADOWS[0], show_default=True, help="As of `virt`.")
@click.option("--exit-cost", "exit_costs", type=Sweep(), default=DEFAULT_EXIT_COSTS, show_default=True,
              metavar="N[,N...]", help="Cycles of an exit, there and back; several are compared.")  # fmt: skip
@click.option("--direct-cost", "direct", type=Cycles(), default=1.0, show_default=True, metavar="N",
              help="Cycles of an instruction that a real hart executes.")  # fmt: skip
@click.option("--emulate-cost", "emulate", type=Cycles(), default=30.0, show_default=True, metavar="N",
              help="Cycles of an instruction that the hypervisor executes for the guest.")  # fmt: skip
@click.option("--fill-cost", "fill", type=Cycles(), default=60.0, show_default=True, metavar="N",
              help="Cycles to make an entry of a shadow page table.")  # fmt: skip
@click.option("--drop-cost", "drop", type=Cycles(), default=200.0, show_default=True, metavar="N",
              help="Cycles to forget the shadow page tables.")  # fmt: skip
@click.option("--repeats", type=click.IntRange(1, 20), default=5, show_default=True, help="Best of this many runs.")
@click.option("--rounds", type=click.IntRange(2, 1 << 30), metavar="N",
              help="Operations of a run, an even number.  [default: as many as take 0.02 s]")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--plot", "picture", metavar="FILE", help="Draw modelled cycles against the exit cost (.png, .svg, ...).")
def nano_command(names: tuple[str, ...], **settings: Any) -> None:
    """Measure what one operation costs bare and under each technique.

    NAME is one of callret, csr (a CSR is written), syscall, illegal (an exception), fault (a page fault), mmio (a
    device register is read), satp (the page-table base is written), ptemod (a page-table entry is changed) and
    timer (an interrupt); all by default. Told are nanoseconds of this computer, exact numbers of instructions,
    exits and shadow entries, and cycles of a model whose parameters are options: how it would be with other hardware.

    \b
    trapline bench nano
    trapline bench nano syscall ptemod --technique trap --technique paravirt
    trapline bench nano --exit-cost 100,300,1000,3000,10000 --plot exits.png
    """
    from trapline.vm import engine
    from trapline.vm.bench import cost_model
    from trapline.vm.bench import programs as bench

    chosen = _choose(names)
    if settings["rounds"] is not None and settings["rounds"] % 2:
        options.fail(f"--rounds {settings['rounds']}: is not an even number")
    kind = _format(settings["picture"])
    model = cost_model.Model(*(settings[part] for part in ("direct", "emulate", "fill", "drop")))
    engine.on_compile = options.announce_compilation
    with options.mistakes():
        if kind is not None:
            open(settings["picture"], "wb").close()
        try:
            measured, summaries = _measure(chosen, settings)
        except bench.BenchmarkError as error:
            options.fail(str(error))
        if settings["as_json"]:
            click.echo(json.dumps(report(measured, summaries, model, settings)))
        else:
            click.echo("\n".join(text(measured, summaries, model, settings["exit_costs"])))
        if kind is not None:
            from trapline.vm.bench.plot import draw

            draw(settings["picture"], measured, model, settings["exit_costs"], kind)


def _choose(names: Sequence[str]) -> list[str]:
    """The benchmarks of these names, all without any."""
    from trapline.vm.bench.nano import ELSEWHERE, NAMES

    for name in names:
        if name not in NAMES:
            close = ELSEWHERE.get(name.lower()) or nearest(name, NAMES)
            hint = f"; did you mean '{close}'?" if close else f"; there are {', '.join(NAMES)}"
            options.fail(f"no nano-benchmark is called '{name}'{hint}")
    return list(dict.fromkeys(names or NAMES))


def _format(picture: str | None) -> str | None:
    """The format of the picture, by its ending, while there is nothing lost if it cannot be drawn."""
    if picture is None:
        return None
    from trapline.vm.bench import plot as bench_plot

    try:
        known = bench_plot.formats()
    except ImportError:
        options.fail("--plot needs matplotlib, which is not installed: pip install 'trapline[plot]'")
    kind = Path(picture).suffix.lower().removeprefix(".")
    if kind not in known:
        options.fail(f"--plot {picture}: the ending says the format, one of {', '.join(sorted(known))}")
    return kind


def _measure(names: Sequence[str], settings: Mapping[str, Any]) -> tuple[dict[str, list["Cost"]], dict[str, str]]:
    from trapline.vm.bench.nano import Nano, measure

    techniques = [name for name in TECHNIQUES if name == "bare" or name in (settings["technique"] or TECHNIQUES)]
    nanos = [Nano(options.bundled_programs() / "bench" / "nano", name) for name in names]
    measured = {}
    turns = len(nanos) * len(techniques) * (1 + settings["repeats"])
    with progress(turns) as advance:
        for nano in nanos:
            costs = measure(
                nano, techniques, shadow=settings["shadow"], repeats=settings["repeats"], rounds=settings["rounds"],
                progress=advance,
            )  # fmt: skip
            measured[nano.name] = list(costs)
    return measured, {nano.name: nano.summary for nano in nanos}


@contextmanager
def progress(turns: int) -> Iterator[Any]:
    """A bar on stderr, on a terminal only; yields what to call before each turn."""
    if not options.colored():
        yield lambda name, technique: None
        return
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:18}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("", total=turns)
        yield lambda name, technique: bar.update(task, advance=1, description=f"{name} {technique}")


def text(
    measured: Mapping[str, Sequence["Cost"]], summaries: Mapping[str, str], model: "Model", exit_costs: Sequence[float]
) -> list[str]:
    """The model, a table for each benchmark, and which technique is the cheapest at each exit cost."""
    from trapline.vm.cli.compare import columns

    costs = ", ".join(f"{cost:g}" for cost in exit_costs)
    lines = [
        f"cycles = direct x {model.direct:g} + emulated x {model.emulate:g} + fills x {model.fill:g}"
        f" + drops x {model.drop:g} + exits x {costs}"
    ]
    for name, row in measured.items():
        head = ["technique", "ns", "direct", "emulated", "exits", "fills", "drops"]
        cells = [head + [f"cycles at {cost:g}" for cost in exit_costs]]
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
        lines += ["", f"{name}: {summaries[name]}", *columns(cells)]
    under = {name: [cost for cost in row if cost.technique != "bare"] for name, row in measured.items()}
    if any(len(row) > 1 for row in under.values()):
        cells = [["fewest cycles", *(f"at {cost:g}" for cost in exit_costs)]]
        cells += [[name, *(_cheapest(row, model, cost) for cost in exit_costs)] for name, row in under.items()]
        lines += ["", *columns(cells)]
    return lines


def _cheapest(costs: Sequence["Cost"], model: "Model", exit_cost: float) -> str:
    cycles = {cost.technique: model.cycles(cost.work, exit_cost) for cost in costs}
    return "/".join(technique for technique, n in cycles.items() if n == min(cycles.values()))


def report(
    measured: Mapping[str, Sequence["Cost"]], summaries: Mapping[str, str], model: "Model", settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The object that `--json` prints."""
    exit_costs = settings["exit_costs"]
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
        "model": model.as_json(), "exit_costs": list(exit_costs), "shadow": settings["shadow"],
        "repeats": settings["repeats"], "benchmarks": benchmarks,
    }  # fmt: skip
