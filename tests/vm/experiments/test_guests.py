"""Several guests: each gets its share of steps whatever its neighbours do, and ends as it would alone."""

import io
import os
from types import SimpleNamespace

import pytest

from support.machines import difference, from_text, state
from trapline.vm.exit import ExitReason
from trapline.vm.experiments.guests import TURN_SECONDS, Guest, GuestConsole, PrefixedLines, run_guests, take_turn

COUNT = "_start: li s0, {}\n1: addi s0, s0, -1\n bnez s0, 1b\n li t1, 0x100000\n li t2, 0x5555\n sw t2, (t1)\n"
LOOP = "_start: j _start"
STORM = "_start: la t0, _start\n csrw mtvec, t0\n ecall"
NO_HANDLER = "_start: ecall"
DEVICES = "_start: li t0, 0x10000000\n1: lbu t1, 5(t0)\n j 1b"
ATTACKS = {"loop": LOOP, "storm": STORM, "devices": DEVICES}


def guest(name: str, text: str, **options: object) -> Guest:
    share, limit = options.pop("share", 1), options.pop("limit", None)
    return Guest(name, from_text(text, technique="trap", **options), share, limit)  # type: ignore[arg-type]


def slice_of(one: Guest) -> int:
    return one.machine.engine.kind.steps_per_turn


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_neighbour_ends_as_it_would_alone(attack: str) -> None:
    alone = from_text(COUNT.format(3000), technique="trap")
    alone.run()
    victim, attacker = guest("a", COUNT.format(3000)), guest("b", ATTACKS[attack])
    rounds = 0
    while victim.end is None:
        for one in (attacker, victim):
            take_turn(one, seconds=60)
        rounds += 1
    assert rounds == -(-alone.cycle // slice_of(victim)), "as many turns as its steps need, whoever else there is"
    assert victim.end.reason is ExitReason.HALT and difference(state(alone), state(victim.machine)) == {}
    assert attacker.end is None


def test_steps_are_shared_as_asked() -> None:
    pair = [guest("a", LOOP, share=3, limit=None), guest("b", LOOP)]
    for _ in range(4):
        for one in pair:
            take_turn(one, now=lambda: 0.0, seconds=60)
    assert [one.machine.cycle for one in pair] == [12 * slice_of(pair[0]), 4 * slice_of(pair[1])]


def test_a_turn_that_takes_too_long_ends() -> None:
    clock = iter(range(100))
    one = guest("slow", STORM, share=50)
    take_turn(one, now=lambda: float(next(clock)))
    # The first look is at 1 s; 50 shares have 2.5 s.
    assert one.cut_turns == 1 and one.machine.cycle == 3 * slice_of(one) and one.end is None


def test_a_turn_of_slow_accesses_ends_after_one_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """An access that the host serves may take it long; the turn is over at once, not after 50,000 of them."""
    passed = [0.0]

    class Slow:
        def load(self, offset: int, width: int) -> int:
            passed[0] += TURN_SECONDS / 3
            return 0

    def now() -> float:
        return passed[0]

    monkeypatch.setattr("trapline.vm.run_loop.time", SimpleNamespace(monotonic=now))
    one = guest("slow", "_start: li t0, 0x20000000\n1: lw t1, (t0)\n j 1b")
    one.machine.on_mmio(0x20000000, 4096, Slow())
    for turn in range(1, 5):
        before = one.machine.cycle
        take_turn(one, now=now)
        assert one.cut_turns == turn and one.machine.cycle - before <= 12 and one.end is None
    assert passed[0] < 4 * 1.5 * TURN_SECONDS and one.seconds == pytest.approx(passed[0])


def test_quotas_and_ends() -> None:
    ended: list[str] = []
    trio = [guest("a", LOOP, limit=700), guest("b", COUNT.format(5)), guest("c", NO_HANDLER)]
    trio[2].machine.ends_trap_loops = True
    run_guests(trio, on_end=lambda one: ended.append(one.name))
    assert [one.end.reason for one in trio if one.end] == [ExitReason.LIMIT, ExitReason.HALT, ExitReason.TRAP_LOOP]
    assert trio[0].machine.cycle == 700 and sorted(ended) == ["a", "b", "c"]


def test_time_is_for_all_together() -> None:
    pair = [guest("a", LOOP), guest("b", COUNT.format(5))]
    run_guests(pair, timeout=0.2)
    assert [one.end.reason for one in pair if one.end] == [ExitReason.TIMEOUT, ExitReason.HALT]


ECHO = """
_start: li      t0, 0x10000000
        li      t1, 1
        sb      t1, 1(t0)                       # interrupt when there is input
        la      t2, awake
        csrw    mtvec, t2
        li      t1, 0xc000000
        li      t2, 1
        sw      t2, 40(t1)                      # priority of source 10
        li      t1, 0xc002000
        li      t2, 1 << 10
        sw      t2, (t1)
        li      t2, 1 << 11
        csrw    mie, t2
        wfi
awake:  lbu     a0, (t0)
        li      t1, 0x100000
        li      t2, 0x5555
        sw      t2, (t1)
"""


def test_a_guest_that_waits_for_input_does_not_make_others_wait() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as stream, open(writing, "wb", buffering=0) as sink:
        waiting = guest("waits", ECHO, console=GuestConsole(None, stream))
        other = guest("runs", COUNT.format(2000))
        while other.end is None:
            take_turn(waiting)
            take_turn(other)
        assert waiting.end is None and waiting.waiting
        sink.write(b"k")
        run_guests([waiting, other])
    assert waiting.end is not None and waiting.end.reason is ExitReason.HALT and waiting.machine.x["a0"] == ord("k")


def test_input_that_ends_ends_the_wait() -> None:
    one = guest("waits", ECHO, console=GuestConsole(None, io.BytesIO(b"")))
    run_guests([one], timeout=5)
    assert one.end is not None and one.end.reason is ExitReason.IDLE


def test_lines_of_a_console_are_distinct_and_cannot_be_forged() -> None:
    stream = io.BytesIO()
    one, other = PrefixedLines("one", stream), PrefixedLines("two", stream)
    one.write(b"he")
    other.write(b"I am\rone| forged\x1b[1A\n")
    one.write(b"llo\r\nrest")
    other.write(b"\ttab \xc3\xa9\n\n")
    one.close()
    other.close()
    assert stream.getvalue() == (b"two| I am^Mone| forged^[[1A\none| hello\ntwo| \ttab \xc3\xa9\ntwo| \none| rest\n")


def test_a_line_without_end_takes_no_memory() -> None:
    stream = io.BytesIO()
    PrefixedLines("a", stream).write(b"x" * 10_000)
    assert [len(line) for line in stream.getvalue().splitlines()] == [4096 + 3] * 2
