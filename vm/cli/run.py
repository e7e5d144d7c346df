"""`trapline run`: a user program on the process VM."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from trapline.vm.cli import options
from trapline.vm.cli.report import Report, close, open_for_writing, write_json
from trapline.vm.host import signals


@click.command(
    "run",
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": True},
    epilog="Exit status: the program's own; 2 for a mistake in what was asked; 124 when a limit ended it; "
    "128 + n when it was killed by signal n, such as 139 for an access to memory that it does not have, or when "
    "trapline was: 130 for Ctrl-C.",
)
@click.argument("words", nargs=-1, metavar="PROGRAM... [-- ARGUMENT...]")
@click.option("--list", "list_only", is_flag=True, help="List the programs that come with trapline.")
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="Put a variable into the program's environment.")
@options.running
@options.assembling
@click.pass_context
def run_command(context: click.Context, words: tuple[str, ...], list_only: bool, **settings: Any) -> None:
    """Run a user program.

    PROGRAM is one ELF file (static, RV32IMA, Linux system calls) or one or more assembly sources, which are
    assembled and linked together. It runs in U mode; the host serves its system calls, and it can reach no
    file of the host. What follows -- is passed to it.

    A name that is no file is looked up among the bundled programs.

    \b
    trapline run programs/hello.s
    trapline run programs/fib.s --stats -- 30
    echo abc | trapline run programs/sha256.s
    """
    if list_only:
        for name, summary in options.list_programs():
            click.echo(f"{name:32} {summary}")
        return
    programs, arguments = split_arguments(words)
    if not programs:
        raise click.UsageError("Missing argument 'PROGRAM...'.", context)
    context.exit(_run(programs, arguments, **settings))


def split_arguments(words: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Programs, and what is for the guest: click drops the first `--`, so it is looked for in sys.argv."""
    marker = click.get_current_context().meta.get("trapline.arguments")
    if marker is not None:
        return list(words), list(marker)
    return list(words), []


class _Splitting(click.Command):
    """A command that keeps what follows `--` for the guest."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            position = args.index("--")
            ctx.meta["trapline.arguments"] = args[position + 1 :]
            args = args[:position]
        return super().parse_args(ctx, args)


run_command.__class__ = _Splitting


def load_image(programs: list[str], settings: dict[str, Any], text_base: int | None) -> Any:
    """The image of one ELF file or of assembled sources. Raises AsmError, LoadError, OSError."""
    from trapline.vm.loader.image import LoadError, detect, load_elf

    paths = [options.find_program(name) for name in programs]
    kinds = [detect(path) for path in paths]
    if "elf" in kinds:
        if len(paths) > 1:
            raise LoadError(f"{paths[kinds.index('elf')]}: an ELF file is a whole program and takes no other file")
        return load_elf(paths[0])
    for path, kind in zip(paths, kinds, strict=True):
        if kind == "raw":
            raise LoadError(f"{path}: is neither an ELF file nor assembly text")
    program = assemble(paths, settings, text_base)
    return load_elf(program.elf, str(paths[0]))


def assemble(paths: list[Path], settings: dict[str, Any], text_base: int | None) -> Any:
    """Assemble and link, warnings to stderr."""
    from trapline import asm

    base = settings["text_base"] if settings["text_base"] is not None else text_base
    program = asm.assemble(
        paths, entry=settings["entry"], text_base=base, include_dirs=settings["include_dirs"],
        defines=settings["defines"], cpp=settings["cpp"],
    )  # fmt: skip
    if program.warnings:
        click.echo(program.show_warnings(options.colored()), err=True, color=options.colored())
    for message in program.messages:
        click.echo(message, err=True)
    return program


def _run(programs: list[str], arguments: list[str], **settings: Any) -> int:
    from trapline.isa.isa_string import parse_isa
    from trapline.vm import engine
    from trapline.vm.process import Process, Reason

    engine.on_compile = options.announce_compilation
    with options.mistakes():
        parse_isa(settings["isa"])  # before the program is looked at
        for item in settings["env"]:
            if "=" not in item or item.startswith("="):
                options.fail(f"--env {item}: is not NAME=VALUE")
        image = load_image(programs, settings, None)
        trace = open_for_writing(settings["trace"]) if settings["trace"] else None
        if settings["json_file"] and settings["json_file"] != "-":
            open_for_writing(settings["json_file"]).close()
        process = Process(
            image, [programs[0], *arguments], list(settings["env"]), memory=settings["memory"],
            stdin=_binary(sys.stdin), stdout=_binary(sys.stdout), stderr=_binary(sys.stderr),
            isa=settings["isa"], engine=settings["engine"],
            max_instructions=settings["max_instructions"], timeout=settings["timeout"],
        )  # fmt: skip
        if trace is not None:
            process.machine.trace_to(trace)
        started = time.perf_counter()
        result = process.run()
        seconds = time.perf_counter() - started
        if trace is not None:
            close(trace)
        status = signals.status() if result.reason is Reason.INTERRUPTED else result.exit_code
        report = Report(
            result.reason.value, status, result.instructions, seconds, result.pc, None,
            process.machine.trap_counts, result.system_calls,
        )  # fmt: skip
        finish(report, settings, process.machine.digest, process.stdout.mid_line)
    return status


def finish(report: Report, settings: dict[str, Any], digest: Callable[[], str], mid_line: bool) -> None:
    """Print and write what was asked for. mid_line: the guest's output does not end with a newline."""
    if settings["stats"]:
        report.show()
    if settings["json_file"]:
        report.digest = digest()
        write_json(report, settings["json_file"], mid_line)


def _binary(stream: Any) -> Any:
    return getattr(stream, "buffer", None)
