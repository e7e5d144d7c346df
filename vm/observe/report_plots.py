"""The charts of the report, as SVG by matplotlib (extra `plot`)."""

import base64
import io
import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from trapline.isa.sv32 import PAGE_SHIFT
from trapline.vm.observe.exit_kinds import GROUPS
from trapline.vm.observe.report_data import UNSEEN, Faults, Modes, ReportData, mode_name

PALETTE = ("#56b4e9", "#0072b2", "#009e73", "#d55e00", "#cc79a7", "#e69f00", "#882255", "#666666", "#bbbbbb")
"""A colour for each of GROUPS, most of them from Okabe and Ito's colour-blind-safe palette."""

MODE_COLORS = {3: "#d55e00", 1: "#0072b2", 0: "#8fd3b6", UNSEEN: "#cccccc"}
FAULT_STYLES = {
    "hidden": ("#56b4e9", "."), "true": ("#d55e00", "x"), "MMIO": ("#009e73", "+"), "outside": ("#000000", "v"),
}  # fmt: skip
BINS = 240
EXACT = 300
"""Stretches that are drawn individually; if there are more, shares of bins are drawn."""
ROWS = 20
"""Bars in a chart; the last one combines the less frequent rows."""
REGIONS = 6
"""Parts of the address space in the page-fault map; the gaps between them are omitted."""
GAP = 1 << 20
RASTER = 2000
"""Points above which a raster image is smaller than SVG."""
LABEL = 36


@contextmanager
def style() -> Iterator[None]:
    """The style of the charts, independent of the user's matplotlib settings."""
    import matplotlib

    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.fonttype": "none", "font.family": "sans-serif", "text.parse_math": False})
        yield


def _figure(height: float, rows: Sequence[float] = (1,)) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, height), layout="constrained")
    axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": rows})[:, 0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, list(axes)


def _svg(figure: Any, salt: str) -> str:
    """The figure as a data URI; the same in every run."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    FigureCanvasSVG(figure)
    stream = io.BytesIO()
    with rc_context({"svg.hashsalt": salt}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None}, dpi=120)
    # Clip paths are named after the addresses of objects: number them instead.
    names: dict[bytes, bytes] = {}
    text = re.sub(rb"\bp[0-9a-f]{10}\b", lambda m: names.setdefault(m[0], b"clip%d" % len(names)), stream.getvalue())
    return "data:image/svg+xml;base64," + base64.b64encode(text).decode()


def label(name: str) -> str:
    """A printable form of a name: the guest's symbols may contain anything."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in name)
    return plain if len(plain) <= LABEL else plain[: LABEL - 3] + "..."


def _steps(axis: Any) -> None:
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axis.set_xlabel("instructions of the virtual hart")


def timeline(data: ReportData) -> str:
    """Virtual modes of each hart over time, above the exits by kind."""
    modes = data.modes()
    figure, axes = _figure(1.6 + 0.9 * len(modes) + 1.8, [*(0.9 for _ in modes), 1.8])
    edges = np.linspace(0, max(data.end, 1), BINS + 1)
    for axis, one in zip(axes, modes, strict=False):
        _draw_modes(axis, one, edges)
    shown = sorted({mode for one in modes for mode in np.unique(one.mode).tolist()}, reverse=True)
    if axes[:-1]:
        handles = [_patch(MODE_COLORS[mode], mode_name(mode)) for mode in shown]
        axes[0].legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False)
    bottom = np.zeros(BINS)
    for name, numbers in data.over_time(edges).items():
        color = PALETTE[GROUPS.index(name)]
        axes[-1].stairs(bottom + numbers, edges, baseline=bottom, fill=True, color=color, label=name)
        bottom = bottom + numbers
    axes[-1].set_ylabel("exits")
    axes[-1].set_ylim(0)
    axes[-1].yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    if bottom.any():
        axes[-1].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, frameon=False)
    axes[-1].set_xlim(0, max(data.end, 1))
    _steps(axes[-1])
    return _svg(figure, "timeline")


def _patch(color: str, text: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=color, label=text)


