"""What a guest that is run several times, for a comparison or an explanation, may have: the same in every run."""

import sys
from collections.abc import Sequence
from pathlib import Path

from trapline.vm.cli.option_groups import given
from trapline.vm.cli.options import BootOptions, MachineOptions, RunOptions
from trapline.vm.cli.user_errors import fail


def refuse_writing(machine: MachineOptions, why: str) -> None:
    """Refuse drives whose file is written to."""
    for drive in machine.drives:
        if "write=on" in drive.split(","):
            fail(f"--drive {drive}: {why}")


def refuse_options(
    what: str, refused: Sequence[str], machine: MachineOptions, boot: BootOptions, options: RunOptions
) -> None:
    """Refuse what does not go with `what`, which runs the guest several times: options, and a clock that differs."""
    for spelling in given(boot, options.console, options.outputs, options.exits):
        if spelling in refused:
            fail(f"{spelling} does not go with {what}")
    if machine.clock == "wall":
        fail(f"--clock wall does not go with {what}: no two runs would be the same")


def console_input(path: str | None) -> bytes:
    """All input: of a file, or of a standard input that is no terminal."""
    if path is not None and path != "-":
        return Path(path).read_bytes()
    if sys.stdin is None or sys.stdin.isatty():
        return b""
    return sys.stdin.buffer.read()
