"""`--save` and `--record` of `trapline run`, and `trapline resume` and `replay` of a process."""

from pathlib import Path

import pytest

from support.cli.command import execute, invoke
from support.paths import PROGRAMS

ECHO, SHA = PROGRAMS / "echo.s", PROGRAMS / "sha256.s"

WRITES = """
_start: li s0, 3
again:  li a0, 1
        la a1, vectors
        li a2, 2
        li a7, 66
        ecall
        addi s0, s0, -1
        bnez s0, again
        li a0, 0
        li a7, 93
        ecall
        .data
vectors: .word one, 5, two, 5
one:    .ascii "12345"
two:    .ascii "6789\\n"
"""


def test_saved_on_the_way(tmp_path: Path) -> None:
    """The run goes on, and another process goes on from there, with the rest of the input and the same end."""
    file = tmp_path / "file"
    straight = invoke("run", PROGRAMS / "hanoi.s", "--save", f"{file}@300")
    resumed = execute("resume", file)
    assert straight.status == resumed.status == 0
    assert straight.stdout.endswith(resumed.stdout) and straight.stdout != resumed.stdout != b""
    assert invoke("run", ECHO, "--save", f"{file}@2", stdin=b"one\ntwo\n").stdout == b"one\ntwo\n"
    assert execute("resume", file, stdin=b"three\n").stdout == b"three\n"


def test_saved_at_a_limit_again_and_again(tmp_path: Path) -> None:
    file, following = tmp_path / "one", tmp_path / "two"
    arguments = ("--", "abc", "", "abcdefgh" * 100)
    outcome = invoke("run", SHA, "--save", file, "--max-instructions", 3000, *arguments)
    printed = outcome.stdout
    while outcome.status == 124:
        assert "instruction limit" in outcome.message
        outcome = invoke("resume", file, "--save", following, "--max-instructions", "10k")
        file, following = following, file
        printed += outcome.stdout
    assert outcome.status == 0
    assert printed == invoke("run", SHA, *arguments).stdout


def test_a_write_that_was_cut_short_is_finished(tmp_path: Path) -> None:
    """At a limit of output in the middle of a system call: no byte is missing, and none is there twice."""
    source, file = tmp_path / "writes.s", tmp_path / "file"
    source.write_text(WRITES)
    outcome = invoke("run", source, "--save", file, "--max-output", 17)
    printed = outcome.stdout
    assert printed == b"123456789\n1234567" and "output limit" in outcome.message
    again = invoke("resume", file, "--save", file.with_name("same"))
    assert again.status == 124 and again.stdout == b""
    further = invoke("resume", file, "--save", file.with_name("next"), "--max-output", 6)
    assert further.status == 124 and further.stdout == b"89\n123"
    last = invoke("resume", file.with_name("next"), "--max-output", 1000)
    assert last.status == 0 and printed + further.stdout + last.stdout == b"123456789\n" * 3


def test_recorded_and_repeated(tmp_path: Path) -> None:
    """What it read comes again, standard input is left alone, and status and output are those of then."""
    file, snapshot, trace = tmp_path / "file", tmp_path / "snapshot", tmp_path / "trace"
    straight = invoke("run", ECHO, "--record", file, "--clock", "wall", stdin=b"ab\ncd\n")
    again = execute("replay", file, stdin=b"other\n")
    assert (again.status, again.stdout) == (straight.status, straight.stdout) == (0, b"ab\ncd\n")
    part = invoke("replay", file, "--until", 5, "--trace", trace, "--stats")
    assert part.status == 0 and len(trace.read_text().splitlines()) == 5 and "instruction limit" in part.message
    failed = invoke("run", PROGRAMS / "hanoi.s", "--record", file, "--", "21")
    assert failed.status == 1 == invoke("replay", file).status
    cut = invoke("run", PROGRAMS / "hanoi.s", "--record", file, "--max-output", 100)
    repeated = invoke("replay", file)
    assert (repeated.status, repeated.stdout, repeated.message) == (124, cut.stdout, cut.message)
    invoke("run", SHA, "--save", f"{snapshot}@100", stdin=b"text")
    resumed = invoke("resume", snapshot, "--record", file, stdin=b"text")
    assert invoke("replay", file).stdout == resumed.stdout != b""
    for arguments, message in (
        (("replay", snapshot), "no recording of a machine"),
        (("replay", file, "--drive", "disk"), "is of a process, and --drive is for a machine"),
        (("resume", file), "no snapshot of a machine"),
        (("run", ECHO, "--record", "-"), "not -"),
    ):
        outcome = invoke(*arguments, stdin=b"")
        assert outcome.status == 2 and message in outcome.message, outcome


def test_what_cannot_be(tmp_path: Path) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    invoke("run", ECHO, "--save", f"{file}@5", stdin=b"")
    for arguments, message in (
        (("run", ECHO, "--save", "-"), "not -"),
        (("run", ECHO, "--save", ECHO), "choose another name"),
        (("run", ECHO, "--save", f"{other}@5", "--gdb", "0"), "leave out @5"),
        (("run", ECHO, "--save", other / "none"), "other/none"),
        (("resume", file, "--drive", "disk"), "is a process, and --drive is for a machine"),
        (("resume", file, "--exit-log", other), "is a process, and --exit-log is for a machine"),
        (("resume", file, "--clock", "wall"), "the machine is as it was saved"),
    ):
        outcome = invoke(*arguments, stdin=b"")
        assert outcome.status == 2 and message in outcome.message, outcome
    before = invoke("run", ECHO, "--save", f"{other}@10k", stdin=b"")
    assert before.status == 0 and "nothing is saved" in before.message and not other.exists()


@pytest.mark.slow
def test_a_damaged_file_is_one_message(tmp_path: Path) -> None:
    file = tmp_path / "file"
    invoke("run", ECHO, "--save", f"{file}@5", stdin=b"")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    outcome = execute("resume", file)
    message = f"trapline: {file}: cannot be resumed: it is damaged: its checksum is wrong\n"
    assert (outcome.status, outcome.message) == (2, message)
