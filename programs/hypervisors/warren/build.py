#!/usr/bin/env python3
"""build.py - builds Warren: packs guests, with a device tree for each, behind the hypervisor, into one ELF file.

    python programs/hypervisors/warren/build.py --out warren.elf kernel.elf
    python programs/hypervisors/warren/build.py --out warren.elf Image,memory=128M,append="console=hvc0" kernel.elf

In Python, `build(guests, defines)` returns the bytes of the ELF; `memory_needed(...)` says how much RAM it needs.
"""

import argparse
import struct
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trapline.asm import AsmError, assemble
from trapline.asm.preprocess.files_read import noted_by
from trapline.vm.boot.devicetree import Chosen, device_tree
from trapline.vm.boot.kernel_image import AFTER_FIRMWARE, Kernel, from_elf, read_kernel
from trapline.vm.boot.memory_map import tree_address
from trapline.vm.host.output_file import OutputFile, identity
from trapline.vm.loader.compressed import first_compressed
from trapline.vm.loader.files import detect, load_elf
from trapline.vm.loader.foreign_files import COMPILE_HINT
from trapline.vm.loader.image import LoadError

HERE = Path(__file__).resolve().parent
SOURCES = (
    "boot", "traps", "injection", "emulation", "tables", "shadow", "window", "timer", "devices", "console", "sbi",
    "hypercalls", "guests", "statistics",
)  # fmt: skip
"""Its sources, in the order in which they lie in memory."""
RAM, BASE, PAGE, MEGAPAGE = 0x80000000, 0x80400000, 4096, 1 << 22
PAYLOAD = BASE + MEGAPAGE
"""Where the guests are packed: behind the megapage that is Warren itself."""
DEFAULTS = {"SLICE": "100000"}
"""What `defines` may change, beside POOL_PAGES, and STATISTICS and PARAVIRT, which are set or not."""
MOST_GUESTS = 8
MOST_POOL_PAGES = 256
LEAST_POOL_PAGES = 4
"""A root, and tables for an instruction and for both ends of a misaligned access."""
POOL_LIMIT = 768
"""Pages for shadow tables, of one guest and of all: three quarters of the megapage."""
MEMORY = 16 << 20
NAME_LENGTH = 16
ISA = ("i", "m", "a", "zicsr", "zifencei")
"""What a guest's hart has: its epc is that of a hart without compressed instructions."""


@dataclass(frozen=True)
class Guest:
    """A kernel for S mode and its virtual machine.

    kernel: an ELF or a Linux boot image, as a path, or an ELF as bytes; memory: bytes of RAM, from 0x80000000 on;
    append: the kernel's command line; name: what Warren calls it.
    """

    kernel: Path | bytes
    name: str = ""
    memory: int = MEMORY
    append: str | None = None


@dataclass(frozen=True)
class Placed:
    """A guest in its place. parts: (its physical address, contents, bytes with the zeros behind) of what is loaded."""

    guest: Guest
    name: str
    entry: int
    tree: int
    parts: list[tuple[int, bytes, int]] = field(repr=False)


def place(guest: Guest, number: int) -> Placed:
    """What is loaded where in the guest's RAM. Raises LoadError for what is no kernel, or does not fit."""
    name = guest.name or (guest.kernel.stem if isinstance(guest.kernel, Path) else f"guest{number}")
    if not 0 < len(name.encode()) < NAME_LENGTH:
        raise ValueError(f"the name '{name}' has more than {NAME_LENGTH - 1} bytes")
    if guest.memory % PAGE or not 0 < guest.memory <= 1 << 30:
        raise ValueError(f"{name}: memory must be a multiple of 4 KiB, up to 1 GiB, not {guest.memory:#x} bytes")
    kernel = _kernel(guest.kernel, name)
    found = first_compressed(kernel.image)
    if found is not None:
        raise LoadError(
            f"{name}: uses compressed instructions (at {kernel.image.named(found)}), which guests of Warren do not "
            f"have: {COMPILE_HINT}"
        )
    segments = [segment for segment in kernel.image.segments if segment.memsz]
    tree = device_tree(
        isa=ISA, harts=1, ram_base=RAM, memory=guest.memory, chosen=Chosen(guest.append), clint=False, slots=0
    )
    where = tree_address(RAM + guest.memory, kernel.end, len(tree))
    if where < kernel.end or kernel.start < RAM:
        raise LoadError(
            f"{name}: does not fit into {guest.memory >> 20} MiB of RAM at {RAM:#x}: "
            f"it has {kernel.start:#x} to {kernel.end - 1:#x}, and a device tree of {len(tree)} bytes"
        )
    parts = [(segment.paddr, segment.data, segment.memsz) for segment in segments]
    return Placed(guest, name, kernel.image.physical_entry, where, [*parts, (where, tree, len(tree))])


