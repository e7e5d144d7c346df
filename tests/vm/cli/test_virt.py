"""`trapline virt`: one guest, several, and the comparison of techniques."""

import json
from pathlib import Path

import pytest

from support.cli.command import Outcome, invoke, refused, write
from support.machines import TO_SUPERVISOR
from support.paths import BOOT_KERNELS, PROGRAMS
from trapline.vm.hypervisor.technique import TECHNIQUES

SV32 = PROGRAMS / "boot/sv32.s"
HELLO = PROGRAMS / "boot/uart-hello.s"
UNDER = [name for name in TECHNIQUES if name != "bare"]
FINISH = "_start: li t0, 0x100000\n li t1, {}\n sw t1, (t0)\n"
HOLE = f"""
_start: {TO_SUPERVISOR}
        .balign 4
handler:
        li      t0, 0x100000
        li      t1, 0x5555
        sw      t1, (t0)
supervisor:
        rdmode  a0
        ecall
"""


def last_json(outcome: Outcome) -> dict:
    return json.loads(outcome.stdout.splitlines()[-1])


@pytest.mark.parametrize("technique", UNDER)
def test_a_guest_prints_what_it_prints_bare(technique: str) -> None:
    bare, virtual = invoke("boot", SV32), invoke("virt", SV32, "--technique", technique)
    assert bare.stdout and (virtual.status, virtual.stdout) == (bare.status, bare.stdout)


def test_statistics_and_json() -> None:
    outcome = invoke("virt", SV32, "--stats", "--json", "-", "--shadow", "traced")
    report = last_json(outcome)
    bare = last_json(invoke("boot", SV32, "--json", "-"))
    for key in ("sha256", "retired_instructions", "traps", "exit_code", "pc"):
        assert report[key] == bare[key], key
    assert report["technique"] == "trap"
    assert report["direct_instructions"] + report["emulated_instructions"] >= report["retired_instructions"]
    assert set(report["page_faults"]) == {"hidden", "true", "mmio", "outside"}
    assert report["page_faults"]["true"] == 2 and report["page_faults"]["mmio"] > 100
    assert report["traced_stores"] > 0
    for text in ("executed directly: 8", "exits: illegal instruction", "page faults: hidden", "traced page tables"):
        assert text in outcome.message


def test_status_of_the_guest(tmp_path: Path) -> None:
    assert invoke("virt", write(tmp_path, "three.s", FINISH.format(0x33333))).status == 3
    limited = invoke("virt", write(tmp_path, "loop.s", "_start: j _start\n"), "--max-instructions", "1000")
    assert limited.status == 124 and "stopped: instruction limit" in limited.message


def test_sources_of_one_guest_are_joined(tmp_path: Path) -> None:
    start = write(tmp_path, "start.s", "_start: call main\n")
    write(tmp_path, "main.s", ".globl main\nmain: " + FINISH.format(0x43333).removeprefix("_start: "))
    assert invoke("virt", f"{start}+{tmp_path / 'main.s'}").status == 4
    plus = write(tmp_path, "a+b.s", FINISH.format(0x53333))
    assert invoke("virt", plus).status == 5, "a file whose name has a +"


# Several guests


def test_consoles_have_names_and_the_first_failure_is_the_status(tmp_path: Path) -> None:
    three = write(tmp_path, "three.s", FINISH.format(0x33333))
    four = write(tmp_path, "four.s", FINISH.format(0x43333))
    outcome = invoke("virt", HELLO, HELLO, three, four, "--memory", "4M", "--json", "-")
    lines = outcome.stdout.decode().splitlines()
    hello = invoke("boot", HELLO).stdout.decode().splitlines()
    assert lines[:-1] == [f"uart-hello| {line}" for line in hello] + [f"uart-hello-2| {line}" for line in hello]
    assert outcome.status == 3
    report = last_json(outcome)
    assert report["exit_code"] == 3
    assert [(g["guest"], g["exit_code"]) for g in report["guests"]] == [
        ("uart-hello", 0), ("uart-hello-2", 0), ("three", 3), ("four", 4)
    ]  # fmt: skip
    assert report["guests"][0]["sha256"] == last_json(invoke("boot", HELLO, "--memory", "4M", "--json"))["sha256"]


def test_console_logs_and_quotas(tmp_path: Path) -> None:
    loop = write(tmp_path, "loop.s", "_start: addi t0, t0, 1\n j _start\n")
    outcome = invoke(
        "virt", HELLO, loop, "--console-log", tmp_path / "logs", "--memory", "4M:64K", "--share", "1:2",
        "--max-instructions", "20k", "--stats",
    )  # fmt: skip
    assert outcome.status == 124 and outcome.stdout == b""
    assert (tmp_path / "logs/uart-hello.log").read_bytes() == invoke("boot", HELLO).stdout
    assert (tmp_path / "logs/loop.log").read_bytes() == b""
    assert "trapline: loop: stopped: instruction limit" in outcome.message
    assert "20,000 instructions" in outcome.message


def test_a_drive_and_a_command_line_for_each(tmp_path: Path) -> None:
    """Each guest changes its own copy of the sector; a comparison finds the file as it was."""
    disk = write(tmp_path, "disk.img", bytes(4096))
    kernel = BOOT_KERNELS / "virtio-blk.s"
    drive = ("--drive", f"file={disk}", "--virtio", "modern", "--append", "quiet", "--memory", "8M")
    bare = invoke("boot", kernel, *drive)
    both = last_json(invoke("virt", kernel, kernel, *drive, "--json"))
    assert [g["exit_code"] for g in both["guests"]] == [bare.status] * 2
    compared = last_json(invoke("virt", kernel, *drive, "--compare", "--json"))
    assert all(run["equivalent"] for run in compared["runs"])
    assert disk.read_bytes() == bytes(4096)


