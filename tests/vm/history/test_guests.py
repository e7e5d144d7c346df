"""The way back in bundled kernels, bare and virtual, on one hart and on several, to random moments."""

import random

import pytest

from support.budget import FIRST_SEED, NIGHTLY
from support.hypervisor.bare_and_virtual import UNDER, differences, setting, whole_state
from support.paths import ROOT
from trapline import Machine

BOOT = ROOT / "programs" / "boot"
LENGTH = 300_000
MOMENTS = 40 if NIGHTLY else 6
RUNS = [
    ("timer.s", "bare", 1), ("sv32.s", "bare", 1), ("threads.s", "bare", 1), ("spinlock.s", "bare", 3),
    ("spinlock.s", "bare", 4), *(("sv32.s", technique, 1) for technique in UNDER), ("timer.s", "trap, traced", 1),
    ("threads.s", "patch", 1), ("threads.s", "translate", 1),
]  # fmt: skip


def boot(name: str, technique: str, harts: int) -> Machine:
    return Machine.from_file(BOOT / name, memory=8 << 20, harts=harts, **setting(technique))


@pytest.mark.parametrize("name, technique, harts", RUNS)
def test_back_and_forth(name: str, technique: str, harts: int) -> None:
    machine = boot(name, technique, harts)
    history = machine.remember()
    history._apart = 5_000
    machine.run(max_instructions=LENGTH)
    end, state = machine.cycle, whole_state(machine)
    chosen = random.Random(FIRST_SEED)
    moments = sorted(chosen.randrange(end + 1) for _ in range(MOMENTS))
    straight, expected = boot(name, technique, harts), {}
    for moment in moments:
        straight.run(max_instructions=moment - straight.cycle)
        expected[moment] = whole_state(straight)
    chosen.shuffle(moments)
    for moment in moments:
        history.go_to(moment)
        assert differences(whole_state(machine), expected[moment]) == {}
    machine.run(max_instructions=end - machine.cycle)
    assert differences(whole_state(machine), state) == {}
