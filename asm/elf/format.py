"""Headers and tables of ELF32 files (System V ABI, chapters 4 and 5; RISC-V ELF psABI)."""

import struct
from typing import NamedTuple

MAGIC = b"\x7fELF"
CLASS_32, CLASS_64 = 1, 2
LITTLE_ENDIAN, BIG_ENDIAN = 1, 2
VERSION = 1
EM_RISCV = 243

ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
EF_RVC, EF_FLOAT_ABI, EF_RVE = 1, 6, 8

PT_NULL, PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_TLS = 0, 1, 2, 3, 4, 7
PT_GNU_STACK, PT_RISCV_ATTRIBUTES = 0x6474E551, 0x70000003
PF_EXEC, PF_WRITE, PF_READ = 1, 2, 4

SHT_NULL, SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_RELA, SHT_NOTE, SHT_NOBITS = 0, 1, 2, 3, 4, 7, 8
SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY = 14, 15, 16
SHT_RISCV_ATTRIBUTES = 0x70000003
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_MERGE, SHF_STRINGS, SHF_GROUP, SHF_TLS = 1, 2, 4, 0x10, 0x20, 0x200, 0x400
SHF_LINK_ORDER, SHF_GNU_RETAIN, SHF_EXCLUDE, SHF_MASKOS = 0x80, 0x200000, 0x80000000, 0x0FF00000
SHN_UNDEF, SHN_ABS = 0, 0xFFF1

STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION, STT_FILE, STT_TLS = 0, 1, 2, 3, 4, 6
STV_DEFAULT, STV_INTERNAL, STV_HIDDEN, STV_PROTECTED = 0, 1, 2, 3

HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
PROGRAM_HEADER = struct.Struct("<8I")
SECTION_HEADER = struct.Struct("<10I")
SYMBOL = struct.Struct("<IIIBBH")
RELOCATION = struct.Struct("<IIi")
RELOCATION_TYPE = 0xFF
"""The bits of a relocation's info that say what it is; the others number a symbol."""
R_RISCV_NONE, R_RISCV_RELATIVE, R_RISCV_IRELATIVE = 0, 3, 58
"""Relocations that are left in a linked program."""
DYNAMIC = struct.Struct("<iI")
"""An entry of the dynamic section: tag and value."""
DT_NULL, DT_PLTRELSZ, DT_RELA, DT_RELASZ, DT_JMPREL = 0, 2, 7, 8, 23


class Header(NamedTuple):
    """The ELF header, fields named as in the specification without `e_`."""

    ident: bytes
    type: int
    machine: int
    version: int
    entry: int
    phoff: int
    shoff: int
    flags: int
    ehsize: int
    phentsize: int
    phnum: int
    shentsize: int
    shnum: int
    shstrndx: int


class ProgramHeader(NamedTuple):
    """A segment, fields named as in the specification without `p_`."""

    type: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int
    flags: int
    align: int


class SectionHeader(NamedTuple):
    """A section, fields named as in the specification without `sh_`."""

    name: int
    type: int
    flags: int
    addr: int
    offset: int
    size: int
    link: int
    info: int
    addralign: int
    entsize: int
