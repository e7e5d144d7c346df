"""The line table of an ELF file, against binutils."""

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trapline.asm.elf.dwarf_reader import Strings
from trapline.asm.elf.line_table import Row, rows
from trapline.asm.elf.reader import ElfFile
from trapline.vm.loader.places import DebugLines, Lines

C = """#include "inner.h"
int *p;
int f(int *q) {
    if (q)
        return inner(*q);
    return 7;
}
void _start(void) { f(p); for (;;) ; }
"""


def line_rows(path: Path) -> list[Row]:
    """The rows of an ELF file."""
    file = ElfFile(path.read_bytes())
    return list(DebugLines(file, file.section_headers())())


@pytest.mark.parametrize("level", ["-O0", "-O2"])
@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_the_rows_are_those_of_addr2line(tmp_path, tool, version, level):
    compiler, judge = tool("riscv64-unknown-elf-gcc"), tool("riscv64-unknown-elf-addr2line")
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "inner.h").write_text("static int inner(int x)\n{\n    return x * 3;\n}\n")
    (tmp_path / "main.c").write_text(C)
    options = ["-march=rv32ima", "-mabi=ilp32", "-nostdlib", "-Iinclude", f"-gdwarf-{version}", level]
    subprocess.run([compiler, *options, "-o", "main", "main.c"], cwd=tmp_path, check=True)
    found = line_rows(tmp_path / "main")
    lines = Lines(found)
    start, end = min(row.start for row in found), max(row.end for row in found)
    addresses = [hex(address) for address in range(start, end, 4)]
    said = subprocess.run([judge, "-e", "main", *addresses], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert len(addresses) >= 8 and lines.find(end) is None and lines.find(start - 4) is None
    for address, line in zip(addresses, said.stdout.splitlines(), strict=True):
        wanted = re.sub(r" \(discriminator \d+\)", "", line).removeprefix(f"{tmp_path}/")
        ours = lines.find(int(address, 0))
        assert ours is not None
        if version == 5:  # binutils 2.40 counts the files of version 5 from 1
            ours, wanted = ours.rpartition(":")[2], wanted.rpartition(":")[2]
        assert ours == wanted


# Version 4: one directory, one file, address 0x1000, a special opcode, an advance in each way, the end.
UNIT = (
    bytes((1, 1, 1, 0xFB, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1))
    + b"src\0\0a.s\0\x01\0\0\0"
)  # fmt: skip
PROGRAM = bytes((
    0, 5, 2, 0, 0x10, 0, 0,  # set_address 0x1000
    1,  # copy: line 1
    13 + 14 * 4 + 5 + 2,  # special: 4 bytes on, 2 lines on
    2, 4, 3, 0x7F, 1,  # advance_pc 4, advance_line -1, copy
    9, 8, 0, 1,  # fixed_advance_pc 8, copy
    2, 4, 0, 1, 1,  # advance_pc 4, end_sequence
))  # fmt: skip


def section(program: bytes = PROGRAM) -> bytes:
    """A .debug_line of one unit."""
    body = (4).to_bytes(2, "little") + len(UNIT).to_bytes(4, "little") + UNIT + program
    return len(body).to_bytes(4, "little") + body


def test_every_way_to_advance():
    assert list(rows(section(), Strings())) == [
        Row(0x1000, 0x1004, "src/a.s", 1), Row(0x1004, 0x1008, "src/a.s", 3),
        Row(0x1008, 0x1010, "src/a.s", 2), Row(0x1010, 0x1014, "src/a.s", 2),
    ]  # fmt: skip


def test_what_is_cut_off_costs_its_own_rows_only():
    whole = section()
    for end in range(len(whole)):
        assert set(rows(whole[:end], Strings())) <= set(rows(whole, Strings()))
    broken = bytearray(whole)
    broken[4] = 9  # a version that does not exist
    assert list(rows(bytes(broken) + whole, Strings())) == list(rows(whole, Strings()))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 120), st.integers(0, 255))
def test_damage_ends_quietly(tail, at, byte):
    damaged = bytearray(section(PROGRAM + tail))
    damaged[at % len(damaged)] = byte
    assert len(list(rows(bytes(damaged), Strings(b"x", b"y")))) <= len(damaged)
