"""`trapline run`: a user program on the process VM."""

import click

from trapline.vm.cli import process_run
from trapline.vm.cli.assembling import load_image
from trapline.vm.cli.bundled import list_programs
from trapline.vm.cli.command_files import ProgramFile
from trapline.vm.cli.option_groups import Command, only, with_groups
from trapline.vm.cli.options import AssemblyOptions, DebugOptions, Limits, MachineOptions, Outputs, StateOptions
from trapline.vm.cli.translation import show_translation, show_translation_option
from trapline.vm.cli.user_errors import fail, reported


class RunCommand(Command):
    """A command that keeps what follows `--` for the guest: click would drop the first `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Split the command line."""
        if "--" in args:
            position = args.index("--")
            ctx.meta[ARGUMENTS] = args[position + 1 :]
            args = args[:position]
        return super().parse_args(ctx, args)


ARGUMENTS = "trapline.arguments"


@click.command(
    "run",
    cls=RunCommand,
    topics=("tutorials/first-program", "assembler", "snapshots"),
    epilog="Exit status: the program's own; 2 for bad usage or input; 124 when a limit stops it; 128 + n when signal n "
    "kills it, such as 139 for an access to memory that it does not have, or kills trapline: 130 for Ctrl-C.",
)
@click.argument("programs", nargs=-1, type=ProgramFile(), metavar="PROGRAM... [-- ARGUMENT...]")
@click.option("--list", "list_only", is_flag=True, help="List the programs that come with trapline.")
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="Set a variable in the program's environment.")
@show_translation_option
@with_groups(
    machine=only("isa", "memory", "clock", "engine", "no_translate"),
    debug=only("gdb", "gdb_here", "freeze", "log", "log_file", "log_limit"),
)
@click.pass_context
def run_command(
    context: click.Context, programs: tuple[str, ...], list_only: bool, env: tuple[str, ...], show_translation: bool,
    machine: MachineOptions, limits: Limits, outputs: Outputs, state: StateOptions, assembly: AssemblyOptions,
    debug: DebugOptions,
) -> None:  # fmt: skip
    """Run a user program.

    PROGRAM is one ELF file (static, RV32IMA, Linux system calls) or one or more assembly sources, which are
    assembled and linked together. It runs in U mode; the host serves its system calls, and the host's files are out
    of its reach. Arguments after -- are passed to it.

    A name that is not a file is looked up among the bundled programs.

    \b
    trapline run programs/hello.s
    trapline run programs/fib.s --stats -- 30
    echo abc | trapline run programs/sha256.s
    """
    if list_only:
        for name, summary in list_programs():
            click.echo(f"{name:32} {summary}")
        return
    if not programs:
        raise click.UsageError("Missing argument 'PROGRAM...'.", context)
    arguments = [programs[0], *context.meta.get(ARGUMENTS, ())]
    context.exit(
        _run(list(programs), arguments, env, show_translation, machine, limits, outputs, state, assembly, debug)
    )


def _run(
    programs: list[str], arguments: list[str], env: tuple[str, ...], show: bool, machine: MachineOptions,
    limits: Limits, outputs: Outputs, state: StateOptions, assembly: AssemblyOptions, debug: DebugOptions,
) -> int:  # fmt: skip
    from trapline.isa.isa_string import parse_isa
    from trapline.vm.process import Process

    with reported():
        process_run.check(outputs, state, debug)
        parse_isa(machine.isa)  # before the program is looked at
        for item in env:
            if "=" not in item or item.startswith("="):
                fail(f"--env {item}: is not NAME=VALUE")
        image = load_image(programs, assembly, None, machine.isa)
        process = Process(
            image, arguments, list(env), memory=machine.memory, isa=machine.isa, engine=machine.engine,
            clock=machine.clock, **process_run.host(limits),
        )  # fmt: skip
        status = process_run.run_process(process, outputs, state, debug)
        if show:
            show_translation(process.machine, [image])
        return status
