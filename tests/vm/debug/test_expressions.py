"""Expressions: C's rules, checked against Python's own arithmetic, and mistakes that are only declared ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trapline.vm.debug.expressions import LONGEST, parse
from trapline.vm.debug.mistake import Mistake

REGISTERS = {"a0": 0xFFFFFFFF, "sp": 0x80001000, "pc": 0x80000000, "main": 0x80000010}


class Fixed:
    """Some names, and memory in which each byte is the end of its address."""

    def named(self, name: str) -> int:
        if name not in REGISTERS:
            raise Mistake(f"no '{name}'")
        return REGISTERS[name]

    def load(self, address: int, width: int) -> int:
        return int.from_bytes(bytes((address + i) & 0xFF for i in range(width)), "little")


@pytest.mark.parametrize(("text", "value"), [
    ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("-7 / 2", -3), ("-7 % 2", -1), ("1 << 4 | 1", 17), ("~0 & 0xff", 255),
    ("$a0 == -1", 1), ("a0 < 0", 0), ("signed(a0) < 0", 1), ("sp - 4 > pc && !0", 1), ("*(sp + 4)", 0x07060504),
    ("half(sp)", 0x0100), ("byte(sp + 3)", 3), ("'a' + 1", 98), ("0 && 1 / 0", 0), ("main+4", 0x80000014),
    ("0b101", 5), ("5 - 3 - 1", 1), ("'\\n'", 10), ("010", 10),
])  # fmt: skip
def test_values(text: str, value: int) -> None:
    assert parse(text).value(Fixed()) == value


@pytest.mark.parametrize("text", [
    "", "1 +", "(1", "1)", "1 2", "0x", "1 / 0", "1 << 64", "nothing", "a0 = 1", "__import__('os')", "a0.x", "-" * 99,
    "(" * 99, "1" * (LONGEST + 1), "\0", "'ab'", "word(", "1 ? 2 : 3",
])  # fmt: skip
def test_mistakes(text: str) -> None:
    with pytest.raises(Mistake):
        parse(text).value(Fixed())


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "&", "|", "^", "<", ">="]), inner)


@given(st.recursive(st.integers(0, 0xFFFF).map(str), grown, max_leaves=6))
def test_arithmetic_is_pythons(text: str) -> None:
    assert parse(text).value(Fixed()) == int(eval(text))


@given(st.text(alphabet=st.sampled_from("a0sp()+-*/%<>=!&|^~'$ 1x.,\\\n") | st.characters(), max_size=60))
def test_any_text_is_a_value_or_a_mistake(text: str) -> None:
    try:
        assert isinstance(parse(text).value(Fixed()), int)
    except Mistake as mistake:
        assert str(mistake).isprintable()
