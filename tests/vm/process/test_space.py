"""The memory of a process: its layout, and what system calls may do with it."""

import pytest

from support.process.processes import DATA, TEXT, run, tiny_image
from trapline.vm.loader.image import EXECUTE, READ, WRITE, Image, LoadError, Segment
from trapline.vm.process import Process
from trapline.vm.process.errno import EEXIST, EFAULT, EINVAL, ENOMEM, SystemCallError
from trapline.vm.process.space import Layout

MIB = 1 << 20


def image_of(*segments: tuple[int, int]) -> Image:
    return Image(segments[0][0], [Segment(a, a, b"", size, READ | EXECUTE) for a, size in segments], "prog")


def test_layout_of_an_ordinary_program():
    layout = Layout(image_of((0x10000, 0x1234), (0x12000, 0x5000)), 128 * MIB)
    assert (layout.base, layout.size) == (0, 128 * MIB)
    assert layout.brk == 0x17000
    assert layout.stack_top - layout.stack_bottom == 8 * MIB
    assert layout.brk < layout.arena_top < layout.stack_bottom


@pytest.mark.parametrize("address", [0x80000000, 0x10000000, 0xF0000000, 0x7FFFF000])
def test_layout_far_up(address):
    layout = Layout(image_of((address, 0x2000)), 64 * MIB)
    assert layout.base <= address
    assert layout.base + layout.size <= 1 << 32
    assert layout.stack_bottom > address


def test_layout_with_segments_far_apart():
    layout = Layout(image_of((0x10000000, 0x8000), (0x20000000, 0x8000)), 64 * MIB)
    assert layout.base <= 0x10000000
    assert layout.stack_bottom > 0x20008000
    assert layout.memory == 64 * MIB


@pytest.mark.parametrize("segments, memory, message", [
    ([(0x10000, 200 * MIB)], 128 * MIB, "needs 300 MiB of memory and has 128 MiB; use --memory 300M or more"),
    ([(0x10000, 0xFFFEFFFF)], 128 * MIB, "a machine has at most 2048 MiB"),
    ([(0x10000, 0x1000)], 4096, "use --memory 1M"),
    ([(0x10000, 0x1000), (0xF0000000, 0x1000)], 128 * MIB, "its segments span 3840 MiB"),
    ([(0xFFFFF000, 0x1000)], 16 * MIB, "leaves no room for a stack"),
])  # fmt: skip
def test_layout_refuses(segments, memory, message):
    with pytest.raises(LoadError, match=message):
        Layout(image_of(*segments), memory)


def test_the_advice_on_memory_is_right():
    image = image_of((0x10000, 200 * MIB))
    Layout(image, 300 * MIB)
    Layout(image_of((0x10000, 0x1000)), MIB)


@pytest.fixture
def space():
    return Process(tiny_image(), memory=16 * MIB).space


def denied(number: int):
    return pytest.raises(SystemCallError, match=f"^{number}$")


def test_pages_of_the_program(space):
    assert space.prefix(TEXT, 8, READ) == 8
    assert space.prefix(TEXT, 8, WRITE) == 0
    assert space.prefix(TEXT, 8, EXECUTE) == 8
    assert space.prefix(DATA, 0x3000, WRITE) == 0x2000
    assert space.prefix(0, 4, READ) == 0
    assert space.prefix(TEXT - 1, 4, READ) == 0
    assert space.prefix(space.layout.stack_top - 16, 100, WRITE) == 16
    assert space.prefix(space.layout.stack_bottom - 1, 1, WRITE) == 0
    assert space.prefix(0xFFFFFFFF, 8, READ) == 0


def test_access(space):
    space.write(DATA + 4090, b"hello\0")
    assert space.string(DATA + 4090) == b"hello"
    assert space.word(DATA + 4090) == int.from_bytes(b"hell", "little")
    assert space.read(0, 0) == b""
    for bad in (lambda: space.write(TEXT, b"x"), lambda: space.read(DATA + 0x1FFF, 2), lambda: space.word(0xFFFFFFFE)):
        with denied(EFAULT):
            bad()
    space.write(DATA + 0x1FFC, b"abcd")
    with denied(EFAULT):
        space.string(DATA + 0x1FFC)


def test_brk(space):
    start = space.brk
    assert start == DATA + 0x2000
    assert space.set_brk(0) == start
    assert space.set_brk(start + 10) == start + 10
    assert space.prefix(start, 5000, WRITE) == 4096
    space.write(start, b"dirty")
    assert space.set_brk(start) == start
    assert space.prefix(start, 1, READ) == 0
    assert space.set_brk(start + 0x100000) == start + 0x100000
    assert space.read(start, 5) == bytes(5), "memory that comes back is zero"
    assert space.set_brk(0xFFFFFFFF) == start + 0x100000
    assert space.set_brk(space.layout.stack_bottom) == start + 0x100000
    assert space.set_brk(start - 1) == start + 0x100000


