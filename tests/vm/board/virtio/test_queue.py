"""Split virtqueues: chains, notification suppression, and forbidden drivers (VIRTIO 1.2, 2.7)."""

import struct
from collections.abc import Callable

import pytest

from support.board.virtio_driver import (
    AVAILABLE,
    BASE,
    DATA,
    EVENT_IDX,
    INDIRECT,
    INDIRECT_TABLE,
    NEXT,
    TABLE,
    USED,
    WRITE,
    Driver,
)
from trapline.vm.board.virtio import queue as queues
from trapline.vm.board.virtio.entropy import Entropy
from trapline.vm.board.virtio.queue import DESCRIPTOR_LIMIT, QUEUE_MAX, pieces
from trapline.vm.board.virtio.transport import PORTION

COUNTING = bytes(range(1, 256))


def counting(length: int) -> bytes:
    return COUNTING[:length]


@pytest.fixture(params=[False, True], ids=["modern", "legacy"])
def driver(request: pytest.FixtureRequest) -> Driver:
    made = Driver(Entropy(counting), request.param)
    made.start()
    return made


def test_a_chain_is_filled_in_its_order(driver: Driver) -> None:
    assert driver.send((DATA, 3, WRITE), (DATA + 100, 1, WRITE), (DATA + 50, 2, WRITE)) == [(0, 6)]
    assert driver.ram.read(DATA, 4) == b"\1\2\3\0"
    assert driver.ram.read(DATA + 100, 2) == b"\1\0"
    assert driver.ram.read(DATA + 50, 3) == b"\1\2\0"


def test_both_rings_wrap_around(driver: Driver) -> None:
    """300 chains in threes through a queue of 8, from descriptors in turn."""
    for n in range(100):
        heads = [(3 * n + k) % 8 for k in range(3)]
        for k, head in enumerate(heads):
            driver.describe(head, DATA + 64 * k, k + 1, WRITE)
        driver.offer(*heads)
        driver.kick()
        assert driver.returned() == [(head, k + 1) for k, head in enumerate(heads)]


def test_the_index_wraps_at_65536() -> None:
    driver = Driver(Entropy(counting), legacy=False, size=1024)
    driver.start()
    driver.describe(5, DATA, 1, WRITE)
    for _ in range(66):
        driver.offer(*[5] * 1024)
        driver.kick()
        assert driver.returned() == [(5, 1)] * 1024
    assert driver.seen == 66 * 1024 - 65536 and not driver.broken()


def test_a_full_ring_at_once(driver: Driver) -> None:
    for n in range(8):
        driver.describe(n, DATA + n, 1, WRITE)
    driver.offer(*range(8))
    driver.kick()
    assert [head for head, _ in driver.returned()] == list(range(8))


def test_indirect(driver: Driver) -> None:
    """One table, and, as the device MUST handle, a table behind ordinary descriptors; WRITE on it is ignored."""
    driver.chain([(DATA, 2, WRITE), (DATA + 8, 3, WRITE)], table=INDIRECT_TABLE)
    for flags in (INDIRECT, INDIRECT | WRITE):
        driver.describe(3, INDIRECT_TABLE, 32, flags)
        driver.offer(3)
        driver.kick()
        assert driver.returned() == [(3, 5)]
    driver.describe(1, DATA + 16, 4, WRITE | NEXT, 3)
    driver.offer(1)
    driver.kick()
    assert driver.returned() == [(1, 9)]


def test_an_indirect_table_may_be_longer_than_the_queue(driver: Driver) -> None:
    driver.chain([(DATA + n, 1, WRITE) for n in range(QUEUE_MAX)], table=INDIRECT_TABLE)
    driver.describe(0, INDIRECT_TABLE, 16 * QUEUE_MAX, INDIRECT)
    driver.offer(0)
    driver.kick()
    assert driver.returned() == [(0, QUEUE_MAX)]


