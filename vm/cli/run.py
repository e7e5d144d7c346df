"""`trapline run`: a user program on the process VM."""

import sys
import time
from typing import Any

import click

from trapline.vm.cli import debugging, output_files, run_statistics
from trapline.vm.cli.assembling import load_image
from trapline.vm.cli.bundled import list_programs
from trapline.vm.cli.command_files import ProgramFile
from trapline.vm.cli.option_groups import Command, only, with_groups
from trapline.vm.cli.options import AssemblyOptions, DebugOptions, Limits, MachineOptions, Outputs
from trapline.vm.cli.progress import announce_compilation
from trapline.vm.cli.user_errors import fail, reported
from trapline.vm.host import signals


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
    topics=("tutorials/first-program", "assembler"),
    epilog="Exit status: the program's own; 2 for bad usage or input; 124 when a limit stops it; 128 + n when signal n "
    "kills it, such as 139 for an access to memory that it does not have, or kills trapline: 130 for Ctrl-C.",
)
@click.argument("programs", nargs=-1, type=ProgramFile(), metavar="PROGRAM... [-- ARGUMENT...]")
@click.option("--list", "list_only", is_flag=True, help="List the programs that come with trapline.")
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="Set a variable in the program's environment.")
@with_groups(machine=only("isa", "memory", "clock", "engine"), debug=only("gdb", "gdb_here", "freeze"))
@click.pass_context
def run_command(
    context: click.Context, programs: tuple[str, ...], list_only: bool, env: tuple[str, ...], machine: MachineOptions,
    limits: Limits, outputs: Outputs, assembly: AssemblyOptions, debug: DebugOptions,
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
    context.exit(_run(list(programs), arguments, env, machine, limits, outputs, assembly, debug))


def _run(
    programs: list[str], arguments: list[str], env: tuple[str, ...], machine: MachineOptions, limits: Limits,
    outputs: Outputs, assembly: AssemblyOptions, debug: DebugOptions,
) -> int:  # fmt: skip
    from trapline.isa.isa_string import parse_isa
    from trapline.vm.process import Process, Reason

    with reported():
        debugging.check(debug)
        parse_isa(machine.isa)  # before the program is looked at
        for item in env:
            if "=" not in item or item.startswith("="):
                fail(f"--env {item}: is not NAME=VALUE")
        image = load_image(programs, assembly, None)
        trace = output_files.open_text(outputs.trace) if outputs.trace else None
        run_statistics.check(outputs)
        process = Process(
            image, arguments, list(env), memory=machine.memory, stdin=_binary(sys.stdin), stdout=_binary(sys.stdout),
            stderr=_binary(sys.stderr), isa=machine.isa, engine=machine.engine, clock=machine.clock,
            announce=announce_compilation, max_instructions=limits.max_instructions, timeout=limits.timeout,
            max_output=limits.max_output,
        )  # fmt: skip
        if trace is not None:
            process.machine.trace_to(trace)
        started = time.perf_counter()
        with debugging.session(process.machine, debug) as debugger:
            result = process.run(None if debugger is None else debugger.run)
            if debugger is not None:
                debugger.end(result.exit_code, result.signal)
        seconds = time.perf_counter() - started
        if trace is not None:
            output_files.close(trace)
        status = signals.status() if result.reason is Reason.INTERRUPTED else result.exit_code
        statistics = run_statistics.RunStatistics(
            result.reason.value, status, result.instructions, seconds, result.pc, None,
            process.machine.trap_counts, result.system_calls,
        )  # fmt: skip
        run_statistics.write(statistics, outputs, process.machine, process.stdout.mid_line)
    return status


def _binary(stream: Any) -> Any:
    return getattr(stream, "buffer", None)
