"""Reads kernels: ELF executables, Linux boot images and raw images, and the mode that they expect."""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from trapline.vm.loader.files import load_elf, load_raw, read_program
from trapline.vm.loader.image import EXECUTE, READ, WRITE, Image, LoadError, Segment

SUPERVISOR_BASES = (0x80200000, 0x80400000)
"""Link addresses of kernels that expect OpenSBI below them: its jump addresses for 64 and 32 bits."""
AFTER_FIRMWARE = 0x80400000
"""Where QEMU puts a kernel without headers above firmware: at the next RV32 megapage."""

_HEADER = struct.Struct("<IIQQQIIQQII")
"""The header of a RISC-V Linux boot image (Documentation/riscv/boot-image-header.rst)."""
_MAGIC = 0x05435352
"""The letters "RSC" and 5, at byte 56."""


@dataclass(frozen=True)
class Kernel:
    """A kernel and its demands on memory.

    supervisor: whether it expects S mode; end: physical address after everything that it uses initially.
    """

    image: Image
    supervisor: bool
    end: int

    @property
    def start(self) -> int:
        """Its lowest physical address."""
        return min(segment.paddr for segment in self.image.segments)


def from_elf(image: Image) -> Kernel:
    """The kernel in an ELF image."""
    end = max(segment.paddr + segment.memsz for segment in image.segments)
    lowest = min(segment.paddr for segment in image.segments if segment.memsz)
    return Kernel(image, lowest in SUPERVISOR_BASES, end)


def read_kernel(path: Path, kind: str, ram_base: int, address: int | None, raw_base: int) -> Kernel:
    """The kernel in an ELF or raw file.

    kind: from `vm.loader.files.detect`. address: the user's choice for a file without ELF headers, or None.
    raw_base: the default for a file without any headers. Raises LoadError.
    """
    if kind == "elf":
        if address is not None:
            raise LoadError(f"{path}: is an ELF file, which has its own addresses; --load-address is for raw images")
        return from_elf(load_elf(path, base=raw_base))
    data = read_program(path)
    if len(data) >= _HEADER.size and _HEADER.unpack_from(data)[9] == _MAGIC:
        return _linux(data, os.fspath(path), ram_base, address)
    base = address if address is not None else raw_base
    return Kernel(load_raw(path, base), False, base + len(data))


def _linux(data: bytes, name: str, ram_base: int, address: int | None) -> Kernel:
    """A Linux boot image: its entry point is its first byte, and it may be larger in memory than in the file."""
    _code0, _code1, offset, size, flags, *_rest = _HEADER.unpack_from(data)
    if flags & 1:
        raise LoadError(f"{name}: is a big-endian kernel, which this machine cannot run")
    base = address if address is not None else ram_base + offset
    memsz = max(size, len(data))
    if base % 4 or base + memsz > 1 << 32:
        raise LoadError(f"{name}: its header asks for {memsz:#x} bytes at {base:#x}, outside the 32-bit address space")
    image = Image(base, [Segment(base, base, data, memsz, READ | WRITE | EXECUTE)], name)
    return Kernel(image, True, base + memsz)
