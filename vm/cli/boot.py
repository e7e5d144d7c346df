"""`trapline boot`: a kernel on the bare machine."""

from pathlib import Path
from typing import Any

import click

from trapline.vm.cli import kernel, options
from trapline.vm.cli.console import console_options, open_console
from trapline.vm.cli.machine import Blueprint, exit_status, explain_stop, report_on, run_once
from trapline.vm.cli.observe import Seeing
from trapline.vm.cli.report import close, open_for_writing
from trapline.vm.cli.run import finish


@click.command(
    "boot",
    epilog="Exit status: what the kernel gives the test finisher or HTIF; 0 after Ctrl-A X; 2 for a mistake in what "
    "was asked; "
    "124 when a limit ended it, when it idles with nothing that could wake it, or when it can only trap for ever.",
)
@click.argument("kernel", nargs=-1, metavar="KERNEL...")
@kernel.booting
@console_options
@options.running
@options.assembling
@click.pass_context
def boot_command(context: click.Context, kernel: tuple[str, ...], **settings: Any) -> None:
    """Boot a kernel.

    KERNEL is an ELF file, a Linux boot image, a raw image, or one or more assembly sources. It starts in M mode, or
    in S mode over a built-in SBI when it is a kernel for that (see --bios), with its hart's number in a0 and a
    device tree in a1. The board has the addresses of QEMU's `virt`: UART at 0x10000000, CLINT at 0x2000000, PLIC at
    0xc000000, test finisher at 0x100000, virtio from 0x10001000 on, RAM at 0x80000000.
    At a terminal every key goes to the kernel; Ctrl-A X quits, Ctrl-A H helps.

    \b
    trapline boot programs/boot/uart-hello.s
    trapline boot programs/boot/sv32.s --stats
    trapline boot Image --append "console=hvc0 earlycon=sbi"
    """
    from trapline.vm import engine

    engine.on_compile = options.announce_compilation
    with options.mistakes():
        context.exit(boot(Blueprint(list(kernel), settings), settings))


def boot(blueprint: Blueprint, settings: dict[str, Any], technique: str | None = None, shadow: str = "lazy") -> int:
    """Run one machine on this terminal; its exit status. technique: None without a hypervisor."""
    if settings["dump_dtb"] is not None:
        Path(settings["dump_dtb"]).write_bytes(blueprint.plan.tree[1])
        return 0
    seeing = None
    if Seeing.wanted(settings):
        seeing = Seeing(settings, blueprint.image, technique or "bare", blueprint.name)
    trace = open_for_writing(settings["trace"]) if settings["trace"] else None
    if settings["json_file"] and settings["json_file"] != "-":
        open_for_writing(settings["json_file"]).close()
    console = open_console(settings)
    with blueprint.switched_on(technique or "bare", shadow, console, events=seeing is not None) as machine:
        if seeing is not None:
            seeing.attach(machine)
        if trace is not None:
            machine.trace_to(trace)
        with console.attached():
            exit, seconds = run_once(machine, settings)
    if trace is not None:
        close(trace)
    if seeing is not None:
        seeing.finish(machine, str(exit))
    if settings.get("show_translation"):
        show_translation(machine, settings["show_translation"])
    explain_stop(machine, exit)
    finish(report_on(machine, exit, seconds, technique), settings, machine.digest, machine.console.mid_line)
    return exit_status(exit)


def show_translation(machine: Any, name: str) -> None:
    """Write the guest's instructions and what was made of them, side by side; to stdout if the name is -."""
    from trapline.asm.disassembler.instruction import disassemble

    text = "\n".join(machine.engine.translation.side_by_side(disassemble)) + "\n"
    if name == "-":
        click.echo(text, nl=False)
    else:
        Path(name).write_text(text)
