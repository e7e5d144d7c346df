"""Plots the nano-benchmarks: modelled cycles per operation against the cost of an exit."""

from collections.abc import Mapping, Sequence
from typing import BinaryIO

from trapline.vm.bench.cost_model import Model
from trapline.vm.bench.nano import Cost
from trapline.vm.hypervisor.technique import TECHNIQUES

POINTS = 60
COLUMNS = 3
DASHES = ("-", "--", "-.", ":")


def formats() -> set[str]:
    """File extensions that can be written. Raises ImportError without matplotlib."""
    from matplotlib.backend_bases import FigureCanvasBase

    return set(FigureCanvasBase.get_supported_filetypes())


def curves(costs: Sequence[Cost], model: Model) -> list[tuple[str, Cost]]:
    """(label, cost) of each line; techniques whose lines coincide share a label."""
    together: dict[tuple[float, float], list[Cost]] = {}
    for cost in costs:
        # Two points determine a line.
        key = model.cycles(cost.work, 0), model.cycles(cost.work, 1)
        together.setdefault(key, []).append(cost)
    return [(", ".join(cost.technique for cost in same), same[0]) for same in together.values()]


def exit_range(exit_costs: Sequence[float]) -> list[float]:
    """The exit costs on the x axis, equally spaced on a log scale, from the least (at least 1) to the greatest.

    For a single cost the range is from a tenth of it to ten times.
    """
    low, high = min(exit_costs), max(exit_costs)
    if low == high:
        low, high = low / 10, high * 10
    low = max(low, 1.0)
    high = max(high, 10 * low)
    return [low * (high / low) ** (i / (POINTS - 1)) for i in range(POINTS)]


def draw(
    file: BinaryIO, costs: Mapping[str, Sequence[Cost]], model: Model, exit_costs: Sequence[float], kind: str
) -> None:
    """Write a plot to a file, with one panel per benchmark, in the format `kind`.

    exit_costs: the costs asked for; `exit_range` extends them.
    """
    from matplotlib.figure import Figure

    xs = exit_range(exit_costs)
    columns = min(COLUMNS, len(costs))
    rows = -(-len(costs) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.6 * rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in list(axes.flat)[len(costs) :]:
        axis.set_visible(False)
    for axis, (name, measured) in zip(axes.flat, costs.items(), strict=False):
        for label, cost in curves(measured, model):
            ys = [model.cycles(cost.work, x) for x in xs]
            number = TECHNIQUES[cost.technique]  # the same style in every panel
            axis.plot(xs, ys, DASHES[number % len(DASHES)], color=f"C{number}", label=label)
        for given in exit_costs:
            axis.axvline(given, color="0.85", linewidth=0.8, zorder=0)
        axis.set(title=name, xscale="log", yscale="log", xlabel="exit cost, cycles", ylabel="cycles of an operation")
        axis.legend(fontsize="x-small")
    parameters = ", ".join(f"{parameter} {value:g}" for parameter, value in model.as_json().items())
    figure.suptitle(f"Modelled cycles: {parameters}", fontsize="small")
    figure.savefig(file, format=kind)
