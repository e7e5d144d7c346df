"""On a machine with compressed instructions a row is proved for both lengths, at every halfword."""

import pytest

pytest.importorskip("z3", reason="z3-solver is not installed")

from trapline.isa.isa_string import parse_isa
from trapline.vm.classifier.definitions.questions import MODES, Kind, Question
from trapline.vm.classifier.definitions.rows import rows
from trapline.vm.classifier.proof.prover import Verdict, prove
from trapline.vm.codegen.engine_text import engine_text
from trapline.vm.core.op_numbers import op_numbers, short_forms

pytestmark = [pytest.mark.slow, pytest.mark.once]

ISA = parse_isa("rv32imac_xrdmode")
EXECUTES = {str(Question(Kind.EXECUTES, (mode,))) for mode in MODES}
TRAPS = {str(Question(Kind.TRAPS, (mode,))) for mode in MODES}


def proved(*names: str, text: str | None = None) -> dict[str, set[str]]:
    """The questions that are answered with yes, by instruction; all are decided."""
    answers = prove([row for row in rows(ISA) if row.name in names], ISA, text=text)
    assert {d.verdict for found in answers.values() for d in found.values()} == {Verdict.YES, Verdict.NO}
    return {name: {str(q) for q, d in found.items() if d.verdict is Verdict.YES} for name, found in answers.items()}


def test_what_compressed_instructions_stand_for_is_innocuous() -> None:
    found = proved("add", "beq", "lw", "sw", "ebreak")
    assert found.pop("ebreak") == TRAPS
    assert list(found.values()) == [EXECUTES] * 4


def test_a_compressed_instruction_that_shows_the_mode_would_be_found() -> None:
    """An engine in which c.add and c.mv do what rdmode does."""
    text = engine_text()
    ops = op_numbers()
    right = f"if op == {ops['add']}:\n        return decoded + {short_forms()['add'] - ops['add']}\n"
    assert text.count(right) == 1
    wrong = right.replace(str(short_forms()["add"] - ops["add"]), str(ops["rdmode"] - ops["add"]))
    found = proved("add", "sub", text=text.replace(right, wrong))
    assert found["sub"] == EXECUTES
    assert {question.partition("(")[0] for question in found["add"] - EXECUTES} == {"mode"}
