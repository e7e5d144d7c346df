"""`trapline boot`: a kernel on the bare machine."""

from typing import TYPE_CHECKING

import click

from trapline.vm.cli import debugging, output_files, run_statistics, translation
from trapline.vm.cli.blueprint import Blueprint
from trapline.vm.cli.command_files import ProgramFile
from trapline.vm.cli.console import open_console
from trapline.vm.cli.event_records import EventRecords, went_wrong
from trapline.vm.cli.exit_records import ExitRecords
from trapline.vm.cli.machine_run import exit_status, explain_stop, run_and_save, run_once, statistics_of
from trapline.vm.cli.option_groups import Command, names_of, values_behind, with_groups, without
from trapline.vm.cli.options import (
    AssemblyOptions,
    BootOptions,
    ConsoleOptions,
    DebugOptions,
    Limits,
    MachineOptions,
    Outputs,
    RunOptions,
    StateOptions,
)
from trapline.vm.cli.parameters import SavePlace
from trapline.vm.cli.qemu_words import QemuWordError, translate
from trapline.vm.cli.user_errors import fail, reported

if TYPE_CHECKING:
    from trapline.vm.machine import Machine


class BootCommand(Command):
    """A command that takes the command lines of QEMU, too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Translate the command line and parse it; what is ignored is said once it is known to be right."""
        options = [p for p in self.get_params(ctx) if isinstance(p, click.Option)]
        try:
            translated = translate(args, {name: values_behind(p) for p in options for name in names_of(p)})
        except QemuWordError as error:
            if ctx.resilient_parsing:  # while a shell completes it
                return super().parse_args(ctx, args)
            raise click.UsageError(str(error), ctx) from None
        rest = super().parse_args(ctx, translated.words)
        if translated.remark and not ctx.resilient_parsing:
            click.echo(f"trapline: {translated.remark}", err=True)
        return rest


@click.command(
    "boot",
    cls=BootCommand,
    topics=("board", "log", "qemu", "snapshots", "tutorials/first-kernel"),
    epilog="Exit status: the value that the kernel writes to the test finisher or HTIF; 0 after Ctrl-A X; 2 for bad "
    "usage or input; 124 when the machine is stopped: by a limit, because nothing can wake it, or because it can "
    "only trap or loop for ever.",
)
@click.argument("kernel", nargs=-1, type=ProgramFile(), metavar="KERNEL...")
@translation.show_translation_option
@with_groups(machine=without("real_mleak"))
@click.pass_context
def boot_command(
    context: click.Context, kernel: tuple[str, ...], show_translation: bool, boot: BootOptions,
    machine: MachineOptions, console: ConsoleOptions, limits: Limits, outputs: Outputs, state: StateOptions,
    assembly: AssemblyOptions, debug: DebugOptions,
) -> None:  # fmt: skip
    """Boot a kernel.

    KERNEL is an ELF file, a Linux boot image, a raw image, or one or more assembly sources. It starts in M mode, or
    in S mode over a built-in SBI when it is a kernel for that (see --bios), with its hart's number in a0 and a
    device tree in a1. The board has the addresses of QEMU's `virt`: UART at 0x10000000, CLINT at 0x2000000, PLIC at
    0xc000000, test finisher at 0x100000, virtio from 0x10001000 on, RAM at 0x80000000.
    At a terminal every key goes to the kernel; Ctrl-A X quits, Ctrl-A H helps.
    A command line for QEMU's `virt` can be pasted; what it asks for in vain is named.

    \b
    trapline boot programs/boot/uart-hello.s
    trapline boot programs/boot/sv32.s --stats
    trapline boot Image --append "console=hvc0 earlycon=sbi"
    trapline boot qemu-system-riscv32 -M virt -nographic -m 64M -smp 2 -kernel kernel.elf
    """
    with reported():
        debugging.check(debug)
        blueprint = Blueprint(list(kernel), machine, boot, assembly)
        if boot.dump_dtb is not None:
            dump_tree(blueprint, boot.dump_dtb)
        else:
            options = RunOptions(limits, outputs, console, state=state, debug=debug, show_translation=show_translation)
            context.exit(run_machine(blueprint, options))


def dump_tree(blueprint: Blueprint, path: str) -> None:
    """Write the device tree of the machine. Raises OSError."""
    output_files.write_bytes(path, blueprint.plan.tree[1])


def run_machine(
    blueprint: Blueprint, options: RunOptions, technique: str | None = None, shadow: str = "lazy",
    translation_file: str | None = None,
) -> int:  # fmt: skip
    """Run one machine on this terminal; its exit status.

    technique: None without a hypervisor; translation_file: where to write what the technique `translate` made.
    """
    records = None
    if ExitRecords.wanted(options.exits):
        isa = blueprint.machine.isa
        records = ExitRecords(options.exits, blueprint.image, technique or "bare", blueprint.name, isa)
    trace = output_files.open_text(options.outputs.trace) if options.outputs.trace else None
    run_statistics.check(options.outputs)
    place = options.state.save
    output_files.check_writable(place)
    if options.debug.place is not None and isinstance(place, SavePlace) and place.after is not None:
        fail(
            f"--save {place}@{place.after}: with --gdb a machine is saved where its run ends; leave out @{place.after}"
        )
    console = open_console(options.console)
    log = EventRecords.wanted(options.debug, blueprint, options.outputs)
    under = technique or "bare", shadow
    with blueprint.switched_on(*under, console, events=records is not None) as machine:
        if records is not None:
            records.attach(machine)
        if trace is not None:
            machine.trace_to(trace)
        if log is not None:
            # What is repeated for the log would be recorded again.
            log.attach(machine, None if options.state.record is not None else blueprint.machine)
        recorder = debugging.open_recorder(
            machine, blueprint.boot.under(*under), options.state, options.debug, blueprint.resumed
        )
        with console.attached(), debugging.session(machine, options.debug) as debugger:
            if isinstance(place, SavePlace):
                exit, seconds = run_and_save(machine, options.limits, place, blueprint.boot.under(*under), debugger)
            else:
                exit, seconds = run_once(machine, options.limits, debugger)
        if recorder is not None:
            recorder.finish(machine, exit)
        if log is not None:
            log.finish(went_wrong(exit))
    if trace is not None:
        output_files.close(trace)
    if records is not None:
        records.finish(machine, str(exit))
    if translation_file is not None:
        show_translation(machine, translation_file)
    explain_stop(machine, exit, blueprint)
    statistics = statistics_of(machine, exit, seconds, technique)
    run_statistics.write(statistics, options.outputs, machine, machine.console.mid_line)
    if options.show_translation:
        translation.show_translation(machine, blueprint.images)
    return exit_status(exit)


def show_translation(machine: "Machine", path: str) -> None:
    """Write the guest's instructions and what was made of them, side by side; to stdout for `-`. Raises OSError."""
    from trapline.asm.disassembler.instruction import disassemble

    translation = machine.engine.translation
    assert translation is not None
    output_files.write_text(path, "\n".join(translation.side_by_side(disassemble)) + "\n")
