"""Meanings as IR: what has a translation, what has none, and that it says the same for all operands."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from trapline.isa import BY_NAME, INSTRUCTIONS, Instruction, Kind
from trapline.isa.word import s32, u32, where
from trapline.vm.translator.expression import CannotLowerError
from trapline.vm.translator.meaning_ir import LOWERED, jumps_by_immediate, lower

pytestmark = pytest.mark.once

WORDS = [i for i in INSTRUCTIONS if i.kind in LOWERED]


def lowered(instruction: Instruction) -> tuple[tuple[str, ...], str]:
    """The IR with operands that are called like the inputs."""
    return lower(instruction, {name: f"%{name}" for name in instruction.inputs})


@pytest.mark.parametrize(
    ("name", "lines", "result"),
    [
        ("lui", (), "%imm"),
        ("add", ("%t0 = add i32 %rs1, %rs2",), "%t0"),
        ("sra", ("%t0 = and i32 %rs2, 31", "%t1 = ashr i32 %rs1, %t0"), "%t1"),
        ("bltu", ("%t0 = icmp ult i32 %rs1, %rs2",), "%t0"),
        ("blt", ("%t0 = icmp slt i32 %rs1, %rs2",), "%t0"),
        ("lb", ("%t0 = trunc i32 %data to i8", "%t1 = sext i8 %t0 to i32"), "%t1"),
        ("lbu", (), "%data"),
    ],
)
def test_it_is_what_one_would_write(name: str, lines: tuple[str, ...], result: str) -> None:
    assert lowered(BY_NAME[name]) == (lines, result)


def test_all_instructions_of_words_have_a_translation() -> None:
    for instruction in WORDS:
        assert lowered(instruction)[1]


def test_no_other_instruction_has_one() -> None:
    with pytest.raises(CannotLowerError, match="popf does more"):
        lowered(BY_NAME["popf"])


def test_a_jump_by_its_immediate_is_known_beforehand() -> None:
    assert [i.name for i in INSTRUCTIONS if i.kind is Kind.JUMP and jumps_by_immediate(i)] == ["jal"]


def looping(rs1, rs2):
    """A loop."""
    while rs1:
        rs1 = rs1 & rs2
    return rs1


def branching(rs1, rs2):
    """Two results."""
    if rs1:
        return rs2
    return 0


def dividing(rs1, rs2):
    """A division by what may be zero."""
    return rs1 // rs2


def dividing_signed(rs1, rs2):
    """Python rounds down."""
    return u32(s32(rs1) // where(rs2 == 0, 1, rs2))


def dividing_by_another(rs1, rs2):
    """The test is of another value than the divisor."""
    return rs1 // where(rs1 == 0, 1, rs2)


def shifting(rs1, rs2):
    """A shift by more than there is."""
    return u32(rs1 << rs2)


def calling(rs1, rs2):
    """A function that is no Python."""
    return pow(rs1, rs2)


@pytest.mark.parametrize(
    "meaning", [looping, branching, dividing, dividing_signed, dividing_by_another, shifting, calling]
)
def test_what_has_no_translation_is_refused(meaning: Callable[..., Any]) -> None:
    with pytest.raises(CannotLowerError):
        lowered(replace(BY_NAME["add"], meaning=meaning))


def rounding(rs1, rs2):
    """Steps, one after the other; the divisor cannot be zero."""
    half = rs1 >> 1
    divisor = rs2 | 1
    return u32(half // where(divisor == 0, 1, divisor))


def test_a_meaning_may_have_steps() -> None:
    lines, _ = lowered(replace(BY_NAME["add"], meaning=rounding))
    assert "%t0 = lshr i32 %rs1, 1" in lines and any("udiv" in line for line in lines)


@pytest.mark.parametrize("instruction", WORDS, ids=lambda i: i.name)
def test_it_is_the_meaning_for_all_operands(instruction: Instruction) -> None:
    pytest.importorskip("z3", reason="z3-solver is not installed")
    from support.translator.ir_terms import differences

    assert set(inspect.signature(instruction.meaning).parameters) == set(instruction.inputs)
    assert differences(instruction, *lowered(instruction)) is None
