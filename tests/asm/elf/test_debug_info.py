"""The blocks of .debug_info, against pyelftools; damaged ones end quietly, in bounded time."""

import subprocess
import time

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.process.processes import GCC, MARCH
from trapline.asm.elf.debug_info import Block, Blocks, Sections, blocks, folders
from trapline.asm.elf.dwarf_reader import Strings
from trapline.asm.elf.line_table import rows

C = """volatile int sink;
static inline int twice(int x) { for (int i = 0; i < x; i++) { int y = sink; sink = y + i; } return 2 * x; }
static int once(int *q) { return q ? twice(*q) : 7; }
int f(int *q) { { int hidden = once(q); sink = hidden; } return once(q) + twice(3); }
void _start(void) { sink = f(0); for (;;) ; }
"""
BUILDS = {
    f"{compiler} {version} {level}": (compiler, f"-gdwarf-{version}", level)
    for compiler in (GCC, "clang") for version in (2, 4, 5) for level in ("-O0", "-O2")
}  # fmt: skip


def build(tool, folder, name: str) -> Sections:
    compiler, *options = BUILDS[name]
    (folder / "main.c").write_text(C)
    target = ["--target=riscv32"] if compiler == "clang" else []
    options = [*target, *MARCH, *options, "-ffunction-sections", "-c", "main.c"]
    subprocess.run([tool(compiler), *options], cwd=folder, check=True)
    subprocess.run(
        [tool("riscv64-unknown-elf-ld"), "-m", "elf32lriscv", "-o", "main", "main.o"], cwd=folder, check=True
    )
    with (folder / "main").open("rb") as stream:
        return Sections({s.name: s.data() for s in ELFFile(stream).iter_sections() if s.name.startswith(".debug_")})


@pytest.mark.parametrize("name", BUILDS)
def test_functions_and_folders(tmp_path, tool, name):
    sections = build(tool, tmp_path, name)
    assert set(folders(sections).values()) == {str(tmp_path)}
    wanted = set()
    with (tmp_path / "main").open("rb") as stream:
        for unit in ELFFile(stream).get_dwarf_info().iter_CUs():
            for entry in unit.iter_DIEs():
                if (
                    entry.tag in ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine")
                    and "DW_AT_low_pc" in entry.attributes
                ):
                    if "DW_AT_high_pc" in entry.attributes:
                        low, high = entry.attributes["DW_AT_low_pc"], entry.attributes["DW_AT_high_pc"]
                        wanted.add((low.value, high.value + low.value * (high.form != "DW_FORM_addr")))
    found = {span for block in blocks(sections) for span in block.ranges}
    assert wanted <= found and wanted


def test_the_innermost_block():
    nested = Blocks(
        [Block(1, [(0, 100)]), Block(2, [(10, 20), (30, 40)]), Block(3, [(12, 14)]), Block(1, [(200, 210)])]
    )
    expected = {0: 0, 9: 0, 10: 1, 12: 2, 13: 2, 14: 1, 20: 0, 35: 1, 40: 0, 100: None, 150: None, 205: 3, 210: None}
    assert {address: nested.find(address) for address in expected} == expected
    assert Blocks(()).find(5) is None


@pytest.fixture(scope="module")
def originals(tool, tmp_path_factory):
    return [
        build(tool, tmp_path_factory.mktemp("fuzz"), name).contents
        for name in (f"{GCC} 4 -O2", "clang 5 -O2", f"{GCC} 5 -O0")
    ]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.integers(0, 2),
    changes=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 1 << 20), st.integers(0, 255)), max_size=8),
    cut=st.none() | st.tuples(st.integers(0, 20), st.integers(0, 1 << 12)),
)
def test_damage_ends_quietly(originals, which, changes, cut):
    data = {name: bytearray(contents) for name, contents in originals[which].items()}
    names = sorted(data)
    for section, at, byte in changes:
        target = data[names[section % len(names)]]
        target[at % len(target)] = byte
    if cut:
        del data[names[cut[0] % len(names)]][cut[1] :]
    sections = Sections({name: bytes(contents) for name, contents in data.items()})
    begin = time.process_time()
    assert len(blocks(sections)) <= sum(map(len, data.values()))
    assert all(isinstance(folder, str) for folder in folders(sections).values())
    assert time.process_time() - begin < 60


def unit(entries: bytes) -> bytes:
    """A unit of version 4, with the table of abbreviations at 0."""
    body = b"\x04\0" + bytes(4) + b"\x04" + entries
    return len(body).to_bytes(4, "little") + body


ROOT = b"\x01\x11\x01\0\0"
"""An abbreviation of a unit without attributes."""


@pytest.mark.parametrize("contents", [
    # entries of one byte with very many attributes of none
    {".debug_abbrev": ROOT + b"\x02\x2e\0" + b"\x3f\x19" * 60000 + b"\0\0\0",
     ".debug_info": unit(b"\1" + b"\2" * 60000)},
    # functions that share one long list of ranges
    {".debug_abbrev": ROOT + b"\x02\x2e\0\x55\x17\0\0\0", ".debug_info": unit(b"\1" + b"\2\0\0\0\0" * 20000),
     ".debug_ranges": b"\1\0\0\0\2\0\0\0" * 20000 + bytes(8)},
    # or that share one without an end
    {".debug_abbrev": ROOT + b"\x02\x2e\0\x55\x17\0\0\0", ".debug_info": unit(b"\1" + b"\2\0\0\0\0" * 20000),
     ".debug_ranges": b"\xff\xff\xff\xff\2\0\0\0" * 20000},
    # units that share one long table of abbreviations, each from another place on
    {".debug_abbrev": b"\x01\x11\x01\0\0" * 10000,
     ".debug_info": b"".join(b"\x08\0\0\0\x04\0" + n.to_bytes(4, "little") + b"\x04\1" for n in range(0, 10000, 5))},
    # entries in entries
    {".debug_abbrev": ROOT, ".debug_info": unit(b"\1" * 200000)},
])  # fmt: skip
def test_small_files_that_ask_for_much_work(contents):
    begin = time.process_time()
    assert len(blocks(Sections(contents))) <= 200000 and folders(Sections(contents)) == {}
    assert time.process_time() - begin < 60  # by the square of their length, hours


def test_files_whose_names_are_long_together():
    """In version 5, entries of five bytes that each name a folder and a file of a megabyte."""
    names = b"x" * 1_000_000 + b"\0"
    tables = b"\1\1\x1f\1\0\0\0\0" + b"\2\1\x1f\2\x0b" + b"\xa0\x8d\x06" + bytes(5) * 100_000
    head = b"\1\1\1\xfb\x0e\x0d" + b"\0\1\1\1\1\0\0\0\1\0\0\1" + tables
    body = b"\5\0\4\0" + len(head).to_bytes(4, "little") + head + b"\1"
    assert list(rows(len(body).to_bytes(4, "little") + body, Strings(b"", names))) == []
