"""`-g`: the line tables, units and functions of GNU as -g, as binutils and gdb read them."""

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.asm.lines import decoded, linked, with_gas
from support.gnu import PREFIX
from support.loader.gdb import addresses, gdb
from support.process.processes import GCC, MARCH
from trapline.asm import assemble

FILES = {
    "main.s": """    .text
    .globl _start
    .type _start, @function
_start:
    li a0, 1
    li a1, 0x12345678; nop
    call foo
    .rept 2
    nop

    addi a0, a0, 1
    .endr
    .irp r, a0, a1
    mv \\r, zero
    .endr
    ecall
    .size _start, .-_start
foo:
    .include "inc/b.inc"
    .macro m x
    addi a0, a0, \\x
    .pushsection .fixup, "ax"
    nop
    .popsection
    .include "inc/c.inc"
    .endm
    outer
    m 3
    .rept 2
    m 4
    .endr
    ret
    .type half, @function
half:
    .insn r 0x33, 0, 0, a0, a1, a2
    .word 0x13
    .byte 1
    .balign 4
    .section .text.other,"ax"; nop
other:
    beq a0, a1, foo
    .word 3
    .weak whole
    .type whole, @function
whole: nop
    .size whole, 4
    .set alias, whole
    .section .also, "aw"
    nop
    .data
    .word 5
    .text
    .if 1
    nop
    .else
    nop
    .endif
    .skip 100000
    nop
    .subsection 1
    nop
    .previous
    nop
""",
    "inc/b.inc": """# a comment
    addi a2, a2, 1

    .macro outer
    m 4
    m 5
    .endm
    addi a2, a2, 1
""",
    "inc/c.inc": "    nop\n\n    nop\n",
    "marked.s": """# 10 "orig.c"
    nop
    nop
# 100 "inc.h" 1
    .globl second
second:
    nop
# 13 "orig.c" 2
    nop
# 200 "/abs/dir/x.h"
    nop
    .linefile 5 "lf.s"
    nop
""",
    "data.s": "    .data\n    .word 1\n",
}
SOURCES = [["main.s"], ["marked.s"], ["main.s", "data.s", "marked.s"], ["data.s"]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "inc").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ours(folder, sources, **options):
    """What we make of sources in the working directory."""
    path = folder / "ours.elf"
    path.write_bytes(assemble([Path(name) for name in sources], debug=True, **options).elf)
    return path


def entries(tool, elf) -> list[str]:
    """The entries of `.debug_info` and both tables of ranges, without what depends on the producer and on offsets."""
    parts = [
        subprocess.run([tool(PREFIX + "readelf"), f"--debug-dump={part}", elf], capture_output=True, text=True)
        for part in ("info", "aranges", "Ranges")
    ]
    assert not any(part.stderr for part in parts)
    text = re.sub(r"GNU AS [\d.]+|Trapline", "PRODUCER", "".join(part.stdout for part in parts))
    text = re.sub(r"\(indirect string, offset: \w+\): |<\w+>|Abbrev Number: \w+|DW_AT_external +: 0", "", text)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return [line for line in lines if re.match(r"DW_(?!AT_(stmt_list|ranges))|\(DW_TAG|[0-9a-f]{8} ", line)]


@pytest.mark.parametrize("sources", SOURCES, ids=" ".join)
def test_rows_units_and_ranges_are_those_of_gas(folder, tool, sources):
    theirs = with_gas(tool, folder, sources, "-g")
    assert decoded(tool, ours(folder, sources)) == decoded(tool, theirs)
    assert entries(tool, ours(folder, sources)) == entries(tool, theirs)


def test_gdb_finds_lines_and_functions_as_in_the_file_of_gas(folder, tool):
    sources = SOURCES[2]
    asked = [
        f"{name}:{line}" for name in ("main.s", "b.inc", "orig.c", "inc.h", "x.h") for line in (*range(1, 65), 200)
    ]
    asked += ["_start", "foo", "whole", "alias", "second"]
    files = with_gas(tool, folder, sources, "-g"), ours(folder, sources)
    theirs, mine = (addresses(tool, file, asked) for file in files)
    assert mine == theirs and sum(map(len, mine.values())) > 40
    commands = ["info line *_start+4", "info source", "list whole", "break main.s:9", "disassemble /s foo"]
    shown = [gdb(tool, file, *(f"-ex={command}" for command in commands)) for file in files]
    assert shown[0] == shown[1].replace("Trapline", "GNU AS 2.40") and "main.s" in shown[0]


