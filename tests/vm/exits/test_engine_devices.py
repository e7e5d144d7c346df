"""The engine answers for devices as the host would, and leaves to it what changes something."""

import io
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from random import Random

import pytest

from support.board.accesses import FINISHER, PLIC, UART
from support.machines import from_text
from trapline import ExitReason, Machine
from trapline.vm.board.devices import Device
from trapline.vm.core.records import DEVICE_RANGES, OUTPUT_BYTES
from trapline.vm.exits.engine_devices import EngineDevices
from trapline.vm.host.console import Console

HALT = f"li t0, {FINISHER}\n li t1, 0x5555\n sw t1, (t0)\nstay: j stay\n"
SKIP = """
        .balign 4
skip:   csrr    a1, mepc
        addi    a1, a1, 4
        csrw    mepc, a1
        csrr    a1, mcause
        slli    a0, a0, 1
        xor     a0, a0, a1
        csrr    a1, mtval
        xor     a0, a0, a1
        mret
"""
TRAPS = "_start: la t0, skip\n csrw mtvec, t0\n"


def runs(machine: Machine) -> list[int]:
    """The statuses with which the engine has come back, as it runs."""
    seen: list[int] = []
    once = machine.engine.run

    def run(budget: int) -> int:
        seen.append(once(budget))
        return seen[-1]

    machine.engine.run = run  # type: ignore[method-assign]
    return seen


def random_accesses(random: Random, count: int) -> str:
    """Loads and stores of each width at the UART's registers, at other devices, between them and where nothing is."""
    lines = []
    places = [UART] * 12 + [UART + 8, UART + 0x100, PLIC, FINISHER, 0x10001000, 0, 0x40000000, 0x7FFFFFFC, 0x2000000]
    for _ in range(count):
        address = random.choice(places) + random.randrange(8)
        name = random.choice(["lb", "lbu", "lh", "lhu", "lw", "sb", "sb", "sh", "sw"])
        lines.append(f"li s1, {address}")
        if name.startswith("l"):
            lines.append(f"{name} t0, (s1)\n slli a0, a0, 1\n xor a0, a0, t0")
        elif FINISHER <= address < FINISHER + 8:
            continue
        else:
            value = random.choice([0, 1, 2, 3, 4, 7, 0x10, 0x80, 0xC1, 0x41, random.randrange(1 << 32)])
            lines.append(f"li t1, {value}\n {name} t1, (s1)")
    return "\n".join(lines)


def state(machine: Machine) -> tuple[object, ...]:
    board = machine.board
    assert board is not None
    uart = board.uart
    return (
        list(machine.x), machine.pc, machine.cycle, machine.instret, machine.trap_counts, machine.console.output,
        bytes(uart.registers), bytes(uart.divisor), uart.emptied, bytes(uart.looped), uart.holding, uart.overrun,
        board.plic.pending, machine.harts[0].h.lines,
    )  # fmt: skip


@pytest.mark.parametrize("technique", ["bare", "trap", "interpret"])
@pytest.mark.parametrize("seed", range(6))
def test_random_accesses_end_as_if_the_host_had_served_them(
    monkeypatch: pytest.MonkeyPatch, technique: str, seed: int
) -> None:
    random = Random(seed)
    text = f"{TRAPS} {random_accesses(random, 250)}\n{HALT}{SKIP}"
    stdin = [b"", b"some input", io.BytesIO(b"of a file")][seed % 3]
    ends = []
    for served in (False, True):
        if served:
            monkeypatch.setattr(EngineDevices, "publish", lambda *_: None)
        if isinstance(stdin, io.BytesIO):
            stdin.seek(0)
        machine = from_text(text, stdin=stdin, technique=technique)
        assert machine.run(max_instructions=100_000).reason is ExitReason.HALT
        ends.append(state(machine))
    assert ends[0] == ends[1]


def test_polling_and_printing_do_not_leave_the_engine() -> None:
    text = f"""
_start: li s0, {3 * OUTPUT_BYTES}
        li s1, {UART}
        li s2, 'x'
1:      lbu t0, 5(s1)
        andi t0, t0, 0x20
        beqz t0, 1b
        sb s2, (s1)
        addi s0, s0, -1
        bnez s0, 1b
        {HALT}"""
    machine = from_text(text)
    seen = runs(machine)
    assert machine.run(1_000_000).reason is ExitReason.HALT
    assert machine.console.output == b"x" * (3 * OUTPUT_BYTES)
    assert len(seen) <= 4 + 200  # plain Python runs in short slices


def test_an_access_to_nothing_does_not_leave_the_engine() -> None:
    machine = from_text(f"{TRAPS} li s1, 0x40000000\n" + "lw t0, (s1)\n sb t0, (s1)\n" * 50 + f"{HALT}{SKIP}")
    seen = runs(machine)
    assert machine.run(10_000).reason is ExitReason.HALT
    assert machine.trap_counts == {5: 50, 7: 50}
    assert len(seen) == 1


