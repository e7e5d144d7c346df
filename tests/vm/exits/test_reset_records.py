"""What is recorded of a run goes on over a reset: logs, traces, snapshots, history."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.cli.command import invoke, write
from support.machines import FINISHER, RAM, rebooting
from support.paths import BOOT_KERNELS
from trapline import ExitReason, Machine
from trapline.vm.host.console import Console

KERNEL = BOOT_KERNELS / "reset.s"
DISK = bytes(8 * 512)
RESET = f"li t0, {FINISHER}\n li t1, 0x7777\n sw t1, (t0)\n"


def logged(folder: Path, form: str, *options: str) -> str:
    log = folder / f"exits.{form}"
    drive = f"file={write(folder, 'disk.img', DISK)}"
    outcome = invoke("virt", KERNEL, "--drive", drive, "--exit-log", log, *options)
    assert outcome.status == 0, outcome
    return log.read_text()


def test_the_exit_log_has_each_reset(tmp_path: Path) -> None:
    lines = [line for line in logged(tmp_path, "txt").splitlines() if " reset " in line]
    assert len(lines) == 2
    assert all("(no exit)" in line and "mcycle" in line for line in lines)
    events = [json.loads(line) for line in logged(tmp_path, "jsonl").splitlines()]
    resets = [event for event in events if event["routine"] == "reset"]
    assert [event["pc_after"] for event in resets] == ["0x80000000"] * 2
    assert all(event["mode_after"] == "M" and event["csrs"]["mcycle"][1] == "0x00000000" for event in resets)
    numbers = [event["exit"] for event in events]
    assert numbers == list(range(1, len(events) + 1)), "they go on over a reset"
    steps = [event["instructions"] for event in events]
    assert steps == sorted(steps)
    json.loads(logged(tmp_path, "json"))
    number = str(resets[1]["exit"])
    drive = f"file={tmp_path / 'disk.img'}"
    text = invoke("virt", KERNEL, "--drive", drive, "--explain", number).stdout.decode()
    assert f"Exit {number} under trap: a reset" in text and "state at power-on" in text
    after = invoke("virt", KERNEL, "--drive", drive, "--explain", str(resets[1]["exit"] + 1)).stdout.decode()
    assert "0x80000000" in after and "instruction page fault" in after


def test_the_log_changes_nothing(tmp_path: Path) -> None:
    drive = f"file={write(tmp_path, 'disk.img', DISK)}"
    plain, noted = (
        json.loads(invoke("virt", KERNEL, "--drive", drive, "--json", *more).stdout.splitlines()[-1])
        for more in ((), ("--exit-log", str(tmp_path / "log")))
    )
    assert plain["sha256"] == noted["sha256"] and plain["resets"] == 2


COUNTING = f"""
_start: la      t0, count
        lw      a0, (t0)
        addi    a0, a0, 1
        sw      a0, (t0)
        {RESET}
        j       .
        .section .bss
count:  .zero   4
code:   .zero   4096
"""


@pytest.mark.parametrize("technique", ["bare", "trap", "patch", "translate"])
def test_snapshots_lead_over_a_reset(technique: str) -> None:
    """Forward from before it, and back from after it; a fork boots again, too."""
    machine = rebooting(COUNTING, technique=technique)
    machine.run(max_instructions=6)
    before = machine.snapshot()
    machine.run(max_instructions=100)
    after, resets = machine.digest(), machine.resets
    assert resets > 5
    fork = machine.fork(before)
    machine.restore(before)
    for each in (machine, fork):
        assert each.resets == 0
        each.run(max_instructions=100)
        assert (each.digest(), each.resets) == (after, resets)


@pytest.mark.parametrize("technique", ["bare", "trap"])
def test_back_over_resets(technique: str) -> None:
    """Step by step, and to the entry that was reached last."""
    machine = rebooting(COUNTING, technique=technique)
    machine.remember()
    forward = []
    for _ in range(40):
        forward.append((machine.digest(), machine.resets, machine.pc))
        machine.step()
    for before in reversed(forward):
        machine.back()
        assert (machine.digest(), machine.resets, machine.pc) == before
    machine.run(max_instructions=40)
    machine.breakpoints = {RAM}
    assert machine.run_back().reason is ExitReason.BREAKPOINT
    assert (machine.pc, machine.resets) == (RAM, forward[-1][1])


def traced(run: Callable[[Machine], Any]) -> list[str]:
    machine = rebooting(f"_start: addi a0, a0, 1\n {RESET} j .", console=Console(None, b""))
    stream = io.StringIO()
    machine.trace_to(stream)
    run(machine)
    return stream.getvalue().splitlines()


def test_the_trace_goes_on() -> None:
    """Each boot has the same lines."""
    lines = traced(lambda machine: machine.run(max_instructions=12))
    assert len(lines) == 12 and "x10 0x00000001" in lines[0]
    per_boot = next(i for i in range(1, 12) if lines[i] == lines[0])
    assert all(lines[i] == lines[i % per_boot] for i in range(12))
