"""A model of a query: concrete states that answer a question with yes, and that a machine can be put into.

z3 may choose any state that fits, so it is then asked for one that is simple to build: 64 KiB of RAM with the
instruction in the first page and its data in another, translation off or through tables in a few fixed pages, and all
of memory opened to every mode by the last PMP entry.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import z3

from trapline.isa.pmp import A_SHIFT, NAPOT, PMP_ENTRIES, PMP_R, PMP_W, PMP_X
from trapline.isa.sv32 import MEGAPAGE_SHIFT, PAGE_INDEX_SHIFT, PAGE_SHIFT, SATP_SV32
from trapline.vm.classifier.proof.abstract_machine import (
    FRAME,
    MEMORY,
    PROTECTION,
    RELOCATION,
    RESERVED_AT,
    TABLE,
    Registers,
)
from trapline.vm.classifier.proof.execution import Renaming, words
from trapline.vm.classifier.proof.symbolic import low
from trapline.vm.core.access import RAM_BASE

RAM_SIZE = 1 << 16
OPEN = NAPOT << A_SHIFT | PMP_X | PMP_W | PMP_R
"""pmpcfg: NAPOT, readable, writable, executable."""
ROOTS = (1, 3)
"""Pages of RAM that may hold the root table; the next page holds the table that maps code and data."""
TABLES = (5, 6)
"""Pages of RAM for the other second-level tables of the model."""
OWN_ENTRY = RAM_BASE >> MEGAPAGE_SHIFT
"""Entry of a root table that maps the first 4 MiB of RAM."""
DATA = 8
"""Page of RAM that the instruction accesses."""
_RAM_PAGE = RAM_BASE >> PAGE_SHIFT

_SIMPLE = {
    "mhartid": lambda index: (0,),
    "satp": lambda index: (0, *(SATP_SV32 | (_RAM_PAGE + root) for root in ROOTS)),
    "pmpcfg": lambda index: (OPEN if index == PMP_ENTRIES - 1 else 0,),
    "pmpaddr": lambda index: (0xFFFFFFFF if index == PMP_ENTRIES - 1 else 0,),
}
"""By field: the values that its elements may have in a state that is simple to build."""


@dataclass(frozen=True)
class Demand:
    """What a state or pair must satisfy for a yes, and the vaddrs that the instruction accesses."""

    facts: tuple[z3.BoolRef, ...]
    accesses: tuple[z3.ExprRef, ...]


Symbolic = tuple[dict[str, Any], Renaming | None]


@dataclass(frozen=True)
class ModelState:
    """One state.

    fields: scalars of the hart record by name, arrays as lists; x: the registers.
    tables: words of page tables by index in RAM, without the mapping of code and data (`OWN_ENTRY`).
    memory: bytes by vaddr.
    """

    fields: dict[str, Any]
    x: tuple[int, ...]
    tables: dict[int, int]
    memory: dict[int, int]


@dataclass(frozen=True)
class Model:
    """The instruction's word, and one state or a pair. simple: whether a machine can be put into them."""

    word: int
    states: tuple[ModelState, ...]
    simple: bool

    @classmethod
    def of(
        cls, model: z3.ModelRef, word: z3.BitVecRef, states: Sequence[Symbolic], demand: "Demand", simple: bool
    ) -> "Model":
        """Read the values of symbolic states from z3's model."""

        def value(term: z3.ExprRef) -> int:
            return model.eval(term, model_completion=True).as_long()

        def concrete(field: Any, renaming: Renaming | None) -> Any:
            if isinstance(field, list):
                return [concrete(element, renaming) for element in field]
            if isinstance(field, int):
                return field
            term = field.term if renaming is None else renaming(field.term)
            return model.eval(term, model_completion=True).as_signed_long()

        registers = Registers()
        x = tuple(value(registers.read(z3.BitVecVal(i, 5))) for i in range(32))
        found = []
        reads = [t for t in applications(demand.facts) if t.decl().eq(TABLE)]
        memory = {value(vaddr): value(MEMORY(vaddr)) for vaddr in demand.accesses}
        for fields, renaming in states:
            relocation = value(RELOCATION if renaming is None else renaming(RELOCATION))
            tables = {value(t.arg(1)): value(t) for t in reads if value(t.arg(0)) == relocation}
            found.append(ModelState({n: concrete(f, renaming) for n, f in fields.items()}, x, tables, memory))
        return cls(value(word), tuple(found), simple)


def applications(terms: Iterable[z3.ExprRef]) -> list[z3.ExprRef]:
    """The applications of uninterpreted functions in the terms, without duplicates."""
    seen: dict[int, z3.ExprRef] = {}
    waiting = list(terms)
    while waiting:
        term = waiting.pop()
        if term.get_id() not in seen:
            seen[term.get_id()] = term
            waiting += term.children()
    return [t for t in seen.values() if t.num_args() and t.decl().kind() == z3.Z3_OP_UNINTERPRETED]


def simple_states(states: Sequence[Symbolic], demand: Demand) -> Iterator[z3.BoolRef]:
    """The constraints that make states simple to build."""
    yield z3.BitVec("ram_size", 31) == RAM_SIZE
    yield _in_page(RESERVED_AT, DATA)
    for vaddr in demand.accesses:
        yield _in_page(vaddr, DATA)
    for fields, renaming in states:
        for name, allowed in _SIMPLE.items():
            for index, field in enumerate(words(fields[name])):
                term = low(field, 32) if renaming is None else renaming(low(field, 32))
                yield z3.Or(*(term == value for value in allowed(index)))
        yield _in_page(low(fields["pc"], 32), 0)
        page = FRAME(RELOCATION, z3.BitVecVal(_RAM_PAGE + DATA, 32 - PAGE_SHIFT))
        yield (page if renaming is None else renaming(page)) == DATA
    for term in applications(demand.facts):
        if term.decl().eq(PROTECTION):
            yield term == OPEN
        elif term.decl().eq(TABLE):
            page = z3.Extract(31, PAGE_INDEX_SHIFT, term.arg(1))
            entry = z3.Extract(PAGE_INDEX_SHIFT - 1, 0, term.arg(1))
            in_root = z3.And(z3.Or(*(page == root for root in ROOTS)), entry != OWN_ENTRY)
            yield z3.Or(in_root, *(page == table for table in TABLES))


def _in_page(vaddr: z3.ExprRef, page: int) -> z3.BoolRef:
    return z3.Extract(31, PAGE_SHIFT, vaddr) == _RAM_PAGE + page
