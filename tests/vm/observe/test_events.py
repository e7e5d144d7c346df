"""Events of the dispatcher: recording them changes nothing, and they agree with the bare machine."""

from pathlib import Path
from typing import Any

import pytest

from support.hypervisor.random_guests import ended, guest
from support.machines import M, U, difference, from_text, state
from support.paths import PROGRAMS
from trapline import Machine
from trapline.vm.exit import ExitReason
from trapline.vm.hypervisor.events import EVENTS, INJECT, LOGGED_CSRS, STEP
from trapline.vm.hypervisor.host.event_ring import CHANGED, Event
from trapline.vm.hypervisor.technique import TECHNIQUES

UNDER = [name for name in TECHNIQUES if name != "bare"]
STORED = CHANGED[:-4]
"""What a hart's record stores as it is."""


def typed(path: Path) -> bytes:
    file = path.parents[1] / "expected" / path.parent.name / f"{path.stem}.in"
    return file.read_bytes() if file.exists() else b""


def logged(machine: Machine, steps: int) -> list[Event]:
    """The events of a run."""
    found: list[Event] = []
    machine.engine.ring.sinks.append(lambda batch: found.extend(batch.events()))
    machine.run(max_instructions=steps)
    assert [e.number for e in found] == list(range(1, len(found) + 1)) and machine.engine.ring.number == len(found)
    return found


def boot(name: str, technique: str, **options: Any) -> Machine:
    path = PROGRAMS / f"{name}.s"
    return Machine.from_file(path, memory=4 << 20, technique=technique, stdin=typed(path), **options)


def stored(machine: Machine) -> dict[str, int]:
    """What the first hart's record has of each CSR, and its mode."""
    h = machine.engine.h[0]
    values = [*(getattr(h, name) for name in LOGGED_CSRS), *h.pmpcfg, *h.pmpaddr]
    return dict(zip(STORED, values, strict=True)) | {"mode": h.mode, "pc": h.pc}


@pytest.mark.parametrize("technique", UNDER)
@pytest.mark.parametrize("name", ["sv32", "uart-interrupt", "timer"])
def test_a_run_with_events_is_the_same(name: str, technique: str) -> None:
    bare, virtual = boot(f"boot/{name}", "bare"), boot(f"boot/{name}", technique, events=True)
    for machine in (bare, virtual):
        machine.run(max_instructions=20_000)
    assert difference(state(bare), state(virtual)) == {}


def test_a_full_ring_is_emptied_on_the_way() -> None:
    steps = EVENTS * 3
    plain, virtual = boot("bench/trap", "trap"), boot("bench/trap", "trap", events=True)
    plain.run(max_instructions=steps)
    found = logged(virtual, steps)
    assert len(found) > EVENTS
    assert difference(state(plain), state(virtual)) == {}
    assert [list(r.exits) for r in plain.engine.real] == [list(r.exits) for r in virtual.engine.real]
    assert sum(plain.engine.real[0].exits) == len([e for e in found if e.cause is not None and not e.interrupt])


def follow(bare: Machine, events: list[Event], steps: int, every: bool = True) -> set[str]:
    """Let the bare machine do `steps`, each of which must change CSRs and mode as the events of that step say, one
    without any not at all; what was changed. every: otherwise steps without events may change CSRs, not the mode."""
    by_step: dict[int, list[Event]] = {}
    for event in events:
        by_step.setdefault(event.instructions, []).append(event)
    seen: set[str] = set()
    before = stored(bare)
    for step in range(steps):
        if bare.run(max_instructions=1).reason is not ExitReason.LIMIT:
            break
        after = stored(bare)
        expected = {k: (v, after[k]) for k, v in before.items() if v != after[k] and k != "pc"}
        changes: dict[str, tuple[int, int]] = {}
        now = by_step.get(step, [])
        if not every and not now:
            expected = {k: pair for k, pair in expected.items() if k == "mode"}
        for event in now:
            modes = (("mode", event.mode, event.mode_after),) if event.mode != event.mode_after else ()
            for key, old, new in (*event.changes, *modes):
                assert changes.get(key, (old, old))[1] == old, (step, key)
                changes[key] = (changes.get(key, (old, new))[0], new)
        counters = ("mcycle", "mcycleh", "minstret", "minstreth")
        assert {k: p for k, p in changes.items() if p[0] != p[1] and k not in counters} == expected, (step, now)
        if now:
            assert (now[0].pc, now[0].mode) == (before["pc"], before["mode"]), step
            if now[-1].fault != "hidden" and not now[-1].interrupt and now[-1].routine == STEP:
                assert now[-1].pc_after == after["pc"], step
        seen |= set(expected)
        before = after
    return seen


@pytest.mark.parametrize("technique", ["trap", "patch", "translate"])
@pytest.mark.parametrize("name", ["boot/sv32", "boot/delegation", "boot/timer", "boot/uart-interrupt", "boot/pmp"])
def test_changes_are_those_of_the_bare_machine_step_by_step(name: str, technique: str) -> None:
    steps = 2500
    seen = follow(boot(name, "bare"), logged(boot(name, technique, events=True), steps), steps)
    assert "mstatus" in seen and len(seen) > 2


