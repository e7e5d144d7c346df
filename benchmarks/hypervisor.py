"""What a virtual machine costs: the promised ratios, each from one run, with a verdict.

    python benchmarks/hypervisor.py [PART...] [--image FILE] [--repeats 7] [--json FILE]

PART is compute, csr or linux. Bare and virtual runs take turns, so that what disturbs the computer meets both; each
ratio is the median of the rounds', of processor time. The status is 1 if a target is missed. The image of linux is
linux/Image in the folder that TRAPLINE_GUESTS names, unless --image names another.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from command_line import chosen, json_file, positive

from trapline.asm import assemble
from trapline.vm.bench.nano import Nano
from trapline.vm.bench.programs import PROCESS_PROGRAMS, ROUND_TRIPS
from trapline.vm.cli.blueprint import Blueprint, close
from trapline.vm.cli.options import BootOptions, MachineOptions
from trapline.vm.loader.files import load_elf
from trapline.vm.machine import ExitReason, Machine

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "programs" / "bench"
MARK = b"init: LINUX-USERLAND-OK"
ACCESSES = 1_000_000
"""Emulated CSR accesses of a round."""


@dataclass(frozen=True)
class Ratio:
    """A promise and what was measured. bare, virtual: seconds, medians; ratio: the median of the rounds' ratios.

    low, high: the least and the greatest of them. at_least: whether the target is a floor.
    """

    name: str
    bare: float
    virtual: float
    ratio: float
    low: float
    high: float
    target: float
    at_least: bool

    @property
    def kept(self) -> bool:
        """Whether the target is reached."""
        return self.ratio >= self.target if self.at_least else self.ratio <= self.target

    def line(self) -> str:
        """For people."""
        sign = "at least" if self.at_least else "at most"
        return (
            f"{self.name:38} {self.ratio:6.3f}  ({self.low:.3f} to {self.high:.3f}; {sign} {self.target:g}:"
            f" {'kept' if self.kept else 'MISSED'})   {self.bare:.4g} and {self.virtual:.4g} s"
        )


def rounds(repeats: int, *runs: Callable[[], float]) -> list[tuple[float, ...]]:
    """Seconds of each run in each of `repeats` rounds, forwards and backwards in turn; a first round does not count."""
    for run in runs:
        run()
    found = []
    for number in range(repeats):
        order = range(len(runs))[:: -1 if number % 2 else 1]
        seconds = {i: runs[i]() for i in order}
        found.append(tuple(seconds[i] for i in range(len(runs))))
    return found


def ratio(name: str, pairs: list[tuple[float, float]], target: float, *, at_least: bool = False) -> Ratio:
    """Of (bare, virtual) in seconds: how many times the time of bare, or, with a floor, the speed of bare."""
    ratios = [b / v if at_least else v / b for b, v in pairs]
    bare, virtual = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Ratio(name, bare, virtual, statistics.median(ratios), min(ratios), max(ratios), target, at_least)


def seconds_of(machine: Machine) -> float:
    """Processor time until the machine switches itself off with status 0."""
    start = time.process_time()
    exit = machine.run()
    seconds = time.process_time() - start
    if exit.reason is ExitReason.INTERRUPTED:
        raise KeyboardInterrupt
    if exit.reason is not ExitReason.HALT or exit.code:
        sys.exit(f"a guest ended with {exit}")
    return seconds


def compute(repeats: int) -> Iterator[Ratio]:
    """Compute-bound user programs above the least kernel: speed under `trap` by speed on the bare machine."""
    for name in PROCESS_PROGRAMS:
        sources = [PROGRAMS / "process.s", PROGRAMS / f"{name}.s"]
        image = load_elf(assemble(sources, text_base=0x80000000, entry="kernel").elf)

        def run(technique: str, image: Any = image) -> float:
            machine = Machine(technique=technique, memory=16 << 20)
            machine.load(image)
            return seconds_of(machine)

        pairs = rounds(repeats, lambda run=run: run("bare"), lambda run=run: run("trap"))
        yield ratio(f"{name}, speed under trap by bare", pairs, 0.97, at_least=True)


def csr(repeats: int) -> Iterator[Ratio]:
    """An emulated `csrrw` of sscratch by a bare round trip of ecall and mret."""
    trap = load_elf(assemble([PROGRAMS / "trap.s"], text_base=0x80000000).elf)
    nano = Nano(PROGRAMS / "nano", "csr")

    def round_trips() -> float:
        machine = Machine(memory=4 << 20)
        machine.load(trap)
        return seconds_of(machine)

    found = rounds(
        repeats,
        round_trips,
        lambda: nano.run("trap", ACCESSES)[1],
        lambda: nano.run("trap", ACCESSES, empty=True)[1],
    )
    pairs = [(trips / ROUND_TRIPS, (full - empty) / ACCESSES) for trips, full, empty in found]
    yield ratio("emulated CSR access by bare round trip", pairs, 4.0)


def linux(repeats: int, image: Path) -> Iterator[Ratio]:
    """The boot of Linux, from its first instruction to power-off, by that of the bare machine."""
    blueprint = Blueprint([str(image)], MachineOptions(), BootOptions(append="console=hvc0 earlycon=sbi"))

    def run(technique: str) -> float:
        machine = blueprint.build(technique=technique, stdin=b"")
        try:
            seconds = seconds_of(machine)
        finally:
            close(machine)
        if MARK not in machine.console.output:
            sys.exit(f"Linux did not reach user space under {technique}")
        return seconds

    pairs = rounds(repeats, lambda: run("bare"), lambda: run("trap"))
    yield ratio("Linux boot, time under trap by bare", pairs, 1.5)


def main() -> None:
    """Measure, print, and keep as JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="compute, csr, linux; all without one")
    guests = os.environ.get("TRAPLINE_GUESTS", "")
    parser.add_argument("--image", type=Path, default=Path(guests, "linux/Image"))
    parser.add_argument("--repeats", type=positive, default=7, help="rounds (default 7)")
    parser.add_argument("--json", metavar="FILE", help="write all ratios here")
    options = parser.parse_args()
    known: dict[str, Callable[[], Iterator[Ratio]]] = {
        "compute": lambda: compute(options.repeats),
        "csr": lambda: csr(options.repeats),
        "linux": lambda: linux(options.repeats, options.image),
    }
    parts = chosen(parser, options.parts, known)
    kept = True
    with json_file(parser, options.json) as rows:
        for part in parts:
            if part == "linux" and not options.image.is_file():
                print(f"Linux boot is skipped: no file '{options.image}'", flush=True)
                continue
            for measured in known[part]():
                rows.append(asdict(measured) | {"kept": measured.kept})
                kept = kept and measured.kept
                print(measured.line(), flush=True)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
