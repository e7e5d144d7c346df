"""What a process may access is exactly what it has mapped, however many mappings there are."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.process.mapping_model import (
    ANONYMOUS,
    FIXED,
    MMAP,
    MUNMAP,
    READ_WRITE,
    Model,
    accesses,
    apply,
    new_process,
)
from support.process.processes import build, call, run, run_qemu
from trapline.isa.sv32 import MEGAPAGE, PAGE
from trapline.vm.loader.image import READ, Image, Segment
from trapline.vm.process.page_table import _CLEARED
from trapline.vm.process.space import Layout

MIB = 1 << 20

steps = st.lists(
    st.tuples(st.sampled_from(["brk", "map", "fixed", "unmap", "change"]), st.integers(0, 300), st.integers(0, 12),
              st.integers(0, 7)), max_size=40
)  # fmt: skip
HOLES = [("fixed", 64 + 2 * i, 1, READ_WRITE) for i in range(40)] + [("unmap", 64, 1, 0), ("change", 66, 1, 0)]
"""More regions than PMP has entries."""
LARGE = [("fixed", 1020, 9, READ_WRITE), ("change", 1023, 2, 1), ("unmap", 1024, 1, 0)]
"""Across the end of a leaf table."""


@example(HOLES, False)
@example(LARGE, False)
@example([("map", 0, 3, 5), ("fixed", 48, 3, 2), ("fixed", 49, 1, 4), ("brk", 200, 0, 0), ("brk", 0, 0, 0)], True)
@given(steps, st.booleans())
def test_every_access_is_as_the_model_has_it(steps, first):
    """Load, store and fetch of each page in reach of the calls, and of its neighbours.

    first: whether these are the first pages that the process changes, which is done without numpy.
    """
    process = new_process()
    if not first:
        process.space.table._left = 0
    model = Model(process)
    for step in steps:
        apply(process, model, *step)
    for page in model.edges():
        assert accesses(process, page) == model.permissions(page), hex(page * PAGE)
    assert process.space._granted == PAGE * len(model.pages)


@pytest.mark.parametrize("seed", range(3))
def test_plain_python_obeys_the_same_table(seed):
    random = Random(seed)
    process = new_process("python")
    model = Model(process)
    for _ in range(30):
        kind = random.choice(["brk", "map", "fixed", "unmap", "change"])
        apply(process, model, kind, random.randrange(300), random.randrange(1, 12), random.randrange(8))
        for page in random.sample(sorted(model.edges()), 6):
            assert accesses(process, page) == model.permissions(page), hex(page * PAGE)


def test_what_was_unmapped_by_an_earlier_call_is_out_of_reach_at_once():
    """The hart has translations of these pages when they go."""
    process = new_process()
    page = call(process, MMAP, 0, 4 * PAGE, READ_WRITE, ANONYMOUS, -1, 0) // PAGE
    for cut in range(4):
        assert [accesses(process, page + i) for i in range(4)] == [0] * cut + [READ_WRITE] * (4 - cut)
        assert call(process, MUNMAP, (page + cut) * PAGE, PAGE) == 0


@pytest.mark.parametrize("touch", ["nothing", "the hart", "the host"])
def test_memory_that_comes_back_is_zero(touch):
    process = new_process(memory=32 * MIB)
    size = MEGAPAGE + 3 * PAGE
    for _ in range(3):
        start = call(process, MMAP, 0, size, READ_WRITE, ANONYMOUS, -1, 0) & 0xFFFFFFFF
        assert process.machine.read(start, size) == bytes(size)
        for at in range(start, start + size, 5 * PAGE):
            if touch == "the host":
                process.space.write(at + 4, b"left")
            elif touch == "the hart":
                assert accesses(process, at // PAGE) == READ_WRITE  # it stores a word
                assert process.machine.read(at, 4) != bytes(4)
        assert call(process, MUNMAP, start, size) == 0


def test_a_mapping_over_another_is_zero_and_has_only_its_own_permissions():
    process = new_process()
    at = 0x400000
    assert call(process, MMAP, at, 3 * PAGE, 7, FIXED, -1, 0) == at
    process.space.write(at, b"old" * PAGE)
    assert call(process, MMAP, at + PAGE, PAGE, 1, FIXED, -1, 0) == at + PAGE
    assert [accesses(process, at // PAGE + i) for i in range(3)] == [7, 1, 7]
    assert process.space.read(at + PAGE, PAGE) == bytes(PAGE)


def test_the_page_table_itself_is_out_of_reach():
    process = new_process()
    layout = process.space.layout
    for page in range((layout.base + layout.size) // PAGE, (layout.base + layout.ram) // PAGE + 2):
        assert accesses(process, page) == 0
        assert process.space.prefix(page * PAGE, 1, 4) == 0


def test_a_program_at_the_end_of_the_address_space_has_room_for_its_table():
    layout = Layout(Image(0xFF000000, [Segment(0xFF000000, 0xFF000000, b"", PAGE, 5)], "prog"), 128 * MIB)
    assert layout.base + layout.ram <= 1 << 32


PROBE = """#include "start.h"
static const unsigned char script[] = {%s};
enum { BASE = 0x4000000, PAGE = 4096 };
static void show_result(int v) { number(v); put(" "); }
int main(int argc, char **argv) {
  for (unsigned i = 0; i + 4 <= sizeof script; i += 4) {
    long at = BASE + script[i + 1] * PAGE, size = script[i + 2] * PAGE, prot = script[i + 3];
    switch (script[i]) {
    case 0: show_result(call6(222, at, size, prot, 0x32, -1, 0) == at); break;
    case 1: show_result(call(215, at, size, 0)); break;
    case 2: show_result(call(226, at, size, prot)); break;
    }
    for (int page = 0; page < 80; page++) show_result(call(64, 1, BASE + page * PAGE, 1));
  }
  return ((volatile char *)BASE)[PAGE * %d];
}
"""


def script_of(random: Random) -> str:
    """Mappings with holes between, then calls at random; mprotect of a hole is left out, as QEMU does half of it."""
    steps = [(0, 2 * i, 1, READ_WRITE) for i in range(40)]
    mapped = {2 * i for i in range(40)}
    for _ in range(40):
        first, kind = random.randrange(80), random.randrange(3)
        pages = range(first, first + random.randrange(1, min(8, 80 - first + 1)))
        if kind < 2 or mapped.issuperset(pages):
            steps.append((kind, first, len(pages), random.choice([0, 1, 3, 3])))
            mapped = {0: mapped | set(pages), 1: mapped - set(pages), 2: mapped}[kind]
    return ",".join(str(value) for step in steps for value in step)


@pytest.mark.parametrize("seed", range(3))
def test_random_mappings_end_as_under_qemu(tool: Callable[[str], str], tmp_path: Path, seed: int) -> None:
    """The answers of mmap, munmap and mprotect, which pages write(2) may read, and how a last load ends."""
    random = Random(seed)
    source = PROBE % (script_of(random), random.randrange(80))
    guests = Path(__file__).parent / "guests"
    options = ("-nostdlib", "-static", "-ffreestanding", "-fno-builtin", "-w", f"-I{guests}", "-O1")
    path = build(tool, tmp_path, source, *options, libraries=["-lgcc"])
    theirs, ours = run_qemu(tool, path), run(path)
    assert ours.stdout == theirs.stdout
    assert ours.status == theirs.status


def test_many_mappings_with_holes_between(tool: Callable[[str], str], tmp_path: Path) -> None:
    """Forty mappings, every second one unmapped again, then read: SIGSEGV."""
    source = """#include "start.h"
    int main(int argc, char **argv) {
      char *p[40];
      for (int i = 0; i < 40; i++) p[i] = (char *)call6(222, 0, 4096, 3, 0x22, -1, 0);
      for (int i = 0; i < 40; i += 2) call(215, p[i], 4096, 0);
      return *(volatile char *)p[20];
    }"""
    options = ("-nostdlib", "-static", "-ffreestanding", "-fno-builtin", "-w", "-O1")
    guests = Path(__file__).parent / "guests"
    path = build(tool, tmp_path, source, *options, f"-I{guests}", libraries=["-lgcc"])
    assert run(path).status == run_qemu(tool, path).status == 139


def test_much_memory_is_cleared_in_pieces_that_look_at_the_limit() -> None:
    process, looks = new_process(memory=48 * MIB), []
    table, ram = process.space.table, process.machine.ram
    first, last = 8 * MIB // PAGE, 40 * MIB // PAGE
    ram[first * PAGE : last * PAGE] = 1
    table.written(first, last)
    table._look = lambda: looks.append(int(np.count_nonzero(ram[first * PAGE : last * PAGE : PAGE])))
    table.grant(first, last, READ)
    assert looks == [last - first, last - first - _CLEARED], "pages that are not clear yet"
    assert not ram[first * PAGE : last * PAGE].any()
