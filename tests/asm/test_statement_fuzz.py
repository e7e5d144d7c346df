"""Anything anywhere gives a program or messages: operands, sections and directives that do not belong together."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.asm.statements import Statements
from trapline.asm import AsmError, assemble_text

BASES = [None, 0, 0x80000000]


def outcome(source: str, base: int | None = None) -> str:
    """The messages; empty when the source assembles to a whole program."""
    try:
        program = assemble_text(source, text_base=base)
    except AsmError as error:
        return str(error)
    assert program.elf[:4] == b"\x7fELF"
    assert all(0 <= address < 1 << 32 for address in program.symbols.values())
    assert isinstance(program.sections, dict) and isinstance(program.lines, dict)
    return ""


@given(seed=st.integers(0, 2**48))
@settings(deadline=None)
@example(1)
def test_random_statements(seed):
    source = random.Random(seed)
    outcome(Statements(source).program(), source.choice(BASES))


TBSS = ".section .tbss\n.balign 64\nx: .word 0\n"


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("add a0,a0,tp,5", "'add' takes 3 operands, not 4"),
        ("sw 0, x", "a store to a symbol needs a scratch register: 'sw 0, symbol, t0'"),
        ("sw 0, x, t0", "expected a register"),
        (f"nop\n.section .tdata\ny: .word 1\n{TBSS}", ""),
        (f"nop\n.section .tdata\ny:\n{TBSS}", ""),
        (f"nop\n{TBSS}.section .tdata\ny: .byte 1\n.text\nla.tls.gd a0, y\nla.tls.ie a0, x", ""),
        ("x = . / (x - x)", "depends on itself"),
        ("x = . / 0", "cannot compute"),
        ("x = . * 2", "cannot compute with the address of '.'"),
        ("y: .size y, 4 / (z - 1)\nz = 1", "cannot compute 4 / 0"),
        ("x == later << -2049\nlater = 1", "cannot compute"),
        ('.section .f, "aM", @progbits, -4\n.word 1', "entry size -4 is not in"),
    ],
)
def test_internal_errors_of_the_past(source, message, base):
    assert message in outcome(source, base)
    assert bool(message) == bool(outcome(source, base))
