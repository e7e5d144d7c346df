"""Macros and repetitions: their expansions, and the messages for wrong ones."""

import time

import pytest

from support.asm.front_end import complaints, expand, texts
from trapline.asm.diagnostics import Location
from trapline.asm.preprocess.expander import MAX_EXPANDED, Text
from trapline.asm.preprocess.macros import Macro, parse_definition


def expanded(parameters: str, body: str, *calls: str) -> list[str]:
    """The statements that calls of one macro `m` give."""
    return texts(f".macro m {parameters}\n{body}\n.endm\n" + "".join(f" m {call}\n" for call in calls))


@pytest.mark.parametrize(
    ("parameters", "call", "values"),
    [
        ("a b", "1 2", "1|2"),
        ("a, b", "1, 2", "1|2"),
        ("a b", "1 , 2", "1|2"),
        ("a b", "1", "1|"),
        ("a b", ", 2", "|2"),
        ("a b=7", "1", "1|7"),
        ("a=5 b=7", "", "5|7"),
        ("a=5, b = 7", " , 8", "5|8"),
        ("a b", "b=1 a=2", "2|1"),
        ("a b", "1, b=2", "1|2"),
        ("a b", "b = 1, a = 2", "2|1"),
        ("a b:vararg", "1, 2, 3, 4", "1|2,3,4"),
        ("a b:vararg", "1", "1|"),
        ("a b:vararg=9", "1", "1|9"),
        ("a : req, b", "1", "1|"),
        ("a b", "a + b  c - 1", "a+b|c-1"),
        ("a b", "a0 -1", "a0-1|"),
        ("a b", "4 (a0), (1 + 2)", "4(a0)|(1+2)"),
        ("a b", "%hi(x + 4), %lo (y)", "%hi(x+4)|%lo(y)"),
        ("a b", '"x  y" z', "x  y|z"),
        ("a b", '"p""q" r', 'p"q|r'),
        ("a b", '"p\\"q", r', 'p\\"q|r'),
        ("a b", '"1, 2", "#"', "1, 2|#"),
        ("a b", "', ' '", "',|' '"),
        ("a b", "',', ';'", "','|';'"),
        ("a b", "é $x", "é|$x"),
        ("a b", "[a b], (c d)e", "[a b]|(c d)e"),
        ("A a", "1 2", "1|2"),
        ("a b,", "1 2", "1|2"),
        ("(a, b)", "1 2", "1|2"),
    ],
)
def test_arguments(parameters, call, values):
    name, formal = parse_definition(f"m {parameters}", Location("t.s", 1), None)
    macro = Macro(name, Location("t.s", 1), formal, [])
    assert "|".join(macro.bind(call, Location("t.s", 2), False, lambda *_: 0)) == values


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("\\a", "1"),
        ("x\\a\\()y", "x1y"),
        ("\\a.w", "\\a.w"),
        ("\\a\\().w", "1.w"),
        ("\\(\\a)\\a", "\\a1"),
        ("\\b \\\\a", "\\b \\1"),
        ("x&a, x&a&b", "x1, x1&b"),
        ('.ascii "\\a\\n"', '.ascii "1\\n"'),
        ("\\@", "0"),
        ("l\\@: j l\\@b", "l0: j l0b"),
        ("a", "a"),
    ],
)
def test_substitution(body, wanted):
    assert expanded("a", body, "1") == [wanted]


def test_an_argument_is_split_again():
    assert expanded("a", "x \\a", '"1; y 2 # z"', "'a") == ["x 1", "y 2", "x 'a"]


def test_each_expansion_has_its_number():
    assert expanded("", "x \\@", "", "", "") == ["x 0", "x 1", "x 2"]


