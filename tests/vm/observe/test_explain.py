"""`--explain`: the account of an exit agrees with the dispatcher and with the bare machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.cli.command import invoke, refused, write
from support.machines import from_text
from support.paths import PROGRAMS
from trapline import Machine
from trapline.isa.hart import ABI_NAMES
from trapline.vm.exit import ExitReason
from trapline.vm.hypervisor.events import FILL, STEP
from trapline.vm.hypervisor.host.event_ring import Event
from trapline.vm.observe.describe import Describer
from trapline.vm.observe.explain import Explanation, NoSuchExit, Scene, find, look
from trapline.vm.observe.walk_listing import flags

STEPS = 3000


def builder(name: str, technique: str, **options: Any) -> Callable[[], Machine]:
    path = PROGRAMS / f"{name}.s"
    stdin = path.parents[1] / "expected" / path.parent.name / f"{path.stem}.in"
    typed = stdin.read_bytes() if stdin.exists() else b""
    return lambda: Machine.from_file(path, memory=4 << 20, technique=technique, events=True, stdin=typed, **options)


def kinds(build: Callable[[], Machine]) -> list[Event]:
    """The first event of each kind."""
    machine, found = build(), {}
    machine.engine.ring.sinks.append(
        lambda batch: [found.setdefault((e.routine, e.fault, e.cause, e.mode, e.trapped), e) for e in batch.events()]
    )
    machine.run(max_instructions=STEPS)
    return list(found.values())


def check_fault(scene: Scene) -> None:
    """Each walk ends according to the kind of the fault."""
    fault, event = scene.fault, scene.event
    assert fault is not None and fault.refusal.cause == "page", "the real hart's own walk refuses"
    allowed = fault.verdict.cause == ""
    assert allowed == (event.fault in ("hidden", "MMIO", "outside")), (event, fault)
    if allowed:
        assert fault.verdict.paddr == event.paddr
    assert bool(scene.device) == (event.fault == "MMIO")
    assert bool(fault.reason) == (event.fault == "hidden" and event.routine == STEP)
    if event.fault == "hidden" and event.routine == FILL:
        leaf = fault.filled[-1]
        assert leaf.leaf and flags(leaf.pte or 0)[(3, 1, 2)[fault.access]] != "-"
        assert fault.filled != fault.shadow


CASES = [
    ("boot/sv32", "trap"), ("boot/sv32", "patch"), ("boot/sv32", "translate"), ("boot/sv32", "assist"),
    ("boot/sv32", "hybrid"), ("boot/delegation", "trap"), ("boot/delegation", "hybrid"), ("boot/pmp", "trap"),
    ("boot/timer", "trap"), ("boot/uart-interrupt", "trap"), ("boot/selfmod", "patch"), ("boot/threads", "assist"),
    ("guests/demand-paravirt", "paravirt"), ("sensitive/detect-frames", "hybrid"), ("sensitive/mret", "assist"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "technique"), CASES)
def test_every_kind_of_exit(name: str, technique: str) -> None:
    """Scenes agree with the events; registers change as on the bare machine; sentences end, and name the rule."""
    build = builder(name, technique)
    bare = None if technique == "paravirt" else Machine.from_file(PROGRAMS / f"{name}.s", memory=4 << 20)
    tell = Describer(
        type("Image", (), {"symbol_at": staticmethod(lambda vaddr: "here")}), lambda word, pc: "word", technique
    )
    for event in sorted(kinds(build), key=lambda e: e.number):
        scene = look(build, event, technique)
        text = "\n".join(Explanation(scene, tell).lines())
        if event.cause is not None and event.cause in (12, 13, 15) and not event.interrupt:
            check_fault(scene)
            assert "Side by side" in text
        exit = event.cause is not None and not event.interrupt
        assert (scene.rule is not None) == exit and (
            "(Priv" in text or "(Unpriv" in text or "(Xleak" in text or not exit
        )
        assert all(f"{name}: {old:#010x} -> {new:#010x}" in text for name, old, new in event.changes)
        if bare is None or "uart" in name:
            continue
        bare.run(max_instructions=event.instructions - bare.cycle)
        before = list(bare.x)
        if event.routine == STEP:
            bare.run(max_instructions=1)
            expected = [(n, a, b) for n, a, b in zip(ABI_NAMES, before, bare.x, strict=True) if a != b]
            assert scene.registers == expected
        else:
            assert scene.registers == []


@pytest.mark.parametrize(
    ("name", "technique"), [("boot/sv32", "trap"), ("sensitive/mret", "hybrid"), ("boot/delegation", "translate")]
)
def test_find_is_the_event_of_the_log(name: str, technique: str) -> None:
    build = builder(name, technique)
    machine, found = build(), []
    machine.engine.ring.sinks.append(lambda batch: found.extend(batch.events()))
    machine.run()
    for number in (1, 5, len(found)):
        assert find(build, number) == found[number - 1]
    with pytest.raises(NoSuchExit) as none:
        find(build, len(found) + 1)
    assert none.value.count == len(found) and none.value.exit.reason is ExitReason.HALT


# What real tables refuse, and the guest's


def told(source: str, kind: str, **options: Any) -> str:
    """The verdict on the guest's walk at the first fault of this kind."""
    build = lambda: from_text(source, technique="trap", events=True, **options)  # noqa: E731
    event = next(e for e in kinds(build) if e.fault == kind and e.tval == 0x40000000)
    scene = look(build, event, "trap")
    check_fault(scene)
    assert scene.fault is not None
    return scene.fault.verdict.text


