"""Nano-benchmarks: exactly what one operation costs under each technique, and the model's prediction."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from support.gnu import Outcome, build, qemu_system
from support.paths import DOCS, PROGRAMS
from trapline.vm.bench.cost_model import Model, Work
from trapline.vm.bench.nano import FEW, MORE, NAMES, Cost, Nano, measure
from trapline.vm.bench.programs import BenchmarkError
from trapline.vm.hypervisor.technique import TECHNIQUES

NANO = PROGRAMS / "bench/nano"

ECALL_U, ECALL_S = 8, 9
ILLEGAL, FETCH, LOAD, STORE = 2, 12, 13, 15

SKIP = {ILLEGAL: 3}
"""A handler's csrr sepc, csrw sepc and sret, where virtual S mode has the real U mode."""
SKIP_BY_HYPERCALL = {ILLEGAL: 1, ECALL_U: 1}
"""csrr sepc and RETURN_TO_USER."""


def exits(*parts: dict[int, int]) -> dict[int, int]:
    """All of them together."""
    return {cause: sum(part.get(cause, 0) for part in parts) for part in parts for cause in part}


def trapped(cause: int, assist: dict[int, int], instructions: int = 6) -> dict[str, Work]:
    """An exception of the user program with this cause, and a handler of five instructions that returns behind it."""
    emulated = exits({cause: 1}, SKIP)
    one = sum(assist.values())
    return {
        "bare": Work(instructions),
        "interpret": Work(0, instructions),
        "hybrid": Work(0, instructions, exits_by_cause={cause: 1}),
        "trap": Work(2, 4, exits_by_cause=emulated),
        "assist": Work(instructions - one, one, exits_by_cause=assist),
        "paravirt": Work(11, 3, exits_by_cause=exits({cause: 1}, SKIP_BY_HYPERCALL)),
    }


CSR = Work(0, 1, exits_by_cause={ILLEGAL: 1})
# A register of a device: one load, which faults in the shadow tables.
MMIO = Work(0, 1, exits_by_cause={LOAD: 1})
# csrrw satp exits; the other address space has another ASID, so its tables are still there.
SATP = Work(0, 1, exits_by_cause={ILLEGAL: 1})
# sfence.vma exits and drops the entry of the page that changes.
PTEMOD = Work(4, 1, fills=1, exits_by_cause={ILLEGAL: 1, LOAD: 1})
# Firmware is entered twice, for the timer and for the kernel's call: CSRs and mret exit, and three stores to mtimecmp.
TIMER = Work(26, 19, exits_by_cause={ILLEGAL: 15, ECALL_U: 1, STORE: 3})

EXPECTED: dict[str, dict[str, Work]] = {
    "callret": {"bare": Work(4), "interpret": Work(0, 4), "hybrid": Work(0, 4), "trap": Work(4)},
    "csr": {"bare": Work(1), "interpret": Work(0, 1), "hybrid": Work(0, 1), "trap": CSR, "assist": Work(1)},
    "syscall": trapped(ECALL_U, assist={}),
    "illegal": trapped(ILLEGAL, assist={ILLEGAL: 1}),
    "fault": trapped(LOAD, assist={LOAD: 1}),
    "mmio": {"bare": Work(1), "interpret": Work(0, 1), "hybrid": Work(0, 1), "trap": MMIO},
    "satp": {
        "bare": Work(1), "interpret": Work(0, 1), "hybrid": Work(0, 1), "trap": SATP,
        # A fence of everything too: the next instruction is fetched through a new entry.
        "paravirt": Work(6, 1, fills=1, drops=1, exits_by_cause={ECALL_U: 1, FETCH: 1}),
    },
    "ptemod": {
        "bare": Work(5), "interpret": Work(0, 5), "hybrid": Work(0, 5), "trap": PTEMOD,
        "paravirt": Work(9, 1, fills=1, exits_by_cause={ECALL_U: 1, LOAD: 1}),
    },
    "timer": {
        "bare": Work(45), "interpret": Work(0, 45), "hybrid": Work(0, 45), "trap": TIMER,
        # The kernel's sret does not exit, and its ecall is one from the real S mode.
        "assist": Work(27, 18, exits_by_cause={ILLEGAL: 14, ECALL_S: 1, STORE: 3}),
        "paravirt": Work(9, 2, exits_by_cause={ILLEGAL: 1, ECALL_U: 1}),
    },
}  # fmt: skip
"""By benchmark and technique. What is not said is as under `trap`."""


@pytest.mark.parametrize("name", NAMES)
def test_work_of_an_operation(name: str) -> None:
    nano, expected = Nano(NANO, name), EXPECTED[name]
    found = {technique: nano.work(technique) for technique in TECHNIQUES}
    assert found == {technique: expected.get(technique, expected["trap"]) for technique in TECHNIQUES}


def test_what_the_document_says() -> None:
    """The table of docs/nano-benchmarks.md has these exits; so its sentences hold."""
    text = (DOCS / "nano-benchmarks.md").read_text(encoding="utf-8")
    head, *rows = re.findall(r"^\|(.*)\|$", text.partition("## Results")[2], re.M)
    columns = [cell.split(", ") for cell in head.replace(" ", "").replace(",", ", ").split("|")[1:]]
    told = {}
    for row in rows[1:]:
        name, *numbers = row.replace(" ", "").replace("`", "").split("|")
        told[name] = {t: int(n) for names, n in zip(columns, numbers, strict=True) for t in names}
    found = {
        name: {t: works.get(t, works["trap"]).exits for t in TECHNIQUES if t != "bare"}
        for name, works in EXPECTED.items()
    }
    assert told == found
    assert told["syscall"]["trap"] >= 2 and told["syscall"]["assist"] == 0
    assert all(told[name]["paravirt"] < told[name]["trap"] for name in ("syscall", "fault", "timer"))


