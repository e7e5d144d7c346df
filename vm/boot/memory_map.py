"""Places firmware, kernel, initial RAM disk and device tree in RAM before the machine starts.

The addresses are those of QEMU's `virt` wherever there is room.
"""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

from trapline.isa.sv32 import PAGE
from trapline.vm.boot.devicetree import Chosen, device_tree
from trapline.vm.boot.kernel_image import Kernel
from trapline.vm.boot.tree_file import TreeFile, completed
from trapline.vm.loader.files import read_program
from trapline.vm.loader.image import LoadError
from trapline.vm.loader.memory import MAX_MEMORY, check_fits, memory_advice

MIB = 1 << 20
TREE_ALIGN = 2 * MIB
TREE_LIMIT = 0xC0000000
"""QEMU keeps the tree below 3 GiB, where a kernel that maps little RAM can reach it."""
INITRD_DISTANCE = 128 * MIB
"""Maximum distance from the kernel to the initial RAM disk; half of RAM if that is less."""
BOOTARGS_LIMIT = 1023
"""Maximum bytes of a command line: Linux has room for 1,024 with the final zero, and truncates silently."""


@dataclass
class Plan:
    """The memory of a machine before it starts.

    firmware: `none` (the kernel starts in M mode), `sbi` (it starts in S mode on the host's SBI) or the kernel-like
    image of M-mode firmware. tree, initrd: address and contents. pieces: (description, start, end) of everything.
    """

    kernel: Kernel | None
    firmware: Kernel | str = "none"
    tree: tuple[int, bytes] = (0, b"")
    initrd: tuple[int, bytes] | None = None
    pieces: list[tuple[str, int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Request:
    """What to boot. isa: extensions in canonical order; ram: its base and size; tree: None for that of the board."""

    isa: tuple[str, ...]
    harts: int
    ram: tuple[int, int]
    kernel: Kernel | None = None
    firmware: Kernel | str = "none"
    initrd: Path | None = None
    append: str | None = None
    tree: TreeFile | None = None


def make_plan(request: Request) -> Plan:
    """Place everything. Raises LoadError for what does not fit or overlaps, or is for another machine."""
    base, size = request.ram
    _check_bootargs(request.append)
    plan = Plan(request.kernel, request.firmware)
    images = [] if request.kernel is None else [("the kernel", request.kernel.image, request.kernel.end)]
    if not isinstance(request.firmware, str):
        images.append(("the firmware", request.firmware.image, request.firmware.end))
    for what, image, end in images:
        check_fits(image, request.isa, base, MAX_MEMORY)
        plan.pieces.append((what, max(base, min(s.paddr for s in image.segments)), end))
    used = max((end for _, _, end in plan.pieces), default=base)
    data = read_program(request.initrd) if request.initrd is not None else b""
    # The size of the tree does not depend on the place of the disk.
    length = len(_tree(request, (0, 0) if data else None))
    room = -(-len(data) // PAGE) * PAGE + (PAGE if data else 0)
    if (needed := used - base + room + length) > size:
        name = request.kernel.image.name if request.kernel is not None else "the device tree"
        raise LoadError(f"{name}: {memory_advice(needed, size)}")
    start = tree_address(base + size, used + room, length)
    plan.pieces.append(("the device tree", start, start + length))
    if data:
        assert request.kernel is not None
        place = _initrd_address(request.kernel, size, used, start, len(data))
        plan.initrd = (place, data)
        plan.pieces.append((f"the initial RAM disk {request.initrd}", place, place + len(data)))
    plan.tree = (start, _tree(request, plan.initrd and (place, place + len(data))))
    _check_apart(plan.pieces)
    return plan


def _check_bootargs(append: str | None) -> None:
    if append is None:
        return
    if (length := len(append.encode(errors="surrogateescape"))) > BOOTARGS_LIMIT:
        raise LoadError(f"--append has {length} bytes; a kernel command line has at most {BOOTARGS_LIMIT}")


def _tree(request: Request, initrd: tuple[int, int] | None) -> bytes:
    if request.tree is not None:
        return completed(request.tree, request.append, initrd)
    chosen = Chosen(request.append, initrd)
    base, size = request.ram
    return device_tree(isa=request.isa, harts=request.harts, ram_base=base, memory=size, chosen=chosen)


def tree_address(end: int, used: int, length: int) -> int:
    """The last 2 MiB boundary with enough room after it; in a small RAM, as close to the end as possible."""
    address = (min(end, TREE_LIMIT) - length) // TREE_ALIGN * TREE_ALIGN
    return address if address >= used else (end - length) // 8 * 8


def _initrd_address(kernel: Kernel, memory: int, used: int, tree: int, length: int) -> int:
    """Half of RAM after the kernel, as on QEMU, or right below the tree if that is too high."""
    address = max(kernel.image.physical_entry + min(memory // 2, INITRD_DISTANCE), used)
    address = -(-address // PAGE) * PAGE
    if address + length <= tree:
        return address
    return (tree - length) // PAGE * PAGE


def _check_apart(pieces: list[tuple[str, int, int]]) -> None:
    ordered = sorted(pieces, key=lambda piece: piece[1])
    for (one, start, end), (other, other_start, other_end) in itertools.pairwise(ordered):
        if end > other_start:
            raise LoadError(
                f"{one} at {start:#010x} to {end - 1:#010x} and {other} at {other_start:#010x} to "
                f"{other_end - 1:#010x} overlap: link one of them elsewhere"
            )
