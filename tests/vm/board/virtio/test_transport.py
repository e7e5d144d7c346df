"""The registers of a virtio slot as a driver sees them, in both layouts (VIRTIO 1.2, 2.1, 2.2, 3.1, 4.2)."""

import pytest

from support.board.virtio_driver import DATA, FEATURES_OK, NEEDS_RESET, SIZE, TABLE, USED, VERSION_1, WRITE, Driver, Ram
from trapline.vm.board.virtio.entropy import Entropy
from trapline.vm.board.virtio.transport import Slot

LAYOUTS = pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])


@pytest.fixture(params=[False, True], ids=["modern", "legacy"])
def driver(request: pytest.FixtureRequest) -> Driver:
    return Driver(Entropy(), request.param)


@LAYOUTS
def test_an_empty_slot_says_what_it_is_and_that_it_is_empty(legacy: bool) -> None:
    slot = Slot(None, legacy)
    values = {offset: slot.load(offset, 4) for offset in range(0, 0x200, 4)}
    assert values[0] == 0x74726976 and values[4] == (1 if legacy else 2) and values[12] == 0x554D4551
    assert not any(value for offset, value in values.items() if offset not in (0, 4, 12))
    for offset in range(0, 0x200, 4):
        assert slot.store(offset, 4, 0xFFFFFFFF)
    assert values == {offset: slot.load(offset, 4) for offset in range(0, 0x200, 4)}
    assert not slot.interrupt()


def test_identity(driver: Driver) -> None:
    assert [driver.get(4 * n) for n in range(4)] == [0x74726976, 1 if driver.legacy else 2, 4, 0x554D4551]


def test_features(driver: Driver) -> None:
    """28 indirect, 29 event index; 27 any layout in the legacy layout, 32 version 1 in the modern one."""
    assert driver.offered() == (7 << 27 if driver.legacy else 3 << 28 | VERSION_1)
    driver.set(0x14, 2)
    assert driver.get(0x10) == 0


def test_a_driver_may_leave_version_1_alone() -> None:
    """Kernels that write only the lower word of the features find FEATURES_OK kept."""
    driver = Driver(Entropy(), legacy=False)
    driver.set(0x70, 3)
    driver.set(0x20, 0)
    driver.set(0x70, 11)
    assert driver.status == 11


@pytest.mark.parametrize(("select", "bits"), [(0, 1), (0, 1 << 27), (1, 3)])
def test_features_that_were_not_offered_are_refused(select: int, bits: int) -> None:
    driver = Driver(Entropy(), legacy=False)
    driver.set(0x70, 3)
    driver.set(0x24, select)
    driver.set(0x20, bits)
    driver.set(0x70, 3 | FEATURES_OK)
    assert driver.status == 3
    driver.set(0x20, select)
    driver.set(0x70, 3 | FEATURES_OK)
    assert driver.status == 3 | FEATURES_OK


def test_features_are_settled_by_features_ok() -> None:
    driver = Driver(Entropy(), legacy=False)
    driver.start()
    driver.set(0x24, 0)
    driver.set(0x20, 1 << 29)
    assert not driver.slot.driver_features & 1 << 29


def test_queue_size_limit(driver: Driver) -> None:
    sizes = []
    for queue in (0, 1, 7, 0xFFFFFFFF):
        driver.set(0x30, queue)
        sizes.append(driver.get(0x34))
    assert sizes == [1024, 0, 0, 0]


def test_queue_ready_and_page_number_belong_to_their_layout(driver: Driver) -> None:
    driver.set(0x28, 4096)
    driver.set(0x40, TABLE >> 12)
    driver.set(0x44, 1)
    assert (driver.get(0x40), driver.get(0x44)) == ((TABLE >> 12, 0) if driver.legacy else (0, 1))
    driver.set(0x40, 0)
    driver.set(0x44, 0)
    assert (driver.get(0x40), driver.get(0x44)) == (0, 0)


def test_a_ready_queue_keeps_its_place() -> None:
    driver = Driver(Entropy(), legacy=False)
    driver.start()
    driver.set(0x38, 3)
    driver.set(0x80, 0x1234)
    assert driver.send((DATA, 16, WRITE)) == [(0, 16)]


def test_reset_forgets(driver: Driver) -> None:
    driver.start(features=1 << 29)
    driver.send((DATA, 16, WRITE))
    assert driver.slot.interrupt() and driver.get(0x60) == 1
    driver.set(0x70, 0)
    assert not driver.slot.interrupt()
    assert [driver.get(offset) for offset in (0x40, 0x44, 0x60, 0x70)] == [0, 0, 0, 0]
    before = bytes(driver.ram.data)
    driver.kick()
    assert bytes(driver.ram.data) == before, "the device MUST NOT access virtual queue contents when it is not ready"
    driver.ram.write(TABLE, bytes(0x8000))
    driver.seen = 0
    driver.start()
    assert driver.send((DATA, 16, WRITE)) == [(0, 16)]


