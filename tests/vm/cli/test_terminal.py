"""Output of commands: help, colours, silence after a closed pipe; and imports that they avoid."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from support.cli.command import Outcome, check_ending, command, environment, execute, invoke, watchdog, write
from trapline.vm.cli.main import COMMANDS, main
from trapline.vm.cli.progress import announce_compilation

LOOP = "_start: j _start\n"


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command, with the words that call it."""
    yield path, group
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))
        else:
            yield (*path, name), found


EVERY = dict(commands(main))


def test_all_commands_are_walked():
    assert {path[0] for path in EVERY if path} == set(COMMANDS) and ("isa", "show") in EVERY


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_command_and_option_has_help(path):
    found = EVERY[path]
    assert found.help and found.help.strip().splitlines()[0].endswith(".")
    for parameter in found.params:
        if isinstance(parameter, click.Option):
            assert parameter.help and parameter.help.strip(), parameter.opts
        else:
            name = (parameter.metavar or parameter.name or "").strip("[]").split(".")[0].split()[0]
            assert name.lower() in found.help.lower() or len(found.params) == 1, parameter.name


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_is_shown(path, option):
    outcome = invoke(*path, option)
    assert (outcome.status, outcome.stderr) == (0, b"")
    text = outcome.stdout.decode()
    assert text.startswith(f"Usage: {' '.join(('trapline', *path))}")
    assert max(len(line) for line in text.splitlines()) <= 100
    for parameter in EVERY[path].params:
        for word in parameter.opts if isinstance(parameter, click.Option) else ():
            assert (word in text) is not parameter.hidden


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_help_has_an_example(path):
    """A command line beside that of the usage, which begins with the command or with --plugin and the command."""
    lines = invoke(*path, "--help").stdout.decode().splitlines()
    words = " ".join(path)
    assert any(re.match(rf"  (\S.*\| )?trapline (--plugin \S+ )?{words}\b", line) for line in lines)


def test_the_commands_document_their_statuses():
    for name in ("run", "boot"):
        assert "Exit status:" in invoke(name, "--help").stdout.decode()


def test_version():
    assert re.fullmatch(rb"trapline, version \S.*\n", invoke("--version").stdout)


# Colours


def at_a_terminal(*arguments: str | Path, env: dict[str, str]) -> str:
    """What a command shows when stdout and stderr are a terminal."""
    leader, terminal = pty.openpty()
    process = subprocess.Popen(
        command(*arguments), stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal, env=env, close_fds=True
    )
    timer = watchdog(process)
    os.close(terminal)
    shown = b""
    try:
        while data := os.read(leader, 65536):
            shown += data
    except OSError:
        pass  # how Linux reports that the other end is closed
    process.wait()
    timer.cancel()
    os.close(leader)
    check_ending(Outcome(process.returncode, shown, b""))
    return shown.decode()


RED = "\x1b[1;31m"


@pytest.mark.parametrize("name", ["asm", "run", "boot"])
def test_messages_of_the_assembler_are_red_at_a_terminal_only(tmp_path, name):
    path = write(tmp_path, "guest.s", "_start: adid a0\n")
    coloured = environment(NO_COLOR=None, TERM="xterm")
    shown = at_a_terminal(name, path, env=coloured)
    assert f"{RED}error:\x1b[0m unknown instruction" in shown
    piped = execute(name, path, env=coloured)
    assert b"\x1b" not in piped.stderr
    plain = re.sub("\x1b\\[[0-9;]*m", "", shown).replace("\r\n", "\n")
    assert plain == piped.message, "the same text"


@pytest.mark.parametrize("changes", [{"NO_COLOR": "1"}, {"NO_COLOR": "false"}, {"NO_COLOR": None, "TERM": "dumb"}])
def test_no_colours_when_they_are_not_wanted(tmp_path, changes):
    path = write(tmp_path, "guest.s", "_start: adid a0\n")
    shown = at_a_terminal("asm", path, env=environment(**{"TERM": "xterm", **changes}))
    assert "unknown instruction" in shown and "\x1b" not in shown


def test_an_empty_no_color_says_nothing(tmp_path):
    """https://no-color.org: "when present and not an empty string"."""
    path = write(tmp_path, "guest.s", "_start: adid a0\n")
    assert RED in at_a_terminal("asm", path, env=environment(TERM="xterm", NO_COLOR=""))


@pytest.mark.parametrize("arguments", [["isa"], ["isa", "show", "mret"], ["isa", "csrs"], ["disasm", "missing"]])
def test_other_commands(arguments):
    assert b"\x1b" not in execute(*arguments, env=environment(NO_COLOR=None, TERM="xterm")).stdout
    for changes in ({"NO_COLOR": "1", "TERM": "xterm"}, {"NO_COLOR": None, "TERM": "dumb"}):
        assert "\x1b" not in at_a_terminal(*arguments, env=environment(**changes))


