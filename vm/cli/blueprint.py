"""Machines as the command line describes them: built as often as they are wanted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Unpack

import click

from trapline.vm.cli import boot_files
from trapline.vm.cli.options import AssemblyOptions, BootOptions, MachineOptions
from trapline.vm.cli.progress import announce_compilation

if TYPE_CHECKING:
    from trapline.vm.boot.recipe import Boot
    from trapline.vm.host.console import Console
    from trapline.vm.loader.image import Image
    from trapline.vm.machine import Machine, Options


class Blueprint:
    """What a machine is made of: as many as are wanted, each in the state in which it starts.

    names: files of one kernel. name: for people. plan: a `vm.boot.memory_map.Plan`; image: the kernel's, for its
    symbols, or the firmware's without one. resumed: whether it has run before.
    """

    resumed = False

    def __init__(
        self, names: list[str], machine: MachineOptions, boot: BootOptions = BootOptions(),
        assembly: AssemblyOptions = AssemblyOptions(),
    ) -> None:  # fmt: skip
        from trapline.vm.boot import loader_device, semihosting
        from trapline.vm.boot.recipe import Boot, MachineRecipe

        plan = boot_files.plan(names, machine, boot, assembly)  # before a first run compiles the engine in vain
        arguments = (*names[:1], *([boot.append] if boot.append else []))
        self._begin(machine, Boot(
            name=" + ".join(names) or boot.kernel_file or "firmware",
            machine=MachineRecipe(
                isa=machine.isa, harts=machine.harts, memory=machine.memory, real_mleak=machine.real_mleak,
                legacy_virtio=machine.virtio == "legacy", clock=machine.clock,
            ),
            plan=plan, loads=boot_files.loads(machine.devices, plan), drives=machine.drives,
            devices=tuple(device for device in machine.devices if not loader_device.is_loader(device)),
            arguments=arguments if semihosting.wanted(plan, boot.semihosting) else None, reboots=not boot.no_reboot,
        ))  # fmt: skip

    def _begin(self, machine: MachineOptions, boot: "Boot") -> None:
        """Set the attributes. boot: what is read from files."""
        self._reported: set[str] = set()
        self.machine, self.boot, self.plan, self.name = machine, boot, boot.plan, boot.name
        if self.plan.kernel is not None:
            self.image = self.plan.kernel.image
        elif not isinstance(self.plan.firmware, str):
            self.image = self.plan.firmware.image

    @property
    def images(self) -> list["Image"]:
        """The programs in memory, the kernel first."""
        kernels = (self.plan.kernel, self.plan.firmware)
        return [kernel.image for kernel in kernels if kernel is not None and not isinstance(kernel, str)]

    def place(self, address: int) -> str:
        """An address, virtual or physical, with symbol and line of the program that it is in."""
        known = (image for image in self.images if image.linked_address(address) is not None)
        return next(known, self.image).place(address)

    def passed_end(self, address: int) -> str | None:
        """What ends before an address behind the last instruction of a program, see `Image.passed_end`."""
        return next((end for image in self.images if (end := image.passed_end(address))), None)

    def build(self, **options: Unpack["Options"]) -> "Machine":
        """A machine, whose board is to be closed when it is not needed any more.

        options: of `Machine`, where it differs from what the command line describes. Raises ValueError and LoadError.
        """
        from trapline.vm.machine import Options

        described = Options(engine=self.machine.engine, announce=announce_compilation, technique="bare")
        return self.boot.build(self.report, **(described | options))

    def report(self, text: str) -> None:
        """Print the trouble of a device, once for all machines that are built."""
        if text not in self._reported:
            self._reported.add(text)
            click.echo(f"trapline: {text}", err=True)

    @contextmanager
    def switched_on(self, technique: str, shadow: str, console: "Console", events: bool = False) -> Iterator["Machine"]:
        """`build`; at the end drives are flushed and closed. Raises OSError when that fails."""
        machine = self.build(technique=technique, shadow=shadow, console=console, events=events)
        try:
            yield machine
        finally:
            close(machine)


def close(machine: "Machine") -> None:
    """Switch off: drives are flushed and closed. Raises OSError when that fails."""
    if machine.board is not None:
        machine.board.close()
