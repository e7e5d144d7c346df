"""Addresses, lines and symbols of programs, against addr2line and gdb."""

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.loader.gdb import addresses
from support.process.processes import GCC, MARCH
from trapline.asm import Text, assemble
from trapline.asm.elf.format import ET_DYN
from trapline.vm.loader.image import Image
from trapline.vm.loader.locations import LocationError
from trapline.vm.loader.source import load_file, load_source, program_image
from trapline.vm.loader.source_lines import Place, SourceLines

MAIN = """#include "inner.h"
int *p;
volatile int sink;

static int twice(int x)
{
    for (int i = 0; i < x; i++) sink += i;
    return 2 * x;
}

int f(int *q) {
    if (q)
        return inner(*q) + twice(3);
    switch (sink) {
    case 1: sink = 5; break;
    case 2: sink = 7; break;
    }
    return 7;
}

void _start(void) { f(p); for (;;) ; }
"""
INNER = """extern volatile int sink;
static inline int inner(int x)
{
    sink = x;
    return x * 3;
}
"""
LOCATIONS = [f"main.c:{n}" for n in range(1, 26)] + [f"inner.h:{n}" for n in range(1, 9)]


def compiled(tool, folder: Path, compiler: str, *options: str) -> Path:
    """The program above."""
    (folder / "include").mkdir()
    (folder / "include" / "inner.h").write_text(INNER)
    (folder / "main.c").write_text(MAIN)
    options = (*MARCH, "-Iinclude", "-c", "-o", "main.o", "main.c", *options)
    target = ("--target=riscv32",) if compiler == "clang" else ()
    subprocess.run([tool(compiler), *target, *options], cwd=folder, check=True)
    subprocess.run(
        [tool("riscv64-unknown-elf-ld"), "-m", "elf32lriscv", "-o", "main", "main.o"], cwd=folder, check=True
    )
    return folder / "main"


def found(lines: SourceLines, location: str) -> list[tuple[int, int]]:
    """(address, line) of a location, as `support.loader.gdb.addresses` has it."""
    try:
        return [(place.address, place.line) for place in lines.find(location)]
    except LocationError:
        return []


@pytest.mark.parametrize("level", ["-O0", "-O2"])
@pytest.mark.parametrize("version", ["-gdwarf-4", "-gdwarf-5"])
@pytest.mark.parametrize("compiler", [GCC, "clang"])
def test_lines_have_the_addresses_that_gdb_finds(tmp_path, tool, compiler, version, level):
    program = compiled(tool, tmp_path, compiler, version, level)
    lines = SourceLines(load_file(program))
    wanted = addresses(tool, program, LOCATIONS)
    assert sum(map(len, wanted.values())) > 20
    for location in LOCATIONS:
        assert found(lines, location) == wanted[location], location


def test_lines_of_a_longer_program_have_the_addresses_that_gdb_finds(tmp_path, tool):
    sources = Path(__file__).parents[2] / "asm" / "c"
    options = (*MARCH, "-ffreestanding", "-nostdlib", "-g", "-Os", "-I", sources, "-lgcc")
    program = tmp_path / "text"
    subprocess.run([tool(GCC), sources / "text.c", *options, "-o", program], check=True)
    asked = [f"{name}:{line}" for name in ("text.c", "rt.h") for line in range(1, 120)]
    wanted, lines = addresses(tool, program, asked), SourceLines(load_file(program))
    assert {location: found(lines, location) for location in asked} == wanted
    assert sum(map(len, wanted.values())) > 200


def test_the_folder_of_the_compiler_is_known_in_every_version(tmp_path, tool):
    for version in ("-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5"):
        folder = tmp_path / version
        folder.mkdir()
        lines = SourceLines(load_file(compiled(tool, folder, GCC, version, "-O0")))
        place = lines.place(lines.address("inner.h:4"))
        assert (place.folder, place.text) == (str(folder), "    sink = x;")


def test_a_program_that_is_placed_later(tmp_path, tool):
    """OpenSBI, say, is position-independent; a program made so by its type alone shows where its lines go."""
    program = compiled(tool, tmp_path, GCC, "-g", "-O0")
    raw, here = bytearray(program.read_bytes()), SourceLines(load_file(program))
    raw[16] = ET_DYN
    program.write_bytes(raw)
    moved = SourceLines(load_file(program, raw_base=0x80000000))
    distance = moved.address("f") - here.address("f")
    assert distance >= 0x7FFE0000
    for location in LOCATIONS:
        assert found(moved, location) == [(address + distance, line) for address, line in found(here, location)]