PAGED = """
        la      t0, handler
        csrw    mtvec, t0
        li      t0, -1
        csrw    pmpaddr15, t0
        li      t0, 0x1f000000
        csrw    pmpcfg3, t0
        li      t0, 0x80080002                  # the root: code as a superpage, 0x40000000 through a table or not
        csrw    satp, t0
        li      t1, 0x80002000
        li      t0, {code:#x}
        li      t2, 0x800
        add     t2, t2, t1
        sw      t0, (t2)
        li      t0, {root:#x}
        sw      t0, 0x400(t1)
        li      t1, 0x80003000
        li      t0, {leaf:#x}
        sw      t0, (t1)
        li      t0, {status:#x}
        csrw    mstatus, t0
        la      t0, body
        csrw    mepc, t0
        mret
body:   li      t1, 0x40000000
        {access}
        j       body
handler: j      handler
"""
TABLE = 0x20000C01


@pytest.mark.parametrize(
    ("leaf", "access", "words"),
    [
        ({}, "lw t0, (t1)", "V clear"),
        ({"leaf": 0x20001005}, "sw t0, (t1)", "W without R"),
        ({"leaf": 0x20001001}, "lw t0, (t1)", "points to a table, but there are no further levels"),
        ({"root": TABLE | 0x40, "leaf": 0x200010CF}, "lw t0, (t1)", "which is reserved"),
        ({"root": 0x200004CF}, "lw t0, (t1)", "misaligned"),
        ({"root": 0x10000001}, "lw t0, (t1)", "is outside RAM"),
        ({"leaf": 0x200010C3}, "sw t0, (t1)", "W clear"),
        ({"leaf": 0x200010C9}, "lw t0, (t1)", "R clear"),
        ({"leaf": 0x200010C3}, "jr t1", "X clear"),
        ({"leaf": 0x200010D7}, "lw t0, (t1)", "SUM is clear"),
        ({"leaf": 0x200010DF}, "jr t1", "never executes user pages"),
        ({"leaf": 0x200010CF, "status": 0, "code": 0x200000DF}, "lw t0, (t1)", "U clear"),
    ],
)
def test_what_the_guests_tables_refuse(leaf: dict[str, int], access: str, words: str) -> None:
    values = {"root": TABLE, "leaf": 0, "code": 0x200000CF, "status": 0x800} | leaf
    assert words in told(PAGED.format(access=access, **values), "true")


