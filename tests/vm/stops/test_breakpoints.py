"""Breakpoints stop before their instruction, at full speed and in every way that a word can be reached."""

import pytest

from support.machines import RAM, from_text
from trapline import Machine
from trapline.vm.breakpoints import Breakpoint, Hit
from trapline.vm.core.stops import RECORDS
from trapline.vm.exit import ExitReason

COUNT = """
_start: la      t0, handler
        csrw    mtvec, t0
        li      s0, 5
loop:   addi    s0, s0, -1
        sw      s0, 0(gp)
        bnez    s0, loop
        ecall
done:   j       done
        .balign 4
handler: csrr   t1, mepc
        addi    t1, t1, 4
        csrw    mepc, t1
        mret
"""


def counting(**options: object) -> Machine:
    machine = from_text(COUNT, **options)
    machine.x["gp"] = RAM + 0x8000
    return machine


def hits(machine: Machine, limit: int = 200) -> list[tuple[int, int]]:
    """pc and the loop's counter at each stop within `limit` instructions."""
    found = []
    end = machine.cycle + limit
    while (exit := machine.run(max_instructions=end - machine.cycle)).reason is ExitReason.BREAKPOINT:
        assert exit.hit is not None and exit.hit.pc == exit.pc == machine.pc
        found.append((exit.pc, machine.x["s0"]))
    assert exit.reason is ExitReason.LIMIT
    return found


@pytest.mark.parametrize("physical", [False, True])
def test_it_is_hit_each_time_and_changes_nothing(physical: bool) -> None:
    machine, plain = counting(), counting()
    loop = machine.symbols["loop"]
    breakpoint = machine.stops.add(Breakpoint(loop, physical))
    assert hits(machine) == [(loop, n) for n in (5, 4, 3, 2, 1)] and breakpoint.hits == 5
    plain.run(max_instructions=200)
    assert (machine.digest(), machine.cycle, machine.instret) == (plain.digest(), plain.cycle, plain.instret)


def test_a_stop_says_what_it_is_about() -> None:
    machine = counting()
    one = machine.stops.add(Breakpoint(machine.symbols["handler"]))
    other = machine.stops.add(Breakpoint(machine.symbols["handler"], physical=True))
    exit = machine.run(max_instructions=200)
    assert exit.hit == Hit((one, other), hart=0, pc=machine.symbols["handler"])
    assert machine.csr["mcause"] == 11 and machine.stops.here() == [one, other]


def test_conditions_and_ignored_hits() -> None:
    machine = counting()
    odd = machine.stops.add(Breakpoint(machine.symbols["loop"], condition=lambda m: m.x["s0"] % 2))
    assert [n for _, n in hits(machine)] == [5, 3, 1] and odd.hits == 3
    machine = counting()
    late = machine.stops.add(Breakpoint(machine.symbols["loop"], ignore=3))
    assert [n for _, n in hits(machine)] == [2, 1] and (late.hits, late.ignore) == (5, 0)


def test_what_a_condition_raises_comes_out_of_run_and_the_run_can_go_on() -> None:
    machine = counting()
    machine.stops.add(Breakpoint(machine.symbols["loop"], condition=lambda m: 1 / (m.x["s0"] - 3)))
    assert machine.run().reason is ExitReason.BREAKPOINT
    assert machine.run().reason is ExitReason.BREAKPOINT
    with pytest.raises(ZeroDivisionError):
        machine.run()
    assert machine.x["s0"] == 3
    assert machine.run(max_instructions=3).reason is ExitReason.BREAKPOINT and machine.x["s0"] == 2


def test_a_run_does_not_stop_where_it_begins() -> None:
    """Not at a stop that was reported, nor where the host has put pc or the breakpoint."""
    machine = counting()
    loop = machine.symbols["loop"]
    machine.run(max_instructions=4)
    machine.pc = loop
    machine.stops.add(Breakpoint(loop))
    assert machine.run(max_instructions=3).reason is ExitReason.BREAKPOINT
    machine.pc = machine.symbols["loop"]
    assert machine.run(max_instructions=2).reason is ExitReason.LIMIT


