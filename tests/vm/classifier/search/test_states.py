"""The states that are tried are legal ones, and every engine tries the same."""

import os

import numpy as np
import pytest

from support.machines import OPTIONAL_CSRS
from trapline.isa import CSR_BY_NAME, CSRS
from trapline.isa.extension import extension_mask
from trapline.isa.hart import FIELDS
from trapline.isa.isa_string import misa_value, parse_isa
from trapline.vm.classifier.definitions import memory
from trapline.vm.classifier.definitions.questions import QUESTIONS, Kind
from trapline.vm.classifier.definitions.rows import rows
from trapline.vm.classifier.definitions.state_parts import (
    CONSTANT_FIELDS,
    CONTROL_FIELDS,
    DERIVED_FIELDS,
    RELOCATION_FIELDS,
    TIME_FIELDS,
    VARIED_FIELDS,
    VISIBLE_FIELDS,
)
from trapline.vm.classifier.search import states, trial
from trapline.vm.classifier.search.search import Search, SearchError, new_engine
from trapline.vm.core.hart import HartView

ENGINE = os.environ.get("TRAPLINE_ENGINE", "numba")
EXTENSIONS = parse_isa("rv32ima_xleak")
MISA, MASK = misa_value(EXTENSIONS), extension_mask(EXTENSIONS)


def space(**fixed: int) -> states.Space:
    return states.Space(MISA, MASK, fixed)


def drawn(search: Search, count: int, variants: range) -> list[np.ndarray]:
    """The states before the instruction of `add`, as the search makes them."""
    row = next(row for row in rows(search.extensions) if row.name == "add")
    found = []
    functions = search.batch.plain
    _, _, tables, parts, work = search.batch.plain_arguments(states.row_table(row))
    for number in range(count):
        functions["start_random"](work.random, 7, number)
        functions["draw_state"](tables, work)
        for k in variants:
            functions["make_variant"](tables, parts, work, k)
            found.append(search.batch.work.before[k].copy())
    return found


def test_every_word_of_a_hart_belongs_to_one_part() -> None:
    names = [*VISIBLE_FIELDS, *CONTROL_FIELDS, *TIME_FIELDS, *DERIVED_FIELDS]
    assert sorted(names) == sorted(name for name, _ in FIELDS)
    here = space()
    assert not (here.visible & here.control).any()


def test_drawn_csrs_hold_what_they_can_hold() -> None:
    """Written to its CSR, every drawn value reads back as it is: WARL rules are obeyed."""
    search = Search(EXTENSIONS, engine="python")
    here = states.CsrProbe(MISA, MASK)
    stored = [c for c in CSRS if c.storage in VARIED_FIELDS and not c.read_only]
    assert len(stored) >= 14
    for vector in drawn(search, 60, range(trial.VARIANTS)):
        for csr in stored:
            assert csr.storage is not None
            value = int(vector[states.word_of(csr.storage)])
            here.write(csr, 0)
            here.write(csr, value)
            held = int(here.words[states.word_of(csr.storage)])
            assert held == value, f"{csr.name} cannot hold {value:#x}"


def test_drawn_bits_are_all_that_writes_can_set() -> None:
    """Bits that a CSR declares writable are drawn, so nothing is missed; MPP takes all three modes."""
    masks = {int(w): int(mask) for w, mask, _, _ in space().draws}
    for csr in CSRS:
        if csr.storage in VARIED_FIELDS and csr.name not in OPTIONAL_CSRS:
            # tvec modes 2 and 3 are reserved; "MEIP ... is read-only in mip", and so are MTIP and MSIP (P2 3.1.9).
            # Bit 1 of an epc is there with compressed instructions only.
            absent = {"mtvec": 0x2, "stvec": 0x2, "mip": 0x888, "mepc": 0x2, "sepc": 0x2}
            declared = csr.write_mask & ~absent.get(csr.name, 0)
            assert masks[states.word_of(csr.storage)] == declared, csr.name
    vectors = drawn(Search(EXTENSIONS, engine="python"), 40, range(1))
    assert {(int(v[states.MSTATUS]) >> 11) & 3 for v in vectors} == {0, 1, 3}


