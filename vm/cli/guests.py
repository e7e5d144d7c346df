"""Several guests of `trapline virt`: their consoles, their statistics, their exit status."""

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trapline.vm.cli import debugging, json_output, output_files, run_statistics
from trapline.vm.cli.blueprint import Blueprint, close
from trapline.vm.cli.command_files import current
from trapline.vm.cli.machine_run import exit_status, explain_stop, limit_output, statistics_of
from trapline.vm.cli.options import DEFAULT_TECHNIQUE, HypervisorOptions, RunOptions
from trapline.vm.cli.run_statistics import RunStatistics
from trapline.vm.cli.user_errors import fail

if TYPE_CHECKING:
    from trapline.vm.experiments.guests import Guest

MOST = 16
"""Guests at most."""


class Guests:
    """The guests of one command.

    kernels: as they were written, which names the guests; shares: of the host's steps.
    """

    def __init__(
        self, kernels: Sequence[str], blueprints: Sequence[Blueprint], shares: Sequence[int], options: RunOptions,
        hypervisor: HypervisorOptions,
    ) -> None:  # fmt: skip
        from trapline.vm.experiments.guests import Guest, GuestConsole, PrefixedLines

        if len(blueprints) > MOST:
            fail(f"{len(blueprints)} guests; at most {MOST} run at a time")
        self.options, self.technique = options, hypervisor.technique or DEFAULT_TECHNIQUE
        names = names_of(kernels)
        folder = options.console.console_log
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
        run_statistics.check(options.outputs)
        self.streams: list[Any] = []
        self.programs: list[Blueprint] = []
        self.guests: list[Guest] = []
        for name, blueprint, share in zip(names, blueprints, shares, strict=True):
            stream: Any
            if folder is not None:
                stream = io.BufferedWriter(current().open_log(str(Path(folder, f"{name}.log")), "--console-log"))
            else:
                stream = PrefixedLines(name, output_files.stdout_bytes())
            self.streams.append(stream)
            stdin = b"" if self.guests else _input(options.console.input_file)
            console = GuestConsole(stream, stdin)
            machine = blueprint.build(technique=self.technique, shadow=hypervisor.shadow, console=console)
            self.programs.append(blueprint)
            limit_output(machine, options.limits)
            self.guests.append(Guest(name, machine, share, options.limits.max_instructions))

    def run(self) -> int:
        """Run all of them to their ends; the status of the first that did not end with 0."""
        from trapline.vm.experiments.guests import run_guests

        timeout = self.options.limits.timeout
        with debugging.session(self.guests, self.options.debug) as debugger:
            if debugger is None:
                run_guests(self.guests, timeout, self._ended)
            else:
                debugger.run_all(timeout, self._ended)
        statuses = [exit_status(guest.end) for guest in self.guests if guest.end is not None]
        status = next((s for s in statuses if s), 0)
        if self.options.outputs.stats:
            for guest, statistics in zip(self.guests, self._statistics(), strict=True):
                click.echo(f"{guest.name}:", err=True)
                statistics.show()
        if self.options.outputs.json_file:
            self._write_json(self.options.outputs.json_file, status)
        return status

    def _ended(self, guest: "Guest") -> int:
        """A guest has ended; its status."""
        number = self.guests.index(guest)
        self.streams[number].close()
        guest.machine.console.close_output()
        close(guest.machine)
        assert guest.end is not None
        explain_stop(guest.machine, guest.end, self.programs[number], guest.name)
        return exit_status(guest.end)

    def _statistics(self) -> list[RunStatistics]:
        """Of all guests, which have ended."""
        return [statistics_of(g.machine, g.end, g.seconds, self.technique) for g in self.guests if g.end is not None]

    def _write_json(self, path: str, status: int) -> None:
        """One object: the status, and what `--json` says of a machine for each guest."""
        rows = []
        for guest, statistics in zip(self.guests, self._statistics(), strict=True):
            statistics.digest = guest.machine.digest()
            turns = {"share": guest.share, "turns": guest.turns, "cut_turns": guest.cut_turns}
            harts = {"harts": run_statistics.registers_json(guest.machine)} if self.options.outputs.registers else {}
            rows.append({"guest": guest.name, **turns, **statistics.as_json(), **harts})
        json_output.write(path, {"exit_code": status, "guests": rows})


def _input(path: str | None) -> Any:
    """A file, or standard input as it is: at a terminal it stays line by line, so that Ctrl-C ends the guests."""
    return getattr(sys.stdin, "buffer", None) if path in (None, "-") else open(path, "rb", buffering=0)


def names_of(kernels: Sequence[str]) -> list[str]:
    """A name for each guest: its first file's, numbered where several would have the same."""
    stems = ["".join(c if c.isprintable() else "?" for c in Path(kernel.split("+")[0]).stem) for kernel in kernels]
    names: list[str] = []
    for stem in stems:
        number = 2
        name = stem
        while name in names:
            name, number = f"{stem}-{number}", number + 1
        names.append(name)
    return names
