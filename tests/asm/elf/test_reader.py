"""The reader of ELF files: tables as written, and a reason for each file that is not ELF32 RISC-V."""

import struct

import pytest

from support.loader.elf import Header, elf
from trapline.asm.elf.format import PROGRAM_HEADER, PT_LOAD, SYMBOL
from trapline.asm.elf.reader import LONGEST_NAME, ElfError, ElfFile, entries, string, symbol_entries

CODE = (PT_LOAD, 0x10000, b"\x13\0\0\0", 8, 5)


def test_program_headers_are_those_written() -> None:
    file = ElfFile(elf(Header(), [CODE, (PT_LOAD, 0x20000, b"data", 4, 6)]))
    assert file.header.entry == 0x10000 and file.section_headers() == []
    code, data = file.program_headers()
    assert (code.vaddr, code.filesz, code.memsz, code.flags) == (0x10000, 4, 8, 5)
    assert file.part("data", data.offset, data.filesz) == b"data"


@pytest.mark.parametrize(("data", "message", "machine"), [
    (b"", "is empty", ""), (b"hello", "is not an ELF file", ""),
    (b"\x7fELF", "is truncated: the ELF header has 52 bytes and the file 4", ""),
    (elf(Header(), [])[:51], "is truncated: the ELF header has 52 bytes and the file 51", ""),
    (elf(Header(bits=3), []), "has a damaged ELF header", ""), (elf(Header(bits=2), []), "64-bit RISC-V", "64-bit"),
    (elf(Header(machine=62), []), "is a program for x86-64, not for RISC-V", "x86-64"),
    (elf(Header(machine=9999), []), "is a program for machine 9999", "machine 9999"),
])  # fmt: skip
def test_the_reason_that_a_file_is_refused(data: bytes, message: str, machine: str) -> None:
    with pytest.raises(ElfError) as caught:
        ElfFile(data)
    assert str(caught.value).startswith(message) or message in str(caught.value)
    assert caught.value.machine == machine


def test_tables_that_pass_the_end_of_the_file_are_refused() -> None:
    data = elf(Header(phoff=0x1000), [CODE])
    with pytest.raises(ElfError, match=r"is truncated: the program header table ends at byte 4128 and the file at"):
        ElfFile(data).program_headers()


def test_entries_of_another_size_are_refused() -> None:
    with pytest.raises(ElfError, match=rf"has program headers of 56 bytes; an ELF32 file has {PROGRAM_HEADER.size}"):
        ElfFile(elf(Header(phentsize=56), [CODE])).program_headers()


def test_symbols_are_read_with_their_names() -> None:
    table = SYMBOL.pack(1, 0x100, 4, 0x12, 0, 1) + SYMBOL.pack(3, 0x104, 0, 0, 0, 0xFFF1) + b"cut"
    one, two = symbol_entries(table, b"\0a\0bc\0")
    assert (one.name, one.value, one.size, one.binding, one.type, one.section) == ("a", 0x100, 4, 1, 2, 1)
    assert (two.name, two.value, two.section) == ("bc", 0x104, 0xFFF1)


def test_names_that_overlap_cost_no_more_than_the_file() -> None:
    strings = b"\0" + b"x" * 1000 + b"\0"
    table = b"".join(SYMBOL.pack(1, i, 0, 0, 0, 1) for i in range(10_000))
    assert len(list(symbol_entries(table, strings))) < 16 * len(strings) // 1000 + LONGEST_NAME // 1000 + 1


def test_strings_end_at_zero_at_the_end_or_at_the_longest_name() -> None:
    assert string(b"\0ab\0c", 1) == "ab" and string(b"\0ab\0c", 4) == "c" and string(b"a", 9) == ""
    assert len(string(b"n" * 2 * LONGEST_NAME, 0)) == LONGEST_NAME
    assert string(b"\xff\0", 0) == "\\xff"


def test_a_last_entry_that_is_cut_is_left_out() -> None:
    assert list(entries(struct.Struct("<H"), b"\1\0\2\0\3")) == [(1,), (2,)]
