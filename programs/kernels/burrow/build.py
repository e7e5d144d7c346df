#!/usr/bin/env python3
"""build.py - builds Burrow: assembles its programs, packs them into a file system image, assembles the kernel.

    python programs/kernels/burrow/build.py --out burrow.elf
    python programs/kernels/burrow/build.py --out hello.elf --init hello --define RANDOM_SEED=7 -g

In Python, `build(...)` returns the bytes of the ELF.
"""

import argparse
import struct
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from trapline.asm import AsmError, assemble
from trapline.asm.preprocess.files_read import noted_by
from trapline.vm.host.output_file import OutputFile, identity

HERE = Path(__file__).resolve().parent
KERNEL = (
    "reset", "boot", "traps", "locks", "scheduler", "memory", "copying", "regions", "processes", "numbers", "threads",
    "syscalls", "messages", "disk", "console", "files", "containers", "allowed", "shares", "terminals", "image",
)  # fmt: skip
"""The kernel's sources, in the order in which they lie in memory: reset begins at the start of RAM, image ends it."""
SUPERVISOR = "SUPERVISOR"
"""The symbol of a kernel over an SBI: supervisor.s takes the place of reset.s."""
VARIANTS = {
    "plain": (), "paravirt": ("PARAVIRT",), "xleak": ("XPOPF", "XPUSHF", "XRDMODE"), "supervisor": (SUPERVISOR,),
}  # fmt: skip
"""The symbols that each variant sets."""
DEFAULTS = {"TIMER_PERIOD": "2000", "RANDOM_SEED": "0", "MEMORY_SIZE": "0x800000"}
"""What `defines` may change: symbols of the kernel's parameters."""
ISA = "rv32ima"
"""What Burrow needs, and what it is made for when nothing else is asked."""
RAM, RAM_OVER_SBI, IMAGE = 0x80000000, 0x80400000, 0x40000000
NAME_LENGTH, ARGUMENTS_LENGTH = 24, 128
V, R, W, X, U, A, D = (1 << bit for bit in (0, 1, 2, 3, 4, 6, 7))
"""Bits of a page table entry."""


def sibling(name: str) -> Any:
    """Another script of this folder as a module, run without writing byte code."""
    path = HERE / f"{name}.py"
    module = ModuleType(f"burrow_{name}")
    module.__file__ = str(path)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


layers = sibling("layers")


def build(
    variant: str = "plain",
    init: str | Sequence[str] | None = None,
    defines: Mapping[str, object] | None = None,
    programs: Sequence[Path] = (),
    files: Mapping[str, bytes] | None = None,
    debug: bool = False,
    images: Sequence[Any] = (),
    isa: str = ISA,
) -> bytes:
    """The kernel with its file system image, as an ELF.

    init: the first process, `shell` by default, as a name with arguments behind it, or as a list of both;
    defines: assembler symbols of the kernel, such as TIMER_PERIOD and RANDOM_SEED;
    programs: sources of more programs, each named by its file, linked with the user library;
    files: more files, bytes by name; debug: with the line of each of the kernel's instructions, for a debugger;
    images: `layers.Image`s that containers can be made of, besides `box`, which has what the host has;
    isa: of the machine, such as rv32imac: the kernel and its programs are then compressed.
    Raises ValueError for a variant that does not exist or a name that is too long, AsmError for a source.
    """
    if variant not in VARIANTS:
        raise ValueError(f"no variant '{variant}': there are {', '.join(VARIANTS)}")
    words = [init] if isinstance(init, str) else list(init or ["shell"])
    name, _, arguments = " ".join(words).partition(" ")
    symbols = DEFAULTS | dict.fromkeys(VARIANTS[variant], "1") | {k: str(v) for k, v in (defines or {}).items()}
    elf, place = _kernel(tuple(symbols.items()), image(tuple(programs), files, images, isa), debug, isa)
    first = _padded(name, NAME_LENGTH) + _padded(arguments, ARGUMENTS_LENGTH)
    return elf[:place] + first + elf[place + len(first) :]


@cache
def _kernel(symbols: tuple[tuple[str, str], ...], image: bytes, debug: bool, isa: str) -> tuple[bytes, int]:
    """The ELF without a first process, and where in it that is named; assembled once for all first processes."""
    lines = [f"    .equ {key}, {value}" for key, value in symbols]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "configuration.inc").write_text("\n".join(lines) + "\n", encoding="utf-8")
        Path(folder, "files.img").write_bytes(image)
        first, *others = KERNEL
        base_address = RAM
        if SUPERVISOR in dict(symbols):
            first, base_address = "supervisor", RAM_OVER_SBI
        sources = [HERE / f"{part}.s" for part in (first, *others)]
        linked = assemble(sources, text_base=base_address, include_dirs=[folder], debug=debug, isa=isa)
    return linked.elf, _offset(linked.elf, linked.symbols["init_name"])


