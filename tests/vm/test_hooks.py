"""Hooks of the Python API: before exceptions of the guest, and devices that Python serves."""

from typing import Any

import pytest

from trapline import ExitReason, Machine
from trapline.vm.board.devices import Halt

RAM = 0x80000000
DEVICE = 0x40000000

TRAPS = """
_start: la      t0, handler
        csrw    mtvec, t0
first:  ecall
second: ebreak
third:  .word   0
fourth: lw      a0, 2(zero)             # no RAM: address 2, a load access fault at the bus
        li      t0, 0x50000000
fifth:  sw      a0, 4(t0)
        li      t0, 0x02008000          # within the CLINT, where there are words only
sixth:  lbu     a0, (t0)
        csrw    mtvec, zero
end:    j       end
handler:
        addi    s0, s0, 1
        csrr    t1, mepc
        addi    t1, t1, 4
        csrw    mepc, t1
        mret
"""


class Register:
    """A word of memory that records its accesses. Offset 8 faults, offset 12 ends the run."""

    def __init__(self) -> None:
        self.value = 0
        self.seen: list[tuple[Any, ...]] = []

    def load(self, offset: int, width: int) -> int | None:
        self.seen.append((offset, width))
        return None if offset == 8 else self.value

    def store(self, offset: int, width: int, value: int) -> bool:
        self.seen.append((offset, width, value))
        if offset == 12:
            raise Halt(value)
        self.value = value
        return offset != 8


def with_device(text: str, board: bool = True) -> tuple[Machine, Register]:
    machine = Machine.from_source(text, memory=1 << 20, board=board)
    device = Register()
    machine.on_mmio(DEVICE, 16, device)
    return machine, device


def test_each_exception_is_shown_before_the_guest_takes_it() -> None:
    machine = Machine.from_source(TRAPS, memory=1 << 20)
    seen = []

    def hook(m: Machine, cause: int, tval: int) -> None:
        assert m is machine and sum(m.trap_counts.values()) == len(seen), "not taken yet"
        seen.append((cause, tval, m.pc))

    machine.on_trap(hook)
    machine.run(max_instructions=100)
    at = machine.symbols
    expected = [
        (11, 0, at["first"]),
        (3, at["second"], at["second"]),
        (2, 0, at["third"]),
        (5, 2, at["fourth"]),
        (7, 0x50000004, at["fifth"]),
        (5, 0x02008000, at["sixth"]),
    ]
    assert seen == expected
    assert machine.x["s0"] == 6, "and the guest handled all of them"
    assert machine.trap_counts == {11: 1, 3: 1, 2: 1, 5: 2, 7: 1}


def test_hooks_change_nothing() -> None:
    plain, hooked = (Machine.from_source(TRAPS, memory=1 << 20) for _ in range(2))
    hooked.on_trap(lambda m, cause, tval: None)
    plain.run(max_instructions=100)
    hooked.run(max_instructions=100)
    assert plain.digest() == hooked.digest()
    assert plain.instret == hooked.instret and plain.trap_counts == hooked.trap_counts


def test_a_hook_chooses_its_causes() -> None:
    machine = Machine.from_source(TRAPS, memory=1 << 20)
    seen: list[str] = []
    machine.on_trap(lambda m, cause, tval: seen.append(f"one {cause}"), causes=1 << 2 | 1 << 3)
    machine.on_trap(lambda m, cause, tval: seen.append(f"two {cause}"), causes=1 << 3 | 1 << 7)
    machine.run(max_instructions=100)
    assert seen == ["one 3", "two 3", "one 2", "two 7"]


def test_a_hook_sees_what_then_stops_the_run() -> None:
    machine = Machine.from_source(TRAPS, memory=1 << 20)
    seen: list[int] = []
    machine.on_trap(lambda m, cause, tval: seen.append(cause))
    machine.host_traps = 1 << 3
    exit = machine.run(max_instructions=100)
    assert exit.reason is ExitReason.TRAP and exit.cause == 3 and seen == [11, 3]


def test_a_hook_may_repair_what_the_guest_sees() -> None:
    machine = Machine.from_source(TRAPS, memory=1 << 20)
    machine.on_trap(lambda m, cause, tval: m.x.__setitem__("a5", 10 + m.x["a5"]), causes=1 << 11)
    machine.run(max_instructions=100)
    assert machine.x["a5"] == 10


def test_what_a_hook_raises_comes_out_of_run() -> None:
    machine = Machine.from_source(TRAPS, memory=1 << 20)

    def hook(m: Machine, cause: int, tval: int) -> None:
        raise RuntimeError("enough")

    machine.on_trap(hook, causes=1 << 3)
    with pytest.raises(RuntimeError, match="enough"):
        machine.run(max_instructions=100)
    assert machine.pc == machine.symbols["second"]


ACCESSES = f"""
_start: li      t0, {DEVICE}
        li      t1, 0x89abcdef
        sw      t1, (t0)
        lw      a0, 4(t0)
        lh      a1, 2(t0)
        lhu     a2, 2(t0)
        lb      a3, 3(t0)
        lbu     a4, 3(t0)
        lw      zero, (t0)
        sh      t1, 4(t0)
        sb      t1, 5(t0)
end:    j       end
"""


