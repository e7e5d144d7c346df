"""`trapline resume`: a machine that was saved goes on."""

from dataclasses import dataclass

import click

from trapline.vm.cli import debugging, process_run
from trapline.vm.cli.boot import run_machine
from trapline.vm.cli.command_files import InputFile
from trapline.vm.cli.exit_records import ExitRecords
from trapline.vm.cli.option_groups import Command, given, only, option, option_group, with_groups, without
from trapline.vm.cli.options import (
    BootOptions,
    ConsoleOptions,
    DebugOptions,
    ExitOptions,
    HypervisorOptions,
    Limits,
    MachineOptions,
    Outputs,
    RunOptions,
    StateOptions,
)
from trapline.vm.cli.saved_blueprint import SavedBlueprint
from trapline.vm.cli.user_errors import fail, reported


@option_group("Files")
@dataclass(frozen=True)
class FileOptions:
    """Where files are now. drives: in the order in which the machine got them."""

    drives: tuple[str, ...] = option(
        "--drive", type=InputFile(), default=(), multiple=True, metavar="PATH",
        help="Where the file of a drive is now; for several drives repeat it, in their order. It must have the "
        "contents that it had.",
    )  # fmt: skip


class ResumeCommand(Command):
    """A command that knows what belongs to the machine that was saved."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name in _fixed():
                text = f"{error.option_name}: the machine is as it was saved, which this cannot change"
                raise click.UsageError(text, ctx) from None
            raise


def _fixed() -> set[str]:
    """The options that say what a machine is."""
    from dataclasses import fields

    groups = (MachineOptions, BootOptions, HypervisorOptions)
    return {name for group in groups for f in fields(group) if f.metadata for name in f.metadata["click"][0]}


@click.command(
    "resume",
    cls=ResumeCommand,
    topics=("snapshots",),
    epilog="Exit status: as of `trapline boot`: the value that the kernel writes to the test finisher or HTIF; 124 "
    "when the machine is stopped; 2 for bad usage, and for a file that is damaged or of another version.",
)
@click.argument("file", type=InputFile(), metavar="FILE")
@with_groups(exits=without("explain"), machine=only("engine", "no_translate"))
@click.pass_context
def resume_command(
    context: click.Context, file: str, files: FileOptions, console: ConsoleOptions, limits: Limits, outputs: Outputs,
    state: StateOptions, exits: ExitOptions, machine: MachineOptions, debug: DebugOptions,
) -> None:  # fmt: skip
    """Go on with a machine, several guests or a process that was saved.

    FILE is what --save of `trapline boot`, `virt` or `run` has written, here or on another computer. It holds the whole
    machine, with what it boots again after a reset; only the files behind drives have to be there, unchanged. The
    machine goes on with the next instruction, as if it had never stopped. Limits count from here; input that was typed
    and not read is still there, more comes from --input or the terminal, and for a process from standard input.

    \b
    trapline boot programs/boot/threads.s --save half.snap@400k
    trapline resume half.snap
    trapline resume half.snap --max-instructions 1000 --trace -
    """
    with reported():
        debugging.check(debug)
        from trapline.vm.snapshot_file.container import GUESTS, PROCESS, kind_of
        from trapline.vm.snapshot_file.reading import opened_machine

        options = RunOptions(limits, outputs, console, exits, state, debug)
        if kind_of(file) == PROCESS:
            refused = given(files, console, exits)
            if refused:
                fail(f"{file}: is a process, and {next(iter(refused))} is for a machine")
            context.exit(_resume_process(file, machine.engine, limits, outputs, state, debug))
        if kind_of(file) == GUESTS:
            context.exit(
                _resume_guests(file, files, machine.engine, RunOptions(limits, outputs, console, exits, state, debug))
            )
        with opened_machine(file, files.drives) as saved:
            technique = None if saved.boot.machine.technique == "bare" else saved.boot.machine.technique
            if technique is None and ExitRecords.wanted(exits):
                fail(f"{file}: is a bare machine, which has no exits to record")
            blueprint = SavedBlueprint(saved, machine.engine)
            context.exit(run_machine(blueprint, options, technique, saved.boot.machine.shadow))


def _resume_process(
    file: str, engine: str | None, limits: Limits, outputs: Outputs, state: StateOptions, debug: DebugOptions
) -> int:
    """Go on with a process; its exit status. Raises OSError, and ValueError for a file that is damaged."""
    from trapline.vm.snapshot_file.processes import opened_process

    process_run.check(outputs, state, debug)
    with opened_process(file) as saved:
        process = saved.build(engine=engine, **process_run.host(limits))
    return process_run.run_process(process, outputs, state, debug)


def _resume_guests(file: str, files: FileOptions, engine: str | None, options: RunOptions) -> int:
    """Go on with several guests; the exit status. Raises OSError, and ValueError for a file that is damaged."""
    from trapline.vm.cli.guests import FOR_ONE, Guests
    from trapline.vm.snapshot_file.guests import opened_guests

    with opened_guests(file, files.drives) as saved:
        for spelling in given(options.outputs, options.exits, options.state, options.debug):
            if spelling in FOR_ONE:
                fail(f"{file}: has {len(saved.states)} guests, and {spelling} is for one")
        guests = Guests.resumed(saved, engine, options)
    return guests.run()
