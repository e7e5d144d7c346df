"""Where two runs diverge: the first difference is found, whatever it is and however long the runs are."""

from typing import Any

import pytest

from support.machines import TO_SUPERVISOR, from_text
from trapline.vm.exit import ExitReason
from trapline.vm.experiments.compare import Run, compare, differences, first_difference
from trapline.vm.hypervisor.host.counts import Counts
from trapline.vm.hypervisor.technique import TECHNIQUES

UNDER = [name for name in TECHNIQUES if name != "bare"]

BEGIN = f"""
_start: {TO_SUPERVISOR}
handler: j      handler
supervisor:
"""
OUTPUT = "li t1, 0x10000000\n li t2, {}\n sb t2, (t1)\n"
FINISH = "li t1, 0x100000\n li t2, {}\n sw t2, (t1)\nstay: j stay\n"


def runs(text: str, techniques: list[str], limit: int | None = None, **options: Any) -> list[Run]:
    return list(compare(builder(text, **options), techniques, limit))


def builder(text: str, **options: Any) -> Any:
    return lambda technique: from_text(text, isa="rv32ima_xleak", technique=technique, **options)


def after_a_loop(count: int, hole: str) -> str:
    return f"{BEGIN} li s0, {count}\n1: addi s0, s0, -1\n bnez s0, 1b\nhole: {hole}\n{FINISH.format(0x5555)}"


@pytest.mark.parametrize("count", [1, 1500])
def test_the_first_difference_is_the_hole(count: int) -> None:
    text = after_a_loop(count, "rdmode a0")
    bare, run = runs(text, ["trap"])
    build = builder(text)
    assert run.first is not None and not run.equivalent
    assert run.first.pc == build("bare").symbols["hole"] and run.first.mode == 1
    assert [vars(d) for d in run.first.differences] == [{"name": "a0", "bare": "0x00000001", "virtual": "0x00000000"}]
    before = build("bare")
    before.run(max_instructions=run.first.instructions)
    assert before.pc == run.first.pc
    assert (bare.exit.reason, run.exit.reason) == (ExitReason.HALT, ExitReason.HALT)


@pytest.mark.parametrize("technique", [name for name in UNDER if name in ("interpret", "hybrid")])
def test_techniques_that_interpret_s_mode_have_no_such_hole(technique: str) -> None:
    _, run = runs(after_a_loop(10, "rdmode a0"), [technique])
    assert run.equivalent and run.first is None


def test_a_difference_that_disappears_is_not_reported() -> None:
    """The theorem is about the end; and the search would find what was different in between."""
    text = after_a_loop(10, "rdmode a0\n li a0, 5")
    _, run = runs(text, ["trap"])
    assert run.equivalent
    first = first_difference(builder(text), "trap", 50)
    assert first.differences == [], "from the two ends alone it is invisible"


def test_the_console_and_the_end_are_compared() -> None:
    text = f"""{BEGIN}
        rdmode  a0
        addi    a1, a0, 'A'
        {OUTPUT.format(66)}
        sb      a1, (t1)
        li      a1, 0
        beqz    a0, stay
        {FINISH.format(0x5555)}
    """
    bare, run = runs(text, ["trap"], 200)
    assert (bare.output, run.output) == (b"BB", b"BA")
    names = [d.name for d in run.differences]
    assert "console, byte 1" in names and "end" in names and run.first is not None
    shown = {d.name: (d.bare, d.virtual) for d in run.differences}
    assert shown["console, byte 1"] == ("'B'", "'A'")
    assert shown["end"][0] == "halted, status 0"


def test_each_kind_of_difference_has_a_name() -> None:
    one, other = (from_text("_start: nop\n j _start", harts=2) for _ in range(2))
    assert differences(one, other) == []
    other.harts[1].x["s3"] = 7
    other.harts[0].csr["pmpaddr3"] = 9
    other.write(0x80001235, b"x")
    other.run(max_instructions=1)
    names = [d.name for d in differences(one, other)]
    assert names == ["hart 0: pc", "hart 0: pmpaddr3", "hart 0: cycle", "hart 1: s3", "RAM at 0x80001234"]


@pytest.mark.parametrize("technique", UNDER)
def test_a_run_that_ends_by_itself_ends_by_itself_under_each(technique: str) -> None:
    for text, reason in (
        (f"_start: {FINISH.format((3 << 16) | 0x3333)}", ExitReason.HALT),
        ("_start: wfi\n j _start", ExitReason.IDLE),
        ("_start: j _start", ExitReason.LIMIT),
    ):
        bare, run = runs(text, [technique], 2000)
        assert bare.exit.reason is reason and run.equivalent, run.differences
        assert run.exit.code == bare.exit.code


def test_numbers_add_up() -> None:
    machine = from_text(after_a_loop(100, "ecall"), technique="trap", isa="rv32ima_xleak")
    machine.run(max_instructions=400)
    counts = Counts.of(machine)
    assert counts.steps == 400 == counts.direct + counts.emulated
    assert counts.share > 0.9 and counts.world_switches == sum(counts.exits.values()) > 10
    faults = counts.hidden_faults + counts.true_faults + counts.mmio_faults + counts.outside_faults
    assert faults == sum(counts.exits.get(cause, 0) for cause in (12, 13, 15))
    bare = Counts.of(from_text("_start: nop"))
    assert (bare.share, bare.emulated, bare.exits) == (0.0, 0, {})
