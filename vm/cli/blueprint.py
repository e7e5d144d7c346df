"""Machines as the command line describes them: built as often as they are wanted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from trapline.vm.cli import boot_files
from trapline.vm.cli.options import AssemblyOptions, BootOptions, MachineOptions
from trapline.vm.cli.progress import announce_compilation


class Blueprint:
    """What a machine is made of: as many as are wanted, each in the state in which it starts.

    names: files of one kernel. name: for people. plan: a `vm.boot.memory_map.Plan`; image: the kernel's, for its
    symbols, or the firmware's without one.
    """

    def __init__(
        self, names: list[str], machine: MachineOptions, boot: BootOptions = BootOptions(),
        assembly: AssemblyOptions = AssemblyOptions(),
    ) -> None:  # fmt: skip
        self.machine = machine
        self.name = " + ".join(names) or boot.kernel_file or "firmware"
        self.plan = boot_files.plan(names, machine, boot, assembly)  # before a first run compiles the engine in vain
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

        options = self.machine
        more = {"real_mleak": options.real_mleak, "announce": announce_compilation, **more}
        machine = Machine(
            isa=options.isa, harts=options.harts, memory=options.memory, engine=options.engine, technique=technique,
            shadow=shadow, console=console, clock=options.clock, legacy_virtio=options.virtio == "legacy",
            **more,
        )  # fmt: skip
        machine.ends_trap_loops = True
        try:
            drives.plug(machine, options.drives, options.devices)
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
