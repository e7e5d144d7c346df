"""Search and proof together: what a row's evidence is, and what happens when the two differ."""

import json
import os
from dataclasses import dataclass

import pytest

from support.cli.command import invoke, refused
from trapline.isa.isa_string import parse_isa
from trapline.vm.classifier.classify import Classifier, DisagreementError
from trapline.vm.classifier.definitions.questions import QUESTIONS, Evidence, Question
from trapline.vm.classifier.definitions.rows import rows
from trapline.vm.classifier.render import evidence_text, sentence
from trapline.vm.classifier.search.search import Search
from trapline.vm.classifier.theorems import Classified, theorems
from trapline.vm.classifier.witness.sentences import describe
from trapline.vm.cli import classify as classify_command

pytestmark = pytest.mark.once

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
def classifier() -> Classifier:
    return Classifier(Search(EXTENSIONS, engine=ENGINE))


def classified(classifier: Classifier, name: str) -> Classified:
    return classifier.classified(next(row for row in rows(EXTENSIONS) if row.name == name), 120)


def test_a_proved_no_is_evidence(classifier: Classifier) -> None:
    add = classified(classifier, "add")
    assert add.evidence is Evidence.SAMPLED
    assert evidence_text(add) == f"sampled ({add.pairs:,})"
    proved = classifier.proved(add, decided(add))
    assert (proved.evidence, evidence_text(proved)) == (Evidence.PROVED, "proved")


def test_one_open_question_leaves_a_row_sampled(classifier: Classifier) -> None:
    add = classified(classifier, "add")
    assert classifier.proved(add, decided(add, time="UNKNOWN")).evidence is Evidence.SAMPLED


def test_a_witness_stays_one(classifier: Classifier) -> None:
    popf = classified(classifier, "popf")
    proved = classifier.proved(popf, decided(popf))
    assert proved.evidence is Evidence.REFUTED and proved.witness == popf.witness is not None


def test_a_theorem_is_proved_when_all_that_it_rests_on_is(classifier: Classifier) -> None:
    names = ("add", "mret", "rdtime", "ecall")
    known = [classified(classifier, name) for name in names]
    assert {t.evidence for t in theorems(known, {}, describe).values()} == {Evidence.SAMPLED}
    proved = [classifier.proved(row, decided(row)) for row in known]
    assert {t.evidence for t in theorems(proved, {}, describe).values()} == {Evidence.PROVED}
    # That mret never executes in U mode carries Theorem 1.
    doubtful = [classifier.proved(row, decided(row, executes="UNKNOWN")) for row in known]
    assert theorems(doubtful, {}, describe)["1"].evidence is Evidence.SAMPLED


def test_a_proof_that_denies_what_was_seen_is_a_bug(classifier: Classifier) -> None:
    popf = classified(classifier, "popf")
    with pytest.raises(DisagreementError, match=r"popf: control\(S\)"):
        classifier.proved(popf, decided(popf, control="NO"))


def test_a_state_that_only_the_proof_knows_counts(classifier: Classifier) -> None:
    add = classified(classifier, "add")
    sensitive = classifier.proved(add, decided(add, location="YES"))
    assert sensitive.location_sensitive and sensitive.evidence is Evidence.REFUTED
    assert sensitive.pairs >= 10 * add.pairs, "the search tried harder"
    assert sentence(sensitive, hex) == "location(U): proved possible, but the search has found no such state"
    assert not theorems([sensitive], {}, describe)["1"].holds


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


def test_privileged_pairs_are_strict(classifier: Classifier) -> None:
    assert classified(classifier, "mret").privileged_pairs == ("M-U", "M-S")
    assert classified(classifier, "wfi").privileged_pairs == ("M-U",)  # TW makes it trap in S mode
    assert classified(classifier, "rdtime").privileged_pairs == ("M-U", "M-S")
    assert classified(classifier, "add").privileged_pairs == classified(classifier, "ecall").privileged_pairs == ()
