"""How an error reads: position, caret, hint, trail, limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trapline.asm.diagnostics import AsmError, Diagnostic, Diagnostics, Expansion, Location, SourceError


def render(location, message="bad", hint=None, **options):
    return Diagnostic("error", location, message, hint).render(**options).split("\n")


def test_an_error_shows_line_caret_hint_and_trail():
    outer = Location("main.s", 9, 2, "\tpush2 a0")
    inner = Location("lib.inc", 4, 2, "\tpush a0", (Expansion("macro 'push2'", outer),))
    trail = (Expansion("macro 'push'", inner), *inner.trail)
    location = Location("lib.inc", 12, 14, "addi sp, sp, 5000", trail)
    diagnostic = Diagnostic("error", location, "immediate 5000 is out of range", "-2048 to 2047\ndid you mean '500'?")
    assert diagnostic.render().split("\n") == [
        "lib.inc:12:14: error: immediate 5000 is out of range",
        "  addi sp, sp, 5000",
        "               ^",
        "  -2048 to 2047",
        "  did you mean '500'?",
        "  in expansion of macro 'push', lib.inc:4",
        "  in expansion of macro 'push2', main.s:9",
    ]


def test_an_include_is_part_of_the_trail():
    location = Location("b.inc", 1, 1, "x", (Expansion("include 'b.inc'", Location("a.s", 3)),))
    assert render(location)[-1] == "  included from a.s:3"


def test_tabs_stay_tabs_below_the_line():
    assert render(Location("a.s", 1, 5, "\tli\ta0"))[1:] == ["  \tli\ta0", "  \t  \t^"]


def test_wide_and_combining_characters_take_their_width():
    assert render(Location("a.s", 1, 4, "字e\u0301x"))[2] == "     ^"


def test_a_file_as_a_whole_has_no_line():
    assert render(Location("a.s", 0), "is empty") == ["a.s: error: is empty"]
    assert Diagnostic("error", None, "no input").render() == "error: no input"


def test_a_long_line_is_cut_around_the_caret():
    line = "a" * 1000 + "!" + "b" * 1000
    _, source, caret = render(Location("a.s", 1, 1001, line))
    assert len(source) < 180
    assert source[caret.index("^")] == "!"
    assert source.startswith("  ...") and source.endswith("...")


def test_a_caret_behind_the_end_stays_at_the_end():
    assert render(Location("a.s", 1, 99, "nop"))[2] == "     ^"


def test_a_deep_trail_shows_its_two_ends():
    step = Expansion("macro 'm'", Location("a.s", 2))
    lines = render(Location("a.s", 2, 1, "m", (step,) * 100))[3:]
    assert len(lines) == 8 and lines[4] == "  ... 93 more expansions ..."


def test_control_characters_do_not_reach_the_terminal():
    text = "\n".join(render(Location("a\x1b.s", 1, 3, "a\x1b[31m\x00\x9b\u202e\udcff"), "bad \x1b[2J"))
    assert "\x1b" not in text and "\x9b" not in text and "\u202e" not in text
    text.encode("utf-8")


def test_color_wraps_severity_and_caret_only_when_asked():
    location = Location("a.s", 1, 1, "x")
    assert "\x1b[" in "\n".join(render(location, color=True))
    assert "\x1b[" not in "\n".join(render(location))


def test_twenty_errors_are_shown_and_the_rest_counted():
    diagnostics = Diagnostics()
    for line in range(1, 28):
        diagnostics.error(Location("a.s", line), f"bad {line}")
    lines = diagnostics.render().split("\n")
    assert len(diagnostics.errors) == 20 and diagnostics.error_count == 27
    assert lines[19:] == ["a.s:20:1: error: bad 20", "7 more errors not shown"]


def test_the_thousandth_error_stops_everything():
    diagnostics = Diagnostics()
    with pytest.raises(AsmError) as caught:
        for line in range(1, 10_000):
            diagnostics.error(Location("a.s", line), "bad")
    assert str(caught.value).endswith("980 more errors not shown; assembly stopped")


def test_the_same_error_counts_once():
    diagnostics = Diagnostics()
    for _ in range(3):
        diagnostics.error(Location("a.s", 1), "bad")
    diagnostics.error(Location("a.s", 1), "worse")
    assert diagnostics.error_count == 2


def test_warnings_alone_do_not_raise():
    diagnostics = Diagnostics()
    diagnostics.warning(Location("a.s", 1, 1, "nop"), "odd", "perhaps")
    diagnostics.raise_if_errors()
    assert diagnostics.render() == "a.s:1:1: warning: odd\n  nop\n  ^\n  perhaps"
    diagnostics.add(SourceError(Location("a.s", 2), "bad"))
    with pytest.raises(AsmError, match=r"a\.s:2:1: error: bad"):
        diagnostics.raise_if_errors()


def test_at_moves_along_the_line():
    location = Location("a.s", 3, 5, "    nop")
    assert location.at(2) == Location("a.s", 3, 7, "    nop")


@given(st.text(max_size=300), st.integers(-5, 400), st.text(max_size=50), st.text(max_size=50))
def test_any_text_renders(text, column, name, message):
    rendered = Diagnostic("error", Location(name, 1, column, text), message).render()
    assert rendered.isprintable() or set(rendered) - {"\n", "\t"}
    assert "\x1b" not in rendered and "\r" not in rendered
    rendered.encode("utf-8")
