"""`trapline boot`: a kernel on the bare machine."""

import time
from pathlib import Path
from typing import Any

import click

from vm import cli_console, cli_kernel, signals
from vm import cli_options as options
from vm.cli_run import finish
from vm.report import Report, close, open_for_writing


@click.command(
    "boot",
    epilog="Exit status: what the kernel gives the test finisher or HTIF; 0 after Ctrl-A X; 2 for a mistake in what "
    "was asked; "
    "124 when a limit ended it, when it idles with nothing that could wake it, or when it can only trap for ever.",
)
@click.argument("kernel", nargs=-1, metavar="KERNEL...")
@click.option(
    "--harts", type=click.IntRange(1, 8), default=1, show_default=True, metavar="N", help="How many harts there are."
)
@cli_kernel.booting
@cli_console.console_options
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
    context.exit(_boot(list(kernel), **settings))


def _boot(names: list[str], **settings: Any) -> int:
    from vm import engine
    from vm.boot import drives, firmware
    from vm.machine import ExitReason, Machine

    engine.on_compile = options.announce_compilation
    with options.mistakes():
        plan = cli_kernel.plan(names, settings)
        if settings["dump_dtb"] is not None:
            Path(settings["dump_dtb"]).write_bytes(plan.tree[1])
            return 0
        trace = open_for_writing(settings["trace"]) if settings["trace"] else None
        if settings["json_file"] and settings["json_file"] != "-":
            open_for_writing(settings["json_file"]).close()
        console = cli_console.open_console(settings)
        machine = Machine(
            isa=settings["isa"], harts=settings["harts"], memory=settings["memory"], engine=settings["engine"],
            console=console, clock=settings["clock"], legacy_virtio=settings["virtio"] == "legacy",
        )  # fmt: skip
        machine.ends_trap_loops = True
        with drives.plugged(machine, settings["drives"], settings["devices"]):
            firmware.start(machine, plan)
            if trace is not None:
                machine.trace_to(trace)
            started = time.perf_counter()
            with console.attached():
                exit = machine.run(settings["max_instructions"], settings["timeout"])
            seconds = time.perf_counter() - started
        if trace is not None:
            close(trace)
        status = exit.code & 0xFF if exit.reason is ExitReason.HALT else 0
        if exit.code and not status:
            status = 1
        if exit.reason is ExitReason.INTERRUPTED:
            status = signals.status()
        elif exit.reason is ExitReason.QUIT:
            click.echo("\ntrapline: ended by Ctrl-A X", err=True)
        elif exit.reason is not ExitReason.HALT:
            status = options.LIMIT_REACHED
            click.echo(f"trapline: {describe_stop(machine, exit)}", err=True)
        report = Report(
            exit.reason.value, status, machine.instret, seconds, exit.pc, None, machine.trap_counts
        )  # fmt: skip
        finish(report, settings, machine.digest, machine.console.mid_line)
    return status


def describe_stop(machine: Any, exit: Any) -> str:
    """Why a machine that did not halt was stopped, with what a person would look at next."""
    from isa.cause import FETCH_ACCESS, describe
    from vm.machine import ExitReason
    from vm.trap_loop import JUMP_TO_ITSELF, is_deaf

    text = f"stopped: {exit}"
    if exit.reason in (ExitReason.LIMIT, ExitReason.TIMEOUT):
        if machine.instruction_word() == JUMP_TO_ITSELF and is_deaf(machine.current.h):
            text += ", where it jumps to itself with interrupts off: nothing can end that"
    traps, endless = machine.trap_counts, exit.reason is ExitReason.TRAP_LOOP
    if endless:
        text += ", where the trap handler should be and cannot be executed"
    if endless or (machine.sbi is None and machine.csr["mtvec"] == 0 and any(cause < 32 for cause in traps)):
        level = "s" if endless and machine.mode == 1 else "m"
        cause = machine.csr[f"{level}cause"]
        text += f"\n  the last trap was: {describe(cause)} at {machine.csr[f'{level}epc']:#010x}"
        earlier = ", ".join(describe(number) for number in traps if number not in (FETCH_ACCESS, cause))
        text += f"; before that: {earlier}" if earlier else ""
        if machine.csr[f"{level}tvec"] == 0:
            text += f"\n  {level}tvec is 0: no handler is set"
    return text
