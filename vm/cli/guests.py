"""Several guests of `trapline virt`: their consoles, their statistics, their exit status."""

import io
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trapline.vm.cli import debugging, json_output, output_files, run_statistics
from trapline.vm.cli.blueprint import Blueprint, close
from trapline.vm.cli.command_files import current
from trapline.vm.cli.machine_run import exit_status, explain_stop, limit_output, statistics_of
from trapline.vm.cli.options import DEFAULT_TECHNIQUE, HypervisorOptions, RunOptions
from trapline.vm.cli.parameters import SavePlace
from trapline.vm.cli.progress import announce_compilation
from trapline.vm.cli.run_statistics import RunStatistics
from trapline.vm.cli.saved_blueprint import SavedBlueprint
from trapline.vm.cli.user_errors import fail

if TYPE_CHECKING:
    from trapline.vm.boot.recipe import Boot
    from trapline.vm.experiments.guests import Guest
    from trapline.vm.machine import Machine
    from trapline.vm.snapshot_file.guests import SavedGuests

FOR_ONE = ("--trace", "--compare", "--dump-dtb", "--exit-log", "--explain", "--report", "--record", "--log")
"""Options that several guests cannot share."""
MOST = 16
"""Guests at most, also in a file (`vm.snapshot_file.guests`)."""


class Guests:
    """The guests of one command. technique: how the hypervisor runs them."""

    def __init__(self, options: RunOptions, technique: str) -> None:
        self.options, self.technique = options, technique
        self.folder = options.console.console_log
        if self.folder is not None:
            Path(self.folder).mkdir(parents=True, exist_ok=True)
        run_statistics.check(options.outputs)
        output_files.check_writable(options.state.save)
        place = options.state.save
        if options.debug.place is not None and isinstance(place, SavePlace) and place.after is not None:
            after = place.after
            fail(f"--save {place}@{after}: with --gdb guests are saved where their run ends; leave out @{after}")
        self.streams: list[Any] = []
        self.programs: list[Blueprint] = []
        self.boots: list[Boot] = []
        self.guests: list[Guest] = []
        self.lines: dict[int, bytes] = {}

    @classmethod
    def started(
        cls, kernels: Sequence[str], blueprints: Sequence[Blueprint], shares: Sequence[int], options: RunOptions,
        hypervisor: HypervisorOptions,
    ) -> "Guests":  # fmt: skip
        """Guests at their start. kernels: as they were written, which names them; shares: of the host's steps."""
        if len(blueprints) > MOST:
            fail(f"{len(blueprints)} guests; at most {MOST} run at a time")
        technique, shadow = hypervisor.technique or DEFAULT_TECHNIQUE, hypervisor.shadow
        found = cls(options, technique)
        for name, blueprint, share in zip(names_of(kernels), blueprints, shares, strict=True):
            boot = blueprint.boot.under(technique, shadow)
            found.add(name, blueprint, boot, share, partial(blueprint.build, technique=technique, shadow=shadow))
        return found

    @classmethod
    def resumed(cls, saved: "SavedGuests", engine: str | None, options: RunOptions) -> "Guests":
        """Guests as they were saved. Raises OSError for drives, and SnapshotFileError."""
        found: Guests | None = None
        for state, machine in zip(saved.states, saved.machines(), strict=True):
            found = found or cls(options, machine.boot.machine.technique)
            blueprint = SavedBlueprint(machine, engine)
            build = partial(machine.build, blueprint.report, engine=engine, announce=announce_compilation)
            found.add(state.name, blueprint, machine.boot, state.share, build, state.line)
            guest = found.guests[-1]
            guest.turns, guest.cut_turns = state.turns, state.cut_turns
            guest.end = None if state.end is None else state.end.exit()
        assert found is not None
        return found

    def add(
        self, name: str, blueprint: Blueprint, boot: "Boot", share: int, build: "Callable[..., Machine]",
        line: bytes = b"",
    ) -> None:  # fmt: skip
        """Make another guest. boot: what it is made from; build: makes its machine; line: what it has begun to print.

        Raises OSError, ValueError and LoadError.
        """
        from trapline.vm.experiments.guests import Guest, GuestConsole, PrefixedLines

        stream: Any
        if self.folder is not None:
            stream = io.BufferedWriter(current().open_log(str(Path(self.folder, f"{name}.log")), "--console-log"))
        else:
            stream = PrefixedLines(name, output_files.stdout_bytes())
            stream.hold(line)
        stdin = b"" if self.guests else _input(self.options.console.input_file)
        machine = build(console=GuestConsole(stream, stdin))
        limit_output(machine, self.options.limits)
        most = self.options.limits.max_instructions
        self.streams.append(stream)
        self.programs.append(blueprint)
        self.boots.append(boot)
        self.guests.append(Guest(name, machine, share, None if most is None else machine.cycle + most))

    def run(self) -> int:
        """Run all of them to their ends; the status of the first that did not end with 0."""
        from trapline.vm.experiments.guests import Pause, run_guests

        timeout, place = self.options.limits.timeout, self.options.state.save
        pause = None
        if isinstance(place, SavePlace) and place.after is not None:
            pause = Pause(place.after + sum(guest.machine.cycle for guest in self.guests), self._save)
        with debugging.session(self.guests, self.options.debug) as debugger:
            if debugger is None:
                run_guests(self.guests, timeout, self._ended, pause)
            else:
                debugger.run_all(timeout, self._ended)
        if isinstance(place, SavePlace):
            if pause is None:
                self._save()
            elif not pause.done:
                click.echo(f"trapline: --save {place}@{place.after}: the run ended before; nothing is saved", err=True)
        for guest in self.guests:
            close(guest.machine)
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
        """A guest has ended; its status. Where it is to be saved, its drives stay open until then."""
        number, place = self.guests.index(guest), self.options.state.save
        self.lines[number] = getattr(self.streams[number], "line", b"")
        self.streams[number].close()
        guest.machine.console.close_output()
        if place is None:
            close(guest.machine)
        assert guest.end is not None
        explain_stop(guest.machine, guest.end, self.programs[number], guest.name)
        return exit_status(guest.end)

    def _save(self) -> None:
        """Save all of them to the file, which is as it was until all is written. Raises OSError."""
        from trapline.vm.snapshot_file.guests import EndState, GuestState, save_guests

        rows = []
        for number, (guest, boot) in enumerate(zip(self.guests, self.boots, strict=True)):
            guest.machine.console.flush()
            line = self.lines.get(number, getattr(self.streams[number], "line", b""))
            end = EndState.of(guest.end)
            state = GuestState(guest.name, guest.share, guest.turns, guest.cut_turns, line, end)
            rows.append((state, guest.machine, boot))
        path, files = self.options.state.save, current()
        assert path is not None
        output = files.open(path)
        try:
            save_guests(rows, output.stream)
            files.commit(output)
        finally:
            output.discard()

    def _statistics(self) -> list[RunStatistics]:
        """Of all guests, which have ended."""
        ended = [(g.machine, g.end, g.seconds) for g in self.guests if g.end is not None]
        found = [statistics_of(*guest, self.technique) for guest in ended]
        for statistics, (machine, _, _) in zip(found, ended, strict=True):
            statistics.translated = run_statistics.translated_by(machine)
        return found

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