def test_names_have_no_case_and_may_shadow_instructions_and_have_dots():
    assert texts(".macro ADDI x\n.byte \\x\n.endm\naddi 1\nAddi 2") == [".byte 1", ".byte 2"]
    assert texts(".MACRO a.b x\n.byte \\x\n.ENDM\nA.B 1") == [".byte 1"]
    assert texts(".macro .foo\nnop\n.endmacro\n.foo") == ["nop"]
    assert texts("foo: .macro a\n.byte \\a\n.endm\n foo 3") == [".byte 3"]


def test_a_directive_stays_a_directive():
    result, diagnostics = expand(Text("t.s", ".macro .Word x\n.byte \\x\n.endm\n.word 1"), reserved={".word"})
    assert [s.text for s in result] == [".word 1"]
    assert diagnostics.render().startswith("t.s:1:8: warning: '.Word' is a directive; the macro")


def test_labels_before_a_call():
    assert texts(".macro m x\n.byte \\x\n.endm\n1: m 1\nl:m 2\na : b: m 3; m 4") == [
        *("1:", ".byte 1", "l:", ".byte 2", "a : b:", ".byte 3", ".byte 4")
    ]


def test_an_assignment_is_no_call():
    assert texts(".macro m\nnop\n.endm\nm = 1\nm == 2\nm=3\n m") == ["m = 1", "m == 2", "m=3", "nop"]


def test_all_on_one_line():
    assert texts(".macro m a; x \\a; .endm; m 1; .rept 2; y; .endr; z") == ["x 1", "y", "y", "z"]


def test_definitions_in_definitions():
    source = ".macro m n\n.macro m\\n x\n.byte \\n, \\x\n.endm\n.endm\nm 1\nm 2\nm1 7\nm2 8"
    assert texts(source) == [".byte 1, 7", ".byte 2, 8"]


def test_recursion_that_ends():
    assert texts(".macro m x\n.if \\x\n.byte \\x\n m \\x-1\n.endif\n.endm\n m 3") == [
        ".byte 3",
        ".byte 3-1",
        ".byte 3-1-1",
    ]


def test_purge_and_define_anew():
    assert texts(".macro m\na\n.endm\n m\n.purgem M\n.macro m\nb\n.endm\n m") == ["a", "b"]


def test_exit():
    source = ".macro m a\nx\n.ifb \\a\n.exitm\n.endif\ny\n.rept 3\nr\n.exitm\n.endr\nz\n.endm\n m\n m 1\n"
    assert texts(source) == ["x", "x", "y", "r", "z"]


def test_alternate_mode():
    source = """.altmacro
.macro m a, b
LOCAL q, r
q: .byte a, b
r: .byte r-q, &a&1, "a"
.endm
 m %1+2, <4, 5>
 m <!<>, 'x'
.noaltmacro
.macro n a
a \\a
.endm
 n <1>"""
    assert texts(source) == [
        ".LL0001: .byte 3, 4,5",
        '.LL0002: .byte .LL0002-.LL0001, 31, "3"',
        '.LL0003: .byte <, "x"',
        '.LL0004: .byte .LL0004-.LL0003, <1, "<"',
        "a <1>",
    ]


def test_repetitions():
    assert texts(".rept 2\na\n.rept 2\nb\n.endr\n.endr") == ["a", "b", "b"] * 2
    assert texts(".rept 0\na\n.endr\n.rep 1\nb\n.endr") == ["b"]
    assert texts(".irp x,1,2 3\na \\x\n.endr") == ["a 1", "a 2", "a 3"]
    assert texts('.irp x,"1,2",3\na \\x\n.endr') == ["a 1,2", "a 3"]
    assert texts(".irp x\na\\x\n.endr") == ["a"]
    assert texts(".irp x,,1\na\\x\n.endr") == ["a", "a1"]
    assert texts(".irpc c,1 2\na \\c\n.endr") == ["a 1", "a 2"]
    assert texts('.irpc c,"1 2"\n.ascii "\\c"\n.endr') == ['.ascii "1"', '.ascii " "', '.ascii "2"']
    assert texts(".irp x,1,2\n.irp y,3,4\na \\x,\\y\n.endr\n.endr") == ["a 1,3", "a 1,4", "a 2,3", "a 2,4"]
    assert texts("x = 2\n.rept x+1\na\n.endr")[1:] == ["a", "a", "a"]


