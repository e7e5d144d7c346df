"""The search notices when a meaning changes: what is privileged forgets its check, what is innocuous looks at the mode.

Each mutant is an edit of the generated engine's text, run as plain Python in a few hundred pairs of states.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from support.classifier import classes
from trapline.isa import BY_NAME, CSR_BY_NAME
from trapline.isa.extension import XLEAK
from trapline.isa.isa_string import parse_isa
from trapline.vm.classifier.classify import Classifier
from trapline.vm.classifier.definitions.questions import Row
from trapline.vm.classifier.definitions.rows import rows
from trapline.vm.classifier.search.search import Search, new_engine
from trapline.vm.classifier.theorems import Classified
from trapline.vm.codegen.engine_text import PYTHON_PRELUDE, engine_text

pytestmark = pytest.mark.once

EXTENSIONS = parse_isa("rv32ima_xleak")
PAIRS = 400
FIXED = {"mleak": 0xFF}


@dataclass(frozen=True)
class Mutant:
    """An edit of one function of the engine, and the row that must show it.

    function: its name, or `execute # add` for the arm of one instruction; old, new: regular expression and what
    replaces it. csr: the row is the instruction on this CSR alone. fixed: CSRs that are fixed.
    """

    row: str
    function: str
    old: str
    new: str
    csr: str = ""
    fixed: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        machine = [self.csr, *(f"{name}={value}" for name, value in self.fixed.items())]
        return " ".join([*filter(None, (self.row, *machine)), self.function, self.old, self.new]).replace("\n", "; ")


def forgets(row: str, condition: str) -> Mutant:
    """A meaning whose refusal has lost a condition."""
    return Mutant(row, row.replace(".", "_"), re.escape(condition), "False")


def shows(row: str, what: str) -> Mutant:
    """A general instruction whose result depends on what it should not know."""
    return Mutant(
        row, f"execute # {row}", r"\Z", f"x[(d >> 8) & 31] = x[(d >> 8) & 31] ^ ({what} & 0xffffffff)\nx[0] = 0\n"
    )


def begins(row: str, what: str) -> Mutant:
    """An instruction that does something else first."""
    return Mutant(row, f"execute # {row}", r"\A", f"{what}\n")


def stores(row: str, what: str) -> Mutant:
    """A store of more than it should know."""
    return Mutant(row, f"execute # {row}", r"(rs2_\d+ = .*)", rf"\1 ^ ({what})")


PRIVILEGED = [
    Mutant("mret", "mret", r"h\.mode < M", "False"),
    Mutant("mret", "mret", r"h\.mode < M", "h.mode < 1"),
    forgets("sret", "h.mode < S"),
    forgets("sret", "h.mstatus & TSR"),
    forgets("wfi", "h.mode < S"),
    forgets("wfi", "h.mstatus & TW"),
    forgets("sfence.vma", "h.mode < S"),
    forgets("sfence.vma", "h.mstatus & TVM"),
    Mutant("sfence.vma", "sfence_vma", r"h\.stale = 1", "pass"),
    *(
        Mutant(name, "csr_access", r"address >> PRIVILEGE_SHIFT & MODE_BITS > h\.mode", "False", csr="mscratch")
        for name in ("csrrw", "csrrs", "csrrci")
    ),
    Mutant("csrrs", "csr_access", r"MODE_BITS > h\.mode", "MODE_BITS > h.mode + 2", csr="mepc"),
    Mutant("csrrw", "csr_access", r"writes and address >> ACCESS_SHIFT == READ_ONLY", "False", csr="mhartid"),
    Mutant("csrrs", "guard_satp", r"return .*", "return 1", csr="satp"),
    Mutant("rdcycle", "guard_cycle", r"return .*", "return 1"),
    Mutant("rdtimeh", "guard_time", r"return .*", "return 1"),
    Mutant("rdinstret", "guard_instret", r"return .*", "return 1"),
    Mutant("rdtime", "counter_allowed", r"h\.mode < M", "False", fixed={"scounteren": 7}),
    Mutant("rdcycle", "counter_allowed", r"h\.mode == U", "False", fixed={"mcounteren": 7}),
    Mutant("ecall", "ecall", r"return .*", "return NEXT if h.mode == M else ECALL_U + h.mode"),
    Mutant("ebreak", "ebreak", r"return .*", "return BREAKPOINT if h.mode < M else NEXT"),
]
HOLES = [
    *(Mutant(e.names, e.names, r"refused\(h, \w+\)", "False", fixed=FIXED) for e in classes.HOLES.values()),
    Mutant("popf", "popf", r"h\.mode > U", "True"),
    Mutant("popf", "popf", r"h\.mode > U", "False"),
    Mutant("rdmode", "write_x", r"h\.x\[rd\] = value", "h.x[rd] = 0"),
    Mutant("jrst", "jrst", r"h\.mode = U", "pass"),
]
INNOCUOUS = [
    shows("add", "h.mode"),
    shows("addi", "h.satp"),
    shows("xor", "h.mstatus & 2"),
    shows("sub", "h.stvec"),
    shows("lui", "h.mtime"),
    shows("auipc", "h.cycle"),
    shows("slt", "h.mepc"),
    shows("sltu", "h.medeleg"),
    shows("srl", "h.pmpaddr[0]"),
    shows("mul", "h.mie & h.mip"),
    shows("div", "h.instret"),
    shows("lw", "h.mode"),
    shows("lr.w", "h.mstatus & 0x80000"),
    shows("amoadd.w", "h.sscratch"),
    shows("sc.w", "h.lines"),
    shows("rem", "h.minstret"),
    stores("sw", "h.mode & 1"),
    stores("sb", "(h.mstatus >> 8) & 1"),
    begins("beq", "if h.mode == 3:\n    ip += 1\n    n += 1\n    continue"),
    begins("bltu", "if h.satp:\n    ip += 1\n    n += 1\n    continue"),
    begins("jal", "if h.mstatus & 2:\n    ip += 1\n    n += 1\n    continue"),
    begins("and", "h.mscratch = 1"),
    begins("or", "h.stale = 1"),
    begins("andi", "h.mstatus = h.mstatus | 2"),
    begins("sra", "if h.mode == 0:\n    status = 2\n    tval = 0\n    break"),
    begins("remu", "status = 2\ntval = 0\nbreak"),
]
MUTANTS = [*PRIVILEGED, *HOLES, *INNOCUOUS]


@cache
def functions() -> dict[str, str]:
    """The engine's functions by name, as text."""
    tree = ast.parse(engine_text())
    return {node.name: ast.unparse(node) for node in tree.body if isinstance(node, ast.FunctionDef)}


