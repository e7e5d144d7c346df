"""The symbolic engine against the plain Python one: what this does in a random state, a path of that allows.

In a random state that CSR writes lead to, the assumed facts hold, the conditions of exactly one path hold, and
its terms have the values that the machine ends with.
"""

import random
from typing import Any

import pytest

from trapline import isa
from trapline.isa.instruction import WIDTHS
from trapline.isa.isa_string import parse_isa
from trapline.vm.core.mmu import refresh
from trapline.vm.core.pmp_check import pmp_lookup
from trapline.vm.machine import Machine

z3 = pytest.importorskip("z3")

from support.classifier.replay import step  # noqa: E402
from support.machines import OPTIONAL_CSRS  # noqa: E402
from trapline.vm.classifier.definitions.questions import MEMORY_TRAPS, MODES, Row  # noqa: E402
from trapline.vm.classifier.definitions.rows import rows  # noqa: E402
from trapline.vm.classifier.definitions.state_parts import CONFIGURATION_FIELDS, FIXED_FIELDS, RELOCATION_FIELDS  # noqa: E402
from trapline.vm.classifier.proof.execution import Execution, constants, words  # noqa: E402
from trapline.vm.classifier.proof.model import DATA, OPEN, RAM_SIZE, applications  # noqa: E402
from trapline.vm.classifier.proof.prover import Prover  # noqa: E402
from trapline.vm.classifier.proof.symbolic import low, term_of  # noqa: E402
from trapline.vm.core.access import RAM_BASE  # noqa: E402

pytestmark = pytest.mark.slow

ISA = "rv32ima_xleak"
ROWS = rows(parse_isa(ISA))
STATES = 3
"""Random states per row and mode."""
ROOT, TABLE, CODE_TABLE = 1, 2, 3
PAGE = RAM_BASE >> 12
LEAF, USER = 0xCF, 0x10


@pytest.fixture(scope="module")
def prover() -> Prover:
    return Prover(parse_isa(ISA), {})


def number(rng: random.Random, bits: int = 32) -> int:
    """A number with half or few of its bits set, or a special one."""
    few = rng.getrandbits(bits) & rng.getrandbits(bits) & rng.getrandbits(bits)
    return rng.choice([rng.getrandbits(bits), rng.getrandbits(bits), few, few, 0, (1 << bits) - 1, 1 << (bits - 1)])


def operands_of(rng: random.Random, row: Row) -> dict[str, int]:
    """Random operands; an immediate as the bits that encode it."""
    pattern = row.instruction.pattern
    values = {name: rng.getrandbits(WIDTHS[name]) for name in pattern.operands if name != "imm"}
    if "imm" in pattern.operands:
        small = rng.randrange(-16, 16) * pattern.imm_scale
        values["imm"] = rng.choice([small, small, number(rng)]) & -pattern.imm_scale
        values["imm"] &= (1 << pattern.imm_bits) - 1
    if row.csrs:
        values["csr"] = rng.choice(row.csrs)
    return values | dict(row.fixed)


def encoded(row: Row, operands: dict[str, int]) -> int:
    bits = row.instruction.pattern.imm_bits
    signed = dict(operands)
    if "imm" in signed and signed["imm"] >> (bits - 1):
        signed["imm"] -= 1 << bits
    return row.instruction.encode(**signed)


def random_machine(rng: random.Random, mode: int, row: Row, operands: dict[str, int]) -> Machine:
    """A machine whose CSRs were written at random, in the mode, where code and data can be accessed."""
    machine = Machine(isa=ISA, memory=RAM_SIZE, engine="python", board=False)
    h = machine.engine.h[0]
    for csr in isa.CSRS:
        if csr.name not in (*FIXED_FIELDS, *OPTIONAL_CSRS) and not csr.read_only:
            machine.csr[csr.name] = number(rng)
    if mode < 3:
        for i in range(16):
            h.pmpcfg[i], h.pmpaddr[i] = (OPEN, 0xFFFFFFFF) if i == 15 else (0, h.pmpaddr[i])
    else:
        for i in range(16):
            h.pmpcfg[i] &= 0x7F
        h.mstatus &= ~0x20000 if rng.random() < 0.5 else -1
    translated = rng.random() < 0.4
    h.satp = (1 << 31) | (PAGE + ROOT) if translated else h.satp & 0x7FFFFFFF
    user = USER if mode == 0 else 0
    put(machine, ROOT * 1024 + 0x200, (PAGE + CODE_TABLE) << 10 | 1)
    put(machine, ROOT * 1024, rng.choice([(PAGE + TABLE) << 10 | 1, number(rng)]))
    for page in range(16):
        put(machine, CODE_TABLE * 1024 + page, (PAGE + page) << 10 | LEAF | user)
        put(machine, TABLE * 1024 + page, (PAGE + rng.randrange(16)) << 10 | number(rng, 8))
    for i in range(256):
        machine.ram[DATA * 4096 + i] = number(rng, 8)
    for i in range(1, 32):
        h.x[i] = number(rng)
    data = RAM_BASE + DATA * 4096 + 32
    address = rng.choice([data, data + 4, data + 8, data + rng.randrange(16), number(rng)])
    if row.instruction.kind is isa.Kind.SYSTEM and rng.random() < 0.5:
        # Through tables that map different pages to one frame: memory is seen at most once, so only to ask about.
        address = rng.getrandbits(14)
    if base := operands.get("rs1"):
        h.x[base] = address
    h.reservation = rng.choice([-1, DATA * 4096 + 4 * rng.randrange(8, 12)])
    h.mode, h.pc = mode, RAM_BASE + 4 * rng.randrange(1024)
    h.cycle, h.unretired, machine.engine.m.time_base = rng.getrandbits(50), rng.getrandbits(20), rng.getrandbits(62)
    h.instret, h.mtime = h.cycle - h.unretired, machine.engine.m.time_base + h.cycle // 100
    machine.engine.m.host_traps = -1
    if isa.trap.pending_interrupt(h) >= 0:
        h.mie = 0
    return machine


