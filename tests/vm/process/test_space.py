"""The memory of a process: its layout, what each page permits, and that PMP agrees."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.process.processes import DATA, TEXT, run, tiny_image
from trapline.vm.loader.image import EXECUTE, READ, WRITE, Image, LoadError, Segment
from trapline.vm.process import Process
from trapline.vm.process.errno import EEXIST, EFAULT, EINVAL, ENOMEM, SystemCallError
from trapline.vm.process.memory_protection import entries
from trapline.vm.process.space import MAPPED, PAGE, Layout

MIB = 1 << 20


def permitted(addresses: list[int], configuration: bytes, address: int) -> int:
    """U mode's permissions at an address, by the specification alone (Priv 3.7.1)."""
    low = 0
    for entry in range(16):
        top = addresses[entry] << 2
        mode = configuration[entry] >> 3 & 3
        assert mode in (0, 1)
        if mode == 1 and low <= address < top:
            bits = configuration[entry] & 7
            return (READ if bits & 1 else 0) | (WRITE if bits & 2 else 0) | (EXECUTE if bits & 4 else 0)
        low = top
    return 0


runs_of_pages = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 5), st.sampled_from([4, 5, 6, 7, 1])), max_size=30
)  # gap before, pages, permissions


def as_runs(pieces: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    runs, at = [], 0
    for gap, size, permissions in pieces:
        start = at + gap * PAGE
        at = start + size * PAGE
        runs.append((start, at, permissions))
    return runs


@given(runs_of_pages)
def test_pmp_entries_permit_what_the_runs_do(pieces):
    """Exactly, where sixteen entries are enough; never less in any case."""
    runs = as_runs(pieces)
    addresses, configuration = entries(runs)
    assert len(addresses) == len(configuration) == 16
    assert addresses == sorted(addresses)[: len(addresses)] or 0 in addresses
    needed = sum(1 + (start != (runs[i - 1][1] if i else 0)) for i, (start, _, _) in enumerate(runs))
    end = runs[-1][1] if runs else 0
    for page in range(0, end + 2 * PAGE, PAGE):
        wanted = next((p for start, stop, p in runs if start <= page < stop), 0)
        for address in (page, page + PAGE - 4):
            granted = permitted(addresses, configuration, address)
            assert granted == wanted if needed <= 16 else granted & wanted == wanted
    assert permitted(addresses, configuration, end) == 0


def test_pmp_joins_what_lies_closest_and_keeps_code_from_being_written():
    runs = [(0x10000, 0x20000, READ | EXECUTE), (0x20000, 0x30000, READ | WRITE)]
    runs += [(0x40000 + 2 * PAGE * i, 0x41000 + 2 * PAGE * i, READ | WRITE) for i in range(100)]
    runs += [(0x7000000, 0x7100000, READ | WRITE)]
    addresses, configuration = entries(runs)
    assert permitted(addresses, configuration, 0x10000) == READ | EXECUTE
    assert permitted(addresses, configuration, 0x20000) == READ | WRITE
    assert permitted(addresses, configuration, 0x6FFF000) == 0
    assert all(permitted(addresses, configuration, start) & p == p for start, _, p in runs)


def test_pmp_reaches_the_end_of_the_address_space():
    addresses, configuration = entries([(0xFFFFF000, 1 << 32, READ)])
    assert permitted(addresses, configuration, 0xFFFFFFFC) == READ


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


steps = st.lists(
    st.tuples(st.sampled_from(["brk", "map", "fixed", "unmap", "change"]), st.integers(0, 4096), st.integers(0, 40),
              st.integers(0, 7)), max_size=25
)  # fmt: skip


# More regions than PMP entries, code and data in turn.
@example([("map", 0, 1, 1), ("map", 64, 1, 2), ("map", 80, 1, 1), ("map", 96, 1, 2), ("map", 112, 1, 1),
          ("map", 128, 1, 2), ("fixed", 0, 1, 1)])  # fmt: skip
@given(steps)
def test_pages_and_pmp_and_budget_stay_in_step(steps):
    """After any calls: no page is granted twice, the hart permits at least what the pages do, and code stays."""
    space = Process(tiny_image(), memory=16 * MIB).space
    for what, page, count, permissions in steps:
        address, size = page * PAGE, count * PAGE
        try:
            if what == "brk":
                assert space.brk_start <= space.set_brk(address + 5) <= space.layout.arena_top
            elif what == "map":
                assert space.map(address, size, permissions, False, True) % PAGE == 0
            elif what == "fixed":
                space.map(max(address, 0x30000), size, permissions, True, True)
            elif what == "unmap":
                space.unmap(max(address, 0x30000), size)
            else:
                space.change(max(address, 0x30000), size, permissions)
        except SystemCallError as error:
            assert error.number in (EINVAL, ENOMEM)
    csr = space.machine.csr
    addresses = [csr[f"pmpaddr{i}"] for i in range(16)]
    configuration = b"".join(csr[f"pmpcfg{i}"].to_bytes(4, "little") for i in range(4))
    pages = space._pages
    assert space._granted == PAGE * int(np.count_nonzero(pages)) <= space.layout.memory
    for page in [0, TEXT // PAGE, DATA // PAGE, *np.flatnonzero(np.diff(pages)).tolist()]:
        wanted = int(pages[page]) & 7
        granted = permitted(addresses, configuration, page * PAGE)
        assert granted & wanted == wanted
    assert permitted(addresses, configuration, TEXT) & WRITE == 0 or int(pages[TEXT // PAGE]) & WRITE
    assert int(pages[TEXT // PAGE]) == MAPPED | READ | EXECUTE


@pytest.mark.parametrize("word, address, cause", [
    (0x0000A283, DATA - 4, "load access fault"),
    (0x0000A283, DATA + 0x2000, "load access fault"),
    (0x0000A283, 0, "load access fault"),
    (0x0050A023, TEXT, "store/AMO access fault"),
    (0x0050A02F, TEXT, "store/AMO access fault"),
    (0x00008067, DATA, "instruction access fault"),
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