@pytest.mark.parametrize(("name", "technique", "cost"), [("illegal", "assist", 145), ("timer", "paravirt", 640.5)])
def test_where_interpreting_becomes_cheaper(name: str, technique: str, cost: float) -> None:
    works, model = EXPECTED[name], Model()
    assert model.cycles(works[technique], cost) == model.cycles(works["interpret"], cost)


def test_traced_tables_exit_for_the_store_instead_of_filling_for_it() -> None:
    found = Nano(NANO, "ptemod").work("trap", "traced")
    assert found == Work(3, 2, fills=2, drops=1, exits_by_cause={ILLEGAL: 1, FETCH: 1, LOAD: 1, STORE: 1})


@pytest.mark.parametrize("name", ["syscall", "ptemod", "timer"])
def test_work_does_not_depend_on_the_rounds(name: str) -> None:
    nano = Nano(NANO, name)
    few, more = (Work.of(nano.run("trap", n)[0]) for n in (FEW, MORE + 14))
    rounds = MORE + 14 - FEW
    found = (more - few - Work(2 * rounds)) / rounds  # the loop itself: addi, bnez
    assert found == EXPECTED[name]["trap"]


@pytest.mark.parametrize("name", NAMES)
def test_programs_end_well_on_qemu_too(name: str, tool, tmp_path: Path) -> None:
    """They are right about RISC-V, not just about Trapline: each ends with 0 only if all operations took effect."""
    elf = build(tool, [NANO / f"{name}.s"], tmp_path / name, text_base=0x80000000, include=NANO)
    assert qemu_system(tool, elf) == Outcome(b"", 0)


def test_an_operation_without_effect_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "nothing.s").write_text(f'# nothing.s - a nano-benchmark: nothing.\n.include "{NANO}/nano.inc"\n'
                                        "supervisor: ebreak\n")  # fmt: skip
    nano = Nano(tmp_path, "nothing")
    assert nano.summary == "nothing"
    with pytest.raises(BenchmarkError, match="nothing under trap ended with"):
        nano.run("trap", 2)
    nano.run("trap", 2, empty=True)
    with pytest.raises(ValueError, match="must be positive and even, not 3"):
        nano.run("trap", 3)


def test_all_techniques_are_timed_in_turn() -> None:
    turns: list[tuple[str, str]] = []
    techniques = ["bare", "trap"]
    costs = list(measure(Nano(NANO, "syscall"), techniques, repeats=2, rounds=20,
                         progress=lambda name, technique: turns.append((name, technique))))  # fmt: skip
    assert [(c.benchmark, c.technique, c.rounds) for c in costs] == [("syscall", t, 20) for t in techniques]
    assert [c.work for c in costs] == [EXPECTED["syscall"][t] for t in techniques]
    assert turns == [("syscall", t) for t in techniques * 3]


# The model


def test_modelled_cycles_are_a_sum() -> None:
    work = Work(4, 1, fills=3, drops=2, exits_by_cause={2: 1, 12: 3})
    assert (work.instructions, work.exits) == (5, 4)
    model = Model(direct=1, emulate=30, fill=60, drop=200)
    assert model.cycles(work, 0) == 4 + 30 + 180 + 400
    assert model.cycles(work, 1000) == model.cycles(work, 0) + 4000
    for parameter, amount in {"direct": 4, "emulate": 1, "fill": 3, "drop": 2}.items():
        dearer = replace(model, **{parameter: getattr(model, parameter) + 7})
        assert dearer.cycles(work, 1000) == model.cycles(work, 1000) + 7 * amount


def test_arithmetic_of_work() -> None:
    more, less = Work(10, 4, 2, 2, {2: 6, 8: 2}), Work(4, 2, 0, 2, {2: 6, 13: 2})
    assert (more - less) / 2 == Work(3, 1, 1, 0, {8: 1, 13: -1})


def test_lines_that_are_one_are_named_together() -> None:
    from trapline.vm.bench.plot import curves

    costs = [Cost("x", name, work, 1.0, 2) for name, work in [
        ("bare", Work(6)), ("trap", Work(2, 4, exits_by_cause={2: 4})), ("assist", Work(6)),
        ("patch", Work(2, 4, exits_by_cause={2: 3, 8: 1})),
    ]]  # fmt: skip
    assert [label for label, _ in curves(costs, Model())] == ["bare, assist", "trap, patch"]


@pytest.mark.parametrize(("asked", "low", "high"), [
    ((200, 1000, 4000), 200, 4000), ((1000,), 100, 10000), ((0, 50), 1, 50), ((0,), 1, 10), ((2, 4), 2, 20),
])  # fmt: skip
def test_range_of_the_picture(asked: tuple[float, ...], low: float, high: float) -> None:
    from trapline.vm.bench.plot import exit_range

    found = exit_range(asked)
    assert (found[0], found[-1]) == (pytest.approx(low), pytest.approx(high)) and found == sorted(set(found))


def test_rounds_are_found_by_timing() -> None:
    """A run of them takes about SECONDS; more than FIRST are needed where an operation takes less than 100 us."""

    class Clock(Nano):
        """Operations that take 10 us each, after 5 ms for the first run."""

        first = 0.005

        def run(self, technique, rounds, **options):
            seconds, self.first = self.first + rounds * 1e-5, 0.0
            return None, seconds

    assert Clock(NANO, "csr").rounds("trap", "lazy") == 2000
    assert Nano(NANO, "csr").rounds("bare", "lazy") % 2 == 0
