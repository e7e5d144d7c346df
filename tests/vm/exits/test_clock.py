"""Time: skipped by default, waited for by the wall clock and for a person."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import pytest

from support.cli.console_kernels import echo
from support.machines import CLINT, MTIME, MTIMECMP, from_text
from trapline import Machine
from trapline.vm.exits import clock
from trapline.vm.host.console import Console
from trapline.vm.machine import ExitReason

TICKS = 2_000_000
"""A fifth of a second."""
LONG = 500 * TICKS
"""More than any test takes, so that who waited for it is found out."""

SLEEP = f"""
        .globl _start
_start: bnez    a0, park
        li      s0, {CLINT}
        la      t0, woken
        csrw    mtvec, t0
        li      s1, {MTIMECMP}
        li      t0, -1
        sw      t0, (s1)
        sw      zero, 4(s1)
        li      s2, {MTIME}
        lw      s3, (s2)
        li      t0, TICKS
        add     t0, t0, s3
        sw      t0, (s1)
        li      t0, 1 << 7
        csrw    mie, t0
        csrsi   mstatus, 8
park:   WAIT
        j       park
        .balign 4
woken:  lw      s4, (s2)
        sub     s4, s4, s3
        li      t0, 0x100000
        li      t1, 0x5555
        sw      t1, (t0)
"""


def sleeper(wait: str = "wfi", ticks: int = TICKS, **options: object) -> Machine:
    """A machine whose first hart lets `ticks` pass; s4: how many it saw."""
    machine = from_text(SLEEP.replace("WAIT", wait).replace("TICKS", str(ticks)), **options)
    for number, hart in enumerate(machine.harts):
        hart.x["a0"] = number
    return machine


def timed(machine: Machine) -> float:
    """Seconds until the machine halts."""
    begin = time.monotonic()
    assert machine.run().reason is ExitReason.HALT
    return time.monotonic() - begin


@pytest.mark.parametrize("harts", [1, 2])
def test_idle_time_is_waited_for_by_the_wall_clock_only(harts: int) -> None:
    machine = sleeper(harts=harts, clock="wall")
    seconds = timed(machine)
    assert seconds > TICKS / clock.TICKS
    assert TICKS <= machine.x["s4"] <= seconds * clock.TICKS + TICKS
    skipping = sleeper(ticks=LONG, harts=harts)
    assert timed(skipping) < LONG / clock.TICKS
    # Harts take turns of 10 ticks.
    assert LONG <= skipping.x["s4"] <= LONG + 20
    assert skipping.instret == machine.instret


def test_computing_takes_its_time_on_the_wall() -> None:
    """Here a step takes much longer or much shorter than a hundredth of a tick."""
    machine = sleeper("nop", clock="wall")
    seconds = timed(machine)
    assert TICKS / clock.TICKS < seconds + 0.05
    assert TICKS <= machine.x["s4"] <= seconds * clock.TICKS + TICKS


def test_a_guest_faster_than_the_clock_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the host needed no time at all for the steps."""
    machine = from_text("_start: j _start\n", clock="wall")
    waited: list[float] = []
    now = 0
    monkeypatch.setattr(clock, "AHEAD", 1000)
    monkeypatch.setattr(clock.time, "monotonic_ns", lambda: now)

    def sleep(seconds: float) -> None:
        nonlocal now
        now += int(seconds * 1e9)
        waited.append(seconds)

    monkeypatch.setattr(machine.console, "pause", sleep)
    machine.run(max_instructions=1_000_000)
    assert sum(waited) * clock.TICKS <= 10_000 <= sum(waited) * clock.TICKS + 1000 + 2500, "a slice is 2500 ticks"


def test_the_wall_clock_respects_a_guest_that_sets_mtime() -> None:
    text = f"""
_start: li      s0, {MTIME}
        li      t0, 0x1000
        sw      t0, 4(s0)
1:      lw      s1, 4(s0)
        j       1b
"""
    machine = from_text(text, clock="wall")
    machine.run(timeout=0.1)
    assert machine.x["s1"] == 0x1000


def test_a_clock_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="clock must be 'instructions' or 'wall', not 'sun'"):
        Machine(memory=4096, clock="sun")


# A person at the console


class Person:
    """Types one key after some seconds."""

    interactive = True

    def __init__(self, key: bytes = b"", after: float = 0.0) -> None:
        self.quit = False
        self.key, self.after = key, time.monotonic() + after

    def poll(self, seconds: float) -> bytes:
        wait = self.after - time.monotonic()
        time.sleep(max(0.0, min(wait, seconds) if self.key else seconds))
        if wait > seconds or not self.key:
            return b""
        key, self.key = self.key, b""
        self.quit = key == b"quit"
        return key

    def attached(self, unread: Callable[[], bytes]) -> AbstractContextManager[None]:
        return nullcontext()


AWAIT_INPUT = "li t0, 0x10000001\n li t1, 1\n sb t1, (t0)\n wfi"
LOOK_FOR_INPUT = "li t0, 0x10000005\n lbu t1, (t0)\n wfi"


@pytest.mark.parametrize("wait, real", [("wfi", False), (AWAIT_INPUT, True), (LOOK_FOR_INPUT, True)])
def test_waiting_for_input_takes_real_time(wait: str, real: bool) -> None:
    ticks = TICKS if real else LONG
    machine = sleeper(wait, ticks, console=Console(None, Person()))
    assert (timed(machine) > ticks / clock.TICKS) == real
    assert ticks <= machine.x["s4"] < ticks + 200_000


def test_a_key_ends_the_waiting_of_a_guest_that_only_looks_now_and_then() -> None:
    machine = sleeper(LOOK_FOR_INPUT, LONG, console=Console(None, Person(b"k", 0.02)))
    assert timed(machine) < LONG / clock.TICKS
    assert machine.console.read() == ord("k")


class Late(Person):
    """Has typed a key when it is looked at for this time."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def poll(self, seconds: float) -> bytes:
        self.looks -= 1
        return b"k" if self.looks == 0 else b""


@pytest.mark.parametrize("looks", range(1, 25))
def test_a_key_between_any_two_looks_wakes_a_guest(looks: int) -> None:
    machine = from_text(echo(1), console=Console(None, Late(looks)))
    end = machine.run(max_instructions=1000)
    assert (end.reason, end.code) == (ExitReason.HALT, 7), looks


def test_a_key_wakes_a_guest_with_a_timer_at_once() -> None:
    machine = from_text(echo(1, tick=2_000_000_000), console=Console(None, Person(b"k", 0.02)))
    begin = time.monotonic()
    assert machine.run(timeout=100).code == 7
    assert time.monotonic() - begin < 60
    assert machine.console.output == b">k" and machine.harts[0].h.mtime < clock.TICKS * 10


def test_quitting_leaves_a_machine_that_can_go_on() -> None:
    person = Person(b"quit")
    machine = from_text(echo(5), console=Console(None, person))
    person.after = time.monotonic() + 0.3
    assert machine.run(timeout=20).reason is ExitReason.QUIT
    assert machine.run(timeout=20).reason is ExitReason.QUIT
    assert machine.console.output == b">quit"[:1]
