"""`trapline replay`: a run that was recorded, once more."""

import click

from trapline.vm.cli import output_files, run_statistics
from trapline.vm.cli.command_files import InputFile
from trapline.vm.cli.machine_run import exit_status, statistics_of
from trapline.vm.cli.option_groups import Command, with_groups
from trapline.vm.cli.options import Outputs
from trapline.vm.cli.parameters import Count
from trapline.vm.cli.progress import announce_compilation
from trapline.vm.cli.resume import FileOptions
from trapline.vm.cli.user_errors import reported


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

    FILE is what --record of `trapline boot` or `virt` has written, here or on another computer. The machine does again
    what it did, instruction for instruction: what was typed comes at the same moments, and so does what the wall clock
    said. At the end its state is compared with that of then.

    \b
    trapline boot programs/boot/uart-interrupt.s --record typed.rec
    trapline replay typed.rec
    trapline replay typed.rec --until 10k --trace trace.txt
    """
    with reported():
        from trapline.vm.snapshot_file.recording import read_recording

        recording = read_recording(file, files.drives)
        trace = output_files.open_text(outputs.trace) if outputs.trace else None
        run_statistics.check(outputs)
        machine = recording.build(output_files.stdout_bytes(), announce=announce_compilation)
        try:
            if trace is not None:
                machine.trace_to(trace)
            exit = recording.run(machine, until)
            machine.console.drain(1)
        finally:
            assert machine.board is not None
            machine.board.close()
        if trace is not None:
            output_files.close(trace)
        technique = recording.boot.machine.technique
        statistics = statistics_of(machine, exit, 0.0, None if technique == "bare" else technique)
        run_statistics.write(statistics, outputs, machine, machine.console.mid_line)
        if machine.cycle < recording.cycle:
            context.exit(0)
        if recording.digest and machine.digest() != recording.digest:
            click.echo(f"trapline: {file}: after {machine.cycle:,} instructions the machine is not as it was", err=True)
            context.exit(1)
        if not recording.by_guest:
            cut = "" if recording.digest else ", where it was cut off"
            click.echo(f"trapline: {file}: the recording ends after {machine.cycle:,} instructions{cut}", err=True)
            context.exit(0)
        context.exit(exit_status(exit))