@pytest.mark.parametrize("board", [True, False])
def test_accesses_reach_the_device(board: bool) -> None:
    machine, device = with_device(ACCESSES, board)
    machine.run(max_instructions=100)
    assert device.seen == [
        (0, 4, 0x89ABCDEF), (4, 4), (2, 2), (2, 2), (3, 1), (3, 1), (0, 4), (4, 2, 0xCDEF), (5, 1, 0xEF)
    ]  # fmt: skip
    # The device answers with its whole value; an access takes the width that it has, sign-extended or not.
    assert [machine.x[f"a{i}"] for i in range(5)] == [0x89ABCDEF, 0xFFFFCDEF, 0xCDEF, 0xFFFFFFEF, 0xEF]
    assert machine.x[0] == 0 and machine.trap_counts == {} and machine.instret == 100


@pytest.mark.parametrize("board", [True, False])
@pytest.mark.parametrize(
    ("access", "cause", "tval"),
    [
        ("lw a0, 8(t0)", 5, DEVICE + 8),  # the device refuses
        ("sw a0, 8(t0)", 7, DEVICE + 8),
        ("lw a0, 16(t0)", 5, DEVICE + 16),  # past its end
        ("sb a0, -1(t0)", 7, DEVICE - 1),
        ("amoadd.w a0, a0, (t0)", 7, DEVICE),  # atomics reach RAM only
        ("lr.w a0, (t0)", 5, DEVICE),
    ],
)
def test_a_refused_access_is_a_fault(board: bool, access: str, cause: int, tval: int) -> None:
    machine, _ = with_device(f"_start: li t0, {DEVICE}\n li a0, 7\n here: {access}", board)
    machine.host_traps = 0xFFFF
    exit = machine.run(max_instructions=100)
    assert (exit.reason, exit.cause, exit.tval) == (ExitReason.TRAP, cause, tval)
    assert exit.pc == machine.symbols["here"]
    assert machine.x["a0"] == 7


def test_a_device_ends_the_run_after_the_store() -> None:
    machine, _ = with_device(f"_start: li t0, {DEVICE}\n li t1, 9\n sw t1, 12(t0)\n after: nop")
    exit = machine.run(max_instructions=100)
    assert exit.reason is ExitReason.HALT and exit.code == 9 and exit.pc == machine.symbols["after"]
    assert machine.instret == 3


def test_a_machine_without_board_has_no_clint_and_no_uart() -> None:
    for address in (0x2000000, 0x200BFF8, 0x10000000, 0x100000, 0xC000000):
        machine, device = with_device(f"_start: li t0, {address}\n lw a0, (t0)", board=False)
        machine.host_traps = 1 << 5
        assert machine.run(max_instructions=100).tval == address
        assert device.seen == []


@pytest.mark.parametrize(
    ("base", "size"),
    [
        (RAM, 4),  # RAM
        (RAM - 4, 8),
        (RAM + (1 << 20) - 4, 4),
        (0x2000000, 0x10000),  # CLINT
        (0x200BFFC, 8),
        (0x10000000, 1),  # UART
        (0x0FFFFFFF, 2),
        (0xC000000, 4),  # PLIC
        (0x100000, 4),  # finisher
        (DEVICE + 12, 4),  # the other hook
        (0x50000000, 0),  # nothing
        (0x50000000, -4),
        (0xFFFFFFFC, 8),  # beyond what a hart can address
        (-4, 4),
    ],
)
def test_a_range_that_could_never_be_served_is_refused(base: int, size: int) -> None:
    machine, _ = with_device("_start: nop")
    with pytest.raises(ValueError, match="device range"):
        machine.on_mmio(base, size, Register())


def test_neighbours_do_not_overlap() -> None:
    machine, device = with_device(f"_start: li t0, {DEVICE}\n lw a0, 16(t0)\n lw a1, -4(t0)\n lw a2, 12(t0)")
    after, before = Register(), Register()
    machine.on_mmio(DEVICE + 16, 4, after)
    machine.on_mmio(DEVICE - 4, 4, before)
    machine.run(max_instructions=4)
    assert after.seen == before.seen == [(0, 4)] and device.seen == [(12, 4)]


def test_a_hook_that_answers_true_has_served_the_exception():
    """The guest does not take it, and the run goes on; other hooks and the host see nothing of it."""
    machine = Machine.from_source("_start: li a0, 1\n ecall\n li a1, 2\n 1: j 1b")
    seen = []

    def serve(m, cause, tval):
        m.x["a0"] += 41
        m.retire_trap(m.pc + 4)
        return True

    machine.on_trap(serve, causes=1 << 11)
    machine.on_trap(lambda m, cause, tval: seen.append(cause))
    machine.host_traps = 1 << 11
    assert machine.run(10).reason is ExitReason.LIMIT
    assert (machine.x["a0"], machine.x["a1"], seen) == (42, 2, [])
    assert machine.trap_counts == {}
