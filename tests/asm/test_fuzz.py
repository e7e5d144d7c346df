"""Every source gives a program or messages: damaged programs through the whole assembler, and endless ones."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.paths import PROGRAMS, TESTS
from trapline.asm import AsmError, assemble_text

PROGRAMS = [
    path.read_text(encoding="utf-8", errors="surrogateescape")
    for folder in (PROGRAMS, TESTS / "programs")
    for path in sorted(folder.rglob("*.s"))
]
PIECES = [
    *(
        '"',
        "'",
        "#",
        "/*",
        ";",
        "\\",
        "\n",
        "(",
        ")",
        "=",
        ",",
        " ",
        "\t",
        "\0",
        "é",
        "%hi(",
        "%pcrel_lo(",
        "-",
        "~",
        "<<",
    ),
    *(
        "0x",
        "99999999999999999999",
        "-1",
        ".",
        "$",
        "@",
        "1b",
        "1f",
        "a0",
        "zero",
        "f0",
        ".L1",
        "\\@",
        "\\()",
        "&",
        "%",
    ),
    *(".if ", ".endif\n", ".set x,", ".byte ", ".word ", ".align ", ".org ", ".section ", ".fill ", ".space ", ". ="),
    *(
        ".uleb128 ",
        ".insn ",
        ".insn r 0x33,",
        ".option ",
        ".comm ",
        ".type ",
        ".size ",
        ".incbin ",
        ".include ",
        ".loc ",
    ),
    *(
        "li ",
        "la ",
        "call ",
        "csrr ",
        "fence ",
        "lw ",
        "jalr ",
        ".rept 3\n",
        ".endr\n",
        ".macro m a\n",
        ".endm\n",
        "m ",
    ),
    *(".previous\n", ".popsection\n", ".pushsection ", ".subsection ", ".error ", ".print ", ".ascii ", '"\\x', ".end"),
]


def outcome(source: str, name: str = "t.s") -> str:
    """The messages; empty when the source assembles."""
    try:
        program = assemble_text(source, name=name)
    except AsmError as error:
        text = str(error)
        assert ": error: " in text or text.startswith("error: ")
        text.encode("utf-8")
        return text
    assert program.elf[:4] == b"\x7fELF"
    return ""


@pytest.mark.parametrize("name", ["t.s", "t.S"])
@given(seed=st.integers(0, 2**32))
def test_damaged_programs(name, seed):
    choose = random.Random(seed)
    text = choose.choice(PROGRAMS)
    start = choose.randrange(max(len(text) - 3000, 0) + 1)
    text = text[start : start + 3000]
    for _ in range(choose.randrange(1, 10)):
        at = choose.randrange(len(text) + 1)
        text = text[:at] + choose.choice(PIECES) + text[at + choose.choice([0, 0, 1, 2, 5, 40]) :]
    outcome(text, name)


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_random_pieces(text):
    outcome(text)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = x + 1\n.word x", "depends on itself"),
        (".set a, b\n.set b, a\n.word a", "depends on itself"),
        ("".join(f".set a{i}, a{i + 1} + a{i + 1}\n" for i in range(60)) + ".set a60, 1\n.word a0", "depends on"),
        ("".join(f".set a{i}, a{i + 1} + 1\n" for i in range(5000)) + ".set a5000, 1\n.word a0", "depends on"),
        (".word " + "x + " * 5000 + "1", "nested too deeply"),
        (".rept 1000000000\nnop\n.endr", "the limit is"),
        (".fill 1 << 40", "the limit is"),
        ("a: .space b - a + 1\nb:", "does not converge"),
        ("a: .space (b - a) * 2 + 1\nb:", "count 536870911 is not in"),
        (".space a - b\na: nop\nb:", "count -4 is not in [0,"),
        ("a: .space 4 / (b - c)\nb:\nc:", "t.s:1:11: error: this value cannot be computed"),
        (".space a - b\na: .data\nb:", "t.s:1:8: error: the distance between labels of different"),
        (".space a", "t.s:1:8: error: 'a' is not a constant"),
        (".space 1 << 62", "more than"),
        (".org 0x7fffffff", "the limit is"),
        (".macro m\n m\n m\n.endm\n m", "macros nested too deeply"),
        (".macro m a\n m \\a\\a\n.endm\n m x", "expands to more than"),
        (".word 1 << 100000000000", "cannot shift by 100000000000"),
        ("bogus\n" * 5000, "980 more errors not shown; assembly stopped"),
    ],
    ids=range(19),
)
def test_what_never_ends_ends_with_a_message(source, message):
    begin = time.process_time()
    assert message in outcome(source)
    assert time.process_time() - begin < 10


@pytest.mark.parametrize(
    "source", [".word " + "(" * 900 + "1" + ")" * 900, ".word " + "-" * 30000 + "1", "nop;" * 20000]
)
def test_what_is_only_long_assembles(source):
    assert outcome(source) == ""


def test_errors_of_all_stages_come_in_one_run():
    source = """
        .macro  grow amount
        addi    sp, sp, \\amount
        .endm
