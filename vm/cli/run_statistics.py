"""Statistics of a run: lines for people, JSON for programs."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from trapline.isa import CSRS
from trapline.isa.cause import describe
from trapline.isa.mode import MODE_NAMES
from trapline.vm.cli import json_output, output_files
from trapline.vm.cli.options import Outputs
from trapline.vm.cli.user_errors import fail

if TYPE_CHECKING:
    from trapline.vm.hypervisor.host.counts import Counts
    from trapline.vm.machine import Machine
    from trapline.vm.translator.host import counts as translator


@dataclass
class RunStatistics:
    """A finished run. seconds: wall clock; traps: by mcause value; calls: system calls by name.

    resets: how often the guest reset its machine, which then booted again.
    technique, counts: how a hypervisor ran it, and what that took; None without one.
    translated: what the translator did; None where nothing was translated.
    """

    reason: str
    exit_code: int
    instructions: int
    seconds: float
    pc: int
    digest: str | None = None
    traps: dict[int, int] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    technique: str | None = None
    counts: "Counts | None" = None
    resets: int = 0
    translated: "translator.Counts | None" = None

    @property
    def mips(self) -> float:
        """Million instructions per second."""
        return self.instructions / self.seconds / 1e6 if self.seconds > 0 else 0.0

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` writes."""
        virtual = {} if self.counts is None else {"technique": self.technique, **self.counts.as_json()}
        return {
            "exit_reason": self.reason,
            "exit_code": self.exit_code,
            "retired_instructions": self.instructions,
            "wall_seconds": round(self.seconds, 6),
            "mips": round(self.mips, 3),
            "pc": f"{self.pc:#010x}",
            "traps": {describe(cause): count for cause, count in self.traps.items()},
            "system_calls": self.calls,
            "resets": self.resets,
            "sha256": self.digest,
            "translator": None if self.translated is None else self.translated.as_json(),
            **virtual,
        }

    def show(self) -> None:
        """Print the statistics on stderr."""
        rate = f"{self.mips:.0f} million a second" if self.seconds > 0.001 else "too short to measure"
        click.echo(f"{self.reason}, status {self.exit_code}, pc {self.pc:#010x}", err=True)
        click.echo(f"{self.instructions:,} instructions in {self.seconds:.3f} s: {rate}", err=True)
        if self.resets:
            click.echo(f"  {self.resets:>12,}  resets", err=True)
        for cause, count in sorted(self.traps.items()):
            click.echo(f"  {count:>12,}  {describe(cause)}", err=True)
        for name, count in sorted(self.calls.items(), key=lambda item: (-item[1], item[0])):
            click.echo(f"  {count:>12,}  system call {name}", err=True)
        if self.counts is not None:
            click.echo(f"under the hypervisor, technique {self.technique}:", err=True)
            for line in self.counts.lines():
                click.echo(line, err=True)
        if self.translated is not None:
            click.echo("steps by how they were executed:", err=True)
            for line in self.translated.lines():
                click.echo(line, err=True)


def check(outputs: Outputs) -> None:
    """Refuse before the run what could not be written after it. Raises OSError."""
    if outputs.registers and not outputs.json_file:
        fail("--registers needs --json")
    output_files.check_writable(outputs.json_file)


def translated_by(machine: "Machine") -> "translator.Counts | None":
    """What the translator did for a machine; None where nothing was translated."""
    if machine.engine.translator is None:
        return None
    from trapline.vm.translator.host import counts as translator

    return translator.Counts.of(machine)


def registers_json(machine: "Machine") -> list[dict[str, Any]]:
    """Registers and CSRs of each hart by name, as `--json --registers` writes them."""
    return [
        {
            "pc": f"{hart.pc:#010x}",
            "mode": MODE_NAMES[hart.h.mode],
            "registers": {name: f"{value:#010x}" for name, value in hart.x.as_dict().items()},
            "csrs": {csr.name: f"{hart.csr[csr.name]:#010x}" for csr in CSRS if csr.name in hart.csr},
        }
        for hart in machine.harts
    ]


def write(statistics: RunStatistics, outputs: Outputs, machine: "Machine", mid_line: bool) -> None:
    """Print and write what was asked for. Raises OSError.

    mid_line: whether the guest's output ends without a newline, so that JSON on stdout needs one first.
    """
    statistics.translated = translated_by(machine)
    if outputs.stats:
        statistics.show()
    if outputs.json_file:
        statistics.digest = machine.digest()
        harts = {"harts": registers_json(machine)} if outputs.registers else {}
        json_output.write(outputs.json_file, statistics.as_json() | harts, mid_line)