def test_a_breakpoint_where_a_limit_ends_a_run_is_reported_once() -> None:
    machine = counting()
    machine.stops.add(Breakpoint(machine.symbols["loop"]))
    steps = 0
    reasons = []
    for _ in range(26):
        reasons.append(machine.step().reason)
        steps += 1
        assert machine.cycle == steps
    assert reasons.count(ExitReason.BREAKPOINT) == 5
    assert machine.run(max_instructions=0).reason is ExitReason.LIMIT


def test_a_cut_elsewhere_hides_no_breakpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that the clock ends before an instruction with a breakpoint has not reported it."""
    machine = counting()
    loop = machine.symbols["loop"]
    machine.stops.add(Breakpoint(loop))
    while machine.pc != loop:
        machine.engine.run(1)  # as if the clock had ended the run here
    machine.stops.end()
    machine.stops.passing = 0
    machine.stops.end()
    assert machine.run(max_instructions=100).pc == loop and machine.x["s0"] == 5


def test_code_that_is_replaced_keeps_its_breakpoint() -> None:
    machine = from_text("""
_start: la      t0, place
        la      t1, word
        lw      t1, (t1)
        li      s0, 100
again:  sw      t1, (t0)
place:  nop
        addi    s0, s0, -1
        bnez    s0, again
done:   j       done
word:   addi    a0, a0, 1
""")
    place = machine.symbols["place"]
    machine.stops.add(Breakpoint(place))
    stops = 0
    while machine.run(max_instructions=1000).reason is ExitReason.BREAKPOINT:
        stops += 1
    assert stops == 100 == machine.x["a0"]


def test_it_can_be_taken_away_and_set_anywhere() -> None:
    machine = counting()
    loop, done = machine.symbols["loop"], machine.symbols["done"]
    breakpoint = machine.stops.add(Breakpoint(loop))
    assert machine.run(max_instructions=100).pc == loop
    machine.stops.remove(breakpoint)
    machine.breakpoints.add(done)
    assert machine.run(max_instructions=100).pc == done
    machine.breakpoints.clear()
    assert len(machine.stops) == 0 and machine.run(max_instructions=100).reason is ExitReason.LIMIT


def test_the_set_of_addresses() -> None:
    machine = counting()
    machine.breakpoints = {RAM, RAM + 4}
    machine.stops.add(Breakpoint(RAM + 8, physical=True))
    machine.stops.add(Breakpoint(RAM + 12, hart=0))
    assert machine.breakpoints == {RAM, RAM + 4} and len(machine.stops) == 4
    machine.breakpoints.add(RAM)
    machine.breakpoints.discard(RAM + 8)
    machine.breakpoints = {RAM + 4, RAM + 16}
    assert sorted(machine.breakpoints) == [RAM + 4, RAM + 16] and len(machine.stops) == 4


@pytest.mark.parametrize("bad", [Breakpoint(-1), Breakpoint(1 << 32), Breakpoint(1 << 34, physical=True)])
def test_addresses_that_are_none(bad: Breakpoint) -> None:
    machine = counting()
    with pytest.raises(ValueError, match="are not in"):
        machine.stops.add(bad)


def test_there_may_be_so_many() -> None:
    machine = counting()
    for i in range(RECORDS):
        last = machine.stops.add(Breakpoint(machine.symbols["done"] + 4 * i))
    with pytest.raises(ValueError, match="at most 256 breakpoints"):
        machine.stops.add(Breakpoint(0))
    with pytest.raises(ValueError, match="set already"):
        machine.stops.add(last)
    stops = [machine.run(max_instructions=100).pc - machine.symbols["done"] for _ in range(5)]
    assert stops == [4, 8, 12, 16, 0]


def test_one_hart_alone() -> None:
    machine = from_text("_start: csrr a0, mhartid\nloop: j loop", harts=3)
    machine.stops.add(Breakpoint(machine.symbols["loop"], hart=1))
    for _ in range(3):
        exit = machine.run(max_instructions=10000)
        assert exit.hit is not None and exit.hit.hart == 1 and machine.current.x["a0"] == 1
