"""The device tree of a machine: the devices on its board, described as QEMU describes them."""

from collections.abc import Sequence
from dataclasses import dataclass

from trapline.isa.cache_blocks import BLOCK
from trapline.isa.cause import MEI, MSI, MTI, SEI
from trapline.vm.board.board import VIRTIO_BASE, VIRTIO_SLOTS, VIRTIO_SOURCE, VIRTIO_STRIDE
from trapline.vm.board.devices import FINISHER_BASE
from trapline.vm.board.plic import PLIC_BASE, PLIC_SIZE, SOURCES
from trapline.vm.board.uart import UART_BASE, UART_SOURCE
from trapline.vm.boot.flat_tree import Node, flatten
from trapline.vm.core.clint import CLINT

TIMEBASE = 10_000_000
"""Ticks of mtime in a second."""
UART_CLOCK = 3_686_400
CLINT_WINDOW = 0x10000
"""Size in bytes that firmware expects of a `sifive,clint0`; its registers end earlier."""

PLIC_HANDLE, FINISHER_HANDLE, HART_HANDLE = 1, 2, 16
"""Phandles; hart n has HART_HANDLE + 2 n, its interrupt controller the next."""


@dataclass(frozen=True)
class Chosen:
    """The contents of `/chosen`. initrd: first physical address, and the one after the last byte."""

    bootargs: str | None = None
    initrd: tuple[int, int] | None = None


def device_tree(
    *,
    isa: Sequence[str],
    harts: int,
    ram_base: int,
    memory: int,
    chosen: Chosen | None = None,
    clint: bool = True,
    slots: int = VIRTIO_SLOTS,
) -> bytes:
    """The flattened tree. isa: extensions in canonical order; memory: bytes of RAM; slots: of virtio."""
    root = Node(n_address_cells=2, n_size_cells=2, compatible="riscv-virtio", model="riscv-virtio,trapline")
    root.add(_chosen(chosen or Chosen()))
    root.add(Node(f"memory@{ram_base:x}", device_type="memory", reg=_region(ram_base, memory)))
    root.add(_harts(isa, harts))
    soc = root.add(Node("soc", n_address_cells=2, n_size_cells=2, compatible="simple-bus", ranges=None))
    finisher = Node(f"test@{FINISHER_BASE:x}", compatible=("sifive,test1", "sifive,test0", "syscon"))
    soc.add(finisher.set(reg=_region(FINISHER_BASE, 0x1000), phandle=FINISHER_HANDLE))
    if clint:
        soc.add(_clint(harts))
    soc.add(_plic(harts))
    serial = Node(f"serial@{UART_BASE:x}", compatible="ns16550a", reg=_region(UART_BASE, 0x100))
    soc.add(serial.set(clock_frequency=UART_CLOCK, **_interrupt(UART_SOURCE)))
    for slot in range(slots):
        base = VIRTIO_BASE + slot * VIRTIO_STRIDE
        device = Node(f"virtio_mmio@{base:x}", compatible="virtio,mmio", reg=_region(base, VIRTIO_STRIDE))
        soc.add(device.set(**_interrupt(VIRTIO_SOURCE + slot)))
    for name, command in (("poweroff", 0x5555), ("reboot", 0x7777)):
        root.add(Node(name, compatible=f"syscon-{name}", regmap=FINISHER_HANDLE, offset=0, value=command))
    return flatten(root)


def isa_string(extensions: Sequence[str]) -> str:
    """The ISA string, such as `rv32ima_zicsr_zifencei`."""
    letters = "".join(name for name in extensions if len(name) == 1)
    return "_".join([f"rv32{letters}", *(name for name in extensions if len(name) > 1)])


def _region(base: int, size: int) -> tuple[int, ...]:
    return (0, base, size >> 32, size & 0xFFFFFFFF)


def _interrupt(source: int) -> dict[str, int]:
    return {"interrupt_parent": PLIC_HANDLE, "interrupts": source}


def _chosen(chosen: Chosen) -> Node:
    node = Node("chosen", stdout_path=f"/soc/serial@{UART_BASE:x}")
    if chosen.bootargs is not None:
        node.set(bootargs=chosen.bootargs)
    if chosen.initrd is not None:
        start, end = chosen.initrd
        node.properties["linux,initrd-start"] = start
        node.properties["linux,initrd-end"] = end
    return node


def _harts(isa: Sequence[str], count: int) -> Node:
    node = Node("cpus", n_address_cells=1, n_size_cells=0, timebase_frequency=TIMEBASE)
    for number in range(count):
        handle = HART_HANDLE + 2 * number
        hart = node.add(Node(f"cpu@{number:x}", device_type="cpu", reg=number, status="okay", compatible="riscv"))
        hart.properties["riscv,isa"] = isa_string(isa)
        if "zicbom" in isa:
            hart.properties["riscv,cbom-block-size"] = BLOCK
        hart.set(mmu_type="riscv,sv32", phandle=handle)
        controller = hart.add(Node("interrupt-controller", n_interrupt_cells=1, interrupt_controller=None))
        controller.set(compatible="riscv,cpu-intc", phandle=handle + 1, n_address_cells=0)
    return node


def _lines(harts: int, *codes: int) -> tuple[int, ...]:
    """These interrupts of every hart's interrupt controller."""
    return tuple(cell for n in range(harts) for code in codes for cell in (HART_HANDLE + 2 * n + 1, code))


def _clint(harts: int) -> Node:
    node = Node(f"clint@{CLINT:x}", compatible=("sifive,clint0", "riscv,clint0"), reg=_region(CLINT, CLINT_WINDOW))
    return node.set(interrupts_extended=_lines(harts, MSI, MTI))


def _plic(harts: int) -> Node:
    node = Node(f"plic@{PLIC_BASE:x}", compatible=("sifive,plic-1.0.0", "riscv,plic0"))
    node.set(reg=_region(PLIC_BASE, PLIC_SIZE), n_interrupt_cells=1, n_address_cells=0, interrupt_controller=None)
    node.properties["riscv,ndev"] = SOURCES - 1
    return node.set(interrupts_extended=_lines(harts, MEI, SEI), phandle=PLIC_HANDLE)
