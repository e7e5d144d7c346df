"""The block device and its drives (VIRTIO 1.2, 5.2)."""

import os
import struct
from pathlib import Path

import pytest

from support.board.virtio_driver import DATA, WRITE, Driver
from trapline.vm.board.virtio import backing_file as drives
from trapline.vm.board.virtio.backing_file import Drive, DriveError
from trapline.vm.board.virtio.block import Block

IN, OUT, FLUSH, GET_ID = 0, 1, 4, 8
HEADER, STATUS, BUFFER = DATA, DATA + 64, DATA + 0x1000
CONTENTS = bytes(n * 37 % 251 for n in range(16 * 512))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(CONTENTS)
    return path


def started(drive: Drive, legacy: bool = False, serial: str = "") -> Driver:
    driver = Driver(Block(drive, serial), legacy)
    driver.start(features=driver.offered() & (1 << 9 | 1 << 5))
    return driver


def ask(driver: Driver, kind: int, sector: int = 0, data: bytes = b"", room: int = 0) -> tuple[int, int, bytes]:
    """Do a request; its status, the length that the device says it wrote, and what is in the buffer."""
    driver.ram.write(HEADER, struct.pack("<IIQ", kind, 0, sector))
    driver.ram.write(STATUS, b"\xee")
    driver.ram.write(BUFFER, data + b"\xdd" * room)
    buffers = [(HEADER, 16, 0)]
    if data or room:
        buffers.append((BUFFER, len(data) + room, 0 if data else WRITE))
    ((head, written),) = driver.send(*buffers, (STATUS, 1, WRITE))
    assert head == 0 and not driver.broken()
    return driver.ram.read(STATUS, 1)[0], written, driver.ram.read(BUFFER, room)


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
def test_reading(image: Path, legacy: bool) -> None:
    driver = started(Drive(image), legacy)
    assert driver.slot.load(0x100, 4) == 16 and driver.slot.load(0x104, 4) == 0
    assert driver.slot.load(0x114, 4) == 512
    for sector, count in ((0, 1), (15, 1), (3, 5), (0, 16)):
        expected = CONTENTS[512 * sector : 512 * (sector + count)]
        assert ask(driver, IN, sector, room=512 * count) == (0, 512 * count + 1, expected)


def test_configuration_is_read_at_any_width(image: Path) -> None:
    slot = started(Drive(image)).slot
    config = struct.pack("<QIIHBBI", 16, 0, 126, 0, 0, 0, 512)
    for width in (1, 2, 4):
        for offset in range(0, 0x100, width):
            expected = config[offset : offset + width] if offset + width <= len(config) else b"\xff" * width
            assert slot.load(0x100 + offset, width) == int.from_bytes(expected, "little")
            slot.store(0x100 + offset, width, 0)
    assert slot.load(0x100, 4) == 16


def test_framing_is_free(image: Path) -> None:
    """The header in three parts, the data in odd ones, the status at the end of the last."""
    driver = started(Drive(image))
    driver.ram.write(HEADER, struct.pack("<IIQ", IN, 0, 2))
    parts = [(HEADER, 3, 0), (HEADER + 3, 12, 0), (HEADER + 15, 1, 0)]
    parts += [(BUFFER, 1, WRITE), (BUFFER + 1, 600, WRITE), (BUFFER + 601, 424, WRITE)]
    assert driver.send(*parts) == [(0, 1025)]
    assert driver.ram.read(BUFFER, 1025) == CONTENTS[1024:2048] + b"\0"
    driver.ram.write(BUFFER, struct.pack("<IIQ", OUT, 0, 0) + b"x" * 512)
    assert driver.send((BUFFER, 17, 0), (BUFFER + 17, 511, 0), (STATUS, 1, WRITE)) == [(0, 1)]
    assert ask(driver, IN, 0, room=512)[2] == b"x" * 512


def test_copy_on_write_leaves_the_file_alone(image: Path) -> None:
    driver = started(Drive(image))
    disk = bytearray(CONTENTS)
    for sector, count, letter in ((0, 1, b"a"), (7, 2, b"b"), (6, 1, b"c"), (8, 8, b"d"), (15, 1, b"e")):
        data = letter * (512 * count)
        assert ask(driver, OUT, sector, data) == (0, 1, b"")
        disk[512 * sector : 512 * sector + len(data)] = data
        for at, length in ((0, 16), (sector, count), (5, 4)):
            assert ask(driver, IN, at, room=512 * length)[2] == disk[512 * at : 512 * (at + length)]
    assert ask(driver, FLUSH) == (0, 1, b"")
    driver.set(0x70, 0)
    driver.ram.write(driver.available, bytes(32))
    driver.ram.write(driver.used, bytes(80))
    driver.seen = 0
    driver.start()
    assert ask(driver, IN, 0, room=512)[2] == b"a" * 512, "a reset does not change the disk"
    driver.device.close()
    assert image.read_bytes() == CONTENTS