@cache
def namespace() -> dict[str, Any]:
    """The engine as plain Python, apart from the one that everybody else uses."""
    names: dict[str, Any] = {}
    exec(compile(PYTHON_PRELUDE + engine_text(), "<engine>", "exec"), names)
    return names


def mutated(mutant: Mutant) -> str:
    """The text of the function that a mutant changes; it must really change it."""
    name, _, arm = mutant.function.partition(" # ")
    text = functions()[name]
    if arm:
        # Comments are lost in syntax trees; the text as it was generated has them.
        whole = engine_text()
        start = whole.index("def execute(")
        text = whole[start : whole.index("\ndef ", start + 1)]
        found = re.search(rf"( +)# {re.escape(arm)}\n((?:\1.*\n)+)", text)
        assert found is not None, arm
        pad, body = found[1], re.sub(f"(?m)^{found[1]}", "", found[2])
        new = re.sub(mutant.old, mutant.new, body, count=1)
        changed = text[: found.start()] + re.sub("(?m)^(?=.)", pad, new) + text[found.end() :]
    else:
        changed = re.sub(mutant.old, mutant.new, text, count=1)
    assert changed != text, mutant
    return changed


def row_of(mutant: Mutant) -> Row:
    if mutant.csr:
        return Row(mutant.row, BY_NAME[mutant.row], (CSR_BY_NAME[mutant.csr].address,))
    return next(row for row in rows(EXTENSIONS) if row.name == mutant.row)


def classified(mutant: Mutant, original: bool = False) -> Classified:
    """The mutant's row as the search sees it, on the changed engine or on the original."""
    names = namespace()
    name = mutant.function.partition(" # ")[0]
    before = names[name]
    if not original:
        exec(compile(mutated(mutant), "<mutant>", "exec"), names)
    try:
        engine = new_engine("python", EXTENSIONS)
        engine._run = names["run"]
        search = Search(EXTENSIONS, mutant.fixed, engine=engine)
        return Classifier(search).classified(row_of(mutant), PAIRS)
    finally:
        names[name] = before


@cache
def unchanged(row: str, csr: str, fixed: tuple[tuple[str, int], ...]) -> classes.Class:
    """What the search says of a row of the original."""
    mutant = next(m for m in MUTANTS if (m.row, m.csr, tuple(m.fixed.items())) == (row, csr, fixed))
    return classes.found_class(classified(mutant, original=True))


def expected(mutant: Mutant) -> classes.Class:
    """What the specification says of the mutant's row."""
    if mutant.csr:
        return classes.ONE_CSR[mutant.csr]
    counters = "SM" if "mcounteren" in mutant.fixed else "M"
    return classes.expected(XLEAK, fixed=mutant.fixed == FIXED, counters=counters)[mutant.row]


def test_there_are_enough_mutants() -> None:
    assert len(MUTANTS) >= 30 and len(set(map(str, MUTANTS))) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mutant_is_noticed(mutant: Mutant) -> None:
    found = classes.found_class(classified(mutant))
    assert found != expected(mutant)
    assert found != unchanged(mutant.row, mutant.csr, tuple(mutant.fixed.items()))


@pytest.mark.parametrize("row", sorted({(m.row, m.csr, tuple(m.fixed.items())) for m in MUTANTS}), ids=str)
def test_without_a_mutation_nothing_is_noticed(row: tuple[str, str, tuple[tuple[str, int], ...]]) -> None:
    mutant = next(m for m in MUTANTS if (m.row, m.csr, tuple(m.fixed.items())) == row)
    found, right = unchanged(*row), expected(mutant)
    assert (found.cls, found.executes, found.traps) == (right.cls, right.executes, right.traps)
    # Few pairs may miss something; a mutant shows by a finding that should not exist, or by a missing one.
    assert found.sensitive <= right.sensitive