def test_interrupts_can_be_suppressed(driver: Driver) -> None:
    driver.ram.write(driver.available, b"\1\0")
    driver.send((DATA, 16, WRITE))
    assert not driver.slot.interrupt()
    driver.ram.write(driver.available, b"\0\0")
    driver.kick()
    assert not driver.slot.interrupt(), "nothing was used"
    driver.send((DATA, 16, WRITE))
    assert driver.slot.interrupt()


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
def test_event_index(legacy: bool) -> None:
    """An interrupt when the entry with index used_event is written, and only then; avail_event asks for every one."""
    driver = Driver(Entropy(counting), legacy)
    driver.start(features=EVENT_IDX)
    driver.ram.write(driver.available, b"\1\0")  # "The device MUST ignore the lower bit of flags."
    told = []
    for n in range(12):
        driver.ram.write(driver.available + 4 + 2 * 8, struct.pack("<H", 4 if n < 8 else 9))
        driver.send((DATA, 16, WRITE))
        assert driver.ram.half(driver.used + 4 + 8 * 8) == n + 1
        told.append(driver.get(0x60))
        driver.set(0x64, 1)
    assert told == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0]


def test_event_index_within_a_batch() -> None:
    driver = Driver(Entropy(counting), legacy=False)
    driver.start(features=EVENT_IDX)
    driver.describe(0, DATA, 1, WRITE)
    for event, told in ((2, 1), (2, 0), (8, 1), (7, 0)):
        driver.ram.write(AVAILABLE + 4 + 2 * 8, struct.pack("<H", event))
        driver.offer(0, 0, 0)
        driver.kick()
        assert driver.get(0x60) == told
        driver.set(0x64, 1)


# Violations by the driver

Breaker = Callable[[Driver], object]


def indirect(*descriptors: tuple[int, int, int, int], length: int | None = None) -> Breaker:
    def breaks(driver: Driver) -> None:
        for n, descriptor in enumerate(descriptors):
            driver.describe(n, *descriptor, table=INDIRECT_TABLE)
        driver.describe(0, INDIRECT_TABLE, 16 * len(descriptors) if length is None else length, INDIRECT)
        driver.offer(0)

    return breaks


def direct(*descriptors: tuple[int, int, int, int]) -> Breaker:
    def breaks(driver: Driver) -> None:
        for n, descriptor in enumerate(descriptors):
            driver.describe(n, *descriptor)
        driver.offer(0)

    return breaks


