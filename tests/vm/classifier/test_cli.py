"""`trapline classify`: the text, the page, the JSON, and what is wrong input."""

import json
import os
import pty
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.cli.command import Outcome, at_work, command, environment, invoke, refused, watchdog

pytestmark = pytest.mark.once

FEW = ("--pairs", "60")
FLAGS = (
    "always_traps", "privileged", "sensitive", "control_sensitive", "behavior_sensitive", "mode_sensitive",
    "location_sensitive", "configuration_sensitive", "timing_dependent", "user_sensitive", "innocuous",
)  # fmt: skip


def classify(*arguments: str | Path) -> Outcome:
    outcome = invoke("classify", *FEW, *arguments)
    assert outcome.status == 0, outcome.message
    return outcome


def report(*arguments: str) -> dict[str, Any]:
    return json.loads(classify("--json", *arguments).stdout)


def test_text_has_classes_witnesses_and_theorems() -> None:
    text = classify("--isa", "rv32ima_xpopf", "--insn", "popf", "--insn", "add", "--insn", "mret").stdout.decode()
    assert text.startswith("rv32ima_xpopf\n")
    assert "control-sensitive (1)\n  popf  refuted (witness)  [control, mode]  popf a1: with a1 = 2, in S mode" in text
    assert "innocuous (1)\n  add   sampled (" in text
    assert "privileged (1)\n  mret  refuted (witness)  [control, configuration]  mret: in M mode" in text
    assert "Theorem 1 (a hypervisor can be built): does not hold, refuted\n  popf: with a1 = 2" in text
    assert "Theorem 3 (a hybrid hypervisor can be built): holds, sampled" in text
    assert text.endswith("The theorems are about these instructions alone, not about a whole machine.\n")


def test_compressed_instructions_have_the_rows_of_others() -> None:
    line = "A compressed instruction has the row of the one that it stands for"
    for machine, there in (("rv32ima", False), ("rv32imac", True)):
        chosen = ("--isa", machine, "--insn", "ebreak")
        assert (f"\n{line}" in classify(*chosen).stdout.decode()) == there
        assert (f"\n{line}" in classify(*chosen, "--markdown").stdout.decode()) == there
        assert report(*chosen)["stands_for"].get("c.ebreak") == ("ebreak" if there else None)
    refused(
        invoke("classify", "--isa", "rv32imac", "--insn", "c.lwsp"),
        "'c.lwsp' stands for 'lw', whose row it has: --insn lw",
    )


def test_json_has_everything() -> None:
    found = report("--isa", "rv32ima_xpopf", "--csr", "mleak=1", "--csr", "mcounteren=7", "--insn", "popf")
    assert found["isa"] == "rv32ima_xpopf"
    assert found["csr"] == {"mleak": 1, "mcounteren": 7}
    assert found["theorems"]["1"]["holds"] is True and not found["complete"]
    (popf,) = found["instructions"]
    assert (popf["name"], popf["class"], popf["evidence"]) == ("popf", "privileged", "refuted")
    assert {flag: popf[flag] for flag in FLAGS if popf[flag]} == {
        "privileged": True, "sensitive": True, "control_sensitive": True
    }  # fmt: skip
    assert popf["pairs"] >= 60 and popf["privileged_pairs"] == ["S-U", "M-U"]
    shown = popf["witness"]
    assert shown["question"] == "control(S)" and shown["assembly"] == "popf a1"
    assert shown["states"][0]["mode"] == "S" and shown["states"][0]["values"]["mleak"] == 1
    assert shown["changes"][0]["mstatus"] == 2
    assert len(popf["questions"]) == 21 and popf["questions"]["executes(U)"]["yes"] is False


def test_json_of_a_whole_machine() -> None:
    found = report()
    names = [row["name"] for row in found["instructions"]]
    assert found["complete"] and len(names) == len(set(names)) >= 76
    assert set(found["theorems"]) == {"1", "2", "3"}
    for row in found["instructions"]:
        assert row["evidence"] in ("proved", "refuted", "sampled")
        assert (row["witness"] is None) == (row["evidence"] != "refuted")


