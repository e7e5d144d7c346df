"""2,400 random schedules of Burrow: no message, wake-up or process is lost, no mutex is torn, nothing leaks.

A nightly run tries 48,000.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from support.budget import PLAIN, examples
from support.burrow.build import build_script
from support.burrow.schedules import MEMORY, STRESS, Rerun, Schedule, burrow, drive, load, place, schedules, verdict
from support.gnu import Find, qemu_system
from support.hypervisor.bare_and_virtual import UNDER
from support.machines import difference, state
from support.mutants.scheduler import MUTANTS, SCHEDULES, noticed
from trapline import Machine
from trapline.vm.loader.files import load_elf

FILES = sorted(SCHEDULES.glob("*.json"))
SLOW_STEPS = 400_000
"""Schedules of the corpus that have more steps are left out where each is a slow one."""


@cache
def rerun(harts: int) -> Rerun:
    return Rerun(harts, burrow())


@pytest.mark.slow
@pytest.mark.parametrize("harts", [1, 2, 3, 4])
def test_random_schedules(harts: int) -> None:
    done = []

    @examples(600)
    @given(schedule=schedules(harts))
    def check(schedule: Schedule) -> None:
        done.append(schedule)
        assert rerun(harts).failure(schedule) == ""

    check()
    assert len(set(done)) >= 570  # hypothesis may try an example twice


@pytest.mark.parametrize("harts", [1, 2, 4])
def test_a_few_random_schedules(harts: int) -> None:
    """For the passes that leave out the 2,400."""

    @settings(max_examples=4)
    @given(schedule=schedules(harts))
    def check(schedule: Schedule) -> None:
        assert rerun(harts).failure(schedule) == ""

    check()


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_schedules_of_the_corpus(file: Any) -> None:
    if PLAIN and json.loads(file.read_text())["steps"] > SLOW_STEPS:
        pytest.skip("too long for plain Python")
    schedule, _ = load(file)
    assert rerun(schedule.harts).failure(schedule) == ""


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_every_mistake_is_noticed(mutant: str) -> None:
    assert noticed(mutant)


def test_every_mistake_has_a_schedule() -> None:
    assert {load(file)[1] for file in FILES} - {""} == set(MUTANTS)


@pytest.mark.slow
@pytest.mark.parametrize("technique", UNDER)
def test_schedules_under_a_hypervisor(technique: str) -> None:
    """Everything is as on the bare machine: registers, memory, console, counters, time."""

    @settings(max_examples=20)
    @given(schedule=schedules(1) | schedules(2))
    def check(schedule: Schedule) -> None:
        bare, virtual = run(schedule), run(schedule, technique=technique)
        assert difference(bare, virtual) == {}

    check()


@pytest.mark.slow
@pytest.mark.parametrize(
    "variant, options",
    [("paravirt", {"technique": "paravirt"}), ("xleak", {}), ("xleak", {"technique": "assist"})],
)
def test_schedules_of_the_variants(variant: str, options: dict[str, str]) -> None:
    @settings(max_examples=20)
    @given(schedule=schedules(1) | schedules(3))
    def check(schedule: Schedule) -> None:
        run(schedule, variant, isa="rv32ima_xleak", **options)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("processors", ["1", "2"])
def test_stress_on_qemu(tool: Find, tmp_path: Path, processors: str) -> None:
    """There harts really run at the same time. Slices are of 2 ms: the host's processors are busy with other tests."""
    schedule = Schedule(seed=0x10_0B_09_08, members=4, workers=3, items=6, messages=8, jitter=15, victims=4)
    defines = {"TIMER_PERIOD": 20_000, "RANDOM_SEED": 7}
    init = ["stress", schedule.arguments]
    elf = tmp_path / "stress.elf"
    elf.write_bytes(build_script().build(init=init, defines=defines, programs=[STRESS]))
    theirs = qemu_system(tool, elf, "-smp", processors)
    assert theirs.output.decode().endswith("stress: ok\n") and theirs.status == 0


def run(schedule: Schedule, variant: str = "plain", **options: Any) -> dict[str, Any]:
    """The whole state of a machine of its own at the end, which is a good one."""
    machine = Machine(harts=schedule.harts, memory=MEMORY, **options)
    machine.load(load_elf(burrow(variant)))
    place(machine, schedule)
    exit = drive(machine, schedule)
    assert verdict(machine, exit) == ""
    return {"exit": str(exit), **state(machine)}


def test_the_same_schedule_is_the_same_run() -> None:
    schedule = Schedule(harts=2, period=20, random_seed=7, seed=99, workers=1, items=2, messages=2, jitter=7)
    machine = rerun(2).machine
    ends = []
    for _ in range(2):
        assert rerun(2).failure(schedule) == ""
        ends.append((machine.cycle, machine.digest()))
    assert ends[0] == ends[1]
    assert rerun(2).failure(Schedule(harts=2, period=20, random_seed=8, seed=99, workers=1, items=2)) == ""
    assert machine.digest() != ends[0][1]
