"""Going back: to any instruction, with input that was typed, changes that were made and breakpoints on the way."""

import io
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest

from trapline import Exit, ExitReason, Machine, Process
from trapline.vm.breakpoints import Breakpoint, Watchpoint
from trapline.vm.experiments.guests import GuestConsole
from trapline.vm.host.console import Console, Source, Stream
from trapline.vm.process import Result

ECHO = """
        .equ UART, 0x10000000
_start: li s0, UART
        li s2, 0
again:  lbu t0, 5(s0)
        andi t0, t0, 1
        addi s2, s2, 1
        beqz t0, again
        lbu t1, 0(s0)
store:  sb t1, 0(s0)
        la t2, count
        lw t3, 0(t2)
        addi t3, t3, 1
        sw t3, 0(t2)
        j again
        .data
count:  .word 0
"""


class Typist(Source):
    """A person who types a key now and then, by the number of times that the console looks."""

    interactive = True
    quit = False

    def __init__(self, keys: bytes, apart: int = 3) -> None:
        self.keys, self.apart, self.polls = list(keys), apart, 0

    def attached(self, unread: Callable[[], bytes]) -> AbstractContextManager[None]:
        return nullcontext()

    def poll(self, seconds: float) -> bytes | None:
        self.polls += 1
        if self.polls % self.apart or not self.keys:
            return b""
        return bytes((self.keys.pop(0),))


@pytest.fixture
def shown() -> io.BytesIO:
    """What the console has printed."""
    return io.BytesIO()


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, shown: io.BytesIO) -> Machine:
    """A machine that has echoed what was typed, with its history."""
    monkeypatch.setattr("trapline.vm.host.console.LOOK_INTERVAL", 0)
    machine = Machine.from_source(ECHO, memory=1 << 20, engine="python", console=Console(shown, Typist(b"hello")))
    history = machine.remember()
    history._apart = 700
    machine.run(max_instructions=10_000)
    assert machine.console.output == shown.getvalue() == b"hello"
    return machine


def test_every_moment_can_be_gone_back_to(typed: Machine, shown: io.BytesIO) -> None:
    digests = {}
    end = typed.cycle
    for cycle in (0, 1, 699, 700, 701, 1999, 2000, 2001, 5000, 9998, 9999):
        typed.back(typed.cycle - cycle) if cycle < typed.cycle else typed.run(max_instructions=cycle - typed.cycle)
        digests[cycle] = typed.digest(), typed.console.output
    for cycle, seen in reversed(digests.items()):
        typed.history.go_to(cycle)  # type: ignore[union-attr]
        assert (typed.digest(), typed.console.output) == seen
    typed.run(max_instructions=end)
    assert typed.console.output == shown.getvalue() == b"hello"


def test_back_to_breakpoints_last_first(typed: Machine) -> None:
    typed.breakpoints = {typed.symbols["store"]}
    letters = []
    while (exit := typed.run_back()).reason is ExitReason.BREAKPOINT:
        assert typed.pc == typed.symbols["store"]
        letters.append(chr(typed.x["t1"]))
    assert (exit.reason, "".join(letters), typed.cycle) == (ExitReason.BEGIN, "olleh", 0)
    forward = []
    while typed.run(max_instructions=9_000).reason is ExitReason.BREAKPOINT:
        forward.append(chr(typed.x["t1"]))
        if len(forward) == 5:
            break
    assert "".join(forward) == "hello"


def test_a_watched_access_right_before_a_checkpoint_is_found() -> None:
    """What stopped a run behind its last instruction belongs to the stretch before the checkpoint."""
    source = "_start: li t0, 0x80001000; li t1, 5; sw t1, 0(t0); nop; nop; park: j park"
    machine = Machine.from_source(source, memory=1 << 16, engine="python")
    history = machine.remember()
    machine.stops.add(Watchpoint(0x80001000))
    assert machine.run().reason is ExitReason.WATCHPOINT
    there = machine.cycle
    history.changed()
    machine.run(max_instructions=3)
    for _ in range(2):
        exit = history.run_back(undoing=True)
        assert (exit.reason, machine.cycle) == (ExitReason.WATCHPOINT, there)
    assert history.run_back().reason is ExitReason.BEGIN
    machine.run(max_instructions=3)


def test_going_back_asks_the_condition_of_a_breakpoint_at_a_checkpoint() -> None:
    machine = Machine.from_source("_start: nop; nop; park: j park", memory=1 << 16, engine="python")
    machine.remember()
    machine.run(max_instructions=5)
    machine.stops.add(Breakpoint(0x80000000, condition=lambda machine: False))
    assert machine.run_back().reason is ExitReason.BEGIN
    machine.run(max_instructions=5)
    breakpoint = machine.stops.add(Breakpoint(0x80000000))
    exit = machine.run_back()
    assert exit.hit is not None and exit.hit.stops == (breakpoint,) and machine.cycle == 0