def test_what_they_allow() -> None:
    values = {"root": TABLE, "code": 0x200000CF, "status": 0x800}
    assert "A and D are clear" in told(PAGED.format(access="sw t0, (t1)", leaf=0x20001007, **values), "hidden")
    assert "A is clear" in told(PAGED.format(access="lw t0, (t1)", leaf=0x20001007, **values), "hidden")
    sum_set = values | {"status": 0x40800, "leaf": 0x200010D7}
    assert "allows a load in S mode" in told(PAGED.format(access="lw t0, (t1)", **sum_set), "hidden")


# The command


def test_the_command_and_its_mistakes(tmp_path: Path) -> None:
    sv32 = PROGRAMS / "boot/sv32.s"
    outcome = invoke("virt", sv32, "--explain", "11")
    assert outcome.status == 0 and b"mret" in outcome.stdout and b"(Priv 3.3.2)" in outcome.stdout
    assert b"mode: M -> S" in outcome.stdout
    refused(invoke("virt", sv32, "--explain", "500"), "--explain 500: the run has only 384 exits and ended: halted")
    refused(
        invoke("virt", sv32, "--explain", "50", "--max-instructions", "20"), "--explain 50: the run has only 11 exits",
        "instruction limit",
    )  # fmt: skip
    refused(
        invoke("virt", sv32, "--explain", "1", "--technique", "interpret"),
        "no exits: under interpret a guest has none",
    )
    refused(invoke("virt", sv32, "--explain", "0"), "'0' is not a positive whole number", lines=None)
    refused(invoke("virt", sv32, sv32, "--explain", "1"), "--explain is for one guest, not 2")
    refused(invoke("virt", sv32, "--compare", "--explain", "1"), "--explain cannot be used with --compare")
    refused(invoke("virt", sv32, "--stats", "--explain", "1"), "--stats cannot be used with --explain")
    refused(invoke("virt", sv32, "--clock", "wall", "--explain", "1"), "no two runs would be the same")


def test_holes_and_firmware(tmp_path: Path) -> None:
    popf = invoke(
        "virt", PROGRAMS / "sensitive/popf.s", "--isa", "rv32ima_xpopf", "--technique", "patch", "--exit-log", "-"
    )
    number = next(line.split()[0] for line in popf.stdout.decode().splitlines() if "execute original popf" in line)
    text = invoke(
        "virt", PROGRAMS / "sensitive/popf.s", "--isa", "rv32ima_xpopf", "--technique", "patch", "--explain", number
    ).stdout.decode()
    assert "which `patch` puts in its place" in text and "The guest's own instruction is restored" in text
    kernel = write(tmp_path, "kernel.s", "_start: li a7, 1\nli a0, '*'\necall\nli a7, 8\necall\n")
    log = invoke("virt", kernel, "--sbi", "--exit-log", "-").stdout.decode().splitlines()
    number = next(line.split()[0] for line in log if "firmware call" in line)
    assert "the built-in SBI serves the call" in invoke("virt", kernel, "--sbi", "--explain", number).stdout.decode()


@pytest.mark.parametrize(
    ("name", "technique", "shadow", "words"),
    [
        ("boot/selfmod", "patch", "lazy", "every store to code is checked"),
        ("boot/sv32", "translate", "lazy", "a translated copy"),
        ("guests/demand", "trap", "traced", "a page table in use"),
    ],
)
def test_why_no_shadow_entry_may_grant_an_access(name: str, technique: str, shadow: str, words: str) -> None:
    build = builder(name, technique, shadow=shadow)
    machine, found = build(), []
    machine.engine.ring.sinks.append(lambda batch: found.extend(batch.events()))
    machine.run(max_instructions=8000)
    event = next(e for e in found if e.fault == "hidden" and e.routine == STEP)
    fault = look(build, event, technique).fault
    assert fault is not None and words in fault.reason
