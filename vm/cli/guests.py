"""Several guests of `trapline virt`: their consoles, their reports, their exit status."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from trapline.vm.cli import options
from trapline.vm.cli.machine import Blueprint, exit_status, explain_stop, report_on

MOST = 16
"""Guests at most."""


class Guests:
    """The guests of one command.

    kernels: as they were written, which names the guests; shares: of the host's steps.
    """

    def __init__(
        self, kernels: Sequence[str], blueprints: Sequence[Blueprint], shares: Sequence[int], settings: dict[str, Any],
        technique: str,
    ) -> None:  # fmt: skip
        from trapline.vm.experiments.guests import Guest, GuestConsole, PrefixedLines

        if len(blueprints) > MOST:
            options.fail(f"{len(blueprints)} guests; at most {MOST} run at a time")
        self.settings, self.technique = settings, technique
        names = names_of(kernels)
        folder = settings["console_log"]
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
        if settings["json_file"] and settings["json_file"] != "-":
            open(settings["json_file"], "w").close()
        self.streams: list[Any] = []
        self.guests: list[Guest] = []
        for name, blueprint, share in zip(names, blueprints, shares, strict=True):
            stream: Any
            if folder is not None:
                stream = (Path(folder) / f"{name}.log").open("wb")
            else:
                stream = PrefixedLines(name, options.output_stream())
            self.streams.append(stream)
            stdin = b"" if self.guests else _input(settings["input_file"])
            machine = blueprint.build(technique, settings["shadow"], GuestConsole(stream, stdin))
            self.guests.append(Guest(name, machine, share, settings["max_instructions"]))

    def run(self) -> int:
        """Run all of them to their ends; the status of the first that did not end with 0."""
        from trapline.vm.experiments.guests import run_guests

        run_guests(self.guests, self.settings["timeout"], self._ended)
        statuses = [exit_status(guest.end) for guest in self.guests]
        status = next((s for s in statuses if s), 0)
        if self.settings["stats"]:
            for guest, report in zip(self.guests, self._reports(), strict=True):
                click.echo(f"{guest.name}:", err=True)
                report.show()
        if self.settings["json_file"]:
            self._write_json(status)
        return status

    def _ended(self, guest: Any) -> None:
        self.streams[self.guests.index(guest)].close()
        guest.machine.console.stdout = None
        guest.machine.board.close()
        explain_stop(guest.machine, guest.end, guest.name)

    def _reports(self) -> list[Any]:
        return [report_on(g.machine, g.end, g.seconds, self.technique) for g in self.guests]

    def _write_json(self, status: int) -> None:
        """One object: the status, and what `--json` says of a machine for each guest."""
        rows = []
        for guest, report in zip(self.guests, self._reports(), strict=True):
            report.digest = guest.machine.digest()
            turns = {"share": guest.share, "turns": guest.turns, "cut_turns": guest.cut_turns}
            rows.append({"guest": guest.name, **turns, **report.as_json()})
        line = json.dumps({"exit_code": status, "guests": rows}) + "\n"
        if self.settings["json_file"] == "-":
            sys.stdout.write(line)
            sys.stdout.flush()
        else:
            Path(self.settings["json_file"]).write_text(line, encoding="utf-8")


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
