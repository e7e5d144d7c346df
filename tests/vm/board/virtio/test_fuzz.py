"""Virtio devices against arbitrary drivers: no exception, bounded work, and the error status where it is due."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.board.virtio_driver import BASE, DATA, SIZE, Driver
from trapline.vm.board.virtio.backing_file import Drive
from trapline.vm.board.virtio.block import Block
from trapline.vm.board.virtio.console import VirtioConsole
from trapline.vm.board.virtio.device import VirtioDevice
from trapline.vm.board.virtio.entropy import Entropy
from trapline.vm.board.virtio.queue import DESCRIPTOR_LIMIT
from trapline.vm.host.console import Console

KINDS = ("block", "console", "entropy")
ACCESSES_OF_A_NOTIFICATION = 6 * DESCRIPTOR_LIMIT + 10_000

WORD = st.integers(0, 0xFFFFFFFF)
OFFSET = st.one_of(st.sampled_from([*range(0, 0x100, 4), *range(0x100, 0x120)]), st.integers(0, 0x1FF))
VALUE = st.one_of(
    st.sampled_from([0, 1, 2, 3, 4, 8, 11, 15, 16, 1024, 4096, 0x80, 0xFFFFFFFF, BASE, DATA, BASE >> 12, DATA >> 12]),
    st.integers(BASE, BASE + SIZE + 0x1000),
    WORD,
)
ACCESS = st.tuples(st.booleans(), OFFSET, st.sampled_from([1, 2, 4, 4, 4]), VALUE)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("virtio") / "disk.img"
    path.write_bytes(bytes(64 * 512 + 77))
    return path


def device(kind: str, image: Path) -> VirtioDevice:
    if kind == "block":
        return Block(Drive(image))
    return VirtioConsole(Console(None, b"some input")) if kind == "console" else Entropy()


def access(driver: Driver, store: bool, offset: int, width: int, value: int) -> None:
    before = driver.ram.accesses
    if store:
        assert driver.slot.store(offset, width, value & ((1 << (8 * width)) - 1)) is True
    else:
        loaded = driver.slot.load(offset, width)
        assert loaded is not None and 0 <= loaded < 1 << (8 * width if offset >= 0x100 else 32)
    driver.slot.poll()
    driver.settle()
    assert driver.ram.accesses - before < ACCESSES_OF_A_NOTIFICATION
    assert driver.slot.status < 256 and driver.slot.interrupt_status < 4


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
@pytest.mark.parametrize("kind", KINDS)
@given(accesses=st.lists(ACCESS, max_size=60), started=st.booleans())
def test_any_register(
    kind: str, legacy: bool, image: Path, accesses: list[tuple[bool, int, int, int]], started: bool
) -> None:
    driver = Driver(device(kind, image), legacy)
    if started:
        driver.start()
    for one in accesses:
        access(driver, *one)
    driver.device.close()


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_register_at_every_width(kind: str, legacy: bool, image: Path) -> None:
    """In turn: each access meets the state that the previous one left."""
    driver = Driver(device(kind, image), legacy)
    driver.start()
    for value in (0, 1, 0xFFFFFFFF, BASE):
        for width in (1, 2, 4):
            for offset in range(0x200):
                access(driver, False, offset, width, 0)
                access(driver, True, offset, width, value)
    driver.device.close()


ADDRESS = st.one_of(
    st.integers(DATA, DATA + 0x100),
    st.integers(BASE, BASE + SIZE - 1),
    st.sampled_from([0, BASE - 1, BASE + SIZE - 1, BASE + SIZE, 1 << 32, (1 << 64) - 1]),
)
LENGTH = st.sampled_from([0, 1, 15, 16, 17, 32, 48, 512, 513, 1024, 0x10000, 0xFFFFFFF0, 0xFFFFFFFF])
FLAGS = st.sampled_from([0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 0xFFF8])
DESCRIPTOR = st.tuples(ADDRESS, LENGTH, FLAGS, st.integers(0, 7) | st.integers(0, 0xFFFF))
HEADER = st.tuples(st.sampled_from([0, 1, 4, 8, 11, 99]), st.integers(0, 66) | st.integers(0, (1 << 64) - 1))


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
@pytest.mark.parametrize("kind", KINDS)
@given(
    descriptors=st.lists(DESCRIPTOR, min_size=8, max_size=8),
    tables=st.lists(DESCRIPTOR, max_size=8),
    heads=st.lists(st.integers(0, 7) | st.integers(0, 0xFFFF), max_size=12),
    header=HEADER,
    queue=st.integers(0, 1),
    features=st.sampled_from([0, 1 << 29]),
)
def test_any_ring(
    kind: str, legacy: bool, image: Path, descriptors: list, tables: list, heads: list, header: tuple, queue: int,
    features: int,
) -> None:  # fmt: skip
    driver = Driver(device(kind, image), legacy)
    driver.start(features, queues=(queue,) if kind == "console" else (0,))
    driver.ram.write(DATA, struct.pack("<IIQ", header[0], 0, header[1]))
    for n, (address, length, flags, following) in enumerate(descriptors):
        driver.describe(n, address, length, flags, following)
    for n, (address, length, flags, following) in enumerate(tables):
        driver.describe(n + 1, address, length, flags, following, table=DATA)
    driver.offer(*heads)
    before = driver.ram.accesses
    driver.kick(queue)
    driver.slot.poll()
    driver.kick(queue)
    assert driver.ram.accesses - before < ACCESSES_OF_A_NOTIFICATION
    driver.broken()
    driver.device.close()


@pytest.mark.parametrize("kind", KINDS)
@given(garbage=st.binary(min_size=64, max_size=512), size=st.sampled_from([1, 8, 256, 1024]), queue=st.integers(0, 1))
def test_rings_of_garbage(kind: str, image: Path, garbage: bytes, size: int, queue: int) -> None:
    driver = Driver(device(kind, image), legacy=True, size=size)
    driver.ram.data[:] = (garbage * (SIZE // len(garbage) + 1))[:SIZE]
    driver.start(queues=(queue,) if kind == "console" else (0,))
    for _ in range(2):
        before = driver.ram.accesses
        driver.kick(queue)
        assert driver.ram.accesses - before < ACCESSES_OF_A_NOTIFICATION
    driver.broken()
    driver.device.close()