def test_a_change_leads_another_way_and_is_remembered(typed: Machine) -> None:
    typed.breakpoints = {typed.symbols["store"]}
    typed.run_back()
    typed.run_back()
    place = typed.cycle
    assert typed.console.output == b"hel"
    typed.x["t1"] = ord("?")
    typed.history.changed()  # type: ignore[union-attr]
    typed.breakpoints = set()
    typed.run(max_instructions=9_000)
    end, digest = typed.cycle, typed.digest()
    assert typed.console.output == b"hel?o"
    typed.history.go_to(place - 5)  # type: ignore[union-attr]
    assert typed.console.output == b"hel"
    typed.run(max_instructions=end - typed.cycle)
    assert (typed.console.output, typed.digest()) == (b"hel?o", digest)


def test_a_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"one two")
    with (tmp_path / "input").open("rb") as file:
        machine = Machine.from_source(ECHO, memory=1 << 20, stdin=file, engine="python")
        machine.remember()
        machine.run(max_instructions=3_000)
        assert machine.console.output == b"one two"
        machine.back(2_950)
        assert machine.console.output != b"one two"
        machine.run(max_instructions=2_950)
        assert machine.console.output == b"one two"


def test_the_history_is_bounded() -> None:
    source = """
    _start: li s0, 0x80010000
    pass:   li t0, 0x80010000
            li t2, 0x80090000
    next:   sw s1, 0(t0)
            addi s1, s1, 1
            addi t0, t0, 1024
            bltu t0, t2, next
            j pass
    """
    machine = Machine.from_source(source, memory=1 << 20, engine="python")
    history = machine.remember(memory=4 << 20)
    history._apart = 500
    machine.run(max_instructions=60_000)
    assert history._size() <= 4 << 20 and len(history._checkpoints) < 40
    digest = machine.digest()
    machine.back(1)
    machine.step()
    assert machine.digest() == digest
    with pytest.raises(ValueError, match="not in the history"):
        history.go_to(70_000)


def test_typing_is_taken_as_a_stream_too() -> None:
    machine = Machine.from_source(ECHO, memory=1 << 20, stdin=io.BytesIO(b"abc"), engine="python")
    machine.remember()
    machine.run(max_instructions=500)
    assert machine.console.output == b"abc"
    assert isinstance(machine.console._source, Stream)


PROCESS = """
_start: li s0, 0
next:   addi sp, sp, -16
        li a0, 0
        mv a1, sp
        li a2, 1
        li a7, 63
        ecall
        beqz a0, done
        lbu t0, (sp)
        add s0, s0, t0
print:  li a0, 1
        mv a1, sp
        li a2, 1
        li a7, 64
        ecall
        j next
done:   mv a0, s0
        li a7, 93
        ecall
"""


def test_back_in_a_process() -> None:
    output = io.BytesIO()
    process = Process.from_source(PROCESS, stdin=io.BytesIO(b"abc"), stdout=output)
    machine = process.machine
    machine.remember()
    machine.breakpoints = {machine.symbols["print"]}
    seen = []
    for _ in range(3):
        assert isinstance(stop := process.resume(), Exit) and stop.reason is ExitReason.BREAKPOINT
        seen.append((machine.cycle, machine.digest(), output.getvalue()))
    result = process.resume()
    assert isinstance(result, Result) and result.exit_code == sum(b"abc") & 0xFF
    for cycle, digest, _ in reversed(seen):
        assert machine.run_back().reason is ExitReason.BREAKPOINT
        assert (machine.cycle, machine.digest()) == (cycle, digest)
    machine.breakpoints = set()
    assert process.resume() == replace(result, seconds=ANY)
    assert output.getvalue() == b"abc"


LONG = """
_start: la t0, count
again:  lw t1, 0(t0)
        addi t1, t1, 1
store:  sw t1, 0(t0)
        li t2, 20
        bne t1, t2, again
        ecall
park:   addi t3, t3, 1
        j park
        .data
count:  .word 0
"""
"""What is looked for lies far back, behind a long loop."""


class GivenUp(Exception):
    """Raised by whoever waits for a way back."""


@pytest.fixture
def long() -> Machine:
    machine = Machine.from_source(LONG, memory=1 << 16, engine="python")
    machine.on_trap(lambda machine, cause, tval: machine.retire_trap(machine.pc + 4) or True)
    machine.remember()
    for _ in range(10):
        machine.run(max_instructions=1000)
    return machine


