"""The report: a self-contained HTML page, without network or scripts, identical in every run."""

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from trapline.isa.sv32 import PAGE_SHIFT
from trapline.vm.hypervisor.host.counts import Counts
from trapline.vm.observe import report_plots as plots
from trapline.vm.observe.exit_kinds import GROUPS
from trapline.vm.observe.report_data import ReportData

ROWS = 60
"""Maximum rows of a table."""

STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem 1.5rem 3rem; color: #1a1a1a; background: #fff;
       font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem; }
p.under { color: #555; margin-top: 0; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .6rem; margin: 1rem 0; }
dl div { border: 1px solid #ddd; border-radius: .4rem; padding: .5rem .7rem; }
dt { color: #555; font-size: .85rem; } dd { margin: 0; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
figure { margin: 0; } img { width: 100%; height: auto; display: block; } figcaption { color: #555; }
table { border-collapse: collapse; font-size: .9rem; margin: .5rem 0; font-variant-numeric: tabular-nums; }
div.wide { overflow-x: auto; }
th, td { padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #e5e5e5; text-align: right; vertical-align: top; }
th { border-bottom-color: #999; } .text { text-align: left; overflow-wrap: anywhere; }
code { font-size: .95em; } summary { cursor: pointer; color: #0b5cad; }
"""


def page(data: ReportData, counts: Counts, guest: str, ended: str) -> str:
    """The report of a run. guest: its name; ended: how the run ended."""
    technique = data.describer.technique
    parts = [_summary(counts, guest, technique, ended, data.count)]
    if data.cut:
        parts.append(f"<p>Charts and tables cover only the first {data.count:,} exits.</p>")
    if data.count:
        with plots.style():
            parts += [_timeline(data), _causes(data), _functions(data), _faults(data), _emulated(data)]
    else:
        parts.append("<p>There were no exits.</p>")
    title = escape(f"{guest} under {technique}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">\n"
        f'<link rel="icon" href="data:,">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n'
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _summary(counts: Counts, guest: str, technique: str, ended: str, events: int) -> str:
    items = [
        ("instructions", f"{counts.steps:,}"),
        ("executed directly", f"{counts.share:.2%}"),
        ("emulated", f"{counts.emulated:,}"),
        ("exits", f"{counts.world_switches:,}"),
        ("instructions per exit", f"{counts.steps / counts.world_switches:,.0f}" if counts.world_switches else "-"),
        ("hidden page faults", f"{counts.hidden_faults:,}"),
        ("true page faults", f"{counts.true_faults:,}"),
        ("MMIO", f"{counts.mmio_faults:,}"),
        ("shadow tables dropped", f"{counts.shadow_drops:,}"),
        ("entries of the exit log", f"{events:,}"),
    ]
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in items)
    return (
        f"<h1>{escape(guest)} under <code>{escape(technique)}</code></h1>\n"
        f'<p class="under">How the hypervisor ran it. The run ended: {escape(ended)}.</p>\n<dl>{cells}</dl>'
    )


def _section(title: str, picture: str, words: str, caption: str, table: str) -> str:
    """A chart with its alt text, a caption, and the numbers behind it."""
    return (
        f'<section>\n<h2>{escape(title)}</h2>\n<figure><img src="{picture}" alt="{escape(words, quote=True)}">'
        f"<figcaption>{caption}</figcaption></figure>\n<details><summary>The numbers</summary>{table}</details>\n"
        "</section>"
    )


def _table(heading: Sequence[str], rows: Iterable[Sequence[Any]], text: Sequence[int] = (0,)) -> str:
    """A table. text: columns of text; the others are numbers."""
    rows = list(rows)
    kind = [' class="text"' if i in text else "" for i in range(len(heading))]
    head = "".join(f'<th scope="col"{k}>{escape(h)}</th>' for h, k in zip(heading, kind, strict=True))
    body = []
    for row in rows[:ROWS]:
        cells = (f"{v:,}" if isinstance(v, int) else escape(str(v)) for v in row)
        body.append("<tr>" + "".join(f"<td{k}>{c}</td>" for c, k in zip(cells, kind, strict=True)) + "</tr>")
    more = f"<p>and {len(rows) - ROWS:,} more</p>" if len(rows) > ROWS else ""
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>{more}'


def _timeline(data: ReportData) -> str:
    rows = []
    for one in data.modes():
        shares = one.shares(plots.np.array([0.0, max(float(one.end[-1]), 1.0)]))
        for mode, share in sorted(shares.items(), reverse=True):
            stretches = int((one.mode == mode).sum())
            rows.append((one.hart, plots.mode_name(mode), f"{share[0]:.2%}", stretches))
    words = "; ".join(f"hart {hart}: {mode} {share}" for hart, mode, share, _ in rows)
    caption = "Top: the virtual mode, or the share of each mode. Bottom: exits over time."
    table = _table(("hart", "virtual mode", "share of the steps", "stretches"), rows, (1,))
    return _section("Virtual modes and exits over time", plots.timeline(data), f"Timeline. {words}", caption, table)


def _counted(table: dict[str, Counter[str]], first: str) -> tuple[str, str]:
    used = [g for g in GROUPS if any(counts[g] for counts in table.values())]
    rows = [(name, counts.total(), *(counts[g] for g in used)) for name, counts in table.items()]
    words = "; ".join(f"{name}: {counts.total():,}" for name, counts in list(table.items())[:5])
    return _table((first, "all", *used), rows), words


def _causes(data: ReportData) -> str:
    by = data.by_cause()
    table, words = _counted(by, "cause")
    caption = "Why the real hart trapped or which interrupt was injected, and how it was handled."
    return _section("Exits by cause", plots.bars(by, "causes"), f"Bar chart. {words}", caption, table)


def _functions(data: ReportData) -> str:
    by = data.by_function()
    table, words = _counted(by, "function")
    caption = "The guest function in which the exit occurred, or the page where there are no symbols."
    return _section("Exits by guest function", plots.bars(by, "functions"), f"Bar chart. {words}", caption, table)


def _faults(data: ReportData) -> str:
    faults = data.faults()
    if not faults:
        return "<section><h2>Page faults</h2><p>There were no page faults.</p></section>"
    rows = [(f.kind, len(f.clock), len(plots.np.unique(f.vaddr >> PAGE_SHIFT))) for f in faults]
    words = "; ".join(f"{kind}: {count:,} on {pages:,} pages" for kind, count, pages in rows)
    caption = (
        "Virtual address and time of each page fault of the real hart: hidden (the shadow entry was missing), true "
        "(reflected), MMIO (emulated), outside. Parts of the address space without faults are omitted."
    )
    table = _table(("kind", "faults", "pages"), rows)
    picture = plots.fault_map(faults, data.end)
    return _section("Page faults: address and time", picture, f"Map. {words}", caption, table)


def _emulated(data: ReportData) -> str:
    found = data.emulated()
    total = sum(count for _, _, count, _ in found)
    rows = [(name, count, f"{count / total:.1%}", where, section) for name, section, count, where in found]
    table = _table(("instruction", "times", "share", "most often in", "specification"), rows, (0, 3, 4))
    return f"<section><h2>Emulated instructions</h2>\n<p>{total:,} in all.</p>\n{table}</section>"
