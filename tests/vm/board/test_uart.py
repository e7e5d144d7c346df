"""The UART against QEMU's: every register, interrupt identification, loopback, input; and its line to the PLIC."""

import random
from pathlib import Path

import pytest

from support.board.accesses import PLIC, UART, Ask, Note, ask_here, assert_same
from support.budget import seeds
from support.gnu import Find
from trapline.vm.board.uart import Uart
from trapline.vm.host.console import Console

DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR = range(UART, UART + 8)
FCR = IIR
REGISTERS = tuple(range(8))


def values(asks: list[Ask], stdin: bytes = b"") -> list[int]:
    """The values read here; no access may fault."""
    _, notes = ask_here(asks, stdin)
    assert not any(note.cause for note in notes)
    return [note.value for ask, note in zip(asks, notes, strict=True) if ask.kind[0] in "lm"]


def read(address: int) -> Ask:
    return Ask("lbu", address)


def write(address: int, value: int) -> Ask:
    return Ask("sb", address, value)


def test_every_register_after_reset(tool: Find, tmp_path: Path) -> None:
    asks = [
        Ask(kind, UART + offset)
        for offset in range(16)
        for kind in ("lb", "lbu", "lh", "lhu", "lw")
        if offset % {"b": 1, "h": 2, "w": 4}[kind[1]] == 0
    ]
    notes = assert_same(tool, tmp_path, asks)
    assert {ask.address for ask, note in zip(asks, notes, strict=True) if note.cause} == set(range(UART + 8, UART + 16))
    assert {note.cause for note in notes} == {0, 5}


def test_every_register_after_each_write(tool: Find, tmp_path: Path) -> None:
    asks = []
    for offset in range(1, 12):
        for value in (0, 0xFF, 0x5A5A5A5A, 0x1F, 3):
            for kind, width in (("sb", 1), ("sh", 2), ("sw", 4)):
                if offset % width == 0:
                    asks += [Ask(kind, UART + offset, value), read(UART + offset)]
                    asks += [write(LCR, 3), write(MCR, 0), *(read(UART + other) for other in range(1, 8))]
    assert_same(tool, tmp_path, asks)


@pytest.mark.parametrize("seed", seeds(3))
def test_random_accesses(seed: int, tool: Find, tmp_path: Path) -> None:
    """Loads and stores of any register, claims and completions; the PLIC's line and what is pending after each."""
    rng = random.Random(seed)
    asks = [Ask("sw", PLIC + 0x2000, 1 << 10), Ask("sw", PLIC + 40, 1)]
    for _ in range(800):
        value = rng.choice((0, 1, 2, 3, 7, 0x10, 0x80, 0x83, rng.getrandbits(8)))
        address = UART + rng.randrange(8)
        if address == FCR:
            value &= 0x3F  # a higher trigger level delays the interrupt there by characters' times, which are 0 here
        asks.append(Ask(rng.choice(("lbu", "sb")), address, value))
        if rng.random() < 0.3:
            asks.append(rng.choice((Ask("lw", PLIC + 0x200004), Ask("sw", PLIC + 0x200004, 10))))
        asks += [Ask("mip"), Ask("lw", PLIC + 0x1000)]
    assert_same(tool, tmp_path, asks)


def test_input_arrives_in_order(tool: Find, tmp_path: Path) -> None:
    text = b"The quick brown fox\n"
    asks = [write(IER, 1), Ask("sw", PLIC + 0x2000, 1 << 10), Ask("sw", PLIC + 40, 1)]
    for _ in text:
        asks += [Ask("received"), read(LSR), read(IIR), Ask("mip"), read(DATA)]
    asks += [read(LSR), read(IIR), read(DATA)]
    notes = assert_same(tool, tmp_path, asks, stdin=text)
    assert bytes(note.value for note in notes[7:-3:5]) == text
    assert notes[-3:] == [Note(0x60), Note(1), Note(text[-1])]


def test_divisor_latch_hides_data_and_ier() -> None:
    asks = [
        write(IER, 5), write(LCR, 0x83), write(DATA, 0x34), write(IER, 0x12), read(DATA), read(IER),
        write(LCR, 3), read(IER), write(LCR, 0x80), read(DATA), read(IER), write(LCR, 0), read(DATA),
    ]  # fmt: skip
    printed, _ = ask_here(asks)
    assert values(asks, b"Z") == [0x34, 0x12, 5, 0x34, 0x12, ord("Z")]
    assert printed == b"", "the divisor is not transmitted"


