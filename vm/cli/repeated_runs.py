"""Runs of one guest that are compared or explained: what makes each the same as the others."""

import sys
from collections.abc import Sequence
from pathlib import Path

from trapline.vm.cli.option_groups import given
from trapline.vm.cli.options import BootOptions, MachineOptions, RunOptions
from trapline.vm.cli.user_errors import fail


def refuse_writing(machine: MachineOptions, why: str) -> None:
    """Refuse drives that keep changes."""
    if (drive := writes(machine)) is not None:
        fail(f"--drive {drive}: {why}")


def writes(machine: MachineOptions) -> str | None:
    """A drive that keeps changes, if there is one."""
    return next((drive for drive in machine.drives if "write=on" in drive.split(",")), None)


def refuse_options(
    what: str, refused: Sequence[str], machine: MachineOptions, boot: BootOptions, options: RunOptions
) -> None:
    """Refuse what cannot be used with `what`, which runs the guest several times: options, and the wall clock."""
    for spelling in given(boot, options.console, options.outputs, options.exits):
        if spelling in refused:
            fail(f"{spelling} cannot be used with {what}")
    for spelling in given(options.state):
        fail(f"{spelling} cannot be used with {what}")
    if machine.clock == "wall":
        fail(f"--clock wall cannot be used with {what}: no two runs would be the same")


def console_input(path: str | None) -> bytes:
    """All console input: of a file, or of standard input unless that is a terminal."""
    if path is not None and path != "-":
        return Path(path).read_bytes()
    if sys.stdin is None or sys.stdin.isatty():
        return b""
    return sys.stdin.buffer.read()