def test_json_beside_the_text(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    text = classify("--insn", "add", f"--json={target}").stdout.decode()
    assert "innocuous (1)" in text
    assert json.loads(target.read_text())["instructions"][0]["name"] == "add"


def test_markdown_is_a_page() -> None:
    page = classify("--isa", "rv32ima_xrdmode", "--insn", "rdmode", "--markdown").stdout.decode()
    assert page.startswith("# rv32ima_xrdmode\n")
    row = next(line for line in page.splitlines() if line.startswith("| `rdmode`"))
    assert row.startswith("| `rdmode` | behavior-sensitive | mode | refuted (witness) | rdmode a0: in S mode")
    assert "## Theorem 1 (a hypervisor can be built): does not hold, refuted" in page


def test_the_same_command_says_the_same() -> None:
    arguments = ("--isa", "rv32ima_xlra", "--insn", "lra", "--insn", "csrrs")
    assert classify(*arguments).stdout == classify(*arguments).stdout
    assert classify(*arguments, "--seed", "5").status == 0


def test_one_name_may_mean_several_rows() -> None:
    names = [row["name"] for row in report("--isa", "rv32ima_xpopf", "--insn", "CSRRS")["instructions"]]
    assert names == [
        "csrrs",
        "csrrs uflags",
        *(f"rd{n}" for n in ("cycle", "time", "instret", "cycleh", "timeh", "instreth")),
    ]
    assert [row["name"] for row in report("--isa", "rv32ima_xpopf", "--insn", "csrrs uflags")["instructions"]] == names[
        1:2
    ]
    assert [row["name"] for row in report("--insn", "rdtime")["instructions"]] == ["rdtime"]


def test_a_value_that_a_csr_does_not_hold_is_shown_as_it_is_held() -> None:
    assert report("--isa", "rv32ima_xsgdt", "--csr", "mleak=0xff", "--insn", "sgdt")["csr"] == {"mleak": 0x10}


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (("--isa", "rv32ima_xpopff"), ("unknown extension 'xpopff'", "did you mean 'xpopf'?")),
        (("--isa", "rv32ima_xpopf_xleak"), ("names 'xpopf' twice", "'xleak' has it")),
        (("--isa", "rv32im"), ("lacks 'a'",)),
        (("--isa", "rv64ima"), ("this machine has 32 bits",)),
        (("--insn", "addd"), ("no instruction 'addd'", "did you mean 'add'?")),
        (("--insn", "popf"), ("'popf' is not on this machine", "lacks the extension 'xpopf'")),
        (("--insn", "\x1b[31m"), ("no instruction", "trapline isa")),
        (("--csr", "mleak"), ("write NAME=VALUE",)),
        (("--csr", "mleek=1"), ("no CSR 'mleek'", "did you mean 'mleak'?")),
        (("--csr", "stvec=soon"), ("'soon' is not a number from 0 to 0xffffffff",)),
        (("--csr", "stvec=0x100000000"), ("is not a number from 0 to 0xffffffff",)),
        (("--csr", "stvec=-4"), ("is not a number from 0 to 0xffffffff",)),
        (("--csr", "mleak=1"), ("mleak: this machine has no such CSR",)),
        (("--csr", "mhartid=1"), ("mhartid: this CSR cannot be written",)),
        (("--csr", "misa=0"), ("misa: this CSR cannot be written",)),
        (("--csr", "satp=0"), ("relocation is what the search varies",)),
        (("--csr", "pmpcfg0=0"), ("relocation is what the search varies",)),
        (("--isa", "rv32ima_sdtrig", "--csr", "tdata1=0x20000044"), ("triggers are disabled in every state",)),
        (("--csr", "mcycle=0"), ("a counter keeps counting",)),
        (("--csr", "stvec=0", "--csr", "stvec=4"), ("stvec is given twice",)),
        (("--json", "/nowhere/report.json"), ("/nowhere/report.json", "No such file")),
    ],
)
def test_bad_input_is_one_message_and_status_2(arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    refused(invoke("classify", *FEW, *arguments), *parts)


@pytest.mark.parametrize(
    "arguments",
    [("--pairs", "0"), ("--pairs", "many"), ("--seed", "-1"), ("--engine", "abacus")],
)
def test_bad_usage_is_status_2(arguments: tuple[str, ...]) -> None:
    refused(invoke("classify", *arguments), "Error", lines=None)


def test_two_formats_for_standard_output() -> None:
    outcome = invoke("classify", "--json", "--markdown")
    assert outcome.status == 2 and "exclude each other" in outcome.message
    assert "exclude each other" in json.loads(outcome.stdout)["diagnostics"][0]["message"]


def test_nothing_but_the_report_is_printed_without_a_terminal() -> None:
    outcome = classify("--insn", "add")
    assert outcome.stderr == b""
    assert b"\x1b" not in outcome.stdout


@pytest.mark.slow  # with bounds checks numba compiles in this process, which answers late
def test_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    process = subprocess.Popen(
        command("classify", "--pairs", "1e9", "--insn", "add", f"--json={target}"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    guard = watchdog(process)
    try:
        # Starting takes about a second of processor time; then it searches.
        at_work(process, 2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    finally:
        guard.cancel()
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err and not any(tmp_path.iterdir())


def test_progress_is_for_terminals_and_stays_out_of_the_report() -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command("classify", "--insn", "add", "--insn", "sub", "--pairs", "60"), stdout=subprocess.PIPE, stderr=follower,
        env=environment(NO_COLOR=None, TERM="xterm"),
    )  # fmt: skip
    guard = watchdog(process)
    try:
        os.close(follower)
        assert process.stdout is not None
        out = process.stdout.read()
        shown = b""
        try:
            while chunk := os.read(leader, 4096):
                shown += chunk
        except OSError:
            pass  # a terminal whose other side is closed
        assert process.wait() == 0
    finally:
        guard.cancel()
        os.close(leader)
    assert b"2/2" in shown and b"\x1b" in shown
    assert b"\x1b" not in out and b"innocuous (2)" in out