def test_variants_differ_in_one_part_only() -> None:
    search = Search(EXTENSIONS, engine="python")
    configuration = set(states.words_of(VARIED_FIELDS).tolist())
    relocation = set(states.words_of(RELOCATION_FIELDS).tolist())
    time = set(search.space.time.tolist())
    for k, allowed in ((1, relocation), (2, configuration), (3, time), (4, {states.MODE})):
        seen: set[int] = set()
        for first, second in zip(*[iter(drawn(search, 30, range(0, k + 1, k)))] * 2, strict=True):
            different = set(np.flatnonzero(first != second).tolist())
            assert different <= allowed
            seen |= different
        assert seen, k


def test_fixed_csrs_hold_in_every_state() -> None:
    fixed = {"mleak": 0x5A, "mcounteren": 5, "stvec": 0x80000101, "sstatus": 0x40002, "mie": 0x222}
    search = Search(EXTENSIONS, fixed, engine="python")
    for vector in drawn(search, 30, range(trial.VARIANTS)):
        assert int(vector[states.word_of("mleak")]) == 0x5A
        assert int(vector[states.word_of("mcounteren")]) == 5
        assert int(vector[states.word_of("stvec")]) == 0x80000101
        assert int(vector[states.MSTATUS]) & 0xC0122 == 0x40002
        assert int(vector[states.MIE]) == 0x222


def test_questions_are_in_the_order_of_the_trials() -> None:
    kinds = [question.kind for question in QUESTIONS]
    assert kinds == [kind for kind in Kind for _ in range(3)]
    assert len(QUESTIONS) == trial.QUESTIONS


@pytest.mark.slow
@pytest.mark.parametrize("isa, fixed", [("rv32ima_xleak", {}), ("rv32ima", {"mcounteren": 7, "scounteren": 7})])
def test_compiled_and_plain_trials_agree_in_every_count(isa: str, fixed: dict[str, int]) -> None:
    extensions = parse_isa(isa)
    compiled, plain = (Search(extensions, fixed, engine=kind) for kind in ("numba", "python"))
    if not compiled.batch.compiled:
        pytest.skip("nothing is compiled here")
    for row in rows(extensions):
        assert compiled.find(row, 150) == plain.find(row, 150), row.name


def test_another_seed_is_another_search() -> None:
    row = next(row for row in rows(EXTENSIONS) if row.name == "probe")
    first, again, other = (Search(EXTENSIONS, engine="python", seed=seed).find(row, 100) for seed in (1, 1, 2))
    assert first == again
    assert first.findings != other.findings


def test_a_store_elsewhere_is_reported_as_a_bug() -> None:
    search = Search(EXTENSIONS, engine="python")
    row = next(row for row in rows(EXTENSIONS) if row.name == "add")
    run = search.engine._run

    def astray(*arguments: int) -> int:
        search.engine.ram[memory.TABLES + 5] = 1
        return run(*arguments)

    search.engine._run = astray
    with pytest.raises(SearchError, match="memory changed"):
        search.find(row, 10)


def test_immediates_are_taken_off_addresses() -> None:
    """An aimed load reaches a window, whatever its immediate: few are set aside."""
    search = Search(EXTENSIONS, engine=ENGINE)
    for name in ("lw", "sb", "amoadd.w", "sc.w"):
        row = next(row for row in rows(EXTENSIONS) if row.name == name)
        found = search.find(row, 300)
        executed = sum(found.counts[q] for q in QUESTIONS if q.kind is Kind.EXECUTES)
        assert found.pairs >= 300 and executed >= 300


def test_mhartid_and_the_like_are_no_configuration() -> None:
    assert CSR_BY_NAME["mhartid"].storage in CONSTANT_FIELDS


def test_the_hart_of_an_engine_is_the_record_that_is_tried() -> None:
    engine = new_engine("python", EXTENSIONS)
    words = engine.harts.view(np.int64)
    words[states.MODE] = 1
    assert HartView(engine.harts).mode == 1