def _offset(elf: bytes, address: int) -> int:
    """Where in an ELF file the byte of an address is: in one of the segments, which its program headers name."""
    headers, size, count = struct.unpack_from("<I10xHH", elf, 28)
    for at in range(headers, headers + size * count, size):
        _, offset, vaddr, _, length = struct.unpack_from("<5I", elf, at)
        if vaddr <= address < vaddr + length:
            return int(offset + address - vaddr)
    raise ValueError(f"no segment has {address:#x}")


def _padded(text: str, room: int) -> bytes:
    """A string with a zero behind it, and more zeros up to its room."""
    if len(text.encode()) >= room:
        raise ValueError(f"'{text}' has more than {room - 1} bytes")
    return text.encode().ljust(room, b"\0")


def image(
    programs: Sequence[Path] = (), files: Mapping[str, bytes] | None = None, images: Sequence[Any] = (), isa: str = ISA
) -> bytes:
    """The file system: what the host has, and the images for containers."""
    layer = base(tuple(programs), tuple((files or {}).items()), isa)
    host, box = layers.Image("", (layer,)), layers.Image("box", (layer,), "shell")
    made: bytes = layers.file_system([host, box, *images])
    return made


@cache
def base(programs: tuple[Path, ...] = (), files: tuple[tuple[str, bytes], ...] = (), isa: str = ISA) -> bytes:
    """The layer of the host: all of user/ and files/, and what is added."""
    own = [path for path in sorted((HERE / "user").glob("*.s")) if path.stem != "lib"]
    contents = {path.stem: (1, program(path, isa)) for path in (*own, *programs)}
    contents |= {path.name: (0, path.read_bytes()) for path in sorted((HERE / "files").iterdir())}
    contents |= {name: (0, data) for name, data in files}
    layer: bytes = layers.pack(contents)
    return layer


@cache
def program(source: Path, isa: str = ISA) -> bytes:
    """A program with the user library, as files.s reads it: a header and segments."""
    linked = assemble([source, HERE / "user/lib.s"], text_base=IMAGE, include_dirs=[HERE / "user"], isa=isa)
    header = struct.pack("<IIII", linked.entry, linked.symbols.get("library_calls", 0), len(linked.segments), 0)
    offset = len(header) + 32 * len(linked.segments)
    body = b""
    for vaddr, data, memory, flags in linked.segments:
        before = vaddr % 16
        data = bytes(before) + data
        data += bytes(-len(data) % 16)
        bits = V | U | A | R | (X if flags & 1 else 0) | (W | D if flags & 2 else 0)
        values = (vaddr - before, offset + len(body), len(data), max(memory + before, len(data)), bits)
        header += struct.pack("<5I12x", *values)
        body += data
    return header + body


def _write(out: Path, *what: Any, **options: Any) -> None:
    """Build, and write the ELF when it is whole. Raises AsmError, OSError, and ValueError for a file that was read."""
    for kept in (_kernel, base, program):
        kept.cache_clear()  # so that all sources are read, and noted
    sources: list[str] = []
    with noted_by(sources.append):
        elf = build(*what, **options)
    if identity(str(out)) in map(identity, sources):
        raise ValueError(f"--out {out}: is one of the sources; choose another name")
    output = OutputFile(str(out))
    output.stream.write(elf)
    output.commit()


def main() -> int:
    """The command line: see the module's text."""
    parser = argparse.ArgumentParser(description="Make Burrow, a small operating system, as one ELF file.")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the ELF file to write")
    parser.add_argument("--variant", choices=VARIANTS, default="plain", help="what it may ask of the machine")
    parser.add_argument("--init", nargs="+", metavar=("NAME", "ARG"), help="the first process (default: shell)")
    parser.add_argument("--define", action="append", default=[], metavar="SYMBOL=VALUE", help="a symbol of the kernel")
    parser.add_argument("--store", type=Path, metavar="FOLDER", help="images for containers, made by images.py")
    parser.add_argument("--program", type=Path, action="append", default=[], metavar="FILE", help="one more program")
    parser.add_argument("--isa", default=ISA, help="the machine's, such as rv32imac (default: %(default)s)")
    parser.add_argument("-g", "--debug", action="store_true", help="write the line of each instruction, for gdb")
    given = parser.parse_args()
    defines = {}
    for define in given.define:
        symbol, equals, value = define.partition("=")
        defines[symbol] = value if equals else "1"
    try:
        images = sibling("images").images_of(given.store) if given.store is not None else ()
        what = given.variant, given.init, defines, given.program
        _write(given.out, *what, debug=given.debug, images=images, isa=given.isa)
    except (AsmError, ValueError, OSError) as mistake:
        print(f"build.py: {mistake}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
