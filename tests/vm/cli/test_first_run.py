"""The first run ever compiles the engine: it says so, with a spinner at a terminal, and Ctrl-C ends it at once."""

import ctypes
import os
import pty
import signal
import subprocess
import termios
import time
from pathlib import Path

import pytest

from support.cli.command import (
    PATIENCE,
    Outcome,
    check_ending,
    command,
    environment,
    processor_seconds,
    processor_seconds_at_end,
    watchdog,
    write,
)
from trapline.vm.codegen import compiler
from trapline.vm.codegen.link import link
from trapline.vm.codegen.source import Source

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("TRAPLINE_ENGINE") == "python", reason="nothing is compiled"),
]

HELLO = ("run", "programs/hello.s")
NOTICE = b"trapline: compiling the engine (once for this version, about 10 seconds)..."
ALLOWED = 1.0
"""Seconds of processor time from the signal to the end; promised are 0.2 of any clock on an idle machine."""


def fresh(cache: Path) -> dict[str, str]:
    """An environment in which nothing was compiled yet."""
    return environment(TRAPLINE_CACHE_DIR=str(cache), NUMBA_BOUNDSCHECK=None, TERM="xterm", NO_COLOR=None)


def compilers(cache: Path) -> list[str]:
    """Processes that were started for this cache folder and live."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"TRAPLINE_CACHE_DIR={cache}\0".encode() in (folder / "environ").read_bytes():
                found.append(folder.name)
        except OSError:
            pass
    return found


def gone(cache: Path) -> None:
    """No process stays behind, a moment later."""
    deadline = time.monotonic() + PATIENCE
    while compilers(cache) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert compilers(cache) == []


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("delay", [0, 1.5])
def test_a_signal_while_compiling(tmp_path: Path, number: int, status: int, delay: float) -> None:
    """Whatever LLVM is doing: only the notice is printed, nothing is kept, no process stays behind."""
    process = subprocess.Popen(
        command(*HELLO), stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, env=fresh(tmp_path)
    )
    timer = watchdog(process)
    assert process.stderr is not None
    assert process.stderr.readline() == NOTICE + b"\n"
    time.sleep(delay)
    busy = processor_seconds(process.pid)
    process.send_signal(number)
    used = processor_seconds_at_end(process.pid) - busy
    stdout, stderr = process.communicate()
    timer.cancel()
    assert (process.returncode, stdout, stderr) == (status, b"", b"")
    print(f"{used:.2f} s of processor time after the signal")
    assert used < ALLOWED
    assert [path for path in tmp_path.iterdir() if not path.name.startswith("grammar-")] == []
    gone(tmp_path)


@pytest.mark.parametrize("name", ["run", "boot"])
def test_a_program_that_does_not_fit_compiles_nothing(tmp_path: Path, name: str) -> None:
    source = write(tmp_path, "big.s", "_start: j _start\n.bss\n.skip 0x10000000")
    cache = tmp_path / "cache"
    done = subprocess.run(command(name, source), env=fresh(cache), capture_output=True, timeout=60, check=False)
    assert done.returncode == 2 and b"of memory and has 128 MiB" in done.stderr and NOTICE not in done.stderr


def test_the_compiler_ends_with_a_killed_run(tmp_path: Path) -> None:
    with subprocess.Popen(command(*HELLO), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=fresh(tmp_path)) as run:
        assert run.stderr is not None and run.stderr.readline() == NOTICE + b"\n"
        deadline = time.monotonic() + PATIENCE
        while len(compilers(tmp_path)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(compilers(tmp_path)) == 2
        run.kill()
    gone(tmp_path)


def test_a_spinner_at_a_terminal(tmp_path: Path) -> None:
    """It turns, Ctrl-C stops it, and the cursor and the settings are as before."""
    leader, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    process = subprocess.Popen(
        command(*HELLO), stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True, env=fresh(tmp_path),
        preexec_fn=lambda: os.close(os.open(os.ttyname(terminal), os.O_RDWR)),
    )  # fmt: skip
    timer = watchdog(process)
    try:
        shown = b""
        while not all(frame + b"\x1b[0m trapline: compiling" in shown for frame in (b"-", b"\\", b"|", b"/")):
            shown += os.read(leader, 4096)
        busy = processor_seconds(process.pid)
        os.write(leader, b"\x03")
        used = processor_seconds_at_end(process.pid) - busy
        status = process.wait()
        os.set_blocking(leader, False)
        shown += os.read(leader, 10_000)
        assert status == 130
        assert termios.tcgetattr(terminal) == before
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        os.close(leader)
        os.close(terminal)
    check_ending(Outcome(status, shown, b""))
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l") >= 0, "the cursor is shown again"
    print(f"{used:.2f} s of processor time after the key")
    assert used < ALLOWED
    gone(tmp_path)


def small_text() -> str:
    """A generated module with one entry."""
    return """from numba import cfunc, njit, types

@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def twice(number):
    return number * 2

@cfunc(types.int64(types.int64))
def entry(number):
    return twice(number) + 1
"""


def test_the_compiler_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """In its own process; where it fails this one would compile, which takes longer and holds Ctrl-C up."""

    def fail(*arguments: object) -> None:
        raise AssertionError("compiled in this process")

    monkeypatch.setattr(compiler, "compile_here", fail)
    small = Source("small", __name__, "small_text", ("entry",))
    (address,) = link(*compiler.compile_apart(small))
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(20) == 41
