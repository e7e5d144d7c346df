"""`trapline debug`: a prompt over a machine or a process."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from trapline.vm.cli.blueprint import Blueprint
from trapline.vm.cli.command_files import InputFile, ProgramFile
from trapline.vm.cli.debug_guests import is_kernel
from trapline.vm.cli.option_groups import given, only, with_groups
from trapline.vm.cli.options import UNDER, AssemblyOptions, BootOptions, ConsoleOptions, MachineOptions
from trapline.vm.cli.output_files import stdout_bytes
from trapline.vm.cli.run import ARGUMENTS, RunCommand
from trapline.vm.cli.user_errors import fail, reported

if TYPE_CHECKING:
    from trapline.vm.debug.debugger import Debugger
    from trapline.vm.debug.screen import Screen
    from trapline.vm.debug.target import Target

Save = Callable[[str], None]
"""Writes a machine to a file of this name."""
KINDS = click.Choice(["boot", "run"])
PROMPT = "(trapline) "
FAILED = 1
"""Exit status where a command of a script has failed."""


@click.command(
    "debug",
    cls=RunCommand,
    topics=("tutorials/debugger",),
    epilog="Exit status: the guest's own when it has ended, else 0; 1 when a command of a script fails, which ends the "
    "script; 2 for bad usage or input.",
)
@click.argument("programs", nargs=-1, type=ProgramFile(), metavar="PROGRAM... [-- ARGUMENT...]")
@click.option("--boot", "kind", flag_value="boot", type=KINDS, help="PROGRAM is a kernel, as for `trapline boot`.")
@click.option("--run", "kind", flag_value="run", type=KINDS, help="PROGRAM is a user program, as for `trapline run`.")
@click.option("-e", "commands", multiple=True, metavar="COMMAND", help="Do this command; may be repeated.")
@click.option("-x", "scripts", multiple=True, type=InputFile(), metavar="FILE", help="Do the commands in FILE first.")
@click.option("--batch", is_flag=True, help="Leave after the commands of -x and -e.")
@click.option("--technique", type=click.Choice(UNDER), help="Run a kernel in a virtual machine.  [default: bare]")
@with_groups(machine=only("isa", "memory", "harts", "clock", "drives", "devices", "virtio", "engine", "no_translate"),
             boot=lambda name: name != "dump_dtb", console=only("input_file"))  # fmt: skip
@click.pass_context
def debug_command(
    context: click.Context, programs: tuple[str, ...], kind: str | None, commands: tuple[str, ...],
    scripts: tuple[str, ...], batch: bool, technique: str | None, machine: MachineOptions, boot: BootOptions,
    console: ConsoleOptions, assembly: AssemblyOptions,
) -> None:  # fmt: skip
    """Debug a program or a kernel at a prompt.

    PROGRAM is what `trapline run` or `trapline boot` take: a kernel if there is an option of machines or kernels, or
    if it is a raw image, a Linux boot image, an ELF file linked at 0x80000000 or above, or a source with an instruction
    or a CSR that U mode does not have; else a user program. --boot and --run decide it.

    It stands before its first instruction. `help` at the prompt lists the commands, which have the names that gdb or
    Spike give them: `break main`, `continue`, `step`, `back`, `where`, `csr mstatus`, `walk 0xc0000000`. What the
    guest prints comes in between; what it is to read is given by `input TEXT`. Ctrl-C comes back to the prompt.
    Commands may come from a pipe as well.

    \b
    trapline debug programs/fib.s
    trapline debug programs/boot/timer.s
    trapline debug programs/boot/sv32.s --technique trap
    trapline debug programs/fib.s --batch -e "break fib" -e run -e where
    """
    if not programs and boot.kernel_file is None:
        raise click.UsageError("Missing argument 'PROGRAM...'.", context)
    with reported(), ExitStack() as stack:
        lines = list(_script(scripts, commands))
        asked = {**given(boot), **given(machine)}
        for option in ("--isa", "--memory", "--clock", "--engine", "--no-translate"):
            asked.pop(option, None)
        if technique is not None:
            asked["--technique"] = technique
        if kind == "run" and asked:
            fail(f"{next(iter(asked))} is for kernels, not for --run")
        screen, target, save = _target(
            stack, context, list(programs), kind, bool(asked), technique, machine, boot, console, assembly
        )
        context.exit(_converse(target, screen, lines, batch, save))


def _script(files: tuple[str, ...], commands: tuple[str, ...]) -> Iterator[str]:
    for name in files:
        with open(name, encoding="utf-8", errors="replace") as stream:
            yield from stream.read().splitlines()
    yield from commands


def _target(
    stack: ExitStack, context: click.Context, names: list[str], kind: str | None, asked: bool, technique: str | None,
    machine: MachineOptions, boot: BootOptions, console: ConsoleOptions, assembly: AssemblyOptions,
) -> "tuple[Screen, Target, Save]":  # fmt: skip
    """What is debugged, where it prints, and how it is saved. asked: whether options of kernels were given."""
    from trapline.vm.cli import debug_guests
    from trapline.vm.debug.screen import Screen

    screen = Screen(stdout_bytes())
    arguments = context.meta.get(ARGUMENTS, ())
    if kind == "boot" or (kind is None and (asked or is_kernel(names, assembly, machine.isa))):
        if arguments:
            fail("arguments behind -- are for user programs; a kernel has --append")
        blueprint = Blueprint(names, machine, boot, assembly)
        target = debug_guests.kernel(stack, blueprint, technique, screen, console)
        return screen, target, lambda path: debug_guests.save(target, blueprint, path)
    if console.input_file is not None:
        fail("--input is for kernels; a program reads what `input` gives")
    process = debug_guests.process(names, [names[0], *arguments], machine, assembly, screen)
    return screen, process, lambda path: debug_guests.save_process(process, path)


def _converse(target: "Target", screen: "Screen", lines: list[str], batch: bool, save: "Save") -> int:
    """Do the commands of scripts, and then those of standard input; the exit status."""
    from trapline.asm.disassembler.instruction import disassemble
    from trapline.vm.debug.debugger import Debugger

    names = {address: name for image in target.lines.images for name, address in image.symbols.items()}
    with_c = "c" in target.machine.isa
    debugger = Debugger(target, screen, lambda code, pc: disassemble(code, pc, symbols=names, compressed=with_c))
    debugger.session.save = save
    terminal = not batch and sys.stdin is not None and sys.stdin.isatty()
    if terminal:
        debugger.session.say("`help` lists the commands, `quit` leaves")
    debugger.session.say_here()
    for line in lines:
        if debugger.over:
            break
        if not debugger.do(line):
            if not terminal:
                return FAILED
            break
    if not batch and not debugger.over:
        if terminal:
            _at_terminal(debugger, screen)
        elif not all(debugger.do(line) for line in _until_over(debugger)):
            return FAILED
    return debugger.status


def _until_over(debugger: "Debugger") -> Iterator[str]:
    while not debugger.over and sys.stdin is not None and (line := sys.stdin.readline()):
        if line.strip():  # in a script, an empty line is one that says nothing
            yield line


def _at_terminal(debugger: "Debugger", screen: "Screen") -> None:
    """Read commands with line editing, where Python has it, until the person leaves."""
    from trapline.vm.host import signals

    _edit_lines(debugger)
    while not debugger.over:
        screen.begin_line()
        try:
            line = input(PROMPT)
        except EOFError:
            screen.say(" ")
            return
        except KeyboardInterrupt:
            if signals.status() != signals.INTERRUPTED:
                raise
            screen.say(" ")
            continue
        debugger.do(line)


def _edit_lines(debugger: "Debugger") -> None:
    """Complete on TAB. Nothing is written to a file: the lines are forgotten at the end."""
    try:
        import readline
    except ImportError:  # Windows
        return
    found: list[Any] = []

    def complete(_: str, state: int) -> str | None:
        if state == 0:
            found[:] = debugger.completions(readline.get_line_buffer()[: readline.get_endidx()])
        return found[state] if state < len(found) else None

    readline.set_completer_delims(" ")
    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
