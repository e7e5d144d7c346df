"""`trapline bench nano`: its report, its picture, its messages."""

import json
import sys
from pathlib import Path

import pytest

from support.cli.command import invoke, refused

QUICK = ("--repeats", "1", "--rounds", "20")


def report(*arguments: str | Path) -> dict:
    """What `--json` prints."""
    outcome = invoke("bench", "nano", *arguments, *QUICK, "--json")
    assert outcome.status == 0, outcome.message
    return json.loads(outcome.stdout)


def test_json() -> None:
    found = report("syscall", "ptemod", "--technique", "trap", "--technique", "assist", "--exit-cost", "4000,100,1e3")
    assert found["model"] == {"direct": 1, "emulate": 30, "fill": 60, "drop": 200}
    assert (found["exit_costs"], found["shadow"], found["repeats"]) == ([100, 1000, 4000], "lazy", 1)
    assert [b["name"] for b in found["benchmarks"]] == ["syscall", "ptemod"]
    assert found["benchmarks"][0]["summary"] == "a system call, from U mode into the kernel and back"
    bare, trap, assist = found["benchmarks"][0]["results"]
    assert [r["technique"] for r in (bare, trap, assist)] == ["bare", "trap", "assist"]
    assert (trap["instructions"], trap["direct"], trap["emulated"], trap["exits"], trap["rounds"]) == (6, 2, 4, 4, 20)
    assert trap["exits_by_cause"] == {"illegal instruction": 3, "environment call from U-mode": 1}
    assert trap["cycles"] == {"100": 522, "1000": 4122, "4000": 16122}
    assert bare["cycles"] == assist["cycles"] == {"100": 6, "1000": 6, "4000": 6}
    assert isinstance(trap["nanoseconds"], float)


def test_costs_and_shadow_tables_are_options() -> None:
    found = report(
        "ptemod", "--technique", "trap", "--shadow", "traced", "--exit-cost", "10", "--direct-cost", "2",
        "--emulate-cost", "3", "--fill-cost", "5", "--drop-cost", "7",
    )  # fmt: skip
    assert found["model"] == {"direct": 2, "emulate": 3, "fill": 5, "drop": 7} and found["shadow"] == "traced"
    trap = found["benchmarks"][0]["results"][1]
    assert (trap["emulated"], trap["fills"]) == (2, 2)
    assert trap["cycles"] == {"10": 3 * 2 + 2 * 3 + 2 * 5 + 7 + 4 * 10}


def test_text() -> None:
    outcome = invoke("bench", "nano", "syscall", *QUICK, "--exit-cost", "10,1000")
    text = outcome.stdout.decode()
    lines = text.splitlines()
    assert outcome.status == 0
    assert lines[0] == "cycles = direct x 1 + emulated x 30 + fills x 60 + drops x 200 + exits x 10, 1000"
    assert lines[2] == "syscall: a system call, from U mode into the kernel and back"
    rows = {line.split()[0]: line.split() for line in lines[3:] if line}
    assert rows["technique"][:7] == ["technique", "ns", "direct", "emulated", "exits", "fills", "drops"]
    assert rows["trap"][2:] == ["2", "4", "4", "0", "0", "162", "4,122"]
    assert rows["interpret"][2:] == ["0", "6", "0", "0", "0", "180", "180"]
    assert lines[-1].split() == ["syscall", "assist", "assist"]


@pytest.mark.parametrize(("name", "part"), [
    ("sycall", "no nano-benchmark named 'sycall'; did you mean 'syscall'?"),
    ("cr3wr", "did you mean 'satp'?"), ("DivZero", "did you mean 'illegal'?"),
    ("qqq", "known: callret, csr, syscall, illegal, fault, mmio, satp, ptemod, timer"),
])  # fmt: skip
def test_unknown_names(name: str, part: str) -> None:
    refused(invoke("bench", "nano", name), part)


@pytest.mark.parametrize(("arguments", "part"), [
    (["--exit-cost", "fast"], "'fast' is not a number of cycles from 0 to 1e12"),
    (["--exit-cost", "200,,4000"], "'' is not a number of cycles"), (["--exit-cost", "-1"], "'-1' is not"),
    (["--fill-cost", "nan"], "'nan' is not a number of cycles"), (["--technique", "tarp"], "'tarp' is not one of"),
    (["--rounds", "1"], "--rounds"), (["--repeats", "0"], "--repeats"),
])  # fmt: skip
def test_bad_options(arguments: list[str], part: str) -> None:
    outcome = invoke("bench", "nano", *arguments)
    assert outcome.status == 2 and part in outcome.message and outcome.stdout == b""


def test_rounds_are_even() -> None:
    refused(invoke("bench", "nano", "--rounds", "7"), "--rounds 7 is not an even number")


def test_picture_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backend_bases", None)
    refused(invoke("bench", "nano", "--plot", tmp_path / "x.png"), "pip install 'trapline[plot]'")
    assert not list(tmp_path.iterdir())


def test_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name, begin in ("costs.png", b"\x89PNG"), ("costs.SVG", b"<?xml"):
        target = tmp_path / name
        outcome = invoke("bench", "nano", "mmio", "--technique", "trap", *QUICK, "--exit-cost", "100", "--plot", target)
        assert outcome.status == 0, outcome.message
        assert target.read_bytes().startswith(begin) and target.stat().st_size > 5000


def test_picture_that_cannot_be_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    refused(invoke("bench", "nano", "--plot", tmp_path / "x.gifff"), "the ending selects the format: one of", "png")
    refused(invoke("bench", "nano", "--plot", tmp_path / "no/x.png"), "no/x.png: No such file or directory")