def _draw_modes(axis: Any, modes: Modes, edges: np.ndarray) -> None:
    axis.set_ylim(0, 1)
    axis.set_yticks([])
    axis.set_ylabel(f"hart {modes.hart}\nmode")
    start = np.concatenate([[0], modes.end[:-1]])
    if len(modes.end) <= EXACT:
        for mode, color in MODE_COLORS.items():
            some = modes.mode == mode
            pairs = list(zip(start[some], (modes.end - start)[some], strict=True))
            axis.broken_barh(pairs, (0, 1), color=color, linewidth=0)
        return
    bottom = np.zeros(len(edges) - 1)
    for mode, share in modes.shares(edges).items():
        axis.stairs(bottom + share, edges, baseline=bottom, fill=True, color=MODE_COLORS[mode])
        bottom = bottom + share


def bars(table: dict[str, Counter[str]], salt: str) -> str:
    """A horizontal bar for each row, stacked by kind."""
    rows = list(table.items())
    if len(rows) > ROWS:
        rest: Counter[str] = Counter()
        for _, counts in rows[ROWS - 1 :]:
            rest.update(counts)
        rows = [*rows[: ROWS - 1], (f"{len(rows) - ROWS + 1} others", rest)]
    figure, (axis,) = _figure(1.1 + 0.27 * len(rows))
    left = np.zeros(len(rows))
    for group, color in zip(GROUPS, PALETTE, strict=True):
        widths = np.array([count[group] for _, count in rows])
        if widths.any():
            axis.barh(range(len(rows)), widths, left=left, color=color, label=group)
            left = left + widths
    for i, total in enumerate(left):
        axis.annotate(f"{total:,.0f}", (total, i), (3, 0), textcoords="offset points", va="center", fontsize=9)
    axis.set_yticks(range(len(rows)), [label(name) for name, _ in rows])
    axis.invert_yaxis()
    axis.margins(x=0.1)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    if rows:
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, frameon=False)
    return _svg(figure, salt)


def regions(pages: np.ndarray) -> list[tuple[int, int]]:
    """The parts of the address space between its REGIONS - 1 widest gaps, as [first page, last page]."""
    pages = np.unique(pages)
    gaps = np.diff(pages)
    widest = np.argsort(-gaps, kind="stable")[: REGIONS - 1]
    cuts = sorted(int(i) for i in widest if gaps[i] > GAP >> PAGE_SHIFT)
    starts, ends = [0, *(i + 1 for i in cuts)], [*cuts, len(pages) - 1]
    return [(int(pages[a]), int(pages[b])) for a, b in zip(starts, ends, strict=True)]


def fault_map(faults: list[Faults], end: int) -> str:
    """A map of page faults by address, time and kind."""
    parts = regions(np.concatenate([f.vaddr >> PAGE_SHIFT for f in faults]))[::-1]
    heights = [0.6 + min(1.0, np.log2(last - first + 1) / 12) for first, last in parts]
    figure, axes = _figure(1.3 + 1.5 * sum(heights), heights)
    total = sum(len(f.clock) for f in faults)
    for axis, (first, last) in zip(axes, parts, strict=True):
        for fault in faults:
            page = fault.vaddr >> PAGE_SHIFT
            some = (page >= first) & (page <= last)
            color, marker = FAULT_STYLES[fault.kind]
            axis.plot(
                fault.clock[some], fault.vaddr[some], marker, color=color, linestyle="none",
                markersize=4 if fault.kind == "hidden" else 6, rasterized=total > RASTER,
            )  # fmt: skip
        margin = max(1, (last - first) // 20) << PAGE_SHIFT
        axis.set_ylim((first << PAGE_SHIFT) - margin, ((last + 1) << PAGE_SHIFT) + margin)
        axis.yaxis.set_major_formatter(lambda value, _: f"{int(value) & 0xFFFFFFFF:#010x}")
        axis.yaxis.set_major_locator(_addresses(first, last))
        axis.tick_params(axis="y", labelfontfamily="monospace")
        axis.grid(axis="y", color="#eeeeee")
    handles = [_dot(*FAULT_STYLES[f.kind], f"{f.kind} ({len(f.clock):,})") for f in faults]
    axes[0].legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False)
    axes[-1].set_xlim(-0.01 * end, 1.01 * max(end, 1))
    _steps(axes[-1])
    return _svg(figure, "faults")


def _addresses(first: int, last: int) -> Any:
    """Two to four round addresses."""
    from matplotlib.ticker import FixedLocator

    step = 1 << max(0, (last - first).bit_length() - 2)
    start = first // step * step
    pages = [page for page in range(start, last + step + 1, step) if first <= page <= last + 1]
    return FixedLocator([page << PAGE_SHIFT for page in pages])


def _dot(color: str, marker: str, text: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=color, marker=marker, linestyle="none", label=text)
