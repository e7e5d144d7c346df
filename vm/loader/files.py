"""Reads program files: distinguishes ELF, raw and assembly, and loads the first two."""

import os
import stat
from pathlib import Path

from trapline.asm.elf.format import MAGIC
from trapline.vm.loader.elf import PROGRAM_BASE, elf_image
from trapline.vm.loader.foreign_files import foreign
from trapline.vm.loader.image import EXECUTE, READ, WRITE, Image, LoadError, Segment

MAX_FILE = 1 << 30
"""Longest program file that is read, in bytes."""

SOURCE_SUFFIXES = (".s", ".S", ".sx", ".asm")
RAW_SUFFIXES = (".bin", ".img", ".raw")


def read_program(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a regular file. Raises LoadError when it is missing, not a regular file, empty or too long."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise LoadError(f"{path}: is a directory, not a program")
        if not stat.S_ISREG(status.st_mode):
            raise LoadError(f"{path}: is not a regular file")
        if status.st_size > MAX_FILE:
            raise LoadError(f"{path}: has {status.st_size >> 20} MiB; a program file has at most {MAX_FILE >> 20} MiB")
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise LoadError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if not data:
        raise LoadError(f"{path}: is empty")
    return data


def detect(path: str | os.PathLike[str]) -> str:
    """What a file holds: `elf`, `asm` (assembly source) or `raw` (an image without headers).

    ELF files are recognized by their first bytes, sources by their suffix or because they are text.
    Raises LoadError when the file cannot be read, is empty, or is known to be something else.
    """
    start = read_program(path)[:4096]
    suffix = Path(path).suffix
    if start.startswith(MAGIC):
        return "elf"
    if suffix in SOURCE_SUFFIXES:
        return "asm"
    if what := foreign(path, start):
        raise LoadError(f"{path}: {what}")
    if suffix in RAW_SUFFIXES:
        return "raw"
    return "raw" if any(byte < 32 and byte not in b"\t\n\v\f\r" for byte in start) else "asm"


def load_elf(
    source: bytes | str | os.PathLike[str], name: str | None = None, base: int = PROGRAM_BASE
) -> Image:  # fmt: skip
    """The image of a static ELF32 RISC-V executable, given as its bytes or as a path.

    name: what messages call the program; by default the path. base: where a position-independent program goes.
    Raises LoadError for every file that is not such an executable.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return elf_image(bytes(source), name or "program", base)
    return elf_image(read_program(source), name or os.fspath(source), base)


def load_raw(path: str | os.PathLike[str], base: int) -> Image:
    """The image of a file without headers, placed and entered at `base`. Raises LoadError."""
    data = read_program(path)
    if base % 4:
        raise LoadError(f"{path}: is entered at {base:#010x}, which is not a multiple of 4")
    if base + len(data) > 1 << 32:
        raise LoadError(f"{path}: {len(data)} bytes at {base:#010x} run past the 32-bit address space")
    return Image(base, [Segment(base, base, data, len(data), READ | WRITE | EXECUTE)], os.fspath(path))
