"""The front end against GNU as: of a source, and of our expansion of it, GNU as has to make the same bytes."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.asm.front_end import Gas

CASES = r"""
.byte 1 # 2
.byte 5 /* 6
7 */ ,8
 .byte 9; .byte 10
----
.ascii "a
b"
.byte 1
----
.ascii "a\
b"
.byte 1
----
.byte '#, '\'', '\"', ';', '/'
.byte 'a
.byte ''', '\n, '\\ 
----
.ascii "# // /* ; "; .byte 1
----
.macro addi a
.byte \a
.endm
addi 1
ADDI 2
----
.macro m a b=7
.byte \a,\b
.endm
m 1
m 1 2
m 1 -2
 m b=3 a=4
 m 1,b=2
----
.macro m a:vararg
.byte \a
.endm
 m 1, 2 , 3
----
.macro m
.byte \@
.endm
 m
 m
.rept 2
 m
.endr
----
.macro m
.byte 1
.rept 3
.byte 2
.exitm
.endr
.byte 3
.exitm
.byte 4
.endm
 m
----
.irp x
.byte 1\x
.endr
.irp x,1,2 3
.byte \x
.endr
.irpc c,12 3
.byte \c
.endr
.irpc c,"45"
.byte \c
.endr
----
.altmacro
.macro m a,b
LOCAL q,r
q: .byte a,b
r: .byte r-q, &a&1
.endm
 m %1+2,<4>
 m <5>,6
.noaltmacro
----
.if 1
.byte 1
.elseif 1
.byte 2
.else
.byte 3
.endif
.if 0
.if 1
.byte 4
.else
.byte 5
.endif
.elseif 2
.byte 6
.else
.byte 7
.endif
----
.ifc a b, a b
.byte 1
.endif
.ifc "a","a"
.byte 2
.endif
.ifc a , a
.byte 3
.endif
.ifeqs "a","a"
.byte 4
.endif
.ifc a + b,a+b
.byte 5
.endif
.ifb
.byte 6
.endif
.ifnb x
.byte 7
.endif
----
.byte 1
.end
.byte 2
----
1: .if 1
.byte 1
.endif
.macro m x
.byte \x
.endm
2: m 3; m 4
l:m 5
l2 : m 6
----
foo: .macro a
.byte \a
.endm
 foo 3
----
.byte '\0', '\n', 'a'+1
----
.byte '\0'
----
.macro m a b
.ascii "\a|\b"
.endm
 m "x y" z
 m (a b) c
 m "s t"u
----
.macro m a b
.byte \a,\b
.endm
 m ' ', 2
 m ',', 3
 m '\"','a
----
.macro m a
.byte \a
.endm
 m "1; .byte 2 # x"
 m "3 # foo"
----
.macro m a
.byte 1&a, 3&\a
.endm
 m 2
----
.macro m a
 .byte \(1+)2, \a\()0
.endm
 m 2
----
.macro m a
 .macro n\a x
 .byte \a, \x
 .endm
.endm
 m 2
 n2 7
----
.macro m
.endm
.purgem m
.macro m
.byte 3
.endm
m
.purgem M
----
.macro a.b x
.byte \x
.endm
a.b 1
.macro .foo x
.byte \x
.endm
 .foo 2
----
.macro m a
.byte \a
.endm
m=3
.byte m
m = 4
.byte m
----
.macro m a b
.byte 1
.ifb \b
.byte 2
.exitm
.endif
.byte 3
.endm
 m 1
 m 1 2
----
.rept 2
.irp x,1,2
.byte \x
.endr
.endr
.rep 2
.byte 8
.endr
----
.rept 3; .byte 1; .endr; .byte 2
.macro q; .byte 5; .endm; q
----
.MACRO m
.BYTE 5
.ENDM
.IF 1
 m
.ENDIF
----
.macro m x
.if \x > 0
.byte \x
 m (\x - 1)
.endif
.endm
 m 3
----
.macro m x
.if \x
.byte \x
 m \x-1
.endif
.endm
 m 3
----
.irp r, a0, a1
 add \r,\r, \r
.endr
----
.macro m a,b,c=9
.byte \a+0,\b+0,\c
.endm
 m ,2
 m 1,,
 m ,,3
 m
----
.macro m a
.string "\\\\a\\n"
.endm
 m 1
----
.altmacro
.macro m a,b
.byte a,b
.endm
 m %(1+2)*2 4
 m %1,2
 m <1>2
 m 1<2>
----
.macro m a:vararg
.ascii \a
.endm
 m "x  y", "z"
----
.macro m a=1 b=2, c = 3
.byte \a,\b,\c
.endm
 m
 m 4 , 5 6
----
.macro m a : req, b
.byte \a,\b
.endm
 m 1,2
----
.macro m a:vararg=3
.byte \a
.endm
 m
----
.macro m x
.byte x\()1
.endm
.set x1,3
 m 4
----
.macro m x
 lw a0, \x
.endm
 m 4(a0)
 m 4 (a0)
 m %lo(x)(a0)
----
.macro m
.else
.byte 3
.endm
.if 0
.byte 1
 m
.endif
----
.macro m
.endif
.byte 3
.endm
.if 1
.byte 1
 m
.byte 4
----
.irpc c,
.byte 1\c
.endr
.irp c,,1
.byte 2\c
.endr
----
.irp x "1,2", 3
.byte \x
.endr
----
.irp x y,1
.endr
----
.if 1 == 1 && 2 > 1
.byte 1
.endif
.ifeq 0
.byte 2
.endif
.ifge -1
.byte 3
.endif
.iflt -1
.byte 4
.endif
----
.rept 2
.if 1
.endr
.byte 1
.endif
.endif
----
.irp x,1,2
.byte \@
.endr
----
.macro m
.irp x,1,2
.byte \x, \@
.endr
.endm
 m
 m
----
.rept 2
.byte 1
.exitm
.byte 2
.endr
----
.macro m
.if 1
.exitm
.endif
.endm
 m
.byte 1
----
.macro m
.rept 2
.if 1
.exitm
.endif
.endr
.byte 2
.endm
 m
.byte 1
----
.macro m
l\@: .byte 1
.endm
 m;m
 .byte l1-l0
----
 addi a0, a0, 1 ; ; addi a0,a0,2;
----
.ifc "a,b","a,b"
.byte 1
.endif
----
.ifeqs "a,b" , "a,b"
.byte 1
.endif
.ifnes "a","b"
.byte 2
.endif
----
.ifnotdef zz
.byte 1
.endif
.if 0
.elsec
.byte 2
.endc
----
.macro m x
.ifc \x,
.byte 1
.else
.byte 2
.endif
.endm
 m
 m a
----
.macro m x
.ifb \x
.byte 1
.else
.byte 2
.endif
.endm
 m
 m a
 m ""
 m " "
----
.macro m x
 .if \x
 .byte 1
 .endif ; .endm
 m 1
----
.altmacro
.macro m a
.ascii a
.endm
 m "x"
 m <"x!>y">
----
.altmacro
.macro m a
.ascii "a-a0xa"
.endm
 m 1
----
.macro m a
.byte \a
.endm
m a=1,a=2
""".strip().split("\n----\n")

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
        """An operand: sometimes one of the parameters at hand."""
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