def test_copy_on_write_has_a_limit(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drives, "KEPT_LIMIT", 4096)
    driver = started(Drive(image))
    assert ask(driver, OUT, 0, b"a" * 512)[0] == 0
    assert ask(driver, OUT, 8, b"a" * 512)[0] == 1
    assert ask(driver, OUT, 7, b"a" * 512)[0] == 0


def test_writing_through(image: Path) -> None:
    drive = Drive(image, write=True)
    driver = started(drive)
    assert ask(driver, OUT, 3, b"w" * 1024) == (0, 1, b"")
    assert ask(driver, FLUSH) == (0, 1, b"")
    assert image.read_bytes() == CONTENTS[:1536] + b"w" * 1024 + CONTENTS[2560:]
    assert ask(driver, IN, 3, room=1024)[2] == b"w" * 1024
    drive.close()
    drive.close()


def test_read_only(image: Path) -> None:
    image.chmod(0o444)
    driver = started(Drive(image, readonly=True))
    assert driver.offered() & 1 << 5
    assert ask(driver, OUT, 0, b"a" * 512) == (1, 1, b"")
    assert ask(driver, IN, 0, room=512)[2] == CONTENTS[:512]
    assert ask(driver, FLUSH)[0] == 0


@pytest.mark.parametrize("kind", [IN, OUT])
@pytest.mark.parametrize("sector", [15, 16, 17, 1 << 32, (1 << 55) - 1, 1 << 55, (1 << 64) - 1])
def test_out_of_range(image: Path, kind: int, sector: int) -> None:
    driver = started(Drive(image, write=True))
    data, room = (b"", 1024) if kind == IN else (b"a" * 1024, 0)
    status, written, buffer = ask(driver, kind, sector, data, room)
    assert status == 1 and buffer == b"\xdd" * room
    assert written == (0 if kind == IN else 1), "the length never claims what was not written"
    assert image.read_bytes() == CONTENTS


@pytest.mark.parametrize("length", [1, 511, 513])
def test_parts_of_sectors(image: Path, length: int) -> None:
    driver = started(Drive(image))
    assert ask(driver, IN, 0, room=length)[0] == 1
    assert ask(driver, OUT, 0, b"a" * length)[0] == 1


@pytest.mark.parametrize("kind", [2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 77, 0x80000000, 0xFFFFFFFF])
def test_unsupported(image: Path, kind: int) -> None:
    driver = started(Drive(image))
    assert ask(driver, kind, room=512) == (2, 0, b"\xdd" * 512)
    assert ask(driver, kind) == (2, 1, b"")


@pytest.mark.parametrize("serial", ["", "trapline-0", "exactly-twenty-chars", "more than twenty characters"])
def test_name(image: Path, serial: str) -> None:
    name = serial.encode()[:20].ljust(20, b"\0")
    assert ask(started(Drive(image), serial=serial), GET_ID, room=20) == (0, 21, name)
    assert ask(started(Drive(image), serial=serial), GET_ID, room=24) == (0, 20, name + b"\xdd" * 4)
    assert ask(started(Drive(image), serial=serial), GET_ID, room=4) == (0, 5, name[:4])


@pytest.mark.parametrize(
    "buffers",
    [
        [(HEADER, 15, 0), (STATUS, 1, WRITE)],
        [(HEADER, 16, 0)],
        [(STATUS, 1, WRITE)],
        [(HEADER, 16, 0), (BUFFER, 512, 0)],
    ],
    ids=["short header", "no status", "no header", "nothing to write"],
)
def test_malformed_requests(image: Path, buffers: list[tuple[int, int, int]]) -> None:
    driver = started(Drive(image))
    assert driver.send(*buffers) == [] and driver.broken()


