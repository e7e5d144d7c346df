"""Short guests, each of which notices a mistake in engine or hypervisor that random kernels are slow to find."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

from support.machines import difference, from_text, state
from support.mutants.engine import Change, in_function
from trapline import Machine
from trapline.vm.codegen.engine_text import PYTHON_PRELUDE
from trapline.vm.exit import ExitReason

MEMORY = 0x40000
CALLS = 5_000
"""Calls of `execute` that a guest may need: a hypervisor that gets nowhere goes on for ever."""

PRELUDE = """
        .equ    root, 0x80010000
        .equ    table, 0x80011000       # of the window
        .equ    other, 0x80012000       # a table that nothing points to yet
        .equ    one, 0x80014000
        .equ    two, 0x80015000
        .equ    window, 0x40000000
        .equ    RETURN, 0x8067
        .equ    RDMODE, 0x0400050b
.macro  word    address, value
        li      t0, \\address
        li      t1, \\value
        sw      t1, (t0)
.endm
.macro  enter   mode                    # go on in S (1) or U (0) mode
        li      t0, 0x1800
        csrc    mstatus, t0
        li      t0, \\mode << 11
        csrs    mstatus, t0
        la      t0, 9f
        csrw    mepc, t0
        mret
9:
.endm
_start: la      t0, trap
        csrw    mtvec, t0
        li      t0, -1
        csrw    pmpaddr15, t0
        li      t0, 0x1f000000
        csrw    pmpcfg3, t0
        li      s0, window
        li      s2, table
        word    root + 0x800, 0x200000cf        # RAM where it is
        word    root + 0x400, table >> 2 | 1
        word    table, one >> 2 | 0xcf
        word    table + 4, one >> 2 | 0xcf
        word    one, 111
        word    two, 222
        li      t0, 0x80000000 | root >> 12
        csrw    satp, t0
        j       guest
        .balign 4
trap:   csrr    s8, mcause
        csrr    s9, mtval
done:   j       done
"""


class Endless(AssertionError):
    """The hypervisor gets nowhere."""


@dataclass(frozen=True)
class Guest:
    """A guest under a technique.

    text: what follows PRELUDE, from `guest` on, to `done`. prepare: done to the machine before it starts.
    expected: registers and CSRs at the end, where the bare machine is not the one to ask. constants: of the engine's
    text, to be other numbers, so that something is used up sooner.
    """

    text: str
    technique: str = "trap"
    shadow: str = "lazy"
    harts: int = 1
    steps: int = 400
    prepare: Callable[[Machine], None] | None = None
    expected: dict[str, int] | None = None
    constants: dict[str, int] | None = None

    def start(self, **options: Any) -> Machine:
        """A machine that is about to run it."""
        machine = from_text(
            PRELUDE + self.text, memory=MEMORY, harts=self.harts, isa="rv32ima_xleak", engine="python", **options
        )
        if self.prepare is not None:
            self.prepare(machine)
        return machine

    def right(self) -> dict[str, Any]:
        """The end of a bare machine that keeps no translation from one step to the next; {} where that is this one."""
        if self.technique == "bare":
            return {}
        machine = self.start()
        for _ in range(self.steps):
            for hart in machine.engine.h:
                hart.stale = 1
            if machine.run(max_instructions=1).reason is not ExitReason.LIMIT:
                break
        return state(machine)

    def differs(self, text: str, right: dict[str, Any]) -> dict[str, Any]:
        """What is wrong at the end with an engine of this text; empty if nothing is. Raises Endless.

        right: the state of `support.machines.state` that it must end in, beside what is expected.
        """
        machine = self.start(technique=self.technique, shadow=self.shadow)
        for name, value in (self.constants or {}).items():
            text, count = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
            assert count == 1, name
        names: dict[str, Any] = {}
        exec(_compiled(text), names)
        names["execute"] = counted(names["execute"])
        machine.engine._run = names["run"]
        machine.run(max_instructions=self.steps)
        values = {name: machine.csr[name] if name in machine.csr else machine.x[name] for name in self.expected or {}}
        found = difference(self.expected or {}, values)
        return found | difference(right, state(machine))


@lru_cache(2)
def _compiled(text: str) -> CodeType:
    """An engine of this text. Every guest runs on the right one, too."""
    return compile(PYTHON_PRELUDE + text, "<engine>", "exec")


def counted(execute: Callable[..., int]) -> Callable[..., int]:
    """`execute`, so many calls of it."""
    left = CALLS

    def call(*arguments: Any) -> int:
        nonlocal left
        left -= 1
        if left < 0:
            raise Endless(f"{CALLS} calls of execute")
        return execute(*arguments)

    return call


@dataclass(frozen=True)
class Seeded:
    """A change of the engine's text, and a guest that ends wrongly with it."""

    change: Change
    guest: Guest


def seeded(
    function: str, old: str, new: str, text: str, technique: str = "trap", shadow: str = "lazy", **options: Any
) -> Seeded:
    """A mistake in a function of the engine's text, `new` where `old` was, and the `Guest` that it is for."""
    return Seeded(in_function(function, old, new), Guest(text, technique, shadow, **options))
