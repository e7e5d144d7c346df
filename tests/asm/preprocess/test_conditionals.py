"""The `.if` family: which text is taken, and the messages for unbalanced blocks."""

import pytest

from support.asm.front_end import complaints, texts


@pytest.mark.parametrize(
    "condition",
    [
        ".if 1", ".if -1", ".if 2 > 1", ".ifne 3", ".ifeq 0", ".iflt -1", ".ifle 0", ".ifle -1", ".ifgt 1", ".ifge 0",
        ".ifge 1", ".ifdef x", ".ifndef y", ".ifnotdef y", ".ifb", ".ifb   ", ".ifnb q", ".ifc a,a", ".ifc a , a",
        ".ifc a + b, a+b", ".ifc ,", '.ifc "a","a"', ".ifnc a,b", ".ifnc a,", '.ifnc "a",a', ".ifnc a,A",
        '.ifeqs "a b" , "a b"', '.ifnes "a","b"', ".IF 1", ".If(1)",
    ],
)  # fmt: skip
def test_conditions_that_hold(condition):
    assert texts(f"x = 1\n{condition}\nyes\n.else\nno\n.endif\n")[1:] == ["yes"]


@pytest.mark.parametrize(
    "condition",
    [
        ".if 0", ".if 1 > 2", ".ifne 0", ".ifeq 1", ".iflt 0", ".ifle 1", ".ifgt 0", ".ifge -1", ".ifdef y",
        ".ifndef x", ".ifb q", ".ifnb", ".ifc a,b", ".ifc a b,ab", ".ifnc a,a", '.ifeqs "a","a "', '.ifnes "a","a"',
    ],
)  # fmt: skip
def test_conditions_that_do_not_hold(condition):
    assert texts(f"x = 1\n{condition}\nyes\n.else\nno\n.endif\n")[1:] == ["no"]


@pytest.mark.parametrize("values", [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)])
def test_one_branch_of_a_chain(values):
    a, b, c = values
    wanted = "a" if a else "b" if b else "c" if c else "d"
    assert texts(f".if {a}\na\n.elseif {b}\nb\n.elseif {c}\nc\n.else\nd\n.endif\nend") == [wanted, "end"]


def test_nesting_in_skipped_text_counts_only_blocks():
    source = """
    .if 0
      .if 1 +++ not an expression
        .ifdef
        .elseif
        .else garbage
        .endif
      .else
      .macro m
      .include "nowhere"
      .endif
    .else
      yes
    .endif"""
    assert texts(source) == ["yes"]


def test_a_later_elseif_is_not_evaluated():
    assert texts(".if 1\na\n.elseif nonsense(\nb\n.endif") == ["a"]


def test_old_spellings():
    assert texts(".if 0\na\n.elsec\nb\n.endc") == ["b"]


def test_a_label_before_a_conditional_is_kept():
    assert texts("x: .if 1\nnop\ny: .endif") == ["x:", "nop", "y:"]


def test_in_macros_and_repetitions():
    source = ".macro m a\n.ifb \\a\nnone\n.exitm\n.endif\nsome \\a\n.endm\n m\n m 1\n.rept 2\n.if 1\nx\n.endif\n.endr"
    assert texts(source) == ["none", "some 1", "x", "x"]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (".if 1\nnop", "t.s:1:1: error: '.if' is never closed\n  .if 1\n  ^\n  add '.endif'"),
        (
            " .ifdef x\n.else\n",
            "t.s:1:2: error: '.ifdef' is never closed\n   .ifdef x\n   ^\n  add '.endif' (its '.else' is at line 2)",
        ),
        ("nop\n.endif", "t.s:2:1: error: '.endif' without '.if'\n  .endif\n  ^"),
        (".else", "t.s:1:1: error: '.else' without '.if'\n  .else\n  ^"),
        (".elseif 1", "t.s:1:1: error: '.elseif' without '.if'\n  .elseif 1\n  ^"),
        (
            ".if 1\n.else\n.else\n.endif",
            "t.s:3:1: error: '.else' after the '.else' of the same '.if'\n  .else\n  ^\n"
            "  the '.else' is at line 2, the '.if' at line 1",
        ),
        (
            ".if 1\n.else\n.elseif 0\n.endif",
            "t.s:3:1: error: '.elseif' after the '.else' of the same '.if'\n  .elseif 0\n  ^\n"
            "  the '.else' is at line 2, the '.if' at line 1",
        ),
        (".if\n.endif", "t.s:1:1: error: '.if' needs an expression\n  .if\n  ^"),
        (".if zz\n.endif", "t.s:1:5: error: cannot evaluate 'zz'\n  .if zz\n      ^"),
        (
            ".ifdef a b\n.endif",
            "t.s:1:8: error: '.ifdef' needs one symbol name\n  .ifdef a b\n         ^\n  write '.ifdef NAME'",
        ),
        (".ifc a\n.endif", "t.s:1:6: error: '.ifc' needs two texts with a comma between them\n  .ifc a\n       ^"),
        (
            ".ifeqs a,b\n.endif",
            "t.s:1:8: error: '.ifeqs' needs two strings\n  .ifeqs a,b\n         ^\n  write '.ifeqs \"a\", \"b\"'",
        ),
        (
            ".if 1\n.endif x",
            "t.s:2:8: error: '.endif' takes no operand\n  .endif x\n         ^\n  put comments after '#'",
        ),
        (
            ".macro m\n.if 1\n.endm\n m\n",
            "t.s:2:1: error: '.if' is not closed when macro 'm' ends\n  .if 1\n  ^\n  add '.endif'\n"
            "  in expansion of macro 'm', t.s:4",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_reported(source, wanted):
    assert complaints(source) == wanted


def test_an_undecided_condition_counts_as_false():
    assert "yes" not in complaints(".if zz\nyes\n.else\nno\n.endif")
