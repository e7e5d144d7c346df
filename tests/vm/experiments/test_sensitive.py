"""The suite of sensitive instructions under each technique: a matrix that follows from the definitions."""

import json
from pathlib import Path

import pytest

from support.cli.command import invoke, refused, write
from support.paths import PROGRAMS
from trapline.vm.experiments.sensitive import find_cases, read_case
from trapline.vm.hypervisor.technique import TECHNIQUES

FOLDER = PROGRAMS / "sensitive"
NAMES = sorted(path.stem for path in FOLDER.glob("*.s"))

USER_HOLES = {"pushf", "sidt", "sgdt", "probe", "lra"}
"""Sensitive in U mode too, where even the hybrid technique executes directly (Theorem 3)."""
SUPERVISOR_HOLES = USER_HOLES | {"popf", "rdmode", "jrst"}
DETECTING = {"detect-vector": "hybrid trap", "detect-root": "hybrid trap", "detect-unused": "hybrid trap",
             "detect-address": "hybrid trap", "detect-mode": "trap"}  # fmt: skip


@pytest.fixture(scope="module")
def matrix() -> dict[str, dict[str, dict]]:
    """Results by test and technique."""
    outcome = invoke("sensitive", *(w for t in ("interpret", "hybrid", "trap") for w in ("--technique", t)), "--json")
    assert outcome.status == 0
    report = json.loads(outcome.stdout)
    assert report["techniques"] == ["interpret", "hybrid", "trap"]
    return {test["test"]: test["results"] for test in report["tests"]}


@pytest.mark.once
def test_every_program_of_the_suite_is_in_the_matrix(matrix) -> None:
    assert list(matrix) == NAMES and len(NAMES) >= 24 + 6


@pytest.mark.once
def test_interpretation_is_always_equivalent(matrix) -> None:
    assert {name: row["interpret"]["verdict"] for name, row in matrix.items()} == dict.fromkeys(NAMES, "equivalent")


@pytest.mark.once
@pytest.mark.parametrize("technique, holes", [("hybrid", USER_HOLES), ("trap", SUPERVISOR_HOLES)])
def test_exactly_the_holes_diverge(matrix, technique: str, holes: set[str]) -> None:
    found = {name for name, row in matrix.items() if row[technique]["verdict"] == "diverges"}
    assert found == holes
    for name in holes:
        assert matrix[name][technique]["first_difference"]["instruction"].split()[0] == name


@pytest.mark.once
@pytest.mark.parametrize("technique", ["hybrid", "trap"])
def test_exactly_these_programs_find_out(matrix, technique: str) -> None:
    found = {name for name, row in matrix.items() if row[technique]["verdict"] == "detected"}
    assert found == {name for name, techniques in DETECTING.items() if technique in techniques.split()}
    assert all(matrix[name][technique]["output"].endswith("virtual machine\n") for name in found)


def test_holes_that_trap_in_the_real_user_mode_do_no_harm() -> None:
    """Theorem 1 holds for a machine whose mleak is set, and so trap-and-emulate is exact for all that it has."""
    names = [*SUPERVISOR_HOLES, *DETECTING]
    chosen = ("--technique", "hybrid", "--technique", "trap")
    report = json.loads(invoke("sensitive", *names, *chosen, "--mleak", "0xff", "--json").stdout)
    assert {r["verdict"] for test in report["tests"] for r in test["results"].values()} == {"equivalent"}
    assert len(report["tests"]) == len(names)
    one = json.loads(invoke("sensitive", "popf", "rdmode", "--technique", "trap", "--mleak", "1", "--json").stdout)
    assert [t["results"]["trap"]["verdict"] for t in one["tests"]] == ["equivalent", "diverges"]


def test_text_and_markdown() -> None:
    text = invoke("sensitive", "popf", "detect-mode", "mret").stdout.decode()
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line}
    assert rows["test"] == [name for name in TECHNIQUES if name != "bare"]
    place = rows["test"].index("trap")
    assert [rows[n][place] for n in ("popf", "detect-mode", "mret")] == ["diverges", "detected", "equivalent"]
    assert "popf, trap: popf a0 at 0x" in text and "in S mode: mstatus is 0x00000080, not 0x00000082" in text
    lines = invoke("sensitive", "popf", "--technique", "trap", "--markdown").stdout.decode().splitlines()
    assert lines[:3] == ["| test | ISA | trap |", "|---|---|---|", "| `popf` | `rv32ima_xpopf` | diverges |"]


def test_a_machine_without_holes_has_no_such_tests() -> None:
    report = json.loads(invoke("sensitive", "--isa", "rv32ima", "--technique", "trap", "--json").stdout)
    assert {t["results"]["trap"]["verdict"] for t in report["tests"]} == {"equivalent"}
    assert {t["test"] for t in report["tests"]} == {c.name for c in find_cases(FOLDER) if c.isa == "rv32ima"}


def test_mistakes(tmp_path: Path) -> None:
    refused(invoke("sensitive", "popff"), "no test named 'popff'; known: csrr-mhartid")
    refused(invoke("sensitive", "popf", "--isa", "rv32ima"), "--isa rv32ima lacks instructions of popf")
    refused(invoke("sensitive", "--isa", "rv64"), "ISA string 'rv64'")
    refused(invoke("sensitive", "popf", "--mleak", "0x100"), "0x100 is not in 0..0xff", lines=None)
    with pytest.raises(ValueError, match="its header lacks a summary"):
        read_case(write(tmp_path, "plain.s", "_start: nop"))
