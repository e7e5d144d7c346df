"""Engines in which one instruction means something else: which a classifier must notice.

A mutant is the engine's text with one change: a privileged instruction forgets its check, an innocuous one reads
or changes what it must not.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from trapline.isa.mode import M, S, U
from trapline.vm.classifier.definitions.questions import Kind, Question
from trapline.vm.codegen.engine_text import engine_text

RD = "x[d >> 8 & 31]"
Change = Callable[[str], str]
"""Of the engine's text."""


@dataclass(frozen=True)
class Mutant:
    """A change of the engine's text, and a question about a row that it makes answered with yes."""

    name: str
    row: str
    question: Question
    change: Change

    @property
    def text(self) -> str:
        """The engine's functions with the change."""
        return self.change(engine_text())


def in_function(name: str, old: str, new: str) -> Change:
    """Replace `old`, which must be there once, in a function."""

    def change(text: str) -> str:
        start = text.index(f"def {name}(")
        end = text.find("\ndef ", start)
        body = text[start : end if end >= 0 else None]
        assert body.count(old) == 1, f"{name}: {old}"
        return text[:start] + body.replace(old, new) + text[end:]

    return change


def in_arm(instruction: str, added: str) -> Change:
    """Add a statement after an instruction has set rd, or after its first line if it sets none."""

    def change(text: str) -> str:
        arm = re.search(rf"^( +)# {re.escape(instruction)}\n(?:\1.*\n)+", text, re.MULTILINE)
        assert arm is not None, instruction
        lines = arm[0].splitlines(keepends=True)
        places = [i for i, line in enumerate(lines) if line.startswith(f"{arm[1]}{RD} = ")]
        at = places[-1] if places else 0
        lines.insert(at + 1, f"{arm[1]}{added}\n")
        return text[: arm.start()] + "".join(lines) + text[arm.end() :]

    return change


def leaks(instruction: str, what: str) -> Change:
    """rd also depends on `what`."""
    return in_arm(instruction, f"{RD} = ({RD} ^ ({what})) & 0xFFFFFFFF if (d >> 8) & 31 else 0")


def _q(kind: Kind, *modes: int) -> Question:
    return Question(kind, modes)


_FORGOTTEN = [
    ("mret forgets its check", "mret", "h.mode < M", "h.mode < U", _q(Kind.EXECUTES, U)),
    ("mret is open to S", "mret", "h.mode < M", "h.mode < S", _q(Kind.EXECUTES, S)),
    ("sret forgets its check", "sret", "h.mode < S or", "h.mode < U or", _q(Kind.EXECUTES, U)),
    ("wfi forgets its check", "wfi", "h.mode < S or", "h.mode < U or", _q(Kind.EXECUTES, U)),
    ("sfence.vma forgets its check", "sfence_vma", "h.mode < S or", "h.mode < U or", _q(Kind.EXECUTES, U)),
    ("ecall skips S", "ecall", "return ECALL_U + h.mode", "return NEXT if h.mode == S else ECALL_U",
        _q(Kind.EXECUTES, S)),
    ("ebreak is ignored in M", "ebreak", "return BREAKPOINT", "return BREAKPOINT if h.mode < M else NEXT",
        _q(Kind.EXECUTES, M)),
    ("CSRs of M mode are open to S", "csr_access", "& MODE_BITS > h.mode", "& 2 > h.mode", _q(Kind.EXECUTES, U)),
    ("CSRs are open to all", "csr_access", "& MODE_BITS > h.mode", "& MODE_BITS > M", _q(Kind.EXECUTES, U)),
    ("counters are open to S", "counter_allowed", "h.mode < M and", "h.mode < S and", _q(Kind.EXECUTES, S)),
    ("popf changes SIE in U", "popf", "h.mode > U", "h.mode >= U", _q(Kind.CONTROL, U)),
]  # fmt: skip
_LEAKING = [
    ("add", "h.mode", _q(Kind.MODE, U, S)),
    ("addi", "h.mode >> 1", _q(Kind.MODE, S, M)),
    ("sub", "h.satp", _q(Kind.LOCATION, U)),
    ("xor", "(h.mstatus >> 1) & 1", _q(Kind.CONFIGURATION, U)),
    ("mul", "h.mtime & 1", _q(Kind.TIME, U)),
    ("mulhu", "h.mode", _q(Kind.MODE, U, M)),
    ("div", "h.mepc", _q(Kind.CONFIGURATION, S)),
    ("remu", "h.pmpcfg[0]", _q(Kind.LOCATION, M)),
    ("slt", "h.stvec & 4", _q(Kind.CONFIGURATION, U)),
    ("lui", "h.scause >> 31", _q(Kind.CONFIGURATION, M)),
    ("auipc", "h.cycle & 1", _q(Kind.TIME, S)),
    ("sll", "1 if h.mideleg & 2 else 0", _q(Kind.CONFIGURATION, U)),
    ("lw", "h.mode", _q(Kind.MODE, U, S)),
    ("lb", "h.instret & 1", _q(Kind.TIME, U)),
    ("jal", "h.mode & 1", _q(Kind.MODE, U, M)),
    ("jalr", "(h.mstatus >> 18) & 1", _q(Kind.CONFIGURATION, S)),
    ("amoadd.w", "h.satp >> 31", _q(Kind.LOCATION, U)),
    ("lr.w", "h.reservation & 0x1000", _q(Kind.LOCATION, U)),
    ("sc.w", "h.mie & 2", _q(Kind.CONFIGURATION, U)),
    ("csrrs uflags", "h.sepc", _q(Kind.CONFIGURATION, U)),
]  # fmt: skip
_CHANGING = [
    ("sw", "h.mstatus = h.mstatus ^ 0x40000", _q(Kind.CONTROL, U)),
    ("beq", "h.stvec = h.stvec ^ 4", _q(Kind.CONTROL, S)),
    ("or", "h.stale = 1", _q(Kind.CONTROL, U)),
    ("and", "h.mode = 3", _q(Kind.CONTROL, U)),
    ("sra", "h.satp = h.satp ^ x[(d >> 16) & 31] & 1", _q(Kind.CONTROL, M)),
    ("rem", "h.uflags = h.uflags ^ h.mode", _q(Kind.MODE, U, S)),
]
_ROWS = {"csr_access": "csrrw", "counter_allowed": "rdtime", "sfence_vma": "sfence.vma"}

MUTANTS: tuple[Mutant, ...] = (
    *(Mutant(name, _ROWS.get(f, f), question, in_function(f, old, new)) for name, f, old, new, question in _FORGOTTEN),
    *(Mutant(f"{r} depends on {what}", r, question, leaks(r.split()[0], what)) for r, what, question in _LEAKING),
    *(Mutant(f"{row}: {change}", row, question, in_arm(row, change)) for row, change, question in _CHANGING),
)
