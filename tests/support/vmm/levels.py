"""What each level of nested Warrens counts, as the tables of docs/warren.md.

`PYTHONPATH=tests python -m support.vmm.levels` rewrites them.
"""

import re
from functools import cache
from itertools import pairwise

from support.burrow.build import build_script
from support.paths import DOCS
from support.warren import guest, machine

PAGE = DOCS / "warren.md"
DEPTHS = range(4)
LIMIT = 400_000_000
SLICE = 20_000
"""Ticks of a time slice of Burrow; the default of 2,000 is over before the third level has handled its interrupt."""
KINDS = ("CSR instructions", "sret", "wfi", "sfence.vma", "SBI calls", "device accesses", "shadow entries")
TRAPS = ("exceptions", "interrupts", "timer interrupts")


@cache
def counted(depth: int) -> tuple[int, list[dict[str, int]]]:
    """Instructions of the whole run, and the counters of each Warren, the innermost first."""
    elf = build_script().build("supervisor", init="pingpong 10", defines={"TIMER_PERIOD": SLICE})
    made = machine([guest(elf)], depth, {"STATISTICS": 1} if depth else None)
    exit = made.run(max_instructions=LIMIT)
    assert exit.reason.value == "halted" and exit.code == 0, str(exit)
    levels: list[dict[str, int]] = []
    for line in made.console.output.decode().splitlines()[1:]:
        name, _, number = line.removeprefix("warren: ").rpartition(" ")
        if name == "exits":
            levels.append({})
        levels[-1][name] = int(number)
    assert len(levels) == depth
    return made.csr["minstret"], levels


def recursion() -> str:
    """A row for each depth: exits of the innermost Warren, of the outermost, and what one more level multiplies."""
    rows = ["| Warrens | exits, innermost first | each exit is, one level below | instructions |", "|---|---|---|---|"]
    for depth in DEPTHS:
        instructions, levels = counted(depth)
        exits = [level["exits"] for level in levels]
        factors = [f"{below / above:.1f}" for above, below in pairwise(exits)]
        cells = [", ".join(f"{number:,}" for number in exits), ", ".join(factors)]
        rows.append(f"| {depth} | {cells[0]} | {cells[1]} | {instructions:,} |")
    return "\n".join(rows)


def kinds() -> str:
    """What the exits were, with three Warrens: a column for each, the innermost first."""
    _, levels = counted(3)
    rows = ["| | third | second | first |", "|---|---|---|---|"]
    for name in ("exits", *KINDS, *TRAPS, "address-space switches", "pages for tables", "window moves"):
        rows.append(f"| {name} | " + " | ".join(f"{level[name]:,}" for level in levels) + " |")
    return "\n".join(rows)


def with_help() -> str:
    """What would be left of the exits, innermost first, if hardware did a part: the counters without that part."""

    def banked(level: dict[str, int]) -> int:
        silent = level["CSR instructions"] - level["writes of satp"]
        return level["exits"] - silent - level["sret"] - level["exceptions"] - level["interrupts"]

    def staged(level: dict[str, int]) -> int:
        return banked(level) - level["writes of satp"] - level["sfence.vma"] - level["shadow entries"]

    _, levels = counted(2)
    rows = ["| with | inner | outer | factor |", "|---|---|---|---|"]
    for what, left in (
        ("nothing", lambda level: level["exits"]),
        ("registers of S mode for the guest", banked),
        ("... and a second stage of translation", staged),
    ):
        inner, outer = map(left, levels)
        rows.append(f"| {what} | {inner:,} | {outer:,} | {outer / inner:.1f} |")
    return "\n".join(rows)


def updated(page: str) -> str:
    """The page with its tables as they are counted now."""
    for table in (recursion, kinds, with_help):
        mark = f"<!-- {table.__name__} -->"
        page = re.sub(rf"{mark}\n\n(\|.*\n)+", lambda found, mark=mark, table=table: f"{mark}\n\n{table()}\n", page)
    return page


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
