"""What it costs to look at a machine: snapshots, forks, its history, the way back.

    python benchmarks/debugging.py [snapshot forks history back breakpoint] [--repeats 3] [--json FILE]

Each figure is the best of the rounds, in processor time, or a ratio of two runs that take turns. A row that is worse
than promised ends with "late"; the exit status is then 1.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from command_line import chosen, json_file, positive

from trapline import Machine
from trapline.vm.breakpoints import Breakpoint
from trapline.vm.exit import ExitReason

MEMORY = 128 << 20
PERCENT = MEMORY // 100 // 4096
"""Pages of one per cent of the memory."""
FORKED, FORKS = 64 << 20, 1000
LONG = 1_000_000_000
STRETCH = 100_000_000

WRITER = f"""
_start: li      s0, 0x80100000
pass:   li      s1, {PERCENT}
        mv      t0, s0
        li      t2, 4096
next:   lw      t1, (t0)
        addi    t1, t1, 1
        sw      t1, (t0)
        add     t0, t0, t2
        addi    s1, s1, -1
        bnez    s1, next
done:   j       pass
"""
COUNTER = f"""
_start: li      s0, {STRETCH // 4}
next:   addi    s1, s1, 1
        xor     s2, s2, s1
        addi    s0, s0, -1
        bnez    s0, next
here:   nop
        j       here
"""


class Row(NamedTuple):
    """A figure, and the most that is promised."""

    name: str
    figure: float
    promise: float
    unit: str


def seconds(work: Callable[[], object]) -> float:
    """Of processor."""
    start = time.process_time()
    work()
    return time.process_time() - start


def snapshot(repeats: int) -> Iterator[Row]:
    """A snapshot of 128 MiB, of which 1 per cent was written since the last one, and the way back to it."""
    machine = Machine.from_source(WRITER, memory=MEMORY)
    pass_length = 6 * PERCENT + 4
    machine.run(max_instructions=20 * pass_length)
    taken, back = [], []
    for _ in range(10 * repeats):
        taken.append(seconds(machine.snapshot))
        before = machine.snapshot()
        machine.run(max_instructions=pass_length)
        back.append(seconds(lambda before=before: machine.restore(before)))
        machine.run(max_instructions=pass_length)
    yield Row("snapshot of 128 MiB, 1 per cent of it new", 1000 * min(taken), 5, "ms")
    yield Row("back to it", 1000 * min(back), 10, "ms")


def forks(repeats: int) -> Iterator[Row]:
    """A thousand forks of 64 MiB, a third of it in use, that all write 1 MiB."""
    machine = Machine.from_source(WRITER, memory=FORKED)
    machine.write(0x80800000, bytes(range(1, 256)) * 80_000)
    machine.run(max_instructions=6 * PERCENT)
    before = machine.snapshot()
    made: list[Machine] = []
    resident = _resident()
    duration = seconds(lambda: made.extend(machine.fork(before) for _ in range(FORKS)))
    for fork in made:
        fork.run(max_instructions=1500)
    yield Row("fork", 1000 * duration / FORKS, 3, "ms")
    yield Row(f"memory of {FORKS} forks of 64 MiB", (_resident() - resident) / (1 << 30), 4, "GiB")


def _resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def _turns(repeats: int, *works: Callable[[], float]) -> list[float]:
    """The best of each, in turns."""
    found = [[work() for work in works] for _ in range(repeats)]
    return [min(column) for column in zip(*found, strict=True)]


def history(repeats: int) -> Iterator[Row]:
    """A run whose history is kept, against one whose is not."""

    def run(remember: bool) -> float:
        machine = Machine.from_source(WRITER, memory=MEMORY)
        machine.run(max_instructions=1_000_000)
        if remember:
            machine.remember()
        return seconds(lambda: machine.run(max_instructions=4 * STRETCH))

    plain, kept = _turns(repeats, lambda: run(False), lambda: run(True))
    yield Row("a run whose history is kept, by one whose is not", kept / plain, 1.1, "times")


def back(repeats: int) -> Iterator[Row]:
    """One instruction back after a long run, there and far back."""
    machine = Machine.from_source(WRITER, memory=MEMORY)
    machine.remember()
    machine.run(max_instructions=LONG)
    near = min(seconds(machine.back) for _ in range(repeats))
    first = max(seconds(machine.back) for _ in range(2))
    far = seconds(lambda: machine.back(LONG // 2))
    yield Row("one instruction back after 10^9", 1000 * max(near, first), 200, "ms")
    yield Row("half of them back", 1000 * far, 1000, "ms")


def breakpoint_(repeats: int) -> Iterator[Row]:
    """10^8 instructions to a breakpoint, against as many without one."""

    def run(stops: bool) -> float:
        machine = Machine.from_source(COUNTER, memory=1 << 20)
        machine.run(max_instructions=1000)
        if stops:
            machine.stops.add(Breakpoint(machine.symbols["here"]))
            reason, steps = ExitReason.BREAKPOINT, None
        else:
            reason, steps = ExitReason.LIMIT, STRETCH - 1000
        exits: list = []
        duration = seconds(lambda: exits.append(machine.run(max_instructions=steps)))
        assert exits[0].reason is reason
        return duration

    plain, stopped = _turns(2 * repeats, lambda: run(False), lambda: run(True))
    yield Row("10^8 instructions to a breakpoint, by as many without", stopped / plain, 1.1, "times")


PARTS = {"snapshot": snapshot, "forks": forks, "history": history, "back": back, "breakpoint": breakpoint_}


def main() -> None:
    """Measure, print, and compare with what is promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of: {', '.join(PARTS)}")
    parser.add_argument("--repeats", type=positive, default=3, help="rounds, of which the best counts")
    parser.add_argument("--json", metavar="FILE", help="write the rows as JSON, too")
    arguments = parser.parse_args()
    parts = chosen(parser, arguments.parts, PARTS)
    late = False
    with json_file(parser, arguments.json) as rows:
        for part in parts:
            for row in PARTS[part](arguments.repeats):
                kept = row.figure <= row.promise
                late = late or not kept
                print(
                    f"{row.name:55} {row.figure:9.3g} {row.unit:6} promised {row.promise:g}{'' if kept else '  late'}"
                )
                rows.append(row._asdict() | {"kept": kept})
    sys.exit(int(late))


if __name__ == "__main__":
    main()
