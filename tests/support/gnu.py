"""Building with the GNU tools and running on QEMU, to compare with our own."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

PREFIX = "riscv64-unknown-elf-"
RV32IMA, RV32IMAC = "rv32ima", "rv32imac"


def architecture(isa: str) -> tuple[str, str]:
    """The options of the GNU tools and of clang for a machine."""
    return f"-march={isa}_zicsr_zifencei", "-mabi=ilp32"


ARCHITECTURE = architecture(RV32IMA)
LINK = ("-m", "elf32lriscv", "--no-relax", "--no-warn-rwx-segments")
SHF_ALLOC = 2
SYSTEM_QEMU = ("-machine", "virt", "-cpu", "rv32,f=false,d=false,c=false,h=false", "-bios", "none", "-nographic")

Find = Callable[[str], str]


@dataclass(frozen=True)
class Outcome:
    """What a run printed on standard output (bytes) and the exit status it ended with."""

    output: bytes
    status: int


def build(
    tool: Find, sources: Sequence[Path], elf: Path, text_base: int | None = None, include: Path | None = None,
    isa: str = RV32IMA,
) -> Path:  # fmt: skip
    """Assemble with GNU as and link with GNU ld --no-relax into `elf`, at ld's addresses or all from `text_base`.

    For `text_base` the linker gets -N, so that the file headers are not put into memory below it.
    include: the folder of included files, by default the source's. `.addrsig`, which only clang knows, is left out.
    """
    objects = []
    for number, source in enumerate(sources):
        plain, object_file = elf.with_suffix(f".{number}.s"), elf.with_suffix(f".{number}.o")
        plain.write_text("".join(line for line in source.open() if not line.lstrip().startswith(".addrsig")))
        folder = str(include or source.parent)
        run_tool(tool(PREFIX + "as"), *architecture(isa), "-I", folder, str(plain), "-o", str(object_file))
        objects.append(str(object_file))
    where = [] if text_base is None else ["-N", f"-Ttext={text_base:#x}"]
    run_tool(tool(PREFIX + "ld"), *LINK, *where, *objects, "-o", str(elf))
    return elf


def loaded(elf: Path) -> dict[str, tuple[int, bytes]]:
    """The sections that take memory: address and contents by name, zeros for those without contents in the file."""
    with elf.open("rb") as stream:
        sections = [s for s in ELFFile(stream).iter_sections() if s["sh_flags"] & SHF_ALLOC and s["sh_size"]]
        return {s.name: (s["sh_addr"], s.data()) for s in sections}


def run_tool(*command: str) -> bytes:
    """Run a tool that must succeed; its standard output. Raises AssertionError with its messages."""
    result = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stderr.decode(errors='replace')}"
    return result.stdout


def qemu_user(
    tool: Find, elf: Path, arguments: Sequence[str] = (), stdin: bytes = b"", environ: Mapping[str, str] | None = None
) -> Outcome:
    """Run a user program on qemu-riscv32."""
    command = [tool("qemu-riscv32"), str(elf), *arguments]
    result = subprocess.run(command, input=stdin, capture_output=True, timeout=60, env=environ, check=False)
    return Outcome(result.stdout, result.returncode)


def qemu_system(tool: Find, elf: Path, *options: str, stdin: bytes = b"") -> Outcome:
    """Run a kernel on qemu-system-riscv32's virt machine."""
    command = [tool("qemu-system-riscv32"), *SYSTEM_QEMU, *options, "-kernel", str(elf)]
    result = subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)
    return Outcome(result.stdout, result.returncode)
