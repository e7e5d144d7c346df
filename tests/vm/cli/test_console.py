"""`trapline boot` at a terminal: keys, the commands after Ctrl-A, and the terminal as it was before."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.cli.command import write
from support.cli.console_kernels import BUSY, echo
from support.cli.pty import Session

SMALL = ("--memory", "1M")
UNSEEN = 10_000
"""More bytes than a test types: the kernel goes on until it is ended."""


def kernel(folder: Path, count: int = UNSEEN, between: str | None = None, tick: int = 0) -> str:
    """A file with a kernel that echoes."""
    text = echo(count, tick=tick) if between is None else echo(count, between, tick)
    return str(write(folder, "kernel.s", text))


# Keys


def test_every_byte_arrives_unchanged(tmp_path):
    """Each of the 256, Ctrl-A doubled; the keys of a terminal that interrupt, erase, suspend or quote among them."""
    log = tmp_path / "log"
    keys = bytes(range(256)) * 2
    with Session("boot", kernel(tmp_path, len(keys)), *SMALL, "--console-log", log) as session:
        session.expect(b">")
        assert session.raw
        for byte in keys[:256]:
            session.press(bytes([byte]) if byte != 1 else b"\x01\x01")
        session.press(keys[256:].replace(b"\x01", b"\x01a"))
        assert session.end() == 7
    assert log.read_bytes() == b">" + keys
    assert session.shown == b">" + keys.replace(b"\n", b"\r\n"), "and no echo but the kernel's"


def test_a_paste_of_64_kib(tmp_path):
    log = tmp_path / "log"
    text = bytes(random.Random(1).choices(range(32, 127), k=1 << 16))
    with Session("boot", kernel(tmp_path, len(text)), *SMALL, "--console-log", log) as session:
        session.expect(b">")
        session.press(text)
        assert session.end() == 7
    assert log.read_bytes() == b">" + text


def test_the_commands_after_ctrl_a(tmp_path):
    log, report = tmp_path / "log", tmp_path / "report"
    with Session("boot", kernel(tmp_path), *SMALL, "--console-log", log, f"--json={report}") as session:
        session.expect(b">")
        for key in b"hH?":
            session.press(bytes([1, key]))
            assert session.expect(b"Ctrl-A X       quit\r\n") == b"\r\n"
            session.expect(b"Every other key goes to the guest, including Ctrl-C and Ctrl-Z.\r\n")
        session.press(b"a\x01zb\x01")  # no command: nothing
        session.expect(b"ab")
        session.press(b"\x01c\x01")  # Ctrl-A and its key may come apart
        session.expect(b"\x01c")
        session.press(b"x")
        assert session.end() == 0
        assert session.shown.endswith(b"\r\ntrapline: ended by Ctrl-A X\r\n")
    assert log.read_bytes() == b">ab\x01c"
    assert '"exit_reason": "quit at the console", "exit_code": 0' in report.read_text()


@pytest.mark.parametrize("between", [
    "1: addi t2, t2, 1\n j 1b\n", "1: wfi\n addi t2, t2, 1\n j 1b\n", "1: sb x0, 7(s0)\n j 1b\n",
])  # fmt: skip
def test_a_kernel_that_reads_nothing_can_be_quit(tmp_path, between):
    """It computes, waits with interrupts off, or talks to a device all the time; and says who gets Ctrl-C."""
    deaf = "csrci mstatus, 8\n li t1, '<'\n sb t1, (s0)\n"
    with Session("boot", kernel(tmp_path, between=deaf + between), *SMALL) as session:
        session.expect(b"><")
        session.press(b"\x03")
        time.sleep(0.05)
        session.press(b"\x03")
        session.expect(b"\r\ntrapline: Ctrl-C goes to the guest, which is not reading; Ctrl-A X quits\r\n")
        session.press(b"\x01X")
        assert session.end() == 0


def test_typed_before_the_kernel_runs(tmp_path):
    """While the terminal still edits lines."""
    with Session("boot", kernel(tmp_path, 3), *SMALL) as session:
        session.press(b"ab\n")
        assert session.end() == 7
        assert session.shown.endswith(b">ab\r\n")


# Restored whatever happens: `Session.end` compares


@pytest.mark.parametrize(
    "number, status",
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGQUIT, -signal.SIGQUIT)],
)
def test_signals(tmp_path, number, status):
    with Session("boot", kernel(tmp_path), *SMALL) as session:
        session.expect(b">")
        assert session.raw
        os.kill(session.process.pid, number)
        assert session.end() == status
        assert session.shown == b">"


def test_two_signals_at_once(tmp_path):
    with Session("boot", kernel(tmp_path, between=BUSY), *SMALL) as session:
        session.expect(b">")
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            os.kill(session.process.pid, number)
        assert session.end() in (129, 130, 143)


@pytest.mark.parametrize(
    "between, options, status",
    [
        (BUSY, ["--max-instructions", "1M"], 124),
        (None, ["--timeout", "0.3"], 124),
        ("sb zero, 1(s0)\nwfi\n", [], 124),
        ("csrw mtvec, zero\nunimp\n", [], 124),
        (BUSY + "li t1, '\\n'\n", ["--console-log", "/dev/full"], 2),
    ],
    ids=["limit", "timeout", "nothing can wake it", "trap loop", "full disk"],
)
def test_every_end_restores_the_terminal(tmp_path, between, options, status):
    if "/dev/full" in options:
        between = "li t1, '\\n'\n sb t1, (s0)\n" + BUSY
    with Session("boot", kernel(tmp_path, between=between), *SMALL, *options) as session:
        assert session.end() == status
        session.expect(b"trapline: ")
        assert session.shown.startswith(b">")


def test_a_closed_pipe(tmp_path):
    """As in `trapline boot kernel | true`."""
    read, written = os.pipe()
    between = "1: li t1, '\\n'\n sb t1, (s0)\n j 1b\n"
    with Session("boot", kernel(tmp_path, between=between), *SMALL, stdout=written) as session:
        os.close(written)
        assert os.read(read, 1) == b">"
        assert session.raw
        os.close(read)
        assert session.end() == 141
        assert session.shown == b""


_BROKEN = """
import sys
from trapline.vm.cli.main import main
from trapline.vm.engine import Engine
def broken(self, budget):
    raise RuntimeError("something unforeseen")