GOOD = (DATA, 4, WRITE, 0)
BROKEN: dict[str, Breaker] = {
    "loop of one": direct((DATA, 4, WRITE | NEXT, 0)),
    "loop of three": direct((DATA, 4, WRITE | NEXT, 1), (DATA, 4, WRITE | NEXT, 2), (DATA, 4, WRITE | NEXT, 1)),
    "next beyond the table": direct((DATA, 4, WRITE | NEXT, 8)),
    "head beyond the table": lambda driver: driver.offer(8),
    "no bytes": direct((DATA, 0, WRITE, 0)),
    "no bytes in the middle": direct((DATA, 4, NEXT, 1), (DATA, 0, WRITE | NEXT, 2), GOOD),
    "read behind write": direct((DATA, 4, WRITE | NEXT, 1), (DATA, 4, 0, 0)),
    "available index too far ahead": lambda driver: driver.ram.write(driver.available + 2, b"\x09\0"),
    "available index went back": lambda driver: driver.ram.write(driver.available + 2, b"\xff\xff"),
    "nested table": indirect((INDIRECT_TABLE, 16, INDIRECT, 0)),
    "table continued": direct((INDIRECT_TABLE, 16, INDIRECT | NEXT, 1), GOOD),
    "empty table": indirect(GOOD, length=0),
    "table of half a descriptor": indirect(GOOD, length=8),
    "table of one and a half": indirect(GOOD, length=24),
    "loop in a table": indirect((DATA, 4, WRITE | NEXT, 0)),
    "loop in a large table": indirect((DATA, 4, WRITE | NEXT, 1), (DATA, 4, WRITE | NEXT, 0), length=0x4000),
    "next beyond an indirect table": indirect((DATA, 4, WRITE | NEXT, 1)),
    "table outside RAM": direct((0, 16, INDIRECT, 0)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_rules_broken_by_a_chain(driver: Driver, name: str) -> None:
    BROKEN[name](driver)
    rest = bytes(driver.ram.data[DATA - BASE :])
    driver.kick()
    assert driver.broken()
    assert driver.returned() == []
    assert bytes(driver.ram.data[DATA - BASE :]) == rest, "nothing was done of it"
    assert driver.ram.accesses < 10_000


def test_what_was_done_before_a_broken_chain_is_given_back(driver: Driver) -> None:
    driver.describe(0, DATA, 4, WRITE)
    driver.describe(1, DATA, 0, WRITE)
    driver.offer(0, 1, 0)
    driver.kick()
    assert driver.broken() and driver.get(0x60) == 3
    assert driver.returned() == [(0, 4)]


@pytest.mark.parametrize("size", [0, 3, 6, 1023, 1025, 2048, 32768, 0x10008, 0xFFFFFFFF])
def test_impossible_queue_sizes(driver: Driver, size: int) -> None:
    driver.set(0x70, 0)
    driver.size = size
    driver.start()
    driver.kick()
    assert driver.broken()


PLACES = {
    "table misaligned": (TABLE + 8, AVAILABLE, USED),
    "available misaligned": (TABLE, AVAILABLE + 1, USED),
    "used misaligned": (TABLE, AVAILABLE, USED + 2),
}


@pytest.mark.parametrize("name", PLACES)
def test_impossible_places_of_a_queue(name: str) -> None:
    driver = Driver(Entropy(counting), legacy=False)
    driver.start(queues=())
    driver.place(0, *PLACES[name])
    driver.chain([(DATA, 4, WRITE)])
    driver.offer(0)
    driver.kick()
    assert driver.broken()


def test_a_device_that_overwrites_its_own_rings_comes_to_an_end() -> None:
    """Buffers over the available ring: what the driver made available is looked at once for each notification."""
    driver = Driver(Entropy(lambda length: b"\0" * length), legacy=False)
    driver.start()
    driver.describe(0, AVAILABLE + 4, 16, WRITE)
    driver.describe(1, AVAILABLE + 2, 2, WRITE)
    driver.offer(0, 1, 1, 1)
    driver.kick()
    assert len(driver.returned()) == 4 and not driver.broken()


def test_work_for_one_notification_is_limited() -> None:
    """1024 chains of 1024 descriptors each."""
    driver = Driver(Entropy(lambda length: b"\0" * length), legacy=False, size=1024)
    driver.start()
    driver.chain([(DATA, 1, WRITE)] * 1024)
    driver.offer(*[0] * 1024)
    driver.kick()
    assert driver.broken()
    assert 0 < len(driver.returned()) <= DESCRIPTOR_LIMIT // 1024
    assert driver.ram.accesses < 6 * DESCRIPTOR_LIMIT
    assert max(driver.portions) < 6 * (PORTION + 2 * 1024) < 6 * DESCRIPTOR_LIMIT // 10, "a look at the clock between"


def test_bytes_for_one_notification_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "BYTE_LIMIT", 0x8000)
    driver = Driver(Entropy(lambda length: b"\0" * length), legacy=False)
    driver.start()
    driver.describe(0, DATA, 0x1000, WRITE)
    driver.offer(*[0] * 8)
    driver.kick()
    assert driver.broken() and len(driver.returned()) == 7


@pytest.mark.parametrize("bounds", [(0, 10), (3, 3), (2, 6), (5, 9), (0, 1)])
def test_pieces(bounds: tuple[int, int]) -> None:
    buffers = [(100, 3), (200, 1), (300, 6)]
    laid_out = [address + n for address, length in buffers for n in range(length)]
    found = [address + n for address, length in pieces(buffers, *bounds) for n in range(length)]
    assert found == laid_out[bounds[0] : bounds[1]]
