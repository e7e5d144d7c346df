"""When regions are made and what drops them: states equal the interpreter's whatever happens meanwhile."""

import os
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, seed

from support.budget import CHECKED, FIRST_SEED, PLAIN, examples
from support.hypervisor.bare_and_virtual import Reused, differences, states
from support.machines import RAM, encode, from_words, put
from support.random_kernels.image import Kernel
from support.random_kernels.kernels import kernels
from support.translator.forced_regions import NEVER, force
from trapline import Machine
from trapline.isa.sv32 import PAGE
from trapline.vm.translator import context
from trapline.vm.translator.host import memory, region_file
from trapline.vm.translator.host.region_worker import Job, Worker

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(PLAIN or CHECKED, reason="only the compiled engine translates"),
]


@cache
def machine(engine: str, harts: int, isa: str, technique: str) -> Reused:
    return Reused(technique, harts, isa=isa, engine=engine)


@pytest.mark.parametrize(
    "harts, count, mixed, technique", [(1, 60, False, "bare"), (2, 20, True, "bare"), (1, 20, False, "trap")]
)
def test_random_kernels_do_the_same(
    harts: int, count: int, mixed: bool, technique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    force(monkeypatch)
    machine.cache_clear()
    steps = 0

    @seed(FIRST_SEED)
    @examples(count)
    @given(kernels(harts, mixed=mixed, free=True))
    def run(kernel: Kernel) -> None:
        nonlocal steps
        kernel = replace(kernel, slices=[20] * 30)
        expected = states(machine("interpreter", harts, kernel.isa, technique), kernel)
        translating = machine("numba", harts, kernel.isa, technique)
        for number, (want, got) in enumerate(zip(expected, states(translating, kernel), strict=True)):
            assert want == got, f"after slice {number}: {differences(want, got)}"
        if translating.machine.engine.translator is not None:
            steps += translating.machine.engine.translator.words[context.REGION_STEPS]

    run()
    machine.cache_clear()
    assert steps > 20 * count, "hardly anything was executed in regions"


LOOP = [encode("addi", rd=5, rs1=5, imm=1), encode("addi", rd=6, rs1=6, imm=3), encode("jal", imm=-8 & 0xFFFFFFFF)]
ROUNDS = 1000


def looping() -> Machine:
    """A machine whose loop has become a region. It has been around ROUNDS times."""
    made = from_words(LOOP, engine="numba")
    for _ in range(10):
        made.run(max_instructions=len(LOOP) * ROUNDS // 10)
    assert made.engine.regions is not None and made.engine.regions.installed == 1
    return made


def steps(machine: Machine) -> int:
    """What regions have done."""
    assert machine.engine.translator is not None
    return int(machine.engine.translator.words[context.REGION_STEPS])


def test_a_loop_is_executed_in_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    force(monkeypatch)
    for mappings in (memory.executable, memory.executable_twice):
        monkeypatch.setattr(memory, "executable", mappings)
        made = looping()
        before = steps(made)
        made.run(max_instructions=10 * len(LOOP))
        assert steps(made) - before >= 9 * len(LOOP)
        assert (made.x[5], made.x[6]) == (ROUNDS + 10, 3 * (ROUNDS + 10))


def test_what_the_host_changes_is_not_executed_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    force(monkeypatch)
    made = looping()
    put(made, RAM + 4, [encode("addi", rd=6, rs1=6, imm=7)])
    for _ in range(10):
        made.run(max_instructions=10 * len(LOOP))
    assert made.x[6] == 3 * ROUNDS + 7 * 100
    assert made.engine.regions is not None and made.engine.regions.installed == 2


def test_a_page_that_is_translated_again_leads_to_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another loop of the page is translated, by which all of its code in the first tier is made anew."""
    force(monkeypatch, most_regions=1)
    made = looping()
    put(made, RAM + 0x100, LOOP)
    translator = made.engine.translator
    assert translator is not None
    emitted = translator.words[context.EMITTED]
    for start in (RAM + 0x100, RAM):
        made.pc = start
        for _ in range(10):
            made.run(max_instructions=10 * len(LOOP))
    assert translator.words[context.EMITTED] > emitted
    before = steps(made)
    made.run(max_instructions=100 * len(LOOP))
    assert steps(made) - before >= 99 * len(LOOP)
    assert made.engine.regions is not None and made.engine.regions.installed == 1


def test_a_full_arena_drops_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are translated until all are dropped, and then the region is put there again."""
    force(monkeypatch, most_regions=1)
    monkeypatch.setattr(memory, "TABLES", 8)
    made = from_words(LOOP, memory=1 << 20, engine="numba")
    made.run(max_instructions=300)
    made.run(max_instructions=300)
    count = 200
    for number in range(1, 20):
        put(made, RAM + number * PAGE, LOOP)
        for start in (RAM + number * PAGE, RAM):
            made.pc = start
            for _ in range(5):
                made.run(max_instructions=10 * len(LOOP))
                count += 10
        assert made.x[5] == count and made.x[6] == 3 * count
    translator = made.engine.translator
    assert translator is not None and translator.words[context.FLUSHES] > 1
    before = steps(made)
    for _ in range(3):
        made.run(max_instructions=10 * len(LOOP))
    assert steps(made) > before


def test_no_room_for_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    force(monkeypatch)
    monkeypatch.setattr(memory, "ARENA_BYTES", 1 << 12)
    made = from_words(LOOP, engine="numba")
    for _ in range(10):
        made.run(max_instructions=300)
        assert made.engine.translator is None or made.engine.translator.words[context.ARENA_USED] <= 1 << 12
    assert made.x[5] == 1000


def test_code_is_compiled_only_after_many_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: list[Job] = []

    def submit(job: Job) -> bool:
        jobs.append(job)
        return True

    force(monkeypatch, fewest=5, instructions=1, submit=submit)
    made = from_words([encode("addi", rd=5, rs1=5, imm=1)] * 9 + [encode("jal", imm=-36 & 0xFFFFFFFF)], engine="numba")
    made.run(max_instructions=300)
    made.run(max_instructions=300)
    assert made.engine.translator is not None and not jobs
    for number in range(2, 12):
        made.run(max_instructions=7)
        assert len(jobs) == (number > 9), number  # a sample for each instruction


def test_a_run_uses_what_another_has_compiled(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(region_file, "folder_to_write", lambda: folder)
    monkeypatch.setattr(region_file, "search_path", lambda: [folder])
    folder = tmp_path_factory.mktemp("cache")

    def run_kept(job: Job) -> bool:
        job.compile()
        job.keep()
        return True

    force(monkeypatch, submit=run_kept)
    looping()
    assert list(folder.glob("region-*.o"))
    force(monkeypatch, looked_up=1, fewest=NEVER)
    looping()
    for path in folder.iterdir():  # damaged
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    made = from_words(LOOP, engine="numba")
    for _ in range(10):
        made.run(max_instructions=300)
    assert made.engine.regions is not None and made.engine.regions.installed == 0
    assert made.x[5] == 1000


def test_other_instructions_are_no_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The block that was found is the same, and what lies between is not."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(region_file, "folder_to_write", lambda: folder)
    monkeypatch.setattr(region_file, "search_path", lambda: [folder])

    def program(imm: int) -> list[int]:
        branch = encode("beq", rs1=5, imm=8)
        return [LOOP[0], branch, encode("addi", rd=6, rs1=6, imm=imm), encode("jal", imm=-12 & 0xFFFFFFFF)]

    def run_kept(job: Job) -> bool:
        job.compile()
        job.keep()
        return True

    for imm, policy in ((3, {"submit": run_kept}), (4, {"looked_up": 1, "fewest": NEVER})):
        force(monkeypatch, **policy)
        made = from_words(program(imm), engine="numba")
        for _ in range(10):
            made.run(max_instructions=400)
        assert made.engine.regions is not None and made.engine.regions.installed == (imm == 3)
        assert (made.x[5], made.x[6]) == (1000, 1000 * imm)


def test_a_forked_process_keeps_its_regions_and_compiles_none(monkeypatch: pytest.MonkeyPatch) -> None:
    force(monkeypatch)
    made = looping()
    child = os.fork()
    if child == 0:
        made.run(max_instructions=len(LOOP) * ROUNDS)
        os._exit(made.x[5] != 2 * ROUNDS)
    assert os.waitpid(child, 0)[1] == 0
    made.run(max_instructions=len(LOOP) * ROUNDS)
    assert made.x[5] == 2 * ROUNDS


def test_the_thread_compiles_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(region_file, "store", lambda *args: None)
    worker = Worker()
    force(monkeypatch, submit=worker.submit)
    made = from_words(LOOP, engine="numba")
    made.run(max_instructions=300)
    made.run(max_instructions=300)
    assert made.engine.regions is not None
    rounds = 200
    while not made.engine.regions.installed:
        made.run(max_instructions=3000)
        rounds += 1000
    assert made.x[5] == rounds
    worker.stop()
    assert not worker.submit(Job(made.engine.regions, []))  # type: ignore[arg-type]