def test_interrupt_identification() -> None:
    # Enabled transmitter-empty asks at once; reading IIR, when it reports that, withdraws it.
    assert values([read(IIR), write(IER, 2), read(IIR), read(IIR)]) == [1, 2, 1]
    # A received byte comes first, and reading IIR does not take it away.
    asks = [write(IER, 3), read(IIR), read(IIR), read(DATA), read(IIR), read(IIR)]
    assert values(asks, b"x") == [4, 4, ord("x"), 2, 1]
    # What is not enabled does not ask.
    assert values([read(IIR), read(LSR)], b"x") == [1, 0x61]
    # Bits 7 and 6 say that the FIFOs are on.
    assert values([write(FCR, 1), read(IIR), write(FCR, 0), read(IIR)]) == [0xC1, 1]


@pytest.mark.parametrize("bits, level", [(0, 1), (1, 4), (2, 8), (3, 14)])
def test_the_trigger_level(bits: int, level: int) -> None:
    """Data is reported from the level on; below it the timeout is, until nothing is left."""
    asks = [write(FCR, bits << 6 | 1), write(IER, 1)]
    for _ in range(16):
        asks += [read(IIR), read(DATA)]
    found = values([*asks, read(IIR)], bytes(16))[::2]
    assert found == [0xC4] * (17 - level) + [0xCC] * (level - 1) + [0xC1]


def test_without_the_fifo_there_is_no_trigger_level() -> None:
    assert values([write(FCR, 0xC0), write(IER, 1), read(IIR), read(DATA), read(IIR)], b"x") == [4, ord("x"), 1]


def test_the_trigger_level_in_loopback() -> None:
    asks = [write(FCR, 0x41), write(MCR, 0x10), write(IER, 1)]
    for _ in range(5):
        asks += [write(DATA, 7), read(IIR)]
    assert values([*asks, read(DATA), read(DATA), read(IIR)]) == [0xCC, 0xCC, 0xCC, 0xC4, 0xC4, 7, 7, 0xCC]


def test_ier_has_four_bits_and_scratch_eight() -> None:
    assert values([write(IER, 0xFF), read(IER), write(SCR, 0xA5), read(SCR)]) == [0x0F, 0xA5]


@pytest.mark.parametrize("address", [LSR, MSR])
def test_status_registers_ignore_writes(address: int) -> None:
    before, after = values([read(address), write(address, 0), write(address, 0x0F), read(address)])
    assert before == after != 0


def test_loopback(tool: Find, tmp_path: Path) -> None:
    asks = [write(FCR, 1), write(MCR, 0x10), *(write(DATA, 65 + i) for i in range(18)), read(LSR), read(LSR)]
    asks += [read(DATA) for _ in range(17)]
    for control in range(0x10, 0x20):
        asks += [write(MCR, control), read(MSR)]
    asks += [write(MCR, 0), read(MSR), write(DATA, ord("!"))]
    notes = assert_same(tool, tmp_path, asks)
    assert bytes(note.value for note in notes[22:38]) == bytes(range(65, 81)), "sixteen bytes fit"
    assert (notes[20].value, notes[21].value) == (0x63, 0x61), "and the loss of more is told once"


def test_a_fifo_reset_keeps_what_has_not_arrived() -> None:
    # Programs often reset the FIFOs first; input that waits on a pipe should survive it.
    assert values([write(FCR, 7), read(DATA)], b"k") == [ord("k")]


def test_every_byte_is_transmitted() -> None:
    printed, _ = ask_here([write(DATA, byte) for byte in range(256)])
    assert printed == bytes(range(256))


def test_registers_hold_bytes_only() -> None:
    uart = Uart(Console())
    for offset in REGISTERS:
        assert uart.store(offset, 4, 0xFFFFFFFF)
    uart.store(3, 1, 0)
    for offset in REGISTERS:
        loaded = uart.load(offset, 4)
        assert loaded is not None and 0 <= loaded <= 0xFF


def test_the_line_reaches_the_plic_and_mip() -> None:
    asks = [
        Ask("sw", PLIC + 40, 1), Ask("sw", PLIC + 0x2000, 1 << 10), Ask("mip"), write(IER, 1), Ask("mip"),
        Ask("lw", PLIC + 0x200004), Ask("mip"), read(DATA), Ask("sw", PLIC + 0x200004, 10), Ask("mip"),
    ]  # fmt: skip
    assert values(asks, b"q") == [0, 1 << 11, 10, 0, ord("q"), 0]