def test_positions_and_trail():
    source = ".macro inner a\n  nop; bad \\a\n.endm\n.macro outer\n\tinner 1\n.endm\n\nouter\n.rept 2\n bad\n.endr\n"
    result = [s for s in expand(Text("t.s", source))[0] if s.text.startswith("bad")]
    place = result[0].location
    assert (place.line, place.column, place.text) == (2, 1, "bad 1")
    assert [(step.what, step.location.line, step.location.column) for step in place.trail] == [
        ("macro 'inner'", 5, 2),
        ("macro 'outer'", 8, 1),
    ]
    assert (result[1].location.line, result[1].location.column) == (10, 2)
    assert [(step.what, step.location.line) for step in result[1].location.trail] == [("'.rept'", 9)]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (".macro m\nx", "t.s:1:1: error: '.macro' is never closed\n  .macro m\n  ^\n  add '.endm'"),
        (".rept 2\n.rept 2\n.endr", "t.s:1:1: error: '.rept' is never closed\n  .rept 2\n  ^\n  add '.endr'"),
        (".endm", "t.s:1:1: warning: '.endm' without '.macro' does nothing\n  .endm\n  ^"),
        (".endr", "t.s:1:1: warning: '.endr' without '.rept', '.irp' or '.irpc' does nothing\n  .endr\n  ^"),
        (".exitm", "t.s:1:1: warning: '.exitm' outside a macro does nothing\n  .exitm\n  ^"),
        (".purgem m", "t.s:1:9: warning: no macro 'm' to purge\n  .purgem m\n          ^"),
        (
            ".macro\n.endm",
            "t.s:1:1: error: '.macro' needs a name\n  .macro\n  ^\n  usage: .macro name parameter, parameter=default",
        ),
        (
            ".macro m a-b\n.endm",
            "t.s:1:8: error: bad parameter list for macro 'm' at '-b'\n  .macro m a-b\n         ^\n"
            "  write '.macro name a, b=default, c:req, d:vararg'",
        ),
        (
            ".macro m a a\n.endm",
            "t.s:1:8: error: macro 'm' has two parameters named 'a'\n  .macro m a a\n         ^",
        ),
        (
            ".macro m a:opt\n.endm",
            "t.s:1:8: error: ':opt' is not a qualifier for parameter 'a'\n  .macro m a:opt\n         ^\n"
            "  use ':req' or ':vararg'",
        ),
        (
            ".macro m a:vararg b\n.endm",
            "t.s:1:8: error: parameter 'a:vararg' must be the last of macro 'm'\n  .macro m a:vararg b\n         ^",
        ),
        (
            ".macro m\n.endm\n.macro M\n.endm",
            "t.s:3:8: error: macro 'M' is defined twice\n  .macro M\n         ^\n"
            "  first defined at t.s:1; '.purgem M' removes it",
        ),
        (
            ".macro .if\n.endm",
            "t.s:1:8: warning: '.if' is a directive; the macro of this name is ignored\n  .macro .if\n         ^",
        ),
        (
            ".macro push reg:req, count=1\n.endm\n push\n",
            "t.s:3:2: error: macro 'push' needs a value for parameter 'reg'\n   push\n   ^\n"
            "  usage: push reg:req, count=1",
        ),
        (
            ".macro m a\n.endm\n m 1, 2\n",
            "t.s:3:2: error: too many arguments for macro 'm', which takes 1\n   m 1, 2\n   ^\n  usage: m a",
        ),
        (
            ".macro m count\n.endm\n m cuont=2\n",
            "t.s:3:2: error: macro 'm' has no parameter 'cuont'\n   m cuont=2\n   ^\n  did you mean 'count'?",
        ),
        (
            ".macro m a b\n.endm\n m a=1, 2\n",
            "t.s:3:2: error: positional argument after a keyword argument of macro 'm'\n   m a=1, 2\n   ^\n"
            "  usage: m a, b",
        ),
        (
            ".macro m a\n.endm\n m 1==2\n",
            "t.s:3:2: error: '1' is not a parameter name\n   m 1==2\n   ^\n  quote an argument that contains '='",
        ),
        (".rept\n.endr", "t.s:1:1: error: '.rept' needs a count\n  .rept\n  ^\n  write '.rept 4'"),
        (".rept -3\n.endr", "t.s:1:7: error: negative count for '.rept': -3\n  .rept -3\n        ^"),
        (".rept q\n.endr", "t.s:1:7: error: cannot evaluate 'q'\n  .rept q\n        ^"),
        (
            ".irp 1,2\n.endr",
            "t.s:1:6: error: '.irp' needs a parameter name\n  .irp 1,2\n       ^\n  write '.irp name, values'",
        ),
        (
            ".altmacro\n.macro m a\nLOCAL a\n.endm\n m\n",
            "t.s:3:1: error: 'a' is already a parameter or a LOCAL of this macro\n  LOCAL a\n  ^",
        ),
    ],
)
def test_mistakes(source, wanted):
    assert complaints(source) == wanted


