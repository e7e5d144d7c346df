"""The C preprocessor for `.S` files: output, positions, errors, and a comparison with gcc."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.asm.front_end import Gas, complaints, expand
from support.gnu import PREFIX, RV32IMA, RV32IMAC, architecture
from support.paths import ROOT
from trapline.asm import assemble
from trapline.asm.preprocess import c_preprocessor
from trapline.asm.preprocess.expander import Text
from trapline.asm.preprocess.predefined import WITH_COMPRESSED


def preprocessed(source: str, name: str = "t.S", **options) -> list[str]:
    result, diagnostics = expand(Text(name, source), **options)
    assert diagnostics.render() == ""
    return [statement.text for statement in result]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("#define X 5\nli a0, X", ["li a0, 5"]),
        ("#define F(r, n) addi r, r, n\n F(a0, 1+2)", ["addi a0, a0, 1+2"]),
        ("#define L(x) .L##x\n#define S(x) #x\nL(1): .ascii S(a b)", ['.L1: .ascii "a b"']),
        ("#define TWO(x) x; \\\n  x\n TWO(nop)", ["nop", "nop"]),
        ("#define V(op, ...) op __VA_ARGS__\nV(add,a0,a1,a2)", ["add a0,a1,a2"]),
        ("#if __riscv_xlen == 32 && defined __ASSEMBLER__ && defined(__riscv_atomic)\nyes\n#else\nno\n#endif", ["yes"]),
        ("#ifdef __riscv_flen\nno\n#elif __riscv_mul\nyes\n#endif", ["yes"]),
        ("#if 0\n don't \" /* \n#endif\nnop", ["nop"]),
        ("#undef __riscv\n#ifndef __riscv\nyes\n#endif", ["yes"]),
        ("# don't touch \" this\nnop # it's fine \"\n#also this", ["nop"]),
        ("nop // don't\nadd /* don't\n */ x", ["nop", "add x"]),
        ("/* a\n b */ nop /* c */; add", ["nop", "add"]),
        ("#define f no\n#define b no\n1: j 1b; j 2f; .byte 0x1b", ["1: j 1b", "j 2f", ".byte 0x1b"]),
        ('#define no yes\n.ascii "no # no // no", "what??!"', ['.ascii "no # no // no", "what??!"']),
        ("li a, '#'; li b, '\"'; li c, '\\''; li d, 'x", ["li a, '#'", "li b, '\"'", "li c, '\\''", "li d, 'x"]),
        ("#define X 1 // c\n#define Y /* a\n b */ 2 # z\n.byte X, Y", [".byte 1, 2"]),
        ("#pragma once\n#ident \"x\"\nnop", ["nop"]),
        (".byte __LINE__\n.byte __LINE__\n.ascii __FILE__", [".byte 1", ".byte 2", '.ascii "t.S"']),
        ("#define a0 a1\nmv a0, a0\n.macro m x\nmv \\x, a0\n.endm\n m t0", ["mv a1, a1", "mv t0, a1"]),
        ("  .if 1\n  nop\n  .endif", ["nop"]),
        ("#if (1 ? 2 : 0) && 0x10UL > 3u && 'a' == 97\nyes\n#endif", ["yes"]),
        ("nop\r\n#define X 3\r\n.byte X\r\n", ["nop", ".byte 3"]),
        ('.ascii "\u2028\x85é\udcff"', ['.ascii "\u2028\x85é\udcff"']),
        ("#define EMPTY\nEMPTY nop EMPTY", ["nop"]),
        ("#define A B\n#define B A\nA", ["A"]),
    ],
)  # fmt: skip
def test_preprocessing(source, wanted):
    assert [re.sub(" +", " ", text) for text in preprocessed(source)] == wanted


def test_only_upper_case_s_is_preprocessed_unless_asked():
    source = "#define X 5\n.byte X\n"
    assert preprocessed(source, "t.s") == [".byte X"]
    assert preprocessed(source, "t.s", preprocess="pcpp") == [".byte 5"]
    assert preprocessed(source, "t.S", preprocess="none") == [".byte X"]
    assert "no preprocessor 'foo'" in complaints(source, preprocess="foo")


def test_defines():
    source = "#ifdef A\n.byte A, B, C(2)\n#endif"
    assert preprocessed(source, defines=["A", "B=7", "C(x)=x+1"]) == [".byte 1, 7, 2+1"]
    assert complaints(source, "t.S", defines=["1x"]) == (
        "t.S: error: bad macro definition '1x'\n  write NAME or NAME=value"
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "include").mkdir()
    (tmp_path / "k.h").write_text("#ifndef K_H\n#define K_H\n#define LIMIT 42\n  .bad_k\n#endif\n")
    (tmp_path / "include" / "sys.h").write_text('#pragma once\n#include "deep.h"\n.set sys, 1 # from sys\n')
    (tmp_path / "include" / "deep.h").write_text("\n\n   .bad_deep\n")
    return tmp_path


SOURCE = 'nop\n#include "k.h"\n#include "k.h"\n#include <sys.h>\n#include "sys.h"\n  li a0, LIMIT\n'


@pytest.mark.parametrize("how", ["pcpp", "system"])
def test_includes_and_their_positions(folder, how, tool):
    if how == "system":
        tool(PREFIX + "cpp")
    (folder / "main.S").write_text(SOURCE)
    result, diagnostics = expand(Path("main.S"), include_dirs=[Path("include")], preprocess=how)
    assert not diagnostics.render()
    seen = {s.text: s.location for s in result}
    assert list(seen) == ["nop", ".bad_k", ".bad_deep", ".set sys, 1", "li a0, 42"]
    assert seen["nop"][:2] == ("main.S", 1)
    assert seen["li a0, 42"][:3] == ("main.S", 6, 3)
    assert seen[".bad_k"][:3] == ("k.h", 4, 3)
    assert [(step.location.file, step.location.line) for step in seen[".bad_k"].trail] == [("main.S", 2)]
    deep = seen[".bad_deep"]
    assert (Path(deep.file), deep.line) == (Path("include/deep.h"), 3)
    assert [(Path(s.location.file), s.location.line) for s in deep.trail] == [
        (Path("include/sys.h"), 2),
        (Path("main.S"), 4),
    ]
    assert seen["li a0, 42"].trail == ()


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("nop\n#error no luck\n", 't.S:2:1: error: #error no luck\n  #error no luck\n  ^'),
        ("#warning careful\nnop", "t.S:1:1: warning: #warning careful\n  #warning careful\n  ^"),
        ('#include "no.h"\n', "t.S:1:1: error: no such file: 'no.h'\n  #include \"no.h\"\n  ^\n  looked in ."),
        ("#include no.h\n", "t.S:1:1: error: malformed #include\n  #include no.h\n  ^\n"
                            '  write #include "file" or #include <file>'),
        ("#ifdef\n#endif\n", "t.S:1:1: error: #ifdef needs an operand\n  #ifdef\n  ^\n"
                             "t.S:2:1: error: misplaced #endif\n  #endif\n  ^"),
        ("#if 1 +\n#endif\n", "t.S:1:1: error: cannot evaluate '1 +'\n  #if 1 +\n  ^"),
        ("#if 1\nnop\n", "t.S:1:1: error: unterminated #if 1\n  #if 1\n  ^"),
        ("#else\n", "t.S:1:1: error: misplaced #else\n  #else\n  ^"),
        ("#define F(a,b) a b\nnop; F(1)\n",
         "t.S:2:1: error: macro F needs 2 arguments, not 1\n  nop; F(1)\n  ^"),
    ],
)  # fmt: skip
def test_mistakes(source, wanted):
    assert complaints(source, "t.S") == wanted


def test_nothing_is_printed(capfd):
    for source in (
        "#error x\n",
        "#if 1 +\n#endif\n",
        '#include "no"\n',
        "#warning w\nnop\n",
        "#if FOO(\n#endif",
        "nop",
    ):
        expand(Text("t.S", source))
    assert capfd.readouterr() == ("", "")


def test_pcpp_is_imported_only_for_its_files():
    code = (
        "import sys; from trapline.asm.diagnostics import Diagnostics; from trapline.asm.preprocess.expander import *;"
        "list(statements(Text('t.s', 'nop'), None, Diagnostics()));"
        "assert not {'pcpp', 'ply', 'subprocess'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=ROOT)


@pytest.mark.parametrize(
    "source",
    [
        "#define A0 x\n" + "".join(f"#define A{i + 1} A{i} A{i}\n" for i in range(40)) + "A40\n",
        "".join(f"#define A{i} A{i + 1}\n" for i in range(5000)) + "A0\n",
        '#include "self.h"\n',
        "#define F(x) x(x)\nF(F)(F)\n",
        "#if " + "(" * 5000 + "1" + ")" * 5000 + "\n#endif\nnop",
        "F(" * 3000,
        "#define F(x) x\nF(" * 300,
    ],
    ids=["doubling", "chain", "self-include", "self-call", "brackets", "open-calls", "open-defines"],
)
def test_what_grows_or_recurses_ends_soon(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "self.h").write_text('#include "self.h"\n')
    begin = time.process_time()
    complaints(source, "t.S")
    assert time.process_time() - begin < 10


def test_a_thousand_lines_in_reasonable_time():
    source = "#define R(n) (n+1)\n" + "\taddi a0, a0, R(4) # add\n1:\tbnez a0, 1b\n" * 500
    begin = time.process_time()
    assert len(preprocessed(source)) == 1000
    # Measured: 0.1 s.
    assert time.process_time() - begin < 2


# Programs from PATH


def fake_tool(folder: Path, script: str, monkeypatch) -> None:
    path = folder / "cpp"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_no_program_on_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert complaints("nop", preprocess="system").startswith(
        "t.s: error: no C preprocessor on PATH\n  looked for riscv32"
    )


def test_a_program_that_hangs_is_ended(monkeypatch, tmp_path):
    monkeypatch.setattr(c_preprocessor, "TIMEOUT", 0.3)
    fake_tool(tmp_path, "exec /bin/sleep 30", monkeypatch)
    assert "did not finish in 0.3 s" in complaints("nop", preprocess="system")


def test_a_program_that_fails_says_so(monkeypatch, tmp_path):
    fake_tool(tmp_path, "echo something broke >&2; exit 3", monkeypatch)
    assert "failed with status 3: something broke" in complaints("nop", preprocess="system")


def test_no_shell_sees_the_names(monkeypatch, tmp_path):
    fake_tool(tmp_path, 'for a; do echo "# $a"; done', monkeypatch)
    expand(Text("$(touch hacked);.S", "nop"), preprocess="system", include_dirs=[Path(f"`touch {tmp_path}/hacked`")])
    assert os.listdir(tmp_path) == ["cpp"]


def test_errors_of_a_program_become_ours(tool):
    tool(PREFIX + "cpp")
    assert complaints("nop\n#error no luck\n", "t.S", preprocess="system") == (
        "t.S:2:2: error: #error no luck\n  #error no luck\n   ^"
    )


# gcc

HEAVY = r"""
#include "asm.h"
#define __CONCAT(a, b) a##b
#define CONCAT(a, b) __CONCAT(a, b)
#define REG_S sw
#define SZREG 4
#define SAVE(r, i) REG_S r, (i) * SZREG(sp)
#define ENTRY(name) .globl name; name:
#define FOR3(f) f(0) f(1) f(2)
#define PUSH(i) SAVE(CONCAT(s, i), i);
/* A comment that doesn't
 * close its apostrophe */
