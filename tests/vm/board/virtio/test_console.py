"""The console and entropy devices (VIRTIO 1.2, 5.3 and 5.4)."""

import hashlib

import pytest

from support.board.virtio_driver import AVAILABLE, DATA, TABLE, USED, WRITE, Driver
from trapline.vm.board.virtio.console import VirtioConsole
from trapline.vm.board.virtio.entropy import REQUEST_LIMIT, Entropy, Seeded
from trapline.vm.host.console import Console

RECEIVE, TRANSMIT = 0, 1


class Endless:
    """Input that never ends."""

    def read1(self, count: int) -> bytes:
        return b"y" * count

    read = read1

    def fileno(self) -> int:
        raise OSError


def started(queue: int, stdin: bytes = b"", legacy: bool = False) -> Driver:
    driver = Driver(VirtioConsole(Console(None, stdin)), legacy)
    driver.start(queues=(queue,))
    return driver


def printed(driver: Driver) -> bytes:
    assert isinstance(driver.device, VirtioConsole)
    return driver.device.console.output


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
def test_transmit(legacy: bool) -> None:
    driver = started(TRANSMIT, legacy=legacy)
    driver.ram.write(DATA, b"hello, world\n")
    assert driver.send((DATA, 5, 0), (DATA + 5, 8, 0), queue=TRANSMIT) == [(0, 0)]
    assert printed(driver) == b"hello, world\n"
    assert driver.slot.interrupt()


def test_a_large_buffer_is_printed_whole() -> None:
    driver = started(TRANSMIT)
    driver.ram.write(DATA, bytes(range(256)) * 128)
    driver.send((DATA, 256 * 128, 0), queue=TRANSMIT)
    assert printed(driver) == bytes(range(256)) * 128


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
def test_receive(legacy: bool) -> None:
    """Two buffers for seven bytes of input, then one that waits."""
    driver = started(RECEIVE, b"abcdefg", legacy)
    driver.describe(0, DATA, 5, WRITE)
    driver.describe(1, DATA + 16, 5, WRITE)
    driver.describe(2, DATA + 32, 5, WRITE)
    driver.offer(0, 1, 2)
    assert not driver.slot.awaits_input
    driver.kick(RECEIVE)
    assert driver.returned() == [(0, 5), (1, 2)]
    assert driver.ram.read(DATA, 8) == b"abcde\0\0\0" and driver.ram.read(DATA + 16, 3) == b"fg\0"
    assert driver.slot.awaits_input


def test_input_that_comes_later_is_handed_over_without_a_notification() -> None:
    driver = started(RECEIVE)
    assert driver.send((DATA, 2, WRITE), (DATA + 8, 2, WRITE), queue=RECEIVE) == []
    driver.slot.poll()
    assert not driver.slot.interrupt() and driver.slot.awaits_input
    driver.device.console._pending += b"abc"  # type: ignore[attr-defined]
    driver.slot.poll()
    assert driver.returned() == [(0, 3)] and driver.slot.interrupt()
    assert driver.ram.read(DATA, 2) + driver.ram.read(DATA + 8, 2) == b"abc\0"
    assert not driver.slot.awaits_input


def test_without_buffers_the_input_is_left_to_others() -> None:
    driver = started(RECEIVE, b"abc")
    driver.slot.poll()
    driver.kick(RECEIVE)
    driver.slot.poll()
    assert driver.device.console.read() == ord("a")  # type: ignore[attr-defined]


def test_after_reset_nothing_is_received() -> None:
    driver = started(RECEIVE)
    driver.send((DATA, 2, WRITE), queue=RECEIVE)
    driver.set(0x70, 0)
    driver.device.console._pending += b"abc"  # type: ignore[attr-defined]
    driver.slot.poll()
    assert driver.ram.read(DATA, 2) == b"\0\0" and not driver.slot.awaits_input


def test_endless_input_does_not_keep_the_device() -> None:
    driver = Driver(VirtioConsole(Console(None, Endless())), legacy=False)  # type: ignore[arg-type]
    driver.start(queues=(RECEIVE,))
    driver.describe(0, DATA, 0x8000, WRITE)
    driver.offer(0, 0)
    driver.kick(RECEIVE)
    assert driver.returned() == [(0, 4096)] * 2


def test_a_read_only_buffer_receives_nothing() -> None:
    driver = started(RECEIVE, b"abc")
    driver.send((DATA, 16, 0), queue=RECEIVE)
    assert driver.broken()


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
def test_emergency_write(legacy: bool) -> None:
    """Without any configuration, "or even acknowledging the feature", at any width."""
    driver = Driver(VirtioConsole(Console()), legacy)
    assert driver.offered() & 7 == 4
    driver.slot.store(0x108, 4, 0x12345621)
    driver.slot.store(0x108, 1, ord("?"))
    driver.slot.store(0x10A, 2, ord("x"))
    driver.slot.store(0x100, 4, ord("x"))
    assert printed(driver) == b"!?"


def test_both_queues() -> None:
    driver = started(TRANSMIT, b"in")
    driver.place(RECEIVE, TABLE + 0x800, AVAILABLE + 0x800, USED + 0x800)
    driver.describe(0, DATA + 64, 8, WRITE, table=TABLE + 0x800)
    driver.ram.write(AVAILABLE + 0x800 + 2, b"\1\0")
    driver.kick(RECEIVE)
    driver.ram.write(DATA, b"out")
    assert driver.send((DATA, 3, 0), queue=TRANSMIT) == [(0, 0)]
    assert driver.ram.read(DATA + 64, 3) == b"in\0" and printed(driver) == b"out"


# Entropy


def filled(driver: Driver, length: int) -> bytes:
    driver.start()
    ((_, written),) = driver.send((DATA, length, WRITE))
    return driver.ram.read(DATA, written)


def test_entropy_is_the_same_in_every_run() -> None:
    """The first block, computed once more."""
    first = filled(Driver(Entropy(), legacy=False), 100)
    assert first == filled(Driver(Entropy(), legacy=True), 100)
    assert first[:32] == hashlib.sha256(b"0:0").digest()
    assert first != filled(Driver(Entropy(Seeded(1)), legacy=False), 100)


def test_entropy_goes_on() -> None:
    driver = Driver(Entropy(), legacy=False)
    driver.start()
    blocks = set()
    for _ in range(20):
        driver.send((DATA, 32, WRITE))
        blocks.add(driver.ram.read(DATA, 32))
    assert len(blocks) == 20


def test_real_entropy() -> None:
    assert filled(Driver(Entropy.real(), legacy=False), 32) != filled(Driver(Entropy.real(), legacy=False), 32)


def test_entropy_has_a_limit_for_each_request() -> None:
    driver = Driver(Entropy(), legacy=False)
    driver.start()
    assert driver.send((DATA, 0xFFFF, WRITE), (DATA, 0xFFFF, WRITE)) == [(0, REQUEST_LIMIT)]


def test_a_request_for_entropy_needs_a_buffer() -> None:
    driver = Driver(Entropy(), legacy=False)
    driver.start()
    driver.send((DATA, 16, 0))
    assert driver.broken()