def test_map_goes_down_from_the_stack_and_reuses_holes(space):
    first = space.map(0, 5000, READ | WRITE, False, True)
    assert first + 0x2000 == space.layout.arena_top
    second = space.map(0, 4096, READ, False, True)
    assert second + 0x1000 == first
    space.write(first, b"x" * 5000)
    space.unmap(first, 8192)
    assert space.prefix(first, 1, READ) == 0
    assert space.map(0, 8192, READ | WRITE, False, True) == first
    assert space.read(first, 8192) == bytes(8192)
    assert space.map(0x900000, 4096, READ, False, True) == 0x900000, "a free hint is obeyed"
    assert space.map(0x900000, 4096, READ, False, True) != 0x900000


def test_map_fixed(space):
    space.write(DATA, b"old")
    with denied(EEXIST):
        space.map(DATA, 4096, READ, True, False)
    assert space.map(DATA, 4096, READ, True, True) == DATA
    assert space.read(DATA, 3) == bytes(3)
    for address in (0, 0xFFFFF000, space.end):
        with denied(ENOMEM):
            space.map(address, 4096, READ, True, True)
    with denied(EINVAL):
        space.map(DATA + 1, 4096, READ, True, True)


def test_map_limits(space):
    for size in (32 * MIB, 0xFFFFFFFF, 15 * MIB):
        with denied(ENOMEM):
            space.map(0, size, READ, False, True)
    with denied(EINVAL):
        space.map(0, 0, READ, False, True)
    taken = []
    with denied(ENOMEM):
        while True:
            taken.append(space.map(0, MIB, READ | WRITE, False, True))
    assert 8 <= len(taken) <= 16
    assert len(set(taken)) == len(taken)


def test_memory_of_a_program_far_apart_is_bounded():
    image = image_of((0x10000000, 0x8000), (0x20000000, 0x8000))
    space = Process(image, memory=16 * MIB).space
    with denied(ENOMEM):
        for _ in range(17):
            space.map(0, MIB, READ | WRITE, False, True)


def test_unmap_and_change(space):
    for bad in ((DATA + 1, 4096), (DATA, 0), (0xFFFFF000, 0x2000)):
        with denied(EINVAL):
            space.unmap(*bad)
    space.unmap(space.end, 4096)
    space.change(DATA, 4096, READ)
    assert space.prefix(DATA, 1, WRITE) == 0
    with denied(ENOMEM):
        space.change(DATA, 0x3000, READ)
    with denied(ENOMEM):
        space.change(0xFFFFF000, 4096, READ)
    with denied(EINVAL):
        space.change(DATA + 4, 4096, READ)
    space.change(DATA, 0, READ)
    space.change(DATA, 4096, WRITE)
    assert space.prefix(DATA, 1, READ) == 1, "what can be written can be read"


@pytest.mark.parametrize("word, address, cause", [
    (0x0000A283, DATA - 4, "load page fault"),
    (0x0000A283, DATA + 0x2000, "load page fault"),
    (0x0000A283, 0, "load page fault"),
    (0x0050A023, TEXT, "store/AMO page fault"),
    (0x0050A02F, TEXT, "store/AMO page fault"),
    (0x00008067, DATA, "instruction page fault"),
])  # fmt: skip
def test_the_hart_obeys(word, address, cause):
    """lw t0,0(ra), sw t0,0(ra), amoadd.w and ret, each where the pages forbid it."""
    lui = ((address + 0x800) & 0xFFFFF000) | 0xB7
    addi = (address & 0xFFF) << 20 | 0x00008093
    outcome = run(tiny_image([lui, addi, word, 0x00000013]), memory=16 * MIB)
    assert outcome.status == 139
    assert cause.encode() in outcome.stderr and f"address {address:#010x}".encode() in outcome.stderr


@pytest.mark.parametrize("memory", [-5, 0, 1, 4096, 49152])
def test_hardly_any_memory_is_refused(memory):
    with pytest.raises(LoadError, match="use --memory 1M"):
        Process(tiny_image(), memory=memory)


def test_a_host_without_that_much_memory(monkeypatch):
    def machine(**options):
        raise MemoryError

    monkeypatch.setattr("trapline.vm.process.process.Machine", machine)
    with pytest.raises(LoadError, match="this host cannot allocate 16 MiB"):
        Process(tiny_image(), memory=16 * MIB)
