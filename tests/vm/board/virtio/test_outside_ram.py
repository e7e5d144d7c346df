"""Addresses outside RAM in a queue: they read as zeros and lose what is written, as on QEMU, and a person is told."""

from pathlib import Path

import pytest

from support.board.virtio_driver import (
    AVAILABLE,
    BASE,
    DATA,
    INDIRECT,
    INDIRECT_TABLE,
    NEXT,
    SIZE,
    TABLE,
    USED,
    WRITE,
    Driver,
)
from trapline.vm.board.virtio.backing_file import Drive
from trapline.vm.board.virtio.block import Block
from trapline.vm.board.virtio.console import VirtioConsole
from trapline.vm.board.virtio.device import VirtioDevice
from trapline.vm.board.virtio.entropy import Entropy
from trapline.vm.host.console import Console

END = BASE + SIZE
ADDRESSES = {
    "null": 0,
    "a device": 0x10000000,
    "right below RAM": BASE - 0x1000,
    "right above RAM": END,
    "sign-extended": 0xFFFFFFFF_00000000 | DATA,
    "end of the address space": (1 << 64) - 0x200,
}


def ones(length: int) -> bytes:
    return b"\xff" * length


class Told(Driver):
    """A driver that keeps what the slot reports."""

    def __init__(self, device: VirtioDevice, legacy: bool = False) -> None:
        self.reports: list[str] = []
        super().__init__(device, legacy)
        self.slot._report = self.reports.append
        self.start()


def disk(tmp_path: Path) -> Told:
    path = tmp_path / "disk"
    path.write_bytes(b"".join(bytes([65 + n]) * 512 for n in range(8)))
    return Told(Block(Drive(str(path))))


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
@pytest.mark.parametrize("far", ["header", "sector", "status", "all"])
def test_a_request_to_a_disk(tmp_path: Path, far: str, address: int) -> None:
    """The request is done: a header of zeros reads sector 0."""
    driver = disk(tmp_path)
    driver.ram.write(DATA, (0).to_bytes(8, "little") + (2).to_bytes(8, "little"))
    driver.ram.write(DATA + 0x3000, b"\x09")
    places = [
        address if far in (part, "all") else DATA + n * 0x1000
        for n, part in enumerate(("header", "sector", "unused", "status"))
    ]
    driver.describe(0, places[0], 16, NEXT, 1)
    driver.describe(1, places[1], 512, WRITE | NEXT, 2)
    driver.describe(2, places[3], 1, WRITE)
    driver.offer(0)
    driver.kick()
    assert not driver.broken() and driver.get(0x60) == 1
    assert [head for head, _ in driver.returned()] == [0]
    sector, status = driver.ram.read(DATA + 0x1000, 512), driver.ram.read(DATA + 0x3000, 1)
    read = {"header": b"A", "status": b"C"}.get(far, b"\0")
    assert sector == read * 512
    assert status == (b"\x09" if far in ("status", "all") else b"\0")
    assert len(driver.reports) == 1 and driver.reports[0].startswith("virtio disk: ")
    assert f"at {address:#x} are not all RAM" in driver.reports[0]


def test_a_write_from_nowhere_writes_zeros(tmp_path: Path) -> None:
    driver = disk(tmp_path)
    driver.ram.write(DATA, (1).to_bytes(8, "little") + (2).to_bytes(8, "little"))
    driver.describe(0, DATA, 16, NEXT, 1)
    driver.describe(1, 0, 512, NEXT, 2)
    driver.describe(2, DATA + 0x1000, 1, WRITE)
    driver.offer(0)
    driver.kick()
    assert isinstance(driver.device, Block)
    assert driver.device.drive.read(2 * 512, 512) == bytes(512)


def test_a_buffer_across_the_ends_of_ram() -> None:
    driver = Told(Entropy(ones))
    driver.chain([(BASE - 4, 8, WRITE), (END - 4, 8, WRITE)])
    driver.offer(0)
    driver.kick()
    assert driver.returned() == [(0, 16)]
    assert bytes(driver.ram.data[:8]) == b"\xff" * 4 + bytes(4)
    assert bytes(driver.ram.data[-8:]) == bytes(4) + b"\xff" * 4


def test_a_console_prints_zeros_and_drops_input() -> None:
    console = Console(None, b"typed")
    driver = Told(VirtioConsole(console))
    driver.describe(0, 0x1000, 8, WRITE)
    driver.offer(0)
    driver.kick(0)
    assert driver.returned() == [(0, 5)] and not driver.broken()
    driver = Told(VirtioConsole(console))
    driver.set(0x70, 0)
    driver.start(queues=(1,))
    driver.describe(0, END - 2, 4)
    driver.ram.write(END - 2, b"ab")
    driver.offer(0)
    driver.kick(1)
    assert console.output == b"ab\0\0" and not driver.broken()


PLACES = {
    "table": (0, AVAILABLE, USED),
    "available": (TABLE, 0xFFFFFFFF_00000000 | AVAILABLE, USED),
    "end of available": (TABLE, END - 6, USED),
    "used": (TABLE, AVAILABLE, USED + (7 << 32)),
    "all": (0, 0, 0),
    "end of the address space": ((1 << 64) - 16, AVAILABLE, USED),
}


@pytest.mark.parametrize("place", PLACES)
def test_parts_of_a_queue(place: str) -> None:
    """An available ring of zeros asks for nothing; a descriptor of zeros breaks a rule; a used ring may be lost."""
    driver = Told(Entropy(ones))
    driver.set(0x70, 0)
    driver.start(queues=())
    driver.place(0, *PLACES[place])
    driver.describe(0, DATA, 4, WRITE)
    driver.offer(0)
    driver.kick()
    assert driver.reports and "not all RAM" in driver.reports[0]
    stops = place in ("table", "end of the address space")
    assert driver.broken() == stops
    assert any("stopped until the driver resets it" in text for text in driver.reports) == stops
    assert bytes(driver.ram.data[DATA - BASE :][:4]) == (b"\xff" * 4 if place == "used" else bytes(4))


@pytest.mark.parametrize("page", [1, (BASE - 0x1000) >> 12, (BASE + SIZE) >> 12, 0xFFFFFFFF])
def test_a_legacy_queue_outside_ram(page: int) -> None:
    driver = Told(Entropy(ones), legacy=True)
    driver.set(0x40, page)
    driver.kick()
    assert not driver.broken() and len(driver.reports) == 1


def test_an_indirect_table_that_ends_outside() -> None:
    driver = Told(Entropy(ones))
    driver.ram.write(END - 16, DATA.to_bytes(8, "little") + (4).to_bytes(4, "little") + bytes([WRITE | NEXT, 0, 1, 0]))
    driver.describe(0, END - 16, 32, INDIRECT)
    driver.offer(0)
    driver.kick()
    assert driver.broken(), "a descriptor of zeros has no bytes"
    assert driver.reports[0].startswith(f"virtio entropy: 16 bytes at {END:#x} are not all RAM")
    assert driver.reports[1].endswith("which broke a rule: an empty buffer")


def test_why_a_device_stops_is_said_once() -> None:
    driver = Told(Entropy(ones))
    for _ in range(3):
        driver.set(0x70, 0)
        driver.start()
        driver.describe(0, INDIRECT_TABLE, 8, INDIRECT)
        driver.offer(0)
        driver.kick()
        assert driver.broken()
    (report,) = driver.reports
    reason = "stopped until the driver resets it, which broke a rule: an indirect table that is nested"
    assert report.startswith(f"virtio entropy: {reason}")
