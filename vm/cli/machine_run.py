"""One run of a machine: within limits, how it ended, and why it was stopped."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import click

from trapline.vm.cli.command_files import current
from trapline.vm.cli.options import Limits
from trapline.vm.cli.parameters import SavePlace
from trapline.vm.cli.run_statistics import RunStatistics
from trapline.vm.cli.user_errors import LIMIT_REACHED
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.host import signals

if TYPE_CHECKING:
    from trapline.vm.boot.recipe import Boot
    from trapline.vm.cli.blueprint import Blueprint
    from trapline.vm.gdb.session import Session
    from trapline.vm.machine import Machine


ENDLESS = ", where it jumps to itself with interrupts off: nothing can end that"
UNCHANGING = ", which it cannot leave: interrupts are off, and nothing that it looks at changes"


class Places(Protocol):
    """Names addresses of a program, as `vm.loader.image.Image` and `Blueprint` do."""

    def place(self, address: int) -> str:
        """An address with what is known of it."""

    def passed_end(self, address: int) -> str | None:
        """What ends before an address behind the last instruction."""


def run_once(machine: "Machine", limits: Limits, debugger: "Session | None" = None) -> tuple[Exit, float]:
    """Run within the limits that were set: how it ended, and seconds."""
    limit_output(machine, limits)
    started = time.perf_counter()
    exit = (debugger or machine).run(limits.max_instructions, limits.timeout)
    if debugger is not None:
        debugger.end(exit_status(exit))
    return exit, time.perf_counter() - started


def run_and_save(
    machine: "Machine", limits: Limits, place: SavePlace, boot: "Boot", debugger: "Session | None" = None
) -> tuple[Exit, float]:  # fmt: skip
    """`run_once`, and save the machine where the options say. boot: what it was made from. Raises OSError."""
    most, seconds, exit = limits.max_instructions, 0.0, None
    if place.after is not None:
        first = place.after if most is None else min(most, place.after)
        exit, seconds = run_once(machine, replace(limits, max_instructions=first))
        if exit.reason is not ExitReason.LIMIT or first < place.after:
            click.echo(f"trapline: --save {place}@{place.after}: the run ended before; nothing is saved", err=True)
            return exit, seconds
        most = None if most is None else most - first
        save(machine, boot, place)
    if exit is None or most != 0:
        timeout = None if limits.timeout is None else max(0.0, limits.timeout - seconds)
        left = Limits(most, timeout, None if exit is not None else limits.max_output)
        exit, more = run_once(machine, left, debugger)
        seconds += more
    if place.after is None:
        save(machine, boot, place)
    return exit, seconds


def save(machine: "Machine", boot: "Boot", path: str) -> None:
    """Save a machine to a file, which is as it was until all is written. Raises OSError."""
    from trapline.vm.snapshot_file import writing

    files = current()
    output = files.open(path)
    try:
        writing.save(machine, boot, output.stream)
        files.commit(output)
    finally:
        output.discard()


def limit_output(machine: "Machine", limits: Limits) -> "Machine":
    """The machine, whose guest may print so much."""
    if limits.max_output is not None:
        machine.console.room = limits.max_output
    return machine


def exit_status(exit: Exit) -> int:
    """The status that a machine's end gives the command."""
    if exit.reason is ExitReason.INTERRUPTED:
        return signals.status()
    if exit.reason in (ExitReason.QUIT, ExitReason.KILLED):
        return 0
    if exit.reason is not ExitReason.HALT:
        return LIMIT_REACHED
    return exit.code & 0xFF or (1 if exit.code else 0)


def statistics_of(machine: "Machine", exit: Exit, seconds: float, technique: str | None = None) -> RunStatistics:
    """The statistics of a machine that has run."""
    from trapline.vm.hypervisor.host.counts import Counts

    return RunStatistics(
        exit.reason.value, exit_status(exit), machine.instret, seconds, exit.pc, None, machine.trap_counts,
        technique=technique, counts=Counts.of(machine) if technique else None, resets=machine.resets,
    )  # fmt: skip


def explain_stop(machine: "Machine", exit: Exit, program: "Blueprint", name: str | None = None) -> None:
    """Print on stderr why a machine that did not halt was stopped.

    program: names its addresses; name: of the guest, where there are several.
    """
    if exit.reason is ExitReason.QUIT:
        click.echo("\ntrapline: ended by Ctrl-A X" + _clock_hint(machine), err=True)
    elif exit.reason is ExitReason.KILLED:
        click.echo("trapline: ended by gdb", err=True)
    elif exit.reason not in (ExitReason.HALT, ExitReason.INTERRUPTED):
        where = "trapline" if name is None else f"trapline: {name}"
        from trapline.vm.cli.trap_story import sentences, story_of

        click.echo(f"{where}: {describe_stop(machine, exit, program)}", err=True)
        story = story_of(machine, program, soon=exit.reason is ExitReason.TIMEOUT)
        for line in sentences(story, machine, program) if story is not None else ():
            click.echo(f"  {line}", err=True)


def describe_stop(machine: "Machine", exit: Exit, program: Places) -> str:
    """Why a machine that did not halt was stopped and where, and what to look at next."""
    from trapline.isa.cause import FETCH_ACCESS, INTERRUPT, describe
    from trapline.isa.mode import S
    from trapline.vm.exits.trap_loop import JUMP_TO_ITSELF, is_deaf

    hart = f" of hart {machine.harts.index(machine.current)}" if len(machine.harts) > 1 else ""
    resets = f" after {machine.resets:,} reset{'s' if machine.resets > 1 else ''}" if machine.resets else ""
    text = f"stopped: {exit.reason.value} at pc {program.place(exit.pc)}{hart}{resets}"
    if exit.reason in (ExitReason.LIMIT, ExitReason.TIMEOUT):
        if machine.instruction_word() == JUMP_TO_ITSELF and is_deaf(machine.current.h):
            text += ENDLESS
        text += _clock_hint(machine)
    if exit.reason is ExitReason.ENDLESS_LOOP:
        text += ENDLESS if machine.instruction_word() == JUMP_TO_ITSELF else UNCHANGING
    current, traps, endless = machine.current, machine.trap_counts, exit.reason is ExitReason.TRAP_LOOP
    if endless or (machine.sbi is None and current.csr["mtvec"] == 0 and any(cause < INTERRUPT for cause in traps)):
        level = "s" if endless and current.mode == S else "m"
        cause, epc = current.csr[f"{level}cause"], current.csr[f"{level}epc"]
        text += f"\n  the last trap was: {describe(cause)} at {program.place(epc)}"
        earlier = ", ".join(describe(number) for number in traps if number not in (FETCH_ACCESS, cause))
        text += f"; before that: {earlier}" if earlier else ""
        if current.csr[f"{level}tvec"] == 0:
            text += f"\n  {level}tvec is 0: no handler is set"
    return text


def _clock_hint(machine: "Machine") -> str:
    """A line for a kernel that uses the timer and never waits for it in wfi: its time passes with its instructions."""
    from trapline.isa.cause import INTERRUPT, MTI, STI

    engine = machine.engine
    waited = engine.m.time_base or any(h.idled or h.waiting for h in engine.h)
    ticks = any(INTERRUPT | code in machine.trap_counts for code in (MTI, STI))
    if machine.clock.wall or waited or not ticks:
        return ""
    return "\n  it idles without wfi, so its time passes with its instructions; --clock wall lets it follow real time"
