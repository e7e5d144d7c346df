"""Bytes that no gdb sends: mutated, random, damaged and endless packets have declared answers, and nothing grows.

2,000 of them, or 10^5 in a nightly run; without sockets, so that what is tried follows from the seed.
"""

import random
import tracemalloc

import pytest

from support.budget import NIGHTLY, seeds
from trapline import Machine
from trapline.vm.experiments.guests import Guest
from trapline.vm.gdb.actions import Back, BackToStop, Step
from trapline.vm.gdb.inferior import Inferior
from trapline.vm.gdb.packets import CHECKSUM_DIGITS, PACKET_SIZE, Kind, Reader, framed
from trapline.vm.gdb.runner import Runner
from trapline.vm.gdb.stub import Stub

PACKETS_PER_SEED = 2500 if NIGHTLY else 500
SOURCE = """
_start: li a0, 0x1234
        csrw mscratch, a0
loop:   addi a0, a0, 1
        j loop
"""
PACKETS = [
    b"qSupported:multiprocess+;swbreak+", b"!", b"?", b"g", b"p340", b"P5=12345678", b"m80000000,40",
    b"M80000100,2:abcd", b"X80000100,2:a}\x03", b"Z0,80000004,4", b"z1,80000004,4", b"Z2,80000100,4", b"Z4,80000104,8",
    b"vCont;s:p1.1;c", b"vCont;r80000000,80000008:p1.1", b"vCont;c:p2.-1", b"Hgp1.2", b"Hcp2.-1", b"T1",
    b"qThreadExtraInfo,p1.1", b"qXfer:features:read:target.xml:0,ffb", b"qRcmd,68656c70", b"bs", b"bc",
    b"qXfer:memory-map:read::0,40", b"qXfer:threads:read::0,40", b"C05;80000000", b"s", b"D;1", b"vAttach;2",
    b"Qqemu.PhyMemMode:1", b"QStartNoAckMode", b"vKill;1", b"qC", b"G" + b"00" * 132, b"qfThreadInfo",
    b"qRcmd," + b"walk 0x80000000".hex().encode(), b"qRcmd," + b"info registers".hex().encode(),
    b"qHostInfo", b"qProcessInfo", b"qRegisterInfo0", b"jThreadsInfo", b"QThreadSuffixSupported",
]  # fmt: skip
ERRORS = {"E14", "E22", "E00"}
HISTORY = 2 << 20
"""Bytes of the history of each guest: gdb changes much, and each change is a checkpoint."""
LONG = 0x5000
"""More bytes than a packet may have."""
MOST_GROWTH = 2 * HISTORY + (1 << 20)
"""Bytes that a run may hold in the end beyond what it held after its first tenth: histories,
and caches of Python and of the machine."""


def pieces(rng: random.Random) -> bytes:
    """Something to put into a packet."""
    return rng.choice([
        b"", b",", b";", b":", b"-", b"=", b"p", b".", b"-1", b"0", b"ffffffff", b"ffffffffffffffff", b"-80000000",
        b"f" * rng.choice((20, 5000)), b"* ", b"0*~", b"}", b"}}", b"}*", b"\0", b"\xff\xfe",
        bytes([rng.randrange(256)]), rng.randbytes(rng.randrange(12)), rng.choice(PACKETS),
    ])  # fmt: skip


def mutated(packet: bytes, rng: random.Random) -> bytes:
    """A packet with some of its bytes changed, doubled or gone, or cut off, or a random one."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.choice((1, 8, 100, LONG)))
    data = bytearray(packet)
    for _ in range(rng.randrange(4)):
        place = rng.randrange(len(data) + 1)
        data[place : place + rng.randrange(4)] = pieces(rng)
    return bytes(data[: rng.randrange(len(data) + 1)] if rng.random() < 0.1 else data)


def on_the_wire(packet: bytes, rng: random.Random) -> bytes:
    """A packet as it arrives: mostly whole, else with a wrong checksum, without an end, or between noise."""
    whole = framed(packet)
    return rng.choice([
        whole, whole, whole, whole, whole[:-1] + b"z", whole[:-CHECKSUM_DIGITS], whole[: rng.randrange(len(whole) + 1)],
        whole[1:], b"$" + whole, b"#" * rng.randrange(9) + whole, b"+-" * rng.randrange(9) + whole, b"\x03" + whole,
        b"$" + b"x" * LONG + whole, b"$" + b"0" * LONG + b"#",
    ])  # fmt: skip


class Debugged:
    """Two guests without a session. taken: packets that came through."""

    def __init__(self) -> None:
        self.machines = [
            Machine.from_source(SOURCE, memory=1 << 16, engine="python", harts=2),
            Machine.from_source(SOURCE, memory=1 << 16, engine="python", technique="trap"),
        ]
        for machine in self.machines:
            machine.remember(HISTORY)
        self.inferiors = [Inferior(n, Guest(f"guest {n}", machine)) for n, machine in enumerate(self.machines, 1)]
        self.runner = Runner(lambda: True, lambda seconds: None)
        self.reader, self.taken = Reader(), 0
        self.connect()

    def connect(self) -> None:
        """A debugger comes."""
        self.stub = Stub(self.inferiors, True)

    def feed(self, data: bytes, rng: random.Random) -> None:
        """Let bytes arrive in pieces, and answer them."""
        while data:
            size = rng.choice((1, 7, 100, 0x10000)) if len(data) < 1000 else 0x10000
            for arrival in self.reader.feed(data[:size]):
                if arrival.kind is Kind.PACKET:
                    self.take(arrival.data)
            data = data[size:]
            assert len(self.reader._data) <= PACKET_SIZE + 1 + CHECKSUM_DIGITS

    def take(self, packet: bytes) -> None:
        """Answer a packet, and do what it wants, if that is no run."""
        self.taken += 1
        answer = self.stub.answer(packet)
        assert answer.packets or answer.action is not None
        for text in answer.packets:
            assert len(text) <= PACKET_SIZE
            assert not text.startswith(b"E") or text.decode() in ERRORS, text
        action = answer.action
        if isinstance(action, Step | Back | BackToStop):
            inferior = self.inferiors[action.process - 1]
            inferior.settle()
            if isinstance(action, Step):
                stopped = self.runner.step(action, inferior, [])
            else:
                back = self.runner.back_to_stop if isinstance(action, BackToStop) else None
                stopped = back(inferior) if back else self.runner.back(action, inferior)  # type: ignore[arg-type]
            self.stub.stopped(stopped.inferior, stopped.exit, stopped.hart)


@pytest.mark.once
@pytest.mark.parametrize("seed", seeds(4))
def test_mutated_packets_have_answers_and_nothing_grows(seed: int) -> None:
    rng = random.Random(seed)
    debugged = Debugged()
    tracemalloc.start()
    try:
        warm = 0
        for number in range(PACKETS_PER_SEED):
            debugged.feed(on_the_wire(mutated(rng.choice(PACKETS), rng), rng), rng)
            if number % 50 == 49:  # it goes, and its breakpoints with it; another one comes
                debugged.stub.leave()
                assert not any(machine.stops for machine in debugged.machines)
                debugged.connect()
            if number == PACKETS_PER_SEED // 10:
                warm = tracemalloc.get_traced_memory()[0]
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert debugged.taken > PACKETS_PER_SEED // 4
    assert held - warm < MOST_GROWTH, (warm, held, peak)
