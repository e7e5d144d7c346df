"""Machines as the command line describes them: from the words of a command to a machine that has run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from trapline.vm.cli import kernel, options
from trapline.vm.cli.report import Report
from trapline.vm.host import signals

DEFAULTS: dict[str, Any] = {
    "isa": "rv32ima", "harts": 1, "engine": None, "clock": "instructions",
    "mleak": 0, "bios": None, "sbi": False, "kernel_option": None, "load_address": None, "initrd": None, "append": None,
    "drives": (), "devices": (), "virtio": "legacy", "dump_dtb": None,
    "entry": None, "text_base": None, "include_dirs": (), "defines": (), "cpp": "pcpp",
}  # fmt: skip
"""Options of `trapline boot` about the machine, where a command does not have them."""


class Blueprint:
    """What a machine is made of: as many as are wanted, each in the state in which it starts.

    names: files of one kernel. settings: what the options say, of which `memory`, bytes of RAM, has no default.
    name: for people. plan: a `vm.boot.memory_map.Plan`; image: the kernel's, for its symbols, or the firmware's without
    one.
    """

    def __init__(self, names: list[str], settings: dict[str, Any]) -> None:
        self.settings = DEFAULTS | settings
        self.name = " + ".join(names) or settings.get("kernel_option") or "firmware"
        self.plan = kernel.plan(names, self.settings)  # before a first run compiles the engine in vain
        if self.plan.kernel is not None:
            self.image = self.plan.kernel.image
        elif not isinstance(self.plan.firmware, str):
            self.image = self.plan.firmware.image

    def build(self, technique: str = "bare", shadow: str = "lazy", console: Any = None, **more: Any) -> Any:
        """A machine, whose board is to be closed when it is not needed any more; `more`: its further parameters.

        Raises ValueError and LoadError.
        """
        from trapline.vm.boot import drives, firmware
        from trapline.vm.machine import Machine

        settings = self.settings
        machine = Machine(
            isa=settings["isa"], harts=settings["harts"], memory=settings["memory"], engine=settings["engine"],
            technique=technique, shadow=shadow, console=console, clock=settings["clock"],
            legacy_virtio=settings["virtio"] == "legacy", **({"real_mleak": settings["mleak"]} | more),
        )  # fmt: skip
        machine.ends_trap_loops = True
        try:
            drives.plug(machine, settings["drives"], settings["devices"])
            firmware.start(machine, self.plan)
        except BaseException:
            close(machine)
            raise
        return machine

    @contextmanager
    def switched_on(self, technique: str, shadow: str, console: Any, events: bool = False) -> Iterator[Any]:
        """`build`; at the end drives are flushed and closed. Raises OSError when that fails."""
        machine = self.build(technique, shadow, console, events=events)
        try:
            yield machine
        finally:
            close(machine)


def close(machine: Any) -> None:
    """Switch off: drives are flushed and closed. Raises OSError when that fails."""
    machine.board.close()


def run_once(machine: Any, settings: dict[str, Any]) -> tuple[Any, float]:
    """Run within the limits that were set: how it ended, and seconds."""
    started = time.perf_counter()
    exit = machine.run(settings["max_instructions"], settings["timeout"])
    return exit, time.perf_counter() - started


def exit_status(exit: Any) -> int:
    """The status that a machine's end gives the command."""
    from trapline.vm.machine import ExitReason

    if exit.reason is ExitReason.INTERRUPTED:
        return signals.status()
    if exit.reason is ExitReason.QUIT:
        return 0
    if exit.reason is not ExitReason.HALT:
        return options.LIMIT_REACHED
    return exit.code & 0xFF or (1 if exit.code else 0)


def report_on(machine: Any, exit: Any, seconds: float, technique: str | None = None) -> Report:
    """The report on a machine that has run."""
    from trapline.vm.hypervisor.host.counts import Counts

    return Report(
        exit.reason.value, exit_status(exit), machine.instret, seconds, exit.pc, None, machine.trap_counts,
        technique=technique, counts=Counts.of(machine) if technique else None,
    )  # fmt: skip


def explain_stop(machine: Any, exit: Any, name: str | None = None) -> None:
    """Say on stderr why a machine that did not halt was stopped; name: of the guest, where there are several."""
    from trapline.vm.machine import ExitReason

    if exit.reason is ExitReason.QUIT:
        click.echo("\ntrapline: ended by Ctrl-A X", err=True)
    elif exit.reason not in (ExitReason.HALT, ExitReason.INTERRUPTED):
        where = "trapline" if name is None else f"trapline: {name}"
        click.echo(f"{where}: {describe_stop(machine, exit)}", err=True)


def describe_stop(machine: Any, exit: Any) -> str:
    """Why a machine that did not halt was stopped, with what a person would look at next."""
    from trapline.isa.cause import FETCH_ACCESS, describe
    from trapline.vm.exits.trap_loop import JUMP_TO_ITSELF, is_deaf
    from trapline.vm.machine import ExitReason

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