Engine.run = broken
main()
"""


def test_an_exception(tmp_path):
    words = [sys.executable, "-c", _BROKEN, "boot", kernel(tmp_path), *SMALL]
    with Session(program=words) as session:
        assert session.process.wait() == 70
        assert session.settings() == session.before
        session.expect(b"trapline: internal error: RuntimeError: something unforeseen\r\n")


def test_other_commands_and_other_input_leave_the_terminal_alone(tmp_path):
    """With its input from a file, Ctrl-C has its usual meaning."""
    text = write(tmp_path, "input", b"abc")
    with Session("boot", kernel(tmp_path, between=BUSY), *SMALL, "--input", text) as session:
        session.expect(b">abc")
        assert session.settings() == session.before
        session.press(b"\x03")
        assert session.end() == 130


# Job control


def test_stopped_and_continued(tmp_path):
    """By a shell: SIGTSTP, SIGSTOP, in the background, in the foreground again."""
    words = " ".join([sys.executable, "-m", "trapline", "boot", kernel(tmp_path), *SMALL])
    with Session(program=["sh", "-i"]) as session:
        session.press(b"set -m; stty -echo; PS1='p''s1 '\n")
        session.expect(b"ps1 ")
        usual = session.settings()
        for number in (signal.SIGTSTP, signal.SIGSTOP):
            session.press(words.encode() + b"\n")
            session.expect(b">")
            assert session.raw
            job = os.tcgetpgrp(session.leader)
            os.kill(job, number)
            session.expect(b"ps1 ")
            if number == signal.SIGTSTP:
                assert session.settings() == usual
            else:
                subprocess.run(
                    ["stty", "sane", "-echo"], stdin=session.terminal, check=True
                )  # as interactive shells do
            session.press(b"fg\n")
            session.eventually(lambda: session.raw)
            session.press(b"abc")
            session.expect(b"abc")
            os.kill(job, signal.SIGTSTP)
            session.expect(b"ps1 ")
            session.press(b"bg\n")
            session.expect(b"ps1 ")
            session.press(b"echo still $((1 + 1)) here\n")  # these keys are the shell's
            session.expect(b"still 2 here")
            assert not session.raw
            session.press(b"fg\n")
            session.eventually(lambda: session.raw)
            session.press(b"def")
            session.expect(b"def")
            session.press(b"\x01x")
            session.expect(b"ps1 ")
            assert not session.raw


# Time


@pytest.mark.parametrize("clock, tick", [("instructions", 0), ("instructions", 100_000), ("wall", 100_000)])
def test_a_prompt_costs_no_processor_time(tmp_path, clock, tick):
    """Promised are 5 %; the figure is printed (`pytest -rP`), and asserted with room for a busy machine."""
    with Session("boot", kernel(tmp_path, 1, tick=tick), *SMALL, "--clock", clock) as session:
        session.expect(b">")
        begin, used = time.monotonic(), session.processor_seconds()
        time.sleep(0.6)
        share = (session.processor_seconds() - used) / (time.monotonic() - begin)
        print(f"{100 * share:.1f} % of a processor")
        session.press(b"x")
        assert session.end() == 7
    assert share < 0.3


def test_how_soon_a_key_is_seen_while_the_guest_computes(tmp_path):
    """Promised are 10 ms in the median; the figure is printed (`pytest -rP`), and processor time asserted."""
    delays, used = [], []
    with Session("boot", kernel(tmp_path, between=BUSY), *SMALL) as session:
        session.expect(b">")
        for key in b"abcdefghijklmnopqrstuvw":
            time.sleep(0.01)
            begin, busy = time.monotonic(), session.processor_seconds()
            session.press(bytes([key]))
            session.expect(bytes([key]))
            delays.append(time.monotonic() - begin)
            used.append(session.processor_seconds() - busy)
        session.press(b"\x01x")
        assert session.end() == 0
    median = sorted(delays)[len(delays) // 2]
    print(f"{1000 * median:.1f} ms in the median, {1000 * max(delays):.1f} ms at most")
    assert sorted(used)[len(used) // 2] < 0.1
