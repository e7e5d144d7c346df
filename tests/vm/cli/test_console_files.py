"""`trapline boot` without a terminal: input from pipes and files, output to a log."""

import subprocess
import time

import pytest

from support.cli.command import MIB, command, execute, invoke, refused, watchdog, write
from support.cli.console_kernels import BUSY, echo

SMALL = ("--memory", "1M")


def kernel(folder, count=3, between="wfi\nj idle\n"):
    return write(folder, "kernel.s", echo(count, between))


def test_a_pipe_that_ends(tmp_path):
    """Every byte counts, Ctrl-A too; after the last nothing can wake the kernel."""
    keys = bytes(range(256))
    outcome = execute("boot", kernel(tmp_path, 1000), *SMALL, stdin=keys)
    assert (outcome.status, outcome.stdout) == (124, b">" + keys)
    assert "idle with nothing that could wake it" in outcome.message


def test_a_pipe_that_brings_something_now_and_then(tmp_path):
    process = subprocess.Popen(
        command("boot", kernel(tmp_path), *SMALL), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    timer = watchdog(process)
    assert process.stdin is not None and process.stdout is not None
    assert process.stdout.read(1) == b">"
    for key in (b"a", b"b", b"c"):
        process.stdin.write(key)
        assert process.stdout.read(1) == key
    assert process.wait() == 7
    timer.cancel()
    process.communicate()


# --input


def test_input_from_a_file(tmp_path):
    """Two runs are alike, and stdin is left alone."""
    text = write(tmp_path, "input", bytes(range(256)))
    report = tmp_path / "report"
    digests = set()
    for _ in range(2):
        outcome = invoke(
            "boot", kernel(tmp_path, 256), *SMALL, "--input", text, f"--json={report}", stdin=b"not for the kernel"
        )
        assert (outcome.status, outcome.stdout) == (7, b">" + text.read_bytes())
        digests.add(report.read_text().partition('"sha256"')[2])
    assert len(digests) == 1


def test_a_file_that_ends(tmp_path):
    for text in (b"", b"ab"):
        outcome = invoke("boot", kernel(tmp_path), *SMALL, "--input", write(tmp_path, "input", text))
        assert (outcome.status, outcome.stdout) == (124, b">" + text)
        assert "idle with nothing that could wake it" in outcome.message


def test_standard_input_by_name(tmp_path):
    assert invoke("boot", kernel(tmp_path), *SMALL, "--input", "-", stdin=b"abc").status == 7


def test_a_file_that_is_missing_or_a_directory(tmp_path):
    for path, reason in ((tmp_path / "missing", "No such file or directory"), (tmp_path, "Is a directory")):
        refused(invoke("boot", kernel(tmp_path), *SMALL, "--input", path), f"trapline: {path}: {reason}")


@pytest.mark.parametrize("huge", ["sparse", "/dev/zero"])
def test_a_file_without_end(tmp_path, huge):
    """It is read as it is needed."""
    if huge == "sparse":
        huge = tmp_path / "input"
        with open(huge, "wb") as file:
            file.truncate(1 << 40)
    outcome = execute("boot", kernel(tmp_path, 5000), *SMALL, "--input", huge)
    assert (outcome.status, outcome.stdout) == (7, b">" + bytes(5000))
    assert outcome.peak < 300 * MIB


# --console-log


def test_a_log(tmp_path):
    log = write(tmp_path, "log", b"old")
    outcome = invoke("boot", kernel(tmp_path), *SMALL, "--console-log", log, stdin=b"a\n\xff")
    assert (outcome.status, outcome.stdout) == (7, b">a\n\xff")
    assert log.read_bytes() == outcome.stdout


def test_a_log_can_be_read_while_the_kernel_waits(tmp_path):
    log = tmp_path / "log"
    words = command("boot", kernel(tmp_path), *SMALL, "--console-log", log)
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    timer = watchdog(process)
    assert process.stdin is not None and process.stdout is not None
    assert process.stdout.read(1) == b">"
    end = time.monotonic() + 10
    while log.read_bytes() != b">" and time.monotonic() < end:
        time.sleep(0.01)
    assert log.read_bytes() == b">"
    process.terminate()
    process.communicate()
    timer.cancel()
    assert process.returncode == 143


def test_a_log_that_cannot_be_written(tmp_path):
    missing = tmp_path / "missing" / "log"
    for path, reason in ((missing, "No such file or directory"), (tmp_path, "Is a directory")):
        refused(invoke("boot", kernel(tmp_path), *SMALL, "--console-log", path), f"trapline: {path}: {reason}")
    refused(invoke("boot", kernel(tmp_path), *SMALL, "--console-log", "-"), "standard output anyway")


@pytest.mark.parametrize("text", [b"a\nb", b"abc"], ids=["while it runs", "at the end"])
def test_a_log_on_a_full_disk(tmp_path, text):
    outcome = invoke("boot", kernel(tmp_path), *SMALL, "--console-log", "/dev/full", stdin=text)
    assert (outcome.status, outcome.message) == (2, "trapline: /dev/full: No space left on device\n")


def test_a_log_of_endless_output(tmp_path):
    """It goes to the disk, not into memory."""
    log = tmp_path / "log"
    words = ("boot", kernel(tmp_path, between="li t1, 'x'\n sb t1, (s0)\n" + BUSY), *SMALL, "--console-log", log)
    outcome = execute(*words, "--timeout", "0.5")
    assert (outcome.status, outcome.stdout) == (124, log.read_bytes())
    assert outcome.peak < 300 * MIB
