"""Each call of the SBI by itself: errors and effects as the SBI specification 2.0 has them.

The harts are records without a machine behind them: the SBI must not ask for more than its `Platform`.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.kernels.supervisor import ask
from trapline.vm.core.hart import HartView, new_harts
from trapline.vm.sbi import hsm
from trapline.vm.sbi.call import BASE, DBCN, HSM, IPI, RFENCE, SRST, TIME, Sbi
from trapline.vm.sbi.platform import Refused

MEMORY = range(0x1000, 0x5000)
FAILED, NOT_SUPPORTED, INVALID_PARAM, INVALID_ADDRESS, ALREADY_AVAILABLE = -1, -2, -3, -5, -6
WORDS = st.one_of(st.sampled_from([0, 1, 2, 0x1000, 0x4FFF, 0x5000, 0x80000000, 0xFFFFFFFF]), st.integers(0, 2**32 - 1))


class End(Exception):
    """The machine was shut down or reset."""


class Detached:
    """Four harts with 16 KiB of memory and no machine."""

    def __init__(self, harts: int = 4) -> None:
        records = new_harts(harts, 0)
        self.harts = [HartView(records[i : i + 1]) for i in range(harts)]
        self.memory = bytearray(len(MEMORY))
        self.timers: dict[int, int] = {}
        self.printed = bytearray()
        self.input = bytearray()

    def set_timer(self, hart: int, deadline: int) -> None:
        self.timers[hart] = deadline

    def put(self, data: bytes) -> None:
        self.printed += data

    def get(self) -> int | None:
        return self.input.pop(0) if self.input else None

    def is_memory(self, paddr: int, length: int) -> bool:
        return MEMORY.start <= paddr and paddr + length <= MEMORY.stop

    def read(self, paddr: int, length: int) -> bytes:
        assert self.is_memory(paddr, length)
        return bytes(self.memory[paddr - MEMORY.start : paddr - MEMORY.start + length])

    def write(self, paddr: int, data: bytes) -> None:
        assert self.is_memory(paddr, len(data))
        self.memory[paddr - MEMORY.start : paddr - MEMORY.start + len(data)] = data

    def load_word(self, h: Any, vaddr: int) -> int:
        if not self.is_memory(vaddr, 4):
            raise Refused(13, vaddr)
        return int.from_bytes(self.read(vaddr, 4), "little")

    def shut_down(self, failed: bool) -> None:
        raise End("failed" if failed else "off")

    def reset(self) -> None:
        raise End("reset")


@pytest.fixture
def platform():
    return running(Detached())


def running(platform: Detached) -> Detached:
    """Hart 0 in S mode, the others stopped."""
    for h in platform.harts:
        hsm.hand_over(h)
    hsm.enter(platform.harts[0], 0x1000, 0)
    return platform


@pytest.fixture
def call(platform):
    sbi = Sbi(platform)
    return lambda *arguments, hart=0: ask(sbi, platform.harts[hart], *arguments)


def test_base(call):
    assert call(BASE, 0) == (0, 2 << 24), "specification version 2.0"
    assert call(BASE, 1) == (0, 0x7472)
    assert call(BASE, 2)[0] == 0
    assert [call(BASE, function) for function in (4, 5, 6)] == [(0, 0)] * 3, "as mvendorid, marchid, mimpid"


@pytest.mark.parametrize("extension", [BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN, *range(9)])
def test_probing_finds_what_is_there(call, extension):
    assert call(BASE, 3, extension) == (0, 1)


@pytest.mark.parametrize("extension", [9, 0xF, 0x11, 0x504D55, 0x53555350, 0x0A000000, 0xFFFFFFFF])
def test_unknown_extensions_and_functions(call, extension):
    assert call(BASE, 3, extension) == (0, 0)
    assert call(extension, 0) == (NOT_SUPPORTED, 0)
    for known in (BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN):
        assert call(known, 100)[0] == NOT_SUPPORTED
    assert call(RFENCE, 3)[0] == NOT_SUPPORTED, "there is no hypervisor extension"


def test_a_call_goes_on_behind_it_and_keeps_the_other_registers(platform, call):
    h = platform.harts[0]
    for number in range(1, 32):
        h.x[number] = 1000 + number
    h.pc = 0x1234
    assert call(TIME, 0, 1, 2) == (0, 0)
    assert h.pc == 0x1238
    assert [h.x[n] for n in range(32) if n not in (*range(10, 18),)] == [0, *range(1001, 1010), *range(1018, 1032)]


def test_timer_takes_64_bits(platform, call):
    call(TIME, 0, 0x89ABCDEF, 0x01234567)
    assert platform.timers == {0: 0x0123456789ABCDEF}
    assert call(0, 0, 7, 1)[0] == 0, "legacy"
    assert platform.timers == {0: 0x1_0000_0007}


def start(call, *numbers):
    for number in numbers:
        assert call(HSM, 0, number, 0x1004, 7) == (0, 0)


def test_interrupts_reach_the_harts_named(platform, call):
    start(call, 1, 3)
    assert call(IPI, 0, 0b1010, 0) == (0, 0)
    assert [h.mip for h in platform.harts] == [0, 2, 0, 2]
    assert call(IPI, 0, 0b11, 2)[0] == 0, "hart 2 is stopped: there is nobody to interrupt"
    assert [h.mip for h in platform.harts] == [0, 2, 0, 2]
    assert call(IPI, 0, 0, 0xFFFFFFFF)[0] == 0, "all"
    assert [h.mip for h in platform.harts] == [2, 2, 0, 2]


@pytest.mark.parametrize("mask, base", [(1, 4), (0b10000, 0), (0b10, 3), (1, 0x7FFFFFFF), (2, 0xFFFFFFFE), (0, 4)])
@pytest.mark.parametrize("extension, function", [(IPI, 0), (RFENCE, 0), (RFENCE, 1), (RFENCE, 2)])
def test_unknown_harts(platform, call, extension, function, mask, base):
    for h in platform.harts:
        h.stale = 0
    assert call(extension, function, mask, base) == (INVALID_PARAM, 0)
    assert not any(h.mip or h.stale for h in platform.harts)


@pytest.mark.parametrize("function", [0, 1, 2])
def test_fences_reach_the_harts_named(platform, call, function):
    for h in platform.harts:
        h.stale = 0
    assert call(RFENCE, function, 0b101, 0, 0x1000, 0x1000, 1) == (0, 0)
    assert [h.stale for h in platform.harts] == [1, 0, 1, 0]


def test_a_hart_starts_as_the_specification_says(platform, call):
    h = platform.harts[2]
    h.mstatus, h.satp, h.mie, h.mip = 0x2, 0x80000000, 0x222, 2
    assert call(HSM, 2, 2) == (0, hsm.STOPPED)
    assert call(HSM, 0, 2, 0x2000, 0xABCD) == (0, 0)
    assert (h.pc, h.mode, h.x[10], h.x[11]) == (0x2000, 1, 2, 0xABCD)
    assert (h.satp, h.mstatus & 2, h.mie, h.mip, h.stopped, h.stale) == (0, 0, 0, 0, 0, 1)
    assert platform.timers == {2: 2**64 - 1}, "no timer of an earlier life"
    assert call(HSM, 2, 2) == (0, hsm.STARTED)
    assert call(HSM, 0, 2, 0x2000, 0) == (ALREADY_AVAILABLE, 0)


@pytest.mark.parametrize("address", [0, 0xFFC, 0x5000, 0x1002, 0x4FFE, 0xFFFFFFFC])
def test_addresses_where_no_hart_can_start(call, address):
    assert call(HSM, 0, 1, address, 0) == (INVALID_ADDRESS, 0)
    assert call(HSM, 3, 0x80000000, address, 0) == (INVALID_ADDRESS, 0)
    assert call(HSM, 2, 1) == (0, hsm.STOPPED)


def test_harts_by_wrong_numbers(call):
    assert call(HSM, 0, 4, 0x1000, 0) == (INVALID_PARAM, 0)
    assert call(HSM, 2, 4) == (INVALID_PARAM, 0)
    assert call(HSM, 0, 0, 0x1000, 0) == (ALREADY_AVAILABLE, 0), "itself"


def test_a_hart_stops(platform, call):
    start(call, 1)
    call(HSM, 1, hart=1)
    assert platform.harts[1].stopped == 1
    assert call(HSM, 2, 1) == (0, hsm.STOPPED)


def test_suspension(platform, call):
    start(call, 1)
    h = platform.harts[1]
    assert call(HSM, 3, 0, 0, 0, hart=1) == (0, 0)
    assert (h.waiting, h.pc) == (hsm.SUSPENDED_WAIT, 0x1008)
    assert call(HSM, 2, 1) == (0, hsm.SUSPENDED)
    h.waiting = 0
    assert call(HSM, 2, 1) == (0, hsm.STARTED)
    h.waiting = 1
    assert call(HSM, 2, 1) == (0, hsm.STARTED), "wfi is no suspension"


def test_suspension_that_loses_state_goes_on_elsewhere(platform, call):
    start(call, 1)
    h = platform.harts[1]
    h.mie, h.satp, h.mstatus = 0x20, 0x80000001, 2
    call(HSM, 3, 0x80000000, 0x3000, 0x55, hart=1)
    assert (h.pc, h.x[10], h.x[11], h.satp, h.mstatus & 2) == (0x3000, 1, 0x55, 0, 0)
    assert (h.waiting, h.mie) == (hsm.SUSPENDED_WAIT, 0x20), "what is enabled must be able to end it"


@pytest.mark.parametrize("kind", [1, 0x0FFFFFFF, 0x10000000, 0x80000001, 0xFFFFFFFF])
def test_unknown_kinds_of_suspension(platform, call, kind):
    assert call(HSM, 3, kind, 0x1000, 0) == (INVALID_PARAM, 0)
    assert platform.harts[0].waiting == 0


@pytest.mark.parametrize("kind, reason, end", [(0, 0, "off"), (0, 1, "failed"), (1, 0, "reset"), (2, 1, "reset")])
def test_reset(call, kind, reason, end):
    with pytest.raises(End, match=end):
        call(SRST, 0, kind, reason)


@pytest.mark.parametrize("kind, reason", [(3, 0), (0xF0000000, 0), (0, 2), (0, 0xE0000000), (0xFFFFFFFF, 0)])
def test_unknown_resets(call, kind, reason):
    assert call(SRST, 0, kind, reason) == (INVALID_PARAM, 0)


def test_debug_console(platform, call):
    platform.write(0x1000, b"Hello")
    assert call(DBCN, 0, 5, 0x1000, 0) == (0, 5)
    assert call(DBCN, 2, 0x121) == (0, 0)
    assert call(DBCN, 0, 0, 0x1000, 0) == (0, 0)
    assert platform.printed == b"Hello!"
    platform.input += b"abc"
    assert call(DBCN, 1, 2, 0x2000, 0) == (0, 2)
    assert call(DBCN, 1, 9, 0x2002, 0) == (0, 1)
    assert call(DBCN, 1, 9, 0x2003, 0) == (0, 0), "it does not wait"
    assert platform.read(0x2000, 4) == b"abc\0"


@pytest.mark.parametrize("count, low, high", [(1, 0xFFF, 0), (1, 0x5000, 0), (2, 0x4FFF, 0), (0xFFFFFFFF, 0x1000, 0),
                                              (1, 0x1000, 1), (0, 0x5001, 0), (0xFFFFFFFF, 0xFFFFFFFF, 0)])  # fmt: skip
def test_debug_console_outside_memory(platform, call, count, low, high):
    platform.input += b"x"
    assert call(DBCN, 0, count, low, high) == (INVALID_PARAM, 0)
    assert call(DBCN, 1, count, low, high) == (INVALID_PARAM, 0)
    assert (platform.printed, platform.input) == (b"", b"x")


def test_legacy_calls_leave_a1_alone(platform, call):
    platform.input += b"A"
    assert call(1, 0, ord("x"), 77) == (0, 77)
    assert call(2, 0, 0, 77) == (ord("A"), 77)
    assert call(2, 0, 0, 77) == (-1, 77), "no input"
    assert platform.printed == b"x"
    with pytest.raises(End, match="off"):
        call(8, 0)


def test_legacy_sets_of_harts_are_pointed_at(platform, call):
    start(call, 1, 2)
    platform.write(0x1100, (0b101).to_bytes(4, "little"))
    assert call(4, 0, 0x1100)[0] == 0
    assert [h.mip for h in platform.harts] == [2, 0, 2, 0]
    call(3, 0)
    assert [h.mip for h in platform.harts] == [0, 0, 2, 0]
    for h in platform.harts:
        h.stale = 0
    for function in (5, 6, 7):
        assert call(function, 0, 0x1100, 0, 0, 0)[0] == 0
    assert [h.stale for h in platform.harts] == [1, 0, 1, 0]
    assert call(4, 0, 0)[0] == 0, "no pointer: all"
    assert [h.mip for h in platform.harts] == [2, 2, 2, 0]


def test_a_bad_pointer_is_the_callers_fault(platform, call):
    platform.harts[0].pc = 0x1100
    with pytest.raises(Refused) as refusal:
        call(4, 0, 0x6000)
    assert (refusal.value.cause, refusal.value.tval) == (13, 0x6000)
    assert platform.harts[0].pc == 0x1100


@given(st.sampled_from([BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN, *range(10)]), st.integers(0, 7),
       st.lists(WORDS, min_size=6, max_size=6))  # fmt: skip
def test_no_call_does_more_than_answer(extension, function, arguments):
    platform = running(Detached())
    h = platform.harts[0]
    try:
        code, value = ask(Sbi(platform), h, extension, function, *arguments)
    except (End, Refused):
        return
    assert -9 <= code <= 255 and 0 <= value < 2**32
    for each in platform.harts:
        assert each.mode in (1, 3) and 0 <= each.pc < 2**32 and not each.pc & 3
