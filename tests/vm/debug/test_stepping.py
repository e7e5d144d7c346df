"""Steps by line and instruction, forward and backward, over calls and traps."""

import re

import pytest

from support.debugger import Session, kernel, process
from trapline.vm.debug.target import Target

pytestmark = pytest.mark.once

CALLS = """_start: la      sp, stack
        la      t0, handler
        csrw    mtvec, t0
        li      a0, 3
        call    twice
        addi    s0, a0, 1
        ecall
        addi    s1, s0, 1
        call    fact
        addi    s2, a0, 1
        nop
end:    j       end
twice:  addi    sp, sp, -16
        sw      ra, 12(sp)
        call    double
        lw      ra, 12(sp)
        addi    sp, sp, 16
        ret
double: add     a0, a0, a0
        ret
fact:   addi    sp, sp, -16
        sw      ra, 12(sp)
        sw      a0, 8(sp)
        li      t0, 2
        bltu    a0, t0, 1f
        addi    a0, a0, -1
        call    fact
        lw      t0, 8(sp)
        mul     a0, a0, t0
1:      lw      ra, 12(sp)
        addi    sp, sp, 16
        ret
        .align  2
handler: csrr   t0, mepc
        addi    t0, t0, 4
        csrw    mepc, t0
        mret
        .data
        .space  512
stack:
"""
TOP = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]


def line(text: str) -> int:
    """The line where it stands."""
    return int(re.findall(r"^k\.s:(\d+)", text, re.M)[-1])


def forward(say: Session, command: str, end: int) -> list[int]:
    found = [1]
    while found[-1] != end:
        found.append(line(say(command)))
    return found


def test_next_and_reverse_next_see_the_same_lines() -> None:
    """Over calls, a recursive one too, and over a trap."""
    say = kernel(CALLS)
    assert forward(say, "next", 11) == TOP
    assert [line(say("reverse-next")) for _ in TOP[1:]] == TOP[-2::-1]
    assert "where its past begins" in say("reverse-next")


@pytest.mark.parametrize(("command", "reverse"), [("step", "reverse-step"), ("stepi", "reverse-stepi")])
def test_step_and_reverse_step_see_the_same_lines(command: str, reverse: str) -> None:
    say = kernel(CALLS)
    found = forward(say, command, 11)
    assert {14, 19, 24, 34} <= set(found)
    assert [line(say(reverse)) for _ in found[1:]] == found[-2::-1]


def test_nexti_and_back() -> None:
    say = kernel(CALLS)
    say("until 5", "nexti")
    there = say.machine.cycle
    assert say("pc").endswith("<_start+28>\n")
    say("reverse-nexti")
    assert say("pc").endswith("<_start+24>\n")
    say("ni 3")
    assert say.machine.cycle > there and say("pc").endswith("<_start+36>\n")  # past a call and a trap
    say("rni")
    assert say("pc").endswith("<_start+32>\n")
    say("rni 2")
    assert say("pc").endswith("<_start+24>\n")


def test_reverse_finish_leads_to_the_call() -> None:
    say = kernel(CALLS)
    say("break double", "run")
    assert line(say("reverse-finish")) == 15 and line(say("reverse-finish")) == 5
    say("delete", "break 24 if a0 == 2", "run", "delete")
    assert line(say("reverse-finish")) == 27 and say("print a0") == "2\n"


def test_a_hart_goes_back_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the turns of another, each of a thousand steps, and not one by one."""
    ways: list[int] = []
    go_to = Target.go_to
    monkeypatch.setattr(Target, "go_to", lambda target, cycle: (ways.append(cycle), go_to(target, cycle)))
    say = kernel("_start: li t0, 0\nagain: addi t0, t0, 1\n nop\n j again\n", harts=2)
    say("run 3500", "hart 1")
    cycle = say.machine.harts[1].h.cycle
    for count in range(1, 4):
        say("hart 1", "reverse-nexti")
        assert say.machine.harts[1].h.cycle == cycle - count
    say("hart 0", "reverse-nexti")
    assert len(ways) < 100
    before = say.machine.harts[0].h.cycle
    say("hart 0", "stepi")
    assert say.machine.harts[0].h.cycle == before + 1


def test_until_leaves_a_loop() -> None:
    say = kernel("_start: li t0, 5\nloop: addi t0, t0, -1\n nop\n bnez t0, loop\n nop\nend: j end\n")
    say("until 4")
    assert line(say("until")) == 5 and say("print t0") == "0\n"
    assert line(say("next")) == 6


def test_finish_says_what_is_returned() -> None:
    say = kernel(CALLS)
    assert say("break double", "run", "finish").endswith("\nvalue returned: a0 = 6\n")


def test_a_breakpoint_on_the_way_back_is_met() -> None:
    say = kernel(CALLS)
    say("until 6", "break double")
    assert say("reverse-next").startswith("breakpoint 1\n") and "<double>" in say("pc")


def test_system_calls_are_one_instruction_backward_too() -> None:
    say = process("_start: li a7, 172\n ecall\n nop\n li a7, 93\n ecall\n")
    say("stepi 3")
    places = [say("rn", "pc").split()[-1] for _ in range(3)]
    assert places == ["<_start+8>", "<_start+4>", "<_start>"]


def test_from_the_end_of_the_guest() -> None:
    say = process("_start: li a0, 3\n li a7, 93\n ecall\n")
    assert "ended" in say("run")
    assert "<_start+4>" in say("reverse-next") and "ended" in say("run")
