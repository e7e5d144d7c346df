"""Executable files: what a program image is, how an ELF32 file becomes one, and why one is refused.

The headers are read with `struct` and every count, offset and size is compared with the file before it is
used, so that a damaged file costs no more time and memory than its own length and ends in a `LoadError`.
"""

import bisect
import itertools
import os
import stat
import struct
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

READ, WRITE, EXECUTE = 4, 2, 1
"""Segment permissions, as p_flags has them."""

MAX_FILE = 1 << 30
"""Longest file that is read, in bytes."""

MAX_MEMORY = 2 << 30
"""Most RAM that a machine can be given, in bytes."""

COMPILE_HINT = "compile it with -march=rv32ima -mabi=ilp32"

_HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<8I")
_SECTION_HEADER = struct.Struct("<10I")
_SYMBOL = struct.Struct("<IIIBBH")

_ET_REL, _ET_EXEC, _ET_DYN, _ET_CORE = 1, 2, 3, 4
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_SHT_SYMTAB = 2
_STB_LOCAL, _STT_SECTION, _STT_FILE, _STT_TLS = 0, 3, 4, 6
_EM_RISCV = 243
_EF_RVC, _EF_FLOAT_ABI, _EF_RVE = 1, 6, 8

_MACHINES = {
    2: "SPARC", 3: "x86", 4: "68000", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "S/390", 40: "ARM", 42: "SuperH",
    62: "x86-64", 94: "Xtensa", 183: "AArch64", 247: "BPF", 258: "LoongArch",
}  # fmt: skip


class LoadError(Exception):
    """A file that cannot be loaded; the text is the whole message, with the file's name in front."""


@dataclass(frozen=True)
class Segment:
    """A loadable part of a program: `data` at the start, zeros up to `memsz` bytes.

    vaddr, paddr: first virtual and physical address; flags: READ, WRITE, EXECUTE.
    """

    vaddr: int
    paddr: int
    data: bytes
    memsz: int
    flags: int

    @property
    def end(self) -> int:
        """The virtual address after the last byte."""
        return self.vaddr + self.memsz


@dataclass
class Image:
    """A program ready to be placed in memory.

    segments: sorted by virtual address, without overlap.
    phdr: virtual address of the program headers in memory, 0 when no segment holds them.
    """

    entry: int
    segments: list[Segment]
    name: str = "program"
    phdr: int = 0
    phnum: int = 0
    _symbol_table: bytes = field(default=b"", repr=False)
    _strings: bytes = field(default=b"", repr=False)

    @property
    def physical_entry(self) -> int:
        """Where a machine without translation enters: a kernel may be linked for addresses that it maps itself."""
        segment = self.segment_at(self.entry)
        return self.entry if segment is None else self.entry - segment.vaddr + segment.paddr

    @cached_property
    def _symbols(self) -> list[tuple[int, int, str, bool]]:
        """(address, size, name, is it global) of each symbol that names a place in the program."""
        found = []
        room = 16 * len(self._strings) + 4096  # names may overlap in the string table, but not without end
        for name_offset, value, size, info, _other, section in _SYMBOL.iter_unpack(self._symbol_table):
            if section == 0 or info & 15 in (_STT_SECTION, _STT_FILE, _STT_TLS):
                continue
            end = self._strings.find(b"\0", name_offset, name_offset + 4096)
            name = self._strings[name_offset : end if end >= 0 else name_offset + 4096].decode(
                errors="backslashreplace"
            )
            room -= len(name) + 1
            if room < 0:
                break
            if name and not name.startswith("$"):
                found.append((value, size, name, info >> 4 != _STB_LOCAL))
        return found

    @cached_property
    def symbols(self) -> dict[str, int]:
        """Address by symbol name; a global symbol wins over local ones of the same name."""
        table = {name: value for value, _size, name, is_global in self._symbols if not is_global}
        table.update((name, value) for value, _size, name, is_global in self._symbols if is_global)
        return table

    @cached_property
    def _places(self) -> list[tuple[int, str]]:
        """(address, name) of the symbols inside segments, sorted; of several at one address the global one first."""
        best: dict[int, tuple[bool, bool, str]] = {}
        for value, size, name, is_global in self._symbols:
            rank = (not is_global, size == 0, name)
            if self.segment_at(value) is not None and (value not in best or rank < best[value]):
                best[value] = rank
        return [(value, rank[2]) for value, rank in sorted(best.items())]

    @cached_property
    def _starts(self) -> list[int]:
        return [segment.vaddr for segment in self.segments]

    def segment_at(self, vaddr: int) -> Segment | None:
        """The segment that holds this virtual address."""
        index = bisect.bisect_right(self._starts, vaddr) - 1
        return self.segments[index] if index >= 0 and vaddr < self.segments[index].end else None

    def symbol_at(self, vaddr: int) -> str | None:
        """`name` or `name+offset` of the symbol at or next below `vaddr` in the same segment."""
        segment = self.segment_at(vaddr)
        index = bisect.bisect_right(self._places, (vaddr, "\U0010ffff")) - 1
        if segment is None or index < 0 or self._places[index][0] < segment.vaddr:
            return None
        start, name = self._places[index]
        return name if start == vaddr else f"{name}+{vaddr - start}"


