"""The proof notices each of these engines in which one instruction means something else."""

import pytest

pytest.importorskip("z3")

from support.mutants.engine import MUTANTS, Mutant
from trapline.isa.isa_string import parse_isa
from trapline.vm.classifier.definitions.rows import rows
from trapline.vm.classifier.proof.prover import Prover, Verdict

pytestmark = pytest.mark.slow

EXTENSIONS = parse_isa("rv32ima_xleak")
ROWS = {row.name: row for row in rows(EXTENSIONS)}


@pytest.fixture(scope="module")
def original() -> Prover:
    return Prover(EXTENSIONS, {})


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_noticed(mutant: Mutant, original: Prover) -> None:
    row = ROWS[mutant.row]
    assert original.decide(row, mutant.question).verdict is Verdict.NO
    assert Prover(EXTENSIONS, {}, mutant.text).decide(row, mutant.question).verdict is Verdict.YES


def test_there_are_enough() -> None:
    assert len({mutant.name for mutant in MUTANTS}) >= 30