def test_a_kernel_in_supervisor_mode_over_the_built_in_sbi(tmp_path: Path) -> None:
    source = """
_start: li      a7, 1                           # legacy putchar, then shutdown
        li      a0, '*'
        ecall
        csrr    s0, sstatus
        li      a7, 8
        ecall
"""
    path = write(tmp_path, "kernel.s", source)
    assert invoke("virt", path, "--sbi").stdout == b"*"
    assert invoke("virt", path, "--sbi", "--compare").status == 0


def test_input_goes_to_the_first_guest(tmp_path: Path) -> None:
    source = """
_start: li      t0, 0x10000000
again:  lbu     t1, 5(t0)
        andi    t1, t1, 1
        beqz    t1, none
        lbu     a0, (t0)
none:   li      t0, 0x100000
        slli    a0, a0, 16
        li      t1, 0x3333
        or      t1, t1, a0
        sw      t1, (t0)
"""
    path = write(tmp_path, "reads.s", source)
    report = last_json(invoke("virt", path, path, "--json", stdin=b"\x05"))
    assert [g["exit_code"] for g in report["guests"]] == [5, 0]


# Comparing


def test_a_comparison_that_holds() -> None:
    outcome = invoke("virt", SV32, "--compare")
    lines = outcome.stdout.decode().splitlines()
    assert outcome.status == 0
    assert lines[0].startswith("2,008 instructions, then: halted at pc 0x")
    rows = {line.split()[0]: line.split() for line in lines if line}
    assert all(rows[name][1] == "yes" for name in UNDER)
    assert rows["bare"][2] == "100.00%" and rows["interpret"][2] == "0.00%"


def test_a_comparison_names_the_instruction(tmp_path: Path) -> None:
    path = write(tmp_path, "hole.s", HOLE)
    outcome = invoke("virt", path, "--compare", "--isa", "rv32ima_xrdmode")
    text = outcome.stdout.decode()
    assert outcome.status == 1
    assert "trap diverges from the bare machine after 17 instructions:\n" in text
    line = HOLE[: HOLE.index("rdmode")].count("\n") + 1
    assert f"  rdmode a0 at 0x80000054 <supervisor> ({path}:{line}) in S" in text
    assert "    a0: 0x00000001 bare, 0x00000000 under trap" in text
    report = last_json(invoke("virt", path, "--compare", "--isa", "rv32ima_xrdmode", "--json"))
    found = {run["technique"]: run for run in report["runs"]}
    assert list(found) == list(TECHNIQUES)
    assert found["hybrid"]["equivalent"] and found["hybrid"]["first_difference"] is None
    first = found["trap"]["first_difference"]
    assert (first["instruction"], first["symbol"], first["mode"]) == ("rdmode a0", "supervisor", "S")
    assert not found["trap"]["equivalent"] and found["trap"]["differences"]


def test_one_technique_is_compared_alone() -> None:
    report = last_json(invoke("virt", HELLO, "--compare", "--technique", "hybrid", "--json"))
    assert [run["technique"] for run in report["runs"]] == ["bare", "hybrid"]


# Mistakes


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--share", "1:2"], "--share needs several guests"),
        (["--memory", "1M:2M"], "--memory: 2 values for 1 guest"),
        ([HELLO, "--memory", "1M:2M:3M"], "--memory: 3 values for 2 guests"),
        ([HELLO, "--compare"], "--compare is for one guest, not 2"),
        ([HELLO, "--trace", "-"], "--trace is for one guest, not 2"),
        (["--compare", "--stats"], "--stats cannot be used with --compare"),
        ([HELLO] * 16, "17 guests; at most 16 run at a time"),
        ([HELLO, "--clock", "wall"], "--clock wall is for one guest, not 2"),
        ([HELLO, "--dump-dtb", "x"], "--dump-dtb is for one guest, not 2"),
        ([HELLO, "--drive", "file=x,write=on"], "--drive file=x,write=on: several guests would write to the same file"),
        (["--compare", "--clock", "wall"], "--clock wall cannot be used with --compare"),
        (["--compare", "--drive", "x,write=on"], "--drive x,write=on: each run of a comparison must find the same"),
        (["start.s+"], "'start.s+': a source is missing before or after +"),
        (["nowhere.s"], "nowhere.s: No such file or directory"),
    ],
)
def test_mistakes(arguments: list[str], message: str) -> None:
    refused(invoke("virt", HELLO, *arguments), message)


def test_a_misspelled_technique_is_refused() -> None:
    refused(invoke("virt", HELLO, "--technique", "magic"), "'magic' is not one of", lines=None)


def test_translation_side_by_side(tmp_path: Path) -> None:
    source = write(tmp_path, "hole.s", HOLE)
    found = invoke("virt", source, "--isa", "rv32ima_xrdmode", "--technique", "translate", "--show-translation", "-")
    assert found.status == 0
    lines = [" ".join(line.split()) for line in found.stdout.decode().splitlines()]
    assert lines.index("virtual S mode") < lines.index("virtual M mode")
    assert any(line.endswith("rdmode a0 li a0, 1") for line in lines)
    invoke("virt", source, "--technique", "translate", "--show-translation", tmp_path / "pairs.txt")
    assert "virtual M mode" in (tmp_path / "pairs.txt").read_text()


def test_there_is_a_translation_only_under_translate() -> None:
    refused(invoke("virt", SV32, "--show-translation", "-"), "--show-translation is for one guest")