def _kernel(source: Path | bytes, name: str) -> Kernel:
    if isinstance(source, bytes):
        return from_elf(load_elf(source, name))
    return read_kernel(source, detect(source), RAM, None, AFTER_FIRMWARE)


def build(guests: Sequence[Guest], defines: Mapping[str, object] | None = None) -> bytes:
    """Warren with these guests, as an ELF that is entered in S mode.

    defines: assembler symbols: SLICE (ticks of 100 ns of a time slice), POOL_PAGES (4 KiB pages for the shadow tables
    of each guest), STATISTICS=1 (print them at the end), PARAVIRT=1 (serve the calls of docs/hypercalls.md).
    Raises LoadError for a kernel, ValueError for too many guests or a bad name, AsmError for a symbol that is none.
    """
    if not 0 < len(guests) <= MOST_GUESTS:
        raise ValueError(f"{len(guests)} guests: there can be 1 to {MOST_GUESTS}")
    placed = [place(guest, number) for number, guest in enumerate(guests)]
    payload, table, end = _pack(placed)
    pool = min(MOST_POOL_PAGES, POOL_LIMIT // len(guests))
    symbols = {"GUESTS": str(len(guests)), "MEMORY_END": hex(end), "POOL_PAGES": str(pool)}
    symbols |= DEFAULTS | {name: str(value) for name, value in (defines or {}).items()}
    lines = [f"    .equ {name}, {value}" for name, value in symbols.items()]
    lines += ["    .macro MEMORY_TEXT", f'    .ascii "{(end - RAM) >> 20} MiB"', "    .endm"]
    lines += ["    .macro GUEST_TABLE", *table, "    .endm"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "configuration.inc").write_text("\n".join(lines) + "\n", encoding="utf-8")
        linked = assemble([HERE / f"{part}.s" for part in SOURCES], text_base=BASE, include_dirs=[folder])
    pages = int(symbols["POOL_PAGES"], 0)
    used = max(vaddr + size for vaddr, _, size, _ in linked.segments)
    if pages < LEAST_POOL_PAGES or used > PAYLOAD - len(guests) * pages * PAGE:
        most = (PAYLOAD - used) // PAGE // len(guests)
        raise ValueError(f"POOL_PAGES={pages}: each of {len(guests)} guests has {LEAST_POOL_PAGES} to {most}")
    return _with_segment(linked.elf, PAYLOAD, payload)


def memory_needed(guests: Sequence[Guest]) -> int:
    """Bytes of RAM that Warren with these guests needs, what the SBI has below it included."""
    return _pack([place(guest, number) for number, guest in enumerate(guests)])[2] - RAM


def _pack(placed: Sequence[Placed]) -> tuple[bytes, list[str], int]:
    """The payload, the lines of guest_table (guests.s), and the address behind the last guest's RAM."""
    payload = bytearray()
    sources: list[list[int]] = []
    for one in placed:
        sources.append([])
        for _, data, _ in one.parts:
            sources[-1].append(PAYLOAD + len(payload))
            payload += data + bytes(-len(data) % 4)
    end = -(-(PAYLOAD + len(payload)) // MEGAPAGE) * MEGAPAGE
    rows, lists = [], []
    for number, (one, starts) in enumerate(zip(placed, sources, strict=True)):
        quoted = one.name.replace("\\", "\\\\").replace('"', '\\"')
        rows += [f'9:  .asciz "{quoted}"', f"    .org 9b + {NAME_LENGTH}"]
        rows += [f"    .word {end // PAGE}, {one.guest.memory // PAGE}, {one.entry:#x}, {one.tree:#x}"]
        rows += [f"    .word parts_{number} - guest_table"]
        lists += [f"parts_{number}:"]
        for (address, data, size), start in zip(one.parts, starts, strict=True):
            if address % 4:
                raise LoadError(f"{one.name}: a segment at {address:#x}, which is not a multiple of 4")
            zeros = -(-max(size, len(data)) // 4) * 4
            to = end + address - RAM
            lists += [f"    .word {to:#x}, {start:#x}, {-(-len(data) // 4) * 4:#x}, {zeros:#x}"]
        lists += ["    .word 0"]
        end += -(-one.guest.memory // MEGAPAGE) * MEGAPAGE
    return bytes(payload), rows + lists, end


def _with_segment(elf: bytes, address: int, data: bytes) -> bytes:
    """An ELF file with one more loadable segment."""
    phoff, phentsize, phnum = struct.unpack_from("<I", elf, 28)[0], *struct.unpack_from("<HH", elf, 42)
    headers = elf[phoff : phoff + phentsize * phnum]
    offset = -(-len(elf) // PAGE) * PAGE
    header = struct.pack("<8I", 1, offset, address, address, len(data), len(data), 4, PAGE)
    result = bytearray(elf.ljust(offset, b"\0") + data + bytes(-len(data) % 4))
    struct.pack_into("<I", result, 28, len(result))
    struct.pack_into("<H", result, 44, phnum + 1)
    return bytes(result + headers + header)


def _guest(text: str) -> Guest:
    """A guest of the command line: FILE[,name=NAME][,memory=SIZE][,append=TEXT], TEXT up to the end."""
    file, _, rest = text.partition(",")
    options: dict[str, str] = {}
    while rest:
        key, equals, rest = rest.partition("=")
        if key not in ("name", "memory", "append") or not equals:
            raise ValueError(f"{text}: after the file there may be name=, memory= and append=, not '{key}'")
        value, _, rest = (rest, "", "") if key == "append" else rest.partition(",")
        options[key] = value
    size = options.get("memory", "16M")
    digits, unit = (size[:-1], 20) if size[-1:] in "mM" else (size, 0)
    if not digits.isdigit():
        raise ValueError(f"{text}: memory={size}: not a number of bytes, or of MiB with M")
    return Guest(Path(file), options.get("name", ""), int(digits) << unit, options.get("append"))


def main() -> int:
    """The command line: see the module's text."""
    parser = argparse.ArgumentParser(description="Make Warren, a hypervisor, with its guests, as one ELF file.")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the ELF file to write")
    parser.add_argument("--define", action="append", default=[], metavar="SYMBOL=VALUE", help="a symbol of Warren")
    form = "FILE[,name=NAME][,memory=SIZE][,append=TEXT]"
    parser.add_argument("guests", nargs="+", metavar=form, help="a kernel for S mode and its virtual machine")
    given = parser.parse_args()
    defines = {}
    for define in given.define:
        symbol, equals, value = define.partition("=")
        defines[symbol] = value if equals else "1"
    sources: list[str] = []
    try:
        guests = [_guest(text) for text in given.guests]
        with noted_by(sources.append):
            elf = build(guests, defines)
        if identity(str(given.out)) in map(identity, [*sources, *(str(guest.kernel) for guest in guests)]):
            raise ValueError(f"--out {given.out}: is one of the sources; choose another name")
        output = OutputFile(str(given.out))
        output.stream.write(elf)
        output.commit()
    except (AsmError, LoadError, ValueError, OSError) as mistake:
        print(f"build.py: {mistake}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