@pytest.mark.parametrize("changes", [{"NO_COLOR": "1", "TERM": "xterm"}, {"NO_COLOR": None, "TERM": "dumb"}])
def test_no_escapes_while_the_engine_compiles(monkeypatch, capfd, changes):
    for name, value in changes.items():
        monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with announce_compilation("engine"):
        pass
    assert capfd.readouterr().err == "trapline: compiling the engine (once for this version, about 10 seconds)...\n"


# What is not imported

_MODULES = """
import sys
from trapline.vm.cli.main import main
try:
    main({arguments!r})
finally:
    print(*[name for name in {names!r} if name in sys.modules], file=sys.stderr)
"""
HEAVY = ["numba", "llvmlite", "numpy", "lark", "elftools", "pcpp", "importlib.metadata"]


def imported(*arguments: str, env: dict[str, str] | None = None) -> set[str]:
    """Which of the heavy packages a command imports."""
    code = _MODULES.format(arguments=list(arguments), names=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, timeout=120, check=True)
    return set(done.stderr.decode().splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["run", "--list"],
        ["bench", "nano", "--help"],
        *([name, "--help"] for name in COMMANDS),
    ],
)
def test_light_commands_import_nothing_heavy(arguments):
    assert imported(*arguments) == ({"importlib.metadata"} if arguments == ["--version"] else set())


@pytest.mark.parametrize("arguments", [["isa"], ["isa", "show", "mret", "mstatus"], ["isa", "csrs"],
                                       ["isa", "decode", "0x30200073"], ["isa", "--json"]])  # fmt: skip
def test_looking_up_imports_neither_the_engine_nor_the_parser(arguments):
    assert imported(*arguments) == set()


def test_assembling_does_not_import_the_engine(tmp_path):
    assert imported("asm", str(write(tmp_path, "guest.s", LOOP)), "-o", os.devnull) == {"lark"}


@pytest.mark.slow
def test_a_warm_run_imports_no_more_than_it_takes(tmp_path):
    """Neither numpy nor LLVM, which each would be a sixth of its time or more; nor one whose loop runs for long."""
    path = write(tmp_path, "guest.s", "_start: li a0, 0\n li a7, 93\n ecall\n")
    loop = write(tmp_path, "loop.s", "_start: li t0, 4000000\n1: addi t0, t0, -1\n bnez t0, 1b\n li a7, 93\n ecall\n")
    env = environment(TRAPLINE_ENGINE=None, NUMBA_BOUNDSCHECK=None, NUMBA_DISABLE_JIT=None)
    imported("run", str(loop), env=env)  # compiles where that was not done yet
    assert imported("run", str(path), env=env) == {"lark"}
    assert imported("run", str(loop), "--stats", f"--json={tmp_path / 'told'}", env=env) == {"lark"}
    assert imported("boot", "programs/boot/timer.s", env=env) == {"lark"}


THREADS = """
import os, sys
from trapline.__main__ import run
sys.argv = ["trapline", "--version"]
try:
    run()
except SystemExit:
    import numpy
print(len(os.listdir("/proc/self/task")))
"""


def test_numpy_starts_no_threads():
    env = environment(OPENBLAS_NUM_THREADS=None)
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, env=env, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == b"1"


# Broken pipes


PRINTING = [
    ["--help"], ["run", "--help"], ["isa"], ["isa", "--markdown"], ["isa", "--json"], ["run", "--list"],
    ["asm", "LOOP", "-o", os.devnull, "--listing", "-"],
]  # fmt: skip


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_reader_that_closed_the_pipe(tmp_path, arguments):
    """As in `trapline isa | true`: silence, and the status of SIGPIPE. Python buffers, as it does by default."""
    path = write(tmp_path, "guest.s", LOOP)
    read, written = os.pipe()
    os.close(read)
    try:
        words = [str(path) if word == "LOOP" else word for word in arguments]
        outcome = execute(*words, stdout=written, env=environment(PYTHONUNBUFFERED=None))
    finally:
        os.close(written)
    assert (outcome.status, outcome.stderr) == (141, b"")


@pytest.mark.parametrize("arguments, status", [(["run", "missing.s"], 2), (["run", "--bogus"], 2),
                                               (["run", "programs/hello.s", "--stats"], 2)])  # fmt: skip
def test_messages_that_cannot_be_written(arguments, status):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command(*arguments), env=environment(PYTHONUNBUFFERED=None), stdout=subprocess.DEVNULL, stderr=full,
            timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == status


@pytest.mark.parametrize("redirection, status", [("> /dev/full", 2), (">&-", 0), ("2>&-", 0), ("<&-", 0)])
def test_streams_that_are_full_or_closed(redirection, status):
    line = " ".join([*command("isa", "show", "mret"), redirection])
    done = subprocess.run(["sh", "-c", line], capture_output=True, timeout=60, check=False)
    check_ending(Outcome(done.returncode, done.stdout, done.stderr))
    assert done.returncode == status
    assert (b"No space left on device" in done.stderr) == (status == 2)