def read_program(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a regular file. Raises LoadError when it is missing, no file, empty or too long."""
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

    ELF files are known by their first bytes, sources by their suffix or because they are text.
    Raises LoadError when the file cannot be read or is empty.
    """
    start = read_program(path)[:4096]
    suffix = Path(path).suffix
    if start.startswith(b"\x7fELF"):
        return "elf"
    if suffix in (".s", ".S", ".sx", ".asm"):
        return "asm"
    if suffix in (".bin", ".img", ".raw"):
        return "raw"
    return "raw" if any(byte < 32 and byte not in b"\t\n\v\f\r" for byte in start) else "asm"


def load_elf(source: bytes | str | os.PathLike[str], name: str | None = None) -> Image:
    """The image of a static ELF32 RISC-V executable, given as its bytes or as a path.

    name: what messages call the program; by default the path.
    Raises LoadError for every file that is not such an executable.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        name = name or "program"
    else:
        name = name or os.fspath(source)
        data = read_program(source)
    try:
        return _load(data, name)
    except _Refused as refusal:
        raise LoadError(f"{name}: {refusal}") from None


def load_raw(path: str | os.PathLike[str], base: int) -> Image:
    """The image of a file without headers, placed and entered at `base`. Raises LoadError."""
    data = read_program(path)
    if base % 4:
        raise LoadError(f"{path}: is entered at {base:#010x}, which is not a multiple of 4")
    if base + len(data) > 1 << 32:
        raise LoadError(f"{path}: {len(data)} bytes at {base:#010x} run past the 32-bit address space")
    return Image(base, [Segment(base, base, data, len(data), READ | WRITE | EXECUTE)], os.fspath(path))


def check_fits(image: Image, base: int, size: int) -> None:
    """Raise LoadError unless every segment's physical range lies in the RAM of `size` bytes at `base`."""
    first = min(image.segments, key=lambda segment: segment.paddr)
    lowest = first.paddr
    if first.vaddr <= image.phdr < first.end and base - lowest < len(first.data):
        lowest = max(lowest, base)  # linkers map the file's headers into the page before the first section
    end = max(segment.paddr + segment.memsz for segment in image.segments)
    if lowest < base or lowest >= base + size:
        raise LoadError(f"{image.name}: is linked at {lowest:#010x}, where no RAM is: link it at {base:#010x} or above")
    if end > base + size:
        raise LoadError(f"{image.name}: {memory_advice(end - base, size)}")


def memory_advice(needed: int, given: int) -> str:
    """What to say when a program needs more bytes of memory than it was given."""
    mebibytes = -(-needed // (1 << 20))
    has = f"{given >> 20} MiB" if given % (1 << 20) == 0 else f"{given >> 10} KiB"
    text = f"needs {mebibytes} MiB of memory and has {has}"
    if needed > MAX_MEMORY:
        return f"{text}; a machine has at most {MAX_MEMORY >> 20} MiB"
    return f"{text}; use --memory {mebibytes}M or more"


class _Refused(Exception):
    """Why a file is no program for this machine."""


def _load(data: bytes, name: str) -> Image:
    header = _header(data)
    _version, entry, phoff, shoff, flags, _ehsize, phentsize, phnum, shentsize, shnum, _shstrndx = header
    _check_flags(flags)
    if phnum == 0:
        raise _Refused("has no program headers, so there is nothing to load")
    if phentsize != _PROGRAM_HEADER.size:
        raise _Refused(f"program headers of {phentsize} bytes; an ELF32 file has {_PROGRAM_HEADER.size}")
    segments = []
    for index, fields in enumerate(_table(data, "program header table", phoff, phnum, _PROGRAM_HEADER)):
        if fields[0] == _PT_INTERP:
            interpreter = data[fields[1] : fields[1] + min(fields[4], 256)].split(b"\0")[0].decode(errors="replace")
            raise _Refused(f"is dynamically linked (it needs {interpreter or 'a loader'}): link it with -static")
        if fields[0] == _PT_DYNAMIC:
            raise _Refused("is dynamically linked: link it with -static -no-pie")
        if fields[0] == _PT_LOAD and (fields[4] or fields[5]):
            segments.append(_segment(data, index, fields))
    if not segments:
        raise _Refused("has no loadable segment")
    segments.sort(key=lambda segment: segment.vaddr)
    _check_overlap(segments)
    image = Image(entry, segments, name)
    _check_entry(image)
    table_end = phoff + phnum * phentsize
    for fields in _table(data, "program header table", phoff, phnum, _PROGRAM_HEADER):
        if fields[0] == _PT_LOAD and fields[1] <= phoff and table_end <= fields[1] + fields[4]:
            image.phdr, image.phnum = fields[2] + phoff - fields[1], phnum
    if shoff and shnum:
        if shentsize != _SECTION_HEADER.size:
            raise _Refused(f"section headers of {shentsize} bytes; an ELF32 file has {_SECTION_HEADER.size}")
        _find_symbols(data, image, _table(data, "section header table", shoff, shnum, _SECTION_HEADER))
    return image


def _header(data: bytes) -> tuple[int, ...]:
    """The ELF header's fields from e_version on, of a file for the right machine."""
    if not data:
        raise _Refused("is empty")
    if data[:4] != b"\x7fELF"[: len(data)]:
        raise _Refused("is not an ELF file")
    if len(data) < 20:
        raise _Refused(f"is truncated: the ELF header has {_HEADER.size} bytes and the file {len(data)}")
    bits, order = data[4], data[5]
    if bits not in (1, 2) or order not in (1, 2):
        raise _Refused("has a damaged ELF header (unknown class or byte order)")
    machine = int.from_bytes(data[18:20], "little" if order == 1 else "big")
    if machine != _EM_RISCV:
        raise _Refused(f"is a program for {_MACHINES.get(machine, f'machine {machine}')}, not for RISC-V")
    if bits == 2:
        raise _Refused(f"is a 64-bit RISC-V program: {COMPILE_HINT}")
    if order == 2:
        raise _Refused(f"is a big-endian RISC-V program: {COMPILE_HINT} and without -mbig-endian")
    if len(data) < _HEADER.size:
        raise _Refused(f"is truncated: the ELF header has {_HEADER.size} bytes and the file {len(data)}")
    _ident, kind, _machine, *rest = _HEADER.unpack_from(data)
    if kind == _ET_REL:
        raise _Refused("is an object file, not a program: link it first (for example with riscv64-unknown-elf-gcc)")
    if kind == _ET_DYN:
        raise _Refused("is a shared object or position-independent program: link it with -static -no-pie")
    if kind == _ET_CORE:
        raise _Refused("is a core dump, not a program")
    if kind != _ET_EXEC:
        raise _Refused(f"is not an executable (ELF type {kind})")
    return tuple(rest)


def _check_flags(flags: int) -> None:
    if flags & _EF_RVC:
        raise _Refused(f"uses compressed instructions, which this machine does not have: {COMPILE_HINT}")
    if flags & _EF_FLOAT_ABI:
        width = {2: "single", 4: "double", 6: "quad"}[flags & _EF_FLOAT_ABI]
        raise _Refused(f"passes {width}-precision floats in registers that this machine does not have: {COMPILE_HINT}")
    if flags & _EF_RVE:
        raise _Refused(f"is compiled for RV32E, which passes arguments differently: {COMPILE_HINT}")


def _table(data: bytes, what: str, offset: int, count: int, entry: struct.Struct) -> list[tuple[int, ...]]:
    """The entries of a header table that lies inside the file."""
    end = offset + count * entry.size
    if end > len(data):
        raise _Refused(f"is truncated: the {what} ends at byte {end} and the file at {len(data)}")
    return list(entry.iter_unpack(data[offset:end]))


def _segment(data: bytes, index: int, fields: tuple[int, ...]) -> Segment:
    _kind, offset, vaddr, paddr, filesz, memsz, flags, _align = fields
    if filesz > memsz:
        raise _Refused(f"segment {index} has more bytes in the file ({filesz}) than in memory ({memsz})")
    if offset + filesz > len(data):
        raise _Refused(f"is truncated: segment {index} ends at byte {offset + filesz} and the file at {len(data)}")
    if vaddr + memsz > 1 << 32 or paddr + memsz > 1 << 32:
        first = vaddr if vaddr + memsz > 1 << 32 else paddr
        raise _Refused(f"segment {index} at {first:#010x} with {memsz:#x} bytes runs past the 32-bit address space")
    return Segment(vaddr, paddr, data[offset : offset + filesz], memsz, flags & 7)


def _check_overlap(segments: list[Segment]) -> None:
    """Segments may share no byte, neither where they run nor where they are loaded."""
    spans = [
        [(s.vaddr, s.memsz, "virtual") for s in segments],
        sorted((s.paddr, len(s.data), "physical") for s in segments if s.data),
    ]
    for ordered in spans:
        for (start, size, kind), (follower, _size, _kind) in itertools.pairwise(ordered):
            if start + size > follower:
                raise _Refused(f"segments at {kind} addresses {start:#010x} and {follower:#010x} overlap")


def _check_entry(image: Image) -> None:
    entry = image.entry
    if entry & 3:
        raise _Refused(f"entry point {entry:#010x} is not a multiple of 4")
    if image.segment_at(entry) is None and not any(s.paddr <= entry < s.paddr + s.memsz for s in image.segments):
        raise _Refused(f"entry point {entry:#010x} is outside every segment")


def _find_symbols(data: bytes, image: Image, sections: list[tuple[int, ...]]) -> None:
    """Keep the bytes of the symbol table and of its strings; they are looked at when first asked for."""
    for section in sections:
        _name, kind, _flags, _addr, offset, size, link, _info, _align, entsize = section
        if kind != _SHT_SYMTAB:
            continue
        if entsize != _SYMBOL.size or link >= len(sections):
            raise _Refused("has a damaged symbol table")
        strings_offset, strings_size = sections[link][4], sections[link][5]
        for what, start, length in (("symbol", offset, size), ("string", strings_offset, strings_size)):
            if start + length > len(data):
                raise _Refused(f"is truncated: the {what} table ends at byte {start + length}, the file at {len(data)}")
        image._symbol_table = data[offset : offset + size // _SYMBOL.size * _SYMBOL.size]
        image._strings = data[strings_offset : strings_offset + strings_size]
        return
