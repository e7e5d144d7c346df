"""Splitting text into statements: comments, strings, separators, positions, and files that are not sources."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.asm.front_end import SimpleScope, complaints, expand, texts
from trapline.asm.diagnostics import Diagnostics, Location
from trapline.asm.preprocess.expander import Text
from trapline.asm.preprocess.source_text import SourceText, find_file


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("nop", ["nop"]),
        ("nop\n\n  \t\n", ["nop"]),
        ("nop # a comment\n# another\n  # third", ["nop"]),
        ("nop // a\n//b\nadd a0,a0,a1//c", ["nop", "add a0,a0,a1"]),
        ("a /* x */ b\n/**/c /* ; # */", ["a         b", "c"]),
        ("a /* x\n; y\n*/ b; c", ["a   b", "c"]),
        ("/* x\n y */ b", ["b"]),
        ("a;b ; ;c;", ["a", "b", "c"]),
        ('.ascii "# // /* ; \\" "; nop', ['.ascii "# // /* ; \\" "', "nop"]),
        (".byte '#, ';', '\"', '\\'', '/', '''; nop", [".byte '#, ';', '\"', '\\'', '/', '''", "nop"]),
        (".byte '\\#', '\\x41', '\\101'; nop", [".byte '\\#', '\\x41', '\\101'", "nop"]),
        ("add a0, \\\n  a1, a2\nnop", ["add a0,    a1, a2", "nop"]),
        ("# ends in a backslash \\\nnop", ["nop"]),
        ("nop\r\nadd\r\n", ["nop", "add"]),
        (".byte 6/3, 6 / 3", [".byte 6/3, 6 / 3"]),
        ("\tnop\f\n", ["nop"]),
        ("nop \\", ["nop"]),
        ("\ufeffnop", ["nop"]),
        ("é: .ascii \"ü\"", ['é: .ascii "ü"']),
        ("1: nop; x : y: nop", ["1: nop", "x : y: nop"]),
        ("nop\n.end\ngarbage ' \" /* ", ["nop"]),
    ],
)  # fmt: skip
def test_splitting(source, wanted):
    assert texts(source) == wanted


def test_a_string_may_go_on_over_lines_with_a_warning():
    result, diagnostics = expand(Text("t.s", 'a "b\n  c" ; d\n'))
    assert [s.text for s in result] == ['a "b\\n  c"', "d"]
    assert diagnostics.render() == (
        't.s:1:3: warning: unterminated string: the newline becomes part of it\n  a "b\n    ^'
    )


def test_a_string_that_never_ends_costs_one_line():
    result, diagnostics = expand(Text("t.s", 'a\nb "c\nd\n'))
    assert [s.text for s in result] == ["a", "d"]
    assert diagnostics.render() == "t.s:2:3: error: unterminated string\n  b \"c\n    ^\n  close it with '\"'"


def test_a_comment_that_never_ends():
    assert complaints("nop /* x\n\n") == (
        "t.s:1:5: error: unterminated comment\n  nop /* x\n      ^\n  close it with '*/'"
    )


def places(source: str) -> list[tuple]:
    return [(s.text, *s.location[:3]) for s in expand(Text("t.s", source))[0]]


def test_positions():
    source = "a\n  b; c /* x */ d\n/* y\n */ e /* z\n */; f\n\tg\n"
    assert places(source) == [
        ("a", "t.s", 1, 1),
        ("b", "t.s", 2, 3),
        ("c         d", "t.s", 2, 6),
        ("e", "t.s", 4, 5),
        ("f", "t.s", 5, 6),
        ("g", "t.s", 6, 2),
    ]


def test_line_markers_set_the_position():
    source = (
        '# 12 "x.c" 1\na\nb # c\n# 0 "" 2\nd\n.line 40\ne\n#line 7 "y.c"\nf\n# 8 "z\\"\\\\.c"\ng; .line 3 "w.s"\nh\n'
    )
    assert places(source) == [
        ("a", "x.c", 12, 1),
        ("b", "x.c", 13, 1),
        ("d", "t.s", 5, 1),
        ("e", "t.s", 40, 1),
        ("f", "y.c", 7, 1),
        ("g", 'z"\\.c', 8, 1),
        ("h", "w.s", 3, 1),
    ]


def test_what_only_looks_like_a_marker_is_a_comment():
    source = '# 12 apples\na\n # 12 "x.c"\nb\n#APP\nc'
    assert places(source) == [
        ("a", "t.s", 2, 1),
        ("b", "t.s", 4, 1),
        ("c", "t.s", 6, 1),
    ]


def test_marker_flags_build_the_trail():
    source = '# 1 "main.S"\nnop\n# 5 "main.S"\n# 1 "k.h" 1\n.bad\n# 6 "main.S" 2\n.worse\n'
    trails = {s.text: s.location.trail for s in expand(Text("t.s", source))[0]}
    assert [(step.what, step.location.file, step.location.line) for step in trails[".bad"]] == [
        ("include 'k.h'", "main.S", 5)
    ]
    assert trails[".worse"] == ()


def test_statements_are_lazy():
    scope = SimpleScope()
    from trapline.asm.preprocess.expander import statements

    stream = statements(Text("t.s", ".set x, 1\n.if x\nnop\n.endif\n"), scope, Diagnostics())
    assert next(stream).text == ".set x, 1"
    scope.symbols["x"] = 1
    assert next(stream).text == "nop"


# Files


def refused(path: Path, **options) -> str:
    result, diagnostics = expand(path, **options)
    assert result == []
    return diagnostics.render().replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "FILE: error: is empty: nothing to assemble"),
        (b" \n\t\n", "FILE: error: is empty: nothing to assemble"),
        (b"\x7fELF\x01\x01", "FILE: error: is an ELF file, not assembly source"),
        (b"!<arch>\n", "FILE: error: is an archive, not assembly source"),
        ("nop\n".encode("utf-16"), "FILE: error: is UTF-16 text (save it as UTF-8), not assembly source"),
        (bytes(range(256)) * 9, "FILE: error: is a binary file, not assembly source"),
    ],
)
def test_a_file_that_is_no_source(tmp_path, content, message):
    path = tmp_path / "x.s"
    path.write_bytes(content)
    assert refused(path) == message


def test_a_file_that_cannot_be_read(tmp_path):
    assert refused(tmp_path / "no.s") == "FILE: error: no such file"
    assert refused(tmp_path) == "FILE: error: is a directory, not a source file"
    assert refused(tmp_path / "a.s" / "b.s") == "FILE: error: no such file"
    assert refused(tmp_path / ("x" * 5000)).startswith("FILE: error: cannot be read: ")
    assert "cannot be read" in refused(Path("a\0b"))
    if os.geteuid():
        locked = tmp_path / "locked.s"
        locked.write_text("nop")
        locked.chmod(0)
        assert refused(locked) == "FILE: error: cannot be read: permission denied"


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no /dev/zero")
def test_an_endless_file_and_a_silent_one_do_not_hang(tmp_path):
    assert refused(Path("/dev/zero")) == "FILE: error: is larger than 64 MiB: not a source file"
    os.mkfifo(tmp_path / "fifo")
    assert refused(tmp_path / "fifo") == "FILE: error: is empty: nothing to assemble"


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="no /dev/fd")
def test_a_slow_pipe_is_read_to_its_end():
    with subprocess.Popen(["sh", "-c", "sleep 0.2; echo nop; sleep 0.2; echo add"], stdout=subprocess.PIPE) as writer:
        result, _ = expand(Path(f"/dev/fd/{writer.stdout.fileno()}"))
    assert [s.text for s in result] == ["nop", "add"]


def test_stray_bytes_pass_through_unchanged(tmp_path):
    path = tmp_path / "x.s"
    path.write_bytes(b'.ascii "\xff\xe9\x00" # latin \xe9\n' + b"nop\n" * 20)
    result, diagnostics = expand(path)
    assert not diagnostics.errors
    assert result[0].text.encode("utf-8", "surrogateescape") == b'.ascii "\xff\xe9\x00"'


def test_lone_surrogates_are_refused():
    assert complaints("\ud800") == "t.s: error: contains lone surrogates, which are not valid text"


# Includes


def test_include_looks_beside_the_file_then_in_the_folders(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "main.s").write_text('.include "a.inc"\n.include "b.inc"\nlast\n')
    (tmp_path / "a.inc").write_text("beside")
    (tmp_path / "lib" / "a.inc").write_text("lib")
    (tmp_path / "lib" / "b.inc").write_text(' .include "c.inc"; behind\n')
    (tmp_path / "lib" / "c.inc").write_text("beside lib\n")
    result, diagnostics = expand(tmp_path / "main.s", include_dirs=[tmp_path / "lib"])
    assert not diagnostics.errors
    assert [s.text for s in result] == ["beside", "beside lib", "behind", "last"]
    assert [step.location.line for step in result[1].location.trail] == [1, 2]
    assert find_file("a.inc", str(tmp_path / "main.s"), [tmp_path / "lib"]) == tmp_path / "a.inc"


def test_an_include_that_fails(tmp_path):
    (tmp_path / "main.s").write_text('nop\n .include "none.inc"\nmore\n')
    result, diagnostics = expand(tmp_path / "main.s", include_dirs=[Path("/lib1")])
    assert [s.text for s in result] == ["nop"]  # what follows would only show the consequences
    assert diagnostics.render().replace(str(tmp_path), "DIR") == (
        "DIR/main.s:2:11: error: no such file: 'none.inc'\n   .include \"none.inc\"\n            ^\n"
        "  looked in DIR, /lib1"
    )
    assert "'.include' needs a file name in quotes" in complaints(".include foo.inc")
    assert "no such file" in complaints('.include "a\0b"')
    assert "is a directory" in complaints('.include "/"')


def test_a_file_that_includes_itself(tmp_path):
    (tmp_path / "a.inc").write_text('.include "b.inc"\n')
    (tmp_path / "b.inc").write_text('.include "a.inc"\n')
    diagnostics = expand(tmp_path / "a.inc")[1]
    assert diagnostics.error_count == 1
    assert "it includes itself" in diagnostics.render()
    assert "guard it: .ifndef" in diagnostics.render()


def test_an_include_guard_works(tmp_path):
    (tmp_path / "a.inc").write_text('.ifndef A\n.set A, 1\nnop\n.include "a.inc"\n.endif\n')
    assert [s.text for s in expand(tmp_path / "a.inc")[0]] == [".set A, 1", "nop"]


# Robustness and speed

fragment = st.sampled_from(
    [
        *('"', "'", "#", "/*", "*/", "//", ";", "\\", "\n", "\r\n", " ", "\t", ",", "(", "\0", "é", "nop", "1:", "a=1"),
        *(".macro m", ".endm", "m", "\\x", "\\@", ".exitm", ".rept 2", ".irp x,1,2", ".endr", ".end"),
        *(".if 0", ".if 1", ".else", ".endif"),
    ]
)
line = st.sampled_from(["nop", '.ascii "x"', "a: .word 1", "li a0, 'x'", ".set b, 5/3"])


@given(st.lists(fragment, max_size=30).map("".join))
def test_any_text_ends_in_statements_or_messages(source):
    result, diagnostics = expand(Text("t.s", source))
    diagnostics.render().encode("utf-8")
    for statement in result:
        assert statement.text == statement.text.strip(" \t\r\f\v") != ""
        assert "\n" not in statement.text
        assert isinstance(statement.location, Location) and statement.location.line >= 1


@given(st.lists(line, min_size=1, max_size=8))
def test_a_location_points_at_its_statement(lines):
    source = ";  ".join(lines) + "\n"
    for statement in expand(Text("t.s", source))[0]:
        place = statement.location
        assert place.text[place.column - 1 :].startswith(statement.text)


def test_ten_thousand_lines_are_split():
    block = '\tlw\ta5,-20(s0)\n\taddi\ta0,a5,%lo(.LC0)\n.L4:\n\t.string\t"a; b # c"\n\t.loc 1 12 3 is_stmt 1\n'
    assert len(list(SourceText(Text("t.s", block * 2000), Diagnostics()))) == 10_000
