"""Ctrl-C, SIGTERM and SIGHUP: the command stops at once, keeps its results, and restores the terminal.

Promised are 0.2 s from the signal to the end of the process. The figure is printed (`pytest -rP`). Asserted is the
processor time, which a machine that is busy with other tests changes little, and that the process does not wait.
"""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from support.cli.command import (
    Outcome,
    at_work,
    check_ending,
    command,
    execute,
    of_children,
    processor_seconds,
    watchdog,
    write,
)  # fmt: skip

PROMISED = 0.2
ALLOWED = 1.0
"""Seconds of processor time."""
WAITING = 60.0
"""Seconds, on a machine where each takes its turn."""

PRINT = """_start: li a0, 1
la a1, mark
li a2, 1
li a7, 64
ecall
.section .rodata
mark: .byte '!'
.text
"""
PRINT_UART = """_start: li a0, 0x10000000
li a1, '!'
sb a1, (a0)
"""
LOOP = "1: addi t0, t0, 1\n j 1b\n"
READ = "1: li a0, 0\n mv a1, sp\n li a2, 1\n li a7, 63\n ecall\n j 1b\n"
CALLS = "li a7, 172\n1: ecall\n j 1b\n"
POLL = "1: lbu a1, 5(a0)\n andi a1, a1, 1\n beqz a1, 1b\n j 1b\n"
WAIT = """li t0, 0x800
csrw mie, t0
li t1, 1
sb t1, 1(a0)
li t2, 10 << 2 | 0xc000000
sw t1, (t2)
li t2, 0xc002000
li t3, 1 << 10
sw t3, (t2)
1: wfi
j 1b
"""
MISALIGNED = "la s0, _start + 4093\n1: lw a3, (s0)\n j 1b\n.skip 9000\n"
TRAPS = """la t0, 2f
csrw mtvec, t0
1: ecall
j 1b
.balign 4
2: csrr t0, mepc
addi t0, t0, 4
csrw mepc, t0
mret
"""
ENDLESS = {
    "run: loop": ("run", LOOP),
    "run: waiting for input": ("run", READ),
    "run: system calls": ("run", CALLS),
    "boot: loop": ("boot", LOOP),
    "boot: polling the UART": ("boot", POLL),
    "boot: waiting for an interrupt": ("boot", WAIT),
    "boot: slowest instructions": ("boot", MISALIGNED),
    "boot: traps": ("boot", TRAPS),
}


def guest(folder: Path, name: str) -> list[str]:
    """The command for a guest that prints `!` and then goes on for ever."""
    subcommand, text = ENDLESS[name]
    return [subcommand, str(write(folder, "guest.s", (PRINT if subcommand == "run" else PRINT_UART) + text))]


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """What an interrupted run prints does not begin with the notice that the engine is compiled."""
    assert execute("run", "programs/hello.s").status == 0


