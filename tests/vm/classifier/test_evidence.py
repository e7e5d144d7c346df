"""Search and proof together: what a row's evidence is, and what happens when the two differ."""

import json
import os
from dataclasses import dataclass

import pytest

from support.cli.command import invoke, refused
from trapline.isa.isa_string import parse_isa
from trapline.vm.classifier.classify import DisagreementError, Laboratory
from trapline.vm.classifier.definitions.questions import QUESTIONS, Evidence, Question
from trapline.vm.classifier.definitions.rows import rows
from trapline.vm.classifier.render import evidence_text, sentence
from trapline.vm.classifier.search.search import Search
from trapline.vm.classifier.theorems import Classified, theorems
from trapline.vm.classifier.witness.sentences import tell
from trapline.vm.cli import classify as classify_command

ENGINE = os.environ.get("TRAPLINE_ENGINE", "numba")
EXTENSIONS = parse_isa("rv32ima_xpopf")


@dataclass(frozen=True)
class Verdict:
    """Stands for `vm.classifier.proof.prover.Verdict`, which needs z3."""

    name: str


@dataclass(frozen=True)
class Decided:
    """Stands for `vm.classifier.proof.prover.Decided`."""

    verdict: Verdict


def decided(known: Classified, **other: str) -> dict[Question, Decided]:
    """A proof that agrees with the search but for these questions."""
    answers = {q: Decided(Verdict("YES" if known.answers[q].yes else "NO")) for q in QUESTIONS}
    return answers | {q: Decided(Verdict(other[q.kind.value])) for q in QUESTIONS if q.kind.value in other}


@pytest.fixture(scope="module")
def laboratory() -> Laboratory:
    return Laboratory(Search(EXTENSIONS, engine=ENGINE))


def classified(laboratory: Laboratory, name: str) -> Classified:
    return laboratory.classified(next(row for row in rows(EXTENSIONS) if row.name == name), 120)


def test_a_no_that_is_proved_is_evidence(laboratory: Laboratory) -> None:
    add = classified(laboratory, "add")
    assert add.evidence is Evidence.SAMPLED
    assert evidence_text(add) == f"sampled ({add.pairs:,})"
    proved = laboratory.proved(add, decided(add))
    assert (proved.evidence, evidence_text(proved)) == (Evidence.PROVED, "proved")


def test_one_open_question_leaves_a_row_sampled(laboratory: Laboratory) -> None:
    add = classified(laboratory, "add")
    assert laboratory.proved(add, decided(add, time="UNKNOWN")).evidence is Evidence.SAMPLED


def test_a_witness_stays_one(laboratory: Laboratory) -> None:
    popf = classified(laboratory, "popf")
    proved = laboratory.proved(popf, decided(popf))
    assert proved.evidence is Evidence.REFUTED and proved.witness == popf.witness is not None


def test_a_theorem_is_proved_when_all_that_it_rests_on_is(laboratory: Laboratory) -> None:
    names = ("add", "mret", "rdtime", "ecall")
    known = [classified(laboratory, name) for name in names]
    assert {t.evidence for t in theorems(known, {}, tell).values()} == {Evidence.SAMPLED}
    proved = [laboratory.proved(row, decided(row)) for row in known]
    assert {t.evidence for t in theorems(proved, {}, tell).values()} == {Evidence.PROVED}
    # That mret never executes in U mode carries Theorem 1.
    doubtful = [laboratory.proved(row, decided(row, executes="UNKNOWN")) for row in known]
    assert theorems(doubtful, {}, tell)["1"].evidence is Evidence.SAMPLED


def test_a_proof_that_denies_what_was_seen_is_a_bug(laboratory: Laboratory) -> None:
    popf = classified(laboratory, "popf")
    with pytest.raises(DisagreementError, match=r"popf: control\(S\)"):
        laboratory.proved(popf, decided(popf, control="NO"))


def test_a_state_that_only_the_proof_knows_counts(laboratory: Laboratory) -> None:
    add = classified(laboratory, "add")
    sensitive = laboratory.proved(add, decided(add, location="YES"))
    assert sensitive.location_sensitive and sensitive.evidence is Evidence.REFUTED
    assert sensitive.pairs >= 10 * add.pairs, "the search tried harder"
    assert sentence(sensitive, hex) == "location(U): there is a state, by proof, that the search has not met"
    assert not theorems([sensitive], {}, tell)["1"].holds


@pytest.mark.slow
def test_the_command_proves() -> None:
    pytest.importorskip("z3")
    outcome = invoke("classify", "--isa", "rv32ima_xpopf", "--pairs", "300", "--prove", "--json",
                     "--insn", "popf", "--insn", "add", "--insn", "ecall", "--insn", "rdtime")  # fmt: skip
    found = json.loads(outcome.stdout)
    assert {row["name"]: row["evidence"] for row in found["instructions"]} == {
        "popf": "refuted", "add": "proved", "ecall": "proved", "rdtime": "refuted"
    }  # fmt: skip
    assert found["theorems"]["3"]["evidence"] == "proved"
    add = next(row for row in found["instructions"] if row["name"] == "add")
    assert {q["evidence"] for q in add["questions"].values()} == {"proved", "refuted"}


def test_without_z3_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classify_command, "find_spec", lambda name: None)
    refused(invoke("classify", "--prove"), "--prove needs z3", "pip install 'trapline[proof]'")


def test_privileged_pairs_are_strict(laboratory: Laboratory) -> None:
    assert classified(laboratory, "mret").privileged_pairs == ("M-U", "M-S")
    assert classified(laboratory, "wfi").privileged_pairs == ("M-U",)  # TW makes it trap in S mode
    assert classified(laboratory, "rdtime").privileged_pairs == ("M-U", "M-S")
    assert classified(laboratory, "add").privileged_pairs == classified(laboratory, "ecall").privileged_pairs == ()
