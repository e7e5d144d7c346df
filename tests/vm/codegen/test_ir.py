"""What LLVM makes of the engine's language is what Python does."""

import ctypes
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from trapline.vm.codegen import engine_ir
from trapline.vm.codegen.cache import pack
from trapline.vm.codegen.ir_kinds import FIELDS, UnknownConstructError, field, record_bytes
from trapline.vm.codegen.ir_module import EngineModule
from trapline.vm.codegen.link import link
from trapline.vm.codegen.llvm_object import object_of
from trapline.vm.codegen.native import ENGINE, STOPPING_ENGINE
from trapline.vm.codegen.source import IR, NUMBA, Source
from trapline.vm.core import hart

pytestmark = pytest.mark.once


def compiled(text: str, **entries: int) -> dict[str, Callable[..., int]]:
    """Functions of a text by name. entries: how many integers they take."""
    addresses = link(pack([object_of(EngineModule(text).text(entries))]), list(entries))
    integer = ctypes.c_int64
    return {
        name: ctypes.CFUNCTYPE(integer, *[integer] * count)(address)
        for (name, count), address in zip(entries.items(), addresses, strict=True)
    }


def wrapped(number: int) -> int:
    """The low 64 bits of a number, as int64."""
    return ctypes.c_int64(number).value


WORDS = st.one_of(st.integers(-3, 70), st.integers(-(1 << 63), (1 << 63) - 1))


def expressions() -> st.SearchStrategy[str]:
    """Expressions of a, b and c that do not depend on what is beyond 64 bits."""
    leaves = st.one_of(st.sampled_from("abc"), WORDS.map(str))

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        binary = st.tuples(inner, st.sampled_from(["+", "-", "*", "&", "|", "^", "//", "%"]), inner)
        compared = st.tuples(inner, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), inner).map(" ".join)
        conditions = st.one_of(compared, st.tuples(compared, st.sampled_from(["and", "or"]), inner).map(" ".join))
        return st.one_of(
            binary.map(lambda t: f"w({t[0]} {t[1]} ({t[2]} or 1))" if t[1] in "//%" else f"w({' '.join(t)})"),
            st.tuples(inner, inner).map(lambda t: f"w({t[0]} << ({t[1]} & 63))"),
            st.tuples(inner, inner).map(lambda t: f"({t[0]} >> ({t[1]} & 63))"),
            conditions.map(lambda t: f"({t})"),
            st.tuples(conditions, inner, inner).map(lambda t: f"({t[1]} if {t[0]} else {t[2]})"),
            inner.map(lambda t: f"w(-{t})"), inner.map(lambda t: f"(~{t})"), inner.map(lambda t: f"(not {t})"),
            st.tuples(inner, inner).map(lambda t: f"min({t[0]}, {t[1]}, 7)"),
            st.tuples(inner, inner).map(lambda t: f"max({t[0]}, {t[1]})"),
            inner.map(lambda t: f"w(abs({t}))"), inner.map(lambda t: f"U32({t})"),
            st.tuples(inner, inner).map(lambda t: f"choice({t[0]}, {t[1]})"),
        )  # fmt: skip

    return st.recursive(leaves, larger, max_leaves=12)


CHOICE = """
def choice(a, b):
    if a > b and not a == 3:
        return a
    elif b < 0:
        return 5
    return b
"""


@examples(30)
@given(st.lists(expressions(), min_size=8, max_size=8), st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=4))
def test_expressions(texts: list[str], operands: list[tuple[int, int, int]]) -> None:
    """w: cut to 64 bits, which compiled code does by itself."""
    names: dict[str, object] = {"w": wrapped, "U32": lambda number: number & 0xFFFFFFFF}
    exec(CHOICE, names)
    functions = "\n".join(f"def f{i}(a, b, c):\n    return w({text})" for i, text in enumerate(texts))
    found = compiled(CHOICE + "def w(a):\n    return a\n" + functions, **{f"f{i}": 3 for i in range(len(texts))})
    for i, text in enumerate(texts):
        for a, b, c in operands:
            expected = wrapped(eval(text, {**names, "a": a, "b": b, "c": c}))
            assert found[f"f{i}"](a, b, c) == expected, text


LOOPS = """
LIMIT = 40
def primes(stop, step):
    found = n = 0
    for i in range(2, stop):
        if i > LIMIT:
            break
        for j in range(2, i):
            if i % j == 0:
                break
        else_ = 0
        k = 2
        while k < i and i % k:
            k += 1
        if k != i:
            continue
        n += 1
        found = found * 3 + i
    for i in range(stop, 0, -2):
        found ^= i
    return found * 100 + n
"""


@pytest.mark.parametrize("stop", [-1, 0, 2, 3, 20, 100])
def test_loops(stop: int) -> None:
    names: dict = {}
    exec(LOOPS, names)
    assert compiled(LOOPS, primes=2)["primes"](stop, 0) == wrapped(names["primes"](stop, 0))


