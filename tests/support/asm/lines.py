"""Line tables as binutils decodes them, of ELF files that GNU as and ld, clang or our assembler make."""

import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from support.gnu import ARCHITECTURE, LINK, PREFIX, run_tool

Find = Callable[[str], str]
Row = tuple[str, str, str, bool]
"""File, line, address, and whether it is a statement."""

_row = re.compile(r"(\S.*?)\s+(\d+|-)\s+(0x[0-9a-f]+|0)(?:\s+(\d+))?\s*(x)?\s*(END)?").fullmatch
CLANG = ("--target=riscv32", "-march=rv32ima", "-mno-relax")


def decoded(tool: Find, elf: Path) -> list[Row]:
    """The rows of an ELF file; a row whose line is - ends a sequence."""
    done = subprocess.run(
        [tool(PREFIX + "objdump"), "--dwarf=decodedline", elf], capture_output=True, text=True, timeout=60, check=True
    )
    assert not done.stderr, done.stderr
    rows, file = [], ""
    for line in done.stdout.splitlines():
        if (match := _row(line)) and not line.startswith("File name"):
            rows.append((file, match[2], match[3], bool(match[5])))
        elif line.endswith((":", "[++]")):
            file = line.removeprefix("CU: ").removesuffix("[++]").removesuffix(":")
            file = file.removeprefix("./").removeprefix(f"{elf.parent}/")
    return rows


def with_gas(tool: Find, folder: Path, sources: Sequence[str], *options: str) -> Path:
    """What GNU as makes of sources in a folder, linked."""
    objects = []
    for number, source in enumerate(sources):
        objects.append(f"gas{number}.o")
        command = [tool(PREFIX + "as"), *ARCHITECTURE, *options, source, "-o", objects[-1]]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return linked(tool, folder, objects)


def linked(tool: Find, folder: Path, objects: Sequence[str]) -> Path:
    """What GNU ld makes of objects in a folder."""
    elf = folder / "gas.elf"
    run_tool(tool(PREFIX + "ld"), *LINK, *(str(folder / name) for name in objects), "-o", str(elf))
    return elf
