"""Programs for tests: compiled by GCC or made of raw words, run as a process here and under qemu-riscv32."""

import io
import struct
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trapline.asm.elf.format import SHN_ABS, STB_GLOBAL, STT_NOTYPE
from trapline.vm.loader.files import load_elf
from trapline.vm.loader.image import EXECUTE, READ, WRITE, Image, Segment
from trapline.vm.process import Process, Result

Tool = Callable[[str], str]
GCC = "riscv64-unknown-elf-gcc"
FREESTANDING = ("-nostdlib", "-static", "-ffreestanding", "-O1")
MARCH = ("-march=rv32ima", "-mabi=ilp32")

TEXT, DATA = 0x10000, 0x20000
"""Where `tiny_image` puts its code, which may not be written, and its two pages of data."""

ECALL = 0x00000073
EBREAK = 0x00100073


def tiny_image(words: Sequence[int] = (ECALL,), data: bytes = b"", symbols: Mapping[str, int] | None = None) -> Image:
    """A program of these instruction words, with 8 KiB of data."""
    text = struct.pack(f"<{len(words)}I", *words)
    segments = [
        Segment(TEXT, TEXT, text, len(text), READ | EXECUTE),
        Segment(DATA, DATA, data, 0x2000, READ | WRITE),
    ]
    table, strings = b"", b"\0"
    for name, value in (symbols or {}).items():
        table += struct.pack("<IIIBBH", len(strings), value, 0, STB_GLOBAL << 4 | STT_NOTYPE, 0, SHN_ABS)
        strings += name.encode() + b"\0"
    return Image(TEXT, segments, "tiny", symbol_table=table, strings=strings)


def call(process: Process, number: int, *arguments: int) -> int:
    """Make a system call as the guest would; the signed result."""
    for index, argument in enumerate(arguments):
        process.machine.x[10 + index] = argument & 0xFFFFFFFF
    process.machine.x["a7"] = number & 0xFFFFFFFF
    process.serve()
    result = process.machine.x["a0"]
    return result - (1 << 32) if result >> 31 else result


def build(
    tool: Tool, folder: Path, source: str, *options: str, suffix: str = ".c", libraries: Sequence[str] = ()
) -> Path:
    """Compile and link one source text with GCC; the path of the ELF file."""
    path = folder / f"program{suffix}"
    path.write_text(source)
    out = folder / "program.elf"
    command = [tool(GCC), *MARCH, *(options or FREESTANDING), str(path), *libraries, "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return out


@dataclass
class Outcome:
    """What a run left behind."""

    status: int
    stdout: bytes
    stderr: bytes
    result: Result | None = None


def run(
    image: Image | Path | str,
    arguments: Sequence[str] = ("program",),
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    **options: object,
) -> Outcome:
    """Run as a process, with a limit so that no test hangs."""
    if not isinstance(image, Image):
        image = load_elf(image)
    out, err = io.BytesIO(), io.BytesIO()
    options.setdefault("timeout", 60.0)
    process = Process(
        image,
        arguments,
        environment or {},
        stdin=io.BytesIO(stdin),
        stdout=out,
        stderr=err,
        **options,  # type: ignore[arg-type]
    )
    result = process.run()
    return Outcome(result.exit_code, out.getvalue(), err.getvalue(), result)


def run_qemu(
    tool: Tool,
    path: Path,
    arguments: Sequence[str] = ("program",),
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> Outcome:
    """Run under qemu-riscv32; a signal becomes 128 + its number, as a shell reports it."""
    sets = [option for name, value in (environment or {}).items() for option in ("-E", f"{name}={value}")]
    command = [tool("qemu-riscv32"), "-0", arguments[0], *sets, str(path), *arguments[1:]]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False, env={})
    status = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return Outcome(status, done.stdout, done.stderr)