ARRAYS = """
def last(array, at):
    array[at] = array[at] + 1
    return array[at] + len(array)

def entry(address, bytes, at):
    words = words_at(address, 4)
    other = bytes_at(bytes, 4)
    return 1000 * last(words, at) + last(other, at) + other[U64(1)] * 0

def record(address, at, value):
    h = harts_at(address, 2)[at]
    x = h.x
    x[value & 31] = value
    h.pc += value
    x[U64(2)] |= 5
    return harts_at(address, 2)[at].pc + x[-1] * 10
"""


@pytest.mark.parametrize("at", [0, 1, 3, -1, -4])
def test_arrays(at: int) -> None:
    """Of two kinds, in one function; a negative index counts from the end."""
    words, octets = (ctypes.c_int64 * 4)(5, 6, 7, 8), (ctypes.c_uint8 * 4)(255, 1, 2, 255)
    expected = 1000 * (words[at] + 1 + 4) + ((octets[at] + 1) & 255) + 4
    entry = compiled(ARRAYS, entry=3)["entry"]
    assert entry(ctypes.addressof(words), ctypes.addressof(octets), at) == expected


def test_records() -> None:
    memory = hart.hart_memory(2, 0)
    views = hart.hart_views(memory)
    views[1].pc, views[0].pc = 40, 7
    record = compiled(ARRAYS, record=3)["record"]
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert record(address, 1, 31) == 71 + 310
    assert (views[1].pc, views[0].pc, views[1].x[31], views[0].x[31], views[1].x[2]) == (71, 7, 31, 0, 5)


@pytest.mark.parametrize("name", FIELDS)
def test_fields_are_where_numpy_has_them(name: str) -> None:
    kind = getattr(hart, name)
    assert record_bytes(name) == kind.itemsize
    for known in kind.names:
        assert field(name, known)[0] == kind.fields[known][1]
    with pytest.raises(UnknownConstructError):
        field(name, "nothing")


def test_several_at_once() -> None:
    text = "def f(a, b):\n    a, b = b, a - b\n    c = d = a\n    return a * 100 + b * 10 + c + d"
    assert compiled(text, f=2)["f"](7, 3) == 300 + 40 + 6


def test_own_names_come_before_constants() -> None:
    text = "A = 5\ndef f(B):\n    A = B + 1\n    return A\ndef g(B):\n    return A + B"
    found = compiled(text, f=1, g=1)
    assert (found["f"](1), found["g"](1)) == (2, 6)


UNKNOWN = [
    "return a ** 2", "return 1.5", "return [a]", "return a if (b, a) else 1", "a, b = a", "a, b = a, b, a",
    "a, b = x = b, a", "(a, b), c = (a, b), a", "return f'{a}'",
    "return missing(a)", "return missing", "x = words_at(a, 4)\n    x = 5", "x = U64(a)", "return U64(a) < b",
    "return 0 < a < b", "x = words_at(a, 4)\n    return x", "return a.pc", "return a[0]", "return len(a=1)",
    "while a:\n        a = 0\n    else:\n        a = 1", "for i in a:\n        pass", "return a / b",
    "words_at(a, 4)[0] += 1", "x = words_at(a, 4)\n    x[f(a, b)] += 1", "return lambda: a",
]  # fmt: skip


@pytest.mark.parametrize("body", UNKNOWN)
def test_what_only_numba_compiles(body: str) -> None:
    with pytest.raises(UnknownConstructError):
        EngineModule(f"def f(a, b):\n    {body}\n").text({"f": 2})
    with pytest.raises(UnknownConstructError):
        EngineModule("import os")


def test_the_whole_engine_is_in_the_language() -> None:
    """No engine of ours needs numba, which takes ten times as long."""
    for source in (ENGINE, STOPPING_ENGINE):
        language, text = next(source.inputs())
        assert language == IR
        for name in source.entries:
            assert f"define ccc i64 @{name}(" in text
    assert engine_ir.unstopped_ir() == engine_ir.unstopped_ir(), "the same each time"


def refused() -> str:
    """A text that LLVM gets no IR of."""
    return EngineModule("def f(a):\n    return a ** 2").text({"f": 1})


def small() -> str:
    """The same for numba."""
    return "for numba"


def test_the_rest_is_left_to_numba() -> None:
    assert list(Source("small", __name__, "small", ("f",), __name__, "refused").inputs()) == [(NUMBA, "for numba")]
    assert list(Source("small", __name__, "small", ("f",)).inputs()) == [(NUMBA, "for numba")]
    assert [language for language, _ in ENGINE.inputs()] == [IR, NUMBA], "numba, too, where LLVM is too old"


def test_the_object_is_the_same_each_time() -> None:
    text = EngineModule(LOOPS).text({"primes": 2})
    assert object_of(text) == object_of(text)
    assert object_of(text, portable=True)
