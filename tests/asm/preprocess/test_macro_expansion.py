"""Macros of the bundled C preprocessor: the text that gcc makes of them, its names, and how much work they are."""

import subprocess
from pathlib import Path

import pytest

from support.asm.front_end import expand
from trapline.asm.diagnostics import Diagnostics
from trapline.asm.preprocess.c_preprocessor import preprocess
from trapline.asm.preprocess.macro_expansion import MacroExpander
from trapline.asm.preprocess.predefined import PREDEFINED
from trapline.asm.preprocess.source_text import Text

SOURCE = Path(__file__).parent / "macros.S"
GCC = "riscv64-unknown-elf-gcc"
FLAGS = ["-march=rv32ima_zicsr_zifencei", "-mabi=ilp32", "-x", "assembler-with-cpp"]


def lines(text: str) -> list[str]:
    """The lines without blanks, which are placed otherwise."""
    kept = (line for line in text.splitlines() if line.strip() and not line.startswith("# "))
    return ["".join(line.partition(" #")[0].split()) for line in kept]


def ours(text: str, name: str = "t.S") -> str:
    return preprocess(Text(name, text), "pcpp", [], [], Diagnostics())


def test_the_text_is_that_of_gcc(tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.S").write_text(SOURCE.read_text())
    theirs = subprocess.run([tool(GCC), *FLAGS, "-E", "t.S"], capture_output=True, text=True, check=True).stdout
    assert lines(ours(SOURCE.read_text())) == lines(theirs)


def test_the_names_are_those_of_gcc(tool):
    command = [tool(GCC), *FLAGS, "-dM", "-E", "/dev/null"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    theirs = dict(line.removeprefix("#define ").partition(" ")[::2] for line in text.splitlines())
    assert theirs == PREDEFINED


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('__has_include("t.S")', True),
        ('__has_include("no.h")', False),
        ("__has_include(<t.S>)", False),
        ('!__has_include("no.h") && defined __has_include', True),
        ("defined(__has_include_next)", True),
        ("__has_include(NAME)", True),
        ("__SIZEOF_INT__ == 4 && __SIZEOF_LONG__ == 4 && __CHAR_BIT__ == 8", True),
        ("__INT_MAX__ == 0x7fffffff", True),
    ],
)
def test_conditions(tmp_path, monkeypatch, condition, holds):
    monkeypatch.chdir(tmp_path)
    source = f'#define NAME "t.S"\n#if {condition}\nyes\n#endif\n'
    (tmp_path / "t.S").write_text(source)
    assert lines(ours(source)) == ["yes"] * holds


def test_columns_and_lines_stay(tmp_path):
    result, diagnostics = expand(Text("t.S", "#define F(a, b) a + b\n  .word   F(1,\n  2)\n\t .byte F(3, 4)\n"))
    assert not diagnostics.render()
    assert [(s.text, s.location.line, s.location.column) for s in result] == [
        (".word   1 + 2", 2, 3),
        (".byte 3 + 4", 4, 3),
    ]


def test_work_grows_with_the_text_alone(monkeypatch):
    """Each level of a macro is gone through once; counted in tokens looked at, not in seconds."""
    calls = 0
    scan = MacroExpander._scan

    def counted(self, tokens):
        nonlocal calls
        calls += 1
        return scan(self, tokens)

    monkeypatch.setattr(MacroExpander, "_scan", counted)
    levels = "".join(f"#define M{i + 1}(x) M{i}(x); M{i}(x)\n" for i in range(6))
    text = ours(f"#define M0(x) .word x\n{levels}" + "M6(1)\n" * 50)
    assert text.count(".word 1") == 50 * 64
    assert calls == 50
