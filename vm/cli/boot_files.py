"""From the files that `trapline boot` and `virt` name to a plan of what goes where in memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trapline.isa.did_you_mean import nearest
from trapline.vm.cli.assembling import assemble, with_warnings
from trapline.vm.cli.bundled import find_program
from trapline.vm.cli.options import AssemblyOptions, BootOptions, MachineOptions
from trapline.vm.cli.user_errors import fail

if TYPE_CHECKING:
    from trapline.vm.boot.kernel_image import Kernel
    from trapline.vm.boot.loader_device import Load
    from trapline.vm.boot.memory_map import Plan

NONE, DEFAULT = "none", "default"


def plan(
    names: list[str], machine: MachineOptions, boot: BootOptions, assembly: AssemblyOptions = AssemblyOptions()
) -> "Plan":
    """Read the files and place them. Raises LoadError, AsmError, OSError, ValueError."""
    from trapline.isa.isa_string import parse_isa
    from trapline.vm.boot.memory_map import Request, make_plan
    from trapline.vm.boot.tree_file import read_tree
    from trapline.vm.machine import RAM_BASE

    firmware = _firmware(boot, machine.isa)
    if boot.kernel_file is not None:
        if names:
            fail(f"--kernel {boot.kernel_file} and {names[0]}: only one kernel can be booted")
        names = [boot.kernel_file]
    if not names and boot.initrd is not None:
        fail(f"--initrd {boot.initrd} needs a kernel")
    if not names and isinstance(firmware, str) and boot.dump_dtb is None:
        raise click.UsageError("Missing argument 'KERNEL...'.")
    kernel = _kernel(names, boot, assembly, firmware, machine.isa) if names else None
    if firmware == "":
        firmware = "sbi" if kernel is not None and kernel.supervisor else "none"
    initrd = Path(boot.initrd) if boot.initrd is not None else None
    request = Request(
        isa=parse_isa(machine.isa), harts=machine.harts, ram=(RAM_BASE, machine.memory), kernel=kernel,
        firmware=firmware, initrd=initrd, append=boot.append, tree=read_tree(Path(boot.dtb)) if boot.dtb else None,
    )  # fmt: skip
    return make_plan(request)


def loads(devices: Sequence[str], plan: "Plan") -> list[tuple[str, "Load"]]:
    """What each `--device loader` loads, with the option's text. Raises LoadError, OSError, ValueError."""
    from trapline.vm.boot.loader_device import check_apart, is_loader, read_load

    found = [(device, read_load(device)) for device in devices if is_loader(device)]
    for device, load in found:
        check_apart(device, load, plan.pieces)
    return found


def _firmware(boot: BootOptions, isa: str) -> "Kernel | str":
    """`none`, `sbi`, the `Kernel` in the firmware's file, or nothing when the kernel decides."""
    from trapline.vm.boot.kernel_image import read_kernel
    from trapline.vm.loader.files import detect
    from trapline.vm.loader.image import LoadError
    from trapline.vm.machine import RAM_BASE

    bios = boot.bios
    if boot.sbi and bios not in (None, DEFAULT):
        fail(f"--sbi and --bios {bios} contradict each other")
    if boot.sbi or bios == DEFAULT:
        return "sbi"
    if bios in (None, NONE):
        return bios or ""
    path = Path(bios)
    if not path.exists() and nearest(bios, (NONE, DEFAULT)):
        fail(f"--bios {bios}: no such file; did you mean none or default?")
    kind = detect(path)
    if kind == "asm":
        raise LoadError(f"--bios {bios}: is assembly text; firmware is an ELF file or a raw image")
    loaded = read_kernel(path, kind, RAM_BASE, None, RAM_BASE)
    with_warnings(loaded.image, isa)
    return loaded


def _kernel(
    names: list[str], boot: BootOptions, assembly: AssemblyOptions, firmware: "Kernel | str", isa: str
) -> "Kernel":
    from trapline.vm.boot.kernel_image import AFTER_FIRMWARE, from_elf, read_kernel
    from trapline.vm.loader.files import detect
    from trapline.vm.loader.image import LoadError
    from trapline.vm.loader.source import program_image
    from trapline.vm.machine import RAM_BASE

    paths = [find_program(name) for name in names]
    kinds = [detect(path) for path in paths]
    if len(paths) > 1 and set(kinds) != {"asm"}:
        raise LoadError(f"{paths[0]}: only assembly sources can be linked together")
    raw_base = RAM_BASE if firmware in ("", "none") else AFTER_FIRMWARE
    if kinds[0] != "asm":
        kernel = read_kernel(paths[0], kinds[0], RAM_BASE, boot.load_address, raw_base)
        with_warnings(kernel.image, isa)
        return kernel
    return from_elf(program_image(assemble(paths, assembly, raw_base, isa), str(paths[0])))
