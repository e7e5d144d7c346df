"""The kernels in C under tests/vm/boot/kernels: built with gcc, run here and on QEMU's `virt` machine."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.gnu import ARCHITECTURE, Find, run_tool
from support.paths import BOOT_KERNELS
from support.qemu.systems import QEMU
from trapline import ExitReason, Machine
from trapline.vm.board.virtio.backing_file import Drive
from trapline.vm.board.virtio.block import Block

FREESTANDING = (
    "-O2", "-Wall", "-Werror", "-mcmodel=medany", "-mno-relax", "-ffreestanding", "-fno-builtin", "-nostdlib",
    "-static", "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments", "-T", str(BOOT_KERNELS / "kernel.ld"),
)  # fmt: skip
DISK = b"A file on the disk, which both processes read.\n".ljust(4096, b"\0")
MEMORY = 16 << 20


@dataclass(frozen=True)
class Kernel:
    """One of them: how many harts it wants, what is typed, whether it has a disk, whether it is an S mode kernel.

    status: what it gives the test finisher; steps: how many instructions of all harts are plenty.
    """

    name: str
    about: str
    harts: int = 1
    stdin: bytes = b""
    disk: bool = False
    supervisor: bool = False
    status: int = 0
    steps: int = 5_000_000

    def __str__(self) -> str:
        return self.name


def build(tool: Find, kernel: Kernel, elf: Path, alone: bool = False) -> Path:
    """Compile and link. An S mode kernel gets the SBI of `sbi.S` below it, because QEMU 7.2 as it is packaged has none
    for RV32; `alone`: it does not.
    """
    sources = [BOOT_KERNELS / "start.S", *BOOT_KERNELS.glob(f"{kernel.name}.[cS]")]
    options = ["-Wl,--defsym=BASE=0x80200000"] if kernel.supervisor else []
    if kernel.supervisor and not alone:
        sources.append(BOOT_KERNELS / "sbi.S")
        options.append("-Wl,--entry=firmware")
    compiler = tool("riscv64-unknown-elf-gcc")
    run_tool(compiler, *ARCHITECTURE, *FREESTANDING, *options, *map(str, sources), "-o", str(elf))
    return elf


def run_here(kernel: Kernel, elf: Path, disk: Path) -> bytes:
    """What it prints on our machine, where it must end as it should; `disk` is written."""
    machine = Machine.from_elf(elf.read_bytes(), memory=MEMORY, harts=kernel.harts, stdin=kernel.stdin)
    assert machine.board is not None
    if kernel.disk:
        machine.board.plug(Block(Drive(disk, write=True)))
    for number, hart in enumerate(machine.harts):
        hart.x["a0"] = number
    exit = machine.run(max_instructions=kernel.steps)
    assert exit.reason is ExitReason.HALT and exit.code == kernel.status, (str(exit), machine.console.output)
    machine.board.close()
    return machine.console.output


def run_on_qemu(tool: Find, kernel: Kernel, elf: Path, disk: Path, *options: str) -> bytes:
    """The same on QEMU, which may get more options."""
    command = [tool("qemu-system-riscv32"), *QEMU, "-m", f"{MEMORY >> 20}M", "-smp", str(kernel.harts), *options]
    if kernel.disk:
        command += ["-drive", f"file={disk},format=raw,if=none,id=disk"]
        command += ["-device", "virtio-blk-device,drive=disk,bus=virtio-mmio-bus.0"]
    command += ["-kernel", str(elf)]
    done = subprocess.run(command, input=kernel.stdin, capture_output=True, timeout=60, check=False)
    assert done.returncode == kernel.status, done
    return done.stdout
