"""The log of events that `--log` asks for: what is logged, where it goes, and what happens when a run goes wrong."""

import sys
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import click

from trapline.isa.did_you_mean import did_you_mean
from trapline.vm.cli.command_files import STDIO, current
from trapline.vm.cli.machine_run import Places
from trapline.vm.cli.option_groups import given
from trapline.vm.cli.options import EVENT_LIMIT, DebugOptions, MachineOptions, Outputs
from trapline.vm.cli.parameters import Count
from trapline.vm.cli.repeated_runs import writes
from trapline.vm.cli.user_errors import fail
from trapline.vm.exit import Exit, ExitReason

if TYPE_CHECKING:
    from trapline.vm.machine import Machine

LAST = "last:"
MOST_KEPT = 1_000_000
"""Events that `last:N` keeps at most: 128 MB."""


def parse(text: str) -> tuple[list[str], int | None]:
    """The items of `--log`, and N of `last:N`."""
    from trapline.vm.observe.event_log import ITEMS

    items: list[str] = []
    last = None
    for word in text.split(","):
        if word.startswith(LAST):
            last = _number(word)
        elif word in ITEMS:
            items.append(word)
        else:
            meant = did_you_mean(word, ITEMS)
            fail(f"--log {text}: '{word}' is not one of {', '.join(ITEMS)}, last:N" + (f"; {meant}" if meant else ""))
    if not items:
        fail(f"--log {text}: says nothing to log: {', '.join(ITEMS)}")
    return items, last


def _number(word: str) -> int:
    try:
        number = Count().convert(word.removeprefix(LAST), None, None)
    except click.BadParameter as error:
        _refuse(word, error.message)
    if number > MOST_KEPT:
        _refuse(word, f"at most {MOST_KEPT:,} events are kept")
    return number


def _refuse(word: str, why: str) -> NoReturn:
    fail(f"--log {word}: {why}")


class EventRecords:
    """The log of one run."""

    def __init__(self, options: DebugOptions, places: Places) -> None:
        """Open the file before the run. places: names addresses. Raises OSError."""
        assert options.log is not None
        self._items, self._last = parse(options.log)
        if self._last is not None and options.log_limit is not None:
            fail("--log-limit is for a log without last:N")
        self._limit = options.log_limit or EVENT_LIMIT
        self._chosen = options.log_limit is not None
        self._name = options.log_file
        self._places = places
        self._file = None if self._name in (None, STDIO) else current().open_log(self._name, "--log-file")
        self._machine: Machine | None = None
        self._log: Any = None

    @classmethod
    def wanted(cls, options: DebugOptions, places: Places, outputs: Outputs) -> "EventRecords | None":
        """The log that was asked for, if one was."""
        if options.log is None:
            for spelling in given(options):
                if spelling.startswith("--log-"):
                    fail(f"{spelling} needs --log")
            return None
        if outputs.trace is not None:
            fail("--trace and --log are for two runs: exec logs instructions, too")
        return cls(options, places)

    def attach(self, machine: "Machine", options: MachineOptions | None = None) -> None:
        """Log the machine, which has not run yet. options: what it is made of; None if it cannot be repeated."""
        from trapline.asm.disassembler.instruction import disassemble
        from trapline.vm.observe.event_lines import EventLines
        from trapline.vm.observe.event_log import EventLog

        self._machine = machine
        with_c = "c" in machine.isa
        self._lines = EventLines(self._places.place, partial(disassemble, compressed=with_c), with_c)
        repeatable = options is not None and writes(options) is None
        self._repeats = "exec" in self._items and self._last is not None and repeatable
        if self._repeats:
            machine.remember()
            return
        self._log = EventLog(machine, self._items, self._lines, self._write, self._limit, self._last)
        machine.log_to(self._log)

    def finish(self, wrong: bool) -> None:
        """Write what is left; wrong: how the run ended. The machine is there still. Raises OSError."""
        if self._last is not None and wrong and self._repeats:
            self._repeat()
        if self._log is not None:
            self._log.finish()
        if self._last is not None and wrong:
            self._write_last()
        assert self._machine is not None
        self._machine.log_to(None)
        if self._file is not None:
            self._file.close()
        if self._log is not None and self._log.cut and not self._chosen:
            where = "the log" if self._name is None else self._name
            click.echo(
                f"trapline: {where} has only the first {self._limit:,} events; --log-limit selects more", err=True
            )

    def _write_last(self) -> None:
        """Write what has been kept, and say what has not been."""
        count = 0
        for line in self._log.lines():
            self._write(line + "\n")
            count += 1
        kept = "these were" if self._name is None else f"{self._name} has"
        if self._repeats:
            assert self._machine is not None
            kept += f" the last {count:,} events; the run did {self._machine.cycle:,} instructions"
        else:
            kept += f" the last {count:,} of {self._log.count:,} events"
        click.echo(f"trapline: {kept}", err=True)

    def _repeat(self) -> None:
        """Do the last steps again, from a checkpoint before them, and log them."""
        from trapline.vm.observe.event_log import EventLog

        machine = self._machine
        assert machine is not None and machine.history is not None and self._last is not None
        history, end = machine.history, machine.cycle
        history.go_to(max(history.begin, end - self._last))
        self._log = EventLog(machine, self._items, self._lines, self._write, self._limit, self._last)
        machine.log_to(self._log)
        machine.ends_trap_loops = False
        while machine.cycle < end:
            before = machine.cycle
            exit = machine.run(end - before)
            if machine.cycle == before or exit.reason is not ExitReason.LIMIT:
                break

    def _write(self, text: str) -> None:
        if self._file is not None:
            self._file.write(text.encode())
        else:
            stream = sys.stdout if self._name == STDIO else sys.stderr
            stream.write(text)


def went_wrong(exit: Exit) -> bool:
    """Whether a machine was stopped, or has halted with a status other than 0."""
    return exit.reason is not ExitReason.QUIT and (exit.reason is not ExitReason.HALT or exit.code != 0)