@pytest.mark.parametrize("looks", range(1, 6))
def test_a_way_back_that_is_given_up(long: Machine, looks: int) -> None:
    """The machine stands where nothing later is a stop, and the way can be gone again."""
    history = long.remember()
    long.breakpoints = {long.symbols["store"]}
    end, seen = long.cycle, []

    def attend() -> None:
        seen.append(long.cycle)
        if len(seen) == looks:
            raise GivenUp

    history.attend = attend
    with pytest.raises(GivenUp):
        long.run_back()
    here = long.cycle
    assert 100 < here <= end
    exit = long.run(max_instructions=end - here)
    assert exit.reason is ExitReason.LIMIT and long.cycle == end
    history.attend = lambda: None
    assert long.run_back().reason is ExitReason.BREAKPOINT and long.x["t1"] == 20


def test_a_step_back_that_is_given_up_is_not_done(long: Machine) -> None:
    before = long.digest(), long.cycle

    def attend() -> None:
        raise GivenUp

    long.remember().attend = attend
    with pytest.raises(GivenUp):
        long.back(1500)
    assert (long.digest(), long.cycle) == before


def test_ctrl_c_ends_a_way_back(long: Machine) -> None:
    """Also where it comes while the past is repeated."""
    before = long.digest(), long.cycle

    def interrupt(machine: Machine, cause: int, tval: int) -> bool:
        raise KeyboardInterrupt

    long._exit_handler.trap_hooks.clear()
    long.on_trap(interrupt)
    with pytest.raises(KeyboardInterrupt):
        long.back(long.cycle - 400)
    assert (long.digest(), long.cycle) == before


def test_what_was_changed_is_changed_again_just_where_a_run_ends() -> None:
    machine = Machine.from_source(ECHO, memory=1 << 20, engine="python")
    history = machine.remember()
    machine.step(10)
    for value in (7, 8):
        machine.x["s5"] = value
        history.changed()
    machine.step(10)
    history.go_to(5)
    machine.step(5)
    assert machine.x["s5"] == 0
    history.renew()
    assert machine.x["s5"] == 8 and machine.cycle == 10


def test_another_future_is_printed(shown: io.BytesIO) -> None:
    """What is printed after a change comes to the screen, however much was printed there before."""
    source = "_start: li t0, 0x10000000\n li t1, 'a'\nstore: sb t1, (t0)\n sb t1, (t0)\npark: j park"
    machine = Machine.from_source(source, memory=1 << 16, engine="python", console=Console(shown, b""))
    history = machine.remember()
    machine.step(6)
    machine.back(4)
    machine.x["t1"] = ord("b")
    history.changed()
    machine.step(4)
    assert shown.getvalue() == b"aabb"


def test_a_guest_that_waited_beside_others_can_be_gone_back_past_its_waiting(shown: io.BytesIO) -> None:
    source = """
        .equ UART, 0x10000000
        .equ PLIC, 0x0c000000
_start: li s0, UART
        li s1, 1
        sb s1, 1(s0)
        li t0, PLIC
        sw s1, 40(t0)
        li t0, PLIC + 0x2000
        li t1, 1 << 10
        sw t1, (t0)
        li t0, 1 << 11
        csrw mie, t0
        wfi
        lbu t1, (s0)
park:   addi t2, t2, 1
        j park
"""
    console = GuestConsole(shown, Typist(b"x", apart=40))
    machine = Machine.from_source(source, memory=1 << 16, engine="python", console=console)
    machine.remember()
    exits = [machine.run(max_instructions=1000).reason for _ in range(30)]
    assert exits.count(ExitReason.IDLE) > 2 and machine.x["t1"] == ord("x")
    digest, cycle = machine.digest(), machine.cycle
    machine.remember().go_to(0)
    machine.remember().go_to(cycle)
    assert machine.digest() == digest


def test_many_changes_take_no_more_memory_than_they_may() -> None:
    """Each is a checkpoint that is not thinned out; the history begins later instead."""
    machine = Machine.from_source(LONG, memory=1 << 16, engine="python")
    history = machine.remember(memory=1 << 17)
    for value in range(50):
        machine.step(3)
        machine.x["s5"] = value
        history.changed()
    taken = sum(checkpoint.snapshot.records.size for checkpoint in history._checkpoints[1:])
    assert taken <= history._size() <= 1 << 17 and 0 < history.begin
    machine.run_back()
    assert machine.cycle == history.begin


def test_a_snapshot_has_no_room_for_empty_tlbs() -> None:
    machine = Machine.from_source(LONG, memory=1 << 16, engine="python", harts=2)
    assert machine.snapshot().records.harts.nbytes < 4096 < machine.engine.arrays.harts.nbytes
