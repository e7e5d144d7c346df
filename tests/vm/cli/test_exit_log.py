"""`trapline virt --exit-log`: the forms of the log, how much of it there is, and mistakes in asking for it."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from support.cli.command import invoke, refused, write
from support.paths import PROGRAMS
from trapline import Machine

SV32 = PROGRAMS / "boot/sv32.s"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_text_and_json_lines_agree(tmp_path: Path) -> None:
    text, objects = tmp_path / "exits.txt", tmp_path / "exits.jsonl"
    report = tmp_path / "report.json"
    outcome = invoke("virt", SV32, "--exit-log", text, f"--json={report}")
    assert outcome.status == 0 and outcome.stdout == invoke("boot", SV32).stdout
    assert invoke("virt", SV32, "--exit-log", objects).status == 0
    rows = [line for line in text.read_text().splitlines() if not line.startswith("#")]
    records = lines(objects)
    assert len(rows) == len(records) == sum(json.loads(report.read_text())["exits"].values())
    for row, record in zip(rows, records, strict=True):
        words = row.split()
        assert words[:5] == [str(record["exit"]), str(record["instructions"]), "0", record["mode"], record["pc"]]
        for name in ("instruction", "symbol", "cause", "routine"):
            assert record[name] in row
        assert all(f"{name} {old} -> {new}" in row for name, (old, new) in record["csrs"].items())
    fill, write_mtvec = records[0], records[1]
    assert (fill["routine"], fill["page_fault"], fill["cause"]) == ("fill_shadow", "hidden", "instruction page fault")
    handler = write_mtvec["csrs"].pop("mtvec")
    assert handler[0] == "0x00000000" and write_mtvec["instruction"] == "csrw mtvec, t0"
    assert write_mtvec["symbol"] == "_start+12" and write_mtvec["word"] == "0x30529073"


def test_each_kind_of_exit_has_a_name(tmp_path: Path) -> None:
    def routines(kernel: str, technique: str, *more: str) -> set[str]:
        path = tmp_path / "log.jsonl"
        invoke("virt", PROGRAMS / kernel, "--technique", technique, "--exit-log", path, *more)
        return {record["routine"].partition(" (")[0] for record in lines(path)}

    assert {"fill_shadow", "reflect", "emulate mret", "emulate sb"} <= routines("boot/sv32.s", "trap")
    assert {"emulate lbu", "inject interrupt"} <= routines(
        "boot/uart-interrupt.s", "trap", "--input", str(PROGRAMS / "expected/boot/uart-interrupt.in")
    )
    assert "execute original popf" in routines("sensitive/popf.s", "patch", "--isa", "rv32ima_xpopf")
    assert "translate_block" in routines("boot/sv32.s", "translate")
    assert {"hypercall SET_ENTRY", "hypercall RETURN_TO_USER"} <= routines("guests/demand-paravirt.s", "paravirt")
    assert "interpret mret" in routines("boot/sv32.s", "hybrid")


def test_firmware_calls_are_explained(tmp_path: Path) -> None:
    kernel = write(tmp_path, "kernel.s", "_start: li a7, 1\nli a0, '*'\necall\nli a7, 8\necall\n")
    log = tmp_path / "log.jsonl"
    assert invoke("virt", kernel, "--sbi", "--exit-log", log).stdout == b"*"
    assert [r["routine"] for r in lines(log) if r["instruction"] == "ecall"] == ["host: firmware call"] * 2


def test_the_first_and_the_last(tmp_path: Path) -> None:
    whole, first, last = (tmp_path / f"{name}.jsonl" for name in ("whole", "first", "last"))
    for path, limit in ((whole, "1M"), (first, "100"), (last, "last:100")):
        assert invoke("virt", SV32, "--exit-log", path, "--exit-log-limit", limit).stderr == b""
    assert lines(whole)[:100] == lines(first)
    assert lines(whole)[-100:] == lines(last)


@pytest.mark.slow
def test_a_long_log_is_cut_and_says_so(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    steps = ("--max-instructions", "240k")
    outcome = invoke("virt", PROGRAMS / "bench/trap.s", *steps, "--exit-log", log)
    assert len(log.read_text().splitlines()) == 100_002
    assert f"{log} has only the first 100,000 exits; --exit-log-limit selects more or others" in outcome.message
    invoke("virt", PROGRAMS / "bench/trap.s", *steps, "--exit-log", log, "--exit-log-limit", "last:9k")
    numbers = [int(line.split()[0]) for line in log.read_text().splitlines()[2:]]
    assert len(numbers) == 9000 and numbers == list(range(numbers[0], numbers[0] + 9000)) and numbers[0] > 100_000


def test_standard_output_and_the_form(tmp_path: Path) -> None:
    outcome = invoke("virt", SV32, "--exit-log", "-", "--exit-log-format", "jsonl", "--exit-log-limit", "1")
    (line,) = [line for line in outcome.stdout.splitlines() if line.startswith(b"{")]
    assert json.loads(line)["exit"] == 1
    assert invoke("virt", SV32, "--technique", "interpret", "--exit-log", tmp_path / "a").message.endswith(
        "a: no exits: under interpret a guest has none\n"
    )


def test_mistakes(tmp_path: Path) -> None:
    refused(invoke("virt", SV32, "--exit-log", tmp_path / "no/log"), "no/log: No such file or directory")
    refused(invoke("virt", SV32, "--exit-log-limit", "5"), "--exit-log-limit needs --exit-log")
    refused(invoke("virt", SV32, "--exit-log", "a", "--exit-log-limit", "some"), "'some' is not", lines=None)
    refused(invoke("virt", SV32, "--exit-log", "a", "--exit-log-limit", "last:0"), "'0' is not", lines=None)
    refused(invoke("virt", SV32, SV32, "--exit-log", tmp_path / "a"), "--exit-log is for one guest, not 2")
    refused(invoke("virt", SV32, "--compare", "--exit-log", tmp_path / "a"), "--exit-log cannot be used with --compare")


# The trace for Perfetto and chrome://tracing


def trace(path: Path, *arguments: str | Path) -> list[dict[str, Any]]:
    assert invoke("virt", *arguments, "--exit-log", path).status in (0, 124)
    whole = json.loads(path.read_text())
    assert set(whole) == {"traceEvents", "displayTimeUnit", "otherData"}
    return whole["traceEvents"]


@pytest.mark.parametrize("kernel", ["boot/sv32.s", "boot/delegation.s", "boot/spinlock.s"])
def test_the_trace_is_well_formed(kernel: str, tmp_path: Path) -> None:
    """As the Trace Event Format wants it, and slices of a thread follow each other without gap or overlap."""
    harts = 3 if "spinlock" in kernel else 1
    events = trace(tmp_path / "a.json", PROGRAMS / kernel, "--harts", str(harts), "--max-instructions", "20k")
    needed = {"M": {"args"}, "X": {"ts", "dur", "tid"}, "i": {"ts", "s", "tid"}, "C": {"ts", "args"}}
    for event in events:
        assert {"name", "pid"} | needed[event["ph"]] <= set(event)
        assert all(event[name] >= 0 for name in ("ts", "dur") if name in event)
    assert all(isinstance(v, int) for e in events if e["ph"] == "C" for v in e["args"].values())
    names = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert sorted(names.values()) == sorted(
        f"hart {h}: {what}" for h in range(harts) for what in ("exits", "virtual mode")
    )
    for thread, name in names.items():
        slices = [e for e in events if e["ph"] == "X" and e["tid"] == thread]
        instants = [e["ts"] for e in events if e["ph"] == "i" and e["tid"] == thread]
        assert instants == sorted(instants) and bool(instants) == name.endswith("exits")
        assert bool(slices) == name.endswith("mode")
        for one, next in itertools.pairwise(slices):
            assert one["ts"] + one["dur"] == pytest.approx(next["ts"]) and one["name"] != next["name"]


@pytest.mark.parametrize("technique", ["trap", "hybrid"])
def test_the_modes_are_those_of_the_bare_machine(technique: str, tmp_path: Path) -> None:
    path = PROGRAMS / "boot/delegation.s"
    events = trace(tmp_path / "a.json", path, "--technique", technique)
    slices = [e for e in events if e["ph"] == "X"]
    timeline = [s["name"] for s in slices for _ in range(round(1000 * s["dur"]))]
    bare = Machine.from_file(path, memory=4 << 20)
    modes = []
    for _ in timeline:
        modes.append({0: "U", 1: "S", 3: "M"}[bare.mode])
        bare.run(max_instructions=1)
    assert timeline == modes and {*modes} == {"U", "S", "M"}
