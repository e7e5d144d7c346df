"""`trapline vmm`: kernels in Warren, the hypervisor that is itself a program of the machine."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import click

from trapline.vm.cli import output_files, warren
from trapline.vm.cli.bundled import find_program
from trapline.vm.cli.command_files import OutputPath, ProgramFile, current
from trapline.vm.cli.option_groups import Command, option, option_group, with_groups, without
from trapline.vm.cli.options import UNDER, ConsoleOptions, Limits, MachineOptions, Outputs, RunOptions
from trapline.vm.cli.parameters import PerGuest, Size, for_each_guest
from trapline.vm.cli.user_errors import fail, reported

BURROW = "burrow"
MOST_LEVELS = 6
CTRL_D, NEXT_GUEST = b"\4", b"\x1d"
S_MODE = (
    "Warren runs kernels that start in S mode over an SBI, at 0x80400000 or 0x80200000: Linux, Burrow "
    "(build.py --variant supervisor), the kernel in C (build.sh --supervisor)"
)


@option_group("Guests")
@dataclass(frozen=True)
class GuestOptions:
    """What each guest gets: one value for all of them, or one for each in their order."""

    memory: tuple[int, ...] = option(
        "-m", "--memory", type=PerGuest(Size()), default=(16 << 20,), spelled="16M", show_default=True, metavar="SIZE",
        help="Size of RAM: for every guest, or one for each, as in 64M:16M.",
    )  # fmt: skip
    append: tuple[str, ...] = option(
        "--append", default=(), multiple=True, metavar="TEXT",
        help="A kernel's command line: once for all guests, or once for each, in their order.",
    )  # fmt: skip
    names: tuple[str, ...] = option(
        "--name", default=(), multiple=True, metavar="NAME",
        help="What Warren calls a guest before its lines of output; once for each.  [default: the file's name]",
    )  # fmt: skip


@option_group("Warren")
@dataclass(frozen=True)
class WarrenOptions:
    """depth: levels of Warren; defines: `SYMBOL=VALUE`; out: a file for the image; technique: None for bare."""

    depth: int = option(
        "--depth", type=click.IntRange(1, MOST_LEVELS), default=1, show_default=True, metavar="N",
        help="Warren in Warren, N levels of it; the guests are in the innermost one.",
    )  # fmt: skip
    defines: tuple[str, ...] = option(
        "--define", default=(), multiple=True, metavar="SYMBOL=VALUE",
        help="A symbol of Warren, such as SLICE=20000: see its README.",
    )  # fmt: skip
    out: str | None = option(
        "--out", type=OutputPath(), metavar="FILE", help="Write the image to FILE, for QEMU say, and do not boot it."
    )
    technique: str | None = option(
        "--technique", type=click.Choice(UNDER), help="Run all of it under the hosted hypervisor.  [default: bare]"
    )


@click.command(
    "vmm",
    cls=Command,
    topics=("warren", "demos", "hypervisor"),
    epilog="Exit status: the largest with which a guest has ended; 124 for a limit, or when nothing can wake it; 2 for "
    "bad usage or input.",
)
@click.argument("guest", nargs=-1, required=True, type=ProgramFile(), metavar="GUEST...")
@with_groups(machine=without("memory", "harts", "drives", "devices", "virtio"), outputs=without("trace"))
@click.pass_context
def vmm_command(
    context: click.Context, guest: tuple[str, ...], guests: GuestOptions, levels: WarrenOptions,
    machine: MachineOptions, console: ConsoleOptions, limits: Limits, outputs: Outputs,
) -> None:  # fmt: skip
    """Run kernels in Warren, a hypervisor that is a program of this machine.

    Warren (programs/hypervisors/warren) runs in S mode over the SBI and its guests in U mode, by trap-and-emulate
    with shadow page tables. Each GUEST is an ELF file of a kernel for S mode, a Linux boot image, or the word burrow:
    Burrow with its shell. Guests take turns; input goes to the first, and Ctrl-] to the next one.
    It needs no more than S mode, which its guests have too: so it runs in itself.

    \b
    trapline vmm burrow
    trapline vmm burrow burrow --stats
    trapline vmm Image --memory 64M --append "console=hvc0 earlycon=sbi"
    trapline vmm burrow --depth 3 --stats
    trapline vmm burrow --depth 2 --technique trap
    trapline vmm burrow --out warren.elf
    """
    with reported():
        made = _stack(guest, guests, levels)
        if levels.out is not None:
            output_files.write_bytes(levels.out, made.elf)
            return
        if BURROW in guest:  # the end of a file ends the shells
            console = replace(console, last_input=NEXT_GUEST.join([CTRL_D] * len(guest)))
        context.exit(_run(made, machine, RunOptions(limits, outputs, console), levels.technique))


def _stack(kernels: tuple[str, ...], options: GuestOptions, levels: WarrenOptions) -> warren.Stack:
    """Warren with these guests. Raises LoadError, AsmError, OSError, ValueError."""
    from trapline.vm.loader.image import LoadError

    current().reads_sources(warren.folder())
    count = len(kernels)
    memory = for_each_guest("--memory", options.memory, count)
    append: tuple[str | None, ...] = for_each_guest("--append", options.append or (None,), count)
    if options.names and len(options.names) != count:
        fail(f"--name: {len(options.names)} names for {count} guest{'s' if count > 1 else ''}")
    names = options.names or _names(kernels)
    rows = zip(kernels, names, memory, append, strict=True)
    guests = [warren.guest(_kernel(kernel, levels.depth), name, size, text) for kernel, name, size, text in rows]
    try:
        return warren.stack(guests, levels.depth, _defines(levels.defines))
    except LoadError as error:
        if "does not fit" in str(error):
            raise LoadError(f"{error}; --memory SIZE gives it more") from None
        raise


def _names(kernels: tuple[str, ...]) -> list[str]:
    """A name for each guest; those of the same file are numbered."""
    stems = [Path(kernel).stem[: warren.builder().NAME_LENGTH - 3] for kernel in kernels]
    return [
        stem if stems.count(stem) == 1 else f"{stem}{stems[: i + 1].count(stem)}" for i, stem in enumerate(stems)
    ]  # fmt: skip


def _kernel(name: str, depth: int) -> Path | bytes:
    """The file of a guest, which must be a kernel for S mode, or Burrow. Raises LoadError, OSError."""
    from trapline.vm.boot.kernel_image import AFTER_FIRMWARE, read_kernel
    from trapline.vm.loader.files import detect
    from trapline.vm.loader.image import LoadError
    from trapline.vm.machine import RAM_BASE

    path = find_program(name)
    if name == BURROW and not path.exists():
        return warren.burrow_at(depth)
    kind = detect(path)
    if kind == "asm":
        raise LoadError(
            f"{name}: is assembly text; make a kernel of it first: trapline asm {name} --text-base "
            f"{AFTER_FIRMWARE:#x} -o {path.stem}.elf"
        )
    if not read_kernel(path, kind, RAM_BASE, None, AFTER_FIRMWARE).supervisor:
        raise LoadError(f"{name}: is no kernel for S mode; {S_MODE}")
    return path


def _defines(texts: tuple[str, ...]) -> dict[str, int]:
    """Symbols by name; 1 without a value."""
    found = {}
    for text in texts:
        symbol, equals, value = text.partition("=")
        if not symbol.isidentifier():
            fail(f"--define {text}: {symbol} is no symbol; write SYMBOL=VALUE, such as SLICE=20000")
        try:
            found[symbol] = int(value, 0) if equals else 1
        except ValueError:
            fail(f"--define {text}: {value} is no number; write SYMBOL=VALUE, such as {symbol}=64")
    return found


def _run(made: warren.Stack, machine: MachineOptions, options: RunOptions, technique: str | None) -> int:
    """Boot the image on this terminal; its exit status."""
    from trapline.isa.extension import XLEAK
    from trapline.isa.isa_string import parse_isa
    from trapline.vm.cli import run_statistics
    from trapline.vm.cli.blueprint import Blueprint
    from trapline.vm.cli.console import open_console
    from trapline.vm.cli.machine_run import exit_status, explain_stop, run_once, statistics_of

    run_statistics.check(options.outputs)
    if machine.real_mleak and not set(parse_isa(machine.isa)) & set(XLEAK):
        fail("--mleak needs a machine with a hole of Xleak, such as --isa rv32ima_xpopf")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{warren.NAME}.elf")
        path.write_bytes(made.elf)
        blueprint = Blueprint([str(path)], replace(machine, memory=made.memory))
    console = open_console(options.console)
    with blueprint.switched_on(technique or "bare", "lazy", console) as running:
        if technique is None and machine.real_mleak:
            running.csr["mleak"] = machine.real_mleak  # as firmware would
        with console.attached():
            exit, seconds = run_once(running, options.limits)
    explain_stop(running, exit, blueprint)
    statistics = statistics_of(running, exit, seconds, technique)
    run_statistics.write(statistics, options.outputs, running, running.console.mid_line)
    if options.outputs.stats:
        click.echo("\n".join(_table(warren.counters(running, made))), err=True)
    return exit_status(exit)


def _table(levels: list[dict[str, int]]) -> list[str]:
    """What the levels of Warren have counted, a column for each, the outermost first."""
    heads = [f"level {number}" for number in range(1, len(levels) + 1)]
    rows = [[name, *(f"{level[name]:,}" for level in levels)] for name in warren.counter_names()]
    widths = [max(map(len, column)) for column in zip(*rows, ["", *heads], strict=True)]
    lines = [["Warren", *heads], *rows]
    return [
        "  ".join([f"{line[0]:<{widths[0]}}", *(f"{cell:>{w}}" for cell, w in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    ]
