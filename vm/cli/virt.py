"""`trapline virt`: kernels in virtual machines."""

from functools import partial
from typing import Any

import click

from trapline.vm.cli import options
from trapline.vm.cli.boot import boot
from trapline.vm.cli.console import console_options
from trapline.vm.cli.guests import Guests
from trapline.vm.cli.kernel import booting
from trapline.vm.cli.machine import Blueprint
from trapline.vm.cli.observe import seeing_options
from trapline.vm.hypervisor.technique import SHADOWS, TECHNIQUES

DEFAULT = "trap"
UNDER = [name for name in TECHNIQUES if name != "bare"]


@click.command(
    "virt",
    epilog="Exit status: what the guest gives the test finisher or HTIF; of several guests, that of the first on the "
    "command line that did not end with 0; 124 for a guest that was stopped, by a limit or because nothing could wake "
    "it any more. With --compare: 0 if all techniques are equivalent, 1 if not. 2 for a mistake in what was asked.",
)
@click.argument("kernel", nargs=-1, metavar="KERNEL...")
@click.option(
    "--technique", type=click.Choice(UNDER), default=None,
    help=f"How the hypervisor runs guests.  [default: {DEFAULT}; with --compare: all]",
)  # fmt: skip
@click.option(
    "--shadow", type=click.Choice(SHADOWS), default=SHADOWS[0], show_default=True,
    help="When shadow page tables follow the guest's: at its fences, or at every store to them as well.",
)  # fmt: skip
@click.option(
    "--mleak", type=options.Address(), default=0, metavar="MASK",
    help="Holes of Xleak that trap in U mode of the real hart, as bits of its mleak; 0xff mends all.  [default: 0]",
)  # fmt: skip
@click.option("--compare", is_flag=True, help="Run bare and under every technique, and tell the differences.")
@click.option(
    "--share", type=options.PerGuest(click.IntRange(1, 100)), metavar="N:N...",
    help="Shares of several guests in the host's steps, such as 2:1.  [default: all the same]",
)  # fmt: skip
@click.option(
    "--show-translation", metavar="FILE",
    help="With --technique translate: write the guest's code and what was made of it, side by side; - is stdout.",
)  # fmt: skip
@seeing_options
@booting
@console_options
@partial(options.running, memory=options.PerGuest(options.Size()))
@options.assembling
@click.pass_context
def virt_command(context: click.Context, kernel: tuple[str, ...], **settings: Any) -> None:
    """Boot kernels in virtual machines.

    Each KERNEL is a guest of its own: what `trapline boot` takes, where sources that are to be linked into one guest
    are joined by +, as in start.s+main.s. A guest has a whole virtual machine, the board of `trapline boot`, and
    --memory of RAM; all of its modes run in U mode of a real hart. Several guests take turns; each line of their
    consoles has the guest's name before it, or goes to a file of its name in the folder --console-log; input goes to
    the first guest. --max-instructions is for each guest, --timeout for all together, other options are for each.

    \b
    trapline virt programs/boot/sv32.s --stats
    trapline virt programs/boot/sv32.s --compare
    trapline virt programs/boot/timer.s programs/boot/threads.s --share 2:1
    """
    from trapline.vm import engine

    engine.on_compile = options.announce_compilation
    with options.mistakes():
        context.exit(_virt(list(kernel), settings))


def _virt(kernels: list[str], settings: dict[str, Any]) -> int:
    guests = max(1, len(kernels))
    memory = _each("--memory", settings["memory"], guests)
    if settings["share"] and guests == 1:
        options.fail("--share divides the host between several guests; this is one")
    shares = _each("--share", settings["share"] or (1,), guests)
    if guests > 1:
        _check_one_guest(settings, guests)
    files = [_files(kernel) for kernel in kernels] or [[]]
    blueprints = [Blueprint(names, settings | {"memory": m}) for names, m in zip(files, memory, strict=True)]
    if settings["compare"]:
        from trapline.vm.cli.compare import compare_command

        refuse_writing(settings, "each run of a comparison has to find the same drive")
        return compare_command(blueprints[0], settings)
    technique = settings["technique"] or DEFAULT
    if settings["show_translation"] and (technique != "translate" or guests > 1):
        options.fail("--show-translation is for one guest under --technique translate")
    if settings["explain"]:
        from trapline.vm.cli.explain import explain_command

        refuse_writing(settings, "both runs have to find the same drive")
        return explain_command(blueprints[0], settings, technique)
    if guests == 1:
        return boot(blueprints[0], settings, technique, settings["shadow"])
    return Guests(kernels, blueprints, shares, settings, technique).run()


def _each(option: str, values: tuple[Any, ...], guests: int) -> tuple[Any, ...]:
    """A value for each guest."""
    if len(values) == 1:
        return values * guests
    if len(values) != guests:
        options.fail(f"{option}: {len(values)} values for {guests} guest{'s' if guests > 1 else ''}")
    return values


def _check_one_guest(settings: dict[str, Any], guests: int) -> None:
    """Refuse what several guests cannot share."""
    for name in ("trace", "compare", "dump_dtb", "exit_log", "explain", "report"):
        if settings[name]:
            options.fail(f"--{name.replace('_', '-')} is for one guest, not {guests}")
    if settings["clock"] == "wall":
        options.fail(f"--clock wall is for one guest, not {guests}, which take turns")
    refuse_writing(settings, "several guests would write to the same file")


def refuse_writing(settings: dict[str, Any], why: str) -> None:
    """Refuse drives whose file is written to."""
    for drive in settings["drives"]:
        if "write=on" in drive.split(","):
            options.fail(f"--drive {drive}: {why}")


def _files(kernel: str) -> list[str]:
    """The files of one guest; a file that has + in its own name is itself."""
    if options.find_program(kernel).exists() or "+" not in kernel:
        return [kernel]
    parts = kernel.split("+")
    if "" in parts:
        options.fail(f"'{kernel}': a source is missing beside a +")
    return parts
