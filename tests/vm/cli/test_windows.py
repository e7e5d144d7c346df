"""The command works without what Python on Windows does not have; see tests/support/windows/sitecustomize.py."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.cli.command import command, environment, execute, write
from support.paths import ROOT
from trapline.vm.classifier.search import batch
from trapline.vm.codegen import native

SIMULATION = ROOT / "tests" / "support" / "windows"
PROGRAM = "_start: li a0, 7\n li a7, 93\n ecall\n"
ECHO = """_start: li t0, 0x10000000
1: lbu t1, 5(t0)
 andi t1, t1, 1
 beqz t1, 1b
 lbu a0, (t0)
 sb a0, (t0)
 li t2, 'q'
 bne a0, t2, 1b
 li t0, 0x100000
 li t1, 0x5555
 sw t1, (t0)
"""


def windows(**changes: str) -> dict[str, str]:
    """The environment of a process that has no more than on Windows."""
    return environment(PYTHONPATH=str(SIMULATION), **changes)


def test_the_simulation_takes_things_away(tmp_path):
    code = "import os, select, signal, sys\n" + "\n".join((
        "assert not hasattr(signal, 'SIGHUP') and not hasattr(signal, 'pthread_sigmask')",
        "assert not hasattr(os, 'pread') and not hasattr(os, 'O_NONBLOCK') and not hasattr(os, 'getuid')",
        "try: import termios\nexcept ImportError: pass\nelse: raise AssertionError",
        "try: select.select([0], [], [], 0)\nexcept OSError: pass\nelse: raise AssertionError",
        "file = open(sys.argv[1], 'wb')",
        "try: os.replace(sys.argv[1], 'other')\nexcept PermissionError: file.close()\nelse: raise AssertionError",
        "os.unlink(sys.argv[1])",
    ))  # fmt: skip
    words = [sys.executable, "-c", code, tmp_path / "file"]
    subprocess.run(words, env=windows(), check=True, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("words, status, printed", [
    (["--help"], 0, b"Commands:"), (["boot", "--help"], 0, b"Ctrl-A X"), (["run", "programs/hello.s"], 0, b"Hello"),
    (["run", "p.s"], 7, b""), (["asm", "p.s", "-o", "p", "--listing", "-"], 0, b"li "), 
    (["isa", "show", "mret"], 0, b"mret"),
    (["docs", "hypercalls"], 0, b"#"), (["boot", "programs/boot/uart-hello.s"], 0, b"Hello from machine mode!"),
    (["virt", "programs/boot/uart-hello.s"], 0, b"Hello from machine mode!"), (["completion", "bash"], 0, b"complete"),
    (["classify", "--isa", "rv32ima_xpopf", "--insn", "popf", "--pairs", "20"], 0, b"popf"),
    (["run", "p.s", "--timeout", "9", "--max-instructions", "2"], 124, b""), (["disasm", "p.bin", "--raw"], 0, b"nop"),
    (["boot", "programs/boot/uart-hello.s", "--console-log", "log", "--trace", "trace", "--dump-dtb", "dtb"], 0, b""),
], ids=lambda value: value if isinstance(value, str) else None)  # fmt: skip
def test_commands(tmp_path, words, status, printed):
    write(tmp_path, "p.s", PROGRAM)
    write(tmp_path, "p.bin", (0x13).to_bytes(4, "little"))
    outcome = execute(*words, env=windows(), folder=tmp_path)
    assert outcome.status == status, outcome
    assert printed in outcome.stdout


@pytest.fixture(scope="module")
def warm() -> None:
    """The folder that all tests share has everything that is compiled."""
    native.warm(native.ENGINE, native.engine_key())
    batch.warm()


@pytest.mark.parametrize("words, printed", [
    (["run", "programs/fib.s", "--", "32"], b"2178309\n"),
    (["virt", "programs/boot/sv32.s", "--technique", "trap"], b"page fault, scause 15"),
    (["bench", "nano", "csr", "--repeats", "1"], b"translate"),
    (["classify", "--isa", "rv32ima_xpopf", "--insn", "popf", "--pairs", "100000"], b"popf  refuted (witness)"),
    (["warm"], b"search: already compiled"),
], ids=lambda value: value[0] if isinstance(value, list) else "")  # fmt: skip
def test_the_compiled_engine(warm, tmp_path, words, printed):
    """It is found in the cache, and loaded: plain Python would take minutes for these, and compiling is announced."""
    here = environment(TRAPLINE_ENGINE="numba", NUMBA_BOUNDSCHECK=None, NUMBA_DISABLE_JIT=None)
    outcome = execute(*words, env=here | {"PYTHONPATH": str(SIMULATION)}, folder=tmp_path)
    assert (outcome.status, outcome.stderr) == (0, b"") and printed in outcome.stdout, outcome


@pytest.mark.slow
def test_the_demo(tmp_path):
    outcome = execute("demo", env=windows(), folder=tmp_path)
    assert outcome.status == 0 and b"Assemble" in outcome.stdout
    outcome = execute("demo", "shell", env=windows(), folder=tmp_path, stdin=b"echo spoken\n")
    assert outcome.status == 0 and b"spoken" in outcome.stdout


def test_input_through_a_pipe_that_stays_open(tmp_path):
    """`select` refuses it, and the guest polls: a read that waited would stop it."""
    path = write(tmp_path, "echo.s", ECHO)
    process = subprocess.Popen(
        command("boot", path, "--timeout", "50"), env=windows(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    for part in (b"one\n", b"two\n", b"q"):
        process.stdin.write(part)
        process.stdin.flush()
        time.sleep(0.01)
    assert process.stdout.read() == b"one\ntwo\nq"
    assert process.wait() == 0
    process.stdin.close()
    process.stdout.close()


def test_a_process_reads_and_a_drive_is_written(tmp_path):
    outcome = execute("run", "programs/sha256.s", env=windows(), stdin=b"abc", folder=tmp_path)
    assert outcome.stdout.startswith(b"ba7816bf8f01cfea")
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(4096))
    report = tmp_path / "report.json"
    outcome = execute(
        "boot", "programs/boot/uart-hello.s", "--drive", f"file={image},write=on", "--json", report, env=windows()
    )
    assert outcome.status == 0 and json.loads(report.read_text())["exit_code"] == 0


@pytest.mark.parametrize("words", [["docs", "hypervisor"], ["isa"], ["isa", "show", "mstatus"], ["docs"]])
def test_a_character_set_that_lacks_what_is_printed(tmp_path, words):
    outcome = execute(*words, env=windows(PYTHONIOENCODING="cp437"), folder=tmp_path)
    assert (outcome.status, outcome.stderr) == (0, b"") and outcome.stdout


def test_nothing_is_imported_that_windows_lacks():
    """But the terminal, which is asked for last."""
    lacking = ("termios", "fcntl", "tty", "pty", "resource", "pwd", "grp", "readline")
    for folder in ("isa", "asm", "vm", "trapline"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path != Path(ROOT, "vm", "host", "terminal.py"):
                text = path.read_text(encoding="utf-8")
                assert not any(f"import {name}" in text.splitlines() for name in lacking), path
