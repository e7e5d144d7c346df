"""A service that moves much pauses for the limits of the run, and a guest cannot tell."""

import io
import os
from types import SimpleNamespace

import pytest

from trapline import ExitReason, Machine
from trapline.vm import run_loop
from trapline.vm.board import htif
from trapline.vm.boot.semihosting import SemihostedKernel
from trapline.vm.host.console import Console
from trapline.vm.hypervisor.host.event_ring import Event
from trapline.vm.process import semihosting

SIZE, PIECE = 5_000, 512
"""Bytes that a guest prints in one go, and in how large pieces."""
LIMIT = 50_000
HALT = "li t0, 0x100000\n li t1, 0x5555\n sw t1, (t0)\n2: j 2b\n"
TEXT = f'.balign 8\ntext: .rept {SIZE // 10}\n .ascii "0123456789"\n .endr\n .byte 0\n'
HTIF = f"""
_start: la      s0, tohost
        la      t0, call
        sw      t0, (s0)
        sw      zero, 4(s0)
        la      s1, fromhost
1:      lw      t0, (s1)
        beqz    t0, 1b
        lw      a0, call
        {HALT}
        .data
        .balign 64
tohost: .dword  0
fromhost: .dword 0
call:   .dword  64, 1, text, {SIZE}
        {TEXT}
"""
SEMIHOSTED = """
_start: li      a0, {operation}
        la      a1, {argument}
        .balign 16
        slli    x0, x0, 0x1f
        ebreak
        srai    x0, x0, 7
        {halt}
        .data
        .balign 8
block:  .word   2, text, {size}
        {text}
"""
GUESTS = {
    "HTIF": HTIF,
    "write": SEMIHOSTED.format(operation=5, argument="block", size=SIZE, halt=HALT, text=TEXT),
    "write0": SEMIHOSTED.format(operation=4, argument="text", size=SIZE, halt=HALT, text=TEXT),
}


def machine_of(name: str, **options: object) -> Machine:
    machine = Machine.from_source(GUESTS[name], memory=1 << 16, **options)  # type: ignore[arg-type]
    if name != "HTIF":
        SemihostedKernel(machine, [])
    return machine


def logging(name: str, technique: str) -> tuple[Machine, list[Event]]:
    """A machine, and the list of its events, which a bare one has none of."""
    machine, found = machine_of(name, technique=technique, events=True), []  # type: tuple[Machine, list[Event]]
    if machine.engine.ring is not None:
        machine.engine.ring.sinks.append(lambda batch: found.extend(batch.events()))
    return machine, found


def state(machine: Machine) -> tuple[object, ...]:
    return bytes(machine.ram), list(machine.harts[0].x), machine.pc, machine.cycle, machine.console.output


@pytest.fixture
def prints(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Services pause after each piece; the list gets what is printed, and 0 for a look at the clock."""
    found: list[int] = []
    write = Console.write

    def noting(console: Console, data: bytes) -> None:
        found.append(len(data))
        write(console, data)

    def look() -> int:
        found.append(0)
        return found.count(0)

    monkeypatch.setattr(Console, "write", noting)
    monkeypatch.setattr(htif, "PIECE", PIECE)
    monkeypatch.setattr(semihosting, "PIECE", PIECE)
    monkeypatch.setattr(run_loop, "time", SimpleNamespace(monotonic=look))
    return found


@pytest.mark.parametrize("technique", ["bare", "trap"])
@pytest.mark.parametrize("name", GUESTS)
def test_pieces_change_nothing(name: str, technique: str, prints: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is cut; and between two looks at the clock two pieces are moved at most."""
    cut, events = logging(name, technique)
    assert cut.run(LIMIT, timeout=1e6).reason is ExitReason.HALT
    assert sum(prints) == SIZE
    assert all(0 in prints[at : at + 3] for at in range(len(prints) - 2))
    for module in (htif, semihosting):
        monkeypatch.setattr(module, "PIECE", 2 * SIZE)
    whole, expected = logging(name, technique)
    assert whole.run(LIMIT).reason is ExitReason.HALT
    assert state(cut) == state(whole) and len(whole.console.output) == SIZE
    assert events == expected


@pytest.mark.parametrize("name", GUESTS)
def test_a_time_limit_in_between(name: str, prints: list[int]) -> None:
    """The run ends in the middle of it, and the next one goes on; a limit in steps finds it done."""
    cut, stepped = machine_of(name), machine_of(name)
    ends = 0
    while cut.run(LIMIT, timeout=3).reason is ExitReason.TIMEOUT:
        ends += 0 < len(cut.console.output) < SIZE
    assert ends and cut.console.output == stepped_through(stepped)
    assert state(cut) == state(stepped)


def stepped_through(machine: Machine) -> bytes:
    """The output of a machine that is run step by step, which prints all or nothing in each."""
    while machine.step().reason is ExitReason.LIMIT:
        assert len(machine.console.output) in (0, SIZE)
    return machine.console.output


def test_a_limit_on_output_and_what_a_program_hears(prints: list[int]) -> None:
    machine = machine_of("HTIF")
    machine.console.room = PIECE + 1
    assert machine.run(LIMIT).reason is ExitReason.OUTPUT
    assert len(machine.console.output) == PIECE + 1
    assert machine.read(machine.symbols["call"], 8) == PIECE.to_bytes(8, "little"), "the last piece was cut"


@pytest.mark.parametrize("name", GUESTS)
def test_a_reader_that_sleeps_does_not_hold_up_a_limit(name: str) -> None:
    reader, writer = os.pipe()
    with open(reader, "rb", 0) as pipe, open(writer, "wb") as stdout:
        machine = machine_of(name, stdout=stdout)
        room = os.write(writer, b"x" * 4096)
        os.set_blocking(writer, False)
        while room % 4096 == 0:
            try:
                room += os.write(writer, b"x" * 4096)
            except BlockingIOError:
                break
        os.set_blocking(writer, True)
        assert machine.run(LIMIT, timeout=0.01).reason is ExitReason.TIMEOUT
        read = b""
        while len(read) < room:
            read += pipe.read(room - len(read))
        assert machine.run(LIMIT).reason in (ExitReason.HALT, ExitReason.LIMIT)
        printed = b""
        while len(printed) < SIZE:
            printed += pipe.read(SIZE)
        assert printed == machine.console.output


def test_a_machine_without_streams_has_nothing_to_wait_for() -> None:
    machine = Machine.from_source(f"_start: {HALT}", memory=1 << 16, stdout=io.BytesIO())
    assert machine.run(LIMIT).reason is ExitReason.HALT


@pytest.mark.parametrize("name", GUESTS)
def test_a_snapshot_in_between_finds_it_done(name: str, prints: list[int]) -> None:
    cut = machine_of(name)
    while not cut.console.output:
        cut.run(LIMIT, timeout=3)
    assert len(cut.console.output) < SIZE
    snapshot = cut.snapshot()
    assert len(cut.console.output) == SIZE
    assert cut.run(LIMIT).reason is ExitReason.HALT
    ended = state(cut)
    cut.restore(snapshot)
    assert cut.run(LIMIT).reason is ExitReason.HALT and state(cut) == ended
