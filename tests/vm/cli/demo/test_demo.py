"""`trapline demo`: its text agrees with its runs; its shell, its programs, and how it ends."""

import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.cli.command import Outcome, check_ending, command, environment, execute, invoke, refused, watchdog
from support.paths import PROGRAMS, ROOT
from trapline.vm.cli import burrow
from trapline.vm.cli.blueprint import Blueprint
from trapline.vm.cli.demo import trials
from trapline.vm.cli.options import MachineOptions
from trapline.vm.codegen import native
from trapline.vm.codegen.announce import Announce

ESCAPE = "\x1b["
HOLED = {"trap": False, "trap, mleak": True, "patch": True, "translate": True, "hybrid": True, "interpret": True,
         "assist": True}  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict]:
    """The text, and the same as JSON."""
    path = tmp_path_factory.mktemp("demo") / "demo.json"
    outcome = invoke("demo", f"--json={path}")
    assert outcome.status == 0 and outcome.stderr == b""
    return outcome.stdout.decode(), json.loads(path.read_text())


@pytest.mark.slow
def test_bare_and_virtual_are_the_same(told: tuple[str, dict]) -> None:
    bare, trap = told[1]["plain"]
    assert (bare["technique"], bare["exit_code"], trap["technique"], trap["same"]) == ("bare", 0, "trap", True)
    assert bare["sha256"] == trap["sha256"] and bare["console"] == trap["console"]
    assert bare["instructions"] == trap["instructions"] and trap["direct_share"] > 0.97
    assert "$ pingpong 100\n100 messages came back\n" in bare["console"]
    assert re.search(r"\(wild\) ended: .*\n.*\n\$ priv\n.*\(priv\) ended: privileged instruction", bare["console"])


@pytest.mark.slow
def test_the_hole_breaks_trap_and_emulate_and_nothing_else(told: tuple[str, dict]) -> None:
    bare, *runs = told[1]["xpopf"]
    assert {run["technique"]: run["same"] for run in runs} == HOLED
    assert bare["console"] == told[1]["plain"][0]["console"]
    broken = runs[0]
    assert bare["console"].startswith(broken["console"]) and broken["console"].endswith("$ count 3\n1\n")
    first = broken["first_difference"]
    assert first["instruction"] == "popf t0" and first["symbol"].startswith("idle_loop") and first["mode"] == "S"
    (status,) = [d for d in first["differences"] if d["name"] == "mstatus"]
    assert int(status["bare"], 16) ^ int(status["virtual"], 16) == 1 << 1


@pytest.mark.slow
def test_the_paravirtual_kernel_prints_the_same_with_fewer_exits(told: tuple[str, dict]) -> None:
    (run,) = told[1]["paravirt"]
    assert run["same"] and run["console"] == told[1]["plain"][0]["console"]
    assert sum(run["exits"].values()) < 0.85 * sum(told[1]["plain"][1]["exits"].values())


@pytest.mark.slow
def test_what_trapped_is_named(told: tuple[str, dict]) -> None:
    trapped = {row["instruction"]: row["traps"] for row in told[1]["privileged"]}
    exits = told[1]["plain"][1]["exits"]
    assert sum(trapped.values()) == exits["illegal instruction"]
    ways = trapped["sret"]
    assert ways == max(trapped.values()) and trapped["csrrw sp, sscratch, sp"] == ways
    assert f"{ways:,} times each" in " ".join(told[0].split())


@pytest.mark.slow
def test_the_text_has_the_numbers(told: tuple[str, dict]) -> None:
    text, data = told
    plain, sizes = data["plain"], data["kernel"]
    for part in (
        f"{sizes['files']} files, {sizes['lines']:,} lines, {sizes['instructions']:,}", f"{sizes['programs']} user",
        f"{plain[0]['instructions']:,} instructions", plain[0]["sha256"][:8], f"{plain[1]['direct_share']:.2%}",
        "> 0x", "popf t0", "theorem 1", "(silence)", "trapline demo shell",
    ):  # fmt: skip
        assert part in " ".join(text.split()), part
    assert all(f"\n{n}  " in text for n in range(1, 7))
    rows = {m[1]: m[2] for m in re.finditer(r"^   (\S+(?:, mleak)?) +(same|differs) .*\d$", text, re.M)}
    assert rows == {name: "same" if same else "differs" for name, same in HOLED.items()} | {"paravirt": "same"}
    assert all(len(line) <= 80 and line == line.rstrip() for line in text.splitlines())
    assert ESCAPE not in text


