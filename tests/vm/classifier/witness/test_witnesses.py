"""Findings replay, shrink, and are described in sentences."""

import os
import re
from functools import cache

import pytest

from trapline.isa import decode
from trapline.isa.isa_string import parse_isa
from trapline.vm.classifier.classify import Classifier
from trapline.vm.classifier.definitions import memory
from trapline.vm.classifier.definitions.questions import Kind, Question, Row, Witness
from trapline.vm.classifier.definitions.rows import rows
from trapline.vm.classifier.search import states
from trapline.vm.classifier.search.search import Search
from trapline.vm.classifier.search.shrink import Shrinker
from trapline.vm.classifier.witness.sentences import describe

ENGINE = os.environ.get("TRAPLINE_ENGINE", "numba")
EXTENSIONS = parse_isa("rv32ima_xleak")
U, S, M = 0, 1, 3


@cache
def classifier(counters: bool = False) -> Classifier:
    fixed = {"mcounteren": 7, "scounteren": 7} if counters else {}
    return Classifier(Search(EXTENSIONS, fixed, engine=ENGINE))


def row(name: str) -> Row:
    return next(row for row in rows(EXTENSIONS) if row.name == name)


@cache
def witness(name: str, kind: Kind, *modes: int) -> Witness:
    here = classifier(counters=name.startswith("rd") and name != "rdmode")
    if name not in here._found:
        here.classified(row(name), 1500)
    return here.witness(row(name), Question(kind, modes))


SENSITIVE = (
    "popf",
    "pushf",
    "rdmode",
    "sidt",
    "sgdt",
    "jrst",
    "probe",
    "lra",
    "mret",
    "sret",
    "wfi",
    "sfence.vma",
    "csrrw",
)


@pytest.mark.parametrize("name", SENSITIVE)
def test_findings_happen_again_and_shrink(name: str) -> None:
    here = classifier()
    found = here.search.find(row(name), 600)
    assert found.findings
    for question, finding in found.findings.items():
        table, seed = states.row_table(row(name)), here.search.row_seed(row(name))
        situation = here.replay.situation(table, seed, finding.number, finding.variant, question)
        assert here.replay.holds(situation), question
        small = Shrinker(here.replay, row(name)).shrink(situation)
        assert here.replay.holds(small), question
        shown = here.replay.witness(small)
        assert decode(shown.word) is row(name).instruction
        for state, mode in zip(shown.states, question.modes * 2, strict=False):
            assert state.values["mode"] == mode
            assert len(state.values) <= 6, state


@pytest.mark.parametrize(
    "name, kind, modes, text",
    [
        ("popf", Kind.MODE, (U, S), "with a1 = 2, in S mode sstatus.SIE becomes 1; "
                                    "in U mode the same word leaves it 0 and does not trap"),
        ("rdmode", Kind.MODE, (U, S), "in S mode a0 becomes 1; in U mode the same word leaves it 0 and does not trap"),
        ("rdmode", Kind.MODE, (S, M), "in M mode a0 becomes 3; in S mode the same word makes it 1 and does not trap"),
        ("jrst", Kind.MODE, (U, S), "in S mode the mode becomes U; "
                                    "in U mode the same word leaves the mode as it is and does not trap"),
        ("jrst", Kind.CONTROL, (M,), "in M mode the mode becomes U"),
        ("wfi", Kind.CONTROL, (S,), "in S mode the hart waits"),
        ("sfence.vma", Kind.CONTROL, (S,), "in S mode cached translations are dropped"),
        ("wfi", Kind.TRAPS, (U,), "in U mode it traps: illegal instruction"),
        ("wfi", Kind.EXECUTES, (M,), "in M mode it executes"),
    ],
)  # fmt: skip
def test_words(name: str, kind: Kind, modes: tuple[int, ...], text: str) -> None:
    assert describe(witness(name, kind, *modes)) == text


@pytest.mark.parametrize("name, kind, what", [("sidt", Kind.CONFIGURATION, "stvec"), ("rdcycle", Kind.TIME, "cycle")])
def test_words_of_two_values(name: str, kind: Kind, what: str) -> None:
    text = describe(witness(name, kind, U))
    assert re.fullmatch(rf"in U mode with {what} = 0 a0 stays 0; with {what} = (\w+) a0 becomes \1", text), text


def test_words_of_relocation() -> None:
    text = describe(witness("lra", Kind.LOCATION, U))
    assert text.startswith("with a1 = 0x80001800, in U mode under Sv32 that maps every page to itself a0 becomes ")
    assert "; under Sv32 that maps the same pages to other frames, with the same memory in view, a0 becomes " in text


def test_a_witness_prefers_relocations_of_the_same_bounds() -> None:
    for name in ("lra", "sgdt"):
        assert [s.relocation for s in witness(name, Kind.LOCATION, U).states] == ["sv32-a", "sv32-b"]
    names = [s.relocation for s in witness("probe", Kind.LOCATION, U).states]
    assert len({memory.RELOCATIONS[memory.BY_NAME[name]].lacks for name in names}) == 2


def test_a_witness_has_all_that_is_needed() -> None:
    shown = witness("popf", Kind.MODE, U, S)
    below, above = shown.states
    assert (below.values["mode"], above.values["mode"]) == (U, S)
    assert {**below.values, "mode": S} == above.values
    assert shown.outcomes == (None, None)
    assert shown.changes[1]["mstatus"] == 2 and "mstatus" not in shown.changes[0]
    assert shown.changes[0]["pc"] == below.values["pc"] + 4


def test_a_trapping_state_has_its_cause() -> None:
    shown = witness("wfi", Kind.TRAPS, U)
    assert shown.outcomes == (2,)
    assert shown.changes == ({},)
