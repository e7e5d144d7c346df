"""One run of a process: traced, debugged, saved on the way or at its end."""

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, TypedDict

import click

from trapline.vm.cli import debugging, output_files, run_statistics
from trapline.vm.cli.command_files import current
from trapline.vm.cli.event_records import EventRecords
from trapline.vm.cli.options import DebugOptions, Limits, Outputs, StateOptions
from trapline.vm.cli.parameters import SavePlace
from trapline.vm.cli.progress import announce_compilation
from trapline.vm.cli.user_errors import fail
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.host import signals

if TYPE_CHECKING:
    from trapline.vm.machine import Announce
    from trapline.vm.process import Process
    from trapline.vm.process.process import MachineRun


class Host(TypedDict):
    """What this computer gives a process: streams and limits. Keyword arguments of `Process`."""

    stdin: BinaryIO | None
    stdout: BinaryIO | None
    stderr: BinaryIO | None
    announce: "Announce"
    max_instructions: int | None
    timeout: float | None
    max_output: int | None


def host(limits: Limits) -> Host:
    """The streams of this command."""
    return Host(
        stdin=_binary(sys.stdin), stdout=_binary(sys.stdout), stderr=_binary(sys.stderr),
        announce=announce_compilation, max_instructions=limits.max_instructions, timeout=limits.timeout,
        max_output=limits.max_output,
    )  # fmt: skip


def _binary(stream: Any) -> Any:
    return getattr(stream, "buffer", None)


def check(outputs: Outputs, state: StateOptions, debug: DebugOptions) -> None:
    """Refuse what cannot be, before a program is loaded. Raises OSError."""
    debugging.check(debug)
    run_statistics.check(outputs)
    place = state.save
    output_files.check_writable(place)
    if debug.place is not None and isinstance(place, SavePlace) and place.after is not None:
        fail(
            f"--save {place}@{place.after}: with --gdb a process is saved where its run ends; leave out @{place.after}"
        )


def run_process(process: "Process", outputs: Outputs, state: StateOptions, debug: DebugOptions) -> int:
    """Run a process on this terminal, once `check` has been passed; its exit status."""
    from trapline.vm.process import Reason

    machine, place = process.machine, state.save
    log = EventRecords.wanted(debug, process.image, outputs)
    trace = output_files.open_text(outputs.trace) if outputs.trace else None
    if log is not None:
        log.attach(machine)
    if trace is not None:
        machine.trace_to(trace)
    recorder = debugging.open_recorder(machine, process, state, debug)
    saving = Saving(process, place) if isinstance(place, SavePlace) else None
    started = time.perf_counter()
    with debugging.session(machine, debug) as debugger:
        run: MachineRun | None = None if debugger is None else debugger.run
        if saving is not None and saving.place.after is not None:
            run = saving.run
        result = process.run(run)
        if debugger is not None:
            debugger.end(result.exit_code, result.signal)
    seconds = time.perf_counter() - started
    if recorder is not None:
        recorder.finish(machine, result)
    if saving is not None:
        saving.end()
    if log is not None:
        log.finish(result.reason is not Reason.EXIT or result.exit_code != 0)
    if trace is not None:
        output_files.close(trace)
    status = signals.status() if result.reason is Reason.INTERRUPTED else result.exit_code
    statistics = run_statistics.RunStatistics(
        result.reason.value, status, result.instructions, seconds, result.pc, None, machine.trap_counts,
        result.system_calls,
    )  # fmt: skip
    run_statistics.write(statistics, outputs, machine, process.stdout.mid_line)
    return status


@dataclass
class Saving:
    """Saves a process where the options say. done: whether it was saved."""

    process: "Process"
    place: SavePlace
    done: bool = False

    def run(self, limit: int | None, timeout: float | None) -> Exit:
        """As `Machine.run`; on the way the process is saved."""
        machine, after = self.process.machine, self.place.after
        assert after is not None
        started = time.monotonic()
        exit = machine.run(after if limit is None else min(after, limit), timeout)
        if exit.reason is not ExitReason.LIMIT or (limit is not None and limit < after):
            return exit
        self.save()
        left = None if timeout is None else max(0.0, timeout - (time.monotonic() - started))
        return machine.run(None if limit is None else limit - after, left)

    def end(self) -> None:
        """The run has ended."""
        if self.place.after is None:
            self.save()
        elif not self.done:
            after = self.place.after
            click.echo(f"trapline: --save {self.place}@{after}: the run ended before; nothing is saved", err=True)

    def save(self) -> None:
        """Save the process to the file, which is as it was until all is written. Raises OSError."""
        from trapline.vm.snapshot_file.processes import save_process

        files = current()
        output = files.open(self.place)
        try:
            save_process(self.process, output.stream)
            files.commit(output)
            self.done = True
        finally:
            output.discard()