@pytest.mark.parametrize("version", ["-gdwarf-4", "-gdwarf-5"])
def test_the_text_of_a_line_is_found_where_the_file_says(tmp_path, tool, monkeypatch, version):
    program = compiled(tool, tmp_path, GCC, version, "-O0")
    monkeypatch.chdir(tmp_path.parent)
    image = load_file(program)
    lines = SourceLines(image, [tmp_path])
    place = lines.place(lines.address("inner.h:4"))
    assert (place.file, place.line, place.text) == ("include/inner.h", 4, "    sink = x;")
    assert SourceLines(image).place(place.address).text == "    sink = x;"  # where the compiler ran
    (tmp_path / "include" / "inner.h").unlink()
    assert SourceLines(image).place(place.address).text is None


KERNEL = """    .globl _start
    .type _start, @function
_start:
    la sp, stack
    call work
halt: j halt
    .size _start, .-_start
work:
    .rept 2
    addi a0, a0, 1
    .endr
    .macro twice r
    add \\r, \\r, \\r
    nop
    .endm
    twice a1
    ret
    .bss
stack: .word 0
"""


@pytest.fixture(scope="module")
def kernel() -> SourceLines:
    return SourceLines(load_source(KERNEL, name="kernel.s", text_base=0x80000000))


def test_a_source_that_is_run_directly(kernel):
    place = kernel.place(0x80000004)
    assert place == Place(
        0x80000004, "_start", 4, "kernel.s", 4, "", "    la sp, stack", "", "kernel.s"
    )  # fmt: skip
    assert str(place) == "0x80000004 <_start+4> (kernel.s:4)"
    assert str(kernel.place(0x80000020)) == "0x80000020 <work+12> (kernel.s:16, in a macro at kernel.s:14)"
    assert kernel.place(0x80000020).text == "    twice a1"
    assert str(kernel.place(0x90000000)) == "0x90000000"
    assert kernel.files == ["kernel.s"]


def test_steps_by_line(kernel):
    assert kernel.line_range(0x80000004) == range(0x80000000, 0x80000008)
    assert kernel.next_line_address(0x80000000) == 0x80000008
    assert kernel.next_line_address(0x80000008) == 0x80000010
    assert kernel.next_line_address(0x80000010) is None  # the function ends
    assert kernel.line_range(0x80000014) == range(0x80000014, 0x8000001C)  # both turns of the repetition
    assert kernel.line_range(0x80000020) == range(0x8000001C, 0x80000024)  # the whole macro
    assert kernel.next_line_address(0x8000001C) == 0x80000024 and kernel.next_line_address(0x80000024) is None
    assert kernel.line_range(0x90000000) == range(0) and kernel.next_line_address(0x90000000) is None


def test_a_line_of_a_macro_is_every_use_of_it():
    text = "    .macro inner\n    nop\n    .endm\n    .macro m\n    inner\n    addi a0, a0, 1\n    .endm\n"
    lines = SourceLines(load_source(text + "_start: m\n    m\n    ebreak\n", name="m.s", text_base=0x1000))
    assert [(p.address, p.line) for p in lines.find("m.s:6")] == [(0x1004, 8), (0x100C, 9)]
    assert [(p.address, p.line) for p in lines.find("m.s:2")] == [(0x1000, 8), (0x1008, 9)]
    assert [(p.address, p.line) for p in lines.find("m.s:9")] == [(0x1008, 9)]


def test_a_source_that_is_run_and_its_file_with_lines_agree(tmp_path, tool, monkeypatch):
    """What gdb says of the file, we say of both."""
    monkeypatch.chdir(tmp_path)
    Path("kernel.s").write_text(KERNEL)
    program = assemble(Path("kernel.s"), debug=True, text_base=0x80000000)
    Path("kernel").write_bytes(program.elf)
    direct, linked = SourceLines(program_image(program, "kernel.s")), SourceLines(load_file("kernel"))
    asked = [f"kernel.s:{line}" for line in (1, 4, 5, 6, 9, 10, 16, 17)]
    wanted = addresses(tool, tmp_path / "kernel", asked)
    for location in asked:
        assert found(direct, location) == found(linked, location) == wanted[location], location
    for address in range(0x80000000, 0x80000028, 4):
        assert direct.place(address)[:5] == linked.place(address)[:5]
        assert direct.line_range(address) == linked.line_range(address)
        assert direct.next_line_address(address) == linked.next_line_address(address)


def test_functions(kernel):
    assert tuple(kernel.function(0x80000010)) == ("_start", 0x80000000, 0x80000014)  # not halt: it has an extent
    assert tuple(kernel.function(0x80000018)) == ("work", 0x80000014, 0x80000028)
    assert kernel.function(0x90000000) is None


