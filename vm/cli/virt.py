"""`trapline virt`: kernels in virtual machines."""

from dataclasses import replace
from typing import Any

import click

from trapline.vm.cli.blueprint import Blueprint
from trapline.vm.cli.boot import dump_tree, run_machine
from trapline.vm.cli.bundled import find_program
from trapline.vm.cli.guests import Guests
from trapline.vm.cli.option_groups import Command, given, with_groups, without
from trapline.vm.cli.options import (
    DEFAULT_TECHNIQUE,
    AssemblyOptions,
    BootOptions,
    ConsoleOptions,
    ExitOptions,
    HypervisorOptions,
    Limits,
    MachineOptions,
    Outputs,
    RunOptions,
)
from trapline.vm.cli.progress import announce_compilation
from trapline.vm.cli.repeated_runs import refuse_writing
from trapline.vm.cli.user_errors import fail, reported


@click.command(
    "virt",
    cls=Command,
    topics=("hypervisor", "hypervisor-techniques", "seeing"),
    epilog="Exit status: what the guest gives the test finisher or HTIF; of several guests, that of the first on the "
    "command line that did not end with 0; 124 for a guest that was stopped, by a limit or because nothing could wake "
    "it any more. With --compare: 0 if all techniques are equivalent, 1 if not. 2 for a mistake in what was asked.",
)
@click.argument("kernel", nargs=-1, metavar="KERNEL...")
@with_groups(machine=without("memory"))
@click.pass_context
def virt_command(
    context: click.Context, kernel: tuple[str, ...], hypervisor: HypervisorOptions, exits: ExitOptions,
    boot: BootOptions, machine: MachineOptions, console: ConsoleOptions, limits: Limits, outputs: Outputs,
    assembly: AssemblyOptions,
) -> None:  # fmt: skip
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

    engine.on_compile = announce_compilation
    options = RunOptions(limits, outputs, console, exits)
    with reported():
        guests = max(1, len(kernel))
        memory = _each("--memory", hypervisor.memory, guests)
        if hypervisor.share and guests == 1:
            fail("--share divides the host between several guests; this is one")
        shares = _each("--share", hypervisor.share or (1,), guests)
        if guests > 1:
            _refuse_shared(machine, boot, hypervisor, options, guests)
        files = [_files(name) for name in kernel] or [[]]
        blueprints = [
            Blueprint(names, replace(machine, memory=m), boot, assembly) for names, m in zip(files, memory, strict=True)
        ]
        if guests > 1:
            context.exit(Guests(kernel, blueprints, shares, options, hypervisor).run())
        if boot.dump_dtb is not None and not hypervisor.compare and not exits.explain:
            dump_tree(blueprints[0], boot.dump_dtb)
        else:
            context.exit(_run_one(blueprints[0], boot, options, hypervisor))


def _run_one(blueprint: Blueprint, boot: BootOptions, options: RunOptions, hypervisor: HypervisorOptions) -> int:
    """Run one guest, compare its runs or explain one of its exits."""
    if hypervisor.compare:
        from trapline.vm.cli.compare import compare_command

        refuse_writing(blueprint.machine, "each run of a comparison has to find the same drive")
        return compare_command(blueprint, boot, options, hypervisor)
    technique = hypervisor.technique or DEFAULT_TECHNIQUE
    if hypervisor.show_translation and technique != "translate":
        fail("--show-translation is for one guest under --technique translate")
    if options.exits.explain:
        from trapline.vm.cli.explain import explain_command

        refuse_writing(blueprint.machine, "both runs have to find the same drive")
        return explain_command(blueprint, boot, options, hypervisor)
    return run_machine(blueprint, options, technique, hypervisor.shadow, hypervisor.show_translation)


def _each(option: str, values: tuple[Any, ...], guests: int) -> tuple[Any, ...]:
    """A value for each guest."""
    if len(values) == 1:
        return values * guests
    if len(values) != guests:
        fail(f"{option}: {len(values)} values for {guests} guest{'s' if guests > 1 else ''}")
    return values


def _refuse_shared(
    machine: MachineOptions, boot: BootOptions, hypervisor: HypervisorOptions, options: RunOptions, guests: int
) -> None:
    """Refuse what several guests cannot share."""
    one = ("--trace", "--compare", "--dump-dtb", "--exit-log", "--explain", "--report")
    for spelling in given(boot, hypervisor, options.outputs, options.exits):
        if spelling in one:
            fail(f"{spelling} is for one guest, not {guests}")
    if hypervisor.show_translation:
        fail("--show-translation is for one guest under --technique translate")
    if machine.clock == "wall":
        fail(f"--clock wall is for one guest, not {guests}, which take turns")
    refuse_writing(machine, "several guests would write to the same file")


def _files(kernel: str) -> list[str]:
    """The files of one guest; a file that has + in its own name is itself."""
    if find_program(kernel).exists() or "+" not in kernel:
        return [kernel]
    parts = kernel.split("+")
    if "" in parts:
        fail(f"'{kernel}': a source is missing beside a +")
    return parts
