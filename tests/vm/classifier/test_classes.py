"""The search finds the classes that the specification's text demands, and the theorems that follow from them."""

import os
from functools import cache

import pytest

from support.classifier import classes
from support.paths import DOCS
from trapline.isa.extension import XLEAK
from trapline.isa.isa_string import parse_isa
from trapline.vm.classifier.classify import Classification, classify
from trapline.vm.classifier.definitions.questions import Evidence
from trapline.vm.classifier.search.search import Search

ENGINE = os.environ.get("TRAPLINE_ENGINE", "numba")
FIXED = {"mleak": 0xFF}
COUNTERS = {"mcounteren": 7, "scounteren": 7}


@cache
def classified(isa: str, *csrs: tuple[str, int]) -> Classification:
    search = Search(parse_isa(isa), dict(csrs), engine=ENGINE)
    # Reading the high half of a counter, one of some 200 CSRs, takes a few states to find.
    return classify(isa, search, pairs=20_000 if search.batch.compiled else 250)


def holds(found: Classification) -> dict[str, bool]:
    return {number: theorem.holds for number, theorem in found.theorems.items()}


def assert_classes(found: Classification, expected: dict[str, classes.Class]) -> None:
    table = {row.row.name: classes.found_class(row) for row in found.rows}
    assert table.keys() == expected.keys()
    wrong = {name: (table[name], expected[name]) for name in table if table[name] != expected[name]}
    rare = {}
    if ENGINE == "python" or os.environ.get("NUMBA_BOUNDSCHECK") == "1":
        # One CSR in some 200 is satp or a counter: few pairs may miss it, but may not find more than there is.
        rare = {n: (a, b) for n, (a, b) in wrong.items() if n.startswith("csrr") and a.sensitive <= b.sensitive}
        assert all(a.cls == b.cls and set(a.executes) <= set(b.executes) for a, b in rare.values())
    assert wrong == rare


@pytest.mark.parametrize("isa, holes", [pytest.param("rv32ima", (), marks=pytest.mark.once), ("rv32ima_xleak", XLEAK)])
def test_classes_are_those_of_the_specification(isa: str, holes: tuple[str, ...]) -> None:
    assert_classes(classified(isa), classes.expected(holes))


@pytest.mark.once
def test_with_mleak_set_every_hole_is_privileged() -> None:
    assert_classes(classified("rv32ima_xleak", *FIXED.items()), classes.expected(XLEAK, fixed=True))


@pytest.mark.once
def test_with_counters_enabled_u_mode_reads_them() -> None:
    assert_classes(classified("rv32ima", *COUNTERS.items()), classes.expected(counters="USM"))


@pytest.mark.once
def test_quoted_sentences_are_in_the_document_of_xleak() -> None:
    path = DOCS / "xleak.md"
    text = path.read_text(encoding="utf-8").replace("`", "").replace("**", "")
    for entry in (*classes.HOLES.values(), classes.UFLAGS):
        assert entry.sentence in text, entry.section
    assert classes.MLEAK in text


@pytest.mark.once
def test_the_theorems_hold_for_rv32ima() -> None:
    found = classified("rv32ima")
    assert holds(found) == {"1": True, "2": True, "3": True}
    assert all(theorem.broken_by == () for theorem in found.theorems.values())
    assert "mcounteren = 0x0 and scounteren = 0x0" in found.theorems["1"].because[1]
    assert all(theorem.evidence is Evidence.SAMPLED for theorem in found.theorems.values())


@pytest.mark.once
def test_readable_counters_break_theorem_2_alone() -> None:
    found = classified("rv32ima", *COUNTERS.items())
    assert holds(found) == {"1": True, "2": False, "3": True}
    assert set(found.theorems["2"].broken_by) == {n for e in classes.COUNTERS for n in e.names.split()}
    assert "mcounteren = 0x7 and scounteren = 0x7, U mode can execute rdcycle" in found.theorems["1"].because[1]


@pytest.mark.once
@pytest.mark.parametrize("hole", XLEAK)
def test_each_hole_breaks_theorem_1(hole: str) -> None:
    isa = f"rv32ima_{hole}"
    search = Search(parse_isa(isa), engine=ENGINE)
    found = classify(isa, search, pairs=2_000 if search.batch.compiled else 100)
    entry = classes.HOLES[hole]
    theorem = found.theorems["1"]
    assert (theorem.holds, theorem.broken_by, theorem.evidence) == (False, (entry.names,), Evidence.REFUTED)
    assert theorem.because[0].startswith(f"{entry.names}: ")
    # "Theorem 3: a hybrid virtual machine monitor": only a difference between two states of U mode counts.
    assert found.theorems["3"].holds == ("user" not in entry.sensitive)
    assert not found.theorems["2"].holds


@pytest.mark.once
def test_mleak_mends_theorem_1() -> None:
    assert holds(classified("rv32ima_xleak", *FIXED.items())) == {"1": True, "2": True, "3": True}
    broken = classified("rv32ima_xleak").theorems
    assert broken["1"].broken_by == tuple(e.names for e in classes.HOLES.values())
    assert broken["3"].broken_by == ("pushf", "sidt", "sgdt", "probe", "lra")


@pytest.mark.once
def test_one_bit_of_mleak_mends_one_hole() -> None:
    for bit, hole in enumerate(XLEAK):
        search = Search(parse_isa("rv32ima_xleak"), {"mleak": 0xFF ^ (1 << bit)}, engine=ENGINE)
        from trapline.vm.classifier.definitions.rows import rows

        chosen = [row for row in rows(search.extensions) if row.instruction.extension in XLEAK]
        found = classify("rv32ima_xleak", search, chosen, pairs=200)
        assert found.theorems["1"].broken_by == (classes.HOLES[hole].names,)
        assert not found.complete


@pytest.mark.once
def test_theorem_3_argues_shadow_paging_for_probe() -> None:
    because = classified("rv32ima_xleak").theorems["3"].because
    about = [reason for reason in because if reason.startswith("probe: ")]
    assert any("shadow paging" in reason and "1974" in reason for reason in about)
    assert not any("shadow paging" in reason for reason in because if reason not in about)


@pytest.mark.slow
def test_rows_get_as_many_pairs_as_promised() -> None:
    search = Search(parse_isa("rv32ima_xleak"), engine=ENGINE)
    if not search.batch.compiled:
        pytest.skip("the promise is about compiled trials")
    found = classify("rv32ima_xleak", search)
    assert min(row.pairs for row in found.rows) >= 100_000
    assert_classes(found, classes.expected(XLEAK))
