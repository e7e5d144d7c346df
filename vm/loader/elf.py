"""Turns an ELF file into an image, or says why not."""

import itertools

from trapline.asm.elf.format import (
    EF_FLOAT_ABI,
    EF_RVC,
    EF_RVE,
    ET_CORE,
    ET_DYN,
    ET_EXEC,
    ET_REL,
    PT_DYNAMIC,
    PT_INTERP,
    PT_LOAD,
    SHT_SYMTAB,
    SYMBOL,
    ProgramHeader,
    SectionHeader,
)
from trapline.asm.elf.reader import ElfError, ElfFile
from trapline.isa.word import HALFWORD, WORD
from trapline.vm.loader.foreign_files import COMPILE_HINT, LINK_ADVICE
from trapline.vm.loader.image import EXECUTE, READ, WRITE, Image, LoadError, Segment
from trapline.vm.loader.places import DebugLines, code_sections
from trapline.vm.loader.relocation import rebased

PROGRAM_BASE = 0x10000
"""Where GNU ld begins a program."""

_COMPILE_HINTS = {"64-bit": COMPILE_HINT, "big-endian": f"{COMPILE_HINT} and without -mbig-endian"}

_NO_EXECUTABLE = {
    ET_REL: f"is an object file, not a program: {LINK_ADVICE}",
    ET_DYN: "is dynamically linked: link it with -static",
    ET_CORE: "is a core dump, not a program",
}


def elf_image(data: bytes, name: str, base: int = PROGRAM_BASE) -> Image:
    """The image of a static ELF32 RISC-V executable. Raises LoadError for every other file.

    base: where a position-independent one goes, if it is linked further down.
    """
    try:
        file, bias = ElfFile(data), 0
        if file.header.type == ET_DYN and not any(p.type == PT_INTERP for p in file.program_headers()):
            linked = file.header.entry
            file = ElfFile(rebased(file, base))
            bias = file.header.entry - linked
        return _image(file, name, bias)
    except ElfError as error:
        hint = _COMPILE_HINTS.get(error.machine)
        raise LoadError(f"{name}: {error}" + (f": {hint}" if hint else "")) from None


def _image(file: ElfFile, name: str, bias: int) -> Image:
    """bias: how far a position-independent program was moved."""
    header = file.header
    if header.type != ET_EXEC:
        raise ElfError(_NO_EXECUTABLE.get(header.type, f"is not an executable (ELF type {header.type})"))
    _check_flags(header.flags)
    if header.phnum == 0:
        raise ElfError("has no program headers, so there is nothing to load")
    programs = file.program_headers()
    segments = []
    for index, program in enumerate(programs):
        if program.type == PT_INTERP:
            path = file.data[program.offset : program.offset + min(program.filesz, 256)].split(b"\0")[0]
            needed = path.decode(errors="replace") or "a loader"
            raise ElfError(f"is dynamically linked (it needs {needed}): link it with -static")
        if program.type == PT_DYNAMIC:
            raise ElfError("is dynamically linked: link it with -static -no-pie")
        if program.type == PT_LOAD and (program.filesz or program.memsz):
            segments.append(_segment(file, index, program))
    if not segments:
        raise ElfError("has no loadable segment")
    segments.sort(key=lambda segment: segment.vaddr)
    _check_overlap(segments)
    image = Image(header.entry, segments, name, rvc=bool(header.flags & EF_RVC))
    _check_entry(image)
    table_end = header.phoff + header.phnum * header.phentsize
    for program in programs:
        if program.type == PT_LOAD and program.offset <= header.phoff and table_end <= program.offset + program.filesz:
            image.phdr, image.phnum = program.vaddr + header.phoff - program.offset, header.phnum
    sections = file.section_headers()
    _find_symbols(file, image, sections)
    debug = DebugLines(file, sections, bias)
    image.code, image.find_lines, image.find_blocks = code_sections(file, sections), debug, debug.blocks
    image.find_call_frames = debug.call_frames
    return image


def _check_flags(flags: int) -> None:
    if flags & EF_FLOAT_ABI:
        width = {2: "single", 4: "double", 6: "quad"}[flags & EF_FLOAT_ABI]
        raise ElfError(f"passes {width}-precision floats in registers that this machine does not have: {COMPILE_HINT}")
    if flags & EF_RVE:
        raise ElfError(f"is compiled for RV32E, which passes arguments differently: {COMPILE_HINT}")


def _segment(file: ElfFile, index: int, program: ProgramHeader) -> Segment:
    _type, offset, vaddr, paddr, filesz, memsz, flags, _align = program
    if filesz > memsz:
        raise ElfError(f"segment {index} has more bytes in the file ({filesz}) than in memory ({memsz})")
    data = file.part(f"segment {index}", offset, filesz)
    if vaddr + memsz > 1 << 32 or paddr + memsz > 1 << 32:
        first = vaddr if vaddr + memsz > 1 << 32 else paddr
        raise ElfError(f"segment {index} at {first:#010x} with {memsz:#x} bytes runs past the 32-bit address space")
    return Segment(vaddr, paddr, data, memsz, flags & (READ | WRITE | EXECUTE))


def _check_overlap(segments: list[Segment]) -> None:
    """Refuse segments that share a byte, by virtual or by physical address."""
    spans = [
        [(s.vaddr, s.memsz, "virtual") for s in segments],
        sorted((s.paddr, len(s.data), "physical") for s in segments if s.data),
    ]
    for ordered in spans:
        for (start, size, kind), (follower, _size, _kind) in itertools.pairwise(ordered):
            if start + size > follower:
                raise ElfError(f"segments at {kind} addresses {start:#010x} and {follower:#010x} overlap")


def _check_entry(image: Image) -> None:
    entry = image.entry
    alignment = HALFWORD if image.rvc else WORD
    if entry % alignment:
        raise ElfError(f"entry point {entry:#010x} is not a multiple of {alignment}")
    if image.segment_at(entry) is None and not any(s.paddr <= entry < s.paddr + s.memsz for s in image.segments):
        raise ElfError(f"entry point {entry:#010x} is outside every segment")


def _find_symbols(file: ElfFile, image: Image, sections: list[SectionHeader]) -> None:
    """Store the bytes of the symbol table and of its strings."""
    table = next((section for section in sections if section.type == SHT_SYMTAB), None)
    if table is None:
        return
    if table.entsize != SYMBOL.size or table.link >= len(sections):
        raise ElfError("has a damaged symbol table")
    strings = sections[table.link]
    image.symbol_table = file.part("the symbol table", table.offset, table.size // SYMBOL.size * SYMBOL.size)
    image.strings = file.part("the string table", strings.offset, strings.size)
