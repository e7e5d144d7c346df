"""Position-independent programs: the same file as if it had been linked at one place."""

from collections.abc import Iterator

from trapline.asm.elf.format import (
    DT_JMPREL,
    DT_NULL,
    DT_PLTRELSZ,
    DT_RELA,
    DT_RELASZ,
    DYNAMIC,
    ET_EXEC,
    HEADER,
    PROGRAM_HEADER,
    PT_DYNAMIC,
    PT_LOAD,
    PT_NULL,
    R_RISCV_IRELATIVE,
    R_RISCV_NONE,
    R_RISCV_RELATIVE,
    RELOCATION,
    RELOCATION_TYPE,
    SECTION_HEADER,
    SHF_ALLOC,
    SHN_ABS,
    SHN_UNDEF,
    SHT_SYMTAB,
    SYMBOL,
    ProgramHeader,
)
from trapline.asm.elf.reader import ElfError, ElfFile

WORD = 4
MASK = 0xFFFFFFFF
"""Bytes of an address, and its bits."""

ADVICE = "link it with -static -no-pie"


def rebased(file: ElfFile, base: int) -> bytes:
    """The bytes of a position-independent program, made an executable whose lowest address is `base` or above it.

    Its relocations are applied. Programs that relocate themselves, such as OpenSBI, write the same values once more.
    The addresses in its debugging information stay. Raises ElfError for what refers to other files.
    """
    programs = file.program_headers()
    if _offset(programs, file.header.entry) == 0:
        raise ElfError("is a shared object, not a program")
    bias = _bias(programs, base)
    data = bytearray(file.data)
    for place, addend in _relative(file, programs):
        offset = _offset(programs, place)
        if offset is None or offset + WORD > len(data):
            raise ElfError(f"has a relocation at {place:#010x}, outside of what is loaded")
        data[offset : offset + WORD] = ((addend + bias) & MASK).to_bytes(WORD, "little")
    header = file.header
    HEADER.pack_into(data, 0, *header._replace(type=ET_EXEC, entry=(header.entry + bias) & MASK))
    for n, program in enumerate(programs):
        moved = program._replace(vaddr=(program.vaddr + bias) & MASK, paddr=(program.paddr + bias) & MASK)
        if program.type == PT_DYNAMIC:
            moved = moved._replace(type=PT_NULL)
        PROGRAM_HEADER.pack_into(data, header.phoff + n * PROGRAM_HEADER.size, *moved)
    for n, section in enumerate(file.section_headers()):
        if section.flags & SHF_ALLOC:
            at = header.shoff + n * SECTION_HEADER.size
            SECTION_HEADER.pack_into(data, at, *section._replace(addr=(section.addr + bias) & MASK))
        if section.type == SHT_SYMTAB and section.entsize == SYMBOL.size:
            _move_symbols(data, section.offset, section.size, bias)
    return bytes(data)


def _bias(programs: list[ProgramHeader], base: int) -> int:
    """What to add to every address: a multiple of the segments' alignment, which code relative to pc relies on."""
    loaded = [program for program in programs if program.type == PT_LOAD and program.memsz]
    lowest = min((program.vaddr for program in loaded), default=base)
    align = max((program.align for program in loaded), default=1) or 1
    return max(0, -(-(base - lowest) // align) * align)


def _offset(programs: list[ProgramHeader], vaddr: int) -> int | None:
    """Where the file has the byte of this address."""
    holder = next((p for p in programs if p.type == PT_LOAD and p.vaddr <= vaddr < p.vaddr + p.filesz), None)
    return None if holder is None else holder.offset + vaddr - holder.vaddr


def _move_symbols(data: bytearray, offset: int, size: int, bias: int) -> None:
    for at in range(offset, min(offset + size, len(data)) - SYMBOL.size + 1, SYMBOL.size):
        name, value, length, info, other, section = SYMBOL.unpack_from(data, at)
        if section not in (SHN_UNDEF, SHN_ABS):
            SYMBOL.pack_into(data, at, name, (value + bias) & MASK, length, info, other, section)


def _relative(file: ElfFile, programs: list[ProgramHeader]) -> Iterator[tuple[int, int]]:
    """(address, addend) of each relocation that the place of the program decides."""
    entries: dict[int, int] = {}
    for program in programs:
        if program.type == PT_DYNAMIC:
            size = program.filesz // DYNAMIC.size * DYNAMIC.size
            for tag, value in DYNAMIC.iter_unpack(file.part("the dynamic section", program.offset, size)):
                if tag == DT_NULL:
                    break
                entries.setdefault(tag, value)
    for start_tag, size_tag in ((DT_RELA, DT_RELASZ), (DT_JMPREL, DT_PLTRELSZ)):
        size = entries.get(size_tag, 0)
        if not size:
            continue
        offset = _offset(programs, entries.get(start_tag, 0))
        if offset is None or size % RELOCATION.size:
            raise ElfError("has a damaged table of relocations")
        for place, info, addend in RELOCATION.iter_unpack(file.part("the table of relocations", offset, size)):
            kind = info & RELOCATION_TYPE
            if kind == R_RISCV_RELATIVE:
                yield place, addend
            elif kind not in (R_RISCV_NONE, R_RISCV_IRELATIVE):  # the program itself serves an IRELATIVE
                raise ElfError(f"is dynamically linked (its relocation {kind} needs another file): {ADVICE}")
