"""Which files are programs, their contents, and the messages for the others."""

import io
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from support.cli.command import without_root
from support.loader.elf import PT_DYNAMIC, PT_INTERP, PT_LOAD, Header, elf
from support.process.processes import FREESTANDING, GCC, build
from trapline.isa.extension import BASE
from trapline.vm.loader.files import detect, load_elf
from trapline.vm.loader.image import EXECUTE, READ, WRITE, LoadError, Segment
from trapline.vm.loader.memory import check_fits
from trapline.vm.loader.source import load_file

CODE = (PT_LOAD, 0x10000, bytes(16), 16, READ | EXECUTE)

SOURCE = """
int counter = 7; static int zeros[100]; const char text[] = "constant";
int twice(int x) { return x * 2; }
void _start(void) { zeros[1] = twice(counter) + text[0]; for (;;); }
"""


@pytest.fixture(scope="module")
def program(tool, tmp_path_factory):
    return build(tool, tmp_path_factory.mktemp("loader"), SOURCE)


def test_agrees_with_pyelftools(program):
    image = load_elf(program)
    reader = ELFFile(io.BytesIO(program.read_bytes()))
    assert image.entry == reader.header.e_entry
    loads = [s for s in reader.iter_segments() if s.header.p_type == "PT_LOAD"]
    assert [(s.vaddr, s.paddr, s.data, s.memsz, s.flags) for s in image.segments] == [
        (s.header.p_vaddr, s.header.p_paddr, s.data(), s.header.p_memsz, s.header.p_flags) for s in loads
    ]
    expected = {
        s.name: s.entry.st_value
        for s in reader.get_section_by_name(".symtab").iter_symbols()
        if s.name and s.entry.st_shndx != "SHN_UNDEF" and s.entry.st_info.type not in ("STT_FILE", "STT_SECTION")
    }
    assert image.symbols == {name: value for name, value in expected.items() if not name.startswith("$")}
    assert image.phnum in (0, reader.num_segments())


def test_bytes_and_path_give_the_same_image(program):
    from_bytes, from_path = load_elf(program.read_bytes()), load_elf(program)
    assert from_bytes.segments == from_path.segments
    assert from_path.name == str(program)


def test_symbol_at(program):
    image = load_elf(program)
    twice = image.symbols["twice"]
    assert image.symbol_at(twice) == "twice"
    assert image.symbol_at(twice + 4) == "twice+4"
    assert image.symbol_at(0) is None
    assert image.symbol_at(0xFFFFFFFF) is None


def test_a_stripped_program_loads_without_symbols(program, tool, tmp_path):
    stripped = tmp_path / "stripped"
    subprocess.run([tool("riscv64-unknown-elf-strip"), "-o", stripped, program], check=True)
    image = load_elf(stripped)
    assert image.symbols == {}
    assert image.symbol_at(image.entry) is None


def test_segments_come_sorted_and_empty_ones_are_left_out():
    data, empty = (PT_LOAD, 0x20000, b"data", 0x100, READ | WRITE), (PT_LOAD, 0, b"", 0, READ)
    assert load_elf(elf(Header(), [data, CODE, empty])).segments == [
        Segment(0x10000, 0x10000, bytes(16), 16, READ | EXECUTE),
        Segment(0x20000, 0x20000, b"data", 0x100, READ | WRITE),
    ]


