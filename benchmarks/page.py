"""The table and the picture of docs/speed.md, made of what `run.py table --json` measured.

    python benchmarks/run.py table --json benchmarks/figures.json
    python benchmarks/page.py [FIGURES] [--into FOLDER]

FIGURES is benchmarks/figures.json by default. FOLDER, docs by default, has speed.md, whose table is replaced; the
picture is written beside it. It needs matplotlib: `pip install 'trapline[plot]'`.
"""

import argparse
import json
import re
import sys
from io import BytesIO
from pathlib import Path

import table

from trapline.vm.host.output_file import OutputFile

HERE = Path(__file__).resolve().parent
PAGE, PICTURE = "speed.md", "speed.svg"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
SHOWN = {
    table.USER: ("s", "#56b4e9"), table.INTERPRETED: ("v", "#999999"), table.TRANSLATED: ("o", "#d55e00"),
    table.NATIVE: ("D", "#009e73"),
}  # fmt: skip
"""What the picture has of a program, as marks of these forms and colours."""


class Unusable(Exception):
    """The figures, or the page, are not what they should be."""


def read(path: Path) -> list[dict]:
    """The rows of a JSON file of `run.py`. Raises Unusable."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unusable(f"{path}: {getattr(error, 'strerror', None) or 'not JSON'}") from None
    if not isinstance(rows, list) or not any(isinstance(row, dict) and "ratios" in row for row in rows):
        raise Unusable(f"{path}: has no rows of `run.py table`")
    return rows


def markdown(rows: list[dict]) -> str:
    """The table, below the computer that it was measured on."""
    columns = ("program", "million instructions", "seconds translated", *table.RATIOS, "machine code, KiB")
    lines = [f"| {' | '.join(columns)} |", f"|---|{'---|' * (len(columns) - 1)}"]
    for row in rows:
        if "ratios" not in row:
            continue
        seconds = row.get("seconds", {}).get(table.TRANSLATED)
        cells = [
            row["name"],
            f"{row['instructions'] / 1e6:,.0f}" if "instructions" in row else "",
            "" if seconds is None else f"{seconds:.2f}",
            *(f"{row['ratios'][what]:.2f}" if what in row["ratios"] else "" for what in table.RATIOS),
            f"{row['code bytes'] / 1024:,.0f}" if "code bytes" in row else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    machine = next((row["text"] for row in rows if row["name"] == table.COMPUTER), "an unknown computer")
    runs = min((row["runs"] for row in rows if "runs" in row), default=1)
    return f"\nMedians of {runs} runs at least, on {machine}.\n\n" + "\n".join(lines) + "\n\n"


def picture(rows: list[dict]) -> bytes:
    """The speed of each program as multiples of QEMU's, as SVG; the same in every run. Raises ImportError."""
    import matplotlib
    from matplotlib.figure import Figure

    programs = [row for row in rows if table.SYSTEM in row.get("seconds", {}) and "ratios" in row][::-1]
    stream = BytesIO()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams |= {"svg.fonttype": "none", "font.family": "sans-serif", "svg.hashsalt": PICTURE}
        figure = Figure(figsize=(8, 0.8 + 0.36 * len(programs)), layout="constrained")
        axis = figure.subplots()
        axis.axvline(1, color="black", linewidth=1)
        for who, (mark, color) in SHOWN.items():
            there = [(row, at) for at, row in enumerate(programs) if who in row["seconds"]]
            speeds = [row["seconds"][table.SYSTEM] / row["seconds"][who] for row, _ in there]
            axis.plot(speeds, [at for _, at in there], mark, color=color, label=who, clip_on=False)
        axis.set(xscale="log", xlabel=f"times the speed of {table.SYSTEM}", yticks=range(len(programs)))
        axis.set_yticklabels([row["name"] for row in programs])
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.grid(axis="both", color="0.9")
        axis.set_axisbelow(True)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(SHOWN), frameon=False)
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    # Clip paths are named after the addresses of objects: number them instead.
    names: dict[bytes, bytes] = {}
    text = re.sub(rb"\bp[0-9a-f]{10}\b", lambda m: names.setdefault(m[0], b"clip%d" % len(names)), stream.getvalue())
    return re.sub(rb" +\n", b"\n", text)


def replaced(text: str, rows: list[dict]) -> str:
    """The page with this table. Raises Unusable where it has no place for one."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Unusable(f"{PAGE} has no lines {BEGIN.strip()} and {END.strip()}")
    return before + begin + markdown(rows) + end + after


def main() -> int:
    """Make both; 2 for figures or a page that cannot be used, or without matplotlib."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="?", type=Path, default=HERE / "figures.json", metavar="FIGURES")
    parser.add_argument("--into", type=Path, default=HERE.parent / "docs", metavar="FOLDER")
    options = parser.parse_args()
    page = options.into / PAGE
    try:
        rows = read(options.figures)
        made = {page: replaced(page.read_text(encoding="utf-8"), rows).encode(), options.into / PICTURE: picture(rows)}
        for path, data in made.items():
            output = OutputFile(str(path))
            output.stream.write(data)
            output.commit()
    except ImportError:
        print("page.py: needs matplotlib, which is not installed: pip install 'trapline[plot]'", file=sys.stderr)
        return 2
    except (Unusable, OSError) as mistake:
        print(f"page.py: {mistake}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
