"""What the translator did, in numbers that add up."""

import pytest

from support.budget import CHECKED, PLAIN
from support.machines import encode, from_words
from trapline import Machine
from trapline.vm.engine import TRANSLATE
from trapline.vm.translator.host.counts import INTERPRETER, REGIONS, STENCILS, Counts

pytestmark = pytest.mark.once

compiled = pytest.mark.skipif(PLAIN or CHECKED, reason="only the compiled engine translates")

LOOP = [encode("addi", rd=5, rs1=5, imm=1), encode("addi", rd=6, rs1=6, imm=3), encode("jal", imm=-8 & 0xFFFFFFFF)]
STEPS = 30_000


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRANSLATE, "100")


def ran(*pieces: int, engine: str = "numba") -> Machine:
    machine = from_words(LOOP, engine=engine)
    for steps in pieces:
        machine.run(max_instructions=steps)
    return machine


def counts(machine: Machine) -> Counts:
    found = Counts.of(machine)
    assert found is not None
    return found


@compiled
def test_each_step_is_in_one_tier() -> None:
    """Also those of machines that go back, or go on from where another has stopped."""
    machine = ran(3_000, STEPS)
    found = counts(machine)
    assert found.steps == machine.cycle == 3_000 + STEPS
    assert found.tiers[STENCILS] > STEPS - 1_000 and found.tiers[INTERPRETER] >= 3_000
    assert (found.pages, found.translations, found.drops) == (1, 1, 0)
    assert found.entered > found.undone >= 0 and 20 < found.code_bytes < 1_000
    state = machine.snapshot()
    machine.run(max_instructions=STEPS)
    machine.restore(state)
    machine.run(max_instructions=STEPS)
    assert counts(machine).steps == 3_000 + 3 * STEPS
    fork = machine.fork(state)
    for _ in range(2):
        fork.run(max_instructions=STEPS)
    assert counts(fork).steps == 2 * STEPS


@compiled
def test_the_object_and_the_lines() -> None:
    made = Counts({INTERPRETER: 250, STENCILS: 500, REGIONS: 250}, 4, 1, 2, 3, 5, 4_096, 1)
    assert made.as_json() == {
        "tiers": {
            "interpreter": {"steps": 250, "share": 0.25}, "stencils": {"steps": 500, "share": 0.5},
            "regions": {"steps": 250, "share": 0.25},
        },
        "entered": 4, "undone": 1, "pages": 2, "translations": 3, "regions": 5, "code_bytes": 4_096, "drops": 1,
    }  # fmt: skip
    lines = "\n".join(made.lines())
    for part in ("500  done in machine code made of stencils: 50.00%", "2  pages with machine code, 4,096 bytes"):
        assert part in lines
    assert len(made.lines()) == 9


@pytest.mark.parametrize("engine", ["interpreter", "python"])
def test_what_translates_nothing_has_no_numbers(engine: str) -> None:
    assert Counts.of(ran(1_000, engine=engine)) is None


@compiled
def test_equal_runs_have_equal_numbers() -> None:
    assert counts(ran(3_000, STEPS)) == counts(ran(3_000, STEPS))
