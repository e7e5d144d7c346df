"""Machines as the command line describes them: built as often as they are wanted."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Unpack

import click

from trapline.vm.cli import boot_files
from trapline.vm.cli.options import AssemblyOptions, BootOptions, MachineOptions
from trapline.vm.cli.progress import announce_compilation

if TYPE_CHECKING:
    from trapline.vm.boot.semihosting import SemihostedKernel
    from trapline.vm.host.console import Console
    from trapline.vm.loader.image import Image
    from trapline.vm.machine import Machine, Options


class Blueprint:
    """What a machine is made of: as many as are wanted, each in the state in which it starts.

    names: files of one kernel. name: for people. plan: a `vm.boot.memory_map.Plan`; image: the kernel's, for its
    symbols, or the firmware's without one.
    """

    def __init__(
        self, names: list[str], machine: MachineOptions, boot: BootOptions = BootOptions(),
        assembly: AssemblyOptions = AssemblyOptions(),
    ) -> None:  # fmt: skip
        self._reported: set[str] = set()
        self.machine = machine
        self._semihosting = boot.semihosting
        self._reboots = not boot.no_reboot
        self._arguments = [*names[:1], *([boot.append] if boot.append else [])]
        self.name = " + ".join(names) or boot.kernel_file or "firmware"
        self.plan = boot_files.plan(names, machine, boot, assembly)  # before a first run compiles the engine in vain
        self._loads = boot_files.loads(machine.devices, self.plan)
        if self.plan.kernel is not None:
            self.image = self.plan.kernel.image
        elif not isinstance(self.plan.firmware, str):
            self.image = self.plan.firmware.image

    @property
    def _images(self) -> list["Image"]:
        """The programs in memory, the kernel first."""
        kernels = (self.plan.kernel, self.plan.firmware)
        return [kernel.image for kernel in kernels if kernel is not None and not isinstance(kernel, str)]

    def place(self, address: int) -> str:
        """An address, virtual or physical, with symbol and line of the program that it is in."""
        known = (image for image in self._images if image.linked_address(address) is not None)
        return next(known, self.image).place(address)

    def passed_end(self, address: int) -> str | None:
        """What ends before an address behind the last instruction of a program, see `Image.passed_end`."""
        return next((end for image in self._images if (end := image.passed_end(address))), None)

    def build(self, **options: Unpack["Options"]) -> "Machine":
        """A machine, whose board is to be closed when it is not needed any more.

        options: of `Machine`, where it differs from what the command line describes. Raises ValueError and LoadError.
        """
        from trapline.vm.boot import drives, firmware, loader_device, semihosting
        from trapline.vm.machine import Machine, Options

        own = self.machine
        described = Options(
            isa=own.isa, harts=own.harts, memory=own.memory, engine=own.engine, real_mleak=own.real_mleak,
            clock=own.clock, legacy_virtio=own.virtio == "legacy", announce=announce_compilation,
        )  # fmt: skip
        machine = Machine(**(described | options))
        machine.ends_trap_loops = True
        try:
            if machine.board is not None:
                machine.board.report = self._report
                plugged = [device for device in own.devices if not loader_device.is_loader(device)]
                drives.plug(machine.board, own.drives, plugged)
            firmware.attach(machine, self.plan)
            kernel = None
            if semihosting.wanted(self.plan, self._semihosting):
                kernel = semihosting.SemihostedKernel(machine, self._arguments)
            start = partial(self._start, kernel)
            start(machine)
            if self._reboots:
                machine.restart = start
        except BaseException:
            close(machine)
            raise
        return machine

    def _start(self, kernel: "SemihostedKernel | None", machine: "Machine") -> None:
        """Load everything and start the harts: at power-on, and after each reset."""
        from trapline.vm.boot import firmware, loader_device

        firmware.start(machine, self.plan)
        for device, load in self._loads:
            loader_device.apply(machine, device, load)
        if kernel is not None:
            kernel.begin()

    def _report(self, text: str) -> None:
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
