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
from support.cli.pty import Seat

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
    with Seat("boot", kernel(tmp_path, len(keys)), *SMALL, "--console-log", log) as seat:
        seat.expect(b">")
        assert seat.raw
        for byte in keys[:256]:
            seat.press(bytes([byte]) if byte != 1 else b"\x01\x01")
        seat.press(keys[256:].replace(b"\x01", b"\x01a"))
        assert seat.end() == 7
    assert log.read_bytes() == b">" + keys
    assert seat.shown == b">" + keys.replace(b"\n", b"\r\n"), "and no echo but the kernel's"


def test_a_paste_of_64_kib(tmp_path):
    log = tmp_path / "log"
    text = bytes(random.Random(1).choices(range(32, 127), k=1 << 16))
    with Seat("boot", kernel(tmp_path, len(text)), *SMALL, "--console-log", log) as seat:
        seat.expect(b">")
        seat.press(text)
        assert seat.end() == 7
    assert log.read_bytes() == b">" + text


def test_the_commands_after_ctrl_a(tmp_path):
    log, report = tmp_path / "log", tmp_path / "report"
    with Seat("boot", kernel(tmp_path), *SMALL, "--console-log", log, "--json", report) as seat:
        seat.expect(b">")
        for key in b"hH?":
            seat.press(bytes([1, key]))
            assert seat.expect(b"Ctrl-A X       quit\r\n") == b"\r\n"
            seat.expect(b"Every other key goes to the guest, Ctrl-C and Ctrl-Z as well.\r\n")
        seat.press(b"a\x01zb\x01")  # no command: nothing
        seat.expect(b"ab")
        seat.press(b"\x01c\x01")  # Ctrl-A and its key may come apart
        seat.expect(b"\x01c")
        seat.press(b"x")
        assert seat.end() == 0
        assert seat.shown.endswith(b"\r\ntrapline: ended by Ctrl-A X\r\n")
    assert log.read_bytes() == b">ab\x01c"
    assert '"exit_reason": "quit at the console", "exit_code": 0' in report.read_text()


@pytest.mark.parametrize("between", ["1: j 1b\n", "1: wfi\n j 1b\n", "1: sb x0, 7(s0)\n j 1b\n"])
def test_a_kernel_that_reads_nothing_can_be_quit(tmp_path, between):
    """It computes, waits with interrupts off, or talks to a device all the time; and says who gets Ctrl-C."""
    deaf = "csrci mstatus, 8\n li t1, '<'\n sb t1, (s0)\n"
    with Seat("boot", kernel(tmp_path, between=deaf + between), *SMALL) as seat:
        seat.expect(b"><")
        seat.press(b"\x03")
        time.sleep(0.05)
        seat.press(b"\x03")
        seat.expect(b"\r\ntrapline: Ctrl-C goes to the guest, which does not read it; Ctrl-A X quits\r\n")
        seat.press(b"\x01X")
        assert seat.end() == 0


def test_typed_before_the_kernel_runs(tmp_path):
    """While the terminal still edits lines."""
    with Seat("boot", kernel(tmp_path, 3), *SMALL) as seat:
        seat.press(b"ab\n")
        assert seat.end() == 7
        assert seat.shown.endswith(b">ab\r\n")


# Restored whatever happens: `Seat.end` compares


@pytest.mark.parametrize(
    "number, status",
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGQUIT, -signal.SIGQUIT)],
)
def test_signals(tmp_path, number, status):
    with Seat("boot", kernel(tmp_path), *SMALL) as seat:
        seat.expect(b">")
        assert seat.raw
        os.kill(seat.process.pid, number)
        assert seat.end() == status
        assert seat.shown == b">"


def test_two_signals_at_once(tmp_path):
    with Seat("boot", kernel(tmp_path, between=BUSY), *SMALL) as seat:
        seat.expect(b">")
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            os.kill(seat.process.pid, number)
        assert seat.end() in (129, 130, 143)


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
def test_endings(tmp_path, between, options, status):
    if "/dev/full" in options:
        between = "li t1, '\\n'\n sb t1, (s0)\n" + BUSY
    with Seat("boot", kernel(tmp_path, between=between), *SMALL, *options) as seat:
        assert seat.end() == status
        assert seat.shown.startswith(b">") and b"trapline: " in seat.shown