def test_a_request_of_many_buffers(image: Path) -> None:
    """126 buffers, as seg_max says, in an indirect table."""
    driver = started(Drive(image))
    driver.ram.write(HEADER, struct.pack("<IIQ", IN, 0, 1))
    table = DATA + 0x4000
    sizes = [4] * 125 + [512 * 2 - 500]
    starts = [BUFFER + sum(sizes[:n]) for n in range(126)]
    parts = [(s, n, WRITE) for s, n in zip(starts, sizes, strict=True)]
    driver.chain([(HEADER, 16, 0), *parts, (STATUS, 1, WRITE)], table=table)
    driver.describe(0, table, 16 * 128, 4)
    driver.offer(0)
    driver.kick()
    assert driver.returned() == [(0, 1025)]
    assert driver.ram.read(BUFFER, 1024) == CONTENTS[512:1536]


# Files


@pytest.mark.parametrize("size", [1, 511, 513, 1000])
def test_a_file_of_odd_size_ends_in_zeros(tmp_path: Path, size: int) -> None:
    path = tmp_path / "odd"
    path.write_bytes(CONTENTS[:size])
    whole = CONTENTS[:size] + bytes(-size % 512)
    driver = started(Drive(path))
    sectors = len(whole) // 512
    assert driver.slot.load(0x100, 4) == sectors
    assert ask(driver, IN, 0, room=len(whole)) == (0, len(whole) + 1, whole)
    assert ask(driver, IN, sectors, room=512)[0] == 1
    assert ask(driver, OUT, sectors - 1, b"a" * 512)[0] == 0
    assert ask(driver, IN, sectors - 1, room=512)[2] == b"a" * 512
    assert path.read_bytes() == CONTENTS[:size]
    through = started(Drive(path, write=True))
    assert ask(through, OUT, sectors - 1, b"a" * 512)[0] == 0
    assert ask(through, IN, sectors - 1, room=512)[2] == b"a" * 512
    assert path.read_bytes() == whole[:-512] + b"a" * 512


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    driver = started(Drive(path))
    assert driver.slot.load(0x100, 4) == 0
    assert ask(driver, IN, 0, room=512)[0] == 1
    assert ask(driver, IN) == (0, 1, b""), "nothing, from where there is nothing"
    assert ask(driver, OUT, 0, b"a" * 512)[0] == 1


def test_a_file_removed_meanwhile(image: Path) -> None:
    driver = started(Drive(image, write=True))
    image.unlink()
    assert ask(driver, IN, 2, room=512)[2] == CONTENTS[1024:1536]
    assert ask(driver, OUT, 2, b"a" * 512)[0] == 0
    assert ask(driver, IN, 2, room=512)[2] == b"a" * 512
    assert not image.exists()


def test_a_file_truncated_meanwhile(image: Path) -> None:
    driver = started(Drive(image))
    assert ask(driver, OUT, 0, b"a" * 512)[0] == 0
    os.truncate(image, 4096 + 700)
    assert ask(driver, IN, 0, room=512)[2] == b"a" * 512
    assert ask(driver, IN, 8, room=512)[0] == 0
    assert ask(driver, IN, 9, room=512)[0] == 1
    assert ask(driver, IN, 8, room=2048)[0] == 1
    assert ask(driver, OUT, 12, b"a" * 512)[0] == 1, "copying needs what was there"


def test_a_file_that_grows_meanwhile_does_not_grow_the_disk(image: Path) -> None:
    driver = started(Drive(image))
    with image.open("ab") as stream:
        stream.write(bytes(512))
    assert driver.slot.load(0x100, 4) == 16 and ask(driver, IN, 16, room=512)[0] == 1


def test_a_disk_that_fails(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drive = Drive(image, write=True)
    driver = started(drive)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", fail)
    monkeypatch.setattr(os, "fsync", fail)
    assert ask(driver, OUT, 0, b"a" * 512)[0] == 1
    assert ask(driver, FLUSH)[0] == 1
    with pytest.raises(OSError, match="No space"):
        drive.close()


def test_impossible_drives(tmp_path: Path, image: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path, message in (
        (tmp_path / "missing", "No such file"),
        (tmp_path, "is a directory"),
        (fifo, "not a regular file"),
        (Path("/dev/null"), "not a regular file"),
    ):
        with pytest.raises(DriveError, match=message) as caught:
            Drive(path)
        assert str(path) in str(caught.value)
    with pytest.raises(DriveError, match="either read-only or written"):
        Drive(image, readonly=True, write=True)


def test_a_file_that_may_not_be_written(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's message; permissions do not bind root."""
    opened = []

    def refuse(path: Path, flags: int) -> int:
        opened.append(flags)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DriveError, match=r"disk\.img: Permission denied"):
        Drive(image, write=True)
    assert opened == [os.O_RDWR]
