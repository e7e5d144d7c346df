"""What a run did: statistics for people, JSON for programs."""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from trapline.isa.cause import describe
from trapline.vm.hypervisor.host.counts import Counts


@dataclass
class Report:
    """A finished run. seconds: wall clock; traps: by mcause value; calls: system calls by name.

    technique, counts: how a hypervisor ran it, and what that took; None without one.
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
    counts: Counts | None = None

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
            "sha256": self.digest,
            **virtual,
        }

    def show(self) -> None:
        """Print the statistics on stderr."""
        rate = f"{self.mips:.0f} million a second" if self.seconds > 0.001 else "too short to tell the rate"
        click.echo(f"{self.reason}, status {self.exit_code}, pc {self.pc:#010x}", err=True)
        click.echo(f"{self.instructions:,} instructions in {self.seconds:.3f} s: {rate}", err=True)
        for cause, count in sorted(self.traps.items()):
            click.echo(f"  {count:>12,}  {describe(cause)}", err=True)
        for name, count in sorted(self.calls.items(), key=lambda item: (-item[1], item[0])):
            click.echo(f"  {count:>12,}  system call {name}", err=True)
        if self.counts is not None:
            click.echo(f"under the hypervisor, technique {self.technique}:", err=True)
            for line in self.counts.lines():
                click.echo(line, err=True)


def open_for_writing(path: str) -> Any:
    """A text file, checked before the run so that no result is lost; stdout for `-`. Raises OSError."""
    if path == "-":
        sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]  # the guest writes to it, too
        return sys.stdout
    return open(path, "w", encoding="utf-8")


def close(stream: Any) -> None:
    """Close what `open_for_writing` gave, but not stdout."""
    if stream is not sys.stdout:
        stream.close()


def write_json(report: Report, target: str, mid_line: bool = False) -> None:
    """Write the report as one line to a file, or as stdout's last line for `-`. Raises OSError.

    mid_line: whether what was printed so far needs a newline first.
    """
    line = json.dumps(report.as_json()) + "\n"
    if target == "-":
        sys.stdout.write(f"\n{line}" if mid_line else line)
        sys.stdout.flush()
    else:
        Path(target).write_text(line, encoding="utf-8")
