"""The ELF32 executable of a linked program (System V ABI, chapters 4 and 5; RISC-V ELF psABI)."""

import struct
from dataclasses import dataclass, field

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.elf.format import (
    CLASS_32,
    EF_RVC,
    EM_RISCV,
    ET_EXEC,
    HEADER,
    LITTLE_ENDIAN,
    MAGIC,
    PF_EXEC,
    PF_READ,
    PF_WRITE,
    PROGRAM_HEADER,
    PT_GNU_STACK,
    PT_LOAD,
    PT_NOTE,
    PT_RISCV_ATTRIBUTES,
    PT_TLS,
    SECTION_HEADER,
    SHF_MASKOS,
    SHN_ABS,
    SHT_STRTAB,
    SHT_SYMTAB,
    STB_GLOBAL,
    STB_LOCAL,
    STB_WEAK,
    STT_FUNC,
    STT_NOTYPE,
    STT_OBJECT,
    STT_TLS,
    STV_DEFAULT,
    STV_HIDDEN,
    STV_INTERNAL,
    STV_PROTECTED,
    SYMBOL,
    VERSION,
)
from trapline.asm.fragments import Data, code_padding
from trapline.asm.linker.got import TABLE_OFFSET
from trapline.asm.linker.linker import Linker
from trapline.asm.linker.operand_checks import check_address, symbol_size
from trapline.asm.linker.placement import PAGE, Layout, Output, load_segments, note_segments
from trapline.asm.sections import ALLOC, ATTRIBUTES, EXEC, NOBITS, TLS, WRITE
from trapline.asm.symbols import Symbol

_OWN_FLAGS = 0x7FF | SHF_MASKOS
"""Section flags that go into the executable; the others are for linkers."""

_BINDINGS = {"local": STB_LOCAL, "global": STB_GLOBAL, "weak": STB_WEAK}
_TYPES = {"notype": STT_NOTYPE, "object": STT_OBJECT, "func": STT_FUNC, "tls": STT_TLS, "common": STT_OBJECT}
_VISIBILITIES = {"default": STV_DEFAULT, "internal": STV_INTERNAL, "hidden": STV_HIDDEN, "protected": STV_PROTECTED}
LETTERS, COMPRESSED, OTHERS = "rv32i2p1_m2p0_a2p1", "_c2p0", "_zicsr2p0_zifencei2p0"
"""Parts of the architecture's name."""


def attributes(compressed: bool) -> bytes:
    """The .riscv.attributes section: stack alignment (4) and architecture (5)."""
    architecture = LETTERS + COMPRESSED * compressed + OTHERS
    body = bytes((4, 16, 5)) + architecture.encode() + b"\0"
    file = bytes((1,)) + struct.pack("<I", 5 + len(body)) + body
    vendor = b"riscv\0" + file
    return b"A" + struct.pack("<I", 4 + len(vendor)) + vendor


def contents(output: Output) -> bytes:
    """The bytes of an output section; gaps between inputs are zeros, as in ld's script for RISC-V."""
    image = bytearray()
    for section in output.inputs:
        image += bytes(section.address - output.address - len(image))
        for fragment in section.fragments:
            image += fragment.data if type(fragment) is Data else fragment.content()
        image += bytes(section.padding) if section.blank_end else code_padding(section.padding)
    return bytes(image)


@dataclass
class _Strings:
    data: bytearray = field(default_factory=lambda: bytearray(1))
    known: dict[str, int] = field(default_factory=dict)

    def add(self, text: str) -> int:
        if not text:
            return 0
        if text not in self.known:
            self.known[text] = len(self.data)
            self.data += text.encode("utf-8", "surrogateescape") + b"\0"
        return self.known[text]


@dataclass(frozen=True)
class Segment:
    """A loadable part: `data` at `vaddr`, zeros up to `memsz` bytes; flags as p_flags (PF_READ, PF_WRITE, PF_EXEC)."""

    vaddr: int
    data: bytes
    memsz: int
    flags: int