class Register:
    """A device of one register."""

    def __init__(self) -> None:
        self.value = 0

    def load(self, offset: int, width: int) -> int | None:
        return self.value if offset == 0 else None

    def store(self, offset: int, width: int, value: int) -> bool:
        self.value = value
        return True


@pytest.mark.parametrize("count", [1, DEVICE_RANGES, DEVICE_RANGES + 9])
def test_each_device_of_a_user_answers_however_many_there_are(count: int) -> None:
    devices: list[Device] = [Register() for _ in range(count)]
    stores = "\n".join(f"li s1, {0x20000000 + 4096 * i}\n li t0, {i + 1}\n sw t0, (s1)" for i in range(count))
    machine = from_text(f"{TRAPS} {stores}\n li s1, 0x30000000\n lw t0, (s1)\n{HALT}{SKIP}")
    machine.step(1)
    for number, device in enumerate(devices):
        machine.on_mmio(0x20000000 + 4096 * number, 8, device)
    assert machine.run(10_000).reason is ExitReason.HALT
    assert [device.value for device in devices] == list(range(1, count + 1))  # type: ignore[attr-defined]
    assert machine.trap_counts == {5: 1}


def test_ctrl_c_loses_nothing_that_was_printed() -> None:
    machine = from_text(f"_start: li s1, {UART}\n li t0, 'a'\n sb t0, (s1)\n1: j 1b")
    once = machine.engine.run

    def interrupted(budget: int) -> int:
        once(budget)
        raise KeyboardInterrupt

    machine.engine.run = interrupted  # type: ignore[method-assign]
    assert machine.run(1000).reason is ExitReason.INTERRUPTED
    assert machine.console.output == b"a"


class Raw(io.RawIOBase):
    """A file descriptor that counts writes."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.writes.append(bytes(data))  # type: ignore[call-overload]
        return len(self.writes[-1])


FLOOD = f"""
_start: li s0, 20000
        li s1, {UART}
        li s2, '\\n'
1:      sb s2, (s1)
        addi s0, s0, -1
        bnez s0, 1b
        {HALT}"""


def flood(raw: Raw) -> Machine:
    return from_text(FLOOD, stdout=io.BufferedWriter(raw))


def test_the_console_writes_in_pieces() -> None:
    raw = Raw()
    assert flood(raw).run().reason is ExitReason.HALT
    assert b"".join(raw.writes) == b"\n" * 20000
    assert len(raw.writes) < 1000


def test_output_stays_in_order_with_that_of_the_host() -> None:
    """What a trap hook prints comes after what the guest has printed before it."""
    machine = from_text(f"_start: li s1, {UART}\n li t0, 'a'\n sb t0, (s1)\n ebreak\n li t0, 'c'\n sb t0, (s1)\n{HALT}")

    def between(m: Machine, cause: int, tval: int) -> bool:
        m.console.write(b"b")
        m.retire_trap(m.pc + 4)
        return True

    machine.on_trap(between, causes=1 << 3)
    assert machine.run(1000).reason is ExitReason.HALT
    assert machine.console.output == b"abc"


def test_a_prompt_goes_out_while_the_guest_polls_for_an_answer() -> None:
    shown: list[bytes] = []

    class Person:
        interactive, quit = True, False

        def poll(self, seconds: float) -> bytes:
            if raw.writes:
                shown.append(b"".join(raw.writes))
                return b"y"
            return b""

        def attached(self, unread: Callable[[], bytes]) -> AbstractContextManager[None]:
            return nullcontext()

    raw = Raw()
    text = f"""
_start: li s1, {UART}
        li t0, '?'
        sb t0, (s1)
1:      lbu t0, 5(s1)
        andi t0, t0, 1
        beqz t0, 1b
        lbu a0, (s1)
        {HALT}"""
    machine = from_text(text, console=Console(io.BufferedWriter(raw), Person()))
    assert machine.run(50_000_000, timeout=30).reason is ExitReason.HALT
    assert machine.x["a0"] == ord("y") and shown[0] == b"?"


@pytest.mark.parametrize("engine", ["numba", "python"])
@pytest.mark.parametrize("technique", ["bare", "trap"])
def test_a_limit_of_output_stops_the_guest_at_the_store_that_exceeds_it(engine: str, technique: str) -> None:
    machine = from_text(FLOOD, engine=engine, technique=technique)
    machine.console.room = 1500
    end = machine.run()
    assert end.reason is ExitReason.OUTPUT
    assert machine.console.output == b"\n" * 1500
    assert machine.x["s0"] == 20000 - 1500 and machine.pc == machine.ram_base + 20, "behind the store"
