"""`trapline debug`: which guest it takes a file for, scripts, and statuses."""

import os
import pty
from pathlib import Path

import pytest

from support.cli.command import command, environment, invoke, refused, watchdog, write
from support.paths import PROGRAMS

PROGRAM = "_start: li a0, 3\n li a7, 93\n ecall\n"
KERNEL = "_start: csrr a0, mhartid\n li t0, 0x100000\n li t1, 0x5555\n sw t1, 0(t0)\nend: j end\n"
ENGINE = ("--engine", "python")


@pytest.mark.parametrize(("source", "options", "mode"), [
    (PROGRAM, (), "mode U"), (KERNEL, (), "mode M"), (PROGRAM, ("--boot",), "mode M"), (KERNEL, ("--run",), "mode U"),
    (PROGRAM, ("--smp", "2"), "mode M"), (PROGRAM, ("--technique", "trap"), "mode M"),
])  # fmt: skip
def test_what_a_source_is_taken_for(source: str, options: tuple[str, ...], mode: str, tmp_path: Path) -> None:
    path = write(tmp_path, "p.s", source)
    outcome = invoke("debug", path, *ENGINE, *options, "--memory", "1M", "--batch", "-e", "regs")
    assert (outcome.status, outcome.message) == (0, "") and mode in outcome.stdout.decode()


def test_statuses(tmp_path: Path) -> None:
    path = write(tmp_path, "p.s", PROGRAM)
    script = write(tmp_path, "script", "# a comment\nbreak *0x10076\ndelete\n\nrun\n")
    assert invoke("debug", path, *ENGINE, "-x", script, "--batch").status == 3
    assert invoke("debug", path, *ENGINE, stdin=b"stepi\nquit\nnonsense\n").status == 0
    failed = invoke("debug", path, *ENGINE, stdin=b"stepi\nnonsense\nrun\n")
    assert failed.status == 1 and b"no command 'nonsense'" in failed.stdout and b"ended" not in failed.stdout
    assert invoke("debug", path, *ENGINE, "--batch", "-e", "nonsense", "-e", "run").status == 1


def test_bad_usage(tmp_path: Path) -> None:
    path = write(tmp_path, "p.s", PROGRAM)
    refused(invoke("debug", path, "--run", "--smp", "2"), "--harts", "not for --run")
    refused(invoke("debug", tmp_path / "none.s"), "none.s")
    refused(invoke("debug", path, "--boot", "--", "x"), "--append")
    refused(invoke("debug"), "PROGRAM", lines=None)


def test_a_program_is_saved_and_goes_on(tmp_path: Path) -> None:
    saved = tmp_path / "program.snap"
    commands = ("-e", "step 300", "-e", f"save {saved}", "-e", "continue")
    debugged = invoke("debug", PROGRAMS / "hanoi.s", *ENGINE, "--batch", *commands)
    resumed = invoke("resume", saved, *ENGINE)
    assert resumed.status == 0 and resumed.stdout.endswith(b"15 moves\n")
    assert resumed.stdout.splitlines()[-3] in debugged.stdout


def test_a_machine_is_saved_and_goes_on(tmp_path: Path) -> None:
    path, saved = write(tmp_path, "k.s", KERNEL.replace("0x5555", "0x53333")), tmp_path / "k.snap"
    outcome = invoke(
        "debug",
        path,
        *ENGINE,
        "--memory",
        "1M",
        "--batch",
        "-e",
        "stepi 2",
        "-e",
        f"save {saved}",
        "-e",
        f"save {saved}",
    )
    assert outcome.status == 0, outcome.stdout
    assert invoke("resume", saved, *ENGINE).status == 5
    for name in (str(path), str(tmp_path / "no" / "file")):
        failed = invoke("debug", path, *ENGINE, "--memory", "1M", "--batch", "-e", f"save {name}")
        assert failed.status == 1 and name.encode() in failed.stdout
    assert "0x53333" in path.read_text()


def test_at_a_terminal(tmp_path: Path) -> None:
    """A mistake does not end the session, an empty line repeats, and Ctrl-D leaves."""
    import subprocess

    path = write(tmp_path, "p.s", PROGRAM)
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command("debug", path, *ENGINE), stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(TERM="dumb"),
    )  # fmt: skip
    timer = watchdog(process, 120)
    os.write(leader, b"nonsense\nstepi\n\n\x04")
    output = process.communicate()[0].decode()
    timer.cancel()
    os.close(leader)
    os.close(follower)
    assert process.returncode == 0 and "Traceback" not in output
    assert "no command 'nonsense'" in output and "<_start+8>" in output