def segments(layout: Layout) -> list[Segment]:
    """The program's loadable parts, read-only first; headers not included."""
    found = []
    for outputs in load_segments(layout):
        start = outputs[0].address
        image = bytearray()
        end = start
        for output in outputs:
            if output.is_thread_zeros:
                continue
            end = output.address + output.size
            if output.type != NOBITS:
                image += bytes(output.address - start - len(image)) + contents(output)
        executable = any(o.flags & EXEC for o in outputs)
        writable = any(o.flags & WRITE for o in outputs)
        found.append(Segment(start, bytes(image), end - start, PF_READ | PF_EXEC * executable | PF_WRITE * writable))
    return found


def _copied(symbol: Symbol) -> Symbol:
    """The label that an alias refers to; the alias inherits its type and size unless it has its own, as in GNU as."""
    label = symbol
    while isinstance(label.value, Symbol):
        label = label.value
        if symbol.type == "notype":
            symbol.type = label.type
        if symbol.size is None:
            symbol.size, symbol.sized_at = label.size, label.sized_at
    return label


def symbol_rows(linker: Linker, numbers: dict[int, int]) -> list[tuple[str, int, int, str, str, str, int]]:
    """(name, value, size, binding, type, visibility, section index), local symbols first.

    A symbol without a value, such as `x = label / 0`, becomes an error in the linker's diagnostics.
    """
    rows = []

    def row(symbol: Symbol) -> None:
        index = SHN_ABS
        place = _copied(symbol)
        if place.section is not None:
            index = numbers.get(id(linker.home(place)[0]), SHN_ABS)
        where = symbol.defined_at or Location("<symbols>", 1)
        try:
            size = symbol_size(linker, symbol, where)
            value = linker.address(symbol, where)
            if symbol.value is not None:
                check_address(linker, symbol.value, where)
        except SourceError as error:
            linker.diagnostics.add(error)
            return
        if symbol.section is not None and symbol.section.flags & TLS:
            symbol.type = "tls"
            value -= linker.thread_local[0].address if linker.thread_local else 0
        value, size = value & 0xFFFFFFFF, size & 0xFFFFFFFF
        rows.append((symbol.name, value, size, symbol.binding, symbol.type, symbol.visibility, index))

    for unit in linker.units:
        for symbol in unit.symbols.values():
            hidden = symbol.temporary or symbol.name.startswith((".L", "L0\x01"))
            if symbol.binding == "local" and symbol.defined and not hidden:
                row(symbol)
    if linker.got:
        table = linker.got_section.address + TABLE_OFFSET
        index = numbers.get(id(linker.got_section), 0)
        rows.append(("_GLOBAL_OFFSET_TABLE_", table, 0, "local", "object", "default", index))
    for symbol in linker.globals.values():
        if symbol.defined:
            row(symbol)
    return rows


def _tls_segment(outputs: list[Output]) -> tuple[int, ...]:
    """The program header of thread-local storage."""
    first, last = outputs[0], outputs[-1]
    filled = first.size if first.type != NOBITS else 0
    size = last.address + last.size - first.address
    alignment = max(output.alignment for output in outputs)
    return (PT_TLS, first.offset, first.address, first.address, filled, size, PF_READ, alignment)