# Endless recursion


def stopped(source: str) -> str:
    begin = time.process_time()
    message = complaints(source)
    assert time.process_time() - begin < 20
    return message


def test_a_billion_repetitions_are_refused_at_once():
    begin = time.process_time()
    assert complaints(".rept 1000000000\nnop\n.endr") == (
        f"t.s:1:7: error: '.rept' would produce 1000000000 statements; the limit is {MAX_EXPANDED}\n"
        "  .rept 1000000000\n        ^\n  for a block of equal data use '.fill count, size, value'"
    )
    assert time.process_time() - begin < 1


def test_repetitions_in_repetitions_are_limited(monkeypatch):
    monkeypatch.setattr("trapline.asm.preprocess.expander.MAX_EXPANDED", 10_000)
    message = stopped(".rept 1000\n.rept 1000\nnop\n.endr\n.endr")
    assert message.startswith("t.s:2:1: error: macros and repetitions produce more than 10000 statements")


def test_an_endless_recursion_names_its_macro():
    lines = stopped(".macro again\n again\n.endm\n again\n").split("\n")
    assert lines[:4] == [
        "t.s:2:2: error: macros nested too deeply, in macro 'again'",
        "   again",
        "   ^",
        "  a macro that calls itself needs an '.if' that ends the recursion",
    ]
    assert lines[-1] == "  in expansion of macro 'again', t.s:4"


def test_a_recursion_in_two_places_does_not_explode():
    assert "macros nested too deeply" in stopped(".macro m\n m\n m\n.endm\n m")


def test_a_growing_argument_is_limited():
    assert "expands to more than 1048576 characters" in stopped(".macro m a\n m \\a\\a\\a\\a\n.endm\n m xxxx")


def test_many_empty_expansions_are_limited(monkeypatch):
    monkeypatch.setattr("trapline.asm.preprocess.expander.MAX_EXPANDED", 10_000)
    body = "".join(f".macro m{i}\n m{i + 1}\n m{i + 1}\n.endm\n" for i in range(40)) + ".macro m40\n.endm\n m0\n"
    assert "macros and repetitions produce more than 10000 statements" in stopped(body)


def test_the_error_in_an_expansion_shows_the_way():
    source = ".macro check a\n.if \\a +\n.endif\n.endm\n.macro twice a\n check \\a\n check \\a\n.endm\n\ttwice 1\n"
    assert complaints(source).split("\n")[:5] == [
        "t.s:2:5: error: cannot evaluate '1 +'",
        "  .if 1 +",
        "      ^",
        "  in expansion of macro 'check', t.s:6",
        "  in expansion of macro 'twice', t.s:9",
    ]
