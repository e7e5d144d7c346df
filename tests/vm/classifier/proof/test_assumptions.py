"""What the proof assumes of a state: that CSRs hold legal values, and that every field of the hart has its place."""

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.machines import OPTIONAL_CSRS
from trapline import isa
from trapline.isa import Kind
from trapline.isa.isa_string import parse_isa
from trapline.vm.core.hart import HART_FIELDS
from trapline.vm.machine import Machine

z3 = pytest.importorskip("z3")

from trapline.vm.classifier.definitions import state_parts  # noqa: E402
from trapline.vm.classifier.definitions.questions import MODES  # noqa: E402
from trapline.vm.classifier.definitions.rows import rows  # noqa: E402
from trapline.vm.classifier.proof import any_state  # noqa: E402
from trapline.vm.classifier.proof.abstract_machine import Hart, symbol  # noqa: E402
from trapline.vm.classifier.proof.execution import constants, words  # noqa: E402
from trapline.vm.classifier.proof.prover import Prover  # noqa: E402
from trapline.vm.classifier.proof.symbolic import Explorer, Word, low, term_of  # noqa: E402

pytestmark = pytest.mark.slow

ISA = "rv32ima_xleak"


@cache
def prover() -> Prover:
    return Prover(parse_isa(ISA), {})


def test_every_field_of_the_hart_is_something() -> None:
    groups = (
        state_parts.VISIBLE_FIELDS, state_parts.CONTROL_FIELDS, state_parts.TIME_FIELDS, state_parts.DERIVED_FIELDS,
        any_state.ENGINE_FIELDS,
    )  # fmt: skip
    placed = [name for group in groups for name in group]
    assert sorted(placed) == sorted(name for name, _ in HART_FIELDS)


def symbols_of(field: Any) -> list[tuple[Any, Any]]:
    """The elements of a symbolic field that hold just a symbol, each with the symbol."""
    return [(word, constants(word.term)[0]) for word in words(field) if isinstance(word, Word)]


def broken(before: dict[str, Any], h: Hart, conditions: Any) -> bool:
    """Whether z3 finds a state from which the hart comes to hold an illegal value."""
    new, fits = [], []
    for name, field in before.items():
        if name in ("pc", "reservation", "cycle", "instret", "mtime", "mcycle", "minstret"):
            continue
        for (_, known), after in zip(symbols_of(field), words(getattr(h, name)), strict=False):
            new.append((known, low(after, known.size())))
            fits.append(term_of(after) == z3.ZeroExt(64 - known.size(), low(after, known.size())))
    solver = z3.SimpleSolver()
    solver.add(*prover().states.legal_values, *conditions)
    zero = h.x.read(z3.BitVecVal(0, 5)) == 0
    legal = [z3.substitute(fact, *new) for fact in prover().states.legal_values]
    solver.add(z3.Not(z3.And(zero, term_of(h.mode) != 2, *fits, *legal)))
    return solver.check() != z3.unsat


@pytest.mark.slow
@pytest.mark.parametrize(
    "row",
    [r for r in rows(parse_isa(ISA)) if r.instruction.kind is Kind.SYSTEM or r.name in ("csrrw", "csrrw uflags")],
    ids=lambda row: row.name,
)
def test_an_instruction_keeps_values_legal(row: Any) -> None:
    """For all states: from legal values no step leads to others."""
    for mode in MODES:
        for csr in row.csrs or (None,):
            for run in prover().executions(prover().word(row, csr), mode):
                if run.control:
                    assert not broken(prover().states.fields[mode], run.outcome.hart, run.conditions), csr


@pytest.mark.parametrize("mode", MODES)
def test_a_trap_keeps_values_legal(mode: int) -> None:
    def trap() -> Hart:
        h = Hart(prover().states.fields[mode])
        cause = symbol("code", 4) | symbol("interrupt", 1) << 31
        prover().engine.names["take_trap"](h, cause, symbol("tval", 32))
        return h

    paths = list(Explorer(prover().states.facts[mode]).paths(trap))
    assert paths
    for path in paths:
        assert not broken(prover().states.fields[mode], path.result, path.conditions)


def holds(fact: Any, h: Any) -> bool:
    """Whether a fact about CSRs is true of a hart."""
    known = []
    for name, field in prover().states.fields[3].items():
        if name in ("pc", "reservation"):
            continue
        held = getattr(h, name) if name not in (*state_parts.DERIVED_FIELDS, *any_state.ENGINE_FIELDS) else 0
        for i, (_, constant) in enumerate(symbols_of(field)):
            value = held[i] if isinstance(field, list) else held
            known.append((constant, z3.BitVecVal(value, constant.size())))
    return z3.is_true(z3.simplify(z3.substitute(fact, *known)))


CSRS = [
    c.name for c in isa.CSRS if c.name not in (*state_parts.FIXED_FIELDS, *OPTIONAL_CSRS) and not c.read_only
]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(CSRS), st.integers(0, 0xFFFFFFFF)), min_size=1, max_size=30))
@settings(max_examples=25)
def test_a_write_keeps_values_legal(writes: list[tuple[str, int]]) -> None:
    """On the machine."""
    machine = Machine(isa=ISA, memory=4096, engine="python", board=False)
    for name, value in writes:
        machine.csr[name] = value
    facts = [
        f for f in prover().states.legal_values if not any(c.decl().name() == "reserved_word" for c in constants(f))
    ]
    assert len(facts) > 10
    facts = [f for f in facts if not f.eq(any_state.ZERO_REGISTER)]
    assert all(holds(fact, machine.engine.h[0]) for fact in facts)


def test_values_that_cannot_be_written_are_illegal() -> None:
    machine = Machine(isa=ISA, memory=4096, engine="python", board=False)
    h = machine.engine.h[0]
    for name, value in [("mstatus", 1 << 12), ("mstatus", 1), ("mtvec", 2), ("mepc", 1), ("mip", 8), ("satp", 0)]:
        setattr(h, name, value)
        legal = [f for f in prover().states.legal_values if any(c.decl().name() == name for c in constants(f))]
        assert all(holds(fact, h) for fact in legal) == (name == "satp"), name
        setattr(h, name, 0)


@pytest.mark.parametrize("name, value, message", [
    ("mleak", 0x100, "mleak cannot hold 0x100: written after reset, it reads 0x0"),
    ("mstatus", 1 << 12, "mstatus cannot hold"),
    ("nothing", 1, "this machine has no CSR 'nothing'"),
])  # fmt: skip
def test_a_csr_cannot_be_fixed_at_an_illegal_value(name: str, value: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Prover(parse_isa(ISA), {name: value})


def test_a_csr_of_an_absent_extension_cannot_be_fixed() -> None:
    with pytest.raises(ValueError, match="this machine has no CSR 'mleak'"):
        Prover(parse_isa("rv32ima"), {"mleak": 0})