@pytest.mark.parametrize("text, address", [
    ("4", 0x80000000), ("kernel.s:4", 0x80000000), ("1", 0x80000000), ("+1", 0x80000008), ("6", 0x80000010),
    ("-1", 0x80000000), ("_start", 0x80000000), ("work+4", 0x80000018), ("work - 0x4", 0x80000010),
    ("*work+4+4", 0x8000001C), ("*0x80000004", 0x80000004), ("0x80000004", 0x80000004), ("*2147483648+4", 0x80000004),
    ("kernel.s:work", 0x80000014), ("<work+4>", 0x80000018), (" halt ", 0x80000010), ("9", 0x80000014),
    ("*-1", None), ("work+", None),
])  # fmt: skip
def test_a_location(kernel, text, address):
    if address is None:
        with pytest.raises(LocationError):
            kernel.find(text)
    else:
        assert kernel.address(text, at=0x80000000 + 8 * (text == "-1")) == address


@pytest.mark.parametrize("text, message", [
    ("wrok", "no symbol 'wrok'; did you mean 'work'?"),
    ("wrok+4", "no symbol 'wrok'; did you mean 'work'?"),
    ("kernle.s:4", "no code comes from a file 'kernle.s'; did you mean 'kernel.s'?"),
    ("kernle.s:work", "no code comes from a file 'kernle.s'; did you mean 'kernel.s'?"),
    ("100", "kernel.s has no code in line 100 or behind it: the last line with code is 17"),
    ("-100", "the last line with code is 17"),
    ("kernel.s:stack", "'stack' is not in kernel.s, but at 0x80001028 <stack>"),
    ("12+4", "neither a line nor a symbol"),
    ("", "an empty location"), ("*", "an address is missing"), ("kernel.s:", "is incomplete"), (":4", "is incomplete"),
    ("kernel.s:4x", "not the number of a line"), ("*0x100000000", "0x100000000 is not in 0..0xffffffff"),
    ("x" * 5000, "at most 4096 characters"),
])  # fmt: skip
def test_what_is_no_location(kernel, text, message):
    with pytest.raises(LocationError, match=re.escape(message)):
        kernel.find(text, at=0x80000004)


def test_a_program_without_lines_says_so(tool, tmp_path):
    program = compiled(tool, tmp_path, GCC, "-O0")
    lines = SourceLines(load_file(program))
    assert lines.place(lines.address("f")).file == "" and lines.files == []
    for text in ("main.c:3", "3", "main.c:f", "+1"):
        with pytest.raises(LocationError, match="no line table: assemble or compile it with -g"):
            lines.find(text)


def image(name: str, text: str, base: int) -> Image:
    return program_image(assemble([Text(name, text)], text_base=base), name)


def test_a_kernel_and_a_user_program_together():
    user = image("user.s", "_start: nop\nshared: ebreak", 0x10000)
    lines = SourceLines([load_source(KERNEL, name="kernel.s", text_base=0x80000000), user])
    assert (lines.place(0x10004).program, lines.place(0x80000000).program) == ("user.s", "kernel.s")
    assert [place.source for place in lines.find("_start")] == ["user.s:1", "kernel.s:4"]
    with pytest.raises(LocationError, match=r"'_start' has 2 addresses: 0x00010000 <_start> .user.s:1., 0x80000000"):
        lines.address("_start")
    assert lines.address("user.s:_start") == 0x10000
    assert lines.address("2", at=0x10000) == 0x10004 and lines.address("shared") == 0x10004
    assert lines.files == ["kernel.s", "user.s"]


def test_a_physical_address_of_a_kernel_that_is_linked_high(tmp_path, tool):
    (tmp_path / "high.s").write_text(".globl _start\n_start: nop\nhere: j here\n")
    (tmp_path / "high.ld").write_text("SECTIONS { . = 0xc0000000; .text : AT(0x80000000) { *(.text) } }")
    options = [*MARCH, "-g", "-nostdlib", "-T", "high.ld", "-o", "high", "high.s"]
    subprocess.run([tool(GCC), *options], cwd=tmp_path, check=True)
    lines = SourceLines(load_file(tmp_path / "high"))
    assert str(lines.place(0x80000004)) == "0x80000004 <here> (high.s:3)"
    assert lines.line_range(0x80000004) == range(0x80000004, 0x80000008)
    assert lines.next_line_address(0x80000000) == 0x80000004
    assert lines.address("high.s:3") == 0xC0000004


@given(st.text(max_size=40) | st.text("0123456789x*+-:<> _startwok", max_size=20))
def test_any_text_is_a_location_or_a_mistake(text):
    lines = SourceLines(image("a.s", "_start: nop\nwork: ebreak", 0x10000))
    try:
        assert all(0 <= place.address <= 0xFFFFFFFF for place in lines.find(text))
    except LocationError as error:
        assert str(error)
