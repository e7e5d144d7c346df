"""`trapline replay`: a run that was recorded, once more."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from trapline.vm.cli import output_files, run_statistics
from trapline.vm.cli.command_files import InputFile
from trapline.vm.cli.machine_run import exit_status, statistics_of
from trapline.vm.cli.option_groups import Command, with_groups
from trapline.vm.cli.options import Outputs
from trapline.vm.cli.parameters import Count
from trapline.vm.cli.progress import announce_compilation
from trapline.vm.cli.resume import FileOptions
from trapline.vm.cli.user_errors import fail, reported

if TYPE_CHECKING:
    from trapline.vm.machine import Machine
    from trapline.vm.snapshot_file.recording import Recording


@click.command(
    "replay",
    cls=Command,
    topics=("snapshots",),
    epilog="Exit status: that of the run that was recorded where the guest ended it; 0 where the recording, or "
    "--until, ends before; 1 when the machine is not in the state in which it was then; 2 for bad usage, and for a "
    "file that is damaged or of another version.",
)
@click.argument("file", type=InputFile(), metavar="FILE")
@click.option("--until", type=Count(), metavar="N", help="Stop after N instructions.")
@with_groups()
@click.pass_context
def replay_command(
    context: click.Context, file: str, until: int | None, files: FileOptions, outputs: Outputs
) -> None:  # fmt: skip
    """Repeat a run that was recorded.

    FILE is what --record of `trapline boot`, `virt`, `run` or `resume` has written, here or on another computer. The
    machine does again what it did, instruction for instruction: what was typed comes at the same moments, and so does
    what the wall clock said. At the end its state is compared with that of then.

    \b
    trapline boot programs/boot/uart-interrupt.s --record typed.rec
    trapline replay typed.rec
    trapline replay typed.rec --until 10k --trace trace.txt
    """
    with reported():
        from trapline.vm.snapshot_file.recording import read_recording

        recording = read_recording(file, files.drives)
        if recording.is_process and files.drives:
            fail(f"{file}: is of a process, and --drive is for a machine")
        run_statistics.check(outputs)
        repeat = _repeat_process if recording.is_process else _repeat_machine
        machine, status = repeat(recording, until, outputs)
        context.exit(_compared(recording, machine, status))


def _repeat_machine(recording: "Recording", until: int | None, outputs: Outputs) -> tuple["Machine", int]:
    """Run the machine to its end: it, and the exit status that it gives. Raises OSError and ValueError."""
    machine = recording.build(output_files.stdout_bytes(), announce=announce_compilation)
    try:
        with _traced(machine, outputs):
            exit = recording.run(machine, until)
        machine.console.drain(1)
    finally:
        assert machine.board is not None
        machine.board.close()
    statistics = statistics_of(machine, exit, 0.0, None if recording.technique == "bare" else recording.technique)
    run_statistics.write(statistics, outputs, machine, machine.console.mid_line)
    return machine, exit_status(exit)


def _repeat_process(recording: "Recording", until: int | None, outputs: Outputs) -> tuple["Machine", int]:
    """Run the process to its end: its machine, and the exit status that it gives. Raises OSError and ValueError."""
    from trapline.vm.process import Result

    streams = getattr(sys.stdout, "buffer", None), getattr(sys.stderr, "buffer", None)
    process = recording.build_process(*streams, announce=announce_compilation)
    machine = process.machine
    with _traced(machine, outputs):
        end = process.resume(recording.steps(machine, until))
    status = end.exit_code if isinstance(end, Result) else exit_status(end)
    reason = end.reason.value
    statistics = run_statistics.RunStatistics(
        reason, status, machine.instret, 0.0, machine.pc, None, machine.trap_counts, process.system_calls
    )
    run_statistics.write(statistics, outputs, machine, process.stdout.mid_line)
    return machine, status


@contextmanager
def _traced(machine: "Machine", outputs: Outputs) -> Iterator[None]:
    """A context in which the machine is traced, if that is wanted. Raises OSError."""
    trace = output_files.open_text(outputs.trace) if outputs.trace else None
    if trace is not None:
        machine.trace_to(trace)
    yield
    if trace is not None:
        output_files.close(trace)


def _compared(recording: "Recording", machine: "Machine", status: int) -> int:
    """The exit status, once the machine at its end was compared with that of then."""
    file = recording.path
    if machine.cycle < recording.cycle:
        return 0
    if recording.digest and machine.digest() != recording.digest:
        click.echo(f"trapline: {file}: after {machine.cycle:,} instructions the machine is not as it was", err=True)
        return 1
    if not recording.by_guest:
        cut = "" if recording.digest else ", where it was cut off"
        click.echo(f"trapline: {file}: the recording ends after {machine.cycle:,} instructions{cut}", err=True)
        return 0
    return status