def put(machine: Machine, index: int, word: int) -> None:
    machine.ram.data[4 * index : 4 * index + 4] = word.to_bytes(4, "little")


class Valuation:
    """The value of every symbol and function in the present state of a machine."""

    def __init__(self, machine: Machine, prover: Prover, mode: int, operands: dict[str, int]) -> None:
        h = machine.engine.h[0]
        self.machine, self.x, self.ram = machine, tuple(h.x), machine.ram.tobytes()
        refresh(h)
        values: dict[str, int] = dict(operands) | {"ram_size": RAM_SIZE, "relocation": 0, "pc_word": h.pc >> 2}
        values["reserved"] = int(h.reservation >= 0)
        values["reserved_word"] = (RAM_BASE + max(h.reservation, 0)) >> 2
        for name, field in prover.states.fields[mode].items():
            held = getattr(h, name) if "tlb" not in name and name not in ("trap_counts", "data_mode") else 0
            for i, word in enumerate(words(field)):
                for symbol in constants(term_of(word)):
                    values.setdefault(symbol.decl().name(), held[i] if isinstance(field, list) else held)
        self.values = values

    def application(self, term: Any) -> int:
        """An uninterpreted function of known arguments."""
        at = [argument.as_long() for argument in term.children()]
        name = term.decl().name()
        if name == "x":
            return self.x[at[0]]
        if name == "memory":
            offset = at[0] - RAM_BASE
            return self.ram[offset] if 0 <= offset < RAM_SIZE else 0
        if name == "frame":
            return at[1] - PAGE
        if name == "page_in":
            return at[1] + PAGE
        if name == "table":
            return int.from_bytes(self.ram[4 * at[1] : 4 * at[1] + 4], "little")
        assert name == "protection"
        return pmp_lookup(self.machine.engine.h[0], at[1], at[2])

    def of(self, term: Any) -> Any:
        """The value of a term: an integer or a truth value."""
        known = [(c, z3.BitVecVal(self.values[c.decl().name()], c.size())) for c in set(constants(term))]
        term = z3.simplify(z3.substitute(term, *known))
        while found := [t for t in applications([term]) if all(map(z3.is_bv_value, t.children()))]:
            known = [(t, z3.BitVecVal(self.application(t), t.size())) for t in found]
            term = z3.simplify(z3.substitute(term, *known))
        return z3.is_true(term) if z3.is_bool(term) else term.as_long()


def expected(run: Execution, value: Valuation) -> dict[str, Any]:
    """What a path says of the state afterwards."""
    h = run.outcome.hart
    x, memory = list(value.x), dict[int, int]()
    for index, written in h.x.writes:
        x[value.of(index)] = value.of(written)
    for vaddr, byte in run.outcome.memory.writes:
        memory[value.of(vaddr) - RAM_BASE] = value.of(byte)
    fields = {"x": tuple(x), "memory": {a: b for a, b in memory.items() if value.ram[a] != b}}
    for name in ("mode", "pc", "uflags", *RELOCATION_FIELDS, *CONFIGURATION_FIELDS):
        after = tuple(value.of(low(w, 32)) for w in words(getattr(h, name)))
        fields[name] = after if isinstance(getattr(h, name), list) else after[0]
    reservation = value.of(term_of(h.reservation))
    return fields | {"reservation": reservation - (1 << 64) if reservation >> 63 else reservation}


def found(machine: Machine, visible: dict[str, Any]) -> dict[str, Any]:
    """The same of the machine after the step."""
    h = machine.engine.h[0]
    fields = {"x": tuple(h.x), "memory": visible["memory"], "reservation": h.reservation}
    for name in ("mode", "pc", "uflags", *RELOCATION_FIELDS, *CONFIGURATION_FIELDS):
        held = getattr(h, name)
        fields[name] = held if isinstance(held, int) else tuple(held)
    return fields


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_machine_does_what_a_path_says(prover: Prover, row: Row) -> None:
    rng = random.Random(row.name)
    compared = 0
    known: dict[tuple[int, int | None], list[Execution]] = {}
    for mode in MODES:
        for _ in range(STATES):
            operands = operands_of(rng, row)
            machine = random_machine(rng, mode, row, operands)
            put(machine, (machine.pc - RAM_BASE) >> 2, encoded(row, operands))
            value = Valuation(machine, prover, mode, operands)
            assert all(map(value.of, prover.states.facts[mode]))
            key = mode, operands.get("csr")
            runs = known.setdefault(key, known.get(key) or prover.executions(prover.word(row, key[1]), mode))
            holding = [run for run in runs if all(map(value.of, run.conditions))]
            after = step(machine)
            assert len(holding) == 1
            if after.cause in MEMORY_TRAPS:
                continue
            assert holding[0].outcome.cause == after.cause
            compared += 1
            if after.cause is None:
                assert expected(holding[0], value) == found(machine, after.visible)
    assert compared