REFUSED = {
    "empty": (b"", "is empty"),
    "text": (b"hello, world\n" * 10, "is not an ELF file"),
    "two bytes": (b"\x7fE", "is truncated"),
    "header cut": (elf(Header(), [CODE])[:40], "is truncated: the ELF header has 52 bytes and the file 40"),
    "64-bit": (elf(Header(bits=2), [CODE]), "is a 64-bit RISC-V program: compile it with -march=rv32ima -mabi=ilp32"),
    "big-endian": (elf(Header(order=2, machine=0xF300), [CODE]), "is a big-endian RISC-V program"),
    "x86-64": (elf(Header(bits=2, machine=62), [CODE]), "is a program for x86-64, not for RISC-V"),
    "unknown machine": (elf(Header(machine=999), [CODE]), "is a program for machine 999, not for RISC-V"),
    "class 9": (elf(Header(bits=9), [CODE]), "damaged ELF header"),
    "object file": (elf(Header(kind=1), [CODE]), "link it first"),
    "shared object": (
        elf(Header(kind=3, entry=0), [(PT_LOAD, 0, b"", 0, READ), CODE]),
        "entry point 0x00000000 is outside",
    ),
    "core": (elf(Header(kind=4), [CODE]), "is a core dump"),
    "odd type": (elf(Header(kind=0xFE00), [CODE]), "is not an executable (ELF type 65024)"),
    "float abi": (elf(Header(flags=4), [CODE]), "double-precision"),
    "rv32e": (elf(Header(flags=8), [CODE]), "RV32E"),
    "no program headers": (elf(Header(), []), "nothing to load"),
    "nothing loadable": (elf(Header(), [(0, 0x10000, b"", 0, 4)]), "no loadable segment"),
    "phentsize": (elf(Header(phentsize=56), [CODE]), "program headers of 56 bytes"),
    "program headers outside": (elf(Header(phoff=0xFFFFFFF0), [CODE]), "is truncated: the program header table"),
    "interpreter": (elf(Header(), [CODE, (PT_INTERP, 0, b"/lib/ld.so.1\0", 13, 4)]), "it needs /lib/ld.so.1"),
    "dynamic": (elf(Header(), [CODE, (PT_DYNAMIC, 0x11000, bytes(8), 8, 6)]), "is dynamically linked"),
    "memsz 4 GiB": (
        elf(Header(), [(PT_LOAD, 0x10000, bytes(16), 0xFFFFFFFF, 5)]),
        "runs past the 32-bit address space",
    ),
    "filesz > memsz": (
        elf(Header(), [(PT_LOAD, 0x10000, bytes(16), 8, 5)]),
        "more bytes in the file (16) than in memory (8)",
    ),
    "segment cut": (elf(Header(), [CODE])[:-1], "is truncated: segment 0 ends at byte"),
    "overlap": (elf(Header(), [CODE, (PT_LOAD, 0x1000C, bytes(16), 16, 6)]), "0x00010000 and 0x0001000c overlap"),
    "entry unaligned": (elf(Header(entry=0x10002), [CODE]), "entry point 0x00010002 is not a multiple of 4"),
    "entry outside": (elf(Header(entry=0x20000), [CODE]), "entry point 0x00020000 is outside every segment"),
    "section headers outside": (elf(Header(shoff=0x1000, shnum=3), [CODE]), "is truncated: the section header table"),
    "shentsize": (elf(Header(shoff=52, shnum=1, shentsize=64), [CODE]), "section headers of 64 bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    data, message = REFUSED[name]
    with pytest.raises(LoadError) as error:
        load_elf(data, "prog.elf")
    assert message in str(error.value)
    assert str(error.value).startswith("prog.elf: ")
    assert "\n" not in str(error.value)


def test_every_truncation_is_refused_or_harmless(program):
    """A prefix of the file is refused; only cuts that lose nothing but section headers could have passed."""
    data = program.read_bytes()
    for size in range(len(data)):
        with pytest.raises(LoadError):
            load_elf(data[:size])


@pytest.mark.parametrize("options, message", [
    (("-march=rv64ima", "-mabi=lp64"), "is a 64-bit RISC-V program"),
    (("-march=rv32imafd", "-mabi=ilp32d"), "double-precision"),
    (("-march=rv32ima", "-mabi=ilp32", "-c"), "link it first"),
])  # fmt: skip
def test_what_gcc_makes_for_other_machines(tool, tmp_path, options, message):
    (tmp_path / "p.c").write_text("void _start(void) { for (;;); }")
    command = [tool(GCC), *options, "-nostdlib", tmp_path / "p.c", "-o", tmp_path / "p"]
    subprocess.run(command, check=True)
    with pytest.raises(LoadError, match=message):
        load_elf(tmp_path / "p")


def test_files_that_cannot_be_programs(tmp_path):
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "fifo")
    for name, message in (("missing", "No such file"), ("", "is a directory"), ("empty", "is empty"),
                          ("fifo", "is not a regular file")):  # fmt: skip
        for function in (load_elf, detect, load_file):
            with pytest.raises(LoadError, match=message):
                function(tmp_path / name)
    with pytest.raises(LoadError):
        load_elf("nul\0inside")


def test_a_file_without_permission():
    """Root may read everything, so this runs with the permissions of `nobody`, in a folder that anybody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder, "locked")
        path.write_bytes(b"x")
        path.chmod(0)
        with without_root(), pytest.raises(LoadError, match="Permission denied"):
            load_elf(path)


def test_a_file_longer_than_a_program_is_not_read(tmp_path):
    path = tmp_path / "long"
    with path.open("wb") as file:
        file.truncate(5 << 30)
    with pytest.raises(LoadError, match="has 5120 MiB"):
        load_elf(path)


def test_detect(tmp_path, program):
    for name, content, kind in (("a.s", b"nop\n", "asm"), ("a.S", b"#define X\n", "asm"), ("noext", b"\tnop\n", "asm"),
                                ("k.bin", b"text", "raw"), ("Image", b"MZ\0\1\2", "raw")):  # fmt: skip
        (tmp_path / name).write_bytes(content)
        assert detect(tmp_path / name) == kind
    assert detect(program) == "elf"


def test_raw_files_are_placed_at_the_base(tmp_path):
    (tmp_path / "k.bin").write_bytes(b"\x73\0\0\0")
    image = load_file(tmp_path / "k.bin", raw_base=0x80000000)
    assert (image.entry, image.segments[0].paddr, image.segments[0].data) == (0x80000000, 0x80000000, b"\x73\0\0\0")
    with pytest.raises(LoadError, match="not a multiple of 4"):
        load_file(tmp_path / "k.bin", raw_base=0xFFFFFFFE)
    (tmp_path / "k.bin").write_bytes(b"\x73\0\0\0\0")
    with pytest.raises(LoadError, match="32-bit address space"):
        load_file(tmp_path / "k.bin", raw_base=0xFFFFFFFC)


def test_check_fits():
    image = load_elf(elf(Header(entry=0x80000000), [(PT_LOAD, 0x80000000, bytes(16), 5 << 20, 7)]))
    check_fits(image, BASE, 0x80000000, 8 << 20)
    with pytest.raises(LoadError, match="needs 5 MiB of memory and has 4 MiB; use --memory 5M"):
        check_fits(image, BASE, 0x80000000, 4 << 20)
    with pytest.raises(LoadError, match="link it at 0x90000000"):
        check_fits(image, BASE, 0x90000000, 4 << 20)


def test_check_fits_lets_headers_lie_below_ram(tool, tmp_path):
    """ld puts the page of the file's headers in front of the first section."""
    path = build(tool, tmp_path, SOURCE, *FREESTANDING, "-Wl,-Ttext-segment=0x7ffff000", "-Wl,-z,noseparate-code")
    image = load_elf(path)
    assert image.phdr
    check_fits(image, BASE, image.segments[0].paddr + 0x40, 1 << 20)
    with pytest.raises(LoadError, match="outside RAM"):
        check_fits(image, BASE, image.segments[0].paddr + 0x40 + len(image.segments[0].data), 1 << 20)