def test_addr2line_names_the_same_place_of_every_word(folder, tool):
    sources = SOURCES[2]
    files = with_gas(tool, folder, sources, "-g"), ours(folder, sources)
    asked = "\n".join(hex(address) for address in range(0x10074, 0x10200, 4))
    said = [
        subprocess.run([tool(PREFIX + "addr2line"), "-fe", f], input=asked, capture_output=True, text=True, check=True)
        for f in files
    ]
    assert said[0].stdout == said[1].stdout and "main.s:5" in said[0].stdout


@pytest.mark.parametrize("cpp", ["pcpp", "system"])
def test_a_source_behind_the_c_preprocessor(folder, tool, cpp):
    (folder / "k.S").write_text(
        '#include "regs.h"\n#define TWICE(x) addi x, x, 1; addi x, x, 2\n    .globl _start\n_start:\n'
        "    li a0, ONE\n    TWICE(a0)\n    save a1\n#ifdef NOPE\n    nop\n#else\n    nop\n#endif\n"
        '#include "inc/b.inc"\n    /* a\n    comment */\n    nop\nloop: j loop\n'
    )
    (folder / "regs.h").write_text("#define ONE 1\n    .macro save r\n    nop\n    sw \\r, 0(sp)\n    .endm\n")
    subprocess.run([tool(GCC), *MARCH, "-g", "-c", "k.S"], cwd=folder, check=True)
    if cpp == "system":
        tool("cpp")
    mine = decoded(tool, ours(folder, ["k.S"], cpp=cpp))
    assert mine == decoded(tool, linked(tool, folder, ["k.o"])) and len(mine) > 8


def test_lldb_finds_the_lines(folder, tool):
    elf = ours(folder, SOURCES[2])
    command = [
        tool("lldb"),
        "-b",
        "--no-lldbinit",
        "-o",
        "breakpoint set -f main.s -l 5",
        "-o",
        "image lookup -v -n second",
    ]
    said = subprocess.run([*command, elf], capture_output=True, text=True, timeout=120, check=True).stdout
    assert "where = ours.elf`_start" in said and "inc.h:102" in said


def test_a_folder_that_is_gone(folder, monkeypatch):
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert b".debug_line" in assemble(folder / "main.s", include_dirs=[folder], debug=True).elf


def test_nothing_is_added_without_debug_or_without_code(folder):
    assert b".debug_" not in assemble(Path("main.s")).elf
    assert b".debug_" not in assemble(Path("data.s"), debug=True).elf


def test_the_file_depends_on_no_more_than_names_and_folder(folder, tool, monkeypatch):
    first = ours(folder, SOURCES[2]).read_bytes()
    assert ours(folder, SOURCES[2]).read_bytes() == first and bytes(folder) in first
    mapped = [(str(folder), "/build"), ("/abs", "/other")]
    fixed = assemble([Path(name) for name in SOURCES[2]], debug=True, debug_prefix_map=mapped).elf
    assert bytes(folder) not in fixed and b"/build" in fixed and b"/other/dir" in fixed
    theirs = with_gas(tool, folder, SOURCES[2], "-g", *(f"--debug-prefix-map={old}={new}" for old, new in mapped))
    assert entries(tool, ours(folder, SOURCES[2], debug_prefix_map=mapped)) == entries(tool, theirs)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    for name in FILES:
        (elsewhere / name).parent.mkdir(exist_ok=True)
        (elsewhere / name).write_text(FILES[name])
    monkeypatch.chdir(elsewhere)
    mapped = [(str(elsewhere), "/build"), ("/abs", "/other")]
    assert assemble([Path(name) for name in SOURCES[2]], debug=True, debug_prefix_map=mapped).elf == fixed


STATEMENTS = st.sampled_from([
    "    nop", "    li a0, 0x12345678", "    call f", "    m", "    m; nop", "", "# comment", "    .balign 16",
    "    .rept 2\n    nop\n    m\n    .endr", "    .text", '    .section .more, "ax"', "    .subsection 1", "    .data",
    "    beqz a0, f", "    .word 1", "    .insn 0x13", '# 77 "named.h"', '# 3 "x/other.c"', "    .previous",
    "    .skip 300", "    /* one\n    two */\n    nop", '    .include "inc/b.inc"', "    outer",
])  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STATEMENTS, max_size=20))
def test_random_sources(folder, tool, statements):
    head = (
        "    .globl f\n    .macro m\n    addi a0, a0, 1\n    nop\n    .endm\n    .macro outer\n    m\n    .endm\nf:\n"
    )
    (folder / "random.s").write_text(head + "\n".join(statements) + "\n    .text\n    nop\n")
    (folder / "inc" / "b.inc").write_text("    nop\n    m\n")
    theirs = decoded(tool, with_gas(tool, folder, ["random.s"], "-g"))
    assert decoded(tool, ours(folder, ["random.s"])) == theirs