def at_terminal(columns: int, **variables: str) -> str:
    """What the demo prints at a terminal this wide."""
    master, slave = pty.openpty()
    env = environment(**{"TERM": "xterm-256color", "COLUMNS": str(columns), "NO_COLOR": None} | variables)
    process = subprocess.Popen(command("demo"), stdin=slave, stdout=slave, stderr=slave, env=env)
    os.close(slave)
    timer = watchdog(process)
    printed = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        printed += data
    os.close(master)
    assert process.wait() == 0, printed.decode()
    timer.cancel()
    return printed.decode().replace("\r\n", "\n")


@pytest.mark.slow
def test_a_terminal_has_colours_and_progress() -> None:
    text = at_terminal(80)
    assert f"{ESCAPE}1;36m1  Assemble" in text and "assembling Burrow..." in text
    assert text.rstrip().endswith(f"s.{ESCAPE}0m")


@pytest.mark.slow
def test_a_narrow_one_without_colours() -> None:
    text = at_terminal(40, NO_COLOR="1")
    assert ESCAPE not in text
    assert all(len(line) <= 40 for line in text.splitlines())
    assert "mended" in text and "popf t0" in text and "assist      same" in text


@pytest.mark.slow
@pytest.mark.parametrize("after", [b"1  Assemble", b"2  Boot it", b"3  The same file"])
def test_a_signal_ends_it(after: bytes) -> None:
    process = subprocess.Popen(command("demo"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    timer = watchdog(process)
    assert process.stdout is not None and any(line.startswith(after) for line in process.stdout)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate()
    timer.cancel()
    check_ending(Outcome(process.returncode, stdout, stderr))
    assert process.returncode in (130, 0)  # 0: it was quicker than that
    assert all(line.startswith(b"trapline: compiling ") for line in stderr.splitlines())  # where that is not done yet


@pytest.mark.slow
def test_a_signal_restores_the_cursor() -> None:
    """Ctrl-C at a terminal, while the spinner has hidden it."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command("demo"), stdin=slave, stdout=slave, stderr=slave, env=environment(TERM="xterm"), start_new_session=True
    )
    os.close(slave)
    timer = watchdog(process)
    printed = b""
    while b"assembling" not in printed:
        printed += os.read(master, 4096)
    process.send_signal(signal.SIGINT)
    try:
        while data := os.read(master, 4096):
            printed += data
    except OSError:
        pass  # the terminal is gone
    os.close(master)
    timer.cancel()
    assert process.wait() == 130 and b"Traceback" not in printed
    assert printed.rindex(b"\x1b[?25h") > printed.rindex(b"\x1b[?25l")


@pytest.mark.slow
def test_a_closed_pipe() -> None:
    code = f"{' '.join(command('demo'))} | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", code], capture_output=True, timeout=60)
    assert done.stdout.endswith(b"\n141\n") and done.stderr == b""


@pytest.mark.slow
@pytest.mark.parametrize("technique", [None, "trap", "paravirt"])
def test_the_shell(technique: str | None) -> None:
    options = ["--technique", technique] if technique else []
    outcome = invoke("demo", "shell", *options, stdin=b"echo here\nexit\n")
    assert outcome.status == 0 and b"$ echo here\nhere\n$ exit" in outcome.stdout


@pytest.mark.slow
def test_the_shell_ends_with_its_input(tmp_path: Path) -> None:
    typed = tmp_path / "typed"
    typed.write_bytes(b"hello")
    for outcome in (invoke("demo", "shell", stdin=b"hello\n"), invoke("demo", "shell", "--input", typed)):
        assert outcome.status == 0 and outcome.stdout.count(b"hello, world\n") == 1


@pytest.mark.slow
def test_a_program_with_arguments_harts_and_a_report(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    outcome = invoke("demo", "pingpong", "7", "--harts", "2", f"--json={report}", "--stats")
    assert (outcome.status, outcome.stdout) == (0, b"7 messages came back\n") and b"instructions in" in outcome.stderr
    assert json.loads(report.read_text())["exit_code"] == 0
    assert invoke("demo", "spin", "--max-instructions", "100000").status == 124


@pytest.mark.slow
def test_demos_are_found_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of a file, one of a folder with a second program that the first one starts."""
    for name in ("kernels", "boot", "guests"):
        (tmp_path / name).symlink_to(PROGRAMS / name)
    start = '    .include "user.inc"\n    .globl main\nmain: enter\n'
    ends = "    li a0, 0\n    leave\n"
    folder = tmp_path / "demos" / "pair"
    folder.mkdir(parents=True)
    (tmp_path / "demos" / "one.s").write_text(f'# one.s - says one.\n{start} say "one\\n"\n{ends}')
    (folder / "other.s").write_text(f'# other.s - it.\n{start} say "two\\n"\n{ends}')
    spawn = "    la a0, 1f\n    la a1, 2f\n    call spawn\n    li a1, 0\n    call wait\n"
    texts = '    .section .rodata\n1: .asciz "other"\n2: .asciz ""\n'
    (folder / "pair.s").write_text(f"# pair.s - starts another.\n{start}{spawn}{ends}{texts}")
    monkeypatch.setattr("trapline.vm.cli.bundled.bundled_programs", lambda: tmp_path)
    burrow.builder.cache_clear()
    try:
        assert invoke("demo", "one").stdout == b"one\n"
        assert invoke("demo", "pair").stdout == b"two\n"
        text = " ".join(invoke("demo", "--help").stdout.decode().split())
        assert "one says one" in text and "pair starts another" in text
    finally:
        burrow.builder.cache_clear()


def test_help_names_every_command() -> None:
    text = invoke("demo", "--help").stdout.decode()
    assert "trapline demo shell --technique trap" in text
    for name in [*burrow.programs(), *burrow.demos()]:
        assert re.search(rf"\b{name}\b", text), name


def test_mistakes() -> None:
    refused(invoke("demo", "shel"), "'shel'", "did you mean 'shell'?")
    refused(invoke("demo", "nothing-like-it"), "known: shell, recursion, interfaces,")
    refused(invoke("demo", "--harts", "2"), "--harts needs WHAT")
    refused(invoke("demo", "--input", "x"), "--input needs WHAT")
    refused(invoke("demo", "count", "9" * 200), "more than 127 bytes")
    refused(invoke("demo", "shell", "--input", "/nowhere/at/all"), "/nowhere/at/all")
    refused(invoke("demo", "--json=/nowhere/at/all"), "/nowhere/at/all")


@pytest.mark.slow
def test_it_takes_under_twenty_seconds_from_any_folder(tmp_path: Path) -> None:
    """Promised on a machine with a warm cache; the figure is printed."""
    env = environment(PYTHONPATH=str(ROOT))
    outcome = execute("demo", timeout=60, folder=tmp_path, env=env)
    print(f"{outcome.seconds:.1f} s, {outcome.peak >> 20} MiB; promised: 20 s")
    assert outcome.status == 0 and outcome.processor < 20


@pytest.mark.skipif(os.environ.get("NUMBA_BOUNDSCHECK") == "1", reason="the engine is another one then")
@pytest.mark.skipif(os.environ.get("TRAPLINE_ENGINE") == "python", reason="nothing is compiled")
def test_compiling_is_reported_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the engine had to be compiled: it is announced, and takes its time."""
    functions, told = native.functions, []
    functions()  # in case that nothing has compiled it yet

    @contextmanager
    def announce(what: str) -> Iterator[None]:
        told.append(True)
        yield

    def compiled(announce: Announce) -> object:
        with announce("engine"):
            time.sleep(0.2)
        return functions(None)

    machine = Blueprint([str(PROGRAMS / "boot/timer.s")], MachineOptions(memory=1 << 20))
    monkeypatch.setattr(trials, "announce_compilation", announce)
    assert trials.warm_up(machine) == 0 and not told
    monkeypatch.setattr(native, "functions", compiled)
    assert 0.2 <= trials.warm_up(machine) < 20 and told
