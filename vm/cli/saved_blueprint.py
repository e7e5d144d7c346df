"""A machine in a file, as the commands see what a machine is made of."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trapline.vm.cli.blueprint import Blueprint, close
from trapline.vm.cli.options import MachineOptions
from trapline.vm.cli.progress import announce_compilation

if TYPE_CHECKING:
    from trapline.vm.host.console import Console
    from trapline.vm.machine import Machine
    from trapline.vm.snapshot_file.reading import SavedMachine


class SavedBlueprint(Blueprint):
    """The machine in a file: `switched_on` has it as it was saved, `build` as it was when it was switched on."""

    resumed = True

    def __init__(self, saved: "SavedMachine", engine: str | None) -> None:
        self._saved = saved
        own = saved.boot.machine
        described = MachineOptions(
            isa=own.isa, harts=own.harts, memory=own.memory, clock=own.clock, drives=saved.boot.drives,
            devices=saved.boot.devices, engine=engine,
        )  # fmt: skip
        self._begin(described, saved.boot)

    @contextmanager
    def switched_on(self, technique: str, shadow: str, console: "Console", events: bool = False) -> Iterator["Machine"]:
        """The machine as it was saved; at the end drives are flushed and closed. Raises OSError when that fails."""
        machine = self._saved.build(
            self.report, console=console, events=events, engine=self.machine.engine, announce=announce_compilation
        )
        try:
            yield machine
        finally:
            close(machine)
