"""Options of `trapline boot` about what is booted: kernel, firmware, harts, initial RAM disk, drives, device tree."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from trapline.isa.spelling import nearest
from trapline.vm.cli import options
from trapline.vm.cli.run import assemble

RAM_BASE = 0x80000000
NONE, DEFAULT = "none", "default"


def booting(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options, named as QEMU's where it has them."""
    for option in (
        click.option("--dump-dtb", metavar="FILE", help="Write the device tree to FILE and boot nothing."),
        click.option(
            "--virtio", type=click.Choice(["legacy", "modern"]), default="legacy", show_default=True,
            help="Registers of the virtio slots: version 1, as on QEMU unless told otherwise, or 2.",
        ),
        click.option(
            "--device", "devices", multiple=True, metavar="NAME[,bus=virtio-mmio-bus.N]",
            help="virtio-blk-device,drive=ID, virtio-rng-device or virtio-serial-device (a console).",
        ),
        click.option(
            "--drive", "drives", multiple=True, metavar="file=PATH[,...]",
            help="A disk over a file: readonly=on, write=on (changes go to the file; else they are gone at the end), "
            "if=virtio|none, format=raw, id=ID.",
        ),
        click.option(
            "--harts", type=click.IntRange(1, 8), default=1, show_default=True, metavar="N",
            help="How many harts there are.",
        ),
        click.option("--append", metavar="TEXT", help="The kernel's command line."),
        click.option("--initrd", metavar="FILE", help="An initial RAM disk for the kernel."),
        click.option("--sbi", is_flag=True, help="The same as --bios default."),
        click.option(
            "--bios", metavar="none|default|FILE",
            help="What is below the kernel: nothing, so that it starts in M mode; the built-in SBI; M-mode firmware. "
            "By default the SBI for a Linux boot image and for what is linked at 0x80200000 or 0x80400000, else none.",
        ),
        click.option("--kernel", "kernel_option", metavar="FILE", help="The kernel, as on QEMU."),
        click.option(
            "--load-address", type=options.Address(), metavar="ADDRESS",
            help="Where a raw image goes.  [0x80000000; 0x80400000 over firmware]",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def plan(names: list[str], settings: dict[str, Any]) -> Any:
    """Read the files and place them: a `vm.boot.memory_map.Plan`. Raises LoadError, AsmError, OSError, ValueError."""
    from trapline.isa.isa_string import parse_isa
    from trapline.vm.boot.memory_map import Request, make_plan

    firmware = _firmware(settings)
    if settings["kernel_option"] is not None:
        if names:
            options.fail(f"--kernel {settings['kernel_option']} and {names[0]}: there is one kernel")
        names = [settings["kernel_option"]]
    if not names and settings["initrd"] is not None:
        options.fail(f"--initrd {settings['initrd']}: there is no kernel to take it")
    if not names and isinstance(firmware, str) and settings["dump_dtb"] is None:
        raise click.UsageError("Missing argument 'KERNEL...'.")
    kernel = _kernel(names, settings, firmware) if names else None
    if firmware == "":
        firmware = "sbi" if kernel is not None and kernel.supervisor else "none"
    initrd = Path(settings["initrd"]) if settings["initrd"] is not None else None
    request = Request(
        isa=parse_isa(settings["isa"]), harts=settings["harts"], ram=(RAM_BASE, settings["memory"]), kernel=kernel,
        firmware=firmware, initrd=initrd, append=settings["append"],
    )  # fmt: skip
    return make_plan(request)


def _firmware(settings: dict[str, Any]) -> Any:
    """`none`, `sbi`, the `Kernel` in the firmware's file, or nothing when the kernel decides."""
    from trapline.vm.boot.image import read_kernel
    from trapline.vm.loader.image import LoadError, detect

    bios = settings["bios"]
    if settings["sbi"] and bios not in (None, DEFAULT):
        options.fail(f"--sbi and --bios {bios} contradict each other")
    if settings["sbi"] or bios == DEFAULT:
        return "sbi"
    if bios in (None, NONE):
        return bios or ""
    path = Path(bios)
    if not path.exists() and nearest(bios, (NONE, DEFAULT)):
        options.fail(f"--bios {bios}: there is no such file; did you mean none or default?")
    kind = detect(path)
    if kind == "asm":
        raise LoadError(f"--bios {bios}: is text; firmware is an ELF file or a raw image")
    return read_kernel(path, kind, RAM_BASE, None, RAM_BASE)


def _kernel(names: list[str], settings: dict[str, Any], firmware: Any) -> Any:
    from trapline.vm.boot.image import AFTER_FIRMWARE, from_elf, read_kernel
    from trapline.vm.loader.image import LoadError, detect, load_elf

    paths = [options.find_program(name) for name in names]
    kinds = [detect(path) for path in paths]
    if len(paths) > 1 and set(kinds) != {"asm"}:
        raise LoadError(f"{paths[0]}: only assembly sources can be linked together")
    raw_base = RAM_BASE if firmware in ("", "none") else AFTER_FIRMWARE
    if kinds[0] != "asm":
        return read_kernel(paths[0], kinds[0], RAM_BASE, settings["load_address"], raw_base)
    return from_elf(load_elf(assemble(paths, settings, raw_base).elf, str(paths[0])))