def interrupted(arguments: list[str], number: int, delay: float | None = None, after: float = 0) -> Outcome:
    """Start, wait for the guest's `!` and `after` seconds, or until `delay` seconds are used, both of processor time,
    send the signal, and measure how long the end takes."""
    process = subprocess.Popen(
        command(*arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    timer = watchdog(process)
    assert process.stdout is not None
    if delay is None:
        assert process.stdout.read(1) == b"!"
        at_work(process, processor_seconds(process.pid) + after)
    else:
        at_work(process, delay)
    assert process.poll() is None
    start, busy = time.monotonic(), of_children() + processor_seconds(process.pid)
    process.send_signal(number)
    status = process.wait()
    seconds, processor = time.monotonic() - start, of_children() - busy
    timer.cancel()
    stdout, stderr = process.communicate()
    outcome = Outcome(status, stdout, stderr, seconds, processor=processor)
    check_ending(outcome)
    return outcome


def in_time(outcome: Outcome) -> None:
    """Within what is allowed; print the figure, which should be what is promised."""
    print(f"{outcome.seconds:.3f} s after the signal; promised: {PROMISED} s")
    assert outcome.processor < ALLOWED and outcome.seconds < WAITING


QUICK = ["run: loop", "run: waiting for input", "boot: loop"]


@pytest.mark.parametrize(
    "name, number, status",
    [
        *((name, signal.SIGINT, 130) for name in ENDLESS),
        *((name, signal.SIGTERM, 143) for name in QUICK),
        *((name, signal.SIGHUP, 129) for name in QUICK[1:]),
    ],
)
def test_an_endless_guest_stops_at_once(tmp_path, name, number, status, *options):
    """The report comes all the same, so the time includes the digest of 4 MiB of memory.

    That the `!` is seen before the end shows too that output does not wait for a newline.
    """
    report = tmp_path / "report"
    outcome = interrupted([*guest(tmp_path, name), "--memory", "4M", f"--json={report}", *options], number)
    assert (outcome.status, outcome.stdout, outcome.stderr) == (status, b"", b"")
    written = json.loads(report.read_text())
    assert (written["exit_reason"], written["exit_code"]) == ("interrupted", status)
    in_time(outcome)


@pytest.mark.parametrize("name", ["run: loop", "boot: slowest instructions", "boot: traps"])
def test_on_the_plain_engine(tmp_path, name):
    test_an_endless_guest_stops_at_once(tmp_path, name, signal.SIGINT, 130, "--engine", "python")


@pytest.mark.parametrize("name", ["run: loop", "boot: loop"])
def test_with_a_trace(tmp_path, name):
    """The trace is whole up to its last line."""
    trace = tmp_path / "trace"
    outcome = interrupted([*guest(tmp_path, name), "--trace", str(trace)], signal.SIGTERM)
    assert (outcome.status, outcome.stderr) == (143, b"")
    assert re.fullmatch(r"(core   0: [03] 0x[0-9a-f]{8} \(0x[0-9a-f]{8}\).*\n)+", trace.read_text())
    in_time(outcome)


@pytest.mark.parametrize("form", ["jsonl", "json"])
@pytest.mark.parametrize("name", ["boot: loop", "boot: traps"])
def test_with_an_exit_log(tmp_path, name, form):
    """The log is whole up to its last record."""
    log = tmp_path / f"log.{form}"
    arguments = ["virt", *guest(tmp_path, name)[1:], "--memory", "4M", "--exit-log", str(log)]
    outcome = interrupted(arguments, signal.SIGINT, after=0.3)
    assert (outcome.status, outcome.stderr) == (130, b"")
    records = [json.loads(line) for line in log.read_text().splitlines()] if form == "jsonl" else json.loads(
        log.read_text()
    )["traceEvents"]  # fmt: skip
    assert len(records) > (1000 if "traps" in name else 1)
    in_time(outcome)


@pytest.mark.parametrize("subcommand", ["asm", "boot"])
def test_while_assembling(tmp_path, subcommand):
    source = "_start: nop\n" + ".rept 2000\naddi a0, a0, 1\n.endr\n" * 1000
    arguments = [subcommand, str(write(tmp_path, "guest.s", source))]
    outcome = interrupted(arguments + (["-o", os.devnull] if subcommand == "asm" else []), signal.SIGINT, delay=0.7)
    assert (outcome.status, outcome.stdout, outcome.stderr) == (130, b"", b"")
    in_time(outcome)


@pytest.mark.slow  # with bounds checks numba loads the engine in this process, and holds Ctrl-C up
@pytest.mark.parametrize("benchmark", [["sieve", "--no-peer"], ["nano"]], ids=lambda words: words[0])
def test_a_benchmark(benchmark):
    outcome = interrupted(["bench", *benchmark, "--repeats", "20"], signal.SIGINT, delay=0.8)
    assert (outcome.status, outcome.stdout, outcome.stderr) == (130, b"", b"")
    in_time(outcome)


def test_sigterm_that_the_caller_ignores_stays_ignored(tmp_path):
    """As after `trap '' TERM` in a shell script."""
    process = subprocess.Popen(
        command(*guest(tmp_path, "run: loop"), "--timeout", "0.5"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    )
    timer = watchdog(process)
    assert process.stdout is not None and process.stdout.read(1) == b"!"
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 124
    timer.cancel()


@pytest.mark.parametrize("name", ["run: loop", "run: waiting for input"])
def test_ctrl_c_at_a_terminal(tmp_path, name):
    """The key itself, at a terminal of its own; afterwards the terminal has the settings of before."""
    leader, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    process = subprocess.Popen(
        command(*guest(tmp_path, name)), stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(terminal), os.O_RDWR)),
    )  # fmt: skip
    timer = watchdog(process)
    try:
        assert os.read(leader, 100) == b"!"
        start = time.monotonic()
        os.write(leader, b"\x03")
        status = process.wait()
        outcome = Outcome(status, b"", b"", time.monotonic() - start)
        os.set_blocking(leader, False)
        assert (status, os.read(leader, 10_000)) == (130, b"^C"), "only the terminal's own echo"
        assert termios.tcgetattr(terminal) == before
        in_time(outcome)
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        os.close(leader)
        os.close(terminal)


# Python shuts down in two parts: at first it still handles signals, later they have the system's own effect.
SHUTTING_DOWN = """
import atexit, os, sys, time

def wait(write=os.write, sleep=time.sleep):  # this module is gone by then
    write(2, b"!")
    sleep(1)

class Late:
    __del__ = staticmethod(wait)

if {late}:
    sys.late = Late()
else:
    atexit.register(wait)
sys.argv[1:] = {arguments}
from trapline.__main__ import run
run()
"""


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("arguments, status, start", [(["--version"], 0, b"trapline, version"), (["nothing"], 2, b"")])
def test_ctrl_c_after_the_command(late: bool, arguments: list[str], status: int, start: bytes) -> None:
    """All is done, and stays as it is."""
    code = SHUTTING_DOWN.format(late=late, arguments=arguments)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    timer = watchdog(process)
    assert process.stderr is not None
    while (byte := process.stderr.read(1)) != b"!":
        assert byte, "it ended"
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate()
    timer.cancel()
    assert (process.returncode, stdout[: len(start)], stderr) == (status, start, b"")
