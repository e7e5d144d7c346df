"""The rows of a classification: which instructions and CSRs a machine has, and how they are grouped."""

import pytest

from trapline.isa import CSR_BY_ADDRESS, CSR_BY_NAME, INSTRUCTIONS, Kind
from trapline.isa.extension import BASE
from trapline.isa.isa_string import parse_isa
from trapline.vm.classifier.definitions.questions import QUESTIONS
from trapline.vm.classifier.definitions.rows import COUNTERS, Row, rows


def by_name(isa: str) -> dict[str, Row]:
    return {row.name: row for row in rows(parse_isa(isa))}


@pytest.mark.parametrize("isa", ["rv32ima", "rv32ima_xpopf", "rv32ima_xleak"])
def test_each_instruction_of_the_machine_has_a_row_under_its_name(isa: str) -> None:
    found = by_name(isa)
    present = {i.name for i in INSTRUCTIONS if i.extension in {*BASE, *parse_isa(isa)}}
    assert {name for name in found if " " not in name} == present | {f"rd{name}" for name in COUNTERS}
    assert len(found) == len(rows(parse_isa(isa))), "no name stands for two rows"


def test_a_row_of_uflags_needs_an_instruction_that_uses_it() -> None:
    csr_instructions = {i.name for i in INSTRUCTIONS if i.kind is Kind.CSR}
    for isa, has in (("rv32ima", False), ("rv32ima_xpopf", True), ("rv32ima_xpushf", True), ("rv32ima_xsgdt", False)):
        assert {name.partition(" ")[0] for name in by_name(isa) if " " in name} == (csr_instructions if has else set())


def test_instructions_that_always_write_are_not_asked_about_read_only_csrs() -> None:
    found = by_name("rv32ima")
    mhartid = CSR_BY_NAME["mhartid"].address
    assert mhartid in found["csrrs"].csrs and mhartid not in found["csrrw"].csrs
    assert not any(CSR_BY_ADDRESS[address].read_only for address in found["csrrwi"].csrs)


def test_mleak_is_asked_about_only_where_it_exists() -> None:
    mleak = CSR_BY_NAME["mleak"].address
    assert mleak in by_name("rv32ima_xsidt")["csrrw"].csrs and mleak not in by_name("rv32ima")["csrrw"].csrs


def test_reading_a_counter_writes_nothing() -> None:
    for name in COUNTERS:
        row = by_name("rv32ima")[f"rd{name}"]
        assert (row.instruction.name, row.csrs, dict(row.fixed)) == ("csrrs", (CSR_BY_NAME[name].address,), {"rs1": 0})


def test_questions_are_written_as_the_document_writes_them() -> None:
    assert {str(question) for question in QUESTIONS} >= {"executes(U)", "mode(U, S)", "mode(S, M)", "time(M)"}
