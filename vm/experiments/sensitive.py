"""The suite of sensitive instructions: how each of its programs behaves under each technique.

The header of a program in `programs/sensitive/` names the machine that it is for. The programs detect-* find out
whether they run on a bare machine, and print the result.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from trapline.isa.isa_string import parse_isa
from trapline.vm.experiments.compare import Build, Run, compare
from trapline.vm.machine import Machine

BARE, VIRTUAL = b"bare machine", b"virtual machine"
"""The last line of a program that detects where it runs."""

LIMIT = 1_000_000
"""Instruction limit of a program of the suite."""

MEMORY = 4 << 20
"""Bytes of RAM unless a program's header asks for more."""


class Verdict(Enum):
    """The effect of a technique on a program."""

    EQUIVALENT = "equivalent"
    DIVERGES = "diverges"
    DETECTED = "detected"


@dataclass(frozen=True)
class Case:
    """A program of the suite. isa: of its machine; memory: bytes of RAM; summary: the first line of its header."""

    path: Path
    isa: str
    summary: str
    memory: int = MEMORY

    @property
    def name(self) -> str:
        """The name of the file without its extension."""
        return self.path.stem

    def fits(self, extensions: Sequence[str]) -> bool:
        """Whether it can run on a machine with these extensions."""
        return set(parse_isa(self.isa)) <= set(extensions)


@dataclass(frozen=True)
class Row:
    """A program and its runs: bare, then under each technique."""

    case: Case
    runs: list[Run]

    def verdicts(self) -> Iterator[tuple[str, Verdict]]:
        """(technique, verdict)."""
        for run in self.runs[1:]:
            yield run.technique, judge(self.runs[0], run)


def read_case(path: Path) -> Case:
    """Read a program's header. Raises ValueError if it is incomplete."""
    text = path.read_text(encoding="utf-8")
    isa = re.search(r"^# isa: (\S+)$", text, re.M)
    first = re.match(r"# \S+ - (.+)\n", text)
    if isa is None or first is None:
        raise ValueError(f"{path}: its header lacks a summary or '# isa: ...'")
    memory = re.search(r"^# memory: (\d+)M$", text, re.M)
    return Case(path, isa[1], first[1], int(memory[1]) << 20 if memory else MEMORY)


def find_cases(folder: Path, names: Sequence[str] = ()) -> list[Case]:
    """The suite, or its programs of these names. Raises ValueError for an unknown name."""
    paths = {path.stem: path for path in sorted(folder.glob("*.s"))}
    for name in names:
        if name not in paths:
            raise ValueError(f"no test named '{name}'; known: {', '.join(paths)}")
    return [read_case(paths[name]) for name in (names or paths)]


def judge(bare: Run, run: Run) -> Verdict:
    """The verdict on a technique, from the last line of output and the comparison with the bare machine."""
    if _last_line(bare) == BARE and _last_line(run) == VIRTUAL:
        return Verdict.DETECTED
    return Verdict.EQUIVALENT if run.equivalent else Verdict.DIVERGES


def _last_line(run: Run) -> bytes:
    return run.output.rstrip(b"\n").rpartition(b"\n")[2]


def run_case(case: Case, build: Build, techniques: Iterable[str], timeout: float | None = None) -> Row:
    """Run a program bare and under each technique.

    A program that detects the technique may need more instructions than the bare run to say so; its output is then
    that of a complete run.
    """
    runs = list(compare(build, techniques, LIMIT, timeout))
    if _last_line(runs[0]) == BARE:
        runs = [run if run.equivalent else replace(run, output=_output(build(run.technique), timeout)) for run in runs]
    return Row(case, runs)


def _output(machine: Machine, timeout: float | None) -> bytes:
    machine.run(LIMIT, timeout)
    return machine.console.output
