"""What GNU as and ld, and our assembler, make of the same text: sections in memory, or a refusal."""

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

from elftools.elf.elffile import ELFFile

from support.gnu import LINK, PREFIX, RV32IMA, architecture
from trapline.asm import AsmError, Text, assemble

Find = Callable[[str], str]
Sections = dict[str, tuple[str, str, int, str]]
"""Address, type, flags and bytes of each section in memory, by name."""

SHF_ALLOC = 2
FILE = "#### file\n"
"""The line between the files of a text."""

START = "    .globl _start\n_start: nop\n"


def theirs(tool: Find, folder: Path, text: str, isa: str = RV32IMA) -> Sections | None:
    """What GNU as and ld `--no-relax` make of it, None if they refuse it."""
    objects = []
    for number, part in enumerate(text.split(FILE)):
        source, object_file = folder / f"{number}.s", folder / f"{number}.o"
        source.write_text(part)
        if _fails(tool("riscv64-unknown-elf-as"), *architecture(isa), str(source), "-o", str(object_file)):
            return None
        objects.append(str(object_file))
    elf = folder / "theirs.elf"
    return None if _fails(tool(PREFIX + "ld"), *LINK, *objects, "-o", str(elf)) else _in_memory(elf.read_bytes())


def ours(text: str, isa: str = RV32IMA) -> Sections | None:
    """What our assembler makes of it, None if it refuses it."""
    try:
        return _in_memory(assemble([Text(f"{n}.s", part) for n, part in enumerate(text.split(FILE))], isa=isa).elf)
    except AsmError:
        return None


def _in_memory(elf: bytes) -> Sections:
    file = ELFFile(io.BytesIO(elf))
    headers = [file._get_section_header(n) for n in range(file.num_sections())]
    return {
        file._get_section_name(h): (hex(h["sh_addr"]), str(h["sh_type"]), h["sh_flags"], _bytes(elf, h))
        for h in headers
        if h["sh_flags"] & SHF_ALLOC and h["sh_size"]
    }


def _bytes(elf: bytes, header: dict[str, int]) -> str:
    size = header["sh_size"]
    if str(header["sh_type"]) == "SHT_NOBITS":
        return f"{size} zeros"
    return elf[header["sh_offset"] : header["sh_offset"] + size].hex()


def _fails(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode != 0