def test_a_closed_pipe(tmp_path):
    """As in `trapline boot kernel | true`."""
    read, written = os.pipe()
    between = "1: li t1, '\\n'\n sb t1, (s0)\n j 1b\n"
    with Seat("boot", kernel(tmp_path, between=between), *SMALL, stdout=written) as seat:
        os.close(written)
        assert os.read(read, 1) == b">"
        assert seat.raw
        os.close(read)
        assert seat.end() == 141
        assert seat.shown == b""


_BROKEN = """
import sys
from trapline.vm import machine
from trapline.vm.cli.main import main
def broken(self, budget):
    raise RuntimeError("something unforeseen")
machine.Machine._slice = broken
main()
"""


def test_an_exception(tmp_path):
    words = [sys.executable, "-c", _BROKEN, "boot", kernel(tmp_path), *SMALL]
    with Seat(program=words) as seat:
        assert seat.process.wait() == 70
        assert seat.settings() == seat.before
        seat.expect(b"trapline: internal error: RuntimeError: something unforeseen\r\n")


def test_other_commands_and_other_input_leave_the_terminal_alone(tmp_path):
    """With its input from a file, Ctrl-C has its usual meaning."""
    text = write(tmp_path, "input", b"abc")
    with Seat("boot", kernel(tmp_path, between=BUSY), *SMALL, "--input", text) as seat:
        seat.expect(b">abc")
        assert seat.settings() == seat.before
        seat.press(b"\x03")
        assert seat.end() == 130


# Job control


def test_stopped_and_continued(tmp_path):
    """By a shell: SIGTSTP, SIGSTOP, in the background, in the foreground again."""
    words = " ".join([sys.executable, "-m", "trapline", "boot", kernel(tmp_path), *SMALL])
    with Seat(program=["sh", "-i"]) as seat:
        seat.press(b"set -m; stty -echo; PS1='p''s1 '\n")
        seat.expect(b"ps1 ")
        usual = seat.settings()
        for number in (signal.SIGTSTP, signal.SIGSTOP):
            seat.press(words.encode() + b"\n")
            seat.expect(b">")
            assert seat.raw
            job = os.tcgetpgrp(seat.leader)
            os.kill(job, number)
            seat.expect(b"ps1 ")
            if number == signal.SIGTSTP:
                assert seat.settings() == usual
            else:
                subprocess.run(["stty", "sane", "-echo"], stdin=seat.terminal, check=True)  # as interactive shells do
            seat.press(b"fg\n")
            seat.eventually(lambda: seat.raw)
            seat.press(b"abc")
            seat.expect(b"abc")
            os.kill(job, signal.SIGTSTP)
            seat.expect(b"ps1 ")
            seat.press(b"bg\n")
            seat.expect(b"ps1 ")
            seat.press(b"echo still $((1 + 1)) here\n")  # these keys are the shell's
            seat.expect(b"still 2 here")
            assert not seat.raw
            seat.press(b"fg\n")
            seat.eventually(lambda: seat.raw)
            seat.press(b"def")
            seat.expect(b"def")
            seat.press(b"\x01x")
            seat.expect(b"ps1 ")
            assert not seat.raw


# Time


@pytest.mark.parametrize("clock, tick", [("instructions", 0), ("instructions", 100_000), ("wall", 100_000)])
def test_a_prompt_costs_no_processor_time(tmp_path, clock, tick):
    """Promised are 5 %; the figure is printed (`pytest -rP`), and asserted with room for a busy machine."""
    with Seat("boot", kernel(tmp_path, 1, tick=tick), *SMALL, "--clock", clock) as seat:
        seat.expect(b">")
        begin, used = time.monotonic(), seat.processor_seconds()
        time.sleep(0.6)
        share = (seat.processor_seconds() - used) / (time.monotonic() - begin)
        print(f"{100 * share:.1f} % of a processor")
        seat.press(b"x")
        assert seat.end() == 7
    assert share < 0.3


def test_how_soon_a_key_is_seen_while_the_guest_computes(tmp_path):
    """Promised are 10 ms in the median; the figure is printed (`pytest -rP`)."""
    delays = []
    with Seat("boot", kernel(tmp_path, between=BUSY), *SMALL) as seat:
        seat.expect(b">")
        for key in b"abcdefghijklmnopqrstuvw":
            time.sleep(0.01)
            begin = time.monotonic()
            seat.press(bytes([key]))
            seat.expect(bytes([key]))
            delays.append(time.monotonic() - begin)
        seat.press(b"\x01x")
        assert seat.end() == 0
    median = sorted(delays)[len(delays) // 2]
    print(f"{1000 * median:.1f} ms in the median, {1000 * max(delays):.1f} ms at most")
    assert median < 0.5
