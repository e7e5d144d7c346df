"""Breakpoints, watchpoints and catches as a person numbers them: on the machine, put aside, passed, displayed at."""

import re

import pytest

from support.debugger import Session, kernel, process
from trapline import Exit, Machine

pytestmark = pytest.mark.once

LOOP = """
_start: la      sp, stack
        la      t0, handler
        csrw    mtvec, t0
        li      s0, 0
        li      s1, 4
again:  addi    s0, s0, 1
        li      t1, 500
spin:   addi    t1, t1, -1
        bnez    t1, spin
        sw      s0, count, t1
        ecall
        bne     s0, s1, again
        li      t0, 0x100000
        li      t1, 0x5555
        sw      t1, 0(t0)
end:    j       end
        .align  2
handler: csrr   t0, mepc
        addi    t0, t0, 4
        csrw    mepc, t0
        mret
        .data
count:  .word   0
        .space  64
stack:
"""


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The limits of the machine's runs from here on."""
    found: list[int | None] = []
    run = Machine.run

    def noted(machine: Machine, limit: int | None = None, timeout: float | None = None) -> Exit:
        found.append(limit)
        return run(machine, limit, timeout)

    monkeypatch.setattr(Machine, "run", noted)
    return found


@pytest.mark.parametrize(
    "command", ["watch count", "rwatch count", "catch trap", "catch mode", "break handler if s0 == 4", "until end"]
)
def test_the_machine_stops_by_itself(command: str, runs: list[int | None]) -> None:
    """A run of thousands of instructions is one run of the machine, or two, not thousands."""
    say = kernel(LOOP)
    say(command)
    if not command.startswith("until"):
        say("continue")
    assert say.machine.cycle > 900 and len(runs) <= 2


def test_back_in_few_runs_too(runs: list[int | None]) -> None:
    say = kernel(LOOP)
    say("watch count", "continue", "continue", "continue")
    del runs[:]
    assert "0x1 -> 0x2" in say("reverse-continue") and "0x0 -> 0x1" in say("reverse-continue")
    assert len(runs) < 30


def hits(say: Session) -> list[str]:
    return re.findall(r"\(met (\d+) times", say("info breakpoints"))


def test_put_aside_and_set_again() -> None:
    say = kernel(LOOP)
    say("break handler", "watch count", "catch trap", "disable 1-2")
    assert say("run").startswith("catch 3: environment call from M-mode") and hits(say) == ["0", "0", "1"]
    assert "disabled)" in say("info breakpoints")
    say("enable 2", "disable 3")
    assert say("run").startswith("watchpoint 2: ") and say("print s0") == "2\n"
    say("enable", "delete 2-3", "disable breakpoints")
    assert say("run") == "the guest ended with status 0\n"
    assert "no breakpoint 9" in say("disable 9", fails=True) and "no breakpoints 7-8" in say("enable 7-8", fails=True)


def test_passed_so_many_times() -> None:
    say = kernel(LOOP)
    assert say("break handler", "ignore 1 2").endswith("breakpoint 1 will be passed 2 times\n")
    assert say("run").startswith("breakpoint 1\n") and say("print s0") == "3\n" and hits(say) == ["3"]
    assert "needs a number" in say("ignore 1", fails=True) and "is not 0 to" in say("ignore 1 -1", fails=True)
    say("ignore 1 1", "reverse-continue")
    assert say("print s0") == "1\n"


def test_a_condition_comes_and_goes() -> None:
    say = kernel(LOOP)
    say("break handler", "condition 1 s0 == 2", "run")
    assert say("print s0") == "2\n" and " if s0 == 2" in say("info breakpoints")
    say("condition 1", "run")
    assert say("print s0") == "3\n"
    assert "did you mean" in say("condition 1 mstatsu", fails=True)


def test_a_condition_that_cannot_be_looked_at_stops_and_says_why() -> None:
    say = kernel(LOOP)
    say("break handler if *(0xa0000000 * (s0 == 3) + (s0 != 3) * count) == 9")
    assert "its condition cannot be looked at: there is no RAM" in say("run") and say("print s0") == "3\n"


def test_a_condition_is_about_the_hart_that_comes_there() -> None:
    say = kernel("_start: csrr a0, mhartid; nop; here: j here", harts=2)
    say("break here if a0 == 1", "run")
    assert say("print hart") == "1\n"


def test_once_and_cleared() -> None:
    say = kernel(LOOP)
    say("tbreak handler", "run")
    assert "no breakpoints" in say("info breakpoints")
    assert "deleted breakpoint 2" in say("break handler", "clear handler")
    assert "no breakpoint at" in say("clear handler", fails=True)


def test_an_exit_is_met_before_it_is_served_and_then_passed() -> None:
    say = kernel(LOOP, "trap")
    say("catch exit")
    names = [re.findall(r"^0x\w+ <[\w+]+>  (\w+)", say("run"), re.M)[0] for _ in range(5)]
    assert names == ["auipc", "csrw", "sw", "ecall", "csrr"]  # the first one, as its page is not in the shadow yet
    at = say.machine.cycle
    say("run", "reverse-continue")
    assert say.machine.cycle == at


def test_system_calls_of_a_process_are_traps() -> None:
    say = process("_start: li a7, 172; ecall; nop; li a7, 93; ecall")
    assert "environment call from U-mode" in say("catch trap 8", "run")


def test_values_are_shown_whenever_it_stands() -> None:
    say = kernel(LOOP)
    assert say("display s0", "display /x sp + 0") == "1: s0 = 0\n2: /x sp + 0 = 0x0\n"
    assert say("display /2i pc").count("<_start") == 2
    shown = say("tbreak handler", "run")
    assert "1: s0 = 1\n" in shown and "3: x/2i pc\n=> " in shown
    assert say("info display") == "1: s0\n2: /x sp + 0\n3: x/2i pc\n"
    say("undisplay 3", "undisplay 2")
    assert say("stepi").endswith("1: s0 = 1\n")
    assert "no display 7" in say("undisplay 7", fails=True)
    assert "no register, CSR or symbol" in say("display nothing", fails=True)
    say("undisplay")
    assert say("info display") == "nothing is displayed\n"


def test_a_value_that_is_no_more_is_said_and_the_session_goes_on() -> None:
    say = kernel(LOOP)
    say("display *(count + 0x20000000 * (s0 > 0))", "break handler")
    assert "there is no RAM" in say("run")


def test_too_many() -> None:
    say = kernel(LOOP)
    say(*["break handler"] * 200)
    assert "already" in say("break handler", fails=True)
    say("until end")  # what a step needs is still there
