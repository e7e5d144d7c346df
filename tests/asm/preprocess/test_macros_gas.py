"""The front end against GNU as, which must make the same bytes of a source and of our expansion of it."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.asm.front_end import Gas

CASES = (Path(__file__).parent / "macro_cases.s").read_text(encoding="utf-8").strip().split("\n----\n")
"""Sources that GNU as takes, and that the front end expands."""

ODD_CASES = [".byte 1\r\n.byte 2\r\n", ".byte 1"]


@pytest.fixture(scope="module")
def gas(tool, tmp_path_factory):
    return Gas(tool, tmp_path_factory.mktemp("gas"))


@pytest.mark.parametrize("source", [*(f"{case}\n" for case in CASES), *ODD_CASES])
def test_the_same_bytes(gas, source):
    assert gas.same(source) is True


REFUSED = [
    ".macro m a:req\n.endm\n m\n",
    ".macro m a\n.endm\n m 1,2\n",
    ".macro m a b\n.endm\n m b=3,4\n",
    ".macro m a\n.endm\n m z=1\n",
    ".macro m a\n.endm\n m 1==1\n",
    ".macro m\n.endm\n.macro m\n.endm\n",
    ".macro m a-b\n.endm\n",
    ".macro m a a\n.endm\n",
    ".macro m a:opt\n.endm\n",
    ".macro m a:vararg, b\n.endm\n",
    ".macro\n.endm\n",
    ".macro m\n",
    ".macro m\n m\n.endm\n m\n",
    ".macro m\n.if 1\n.endm\n m\n",
    ".rept -1\n.endr\n",
    ".rept 2\n",
    ".irp\n.endr\n",
    ".if 1\n",
    ".else\n",
    ".elseif 1\n",
    ".endif\n",
    ".if 1\n.else\n.else\n.endif\n",
    ".if 1\n.else\n.elseif 1\n.endif\n",
    ".ifdef\n.endif\n",
    ".ifdef a b\n.endif\n",
    ".ifc a\n.endif\n",
    ".if undefined_symbol\n.endif\n",
    '.include "no-such-file"\n',
    ".include x\n",
]


@pytest.mark.parametrize("source", REFUSED)
def test_what_gas_refuses_is_an_error_here(gas, source):
    from support.asm.front_end import complaints

    assert gas.text_bytes(source) is None
    assert ": error: " in complaints(source)


# Random nests


class Writer:
    """Writes a random program out of macros, repetitions and conditionals, in random spellings."""

    def __init__(self, choose: random.Random) -> None:
        self.choose = choose
        self.lines: list[str] = []
        self.macros: list[tuple[str, list[str]]] = []
        self.symbols = 0

    def blank(self) -> str:
        return self.choose.choice(["", " ", "  ", "\t"])

    def comma(self) -> str:
        return self.choose.choice([",", ", ", " , ", " "])

    def number(self, names: list[str]) -> str:
        """An operand: sometimes one of the macro's parameters."""
        if names and self.choose.random() < 0.6:
            return "\\" + self.choose.choice(names)
        return self.choose.choice(["1", "2", "0x7", "s0", "(1 + 2)", "3-1", "'a'", "s0+1"])

    def put(self, text: str) -> None:
        end = self.choose.choice(["\n", "\n", "\n", " ; ", " # note\n", " /* x */\n", "/* y\n z */\n"])
        self.lines.append(self.blank() + text + end)

    def argument(self, names: list[str]) -> str:
        number = self.number(names).replace("'a'", "97")  # GNU as loses the blank behind a character constant
        return self.choose.choice([number, number, f'"{number}"', number.replace("(", " (")])

    def call(self, names: list[str]) -> None:
        name, parameters = self.choose.choice(self.macros)
        name = self.choose.choice([name, name.upper()])
        count = self.choose.randrange(len(parameters) + 1)
        arguments = [self.argument(names) for _ in range(count)]
        if self.choose.random() < 0.4:
            arguments = [f"{p}={a}" for p, a in zip(parameters, arguments, strict=False)]
            self.choose.shuffle(arguments)
        label = self.choose.choice(["", "", "1: "])
        self.put(f"{label}{name} {self.comma().join(arguments)}")

    def block(self, depth: int, names: list[str], inside_macro: bool = False) -> None:
        for _ in range(self.choose.randrange(1, 4)):
            self.statement(depth, names, inside_macro)

    def condition(self, names: list[str]) -> str:
        one, other = self.number(names), self.number(names)
        comparisons = [f".if {one}", f".ifeq {one}-2", f".ifgt {one}-1", f".ifle {one} - 2", f".ifc {one},{other}"]
        return self.choose.choice([*comparisons, f".ifnc {one} , 1", f".ifb {one}", ".ifb", ".ifdef s0", ".ifndef no"])

    def statement(self, depth: int, names: list[str], inside_macro: bool) -> None:
        kind = self.choose.randrange(12 if depth else 4)
        if kind <= 1:
            self.put(f".byte {self.number(names)}{self.choose.choice([', ', ','])}{self.number(names)}")
        elif kind == 2:
            self.put(f"s0 = s0+{self.choose.randrange(3)}" if self.choose.random() < 0.5 else ".set s0, s0+1")
        elif kind == 3 and self.macros:
            self.call(names)
        elif kind <= 5 and depth:
            self.put(self.condition(names))
            self.block(depth - 1, names, inside_macro)
            if self.choose.random() < 0.4:
                self.put(f".elseif {self.number(names)}-2")
                self.block(depth - 1, names, inside_macro)
            if self.choose.random() < 0.5:
                self.put(".else")
                self.block(depth - 1, names, inside_macro)
            self.put(".endif")
        elif kind == 6 and depth:
            self.put(f".rept {self.choose.randrange(4)}")
            self.block(depth - 1, names, inside_macro)
            self.put(".endr")
        elif kind == 7:
            name = self.choose.choice("xyz")
            values = self.comma().join(self.choose.choices(["1", "2", "s0", "(3)"], k=self.choose.randrange(4)))
            self.put(f".irp {name},{values or '5'}")
            self.block(depth - 1, [*names, name], inside_macro)
            self.put(".endr")
        elif kind == 8:
            self.put(f".irpc c,{self.choose.randrange(1000)}")
            self.block(depth - 1, [*names, "c"], inside_macro)
            self.put(".endr")
        elif kind == 9 and (inside_macro or depth < 2):
            self.put(".exitm" if inside_macro else ".byte 99")
        elif kind == 10:
            self.put(".byte \\@" if inside_macro else ".byte 77")
        elif not inside_macro and depth:
            self.define(depth)

    def define(self, depth: int) -> None:
        name = f"m{len(self.macros)}"
        parameters = self.choose.sample(["a", "b", "cc", "n.x"], self.choose.randrange(4))
        formal = [p + self.choose.choice(["", "=4", " = 5"]) for p in parameters]
        self.put(f".macro {name} {self.choose.choice([', ', ' ']).join(formal)}".rstrip())
        self.block(depth - 1, parameters, inside_macro=True)
        self.put(".endm")
        self.macros.append((name, parameters))

    def program(self) -> str:
        self.put(".set s0, 1")
        self.define(3)
        self.block(3, [])
        self.call([])
        self.lines.append("\n.byte s0\n")
        return "".join(self.lines)


@given(seed=st.integers(0, 2**32))
def test_random_nests(gas, seed):
    assert gas.same(Writer(random.Random(seed)).program()) is not False
