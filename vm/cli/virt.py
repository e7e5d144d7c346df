"""`trapline virt`: kernels in virtual machines."""

from dataclasses import replace

import click

from trapline.vm.cli import debugging
from trapline.vm.cli.blueprint import Blueprint
from trapline.vm.cli.boot import BootCommand, dump_tree, run_machine
from trapline.vm.cli.bundled import find_program
from trapline.vm.cli.command_files import ProgramFile
from trapline.vm.cli.guests import FOR_ONE, Guests
from trapline.vm.cli.option_groups import given, with_groups, without
from trapline.vm.cli.options import (
    DEFAULT_TECHNIQUE,
    AssemblyOptions,
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
from trapline.vm.cli.parameters import for_each_guest
from trapline.vm.cli.repeated_runs import refuse_writing
from trapline.vm.cli.user_errors import fail, reported


@click.command(
    "virt",
    cls=BootCommand,
    topics=("hypervisor", "hypervisor-techniques", "observing", "log", "snapshots", "qemu"),
    epilog="Exit status: the value that the guest writes to the test finisher or HTIF; of several guests, the first "
    "that is not 0, in the order of the command line; 124 for a guest that is stopped, by a limit or because "
    "nothing can wake it. With --compare: 0 if all techniques are equivalent, 1 if not. 2 for bad usage or input.",
)
@click.argument("kernel", nargs=-1, type=ProgramFile(joined=True), metavar="KERNEL...")
@with_groups(machine=without("memory"))
@click.pass_context
def virt_command(
    context: click.Context, kernel: tuple[str, ...], hypervisor: HypervisorOptions, exits: ExitOptions,
    boot: BootOptions, machine: MachineOptions, console: ConsoleOptions, limits: Limits, outputs: Outputs,
    state: StateOptions, assembly: AssemblyOptions, debug: DebugOptions,
) -> None:  # fmt: skip
    """Boot kernels in virtual machines.

    Each KERNEL is one guest, in any form that `trapline boot` takes; sources of one guest are joined by +, as in
    start.s+main.s. A guest gets a whole virtual machine: the board of `trapline boot` and --memory of RAM, whose M, S
    and U mode all run in the real U mode (under `assist`, S mode runs in the real S mode). Several guests take turns.
    Each line of their output starts with the guest's name, or goes to a file of that name in the folder --console-log;
    input goes to the first guest. --timeout is for all guests together, every other option for each.
    QEMU's options mean what they mean to `trapline boot`.

    \b
    trapline virt programs/boot/sv32.s --stats
    trapline virt programs/boot/sv32.s --compare
    trapline virt programs/boot/timer.s programs/boot/threads.s --share 2:1
    """
    options = RunOptions(limits, outputs, console, exits, state, debug)
    with reported():
        debugging.check(debug)
        guests = max(1, len(kernel))
        memory = for_each_guest("--memory", hypervisor.memory, guests)
        if hypervisor.share and guests == 1:
            fail("--share needs several guests")
        shares = for_each_guest("--share", hypervisor.share or (1,), guests)
        if debug.place is not None and (hypervisor.compare or exits.explain):
            fail(f"--gdb is for one run, not those of {'--compare' if hypervisor.compare else '--explain'}")
        if guests > 1:
            _refuse_shared(machine, boot, hypervisor, options, guests)
        files = [_files(name) for name in kernel] or [[]]
        blueprints = [
            Blueprint(names, replace(machine, memory=m), boot, assembly) for names, m in zip(files, memory, strict=True)
        ]
        if guests > 1:
            context.exit(Guests.started(kernel, blueprints, shares, options, hypervisor).run())
        if boot.dump_dtb is not None and not hypervisor.compare and not exits.explain:
            dump_tree(blueprints[0], boot.dump_dtb)
        else:
            context.exit(_run_one(blueprints[0], boot, options, hypervisor))


def _run_one(blueprint: Blueprint, boot: BootOptions, options: RunOptions, hypervisor: HypervisorOptions) -> int:
    """Run one guest, compare its runs or explain one of its exits."""
    if hypervisor.compare:
        from trapline.vm.cli.compare import compare_command

        if options.debug.log is not None:
            fail("--log is for one run, not for those of --compare")
        refuse_writing(blueprint.machine, "each run of a comparison must find the same drive")
        return compare_command(blueprint, boot, options, hypervisor)
    technique = hypervisor.technique or DEFAULT_TECHNIQUE
    if hypervisor.show_translation and technique != "translate":
        fail("--show-translation is for one guest under --technique translate")
    if options.exits.explain:
        from trapline.vm.cli.explain import explain_command

        refuse_writing(blueprint.machine, "both runs must find the same drive")
        return explain_command(blueprint, boot, options, hypervisor)
    return run_machine(blueprint, options, technique, hypervisor.shadow, hypervisor.show_translation)


def _refuse_shared(
    machine: MachineOptions, boot: BootOptions, hypervisor: HypervisorOptions, options: RunOptions, guests: int
) -> None:
    """Refuse what several guests cannot share."""
    for spelling in given(boot, hypervisor, options.outputs, options.exits, options.state, options.debug):
        if spelling in FOR_ONE:
            fail(f"{spelling} is for one guest, not {guests}")
    if hypervisor.show_translation:
        fail("--show-translation is for one guest under --technique translate")
    if machine.clock == "wall":
        fail(f"--clock wall is for one guest, not {guests} that take turns")
    refuse_writing(machine, "several guests would write to the same file")


def _files(kernel: str) -> list[str]:
    """The files of one guest; a file that has + in its own name is itself."""
    if find_program(kernel).exists() or "+" not in kernel:
        return [kernel]
    parts = kernel.split("+")
    if "" in parts:
        fail(f"'{kernel}': a source is missing before or after +")
    return parts