ENTRY(start)            # it's here
        addi sp, sp, -3*SZREG   // "unbalanced
        FOR3(PUSH)
#if defined(__riscv) && (__riscv_xlen == 64)
        .error "wrong"
#elif LIMIT >= 0x10 && !defined(NOTHING)
        li a0, LIMIT
#endif
1:      addi a0, a0, -1
        bnez a0, 1b
        .macro twice x:req, y=LIMIT
        .byte \x, \y, \x
        .endm
        twice 1
        twice '#', ';'
        twice x=LIMIT+1
        .ascii STRING(start), "a # b // c", VERSION "\n"
        .byte CONCAT(0x, 1f), '"', '/', __riscv_mul
        .if LIMIT > 3 ; .byte 9 ; .else ; .byte 8 ; .endif
        la a1, start; j 2f
2:      ret
"""

HEADER = r"""
#ifndef ASM_H
#define ASM_H
#define LIMIT 33
#define STR(x) #x
#define STRING(x) STR(x)
#define VERSION STRING(LIMIT) // "quoted"
#endif
"""


@pytest.mark.parametrize("how", ["pcpp", "system"])
def test_the_same_bytes_as_gcc(tool, tmp_path, monkeypatch, how):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "asm.h").write_text(HEADER)
    (tmp_path / "t.S").write_text(HEAVY)
    gas = Gas(tool, tmp_path)
    options = ["-march=rv32ima_zicsr_zifencei", "-mabi=ilp32"]
    command = [tool(PREFIX + "gcc"), *options, "-E", "t.S", "-o", "gcc.s"]
    subprocess.run(command, check=True, timeout=60)
    wanted = gas.text_bytes((tmp_path / "gcc.s").read_text())
    result, diagnostics = expand(Path("t.S"), preprocess=how)
    assert diagnostics.render() == ""
    assert wanted and gas.text_bytes("".join(f"{s.text}\n" for s in result)) == wanted


@pytest.mark.parametrize("isa", [RV32IMA, RV32IMAC])
def test_the_predefined_macros_are_gccs(tool, isa):
    command = [tool(PREFIX + "gcc"), *architecture(isa), "-dM", "-E"]
    output = subprocess.run(
        [*command, "-x", "assembler-with-cpp", "-"], input=b"", capture_output=True, check=True, timeout=60
    ).stdout.decode()
    theirs = dict([*line.split(" ", 2), ""][1:3] for line in output.splitlines())
    known = dict(c_preprocessor.PREDEFINED)
    if isa == RV32IMAC:
        known |= dict(define.split("=") for define in WITH_COMPRESSED)
    assert {name: theirs.get(name) for name in known} == known
    assert {name for name in theirs if name.startswith("__riscv")} <= set(known)


def test_a_source_can_ask_whether_there_are_compressed_instructions():
    source = Text("t.S", "#ifdef __riscv_compressed\n.half __riscv_c / 1000000\n#else\n.half 1\n#endif\n")
    assert assemble(source, isa="rv32imac").code == b"\2\0"
    assert assemble(source).code[:2] == b"\1\0"