def test_guest_page_size_survives_reset() -> None:
    """Linux writes it when it finds the device, then resets the device."""
    driver = Driver(Entropy(), legacy=True)
    driver.set(0x28, 0x2000)
    driver.set(0x70, 0)
    driver.set(0x38, 8)
    driver.set(0x40, (TABLE + 0x1000) >> 13)
    driver.ram.write(TABLE + 0x1000, bytes.fromhex("00000180000000001000000002000000"))
    driver.ram.write(TABLE + 0x1000 + 128 + 2, b"\1\0")
    driver.kick()
    assert driver.ram.half(TABLE + 0x2000 + 2) == 1
    assert driver.ram.read(DATA, 16) != bytes(16)


@pytest.mark.parametrize("align", [None, 0, 4096])
def test_a_legacy_queue_without_page_size_and_alignment(align: int | None) -> None:
    """As some kernels do it: no GuestPageSize, so QueuePFN is an address; no QueueAlign, or 0, which means 4096."""
    driver = Driver(Entropy(), legacy=True)
    driver.set(0x38, 16)
    if align is not None:
        driver.set(0x3C, align)
    driver.set(0x40, TABLE)
    driver.size = 16
    driver.chain([(DATA, 5, WRITE)])
    driver.offer(0)
    driver.kick()
    assert driver.ram.half(TABLE + 4096 + 2) == 1


@pytest.mark.parametrize("align", [4, 64, 0x1000, 0x4000])
@pytest.mark.parametrize("size", [1, 2, 128, 1024])
def test_legacy_layout(size: int, align: int) -> None:
    """The formula of 2.7.2, with a mask instead of a division."""
    driver = Driver(Entropy(), legacy=True, size=size)
    driver.set(0x28, 4096)
    driver.set(0x38, size)
    driver.set(0x3C, align)
    driver.set(0x40, TABLE >> 12)
    used = (TABLE + 16 * size + 2 * (3 + size) + align - 1) & ~(align - 1)
    driver.chain([(DATA + SIZE // 4, 1, WRITE)])
    driver.offer(0)
    driver.kick()
    assert driver.ram.read(used, 12) == bytes.fromhex("00000100 00000000 01000000")


def test_before_driver_ok() -> None:
    """Modern: "The device MUST NOT consume buffers ... before DRIVER_OK"; what was notified is done then."""
    driver = Driver(Entropy(), legacy=False)
    driver.set(0x70, 11)
    driver.place(0)
    assert driver.send((DATA, 16, WRITE)) == [] and driver.get(0x60) == 0
    driver.set(0x70, 15)
    assert driver.returned() == [(0, 16)] and driver.get(0x60) == 1


def test_legacy_drivers_use_the_device_before_driver_ok() -> None:
    driver = Driver(Entropy(), legacy=True)
    driver.place(0)
    assert driver.send((DATA, 16, WRITE)) == [(0, 16)]


def test_acknowledging(driver: Driver) -> None:
    driver.start()
    driver.send((DATA, 16, WRITE))
    driver.set(0x64, 2)
    assert driver.slot.interrupt()
    driver.set(0x64, 1)
    assert driver.get(0x60) == 0 and not driver.slot.interrupt()


def test_a_broken_device_stays_so_until_reset(driver: Driver) -> None:
    driver.start()
    driver.send((DATA, 0, WRITE))
    assert driver.broken() and driver.slot.interrupt()
    driver.set(0x70, 15)
    driver.set(0x64, 3)
    assert driver.status & NEEDS_RESET
    assert driver.send((DATA, 16, WRITE)) == [] and not driver.slot.interrupt()
    driver.set(0x70, 0)
    assert driver.status == 0
    driver.ram.write(TABLE, bytes(0x8000))
    driver.seen = 0
    driver.start()
    assert driver.send((DATA, 16, WRITE)) == [(0, 16)] and not driver.broken()


def test_before_driver_ok_an_error_is_not_announced() -> None:
    driver = Driver(Entropy(), legacy=True)
    driver.place(0)
    driver.send((DATA, 0, WRITE))
    assert driver.status == NEEDS_RESET and driver.get(0x60) == 0


def test_notifications_of_unknown_queues(driver: Driver) -> None:
    driver.start()
    for number in (1, 0x10000, 0xFFFFFFFF):
        driver.kick(number)
    assert not driver.broken()


def test_control_registers_are_words(driver: Driver) -> None:
    """As on QEMU: anything else reads as zero and writes nothing."""
    for offset, width in ((0, 1), (0, 2), (2, 2), (4, 1), (3, 1)):
        assert driver.slot.load(offset, width) == 0
        assert driver.slot.store(0x70, width, 1)
    assert driver.status == 0


def test_no_shared_memory() -> None:
    driver = Driver(Entropy(), legacy=False)
    assert [driver.get(offset) for offset in (0xB0, 0xB4, 0xB8, 0xBC)] == [0xFFFFFFFF] * 4
    assert driver.get(0xFC) == 0


def test_two_queues_do_not_share_their_state() -> None:
    slot = Slot(Ram(), False)
    device = Entropy()
    device.queues = 2
    slot.plug(device)
    slot.store(0x30, 4, 1)
    slot.store(0x38, 4, 4)
    slot.store(0xA0, 4, USED)
    assert (slot.queues[0].size, slot.queues[1].size) == (1024, 4)
    assert (slot.queues[0].used, slot.queues[1].used) == (0, USED)
