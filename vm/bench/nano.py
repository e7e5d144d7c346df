"""Nano-benchmarks after Adams and Agesen: the cost of one kernel operation, bare and under each technique.

K. Adams, O. Agesen, "A comparison of software and hardware techniques for x86 virtualization", ASPLOS 2006, 5.3.
The programs in `programs/bench/nano/` share `nano.inc`: each repeats an operation as often as the word at `rounds`
says, and exits with status 0 on success. EMPTY assembles the same loop without the operation, whose cost is subtracted;
PARAVIRT makes them use hypercalls where these exist.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trapline.vm.bench.cost_model import Work
from trapline.vm.bench.programs import BenchmarkError
from trapline.vm.exit import ExitReason
from trapline.vm.hypervisor.host.counts import Counts
from trapline.vm.machine import RAM_BASE, Announce, Machine

NAMES = ("callret", "csr", "syscall", "illegal", "fault", "mmio", "satp", "ptemod", "timer")
ELSEWHERE = {"call/ret": "callret", "divzero": "illegal", "pgfault": "fault", "in": "mmio", "cr3wr": "satp"}
"""Adams and Agesen's names where they differ."""

MEMORY = 4 << 20
FEW, MORE = 16, 48
"""Rounds of two runs; their difference excludes what happens outside the loop."""
FIRST = 200
"""Rounds that are timed first to find how many take SECONDS; also the minimum."""
MOST = 1 << 20
SECONDS = 0.02


@dataclass(frozen=True)
class Cost:
    """The cost of an operation under a technique.

    nanoseconds: processor time per operation on this computer; rounds: the number timed.
    """

    benchmark: str
    technique: str
    work: Work
    nanoseconds: float
    rounds: int


class Nano:
    """One program, assembled on demand in several variants, which may raise `asm.AsmError`."""

    def __init__(self, folder: Path, name: str, announce: Announce | None = None) -> None:
        self.folder, self.name, self._announce = folder, name, announce
        self._images: dict[tuple[str, ...], Any] = {}

    @property
    def summary(self) -> str:
        """What it measures: its first line."""
        first = (self.folder / f"{self.name}.s").read_text(encoding="utf-8").partition("\n")[0]
        return re.sub(r"^# \S+ - a nano-benchmark: |\.$", "", first)

    def image(self, *symbols: str) -> Any:
        """The program with these symbols defined."""
        if symbols not in self._images:
            from trapline.asm import Text, assemble
            from trapline.vm.loader.files import load_elf

            source = "".join(f".equ {symbol}, 1\n" for symbol in symbols) + f'.include "{self.name}.s"\n'
            program = assemble([Text(str(self.folder / self.name), source)], text_base=RAM_BASE)
            self._images[symbols] = load_elf(program.elf)
        return self._images[symbols]

    def run(self, technique: str, rounds: int, *, empty: bool = False, shadow: str = "lazy") -> tuple[Counts, float]:
        """Run it; its counts and its seconds of processor time.

        Raises BenchmarkError unless it exits with status 0, and KeyboardInterrupt when interrupted.
        """
        if rounds <= 0 or rounds % 2:
            raise ValueError(f"the number of rounds must be positive and even, not {rounds}")
        symbols = ["EMPTY"] * empty + ["PARAVIRT"] * (technique == "paravirt")
        machine = Machine(technique=technique, shadow=shadow, memory=MEMORY, announce=self._announce)
        machine.load(self.image(*symbols))
        machine.write(machine.symbols["rounds"], rounds.to_bytes(4, "little"))
        start = time.process_time()
        exit = machine.run()
        seconds = time.process_time() - start
        if exit.reason is ExitReason.INTERRUPTED:
            raise KeyboardInterrupt
        if exit.reason is not ExitReason.HALT or exit.code:
            raise BenchmarkError(f"{self.name} under {technique} ended with {exit}")
        return Counts.of(machine), seconds

    def work(self, technique: str, shadow: str = "lazy") -> Work:
        """The work of one operation: exact, and the same everywhere."""

        def between(empty: bool) -> Work:
            few, more = (Work.of(self.run(technique, n, empty=empty, shadow=shadow)[0]) for n in (FEW, MORE))
            return more - few

        return (between(False) - between(True)) / (MORE - FEW)

    def rounds(self, technique: str, shadow: str) -> int:
        """The rounds that take about SECONDS, found by trying ever more."""
        number = FIRST
        while number < MOST:
            seconds = self.run(technique, number, shadow=shadow)[1]
            if seconds >= SECONDS / 2:
                break
            number = min(MOST, 2 * int(number * min(max(SECONDS / max(seconds, 1e-9), 2), 20) / 2))
        return number


def measure(
    nano: Nano, techniques: Sequence[str], *, shadow: str = "lazy", repeats: int = 3, rounds: int | None = None,
    progress: Callable[[str, str], None] = lambda name, technique: None,
) -> Iterator[Cost]:  # fmt: skip
    """The cost under each technique. Techniques take turns, so that disturbances affect all of them.

    Times are the best of `repeats`, with the operation and without.
    progress: called with benchmark and technique before each turn.
    """
    works: dict[str, Work] = {}
    numbers: dict[str, int] = {}
    times: dict[str, tuple[list[float], list[float]]] = {}
    for technique in techniques:
        progress(nano.name, technique)
        works[technique] = nano.work(technique, shadow)
        numbers[technique] = rounds or nano.rounds(technique, shadow)
        times[technique] = ([], [])
    for _ in range(repeats):
        for technique in techniques:
            progress(nano.name, technique)
            for empty in (False, True):
                seconds = nano.run(technique, numbers[technique], empty=empty, shadow=shadow)[1]
                times[technique][empty].append(seconds)
    for technique in techniques:
        full, without = (min(column) for column in times[technique])
        number = numbers[technique]
        yield Cost(nano.name, technique, works[technique], (full - without) / number * 1e9, number)
