"""Instructions of optional extensions are innocuous, or privileged as long as menvcfg does not enable them: proved."""

from collections.abc import Collection

import pytest

pytest.importorskip("z3", reason="z3-solver is not installed")

from trapline.isa import Kind as InstructionKind
from trapline.isa.isa_string import parse_isa
from trapline.vm.classifier.definitions.questions import MODES, Kind, Question
from trapline.vm.classifier.definitions.rows import rows
from trapline.vm.classifier.proof.prover import Verdict, prove

pytestmark = pytest.mark.slow

ISA = parse_isa("rv32ima_zicbom_zicond_zba_zbb_zbs")
ROWS = [row for row in rows(ISA) if row.instruction.extension in ("zicbom", "zicond", "zba", "zbb", "zbs")]
BLOCKS = {row.name for row in ROWS if row.instruction.kind is InstructionKind.BLOCK}
EVERYWHERE = {str(Question(Kind.EXECUTES, (mode,))) for mode in MODES}


def proved(names: Collection[str], **fixed: int) -> dict[str, set[str]]:
    """The questions that are answered with yes, by instruction; all are decided."""
    answers = prove([row for row in ROWS if row.name in names], ISA, fixed)
    assert {d.verdict for found in answers.values() for d in found.values()} == {Verdict.YES, Verdict.NO}
    return {name: {str(q) for q, d in found.items() if d.verdict is Verdict.YES} for name, found in answers.items()}


def test_without_menvcfg_only_cache_blocks_are_not_innocuous() -> None:
    found = proved([row.name for row in ROWS])
    assert len(found) == 34 and len(BLOCKS) == 3
    assert {name for name, yes in found.items() if yes == EVERYWHERE} == found.keys() - BLOCKS
    for name in BLOCKS:
        assert found[name] == {"executes(M)", "traps(U)", "traps(S)"}


def test_enabled_operations_on_cache_blocks_are_innocuous() -> None:
    found = proved(BLOCKS, menvcfg=0x50, senvcfg=0x50)
    assert set(map(frozenset, found.values())) == {frozenset(EVERYWHERE)}