_start: grow    5000
        adddi   a0, a0, 1
        .wrod   5
        .if     1 +
        .endif
        lw      a0, 4(b0)
"""
    assert [line for line in outcome(source).split("\n") if ": error: " in line] == [
        "t.s:3:17: error: addi: immediate 5000 is not in [-2048, 2047]",
        "t.s:6:9: error: unknown instruction 'adddi'",
        "t.s:7:9: error: unknown directive '.wrod'",
        "t.s:8:20: error: expected an operand",
        "t.s:10:23: error: 'b0' is not a register",
    ]
    assert "  addi    sp, sp, 5000\n                  ^\n  in expansion of macro 'grow', t.s:5\n" in outcome(source)


@pytest.mark.parametrize(
    ("line", "message", "column"),
    [
        (".word (1", "unmatched '('", 9),
        ("lui a0, %hi(x", "unmatched '('", 14),
        (".popsection", "'.popsection' without '.pushsection'", 1),
        (".globl 1x", "'1x' is not a symbol", 8),
        ("addi a0, a0, 0x1ffff", "addi: immediate 131071 is not in [-2048, 2047]", 14),
        ("slli a0, a0, 1 << 5", "slli: shift amount 32 is not in [0, 31]", 14),
        ("lw a0, 0x1000(a1)", "lw: immediate 4096 is not in [-2048, 2047]", 8),
        ("csrrwi a0, mie, 0x20", "csrrwi: constant 32 is not in [0, 31]", 17),
        ("csrr a0, 0x1000", "CSR number 4096 is not in [0, 4095]", 10),
        ("add t0, t0, 0x800", "addi: immediate 2048 is not in [-2048, 2047]", 13),
        ("sw a0, 4096(sp)", "sw: immediate 4096 is not in [-2048, 2047]", 8),
        ("lw a0, 4(b0)", "'b0' is not a register", 10),
        ("beq a0, a1, 0x10000001", "jal: target is", 13),
        ("addi a0, a0, 2 * (X + 1); X = 1200", "addi: immediate 2402 is not in [-2048, 2047]", 14),
        (".org later; nop; later:", "the layout of '.text' does not converge", 6),
        (".if\u00a01; .endif", "unexpected character U+00A0 (no-break space)", 4),
        (".rept \u22121; .endr", "unexpected character U+2212 (minus sign)", 7),
        ("addi\u00a0a0, a0, 1", "unexpected character U+00A0 (no-break space)", 5),
        ("addi a0,\u3000a0, 1", "unexpected character U+3000 (ideographic space)", 9),
        ("x\u200b: nop", "unexpected character U+200B (zero width space)", 2),
        ("\ufeffnop; \ufeffnop", "unexpected character U+FEFF (zero width no-break space)", 6),
        (".ascii \u201cabc\u201d", "unexpected character U+201C (left double quotation mark)", 8),
        ("addi a0, a0, \u20131", "unexpected character U+2013 (en dash)", 14),
        ("li a0\uff0c 1", "unexpected character U+FF0C (fullwidth comma)", 6),
        ("\u0430dd a0, a0, a0", "unknown instruction '\u0430dd'", 1),
        ("fadd.s fa0, fa1, fa2", "unknown instruction 'fadd.s'", 1),
        ("ld a0, 0(sp)", "unknown instruction 'ld'", 1),
    ],
)
def test_where_a_mistake_is_shown(line, message, column):
    shown = outcome(line).splitlines()
    line = line.removeprefix("\ufeff")
    assert shown[0].startswith(f"t.s:1:{column}: error: {message}")
    assert shown[1:3] == [f"  {line}", f"  {' ' * (column - 1)}^"]


def test_characters_that_look_like_others_are_allowed_in_text():
    assert (
        outcome(".ascii \"\u201cabc\u201d\u00a0\u2013\"  # \u00a0\n.byte 'a'\nna\u00efve\u03b1: nop /* \u200b */") == ""
    )
    assert "'\u0430' is U+0430 (cyrillic small letter a)" in outcome("\u0430dd a0, a0, a0")


def test_a_truncated_value_is_shown_at_its_operand():
    assert assemble_text(".byte 1, (2), 0x1ff", name="t.s").warnings.startswith("t.s:1:15: warning: value 0x1ff")
