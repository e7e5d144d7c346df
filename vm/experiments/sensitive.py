"""The suite of sensitive instructions: what each of its programs shows about each technique.

A program of `programs/sensitive/` says in its header which machine it is for. Those that are called detect-* decide
for themselves whether they are on the bare machine, and print it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from trapline.isa.isa_string import parse_isa
from trapline.vm.experiments.compare import Build, Run, compare

BARE, VIRTUAL = b"bare machine", b"virtual machine"
"""The last line of a program that has found out which of them it is on."""

LIMIT = 1_000_000
"""Instructions that a program of the suite may take."""

MEMORY = 4 << 20
"""Bytes of RAM, for programs whose header asks for no other."""


class Verdict(Enum):
    """What a technique did to a program."""

    EQUIVALENT = "equivalent"
    DIVERGES = "diverges"
    DETECTED = "detected"


@dataclass(frozen=True)
class Case:
    """A program of the suite. isa: the machine it is for; memory: bytes of RAM; summary: its header's first line."""

    path: Path
    isa: str
    summary: str
    memory: int = MEMORY

    @property
    def name(self) -> str:
        """The file's, without its ending."""
        return self.path.stem

    def fits(self, extensions: Sequence[str]) -> bool:
        """Whether a machine with these extensions has all that it needs."""
        return set(parse_isa(self.isa)) <= set(extensions)


@dataclass(frozen=True)
class Row:
    """A program and its runs: bare, then one for each technique."""

    case: Case
    runs: list[Run]

    def verdicts(self) -> Iterator[tuple[str, Verdict]]:
        """(technique, verdict)."""
        for run in self.runs[1:]:
            yield run.technique, judge(self.runs[0], run)


def read_case(path: Path) -> Case:
    """A program's header. Raises ValueError when it does not say what it is for."""
    text = path.read_text(encoding="utf-8")
    isa = re.search(r"^# isa: (\S+)$", text, re.M)
    first = re.match(r"# \S+ - (.+)\n", text)
    if isa is None or first is None:
        raise ValueError(f"{path}: has no header with a summary and '# isa: ...'")
    memory = re.search(r"^# memory: (\d+)M$", text, re.M)
    return Case(path, isa[1], first[1], int(memory[1]) << 20 if memory else MEMORY)


def find_cases(folder: Path, names: Sequence[str] = ()) -> list[Case]:
    """The suite, or the programs of these names. Raises ValueError for a name that there is not."""
    paths = {path.stem: path for path in sorted(folder.glob("*.s"))}
    for name in names:
        if name not in paths:
            raise ValueError(f"'{name}' is none of the programs of the suite: {', '.join(paths)}")
    return [read_case(paths[name]) for name in (names or paths)]


def judge(bare: Run, run: Run) -> Verdict:
    """What happened under a technique, by the console's last line and by the comparison with the bare machine."""
    if _last_line(bare) == BARE and _last_line(run) == VIRTUAL:
        return Verdict.DETECTED
    return Verdict.EQUIVALENT if run.equivalent else Verdict.DIVERGES


def _last_line(run: Run) -> bytes:
    return run.output.rstrip(b"\n").rpartition(b"\n")[2]


def run_case(case: Case, build: Build, techniques: Iterable[str], timeout: float | None = None) -> Row:
    """Run a program bare and under each technique.

    A program that finds out tells so in more instructions than the bare run had, so it gets them; its output is that
    of its own end.
    """
    runs = list(compare(build, techniques, LIMIT, timeout))
    if _last_line(runs[0]) == BARE:
        runs = [run if run.equivalent else replace(run, output=_output(build(run.technique), timeout)) for run in runs]
    return Row(case, runs)


def _output(machine: Any, timeout: float | None) -> bytes:
    machine.run(LIMIT, timeout)
    return machine.console.output
