"""The command `trapline`."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TextIO

import click
from click.shell_completion import CompletionItem

from trapline.vm.cli import shells
from trapline.vm.cli.user_errors import escapes_wanted
from trapline.vm.host import signals

COMMANDS = {
    "demo": (
        "trapline.vm.cli.demo.command",
        "demo_command",
        "See an operating system bare and virtualized: start here.",
    ),
    "run": ("trapline.vm.cli.run", "run_command", "Run a user program: assembly sources or an ELF file."),
    "boot": ("trapline.vm.cli.boot", "boot_command", "Boot a kernel, Linux included, on a whole machine."),
    "virt": ("trapline.vm.cli.virt", "virt_command", "Boot guests in virtual machines; compare techniques."),
    "vmm": ("trapline.vm.cli.vmm", "vmm_command", "Run kernels in Warren, a hypervisor that is a program."),
    "resume": ("trapline.vm.cli.resume", "resume_command", "Go on with a machine that was saved."),
    "replay": ("trapline.vm.cli.replay", "replay_command", "Repeat a run that was recorded."),
    "debug": ("trapline.vm.cli.debug", "debug_command", "Debug a program or a kernel at a prompt, backward too."),
    "sensitive": (
        "trapline.vm.cli.sensitive",
        "sensitive_command",
        "Test sensitive instructions under each technique.",
    ),
    "asm": ("trapline.vm.cli.asm", "asm_command", "Assemble and link sources into an ELF file."),
    "disasm": ("trapline.vm.cli.disasm", "disasm_command", "List the instructions of a file."),
    "isa": ("trapline.vm.cli.isa", "isa_command", "Explain instructions and CSRs."),
    "classify": (
        "trapline.vm.cli.classify",
        "classify_command",
        "Find sensitive instructions; say which theorems hold.",
    ),
    "bench": ("trapline.vm.cli.bench", "bench_command", "Measure the speed of this machine."),
    "completion": (
        "trapline.vm.cli.completion",
        "completion_command",
        "Complete commands, files and names in a shell.",
    ),
    "warm": ("trapline.vm.cli.warm", "warm_command", "Compile ahead what first runs would compile."),
    "docs": ("trapline.vm.cli.docs", "docs_command", "Read the documents that come with trapline."),
}
"""Module, object and summary by command; a module is imported when its command is used."""


@contextmanager
def _endings() -> Iterator[None]:
    """A closed pipe and Ctrl-C end a command silently, with a shell's status for these signals.

    click would make them status 1 and `Aborted!`.
    """
    try:
        try:
            yield
        except (SystemExit, click.exceptions.Exit):
            sys.stdout.flush()  # while a closed pipe can still be noticed
            raise
    except BrokenPipeError:
        # The reader closed the pipe; keep the interpreter from complaining about it at shutdown.
        discard_output()
        sys.exit(141)
    except KeyboardInterrupt:
        signals.ignored()
        sys.exit(signals.status())
    except OSError as error:
        discard_output()
        click.echo(f"trapline: {error.filename or 'output'}: {error.strerror or error}", err=True)
        sys.exit(2)


def discard_output(stream: TextIO | None = None) -> None:
    """Drop what is not printed yet. stream: stdout without one."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), (stream or sys.stdout).fileno())
    except (OSError, ValueError):
        pass  # not backed by a file


class LazyGroup(click.Group):
    """A group that imports a command only when it is asked for.

    `trapline --help` prints the table above and imports no command. The same convention holds below: a module of this
    folder imports at its top what `--help` of its command needs, which is click, the options and tables of constants.
    Whatever is slow to import (numpy, lark, rich, the engine, the assembler) or used by some calls only is imported in
    the function that uses it. tests/vm/cli/test_terminal.py holds each command to that.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(import_module(module), attribute)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Suggest a command for a misspelled one."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from trapline.isa.did_you_mean import nearest

            close = nearest(args[0], COMMANDS)
            hint = f" Did you mean '{close}'?" if close else ""
            ctx.fail(f"No such command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands by the table, without importing them; options as click has them."""
        if incomplete[:1] == "-":
            return super().shell_complete(ctx, incomplete)
        found = [(name, summary) for name, (_, _, summary) in COMMANDS.items() if name.startswith(incomplete)]
        return [CompletionItem(name, help=summary) for name, summary in found]

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse the command line, where `--help` and `--version` already print."""
        if not escapes_wanted():
            extra.setdefault("color", False)
        with _endings():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _endings():
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command; an unexpected exception becomes two lines and status 70.

        TRAPLINE_DEBUG=1 shows the traceback instead.
        """
        for stream in (sys.stdout, sys.stderr):
            # A console of Windows has a character set that lacks most of what is printed.
            if isinstance(stream, io.TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
                stream.reconfigure(errors="replace")
        extra.setdefault("prog_name", "trapline")
        if shells.VARIABLE in os.environ:
            shells.register()
        if sys.stdout is None:  # closed by the caller, as with `>&-`
            sys.stdout = open(os.devnull, "w")
        if sys.stderr is None:
            sys.stderr = open(os.devnull, "w")
        try:
            with signals.caught():
                return super().main(*args, **extra)
        except Exception as error:
            if os.environ.get("TRAPLINE_DEBUG") == "1":
                raise
            try:
                click.echo(f"trapline: internal error: {type(error).__name__}: {error}", err=True)
                click.echo("This is a bug of trapline; set TRAPLINE_DEBUG=1 and report what it prints.", err=True)
            except OSError:
                sys.exit(2)  # stderr takes no messages: the full disk that stopped us, say
            sys.exit(70)


def _print_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from importlib import metadata

    try:
        version = metadata.version("trapline")
    except metadata.PackageNotFoundError:
        version = "unknown (not installed)"
    click.echo(f"trapline, version {version}", color=context.color)
    context.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version,
    help="Show the version and exit.",
)  # fmt: skip
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE",
    help="Load a Python file that declares instructions of your own; may be repeated. Goes before COMMAND.",
)
@click.pass_context
def main(context: click.Context, plugins: tuple[str, ...]) -> None:
    """A small RISC machine that you can put a hypervisor under.

    It assembles RISC-V programs (RV32IMA with M, S and U mode), runs them on a compiled machine, and shows what
    they do.

    \b
    trapline demo                          take a guided tour
    trapline run programs/hello.s          assemble and run a user program
    trapline boot programs/boot/timer.s    boot a kernel on the bare machine
    trapline isa show mret                 look up an instruction
    trapline classify --isa rv32ima_xpopf  find sensitive instructions
    trapline docs                          read about all of it
    """
    if plugins:
        _load(plugins, context)


def _load(plugins: tuple[str, ...], context: click.Context) -> None:
    """Load plugins for as long as the command runs."""
    import trapline.asm.instructions.pseudo_instructions  # noqa: F401  (names that no plugin may declare)
    from trapline.isa.plugin import load
    from trapline.vm.cli.command_files import current
    from trapline.vm.cli.user_errors import reported

    for plugin in plugins:
        current().reads(plugin)
    with reported():
        context.with_resource(load.loaded(*plugins))