@pytest.mark.parametrize("name", ["sensitive/mret", "sensitive/detect-frames", "boot/delegation"])
def test_interpreted_steps_are_events_only_where_the_mode_changes(name: str) -> None:
    """Devices are accessed without an exit there; what the host does then is nothing that an event before it did."""
    options = {"isa": "rv32ima_xleak"}
    events = logged(boot(name, "hybrid", events=True, **options), 4000)
    follow(boot(name, "bare", **options), events, 4000, every=False)
    assert any(e.cause is None for e in events)


def test_an_interpreted_access_where_no_device_answers() -> None:
    """Only the host finds out that no device is there, and then the mode changes."""
    source = """
        la      t0, handler
        csrw    mtvec, t0
        li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        la      t0, supervisor
        csrw    mepc, t0
        li      t0, 0x800
        csrw    mstatus, t0
        mret
supervisor:
        li      t0, 0x40000000
        lw      a0, (t0)
handler: j      handler
"""
    into, out = logged(from_text(source, technique="hybrid", events=True), 40)
    assert (into.mode, into.mode_after, into.trapped) == (M, 1, False)
    assert (out.mode, out.mode_after, out.trapped, out.cause) == (1, M, True, None)
    assert {name: new for name, _, new in out.changes} == {
        "mepc": out.pc, "mcause": 5, "mtval": 0x40000000, "mstatus": 0x800,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_random_guests_agree_too(seed: int) -> None:
    """Interrupts, delegation, faults and PMP in any order; the state at the end is that without events, too."""
    steps = 500
    for technique in ("trap", "patch", "translate"):
        options = {"holes": False, "reads_code": False}
        follow(guest(seed, **options), logged(guest(seed, technique=technique, events=True, **options), steps), steps)
    hybrid = logged(guest(seed, technique="hybrid", events=True, **options), steps)
    follow(guest(seed, **options), hybrid, steps, every=False)
    for technique in UNDER:
        plain = ended(seed, steps, technique=technique, **options)
        assert difference(plain, ended(seed, steps, technique=technique, events=True, **options)) == {}


def test_counters_are_reported_as_the_guest_reads_them() -> None:
    source = """
        li      t0, 1000
        csrw    mcycle, t0
        csrw    minstreth, t0
        csrwi   mcountinhibit, 5
        csrw    minstret, t0
done:   j       done
"""
    found = [e for e in logged(from_text(source, technique="trap", events=True), 20) if not e.fault]
    assert [e.changes for e in found] == [
        (("mcycle", 1, 1000),),
        (("minstreth", 0, 1000),),
        (("mcountinhibit", 0, 5),),
        (("minstret", 3, 1000),),
    ]


def test_what_the_host_does_is_part_of_the_record() -> None:
    """An access where no device is: the fault is taken after the dispatcher has come back to the host."""
    source = """
        la      t0, handler
        csrw    mtvec, t0
        li      t0, 0x40000000
        lw      a0, (t0)
handler: j      handler
"""
    (found,) = [e for e in logged(from_text(source, technique="trap", events=True), 20) if e.fault == "outside"]
    assert found.trapped and found.paddr == 0x40000000
    assert {name: new for name, _, new in found.changes} == {
        "mepc": found.pc, "mcause": 5, "mtval": 0x40000000, "mstatus": 0x1800,
    }  # fmt: skip
    assert {name: old for name, old, _ in found.changes}["mcause"] == 0


def test_interrupts_are_events_when_single_stepped_too() -> None:
    found = logged(boot("boot/timer", "trap", events=True), 4000)
    machine, stepped = boot("boot/timer", "trap", events=True), []
    machine.engine.ring.sinks.append(lambda batch: stepped.extend(batch.events()))
    while machine.step().reason is ExitReason.LIMIT:
        pass
    assert any(e.routine == INJECT for e in found)
    assert [(e.instructions, e.cause) for e in found] == [(e.instructions, e.cause) for e in stepped]


@pytest.mark.parametrize("technique", ["hybrid", "assist"])
def test_interpreted_steps_are_events_where_they_change_the_mode(technique: str) -> None:
    found = logged(boot("boot/delegation", technique, events=True), 4000)
    assert {(e.mode, e.mode_after) for e in found if e.cause is None} <= {(M, 1), (M, U), (1, U), (1, M)}
    if technique == "hybrid":
        assert any(e.cause is None and e.mode_after == U for e in found)


def test_under_interpret_there_are_no_exits() -> None:
    assert logged(boot("boot/sv32", "interpret", events=True), 3000) == []


def test_several_harts_note_their_own() -> None:
    found = logged(boot("boot/spinlock", "trap", harts=3, events=True), 20_000)
    assert {e.hart for e in found} == {0, 1, 2}
    for hart in range(3):
        own = [e.clock for e in found if e.hart == hart]
        assert own == sorted(own)
