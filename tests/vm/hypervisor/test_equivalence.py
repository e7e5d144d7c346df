"""A guest run under the hypervisor ends in the same state as the same guest run bare: harts, page tables, frames.

Every program under programs/ is in `test_programs.py`, random kernels are in `test_kernels.py`.
"""

from pathlib import Path

import pytest

from support.machines import TO_SUPERVISOR, difference, from_text, state
from support.paths import PROGRAMS
from trapline import Machine
from trapline.vm.hypervisor.technique import SHADOWS, TECHNIQUES

UNDER = [name for name in TECHNIQUES if name != "bare"]
STEPS = 40_000


def end(path: Path, technique: str, **options: object) -> dict[str, object]:
    """The whole state, counters and time included, after STEPS instructions."""
    stdin = path.parents[1] / "expected" / path.parent.name / f"{path.stem}.in"
    machine = Machine.from_file(
        path, memory=4 << 20, technique=technique, stdin=stdin.read_bytes() if stdin.exists() else None, **options
    )
    reason = machine.run(max_instructions=STEPS).reason
    return {"reason": reason, **state(machine)}


@pytest.mark.parametrize("technique", ["hybrid", "trap"])
@pytest.mark.parametrize("name", ["sv32", "delegation", "selfmod", "threads"])
def test_programs_end_alike_with_traced_page_tables(name: str, technique: str) -> None:
    path = PROGRAMS / f"boot/{name}.s"
    assert difference(end(path, "bare"), end(path, technique, shadow="traced")) == {}


@pytest.mark.parametrize("shadow", SHADOWS)
@pytest.mark.parametrize("technique", UNDER)
def test_several_virtual_harts(technique: str, shadow: str) -> None:
    path = PROGRAMS / "boot/spinlock.s"
    assert difference(end(path, "bare", harts=3), end(path, technique, harts=3, shadow=shadow)) == {}


def test_most_instructions_run_directly() -> None:
    machine = Machine.from_file(PROGRAMS / "boot/threads.s", memory=4 << 20, technique="trap")
    machine.run(max_instructions=STEPS)
    real = machine.engine.real[0]
    assert real.direct_steps + real.emulated == machine.cycle == STEPS
    assert real.direct_steps > 0.99 * STEPS
    assert real.hidden_faults > 0 and real.exits[2] > 0


def test_an_unknown_technique_is_refused() -> None:
    with pytest.raises(ValueError, match="technique 'magic' is not one of bare, interpret"):
        Machine(memory=0x1000, technique="magic")


POPF = f"""
_start: {TO_SUPERVISOR}
supervisor:
        li      t0, 2
        popf    t0
        csrr    a0, sstatus
        rdmode  a1
done:   j       done
handler: j      handler
"""


def test_a_hole_in_the_instruction_set_shows_under_trap_and_emulate_only() -> None:
    """POPF in virtual S mode runs in real U mode, where it silently leaves SIE alone: it does not trap."""
    seen = {}
    for technique in TECHNIQUES:
        machine = from_text(POPF, isa="rv32ima_xleak", technique=technique)
        machine.run(max_instructions=60)
        seen[technique] = machine.x["a0"], machine.x["a1"]
    assert seen == {name: (0, 0) if name in ("trap", "paravirt") else (2, 1) for name in TECHNIQUES}


@pytest.mark.parametrize("technique", [name for name in UNDER if name != "interpret"])
def test_frames_that_are_used_up_are_filled_again(technique: str) -> None:
    """A walk over more 4 MiB regions than there are frames for lower tables would need gigabytes: shrink the frames."""
    text = """
_start: li      s0, 0x80001000
        li      s1, 64
again:  li      t0, 0x80000000
        li      t2, 0
sum:    lw      t1, (t0)
        add     t2, t2, t1
        li      t3, 0x400000
        add     t0, t0, t3
        li      t3, 0x82000000
        bltu    t0, t3, sum
        addi    s1, s1, -1
        bnez    s1, again
done:   j       done
"""
    ends = []
    for name in ("bare", technique):
        machine = from_text(text, memory=32 << 20, technique=name)
        for real in machine.engine.real:
            real.next_frame = 1024 - 3
        machine.run(max_instructions=5000)
        ends.append(state(machine))
    assert difference(*ends) == {}