def write_elf(linker: Linker, entry: int) -> bytes:
    """The executable as bytes."""
    layout = linker.layout
    outputs = [o for o in (*layout.read_only, *layout.writable, *layout.zeroed) if o.size]
    loose = [o for o in layout.loose if o.type != ATTRIBUTES and o.size]
    stack_note = any(o.name == ".note.GNU-stack" for o in layout.loose)
    parts = segments(layout)
    notes = note_segments(layout)
    count = 1 + len(parts) + len(notes) + stack_note + bool(linker.thread_local)
    header_size = HEADER.size + PROGRAM_HEADER.size * count
    image = bytearray(header_size)
    programs: list[tuple[int, ...]] = []
    for number, part in enumerate(parts):
        with_headers = layout.headers and number == 0
        offset = len(image) + (part.vaddr - len(image)) % PAGE
        image += bytes(offset - len(image)) + part.data
        first, size = (offset, len(part.data))
        address, memory = part.vaddr, part.memsz
        if with_headers and part.vaddr - layout.start == offset:
            first, size, address, memory = 0, size + offset, layout.start, memory + offset
        programs.append((PT_LOAD, first, address, address, size, memory, part.flags, PAGE))
        for output in outputs:
            if part.vaddr <= output.address < part.vaddr + max(part.memsz, 1):
                output.offset = min(offset + output.address - part.vaddr, len(image))
    names = _Strings()
    rows: list[tuple[int, ...]] = [(0,) * 10]
    numbers: dict[int, int] = {}
    for output in outputs:
        for section in output.inputs:
            numbers[id(section)] = len(rows)
        flags = output.flags & _OWN_FLAGS
        rows.append((names.add(output.name), output.type, flags, output.address, output.offset, output.size, 0, 0,
                     output.alignment, output.entry_size))  # fmt: skip
    for output in loose:
        for section in output.inputs:
            numbers[id(section)] = len(rows)
        flags = output.flags & _OWN_FLAGS & ~ALLOC
        image += bytes(-len(image) % output.alignment)
        rows.append((names.add(output.name), output.type, flags, 0, len(image), output.size, 0, 0,
                     output.alignment, output.entry_size))  # fmt: skip
        image += contents(output)
    attribute_bytes = attributes(any(unit.compressed for unit in linker.units))
    programs.insert(0, (PT_RISCV_ATTRIBUTES, len(image), 0, 0, len(attribute_bytes), 0, PF_READ, 1))
    for note in notes:
        size = note[-1].address + note[-1].size - note[0].address
        start = note[0].address
        programs.append((PT_NOTE, note[0].offset, start, start, size, size, PF_READ, note[0].alignment))
    if linker.thread_local:
        programs.append(_tls_segment(linker.thread_local))
    if stack_note:
        programs.append((PT_GNU_STACK, 0, 0, 0, 0, 0, PF_READ | PF_WRITE, 16))
    rows.append((names.add(".riscv.attributes"), ATTRIBUTES, 0, 0, len(image), len(attribute_bytes), 0, 0, 1, 0))
    image += attribute_bytes
    _append_symbols(linker, image, rows, names, numbers)
    image += bytes(-len(image) % 4)
    header = HEADER.pack(
        MAGIC + bytes((CLASS_32, LITTLE_ENDIAN, VERSION)) + bytes(9), ET_EXEC, EM_RISCV, VERSION,
        entry, HEADER.size, len(image), EF_RVC * linker.has_compressed, HEADER.size,
        PROGRAM_HEADER.size, len(programs), SECTION_HEADER.size, len(rows), len(rows) - 1,
    )  # fmt: skip
    image[: len(header)] = header
    table = b"".join(PROGRAM_HEADER.pack(*p) for p in programs)
    image[HEADER.size : HEADER.size + len(table)] = table
    for section_row in rows:
        image += SECTION_HEADER.pack(*section_row)
    return bytes(image)


def _append_symbols(
    linker: Linker, image: bytearray, rows: list[tuple[int, ...]], names: _Strings, numbers: dict[int, int]
) -> None:
    """Symbol table, its strings, and the section names."""
    strings = _Strings()
    table = bytearray(SYMBOL.size)
    found = symbol_rows(linker, numbers)
    locals_first = sorted(found, key=lambda r: r[3] != "local")
    for name, value, size, binding, kind, visibility, index in locals_first:
        info = _BINDINGS[binding] << 4 | _TYPES[kind]
        table += SYMBOL.pack(strings.add(name), value, size, info, _VISIBILITIES[visibility], index)
    local_count = 1 + sum(r[3] == "local" for r in found)
    image += bytes(-len(image) % 4)
    link = len(rows) + 1
    rows.append((names.add(".symtab"), SHT_SYMTAB, 0, 0, len(image), len(table), link, local_count, 4, SYMBOL.size))
    image += table
    rows.append((names.add(".strtab"), SHT_STRTAB, 0, 0, len(image), len(strings.data), 0, 0, 1, 0))
    image += strings.data
    title = names.add(".shstrtab")
    rows.append((title, SHT_STRTAB, 0, 0, len(image), len(names.data), 0, 0, 1, 0))
    image += names.data
