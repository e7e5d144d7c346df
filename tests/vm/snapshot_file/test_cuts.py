"""A machine that is saved at any instruction and goes on elsewhere ends as one that was never stopped."""

import gc
import random
import tracemalloc
from functools import partial
from pathlib import Path

import pytest

from support.budget import FIRST_SEED, LONG, NIGHTLY, reduced
from support.hypervisor.bare_and_virtual import UNDER
from support.snapshot_files import MOST, TYPED, Case, end, resumed, saved

PROGRAMS = ("sv32.s", "threads.s", "timer.s", "selfmod.s", "uart-interrupt.s", "delegation.s", "pmp.s")
pytestmark = pytest.mark.timeout(LONG)

CASES = [
    *(Case(program) for program in PROGRAMS),
    *(Case(program, technique) for technique in UNDER for program in ("sv32.s", "selfmod.s")),
    Case("threads.s", "trap"), Case("uart-interrupt.s", "assist"), Case("timer.s", "translate"),
    Case("sv32.s", "trap", shadow="traced"), Case("sv32.s", "patch", shadow="traced"),
    *(Case("spinlock.s", technique, harts) for technique, harts in (("bare", 2), ("bare", 4), ("trap", 3))),
    Case("virtio-blk.s", disk=True), Case("virtio-blk.s", "trap", disk=True), Case("virtio-console.s"),
    Case("reset.s"), Case("reset.s", "patch"),
]  # fmt: skip
CUTS = 400 if NIGHTLY else reduced(8)
"""Of each case: 10,000 in all in a nightly run."""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_cut_changes_nothing(case: Case, tmp_path: Path) -> None:
    boot = case.boot(tmp_path / "disk")
    straight = boot.build(stdin=TYPED)
    expected = end(straight, MOST)
    length = straight.cycle
    rng = random.Random(f"{FIRST_SEED} {case}")
    for cut in (0, 1, length - 1, *(rng.randrange(length) for _ in range(CUTS - 3))):
        machine = boot.build(stdin=TYPED)
        machine.run(max_instructions=cut)
        data = saved(machine, boot)
        assert machine.board is not None
        machine.board.close()
        there = resumed(data, tmp_path / "file")
        assert end(there, MOST - cut) == expected, cut


def test_saved_again_it_is_the_same_file(tmp_path: Path) -> None:
    case = Case("selfmod.s", "patch")
    boot = case.boot(tmp_path / "disk")
    machine = boot.build()
    machine.run(max_instructions=3000)
    data = saved(machine, boot)
    assert saved(resumed(data, tmp_path / "file"), boot) == data
    assert len(data) < 60_000


def test_what_goes_on_holds_its_memory_once(tmp_path: Path) -> None:
    """What was read is not kept beside the machine's own memory; what is saved next is whole nevertheless."""
    boot = Case("timer.s").boot(tmp_path / "disk")
    machine = boot.build()
    size = len(machine.ram) // 2
    machine.write(0x80000000 + size, random.Random(FIRST_SEED).randbytes(size))
    data = saved(machine, boot)
    resumed(data, tmp_path / "file")  # imports what it needs
    held, machines = [], []
    for make in (boot.build, partial(resumed, data, tmp_path / "file")):
        tracemalloc.start()
        try:
            machines.append(make())
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert held[1] - held[0] < size // 2
    there = machines[1]
    before = there.snapshot()
    there.run(max_instructions=100)
    there.restore(before)
    assert there.digest() == machine.digest()
    assert saved(there, boot) == data
