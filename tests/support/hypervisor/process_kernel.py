"""A user program as a whole guest, whose operating system is `process_kernel.s`: S mode, Sv32 and system calls."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from support.machines import from_program, get, put
from trapline import Machine
from trapline.asm import assemble
from trapline.vm.loader.files import load_elf
from trapline.vm.loader.image import EXECUTE, READ, WRITE, Image
from trapline.vm.process.stack import initial_stack

KERNEL = Path(__file__).with_suffix(".s")
MEMORY = 2 << 20
STACK_TOP = 0x7FFF0000
ROOM = 0x8000
"""Bytes that arguments and environment may take of the stack."""
DEVICES = {0xF0000000: 0, 0xF0400000: 0x10000000}
"""Where S mode sees them, and where they are."""
V, R, W, X, U, A, D = (1 << bit for bit in (0, 1, 2, 3, 4, 6, 7))


@cache
def image_of(path: Path) -> Image:
    """An assembly source, assembled and linked where `trapline run` would."""
    return load_elf(assemble([path]).elf, str(path))


class Loader:
    """Puts a program where the kernel expects it. Frames are taken in order from behind the kernel."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._root = machine.symbols["root"]
        self._next = machine.symbols["frames"]
        for vaddr, paddr in DEVICES.items():
            self._set(self._root, vaddr >> 22, (paddr >> 2) | V | R | W | A | D)
        for paddr in range(machine.ram_base, machine.ram_base + MEMORY, 4 << 20):
            self._set(self._root, paddr >> 22, (paddr >> 2) | V | R | W | X | A | D)

    def _set(self, table: int, index: int, entry: int) -> None:
        put(self._machine, table + 4 * index, [entry])

    def frame(self, count: int = 1) -> int:
        """Physical address of free frames."""
        self._next += count * 4096
        return self._next - count * 4096

    def _page(self, vaddr: int, permissions: int) -> int:
        """Physical address of the page of `vaddr`, mapped if need be, with these permissions added."""
        entry = get(self._machine, self._root + 4 * (vaddr >> 22))
        if not entry:
            entry = (self.frame() >> 2) | V
            self._set(self._root, vaddr >> 22, entry)
        table, index = (entry >> 10) << 12, (vaddr >> 12) & 0x3FF
        leaf = get(self._machine, table + 4 * index) or (self.frame() >> 2) | V | U
        self._set(table, index, leaf | permissions)
        return (leaf >> 10) << 12

    def place(self, vaddr: int, data: bytes, permissions: int) -> None:
        """Data at an address of the program."""
        while data:
            here = min(len(data), 4096 - vaddr % 4096)
            self._machine.write(self._page(vaddr, permissions) + vaddr % 4096, data[:here])
            vaddr, data = vaddr + here, data[here:]

    def finish(self, **variables: int) -> None:
        """Set the kernel's variables."""
        for name, value in {**variables, "next_frame": self._next}.items():
            put(self._machine, self._machine.symbols[name], [value])


def guest(
    path: Path, arguments: Sequence[str] = (), environ: Mapping[str, str] | None = None, stdin: bytes = b"",
    **options: Any,
) -> Machine:  # fmt: skip
    """A machine that is about to boot the kernel, which runs this program; it ends with the program's status."""
    machine = from_program(KERNEL, memory=MEMORY, **options)
    image = image_of(path)
    loader = Loader(machine)
    for segment in image.segments:
        flags = [(READ, R), (WRITE, W), (EXECUTE, X)]
        loader.place(segment.vaddr, segment.data, sum(bit for flag, bit in flags if segment.flags & flag))
    sp, stack = initial_stack(image, [str(path), *arguments], environ or {}, bytes(range(16)), STACK_TOP, ROOM)
    loader.place(sp, stack, R | W)
    buffer = loader.frame(-(-len(stdin) // 4096))
    machine.write(buffer, stdin)
    end = -(-max(segment.end for segment in image.segments) // 4096) * 4096
    loader.finish(entry=image.entry, stack=sp, input=buffer, input_left=len(stdin), first_break=end, **{"break": end})
    return machine
