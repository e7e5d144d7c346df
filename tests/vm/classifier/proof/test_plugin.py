"""The proof is about whatever is declared: the instructions of a plugin, here those of the tutorial."""

import pytest

from support.paths import DOCS

pytest.importorskip("z3", reason="z3-solver is not installed")

from trapline.isa.isa_string import parse_isa
from trapline.isa.plugin.load import loaded
from trapline.vm.classifier.definitions.questions import MODE_PAIRS, MODES, Kind, Question
from trapline.vm.classifier.definitions.rows import rows
from trapline.vm.classifier.proof.prover import Verdict, prove

MY_ISA = DOCS / "tutorials/my_isa.py"
EXECUTES = {Question(Kind.EXECUTES, (mode,)) for mode in MODES}


def test_instructions_of_a_plugin() -> None:
    with loaded(MY_ISA):
        extensions = parse_isa("rv32ima_xmine")
        mine = [row for row in rows(extensions) if row.instruction.extension == "xmine"]
        answers = prove(mine, extensions)
    verdicts = {name: {q: decided.verdict for q, decided in found.items()} for name, found in answers.items()}
    assert all(v in (Verdict.YES, Verdict.NO) for found in verdicts.values() for v in found.values())
    yes = {name: {q for q, v in found.items() if v is Verdict.YES} for name, found in verdicts.items()}
    shows_mode = {Question(Kind.MODE, pair) for pair in MODE_PAIRS}
    assert yes == {"rotl": EXECUTES, "ones": EXECUTES, "ring": EXECUTES | shows_mode}
