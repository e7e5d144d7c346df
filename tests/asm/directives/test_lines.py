"""`.file` and `.loc`: the line tables of compiler output are those that GNU as and clang make of it."""

import subprocess

import pytest

from support.asm.lines import CLANG, decoded, linked, with_gas
from support.process.processes import GCC, MARCH
from trapline.asm import AsmError, Text, assemble, assemble_text

C = """volatile int sink;
static inline int twice(int x) { for (int i = 0; i < x; i++) sink += i; return 2 * x; }
int f(int *q)
{
    if (q)
        return twice(*q) + twice(3);
    switch (sink) {
    case 1: sink = 5; break;
    case 2: sink = 7; break;
    }
    return 7;
}
#include "inner.h"
"""
HAND = """    .file 1 "main.c"
    .file 2 "inc/inner.h"
    .globl _start
_start:
    .loc 1 3 5
    nop
    nop
    .loc 1 4 2 prologue_end
    .loc 1 5 is_stmt 0
    nop
    .loc 2 6 discriminator 3
    nop
    .section .text.cold,"ax"
    .loc 1 900 1 basic_block epilogue_begin
    nop
    .text
    .loc 1 7 1 is_stmt 1 isa 1
    nop
    .loc 2 9
"""


@pytest.mark.parametrize("options", [(), ("-g",)])
@pytest.mark.parametrize("level", ["-O0", "-O2"])
@pytest.mark.parametrize("version", ["-gdwarf-4", "-gdwarf-5"])
def test_the_output_of_gcc(tmp_path, tool, version, level, options):
    (tmp_path / "main.c").write_text(C)
    (tmp_path / "inner.h").write_text("int g(void) { return 5; }\n")
    subprocess.run([tool(GCC), *MARCH, version, level, "-S", "main.c"], cwd=tmp_path, check=True)
    wanted = decoded(tool, with_gas(tool, tmp_path, ["main.s"], *options))
    path = tmp_path / "ours"
    path.write_bytes(assemble(tmp_path / "main.s", debug=bool(options)).elf)
    assert decoded(tool, path) == wanted and len(wanted) > 20


@pytest.mark.parametrize("version", ["-gdwarf-4", "-gdwarf-5"])
def test_the_output_of_clang(tmp_path, tool, monkeypatch, version):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.c").write_text(C)
    (tmp_path / "inner.h").write_text("int g(void) { return 5; }\n")
    for option in ("-S", "-c"):
        subprocess.run([tool("clang"), *CLANG, version, "-O1", option, "main.c"], check=True)
    path = tmp_path / "ours"
    path.write_bytes(assemble(tmp_path / "main.s").elf)
    wanted = decoded(tool, linked(tool, tmp_path, ["main.o"]))
    assert decoded(tool, path) == wanted and len(wanted) > 20


@pytest.mark.parametrize("options", [(), ("-g",)])
def test_written_by_hand(tmp_path, tool, options):
    (tmp_path / "hand.s").write_text(HAND)
    wanted = decoded(tool, with_gas(tool, tmp_path, ["hand.s"], *options))
    path = tmp_path / "ours"
    path.write_bytes(assemble([Text("hand.s", HAND)], debug=bool(options)).elf)
    assert decoded(tool, path) == wanted and len(wanted) == 8


@pytest.mark.parametrize("text, message", [
    (".loc 1 3", "file number 1 has no name"),
    ('.file 1 "a"\n.loc 2 3', "file number 2 has no name"),
    ('.file 1 "a"\n.loc 1', "'.loc' needs a file's number and a line"),
    ('.file 1 "a"\n.loc 1,3', "'.loc' needs a file's number and a line"),
    ('.file 1 "a"\n.loc 1 1 foo', "'foo' is unknown in '.loc'"),
    ('.file 1 "a"\n.loc 1 1 1 discriminator', "'discriminator' is unknown in '.loc', or has no proper value"),
    ('.file 1 "a"\n.loc 1 1 is_stmt 2', "'is_stmt' is 0 or 1"),
    ('.file 1 "a"\n.file 1 "b"', "file number 1 is already 'a'"),
    ('.file -1 "a"', "file number -1 is not in 0..65535"),
    ('.file 99999999 "a"', "file number 99999999 is not in 0..65535"),
    (".file 1", "'.file' needs a name"), (".file foo", "'.file' needs a name"), ('.file "foo"x', "needs a name"),
])  # fmt: skip
def test_mistakes(text, message):
    with pytest.raises(AsmError) as error:
        assemble_text(f"nop\n{text}\n nop\n")
    assert message in str(error.value)


@pytest.mark.parametrize("text", [
    '.file "a.c"', '.file 1 "a" md5 0x067b68eebc86173598e073ba233dcb36', '.file 0 "d" "a" source "text"',
    '.file 3 "a"\n.loc 3 5 view .LVU1', '.struct 0\n.file 1 "a"\n.loc 1 5\n.text',
])  # fmt: skip
def test_forms_that_are_taken(text):
    assert assemble_text(f"_start: nop\n{text}\n nop\n").code == assemble_text("_start: nop\nnop").code
